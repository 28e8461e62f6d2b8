/** Where an address leads to nothing. */

import { empty } from "../components/states.js";
import { h } from "../dom.js";
import { link } from "../router.js";

export function missing(place) {
  place.append(
    h(
      "div",
      { class: "page" },
      h("h1", {}, "No such page"),
      empty("This address leads nowhere.", null, h("a", { class: "button", href: link("/") }, "Home")),
    ),
  );
}
