/** Who is best at what: lists, likes and stars, by metric and segment, and what pairs of models differ by. */

import { intervals } from "../../charts/intervals.js";
import { select } from "../../components/select.js";
import { empty, refusal } from "../../components/states.js";
import { toggle } from "../../components/toggle.js";
import { h, replace } from "../../dom.js";
import { count, words } from "../../format.js";
import { label } from "../../strategies.js";

const LESS_IS_BETTER = new Set([
  "rmse",
  "mae",
  "log_loss",
  "brier",
  "calibration_error",
  "gini",
  "popularity",
]);
const NAMES = {
  ndcg: "NDCG",
  map: "MAP",
  mrr: "MRR",
  auc: "AUC",
  auc_per_user: "AUC per user",
  rmse: "RMSE",
  mae: "MAE",
  f1: "F1",
  hit_rate: "Hit rate",
  log_loss: "Log loss",
  brier: "Brier score",
  gini: "Gini",
  ndcg_of_own_test_items: "NDCG of own test items",
};
const FAMILIES = [
  {
    value: "lists",
    label: "Lists",
    task: "ranking",
    metrics: [
      "ndcg",
      "recall",
      "precision",
      "hit_rate",
      "map",
      "mrr",
      "coverage",
      "diversity",
      "novelty",
      "gini",
      "popularity",
    ],
    k: 10,
  },
  {
    value: "likes",
    label: "Likes",
    task: "like",
    metrics: ["auc", "auc_per_user", "log_loss", "brier", "calibration_error"],
    k: 0,
  },
  {
    value: "stars",
    label: "Stars",
    task: "rating",
    metrics: ["rmse", "mae", "ndcg_of_own_test_items", "coverage", "precision", "recall", "f1"],
    k: 0,
  },
];

/** The leaderboard that a few choices ask for, redrawn as they change. */
export function leaderboards({ evaluation, comparisons, champions, segments, ofSegment }) {
  if (!evaluation.length) return null;
  const families = FAMILIES.map((one) => ({ ...one, models: modelsOf(one, evaluation) })).filter(
    (one) => one.models.size,
  );
  const asked = { family: families[0], metric: null, k: null, segment: "all", split: null };
  let rows = { evaluation, comparisons };
  const crowned = Object.fromEntries(champions.map((one) => [one.task, one.strategy]));
  const place = h("div", {});
  const failed = (error, again) => {
    if (error.status === undefined) throw error;
    replace(place, refusal(error, again));
  };
  const paint = () => replace(place, board(asked, rows, crowned, paint, segment(asked, segments, turn)));
  const turn = (name) =>
    ofSegment(name).then(
      (answer) => {
        rows = answer;
        asked.segment = name;
        paint();
      },
      (error) => failed(error, () => turn(name)),
    );
  const choose = (value) => {
    Object.assign(asked, {
      family: families.find((one) => one.value === value),
      metric: null,
      k: null,
      split: null,
    });
    paint();
  };
  paint();
  return [families.length > 1 ? toggle("Kind of models", families, asked.family.value, choose) : null, place];
}

/** A family's models are those that are judged by its first metric. */
function modelsOf({ metrics: [first] }, rows) {
  return new Set(rows.filter((row) => row.metric === first).map((row) => row.model));
}

function segment(asked, segments, turn) {
  return segments.length > 1
    ? select(
        "Users or movies",
        segments.map((value) => ({ value, label: words(value) })),
        asked.segment,
        turn,
      )
    : null;
}

function board(asked, { evaluation, comparisons }, crowned, paint, ofSegments) {
  const own = evaluation.filter(
    (row) => asked.family.models.has(row.model) && asked.family.metrics.includes(row.metric),
  );
  if (!own.length)
    return [h("div", { class: "tools" }, ofSegments), empty("These models were not judged on this segment.")];
  const splits = distinct(own, "split");
  asked.split = oneOf(splits, asked.split, "test");
  const ofSplit = own.filter((row) => row.split === asked.split);
  const metrics = asked.family.metrics.filter((name) => ofSplit.some((row) => row.metric === name));
  asked.metric = oneOf(metrics, asked.metric, metrics[0]);
  const ofMetric = ofSplit.filter((row) => row.metric === asked.metric);
  const depths = distinct(ofMetric, "k").sort((a, b) => a - b);
  asked.k = oneOf(depths, asked.k, 10);
  const set = (key, read) => (value) => {
    asked[key] = read(value);
    paint();
  };
  const choice = (name, key, values, text, read = String) =>
    values.length > 1
      ? select(
          name,
          values.map((value) => ({ value: String(value), label: text(value) })),
          String(asked[key]),
          set(key, read),
        )
      : null;
  return [
    h(
      "div",
      { class: "tools" },
      choice("Metric", "metric", metrics, metricName),
      choice("Places", "k", depths, (k) => (k ? `first ${k}` : "all"), Number),
      ofSegments,
      choice("Split", "split", splits, words),
    ),
    ranking(
      asked,
      ofMetric.filter((row) => row.k === asked.k),
      crowned,
    ),
    pairs(asked, comparisons),
  ];
}

/** What was chosen if it is there, else what is preferred, else the first. */
function oneOf(values, chosen, preferred) {
  return [chosen, preferred].find((one) => values.includes(one)) ?? values[0];
}

function ranking(asked, rows, crowned) {
  if (!rows.length) return empty("No model was judged so.");
  const down = LESS_IS_BETTER.has(asked.metric);
  const sorted = rows.toSorted((a, b) => (down ? a.value - b.value : b.value - a.value));
  const name = title(asked);
  return [
    h(
      "p",
      { class: "panel-about" },
      `${name} on ${where(asked)}, ${users(rows)}. ${down ? "Less" : "More"} is ${asked.metric === "popularity" ? "less well known" : asked.metric === "gini" ? "more evenly spread" : "better"}.`,
    ),
    intervals(
      sorted.map((row, n) => ({
        label: label(row.model),
        value: row.value,
        low: row.ci_low,
        high: row.ci_high,
        mark: crowned[asked.family.task] === row.model ? "Champion" : null,
        strong: n === 0,
      })),
      { about: `${name}, best first` },
    ),
  ];
}

function pairs(asked, comparisons) {
  const rows = comparisons.filter(
    (row) =>
      row.metric === asked.metric &&
      row.k === asked.k &&
      row.split === asked.split &&
      asked.family.models.has(row.model),
  );
  if (!rows.length) return null;
  return h(
    "details",
    { class: "pairs", open: rows.length <= 12 },
    h("summary", {}, h("h3", {}, "Paired differences")),
    h(
      "p",
      { class: "panel-about" },
      `The first model's ${title(asked)} less the second's, over the same users (${users(rows)}; ${where(asked)}). An interval across zero shows no difference.`,
    ),
    intervals(
      rows.map((row) => ({
        label: `${label(row.model)} − ${label(row.baseline)}`,
        value: row.difference,
        low: row.ci_low,
        high: row.ci_high,
      })),
      { about: `Paired differences of ${title(asked)}`, zero: true, decimals: 4 },
    ),
  );
}

export function metricName(name) {
  return NAMES[name] ?? words(name).replace(/^./, (letter) => letter.toUpperCase());
}

function title({ metric, k }) {
  return k ? `${metricName(metric)}@${k}` : metricName(metric);
}

function where({ split, segment }) {
  return `the ${words(split)} split${segment === "all" ? "" : `, segment ${words(segment)}`}`;
}

/** How many users speak: "581 users", or a span where models were judged by different ones. */
function users(rows) {
  const numbers = rows.map((row) => row.n_users);
  const [low, high] = [Math.min(...numbers), Math.max(...numbers)];
  return low === high ? `${count(high)} users` : `${count(low)} to ${count(high)} users`;
}

function distinct(rows, column) {
  return [...new Set(rows.map((row) => row[column]))];
}
