/** Pages by the part of the address behind #: `#/movie/5?method=als` is the page "movie" with the id 5. */

/** The address of a page. */
export function link(path, parameters = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters))
    if (value !== null && value !== undefined && value !== "") query.set(name, value);
  const text = query.toString();
  return `#${path}${text ? `?${text}` : ""}`;
}

/** Go to a page; with `quietly` the address changes without a page being made again. */
export function go(path, parameters = {}, { quietly = false } = {}) {
  const target = link(path, parameters);
  if (quietly) history.replaceState(history.state, "", target);
  else location.hash = target;
}

/** What the address asks for: {path, parts, parameters}. */
export function current() {
  const [path, query = ""] = (location.hash.slice(1) || "/").split("?", 2);
  return {
    path,
    parts: path.split("/").filter(Boolean).map(readable),
    parameters: new URLSearchParams(query),
  };
}

/**
 * Show the page that the address names, now and whenever it changes.
 *
 * `pages` maps the first part of the path to a page: (place, {id, parameters, signal}) fills the place. The signal is
 * aborted when the page is left. `fallback` is shown where there is no such page.
 */
export function route(place, pages, fallback, onShown) {
  let leaving = new AbortController();
  const scrolls = new Map();
  let shown = null;
  const show = () => {
    if (shown !== null) scrolls.set(shown, window.scrollY);
    leaving.abort();
    leaving = new AbortController();
    const { parts, parameters } = current();
    const page = pages[parts[0] ?? ""] ?? fallback;
    place.replaceChildren();
    page(place, { id: parts[1] ?? null, parameters, signal: leaving.signal });
    const first = shown === null;
    shown = location.hash;
    onShown(parts[0] ?? "", first);
    window.scrollTo(0, scrolls.get(shown) ?? 0);
  };
  window.addEventListener("hashchange", show);
  show();
  return show;
}

function readable(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
