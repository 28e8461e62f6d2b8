/** What the page remembers between visits, in this browser only: who is watching, how to recommend, a guest's stars. */

const KEY = "recsys";
const EMPTY = { user: null, dataset: null, strategy: null, exposure: null, guest: {}, stars: {} };

const changes = new EventTarget();
let memory = read();

/**
 * The value of one thing remembered: user, dataset, strategy (null = the server's choice), exposure (the list that an
 * experiment dealt, and to whom), guest (stars by movie), stars (by user and movie).
 */
export function recall(name) {
  return memory[name];
}

/** Remember it, and tell who listens. */
export function remember(name, value) {
  memory = { ...memory, [name]: value };
  try {
    localStorage.setItem(KEY, JSON.stringify(memory));
  } catch {
    // A private window may refuse to store: then the memory lasts as long as the page.
  }
  changes.dispatchEvent(new CustomEvent(name, { detail: value }));
}

/** Call `listener` with the new value whenever it changes, until the signal is aborted. */
export function onChange(name, listener, signal) {
  changes.addEventListener(name, (event) => listener(event.detail), { signal });
}

function read() {
  try {
    return { ...EMPTY, ...JSON.parse(localStorage.getItem(KEY) ?? "{}") };
  } catch {
    return { ...EMPTY };
  }
}
