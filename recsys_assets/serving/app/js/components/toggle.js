/** A choice of one among a few, as radio buttons that look like one control. */

import { h } from "../dom.js";

let made = 0;

/**
 * `options` are {value, label, title, mark}; `mark` adds a small star (the champion). `choose` is called with the value.
 */
export function toggle(legend, options, chosen, choose, { className = "" } = {}) {
  const name = `toggle-${++made}`;
  return h(
    "fieldset",
    { class: `toggle ${className}`.trim() },
    h("legend", { class: "unseen" }, legend),
    options.map((option) =>
      h(
        "label",
        { class: "toggle-option", title: option.title },
        h("input", {
          type: "radio",
          name,
          value: option.value,
          checked: option.value === chosen,
          class: "unseen",
          on: { change: () => choose(option.value) },
        }),
        h(
          "span",
          {},
          option.label,
          option.mark
            ? h(
                "span",
                { class: "toggle-mark", title: "Champion: what is served by default" },
                "★",
                h("span", { class: "unseen" }, " champion"),
              )
            : null,
        ),
      ),
    ),
  );
}
