"""The live models of lists that can be explained, as a package that stands by itself."""

import datetime as dt

import dagster as dg
import pandas as pd

from recsys_assets.algorithms.explanation import EXPLAINED
from recsys_assets.defs.common import dataset_asset
from recsys_assets.defs.fits import LIVE
from recsys_assets.defs.provenance import CODE_VERSION_TAG, DATA_VERSION_TAG, latest_materializations
from recsys_assets.defs.publish.explanations import MODEL_KEYS, MODELS, load_list_models
from recsys_assets.defs.publish.packages import metrics_of
from recsys_assets.defs.resources import Project, partition_of
from recsys_assets.defs.topn import LikeConfig
from recsys_assets.defs.versions import code_version
from recsys_assets.storage.arrays import as_arrays
from recsys_assets.storage.packages import write_package

LISTS = "lists"


@dataset_asset(
    group_name="publish",
    kinds={"file", "numpy"},
    deps=[*MODEL_KEYS, "gates"],
    code_version=code_version(__name__),
)
def list_packages(
    context: dg.AssetExecutionContext, config: LikeConfig, evaluation: pd.DataFrame, project: Project
) -> dg.MaterializeResult[None]:
    """data/models/<data set>/lists.json and .npz: ALS, content and hybrid with the ratings that they learned from.

    With it any pair of a user and a movie can be scored, and the score split into what each liked movie adds.
    """
    dataset = partition_of(context)
    folder = project.folder / "models" / dataset
    models, _ = load_list_models(project, dataset, like_rating=config.like_rating)
    keys = {strategy: LIVE.key(name) for strategy, name in MODELS.items()}
    made = latest_materializations(context.instance, list(keys.values()), dataset)
    tags = {
        strategy: made[key].asset_materialization.tags or {}  # type: ignore[union-attr]
        for strategy, key in keys.items()
    }
    path = write_package(
        folder,
        LISTS,
        as_arrays(models),
        {
            "dataset": dataset,
            "packaged_at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            "run_id": context.run.run_id,
            "kind": type(models).__name__,
            "hyper_parameters": {"regularization": models.regularization, "alpha": models.alpha},
            "metrics": {strategy: metrics_of(evaluation, strategy) for strategy in EXPLAINED},
            "data_versions": {strategy: one.get(DATA_VERSION_TAG) for strategy, one in tags.items()},
            "code_versions": {strategy: one.get(CODE_VERSION_TAG) for strategy, one in tags.items()},
        },
    )
    arrays = folder.glob(f"{LISTS}-*.npz")
    return dg.MaterializeResult(
        metadata={
            "path": dg.MetadataValue.path(str(path)),
            "size_bytes": sum(file.stat().st_size for file in arrays),
        }
    )
