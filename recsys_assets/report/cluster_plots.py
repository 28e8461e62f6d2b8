"""Plots of clusters of users: what their number was chosen by, what they prefer, how alike they are."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, LinearSegmentedColormap
from numpy.typing import ArrayLike

from recsys_assets.report.plots import plot
from recsys_assets.report.style import LIGHT, format_cell

__all__ = ["cluster_evidence", "cluster_genres", "cluster_similarity"]

_MOST_NUMBERS: Final = 8
_DIVERGING: Final = LinearSegmentedColormap.from_list(
    "diverging", [LIGHT["series-2"], LIGHT["page"], LIGHT["series-1"]]
)
_RISING: Final = LinearSegmentedColormap.from_list("rising", [LIGHT["page"], LIGHT["series-1"]])

FloatArray = np.ndarray[Any, np.dtype[np.float64]]


@plot(height=3.1)
def cluster_evidence(
    axes: Axes, k: ArrayLike, silhouette: ArrayLike, stability: ArrayLike, chosen: ArrayLike
) -> None:
    """Lines: silhouette and stability by number of clusters, the chosen number marked.

    Parameters
    ----------
    k : shape (n_tried,), numbers of clusters
    silhouette, stability : shape (n_tried,), both −1 to 1; NaN is left out
    chosen : shape (n_tried,), bool, True once
    """
    numbers = np.asarray(k)
    best = int(numbers[np.asarray(chosen, dtype=bool)][0])
    lines = {"Stability": ("series-1", "o", stability), "Silhouette": ("series-2", "s", silhouette)}
    for name, (color, marker, values) in lines.items():
        axes.plot(numbers, np.asarray(values, dtype=float), f"-{marker}", color=LIGHT[color], label=name)
    axes.axvline(best, color=LIGHT["muted"], linestyle=":", linewidth=1.2)
    axes.set_xticks(numbers)
    axes.set_ylim(bottom=min(0.0, *axes.get_ylim()))
    axes.set_title(f"{best} clusters chosen (dotted)")
    axes.set_xlabel("Clusters (count)")
    axes.set_ylabel("Silhouette, stability (−1 to 1)")
    figure = axes.get_figure(root=True)
    if figure is not None:
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2)


@plot(height=5.4)
def cluster_genres(axes: Axes, stars: ArrayLike, genres: ArrayLike, n_users: ArrayLike) -> None:
    """Heat map: clusters across, genres down; blue where a cluster prefers a genre more than all users do.

    Parameters
    ----------
    stars : shape (n_clusters, n_genres), by how many stars more
    genres : shape (n_genres,), names
    n_users : shape (n_clusters,), size of each cluster
    """
    deviation = np.asarray(stars, dtype=float).T
    largest = max(float(np.abs(deviation).max(initial=0.0)), 0.01)
    _heat(axes, deviation, _DIVERGING, (-largest, largest), "+z.2f")
    sizes = np.asarray(n_users)
    axes.set_xticks(np.arange(sizes.size) + 0.5, [f"{place}\n({size:,})" for place, size in enumerate(sizes)])
    axes.set_yticks(np.arange(len(deviation)) + 0.5, [str(name) for name in np.asarray(genres)], fontsize=8)
    axes.set_title("Genre preference against all users (stars)")
    axes.set_xlabel("Cluster (users)")


@plot(height=3.4)
def cluster_similarity(axes: Axes, similarity: ArrayLike) -> None:
    """Heat map: how alike each two clusters are, 0 to 1.

    Parameters
    ----------
    similarity : shape (n_clusters, n_clusters)
    """
    weights = np.asarray(similarity, dtype=float)
    _heat(axes, weights, _RISING, (0.0, 1.0), ".2f")
    places = np.arange(len(weights))
    axes.set_xticks(places + 0.5, [str(place) for place in places])
    axes.set_yticks(places + 0.5, [str(place) for place in places])
    axes.set_title(f"Similarity of {len(weights)} clusters (0–1)")
    axes.set_xlabel("Cluster")
    axes.set_ylabel("Cluster")


def _heat(axes: Axes, values: FloatArray, ramp: Colormap, limits: tuple[float, float], spec: str) -> None:
    """Coloured cells, the first row on top; with few columns each cell carries its number."""
    low, high = limits
    axes.pcolormesh(values, cmap=ramp, vmin=low, vmax=high, edgecolors=LIGHT["card"], linewidth=1.5)
    axes.set_ylim(max(len(values), 1), 0)
    axes.grid(visible=False)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    if values.shape[1] <= _MOST_NUMBERS:
        for (row, column), value in np.ndenumerate(values):
            strong = abs(value) > 0.6 * high
            axes.text(
                column + 0.5,
                row + 0.5,
                format_cell(value, spec),
                color=LIGHT["card"] if strong else LIGHT["ink"],
                fontsize=7.5,
                ha="center",
                va="center",
            )
