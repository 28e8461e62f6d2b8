/** Says when the server can't be reached, when what is shown is old, and when something newer is published. */

import { get, weather } from "../api.js";
import { h, replace } from "../dom.js";
import { onChange } from "../store.js";

const PERIOD = 60_000;

/** The place for notices; `again` shows the page anew. */
export function notices(again) {
  const place = h("div", { class: "notices", role: "status", "aria-live": "polite" });
  let version = null;
  let reached = true;

  const say = (kind, text, action, act) =>
    replace(
      place,
      h(
        "div",
        { class: `notice notice-${kind}` },
        h("p", {}, text),
        h("button", { type: "button", class: "button button-small", on: { click: act } }, action),
      ),
    );
  // Of the data set that is shown: the server's own readiness is that of its default.
  const look = () =>
    get("/v1/models", {}, { fresh: true }).catch((error) => {
      if (error.status === undefined) throw error;
    });
  const renew = () => {
    version = null;
    replace(place);
    again();
  };

  weather.addEventListener("unreached", () => {
    reached = false;
    if (!place.querySelector(".notice-old"))
      say("down", "The server does not answer. What you see may be out of date.", "Try again", look);
  });
  weather.addEventListener("aged", (event) => {
    const since = new Date(event.detail).toTimeString().slice(0, 5);
    say("old", `The server does not answer. This is what it said at ${since}.`, "Try again", renew);
  });
  weather.addEventListener("reached", (event) => {
    if (!reached) {
      reached = true;
      replace(place);
    }
    const served = event.detail;
    if (served === null) return;
    if (version === null) version = served;
    else if (served !== version) say("new", "Newer recommendations have been published.", "Show them", renew);
  });
  onChange("dataset", () => (version = null));
  setInterval(() => document.visibilityState === "visible" && look(), PERIOD);
  return place;
}
