"""Checks that every model and every list of a fit must pass."""

import dagster as dg
import numpy as np

from recsys_assets.algorithms.embeddings import Embeddings, planted_users
from recsys_assets.algorithms.interactions import Interactions
from recsys_assets.algorithms.topn import recommend
from recsys_assets.defs.fits import Fit
from recsys_assets.defs.resources import Project, partition_of, table_name
from recsys_assets.defs.topn import list_rows
from recsys_assets.partitions import DATASETS

__all__ = ["ids_aligned", "nothing_seen"]

N_PLANTED = 200


def ids_aligned(fit: Fit, model: str) -> dg.AssetChecksDefinition:
    """A user planted at an item's place must be recommended that item, by its raw id and title."""

    @dg.asset_check(
        asset=fit.key(model),
        name="ids_aligned",
        blocking=True,
        partitions_def=DATASETS,
        additional_ins={"interactions": dg.AssetIn(fit.key("interactions"))},
        additional_deps=["movies"],
        description=(
            "Ids ascend and are those of the interactions and of movies; users planted exactly where a movie stands "
            "are recommended the movie with that raw id."
        ),
    )
    def check(
        context: dg.AssetCheckExecutionContext,
        model: Embeddings,
        interactions: Interactions,
        project: Project,
    ) -> dg.AssetCheckResult:
        catalogue = project.warehouse.arrays(
            partition_of(context), "select movie_id from movies order by movie_id"
        )["movie_id"]
        planted, expected = planted_users(model, n=N_PLANTED)
        nothing = interactions.ratings[: planted.n_users] * 0
        nothing.eliminate_zeros()
        listed = list_rows(
            recommend(planted, nothing, n=1), user_ids=planted.user_ids, item_ids=planted.item_ids
        )
        recovered = int(np.count_nonzero(listed["movie_id"].to_numpy() == expected))
        aligned = (
            np.array_equal(model.item_ids, catalogue)
            and np.array_equal(model.item_ids, interactions.item_ids)
            and np.array_equal(model.user_ids, interactions.user_ids)
        )
        return dg.AssetCheckResult(
            passed=bool(aligned and recovered == expected.size),
            description=f"{recovered} of {expected.size} planted users recover their movie",
            metadata={"planted": int(expected.size), "recovered": recovered, "ids_are_equal": bool(aligned)},
        )

    return check


def nothing_seen(fit: Fit, lists: str) -> dg.AssetChecksDefinition:
    """No list may show a movie that its user has rated in the rows learned from."""
    key = fit.key(lists)

    @dg.asset_check(
        asset=key,
        name="nothing_seen",
        blocking=True,
        partitions_def=DATASETS,
        additional_deps=list(fit.learns_from),
        description=f"No movie in a list that its user has rated in {' or '.join(fit.learns_from)}.",
    )
    def check(context: dg.AssetCheckExecutionContext, project: Project) -> dg.AssetCheckResult:
        seen = project.warehouse.arrays(
            partition_of(context),
            f"select count(*) as n from {table_name(key)} semi join ({fit.ratings_sql}) using (user_id, movie_id)",
        )
        n_seen = int(seen["n"][0])
        return dg.AssetCheckResult(passed=n_seen == 0, metadata={"rows_seen": n_seen})

    return check
