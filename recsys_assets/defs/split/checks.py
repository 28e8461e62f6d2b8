"""Gates of the split: contracts, disjoint and ordered parts, and that test rows reach no model."""

import dagster as dg

from recsys_assets.defs.contract_checks import contract_check
from recsys_assets.defs.fits import TRIAL, TUNING
from recsys_assets.defs.resources import Project, partition_of
from recsys_assets.defs.whole import ancestors, descendants, whole_definitions
from recsys_assets.partitions import DATASETS

PARTS = ("train_ratings", "validation_ratings", "test_ratings")
TEST = dg.AssetKey("test_ratings")
LEARNED_PARTS = frozenset({dg.AssetKey("train_ratings"), dg.AssetKey("validation_ratings")})
JUDGES = {
    "holdout",
    "ranking_evaluation",
    "ranking_comparisons",
    "holdout_rating_predictions",
    "holdout_predicted_top",
    "rating_evaluation",
    "rating_comparisons",
    "rating_calibration",
    "holdout_like_predictions",
    "like_evaluation",
    "like_comparisons",
    "evaluation",
    "comparisons",
    "gates",
    "challengers",
    "promotion_comparisons",
    "champions",
    "promotions",
    "leakage",
    "claims",
    "evaluation_report",
    "model_packages",
    "like_packages",
    "list_packages",
    "like_claims",
    "published",
}
"""What may depend on test rows: what judges, and what publishes the judgement."""

contracts = [contract_check(*(dg.AssetKey(name) for name in PARTS))]


@dg.asset_check(
    asset="test_ratings",
    blocking=True,
    partitions_def=DATASETS,
    additional_deps=["ratings", "train_ratings", "validation_ratings"],
)
def split_by_time(context: dg.AssetCheckExecutionContext, project: Project) -> dg.AssetCheckResult:
    """The parts make up all ratings, share none, keep a training row of every user, and follow each other in time."""
    faults = project.warehouse.frame(
        partition_of(context),
        """
        with parts as (
            select user_id, movie_id, rated_at, 0 as part from train_ratings union all
            select user_id, movie_id, rated_at, 1 from validation_ratings union all
            select user_id, movie_id, rated_at, 2 from test_ratings
        ), users as (
            select user_id, max(rated_at) filter (part = 0) as last_train,
                   min(rated_at) filter (part = 1) as first_validation,
                   max(rated_at) filter (part = 1) as last_validation, min(rated_at) filter (part = 2) as first_test
            from parts group by user_id
        )
        select (select count(*) from ratings anti join parts using (user_id, movie_id)) as lost,
               (select count(*) from parts) - (select count(*) from ratings) as doubled,
               (select count(*) from users where last_train is null) as users_without_training_row,
               (select count(*) from users
                where last_train > first_validation or last_validation > first_test or last_train > first_test)
               as users_out_of_order
        """,
    ).iloc[0]
    counts = {str(name): int(value) for name, value in faults.items()}
    return dg.AssetCheckResult(passed=not any(counts.values()), metadata=counts)


@dg.asset_check(asset="test_ratings", blocking=True, partitions_def=DATASETS)
def reaches_no_model() -> dg.AssetCheckResult:
    """In the whole asset graph only judges are downstream of test rows, and no judged model sees them another way.

    No tuning or trial asset is made of all ratings but through the train and validation parts, or of a live model.
    """
    faults = [f"test rows reach {name}" for name in _names(descendants(TEST)) if name not in JUDGES]
    for key in whole_definitions().resolve_asset_graph().get_all_asset_keys():
        if key.path[0] in (TUNING.name, TRIAL.name):
            learned_from = ancestors(key, without=LEARNED_PARTS)
            if dg.AssetKey("ratings") in learned_from:
                faults.append(f"{key.to_user_string()} sees all ratings past the split")
            faults += [
                f"{key.to_user_string()} is made of {name}"
                for name in _names(learned_from)
                if name.startswith("live/")
            ]
    return dg.AssetCheckResult(
        passed=not faults,
        description="; ".join(faults) or None,
        metadata={"assets_downstream_of_test_rows": len(descendants(TEST))},
    )


def _names(keys: set[dg.AssetKey]) -> list[str]:
    return sorted(key.to_user_string() for key in keys)
