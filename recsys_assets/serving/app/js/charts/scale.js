/** From figures to places on a line, and round figures to mark on it. */

/** A function from [low, high] to [from, to]. */
export function scale(low, high, from, to) {
  const span = high - low || 1;
  return (value) => from + ((value - low) / span) * (to - from);
}

/** About n round figures that lie within [low, high], increasing. */
export function ticks(low, high, n = 4) {
  const rough = (high - low || 1) / n;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((one) => one * power).find((one) => one >= rough);
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) =>
    Number(((first + index) * step).toPrecision(10)),
  );
}

/** As many decimals as tell these ticks apart. */
export function tickText(value, all) {
  const step = all.length > 1 ? all[1] - all[0] : 1;
  const decimals = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  return Math.abs(value) >= 10_000
    ? `${value / 1000}k`
    : value.toFixed(Math.min(decimals, 6)).replace("-", "−");
}
