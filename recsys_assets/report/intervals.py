"""Intervals for readers: what they show, in words, and whiskers on one scale."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import pandas as pd

from recsys_assets.report.page import pill
from recsys_assets.report.style import Html, format_cell

__all__ = [
    "BETTER",
    "NOTHING_SHOWN_NOTE",
    "NOT_SHOWN",
    "WORSE",
    "interval_text",
    "interval_texts",
    "verdict",
    "verdict_pill",
    "verdicts",
    "whiskers",
]

BETTER: Final = "better"
WORSE: Final = "worse"
NOT_SHOWN: Final = "no difference shown"
NOTHING_SHOWN_NOTE: Final = (
    f"“{NOT_SHOWN.capitalize()}” means that the interval holds zero, not that the two are equal."
)

_TONES: Final = {BETTER: "good", WORSE: "bad", NOT_SHOWN: "open"}
_WIDTH: Final = 176.0


def verdict(ci_low: float, ci_high: float, *, lower_is_better: bool = False) -> str:
    """Say what the interval of a difference shows.

    "better" if it lies on the good side of zero, "worse" if on the other, "no difference shown" if it touches zero or
    is missing.
    """
    if lower_is_better:
        ci_low, ci_high = -ci_high, -ci_low
    if ci_low > 0:
        return BETTER
    return WORSE if ci_high < 0 else NOT_SHOWN


def verdicts(rows: pd.DataFrame, *, lower_is_better: bool = False) -> list[str]:
    """The verdict on each row's ``ci_low`` and ``ci_high``."""
    return [
        verdict(low, high, lower_is_better=lower_is_better)
        for low, high in zip(rows["ci_low"], rows["ci_high"], strict=True)
    ]


def verdict_pill(word: str) -> Html:
    return pill(word, _TONES[word])


def interval_text(ci_low: float, ci_high: float, spec: str) -> str:
    """Write an interval as ``0.31 to 0.56``, or that it is unknown."""
    if math.isnan(ci_low) or math.isnan(ci_high):
        return "unknown"
    return f"{format_cell(ci_low, spec)} to {format_cell(ci_high, spec)}"


def interval_texts(rows: pd.DataFrame, spec: str) -> list[str]:
    """Write each row's ``ci_low`` and ``ci_high``."""
    return [interval_text(low, high, spec) for low, high in zip(rows["ci_low"], rows["ci_high"], strict=True)]


def whiskers(rows: pd.DataFrame, value: str, reference: float) -> list[Html]:
    """Draw each row's interval and value on one scale, on which the reference stands too."""
    columns = ["ci_low", "ci_high", value]
    ends = pd.concat([rows[column] for column in columns] + [pd.Series([reference])]).dropna()
    low, span = (float(ends.min()), float(ends.max() - ends.min())) if len(ends) else (0.0, 0.0)

    def position(end: float) -> str:
        return f"{6 + (end - low) / (span or 1.0) * (_WIDTH - 12):.1f}"

    return [_whisker(position, reference, *row) for row in rows[columns].itertuples(index=False, name=None)]


def _whisker(
    position: Callable[[float], str], reference: float, ci_low: float, ci_high: float, value: float
) -> Html:
    parts = []
    if not math.isnan(reference):
        x = position(reference)
        parts.append(f'<line class="reference" x1="{x}" x2="{x}" y1="-16" y2="36"/>')
    if not (math.isnan(ci_low) or math.isnan(ci_high)):
        parts.append(f'<line x1="{position(ci_low)}" x2="{position(ci_high)}" y1="10" y2="10"/>')
    if not math.isnan(value):
        parts.append(f'<circle cx="{position(value)}" cy="10" r="4.5"/>')
    box = f"0 0 {_WIDTH:.0f} 20"
    return Html(f'<svg class="whisker" viewBox="{box}" aria-hidden="true">{"".join(parts)}</svg>')
