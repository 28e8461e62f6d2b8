/** Lines over time or over any other scale, drawn anew at the width that they get. */

import { h, svg } from "../dom.js";
import { scale, ticks, tickText } from "./scale.js";

const HEIGHT = 260;
const EDGE = { top: 14, right: 14, bottom: 30, left: 48 };

/**
 * `series` are {label, points: [{x, y, low, high}]}, each in a colour of its own by order; with `low` and `high` they get
 * a band. `xs` names places of the x axis: [{x, label}]. `from` and `to` bound the y axis.
 */
export function lines(series, { about, xs, yText = null, from = null, to = null, area = false }) {
  const frame = h("div", { class: "lines" });
  const draw = () => {
    const width = Math.round(frame.clientWidth);
    if (width > 0) frame.replaceChildren(picture(series, { about, xs, yText, from, to, area }, width));
  };
  new ResizeObserver(draw).observe(frame);
  const names =
    series.length > 1
      ? h(
          "ul",
          { class: "legend", role: "list" },
          series.map((one, n) =>
            h("li", {}, h("span", { class: `swatch series-${n % 6}`, "aria-hidden": "true" }), one.label),
          ),
        )
      : null;
  return h("figure", { class: "chart" }, names, frame);
}

function picture(series, { about, xs, yText, from, to, area }, width) {
  const points = series.flatMap((one) => one.points);
  const ys = points.flatMap((point) => [point.y, point.low, point.high]).filter(Number.isFinite);
  const low = from ?? Math.min(...ys);
  const high = to ?? Math.max(...ys);
  const x = scale(
    Math.min(...points.map((point) => point.x)),
    Math.max(...points.map((point) => point.x)),
    EDGE.left,
    width - EDGE.right,
  );
  const y = scale(low, high, HEIGHT - EDGE.bottom, EDGE.top);
  const marks = ticks(low, high);
  const shown = thinned(xs, Math.max(2, Math.floor(width / 90)));
  return svg(
    "svg",
    { viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT, role: "img", "aria-label": about },
    marks.map((mark) => [
      svg("line", { x1: EDGE.left, x2: width - EDGE.right, y1: y(mark), y2: y(mark), class: "gridline" }),
      svg(
        "text",
        { x: EDGE.left - 8, y: y(mark) + 4, class: "tick", "text-anchor": "end" },
        yText ? yText(mark) : tickText(mark, marks),
      ),
    ]),
    shown.map((mark, n) =>
      svg(
        "text",
        {
          x: x(mark.x),
          y: HEIGHT - 8,
          class: "tick",
          "text-anchor": n === 0 ? "start" : n === shown.length - 1 ? "end" : "middle",
        },
        mark.label,
      ),
    ),
    series.map((one, n) =>
      curve(
        one.points.filter((point) => Number.isFinite(point.y)),
        x,
        y,
        n % 6,
        area,
      ),
    ),
  );
}

function curve(points, x, y, n, area) {
  if (!points.length) return null;
  const path = points.map((point) => `${x(point.x).toFixed(1)} ${y(point.y).toFixed(1)}`).join(" L");
  const banded = points.filter((point) => Number.isFinite(point.low) && Number.isFinite(point.high));
  const band = [
    ...banded.map((point) => `${x(point.x).toFixed(1)} ${y(point.low).toFixed(1)}`),
    ...banded.toReversed().map((point) => `${x(point.x).toFixed(1)} ${y(point.high).toFixed(1)}`),
  ].join(" L");
  return svg(
    "g",
    { class: `series-${n}` },
    banded.length > 1 ? svg("path", { d: `M${band}Z`, class: "band" }) : null,
    area
      ? svg("path", {
          d: `M${x(points[0].x)} ${HEIGHT - EDGE.bottom} L${path} L${x(points.at(-1).x)} ${HEIGHT - EDGE.bottom}Z`,
          class: "band",
        })
      : null,
    svg("path", { d: `M${path}`, class: "curve" }),
    points.length <= 24
      ? points.map((point) => svg("circle", { cx: x(point.x), cy: y(point.y), r: 3.2, class: "dot" }))
      : null,
  );
}

/** At most n of them, first and last among them. */
function thinned(all, n) {
  if (all.length <= n) return all;
  return Array.from({ length: n }, (_, index) => all[Math.round((index * (all.length - 1)) / (n - 1))]);
}
