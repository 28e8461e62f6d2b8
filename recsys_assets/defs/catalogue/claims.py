"""Published claims about content engines on TMDB 5000, each beside what was measured here."""

from collections.abc import Mapping
from typing import Any

import dagster as dg
import pandas as pd

from recsys_assets.contracts import TABLES
from recsys_assets.defs.catalogue.neighbors import GROUP
from recsys_assets.defs.common import artifact, dataset_asset
from recsys_assets.defs.resources import Project, partition_of
from recsys_assets.defs.versions import code_version

REPRODUCED, NOT_REPRODUCED, NOT_MEANINGFUL = "reproduced", "not reproduced", "not meaningful"
SHAPE = 4803, 224
EXPLAINED = 0.2558
SILHOUETTE = 0.0838
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
    near = (
        project.warehouse.frame(
            partition_of(context),
            f"""
        select count(*) as n, avg((similarity > {SIMILARITY})::int) as share, avg(similarity) as mean
        from catalogue_similar_movies where method = 'content_global'
        """,
        )
        .iloc[0]
        .to_dict()
    )
    rows = claims(catalogue_figures, catalogue_relevance, near) if near["n"] else []
    return artifact(pd.DataFrame(rows, columns=TABLES["catalogue_claims"].column_names))


def claims(figures: pd.DataFrame, relevance: pd.DataFrame, near: Mapping[Any, Any]) -> list[Claim]:
    """Each claim with its verdict; those about the matrix hold of TMDB 5000's movies only.

    Parameters
    ----------
    near : number of neighbour pairs, their mean cosine, and the share of them whose cosine exceeds the claimed one
    """
    published = figures[figures["setting"] == "published"].set_index("name")["value"]
    n_movies, n_columns = int(published["rows"]), int(published["columns"])
    shape = f"({n_movies}, {n_columns})"
    measured = {
        ("feature matrix of 4,803 movies and 224 columns", str(SHAPE)): (
            shape,
            (n_movies, n_columns) == SHAPE,
        ),
        ("variance that the components of the text explain", f"{EXPLAINED:.2%}"): _beside(
            published["explained_share"], EXPLAINED, ".2%"
        ),
        ("silhouette of 10 clusters", f"{SILHOUETTE:.4f}"): _beside(
            published["silhouette"], SILHOUETTE, ".4f"
        ),
    }
    return [
        *(
            (*claim, found, *_verdict_of_figure(n_movies, equal=equal))
            for claim, (found, equal) in measured.items()
        ),
        _of_similarity(relevance, near),
    ]


def _beside(value: float, claimed: float, spec: str) -> tuple[str, bool]:
    return f"{value:{spec}} with the published settings", abs(value / claimed - 1) <= TOLERANCE


def _verdict_of_figure(n_movies: int, *, equal: bool) -> tuple[str, str]:
    if n_movies != SHAPE[0]:
        return NOT_MEANINGFUL, f"The claim is about {SHAPE[0]:,d} movies; this catalogue has {n_movies:,d}."
    if equal:
        return REPRODUCED, f"Same movies and settings; within {TOLERANCE:.0%} of the published figure."
    return NOT_REPRODUCED, (
        f"More than {TOLERANCE:.0%} off with the settings that were published; stop words, stemmer, people counted "
        "and the scale of the numbers were not."
    )


def _of_similarity(relevance: pd.DataFrame, near: Mapping[Any, Any]) -> Claim:
    found = f"{near['share']:.1%} of {int(near['n']):,d} neighbours have one; the mean is {near['mean']:.2f}"
    why = (
        "A cosine says how vectors were made, not what people like: more weight on genres raises it. What can be "
        f"judged is whether neighbours are liked together{_liked_together(relevance)}."
    )
    return ("similarity of recommended movies", f"> {SIMILARITY:.0%}", found, NOT_MEANINGFUL, why)


def _liked_together(relevance: pd.DataFrame) -> str:
    rows = relevance[(relevance["metric"] == "lift_over_same_genre") & relevance["value"].notna()]
    lift = {row["method"]: row for row in rows.to_dict("records")}
    if not {"content_global", "content_global_near"} <= lift.keys():
        return ", and here too few users rated both"
    return (
        f": {_interval(lift['content_global_near'])} times as often as movies of the same genre where the cosine is "
        f"above {SIMILARITY:g}, {_interval(lift['content_global'])} times for all neighbours"
    )


def _interval(row: Mapping[Any, Any]) -> str:
    return f"{row['value']:.2f} (95 % interval {row['ci_low']:.2f} to {row['ci_high']:.2f})"
