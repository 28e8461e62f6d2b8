"""The gates as part of a report: what was demanded, what was measured, what fell short."""

from __future__ import annotations

from typing import Final

import pandas as pd

from recsys_assets.report.page import pill, wide
from recsys_assets.report.style import Html, format_cell, html_table, label, markdown_table, phrase

__all__ = ["failures", "gates_html", "gates_markdown", "gates_passed"]

_PASSED: Final = "passed"
_FAILED: Final = "failed"
_TONES: Final = {_PASSED: "good", _FAILED: "bad"}
_SIGNS: Final = {">=": "≥", "<=": "≤"}
_DIGITS: Final = 5
_FORMATS: Final = {"Measured": ",.10g", "Distance": "+,.10g"}


def gates_html(gates: pd.DataFrame) -> str:
    """Tabulate the gates, failed ones first."""
    table = _table(gates)
    table["Result"] = table["Result"].map(_pill)
    table["What it guards"] = table["What it guards"].map(wide)
    return html_table(table, formats=_FORMATS)


def gates_markdown(gates: pd.DataFrame) -> str:
    """Tabulate the gates, failed ones first."""
    return markdown_table(_table(gates), formats=_FORMATS)


def gates_passed(gates: pd.DataFrame) -> str:
    """Count the gates that hold: ``12 of 13``."""
    return f"{int(gates['passed'].sum())} of {len(gates)}"


def failures(gates: pd.DataFrame) -> str:
    """Name the gates that don't hold."""
    failed = [phrase(str(gate)) for gate in gates.loc[~gates["passed"].astype(bool), "gate"]]
    return f"failed: {', '.join(failed)}" if failed else "none failed"


def _pill(word: str) -> Html:
    return pill(word, _TONES[word])


def _table(gates: pd.DataFrame) -> pd.DataFrame:
    bounds = zip(gates["comparison"], gates["threshold"], strict=True)
    table = pd.DataFrame(
        {
            "Gate": gates["gate"].map(label),
            "Result": [_PASSED if passed else _FAILED for passed in gates["passed"]],
            "Measured": gates["measured"].round(_DIGITS),
            "Required": [f"{_SIGNS.get(sign, sign)} {format_cell(bound, ',.10g')}" for sign, bound in bounds],
            "Distance": gates["distance"].round(_DIGITS),
            "What it guards": gates["description"],
        }
    )
    return table.sort_values("Result", kind="stable", ignore_index=True)  # "failed" comes before "passed"
