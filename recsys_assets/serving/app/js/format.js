/** How numbers, titles and times are written. */

const PLAIN = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const ARTICLES = new Set([
  "a",
  "an",
  "the",
  "le",
  "la",
  "les",
  "l'",
  "el",
  "los",
  "las",
  "il",
  "lo",
  "der",
  "die",
  "das",
  "un",
  "une",
]);

/** A whole number with separators of thousands, or a dash where there is none. */
export function count(value) {
  return value === null || value === undefined ? "–" : PLAIN.format(value);
}

/** A number with so many decimals, more where it would be nothing otherwise, fewer where it is large: 66,135, 110.2, 0.237, 0.000095. */
export function figure(value, decimals = 3) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  if (Number.isInteger(value) || Math.abs(value) >= 1000) return count(value).replace("-", "−");
  const tiny = Math.abs(value) < 10 ** -decimals;
  const shown = value.toFixed(
    tiny ? Math.min(decimals + 3, 6) : Math.abs(value) >= 100 ? Math.min(decimals, 1) : decimals,
  );
  return shown.replace("-", "−");
}

/** The same with its sign, for differences. */
export function signed(value, decimals = 3) {
  return value > 0 ? `+${figure(value, decimals)}` : figure(value, decimals);
}

/** "1 rating", "7 ratings". */
export function plural(n, one, many = `${one}s`) {
  return `${count(n)} ${n === 1 ? one : many}`;
}

/** A share as a percentage. */
export function percent(share, decimals = 0) {
  return share === null || share === undefined ? "–" : `${(100 * share).toFixed(decimals)} %`;
}

/**
 * The title as people say it: "Eleventh Granary, The (1973)" is "The Eleventh Granary". The year stands elsewhere; what
 * is in brackets before it (another language's title) stays behind.
 */
export function spoken(title) {
  const bare = String(title ?? "")
    .replace(/\s*\(\d{4}\)\s*$/, "")
    .replace(/\s*\([^()]*\)\s*$/, "")
    .trim();
  const comma = bare.lastIndexOf(", ");
  const article = comma > 0 ? bare.slice(comma + 2) : "";
  if (!ARTICLES.has(article.toLowerCase())) return bare || String(title ?? "");
  return article.endsWith("'") ? article + bare.slice(0, comma) : `${article} ${bare.slice(0, comma)}`;
}

const REASON = "Because you watched ";

/** The server's reason with the title in it as people say it. */
export function reason(because) {
  return because?.startsWith(REASON) ? REASON + spoken(because.slice(REASON.length)) : because;
}

/** Minutes as "2 h 05". */
export function duration(minutes) {
  const whole = Math.round(minutes);
  return whole < 60 ? `${whole} min` : `${Math.floor(whole / 60)} h ${String(whole % 60).padStart(2, "0")}`;
}

/** A moment as the day and minute in UTC, which is how the server counts. */
export function moment(value) {
  const time = new Date(/[zZ]|[+-]\d\d:\d\d$/.test(value) ? value : `${value}Z`);
  return Number.isNaN(time.getTime())
    ? String(value)
    : `${time.toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

/** "als_ndcg_at_10_min" as "als ndcg at 10 min". */
export function words(name) {
  return String(name).replaceAll("_", " ");
}
