"""Plots of what the ratings look like, beside those in ``plots``: activity, the dense corner, genres."""

from __future__ import annotations

import re
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch, PathPatch
from matplotlib.path import Path
from matplotlib.ticker import EngFormatter, NullLocator, PercentFormatter
from numpy.typing import ArrayLike

from recsys_assets.report.plots import plot
from recsys_assets.report.style import LIGHT

__all__ = ["genre_shares", "rating_heatmap", "user_activity"]

_N_BINS: Final = 24
_MOST_GENRES: Final = 20
_LONGEST_TITLE: Final = 26
_MOST_STARS: Final = 5.0
_FAINTEST: Final = 0.08
_SQUARE: Final = np.array([(-0.46, -0.46), (0.46, -0.46), (0.46, 0.46), (-0.46, 0.46), (-0.46, -0.46)])
_SQUARE_CODES: Final = [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY]

FloatArray = np.ndarray[Any, np.dtype[np.float64]]


@plot(height=2.9)
def user_activity(axes: Axes, n_ratings: ArrayLike, n_users: ArrayLike) -> None:
    """Histogram: users by number of ratings, in bins of equal width on a logarithmic scale, the median marked.

    Parameters
    ----------
    n_ratings : shape (n_levels,), ratings given, at least 1, distinct
    n_users : shape (n_levels,), users who gave so many
    """
    ratings, users = np.asarray(n_ratings, dtype=float), np.asarray(n_users, dtype=np.int64)
    median = float(np.median(np.repeat(ratings, users)))
    edges = np.unique(np.geomspace(ratings.min(), ratings.max() + 1, _N_BINS + 1).round())
    heights, _ = np.histogram(ratings, bins=edges, weights=users)
    axes.bar(
        edges[:-1],
        heights,
        width=np.diff(edges),
        align="edge",
        color=LIGHT["series-1"],
        edgecolor=LIGHT["card"],
        linewidth=0.6,
    )
    axes.axvline(median, color=LIGHT["series-2"], linestyle=":", linewidth=1.6)
    axes.set_xscale("log")
    axes.set_xlim(edges[0], edges[-1])
    axes.set_xticks(_round_numbers(edges[0], edges[-1]))
    axes.xaxis.set_minor_locator(NullLocator())
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(EngFormatter(sep=""))
    axes.grid(visible=False, axis="x")
    axes.set_title(f"{users.sum():,d} users, median {median:,.10g} ratings (dotted)")
    axes.set_xlabel("Ratings given (count, logarithmic scale)")
    axes.set_ylabel("Users (count)")


@plot(height=6.4)
def rating_heatmap(
    axes: Axes, user_rank: ArrayLike, movie_rank: ArrayLike, title: ArrayLike, rating: ArrayLike
) -> None:
    """Squares: users across, movies down, the more stars the stronger; a gap is a pair without a rating.

    Parameters
    ----------
    user_rank, movie_rank : shape (n_pairs,), places from 1, each pair once
    title : shape (n_pairs,), the movie's title
    rating : shape (n_pairs,), stars, NaN without a rating
    """
    x, y = np.asarray(user_rank, dtype=float), np.asarray(movie_rank, dtype=float)
    stars = np.asarray(rating, dtype=float)
    rated = np.isfinite(stars)
    for level in np.unique(stars[rated]):
        axes.add_patch(_squares(x[stars == level], y[stars == level], _strength(level)))
    ranks, first = np.unique(y, return_index=True)
    axes.set_yticks(
        ranks, [_short(_without_year(text)) for text in np.asarray(title, dtype=str)[first]], fontsize=7
    )
    axes.set_xticks([1, *range(5, int(x.max()) + 1, 5)])
    axes.set_xlim(0.3, x.max() + 0.7)
    axes.set_ylim(y.max() + 0.7, 0.3)
    axes.grid(visible=False)
    axes.tick_params(length=0)
    axes.tick_params(axis="y", labelcolor=LIGHT["ink"])
    axes.spines[:].set_visible(False)
    axes.set_title(f"Top movies × users: {rated.mean():.0%} rated")
    axes.set_xlabel(f"Top {int(x.max())} users (rank); gap = not rated")
    _stars_legend(axes)


@plot(height=4.6)
def genre_shares(axes: Axes, genre: ArrayLike, share_of_ratings: ArrayLike, mean_rating: ArrayLike) -> None:
    """Bars: each genre's share of the ratings, the largest on top, with its mean stars; at most 20 genres.

    Parameters
    ----------
    genre : shape (n_genres,), names
    share_of_ratings : shape (n_genres,), 0–1; they add up to more than 1 where movies have several genres
    mean_rating : shape (n_genres,), stars, NaN without a rating
    """
    shares, means = np.asarray(share_of_ratings, dtype=float), np.asarray(mean_rating, dtype=float)
    largest = np.argsort(-shares, kind="stable")[:_MOST_GENRES]
    names = [_short(name) for name in np.asarray(genre, dtype=str)[largest]]
    bars = axes.barh(range(len(largest)), shares[largest], height=0.7, color=LIGHT["series-1"])
    texts = [
        f"{share:.1%}" + ("" if np.isnan(mean) else f", {mean:.2f} stars")
        for share, mean in zip(shares[largest], means[largest], strict=True)
    ]
    axes.bar_label(bars, texts, padding=4, fontsize=8, color=LIGHT["ink"])
    axes.set_yticks(range(len(largest)), names)
    axes.set_ylim(len(largest) - 0.4, -0.6)
    axes.set_xlim(0, 1.35 * max(shares.max(initial=0.0), 0.01))
    axes.xaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=0))
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0, labelcolor=LIGHT["ink"])
    axes.spines["left"].set_visible(False)
    axes.set_title("Share of ratings and mean by genre")
    axes.set_xlabel("Ratings (% of all; a movie counts for each of its genres)")


def _round_numbers(low: float, high: float) -> list[float]:
    """1, 2, 5, 10, 20, … within the range; its lower end where there is none."""
    steps = [step * 10.0**power for power in range(12) for step in (1, 2, 5)]
    return [step for step in steps if low <= step <= high] or [low]


def _squares(x: FloatArray, y: FloatArray, strength: float) -> PathPatch:
    """One patch for all squares of one strength: an element each would make the page heavy."""
    corners = np.stack([x, y], axis=1)[:, None, :] + _SQUARE
    outline = Path(corners.reshape(-1, 2), _SQUARE_CODES * len(x))
    return PathPatch(outline, facecolor=LIGHT["series-1"], alpha=strength, linewidth=0)


def _strength(stars: float) -> float:
    return float(np.interp(stars, (0.0, _MOST_STARS), (_FAINTEST, 1.0)))


def _stars_legend(axes: Axes) -> None:
    figure = axes.get_figure(root=True)
    if figure is not None:
        handles = [
            Patch(facecolor=LIGHT["series-1"], alpha=_strength(stars), linewidth=0, label=text)
            for stars, text in enumerate(["1 star", *(f"{n} stars" for n in range(2, 6))], start=1)
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), handlelength=1)


def _without_year(title: str) -> str:
    return re.sub(r" \(\d{4}\)$", "", title)


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_TITLE else text[: _LONGEST_TITLE - 1] + "…"
