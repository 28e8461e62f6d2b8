/** How good it all is: every figure with its split, users and interval. */

import { get } from "../api.js";
import { bones, empty, region } from "../components/states.js";
import { h } from "../dom.js";
import { gates } from "./figures/gates.js";
import { claims, drift, leakage } from "./figures/findings.js";
import { leaderboards } from "./figures/leaderboards.js";
import { experiments, lifecycle } from "./figures/lifecycle.js";
import { overTime } from "./figures/over_time.js";

/** Sections in their order: the name in the menu, and what draws it from the tables (null where they are missing). */
const SECTIONS = [
  ["Leaderboards", leaderboards],
  ["Over time", overTime],
  ["Gates", gates],
  ["Champions", lifecycle],
  ["Claims", claims],
  ["Leakage", leakage],
  ["Experiments", experiments],
  ["Drift", drift],
];

export function evaluation(place, { signal }) {
  const load = async () => {
    const [figures, tests] = await Promise.all([
      get("/v1/evaluation", {}, { signal }),
      get("/v1/experiments", {}, { signal }),
    ]);
    const ofSegment = (segment) => get("/v1/evaluation", { segment }, { signal });
    return { ...figures, experiments: tests.experiments, ofSegment };
  };
  place.append(
    h(
      "div",
      { class: "page" },
      h("h1", {}, "How good it is"),
      h(
        "p",
        { class: "lead" },
        "Models that learned from earlier ratings, judged on each user's later ones. Intervals are 95 % bootstrap intervals over users; settings were chosen on validation rows, and no test row chose anything.",
      ),
      region(load, drawn, { signal, skeleton: () => bones(12), className: "figures" }),
    ),
  );
}

function drawn(answer) {
  const made = SECTIONS.map(([name, draw]) => ({
    name,
    id: `part-${name.toLowerCase().replaceAll(" ", "-")}`,
    body: draw(answer),
  })).filter((one) => one.body !== null);
  if (!made.length) return empty("Nothing has been judged yet", "This publication has no evaluation.");
  return [
    h("p", { class: "figures-from" }, `Generation ${answer.model_version}`),
    h(
      "nav",
      { class: "jump", "aria-label": "Sections" },
      made.map((one) =>
        h(
          "button",
          { type: "button", class: "button button-small", on: { click: () => jump(one.id) } },
          one.name,
        ),
      ),
    ),
    made.map((one) =>
      h(
        "section",
        { class: "panel figure", id: one.id, tabindex: -1, "aria-label": one.name },
        h("h2", {}, one.name),
        one.body,
      ),
    ),
  ];
}

function jump(id) {
  const target = document.getElementById(id);
  target?.focus({ preventScroll: true });
  target?.scrollIntoView({ block: "start" });
}
