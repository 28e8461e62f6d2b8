/** What models would have been worth at moments of the past: each window judged by a model that knew only what was before. */

import { lines } from "../../charts/lines.js";
import { select } from "../../components/select.js";
import { empty, region } from "../../components/states.js";
import { h, replace } from "../../dom.js";
import { count } from "../../format.js";
import { label } from "../../strategies.js";
import { metricName } from "./leaderboards.js";

const SEGMENTS = ["warm_users", "new_users", "all"];
const ORDER = ["hybrid", "als", "popularity", "recent_popularity", "content", "cold_start"];

/** The chart that a metric and a segment ask for; the server gives figures by segment. */
export function overTime({ backtest_windows: windows, ofSegment }) {
  if (!windows.length) return null;
  const load = async () =>
    (await Promise.all(SEGMENTS.map(ofSegment))).flatMap((one) => one.backtest_figures);
  return region(load, (figures) =>
    figures.length ? board(windows, figures) : empty("No window was judged."),
  );
}

function board(windows, figures) {
  const measures = [...new Set(figures.map((row) => `${row.metric}@${row.k}`))].sort(
    (a, b) => rank(a) - rank(b),
  );
  const asked = { measure: measures[0], segment: null };
  const place = h("div", {});
  const paint = () => replace(place, chart(asked, measures, windows, figures, paint));
  paint();
  return place;
}

function chart(asked, measures, windows, figures, paint) {
  const [metric, k] = asked.measure.split("@");
  const own = figures.filter((row) => row.metric === metric && row.k === Number(k));
  const segments = [...new Set(own.map((row) => row.segment))];
  if (!segments.includes(asked.segment)) asked.segment = segments[0];
  const shown = own.filter((row) => row.segment === asked.segment);
  const place = new Map(windows.map((one, n) => [one.window, n]));
  const models = [...new Set(shown.map((row) => row.model))]
    .sort((a, b) => placeOf(a) - placeOf(b))
    .slice(0, 6);
  const series = models.map((model) => ({
    label: label(model),
    points: shown
      .filter((row) => row.model === model)
      .map((row) => ({ x: place.get(row.window), y: row.value, low: row.ci_low, high: row.ci_high }))
      .sort((a, b) => a.x - b.x),
  }));
  const numbers = shown.map((row) => row.n_users);
  const set = (key) => (value) => {
    asked[key] = value;
    paint();
  };
  return [
    h(
      "p",
      { class: "panel-about" },
      `${windows.length} windows of time; before each, models learned from strictly older ratings, with settings chosen on the latest of those. Bands are 95 % intervals over ${count(Math.min(...numbers))} to ${count(Math.max(...numbers))} users a window.`,
    ),
    h(
      "div",
      { class: "tools" },
      select(
        "Metric",
        measures.map((value) => ({
          value,
          label: value.endsWith("@0")
            ? metricName(value.split("@")[0])
            : metricName(value.split("@")[0]) + "@" + value.split("@")[1],
        })),
        asked.measure,
        set("measure"),
      ),
      segments.length > 1
        ? select(
            "Users",
            segments.map((value) => ({ value, label: value.replaceAll("_", " ") })),
            asked.segment,
            set("segment"),
          )
        : null,
    ),
    lines(series, {
      about: `${asked.measure} by window for ${models.map(label).join(", ")}`,
      xs: windows.map((one, n) => ({ x: n, label: String(one.starts_at).slice(0, 7) })),
    }),
  ];
}

function rank(measure) {
  const known = ["ndcg@10", "recall@10", "hit_rate@10", "rmse@0", "mae@0"].indexOf(measure);
  return known < 0 ? 99 : known;
}

function placeOf(model) {
  const known = ORDER.indexOf(model);
  return known < 0 ? 99 : known;
}
