/** Five stars that are given in halves: by pointer, or as a slider by the keyboard. */

import { h, svg } from "../dom.js";

const STAR = "M12 2.6l2.9 6 6.6.9-4.8 4.6 1.2 6.5L12 17.5l-5.9 3.1 1.2-6.5L2.5 9.5l6.6-.9z";

/** `value` is null or 0.5 … 5; `give` is called with the new value, or null when the same stars are pressed again. */
export function stars(title, value, give) {
  let shown = value;
  const field = h("div", {
    class: "stars",
    role: "slider",
    tabindex: 0,
    "aria-label": `Your stars for ${title}`,
    "aria-valuemin": 0,
    "aria-valuemax": 5,
  });
  const fills = Array.from({ length: 5 }, () => h("span", { class: "star-fill" }, star()));
  field.append(...fills.map((fill) => h("span", { class: "star" }, star(), fill)));

  const paint = (stars) =>
    fills.forEach((fill, n) =>
      fill.style.setProperty("width", `${100 * Math.min(1, Math.max(0, (stars ?? 0) - n))}%`),
    );
  const at = (event) => {
    const frame = field.getBoundingClientRect();
    return Math.min(5, Math.max(0.5, Math.ceil(((event.clientX - frame.left) / frame.width) * 10) / 2));
  };
  const set = (next) => {
    field.set(next);
    give(next);
  };
  field.set = (next) => {
    shown = next;
    field.setAttribute("aria-valuenow", next ?? 0);
    field.setAttribute("aria-valuetext", next ? `${next} of 5 stars` : "not rated");
    field.classList.toggle("given", next !== null);
    paint(next);
  };
  field.addEventListener("pointermove", (event) => event.pointerType === "mouse" && paint(at(event)));
  field.addEventListener("pointerleave", () => paint(shown));
  field.addEventListener("click", (event) => set(at(event) === shown ? null : at(event)));
  field.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 0.5, ArrowUp: 0.5, ArrowLeft: -0.5, ArrowDown: -0.5 }[event.key];
    const next = step ? (shown ?? 0) + step : { Home: 0.5, End: 5, Delete: 0, Backspace: 0 }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    set(next <= 0 ? null : Math.min(5, next));
  });
  field.set(value);
  return field;
}

/** Stars that can only be read. */
export function starsOf(value) {
  return h(
    "span",
    { class: "stars-read", role: "img", "aria-label": `${value} of 5 stars` },
    "★".repeat(Math.floor(value)),
    value % 1 ? "½" : "",
  );
}

function star() {
  return svg(
    "svg",
    { viewBox: "0 0 24 24", "aria-hidden": "true", focusable: "false" },
    svg("path", { d: STAR }),
  );
}
