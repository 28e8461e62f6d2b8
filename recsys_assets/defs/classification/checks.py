"""Gates of the like models: contracts, nothing seen, and a boost that matters."""

import dagster as dg
import numpy as np

from recsys_assets.defs.classification.outputs import LISTS
from recsys_assets.defs.contract_checks import contract_check
from recsys_assets.defs.fits import LIVE, SERVED_FITS, TRIAL
from recsys_assets.defs.model_checks import nothing_seen
from recsys_assets.defs.resources import Project, partition_of
from recsys_assets.partitions import DATASETS

MIN_CHANGED = 0.01
PLACES = 10
SAME_RANKING = 1e-5
"""In AUC. Probabilities are stored in single precision, where a boost makes some neighbours equal."""

contracts = [
    contract_check(*(dg.AssetKey(name) for name in ("like_settings", "like_calibration", "like_blend"))),
    contract_check(
        dg.AssetKey("holdout_like_predictions"),
        *(TRIAL.key(f"{strategy}_recommendations") for strategy in LISTS),
    ),
    contract_check(
        dg.AssetKey("like_importance"), *(LIVE.key(f"{strategy}_recommendations") for strategy in LISTS)
    ),
    contract_check(dg.AssetKey("like_evaluation"), dg.AssetKey("like_comparisons")),
]
seen = [nothing_seen(fit, f"{strategy}_recommendations") for fit in SERVED_FITS for strategy in LISTS]


@dg.asset_check(
    asset="like_comparisons",
    partitions_def=DATASETS,
    additional_deps=[
        "holdout_like_predictions",
        *(TRIAL.key(f"{strategy}_recommendations") for strategy in LISTS),
    ],
)
def boost_matters(context: dg.AssetCheckExecutionContext, project: Project) -> dg.AssetCheckResult:
    """The cluster boost changes lists and figures; the published constant boost, tried by the same rule, changes none.

    It warns and doesn't block: where validation rows want no boost, the hybrid is the ensemble, which may be published.
    """
    changed = project.warehouse.arrays(
        partition_of(context),
        f"""
        with one as (from trial__like_ensemble_recommendations where rank <= {PLACES}),
        other as (from trial__cluster_hybrid_recommendations where rank <= {PLACES}),
        moved as (select distinct user_id from one anti join other using (user_id, rank, movie_id))
        select (select count(*) from moved) / (select count(distinct user_id) from one) as n
        """,
    )
    share = float(changed["n"][0])
    rows = project.warehouse.frame(
        partition_of(context), "from like_comparisons where baseline = 'ensemble' and segment = 'all'"
    )
    of_boost = rows[(rows["model"] == "cluster_hybrid") & (rows["metric"] == "log_loss")]
    value, low, high = of_boost[["difference", "ci_low", "ci_high"]].to_numpy(dtype=np.float64)[0].tolist()
    of_constant = rows[(rows["model"] == "constant_boost") & (rows["metric"] == "auc_per_user")]
    ranking = float(of_constant["difference"].iloc[0])
    constant_fails = abs(ranking) < SAME_RANKING
    return dg.AssetCheckResult(
        passed=share >= MIN_CHANGED and value != 0 and constant_fails,
        severity=dg.AssetCheckSeverity.WARN,
        description=(
            f"{share:.1%} of users have another top {PLACES}; log loss {value:+.5f} ({low:+.5f} to {high:+.5f})"
        ),
        metadata={
            "share_of_users_with_another_list": share,
            "log_loss_difference": value,
            "ci_low": low,
            "ci_high": high,
            "constant_boost_changes_a_ranking": not constant_fails,
        },
    )
