"""The catalogue as a section of a report: what is in it, who made it, and what is odd about it.

Tables come as frames by the names of their contracts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import pandas as pd

from recsys_assets.report import catalogue_exploration_plots as drawings
from recsys_assets.report.exploration import Figure
from recsys_assets.report.page import Section, figures, note, paragraph, subsections
from recsys_assets.report.style import escape_markdown, format_cell, html_table, label, markdown_table

__all__ = ["FIGURES", "REPORTED", "catalogue_statistics_markdown", "is_there", "the_catalogue"]

STATISTICS: Final = "catalogue_statistics"
_NOTE: Final = "These figures describe; no model learns from them."
_KEYS: Final = "Ids are the keys, so that movies of one title stay apart."

#: by table
FIGURES: Final = {
    "catalogue_genre_frequency": Figure(
        "Movies by genre", drawings.genre_frequency, ("genre", "n_movies", "share")
    ),
    "catalogue_cast_sizes": Figure(
        "Size of casts, old and modern", drawings.cast_sizes, ("era", "cast_size", "n_movies")
    ),
    "catalogue_era_actors": Figure(
        "Busiest actors, old and modern", drawings.era_actors, ("era", "name", "n_movies")
    ),
    "catalogue_actor_genres": Figure(
        "Main genres of the busiest actors", drawings.actor_genres, ("name", "main_genre", "main_share")
    ),
    "catalogue_actor_director_pairs": Figure(
        "Actors and directors together", drawings.actor_director_pairs, ("actor", "director", "n_movies")
    ),
    "catalogue_top_directors": Figure(
        "Directors of most movies", drawings.top_directors, ("name", "n_movies", "mean_vote")
    ),
}
REPORTED: Final = (
    STATISTICS,
    "catalogue_duplicate_titles",
    "catalogue_eras",
    "catalogue_problems",
    *FIGURES,
)
"""The tables that the section is made of."""


def is_there(tables: Mapping[str, pd.DataFrame]) -> bool:
    """Tell whether the data set joins a catalogue that has movies."""
    if STATISTICS not in tables:
        return False
    return bool(tables[STATISTICS].set_index("statistic")["value"]["n_movies"])


def the_catalogue(tables: Mapping[str, pd.DataFrame]) -> Section:
    """Write the section on a catalogue that has movies.

    Raises
    ------
    KeyError
        If a table of ``REPORTED`` is missing.
    """
    statistics = tables[STATISTICS].set_index("statistic")["value"]
    finding = _finding(statistics)
    parts = _parts(tables)
    drawn = {name: figure for name, figure in FIGURES.items() if len(tables[name])}
    return Section(
        title="The catalogue",
        finding=finding,
        html=paragraph(finding)
        + subsections({title: html_table(table, formats=_FORMATS) for title, table in parts.items()})
        + note(f"{_KEYS} {_NOTE}")
        + figures(figure.svg(tables[name]) for name, figure in drawn.items()),
        # The plots are shown with the tables that they are made of.
        markdown="\n\n".join(
            [
                "### The catalogue",
                escape_markdown(finding),
                *(
                    f"**{title}**\n\n{markdown_table(table, formats=_FORMATS)}"
                    for title, table in parts.items()
                ),
                f"{_KEYS} {_NOTE}",
            ]
        ),
        sql="\n".join(f"from {name};" for name in REPORTED),
    )


def catalogue_statistics_markdown(catalogue_statistics: pd.DataFrame) -> str:
    """Write all statistics as a Markdown table."""
    return markdown_table(_statistics(catalogue_statistics), formats={})


_FORMATS: Final = {
    "Movies": ",d",
    "Actors": ",d",
    "Actors of both": ",d",
    "Rows": ",d",
    "Cast, mean": ".1f",
    "Cast, median": "g",
    "Women": ".0%",
    "Year": ".0f",
}


def _finding(statistics: pd.Series[float]) -> str:
    n_movies, n_joined = int(statistics["n_movies"]), int(statistics["n_movies_joined"])
    return (
        f"{n_movies:,d} movies by {int(statistics['n_people']):,d} people; {n_joined:,d} of them "
        f"({n_joined / n_movies:.0%}) are joined to the ratings by TMDB id. "
        f"{int(statistics['n_duplicated_titles']):,d} titles stand for several movies, "
        f"{int(statistics['n_duplicated_ids']):,d} ids occurred twice."
    )


def _parts(tables: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    parts = {
        "In figures": _statistics(tables[STATISTICS]),
        "Old and modern": _eras(tables["catalogue_eras"]),
        "Titles of several movies": _duplicates(tables["catalogue_duplicate_titles"]),
        "Odd rows, and what was done": _problems(tables["catalogue_problems"]),
    }
    return {title: table for title, table in parts.items() if len(table)}


def _statistics(catalogue_statistics: pd.DataFrame) -> pd.DataFrame:
    rows = catalogue_statistics[["meaning", "value"]].itertuples(index=False, name=None)
    texts = [
        (meaning[:1].upper() + meaning[1:], format_cell(value, ",.0f" if value == round(value) else ",.1f"))
        for meaning, value in rows
        if not pd.isna(value)
    ]
    return pd.DataFrame(texts, columns=["Statistic", "Value"])


def _eras(table: pd.DataFrame) -> pd.DataFrame:
    years = table["first_year"].astype(str) + "–" + table["last_year"].astype(str)
    return pd.DataFrame(
        {
            "Era": table["era"].map(label) + " (" + years + ")",
            "Movies": table["n_movies"],
            "Actors": table["n_actors"],
            "Actors of both": table["n_actors_of_both"],
            "Cast, mean": table["mean_cast_size"],
            "Cast, median": table["median_cast_size"],
            "Women": table["share_of_women"],
        }
    )


def _duplicates(table: pd.DataFrame) -> pd.DataFrame:
    return table[["title", "year", "tmdb_id"]].set_axis(["Title", "Year", "TMDB id"], axis=1)


def _problems(table: pd.DataFrame) -> pd.DataFrame:
    counted = table.groupby(["problem", "handling"]).size().reset_index(name="rows")
    counted = counted.sort_values(["rows", "problem"], ascending=[False, True])
    counted["problem"] = counted["problem"].map(label)
    return counted.set_axis(["Problem", "What was done", "Rows"], axis=1)
