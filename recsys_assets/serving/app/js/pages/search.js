/** Search: titles whatever their case, accents and typos, and people by name. */

import { get } from "../api.js";
import { card } from "../components/card.js";
import { empty, ghosts, region } from "../components/states.js";
import { h, replace } from "../dom.js";
import { go } from "../router.js";
import { plural } from "../format.js";
import { personTile } from "./people.js";

const PAUSE = 220;

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
  let waiting = 0;
  let turn = 0;
  const look = () => {
    const query = field.value.trim();
    const mine = ++turn;
    go("/search", { q: query }, { quietly: true });
    replace(told);
    if (!query)
      return replace(
        found,
        empty("Type a title", "“toy stroy” finds Toy Story: letters may be missing, doubled or swapped."),
      );
    const place = region(
      () => both(query, signal),
      (answer) => (
        mine === turn &&
          replace(
            told,
            plural(answer.movies.length, "movie"),
            " · ",
            answer.people.length === 1 ? "1 person" : `${answer.people.length} people`,
          ),
        results(query, answer)
      ),
      { skeleton: () => ghosts(6), signal },
    );
    return replace(found, place);
  };
  field.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(look, PAUSE);
  });
  place.append(
    h(
      "div",
      { class: "page" },
      h("h1", {}, "Search"),
      h(
        "form",
        {
          role: "search",
          on: { submit: (event) => (event.preventDefault(), clearTimeout(waiting), look()) },
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
