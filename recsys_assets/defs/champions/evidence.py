"""What strategies said of held-out rows, turned into what each user adds to their figures."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from recsys_assets.algorithms.embeddings import Embeddings
from recsys_assets.algorithms.evaluation import ALL, lists_by_strategy
from recsys_assets.algorithms.interactions import Ids, Interactions
from recsys_assets.algorithms.rating_prediction.log import RatingLog
from recsys_assets.algorithms.topn import Items, recommend
from recsys_assets.algorithms.user_sums import (
    Evidence,
    UserSums,
    evidence_of_likes,
    evidence_of_lists,
    evidence_of_stars,
)
from recsys_assets.defs.champions.tasks import RANKING_MODELS, K
from recsys_assets.defs.fits import TRIAL
from recsys_assets.defs.rating_prediction.models import read_log
from recsys_assets.defs.relevance import relevant_matrix
from recsys_assets.defs.resources import Project
from recsys_assets.storage.arrays import load_artifact

__all__ = ["Held", "Judged", "Reference", "held_out", "judged", "n_learned", "seconds_per_user"]

_TIMED_USERS = 512
_TIMINGS = 3


@dataclass(frozen=True)
class Judged:
    """A strategy on held-out rows. ``version`` is a digest of all that it said of them; lists are those of ranking."""

    version: str
    evidence: Evidence
    user_ids: Ids
    lists: Items | None = None


@dataclass(frozen=True)
class Reference:
    """What a champion was worth when it was crowned, or first judged on these rows: fields of shape (n_users,).

    With the ids of users, so that it goes when one of them is forgotten.
    """

    strategy: str
    version: str
    window: str
    user_ids: Ids
    total: np.ndarray[tuple[int], np.dtype[np.float64]]
    weight: np.ndarray[tuple[int], np.dtype[np.float64]]

    @staticmethod
    def of(strategy: str, window: str, judged: Judged) -> Reference:
        sums = judged.evidence[ALL]
        return Reference(strategy, judged.version, window, judged.user_ids, sums.total, sums.weight)

    @property
    def sums(self) -> UserSums:
        return UserSums(self.total, self.weight)


@dataclass(frozen=True)
class Held:
    """The held-out rows, and those that were learned from, as the models of lists and as those of rows know them."""

    test: pd.DataFrame
    interactions: Interactions
    test_log: RatingLog
    learned_log: RatingLog
    like_rating: float
    head_share: float


def held_out(
    project: Project,
    dataset: str,
    interactions: Interactions,
    rating_log: RatingLog,
    *,
    like_rating: float,
    head_share: float,
) -> Held:
    """Read the test rows."""
    return Held(
        project.warehouse.frame(dataset, "from test_ratings"),
        interactions,
        read_log(
            project, dataset, "from test_ratings", item_ids=rating_log.item_ids, user_ids=rating_log.user_ids
        ),
        rating_log,
        like_rating,
        head_share,
    )


def judged(
    project: Project, dataset: str, task: str, strategies: Iterable[str], held: Held
) -> dict[str, Judged]:
    """Each of the strategies that answered on the held-out rows; those that didn't are missing."""
    judge = {"ranking": _lists, "rating": _stars, "like": _likes}[task]
    return judge(project, dataset, sorted(set(strategies)), held)


def n_learned(task: str, held: Held) -> int:
    """How many test rows are among those that the task's models learned from."""
    if task != "ranking":
        pairs = held.test_log.user, held.test_log.item
        return int(np.count_nonzero(np.asarray(held.learned_log.matrix()[pairs])))
    rows = held.interactions.users(held.test["user_id"]), held.interactions.items(held.test["movie_id"])
    return int(np.count_nonzero(np.asarray(held.interactions.ratings[rows])))


def seconds_per_user(project: Project, dataset: str, strategy: str, interactions: Interactions) -> float:
    """Time to make the list of a user, the best of a few measurements of the same users: others may use the machine."""
    path = project.artifact_path(dataset, TRIAL.key(RANKING_MODELS[strategy]))
    n_timed = min(_TIMED_USERS, interactions.n_users)
    model = load_artifact(path, Embeddings).of_users(np.arange(n_timed))
    seen = interactions.ratings[:n_timed]
    seconds = []
    for _ in range(_TIMINGS):
        started = time.perf_counter()
        recommend(model, seen, n=K)
        seconds.append(time.perf_counter() - started)
    return min(seconds) / n_timed


def _lists(project: Project, dataset: str, strategies: list[str], held: Held) -> dict[str, Judged]:
    rows = _rows(project, dataset, "holdout_recommendations", "strategy", strategies)
    rows = rows[rows["rank"] <= K]
    lists = lists_by_strategy(
        rows["strategy"].to_numpy(),
        held.interactions.users(rows["user_id"]),
        rows["rank"].to_numpy(),
        held.interactions.items(rows["movie_id"]),
        n_users=held.interactions.n_users,
        n=K,
    )
    relevant = relevant_matrix(held.test, held.interactions, held.like_rating)
    return {
        name: Judged(
            _version(name, items),
            evidence_of_lists(items, relevant, held.interactions.ratings, k=K, head_share=held.head_share),
            held.interactions.user_ids,
            items,
        )
        for name, items in lists.items()
    }


def _stars(project: Project, dataset: str, strategies: list[str], held: Held) -> dict[str, Judged]:
    rows = _rows(project, dataset, "holdout_rating_predictions", "model", strategies)
    return {
        name: Judged(
            _version(name, stars),
            evidence_of_stars(stars, held.test_log, held.learned_log, head_share=held.head_share),
            held.test_log.user_ids,
        )
        for name, stars in _by_model(rows, "predicted").items()
    }


def _likes(project: Project, dataset: str, strategies: list[str], held: Held) -> dict[str, Judged]:
    rows = _rows(project, dataset, "holdout_like_predictions", "model", strategies)
    return {
        name: Judged(
            _version(name, probability),
            evidence_of_likes(
                probability,
                held.test_log,
                held.learned_log,
                min_liked=held.like_rating,
                head_share=held.head_share,
            ),
            held.test_log.user_ids,
        )
        for name, probability in _by_model(rows, "probability").items()
    }


def _rows(project: Project, dataset: str, table: str, column: str, strategies: list[str]) -> pd.DataFrame:
    wanted = ", ".join(f"'{name}'" for name in strategies)
    return project.warehouse.frame(dataset, f"from {table} where {column} in ({wanted})")


def _by_model(rows: pd.DataFrame, column: str) -> Mapping[str, np.ndarray[tuple[int], np.dtype[np.float32]]]:
    """Each model's answers by user and movie: the order in which `read_log` gives the rows."""
    ordered = rows.sort_values(["user_id", "movie_id"])
    return {str(name): of_model[column].to_numpy() for name, of_model in ordered.groupby("model")}


def _version(strategy: str, said: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> str:
    content = np.ascontiguousarray(said)
    return f"{strategy}-{hashlib.blake2b(content.tobytes(), digest_size=5).hexdigest()}"
