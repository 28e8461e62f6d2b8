/** Published claims beside what was measured, searches for leaks, and drift since the last publication. */

import { table, verdict } from "../../components/table.js";
import { h } from "../../dom.js";
import { count, figure, words } from "../../format.js";

const KINDS = {
  reproduced: "good",
  "not reproduced": "bad",
  "not meaningful": "open",
  "not measured yet": "open",
  same: "good",
  drifted: "bad",
};

export function claims({ claims: rows }) {
  if (!rows?.length) return null;
  const verdicts = [...new Set(rows.map((row) => row.verdict))].map(
    (name) => `${rows.filter((row) => row.verdict === name).length} ${name}`,
  );
  return [
    h(
      "p",
      { class: "panel-about" },
      `What the authors of published systems of this kind claim, beside what was measured here: ${verdicts.join(", ")}.`,
    ),
    table(
      "Claims",
      [
        {
          title: "Claim",
          cell: (row) => [h("strong", {}, row.statement), h("small", {}, `${row.claim_id} · ${row.system}`)],
        },
        { title: "Claimed", cell: (row) => row.claimed },
        { title: "Measured", cell: (row) => row.measured ?? "–" },
        {
          title: "Verdict",
          cell: (row) => [
            verdict(row.verdict, KINDS[row.verdict] ?? "open"),
            row.note ? h("small", {}, row.note) : null,
          ],
        },
      ],
      rows,
    ),
  ];
}

export function leakage({ leakage: rows }) {
  if (!rows?.length) return null;
  const held = rows.filter((row) => row.passed).length;
  return [
    h(
      "p",
      { class: "panel-about" },
      `${held} of ${rows.length} searches found that no model knows what it is judged by.`,
    ),
    table(
      "Searches for leaks",
      [
        {
          title: "Models",
          cell: (row) => [h("strong", {}, words(row.family)), h("small", {}, `${row.fit} fit`)],
        },
        { title: "Search", cell: (row) => [row.check, h("small", {}, row.description)] },
        { title: "Measured", number: true, cell: (row) => figure(row.measured) },
        { title: "At most", number: true, cell: (row) => figure(row.bound) },
        { title: "", cell: (row) => verdict(row.passed ? "clean" : "leaks", row.passed ? "good" : "bad") },
      ],
      rows.toSorted((a, b) => a.passed - b.passed),
    ),
  ];
}

export function drift({ drift: rows }) {
  if (!rows?.length) return null;
  return [
    h(
      "p",
      { class: "panel-about" },
      "Ratings that came after the publication before this one, against those that it was made of. A measure alarms beyond its threshold and beyond what 99 % of batches of old ratings show.",
    ),
    table(
      "Drift",
      [
        {
          title: "Measure",
          cell: (row) => [h("strong", {}, words(row.measure)), h("small", {}, row.description)],
        },
        { title: "Measured", number: true, cell: (row) => figure(row.value) },
        {
          title: "By chance",
          number: true,
          cell: (row) =>
            row.chance_low === null ? "–" : `${figure(row.chance_low)} to ${figure(row.chance_high)}`,
        },
        { title: "Threshold", number: true, cell: (row) => figure(row.threshold) },
        { title: "New ratings", number: true, cell: (row) => count(row.n_new) },
        {
          title: "Verdict",
          cell: (row) =>
            verdict(row.verdict, KINDS[row.verdict] ?? (row.verdict === "too few" ? "open" : "bad")),
        },
      ],
      rows,
    ),
  ];
}
