"""Samples of users, for choices that need not look at all of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def sample_users(n_users: int, *, size: int, seed: int) -> NDArray[np.intp]:
    """Draw at most ``size`` of ``n_users`` row numbers without replacement, ascending; all of them if they suffice."""
    if n_users <= size:
        return np.arange(n_users)
    return np.sort(np.random.default_rng(seed).choice(n_users, size=size, replace=False))
