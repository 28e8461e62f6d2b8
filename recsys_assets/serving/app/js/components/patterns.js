/** One pattern a genre, on 200 × 300. Each takes the colours and the movie's own chance, and returns shapes. */

import { svg } from "../dom.js";

const many = (n, make) => Array.from({ length: n }, (_, index) => make(index));
const circle = (cx, cy, r, fill, more = {}) => svg("circle", { cx, cy, r, fill, ...more });
const ring = (cx, cy, r, stroke, width) =>
  svg("circle", { cx, cy, r, fill: "none", stroke, "stroke-width": width });
const shape = (d, fill, more = {}) => svg("path", { d, fill, ...more });
const stroke = (d, colour, width, more = {}) =>
  svg("path", { d, fill: "none", stroke: colour, "stroke-width": width, ...more });
const box = (x, y, width, height, fill, more = {}) => svg("rect", { x, y, width, height, fill, ...more });
const between = (chance, low, high) => low + chance() * (high - low);

function speed({ middle, light, spark, chance }) {
  const x = between(chance, 60, 140);
  return [
    ...many(9, (n) =>
      shape(`M${x - 190 + n * 44} 320 L${x + 20} 20 L${x - 174 + n * 44} 320Z`, n % 2 ? light : middle, {
        opacity: 0.85,
      }),
    ),
    circle(x + 20, between(chance, 52, 90), 40, spark),
  ];
}

function mountains({ middle, light, spark, ground, chance }) {
  const ridge = (base, height) =>
    `M0 300 V${base} ${many(6, (n) => `L${n * 40 + between(chance, 5, 35)} ${base - between(chance, 0, height) + (n % 2) * 26}`).join(" ")} L200 ${base} V300Z`;
  return [
    box(0, 0, 200, 300, middle),
    circle(between(chance, 50, 150), 84, between(chance, 26, 46), spark),
    shape(ridge(165, 62), light, { opacity: 0.75 }),
    shape(ridge(205, 50), middle),
    shape(ridge(238, 30), ground),
  ];
}

function blobs({ middle, light, spark, chance }) {
  return [
    box(0, 0, 200, 300, middle),
    ...many(7, (n) =>
      circle(
        between(chance, 0, 200),
        between(chance, 0, 230),
        between(chance, 22, 66),
        [light, spark, middle][n % 3],
        { opacity: 0.82 },
      ),
    ),
    ...many(3, () => circle(between(chance, 40, 160), between(chance, 40, 160), 7, "#ffffff")),
  ];
}

function balloons({ middle, light, spark, chance }) {
  return [
    box(0, 0, 200, 300, middle),
    ...many(5, (n) => {
      const x = 24 + n * 38,
        y = between(chance, 46, 150);
      return [
        stroke(`M${x} ${y} C${x - 20} ${y + 80} ${x + 30} ${y + 120} 100 300`, spark, 1.2),
        circle(x, y, between(chance, 19, 31), n % 2 ? spark : light),
      ];
    }),
  ];
}

function confetti({ middle, light, spark, ground, chance }) {
  return [
    box(0, 0, 200, 300, middle),
    circle(100, 116, 78, light),
    ...many(26, (n) => {
      const x = between(chance, 0, 190),
        y = between(chance, 0, 210);
      return box(x, y, between(chance, 6, 14), between(chance, 6, 14), [spark, ground, middle][n % 3], {
        transform: `rotate(${between(chance, 0, 90)} ${x} ${y})`,
      });
    }),
  ];
}

function blinds({ middle, light, spark, chance }) {
  const tilt = between(chance, -28, 28);
  return [
    box(0, 0, 200, 300, middle, { opacity: 0.55 }),
    svg(
      "g",
      { transform: `rotate(${tilt} 100 150)` },
      many(16, (n) =>
        box(-80, -30 + n * 24, 360, between(chance, 5, 14), light, { opacity: 0.12 + 0.045 * n }),
      ),
    ),
    circle(between(chance, 60, 140), 96, 34, spark, { opacity: 0.9 }),
  ];
}

function grid({ middle, light, spark, chance }) {
  return many(8, (column) =>
    many(9, (row) =>
      circle(
        14 + column * 24.5,
        14 + row * 24.5,
        2 + 8 * chance() ** 1.6,
        chance() > 0.92 ? spark : chance() > 0.45 ? light : middle,
      ),
    ),
  );
}

function horizon({ middle, light, spark, ground, chance }) {
  const y = between(chance, 120, 185),
    x = between(chance, 45, 155),
    r = between(chance, 34, 64);
  return [
    box(0, 0, 200, y, middle),
    circle(x, y - between(chance, -6, 38), r, light),
    box(0, y, 200, 300 - y, ground),
    ...many(5, (n) =>
      box(x - r * (1 - n / 6), y + 8 + n * 13, 2 * r * (1 - n / 6), 4.5 - n * 0.6, light, {
        opacity: 0.75 - n * 0.12,
      }),
    ),
    stroke(`M0 ${y} H200`, spark, 1.2),
  ];
}

function constellation({ middle, light, spark, chance }) {
  const stars = many(11, () => [between(chance, 12, 188), between(chance, 14, 200)]).sort(
    (a, b) => a[0] - b[0],
  );
  return [
    circle(100, 260, 170, middle, { opacity: 0.55 }),
    circle(between(chance, 50, 150), between(chance, 60, 110), 40, light, { opacity: 0.28 }),
    stroke(`M${stars.map(([x, y]) => `${x} ${y}`).join(" L")}`, light, 0.9, { opacity: 0.75 }),
    ...stars.map(([x, y], n) =>
      shape(
        `M${x} ${y - 8 - (n % 3) * 3} L${x + 2.4} ${y} L${x} ${y + 8 + (n % 3) * 3} L${x - 2.4} ${y}Z M${x - 8} ${y} L${x} ${y - 2.4} L${x + 8} ${y} L${x} ${y + 2.4}Z`,
        spark,
      ),
    ),
  ];
}

function jagged({ middle, light, spark, chance }) {
  const teeth = (y, depth, n) =>
    `M0 0 H200 V${y} ${many(n, (i) => `L${200 - (i + 0.5) * (200 / n)} ${y + between(chance, depth * 0.4, depth)} L${200 - (i + 1) * (200 / n)} ${y}`).join(" ")}Z`;
  const x = between(chance, 60, 140);
  return [
    box(0, 0, 200, 300, middle),
    shape(teeth(124, 92, 6), light),
    shape(teeth(78, 74, 8), middle),
    circle(x - 20, 52, 11, spark),
    circle(x + 20, 52, 11, spark),
    circle(x - 20, 52, 4, middle),
    circle(x + 20, 52, 4, middle),
  ];
}

function frames({ middle, light, spark, chance }) {
  const turn = between(chance, -9, 9);
  return svg(
    "g",
    { transform: `rotate(${turn} 100 130)` },
    many(8, (n) =>
      box(-44 + n * 18, -24 + n * 19, 288 - n * 36, 308 - n * 38, n === 7 ? spark : n % 2 ? light : middle, {
        opacity: n === 7 ? 1 : 0.35 + n * 0.06,
      }),
    ),
  );
}

function waves({ middle, light, spark, chance }) {
  const lift = between(chance, 14, 34),
    phase = between(chance, -60, 60);
  return many(11, (n) =>
    stroke(
      `M-20 ${24 + n * 22} C${40 + phase} ${24 + n * 22 - lift * (1 + n / 8)} ${110 + phase} ${24 + n * 22 + lift * (1 + n / 8)} 220 ${20 + n * 22}`,
      n % 4 === 1 ? spark : n % 2 ? light : middle,
      3 + n * 0.9,
    ),
  );
}

function keyhole({ middle, light, spark, ground, chance }) {
  const x = between(chance, 78, 122),
    y = between(chance, 92, 122);
  return [
    ...many(7, (n) =>
      circle(x + (7 - n) * 4, y + (7 - n) * 3, 150 - n * 19, n % 2 ? light : middle, {
        opacity: 0.16 + n * 0.09,
      }),
    ),
    circle(x, y, 19, ground),
    shape(`M${x - 9} ${y + 8} L${x + 9} ${y + 8} L${x + 17} ${y + 62} H${x - 17}Z`, ground),
    circle(x, y, 5, spark),
  ];
}

function overlap({ middle, light, spark, chance }) {
  const gap = between(chance, 22, 44),
    y = between(chance, 92, 130),
    r = between(chance, 52, 68);
  return [
    box(0, 0, 200, 300, middle, { opacity: 0.7 }),
    circle(100 - gap, y, r, light, { opacity: 0.9 }),
    circle(100 + gap, y, r, spark, { opacity: 0.55 }),
    ...many(5, (n) => ring(100, y, r + 22 + n * 15, light, 0.9)),
  ];
}

function orbits({ middle, light, spark, chance }) {
  const x = between(chance, 55, 145),
    y = between(chance, 80, 140),
    tilt = between(chance, -40, 40);
  return [
    circle(x, y, between(chance, 34, 52), middle),
    circle(x, y, between(chance, 18, 28), light),
    svg(
      "g",
      { transform: `rotate(${tilt} ${x} ${y})` },
      many(5, (n) =>
        svg("ellipse", {
          cx: x,
          cy: y,
          rx: 54 + n * 25,
          ry: 16 + n * 10,
          fill: "none",
          stroke: n % 2 ? light : middle,
          "stroke-width": 1.6,
        }),
      ),
      many(4, (n) => circle(x + (54 + n * 25) * (n % 2 ? 1 : -1), y, 4 + n, spark)),
    ),
    ...many(26, () =>
      circle(between(chance, 0, 200), between(chance, 0, 230), between(chance, 0.5, 1.5), spark),
    ),
  ];
}

function converging({ middle, light, spark, chance }) {
  const x = between(chance, 60, 140),
    y = between(chance, 70, 130);
  return [
    ...many(20, (n) => {
      const a = (n / 20) * 2 * Math.PI,
        b = ((n + 0.5) / 20) * 2 * Math.PI;
      return shape(
        `M${x} ${y} L${x + 340 * Math.cos(a)} ${y + 340 * Math.sin(a)} L${x + 340 * Math.cos(b)} ${y + 340 * Math.sin(b)}Z`,
        middle,
        { opacity: 0.8 },
      );
    }),
    circle(x, y, 32, light),
    circle(x, y, 20, middle),
    circle(x, y, 8, spark),
  ];
}

function chevrons({ middle, light, spark, chance }) {
  const first = between(chance, -10, 20);
  return [
    box(0, 0, 200, 300, middle, { opacity: 0.45 }),
    ...many(7, (n) =>
      shape(
        `M0 ${first + n * 38 + 44} L100 ${first + n * 38} L200 ${first + n * 38 + 44} V${first + n * 38 + 60} L100 ${first + n * 38 + 16} L0 ${first + n * 38 + 60}Z`,
        n === 1 ? spark : n % 2 ? light : middle,
        { opacity: 0.9 - n * 0.08 },
      ),
    ),
  ];
}

function desert({ middle, light, spark, ground, chance }) {
  const x = between(chance, 50, 150),
    dune = between(chance, 178, 205);
  return [
    box(0, 0, 200, 300, middle),
    ...many(5, (n) =>
      circle(x, 120, 100 - n * 18, n === 4 ? spark : light, { opacity: n === 4 ? 1 : 0.16 + n * 0.1 }),
    ),
    shape(`M0 ${dune} C50 ${dune - 30} 110 ${dune + 24} 200 ${dune - 14} V300 H0Z`, ground),
    shape(`M${x > 100 ? 34 : 160} ${dune + 6} v-62 m0 34 h-13 v-20 m13 34 h13 v-26`, "none", {
      stroke: ground,
      "stroke-width": 7,
      "stroke-linecap": "round",
      "stroke-linejoin": "round",
    }),
  ];
}

function plain({ middle, light, spark, chance }) {
  const turn = between(chance, 0, 180);
  return svg(
    "g",
    { transform: `rotate(${turn} 100 120)` },
    many(9, (n) =>
      box(-60 + n * 36, -80, 14, 420, n % 4 === 2 ? spark : n % 2 ? light : middle, { opacity: 0.5 }),
    ),
  );
}

export const PATTERNS = {
  Action: speed,
  Adventure: mountains,
  Animation: blobs,
  Children: balloons,
  Comedy: confetti,
  Crime: blinds,
  Documentary: grid,
  Drama: horizon,
  Fantasy: constellation,
  "Film-Noir": blinds,
  Horror: jagged,
  IMAX: frames,
  Musical: waves,
  Mystery: keyhole,
  Romance: overlap,
  "Sci-Fi": orbits,
  Thriller: converging,
  War: chevrons,
  Western: desert,
  none: plain,
};
