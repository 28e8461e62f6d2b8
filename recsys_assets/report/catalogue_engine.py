"""The content engine as a section of a report: its features, its clusters, and what chose their number.

Tables come as frames by the names of their contracts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import pandas as pd

from recsys_assets.contracts.catalogue_engine import CHOSEN, PUBLISHED_SETTING
from recsys_assets.report import catalogue_engine_plots as drawings
from recsys_assets.report.page import Section, figures, folded, note, paragraph, subsections
from recsys_assets.report.style import escape_markdown, html_table, label, markdown_table

__all__ = ["REPORTED", "is_there", "the_engine"]

REPORTED: Final = ("catalogue_figures", "catalogue_cluster_evidence", "catalogue_cluster_profiles")
"""The tables that the section is made of."""

_TITLE: Final = "Movies by content"
_COMPARED_K: Final = 10
_NOTE: Final = (
    "The number of clusters is the one of the highest silhouette among those whose partitions, learned from halves of "
    "the movies, agree, and whose smallest cluster holds movies enough for a list. No rating was looked at. "
    "Silhouettes of the two settings are of different vectors: published ones are not scaled to unit length, so "
    "that movies of many genres lie far out."
)
_NAMES: Final = {
    "n_movies": "Movies",
    "n_columns": "Columns",
    "n_text": "Components of text",
    "n_genres": "Genres",
    "n_numbers": "Numbers",
    "explained_share": "Explained variance of TF-IDF",
}
_OF_CLUSTERS: Final = ("silhouette", "stability")
_FORMATS: Final = {
    "Clusters": ",d",
    "Movies": ",d",
    "Silhouette": ".4f",
    "Stability": ".2f",
    "Smallest cluster": ".1%",
}


def is_there(tables: Mapping[str, pd.DataFrame]) -> bool:
    """Tell whether there are clusters to report on."""
    return "catalogue_figures" in tables and len(tables["catalogue_cluster_profiles"]) > 0


def the_engine(tables: Mapping[str, pd.DataFrame]) -> Section:
    """Write the section on features and clusters of a catalogue that has movies.

    Raises
    ------
    KeyError
        If a table of ``REPORTED`` is missing.
    """
    figured, evidence, profiles = (tables[name] for name in REPORTED)
    finding = _finding(figured, evidence)
    parts = {"Features": _features(figured), "Numbers of clusters": _tried(evidence)}
    named = _profiles(profiles)
    written = {title: html_table(table, formats=_FORMATS) for title, table in parts.items()}
    written["Clusters"] = folded(
        f"The {len(named):,d} clusters, the largest first", html_table(named, formats=_FORMATS)
    )
    return Section(
        title=_TITLE,
        finding=finding,
        html=paragraph(finding) + subsections(written) + note(_NOTE) + figures(_drawn(figured, evidence)),
        # The plots are shown with the tables that they are made of.
        markdown="\n\n".join(
            [
                f"### {_TITLE}",
                escape_markdown(finding),
                *(
                    f"**{title}**\n\n{markdown_table(table, formats=_FORMATS)}"
                    for title, table in parts.items()
                ),
                _NOTE,
            ]
        ),
        sql="\n".join(f"from {name};" for name in REPORTED),
    )


def _finding(figured: pd.DataFrame, evidence: pd.DataFrame) -> str:
    sizes = figured[figured["setting"] == CHOSEN].set_index(["name", "k"])["value"]
    best = evidence[evidence["chosen"]].iloc[0]
    text = (
        f"{int(sizes['n_movies', 0]):,d} movies as vectors of {int(sizes['n_columns', 0]):,d} columns, in "
        f"{int(best['k']):,d} clusters"
    )
    if pd.isna(best["silhouette"]):
        return f"{text}."
    text += f": silhouette {best['silhouette']:.4f}, stability {best['stability']:.2f}."
    ten = evidence[evidence["k"] == _COMPARED_K]
    if ten.empty or best["k"] == _COMPARED_K:
        return text
    return f"{text} With {_COMPARED_K} clusters the silhouette is {ten['silhouette'].iloc[0]:.4f}."


def _features(figured: pd.DataFrame) -> pd.DataFrame:
    """A row a figure: with the published settings, with the chosen ones, and as claimed."""
    rows = figured[figured["name"].isin(_NAMES) | (figured["k"] == _COMPARED_K)]
    wide = rows.pivot(index="name", columns="setting", values="value")
    claimed = rows[rows["setting"] == PUBLISHED_SETTING].set_index("name")["claimed"]
    names = [name for name in (*_NAMES, *_OF_CLUSTERS) if name in wide.index]
    cells = {
        column: [_figure(name, values.get(name)) for name in names]
        for column, values in (
            (f"{label(PUBLISHED_SETTING)} settings", wide[PUBLISHED_SETTING]),
            ("Claimed", claimed),
            (f"{label(CHOSEN)} settings", wide[CHOSEN]),
        )
    }
    shown = _NAMES | {name: f"{label(name)} of {_COMPARED_K} clusters" for name in _OF_CLUSTERS}
    return pd.DataFrame({"Figure": [shown[name] for name in names], **cells})


def _figure(name: str, value: float | None) -> str:
    if value is None or pd.isna(value):
        return "–"
    return format(
        value, {"explained_share": ".2%", "silhouette": ".4f", "stability": ".2f"}.get(name, ",.0f")
    )


def _tried(evidence: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "Clusters": evidence["k"],
            "Silhouette": evidence["silhouette"],
            "Stability": evidence["stability"],
            "Smallest cluster": evidence["smallest_share"],
            "": evidence["chosen"].map({True: "chosen", False: ""}),
        }
    )


def _profiles(profiles: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "Cluster": profiles["cluster"].astype(str),
            "Movies": profiles["n_movies"],
            "Genres": profiles["top_genres"].map(_listed),
            "Keywords": profiles["top_keywords"].map(_listed),
            "People": profiles["top_people"].map(_listed),
            "Movies of most votes": profiles["example_movies"].map(_listed),
        }
    )


def _listed(names: object) -> str:
    return ", ".join(str(name) for name in list(names)[:3])  # type: ignore[call-overload]


def _drawn(figured: pd.DataFrame, evidence: pd.DataFrame) -> list[str]:
    if evidence["silhouette"].isna().all():
        return []
    return [
        drawings.silhouette_by_k.svg(figured),
        drawings.evidence_by_k.svg(
            evidence["k"], evidence["silhouette"], evidence["stability"], evidence["chosen"]
        ),
    ]
