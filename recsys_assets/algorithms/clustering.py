"""What clusterings of users and of movies share: distances, evidence for a number of clusters, and the choice by it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Evidence", "Rows", "best_evidence", "distances", "unit_rows"]

Rows = NDArray[np.float64]


@dataclass(frozen=True)
class Evidence:
    """What speaks for a number of clusters.

    Attributes
    ----------
    k : number of clusters
    silhouette : mean over rows, −1 to 1 (Rousseeuw 1987); NaN for one cluster
    stability : mean adjusted Rand index of partitions learned from two halves of the rows; 1 = the same
    smallest : rows in the smallest cluster, as a share
    chosen : used from here on
    """

    k: int
    silhouette: float
    stability: float
    smallest: float
    chosen: bool


def best_evidence(evidence: Sequence[Evidence], *, min_stability: float, min_share: float) -> Evidence:
    """Choose the highest silhouette among what is stable and has no cluster too small; else the most stable.

    Parameters
    ----------
    evidence : ascending by k; among equals the first is chosen
    """
    stable = [one for one in evidence if one.stability >= min_stability and one.smallest >= min_share]
    # max takes the first of equals, and evidence ascends by k.
    if stable:
        return max(stable, key=lambda one: one.silhouette)
    return max(evidence, key=lambda one: one.stability)


def distances(rows: Rows, centroids: Rows) -> Rows:
    """Euclidean distances, shape (n_rows, n_centroids)."""
    squares = np.square(rows).sum(axis=1)[:, None] + np.square(centroids).sum(axis=1)
    found: Rows = np.sqrt(np.maximum(squares - 2 * rows @ centroids.T, 0))
    return found


def unit_rows(rows: Rows) -> Rows:
    """Scale each row to unit length; a row of zeros stays one."""
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: Rows = np.divide(rows, length, out=np.zeros_like(rows), where=length > 1e-12)
    return unit
