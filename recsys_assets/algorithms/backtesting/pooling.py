"""One figure out of those of several windows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Pooled", "pool_windows"]

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Pooled:
    """A mean over windows with its interval, and the users that it is a mean over; NaN where there are none."""

    value: float
    low: float
    high: float
    n: int


def pool_windows(value: Values, low: Values, high: Values, n: NDArray[np.integer]) -> Pooled:
    """The mean of a figure over windows, weighted by their users n_w, as of a sample with windows for strata.

    As variances of independent windows add up, half widths h_w of their intervals become that of the mean ::

        h = √(Σ (n_w h_w)²) / Σ n_w

    A user who comes back in another window counts as another one. The models of windows are not drawn anew: the
    interval says how sure the figure is for other users in these windows, not for other times.

    Parameters
    ----------
    value, low, high : shape (n_windows,), NaN where a window has no value
    n : shape (n_windows,), users
    """
    known = ~np.isnan(value) & (n > 0)
    if not known.any():
        return Pooled(np.nan, np.nan, np.nan, 0)
    share = n[known] / n[known].sum()
    mean = float(share @ value[known])
    half = float(np.sqrt(np.sum(np.square(share * (high - low)[known] / 2))))
    return Pooled(mean, mean - half, mean + half, int(n[known].sum()))
