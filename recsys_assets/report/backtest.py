"""Backtests as a section of a report: models of several moments, each judged by what came after it.

Tables come as frames by the names of their contracts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import pandas as pd

from recsys_assets.algorithms.backtesting.pooling import Pooled, pool_windows
from recsys_assets.report import backtest_plots
from recsys_assets.report.backtest_plots import segment_phrase
from recsys_assets.report.intervals import BETTER, WORSE, interval_text, verdicts
from recsys_assets.report.page import Section, figures, note, paragraph, subsections
from recsys_assets.report.style import (
    LOWER_IS_BETTER,
    escape_markdown,
    format_cell,
    html_table,
    label,
    markdown_table,
    metric_label,
    phrase,
)

__all__ = ["REPORTED", "backtest_section", "is_there"]

REPORTED: Final = ("backtest_windows", "backtest_figures", "backtest_comparisons")
"""The tables that the section is made of."""

_TITLE: Final = "Backtest"
_DESCRIPTION: Final = (
    "Each window is a moment of the past: models learned from ratings and tags that are strictly older, settings were "
    "chosen by each user's latest ratings before it, and what was rated within the window judges them. Warm users had "
    "rated before the window; new users get a list that was made for anyone. The tag genome and the catalogue of "
    "metadata are left out: they are of one late moment. Windows hold equally many ratings, not equal time."
)
_POOLED_NOTE: Final = (
    "Means are over windows, weighted by their users; a user who comes back counts in each. Better and worse: in so "
    "many windows the difference's own interval lies on that side of zero."
)
_SUMMARISED: Final = (
    ("ndcg", "warm_users"),
    ("hit_rate", "new_users"),
    ("rmse", "all"),
    ("rmse", "warm_users"),
)


def is_there(tables: Mapping[str, pd.DataFrame]) -> bool:
    """Tell whether a window was ever made."""
    return all(name in tables and len(tables[name]) > 0 for name in REPORTED)


def backtest_section(tables: Mapping[str, pd.DataFrame]) -> Section:
    """Write the section on windows of which there is at least one.

    Raises
    ------
    KeyError
        If a table is missing.
    """
    windows, measured, compared = (tables[name] for name in REPORTED)
    summary = _summary(measured, compared)
    by_window = _windows(windows)
    finding = _finding(windows, compared)
    drawn = figures(backtest_plots.drawings(windows, measured, compared))
    parts = {
        "Models over all windows": f"{html_table(summary, formats=_SUMMARY)}\n{note(_POOLED_NOTE)}\n{drawn}",
        "Windows": html_table(by_window, formats=_COUNTS),
    }
    images = backtest_plots.images(windows, measured, compared).values()
    return Section(
        title=_TITLE,
        finding=finding,
        html=f"{paragraph(_DESCRIPTION)}\n{subsections(parts)}",
        markdown="\n\n".join(
            [
                f"### {_TITLE}",
                escape_markdown(finding),
                escape_markdown(_DESCRIPTION),
                markdown_table(summary, formats=_SUMMARY),
                escape_markdown(_POOLED_NOTE),
                " ".join(images),
                markdown_table(by_window, formats=_COUNTS),
            ]
        ),
        sql="\n".join(
            [
                'from backtest_windows order by "window";',
                'select "window", model, segment, metric, value, ci_low, ci_high, n_users from backtest_figures',
                'order by metric, segment, model, "window";',
                'select "window", model, baseline, difference, ci_low, ci_high, n_users from backtest_comparisons',
                "where metric in ('ndcg', 'rmse') order by model, \"window\";",
            ]
        ),
    )


_SUMMARY: Final = {"Mean": ".4f", "Difference": "+.4f", "Users": ",d"}
_COUNTS: Final = {
    "Learned from": ",d",
    "Judged": ",d",
    "Warm users": ",d",
    "New users": ",d",
    "New movies": ",d",
}


def _windows(windows: pd.DataFrame) -> pd.DataFrame:
    ordered = windows.sort_values("window")
    return pd.DataFrame(
        {
            "Window": ordered["window"],
            "From": ordered["starts_at"].dt.strftime("%Y-%m-%d %H:%M"),
            "To": ordered["ends_at"].dt.strftime("%Y-%m-%d %H:%M"),
            "Learned from": ordered["n_train"],
            "Judged": ordered["n_judged"],
            "Warm users": ordered["n_warm_users"],
            "New users": ordered["n_new_users"],
            "New movies": ordered["n_new_items"],
        }
    )


def _summary(measured: pd.DataFrame, compared: pd.DataFrame) -> pd.DataFrame:
    """Each model's figure over the windows, and in how many it was better and worse than its baseline."""
    rows = []
    for metric, segment in _SUMMARISED:
        own = measured[(measured["metric"] == metric) & (measured["segment"] == segment)]
        pooled = {str(name): _pooled(of_model, "value") for name, of_model in own.groupby("model")}
        best_first = sorted(
            pooled, key=lambda name: (pooled[name].value, name), reverse=metric not in LOWER_IS_BETTER
        )
        for model in best_first:
            against = _against(compared, model, metric, segment)
            gain = _pooled(against, "difference")
            rows.append(
                {
                    "Figure": f"{metric_label(metric, int(own['k'].max()))}, {segment_phrase(segment)}",
                    "Model": label(model),
                    "Mean": pooled[model].value,
                    "Interval": _interval(pooled[model], ".3f"),
                    "Against": label(str(against["baseline"].iloc[0])) if len(against) else "–",
                    "Difference": gain.value,
                    "Its interval": _interval(gain, "+.3f"),
                    "Better in": _share(against, BETTER, metric),
                    "Worse in": _share(against, WORSE, metric),
                    "Users": pooled[model].n,
                }
            )
    return pd.DataFrame(rows)


def _pooled(rows: pd.DataFrame, column: str) -> Pooled:
    return pool_windows(*(rows[name].to_numpy() for name in (column, "ci_low", "ci_high", "n_users")))


def _interval(pooled: Pooled, spec: str) -> str:
    return interval_text(pooled.low, pooled.high, spec) if pooled.n else "–"


def _against(compared: pd.DataFrame, model: str, metric: str, segment: str) -> pd.DataFrame:
    wanted = (compared["model"] == model) & (compared["metric"] == metric) & (compared["segment"] == segment)
    return compared[wanted & compared["difference"].notna()]


def _share(against: pd.DataFrame, word: str, metric: str) -> str:
    if not len(against):
        return "–"
    return f"{_count(against, word, metric)} of {len(against)}"


def _count(against: pd.DataFrame, word: str, metric: str) -> int:
    return verdicts(against, lower_is_better=metric in LOWER_IS_BETTER).count(word)


def _finding(windows: pd.DataFrame, compared: pd.DataFrame) -> str:
    began, ended = windows["starts_at"].min(), windows["ends_at"].max()
    said = [f"{len(windows)} windows from {began:%Y-%m-%d} to {ended:%Y-%m-%d}."]
    for model, metric, segment in (("hybrid", "ndcg", "warm_users"), ("svdpp", "rmse", "all")):
        against = _against(compared, model, metric, segment)
        if len(against):
            baseline, name = str(against["baseline"].iloc[0]), metric_label(metric, int(against["k"].max()))
            gain = _pooled(against, "difference")
            said.append(
                f"{name} of {phrase(model)} less that of {phrase(baseline)} is {format_cell(gain.value, '+.3f')} "
                f"({_interval(gain, '+.3f')}) over all windows; beyond noise it is better in "
                f"{_count(against, BETTER, metric)} of {len(against)} of them and worse in "
                f"{_count(against, WORSE, metric)}."
            )
    return " ".join(said)
