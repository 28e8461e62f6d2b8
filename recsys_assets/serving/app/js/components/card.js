/** A movie in a row or a grid: its poster, what it is called, how it scores here and why. */

import { h } from "../dom.js";
import { reason, spoken } from "../format.js";
import { link } from "../router.js";
import { scoreMeaning, scoreText } from "../strategies.js";
import { poster } from "./poster.js";

/**
 * A card that leads to the movie's page. `strategy` says on which scale the score is; `note` stands in its place;
 * `numbered` shows the place in the list.
 */
export function card(movie, { strategy = null, note = null, numbered = false } = {}) {
  const score = strategy ? scoreText(movie, strategy) : null;
  const name = spoken(movie.title);
  const told = note ?? reason(movie.because);
  const facts = [movie.year, (movie.genres ?? []).slice(0, 2).join(", ")].filter(Boolean).join(" · ");
  return h(
    "article",
    { class: "card", data: { movie: movie.movie_id } },
    h(
      "a",
      {
        class: "card-link",
        href: link(`/movie/${movie.movie_id}`, strategy ? { strategy } : {}),
        "aria-label": [name, movie.year].filter(Boolean).join(", "),
      },
      poster(movie),
      numbered && movie.rank ? h("span", { class: "card-rank", "aria-hidden": "true" }, movie.rank) : null,
      score ? h("span", { class: "card-score", title: scoreMeaning(movie, strategy) }, score) : null,
    ),
    h(
      "div",
      { class: "card-text" },
      h("p", { class: "card-title", title: name }, name),
      h("p", { class: "card-facts" }, facts || "No year, no genres"),
      told ? h("p", { class: "card-note", title: told }, told) : null,
    ),
  );
}

/** A card's place while its movie is on the way. */
export function ghost() {
  return h(
    "div",
    { class: "card ghost", "aria-hidden": "true" },
    h("div", { class: "poster" }),
    h("div", { class: "bone" }),
    h("div", { class: "bone bone-short" }),
  );
}
