"""Clusters of users: their number chosen on training rows, one clustering a fit, and who they are."""

from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg
import pandas as pd
from pydantic import Field

from recsys_assets.algorithms.liking.clusters import (
    Rows,
    UserClusters,
    cluster_genres,
    fit_user_clusters,
    genre_preferences,
    rating_rows,
    weigh_numbers_of_clusters,
)
from recsys_assets.algorithms.rating_prediction.log import RatingLog
from recsys_assets.contracts import TABLES
from recsys_assets.defs.clusters.rows import (
    evidence_rows,
    membership_rows,
    profile_rows,
    similarity_rows,
)
from recsys_assets.defs.common import artifact, chosen, spec
from recsys_assets.defs.fits import LIVE, SERVED_FITS, TUNING, Fit
from recsys_assets.defs.genres import genre_membership
from recsys_assets.defs.resources import Project, partition_of, table_metadata
from recsys_assets.defs.versions import code_version
from recsys_assets.partitions import DATASETS
from recsys_assets.report import cluster_plots
from recsys_assets.report.plots import markdown_image
from recsys_assets.storage.warehouse import replace_tables, table_digest

CODE = code_version(__name__)
CODE_SHOWN = code_version(__name__, "recsys_assets.report.cluster_plots")
GROUP = "clusters"
KINDS = {
    "genre": "KMeans of users by how much they prefer each genre",
    "rating": "KMeans of users by which movies they rate high and low",
}
DESCRIPTIONS = ("user_clusters", "cluster_profiles", "cluster_similarity")


class ClusteringConfig(dg.Config):
    """What users are grouped by, and how."""

    damping: float = Field(10.0, gt=0, description="ratings' worth of pull of a genre preference to 0")
    n_components: int = Field(16, ge=1, le=256, description="dimensions that rating rows are reduced to")
    min_users: int = Field(5, ge=3, description="a cluster of fewer users is given up")
    n_init: int = Field(3, ge=1, description="starts of KMeans; the best one counts")
    mini_batch_above: int = Field(20_000, ge=0, description="with more users, KMeans of batches")
    seed: int = Field(0, ge=0, description="seed of whatever is drawn")


class ClusterChoiceConfig(ClusteringConfig):
    """How many clusters to try, and what a number must show to be chosen."""

    max_clusters: int = Field(12, ge=2, description="numbers from 2 to this one are tried")
    min_stability: float = Field(
        0.6, ge=0, le=1, description="agreement of halves from which a number is stable"
    )
    min_share: float = Field(
        0.03, ge=0, le=0.5, description="part of the users that the smallest cluster must hold"
    )
    n_repeats: int = Field(5, ge=1, description="halvings that stability is a mean over")
    n_judged: int = Field(4000, ge=10, description="users that numbers are tried on, at most")


class ProfileConfig(dg.Config):
    """What is told of a cluster."""

    n_genres: int = Field(5, ge=1, description="genres named")
    n_movies: int = Field(10, ge=1, description="movies named")
    like_rating: float = Field(4.0, ge=0.5, le=5, description="stars from which a rating is a like")
    damping: float = Field(
        10.0, gt=0, description="ratings' worth of pull of a preference to that of all users"
    )


def _rows(project: Project, dataset: str, log: RatingLog, config: ClusteringConfig) -> dict[str, Rows]:
    genres = genre_membership(project.warehouse, dataset)
    return {
        "genre": genre_preferences(log, genres, damping=config.damping),
        "rating": rating_rows(log, n_components=config.n_components, seed=config.seed),
    }


def _fitted(
    fit: Fit, rows: Mapping[str, Rows], log: RatingLog, evidence: pd.DataFrame, config: ClusteringConfig
) -> Iterator[dg.MaterializeResult[Any]]:
    """The clusters of each kind, in the number that was chosen."""
    for kind in KINDS:
        clusters = fit_user_clusters(
            rows[kind],
            log.user_ids,
            k=int(chosen(evidence[evidence["kind"] == kind])["k"]),
            min_users=config.min_users,
            n_init=config.n_init,
            mini_batch_above=config.mini_batch_above,
            seed=config.seed,
        )
        made = artifact(clusters, {"n_clusters": clusters.n_clusters, "sizes": clusters.sizes.tolist()})
        yield made._replace(asset_key=fit.key(f"{kind}_clusters"))


def _outs(fit: Fit) -> dict[str, dg.AssetOut]:
    return {
        f"{kind}_clusters": dg.AssetOut.from_spec(
            spec(
                fit.key(f"{kind}_clusters"),
                group_name=GROUP,
                kinds={"numpy", "sklearn"},
                description=f"{meaning}, from {' and '.join(fit.learns_from)}.",
                code_version=CODE,
            ),
            io_manager_key="arrays",
        )
        for kind, meaning in KINDS.items()
    }


@dg.multi_asset(
    name="choose_user_clusters",
    outs={
        "cluster_evidence": dg.AssetOut.from_spec(
            spec(
                "cluster_evidence",
                group_name=GROUP,
                kinds={"duckdb", "table", "matplotlib"},
                description=TABLES["cluster_evidence"].comment,
                code_version=CODE_SHOWN,
            )
        ),
        **_outs(TUNING),
    },
    ins={"rating_log": dg.AssetIn(TUNING.key("rating_log"))},
    deps=["movies"],
    partitions_def=DATASETS,
)
def choose_user_clusters(
    context: dg.AssetExecutionContext, config: ClusterChoiceConfig, rating_log: RatingLog, project: Project
) -> Iterator[dg.MaterializeResult[Any]]:
    """Choose each kind's number of clusters, by silhouette among the stable ones, and cluster the training rows."""
    rows = _rows(project, partition_of(context), rating_log, config)
    evidence = evidence_rows(
        {
            kind: weigh_numbers_of_clusters(
                rows[kind],
                ks=range(2, config.max_clusters + 1),
                min_stability=config.min_stability,
                min_share=config.min_share,
                n_init=config.n_init,
                n_repeats=config.n_repeats,
                n_users=config.n_judged,
                seed=config.seed,
            )
            for kind in KINDS
        }
    )
    plots = {
        f"{kind}_plot": _image(
            cluster_plots.cluster_evidence(
                of_kind["k"], of_kind["silhouette"], of_kind["stability"], of_kind["chosen"]
            ),
            f"Silhouette and stability by number of clusters, by {kind}",
        )
        for kind, of_kind in evidence.groupby("kind")
    }
    yield artifact(evidence, plots)._replace(asset_key=dg.AssetKey("cluster_evidence"))
    yield from _fitted(TUNING, rows, rating_log, evidence, config)


def _clusters(fit: Fit) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name=f"fit_user_clusters_{fit.name}",
        outs=_outs(fit),
        ins={"rating_log": dg.AssetIn(fit.key("rating_log"))},
        deps=["movies"],
        partitions_def=DATASETS,
    )
    def fit_clusters(
        context: dg.AssetExecutionContext,
        config: ClusteringConfig,
        rating_log: RatingLog,
        cluster_evidence: pd.DataFrame,
        project: Project,
    ) -> Iterator[dg.MaterializeResult[Any]]:
        """Cluster users in the numbers that training rows chose."""
        rows = _rows(project, partition_of(context), rating_log, config)
        yield from _fitted(fit, rows, rating_log, cluster_evidence, config)

    return fit_clusters


@dg.multi_asset(
    name="describe_user_clusters",
    specs=[
        spec(
            name,
            deps=["movies", LIVE.key("rating_log"), *(LIVE.key(f"{kind}_clusters") for kind in KINDS)],
            group_name=GROUP,
            kinds={"duckdb", "table"} | ({"matplotlib"} if name != "user_clusters" else set()),
            description=TABLES[name].comment,
            code_version=CODE_SHOWN,
        )
        for name in DESCRIPTIONS
    ],
    ins={name: dg.AssetIn(LIVE.key(name)) for name in ("rating_log", "genre_clusters", "rating_clusters")},
    partitions_def=DATASETS,
)
def describe_user_clusters(
    context: dg.AssetExecutionContext,
    config: ProfileConfig,
    rating_log: RatingLog,
    genre_clusters: UserClusters,
    rating_clusters: UserClusters,
    project: Project,
) -> Iterator[dg.MaterializeResult[None]]:
    """Tell who is in each cluster, what they like more than others do, and which clusters are alike."""
    dataset = partition_of(context)
    clusters = {"genre": genre_clusters, "rating": rating_clusters}
    membership = genre_membership(project.warehouse, dataset)
    preferences = genre_preferences(rating_log, membership, damping=config.damping)
    genres = {kind: cluster_genres(of_kind, preferences) for kind, of_kind in clusters.items()}
    names = project.warehouse.frame(
        dataset, "select distinct unnest(genres) as genre from movies order by genre"
    )
    titles = project.warehouse.frame(dataset, "select title from movies order by movie_id")["title"]
    tables = {
        "user_clusters": membership_rows(clusters),
        "cluster_profiles": profile_rows(
            clusters,
            genres,
            rating_log,
            genre_names=names["genre"].to_numpy(),
            titles=titles.to_numpy(),
            n_genres=config.n_genres,
            n_movies=config.n_movies,
            like=config.like_rating,
            damping=config.damping,
        ),
        "cluster_similarity": similarity_rows(clusters),
    }
    shown: dict[str, dict[str, Any]] = {
        "user_clusters": {},
        "cluster_profiles": {
            f"{kind}_plot": _image(
                cluster_plots.cluster_genres(stars, names["genre"], clusters[kind].sizes),
                f"Genre preferences of clusters by {kind}",
            )
            for kind, stars in genres.items()
        },
        "cluster_similarity": {
            f"{kind}_plot": _image(
                cluster_plots.cluster_similarity(of_kind.similarity), f"Similarity of clusters by {kind}"
            )
            for kind, of_kind in clusters.items()
        },
    }
    with project.warehouse.connect(dataset) as connection:
        replace_tables(connection, tables)
        for name in DESCRIPTIONS:
            yield dg.MaterializeResult(
                asset_key=name,
                metadata=table_metadata(connection, name) | shown[name],
                data_version=dg.DataVersion(table_digest(connection, name)),
            )


def _image(png: bytes, alt: str) -> dg.MarkdownMetadataValue:
    return dg.MetadataValue.md(markdown_image(png, alt))


fitted = [_clusters(fit) for fit in SERVED_FITS]
