/**
 * Pictures for movies without a poster: the pattern of one of the movie's genres in the colours of one of them, which and
 * how by the movie's id. The same movie always looks the same, and no two quite alike.
 */

import { svg } from "../dom.js";
import { PATTERNS } from "./patterns.js";

/** Ground, middle, light, and a spark, each genre's three sets. Ground is dark enough for light type on it. */
const COLOURS = {
  Action: [
    ["#2a0f14", "#b3262e", "#f2784b", "#ffd27d"],
    ["#10182b", "#1f4e8c", "#ff6b35", "#f7c59f"],
  ],
  Adventure: [
    ["#0e2a2b", "#1f7a6d", "#e9b44c", "#fbe8c6"],
    ["#231a10", "#a65e2e", "#e8a33d", "#fff1cf"],
  ],
  Animation: [
    ["#1d1440", "#5b3fd0", "#ff8fb1", "#ffe066"],
    ["#0c2440", "#1e88c7", "#ffb703", "#fef3c7"],
  ],
  Children: [
    ["#12324a", "#2a9d8f", "#f4a261", "#ffe8a3"],
    ["#3a1239", "#c2397a", "#ffb86b", "#fff0c9"],
  ],
  Comedy: [
    ["#3a1a08", "#e07a1f", "#ffd166", "#fff3d6"],
    ["#10313a", "#118ab2", "#ffd166", "#f9f3e3"],
  ],
  Crime: [
    ["#121317", "#3a4150", "#c9a227", "#efe6cf"],
    ["#1a0f14", "#6b2737", "#d8a47f", "#f4e9dc"],
  ],
  Documentary: [
    ["#13211c", "#3f6b52", "#c8d5b9", "#f4f1de"],
    ["#1b1d23", "#4f5d75", "#bfc0c0", "#f5f3ee"],
  ],
  Drama: [
    ["#1b1a2e", "#4a4e8f", "#d9a5b3", "#f6e7e4"],
    ["#221511", "#8a4b3a", "#e0a982", "#f8ebdd"],
    ["#0f2027", "#2c6075", "#9fc4c9", "#eef5f3"],
  ],
  Fantasy: [
    ["#150f33", "#4b2fa3", "#9ad1d4", "#f3e9ff"],
    ["#0d2b2a", "#2a8c82", "#c7f0bd", "#fbfbe8"],
  ],
  "Film-Noir": [
    ["#0b0b0d", "#2c2c31", "#9a9a9f", "#f1efe9"],
    ["#0d0f14", "#26303f", "#8fa3b8", "#eef2f5"],
  ],
  Horror: [
    ["#0f0809", "#6a0f17", "#d7263d", "#f3d9c9"],
    ["#0a120c", "#244a2a", "#8fb339", "#e9f0d2"],
  ],
  IMAX: [
    ["#07172e", "#0f4c81", "#56b4d3", "#e8f7ff"],
    ["#1c0f2e", "#6930c3", "#80ffdb", "#f0fff9"],
  ],
  Musical: [
    ["#320a35", "#a3228e", "#ff9e6d", "#ffe9d6"],
    ["#10173d", "#3b4cca", "#f6bd60", "#fff4dc"],
  ],
  Mystery: [
    ["#0f1a26", "#2b4a6f", "#a58fd0", "#ece6f7"],
    ["#141a16", "#355248", "#b7c9a8", "#f1f4e8"],
  ],
  Romance: [
    ["#380f20", "#c2395d", "#ff9aa2", "#ffe9e3"],
    ["#2b1230", "#8e4585", "#f4acb7", "#fff0f1"],
  ],
  "Sci-Fi": [
    ["#060d1f", "#14407a", "#3ddbd9", "#e2fbff"],
    ["#120a24", "#4c1d95", "#f472b6", "#fdf2ff"],
  ],
  Thriller: [
    ["#0d1418", "#1d4d4f", "#e4572e", "#f7e5d7"],
    ["#14101c", "#3d2b56", "#e5b25d", "#f8efdd"],
  ],
  War: [
    ["#1a1a10", "#565a2f", "#c19a49", "#efe7d0"],
    ["#1c1512", "#6b4a35", "#b0613b", "#f1e3d3"],
  ],
  Western: [
    ["#2b130a", "#a3441c", "#eb9c3f", "#ffe6b8"],
    ["#2a1a1f", "#8c4a4a", "#f0b67f", "#fdebd3"],
  ],
};
const NO_GENRE = [["#17161d", "#4a4656", "#a9a3b5", "#efecf4"]];
const VOICES = ["serif", "condensed", "geometric"];

/** What is drawn of a movie: first genre, pattern, colours, the voice of its title, and the movie's own chance. */
export function look(movie) {
  const chance = chanceOf(Number(movie.movie_id ?? movie.tmdb_id ?? 0));
  const genres = (movie.genres ?? []).filter((one) => one in COLOURS);
  const one = (choices) => choices[Math.floor(chance() * choices.length)];
  const sets = genres.length ? COLOURS[one(genres)] : NO_GENRE;
  const [ground, middle, light, spark] = one(sets);
  const pattern = genres.length ? one(genres) : "none";
  return {
    genre: genres[0] ?? null,
    pattern,
    ground,
    middle,
    light,
    spark,
    voice: one(VOICES),
    mirrored: chance() < 0.5,
    chance,
  };
}

/** The picture alone, 200 × 300, cut to whatever frame it stands in. */
export function art(movie) {
  const seen = look(movie);
  return svg(
    "svg",
    {
      class: "art",
      viewBox: "0 0 200 300",
      preserveAspectRatio: "xMidYMid slice",
      "aria-hidden": "true",
      focusable: "false",
    },
    svg("rect", { width: 200, height: 300, fill: seen.ground }),
    svg(
      "g",
      seen.mirrored ? { transform: "translate(200 0) scale(-1 1)" } : {},
      PATTERNS[seen.pattern](seen),
    ),
  );
}

/** Numbers in [0, 1) that depend on the id alone (mulberry32). */
function chanceOf(id) {
  let state = (id * 2654435761) >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
