"""The evaluation as a report: Markdown for the Dagster UI and one self-contained HTML file.

Both say the same: which model is best and by how much, what is known by segment and in pairs, which gates
hold, and how to recompute the figures from the published tables.
"""

from __future__ import annotations

import html
import math
import shlex
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

import pandas as pd

from recsys_assets.report import plots
from recsys_assets.report.style import (
    METRICS,
    PAGE_CSS,
    SEGMENTS,
    Html,
    css_variables,
    escape_markdown,
    format_cell,
    html_table,
    label,
    markdown_table,
    metric_label,
    metric_name,
    order_of,
    phrase,
)

__all__ = [
    "BETTER",
    "NOT_SHOWN",
    "WORSE",
    "Difference",
    "EvaluationReport",
    "evaluation_html",
    "evaluation_markdown",
    "headline",
    "verdict",
]

BETTER: Final = "better"
WORSE: Final = "worse"
NOT_SHOWN: Final = "no difference shown"

_PASSED, _FAILED = "passed", "failed"
_PILLS: Final = {BETTER: "good", WORSE: "bad", NOT_SHOWN: "open", _PASSED: "good", _FAILED: "bad"}
_SIGNS: Final = {">=": "≥", "<=": "≤"}
_FORMATS: Final = {"±": ".4f", "Users": ",.0f", "Difference": "+.4f", "Measured": ".4g", "Distance": "+.3g"}
_WHISKER_WIDTH: Final = 176.0


class Difference(NamedTuple):
    """A paired difference between two models over the same users, with its interval."""

    difference: float
    ci_low: float
    ci_high: float


@dataclass(frozen=True, kw_only=True)
class EvaluationReport:
    """The published tables of one evaluation, and what a reader must know to trust and repeat them.

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


def verdict(ci_low: float, ci_high: float) -> str:
    """Say what the interval of a difference shows, for a metric of which more is better.

    "better" if it lies above zero, "worse" if below, "no difference shown" if it touches zero or is missing.
    """
    if ci_low > 0:
        return BETTER
    return WORSE if ci_high < 0 else NOT_SHOWN


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


def evaluation_markdown(report: EvaluationReport) -> str:
    """Write the report as Markdown with embedded PNG plots, for an asset's metadata."""
    parts = [
        f"**{escape_markdown(headline(report))}**",
        f"### {report.title} by model",
        _markdown(_leaderboard_table(report)),
        f"± is half the width of the {report.interval}.",
        " ".join(plots.markdown_image(png, title) for title, png in _images(report).items()),
        f"### {report.title} by segment",
        _markdown(_segment_table(report)),
        "### Paired comparisons",
        _markdown(_comparison_table(report)),
        f"### Gates: {_gates_passed(report.gates)}",
        _markdown(_gate_table(report.gates)),
        "### How to repeat it",
        f"{escape_markdown(report.split_description)} In {escape_markdown(report.source)}:",
        textwrap.indent(_sql(report), "    "),
    ]
    return "\n\n".join(parts) + "\n"


def evaluation_html(report: EvaluationReport) -> str:
    """Write the report as one HTML file that needs nothing else: no script, font, image or network.

    Plots are inline SVG that follows the reader's light or dark setting. Every text from the tables or the
    caller is escaped, and a content-security policy forbids the page to load or run anything.
    """
    sections = {
        f"{report.title} by model": _leaderboard_section(report),
        "Paired comparisons": _comparison_section(report),
        "Segments, list length and reach": _figures(report),
        f"{report.title} by segment": _html(_segment_table(report)),
        f"All metrics at {report.k}": _html(_metric_table(report), floats=".3f"),
        f"Gates: {_gates_passed(report.gates)}": _gate_section(report),
        "How to repeat this": _provenance(report),
    }
    parts = [
        f"<section>\n<h2>{html.escape(name)}</h2>\n{body}\n</section>" for name, body in sections.items()
    ]
    return _page(report, "\n".join(parts))


def _gain(report: EvaluationReport, best: str, rival: str) -> str:
    gain, name = report.difference(best, rival), phrase(rival)
    if gain is None:
        return f"It was not compared with {name} user by user."
    interval = f"{report.interval} {_range(gain.ci_low, gain.ci_high, '+.3f')}"
    found = verdict(gain.ci_low, gain.ci_high)
    if found == NOT_SHOWN:
        return f"No difference from {name} is shown ({format_cell(gain.difference, '+.3f')}, {interval})."
    side = "above" if found == BETTER else "below"
    return f"It is {abs(gain.difference):.3f} {side} {name} ({interval})."


def _range(low: float, high: float, spec: str) -> str:
    if math.isnan(low) or math.isnan(high):
        return "unknown"
    return f"{format_cell(low, spec)} to {format_cell(high, spec)}"


def _ranges(rows: pd.DataFrame, spec: str) -> list[str]:
    return [_range(low, high, spec) for low, high in zip(rows["ci_low"], rows["ci_high"], strict=True)]


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


def _comparison_table(report: EvaluationReport) -> pd.DataFrame:
    rows = report.differences()
    verdicts = [verdict(low, high) for low, high in zip(rows["ci_low"], rows["ci_high"], strict=True)]
    table = pd.DataFrame(
        {
            "Model": rows["model"].map(label),
            "Against": rows["baseline"].map(label),
            "Segment": rows["segment"].map(label),
            "Difference": rows["difference"],
            report.interval: _ranges(rows, "+.4f"),
            "Verdict": verdicts,
            "Users": rows["n_users"],
        }
    )
    return table if rows["segment"].nunique() > 1 else table.drop(columns="Segment")


def _gate_table(gates: pd.DataFrame) -> pd.DataFrame:
    signs = zip(gates["comparison"], gates["threshold"], strict=True)
    table = pd.DataFrame(
        {
            "Gate": gates["gate"].map(label),
            "Result": [_PASSED if passed else _FAILED for passed in gates["passed"]],
            "Measured": gates["measured"],
            "Required": [f"{_SIGNS.get(sign, sign)} {bound:.4g}" for sign, bound in signs],
            "Distance": gates["distance"],
            "What it guards": gates["description"],
        }
    )
    return table.sort_values("Result", kind="stable", ignore_index=True)  # "failed" comes before "passed"


def _gates_passed(gates: pd.DataFrame) -> str:
    return f"{int(gates['passed'].sum())} of {len(gates)} passed"


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


def _figures(report: EvaluationReport) -> str:
    scores, metric, k = report.scores(), report.metric, report.k
    drawings = [
        plots.segments.svg(scores, metric=metric, k=k),
        plots.metric_by_k.svg(scores, metric=metric),
        plots.precision_recall.svg(scores),
        plots.accuracy_vs_coverage.svg(scores, metric=metric),
    ]
    figures = "\n".join(f"<figure>{svg}</figure>" for svg in drawings)
    return f'<div class="figures">\n{figures}\n</div>'


def _leaderboard_section(report: EvaluationReport) -> str:
    board, table = report.leaderboard(), _leaderboard_table(report).drop(columns="±")
    baseline = board.loc[board["model"] == report.baseline, "value"]
    reference = float(baseline.iloc[0]) if len(baseline) else math.nan
    table.insert(2, "", _whiskers(board, "value", reference))
    table.insert(3, report.interval, _ranges(board, ".4f"))
    dotted = f" The dotted line is {phrase(report.baseline)}." if len(baseline) else ""
    note = f"Dots are means over users, bars their {report.interval}s.{dotted}"
    return f'{_html(table)}\n<p class="note">{html.escape(note)}</p>'


def _comparison_section(report: EvaluationReport) -> str:
    rows, table = report.differences(), _comparison_table(report)
    table["Verdict"] = table["Verdict"].map(_pill)
    table.insert(len(table.columns) - 3, "", _whiskers(rows, "difference", 0.0))
    return (
        f'{_html(table)}\n<p class="note">Each difference is over the same users. “{NOT_SHOWN.capitalize()}” '
        "means that the interval holds zero, not that the two are equal.</p>"
    )


def _gate_section(report: EvaluationReport) -> str:
    table = _gate_table(report.gates)
    table["Result"] = table["Result"].map(_pill)
    table["What it guards"] = table["What it guards"].map(_wide)
    return _html(table)


def _pill(word: str) -> Html:
    return Html(f'<span class="pill {_PILLS[word]}">{word}</span>')


def _wide(text: str) -> Html:
    return Html(f'<div class="wide">{html.escape(text)}</div>')


def _whiskers(rows: pd.DataFrame, value: str, reference: float) -> list[Html]:
    """Draw each row's interval and value on one scale, on which the reference stands too."""
    columns = ["ci_low", "ci_high", value]
    ends = pd.concat([rows[column] for column in columns] + [pd.Series([reference])]).dropna()
    low, span = (float(ends.min()), float(ends.max() - ends.min())) if len(ends) else (0.0, 0.0)

    def position(end: float) -> str:
        return f"{6 + (end - low) / (span or 1.0) * (_WHISKER_WIDTH - 12):.1f}"

    return [_whisker(position, reference, *row) for row in rows[columns].itertuples(index=False, name=None)]


def _whisker(
    position: Callable[[float], str], reference: float, ci_low: float, ci_high: float, value: float
) -> Html:
    parts = []
    if not math.isnan(reference):
        x = position(reference)
        parts.append(f'<line class="reference" x1="{x}" x2="{x}" y1="-11" y2="31"/>')
    if not (math.isnan(ci_low) or math.isnan(ci_high)):
        parts.append(f'<line x1="{position(ci_low)}" x2="{position(ci_high)}" y1="10" y2="10"/>')
    if not math.isnan(value):
        parts.append(f'<circle cx="{position(value)}" cy="10" r="4.5"/>')
    box = f"0 0 {_WHISKER_WIDTH:.0f} 20"
    return Html(f'<svg class="whisker" viewBox="{box}" aria-hidden="true">{"".join(parts)}</svg>')


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _sql(report: EvaluationReport) -> str:
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
            "",
            "from gates order by passed, gate;",
        ]
    )


def _provenance(report: EvaluationReport) -> str:
    facts = {
        "Data set": report.dataset,
        "Split": report.split_description,
        "Users": f"{report.leaderboard()['n_users'].max():,.0f} ({report.split})",
        "Intervals": f"{report.interval}s, over users",
        "Run": report.run_id,
        "Data version": report.data_version,
        "Generated from": f"tables evaluation, comparisons and gates of {report.source}",
    }
    items = "\n".join(f"<dt>{name}</dt><dd>{html.escape(text)}</dd>" for name, text in facts.items())
    shell = f"duckdb -readonly {shlex.quote(report.source)}"
    return (
        f'<dl class="facts">\n{items}\n</dl>\n<p>Each figure above is a row of these tables:</p>\n'
        f'<pre tabindex="0"><code>$ {html.escape(shell)}\n\n{html.escape(_sql(report))}</code></pre>'
    )


def _tiles(report: EvaluationReport) -> str:
    best = report.leaderboard().iloc[0]
    gain = report.difference(str(best["model"]), report.baseline)
    difference = "–" if gain is None else format_cell(gain.difference, "+.3f")
    range_of_gain = "not compared" if gain is None else _range(gain.ci_low, gain.ci_high, "+.3f")
    tiles = [
        ("Best model", label(str(best["model"])), f"{report.title} {best['value']:.3f}"),
        (f"Gain over {phrase(report.baseline)}", difference, range_of_gain),
        ("Users", f"{best['n_users']:,.0f}", f"{report.split} split"),
        (
            "Gates passed",
            f"{int(report.gates['passed'].sum())} of {len(report.gates)}",
            _failures(report.gates),
        ),
    ]
    items = [
        f"<div><dt>{html.escape(name)}</dt><dd>{html.escape(value)}<small>{html.escape(detail)}</small></dd></div>"
        for name, value, detail in tiles
    ]
    return f'<dl class="tiles">\n{"".join(items)}\n</dl>'


def _failures(gates: pd.DataFrame) -> str:
    failed = [phrase(str(gate)) for gate in gates.loc[~gates["passed"].astype(bool), "gate"]]
    return f"failed: {', '.join(failed)}" if failed else "none failed"


def _page(report: EvaluationReport, body: str) -> str:
    name = html.escape(report.dataset)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Evaluation of recommenders on {name}</title>
<style>
{css_variables()}{PAGE_CSS}</style>
</head>
<body>
<header>
<p class="eyebrow">Offline evaluation</p>
<h1>Recommenders on {name}</h1>
<p class="lead">{html.escape(headline(report))}</p>
{_tiles(report)}
</header>
<main>
{body}
</main>
</body>
</html>
"""
