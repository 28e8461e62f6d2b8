"""Plots of how relevant neighbours by content are, beside other neighbours."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from recsys_assets.contracts.catalogue_neighbours import METHODS
from recsys_assets.report.plots import annotate, give_rows_room, plot
from recsys_assets.report.style import LIGHT, label

__all__ = ["lift_by_method", "precision_by_method"]

_CONTENT: Final = "content"


@plot(height=2.9)
def lift_by_method(axes: Axes, relevance: pd.DataFrame) -> None:
    """Bars with intervals: lift of each method's neighbours over movies of the same genre, which is 1."""
    _bars(axes, relevance[relevance["metric"] == "lift_over_same_genre"], spec=".2f")
    axes.axvline(1.0, color=LIGHT["muted"], linestyle=":", linewidth=1.2)
    axes.set_title("Neighbours liked together")
    axes.set_xlabel("Lift ÷ lift of the same genre (ratio)")


@plot(height=2.9)
def precision_by_method(axes: Axes, relevance: pd.DataFrame) -> None:
    """Bars with intervals: share of each method's neighbours that are among the most co-liked."""
    rows = relevance[relevance["metric"].str.startswith("precision_at_")]
    _bars(axes, rows, spec=".1%")
    axes.set_title("Neighbours among the most co-liked")
    axes.set_xlabel("Precision (share of the list)")


def _bars(axes: Axes, rows: pd.DataFrame, *, spec: str) -> None:
    """One bar a method, the least informed at the bottom; content in the series' colour, the others muted."""
    known = rows.dropna(subset=["value"]).set_index("method")[["value", "ci_low", "ci_high"]]
    found = {str(method): figures for method, *figures in known.itertuples(name=None)}
    methods = [method for method in METHODS if method in found]
    give_rows_room(axes, len(methods))
    for position, method in enumerate(methods):
        value, low, high = found[method]
        color = LIGHT["series-1"] if method.startswith(_CONTENT) else LIGHT["muted"]
        axes.barh(position, value, color=color, alpha=0.75, height=0.62)
        axes.hlines(position, low, high, color=LIGHT["ink"], linewidth=1.6)
        end = float(np.fmax(value, high))
        annotate(axes, format(value, spec), (end, position), (7, 0), ha="left", va="center")
    axes.set_yticks(range(len(methods)), [label(method) for method in methods])
    axes.set_ylim(-0.6, max(len(methods), 1) - 0.4)
    axes.margins(x=0.15)
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0, labelcolor=LIGHT["ink"])
