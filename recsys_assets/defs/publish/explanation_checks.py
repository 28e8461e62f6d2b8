"""Gates of explanations: the contract, and that parts add up to scores."""

import dagster as dg
import numpy as np

from recsys_assets.algorithms.embeddings import Embeddings
from recsys_assets.algorithms.explanation import ListModels, explain_lists
from recsys_assets.defs.contract_checks import contract_check
from recsys_assets.defs.publish.explanations import MODEL_KEYS, load_list_models
from recsys_assets.defs.resources import Project, partition_of
from recsys_assets.defs.topn import LikeConfig
from recsys_assets.partitions import DATASETS

TOLERANCE = 1e-6
"""Of the score, or of 1 where the score is less than that."""
N_PAIRS = 1000

contracts = [contract_check(dg.AssetKey("explanations"))]


@dg.asset_check(
    asset="explanations",
    blocking=True,
    partitions_def=DATASETS,
    additional_deps=["recommendations", *MODEL_KEYS],
    description=(
        f"The parts of every explained place add up to its score within {TOLERANCE:g}, so do those of {N_PAIRS:,} "
        "random pairs of each model, and no place of a list is left out between explained ones."
    ),
)
def parts_add_up(
    context: dg.AssetCheckExecutionContext, config: LikeConfig, project: Project
) -> dg.AssetCheckResult:
    dataset = partition_of(context)
    found = project.warehouse.frame(
        dataset,
        """
        with sums as (select strategy, user_id, movie_id, sum(part) as total from explanations group by all),
        explained as (from recommendations join sums using (strategy, user_id, movie_id)),
        deepest as (select strategy, user_id, max(rank) as deepest from explained group by all)
        select (select max(abs(total - score) / greatest(1, abs(score))) from explained) as largest,
               (select count(*) from sums) as n_pairs,
               (select count(*) from sums anti join recommendations using (strategy, user_id, movie_id))
               + (select count(*) from recommendations join deepest using (strategy, user_id)
                  anti join sums using (strategy, user_id, movie_id) where rank <= deepest) as n_astray
        """,
    ).iloc[0]
    models, scorers = load_list_models(project, dataset, like_rating=config.like_rating)
    off = {strategy: _off_at_random(models, strategy, scorer) for strategy, scorer in scorers.items()}
    largest = max(float(found["largest"]), *off.values())
    return dg.AssetCheckResult(
        passed=bool(largest <= TOLERANCE and found["n_astray"] == 0),
        description=(
            f"parts of {int(found['n_pairs']):,} listed and {N_PAIRS * len(off):,} random pairs are at most "
            f"{largest:.1e} off their scores; {int(found['n_astray']):,} places are missing or astray"
        ),
        metadata={
            "explained_pairs": int(found["n_pairs"]),
            "largest_difference_listed": float(found["largest"]),
            "pairs_missing_or_astray": int(found["n_astray"]),
            **{f"largest_difference_{strategy}": value for strategy, value in off.items()},
        },
    )


def _off_at_random(models: ListModels, strategy: str, scorer: Embeddings) -> float:
    rng = np.random.default_rng(0)
    users = np.sort(rng.integers(scorer.n_users, size=N_PAIRS))
    items = rng.choice(np.flatnonzero(scorer.recommendable), size=N_PAIRS)
    vectors = scorer.user_vectors[users].astype(np.float64), scorer.item_vectors[items]
    scores = np.einsum("jd,jd->j", *vectors)
    rows = explain_lists(models, strategy, users, items, n_parts=1)
    sums = np.bincount(rows.pair, rows.part, minlength=N_PAIRS)
    return float((np.abs(sums - scores) / np.maximum(1, np.abs(scores))).max())
