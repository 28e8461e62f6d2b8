/** What stands where an answer is waited for, empty, or refused. */

import { giveKey } from "../api.js";
import { h, replace } from "../dom.js";
import { ghost } from "./card.js";

/**
 * A place that fills itself: `skeleton` while `load` is under way, then what `draw` makes of the answer, or what
 * `refused` makes of an error and a way to try again. Reloading with `place.reload()` keeps what is there until the new answer comes.
 */
export function region(
  load,
  draw,
  { skeleton = () => bones(), refused = refusal, signal, className = "region" } = {},
) {
  const place = h("div", { class: className, "aria-busy": "true" });
  let turn = 0;
  place.reload = async () => {
    const mine = ++turn;
    place.setAttribute("aria-busy", "true");
    if (!place.childElementCount || place.querySelector(":scope > .refusal, :scope > .page > .refusal"))
      replace(place, skeleton());
    try {
      const answer = await load();
      if (mine === turn && !signal?.aborted) replace(place, draw(answer));
    } catch (error) {
      if (signal?.aborted || mine !== turn) return;
      if (error.status === undefined) console.error(error);
      replace(place, refused(error, place.reload));
    } finally {
      if (mine === turn) place.setAttribute("aria-busy", "false");
    }
  };
  place.reload();
  return place;
}

/** Why there is nothing to see, with a button that tries again. */
export function refusal(error, retry) {
  const heading =
    error.status === 0 ? "The server does not answer" : (error.title ?? "This part of the page failed");
  return h(
    "div",
    { class: "refusal", role: "alert" },
    h("p", { class: "refusal-title" }, heading),
    h(
      "p",
      { class: "refusal-detail" },
      error.message && error.message !== heading ? error.message : "Nothing is lost: try again in a moment.",
    ),
    error.status === 401 ? keyForm() : null,
    retry && error.status !== 401
      ? h("button", { type: "button", class: "button", on: { click: () => retry() } }, "Try again")
      : null,
  );
}

/** Where a server wants a key, people can give it; the page starts again with it. */
function keyForm() {
  const field = h("input", {
    class: "input",
    type: "password",
    autocomplete: "off",
    "aria-label": "API key",
  });
  const give = (event) => {
    event.preventDefault();
    giveKey(field.value.trim());
    location.reload();
  };
  return h(
    "form",
    { class: "key-form", on: { submit: give } },
    field,
    h("button", { class: "button" }, "Use this key"),
  );
}

/** The same where it is all that the page has: under the page's heading. */
export function refusedPage(heading) {
  return (error, retry) => h("div", { class: "page" }, h("h1", {}, heading), refusal(error, retry));
}

/** A friendly line where a list has nothing in it. */
export function empty(title, detail = null, action = null) {
  return h(
    "div",
    { class: "empty" },
    h("p", { class: "empty-title" }, title),
    detail ? h("p", { class: "empty-detail" }, detail) : null,
    action,
  );
}

/** Grey lines where text will stand. */
export function bones(n = 3) {
  return h(
    "div",
    { class: "bones", "aria-hidden": "true" },
    Array.from({ length: n }, () => h("div", { class: "bone" })),
  );
}

/** Grey posters where a row will stand. */
export function ghosts(n = 8) {
  return h("div", { class: "row-track", "aria-hidden": "true" }, Array.from({ length: n }, ghost));
}
