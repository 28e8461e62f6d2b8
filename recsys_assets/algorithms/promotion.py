"""Whether a challenger may take a champion's place: a paired bootstrap over the same users, and guardrails.

Looking again and again at the same held-out rows finds a lucky challenger sooner or later. So the looks at one window
of rows share one error probability α: the i-th is made at level α_i = 6 α / (π² i²), and Σ α_i = α however many there
are (alpha spending, Lan & DeMets 1983, with the weights of Foster & Stine 2008, "α-investing"). New rows make a fresh
window, which starts at look 1.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recsys_assets.algorithms.beyond_accuracy import catalog_coverage
from recsys_assets.algorithms.embeddings import Embeddings
from recsys_assets.algorithms.interactions import SparseRows
from recsys_assets.algorithms.significance import resample_totals
from recsys_assets.algorithms.topn import Items, ndcg_of_lists
from recsys_assets.algorithms.user_sums import USER_SEGMENTS, Evidence, Metric

__all__ = [
    "Gain",
    "Look",
    "Sampling",
    "compare",
    "coverage_loss",
    "gain_of_resamples",
    "one_sided",
    "spend_alpha",
    "validation_ndcg",
    "weakest_segment",
]

_IN_TAIL = 20
"""Resamples that are to lie beyond the one-sided end: an end that rests on fewer is a matter of the seed."""
_MOST_RESAMPLES = 100_000
"""With these the end of a 55th look is the least of them; later ones have none, and nothing is shown any more."""


@dataclass(frozen=True)
class Look:
    """The how-manieth look at a window it is, from 1, and its level."""

    number: int
    alpha: float


@dataclass(frozen=True)
class Sampling:
    """How users are resampled; more often than said where a level is so small that its end would rest on few."""

    n_resamples: int
    confidence: float
    seed: int

    def enough_for(self, alpha: float) -> int:
        return max(self.n_resamples, min(math.ceil(_IN_TAIL / alpha), _MOST_RESAMPLES))


@dataclass(frozen=True)
class Gain:
    """A challenger beside a champion in one segment; differences are gains: above 0 the challenger is better.

    Attributes
    ----------
    challenger, champion : their figures
    ci_low, ci_high : the central interval of the difference
    bound, ceiling : its one-sided lower and upper ends at the look's level
    p_value : of a challenger that is no better
    n_users : users that the figures are of
    """

    segment: str
    challenger: float
    champion: float
    difference: float
    ci_low: float
    ci_high: float
    bound: float
    ceiling: float
    p_value: float
    n_users: int


def spend_alpha(alpha: float, look: int) -> float:
    """The level of a look, 6 α / (π² look²).

    Raises
    ------
    ValueError
        If looks aren't counted from 1, or alpha is outside (0, 1).
    """
    if look < 1 or not 0 < alpha < 1:
        raise ValueError(f"looks count from 1 and alpha is between 0 and 1; got look {look}, alpha {alpha}")
    return 6 * alpha / (math.pi * look) ** 2


def one_sided(resampled: NDArray[np.float64], alpha: float) -> tuple[float, float, float]:
    """Lower end, upper end and p-value of a figure from its resamples, of which NaN are left out.

    With B resamples the lower end is the ⌊α (B + 1)⌋-th smallest and p = (1 + number ≤ 0) / (B + 1) (Davison & Hinkley
    1997, section 4.4), so that the lower end is above 0 exactly if p ≤ α. NaN, and p = 1, if so small a level has no
    resample beyond its end.
    """
    drawn = np.sort(resampled[~np.isnan(resampled)])
    place = math.floor(alpha * (drawn.size + 1))
    if place < 1:
        return math.nan, math.nan, 1.0
    p_value = (1 + np.count_nonzero(drawn <= 0)) / (drawn.size + 1)
    return float(drawn[place - 1]), float(drawn[-place]), float(p_value)


def compare(
    challenger: Evidence, champion: Evidence, metric: Metric, *, alpha: float, sampling: Sampling
) -> list[Gain]:
    """Compare two models in each segment over the same users, who are resampled whole, alike in all segments.

    Parameters
    ----------
    alpha : level of the one-sided ends and of the p-value's test

    Raises
    ------
    ValueError
        If the two were judged in other segments or on other users' rows.
    """
    _check_same_rows(challenger, champion)
    segments = list(challenger)
    columns = [
        column
        for name in segments
        for column in (challenger[name].total, champion[name].total, champion[name].weight)
    ]

    def gains(totals: NDArray[np.float64]) -> NDArray[np.float64]:
        one, other, weight = (totals[:, start::3] for start in range(3))
        return metric.gain(metric.of_totals(one, weight), metric.of_totals(other, weight))

    values, resampled = resample_totals(
        np.column_stack(columns), gains, n_resamples=sampling.enough_for(alpha), seed=sampling.seed
    )
    return [
        gain_of_resamples(
            name,
            (metric.of(challenger[name]), metric.of(champion[name]), float(values[place])),
            resampled[:, place],
            alpha=alpha,
            confidence=sampling.confidence,
            n_users=champion[name].n_users,
        )
        for place, name in enumerate(segments)
    ]


def gain_of_resamples(
    segment: str,
    figures: tuple[float, float, float],
    resampled: NDArray[np.float64],
    *,
    alpha: float,
    confidence: float,
    n_users: int,
) -> Gain:
    """A gain with its ends; those are NaN where no resample has the figure.

    Parameters
    ----------
    figures : the challenger's, the champion's, and the gain
    resampled : shape (n_resamples,), the gain in each resample of the users
    """
    known = resampled[~np.isnan(resampled)]
    tails = (1 - confidence) / 2, (1 + confidence) / 2
    low, high = np.quantile(known, tails) if known.size else (math.nan, math.nan)
    bound, ceiling, p_value = one_sided(resampled, alpha)
    return Gain(segment, *figures, float(low), float(high), bound, ceiling, p_value, n_users)


def weakest_segment(gains: Sequence[Gain]) -> Gain | None:
    """The third of the users that gains least; None where no third has users."""
    thirds = [gain for gain in gains if gain.segment in USER_SEGMENTS and not math.isnan(gain.difference)]
    return min(thirds, key=lambda gain: gain.difference, default=None)


def coverage_loss(challenger: Items, champion: Items, *, n_items: int, k: int) -> tuple[float, float, float]:
    """Coverage of both's first k places, and the share of the champion's that is lost; below 0 it grows.

    It belongs to all lists together, so that it has no interval over users. NaN where the champion lists nothing.
    """
    one, other = (catalog_coverage(lists[:, :k], n_items) for lists in (challenger, champion))
    return one, other, 1 - one / other if other > 0 else math.nan


def validation_ndcg(
    models: Mapping[str, Embeddings], seen: SparseRows, relevant: SparseRows, *, k: int
) -> dict[str, float]:
    """Mean NDCG@k of each model over the users with a held-out like; NaN where nobody has one.

    Parameters
    ----------
    models : of the rows ``seen``
    seen, relevant : shape (n_users, n_items), learned ratings and held-out likes
    """
    values = {name: ndcg_of_lists(model, seen, relevant, k=k) for name, model in models.items()}
    return {
        name: float(of_users.mean(dtype=np.float64)) if of_users.size else math.nan
        for name, of_users in values.items()
    }


def _check_same_rows(challenger: Evidence, champion: Evidence) -> None:
    if challenger.keys() != champion.keys():
        raise ValueError(
            f"the challenger was judged in {list(challenger)} and the champion in {list(champion)}; judge both alike"
        )
    for name, sums in challenger.items():
        if not np.array_equal(sums.weight, champion[name].weight):
            raise ValueError(
                f"in {name} the challenger was judged on {sums.weight.sum():g} rows and the champion on "
                f"{champion[name].weight.sum():g}, or on others; judge both on the same rows of the same users"
            )
