"""Whether any model has seen the rows that judge it, as a section of a report: each way of looking, each finding.

Tables come as frames by the names of their contracts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import pandas as pd

from recsys_assets.report.page import Section, folded, note, paragraph, pill, wide
from recsys_assets.report.style import Html, escape_markdown, html_table, label, markdown_table

__all__ = ["REPORTED", "is_there", "leakage_markdown", "leaks"]

REPORTED: Final = ("leakage",)
"""The table that the section is made of."""

_TITLE: Final = "Leakage"
_WAYS: Final = {
    "upstream": "asked of the asset graph",
    "order": "learned rows come before those that judge",
    "recomputed": "statistics counted again from learned rows",
    "shuffled": "models of shuffled rows, AUC − 0.5",
    "scrambled": "held-out stars and tags changed, bits that follow",
}
_NOTE: Final = (
    "Measured must not exceed its bound. Rows without a bound are told and not judged: in a split by each user's own "
    "time, other users' later ratings are learned from."
)
_FORMATS: Final = {"Measured": ".3g", "At most": ".3g"}


def is_there(tables: Mapping[str, pd.DataFrame]) -> bool:
    """Tell whether leaks were looked for."""
    return "leakage" in tables and len(tables["leakage"]) > 0


def leaks(tables: Mapping[str, pd.DataFrame]) -> Section:
    """Write the section: for each family and way of looking the finding nearest to its bound, then all of them."""
    rows = tables["leakage"]
    summary = _summary(rows)
    shown = summary.assign(Result=summary["Result"].map(_pill))
    everything = _table(rows)
    everything["What was measured"] = everything["What was measured"].map(wide)
    finding = _finding(rows)
    return Section(
        title=_TITLE,
        finding=finding,
        html=paragraph(finding)
        + html_table(shown, formats=_FORMATS)
        + folded(f"All {len(rows)} findings", html_table(everything, formats=_FORMATS))
        + note(_NOTE),
        markdown="\n\n".join(
            [
                f"### {_TITLE}",
                escape_markdown(finding),
                markdown_table(summary, formats=_FORMATS),
                escape_markdown(_NOTE),
            ]
        ),
        sql="select * exclude description from leakage order by passed, family, fit;",
    )


def leakage_markdown(rows: pd.DataFrame) -> str:
    """Tabulate findings, failed ones first."""
    return markdown_table(_table(rows), formats=_FORMATS)


def _table(rows: pd.DataFrame) -> pd.DataFrame:
    ordered = rows.sort_values("passed", kind="stable", ignore_index=True)
    return pd.DataFrame(
        {
            "Family": ordered["family"],
            "Fit": ordered["fit"],
            "Check": ordered["check"],
            "Measured": ordered["measured"].astype(float),
            "At most": ordered["bound"].astype(float),
            "Result": [_result(passed) for passed in ordered["passed"]],
            "What was measured": ordered["description"],
        }
    )


def _summary(rows: pd.DataFrame) -> pd.DataFrame:
    """Of each family and way of looking how many findings there are, and the one that leaves least room."""
    judged = rows.dropna(subset=["measured", "bound"])
    room = (judged["bound"] - judged["measured"]) / judged["bound"].where(judged["bound"] > 0, 1)
    way = judged["check"].str.split().str[0]
    parts = []
    for name, meaning in _WAYS.items():
        for family, of_family in judged[way == name].groupby("family", sort=False):
            nearest = of_family.iloc[int(room[of_family.index].to_numpy().argmin())]
            parts.append(
                {
                    "Family": label(str(family)),
                    "Looked for": meaning,
                    "Findings": len(of_family),
                    "Nearest": str(nearest["check"]).removeprefix(f"{name} "),
                    "Measured": float(nearest["measured"]),
                    "At most": float(nearest["bound"]),
                    "Result": _result(bool(of_family["passed"].all())),
                }
            )
    columns = ["Family", "Looked for", "Findings", "Nearest", "Measured", "At most", "Result"]
    return pd.DataFrame(parts, columns=columns)


def _result(passed: bool) -> str:
    return "passed" if passed else "failed"


def _pill(word: str) -> Html:
    return pill(word, "good" if word == "passed" else "bad")


def _finding(rows: pd.DataFrame) -> str:
    judged = rows.dropna(subset=["measured", "bound"])
    failed = judged[~judged["passed"].astype(bool)]
    if failed.empty:
        return (
            f"No leak was found in {len(judged)} checks of {judged['family'].nunique()} families of models."
        )
    named = ", ".join(
        f"{family}: {check}" for family, check in zip(failed["family"], failed["check"], strict=True)
    )
    return f"{len(failed)} of {len(judged)} checks found a leak: {named}."
