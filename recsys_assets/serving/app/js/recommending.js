/** Which recommendations the page asks for: a user's, or a guest's by the stars that this browser remembers. */

import { get, post } from "./api.js";
import { recall } from "./store.js";
import { STRATEGIES } from "./strategies.js";

export const GUEST = "guest";
const FOLDED_IN = new Set(["als", "content", "hybrid"]);

/** Who is watching, in words. */
export function watcher(user = recall("user")) {
  return user === GUEST ? "Guest" : user === null ? "Nobody yet" : `User ${user}`;
}

/** The first n places for whoever is watching; filters are genre, year_min and diversity, null where they are not wanted. */
export function recommendations(user, strategy, n, { signal, ...filters } = {}) {
  if (user === GUEST) return session(recall("guest"), strategy, n, { signal, ...filters });
  return get(
    `/v1/users/${encodeURIComponent(user)}/recommendations`,
    { n, strategy, ...filters },
    { signal },
  );
}

/** Recommendations for stars that nobody has stored, by fold-in; strategies that can't fold in leave the choice to the server. */
export function session(given, strategy, n, { signal, ...filters } = {}) {
  const ratings = Object.entries(given).map(([id, rating]) => ({ movie_id: Number(id), rating }));
  const chosen = FOLDED_IN.has(strategy) ? { strategy } : {};
  const wanted = Object.fromEntries(Object.entries(filters).filter(([, value]) => value !== null));
  return post("/v1/recommendations/session", { ratings, n, ...chosen, ...wanted }, { signal });
}

/** The strategies as options of a toggle, the champion marked; for a guest those that fold stars in. */
export async function strategyOptions({ signal } = {}) {
  const { strategies } = await get("/v1/models", {}, { signal });
  const served = new Map(strategies.map((one) => [one.strategy, one]));
  return STRATEGIES.filter(
    ({ name }) => served.has(name) && (recall("user") !== GUEST || FOLDED_IN.has(name)),
  ).map(({ name, label, about }) => ({
    value: name,
    label,
    title: about,
    mark: served.get(name).default,
    explained: served.get(name).explained,
  }));
}

/** The strategy that was chosen last, else the champion, else the first. */
export function chosenStrategy(options) {
  const remembered = recall("strategy");
  return (
    (options.find((one) => one.value === remembered) ?? options.find((one) => one.mark) ?? options[0])
      ?.value ?? "hybrid"
  );
}
