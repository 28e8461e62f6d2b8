"""Gates of the like models: contracts, no leakage, nothing seen, and a boost that matters."""

from collections.abc import Callable
from dataclasses import replace

import dagster as dg
import numpy as np

from recsys_assets.algorithms.liking.features import FEATURES, FeatureBuilder, Knowledge, out_of_fold
from recsys_assets.algorithms.liking.judging import auc
from recsys_assets.algorithms.liking.learning import VARIANTS, fit_likes
from recsys_assets.algorithms.rating_prediction.factorization_machine import SideFeatures
from recsys_assets.algorithms.rating_prediction.log import RatingLog, Stars
from recsys_assets.defs.classification.builders import LikeFeaturesConfig, builder, knowledge_of
from recsys_assets.defs.classification.config import GrowthConfig
from recsys_assets.defs.classification.outputs import LISTS
from recsys_assets.defs.contract_checks import contract_check
from recsys_assets.defs.fits import LIVE, SERVED_FITS, TRIAL, TUNING
from recsys_assets.defs.model_checks import nothing_seen
from recsys_assets.defs.rating_prediction.models import read_log
from recsys_assets.defs.resources import Project, partition_of
from recsys_assets.partitions import DATASETS

QUICK = {"fm_samples": 4, "fm_burn_in": 2, "fm_kept": 2, "epochs": 5}
"""Leakage shows whatever the quality of the models behind the features."""
N_SHUFFLES = 3
N_TREES = 30
MAX_ROWS = 30_000
TOLERANCE = 0.02
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
    asset=TUNING.key("like_features"),
    blocking=True,
    partitions_def=DATASETS,
    additional_ins={
        "rating_log": dg.AssetIn(TUNING.key("rating_log")),
        "side_features": dg.AssetIn("side_features"),
    },
    additional_deps=["validation_ratings", "movies", "tags"],
)
def shuffled_labels_teach_nothing(
    context: dg.AssetCheckExecutionContext,
    rating_log: RatingLog,
    side_features: SideFeatures,
    project: Project,
) -> dg.AssetCheckResult:
    """Learned from shuffled stars, features and trees tell likes of validation rows from others by chance only.

    The mean AUC of three shuffles must lie within 0.5 ± 0.02, or ± three standard errors where rows are few.
    """
    dataset = partition_of(context)
    held_out = _validation(project, dataset, rating_log)
    config = LikeFeaturesConfig.model_validate(QUICK)
    liked = held_out.rating >= config.like_rating
    if liked.all() or not liked.any():
        return dg.AssetCheckResult(
            passed=True,
            description="nothing to judge: validation rows are all likes, or none is",
            metadata={"rows_judged": 0},
        )
    knowledge = knowledge_of(project, dataset, rating_log)
    aucs = []
    for seed in range(N_SHUFFLES):
        rng = np.random.default_rng(seed)
        rows = np.sort(rng.permutation(rating_log.rating.size)[:MAX_ROWS])
        part = rating_log.rows(rows)
        shuffled = replace(part, rating=rng.permutation(part.rating))
        build = _builder_of(knowledge, side_features, config)
        values = out_of_fold(shuffled, build, n_folds=config.n_folds, seed=seed, n_threads=config.n_threads)
        name = next(iter(VARIANTS))
        trees = fit_likes(
            values,
            shuffled.rating,
            {name: N_TREES},
            like=config.like_rating,
            growth=GrowthConfig.model_validate({}).growth(),
        )[name]
        described = build(shuffled).pairs(held_out.user, held_out.item, held_out.day)
        aucs.append(auc(trees.predict(described[:, VARIANTS[name].columns]), liked))
    n_rarer = max(min(int(liked.sum()), int((~liked).sum())), 1)
    tolerance = max(TOLERANCE, 3 / float(np.sqrt(12 * n_rarer)))
    found = float(np.mean(aucs))
    return dg.AssetCheckResult(
        passed=abs(found - 0.5) <= tolerance,
        description=f"AUC {found:.3f} from shuffled labels; must be within 0.5 ± {tolerance:.3f}",
        metadata={"auc": found, "tolerance": tolerance, "rows_judged": int(liked.size)},
    )


@dg.asset_check(
    asset=TUNING.key("like_features"),
    blocking=True,
    partitions_def=DATASETS,
    additional_ins={
        "rating_log": dg.AssetIn(TUNING.key("rating_log")),
        "side_features": dg.AssetIn("side_features"),
    },
    additional_deps=["validation_ratings", "movies", "tags"],
)
def blind_to_held_out_stars(
    context: dg.AssetCheckExecutionContext,
    rating_log: RatingLog,
    side_features: SideFeatures,
    project: Project,
) -> dg.AssetCheckResult:
    """Features of learned and of held-out pairs are bit for bit the same when held-out stars are scrambled.

    All rows of both go into one log, of which the learned ones are taken, as a wrong mask would take them.
    """
    dataset = partition_of(context)
    held_out = _validation(project, dataset, rating_log)
    config = LikeFeaturesConfig.model_validate(QUICK)
    knowledge = knowledge_of(project, dataset, rating_log)
    build = _builder_of(knowledge, side_features, config)
    n_learned = rating_log.rating.size

    def features(held_out_stars: Stars) -> Stars:
        whole = replace(
            rating_log,
            user=np.concatenate([rating_log.user, held_out.user]),
            item=np.concatenate([rating_log.item, held_out.item]),
            rating=np.concatenate([rating_log.rating, held_out_stars]),
            day=np.concatenate([rating_log.day, held_out.day]),
        )
        learned, rest = whole.rows(np.arange(n_learned)), whole.rows(np.arange(n_learned, whole.rating.size))
        described = out_of_fold(learned, build, n_folds=2, seed=config.seed, n_threads=config.n_threads)
        both: Stars = np.concatenate([described, build(learned).pairs(rest.user, rest.item, rest.day)])
        return both

    scrambled = np.random.default_rng(0).permutation(5.5 - held_out.rating).astype(np.float32)
    same = np.array_equal(features(held_out.rating), features(scrambled), equal_nan=True)
    return dg.AssetCheckResult(
        passed=same,
        metadata={"features": len(FEATURES), "held_out_rows_scrambled": int(held_out.rating.size)},
    )


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


def _validation(project: Project, dataset: str, log: RatingLog) -> RatingLog:
    return read_log(project, dataset, "from validation_ratings", item_ids=log.item_ids, user_ids=log.user_ids)


def _builder_of(
    knowledge: Knowledge, side: SideFeatures, config: LikeFeaturesConfig
) -> Callable[[RatingLog], FeatureBuilder]:
    return lambda learned: builder(learned, knowledge, side, config)
