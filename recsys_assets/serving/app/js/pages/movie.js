/** A movie: what it is, who made it, what people gave it, why it is recommended, and what is like it. */

import { get } from "../api.js";
import { columns } from "../charts/columns.js";
import { art } from "../components/art.js";
import { pickUser } from "../components/picker.js";
import { poster } from "../components/poster.js";
import { rate } from "../components/rate.js";
import { row } from "../components/row.js";
import { bones, empty, refusedPage, region } from "../components/states.js";
import { toggle } from "../components/toggle.js";
import { why } from "../components/why.js";
import { h } from "../dom.js";
import { duration, plural, spoken } from "../format.js";
import { chosenStrategy, GUEST, strategyOptions } from "../recommending.js";
import { link } from "../router.js";
import { recall } from "../store.js";

const METHODS = {
  als: ["Liked together", "Nearest by what the same people like (ALS)"],
  content: ["Content", "Nearest by tags, genres and text"],
  genome: ["Tag genome", "Nearest by the tag genome alone"],
  svdpp: ["Rated alike", "Nearest by factors of stars (SVD++)"],
  content_global: ["Catalogue", "Nearest by overview, keywords, cast and crew, in the whole catalogue"],
  content_cluster: ["Same cluster", "The same, within the movie's cluster"],
};

export function movie(place, { id, parameters, signal }) {
  const load = async () => {
    const [answer, options, rated] = await Promise.all([
      get(`/v1/movies/${encodeURIComponent(id ?? "")}`, {}, { signal }),
      strategyOptions({ signal }),
      ratedBefore(Number(id), signal),
    ]);
    return { movie: answer, options, rated };
  };
  const body = region(load, (loaded) => page(loaded, parameters, signal), {
    signal,
    skeleton: () => h("div", { class: "page" }, bones(6)),
    refused: refusedPage("Movie"),
  });
  place.append(body);
}

function page({ movie: one, options, rated }, parameters, signal) {
  const user = recall("user");
  const name = spoken(one.title);
  document.title = `${name} · recsys_assets`;
  const strategy = parameters.get("strategy") ?? chosenStrategy(options);
  return h(
    "article",
    { class: "movie" },
    h("div", { class: "movie-art", "aria-hidden": "true" }, art(one)),
    h(
      "div",
      { class: "movie-head" },
      poster(one, { large: true }),
      h(
        "div",
        { class: "movie-text" },
        h("h1", {}, name),
        one.tagline ? h("p", { class: "movie-tagline" }, one.tagline) : null,
        h(
          "p",
          { class: "movie-facts" },
          one.year ? h("span", {}, one.year) : null,
          one.runtime ? h("span", {}, duration(one.runtime)) : null,
          (one.genres ?? []).map((genre) => h("span", { class: "chip" }, genre)),
        ),
        h(
          "p",
          { class: "movie-mean" },
          one.n_ratings
            ? [h("strong", {}, `${one.mean_rating.toFixed(1)} ★`), ` from ${plural(one.n_ratings, "rating")}`]
            : "Nobody has rated it yet.",
        ),
        one.overview ? h("p", { class: "movie-overview" }, one.overview) : null,
        credits(one),
        h("div", { class: "movie-foot" }, user === null ? null : rate(user, one, rated), links(one)),
      ),
    ),
    h(
      "div",
      { class: "movie-panels" },
      user === GUEST
        ? null
        : user === null
          ? nobody()
          : why(user, one.movie_id, options, strategy, { signal }),
      h(
        "section",
        { class: "panel", "aria-label": "Ratings" },
        h("h2", {}, "What people gave it"),
        histogram(one),
      ),
    ),
    similar(one, signal),
  );
}

function nobody() {
  return h(
    "section",
    { class: "panel", "aria-label": "Why" },
    h("h2", {}, "Why it would be recommended"),
    empty(
      "Nobody is watching yet",
      "For a user, this says what each movie that they liked adds.",
      h("button", { type: "button", class: "button", on: { click: pickUser } }, "Choose a user"),
    ),
  );
}

/** The stars that the user gave the movie as far as the server tells, or null. */
async function ratedBefore(movieId, signal) {
  const user = recall("user");
  if (user === null || user === GUEST) return null;
  const { items } = await get(
    `/v1/users/${encodeURIComponent(user)}/ratings`,
    { movie_id: movieId, n: 1 },
    { signal },
  );
  return items[0]?.rating ?? null;
}

function credits(one) {
  const cast = one.cast ?? [];
  const directors = one.directors ?? [];
  if (!cast.length && !directors.length) return null;
  return h(
    "dl",
    { class: "credits" },
    directors.length
      ? [
          h("dt", {}, directors.length > 1 ? "Directors" : "Director"),
          h(
            "dd",
            {},
            directors.map((who) => personLink(who)),
          ),
        ]
      : null,
    cast.length
      ? [
          h("dt", {}, "Cast"),
          h(
            "dd",
            {},
            cast.slice(0, 8).map((who) => personLink(who, who.character)),
          ),
        ]
      : null,
  );
}

function personLink(who, character = null) {
  return h(
    "span",
    { class: "credit" },
    h("a", { href: link(`/people/${who.person_id}`) }, who.name),
    character ? h("span", { class: "credit-role" }, ` as ${character}`) : null,
  );
}

function links(one) {
  const there = [
    ["IMDb", one.imdb_url],
    ["TMDB", one.tmdb_url],
    ["MovieLens", one.movielens_url],
  ].filter(([, url]) => /^https:\/\//.test(url ?? ""));
  if (!there.length) return null;
  return h(
    "p",
    { class: "movie-links" },
    there.map(([site, url]) =>
      h(
        "a",
        {
          class: "button button-quiet button-small",
          href: url,
          target: "_blank",
          rel: "noopener noreferrer",
        },
        site,
        h("span", { class: "unseen" }, " (opens a new tab)"),
      ),
    ),
  );
}

function histogram(one) {
  const given = one.rating_histogram ?? [];
  if (!given.some((bin) => bin.n_ratings > 0))
    return empty("No ratings yet", "Content says what is like it, until somebody rates it.");
  return columns(
    given.map((bin) => ({ label: String(bin.stars), value: bin.n_ratings })),
    { about: "Ratings by stars" },
  );
}

function similar(one, signal) {
  const methods = Object.keys(METHODS).filter((name) => one.methods.includes(name));
  if (!methods.length)
    return h(
      "section",
      { class: "row" },
      h("h2", {}, "Movies like this one"),
      empty("Too little is known of it to say what is like it."),
    );
  let method = methods[0];
  const choose = (next) => {
    method = next;
    list.reload();
  };
  const list = row(
    "Movies like this one",
    () => get(`/v1/movies/${one.movie_id}/similar`, { method, n: 20 }, { signal }),
    {
      aside:
        methods.length > 1
          ? toggle(
              "Method",
              methods.map((name) => ({ value: name, label: METHODS[name][0], title: METHODS[name][1] })),
              method,
              choose,
            )
          : null,
      describe: () => METHODS[method][1],
      nothing: "This method finds nothing like it.",
      signal,
    },
  );
  return list;
}
