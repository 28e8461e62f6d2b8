/** The strategies side by side for one user: what each puts first, and how much they agree. */

import { pickUser } from "../components/picker.js";
import { poster } from "../components/poster.js";
import { bones, empty, refusal, region } from "../components/states.js";
import { h } from "../dom.js";
import { percent, spoken } from "../format.js";
import { recommendations, strategyOptions, watcher } from "../recommending.js";
import { link } from "../router.js";
import { recall } from "../store.js";
import { label, scoreMeaning, scoreText } from "../strategies.js";

const PLACES = 10;

export function compare(place, { signal }) {
  const user = recall("user");
  const page = h(
    "div",
    { class: "page page-wide" },
    h("h1", {}, "Strategies side by side"),
    h(
      "p",
      { class: "lead" },
      `The first ${PLACES} places for `,
      h("button", { type: "button", class: "inline-button", on: { click: pickUser } }, watcher(user)),
      ". Point at a movie to find it in the other lists.",
    ),
  );
  place.append(page);
  if (user === null)
    return page.append(
      empty(
        "Nobody is watching yet",
        "Choose a user, and all strategies recommend for them.",
        h("button", { type: "button", class: "button", on: { click: pickUser } }, "Choose a user"),
      ),
    );
  return page.append(region(() => lists(user, signal), drawn, { signal, skeleton: () => bones(10) }));
}

/** Every strategy's list, or why it has none; one that fails doesn't take the others with it. */
async function lists(user, signal) {
  const options = await strategyOptions({ signal });
  const answers = await Promise.allSettled(
    options.map((one) => recommendations(user, one.value, PLACES, { signal })),
  );
  return options.map((option, n) => ({
    option,
    answer: answers[n].value ?? null,
    error: answers[n].reason ?? null,
  }));
}

function drawn(columns) {
  const met = new Map();
  for (const { answer } of columns)
    for (const { movie_id: id } of answer?.items ?? []) met.set(id, (met.get(id) ?? 0) + 1);
  const board = h(
    "div",
    { class: "versus", tabindex: 0, role: "group", "aria-label": "Lists of the strategies" },
    columns.map((one) => column(one, met)),
  );
  const mark = (event) => {
    const id = event.target.closest("[data-movie]")?.dataset.movie ?? null;
    for (const one of board.querySelectorAll("[data-movie]"))
      one.classList.toggle("same", id !== null && one.dataset.movie === id);
  };
  for (const event of ["pointerover", "focusin"]) board.addEventListener(event, mark);
  board.addEventListener("pointerleave", mark);
  return [board, agreement(columns)];
}

function column({ option, answer, error }, met) {
  const head = h(
    "h2",
    {},
    option.label,
    option.mark
      ? h(
          "span",
          { class: "toggle-mark", title: "Champion" },
          " ★",
          h("span", { class: "unseen" }, " champion"),
        )
      : null,
  );
  const cold =
    answer?.strategy_used === "cold_start" ? h("p", { class: "tag tag-cold" }, label("cold_start")) : null;
  const body = error
    ? refusal(error, null)
    : answer.items.length
      ? h(
          "ol",
          { class: "ranking" },
          answer.items.map((one) => place(one, answer.strategy_used, met.get(one.movie_id))),
        )
      : empty("No list for this user.");
  return h(
    "section",
    { class: "versus-column", "aria-label": option.label },
    head,
    h("p", { class: "versus-about" }, option.title),
    cold,
    body,
  );
}

function place(one, strategy, lists) {
  return h(
    "li",
    { data: { movie: one.movie_id } },
    h(
      "a",
      { href: link(`/movie/${one.movie_id}`, { strategy }) },
      poster(one),
      h(
        "span",
        { class: "ranking-text" },
        h("strong", {}, spoken(one.title)),
        h(
          "span",
          { title: scoreMeaning(one, strategy) },
          scoreText(one, strategy),
          lists > 1 ? ` · in ${lists} lists` : "",
        ),
      ),
    ),
  );
}

/** How many movies each two lists share. */
function agreement(columns) {
  const ids = columns
    .filter((one) => one.answer?.items.length)
    .map(({ option, answer }) => ({
      name: option.label,
      movies: new Set(answer.items.map((one) => one.movie_id)),
    }));
  if (ids.length < 2) return null;
  const share = (a, b) =>
    [...a.movies].filter((id) => b.movies.has(id)).length / Math.min(a.movies.size, b.movies.size);
  return h(
    "section",
    { class: "panel", "aria-label": "Agreement" },
    h("h2", {}, "How much they agree"),
    h("p", { class: "panel-about" }, `Movies among the first ${PLACES} of both lists.`),
    h(
      "div",
      { class: "scroll", tabindex: 0, role: "group", "aria-label": "Table of agreement" },
      h(
        "table",
        { class: "heat" },
        h(
          "thead",
          {},
          h(
            "tr",
            {},
            h("td", {}),
            ids.map((one) => h("th", { scope: "col" }, one.name)),
          ),
        ),
        h(
          "tbody",
          {},
          ids.map((a) =>
            h(
              "tr",
              {},
              h("th", { scope: "row" }, a.name),
              ids.map((b) =>
                a === b
                  ? h("td", { class: "heat-self" }, "–")
                  : h("td", { style: { "--heat": String(share(a, b)) } }, percent(share(a, b))),
              ),
            ),
          ),
        ),
      ),
    ),
  );
}
