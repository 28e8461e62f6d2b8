"""Gates of predicted stars: contracts, every test row by every model, no ties, nothing seen."""

import dagster as dg

from recsys_assets.defs.contract_checks import contract_check
from recsys_assets.defs.fits import TRIAL
from recsys_assets.defs.model_checks import nothing_seen
from recsys_assets.defs.resources import Project, partition_of
from recsys_assets.partitions import DATASETS

MAX_TIED = 0.5
BASELINES = ("global_mean", "user_mean", "item_mean", "bias", "time_damped_bias")
"""Where users and movies all are alike, baselines rightly say the same of all rows."""

contracts = [
    contract_check(dg.AssetKey("holdout_rating_predictions"), dg.AssetKey("holdout_predicted_top")),
    contract_check(
        *(dg.AssetKey(name) for name in ("rating_evaluation", "rating_comparisons", "rating_calibration"))
    ),
]
seen = nothing_seen(TRIAL, dg.AssetKey("holdout_predicted_top"))


@dg.asset_check(
    asset="holdout_rating_predictions",
    blocking=True,
    partitions_def=DATASETS,
    additional_deps=["test_ratings"],
)
def every_test_row(context: dg.AssetCheckExecutionContext, project: Project) -> dg.AssetCheckResult:
    """Every model predicts every test row, with the stars given there: all are judged on the same rows."""
    faults = project.warehouse.frame(
        partition_of(context),
        """
        with models as (select distinct model from holdout_rating_predictions), due as (from models, test_ratings)
        select model from due as t left join holdout_rating_predictions as p using (model, user_id, movie_id)
        where p.rating is distinct from t.rating group by model order by model
        """,
    )["model"].tolist()
    return dg.AssetCheckResult(
        passed=not faults,
        description=f"{', '.join(faults)} left out test rows" if faults else None,
        metadata={"models_at_fault": len(faults)},
    )


@dg.asset_check(asset="holdout_rating_predictions", blocking=True, partitions_def=DATASETS)
def estimates_tell(context: dg.AssetCheckExecutionContext, project: Project) -> dg.AssetCheckResult:
    """No personal model says the same of half the rows, and more predicted stars go with more given ones.

    A model that is asked by inner numbers where it wants raw ids knows nobody: its estimates are all tied, or noise.
    """
    table = project.warehouse.frame(
        partition_of(context),
        """
        with counted as (
            select model, predicted, count(*) as n from holdout_rating_predictions group by all
        ), ties as (select model, max(n) / sum(n) as tied from counted group by model)
        select model, tied, corr(predicted, rating) as correlation
        from holdout_rating_predictions join ties using (model) group by all order by model
        """,
    )
    judged = table[~table["model"].isin(BASELINES)]
    faults = judged[(judged["tied"] > MAX_TIED) | ~(judged["correlation"] > 0)]["model"].tolist()
    return dg.AssetCheckResult(
        passed=not faults,
        description=f"{', '.join(faults)} say nothing of who rates what" if faults else None,
        metadata={
            "most_tied": float(judged["tied"].max()),
            "least_correlation": float(judged["correlation"].min()),
        },
    )
