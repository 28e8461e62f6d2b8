/** Waits until somebody has stopped typing. */

const PAUSE = 220;

/** A function that does `act` a moment after it was last called, unless the signal is aborted before: the page was left. */
export function delayed(act, signal) {
  let waiting = 0;
  signal.addEventListener("abort", () => clearTimeout(waiting));
  return () => {
    clearTimeout(waiting);
    waiting = setTimeout(act, PAUSE);
  };
}
