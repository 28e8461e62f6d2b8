"""A user's list: the published one, narrowed, varied or explored if asked for, with what is said when there is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recsys_assets.algorithms.explanation import EXPLAINED
from recsys_assets.algorithms.reranking import explore, maximal_marginal_relevance
from recsys_assets.algorithms.sessions import session_scores
from recsys_assets.serving.encoding import Listed
from recsys_assets.serving.generations import Served
from recsys_assets.serving.problems import Problem

__all__ = ["COLD_START", "Asked", "has_genre", "rated_by", "recommend", "recommend_session"]

COLD_START = "cold_start"
COMPUTED_DEPTH = 200
"""Places of a list that is computed because filters want more than the published one has."""
EXPLORED_FROM = 200
"""The most popular movies that exploration draws from."""

Numbers = NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Asked:
    """What a request wants of a list; the defaults are those of the API."""

    n: int = 20
    offset: int = 0
    strategy: str | None = None
    genre: str | None = None
    year_min: int | None = None
    exclude_seen: bool = True
    diversity: float = 0.0
    explore: float = 0.0
    seed: int = 0

    @property
    def narrowed(self) -> bool:
        """Whether movies are filtered."""
        return self.genre is not None or self.year_min is not None or not self.exclude_seen


@dataclass(frozen=True)
class _Ranked:
    """A whole list, before it is cut."""

    movies: Numbers
    scores: Sequence[float | None]
    reasons: Sequence[int]
    confidence: Sequence[int]
    strategy: str
    fallback_reason: str | None = None


def recommend(served: Served, user_id: int, asked: Asked, experiment: dict[str, Any] | None = None) -> Listed:
    """A user's list by a strategy; who is unknown to it gets the cold-start list, and the answer says so.

    Raises
    ------
    Problem
        404 if there is no such strategy or genre; the detail has those there are.
    """
    strategy = asked.strategy or served.default_strategy
    if strategy not in served.lists:
        raise Problem(
            404, "No such strategy", f"no strategy {strategy[:60]!r}; there are {', '.join(served.lists)}"
        )
    user = served.user(user_id)
    fits = _fitting(served, asked) if asked.narrowed else None
    if user is None:
        ranked = _cold(served, fits, f"user {user_id} is not known on {served.dataset}")
    elif fits is not None and strategy in EXPLAINED:
        ranked = _computed(served, user, user_id, strategy, fits, asked.exclude_seen)
    else:
        ranked = _published(served, user, user_id, strategy, fits, asked.exclude_seen)
    return _cut(served, ranked, user, asked, experiment)


def recommend_session(
    served: Served, strategy: str, movies: Numbers, stars: NDArray[np.float32], asked: Asked
) -> Listed:
    """The list of somebody who gave these stars just now, without what they rated.

    Without anything to go by (no like, or of movies that the strategy doesn't know) it is the cold-start list.
    """
    fits = _fitting(served, asked)
    fits[movies] = False
    scores = session_scores(served.models, served.arrays.fold_in, strategy, movies, stars)
    if scores is None:
        least = served.models.min_rating
        ranked = _cold(
            served, fits, f"{strategy} needs a rating of at least {least:g} stars for a movie that it knows"
        )
    else:
        ranked = _best(scores, fits, strategy)
    return _cut(served, ranked, None, asked, None)


def _fitting(served: Served, asked: Asked) -> NDArray[np.bool_]:
    catalogue = served.catalogue
    fits = np.ones(catalogue.movie_ids.size, dtype=bool)
    if asked.genre is not None:
        fits &= has_genre(served, asked.genre)
    if asked.year_min is not None:
        fits &= catalogue.years >= asked.year_min
    return fits


def has_genre(served: Served, genre: str) -> NDArray[np.bool_]:
    """Which movies are of a genre, whatever its case.

    Raises
    ------
    Problem
        404 if no movie is; the detail has the genres there are.
    """
    names = [name.casefold() for name in served.catalogue.genre_names.tolist()]
    if genre.casefold() not in names:
        known = ", ".join(served.catalogue.genre_names.tolist())
        raise Problem(404, "No such genre", f"no genre {genre[:60]!r}; there are {known}")
    column: NDArray[np.bool_] = served.catalogue.genres[:, names.index(genre.casefold())]
    return column


def _published(
    served: Served,
    user: int,
    user_id: int,
    strategy: str,
    fits: NDArray[np.bool_] | None,
    exclude_seen: bool,
) -> _Ranked:
    lists = served.lists[strategy]
    movies = lists.items[user]
    kept = movies >= 0
    if not kept.any():
        return _cold(served, fits, f"{strategy} knows nothing of user {user_id}", user)
    if fits is not None:
        kept &= fits[movies]
    note = None if exclude_seen else f"{strategy} has no scores of movies that the user has rated"
    return _Ranked(
        movies[kept],
        lists.scores[user][kept].tolist(),
        lists.because[user][kept].tolist(),
        lists.confidence[user][kept].tolist(),
        strategy,
        note,
    )


def _computed(
    served: Served,
    user: int,
    user_id: int,
    strategy: str,
    fits: NDArray[np.bool_],
    exclude_seen: bool,
) -> _Ranked:
    seen, stars = rated_by(served, user)
    scores = session_scores(served.models, served.arrays.fold_in, strategy, seen, stars)
    if exclude_seen:
        fits = fits.copy()
        fits[seen] = False
    if scores is None:
        return _cold(served, fits, f"{strategy} knows nothing of user {user_id}")
    return _best(scores, fits, strategy)


def _best(scores: NDArray[np.float32], fits: NDArray[np.bool_], strategy: str) -> _Ranked:
    scores = np.where(fits, scores, np.float32(-np.inf))
    order = np.argsort(-scores, kind="stable")[:COMPUTED_DEPTH]
    order = order[np.isfinite(scores[order])]
    nothing = [-1] * order.size
    return _Ranked(order, scores[order].tolist(), nothing, nothing, strategy)


def _cold(served: Served, fits: NDArray[np.bool_] | None, reason: str, user: int | None = None) -> _Ranked:
    movies = served.catalogue.cold_start
    if fits is not None:
        # The list is short: what is popular among what fits comes after it.
        movies = np.concatenate([movies, served.catalogue.popular[:COMPUTED_DEPTH]])
        movies = movies[np.sort(np.unique(movies, return_index=True)[1])]
        movies = movies[fits[movies]]
    if user is not None:
        movies = movies[~np.isin(movies, rated_by(served, user)[0])]
    nothing = [-1] * movies.size
    return _Ranked(movies, [None] * movies.size, nothing, nothing, COLD_START, reason)


def rated_by(served: Served, user: int) -> tuple[Numbers, NDArray[np.float32]]:
    """The movies that a user rated, and the stars."""
    ratings = served.models.ratings
    own = slice(ratings.indptr[user], ratings.indptr[user + 1])
    return ratings.indices[own], ratings.data[own]


def _cut(
    served: Served, ranked: _Ranked, user: int | None, asked: Asked, experiment: dict[str, Any] | None
) -> Listed:
    movies, places = ranked.movies, np.arange(ranked.movies.size)
    if asked.diversity and movies.size:
        scores = np.array([-place if score is None else score for place, score in enumerate(ranked.scores)])
        places = maximal_marginal_relevance(
            scores, served.models.content_vectors[movies], diversity=asked.diversity, n=movies.size
        )
    places = places[asked.offset : asked.offset + asked.n]
    shown, explored = movies[places], np.zeros(places.size, dtype=bool)
    if asked.explore:
        candidates = served.catalogue.popular[:EXPLORED_FROM]
        left_out = movies if user is None else np.concatenate([movies, rated_by(served, user)[0]])
        candidates = candidates[~np.isin(candidates, left_out)]
        shown, explored = explore(shown, candidates, epsilon=asked.explore, seed=asked.seed)
    new = explored.tolist()

    def kept(values: Sequence[Any], instead: Any) -> list[Any]:
        return [instead if one else values[place] for one, place in zip(new, places.tolist(), strict=True)]

    return Listed(
        shown.tolist(),
        kept(ranked.scores, None),
        asked.offset + 1,
        movies.size,
        ranked.strategy,
        kept(ranked.reasons, -1),
        kept(ranked.confidence, -1),
        ranked.fallback_reason,
        frozenset((np.flatnonzero(explored) + asked.offset + 1).tolist()),
        experiment,
    )
