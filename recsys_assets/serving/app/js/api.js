/**
 * The one place that talks to the server.
 *
 * A good answer is kept: going back is instant, and when the server can't be reached the last good answer is shown,
 * marked as old. Anything else is an ApiError with what the server said of it.
 */

import { recall } from "./store.js";

const FRESH = 60_000;
const PATIENCE = 15_000;
const KEY = "recsys-api-key";

/** Tells "reached" (detail: a model version, or null), "unreached" and "aged" (an old answer is shown; detail: its time). */
export const weather = new EventTarget();

const answers = new Map();

/** What the server said no with (RFC 9457), or status 0 where it didn't answer. */
export class ApiError extends Error {
  constructor(status, title, detail) {
    super(detail || title);
    this.status = status;
    this.title = title;
  }
}

/** GET as JSON. Parameters that are null or empty are left out. */
export async function get(path, parameters = {}, { signal, fresh = false } = {}) {
  const url = address(path, parameters);
  const kept = answers.get(url);
  if (kept && !fresh && Date.now() - kept.at < FRESH) return kept.body;
  try {
    const body = await ask(url, { signal });
    answers.set(url, { body, at: Date.now() });
    return body;
  } catch (error) {
    if (!kept || !(error instanceof ApiError) || error.status !== 0) throw error;
    weather.dispatchEvent(new CustomEvent("aged", { detail: kept.at }));
    return kept.body;
  }
}

/** POST as JSON. */
export function post(path, content, { signal } = {}) {
  return ask(address(path, {}), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(content),
    signal,
  });
}

/** Send this key with every request, as long as the tab is open. */
export function giveKey(key) {
  sessionStorage.setItem(KEY, key);
  forgetAnswers();
}

/** Ask for everything anew: a newer publication is served. */
export function forgetAnswers() {
  answers.clear();
}

function address(path, parameters) {
  const query = new URLSearchParams();
  const all = { ...parameters, dataset: recall("dataset") };
  for (const [name, value] of Object.entries(all)) {
    if (value !== null && value !== undefined && value !== "") query.set(name, value);
  }
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}

async function ask(url, { signal, headers = {}, ...options }) {
  const limit = AbortSignal.timeout(PATIENCE);
  let response;
  try {
    response = await fetch(url, {
      ...options,
      headers: { ...headers, ...key() },
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    weather.dispatchEvent(new CustomEvent("unreached"));
    throw new ApiError(
      0,
      "The server does not answer",
      limit.aborted ? `No answer within ${PATIENCE / 1000} s.` : "",
    );
  }
  const body = await response.json().catch(() => null);
  weather.dispatchEvent(new CustomEvent("reached", { detail: body?.model_version ?? null }));
  if (!response.ok) throw refusal(response, body);
  if (body === null)
    throw new ApiError(response.status, "The answer can't be read", `${url} did not answer with JSON.`);
  return body;
}

function key() {
  const given = sessionStorage.getItem(KEY);
  return given ? { "x-api-key": given } : {};
}

function refusal(response, body) {
  const detail = typeof body?.detail === "string" ? body.detail : "";
  return new ApiError(response.status, body?.title ?? `The server answered ${response.status}`, detail);
}
