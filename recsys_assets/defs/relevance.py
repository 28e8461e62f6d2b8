"""Held-out likes as a matrix over the same users and items as a fit's interactions."""

from __future__ import annotations

import pandas as pd
from scipy.sparse import csr_matrix

from recsys_assets.algorithms.interactions import Interactions, build_interactions

__all__ = ["relevant_matrix"]


def relevant_matrix(held_out: pd.DataFrame, interactions: Interactions, like_rating: float) -> csr_matrix:
    """Ones where a held-out rating is a like, shape (n_users, n_items)."""
    return build_interactions(
        held_out["user_id"],
        held_out["movie_id"],
        held_out["rating"],
        user_ids=interactions.user_ids,
        item_ids=interactions.item_ids,
    ).likes(like_rating)
