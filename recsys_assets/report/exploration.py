"""The ratings as a section of a report: statistics and plots, as Markdown and HTML, from the exploration's tables.

Tables come as frames by the names of their contracts.
"""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import pandas as pd

from recsys_assets.contracts.exploration import DAY
from recsys_assets.report import exploration_plots, plots
from recsys_assets.report.style import format_cell, html_table, markdown_table

__all__ = [
    "FIGURES",
    "REPORTED",
    "Figure",
    "exploration_markdown",
    "exploration_section",
    "statistics_markdown",
]

STATISTICS: Final = "dataset_statistics"
_NOTE: Final = "All ratings count here, held-out ones too. These figures describe; no model learns from them."
_FORMATS: Final = {
    "share": ".1%",
    "stars": ".2f",
    "ratings per user": ",.1f",
    "ratings per movie": ",.1f",
}


@dataclass(frozen=True)
class Figure:
    """The plot of a table: its title, what draws it, and the columns that it is given."""

    title: str
    plot: plots.Plot[...]
    columns: tuple[str, ...]

    def png(self, table: pd.DataFrame) -> bytes:
        return self.plot(*(table[column] for column in self.columns))

    def svg(self, table: pd.DataFrame) -> str:
        return self.plot.svg(*(table[column] for column in self.columns))


#: by table
FIGURES: Final = {
    "rating_distribution": Figure("Stars", plots.rating_histogram, ("stars", "n_ratings")),
    "ratings_over_time": Figure("Ratings over time", plots.ratings_over_time, ("month", "n_ratings")),
    "user_activity": Figure(
        "Activity of the users", exploration_plots.user_activity, ("n_ratings", "n_users")
    ),
    "movie_popularity": Figure("Long tail of the movies", plots.long_tail, ("n_ratings",)),
    "genre_shares": Figure(
        "Genres", exploration_plots.genre_shares, ("genre", "share_of_ratings", "mean_rating")
    ),
    "rating_heatmap": Figure(
        "Most active users, most rated movies",
        exploration_plots.rating_heatmap,
        ("user_rank", "movie_rank", "title", "rating"),
    ),
}
REPORTED: Final = (STATISTICS, *FIGURES)
"""The tables that the section is made of."""


def exploration_section(tables: Mapping[str, pd.DataFrame]) -> str:
    """Write the body of a page's section on the ratings: statistics, then plots as inline SVG.

    Raises
    ------
    KeyError
        If a table of ``REPORTED`` is missing.
    """
    statistics = html_table(_statistics(tables[STATISTICS]), formats={})
    figures = "\n".join(f"<figure>{figure.svg(tables[name])}</figure>" for name, figure in FIGURES.items())
    return f'{statistics}\n<p class="note">{html.escape(_NOTE)}</p>\n<div class="figures">\n{figures}\n</div>'


def exploration_markdown(tables: Mapping[str, pd.DataFrame]) -> str:
    """Write the section as Markdown, with its heading and embedded PNG plots.

    Raises
    ------
    KeyError
        If a table of ``REPORTED`` is missing.
    """
    images = [
        plots.markdown_image(figure.png(tables[name]), figure.title) for name, figure in FIGURES.items()
    ]
    parts = ["### The ratings", statistics_markdown(tables[STATISTICS]), _NOTE, " ".join(images)]
    return "\n\n".join(parts) + "\n"


def statistics_markdown(dataset_statistics: pd.DataFrame) -> str:
    """Write all statistics as a Markdown table, each in the form of its unit."""
    return markdown_table(_statistics(dataset_statistics), formats={})


def _statistics(dataset_statistics: pd.DataFrame) -> pd.DataFrame:
    rows = dataset_statistics[["meaning", "value", "unit"]].itertuples(index=False, name=None)
    texts = [(meaning[:1].upper() + meaning[1:], _text(value, unit)) for meaning, value, unit in rows]
    return pd.DataFrame(texts, columns=["Statistic", "Value"])


def _text(value: float, unit: str) -> str:
    if unit == DAY:
        return f"{pd.Timestamp(value, unit='D'):%Y-%m-%d}"
    return format_cell(value, _FORMATS.get(unit, ",.0f"))
