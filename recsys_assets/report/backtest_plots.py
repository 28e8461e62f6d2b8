"""Plots of backtests: figures and paired differences over the windows, a line a model, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from recsys_assets.report.plots import Plot, legend, markdown_image, plot, short_label
from recsys_assets.report.style import LIGHT, METRICS, metric_label, metric_name, phrase, series_styles

__all__ = ["DRAWN", "differences_over_time", "drawings", "figures_over_time", "images", "segment_phrase"]

#: title: (which table, metric, segment)
DRAWN: Final = {
    "Lists of warm users": ("figures", "ndcg", "warm_users"),
    "Against popularity": ("comparisons", "ndcg", "warm_users"),
    "Lists of new users": ("figures", "hit_rate", "new_users"),
    "Predicted stars": ("figures", "rmse", "all"),
}
_SPREAD: Final = 0.5
"""Of the distance between two windows, over which the models of one are spread: whiskers must not cover each other."""


@plot(height=3.6)
def figures_over_time(
    axes: Axes, windows: pd.DataFrame, figures: pd.DataFrame, *, metric: str, segment: str
) -> None:
    """A line a model: the metric in each window, with its interval; windows without a figure leave a gap.

    Parameters
    ----------
    windows : ``backtest_windows``
    figures : ``backtest_figures``
    """
    rows = _rows(figures, metric, segment).rename(columns={"value": "y"})
    _over_time(axes, windows, rows)
    axes.set_title(f"{metric_label(metric, _cut_off(rows))} by window, {segment_phrase(segment)}")
    axes.set_ylabel(_quantity(metric))
    legend(axes)


@plot(height=3.6)
def differences_over_time(
    axes: Axes, windows: pd.DataFrame, comparisons: pd.DataFrame, *, metric: str, segment: str
) -> None:
    """A line a model: how far it lies above the baseline over the same users, in each window, with its interval.

    Parameters
    ----------
    windows : ``backtest_windows``
    comparisons : ``backtest_comparisons``
    """
    rows = _rows(comparisons, metric, segment).rename(columns={"difference": "y"})
    axes.axhline(0, color=LIGHT["muted"], linewidth=1.0)
    [baseline] = rows["baseline"].unique()
    _over_time(axes, windows, rows, others=[baseline])
    axes.set_title(
        f"{metric_label(metric, _cut_off(rows))} less that of {phrase(baseline)}, {segment_phrase(segment)}"
    )
    axes.set_ylabel(f"Difference in {_quantity(metric)}")
    legend(axes)


def drawings(windows: pd.DataFrame, figures: pd.DataFrame, comparisons: pd.DataFrame) -> list[str]:
    """The plots of ``DRAWN`` as inline SVG."""
    return [
        draw.svg(windows, table, metric=metric, segment=segment)
        for draw, table, metric, segment in _drawn(figures, comparisons).values()
    ]


def images(windows: pd.DataFrame, figures: pd.DataFrame, comparisons: pd.DataFrame) -> dict[str, str]:
    """The plots of ``DRAWN`` as Markdown, by title."""
    return {
        title: markdown_image(draw(windows, table, metric=metric, segment=segment), title)
        for title, (draw, table, metric, segment) in _drawn(figures, comparisons).items()
    }


def _drawn(
    figures: pd.DataFrame, comparisons: pd.DataFrame
) -> dict[str, tuple[Plot[...], pd.DataFrame, str, str]]:
    """What there is something to draw of."""
    tables: dict[str, tuple[Plot[...], pd.DataFrame]] = {
        "figures": (figures_over_time, figures),
        "comparisons": (differences_over_time, comparisons),
    }
    return {
        title: (*tables[of], metric, segment)
        for title, (of, metric, segment) in DRAWN.items()
        if len(_rows(tables[of][1], metric, segment))
    }


def _rows(table: pd.DataFrame, metric: str, segment: str) -> pd.DataFrame:
    value = "value" if "value" in table else "difference"
    wanted = (table["metric"] == metric) & (table["segment"] == segment) & table[value].notna()
    return table[wanted]


def _over_time(axes: Axes, windows: pd.DataFrame, rows: pd.DataFrame, others: Sequence[str] = ()) -> None:
    """Draw the models; others that stand beside them in another plot keep their colours."""
    ordered = windows.sort_values("window")
    names = ordered["window"].tolist()
    models = set(rows["model"])
    styles = {name: style for name, style in series_styles({*models, *others}).items() if name in models}
    offsets = np.linspace(-_SPREAD / 2, _SPREAD / 2, len(styles) + 2)[1:-1]
    for offset, (model, style) in zip(offsets, styles.items(), strict=True):
        own = rows[rows["model"] == model].set_index("window").reindex(names)
        x = np.arange(len(names)) + offset
        axes.vlines(x, own["ci_low"], own["ci_high"], color=style.color, linewidth=1.4, alpha=0.7)
        axes.plot(
            x,
            own["y"],
            color=style.color,
            marker=style.marker,
            linestyle=style.linestyle,
            linewidth=1.2,
            markersize=4.5,
            label=short_label(model),
        )
    began = ordered["starts_at"].dt.strftime("%Y-%m-%d")
    ticks = [f"{name}\n{day[:4]}\n{day[5:]}" for name, day in zip(names, began, strict=True)]
    axes.set_xticks(range(len(names)), ticks)
    axes.set_xlim(-0.5, len(names) - 0.5)
    axes.grid(visible=False, axis="x")
    axes.set_xlabel("Window and the day it begins; whiskers are intervals")


def _cut_off(rows: pd.DataFrame) -> int:
    return int(rows["k"].max())


def segment_phrase(segment: str) -> str:
    """Name whom a figure is about, within a sentence."""
    return "all ratings" if segment == "all" else phrase(segment)


def _quantity(metric: str) -> str:
    return f"{metric_name(metric)} ({METRICS[metric][1]})"
