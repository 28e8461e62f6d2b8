"""Calibrated probabilities: what the curves must be, which one is chosen, and parts that sum up."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import brier_score_loss
from sklearn.metrics import log_loss as sklearn_log_loss

from recsys_assets.algorithms.liking.calibration import (
    METHODS,
    Calibrator,
    average_log_odds,
    brier_parts,
    calibrate_out_of_fold,
    calibration_losses,
    choose_ensemble_weight,
    fit_calibrator,
    log_loss,
)
from recsys_assets.algorithms.rating_prediction.accuracy import calibration
from recsys_assets.storage.arrays import load_artifact, save_artifact

SEEDS = st.integers(0, 2**32 - 1)
HOW: dict[str, Any] = {"n_folds": 4, "seed": 0}


def drawn(curve: Any, n: int = 4000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities as a model states them, and likes drawn with the probability that ``curve`` makes of these."""
    rng = np.random.default_rng(seed)
    stated = rng.uniform(0.02, 0.98, n).astype(np.float32)
    return stated, rng.random(n) < curve(stated)


def overconfident(p: np.ndarray) -> np.ndarray:
    return expit(0.4 * np.log(p / (1 - p)) + 0.5)


def stepped(p: np.ndarray) -> np.ndarray:
    return np.where(p < 0.3, 0.1, np.where(p < 0.8, 0.55, 0.9))


def expected_error(p: np.ndarray, liked: np.ndarray) -> float:
    return calibration(p, liked.astype(np.float32), scale=(0, 1), n_bins=10).expected_error


@pytest.mark.parametrize(
    ("curve", "method"), [(lambda p: p, "identity"), (overconfident, "platt"), (stepped, "isotonic")]
)
def test_the_method_that_suits_the_error_is_chosen(curve: Any, method: str):
    stated, liked = drawn(curve, 6000)
    losses = calibration_losses(stated, liked, of_probabilities=True, **HOW)
    assert set(losses) == set(METHODS)
    found = fit_calibrator(stated, liked, of_probabilities=True, **HOW)
    assert found.method == method == min(losses, key=losses.__getitem__)
    fresh, fresh_liked = drawn(curve, 20_000, seed=1)
    assert expected_error(found.apply(fresh), fresh_liked) < 0.025


def test_calibration_mends_an_overconfident_model():
    stated, liked = drawn(overconfident)
    found = fit_calibrator(stated, liked, of_probabilities=True, **HOW)
    assert_allclose(found.apply(stated), overconfident(stated), atol=0.04)
    assert expected_error(stated, liked) > 0.1


def test_stars_become_probabilities():
    rng = np.random.default_rng(0)
    stars = rng.uniform(0.5, 5, 4000).astype(np.float32)
    liked = rng.random(4000) < expit(2 * (stars - 3.5))
    found = fit_calibrator(stars, liked, of_probabilities=False, **HOW)
    assert found.method != "identity"
    assert_allclose(found.apply(np.array([2, 3.5, 5])), expit([-3, 0, 3]), atol=0.04)


@given(SEEDS, st.sampled_from(METHODS))
@settings(max_examples=10)
def test_every_curve_rises_within_0_and_1(seed: int, method: str):
    stated, liked = drawn(stepped, 60, seed)
    calibrated = calibrate_out_of_fold(stated, liked, method=method, of_probabilities=True, **HOW)
    assert np.all((calibrated > 0) & (calibrated < 1))
    curve = fit_calibrator(stated, liked, of_probabilities=True, **HOW)
    grid = curve.apply(np.linspace(0, 1, 500))
    assert np.all(np.diff(curve.score) > 0)
    assert np.all(np.diff(curve.probability) >= 0)
    assert np.all(np.diff(grid) >= -1e-7)
    assert np.all((grid > 0) & (grid < 1))


def test_an_isotonic_curve_is_near_scikit_learn_s_but_still_tells_scores_apart():
    stated, liked = drawn(stepped, 6000)
    found = fit_calibrator(stated, liked, of_probabilities=True, **HOW)
    reference = IsotonicRegression().fit(stated, liked).predict(stated)
    assert np.abs(found.apply(stated) - reference).mean() < 0.02
    grid = np.linspace(0.01, 0.99, 300)
    assert np.all(np.diff(found.apply(grid)) > 0)


@pytest.mark.parametrize("liked", [True, False])
def test_one_kind_of_rows_only_gives_a_sure_but_not_certain_probability(liked: bool):
    stated, _ = drawn(stepped, 200)
    of_one_kind = np.full(200, liked)
    for method in METHODS[1:]:
        calibrated = calibrate_out_of_fold(stated, of_one_kind, method=method, of_probabilities=True, **HOW)
        assert np.all(np.abs(calibrated - liked) < 0.1)
        assert np.all((calibrated > 0) & (calibrated < 1))


def test_a_reversed_score_is_not_turned_round():
    stated, liked = drawn(lambda p: 1 - p)
    calibrated = calibrate_out_of_fold(stated, liked, method="platt", of_probabilities=True, **HOW)
    assert_allclose(calibrated, liked.mean(), atol=0.03)


def test_out_of_fold_curves_do_not_see_the_row():
    stated, liked = drawn(overconfident, 80)
    fold = np.random.default_rng(HOW["seed"]).permutation(80) % HOW["n_folds"]
    scrambled = np.where(fold == 2, ~liked, liked)
    one, other = (
        calibrate_out_of_fold(stated, labels, method="isotonic", of_probabilities=True, **HOW)
        for labels in (liked, scrambled)
    )
    assert_array_equal(one[fold == 2], other[fold == 2])
    assert (one[fold != 2] != other[fold != 2]).any()


def test_a_calibrator_is_an_artifact(tmp_path: Any):
    stated, liked = drawn(overconfident, 300)
    found = fit_calibrator(stated, liked, of_probabilities=True, **HOW)
    save_artifact(tmp_path / "curve.npz", found)
    assert_array_equal(load_artifact(tmp_path / "curve.npz", Calibrator).apply(stated), found.apply(stated))


def test_too_few_rows_and_unknown_methods_are_refused():
    stated, liked = drawn(overconfident, 3)
    with pytest.raises(ValueError, match="n_folds is 4 for 3 rows"):
        fit_calibrator(stated, liked, of_probabilities=True, **HOW)
    with pytest.raises(ValueError, match="n_folds is 1 for 3 rows"):
        fit_calibrator(stated, liked, of_probabilities=True, n_folds=1, seed=0)
    with pytest.raises(ValueError, match="'identity'; give one of platt, isotonic"):
        calibrate_out_of_fold(stated, liked, method="identity", of_probabilities=False, **HOW)


@given(SEEDS, st.floats(0, 1))
def test_the_average_lies_between_and_ends_in_either_model(seed: int, weight: float):
    one, other = np.random.default_rng(seed).uniform(0.01, 0.99, (2, 20))
    averaged = average_log_odds(one, other, weight=weight)
    assert np.all(averaged >= np.minimum(one, other) - 1e-6)
    assert np.all(averaged <= np.maximum(one, other) + 1e-6)
    assert_allclose(average_log_odds(one, other, weight=1), one, rtol=1e-5)
    assert_allclose(average_log_odds(one, other, weight=0), other, rtol=1e-5)
    assert_allclose(average_log_odds(other, one, weight=1 - weight), averaged, rtol=1e-5)


def test_the_weight_is_that_of_least_log_loss():
    rng = np.random.default_rng(0)
    truth = rng.normal(size=4000)
    liked = rng.random(4000) < expit(truth)
    good, bad = expit(truth + 0.3 * rng.normal(size=4000)), expit(truth + rng.normal(size=4000))
    found = choose_ensemble_weight(good, bad, liked, n_steps=10)
    assert 0.5 < found.chosen < 1
    assert found.weight.shape == found.log_loss.shape == (11,)
    best = log_loss(average_log_odds(good, bad, weight=found.chosen), liked)
    assert best == found.log_loss.min() < log_loss(good, liked)
    assert choose_ensemble_weight(good, good, liked, n_steps=1).chosen == 1


@given(SEEDS)
def test_log_loss_agrees_with_scikit_learn(seed: int):
    stated, liked = drawn(overconfident, 30, seed)
    assert log_loss(stated, liked) == pytest.approx(sklearn_log_loss(liked, stated, labels=[0, 1]), rel=1e-5)


def test_a_sure_mistake_costs_no_more_than_one_in_a_million():
    assert log_loss(np.array([0.0]), np.array([True])) == pytest.approx(-np.log(1e-6))
    assert np.isnan(log_loss(np.array([]), np.array([], dtype=bool)))


@given(SEEDS, st.integers(1, 60), st.integers(1, 12))
def test_brier_parts_sum_up_to_the_score(seed: int, n: int, n_bins: int):
    rng = np.random.default_rng(seed)
    stated, liked = rng.choice(np.linspace(0, 1, 9), n), rng.random(n) < 0.5
    parts = brier_parts(stated, liked, n_bins=n_bins)
    whole = parts.reliability - parts.resolution + parts.uncertainty + parts.within_bins
    assert whole == pytest.approx(np.mean((stated - liked) ** 2), abs=1e-12)
    assert min(parts.reliability, parts.resolution, parts.uncertainty) >= 0
    if len(np.unique(liked)) == 2:
        assert whole == pytest.approx(brier_score_loss(liked, stated))


def test_brier_parts_by_hand():
    stated, liked = np.array([0.2, 0.2, 0.8, 0.8]), np.array([False, True, True, True])
    parts = brier_parts(stated, liked, n_bins=10)
    assert parts.reliability == pytest.approx((0.3**2 + 0.2**2) / 2)
    assert parts.resolution == pytest.approx(0.25**2)
    assert parts.uncertainty == pytest.approx(3 / 16)
    assert parts.within_bins == pytest.approx(0)
    with pytest.raises(ValueError, match="0 rows"):
        brier_parts(stated[:0], liked[:0], n_bins=10)


def test_inputs_are_left_alone():
    stated, liked = drawn(stepped, 100)
    stated.flags.writeable = liked.flags.writeable = False
    curve = fit_calibrator(stated, liked, of_probabilities=True, **HOW)
    choose_ensemble_weight(curve.apply(stated), stated, liked, n_steps=2)
    brier_parts(stated, liked, n_bins=3)
