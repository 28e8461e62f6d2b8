"""Plots of what a catalogue looks like: genres, people who work together, casts of two eras, directors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import ArrayLike

from recsys_assets.contracts.catalogue_exploration import MODERN, OLD
from recsys_assets.report.plots import legend, plot
from recsys_assets.report.style import LIGHT

__all__ = [
    "actor_director_pairs",
    "actor_genres",
    "cast_sizes",
    "era_actors",
    "genre_frequency",
    "top_directors",
]

_MOST_BARS: Final = 15
_LONGEST_NAME: Final = 20
_N_BINS: Final = 15
_LARGE_CAST: Final = 0.98
_COLORS: Final = {OLD: LIGHT["series-2"], MODERN: LIGHT["series-1"]}
_NAMES: Final = {OLD: "Old", MODERN: "Modern"}


@plot(height=4.6)
def genre_frequency(axes: Axes, genre: ArrayLike, n_movies: ArrayLike, share: ArrayLike) -> None:
    """Bars: movies by genre, the most frequent on top; at most 15 genres.

    Parameters
    ----------
    genre : shape (n_genres,), names
    n_movies : shape (n_genres,), movies of the genre, descending
    share : shape (n_genres,), part of the catalogue, 0–1
    """
    texts = [f"{n:,d} ({part:.0%})" for n, part in zip(_counts(n_movies), _shares(share), strict=True)]
    _bars(axes, [_short(name) for name in _texts(genre)], _counts(n_movies), texts)
    axes.set_title("Movies by genre")
    axes.set_xlabel("Movies (count; one counts for each of its genres)")


@plot(height=4.6)
def actor_director_pairs(axes: Axes, actor: ArrayLike, director: ArrayLike, n_movies: ArrayLike) -> None:
    """Bars: movies that an actor and a director made together, most on top; at most 15 pairs.

    Parameters
    ----------
    actor, director : shape (n_pairs,), names
    n_movies : shape (n_pairs,), movies with both, descending
    """
    names = [
        f"{_short(a, 16)} · {_short(d, 16)}" for a, d in zip(_texts(actor), _texts(director), strict=True)
    ]
    _bars(axes, names, _counts(n_movies), [f"{n:,d}" for n in _counts(n_movies)])
    axes.set_title("Actor–director pairs")
    axes.set_xlabel("Movies with both (count)")


@plot(height=3.1)
def cast_sizes(axes: Axes, era: ArrayLike, cast_size: ArrayLike, n_movies: ArrayLike) -> None:
    """Steps: how movies of each era are spread over sizes of casts; the largest 2 % of casts fall into the last bin.

    Parameters
    ----------
    era : shape (n_levels,), old or modern
    cast_size : shape (n_levels,), people in the cast
    n_movies : shape (n_levels,), movies of the era with so many
    """
    eras, sizes, counts = np.asarray(era, dtype=str), _counts(cast_size), _counts(n_movies)
    largest = int(np.quantile(np.repeat(sizes, counts), _LARGE_CAST))
    edges = np.unique(np.linspace(0, largest + 1, _N_BINS + 1).round())
    for name in _eras(eras):
        own = eras == name
        heights, _ = np.histogram(np.minimum(sizes[own], largest), bins=edges, weights=counts[own])
        median = np.median(np.repeat(sizes[own], counts[own]))
        text = f"{_NAMES[name]}, median {median:g}"
        axes.stairs(heights / counts[own].sum(), edges, color=_COLORS[name], linewidth=1.8, label=text)
    axes.yaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=0))
    axes.set_title("Size of casts")
    axes.set_xlabel("People in the cast (count)")
    axes.set_ylabel("Movies (% of the era)")
    legend(axes)


@plot(height=4.6)
def actor_genres(axes: Axes, name: ArrayLike, main_genre: ArrayLike, main_share: ArrayLike) -> None:
    """Bars: what part of the busiest actors' movies is of the genre that most of them have; at most 15 actors.

    Parameters
    ----------
    name, main_genre : shape (n_actors,), names
    main_share : shape (n_actors,), 0–1
    """
    shares = _shares(main_share)
    texts = [f"{part:.0%} {_short(genre)}" for part, genre in zip(shares, _texts(main_genre), strict=True)]
    _bars(axes, [_short(one) for one in _texts(name)], shares, texts)
    axes.xaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=0))
    axes.set_title("Main genres of the busiest actors")
    axes.set_xlabel("Movies of that genre (% of the actor's)")


@plot(height=4.6)
def era_actors(axes: Axes, era: ArrayLike, name: ArrayLike, n_movies: ArrayLike) -> None:
    """Bars: the busiest actors of each era, one era above the other; at most 7 of each.

    Parameters
    ----------
    era : shape (n_rows,), old or modern
    name : shape (n_rows,), names, by rank within the era
    n_movies : shape (n_rows,), movies of the era with the actor
    """
    eras = np.asarray(era, dtype=str)
    first = np.concatenate([np.flatnonzero(eras == one)[: _MOST_BARS // 2] for one in _eras(eras)])
    names, counts = _texts(name)[first], _counts(n_movies)[first]
    _bars(axes, [_short(one) for one in names], counts, [f"{n:,d}" for n in counts])
    for bar, one in zip(axes.patches, eras[first], strict=True):
        bar.set_color(_COLORS[one])
    for one in _eras(eras):
        axes.barh(0, 0, color=_COLORS[one], label=_NAMES[one])
    axes.set_title("Busiest actors of two eras")
    axes.set_xlabel("Movies of the era (count)")
    legend(axes)


@plot(height=4.6)
def top_directors(axes: Axes, name: ArrayLike, n_movies: ArrayLike, mean_vote: ArrayLike) -> None:
    """Bars: the directors of most movies with their movies' mean vote; at most 15.

    Parameters
    ----------
    name : shape (n_directors,), names
    n_movies : shape (n_directors,), movies directed, descending
    mean_vote : shape (n_directors,), 0–10, NaN without a vote
    """
    votes, counts = _shares(mean_vote), _counts(n_movies)
    texts = [
        f"{n:,d}" + ("" if np.isnan(vote) else f", vote {vote:.1f}")
        for n, vote in zip(counts, votes, strict=True)
    ]
    _bars(axes, [_short(one) for one in _texts(name)], counts, texts)
    axes.set_title("Directors of most movies")
    axes.set_xlabel("Movies directed (count)")


def _bars(axes: Axes, names: Sequence[str], lengths: np.ndarray[Any, Any], texts: Sequence[str]) -> None:
    """Draw at most 15 labelled bars, the first on top."""
    n = min(len(names), _MOST_BARS)
    bars = axes.barh(range(n), lengths[:n], height=0.7, color=LIGHT["series-1"])
    axes.bar_label(bars, texts[:n], padding=4, fontsize=8, color=LIGHT["ink"])
    axes.set_yticks(range(n), names[:n])
    axes.set_ylim(n - 0.4, -0.6)
    axes.set_xlim(0, 1.35 * max(float(lengths[:n].max(initial=0)), 0.01))
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=lengths.dtype.kind == "i"))
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0, labelcolor=LIGHT["ink"])
    axes.spines["left"].set_visible(False)


def _eras(eras: np.ndarray[Any, Any]) -> list[str]:
    return [era for era in (OLD, MODERN) if era in eras]


def _texts(values: ArrayLike) -> np.ndarray[Any, Any]:
    return np.asarray(values, dtype=str)


def _counts(values: ArrayLike) -> np.ndarray[Any, np.dtype[np.int64]]:
    return np.asarray(values, dtype=np.int64)


def _shares(values: ArrayLike) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.asarray(values, dtype=np.float64)


def _short(text: str, longest: int = _LONGEST_NAME) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"
