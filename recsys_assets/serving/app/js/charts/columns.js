/** Columns that stand: how often each of a few values occurs. */

import { h } from "../dom.js";
import { count, percent } from "../format.js";

/** `rows` are {label, value}; shares are of the sum of all. */
export function columns(rows, { about }) {
  const most = Math.max(1, ...rows.map((row) => row.value));
  const total = rows.reduce((sum, row) => sum + row.value, 0) || 1;
  return h(
    "ul",
    { class: "columns", role: "list", "aria-label": about },
    rows.map((row) =>
      h(
        "li",
        { class: "column", title: `${row.label}: ${count(row.value)} (${percent(row.value / total, 1)})` },
        h("span", { class: "column-figure" }, percent(row.value / total)),
        h("span", { class: "column-bar", style: { "--height": `${(100 * row.value) / most}%` } }),
        h("span", { class: "column-label" }, row.label),
        h("span", { class: "unseen" }, `: ${count(row.value)}`),
      ),
    ),
  );
}
