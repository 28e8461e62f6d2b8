"""Checks that every model and every list of a fit must pass."""

import dagster as dg
import numpy as np
from scipy.sparse import csr_matrix

from recsys_assets.algorithms.embeddings import Embeddings, alignment, planted_users
from recsys_assets.algorithms.interactions import Ids, Interactions
from recsys_assets.algorithms.topn import recommend
from recsys_assets.defs.fits import Fit
from recsys_assets.defs.resources import Project, partition_of, table_name
from recsys_assets.defs.topn import LikeConfig, list_rows
from recsys_assets.partitions import DATASETS

__all__ = ["ids_aligned", "nothing_seen"]

N_PLANTED = 200
N_PAIRS = 2000
N_SHUFFLES = 99
TOLERANCE = 0.01
"""In AUC. On MovieLens and the sample, shifted vectors fall short of the shift back by 0.028 and more beyond it."""
FEWEST_TO_TELL = 50
"""Of fewer users or movies, some wrong order explains the likes of a weak model as well by chance."""


def ids_aligned(fit: Fit, model: str) -> dg.AssetChecksDefinition:
    """Every vector must stand at its own id: by the ids, by planted users, and by the likes that were learned from."""

    @dg.asset_check(
        asset=fit.key(model),
        name="ids_aligned",
        blocking=True,
        partitions_def=DATASETS,
        additional_ins={"interactions": dg.AssetIn(fit.key("interactions"))},
        additional_deps=["movies"],
        description=(
            "Ids ascend and are those of the interactions and of movies; users planted exactly where a movie stands "
            "are recommended the movie with that raw id; no other order of the users' or movies' vectors explains the "
            f"likes better (from {FEWEST_TO_TELL} users and movies on)."
        ),
    )
    def check(
        context: dg.AssetCheckExecutionContext,
        config: LikeConfig,
        model: Embeddings,
        interactions: Interactions,
        project: Project,
    ) -> dg.AssetCheckResult:
        catalogue = project.warehouse.arrays(
            partition_of(context), "select movie_id from movies order by movie_id"
        )["movie_id"]
        if not _same_ids(model, interactions, catalogue):
            return dg.AssetCheckResult(
                passed=False,
                description="ids are not those of the interactions and of movies",
                metadata={"ids_are_equal": False},
            )
        recovered, expected = _recovered(model)
        aligned = alignment(
            model,
            interactions.likes(config.like_rating),
            n_pairs=N_PAIRS,
            n_shuffles=N_SHUFFLES,
            tolerance=TOLERANCE,
            seed=0,
        )
        return dg.AssetCheckResult(
            passed=recovered == expected and (aligned.holds or _too_few_to_tell(model)),
            description=(
                f"{recovered} of {expected} planted users recover their movie; likes score above other movies with AUC "
                f"{aligned.auc:.3f}, {aligned.items_margin:+.3f} against other orders of movies, "
                f"{aligned.users_margin:+.3f} against other orders of users"
            ),
            metadata={
                "ids_are_equal": True,
                "planted": expected,
                "recovered": recovered,
                "auc": aligned.auc,
                "items_margin": aligned.items_margin,
                "users_margin": aligned.users_margin,
            },
        )

    return check


def _same_ids(model: Embeddings, interactions: Interactions, catalogue: Ids) -> bool:
    return (
        np.array_equal(model.item_ids, catalogue)
        and np.array_equal(model.item_ids, interactions.item_ids)
        and np.array_equal(model.user_ids, interactions.user_ids)
    )


def _recovered(model: Embeddings) -> tuple[int, int]:
    """How many planted users are recommended their own movie, and how many there are."""
    planted, expected = planted_users(model, n=N_PLANTED)
    nowhere = np.empty(0, dtype=np.int32)
    seen = csr_matrix(
        (np.empty(0, dtype=np.float32), (nowhere, nowhere)), shape=(planted.n_users, planted.n_items)
    )
    listed = list_rows(recommend(planted, seen, n=1), user_ids=planted.user_ids, item_ids=planted.item_ids)
    return int(np.count_nonzero(listed["movie_id"].to_numpy() == expected)), expected.size


def _too_few_to_tell(model: Embeddings) -> bool:
    n_known_users = np.count_nonzero(model.user_vectors.any(axis=1))
    return bool(min(n_known_users, np.count_nonzero(model.recommendable)) < FEWEST_TO_TELL)


def nothing_seen(fit: Fit, lists: str | dg.AssetKey) -> dg.AssetChecksDefinition:
    """No list may show a movie that its user has rated in the rows learned from; a name is that of the fit's asset."""
    key = fit.key(lists) if isinstance(lists, str) else lists

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
