/** A row of cards that scrolls sideways: by hand, by its two buttons, or by the keyboard's focus. */

import { h } from "../dom.js";
import { card } from "./card.js";
import { empty, ghosts, region } from "./states.js";

/** The cards of a list, with buttons where there is more to the side. */
export function track(items, options = {}) {
  const list = h(
    "ul",
    { class: "row-track", role: "list" },
    items.map((item) => h("li", {}, card(item, options))),
  );
  const back = arrow("Back", "‹", () => slide(-1));
  const on = arrow("Further", "›", () => slide(1));
  const slide = (way) =>
    list.scrollBy({ left: way * list.clientWidth * 0.85, behavior: calm() ? "auto" : "smooth" });
  const update = () => {
    back.hidden = list.scrollLeft < 8;
    on.hidden = list.scrollLeft + list.clientWidth > list.scrollWidth - 8;
  };
  list.addEventListener("scroll", update, { passive: true });
  new ResizeObserver(update).observe(list);
  return h("div", { class: "row-frame" }, back, list, on);
}

/**
 * A titled row that loads itself. `load` gives an envelope of items; `aside` stands beside the title; `describe` makes a
 * line under it of the envelope; `options` (a function of the envelope) are the cards'.
 */
export function row(
  title,
  load,
  { aside = null, describe = null, options = () => ({}), signal, nothing = "Nothing here yet." } = {},
) {
  const told = h("p", { class: "row-about" });
  const body = region(
    load,
    (answer) => {
      told.replaceChildren(...[describe?.(answer)].flat().filter(Boolean));
      return answer.items.length ? track(answer.items, options(answer)) : empty(nothing);
    },
    { skeleton: () => ghosts(), signal },
  );
  const section = h(
    "section",
    { class: "row", "aria-label": title },
    h(
      "div",
      { class: "row-head" },
      h("h2", {}, title),
      aside ? h("div", { class: "row-aside" }, aside) : null,
    ),
    told,
    body,
  );
  section.reload = body.reload;
  return section;
}

function arrow(label, sign, act) {
  return h(
    "button",
    {
      type: "button",
      class: `row-arrow row-arrow-${label.toLowerCase()}`,
      "aria-label": label,
      hidden: true,
      on: { click: act },
    },
    sign,
  );
}

function calm() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}
