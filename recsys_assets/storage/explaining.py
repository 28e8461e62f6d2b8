"""Why a movie is recommended: from a publication and the packages of models beside it, never from the warehouse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from recsys_assets.algorithms.explanation import (
    EXPLAINED,
    Explanation,
    ListModels,
    explain_neighborhood,
    explain_popularity,
)
from recsys_assets.algorithms.interactions import Ids, SparseRows
from recsys_assets.algorithms.rating_prediction.neighbors import Neighborhood
from recsys_assets.storage.arrays import from_arrays
from recsys_assets.storage.explanation_macros import MOVIES_NAMED
from recsys_assets.storage.packages import PackageError, read_package
from recsys_assets.storage.published import Answer, NotFoundError, Published

__all__ = ["STARS", "STRATEGIES_EXPLAINED", "Explainer", "Why", "because_you_watched"]

STARS: Final = "item_knn_baseline"
STRATEGIES_EXPLAINED: Final = (*EXPLAINED, "popularity", STARS)
HEADINGS: Final = ("movie_id", "title", "your stars", "on", "adds", "share")

_PUBLISHED_PARTS: Final = """
    select because_movie_id, because_title, because_rating, because_rated_at::date, part, n_ratings, score, rank
    from explain_recommendation(?, ?) where strategy = ? order by part_rank
"""
Part = tuple[int | None, str, float | None, Any, float]


@dataclass(frozen=True)
class Why:
    """The parts of a score as a table, the reason in a sentence, and what made the score.

    Attributes
    ----------
    because : a sentence
    lineage : what the score is made of: asset, code version, data version, run, when
    """

    answer: Answer
    because: str
    lineage: Answer


def because_you_watched(titles: Sequence[str]) -> str:
    """The sentence of the published macro of this name: titles of movies that speak for it, the strongest first."""
    named = list(titles[:MOVIES_NAMED])
    if not named:
        return "Nothing that you liked speaks for it"
    together = named[0] if len(named) == 1 else f"{', '.join(named[:-1])} and {named[-1]}"
    return f"Because you watched {together}"


@dataclass(frozen=True)
class Explainer(Published):
    """The current publication of one data set, and its models."""

    def explain(self, user_id: int, movie: str, *, strategy: str, n: int) -> Why:
        """Split the score of a movie for a user into what each movie that the user rated adds.

        The first places of lists are read from the publication; other pairs are computed from the packages of models,
        if those are the ones that were published.

        Parameters
        ----------
        movie : its id, or title or part of it
        n : rows of single movies at most; of places that were published, as many as there are

        Raises
        ------
        NotFoundError
            If there is no such strategy, user or movie, nothing is known of the user, or the packages are missing or
            of another publication.
        """
        if strategy not in STRATEGIES_EXPLAINED:
            raise NotFoundError(
                f"{strategy!r} is not explained by ratings; there are {', '.join(STRATEGIES_EXPLAINED)}. What boosted "
                "trees look at is in the table like_importance"
            )
        if not self._rows("select 1 from duckdb_tables() where table_name = 'explanations'"):
            raise NotFoundError(
                f"this publication of {self.dataset} has no explanations: recsys run --dataset {self.dataset}"
            )
        movie_id, title = self.movie(movie)
        place, parts = self._published(user_id, movie_id, strategy)
        if not parts:
            place, parts = self._computed(user_id, movie_id, strategy, n)
        score = sum(part for *_, part in parts)
        unit = {"popularity": "likes", STARS: "stars"}.get(strategy, "score")
        answer = Answer(
            f"{title} ({movie_id}) for user {user_id} of {self.dataset} by {strategy}{place}: {unit} {score:.6g}",
            HEADINGS,
            [(*row, f"{row[-1] / score:.0%}" if score else None) for row in parts],
        )
        return Why(answer, self._because(parts, strategy), self._lineage(strategy))

    def _published(self, user_id: int, movie_id: int, strategy: str) -> tuple[str, list[Part]]:
        rows = self._rows(_PUBLISHED_PARTS, [user_id, movie_id, strategy])
        place = f", place {rows[0][-1]}" if rows else ""
        return place, [
            (because, title or _others(n_ratings), stars, at, part)
            for because, title, stars, at, part, n_ratings, *_ in rows
        ]

    def _computed(self, user_id: int, movie_id: int, strategy: str, n: int) -> tuple[str, list[Part]]:
        package = STARS if strategy == STARS else "lists"
        try:
            arrays, about = read_package(self.data / "models" / self.dataset, package)
        except PackageError as error:
            raise NotFoundError(f"not among the published explanations, and {error}") from error
        self._require_published(strategy, about)
        user = _place(arrays["user_ids"], user_id, f"user {user_id} is not known on {self.dataset}")
        item = _place(
            arrays["item_ids"], movie_id, f"movie {movie_id} is not in the models of {self.dataset}"
        )
        if strategy == STARS:
            return self._of_stars(arrays, user, item, n)
        models = from_arrays(ListModels, arrays)
        stars = _row(models.ratings, user)
        rated = f" (rated already, {stars[item]:g} stars: no list shows it)" if stars[item] else ""
        if strategy == "popularity":
            found = explain_popularity(models.ratings, item, min_rating=models.min_rating)
            return rated, [(None, "likes of all users", None, None, found.constant)]
        found = models.explain(strategy, user, np.array([item]))[0]
        if not found.items.size:
            raise NotFoundError(
                f"user {user_id} of {self.dataset} has liked nothing: there is nothing to explain"
            )
        return rated, self._parts(found, models.item_ids, stars, n)

    def _of_stars(
        self, arrays: Mapping[str, np.ndarray[Any, Any]], user: int, item: int, n: int
    ) -> tuple[str, list[Part]]:
        own = {name: array for name, array in arrays.items() if name not in ("user_ids", "item_ids")}
        model = from_arrays(Neighborhood, own)
        found = explain_neighborhood(model, user, item)
        baselines = model.mean + model.user_bias[user] + model.item_bias
        # Stars come in halves: what rounding took from the deviations comes back.
        stars = np.round(2 * (_row(model.deviations, user) + baselines)) / 2
        baseline = (
            (None, "mean of all ratings", None, None, float(model.mean)),
            (None, "how generous you are", None, None, float(model.user_bias[user])),
            (None, "how well others like it", None, None, float(model.item_bias[item])),
        )
        return "", [*self._parts(found, arrays["item_ids"], stars, n), *baseline]

    def _parts(self, found: Explanation, item_ids: Ids, stars: np.ndarray[Any, Any], n: int) -> list[Part]:
        largest, others = found.largest(n)
        ids = item_ids[largest.items].tolist()
        titles = dict(
            self._rows("select movie_id, title from movies where list_contains(?::bigint[], movie_id)", [ids])
        )
        parts: list[Part] = [
            (movie_id, titles.get(movie_id, "?"), float(stars[item]), None, float(part))
            for movie_id, item, part in zip(ids, largest.items, largest.parts, strict=True)
        ]
        n_others = found.items.size - largest.items.size
        return [*parts, (None, _others(n_others), None, None, others)] if n_others else parts

    def _require_published(self, strategy: str, about: Mapping[str, Any]) -> None:
        # Popularity counts the ratings that ALS learned from.
        model = "als" if strategy == "popularity" else strategy
        asset = {"content": "content_profiles", STARS: STARS}.get(model, f"{model}_factors")
        version = about["data_version"] if model == STARS else about["data_versions"][model]
        published = self._rows("select data_version from versions where asset = ?", [f"live/{asset}"])
        if published != [(version,)]:
            raise NotFoundError(
                f"not among the published explanations, and the packaged {strategy} is not the published one: "
                f"recsys run --dataset {self.dataset}"
            )

    def _because(self, parts: Sequence[Part], strategy: str) -> str:
        if strategy == "popularity":
            return "Because many people like it, whatever you watched"
        return because_you_watched(
            [title for movie_id, title, _, _, part in parts if movie_id is not None and part > 0]
        )

    def _lineage(self, strategy: str) -> Answer:
        rows = self._rows(
            "select asset, code_version, data_version[:16], run_id[:8], strftime(made_at, '%Y-%m-%d %H:%M') "
            "from lineage_of(?)",
            [strategy],
        )
        return Answer("made of", ("asset", "code version", "data version", "run", "made at (UTC)"), rows)


def _others(n_ratings: int) -> str:
    return f"{n_ratings} more that you rated"


def _row(matrix: SparseRows, user: int) -> np.ndarray[Any, Any]:
    row: np.ndarray[Any, Any] = matrix[[user]].toarray()[0]
    return row


def _place(ids: Ids, wanted: int, complaint: str) -> int:
    place = int(np.searchsorted(ids, wanted))
    if place == ids.size or ids[place] != wanted:
        raise NotFoundError(complaint)
    return place
