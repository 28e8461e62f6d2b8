"""Gates of cross-validation: contracts, each row in its fold, and no way from a fold into a published model."""

import dagster as dg

from recsys_assets.defs.contract_checks import contract_check
from recsys_assets.defs.resources import Project, partition_of
from recsys_assets.defs.whole import descendants
from recsys_assets.partitions import DATASETS

JUDGES = {
    "rating_folds",
    "fold_models",
    "fold_predictions",
    "cross_validation",
    "like_fold_predictions",
    "like_cross_validation",
    "evaluation",
    "gates",
    "champions",
    "promotions",
    "claims",
    "evaluation_report",
    "model_packages",
    "like_packages",
    "list_packages",
    "like_claims",
    "published",
}
"""What may depend on the folds: what is learned and judged within them, and what publishes the judgement."""

contracts = [
    contract_check(dg.AssetKey("rating_folds")),
    contract_check(dg.AssetKey("fold_models"), dg.AssetKey("fold_predictions")),
    contract_check(dg.AssetKey("cross_validation")),
    contract_check(dg.AssetKey("like_fold_predictions")),
    contract_check(dg.AssetKey("like_cross_validation")),
    contract_check(dg.AssetKey("like_claims")),
]


@dg.asset_check(
    asset="fold_predictions", blocking=True, partitions_def=DATASETS, additional_deps=["rating_folds"]
)
def every_row_in_its_fold(context: dg.AssetCheckExecutionContext, project: Project) -> dg.AssetCheckResult:
    """Every model predicts every rating once, in the fold that the rating is a test row of."""
    faults = project.warehouse.arrays(
        partition_of(context),
        """
        with models as (select distinct model from fold_predictions), due as (from models, rating_folds)
        select (select count(*) from due anti join fold_predictions using (model, fold, user_id, movie_id))
               + (select count(*) from fold_predictions anti join due using (model, fold, user_id, movie_id)) as n
        """,
    )
    n_faults = int(faults["n"][0])
    return dg.AssetCheckResult(passed=n_faults == 0, metadata={"rows_missing_or_astray": n_faults})


@dg.asset_check(asset="rating_folds", blocking=True, partitions_def=DATASETS)
def reach_no_model() -> dg.AssetCheckResult:
    """Only judges are downstream of the folds: what is learned from them is not published but as figures."""
    reached = descendants(dg.AssetKey("rating_folds")) | descendants(dg.AssetKey("official_folds"))
    faults = sorted(name for name in map(dg.AssetKey.to_user_string, reached) if name not in JUDGES)
    return dg.AssetCheckResult(
        passed=not faults,
        description=f"folds reach {', '.join(faults)}" if faults else None,
        metadata={"assets_downstream_of_the_folds": len(reached)},
    )
