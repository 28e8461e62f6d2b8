/** Stars that a user gives to a movie: shown at once, sent to the server, taken back if it won't have them. */

import { post } from "../api.js";
import { h } from "../dom.js";
import { spoken } from "../format.js";
import { GUEST } from "../recommending.js";
import { recall, remember } from "../store.js";
import { stars } from "./stars.js";

/** The stars with a line that says what became of them. `before` are the stars that the server knows, or null. */
export function rate(user, movie, before = null) {
  const told = h("p", { class: "rate-told", role: "status" });
  const key = `${user}/${movie.movie_id}`;
  let kept = user === GUEST ? (recall("guest")[movie.movie_id] ?? null) : (recall("stars")[key] ?? before);

  const send = async (value, feedbackId) => {
    told.replaceChildren("Saving …");
    try {
      const { status } = await post("/v1/feedback", {
        feedback_id: feedbackId,
        user_id: user,
        movie_id: movie.movie_id,
        rating: value,
        ...followed(user),
      });
      kept = value;
      remember("stars", { ...recall("stars"), [key]: value });
      told.replaceChildren(
        status === "accepted"
          ? `Saved: ${value} stars. They count from the next publication.`
          : "Already saved.",
      );
    } catch (error) {
      if (error.status === undefined) throw error;
      field.set(kept);
      told.replaceChildren(
        h("span", { class: "rate-failed" }, `Not saved: ${error.message} `),
        h(
          "button",
          {
            type: "button",
            class: "inline-button",
            on: { click: () => (field.set(value), send(value, feedbackId)) },
          },
          "Try again",
        ),
      );
    }
  };
  const give = (value) => {
    if (user === GUEST) return keep(movie, value, told);
    if (value === null) {
      field.set(kept);
      return told.replaceChildren("Stars can be changed, not taken back.");
    }
    return send(value, randomId());
  };
  const field = stars(spoken(movie.title), kept, give);
  return h(
    "div",
    { class: "rate" },
    h("p", { class: "rate-label" }, user === GUEST ? "Your stars, as guest" : `Stars of user ${user}`),
    field,
    told,
  );
}

function keep(movie, value, told) {
  const { [movie.movie_id]: _, ...others } = recall("guest");
  remember("guest", value === null ? others : { ...others, [movie.movie_id]: value });
  told.replaceChildren(
    value === null ? "Taken back." : `Kept in this browser: ${value} stars. Your list follows at once.`,
  );
}

/** The list that an experiment dealt to this user, if one did. */
function followed(user) {
  const exposure = recall("exposure");
  return exposure?.user === user ? { exposure_id: exposure.id } : {};
}

/** A UUID; pages that are not served from this machine or over https have no randomUUID. */
function randomId() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
