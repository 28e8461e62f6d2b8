/** What must hold before anything is published, and how far each is on the good side. */

import { verdict } from "../../components/table.js";
import { h, svg } from "../../dom.js";
import { figure, signed, words } from "../../format.js";

export function gates({ gates: rows }) {
  if (!rows?.length) return null;
  const held = rows.filter((row) => row.passed).length;
  return [
    h(
      "p",
      { class: "panel-about" },
      `${held} of ${rows.length} hold. The mark is the threshold, the bar what was measured; the distance says how far on the good side.`,
    ),
    h("ul", { class: "gates", role: "list" }, rows.toSorted((a, b) => a.passed - b.passed).map(gate)),
  ];
}

function gate(row) {
  const { measured, threshold } = row;
  return h(
    "li",
    { class: "gate" },
    h("div", { class: "gate-name" }, h("strong", {}, words(row.gate)), h("small", {}, row.description)),
    verdict(
      row.passed === null ? "off" : row.passed ? "holds" : "fails",
      row.passed === null ? "open" : row.passed ? "good" : "bad",
    ),
    Number.isFinite(measured) && Number.isFinite(threshold)
      ? picture(measured, threshold, row.passed)
      : h("span", {}),
    h(
      "p",
      { class: "gate-figures" },
      h("strong", {}, figure(measured)),
      ` ${row.comparison} ${figure(threshold)}`,
      h("small", {}, `distance ${signed(row.distance)}`),
    ),
  );
}

/** Zero on the left (or in between), the larger of both on the right; very unlike sizes are drawn by their roots. */
function picture(measured, threshold, passed) {
  const unlike =
    Math.max(Math.abs(measured), Math.abs(threshold)) >
      8 * Math.min(Math.abs(measured), Math.abs(threshold)) && threshold !== 0;
  const size = (value) => (unlike ? Math.sign(value) * Math.sqrt(Math.abs(value)) : value);
  const low = Math.min(0, size(measured), size(threshold));
  const high = Math.max(0, size(measured), size(threshold)) || 1;
  const at = (value) => 2 + (96 * (size(value) - low)) / (high - low);
  return svg(
    "svg",
    { class: "gate-line", viewBox: "0 0 100 16", preserveAspectRatio: "none", "aria-hidden": "true" },
    svg("rect", { x: 0, y: 5, width: 100, height: 6, class: "bar-ground" }),
    svg("rect", {
      x: Math.min(at(0), at(measured)),
      y: 5,
      width: Math.max(0.6, Math.abs(at(measured) - at(0))),
      height: 6,
      class: passed ? "gate-good" : "gate-bad",
    }),
    svg("rect", { x: at(threshold) - 0.25, y: 0, width: 0.5, height: 16, class: "gate-mark" }),
  );
}
