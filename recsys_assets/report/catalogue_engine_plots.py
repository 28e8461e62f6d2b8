"""Plots of the content engine: what its components explain, and its clusters by their number."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter, ScalarFormatter
from numpy.typing import ArrayLike

from recsys_assets.contracts.catalogue_engine import CHOSEN, PUBLISHED_SETTING
from recsys_assets.report.plots import legend, plot
from recsys_assets.report.style import LIGHT

__all__ = ["evidence_by_k", "explained_variance", "silhouette_by_k"]

_TICKS: Final = (2, 3, 4, 5, 7, 10, 15, 20, 30, 40, 60, 80, 120, 200)
_SETTINGS: Final = {
    CHOSEN: ("series-1", "o", "Chosen"),
    PUBLISHED_SETTING: ("series-2", "s", "Published"),
}


@plot(height=3.1)
def explained_variance(axes: Axes, shares: ArrayLike, *, claimed: float) -> None:
    """Line: share of the TF-IDF columns' variance that the first components explain; dotted = as claimed.

    Parameters
    ----------
    shares : shape (n_components,), of each component, 0–1
    claimed : of all of them
    """
    explained = np.cumsum(np.asarray(shares, dtype=float))
    axes.plot(np.arange(1, explained.size + 1), explained, color=LIGHT["series-1"], label="Chosen settings")
    axes.axhline(claimed, color=LIGHT["muted"], linestyle=":", linewidth=1.2, label=f"Claimed {claimed:.2%}")
    axes.yaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=0))
    axes.set_ylim(bottom=0)
    axes.set_title(f"{explained.size} components explain {explained[-1]:.1%}")
    axes.set_xlabel("Components (count)")
    axes.set_ylabel("Explained variance (% of TF-IDF)")
    legend(axes)


@plot(height=3.1)
def silhouette_by_k(axes: Axes, figures: pd.DataFrame) -> None:
    """Lines: silhouette by number of clusters with chosen and published settings; dotted = as claimed.

    Parameters
    ----------
    figures : the table ``catalogue_figures``
    """
    found = figures[figures["name"] == "silhouette"]
    for setting, (color, marker, name) in _SETTINGS.items():
        rows = found[found["setting"] == setting].sort_values("k")
        axes.plot(rows["k"], rows["value"], f"-{marker}", color=LIGHT[color], label=name)
    for k, claimed in found[["k", "claimed"]].dropna().itertuples(index=False, name=None):
        text = f"Claimed ({k:g})"
        axes.axhline(claimed, color=LIGHT["muted"], linestyle=":", linewidth=1.2, label=text)
    _number_of_clusters(axes, found["k"])
    axes.set_ylim(bottom=min(0.0, *axes.get_ylim()))
    axes.set_title("Silhouette by number of clusters")
    axes.set_ylabel("Silhouette (−1 to 1)")
    legend(axes)


@plot(height=3.1)
def evidence_by_k(
    axes: Axes, k: ArrayLike, silhouette: ArrayLike, stability: ArrayLike, chosen: ArrayLike
) -> None:
    """Lines: silhouette and stability by number of clusters on a logarithmic axis, the chosen number marked.

    Parameters
    ----------
    k : shape (n_tried,), numbers of clusters
    silhouette, stability : shape (n_tried,), both −1 to 1
    chosen : shape (n_tried,), bool, True once
    """
    numbers = np.asarray(k)
    best = int(numbers[np.asarray(chosen, dtype=bool)][0])
    lines = {"Stability": ("series-1", "o", stability), "Silhouette": ("series-2", "s", silhouette)}
    for name, (color, marker, values) in lines.items():
        axes.plot(numbers, np.asarray(values, dtype=float), f"-{marker}", color=LIGHT[color], label=name)
    axes.axvline(best, color=LIGHT["muted"], linestyle=":", linewidth=1.2)
    _number_of_clusters(axes, numbers)
    axes.set_ylim(bottom=min(0.0, *axes.get_ylim()))
    axes.set_title(f"{best} clusters chosen (dotted)")
    axes.set_ylabel("Silhouette, stability (−1 to 1)")
    legend(axes)


def _number_of_clusters(axes: Axes, k: ArrayLike) -> None:
    numbers = np.asarray(k)
    axes.set_xscale("log")
    axes.minorticks_off()
    low, high = numbers.min(initial=2), numbers.max(initial=3)
    axes.set_xticks([tick for tick in _TICKS if low <= tick <= high])
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.set_xlabel("Clusters (count)")
