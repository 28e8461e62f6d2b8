/** Search: titles whatever their case, accents and typos, and people by name. */

import { get } from "../api.js";
import { card } from "../components/card.js";
import { delayed } from "../components/delayed.js";
import { empty, ghosts, region } from "../components/states.js";
import { h, replace } from "../dom.js";
import { plural } from "../format.js";
import { go } from "../router.js";
import { personTile } from "./people.js";

const EXAMPLE = "“toy stroy” finds Toy Story: letters may be missing, doubled or swapped.";

export function search(place, { parameters, signal }) {
  const field = h("input", {
    id: "query",
    class: "input input-large",
    type: "search",
    placeholder: "A title or a name, typos allowed",
    autocomplete: "off",
    spellcheck: "false",
    maxlength: 100,
    value: parameters.get("q") ?? "",
    "aria-describedby": "search-told",
  });
  const told = h("p", { id: "search-told", class: "search-told", role: "status" });
  const found = h("div", { class: "search-found" });
  const look = () => {
    const query = field.value.trim();
    go("/search", { q: query }, { quietly: true });
    replace(told);
    replace(found, query ? answers(query, told, signal) : empty("Type a title", EXAMPLE));
  };
  field.addEventListener("input", delayed(look, signal));
  place.append(
    h(
      "div",
      { class: "page" },
      h("h1", {}, "Search"),
      h(
        "form",
        {
          role: "search",
          on: { submit: (event) => (event.preventDefault(), look()) },
        },
        h("label", { class: "unseen", for: "query" }, "Title or name"),
        field,
      ),
      told,
      found,
    ),
  );
  look();
  field.focus({ preventScroll: true });
}

/** What a query finds; how much that is, is told only while it is still what was asked last. */
function answers(query, told, signal) {
  const draw = (answer) => {
    const found = [plural(answer.movies.length, "movie"), plural(answer.people.length, "person", "people")];
    if (place.isConnected) replace(told, found.join(" · "));
    return results(query, answer);
  };
  const place = region(() => both(query, signal), draw, { skeleton: () => ghosts(6), signal });
  return place;
}

async function both(query, signal) {
  const [movies, ...found] = await Promise.all([
    get("/v1/search", { q: query, n: 24 }, { signal }),
    ...["actor", "director"].map((role) => get("/v1/people", { q: query, role, n: 6 }, { signal })),
  ]);
  const people = found.flatMap(({ role, items }) => items.map((one) => ({ ...one, role })));
  return { movies: movies.items, people };
}

function results(query, { movies, people }) {
  if (!movies.length && !people.length)
    return empty(`Nothing is called like “${query}”`, "Try fewer letters, or another spelling.");
  return [
    movies.length
      ? h(
          "section",
          { "aria-label": "Movies" },
          h(
            "ul",
            { class: "grid", role: "list" },
            movies.map((one) => h("li", {}, card(one))),
          ),
        )
      : null,
    people.length
      ? h(
          "section",
          { class: "search-people", "aria-label": "People" },
          h("h2", {}, "People"),
          h(
            "ul",
            { class: "people-grid", role: "list" },
            people.map((one) => h("li", {}, personTile(one))),
          ),
        )
      : null,
  ];
}
