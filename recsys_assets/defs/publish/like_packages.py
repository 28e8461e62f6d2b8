"""The live boosted trees as XGBoost's own files, each with all that is known of it beside it."""

import datetime as dt

import dagster as dg
import pandas as pd

from recsys_assets.algorithms.liking.learning import VARIANTS
from recsys_assets.algorithms.liking.trees import BoostedTrees
from recsys_assets.defs.common import dataset_asset
from recsys_assets.defs.fits import LIVE
from recsys_assets.defs.provenance import CODE_VERSION_TAG, DATA_VERSION_TAG, latest_materializations
from recsys_assets.defs.publish.packages import metrics_of
from recsys_assets.defs.resources import Project, partition_of
from recsys_assets.defs.versions import code_version
from recsys_assets.report.style import markdown_table
from recsys_assets.storage.arrays import load_artifact
from recsys_assets.storage.tree_models import write_tree_model


@dataset_asset(
    group_name="publish",
    kinds={"file", "xgboost"},
    deps=[*(LIVE.key(name) for name in VARIANTS), "gates"],
    code_version=code_version(__name__),
)
def like_packages(
    context: dg.AssetExecutionContext,
    like_settings: pd.DataFrame,
    like_calibration: pd.DataFrame,
    evaluation: pd.DataFrame,
    project: Project,
) -> dg.MaterializeResult[None]:
    """data/models/<data set>/likes/<model>.ubj and .json: trees, features, calibration, figures, versions.

    The figures are those of the same model fitted on training and validation rows, on test rows, and over folds where
    they were measured. ``chosen`` says whether validation rows preferred it among those of its objective.
    """
    dataset = partition_of(context)
    folder = project.folder / "models" / dataset / "likes"
    folder.mkdir(parents=True, exist_ok=True)
    made = latest_materializations(context.instance, [LIVE.key(name) for name in VARIANTS], dataset)
    for row in like_settings.to_dict("records"):
        name = str(row["model"])
        tags = made[LIVE.key(name)].asset_materialization.tags or {}  # type: ignore[union-attr]
        nodes = like_calibration[like_calibration["model"] == name]
        write_tree_model(
            folder,
            name,
            load_artifact(project.artifact_path(dataset, LIVE.key(name)), BoostedTrees),
            {
                "dataset": dataset,
                "packaged_at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
                "run_id": context.run.run_id,
                "n_trees": int(row["n_trees"]),
                "chosen": bool(row["chosen"]),
                "calibration": {
                    "method": str(nodes["method"].iloc[0]),
                    "of_probabilities": bool(nodes["of_probabilities"].iloc[0]),
                    "score": nodes["score"].tolist(),
                    "probability": nodes["probability"].tolist(),
                },
                "metrics": metrics_of(evaluation, name),
                "data_version": tags.get(DATA_VERSION_TAG),
                "code_version": tags.get(CODE_VERSION_TAG),
            },
        )
    return dg.MaterializeResult(
        metadata={
            "path": dg.MetadataValue.path(str(folder)),
            "packages": dg.MetadataValue.md(
                markdown_table(like_settings[["model", "objective", "n_trees", "chosen"]], formats={})
            ),
        }
    )
