"""What models learn from, in the data set as it is and in one in which held-out rows say something else."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import dagster as dg

from recsys_assets.algorithms.content import ContentVectors
from recsys_assets.algorithms.leakage import Mask
from recsys_assets.algorithms.liking.features import Knowledge
from recsys_assets.algorithms.rating_prediction.factorization_machine import SideFeatures
from recsys_assets.algorithms.rating_prediction.log import RatingLog
from recsys_assets.defs.classification.builders import knowledge_of
from recsys_assets.defs.fits import TRIAL, TUNING, Fit
from recsys_assets.defs.rating_prediction.models import read_log
from recsys_assets.defs.resources import Project
from recsys_assets.storage.arrays import load_artifact

__all__ = [
    "PARTS",
    "Inputs",
    "held_out",
    "judged_rows",
    "may_learn",
    "read_inputs",
    "scrambled_world",
    "stored",
]

T = TypeVar("T")

PARTS = ("train_ratings", "validation_ratings", "test_ratings")
_N_LEARNED = {TUNING.name: 1, TRIAL.name: 2}
_AS_THEY_ARE = ("movies", "users", "catalogue_movies")


@dataclass(frozen=True)
class Inputs:
    """All that models of a fit are given."""

    log: RatingLog
    knowledge: Knowledge
    side: SideFeatures
    content: ContentVectors

    def of_users(self, chosen: Mask) -> Inputs:
        """The ratings of some users, a mask of shape (n_users,); all else stays."""
        return replace(self, log=self.log.rows(chosen[self.log.user]))


def stored(project: Project, dataset: str, key: dg.AssetKey, kind: type[T]) -> T:
    """The artifact of an asset, as its own IO manager would give it."""
    return load_artifact(project.artifact_path(dataset, key), kind)


def read_inputs(
    project: Project, dataset: str, fit: Fit, *, over: RatingLog, side: SideFeatures, content: ContentVectors
) -> Inputs:
    """Read a fit's ratings and what is known of movies, as its assets do, over the users and items of another log."""
    log = read_log(project, dataset, fit.ratings_sql, item_ids=over.item_ids, user_ids=over.user_ids)
    return Inputs(log, knowledge_of(project, dataset, log), side, content)


def judged_rows(project: Project, dataset: str, fit: Fit, log: RatingLog) -> RatingLog:
    """The rows that a fit is judged on: the first part after those that it may learn from."""
    return read_log(
        project, dataset, f"from {held_out(fit)[0]}", item_ids=log.item_ids, user_ids=log.user_ids
    )


def held_out(fit: Fit) -> tuple[str, ...]:
    """The parts that a judged fit must not learn from, by time: what it does learn from is what is looked at."""
    return PARTS[_N_LEARNED[fit.name] :]


def may_learn(fit: Fit) -> tuple[str, ...]:
    """The parts that a judged fit may learn from."""
    return PARTS[: _N_LEARNED[fit.name]]


@contextmanager
def scrambled_world(project: Project, dataset: str, fit: Fit) -> Iterator[Project]:
    """A data set in which all that the fit must not know is otherwise, as long as the context lasts.

    Held-out ratings r are 5.5 − r, with them in the table of all ratings; tags on held-out movies are dealt anew among
    those pairs. Who rated what and when, and the words that tags are made of, stay. It has the tables that models read
    and no artifacts.
    """
    # Beside the artifacts of the data set: what a killed run leaves goes with them when a user is forgotten.
    beside = project.folder / "artifacts" / dataset
    with tempfile.TemporaryDirectory(dir=beside, prefix=".scrambled-") as folder:
        world = Project(data=folder)
        path = world.warehouse.path(dataset)
        path.parent.mkdir()
        with project.warehouse.connect(dataset) as connection:
            connection.execute(f"attach '{_quoted(path)}' as world")
            for name in _AS_THEY_ARE:
                connection.execute(f"create table world.{name} as from {name}")
            for part in PARTS:
                stars = "5.5 - rating" if part in held_out(fit) else "rating"
                connection.execute(
                    f"create table world.{part} as select * replace (({stars})::float as rating) from {part}"
                )
            everything = " union all ".join(f"from world.{part}" for part in PARTS)
            connection.execute(f"create table world.ratings as {everything}")
            connection.execute(f"create table world.tags as {_dealt_anew(held_out(fit))}")
            connection.execute("detach world")
        yield world


def _dealt_anew(parts: tuple[str, ...]) -> str:
    hidden = " union all ".join(f"select user_id, movie_id from {part}" for part in parts)
    return f"""
        with hidden as ({hidden}), numbered as (
            select *, row_number() over (order by user_id, movie_id, tag) - 1 as place, count(*) over () as n
            from tags semi join hidden using (user_id, movie_id)
        )
        select user_id, movie_id, tag, tagged_at from tags anti join hidden using (user_id, movie_id)
        union all
        select one.user_id, one.movie_id, other.tag, one.tagged_at
        from numbered as one join numbered as other on other.place = (one.place + one.n // 2) % one.n
    """


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
