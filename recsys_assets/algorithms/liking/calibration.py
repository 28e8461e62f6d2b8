"""Scores become probabilities that mean what they say: calibrated, averaged, and judged by how far they are off.

Throughout, ``liked`` tells of the same rows as scores and probabilities whether they were likes: shape (n_rows,).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, logit
from sklearn.isotonic import IsotonicRegression

__all__ = [
    "METHODS",
    "BrierParts",
    "Calibrator",
    "EnsembleWeight",
    "average_log_odds",
    "brier_parts",
    "calibrate_out_of_fold",
    "calibration_losses",
    "choose_ensemble_weight",
    "fit_calibrator",
    "log_loss",
    "row_losses",
]

Values = NDArray[np.float64]
Scores = NDArray[np.floating]
Liked = NDArray[np.bool_]

METHODS = ("identity", "platt", "isotonic")

_CERTAIN = 1e-6
"""Probabilities nearer to 0 or 1 count as this near: one sure mistake would outweigh all else."""
_N_NODES = 1001
_PLATT_SHARE = 0.01


@dataclass(frozen=True)
class Calibrator:
    """A rising curve from scores to probabilities, linear between its nodes and constant beyond them.

    Attributes
    ----------
    method : one of ``METHODS``
    of_probabilities : whether scores are probabilities, which are taken by their log-odds
    score : shape (n_nodes,), rising; log-odds if ``of_probabilities``
    probability : shape (n_nodes,), never falling, within (0, 1)
    """

    method: str
    of_probabilities: bool
    score: Values
    probability: Values

    def apply(self, score: Scores) -> NDArray[np.float32]:
        """Probability of a like for each score, of the same shape."""
        curve = np.interp(_line(score, self.of_probabilities), self.score, self.probability)
        return curve.astype(np.float32)


@dataclass(frozen=True)
class EnsembleWeight:
    """The weight of the first of two models, and what held-out rows say of every weight tried.

    Attributes
    ----------
    chosen : the weight of least log loss, the largest of equals
    weight, log_loss : shape (n_steps + 1,)
    """

    chosen: float
    weight: Values
    log_loss: Values


@dataclass(frozen=True)
class BrierParts:
    """Parts of the Brier score: ``reliability − resolution + uncertainty + within_bins`` is the score itself.

    Attributes
    ----------
    reliability : mean squared distance of the bins' mean probability from their share of likes; 0 is best
    resolution : mean squared distance of the bins' share of likes from that of all; the more the better
    uncertainty : variance of the likes, the same for every model
    within_bins : what probabilities that differ within a bin add
    """

    reliability: float
    resolution: float
    uncertainty: float
    within_bins: float


def fit_calibrator(
    score: Scores, liked: Liked, *, of_probabilities: bool, n_folds: int, seed: int
) -> Calibrator:
    """Fit the method that has the least cross-validated log loss on held-out rows, the simplest of equals.

    ``identity`` leaves probabilities as they are; it can't be chosen for other scores. ``platt`` is P = σ(a s + b),
    a ≥ 0, of greatest likelihood, with the targets smoothed as by Platt (1999), "Probabilistic outputs for support
    vector machines", section 2.2. ``isotonic`` is the non-falling step function of least squares (Zadrozny & Elkan
    2002), joined by lines between the middles of its steps, and mixed with a hundredth part of Platt's curve: so that
    higher scores still rank higher, and no probability is 0 or 1.

    Parameters
    ----------
    score : shape (n_rows,), of rows that the model has not learned from: probabilities, or any rising score
    of_probabilities : whether to take scores by their log-odds, s = log(p / (1 − p))
    n_folds : parts of the rows that cross-validation leaves out in turn
    seed : of the parts

    Raises
    ------
    ValueError
        If there are fewer rows than folds, or fewer than two folds.
    """
    losses = calibration_losses(score, liked, of_probabilities=of_probabilities, n_folds=n_folds, seed=seed)
    method = min(losses, key=lambda name: losses[name])
    return _fit(method, score, liked, of_probabilities)


def calibration_losses(
    score: Scores, liked: Liked, *, of_probabilities: bool, n_folds: int, seed: int
) -> Mapping[str, float]:
    """Cross-validated log loss of each method; arguments as of :func:`fit_calibrator`."""

    def loss(method: str) -> float:
        calibrated = calibrate_out_of_fold(
            score, liked, method=method, of_probabilities=of_probabilities, n_folds=n_folds, seed=seed
        )
        return log_loss(calibrated, liked)

    return {method: loss(method) for method in _methods(of_probabilities)}


def calibrate_out_of_fold(
    score: Scores, liked: Liked, *, method: str, of_probabilities: bool, n_folds: int, seed: int
) -> NDArray[np.float32]:
    """Calibrate each fold of the rows by a curve fitted on the others; arguments as of :func:`fit_calibrator`.

    What else is chosen on the same rows, such as an ensemble's weight, should see these probabilities: those of a curve
    fitted on all rows look better than they are.

    Parameters
    ----------
    method : one of ``METHODS``

    Raises
    ------
    ValueError
        As of :func:`fit_calibrator`, or if the method is another, or ``identity`` for scores that aren't probabilities.
    """
    if method not in _methods(of_probabilities):
        raise ValueError(f"method is {method!r}; give one of {', '.join(_methods(of_probabilities))}")
    if not 2 <= n_folds <= len(score):
        raise ValueError(f"n_folds is {n_folds} for {len(score)} rows; give at least 2 and at most the rows")
    fold = np.random.default_rng(seed).permutation(len(score)) % n_folds
    calibrated = np.empty(len(score), dtype=np.float32)
    for number in range(n_folds):
        left_out = fold == number
        curve = _fit(method, score[~left_out], liked[~left_out], of_probabilities)
        calibrated[left_out] = curve.apply(score[left_out])
    return calibrated


def average_log_odds(first: Scores, second: Scores, *, weight: float) -> NDArray[np.float32]:
    """σ(w logit(first) + (1 − w) logit(second)), probabilities of any one shape."""
    odds = weight * _log_odds(first) + (1 - weight) * _log_odds(second)
    averaged: NDArray[np.float32] = expit(odds).astype(np.float32)
    return averaged


def choose_ensemble_weight(first: Scores, second: Scores, liked: Liked, *, n_steps: int) -> EnsembleWeight:
    """Try the weights 0, 1/n_steps, …, 1 of the first model in :func:`average_log_odds` by log loss.

    Parameters
    ----------
    first, second : shape (n_rows,), calibrated probabilities of rows that neither model has learned from
    """
    weights = np.linspace(0, 1, n_steps + 1)
    losses = np.array([log_loss(average_log_odds(first, second, weight=w), liked) for w in weights.tolist()])
    best = n_steps - int(losses[::-1].argmin())
    return EnsembleWeight(float(weights[best]), weights, losses)


def log_loss(probability: Scores, liked: Liked) -> float:
    """Mean of −log P(as observed); probabilities are held 10⁻⁶ off 0 and 1. NaN without rows."""
    return float(row_losses(probability, liked).mean()) if liked.size else np.nan


def row_losses(probability: Scores, liked: Liked) -> Values:
    """−log P(as observed) of each row, shape (n_rows,); see :func:`log_loss`."""
    losses: Values = -np.log(_off_the_ends(np.where(liked, probability, 1 - probability.astype(np.float64))))
    return losses


def brier_parts(probability: Scores, liked: Liked, *, n_bins: int) -> BrierParts:
    """Part the Brier score, mean (p − liked)², by ``n_bins`` equal bins of probability.

    With mean p̄_k and share ȳ_k of likes of the n_k rows in bin k, and ȳ of all (Murphy 1973; the last term Stephenson,
    Coelho & Jolliffe 2008, "Two extra components in the Brier score decomposition")::

        reliability  Σ n_k (p̄_k − ȳ_k)² / n
        resolution   Σ n_k (ȳ_k − ȳ)² / n
        uncertainty  ȳ (1 − ȳ)
        within_bins  Σ (p − p̄_k)² / n − 2 Σ (p − p̄_k)(liked − ȳ_k) / n

    Raises
    ------
    ValueError
        If there are no rows.
    """
    if not liked.size:
        raise ValueError("0 rows have no Brier score; give at least one")
    p, y = probability.astype(np.float64), liked.astype(np.float64)
    _, bins = np.unique(np.minimum((p * n_bins).astype(np.int64), n_bins - 1), return_inverse=True)
    n = np.bincount(bins)
    mean_p, mean_y = (np.bincount(bins, weights=each) / n for each in (p, y))
    off_p, off_y = p - mean_p[bins], y - mean_y[bins]
    return BrierParts(
        float(np.average((mean_p - mean_y) ** 2, weights=n)),
        float(np.average((mean_y - y.mean()) ** 2, weights=n)),
        float(y.mean() * (1 - y.mean())),
        float(np.mean(off_p**2 - 2 * off_p * off_y)),
    )


def _methods(of_probabilities: bool) -> tuple[str, ...]:
    return METHODS if of_probabilities else METHODS[1:]


def _fit(method: str, score: Scores, liked: Liked, of_probabilities: bool) -> Calibrator:
    line = _line(score, of_probabilities)
    reach = max(float(np.ptp(line)), 1.0)
    # Wider than what was seen, so that scores beyond it are still told apart.
    nodes = np.linspace(line.min() - reach, line.max() + reach, _N_NODES)
    slope, intercept = (1.0, 0.0) if method == "identity" else _platt(line, liked)
    if method == "isotonic":
        x, y = _isotonic(line, liked)
        nodes = np.union1d(nodes, x)
        steps = np.interp(nodes, x, y)
        curve = (1 - _PLATT_SHARE) * steps + _PLATT_SHARE * expit(slope * nodes + intercept)
    else:
        curve = expit(slope * nodes + intercept)
    return Calibrator(method, of_probabilities, nodes, _off_the_ends(curve))


def _platt(line: Values, liked: Liked) -> tuple[float, float]:
    """Slope ≥ 0 and intercept of the logistic curve, fitted on the centred and scaled line."""
    n_likes = np.count_nonzero(liked)
    target = np.where(liked, (n_likes + 1) / (n_likes + 2), 1 / (liked.size - n_likes + 2))
    centre, scale = float(line.mean()), float(line.std()) or 1.0
    z = (line - centre) / scale

    def loss(parameters: Values) -> tuple[float, Values]:
        margin = parameters[0] * z + parameters[1]
        off = expit(margin) - target
        mean = float(np.mean(np.logaddexp(0, margin) - target * margin))
        return mean, np.array([np.mean(off * z), np.mean(off)])

    start = np.array([1.0, float(logit(target.mean()))])
    slope, intercept = minimize(loss, start, jac=True, bounds=[(0, None), (None, None)], tol=1e-12).x.tolist()
    return slope / scale, intercept - slope * centre / scale


def _isotonic(line: Values, liked: Liked) -> tuple[Values, Values]:
    """Middles and heights of the steps of the isotonic fit."""
    fitted = IsotonicRegression().fit_transform(line, liked.astype(np.float64))
    height, step = np.unique(fitted, return_inverse=True)
    middle = np.bincount(step, weights=line) / np.bincount(step)
    return middle, height


def _line(score: Scores, of_probabilities: bool) -> Values:
    return _log_odds(score) if of_probabilities else score.astype(np.float64)


def _log_odds(probability: Scores) -> Values:
    odds: Values = logit(_off_the_ends(probability.astype(np.float64)))
    return odds


def _off_the_ends(probability: Values) -> Values:
    return np.clip(probability, _CERTAIN, 1 - _CERTAIN)
