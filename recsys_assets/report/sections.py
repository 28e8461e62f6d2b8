"""What the evaluation's report has beside lists and gates: predicted stars, their folds, likes, the data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import pandas as pd

from recsys_assets.report import (
    backtest,
    catalogue_engine,
    catalogue_exploration,
    catalogue_relevance,
    champions,
    claims,
    exploration,
    folds,
    leakage,
    lifecycle,
    likes,
    ratings,
)
from recsys_assets.report.page import Section

__all__ = ["OPTIONAL", "REPORTED", "more_sections"]

REPORTED: Final = (
    *ratings.REPORTED,
    *likes.REPORTED,
    *exploration.REPORTED,
    *catalogue_exploration.REPORTED,
    *catalogue_engine.REPORTED,
    *catalogue_relevance.REPORTED,
    *lifecycle.REPORTED,
    *champions.REPORTED,
    *leakage.REPORTED,
    *claims.REPORTED,
)
"""The tables that sections are made of."""
OPTIONAL: Final = (*folds.REPORTED, *likes.OPTIONAL, *backtest.REPORTED)
"""Tables that exist once cross-validation, or a backtest, was asked for."""


def more_sections(tables: Mapping[str, pd.DataFrame], *, stars_description: str) -> list[Section]:
    """Write the sections, what matters most first; cross-validation and backtests only if their tables have rows.

    Likes and claims are left out where none of their tables is there, and the catalogue where there is none: not every
    set of tables is about them.

    Parameters
    ----------
    tables : those of ``REPORTED``, and of ``OPTIONAL`` as far as they exist, by name
    stars_description : see ``predicted_stars``

    Raises
    ------
    KeyError
        If a table of ``REPORTED`` is missing.
    """
    sections = [champions.champions(tables)] if champions.is_there(tables) else []
    sections.append(ratings.predicted_stars(tables, description=stars_description))
    if all(name in tables and len(tables[name]) for name in folds.REPORTED):
        sections.append(folds.cross_validation(tables))
    if any(name in tables for name in likes.REPORTED):
        sections.append(likes.likes(tables))
    if backtest.is_there(tables):
        sections.append(backtest.backtest_section(tables))
    sections.append(_the_ratings(tables))
    if catalogue_exploration.is_there(tables):
        sections.append(catalogue_exploration.the_catalogue(tables))
    if catalogue_engine.is_there(tables):
        sections.append(catalogue_engine.the_engine(tables))
    if catalogue_relevance.is_there(tables):
        sections.append(catalogue_relevance.relevance(tables))
    if lifecycle.is_there(tables):
        sections.append(lifecycle.model_versions(tables))
    if leakage.is_there(tables):
        sections.append(leakage.leaks(tables))
    if all(name in tables for name in claims.REPORTED):
        sections.append(claims.claims(tables))
    return sections


def _the_ratings(tables: Mapping[str, pd.DataFrame]) -> Section:
    statistics = exploration.statistics_markdown(tables[exploration.STATISTICS])
    return Section(
        title="The ratings",
        html=exploration.exploration_section(tables),
        # The plots are shown with the tables that they are made of.
        markdown=f"### The ratings\n\n{statistics}",
        sql="\n".join(
            [
                "from dataset_statistics;",
                "from rating_distribution order by stars;",
                "from ratings_over_time order by month;",
                "from genre_shares order by n_ratings desc;",
            ]
        ),
    )
