"""Rows of the table of relevance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from recsys_assets.algorithms.catalogue.relevance import Judgement
from recsys_assets.algorithms.topn import NO_ITEM, Items
from recsys_assets.contracts import TABLES

__all__ = ["CONTRASTS", "relevance_rows"]

CONTRASTS = (
    ("content_cluster", "content_cluster_10"),
    ("same_cluster", "same_cluster_10"),
    ("content_global", "content_cluster"),
    ("content_global", "published_global"),
    ("content_global", "same_genre"),
)
"""Methods whose difference is of interest: the first less the second."""


def relevance_rows(
    methods: Mapping[str, Sequence[Items]], lift: Judgement, precision: Judgement, *, n_users: int, k: int
) -> pd.DataFrame:
    """The table, figure by figure.

    Parameters
    ----------
    methods : the neighbours that were judged, by fold
    k : neighbours that precision is of
    """
    names = {"lift_ratio": "lift_over_same_genre", "precision": f"precision_at_{k}"}
    n_pairs = {
        name: round(float(np.mean([np.count_nonzero(of != NO_ITEM) for of in lists])))
        for name, lists in methods.items()
    }
    n_movies = {
        name: int(np.any([(of != NO_ITEM).any(axis=1) for of in lists], axis=0).sum())
        for name, lists in methods.items()
    }
    rows: list[tuple[Any, ...]] = []
    for judgement in (lift, precision):
        found = judgement.intervals
        for place, (metric, method, against) in enumerate(judgement.figures):
            of_items = int(found.n[place]) if judgement is precision else n_movies[method]
            numbers = (float(series[place]) for series in (found.value, found.low, found.high))
            rows.append(
                (
                    method,
                    names.get(metric, metric),
                    against or "none",
                    *numbers,
                    of_items,
                    n_pairs[method],
                    n_users,
                )
            )
    return pd.DataFrame(rows, columns=TABLES["catalogue_relevance"].column_names)
