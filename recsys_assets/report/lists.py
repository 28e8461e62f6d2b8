"""Recommended lists as part of a report: which model's are best and by how much, by segment and in pairs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, NamedTuple

import pandas as pd

from recsys_assets.report import plots
from recsys_assets.report.intervals import (
    BETTER,
    NOT_SHOWN,
    NOTHING_SHOWN_NOTE,
    interval_text,
    interval_texts,
    verdict,
    verdict_pill,
    verdicts,
    whiskers,
)
from recsys_assets.report.page import figures, folded, note, subsections
from recsys_assets.report.style import (
    METRICS,
    SEGMENTS,
    format_cell,
    html_table,
    label,
    markdown_table,
    metric_label,
    metric_name,
    order_of,
    phrase,
)

__all__ = ["Difference", "EvaluationReport", "headline", "lists_html", "lists_markdown", "lists_sql"]

_FORMATS: Final = {"±": ".4f", "Users": ",.0f", "Difference": "+.4f"}


class Difference(NamedTuple):
    """A paired difference between two models over the same users, with its interval."""

    difference: float
    ci_low: float
    ci_high: float


@dataclass(frozen=True, kw_only=True)
class EvaluationReport:
    """The published figures of recommended lists and all gates, and what a reader must know to trust and repeat them.

    ``metric`` at ``k`` ranks the models; it is an accuracy metric, of which more is better. The plots also
    need precision and recall at some k, and coverage at 10.

    Raises
    ------
    ValueError
        If ``evaluation`` has no value of ``metric`` at ``k`` over all users of ``split``.
    """

    #: model, split, segment, metric, k, value, ci_low, ci_high, n_users; NaN where there is no interval
    evaluation: pd.DataFrame
    #: model, baseline, split, segment, metric, k, difference (model − baseline), ci_low, ci_high, n_users
    comparisons: pd.DataFrame
    #: gate, measured, threshold, comparison, passed, distance, description
    gates: pd.DataFrame
    dataset: str
    run_id: str
    data_version: str
    #: how the ratings were split, as a sentence
    split_description: str
    #: the DuckDB file that holds the three tables
    source: str
    split: str = "test"
    metric: str = "ndcg"
    k: int = 10
    baseline: str = "popularity"
    confidence: float = 0.95

    def __post_init__(self) -> None:
        if self.leaderboard().empty:
            raise ValueError(
                f"none of the {len(self.evaluation)} evaluation rows of {self.dataset!r} has {self.title} "
                f"over all users of split {self.split!r}; choose a metric, k and split that were evaluated"
            )

    @property
    def title(self) -> str:
        """The ranking metric, as ``NDCG@10``."""
        return metric_label(self.metric, self.k)

    @property
    def interval(self) -> str:
        return f"{100 * self.confidence:g}% interval"

    def scores(self) -> pd.DataFrame:
        """Select the evaluation rows of the split."""
        return self.evaluation[self.evaluation["split"] == self.split]

    def leaderboard(self) -> pd.DataFrame:
        """Select the ranking metric over all users, the best model first; equal ones by name."""
        rows = self._ranked(self.evaluation)
        rows = rows[(rows["segment"] == "all") & rows["value"].notna()]
        return rows.sort_values(["value", "model"], ascending=[False, True], ignore_index=True)

    def segments(self) -> pd.DataFrame:
        """Tabulate the ranking metric: a row per segment, a column per model in the leaderboard's order."""
        rows = self._ranked(self.evaluation)
        order = order_of(rows["segment"], SEGMENTS)
        table = rows.pivot(index="segment", columns="model", values="value")
        n_users = rows.groupby("segment")["n_users"].max()
        return table.loc[order, self.leaderboard()["model"]].assign(n_users=n_users)

    def metrics(self) -> pd.DataFrame:
        """Tabulate every metric at ``k`` over all users: a row per model in the leaderboard's order."""
        rows = self.scores()
        rows = rows[(rows["k"] == self.k) & (rows["segment"] == "all")]
        table = rows.pivot(index="model", columns="metric", values="value")
        return table.loc[self.leaderboard()["model"], order_of(rows["metric"], METRICS)]

    def differences(self) -> pd.DataFrame:
        """Select the paired comparisons: segments in order, the largest difference first."""
        rows = self._ranked(self.comparisons)
        position = rows["segment"].map(
            {name: i for i, name in enumerate(order_of(rows["segment"], SEGMENTS))}
        )
        ranking = ["position", "difference", "model", "baseline"]
        ordered = rows.assign(position=position).sort_values(ranking, ascending=[True, False, True, True])
        return ordered.drop(columns="position").reset_index(drop=True)

    def difference(self, model: str, baseline: str) -> Difference | None:
        """Look up ``model`` − ``baseline`` over all users, whichever way round the pair was compared."""
        rows = self.differences()
        rows = rows.loc[rows["segment"] == "all", ["model", "baseline", *Difference._fields]]
        found = {(row[0], row[1]): Difference(*row[2:]) for row in rows.itertuples(index=False, name=None)}
        if (model, baseline) in found:
            return found[model, baseline]
        reverse = found.get((baseline, model))
        return reverse and Difference(-reverse.difference, -reverse.ci_high, -reverse.ci_low)

    def _ranked(self, rows: pd.DataFrame) -> pd.DataFrame:
        return rows[(rows["split"] == self.split) & (rows["metric"] == self.metric) & (rows["k"] == self.k)]


def headline(report: EvaluationReport) -> str:
    """Say which model is best, for how many users, and by how much over the baseline and the runner-up."""
    board = report.leaderboard()
    best, *others = [str(model) for model in board["model"]]
    value, n_users = board["value"].iloc[0], board["n_users"].iloc[0]
    score = f"{report.title} is {value:.3f} for {n_users:,.0f} users"
    first = f"{label(best)} ranks best on {report.dataset}: {score}."
    if best == report.baseline:
        return f"{first} No model is ahead of it."
    rivals = dict.fromkeys([report.baseline, *others[:1]])
    return " ".join([first, *(_gain(report, best, rival) for rival in rivals)])


def lists_markdown(report: EvaluationReport) -> str:
    """Write tables and embedded PNG plots as Markdown; pairs of models over all users only."""
    differences = report.differences()
    parts = [
        f"### {report.title} by model",
        _markdown(_leaderboard_table(report)),
        f"± is half the width of the {report.interval}.",
        " ".join(plots.markdown_image(png, title) for title, png in _images(report).items()),
        f"### {report.title} by segment",
        _markdown(_segment_table(report)),
        "### Paired comparisons",
        _markdown(_comparison_table(differences[differences["segment"] == "all"], report.interval)),
    ]
    return "\n\n".join(parts)


def lists_html(report: EvaluationReport) -> str:
    """Write tables and plots, inline SVG, as the body of a page's section."""
    return subsections(
        {
            f"{report.title} by model": _leaderboard_section(report),
            "Paired comparisons": _comparison_section(report),
            "Segments, list length and reach": figures(_drawings(report)),
            f"{report.title} by segment": _html(_segment_table(report)),
            f"All metrics at {report.k}": _html(_metric_table(report), floats=".3f"),
        }
    )


def lists_sql(report: EvaluationReport) -> str:
    """Write the queries that give the figures."""
    where = (
        f"where split = {_literal(report.split)} and metric = {_literal(report.metric)} and k = {report.k}"
    )
    return "\n".join(
        [
            "select model, segment, value, ci_low, ci_high, n_users from evaluation",
            f"{where} order by segment, value desc;",
            "",
            "select model, baseline, segment, difference, ci_low, ci_high, n_users from comparisons",
            f"{where} order by segment, difference desc;",
        ]
    )


def _gain(report: EvaluationReport, best: str, rival: str) -> str:
    gain, name = report.difference(best, rival), phrase(rival)
    if gain is None:
        return f"It was not compared with {name} user by user."
    interval = f"{report.interval} {interval_text(gain.ci_low, gain.ci_high, '+.3f')}"
    found = verdict(gain.ci_low, gain.ci_high)
    if found == NOT_SHOWN:
        return f"No difference from {name} is shown ({format_cell(gain.difference, '+.3f')}, {interval})."
    side = "above" if found == BETTER else "below"
    return f"It is {abs(gain.difference):.3f} {side} {name} ({interval})."


def _leaderboard_table(report: EvaluationReport) -> pd.DataFrame:
    board = report.leaderboard()
    half_width = (board["ci_high"] - board["ci_low"]) / 2
    columns = {"Model": board["model"].map(label), report.title: board["value"], "±": half_width}
    return pd.DataFrame({**columns, "Users": board["n_users"]})


def _segment_table(report: EvaluationReport) -> pd.DataFrame:
    table = report.segments()
    n_users = table.pop("n_users")
    table.columns = pd.Index([label(str(model)) for model in table.columns])
    table.insert(0, "Segment", [label(str(name)) for name in table.index])
    table["Users"] = n_users
    return table


def _metric_table(report: EvaluationReport) -> pd.DataFrame:
    table = report.metrics()
    table.columns = pd.Index([metric_name(str(metric)) for metric in table.columns])
    table.insert(0, "Model", [label(str(name)) for name in table.index])
    return table


def _comparison_table(rows: pd.DataFrame, interval: str) -> pd.DataFrame:
    table = pd.DataFrame(
        {
            "Model": rows["model"].map(label),
            "Against": rows["baseline"].map(label),
            "Segment": rows["segment"].map(label),
            "Difference": rows["difference"],
            interval: interval_texts(rows, "+.4f"),
            "Verdict": verdicts(rows),
            "Users": rows["n_users"],
        }
    )
    return table if rows["segment"].nunique() > 1 else table.drop(columns="Segment")


def _markdown(table: pd.DataFrame) -> str:
    return markdown_table(table, formats=_formats(table, ".4f"))


def _html(table: pd.DataFrame, *, floats: str = ".4f") -> str:
    return html_table(table, formats=_formats(table, floats))


def _formats(table: pd.DataFrame, floats: str) -> dict[str, str]:
    return dict.fromkeys(table.select_dtypes("float").columns, floats) | _FORMATS


def _images(report: EvaluationReport) -> dict[str, bytes]:
    scores, metric, k = report.scores(), report.metric, report.k
    return {
        f"{report.title} by model": plots.leaderboard(scores, metric=metric, k=k),
        f"{report.title} by segment": plots.segments(scores, metric=metric, k=k),
        f"{metric_name(metric)} by length of the list": plots.metric_by_k(scores, metric=metric),
        "Precision and recall": plots.precision_recall(scores),
        "Accuracy against coverage": plots.accuracy_vs_coverage(scores, metric=metric),
    }


def _drawings(report: EvaluationReport) -> list[str]:
    scores, metric, k = report.scores(), report.metric, report.k
    return [
        plots.segments.svg(scores, metric=metric, k=k),
        plots.metric_by_k.svg(scores, metric=metric),
        plots.precision_recall.svg(scores),
        plots.accuracy_vs_coverage.svg(scores, metric=metric),
    ]


def _leaderboard_section(report: EvaluationReport) -> str:
    board, table = report.leaderboard(), _leaderboard_table(report).drop(columns="±")
    baseline = board.loc[board["model"] == report.baseline, "value"]
    reference = float(baseline.iloc[0]) if len(baseline) else math.nan
    table.insert(2, "", whiskers(board, "value", reference))
    table.insert(3, report.interval, interval_texts(board, ".4f"))
    dotted = f" The dotted line is {phrase(report.baseline)}." if len(baseline) else ""
    return f"{_html(table)}\n{note(f'Dots are means over users, bars their {report.interval}s.{dotted}')}"


def _comparison_section(report: EvaluationReport) -> str:
    rows = report.differences()
    everyone = rows["segment"] == "all"
    parts = [_comparison_html(rows[everyone], report.interval)]
    if not everyone.all():
        parts.append(folded("The same by segment", _comparison_html(rows[~everyone], report.interval)))
    parts.append(note(f"Each difference is over the same users. {NOTHING_SHOWN_NOTE}"))
    return "\n".join(parts)


def _comparison_html(rows: pd.DataFrame, interval: str) -> str:
    table = _comparison_table(rows, interval)
    table["Verdict"] = table["Verdict"].map(verdict_pill)
    table.insert(len(table.columns) - 3, "", whiskers(rows, "difference", 0.0))
    return _html(table)


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
