"""Champions and challengers as a section of a report: what was decided, how far from the gate, and who gains least.

Tables come as frames by the names of their contracts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pandas as pd

from recsys_assets.report.champion_plots import gains_by_segment
from recsys_assets.report.intervals import interval_text
from recsys_assets.report.page import Section, figures, note, paragraph, pill, subsections
from recsys_assets.report.style import (
    escape_markdown,
    html_table,
    label,
    markdown_table,
    metric_name,
    phrase,
)

__all__ = ["REPORTED", "champions", "is_there"]

REPORTED: Final = ("promotion_comparisons",)
"""The table that the section is made of."""

_TITLE: Final = "Champions"
_NOTE: Final = (
    "A strategy is a procedure: settings chosen on validation rows, fitted anew on the day's data. The one that is "
    "best on validation rows challenges the champion, which answers by default. It is promoted if its gain over the "
    "same users' test rows is above 0 for certain, and no guardrail fails. All looks at the same test rows share one "
    "error probability α: the i-th is made at 6 α / (π² i²). New ratings make a fresh window, which starts at look 1. "
    "Gains are above 0 where the challenger is better, whatever the metric."
)
_SEGMENTS: Final = ("all", "light_users", "medium_users", "heavy_users", "tail_items")
_TONES: Final = {"promoted": "good", "first champion": "good", "champion stays": "open", "got worse": "bad"}
_CROWNED: Final = {"promoted": "new", "first champion": "first"}
_FORMATS: Final = {"Gain": "+.4f", "Distance": "+.4f"}


def is_there(tables: Mapping[str, pd.DataFrame]) -> bool:
    """Tell whether any challenger was judged."""
    return "promotion_comparisons" in tables and len(tables["promotion_comparisons"]) > 0


def champions(tables: Mapping[str, pd.DataFrame]) -> Section:
    """Write the section on challengers of which there is at least one."""
    rows = tables["promotion_comparisons"]
    tasks = {str(task): of_task for task, of_task in rows.groupby("task", sort=False)}
    outcomes = {task: _outcome(of_task) for task, of_task in tasks.items()}
    finding = " ".join(_sentence(task, outcome) for task, outcome in outcomes.items())
    decided = pd.DataFrame([{"Task": label(task)} | _decision(outcome) for task, outcome in outcomes.items()])
    segments = {label(task): _segments(of_task) for task, of_task in tasks.items()}
    shown = decided.assign(Decision=decided["Decision"].map(lambda word: pill(word, _TONES[word])))
    parts = {"Decisions": html_table(shown, formats=_FORMATS)}
    parts |= {f"{task} by segment": html_table(table, formats=_FORMATS) for task, table in segments.items()}
    drawn = figures(gains_by_segment.svg(of_task) for of_task in tasks.values())
    return Section(
        title=_TITLE,
        finding=finding,
        html=paragraph(finding) + subsections(parts) + drawn + note(_NOTE),
        # The plots are shown with the table that they are made of.
        markdown="\n\n".join(
            [
                f"### {_TITLE}",
                escape_markdown(finding),
                markdown_table(decided, formats=_FORMATS),
                *(
                    f"**{task}**\n\n{markdown_table(table, formats=_FORMATS)}"
                    for task, table in segments.items()
                ),
                _NOTE,
            ]
        ),
        sql="from champions;\nfrom promotions order by number desc;\nfrom promotion_comparisons;",
    )


def _outcome(rows: pd.DataFrame) -> dict[str, Any]:
    """What the rows of a task say: the gain, and the gate that decides."""
    first = rows[(rows["segment"] == "all") & rows["challenger_value"].notna()].iloc[0]
    overall = {str(name): value for name, value in first.items()}
    gates = rows[rows["passed"].notna()]
    regressed = gates[gates["gate"].str.endswith("_regression_max") & ~gates["passed"].astype(bool)]
    gates = gates[~gates["gate"].str.endswith("_regression_max")]
    failed = gates[~gates["passed"].astype(bool)]
    judged = gates["gate"].str.contains("_beats_")
    thirds = rows[rows["segment"].isin(_SEGMENTS[1:4]) & rows["difference"].notna()]
    if len(regressed):
        word, decisive = "got worse", regressed
    elif not judged.any():
        word, decisive = "champion stays", gates.iloc[:0]
    elif len(failed):
        word, decisive = "champion stays", failed
    else:
        alone = gates["gate"].str.endswith("_beats_baseline").any()
        word, decisive = "first champion" if alone else "promoted", gates[judged]
    return {
        **overall,
        "word": word,
        "contested": bool(judged.any()),
        "gate": str(decisive["gate"].iloc[0]) if len(decisive) else None,
        "distance": float(decisive["distance"].iloc[0]) if len(decisive) else None,
        "weakest": str(thirds.sort_values("difference")["segment"].iloc[0]) if len(thirds) else None,
    }


def _decision(outcome: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "Decision": outcome["word"],
        "Challenger": label(outcome["challenger"]),
        "Against": label(outcome["champion"]),
        "Metric": metric_name(outcome["metric"]),
        "Gain": outcome["difference"],
        "Interval": interval_text(outcome["ci_low"], outcome["ci_high"], "+.4f"),
        "Gate": phrase(outcome["gate"]) if outcome["gate"] else "–",
        "Distance": outcome["distance"],
        "Gains least": label(outcome["weakest"]) if outcome["weakest"] else "–",
    }


def _sentence(task: str, outcome: Mapping[str, Any]) -> str:
    challenger, champion = phrase(outcome["challenger"]), phrase(outcome["champion"])
    if outcome["word"] == "got worse":
        return f"{label(task)}: the champion is worse on the same rows than when it was crowned; nothing is published."
    if not outcome["contested"]:
        return f"{label(task)}: {challenger} stays the champion, and is the best on validation rows too."
    if outcome["word"] in _CROWNED:
        return f"{label(task)}: {challenger} is the {_CROWNED[outcome['word']]} champion."
    gate = phrase(outcome["gate"])
    distance = outcome["distance"]
    short = "" if distance is None or pd.isna(distance) else f" ({distance:+.4f})"
    weakest = f", and gains least among {phrase(outcome['weakest'])}" if outcome["weakest"] else ""
    return f"{label(task)}: {challenger} is not promoted over {champion}: it fails {gate}{short}{weakest}."


def _segments(rows: pd.DataFrame) -> pd.DataFrame:
    kept = rows[rows["segment"].isin(_SEGMENTS) & rows["challenger_value"].notna()]
    kept = kept[~kept["gate"].str.endswith("_regression_max")]
    return pd.DataFrame(
        {
            "Segment": kept["segment"].map(label),
            "Metric": kept["metric"].map(metric_name),
            "Challenger": kept["challenger_value"].map("{:.4f}".format),
            "Against": kept["champion_value"].map("{:.4f}".format),
            "Gain": kept["difference"],
            "Interval": [
                interval_text(low, high, "+.4f")
                for low, high in zip(kept["ci_low"], kept["ci_high"], strict=True)
            ],
            "Gate": ["–" if pd.isna(passed) else "holds" if passed else "fails" for passed in kept["passed"]],
            "Distance": kept["distance"],
            "Users": kept["n_users"].map("{:,d}".format),
        }
    )
