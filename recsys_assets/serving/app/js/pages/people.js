/** Actors and directors, and the movies of one of them. */

import { get } from "../api.js";
import { card } from "../components/card.js";
import { delayed } from "../components/delayed.js";
import { bones, empty, ghosts, refusal, region } from "../components/states.js";
import { toggle } from "../components/toggle.js";
import { h } from "../dom.js";
import { plural, words } from "../format.js";
import { go, link } from "../router.js";

const SHOWN = 48;
const ROLES = [
  { value: "actor", label: "Actors" },
  { value: "director", label: "Directors" },
];

export function people(place, { id, parameters, signal }) {
  place.append(id === null ? everyone(parameters, signal) : one(id, signal));
}

/** A person with what they did, leading to their movies. */
export function personTile(who) {
  return h(
    "a",
    { class: "person", href: link(`/people/${who.person_id}`) },
    h(
      "span",
      {
        class: "person-initials",
        "aria-hidden": "true",
        style: { "--turn": `${(who.person_id * 47) % 360}deg` },
      },
      initials(who.name),
    ),
    h(
      "span",
      { class: "person-text" },
      h("strong", {}, who.name),
      h("span", {}, `${who.role ? `${who.role}, ` : ""}${plural(who.n_movies, "movie")}`),
    ),
  );
}

function everyone(parameters, signal) {
  let role = parameters.get("role") === "director" ? "director" : "actor";
  const field = h("input", {
    id: "person-query",
    class: "input",
    type: "search",
    placeholder: "A name",
    autocomplete: "off",
    maxlength: 100,
    value: parameters.get("q") ?? "",
  });
  const list = region(
    () => get("/v1/people", { role, q: field.value.trim(), n: SHOWN }, { signal }),
    ({ items }) =>
      items.length
        ? h(
            "ul",
            { class: "people-grid", role: "list" },
            items.map((who) => h("li", {}, personTile(who))),
          )
        : empty(
            field.value.trim()
              ? `Nobody is called like “${field.value.trim()}”`
              : "This data set knows no cast or crew",
            field.value.trim()
              ? "Try fewer letters."
              : "A catalogue of metadata (TMDB 5000's layout) brings them.",
          ),
    { signal, skeleton: () => bones(8) },
  );
  const look = () => {
    go("/people", { role, q: field.value.trim() }, { quietly: true });
    list.reload();
  };
  field.addEventListener("input", delayed(look, signal));
  const choose = (next) => {
    role = next;
    look();
  };
  return h(
    "div",
    { class: "page" },
    h("h1", {}, "People"),
    h(
      "div",
      { class: "tools" },
      toggle("Role", ROLES, role, choose),
      h("label", { class: "unseen", for: "person-query" }, "Name"),
      field,
    ),
    list,
  );
}

function one(id, signal) {
  const load = () => get(`/v1/people/${encodeURIComponent(id)}/movies`, { n: 500 }, { signal });
  return h(
    "div",
    { class: "page" },
    h("p", { class: "crumb" }, h("a", { href: link("/people") }, "People")),
    region(load, filmography, {
      signal,
      skeleton: () => ghosts(6),
      refused: (error, retry) => [h("h1", {}, "Person"), refusal(error, retry)],
    }),
  );
}

function filmography({ name, items, total }) {
  document.title = `${name} · recsys_assets`;
  const acted = items.filter((item) => item.roles.includes("actor"));
  const directed = items.filter((item) => item.roles.includes("director"));
  const others = items.filter((item) => !item.roles.includes("actor") && !item.roles.includes("director"));
  return [
    h("h1", {}, name),
    total > items.length
      ? h("p", { class: "lead" }, `The ${items.length} most rated of ${total} movies.`)
      : null,
    shelf("Directed", directed, () => null),
    shelf("Acted in", acted, (item) => (item.character ? `as ${item.character}` : null)),
    shelf("Other work", others, (item) => words(item.roles.join(", "))),
    items.length ? null : empty("None of this person's movies is in the data set."),
  ];
}

function shelf(title, items, note) {
  if (!items.length) return null;
  return h(
    "section",
    { "aria-label": title },
    h("h2", {}, `${title} · ${items.length}`),
    h(
      "ul",
      { class: "grid", role: "list" },
      items.map((item) => h("li", {}, card(item, { note: note(item) }))),
    ),
  );
}

function initials(name) {
  const [first = "", ...rest] = String(name).split(/\s+/);
  return `${[...first][0] ?? ""}${[...(rest.at(-1) ?? "")][0] ?? ""}`.toUpperCase();
}
