/** The strategies that people choose between, in the order of the toggle, and how their scores read. */

import { figure, percent } from "./format.js";

export const STRATEGIES = [
  {
    name: "hybrid",
    label: "Hybrid",
    about: "Taste of people like you and content of movies, weighted on held-out ratings",
  },
  { name: "als", label: "ALS", about: "Matrix factorisation of likes: what people with your likes like" },
  { name: "content", label: "Content", about: "Tags, genres and text of what you liked" },
  {
    name: "like_ensemble",
    label: "Like-classifier",
    about: "Boosted trees: how probable it is that you give 4 stars or more",
  },
  { name: "rating", label: "Rating", about: "Predicted stars, by a blend of fourteen models" },
];

const OTHERS = {
  popularity: "Popularity",
  recent_popularity: "Recent popularity",
  cluster_hybrid: "Like-classifier, cluster boost",
  cold_start: "Newcomers' list",
};

/** A strategy's name for people. */
export function label(name) {
  return (
    STRATEGIES.find((one) => one.name === name)?.label ??
    OTHERS[name] ??
    String(name ?? "–").replaceAll("_", " ")
  );
}

/** A movie's score in words: stars where stars are predicted, a probability, or the model's own scale. */
export function scoreText(item, strategy) {
  if (item.predicted_rating !== null && item.predicted_rating !== undefined)
    return `${figure(item.predicted_rating, 1)} ★`;
  if (item.score === null || item.score === undefined) return null;
  return strategy === "like_ensemble" && item.score >= 0 && item.score <= 1
    ? percent(item.score)
    : figure(item.score, 2);
}

/** What that score is, for a tooltip. */
export function scoreMeaning(item, strategy) {
  if (item.predicted_rating !== null && item.predicted_rating !== undefined) {
    const sure = item.confidence ? `, confidence ${item.confidence}` : "";
    return `Predicted stars${sure}`;
  }
  return strategy === "like_ensemble"
    ? "Probability of a like (4 stars or more)"
    : `Score of ${label(strategy)}: its own scale, higher is better`;
}
