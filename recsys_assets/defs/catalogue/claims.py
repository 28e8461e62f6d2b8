"""Published claims about content engines on TMDB 5000, each beside what was measured here."""

import math
from collections.abc import Mapping
from typing import Any

import dagster as dg
import pandas as pd

from recsys_assets.contracts import TABLES
from recsys_assets.contracts.catalogue_engine import CHOSEN, PUBLISHED_SETTING
from recsys_assets.defs.catalogue.neighbors import GROUP
from recsys_assets.defs.common import artifact, dataset_asset
from recsys_assets.defs.resources import Project, partition_of
from recsys_assets.defs.versions import code_version

REPRODUCED, NOT_REPRODUCED, NOT_MEANINGFUL = "reproduced", "not reproduced", "not meaningful"
SHAPE = 4803, 224
EXPLAINED = 0.2558
K, SILHOUETTE = 10, 0.0838
SIMILARITY = 0.9
TOLERANCE = 0.05
"""Part of the published figure by which a figure may miss it and still be reproduced."""

Claim = tuple[str, str, str, str, str]


@dataset_asset(
    group_name=GROUP,
    kinds={"duckdb", "table"},
    deps=["catalogue_similar_movies"],
    code_version=code_version(__name__),
    description=TABLES["catalogue_claims"].comment,
)
def catalogue_claims(
    context: dg.AssetExecutionContext,
    catalogue_figures: pd.DataFrame,
    catalogue_relevance: pd.DataFrame,
    project: Project,
) -> dg.MaterializeResult[pd.DataFrame]:
    near = project.warehouse.frame(
        partition_of(context),
        f"select count(*) as n, avg((similarity > {SIMILARITY})::int) as share from catalogue_similar_movies "
        "where method = 'content_global'",
    )
    rows = claims(catalogue_figures, catalogue_relevance, *near.iloc[0]) if near["n"].item() else []
    return artifact(pd.DataFrame(rows, columns=TABLES["catalogue_claims"].column_names))


def claims(
    figures: pd.DataFrame, relevance: pd.DataFrame, n_neighbours: float, share_near: float
) -> list[Claim]:
    """Each claim with its verdict; those about the matrix hold of TMDB 5000's movies only.

    Parameters
    ----------
    n_neighbours, share_near : neighbours in the whole catalogue, and the share of them whose cosine is above the claim
    """
    published = figures[figures["setting"] == PUBLISHED_SETTING].set_index(["name", "k"])["value"]
    size = {
        name: int(published[name, 0]) for name in ("n_movies", "n_columns", "n_text", "n_genres", "n_numbers")
    }
    shape = size["n_movies"], size["n_columns"]
    by_k = published.get("silhouette", pd.Series(dtype=float))
    shape_judged = _verdict(
        size["n_movies"],
        equal=shape == SHAPE,
        why=f"Columns: {size['n_text']} components, {size['n_genres']} genres, {size['n_numbers']} numbers.",
    )
    explained = f"{published['explained_share', 0]:.2%} with the published settings"
    return [
        ("feature matrix", str(SHAPE), str(shape), *shape_judged),
        (
            "variance that the components of the text explain",
            f"{EXPLAINED:.2%}",
            explained,
            NOT_MEANINGFUL,
            _of_explained(figures, size["n_movies"]),
        ),
        *([_of_silhouette(by_k, size["n_movies"])] if K in by_k else []),
        _of_similarity(relevance, n_neighbours, share_near),
    ]


def _of_silhouette(by_k: "pd.Series[float]", n_movies: int) -> Claim:
    value = by_k[K]
    verdict = _verdict(
        n_movies,
        equal=abs(value / SILHOUETTE - 1) <= TOLERANCE,
        why=f"{int((by_k > value).sum())} of the {len(by_k) - 1} other numbers of clusters tried have a higher "
        "one. The vectors depend on how many terms are kept, which was not published and was chosen by another claim.",
    )
    measured = f"{value:.4f} with the published settings"
    return (f"silhouette of {K} clusters", f"{SILHOUETTE:.4f}", measured, *verdict)


def _of_explained(figures: pd.DataFrame, n_movies: int) -> str:
    """Why the explained variance shows nothing: a setting was chosen to meet it."""
    if n_movies != SHAPE[0]:
        return _other_catalogue(n_movies)
    why = (
        "How many terms are kept was not published; the number used here was chosen to come near this figure"
    )
    chosen = figures[(figures["setting"] == CHOSEN) & (figures["name"] == "explained_share")]["value"]
    return f"{why}, so that meeting it shows nothing." + (
        f" With the chosen settings, which keep another number, it is {chosen.item():.2%}."
        if len(chosen)
        else ""
    )


def _verdict(n_movies: int, *, equal: bool, why: str) -> tuple[str, str]:
    if n_movies != SHAPE[0]:
        return NOT_MEANINGFUL, _other_catalogue(n_movies)
    if equal:
        return REPRODUCED, f"Within {TOLERANCE:.0%} of the published figure. {why}"
    return NOT_REPRODUCED, (
        f"More than {TOLERANCE:.0%} off with the settings that were published; those that weren't are a guess. {why}"
    )


def _other_catalogue(n_movies: int) -> str:
    return f"The claim is about {SHAPE[0]:,d} movies; this catalogue has {n_movies:,d}."


def _of_similarity(relevance: pd.DataFrame, n_neighbours: float, share_near: float) -> Claim:
    rows = relevance[relevance["metric"] == "lift_over_same_genre"]
    found = {str(row["method"]): row for row in rows.to_dict("records")}
    measured = f"{share_near:.1%} of {int(n_neighbours):,d} neighbours have a cosine above {SIMILARITY:g}"
    why = (
        "A cosine says how vectors were made, not what people like: it rises with the weight of what many movies "
        "share, such as genres and numbers. What can be judged is whether neighbours are liked together"
    )
    if not found or math.isnan(found["content_global"]["value"]):
        why += ", and here too few users like enough of the movies."
    else:
        of_published = found["published_global_near"]["n_pairs"] / found["published_global"]["n_pairs"]
        measured += f"; with the published settings {of_published:.1%} of those that can be judged"
        why += (
            f": neighbours are so {_times(found['content_global'])} times as often as movies of the same genre, those "
            f"with the published settings {_times(found['published_global'])}; "
            f"where the cosine is above {SIMILARITY:g}, {_times(found['content_global_near'])} and "
            f"{_times(found['published_global_near'])}."
        )
    return ("similarity of recommended movies", f"> {SIMILARITY:.0%}", measured, NOT_MEANINGFUL, why)


def _times(row: Mapping[Any, Any]) -> str:
    if math.isnan(row["value"]):
        return "an unknown number of"
    return f"{row['value']:.2f} (95 % interval {row['ci_low']:.2f} to {row['ci_high']:.2f})"
