/** What is in the data set: its size and span, stars, the long tail, genres, time, and the catalogue. */

import { get } from "../api.js";
import { bars } from "../charts/bars.js";
import { columns } from "../charts/columns.js";
import { lines } from "../charts/lines.js";
import { bones, region } from "../components/states.js";
import { fact, table } from "../components/table.js";
import { h } from "../dom.js";
import { count, figure, moment, percent, words } from "../format.js";

const FIRST = [
  "n_ratings",
  "n_users",
  "n_movies",
  "sparsity",
  "mean_stars",
  "share_of_movies_with_half_the_ratings",
];
const DAY = 86_400_000;

export function data(place, { signal }) {
  place.append(
    h(
      "div",
      { class: "page" },
      h("h1", {}, "What it is made of"),
      h(
        "p",
        { class: "lead" },
        "The ratings and the catalogue that everything else learns from, held-out rows included.",
      ),
      region(() => get("/v1/data", {}, { signal }), drawn, {
        signal,
        skeleton: () => bones(12),
        className: "figures",
      }),
    ),
  );
}

function drawn(tables) {
  const [{ published_at: at, licence } = {}] = tables.publication ?? [];
  return [
    h(
      "p",
      { class: "figures-from" },
      [`Generation ${tables.model_version}`, at ? `published ${moment(at)}` : null, licence]
        .filter(Boolean)
        .join(" · "),
    ),
    statistics(tables.dataset_statistics ?? []),
    h(
      "div",
      { class: "pair" },
      panel("Stars", stars(tables.rating_distribution)),
      panel("The long tail", longTail(tables)),
    ),
    panel("Ratings over time", overTime(tables.ratings_over_time)),
    panel("Genres", genres(tables.genre_shares)),
    catalogue(tables),
  ];
}

function panel(title, body) {
  return body === null
    ? null
    : h("section", { class: "panel figure", "aria-label": title }, h("h2", {}, title), body);
}

function statistics(rows) {
  const sorted = rows.toSorted(
    (a, b) => (FIRST.indexOf(a.statistic) + 1 || 99) - (FIRST.indexOf(b.statistic) + 1 || 99),
  );
  const shown = (row) => fact(heading(row.statistic), quantity(row), row.meaning);
  return h(
    "section",
    { class: "figure", "aria-label": "Size" },
    h("dl", { class: "facts" }, sorted.slice(0, FIRST.length).map(shown)),
    rows.length > FIRST.length
      ? h(
          "details",
          { class: "pairs" },
          h("summary", {}, `All ${rows.length} figures`),
          h("dl", { class: "facts facts-small" }, sorted.slice(FIRST.length).map(shown)),
        )
      : null,
  );
}

/** "n_movies_rated" as "Movies rated". */
function heading(statistic) {
  return words(statistic)
    .replace(/^n /, "")
    .replace(/^./, (letter) => letter.toUpperCase());
}

function quantity({ value, unit }) {
  if (value === null) return "–";
  if (unit === "share") return percent(value, 1);
  if (unit.startsWith("days since")) return new Date(value * DAY).toISOString().slice(0, 10);
  return unit === "stars" ? `${figure(value, 2)} ★` : figure(value, 1);
}

function stars(rows) {
  if (!rows?.length) return null;
  const total = rows.reduce((sum, row) => sum + row.n_ratings, 0);
  return [
    h("p", { class: "panel-about" }, `How often each number of stars was given, of ${count(total)} ratings.`),
    columns(
      rows.map((row) => ({ label: String(row.stars), value: row.n_ratings })),
      { about: "Ratings by stars" },
    ),
  ];
}

function longTail({ long_tail: points }) {
  if (!points?.length) return null;
  const all = points.at(-1).n_movies;
  const half = points.find((point) => point.share_of_ratings >= 0.5);
  const line = [
    { x: 0, y: 0 },
    ...points.map((point) => ({ x: point.n_movies / all, y: point.share_of_ratings })),
  ];
  return [
    h(
      "p",
      { class: "panel-about" },
      `Share of all ratings that the most rated movies hold, by their share of the catalogue: the first ${count(half.n_movies)} of ${count(all)} movies hold half.`,
    ),
    lines([{ label: "Ratings", points: line }], {
      about: "Cumulative share of ratings by share of movies, most rated first",
      xs: [0, 0.25, 0.5, 0.75, 1].map((x) => ({ x, label: `${100 * x} %` })),
      from: 0,
      to: 1,
      yText: (y) => percent(y),
      area: true,
    }),
  ];
}

function overTime(rows) {
  if (!rows?.length) return null;
  const points = rows.map((row) => ({ x: Date.parse(row.month), y: row.n_ratings, mean: row.mean_rating }));
  const xs = points.map((point) => ({ x: point.x, label: new Date(point.x).toISOString().slice(0, 7) }));
  return [
    h("p", { class: "panel-about" }, `Ratings a month, ${xs[0].label} to ${xs.at(-1).label}.`),
    lines([{ label: "Ratings", points }], { about: "Ratings a month", xs, from: 0, area: true }),
    h("p", { class: "panel-about" }, "Their mean stars."),
    lines([{ label: "Mean stars", points: points.map((point) => ({ x: point.x, y: point.mean })) }], {
      about: "Mean stars a month",
      xs,
      from: 1,
      to: 5,
    }),
  ];
}

function genres(rows) {
  if (!rows?.length) return null;
  return [
    h(
      "p",
      { class: "panel-about" },
      "Share of the ratings that each genre's movies have; a movie counts for each of its genres.",
    ),
    bars(
      rows
        .toSorted((a, b) => b.share_of_ratings - a.share_of_ratings)
        .map((row) => ({
          label: row.genre,
          value: row.share_of_ratings,
          text: percent(row.share_of_ratings, 1),
          note: `${count(row.n_movies)} movies · ${figure(row.mean_rating, 2)} ★`,
        })),
      { about: "Share of ratings by genre" },
    ),
  ];
}

function catalogue(tables) {
  const facts = tables.catalogue_statistics ?? [];
  if (!facts.length) return null;
  const directors = tables.catalogue_top_directors ?? [];
  const eras = tables.catalogue_eras ?? [];
  return panel("The catalogue", [
    h(
      "dl",
      { class: "facts facts-small" },
      facts.slice(0, 8).map((row) => fact(heading(row.statistic), figure(row.value, 1), row.meaning)),
    ),
    eras.length
      ? [
          h("h3", {}, "Old and modern movies"),
          table(
            "Eras",
            [
              {
                title: "Era",
                cell: (row) => [
                  h("strong", {}, words(row.era)),
                  h("small", {}, `${row.first_year ?? "?"} to ${row.last_year ?? "?"}`),
                ],
              },
              { title: "Movies", number: true, cell: (row) => count(row.n_movies) },
              { title: "Actors", number: true, cell: (row) => count(row.n_actors) },
              { title: "Cast of a movie, mean", number: true, cell: (row) => figure(row.mean_cast_size, 1) },
              { title: "Women in the cast", number: true, cell: (row) => percent(row.share_of_women) },
            ],
            eras,
          ),
        ]
      : null,
    directors.length
      ? [
          h("h3", {}, "Directors of most movies"),
          bars(
            directors.slice(0, 10).map((row) => ({
              label: row.name,
              value: row.n_movies,
              text: count(row.n_movies),
              note: row.mean_vote ? `mean vote ${figure(row.mean_vote, 1)}` : null,
              href: row.person_id ? `#/people/${row.person_id}` : null,
            })),
            { about: "Movies by director" },
          ),
        ]
      : null,
  ]);
}
