/** Estimates with their intervals, one line each, on one scale. Figures are text, so that they can be read and copied. */

import { h, svg } from "../dom.js";
import { figure, signed } from "../format.js";
import { scale, ticks, tickText } from "./scale.js";

const WIDTH = 1000;

/**
 * `rows` are {label, value, low, high, note, mark, strong}. With `zero` the figures are differences: the scale contains
 * zero, marked, and figures carry their sign.
 */
export function intervals(rows, { about, zero = false, decimals = 3 } = {}) {
  const drawn = rows.filter((row) => Number.isFinite(row.value));
  if (!drawn.length) return null;
  const ends = drawn.flatMap((row) => [row.low ?? row.value, row.high ?? row.value, row.value]);
  if (zero) ends.push(0);
  const margin = (Math.max(...ends) - Math.min(...ends)) * 0.04 || 0.01;
  const low = Math.min(...ends) - margin;
  const high = Math.max(...ends) + margin;
  const at = scale(low, high, 0, WIDTH);
  const marks = ticks(low, high);
  const say = zero ? signed : figure;
  return h(
    "div",
    { class: "intervals" },
    h(
      "ul",
      { role: "list", "aria-label": about },
      drawn.map((row) => line(row, at, marks, zero, say, decimals)),
    ),
    h(
      "div",
      { class: "interval axis", "aria-hidden": "true" },
      h("span"),
      h(
        "div",
        { class: "axis-marks" },
        marks.map((mark) => h("span", { style: { left: `${at(mark) / 10}%` } }, tickText(mark, marks))),
      ),
      h("span"),
    ),
  );
}

function line(row, at, marks, zero, say, decimals) {
  const known = Number.isFinite(row.low) && Number.isFinite(row.high);
  return h(
    "li",
    { class: row.strong ? "interval interval-strong" : "interval" },
    h(
      "span",
      { class: "interval-name" },
      row.label,
      row.mark ? h("span", { class: "toggle-mark", title: row.mark }, " ★") : null,
      row.note ? h("small", {}, row.note) : null,
    ),
    svg(
      "svg",
      {
        class: "interval-line",
        viewBox: `0 0 ${WIDTH} 24`,
        preserveAspectRatio: "none",
        "aria-hidden": "true",
      },
      marks.map((mark) => svg("line", { x1: at(mark), x2: at(mark), y1: 0, y2: 24, class: "gridline" })),
      zero ? svg("line", { x1: at(0), x2: at(0), y1: 0, y2: 24, class: "zeroline" }) : null,
      known
        ? svg("rect", {
            x: at(row.low),
            y: 9,
            width: Math.max(2, at(row.high) - at(row.low)),
            height: 6,
            rx: 3,
            class: `interval-band ${zero ? side(row) : ""}`,
          })
        : null,
      svg("line", { x1: at(row.value), x2: at(row.value), y1: 4, y2: 20, class: "interval-point" }),
    ),
    h(
      "span",
      { class: "interval-figure" },
      h("strong", {}, say(row.value, decimals)),
      known
        ? h("small", {}, `${say(row.low, decimals)} to ${say(row.high, decimals)}`)
        : h("small", {}, "no interval"),
    ),
  );
}

/** Whether a difference's interval lies above zero, below it, or across. */
function side(row) {
  return row.low > 0 ? "band-above" : row.high < 0 ? "band-below" : "band-across";
}
