/** Home: what to watch tonight, for whom, and by which strategy. */

import { get } from "../api.js";
import { art } from "../components/art.js";
import { filters } from "../components/filters.js";
import { pickUser } from "../components/picker.js";
import { poster } from "../components/poster.js";
import { row } from "../components/row.js";
import { bones, empty, region } from "../components/states.js";
import { toggle } from "../components/toggle.js";
import { h } from "../dom.js";
import { plural, reason, spoken } from "../format.js";
import { chosenStrategy, GUEST, recommendations, strategyOptions, watcher } from "../recommending.js";
import { link } from "../router.js";
import { recall, remember } from "../store.js";
import { label, scoreMeaning, scoreText } from "../strategies.js";

const LISTED = 20;
const COLD = "cold_start";
const SHELVES = [
  ["Trending", "trending", "Most rated lately"],
  ["New", "new", "Latest releases of the catalogue"],
  ["Popular", "popular", "Most rated of all time"],
];

export function home(place, { signal }) {
  const body = region(
    () => Promise.all([whoWatches(signal), strategyOptions({ signal })]),
    ([user, options]) => parts(user, options, signal),
    { signal, skeleton: waiting },
  );
  place.append(h("div", { class: "home" }, h("h1", { class: "unseen" }, "What to watch"), body));
}

/** Who was chosen last, else the first user that there is. */
async function whoWatches(signal) {
  const known = recall("user");
  if (known !== null) return known;
  const { items } = await get("/v1/users", { n: 1 }, { signal });
  const first = items[0]?.user_id ?? GUEST;
  if (!signal.aborted) remember("user", first);
  return first;
}

function parts(user, options, signal) {
  let strategy = options.find((one) => one.value === recall("strategy"))?.value ?? null;
  let narrowed = {};
  let asked = null;
  const load = () =>
    (asked ??= recommendations(user, strategy, LISTED, { signal, ...narrowed }).then(dealt, forget));
  const dealt = (answer) => {
    // Where nothing was chosen, the server chooses, by experiment if one runs: feedback then says which list it followed.
    remember("exposure", answer.experiment ? { user, id: answer.experiment.exposure_id } : null);
    for (const option of strategies.querySelectorAll("input"))
      if (option.value === (strategy ?? answer.strategy_used)) option.checked = true;
    return answer;
  };
  const forget = (error) => {
    asked = null;
    throw error;
  };
  const anew = () => {
    asked = null;
    hero.reload();
    forYou.reload();
  };
  const chosen = (next) => {
    strategy = next;
    remember("strategy", next);
    anew();
  };
  const narrow = (wanted) => {
    narrowed = wanted;
    anew();
  };
  const strategies = toggle("Strategy", options, chosenStrategy(options), chosen, {
    className: "toggle-strategy",
  });
  const hero = region(load, (answer) => billboard(answer, user), {
    skeleton: waiting,
    signal,
    refused: () => null,
    className: "hero-place",
  });
  const forYou = row("For you", load, {
    aside: [filters(narrow, { signal }), strategies],
    describe: (answer) => about(answer, user),
    options: (answer) => ({ strategy: answer.strategy_used, numbered: true }),
    nothing: "This strategy has no list for this user, or nothing in it fits.",
    signal,
  });
  return [
    hero,
    forYou,
    becauseRows(user, signal),
    SHELVES.map(([title, sort, told]) =>
      row(title, () => get("/v1/movies", { sort, n: LISTED }, { signal }), { describe: () => told, signal }),
    ),
  ].flat();
}

/** What the list is: personal by which strategy, or the newcomers' list and why. */
function about(answer, user) {
  const stranger = answer.strategy_used === COLD;
  return [
    h(
      "span",
      { class: stranger ? "tag tag-cold" : "tag" },
      stranger ? label("cold_start") : label(answer.strategy_used),
    ),
    " ",
    stranger ? `${watcher(user)}: ${answer.fallback_reason}` : `for ${watcher(user)}`,
    !stranger && answer.fallback_reason ? ` · ${answer.fallback_reason}` : null,
  ];
}

/** The shape of the first recommendation while it is on the way. */
function waiting() {
  return h(
    "div",
    { class: "hero hero-waiting", "aria-hidden": "true" },
    h("div", { class: "hero-poster ghost" }, h("div", { class: "poster" })),
    h("div", { class: "hero-text" }, bones(4)),
  );
}

function billboard(answer, user) {
  const [first] = answer.items;
  if (!first)
    return h(
      "div",
      { class: "page" },
      empty("No recommendations here", "Choose another strategy or another user."),
    );
  const score = scoreText(first, answer.strategy_used);
  const name = spoken(first.title);
  return h(
    "section",
    { class: "hero", "aria-label": "First recommendation" },
    h("div", { class: "hero-art", "aria-hidden": "true" }, art(first)),
    h("div", { class: "hero-poster" }, poster(first, { large: true })),
    h(
      "div",
      { class: "hero-text" },
      h(
        "p",
        { class: "hero-for" },
        answer.strategy_used === COLD ? "For newcomers tonight" : "First for ",
        answer.strategy_used === COLD
          ? null
          : h("button", { type: "button", class: "inline-button", on: { click: pickUser } }, watcher(user)),
      ),
      h("h2", {}, name),
      h("p", { class: "hero-facts" }, [first.year, ...(first.genres ?? [])].filter(Boolean).join(" · ")),
      first.because ? h("p", { class: "hero-because" }, reason(first.because)) : null,
      h(
        "p",
        { class: "hero-score" },
        score
          ? h(
              "span",
              { title: scoreMeaning(first, answer.strategy_used) },
              h("strong", {}, score),
              ` ${label(answer.strategy_used)}`,
            )
          : null,
        first.n_ratings
          ? h("span", {}, `${first.mean_rating?.toFixed(1)} ★ from ${plural(first.n_ratings, "rating")}`)
          : null,
      ),
      h(
        "p",
        { class: "hero-actions" },
        h(
          "a",
          {
            class: "button button-strong",
            href: link(`/movie/${first.movie_id}`, { strategy: answer.strategy_used }),
          },
          "See the movie",
        ),
        h("a", { class: "button button-quiet", href: link("/compare") }, "Compare strategies"),
      ),
    ),
  );
}

/** A row for each of the two movies that the user liked most: movies near it. Nothing for whom nothing is known. */
function becauseRows(user, signal) {
  if (user === GUEST) return [];
  const load = () => get(`/v1/users/${encodeURIComponent(user)}/ratings`, { n: 40 }, { signal });
  return region(load, ({ items }) => favourites(items).map((one) => becauseRow(one, signal)), {
    signal,
    skeleton: () => bones(1),
    className: "because",
  });
}

function becauseRow(liked, signal) {
  const title = `Because you watched ${spoken(liked.title)}`;
  return row(title, () => get(`/v1/movies/${liked.movie_id}/similar`, { n: LISTED }, { signal }), {
    describe: () => `You gave it ${liked.rating} stars`,
    signal,
    nothing: "Too few people have rated it to say what is like it.",
  });
}

/** The latest two among the ratings of most stars. */
function favourites(ratings) {
  const liked = ratings.filter((one) => one.rating >= 4);
  return liked
    .sort((a, b) => b.rating - a.rating || String(b.rated_at).localeCompare(String(a.rated_at)))
    .slice(0, 2);
}
