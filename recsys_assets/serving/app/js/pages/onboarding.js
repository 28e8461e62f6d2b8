/** For a new user: rate five to ten movies, and see the list become personal star by star. */

import { get } from "../api.js";
import { poster } from "../components/poster.js";
import { empty, ghosts, refusal, region } from "../components/states.js";
import { stars } from "../components/stars.js";
import { h, replace } from "../dom.js";
import { plural, reason, spoken } from "../format.js";
import { GUEST, session } from "../recommending.js";
import { go, link } from "../router.js";
import { recall, remember } from "../store.js";
import { label } from "../strategies.js";

const ENOUGH = 5;
const PLENTY = 10;
const AT_ONCE = 12;
const LISTED = 10;
const COLD = "cold_start";

export function onboarding(place, { signal }) {
  const list = h("div", { class: "start-list" });
  const progress = h("div", { class: "start-progress" });
  const follow = follower(list, progress, signal);
  const shelf = region(
    () => get("/v1/movies", { sort: "onboarding", n: 60 }, { signal }),
    ({ items }) => choices(items, follow),
    { signal, skeleton: () => ghosts(6) },
  );
  const start = h(
    "button",
    {
      type: "button",
      class: "button button-quiet button-small",
      on: { click: () => (remember("guest", {}), shelf.reload(), follow()) },
    },
    "Start again",
  );
  place.append(
    h(
      "div",
      { class: "page" },
      h("h1", {}, "Your first stars"),
      h(
        "p",
        { class: "lead" },
        "Give stars to five to ten movies that you know. Your list follows every one; nothing is stored but in this browser.",
      ),
      h(
        "div",
        { class: "start" },
        h("div", { class: "start-rate" }, shelf, start),
        h("aside", { class: "start-side", "aria-label": "Your list" }, progress, list),
      ),
    ),
  );
  follow();
}

function choices(items, follow) {
  if (!items.length) return empty("This data set has no rated movies to start from.");
  let from = 0;
  const grid = h("ul", { class: "start-grid", role: "list" });
  const paint = () =>
    replace(
      grid,
      Array.from({ length: Math.min(AT_ONCE, items.length) }, (_, n) => items[(from + n) % items.length]).map(
        (one) => h("li", {}, choice(one, follow)),
      ),
    );
  const others = () => {
    from = (from + AT_ONCE) % items.length;
    paint();
  };
  paint();
  return [
    grid,
    items.length > AT_ONCE
      ? h(
          "button",
          { type: "button", class: "button button-small", on: { click: others } },
          "I don't know these: others, please",
        )
      : null,
  ];
}

function choice(movie, follow) {
  const give = (value) => {
    const { [movie.movie_id]: _, ...others } = recall("guest");
    remember("guest", value === null ? others : { ...others, [movie.movie_id]: value });
    follow();
  };
  return h(
    "article",
    { class: "choice", data: { movie: movie.movie_id } },
    poster(movie),
    h("p", { class: "card-title" }, spoken(movie.title)),
    stars(spoken(movie.title), recall("guest")[movie.movie_id] ?? null, give),
  );
}

/** Keeps list and progress abreast of the stars; answers that a newer star has overtaken are dropped. */
function follower(list, progress, signal) {
  let before = null;
  let turn = 0;
  const follow = async () => {
    const mine = ++turn;
    const given = recall("guest");
    list.setAttribute("aria-busy", "true");
    try {
      const answer = await session(given, null, LISTED, { signal });
      if (mine !== turn) return;
      const n = Object.keys(given).length;
      replace(progress, standing(n, answer));
      replace(list, ranking(answer, before));
      before = new Map(answer.items.map((one) => [one.movie_id, one.rank]));
    } catch (error) {
      if (signal.aborted || mine !== turn) return;
      if (error.status === undefined) throw error;
      replace(list, refusal(error, follow));
    } finally {
      if (mine === turn) list.setAttribute("aria-busy", "false");
    }
  };
  return follow;
}

function standing(n, answer) {
  const personal = answer.strategy_used !== COLD;
  const left = ENOUGH - n;
  const done = () => {
    remember("user", GUEST);
    go("/");
  };
  return [
    h(
      "div",
      { class: "start-head" },
      h("h2", {}, "Your list"),
      h(
        "span",
        { class: personal ? "tag tag-personal" : "tag tag-cold" },
        personal ? `Personal · ${label(answer.strategy_used)}` : label("cold_start"),
      ),
    ),
    h(
      "div",
      { class: "steps", "aria-hidden": "true" },
      Array.from({ length: PLENTY }, (_, step) =>
        h("span", { class: step < n ? "step step-done" : step < ENOUGH ? "step step-wanted" : "step" }),
      ),
    ),
    h(
      "p",
      { class: "start-told", role: "status" },
      personal
        ? `From ${plural(n, "rating")} of yours.${left > 0 ? ` ${left} more make it steadier.` : ""}`
        : n
          ? answer.fallback_reason
          : "Popular, good, and spread over genres: what everybody new is shown.",
    ),
    n > 0
      ? h(
          "button",
          {
            type: "button",
            class: left > 0 ? "button button-small" : "button button-small button-strong",
            on: { click: done },
          },
          "Watch with this list",
        )
      : null,
  ];
}

function ranking(answer, before) {
  if (!answer.items.length) return empty("No movies left to list.");
  return h(
    "ol",
    { class: "ranking" },
    answer.items.map((one) =>
      h(
        "li",
        { data: { movie: one.movie_id } },
        h(
          "a",
          { href: link(`/movie/${one.movie_id}`) },
          poster(one),
          h(
            "span",
            { class: "ranking-text" },
            h("strong", {}, spoken(one.title)),
            h(
              "span",
              {},
              reason(one.because) || [one.year, (one.genres ?? [])[0]].filter(Boolean).join(" · "),
            ),
          ),
        ),
        moved(one, before),
      ),
    ),
  );
}

function moved(one, before) {
  if (before === null) return null;
  if (!before.has(one.movie_id)) return h("span", { class: "moved moved-new" }, "new");
  const by = before.get(one.movie_id) - one.rank;
  return by === 0
    ? null
    : h(
        "span",
        { class: "moved", "aria-label": by > 0 ? `up by ${by}` : `down by ${-by}` },
        by > 0 ? `▲ ${by}` : `▼ ${-by}`,
      );
}
