"""Published claims about like classification with clusters, each beside what was measured here."""

import math

import dagster as dg
import pandas as pd

from recsys_assets.contracts import TABLES
from recsys_assets.defs.common import frame_digest, spec
from recsys_assets.defs.cross_validation.assets import GROUP
from recsys_assets.defs.cross_validation.likes import LEAKY
from recsys_assets.defs.fits import TRIAL
from recsys_assets.defs.resources import Project, partition_of, table_metadata
from recsys_assets.defs.versions import code_version
from recsys_assets.partitions import DATASETS
from recsys_assets.storage.warehouse import replace_tables

REPRODUCED, NOT_REPRODUCED, NOT_MEANINGFUL = "reproduced", "not reproduced", "not meaningful"
CLAIMED_AUC, CLAIMED_STD = 0.7908, 0.0043
LIKE_RATES = (0.65, 0.75)
TOP_PROBABILITY = 0.9
PLACES = 10

Claim = tuple[str, str, str, str, str]


@dg.multi_asset(
    name="judge_like_claims",
    specs=[
        spec(
            "like_claims",
            deps=[
                "like_cross_validation",
                "holdout_like_predictions",
                "like_evaluation",
                TRIAL.key("like_ensemble_recommendations"),
                TRIAL.key("cluster_hybrid_recommendations"),
                "test_ratings",
            ],
            group_name=GROUP,
            kinds={"duckdb", "table"},
            description=TABLES["like_claims"].comment,
            code_version=code_version(__name__),
        ).replace_attributes(automation_condition=None)
    ],
    partitions_def=DATASETS,
)
def judge_like_claims(context: dg.AssetExecutionContext, project: Project) -> dg.MaterializeResult[None]:
    """Set each published figure beside the one measured, with a verdict and its reason."""
    dataset = partition_of(context)
    rows = [_auc(project, dataset), _boost(project, dataset), *_top_picks(project, dataset)]
    table = pd.DataFrame(rows, columns=TABLES["like_claims"].column_names)
    with project.warehouse.connect(dataset) as connection:
        replace_tables(connection, {"like_claims": table})
        return dg.MaterializeResult(
            metadata=table_metadata(connection, "like_claims"),
            data_version=dg.DataVersion(frame_digest(table)),
        )


def _auc(project: Project, dataset: str) -> Claim:
    found = project.warehouse.frame(
        dataset,
        "select model, metric, value from like_cross_validation "
        "where split <> 'global_time' and segment = 'all' and metric in ('auc', 'auc_std')",
    ).set_index(["model", "metric"])["value"]
    measured = (found["classifier_without_time", metric] for metric in ("auc", "auc_std"))
    return auc_claim(*measured, leaky=found[LEAKY, "auc"])


def auc_claim(mean: float, std: float, *, leaky: float) -> Claim:
    """The claimed AUC beside the one measured: reproduced if they are within two claimed standard deviations.

    Parameters
    ----------
    mean, std : of the AUC over the folds, with aggregates out of fold
    leaky : the AUC with aggregates over all rows
    """
    off = mean - CLAIMED_AUC
    near = abs(off) <= 2 * CLAIMED_STD
    where = f"{abs(off):.4f} {'above' if off > 0 else 'below'} the claim"
    return (
        "ROC AUC of the classifier over five random folds",
        f"{CLAIMED_AUC} ± {CLAIMED_STD}",
        f"{mean:.4f} ± {std:.4f} without features of time",
        REPRODUCED if near else NOT_REPRODUCED,
        f"{where[0].upper()}{where[1:]}, {'within' if near else 'more than'} two of its standard deviations. Here "
        f"aggregates are out of fold. Aggregates over all rows, as published, give {leaky:.4f}: that one leaks.",
    )


def _boost(project: Project, dataset: str) -> Claim:
    moved = project.warehouse.frame(
        dataset,
        "select max(abs(b.probability - e.probability)) as largest, "
        "avg(abs(b.probability / e.probability - 1)) as mean from holdout_like_predictions as b "
        "join holdout_like_predictions as e using (user_id, movie_id) "
        "where b.model = 'cluster_hybrid' and e.model = 'ensemble'",
    ).iloc[0]
    return (
        "boost of about 38 % by cluster similarity",
        "≈ 38 %",
        f"the boost by user and movie moves a test row's probability by {moved['mean']:.1%} on average",
        NOT_MEANINGFUL,
        "The published boost is the same for all movies of a user: it changes no ranking, whatever its size.",
    )


def _top_picks(project: Project, dataset: str) -> list[Claim]:
    picks = project.warehouse.frame(
        dataset,
        f"""
        with top as (
            from trial__cluster_hybrid_recommendations where rank <= {PLACES}
        )
        select avg((score > {TOP_PROBABILITY})::int) as sure, avg(score) as mean,
               (select avg((rating >= 4)::int) from top join test_ratings using (user_id, movie_id)) as liked,
               (select count(*) from top join test_ratings using (user_id, movie_id)) as n_rated
        from top having count(*) > 0
        """,
    )
    return [claim for row in picks.itertuples() for claim in top_pick_claims(*row[1:])]


def top_pick_claims(sure: float, mean: float, liked: float, n_rated: int) -> list[Claim]:
    """What is claimed of the first places of lists; of likes nothing where nobody has rated one.

    Parameters
    ----------
    sure, mean : share of the places with a probability above the claimed one, and their mean probability
    liked, n_rated : share that is liked of the places that users rated in test rows, and their number
    """
    claims = [
        (
            "top picks have a like probability above 90 %",
            "> 90 %",
            f"{sure:.0%} of the first {PLACES} places do; their mean is {mean:.3f}, calibrated",
            REPRODUCED if sure > TOP_PROBABILITY else NOT_REPRODUCED,
            "A probability is what a model says of itself; calibrated on validation rows it is a promise.",
        )
    ]
    if not n_rated:
        return claims
    spread = 1.96 * math.sqrt(liked * (1 - liked) / n_rated)
    within = liked + spread >= LIKE_RATES[0] and liked - spread <= LIKE_RATES[1]
    return [
        *claims,
        (
            "65 to 75 % of top picks are liked",
            "65–75 %",
            f"{liked:.1%} (± {spread:.1%}) of the {n_rated:,} first {PLACES} places that users rated in test rows",
            REPRODUCED if within else NOT_REPRODUCED,
            "Only picks that users chose to rate can be judged; who rates a movie likes it more often than not.",
        ),
    ]
