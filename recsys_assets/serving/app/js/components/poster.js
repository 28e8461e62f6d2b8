/** A movie's poster, or a designed tile with its title where there is none. */

import { h, replace } from "../dom.js";
import { spoken } from "../format.js";
import { art, look } from "./art.js";

const UNBROKEN = 12;

/** A frame of 2 : 3. `large` takes the poster for a page of its own; `silent` hides it from screen readers. */
export function poster(movie, { large = false } = {}) {
  const frame = h("div", { class: `poster${large ? " poster-large" : ""}` });
  if (!movie.poster_url) return tile(frame, movie);
  const image = h("img", {
    src: movie.poster_url,
    alt: "",
    loading: large ? "eager" : "lazy",
    decoding: "async",
  });
  image.addEventListener("error", () => tile(replace(frame), movie), { once: true });
  frame.append(image);
  return frame;
}

function tile(frame, movie) {
  const seen = look(movie);
  const name = spoken(movie.title);
  const words = name.split(/\s+/);
  const longest = Math.max(
    ...words.map((word) =>
      word.length > UNBROKEN ? Math.max(...word.split("-").map((part) => part.length)) : word.length,
    ),
  );
  const size = name.length > 34 ? "small" : name.length > 20 ? "middle" : "big";
  frame.classList.add("tile", `voice-${seen.voice}`, `title-${size}`);
  frame.style.setProperty("--ground", seen.ground);
  frame.style.setProperty("--spark", seen.spark);
  frame.style.setProperty("--longest", Math.max(4, longest));
  frame.append(
    art(movie),
    h(
      "div",
      { class: "tile-words", "aria-hidden": "true" },
      h(
        "span",
        { class: "tile-title" },
        words.map((word) => [h("span", { class: word.length > UNBROKEN ? null : "tile-word" }, word), " "]),
      ),
      h("span", { class: "tile-foot" }, [movie.year, seen.genre].filter(Boolean).join(" · ")),
    ),
  );
  return frame;
}
