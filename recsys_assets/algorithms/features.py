"""Sparse features of items, with the ids of their rows."""

from __future__ import annotations

from dataclasses import dataclass

from recsys_assets.algorithms.interactions import Ids, SparseRows


@dataclass(frozen=True)
class ItemFeatures:
    """What is known of each item.

    Attributes
    ----------
    item_ids : shape (n_items,), sorted, unique
    features : shape (n_items, n_features); an empty row is an item of which nothing is known
    """

    item_ids: Ids
    features: SparseRows
