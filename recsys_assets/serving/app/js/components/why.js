/** Why a movie is recommended: what each movie that the user liked adds to its score, as bars that add up. */

import { get } from "../api.js";
import { bars } from "../charts/bars.js";
import { h } from "../dom.js";
import { figure, plural, signed, spoken } from "../format.js";
import { link } from "../router.js";
import { label } from "../strategies.js";
import { empty, refusal, region } from "./states.js";
import { toggle } from "./toggle.js";

const TOO_SMALL = 1e-9;

/** The answer for one user and movie, with a choice of strategy; strategies that can't be split say so themselves. */
export function why(user, movieId, options, first, { signal }) {
  const offered = options.filter((one) => one.explained);
  let strategy = (offered.find((one) => one.value === first) ?? offered[0])?.value ?? null;
  const body = region(
    () => get(`/v1/explain/${encodeURIComponent(user)}/${movieId}`, { strategy }, { signal }),
    (answer) => explained(answer, strategy),
    { signal, refused },
  );
  const choose = (next) => {
    strategy = next;
    body.reload();
  };
  return h(
    "section",
    { class: "panel why", "aria-label": `Why for user ${user}` },
    h(
      "div",
      { class: "panel-head" },
      h("h2", {}, `Why for user ${user}`),
      offered.length > 1
        ? toggle(
            "Explained strategy",
            offered.map((one) => ({ ...one, mark: false })),
            strategy,
            choose,
          )
        : null,
    ),
    body,
  );
}

function explained(answer, strategy) {
  const rest = { title: null, part: answer.others, n_ratings: answer.n_others };
  const constant = { title: null, part: answer.constant, n_ratings: null };
  const parts = [...answer.parts, rest, constant].filter((one) => Math.abs(one.part) > TOO_SMALL);
  if (!parts.length) return empty(sentence(answer));
  const sum = parts.reduce((total, one) => total + one.part, 0);
  return [
    h("p", { class: "why-because" }, sentence(answer)),
    bars(
      parts.map((one) => bar(one, answer.movie_id)),
      { about: `What each liked movie adds to the score of ${label(strategy)}` },
    ),
    h(
      "p",
      { class: "why-sum" },
      h("span", {}, "Sum of the parts"),
      h("strong", {}, figure(sum)),
      h("span", {}, `${label(strategy)} score ${figure(answer.score)}`),
    ),
    lineage(answer.lineage ?? []),
  ];
}

function bar(one, movieId) {
  const named = { value: one.part, text: signed(one.part) };
  if (!one.title) {
    const rest =
      one.n_ratings === null ? "Whoever it is" : `${plural(one.n_ratings, "other rating")} together`;
    return { ...named, label: rest, quiet: true };
  }
  const note = `you gave ${one.rating} ★`;
  if (one.movie_id === movieId) return { ...named, note, label: "This movie itself" };
  return { ...named, note, label: spoken(one.title), href: link(`/movie/${one.movie_id}`) };
}

/** Of a user whom nobody knows there is nothing to explain; anything else is an error. */
function refused(error, retry) {
  return error.status === 404 ? empty("Nothing is known of this user", error.message) : refusal(error, retry);
}

/** The server's sentence, with titles as people say them. */
function sentence({ because, parts }) {
  return parts.reduce((told, one) => told.replace(one.title, () => spoken(one.title)), because);
}

function lineage(steps) {
  if (!steps.length) return null;
  return h(
    "details",
    { class: "lineage" },
    h("summary", {}, `Made by ${plural(steps.length, "step")}: code and data of each`),
    h(
      "ul",
      {},
      steps.map((one) =>
        h(
          "li",
          {},
          h("code", {}, one.asset),
          one.data_version ? h("span", {}, ` data ${String(one.data_version).slice(0, 12)}`) : null,
        ),
      ),
    ),
  );
}
