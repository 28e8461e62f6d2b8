"""Each live model of stars as a package that stands by itself: arrays, ids, settings, figures, where it comes from."""

import datetime as dt
from collections.abc import Hashable
from typing import Any

import dagster as dg
import pandas as pd

from recsys_assets.algorithms.rating_prediction.log import RatingLog
from recsys_assets.defs.common import dataset_asset
from recsys_assets.defs.fits import LIVE
from recsys_assets.defs.provenance import CODE_VERSION_TAG, DATA_VERSION_TAG, latest_materializations
from recsys_assets.defs.rating_prediction.models import chosen_settings, load_models
from recsys_assets.defs.rating_prediction.recipes import MODELS
from recsys_assets.defs.resources import Project, partition_of
from recsys_assets.defs.versions import code_version
from recsys_assets.report.style import markdown_table
from recsys_assets.storage.arrays import as_arrays
from recsys_assets.storage.packages import remove_package, write_package

BLEND = "blend"


@dataset_asset(
    group_name="publish",
    kinds={"file", "numpy"},
    deps=[*(LIVE.key(name) for name in MODELS), "gates"],
    ins={"rating_log": dg.AssetIn(LIVE.key("rating_log"))},
    code_version=code_version(__name__),
)
def model_packages(
    context: dg.AssetExecutionContext,
    rating_log: RatingLog,
    rating_settings: pd.DataFrame,
    rating_blends: pd.DataFrame,
    evaluation: pd.DataFrame,
    project: Project,
) -> dg.MaterializeResult[None]:
    """data/models/<data set>/<model>.json and .npz: each live model of stars with its ids, settings and figures.

    The figures are those of the same model fitted on training and validation rows, on test rows, and over five folds
    where they were measured: the live one has learned from all rows. The blend's package has its weights.
    """
    dataset = partition_of(context)
    folder = project.folder / "models" / dataset
    settings = chosen_settings(rating_settings)
    models = load_models(project, dataset, LIVE, list(settings))
    made = latest_materializations(context.instance, [LIVE.key(name) for name in models], dataset)
    low, high = rating_log.scale
    shared = {
        "dataset": dataset,
        "packaged_at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "run_id": context.run.run_id,
        "n_ratings": int(rating_log.rating.size),
        "scale": [low, high],
    }
    for name in MODELS.keys() - models.keys():
        remove_package(folder, name)
    ids = {"user_ids": rating_log.user_ids, "item_ids": rating_log.item_ids}
    for name, model in models.items():
        tags = made[LIVE.key(name)].asset_materialization.tags or {}  # type: ignore[union-attr]
        write_package(
            folder,
            name,
            as_arrays(model) | ids,
            shared
            | {
                "kind": type(model).__name__,
                "hyper_parameters": settings[name],
                "metrics": metrics_of(evaluation, name),
                "data_version": tags.get(DATA_VERSION_TAG),
                "code_version": tags.get(CODE_VERSION_TAG),
            },
        )
    weights = rating_blends[rating_blends["blend"] == BLEND].set_index("model")["weight"].to_dict()
    write_package(
        folder,
        BLEND,
        ids,
        shared
        | {
            "kind": "Blend",
            "mean": float(rating_log.rating.mean(dtype="float64")),
            "weights": weights,
            "metrics": metrics_of(evaluation, BLEND),
        },
    )
    return dg.MaterializeResult(
        metadata={
            "path": dg.MetadataValue.path(str(folder)),
            "packages": dg.MetadataValue.md(
                markdown_table(pd.DataFrame({"package": [*models, BLEND]}), formats={})
            ),
            "size_bytes": sum(file.stat().st_size for file in folder.iterdir()),
        }
    )


def metrics_of(evaluation: pd.DataFrame, model: str) -> list[dict[Hashable, Any]]:
    """The figures about the model as a whole, each with its split, interval and number of users."""
    rows = evaluation[(evaluation["model"] == model) & (evaluation["segment"] == "all")]
    kept = rows[["split", "metric", "k", "value", "ci_low", "ci_high", "n_users"]].astype(object)
    return kept.where(kept.notna(), None).to_dict("records")
