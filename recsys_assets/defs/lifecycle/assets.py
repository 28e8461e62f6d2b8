"""The content engine as a model with versions: registered, judged, promoted, served by its champion."""

import hashlib
import os
from collections.abc import Mapping
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recsys_assets.algorithms.catalogue.engine import (
    NO_MOVIE,
    NO_YEAR,
    ContentEngine,
    assemble_engine,
    empty_engine,
)
from recsys_assets.algorithms.catalogue.features import CatalogueFeatures
from recsys_assets.algorithms.catalogue.neighbors import neighbors_within_clusters, search_neighbors
from recsys_assets.algorithms.catalogue.ward import CatalogueClusters
from recsys_assets.algorithms.interactions import Ids
from recsys_assets.algorithms.topn import Lists
from recsys_assets.contracts import TABLES
from recsys_assets.defs.catalogue.clusters import WardConfig
from recsys_assets.defs.catalogue.documents import FeaturesConfig
from recsys_assets.defs.catalogue.neighbors import NeighborsConfig
from recsys_assets.defs.common import artifact, dataset_asset, frame_digest
from recsys_assets.defs.fits import LIVE
from recsys_assets.defs.lifecycle.promotion import decide_promotion, engine_figures, version_rows
from recsys_assets.defs.lifecycle.rivalry import Rivalry, RivalryConfig, judge_rivals, keep_decision
from recsys_assets.defs.lifecycle.store import model_registry, store_name
from recsys_assets.defs.provenance import DATA_VERSION_TAG, latest_materializations
from recsys_assets.defs.resources import Project, partition_of
from recsys_assets.defs.topn import TopNConfig, similarity_rows
from recsys_assets.defs.versions import code_version
from recsys_assets.report.catalogue_engine_plots import evidence_by_k
from recsys_assets.report.catalogue_relevance_plots import lift_by_method
from recsys_assets.settings import lifecycle_store
from recsys_assets.storage.arrays import as_arrays, content_digest
from recsys_assets.storage.model_registry import Candidate, ModelRegistry, ModelVersion
from recsys_assets.storage.promotions import PromotionLog

# Another store has versions of its own: what is registered in one is not in the other.
STORE = store_name(os.environ)
RECIPE = code_version(
    "recsys_assets.defs.catalogue.documents",
    "recsys_assets.defs.catalogue.clusters",
    "recsys_assets.algorithms.catalogue.features",
    "recsys_assets.algorithms.catalogue.ward",
)
"""The code that makes a version out of a catalogue."""
MODEL_CODE = "recsys_assets.storage.content_engine_pyfunc"
CODE = f"{code_version(__name__, MODEL_CODE)}-{STORE}"
CODE_SHOWN = f"{code_version(__name__, MODEL_CODE, 'recsys_assets.report.catalogue_engine_plots')}-{STORE}"
KIND = {"mlflow": "mlflow", "files": "file"}[lifecycle_store()]
GROUP = "lifecycle"
VERSION = dg.AssetKey("content_engine_version")
NOTHING = "no catalogue"
EVIDENCE = ("catalogue_figures", "catalogue_cluster_evidence", "catalogue_relevance")
"""Tables that are kept with a version."""
STEPS: dict[str, tuple[str, type[dg.Config]]] = {
    "catalogue_features": ("catalogue_features", FeaturesConfig),
    "catalogue_clusters": ("choose_catalogue_clusters", WardConfig),
}
"""Assets whose settings are a version's parameters, the steps that make them, and what a step can be told."""


@dataset_asset(
    group_name=GROUP,
    kinds={"numpy", KIND},
    deps=["catalogue_movies", *EVIDENCE],
    code_version=CODE_SHOWN,
)
def content_engine_version(
    context: dg.AssetExecutionContext,
    catalogue_features: CatalogueFeatures,
    catalogue_clusters: CatalogueClusters,
    project: Project,
) -> dg.MaterializeResult[None]:
    """The content engine of this run as a version in the registry of models.

    Equal vectors, clusters and names are one version, however often they are made; without a catalogue there is none.
    """
    dataset = partition_of(context)
    engine = _engine(project, dataset, catalogue_features, catalogue_clusters)
    if not engine.tmdb_ids.size:
        return dg.MaterializeResult(metadata={"version": NOTHING}, data_version=dg.DataVersion(NOTHING))
    tables = {name: project.warehouse.frame(dataset, f"from {name}") for name in EVIDENCE}
    figures = engine_figures(tables["catalogue_cluster_evidence"], tables["catalogue_relevance"])
    measured = {name: value for name, value in figures.items() if np.isfinite(value)}
    registry = model_registry(project.folder, dataset)
    parameters = _parameters(context.instance, dataset)
    candidate = Candidate(
        as_arrays(engine),
        data_version=content_digest(engine),
        code_version=_recipe(parameters),
        run_id=context.run.run_id,
        parameters=parameters | {"k": catalogue_clusters.n_clusters},
        metrics=measured,
        evidence=_evidence(tables),
    )
    version = registry.register(candidate)
    metadata: dict[str, Any] = {"version": version, "store": registry.store, **measured}
    path = registry.path(version)
    if path.is_relative_to(project.folder):  # else it is a copy of what a tracking server keeps
        metadata["path"] = dg.MetadataValue.path(str(path))
    return dg.MaterializeResult(metadata=metadata, data_version=dg.DataVersion(candidate.data_version))


@dataset_asset(
    group_name=GROUP,
    kinds={"duckdb", "table", KIND},
    deps=[VERSION, "gate_thresholds", "ratings", "catalogue_movies", "catalogue_genres"],
    code_version=CODE,
    description=TABLES["model_versions"].comment,
)
def model_versions(
    context: dg.AssetExecutionContext,
    config: RivalryConfig,
    catalogue_cluster_evidence: pd.DataFrame,
    catalogue_relevance: pd.DataFrame,
    project: Project,
) -> dg.MaterializeResult[pd.DataFrame]:
    dataset = partition_of(context)
    registry = model_registry(project.folder, dataset)
    made = latest_materializations(context.instance, [VERSION], dataset)[VERSION].asset_materialization
    data_version = (made.tags or {}).get(DATA_VERSION_TAG) if made else None
    registered = [one for one in registry.versions() if one.data_version == data_version]
    candidate = max(registered, key=lambda one: one.version, default=None)
    if candidate is None and data_version not in (None, NOTHING):
        raise dg.Failure(
            f"content_engine_version was registered with data version {data_version}, which {registry.store} doesn't "
            f"have (any more): register it again with recsys run --dataset {dataset} --force, or by materializing "
            "content_engine_version"
        )
    if candidate is not None:
        rivalry = _rivalry(project, dataset, registry, candidate, config)
        decision = decide_promotion(
            engine_figures(catalogue_cluster_evidence, catalogue_relevance),
            project.spec(context).thresholds,
            champion=registry.champion(),
            rivalry=rivalry,
        )
        # The log first: a look that was taken counts, though the run should end here.
        keep_decision(PromotionLog(project.folder, dataset), candidate, decision, rivalry, context.run.run_id)
        registry.decide(candidate.version, decision)
    rows = version_rows(registry, candidate.version if candidate else None)
    return dg.MaterializeResult(
        value=rows,
        metadata={"champion": str(registry.champion() or "none")},
        data_version=dg.DataVersion(frame_digest(rows.drop(columns=["created_at", "run_id"]))),
    )


@dataset_asset(
    group_name=GROUP,
    kinds={"numpy", KIND},
    deps=["model_versions"],
    io_manager_key="arrays",
    code_version=CODE,
)
def content_engine_champion(
    context: dg.AssetExecutionContext, project: Project
) -> dg.MaterializeResult[ContentEngine]:
    """Vectors, clusters and names of the version that serves; empty where none was ever promoted."""
    registry = model_registry(project.folder, partition_of(context))
    champion = registry.champion()
    engine = empty_engine() if champion is None else ContentEngine(**registry.arrays(champion))
    return artifact(engine, {"version": str(champion or "none"), "n_movies": int(engine.tmdb_ids.size)})


@dataset_asset(
    key_prefix=LIVE.name,
    group_name=GROUP,
    kinds={"duckdb", "table"},
    deps=["catalogue_movies"],
    code_version=CODE,
    description=TABLES["content_global_similar_movies"].comment,
)
def content_global_similar_movies(
    context: dg.AssetExecutionContext,
    config: NeighborsConfig,
    content_engine_champion: ContentEngine,
    project: Project,
) -> dg.MaterializeResult[pd.DataFrame]:
    known, movie_ids = _joined(project, partition_of(context), content_engine_champion)
    found = search_neighbors(
        content_engine_champion.vectors[known],
        n=config.n,
        approximate_above=config.approximate_above,
        breadth=config.breadth,
        n_sampled=config.n_sampled,
        seed=config.seed,
    )
    return _listed(found.lists, movie_ids)


@dataset_asset(
    key_prefix=LIVE.name,
    group_name=GROUP,
    kinds={"duckdb", "table"},
    deps=["catalogue_movies"],
    code_version=CODE,
    description=TABLES["content_cluster_similar_movies"].comment,
)
def content_cluster_similar_movies(
    context: dg.AssetExecutionContext,
    config: TopNConfig,
    content_engine_champion: ContentEngine,
    project: Project,
) -> dg.MaterializeResult[pd.DataFrame]:
    known, movie_ids = _joined(project, partition_of(context), content_engine_champion)
    engine = content_engine_champion
    lists = neighbors_within_clusters(engine.vectors[known], engine.clusters[known], n=config.n)
    return _listed(lists, movie_ids)


def _engine(
    project: Project, dataset: str, features: CatalogueFeatures, clusters: CatalogueClusters
) -> ContentEngine:
    named = project.warehouse.arrays(
        dataset,
        f"select tmdb_id, coalesce(movie_id, {NO_MOVIE}) as movie_id, title, coalesce(year, {NO_YEAR}) as year "
        "from catalogue_movies order by tmdb_id",
    )
    return assemble_engine(
        features,
        clusters,
        tmdb_ids=named["tmdb_id"],
        movie_ids=named["movie_id"],
        titles=named["title"],
        years=named["year"],
    )


def _parameters(instance: dg.DagsterInstance, dataset: str) -> dict[str, str]:
    """The settings with which vectors and clusters were made, by ``<asset>.<setting>``."""
    made = latest_materializations(instance, [dg.AssetKey(name) for name in STEPS], dataset)
    parameters: dict[str, str] = {}
    for key, entry in made.items():
        name = key.to_user_string()
        step, config = STEPS[name]
        run = instance.get_run_by_id(entry.run_id)
        steps: Mapping[str, Any] = run.run_config.get("ops", {}) if run else {}  # type: ignore[assignment]
        settings = config(**steps.get(step, {}).get("config", {})).model_dump()
        parameters |= {f"{name}.{setting}": str(value) for setting, value in settings.items()}
    return parameters


def _recipe(parameters: Mapping[str, str]) -> str:
    """Code and settings as one digest: versions that share it differ by their catalogues alone."""
    text = ";".join(f"{name}={value}" for name, value in sorted(parameters.items()))
    return f"{RECIPE}-{hashlib.blake2b(text.encode(), digest_size=4).hexdigest()}"


def _rivalry(
    project: Project, dataset: str, registry: ModelRegistry, candidate: ModelVersion, config: RivalryConfig
) -> Rivalry | None:
    """The candidate beside the champion; None if no other version serves, or if nothing is asked of the same recipe."""
    number = registry.champion()
    if number is None or number == candidate.version:
        return None
    champion = next(one for one in registry.versions() if one.version == number)
    allowed = project.registry.dataset(dataset).thresholds.get("catalogue_lift_loss_max")
    same_recipe = candidate.code_version == champion.code_version
    if same_recipe and allowed is None:
        return None
    sides = [(one, ContentEngine(**registry.arrays(one.version))) for one in (candidate, champion)]
    return judge_rivals(
        project, dataset, sides[0], sides[1], config, loss_max=allowed if same_recipe else None
    )


def _evidence(tables: dict[str, pd.DataFrame]) -> dict[str, bytes]:
    """Tables as CSV, and plots where there is something to plot."""
    files = {f"{name}.csv": table.to_csv(index=False).encode() for name, table in tables.items()}
    cuts, relevance = tables["catalogue_cluster_evidence"], tables["catalogue_relevance"]
    if cuts["silhouette"].notna().any():
        files["silhouette_by_k.png"] = evidence_by_k(
            cuts["k"], cuts["silhouette"], cuts["stability"], cuts["chosen"]
        )
    if relevance["value"].notna().any():
        files["lift_by_method.png"] = lift_by_method(relevance)
    return files


def _joined(project: Project, dataset: str, engine: ContentEngine) -> tuple[NDArray[np.bool], Ids]:
    """Which of the champion's movies the data set has now, and under which ids."""
    joined = project.warehouse.arrays(
        dataset, "select tmdb_id, movie_id from catalogue_movies where movie_id is not null order by tmdb_id"
    )
    known = np.isin(engine.tmdb_ids, joined["tmdb_id"])
    return known, joined["movie_id"][np.isin(joined["tmdb_id"], engine.tmdb_ids)]


def _listed(lists: Lists, movie_ids: Ids) -> dg.MaterializeResult[pd.DataFrame]:
    return artifact(similarity_rows(lists, movie_ids), {"movies": int(movie_ids.size)})
