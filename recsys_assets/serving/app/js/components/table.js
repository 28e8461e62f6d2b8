/** A table that scrolls sideways where it is too wide. */

import { h } from "../dom.js";

/** `columns` are {title, cell: (row) => child or string, number: bool}. */
export function table(caption, columns, rows) {
  return h(
    "div",
    { class: "scroll", tabindex: 0, role: "group", "aria-label": caption },
    h(
      "table",
      { class: "table" },
      h("caption", { class: "unseen" }, caption),
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          columns.map((one) => h("th", { scope: "col", class: one.number ? "number" : null }, one.title)),
        ),
      ),
      h(
        "tbody",
        {},
        rows.map((row) =>
          h(
            "tr",
            {},
            columns.map((one) => h("td", { class: one.number ? "number" : null }, one.cell(row))),
          ),
        ),
      ),
    ),
  );
}

/** A word with a colour: good, bad, or neither. */
export function verdict(text, kind) {
  return h("span", { class: `verdict verdict-${kind}` }, text);
}

/** A figure that stands alone, with its name and what it means. */
export function fact(name, value, about) {
  return h(
    "div",
    { class: "fact" },
    h("dt", {}, name),
    h("dd", {}, h("strong", {}, value), about ? h("small", {}, about) : null),
  );
}
