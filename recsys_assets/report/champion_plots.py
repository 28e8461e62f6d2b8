"""Plots of challengers beside champions."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from recsys_assets.report.plots import annotate, give_rows_room, plot
from recsys_assets.report.style import LIGHT, label

__all__ = ["gains_by_segment"]

_ORDER: Final = ("all", "light_users", "medium_users", "heavy_users", "tail_items")


@plot(height=2.4)
def gains_by_segment(axes: Axes, comparisons: pd.DataFrame) -> None:
    """Points with intervals: the challenger's gain in each segment; 0 is the champion, a bar what may be lost.

    Parameters
    ----------
    comparisons : rows of one task of ``promotion_comparisons``
    """
    rows = comparisons[comparisons["segment"].isin(_ORDER) & comparisons["ci_low"].notna()]
    rows = rows[~rows["gate"].str.endswith("_regression_max")].set_index("segment")
    segments = [name for name in reversed(_ORDER) if name in rows.index]
    give_rows_room(axes, len(segments))
    for position, segment in enumerate(segments):
        row = rows.loc[segment].to_dict()
        axes.hlines(position, row["ci_low"], row["ci_high"], color=LIGHT["series-1"], linewidth=2.0)
        axes.plot([row["difference"]], [position], marker="o", linestyle="", color=LIGHT["series-1"])
        annotate(
            axes,
            f"{row['difference']:+.4f}",
            (float(row["ci_high"]), position),
            (7, 0),
            ha="left",
            va="center",
        )
        if "_loss_max" in str(row["gate"]):
            allowed = -float(row["threshold"])
            axes.plot([allowed], [position], marker="|", markersize=14, linestyle="", color=LIGHT["bad"])
    axes.axvline(0.0, color=LIGHT["muted"], linestyle=":", linewidth=1.2)
    axes.set_yticks(np.arange(len(segments)), [label(segment) for segment in segments])
    axes.set_ylim(-0.6, max(len(segments), 1) - 0.4)
    axes.margins(x=0.2)
    pair = comparisons.iloc[0]
    axes.set_title(f"{label(pair['challenger'])} against {label(pair['champion'])}")
    axes.set_xlabel(f"Gain in {pair['metric']} (above 0 = better; | = what may be lost)")
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0, labelcolor=LIGHT["ink"])
