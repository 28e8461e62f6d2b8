"""New ratings against those that the current publication was made of, and its lists against what came after them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import dagster as dg
import duckdb
import numpy as np
import pandas as pd
from pydantic import Field
from scipy.sparse import csr_matrix

from recsys_assets.algorithms.drift import (
    STARS,
    Drift,
    Judged,
    count_stars,
    measure_lists,
    measure_ratings,
)
from recsys_assets.algorithms.interactions import Interactions
from recsys_assets.contracts import TABLES
from recsys_assets.defs.common import artifact, dataset_asset
from recsys_assets.defs.resources import Project, partition_of
from recsys_assets.defs.topn import LikeConfig
from recsys_assets.defs.versions import code_version
from recsys_assets.report.drift import star_shares
from recsys_assets.report.plots import markdown_image
from recsys_assets.report.style import markdown_table
from recsys_assets.storage.arrays import load_artifact
from recsys_assets.storage.publishing import UNREADABLE, Generation, Publisher
from recsys_assets.storage.warehouse import Warehouse

NOT_COMPARED = "not compared"
"""The verdict where the current publication can't be read."""
MEASURES = {
    "rating_psi": "population stability index of the stars of new ratings against those learned from",
    "mean_rating_shift": "mean stars of new ratings − mean stars of those learned from",
    "new_user_share": "share of the users with new ratings of whom no rating was learned",
    "new_movie_share": "share of the newly rated movies of which no rating was learned",
    "ndcg_lost": "share of the NDCG that the published lists should have on ratings after them, but don't",
}
_NOTHING = Interactions(
    np.array([], np.int64), np.array([], np.int64), csr_matrix(np.zeros((0, 0), np.float32))
)
_NOBODY = Judged(np.array([], np.int64), np.array([], np.int64), np.array([], bool))


class UntoldError(LookupError):
    """A publication can't be read, or not by this version: it doesn't tell what it was made of."""


@dataclass(frozen=True)
class Compared:
    """What the current publication was made of and listed, and what came after it."""

    learned: Interactions
    new: pd.DataFrame
    judged_before: Judged
    judged_new: Judged


class DriftConfig(LikeConfig):
    """How far new ratings may lie from those learned from before a refresh is asked for."""

    psi_max: float = Field(
        0.1, gt=0, description="of the stars; 0.1 to 0.25 is read as some change, more as much (Siddiqi 2006)"
    )
    mean_shift_max: float = Field(0.2, gt=0, description="stars, up or down")
    new_users_max: float = Field(0.2, gt=0, lt=1, description="share of users: they get cold-start lists")
    new_movies_max: float = Field(0.1, gt=0, lt=1, description="share of movies: only content can list them")
    ndcg_lost_max: float = Field(0.25, gt=0, lt=1, description="share of the NDCG that was to be expected")
    k: int = Field(10, ge=1, description="places of a list that count")
    strategy: str = Field("hybrid", description="whose lists are judged")
    min_ratings: int = Field(50, ge=1, description="of fewer new ratings, nothing is said of their stars")
    min_counted: int = Field(20, ge=1, description="of fewer users or movies, nothing is said of them")
    confidence: float = Field(
        0.99, gt=0, lt=1, description="share of unchanged batches that is called chance"
    )
    n_draws: int = Field(1000, ge=100, description="batches that are drawn to know what chance does")
    max_rows: int = Field(
        200_000,
        ge=1000,
        description="of more new ratings, batches are drawn like samples of their users with so many",
    )
    seed: int = Field(0, ge=0, description="seed of the draws")


@dataset_asset(
    group_name="evaluation",
    kinds={"duckdb", "table", "matplotlib"},
    deps=["ratings"],
    code_version=code_version(__name__),
    description=TABLES["drift"].comment,
)
def drift(
    context: dg.AssetExecutionContext, config: DriftConfig, project: Project
) -> dg.MaterializeResult[pd.DataFrame]:
    dataset = partition_of(context)
    current = Publisher(project.folder / "published", dataset).current()
    untold = ""
    try:
        compared = _compare(config, project.warehouse, dataset, current)
    except UntoldError as error:
        # It must not block the publication that would mend it; the table and its checks say that nothing was compared.
        untold = f"Nothing is compared: {error}"
        context.log.warning(untold)
        current = None
        compared = _compare(config, project.warehouse, dataset, current)
    learned, new = compared.learned, compared.new
    measured = _measure(config, learned, new) | {"ndcg_lost": _measure_lists(config, compared)}
    table = _table(measured)
    if untold:
        table["verdict"] = NOT_COMPARED
    drifted = table.loc[table["verdict"] == "drifted", "measure"].tolist()
    counts = (STARS, count_stars(learned.ratings.data), count_stars(new["rating"].to_numpy()))
    return artifact(
        table,
        {
            "against_generation": current.number if current else 0,
            "new_ratings": len(new),
            "drifted": untold or ", ".join(drifted) or "nothing",
            "stars": dg.MetadataValue.md(markdown_image(star_shares(*counts), "Stars, learned and new")),
            "measures": dg.MetadataValue.md(markdown_table(table, formats={})),
            **{name: one.value for name, one in measured.items() if not np.isnan(one.value)},
        },
    )


def _compare(config: DriftConfig, warehouse: Warehouse, dataset: str, current: Generation | None) -> Compared:
    """Read the publication and find what is new to it.

    Raises
    ------
    UntoldError
        If the publication can't be read.
    """
    try:
        learned = _learned(current)
    except UNREADABLE as error:
        raise _untold(current, error) from error
    new = _new_ratings(warehouse, dataset, learned)
    try:
        return Compared(learned, new, *_judged(config, current, new[new["is_new_pair"]]))
    except UNREADABLE as error:
        raise _untold(current, error) from error


def _untold(current: Generation | None, error: Exception) -> UntoldError:
    return UntoldError(f"generation {current.number if current else 0} can't be read: {error}")


def _learned(current: Generation | None) -> Interactions:
    """The ratings that the current publication was made of; none where there is none, or where it doesn't tell."""
    known = current is not None and current.learned.exists()
    return load_artifact(current.learned, Interactions) if known else _NOTHING  # type: ignore[union-attr]


def _new_ratings(warehouse: Warehouse, dataset: str, learned: Interactions) -> pd.DataFrame:
    """The ratings that were not learned from: other pairs, and pairs that were given other stars since.

    Nothing is new to nobody: what came before the first publication has not drifted.
    """
    known = learned.ratings.tocoo()
    before = {
        "user_id": learned.user_ids[known.row],
        "movie_id": learned.item_ids[known.col],
        "rating": known.data,
    }
    with warehouse.connect(dataset) as connection:
        connection.register("learned", pd.DataFrame(before))
        return connection.execute(
            """
            select user_id, movie_id, ratings.rating, learned.rating is null as is_new_pair
            from ratings left join learned using (user_id, movie_id)
            where $any_learned and ratings.rating::float is distinct from learned.rating::float
            order by user_id, movie_id
            """,
            {"any_learned": learned.n_users > 0},
        ).df()


def _measure(config: DriftConfig, learned: Interactions, new: pd.DataFrame) -> dict[str, Drift]:
    return measure_ratings(
        learned,
        new["user_id"].to_numpy(),
        new["movie_id"].to_numpy(),
        new["rating"].to_numpy(),
        psi_max=config.psi_max,
        mean_shift_max=config.mean_shift_max,
        new_users_max=config.new_users_max,
        new_movies_max=config.new_movies_max,
        min_ratings=config.min_ratings,
        min_counted=config.min_counted,
        confidence=config.confidence,
        n_draws=config.n_draws,
        max_rows=config.max_rows,
        seed=config.seed,
    )


def _measure_lists(config: DriftConfig, compared: Compared) -> Drift:
    return measure_lists(
        compared.judged_before,
        compared.judged_new,
        k=config.k,
        lost_max=config.ndcg_lost_max,
        min_counted=config.min_counted,
        confidence=config.confidence,
        n_draws=config.n_draws,
        max_rows=config.max_rows,
        seed=config.seed,
    )


def _judged(config: DriftConfig, current: Generation | None, new: pd.DataFrame) -> tuple[Judged, Judged]:
    """The test rows with their places in the judged lists, and the new ratings with theirs in the published ones.

    Users without a list had none to lose.
    """
    if current is None or new.empty:
        return _NOBODY, _NOBODY
    with duckdb.connect(str(current.path), read_only=True) as connection:
        connection.register("new", new)
        return (
            _rows(connection, config, "(from holdout where part = 'test')", "holdout_recommendations"),
            _rows(connection, config, "new", "recommendations"),
        )


def _rows(connection: duckdb.DuckDBPyConnection, config: DriftConfig, rows: str, lists: str) -> Judged:
    columns = connection.execute(
        f"""
        with listed as (select user_id, movie_id, rank from {lists} where strategy = $strategy)
        select user_id, coalesce(rank, 0)::bigint as rank, rating >= $like_rating as liked
        from {rows} as rows left join listed using (user_id, movie_id)
        where user_id in (select user_id from listed) order by user_id, movie_id
        """,
        {"strategy": config.strategy, "like_rating": config.like_rating},
    ).fetchnumpy()
    return Judged(*(np.asarray(columns[name]) for name in ("user_id", "rank", "liked")))


def _table(measured: Mapping[str, Drift]) -> pd.DataFrame:
    rows = [
        {"measure": name, **asdict(measured[name]), "description": description}
        for name, description in MEASURES.items()
    ]
    return pd.DataFrame(rows, columns=TABLES["drift"].column_names)
