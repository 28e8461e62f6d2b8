"""Stars of new ratings beside those that were learned from."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter
from numpy.typing import ArrayLike

from recsys_assets.report.plots import legend, plot
from recsys_assets.report.style import LIGHT

__all__ = ["star_shares"]

_WIDTH = 0.19  # stars


@plot(height=2.9)
def star_shares(axes: Axes, stars: ArrayLike, learned: ArrayLike, new: ArrayLike) -> None:
    """Pairs of bars: the share of each number of stars among the learned ratings and among the new ones.

    Parameters
    ----------
    stars : shape (n_values,)
    learned, new : shape (n_values,), counts; none are drawn of no ratings
    """
    values = np.asarray(stars, dtype=float)
    for name, counts, color, side in (
        ("Learned from", learned, "series-1", -1),
        ("New", new, "series-2", 1),
    ):
        ratings = np.asarray(counts, dtype=float)
        shares = ratings / max(ratings.sum(), 1)
        axes.bar(
            values + side * _WIDTH / 2,
            shares,
            width=_WIDTH,
            color=LIGHT[color],
            label=f"{name}: {ratings.sum():,.0f} ratings",
        )
    axes.set_xticks(values)
    axes.grid(visible=False, axis="x")
    axes.yaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=0))
    axes.set_title("Stars of new ratings and of those learned from")
    axes.set_xlabel("Rating (stars)")
    axes.set_ylabel("Share of the ratings (%)")
    legend(axes)
