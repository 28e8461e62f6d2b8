"""Gates of the models of stars and of what people are shown of them."""

import dagster as dg
import numpy as np
import pandas as pd

from recsys_assets.algorithms.rating_prediction.accuracy import rmse
from recsys_assets.algorithms.rating_prediction.log import RatingLog
from recsys_assets.defs.contract_checks import contract_check
from recsys_assets.defs.fits import LIVE
from recsys_assets.defs.model_checks import nothing_seen
from recsys_assets.defs.rating_prediction.models import blend_of, load_models
from recsys_assets.defs.resources import Project, partition_of
from recsys_assets.partitions import DATASETS

N_ROWS = 5000

contracts = [
    contract_check(*(dg.AssetKey(name) for name in ("rating_settings", "rating_blends", "rating_errors"))),
    contract_check(dg.AssetKey("default_ratings")),
    contract_check(dg.AssetKey("predicted_ratings_top")),
    contract_check(LIVE.key("svdpp_similar_movies")),
]
seen = nothing_seen(LIVE, dg.AssetKey("predicted_ratings_top"))


@dg.asset_check(
    asset="predicted_ratings_top",
    blocking=True,
    partitions_def=DATASETS,
    additional_ins={
        "rating_log": dg.AssetIn(LIVE.key("rating_log")),
        "rating_blends": dg.AssetIn("rating_blends"),
    },
)
def knows_what_it_learned(
    context: dg.AssetCheckExecutionContext,
    rating_log: RatingLog,
    rating_blends: pd.DataFrame,
    project: Project,
) -> dg.AssetCheckResult:
    """The published blend errs less than biases on ratings that both learned from: users and movies are who they are.

    A model whose rows have slipped against their ids errs more there than one that knows neither user nor movie.
    """
    used = rating_blends[(rating_blends["blend"] == "blend") & (rating_blends["weight"] > 0)]["model"]
    models = load_models(project, partition_of(context), LIVE, sorted({*used, "bias"}))
    rows = np.random.default_rng(0).permutation(rating_log.rating.size)[:N_ROWS]
    part = rating_log.rows(rows)
    blend = blend_of(rating_blends, "blend", models, rating_log)
    errors = {
        name: rmse(model.predict(part.user, part.item, part.day), part.rating)
        for name, model in (("blend", blend), ("bias", models["bias"]))
    }
    return dg.AssetCheckResult(
        passed=errors["blend"] < errors["bias"],
        description=f"RMSE {errors['blend']:.3f} against {errors['bias']:.3f} stars on {rows.size:,} learned rows",
        metadata={f"{name}_rmse": error for name, error in errors.items()},
    )
