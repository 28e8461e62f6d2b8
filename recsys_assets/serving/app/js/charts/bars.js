/** Bars that lie: names on the left, lengths from zero, figures on the right. Negative ones go the other way. */

import { h, svg } from "../dom.js";

/** `rows` are {label, value, text, note, href, quiet}; `about` says what the lengths are. */
export function bars(rows, { about = "", low = null, high = null } = {}) {
  const least = low ?? Math.min(0, ...rows.map((row) => row.value));
  const most = high ?? Math.max(0, ...rows.map((row) => row.value));
  const span = most - least || 1;
  const at = (value) => (100 * (Math.min(most, Math.max(least, value)) - least)) / span;
  return h(
    "ul",
    { class: "bars", role: "list", "aria-label": about },
    rows.map((row) =>
      h(
        "li",
        { class: row.quiet ? "bar bar-quiet" : "bar" },
        h(
          "div",
          { class: "bar-name" },
          row.href ? h("a", { href: row.href }, row.label) : row.label,
          row.note ? h("span", { class: "bar-note" }, row.note) : null,
        ),
        line(at(0), at(row.value), row.value < 0),
        h("span", { class: "bar-figure" }, row.text),
      ),
    ),
  );
}

function line(zero, end, negative) {
  const from = Math.min(zero, end);
  const width = Math.max(Math.abs(end - zero), 0.4);
  return svg(
    "svg",
    { class: "bar-line", viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" },
    svg("rect", { x: 0, y: 0, width: 100, height: 10, class: "bar-ground" }),
    svg("rect", { x: from, y: 0, width, height: 10, class: negative ? "bar-less" : "bar-more" }),
    zero > 0.5 ? svg("rect", { x: zero - 0.15, y: 0, width: 0.3, height: 10, class: "bar-zero" }) : null,
  );
}
