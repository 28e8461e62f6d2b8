"""Split first: what is learned from, what chooses, what judges; and the matrix of each fit's rows."""

from collections.abc import Iterator

import dagster as dg
from pydantic import Field

from recsys_assets.algorithms.interactions import Interactions, build_interactions
from recsys_assets.algorithms.splitting import TEST, TRAIN, VALIDATION, split_by_user_time
from recsys_assets.contracts import TABLES
from recsys_assets.defs.common import artifact, dataset_asset, spec
from recsys_assets.defs.fits import FITS, Fit
from recsys_assets.defs.resources import Project, partition_of, table_metadata
from recsys_assets.defs.versions import code_version
from recsys_assets.partitions import DATASETS
from recsys_assets.storage.warehouse import replace_tables, table_digest

CODE = code_version(__name__)

PARTS = {"train_ratings": TRAIN, "validation_ratings": VALIDATION, "test_ratings": TEST}


class SplitConfig(dg.Config):
    """How much of each user's history is held out."""

    test_share: float = Field(0.2, ge=0, lt=1, description="share of each user's latest ratings that judge")
    validation_share: float = Field(0.1, ge=0, lt=1, description="share before those, which chooses settings")


@dg.multi_asset(
    specs=[
        spec(
            name,
            deps=["ratings"],
            group_name="split",
            kinds={"duckdb", "table"},
            description=TABLES[name].comment,
            code_version=CODE,
        )
        for name in PARTS
    ],
    partitions_def=DATASETS,
)
def split(
    context: dg.AssetExecutionContext, config: SplitConfig, project: Project
) -> Iterator[dg.MaterializeResult[None]]:
    """Cut each user's ratings by time into train, validation and test."""
    ratings = project.warehouse.frame(partition_of(context), "from ratings")
    part = split_by_user_time(
        ratings["user_id"].to_numpy(),
        ratings["rated_at"].to_numpy(),
        ratings["movie_id"].to_numpy(),
        test_share=config.test_share,
        validation_share=config.validation_share,
    )
    tables = {name: ratings[part == number] for name, number in PARTS.items()}
    with project.warehouse.connect(partition_of(context)) as connection:
        replace_tables(connection, tables)
        for name, rows in tables.items():
            yield dg.MaterializeResult(
                asset_key=name,
                metadata=table_metadata(connection, name)
                | {"share_of_ratings": len(rows) / max(len(part), 1)},
                data_version=dg.DataVersion(table_digest(connection, name)),
            )


def _interactions(fit: Fit) -> dg.AssetsDefinition:
    @dataset_asset(
        name="interactions",
        key_prefix=fit.name,
        group_name="split",
        kinds={"numpy", "scipy"},
        deps=[*fit.learns_from, "movies"],
        io_manager_key="arrays",
        code_version=CODE,
        description=f"User × movie matrix of stars from {' and '.join(fit.learns_from)}, with its ids.",
    )
    def interactions(
        context: dg.AssetExecutionContext, project: Project
    ) -> dg.MaterializeResult[Interactions]:
        dataset = partition_of(context)
        rows = project.warehouse.arrays(dataset, f"select user_id, movie_id, rating from ({fit.ratings_sql})")
        matrix = build_interactions(
            rows["user_id"],
            rows["movie_id"],
            rows["rating"],
            user_ids=rows["user_id"],
            item_ids=project.warehouse.arrays(dataset, "select movie_id from movies")["movie_id"],
        )
        n_stored = int(matrix.ratings.nnz)
        return artifact(
            matrix,
            {
                "n_users": matrix.n_users,
                "n_items": matrix.n_items,
                "n_ratings": n_stored,
                "sparsity": 1 - n_stored / (matrix.n_users * matrix.n_items),
            },
        )

    return interactions


interactions = [_interactions(fit) for fit in FITS]
