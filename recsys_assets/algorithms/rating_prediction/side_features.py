"""What is known of users and items besides ratings, as sparse features."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from scipy.sparse import csr_matrix

from recsys_assets.algorithms.interactions import SparseRows

__all__ = ["multi_hot"]


def multi_hot(terms: Iterable[Iterable[str]]) -> SparseRows:
    """One row of unit length for each set of terms: n terms weigh n^(−½) each; a row without terms is empty.

    Columns are the distinct terms in alphabetical order, so that the order of terms in a row doesn't matter.

    Returns
    -------
    shape (number of rows, number of distinct terms)
    """
    rows = [sorted(set(row)) for row in terms]
    n_terms = np.array([len(row) for row in rows], dtype=np.int64)
    vocabulary, columns = np.unique([term for row in rows for term in row], return_inverse=True)
    weights = np.repeat(1 / np.sqrt(np.maximum(n_terms, 1)), n_terms).astype(np.float32)
    starts = np.concatenate([[0], np.cumsum(n_terms)])
    return csr_matrix((weights, columns, starts), shape=(len(rows), vocabulary.size))
