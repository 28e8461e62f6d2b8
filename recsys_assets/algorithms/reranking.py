"""What may be done to a ranked list before it is shown: make it more varied, or learn from what it would leave out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recsys_assets.algorithms.embeddings import Vectors

__all__ = ["explore", "maximal_marginal_relevance"]


def maximal_marginal_relevance(
    scores: NDArray[np.floating], vectors: Vectors, *, diversity: float, n: int
) -> NDArray[np.intp]:
    """Choose n places of a list by relevance and by how unlike the chosen ones they are (Carbonell & Goldstein 1998).

    The next place chosen is the one with the highest ::

        (1 − d) · s̃ − d · max over the chosen of the cosine

    with s̃ the scores brought to 0–1 over the list. With d = 0 the list stays as it is; equal values go to the earlier
    place. A vector of zeros is unlike everything.

    Parameters
    ----------
    scores : shape (n_listed,), descending
    vectors : shape (n_listed, n_dims)
    diversity : d, 0 to 1

    Returns
    -------
    shape (min(n, n_listed),), places in the order of choice

    Raises
    ------
    ValueError
        If ``diversity`` is outside 0 to 1.
    """
    if not 0 <= diversity <= 1:
        raise ValueError(f"diversity must be within 0 to 1; got {diversity}")
    spread = float(np.ptp(scores)) if scores.size else 0.0
    relevance = (scores - scores.min()) / spread if spread > 0 else np.zeros(scores.size)
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = np.divide(vectors, norms, out=np.zeros(vectors.shape, dtype=np.float64), where=norms > 0)
    likeness = unit @ unit.T
    nearest = np.zeros(scores.size)
    left = np.ones(scores.size, dtype=bool)
    chosen: list[int] = []
    for _ in range(min(n, scores.size)):
        value = np.where(left, (1 - diversity) * relevance - diversity * nearest, -np.inf)
        best = int(np.argmax(value))
        left[best] = False
        nearest = np.maximum(nearest, likeness[best]) if chosen else likeness[best]
        chosen.append(best)
    return np.array(chosen, dtype=np.intp)


def explore(
    listed: NDArray[np.integer], candidates: NDArray[np.integer], *, epsilon: float, seed: int
) -> tuple[NDArray[np.integer], NDArray[np.bool_]]:
    """Give each place, with probability ε, to a candidate drawn evenly from those that the list doesn't have.

    The same seed draws the same; a candidate is drawn once at most, and where none is left, the place stays.

    Parameters
    ----------
    listed : shape (n,), item numbers
    candidates : item numbers, each once
    epsilon : 0 to 1

    Returns
    -------
    the list; where it was explored, shape (n,), bool

    Raises
    ------
    ValueError
        If ``epsilon`` is outside 0 to 1.
    """
    if not 0 <= epsilon <= 1:
        raise ValueError(f"epsilon must be within 0 to 1; got {epsilon}")
    rng = np.random.default_rng(seed)
    others = candidates[~np.isin(candidates, listed)]
    drawn = np.flatnonzero(rng.random(listed.size) < epsilon)[: others.size]
    mixed, explored = listed.copy(), np.zeros(listed.size, dtype=bool)
    mixed[drawn] = rng.choice(others, size=drawn.size, replace=False)
    explored[drawn] = True
    return mixed, explored
