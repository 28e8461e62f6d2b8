/** The dialog in which people say who is watching. */

import { get } from "../api.js";
import { h } from "../dom.js";
import { plural } from "../format.js";
import { GUEST } from "../recommending.js";
import { go } from "../router.js";
import { recall, remember } from "../store.js";
import { delayed } from "./delayed.js";
import { empty, region } from "./states.js";

const SHOWN = 24;

/** Open it. What is chosen is remembered, and the page follows. */
export function pickUser() {
  const closing = new AbortController();
  const dialog = h("dialog", { class: "dialog", "aria-labelledby": "picker-title" });
  const field = h("input", {
    id: "picker-query",
    class: "input",
    type: "search",
    inputmode: "numeric",
    autocomplete: "off",
    placeholder: "User id, for example 42",
    maxlength: 16,
  });
  const choose = (user) => {
    dialog.close();
    remember("user", user);
    if (location.hash && !/^#\/(compare|movie)?(\/|\?|$)/.test(location.hash)) go("/");
  };
  const found = region(
    () => get("/v1/users", { q: digits(field.value), n: SHOWN }, { signal: closing.signal }),
    ({ items }) => list(items, digits(field.value), choose),
    { signal: closing.signal, className: "picker-found" },
  );
  field.addEventListener("input", delayed(found.reload, closing.signal));
  const form = h(
    "form",
    {
      class: "picker-form",
      on: {
        submit: (event) => (
          event.preventDefault(),
          digits(field.value) && choose(Number(digits(field.value)))
        ),
      },
    },
    h("label", { for: "picker-query" }, "Find a user by id"),
    field,
  );
  const newcomer = h(
    "button",
    { type: "button", class: "button", on: { click: () => (dialog.close(), go("/start")) } },
    "I'm new here: rate a few movies",
  );
  const guest = Object.keys(recall("guest")).length
    ? h(
        "button",
        { type: "button", class: "button button-quiet", on: { click: () => choose(GUEST) } },
        `Watch as guest, with ${plural(Object.keys(recall("guest")).length, "rating")} of your own`,
      )
    : null;

  dialog.append(
    h(
      "div",
      { class: "dialog-head" },
      h("h2", { id: "picker-title" }, "Who is watching?"),
      h(
        "button",
        { type: "button", class: "dialog-close", "aria-label": "Close", on: { click: () => dialog.close() } },
        "×",
      ),
    ),
    form,
    found,
    h("div", { class: "dialog-foot" }, newcomer, guest),
  );
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  dialog.addEventListener("close", () => (closing.abort(), dialog.remove()));
  document.body.append(dialog);
  dialog.showModal();
  field.focus();
}

function list(users, typed, choose) {
  const exact = users.some((one) => String(one.user_id) === typed);
  const stranger =
    typed && !exact
      ? h(
          "li",
          {},
          person(typed, "not among the ratings: a newcomer", false, () => choose(Number(typed))),
        )
      : null;
  if (!users.length && !stranger) return empty("No such user", "Ids are whole numbers.");
  return h(
    "ul",
    { class: "picker-list", role: "list" },
    stranger,
    users.map((one) =>
      h(
        "li",
        {},
        person(one.user_id, plural(one.n_ratings, "rating"), one.user_id === recall("user"), () =>
          choose(one.user_id),
        ),
      ),
    ),
  );
}

function person(id, about, chosen, act) {
  return h(
    "button",
    { type: "button", class: "picker-user", "aria-pressed": chosen ? "true" : "false", on: { click: act } },
    h("strong", {}, `User ${id}`),
    h("span", {}, about),
  );
}

function digits(text) {
  return text.replace(/\D/g, "");
}
