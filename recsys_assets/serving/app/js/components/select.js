/** A labelled choice from a list. */

import { h } from "../dom.js";

/** `options` are {value, label}; `choose` is called with the value. */
export function select(name, options, chosen, choose) {
  return h(
    "label",
    { class: "choose" },
    h("span", {}, name),
    h(
      "select",
      { class: "select", data: { keep: name }, on: { change: (event) => choose(event.target.value) } },
      options.map((one) => h("option", { value: one.value, selected: one.value === chosen }, one.label)),
    ),
  );
}
