"""The ledger of published claims as a section of a report: each figure claimed beside the figure measured.

The table comes as a frame by the name of its contract.
"""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Final

import pandas as pd

from recsys_assets.report.page import Section, note, paragraph, pill, wide
from recsys_assets.report.style import Html, escape_markdown, html_table, markdown_table

__all__ = ["REPORTED", "claims", "claims_markdown"]

REPORTED: Final = ("claims",)
"""The table that the section is made of."""

_TITLE: Final = "Claims"
_TONES: Final = {"reproduced": "good", "not reproduced": "bad"}
_DESCRIPTION: Final = (
    "What the authors of published systems of this kind claim, beside what was measured here. What is measured comes "
    "from tables of the published file: the column evidence of the table claims has the query."
)
_NOTE: Final = (
    "Not meaningful: the figure could be had without the system being any better, or is one of another data set. Not "
    "measured yet: the note says what must be run."
)


def claims(tables: Mapping[str, pd.DataFrame]) -> Section:
    """Report on published claims.

    Parameters
    ----------
    tables : that of ``REPORTED`` by name

    Raises
    ------
    KeyError
        If it is missing.
    """
    rows = tables["claims"]
    table = pd.DataFrame(
        {
            "Id": rows["claim_id"],
            "Verdict": rows["verdict"].map(lambda word: pill(word, _TONES.get(word, "open"))),
            "Claimed": (rows["statement"] + ": " + rows["claimed"]).map(wide),
            "Measured": [
                _with_note(*texts) for texts in zip(rows["measured"].fillna("–"), rows["note"], strict=True)
            ],
        }
    )
    return Section(
        title=_TITLE,
        finding=_finding(rows),
        html=f"{paragraph(_DESCRIPTION)}\n{html_table(table, formats={})}\n{note(_NOTE)}",
        markdown="\n\n".join(
            [
                f"### {_TITLE}",
                escape_markdown(_DESCRIPTION),
                claims_markdown(rows),
                escape_markdown(_NOTE),
            ]
        ),
        sql="select claim_id, claimed, measured, verdict, note, evidence from claims order by claim_id;",
    )


def claims_markdown(rows: pd.DataFrame) -> str:
    """Tabulate the ledger."""
    return markdown_table(_table(rows), formats={})


def _with_note(measured: str, reason: str) -> Html:
    return Html(f'<div class="wide">{html.escape(measured)}{note(reason)}</div>')


def _table(rows: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "Id": rows["claim_id"],
            "Claim": rows["statement"],
            "Claimed": rows["claimed"],
            "Measured": rows["measured"].fillna("–"),
            "Verdict": rows["verdict"],
            "Note": rows["note"],
        }
    )


def _finding(rows: pd.DataFrame) -> str:
    counts = rows["verdict"].value_counts()
    ordered = [word for word in (*_TONES, "not meaningful", "not measured yet") if word in counts]
    found = ", ".join(f"{counts[word]} {word}" for word in ordered)
    return f"Of {len(rows)} published claims: {found}." if len(rows) else "No published claim was looked at."
