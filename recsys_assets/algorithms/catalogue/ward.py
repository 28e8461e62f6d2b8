"""Ward's hierarchical clustering: one tree, cut at every number of clusters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recsys_assets.algorithms.interactions import Ids

__all__ = ["CatalogueClusters"]


@dataclass(frozen=True)
class CatalogueClusters:
    """Clusters of movies, numbered from the largest, 0, to the smallest.

    Attributes
    ----------
    tmdb_ids : shape (n_movies,), those of the features
    cluster : shape (n_movies,)
    """

    tmdb_ids: Ids
    cluster: NDArray[np.int32]

    @property
    def n_clusters(self) -> int:
        return int(self.cluster.max(initial=-1)) + 1
