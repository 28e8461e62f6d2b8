"""Gates of the hybrid, its weights and the cold-start list."""

import dagster as dg
import numpy as np
import pandas as pd

from recsys_assets.algorithms.embeddings import Embeddings
from recsys_assets.algorithms.hybrid import contributions
from recsys_assets.algorithms.interactions import Interactions
from recsys_assets.algorithms.topn import recommend
from recsys_assets.defs.common import chosen
from recsys_assets.defs.contract_checks import contract_check
from recsys_assets.defs.fits import SERVED_FITS, TRIAL
from recsys_assets.defs.model_checks import ids_aligned, nothing_seen
from recsys_assets.partitions import DATASETS

N_PAIRS = 1000
TOLERANCE = 1e-4

contracts = [
    contract_check(dg.AssetKey("hybrid_weights")),
    *(
        contract_check(fit.key(name))
        for fit in SERVED_FITS
        for name in ("cold_start", "hybrid_recommendations")
    ),
]
alignment = [ids_aligned(fit, "hybrid_factors") for fit in SERVED_FITS]
seen = [nothing_seen(fit, "hybrid_recommendations") for fit in SERVED_FITS]


@dg.asset_check(
    asset=TRIAL.key("hybrid_factors"),
    blocking=True,
    partitions_def=DATASETS,
    additional_ins={
        "als_factors": dg.AssetIn(TRIAL.key("als_factors")),
        "content_profiles": dg.AssetIn(TRIAL.key("content_profiles")),
        "interactions": dg.AssetIn(TRIAL.key("interactions")),
        "hybrid_weights": dg.AssetIn("hybrid_weights"),
    },
    description="On random pairs both parts add up to the score, and content changes some user's first 10 places.",
)
def content_matters(
    hybrid_factors: Embeddings,
    als_factors: Embeddings,
    content_profiles: Embeddings,
    interactions: Interactions,
    hybrid_weights: pd.DataFrame,
) -> dg.AssetCheckResult:
    rng = np.random.default_rng(0)
    users = rng.integers(hybrid_factors.n_users, size=N_PAIRS)
    items = rng.choice(np.flatnonzero(hybrid_factors.recommendable), size=N_PAIRS)
    weights = chosen(hybrid_weights)
    parts = contributions(
        als_factors,
        content_profiles,
        users,
        items,
        alpha=float(weights["alpha"]),
        beta=float(weights["beta"]),
    )
    residual = float(np.abs(parts.sum(axis=1) - hybrid_factors.pair_scores(users, items)).max())
    with_content, _ = recommend(hybrid_factors, interactions.ratings, n=10)
    without, _ = recommend(als_factors, interactions.ratings, n=10)
    share_changed = float(np.any(with_content != without, axis=1).mean())
    return dg.AssetCheckResult(
        passed=residual <= TOLERANCE and share_changed > 0,
        description=f"content changes the first 10 places of {share_changed:.0%} of the users",
        metadata={"largest_residual": residual, "share_of_users_changed": share_changed},
    )
