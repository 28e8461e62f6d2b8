"""What accuracy does not see: coverage, concentration, novelty, diversity and popularity of the lists.

Throughout, ``recommended`` has shape (n_users, n) and holds item numbers, best first, -1 where there is no
recommendation; such places are ignored. Lists that fail ``metrics.check_lists`` raise ValueError.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.stats import rankdata

from recsys_assets.algorithms.metrics import check_lists

__all__ = ["catalog_coverage", "gini", "intra_list_diversity", "novelty", "popularity_percentile"]

USERS_PER_BLOCK = 4096
NORM_TOLERANCE = 1e-4


def catalog_coverage(recommended: NDArray[np.integer], n_items: int) -> float:
    """Return the share of the catalogue that is recommended to at least one user, in [0, 1].

    NaN for an empty catalogue.
    """
    exposure = _exposure(recommended, n_items)
    return float(np.mean(exposure > 0)) if n_items else np.nan


def gini(recommended: NDArray[np.integer], n_items: int) -> float:
    """Return the Gini coefficient of how often each item of the catalogue is recommended.

    With exposures x_1 ≤ … ≤ x_n over the whole catalogue, the items never recommended included::

        G = Σ_i (2i − n − 1) x_i / (n Σ_i x_i)

    0 where all items are exposed equally, (n − 1) / n where one item has it all; NaN where nothing is
    recommended. Shani and Gunawardana (2011), "Evaluating recommendation systems", divide by n − 1 instead.
    """
    exposure = np.sort(_exposure(recommended, n_items))
    total = exposure.sum()
    if total == 0:
        return np.nan
    weight = 2 * np.arange(1, n_items + 1) - n_items - 1
    return float(weight @ exposure / (n_items * total))


def novelty(
    recommended: NDArray[np.integer], item_popularity: NDArray[np.integer], n_users: int
) -> NDArray[np.float64]:
    """Return each user's mean self-information of the recommended items, in bits.

    An item that p of ``n_users`` training users have interacted with carries −log2(p / n_users): 0 if all
    know it, log2(n_users) if one does. An item nobody has interacted with counts as if one user had, which
    keeps it finite. Zhou et al. (2010), "Solving the apparent diversity-accuracy dilemma of recommender
    systems".

    Parameters
    ----------
    item_popularity : shape (n_items,), number of distinct training users of each item
    n_users : number of training users, not of lists

    Returns
    -------
    shape (number of lists,); NaN for an empty list

    Raises
    ------
    ValueError
        If an item has more users than there are, or a negative number of them.
    """
    impossible = np.flatnonzero((item_popularity < 0) | (item_popularity > n_users))
    if len(impossible):
        item = impossible[0]
        raise ValueError(
            f"item {item} has popularity {item_popularity[item]}, outside 0–{n_users} "
            f"({len(impossible)} such items); count distinct users of the training rows"
        )
    return _list_means(recommended, np.log2(max(n_users, 1)) - np.log2(np.maximum(item_popularity, 1)))


def popularity_percentile(
    recommended: NDArray[np.integer], item_popularity: NDArray[np.integer]
) -> NDArray[np.float64]:
    """Return how popular each user's recommendations are: their mean popularity percentile.

    An item's percentile is the share of the catalogue that is less popular plus half the share that is as
    popular, itself included. So drawing items at random gives 0.5 on average, and only the order of
    popularity matters, not its scale.

    Parameters
    ----------
    item_popularity : shape (n_items,), any measure that grows with popularity

    Returns
    -------
    shape (n_users,), in (0, 1); NaN for an empty list
    """
    percentile = (rankdata(item_popularity) - 0.5) / max(len(item_popularity), 1)
    return _list_means(recommended, percentile)


def intra_list_diversity(
    recommended: NDArray[np.integer], item_vectors: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Return each user's mean cosine distance between two different items of the list.

    With unit vectors v and their sum s over the m items of a list, no pair needs to be formed::

        ILD = 1 − (‖s‖² − Σ‖v‖²) / (m (m − 1))

    0 where all items are alike, 1 where they are orthogonal, above 1 where they oppose each other. An item
    without features (a zero row) is at distance 1 from every item. The precision is that of ``item_vectors``.
    Ziegler et al. (2005), "Improving recommendation lists through topic diversification".

    Parameters
    ----------
    item_vectors : shape (n_items, n_features), every row of length 1 or 0

    Returns
    -------
    shape (n_users,); NaN for a list of fewer than two items

    Raises
    ------
    ValueError
        If a row has another length than 1 or 0, or is not finite.
    """
    squared_norms = np.einsum("id,id->i", item_vectors, item_vectors)
    _check_norms(squared_norms)
    lists = _list_matrix(recommended, len(item_vectors), item_vectors.dtype)
    similarity = np.empty(lists.shape[0])
    for start in range(0, len(similarity), USERS_PER_BLOCK):
        block = slice(start, start + USERS_PER_BLOCK)
        sums = lists[block] @ item_vectors
        similarity[block] = np.einsum("ud,ud->u", sums, sums)
    similarity -= lists @ squared_norms
    n_listed = np.diff(lists.indptr)
    # Rounding can put the likeness of equal items a hair above 1.
    return np.maximum(1 - _ratio(similarity, n_listed * (n_listed - 1)), 0.0)


def _check_norms(squared_norms: NDArray[np.floating]) -> None:
    unit_or_zero = (np.abs(squared_norms - 1) <= NORM_TOLERANCE) | (squared_norms == 0)
    wrong = np.flatnonzero(~unit_or_zero)
    if len(wrong):
        raise ValueError(
            f"item vector {wrong[0]} has length {np.sqrt(squared_norms[wrong[0]]):g} "
            f"({len(wrong)} such rows); divide each row by its length and leave rows without features zero"
        )


def _exposure(recommended: NDArray[np.integer], n_items: int) -> NDArray[np.int64]:
    """Return how many lists name each item, shape (n_items,)."""
    check_lists(recommended, n_items)
    return np.bincount(recommended[recommended >= 0], minlength=n_items)


def _list_means(recommended: NDArray[np.integer], item_value: NDArray[np.float64]) -> NDArray[np.float64]:
    lists = _list_matrix(recommended, len(item_value), item_value.dtype)
    return _ratio(lists @ item_value, np.diff(lists.indptr))


def _list_matrix(recommended: NDArray[np.integer], n_items: int, dtype: np.dtype[np.floating]) -> csr_array:
    """Return the lists as a matrix of ones, (n_users, n_items), so that a sum over lists is a product."""
    check_lists(recommended, n_items)
    listed = recommended >= 0
    indptr = np.concatenate([[0], np.cumsum(listed.sum(axis=1))])
    indices = recommended[listed]
    return csr_array((np.ones(len(indices), dtype), indices, indptr), shape=(len(recommended), n_items))


def _ratio(numerator: NDArray[np.float64], denominator: NDArray[np.integer]) -> NDArray[np.float64]:
    ratio = np.full(len(numerator), np.nan)
    np.divide(numerator, denominator, out=ratio, where=denominator > 0)
    return ratio
