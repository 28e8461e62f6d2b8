/** Which strategy and which version answers by default, what decided it, and what comparisons of live users showed. */

import { table, verdict } from "../../components/table.js";
import { h } from "../../dom.js";
import { count, figure, moment, signed, words } from "../../format.js";
import { label } from "../../strategies.js";
import { metricName } from "./leaderboards.js";

const SHOWN = 12;
const DECISIONS = { first: "good", promoted: "good", kept: "open", none: "open" };

export function lifecycle({ champions = [], promotions = [], model_versions: versions = [] }) {
  const parts = [
    champions.length ? standing(champions) : null,
    promotions.length ? decisions(promotions) : null,
    versions.length ? engines(versions) : null,
  ].filter(Boolean);
  return parts.length ? parts : null;
}

function standing(rows) {
  return h(
    "div",
    {},
    h(
      "p",
      { class: "panel-about" },
      "Who answers by default, of each task. A challenger takes its place only if it is better beyond noise, over the same users.",
    ),
    h(
      "ul",
      { class: "champions", role: "list" },
      rows.map((row) =>
        h(
          "li",
          { class: "champion" },
          h("span", { class: "champion-task" }, words(row.task)),
          h("strong", {}, "★ ", label(row.strategy)),
          h(
            "p",
            {},
            `${metricName(row.metric)} ${figure(row.value)}`,
            row.ci_low === null ? "" : ` (${figure(row.ci_low)} to ${figure(row.ci_high)})`,
            `, ${count(row.n_users)} users, held-out rows`,
          ),
          h("small", {}, `since ${moment(row.promoted_at)}`),
          row.reason ? h("small", {}, row.reason) : null,
        ),
      ),
    ),
  );
}

function decisions(rows) {
  const latest = rows.toReversed().slice(0, SHOWN);
  return h(
    "div",
    { class: "below" },
    h("h3", {}, `Decisions, latest first${rows.length > SHOWN ? ` (${SHOWN} of ${rows.length})` : ""}`),
    table(
      "Decisions on champions",
      [
        {
          title: "When",
          cell: (row) => [moment(row.decided_at), h("small", {}, `${words(row.task)}, look ${row.look}`)],
        },
        {
          title: "Challenger",
          cell: (row) => [label(row.challenger), h("small", {}, `against ${label(row.champion)}`)],
        },
        {
          title: "Gain",
          number: true,
          cell: (row) => [
            signed(row.difference, 4),
            h("small", {}, `at least ${signed(row.ci_low, 4)}, ${count(row.n_users)} users`),
          ],
        },
        {
          title: "Decision",
          cell: (row) => [
            verdict(row.decision, DECISIONS[row.decision] ?? "open"),
            h("small", {}, row.reason),
          ],
        },
      ],
      latest,
    ),
  );
}

function engines(rows) {
  return h(
    "div",
    { class: "below" },
    h("h3", {}, "Versions of the content engine"),
    table(
      "Versions of the content engine",
      [
        {
          title: "Version",
          cell: (row) => [
            h("strong", {}, `${row.version}`),
            h("small", {}, [row.stage, row.alias].filter(Boolean).join(", ")),
          ],
        },
        {
          title: "Silhouette",
          number: true,
          cell: (row) => [figure(row.silhouette), h("small", {}, `at least ${figure(row.silhouette_min)}`)],
        },
        {
          title: "Lift over same genre",
          number: true,
          cell: (row) => [
            figure(row.lift),
            h("small", {}, `lower end ${figure(row.lift_ci_low)}, above ${figure(row.lift_min)}`),
          ],
        },
        {
          title: "Decision",
          cell: (row) => [
            verdict(row.decision ?? "open", row.decision === "promoted" ? "good" : "open"),
            h("small", {}, row.reason ?? ""),
          ],
        },
      ],
      rows.toReversed(),
    ),
  );
}

export function experiments({ experiments: rows = [] }) {
  if (!rows.length) return null;
  const columns = Object.keys(rows[0]);
  return [
    h("p", { class: "panel-about" }, "Strategies dealt to users at random, and what they made of them."),
    table(
      "Experiments",
      columns.map((name) => ({
        title: words(name),
        number: typeof rows[0][name] === "number",
        cell: (row) => cell(row[name]),
      })),
      rows,
    ),
  ];
}

function cell(value) {
  if (value === null || value === undefined) return "–";
  return typeof value === "number" ? figure(value, 4) : String(value);
}
