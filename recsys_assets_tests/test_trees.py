"""Boosted trees: what they learn, that they are the same each time, and that contributions make up predictions."""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np
import pytest
import xgboost
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit, logit

from recsys_assets.algorithms.liking import trees as module
from recsys_assets.algorithms.liking.trees import (
    BoostedTrees,
    Trees,
    choose_n_trees,
    fit_lightgbm,
    fit_trees,
    summarize_contributions,
)
from recsys_assets.storage.arrays import load_artifact, save_artifact

NAMES = np.array(["signal", "opposite", "noise", "Film-Noir", "constant"])
GROWTH: dict[str, Any] = {
    "learning_rate": 0.3,
    "max_depth": 3,
    "min_child_weight": 1.0,
    "subsample": 0.8,
    "column_share": 0.8,
    "regularization": 1.0,
    "n_threads": 1,
    "seed": 0,
}
has_lightgbm = pytest.mark.skipif(
    importlib.util.find_spec("lightgbm") is None, reason="the optional extra lightgbm is not installed"
)
FITTERS = [fit_trees, pytest.param(fit_lightgbm, marks=has_lightgbm)]


def rows(n: int = 600, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Features, a tenth missing, and stars that rise with the first and fall with the second."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n, NAMES.size)).astype(np.float32)
    values[:, -1] = 0.1
    stars = np.clip(np.round(2 * (3.5 + values[:, 0] - values[:, 1])) / 2, 0.5, 5).astype(np.float32)
    values[rng.random(values.shape) < 0.1] = np.nan
    return values, stars


def fitted(objective: str, fit: Any = fit_trees, **changes: Any) -> Trees:
    values, stars = rows()
    target = stars >= 4 if objective == "like" else stars
    settings = {"feature_names": NAMES, "objective": objective, "n_trees": 20} | GROWTH | changes
    return fit(values, target, **settings)


@pytest.mark.parametrize("fit", FITTERS)
def test_trees_tell_likes_and_stars_of_rows_they_have_not_seen(fit: Any):
    values, stars = rows(seed=1)
    likes = fitted("like", fit).predict(values)
    assert likes.dtype == np.float32
    assert likes.shape == stars.shape
    assert ((likes > 0.5) == (stars >= 4)).mean() > 0.85
    error = fitted("stars", fit).predict(values) - stars
    assert np.sqrt(np.mean(error**2)) < 0.6 * stars.std()


@pytest.mark.parametrize("fit", FITTERS)
@pytest.mark.parametrize("objective", ["like", "stars"])
def test_contributions_and_bias_sum_to_the_margin(fit: Any, objective: str):
    values, _ = rows(seed=2)
    trees = fitted(objective, fit)
    parts, predicted = trees.contributions(values), trees.predict(values)
    assert parts.shape == (len(values), NAMES.size + 1)
    margin = logit(predicted.astype(float)) if objective == "like" else predicted
    assert_allclose(parts.sum(axis=1), margin, atol=1e-3)
    assert (parts[:, -1] == parts[0, -1]).all()


def test_predictions_are_those_of_xgboost_on_the_same_bytes():
    values, _ = rows(seed=3)
    trees = fitted("like")
    assert isinstance(trees, BoostedTrees)
    booster = xgboost.Booster(model_file=bytearray(trees.ubj))
    named = xgboost.DMatrix(values, feature_names=NAMES.tolist())
    assert_array_equal(trees.predict(values), booster.predict(named))
    assert_allclose(expit(booster.predict(named, output_margin=True)), trees.predict(values), rtol=1e-5)


@pytest.mark.parametrize("fit", FITTERS)
def test_the_same_seed_gives_the_same_trees_with_any_number_of_threads(fit: Any):
    values, _ = rows(seed=4)
    once, again, threaded, other = (
        fitted("like", fit, **changes).predict(values) for changes in ({}, {}, {"n_threads": 2}, {"seed": 1})
    )
    assert_array_equal(once, again)
    assert_array_equal(once, threaded)
    assert (once != other).any()


def test_the_same_seed_gives_the_same_bytes():
    one, other = (fitted("stars", n_threads=n, n_trees=5) for n in (1, 2))
    assert isinstance(one, BoostedTrees)
    assert isinstance(other, BoostedTrees)
    assert one.ubj.tobytes() == other.ubj.tobytes()


def test_importance_is_that_of_the_signal_and_zero_for_what_is_not_used():
    trees = fitted("stars", subsample=1.0, column_share=1.0)
    assert isinstance(trees, BoostedTrees)
    found = trees.importance()
    assert found.share.sum() == pytest.approx(1)
    assert set(np.argsort(-found.share)[:2]) == {0, 1}
    dump = trees.booster.get_dump()
    assert_array_equal(found.weight, [sum(text.count(f"[{name}<") for text in dump) for name in NAMES])
    blind = fit_trees(
        np.zeros((9, 5), np.float32),
        np.arange(9),
        feature_names=NAMES,
        objective="stars",
        n_trees=2,
        **GROWTH,
    )
    assert_array_equal(blind.importance().share, np.zeros(5))


def test_early_stopping_takes_the_fewest_trees_of_least_held_out_loss():
    values, stars = rows(seed=5)
    held_out, held_out_stars = rows(seed=6)
    how = {"feature_names": NAMES, "objective": "stars"} | GROWTH
    best, curve = choose_n_trees(values, stars, held_out, held_out_stars, max_trees=200, patience=5, **how)
    assert curve[best - 1] == curve.min()
    assert curve.size == min(best + 5, 200)
    trees = fit_trees(values, stars, n_trees=best, **how)
    error = trees.predict(held_out) - held_out_stars
    assert np.sqrt(np.mean(error.astype(float) ** 2)) == pytest.approx(curve[best - 1], rel=1e-4)


def test_without_patience_to_run_out_all_trees_are_tried():
    values, stars = rows(seed=5)
    how = {"feature_names": NAMES, "objective": "like"} | GROWTH
    _, curve = choose_n_trees(values, stars >= 4, values, stars >= 4, max_trees=7, patience=7, **how)
    assert curve.shape == (7,)
    assert np.all(np.diff(curve) < 0)


def test_a_summary_has_the_size_and_the_direction_of_contributions():
    x = np.array(
        [[1, 1, 5, np.nan], [2, 2, 5, np.nan], [3, 3, 5, np.nan], [np.nan, 4, 5, np.nan]], np.float32
    )
    parts = np.column_stack([[-1, 0, 1, 9], [2, 1, 0, -1], [1, -1, 1, -1], [1, 2, 3, 4], [7, 7, 7, 7]])
    found = summarize_contributions(x, parts)
    assert_allclose(found.mean_absolute, [11 / 4, 1, 1, 2.5])
    assert_allclose(found.direction, [1, -1, 0, 0])


def test_the_summary_of_fitted_trees_finds_the_directions():
    values, _ = rows(seed=7)
    found = summarize_contributions(values, fitted("like").contributions(values))
    assert found.direction[0] > 0.8
    assert found.direction[1] < -0.8
    assert set(np.argsort(-found.mean_absolute)[:2]) == {0, 1}


def test_trees_are_an_artifact(tmp_path: Any):
    values, _ = rows(seed=8)
    trees = fitted("like")
    expected = trees.predict(values)
    save_artifact(tmp_path / "trees.npz", trees)
    assert_array_equal(load_artifact(tmp_path / "trees.npz", BoostedTrees).predict(values), expected)


def test_rows_that_do_not_fit_are_refused():
    values, stars = rows(20)
    how = {"feature_names": NAMES, "objective": "stars", "n_trees": 1} | GROWTH
    with pytest.raises(ValueError, match=r"shape \(20, 4\) and there are 5 features"):
        fit_trees(values[:, :4], stars, **how)
    with pytest.raises(ValueError, match=r"0 rows and target has shape \(0,\)"):
        fit_trees(values[:0], stars[:0], **how)
    with pytest.raises(ValueError, match=r"20 rows and target has shape \(19,\)"):
        fit_trees(values, stars[1:], **how)
    with pytest.raises(ValueError, match="objective is 'love'; give one of like, stars"):
        fit_trees(values, stars, **how | {"objective": "love"})
    with pytest.raises(ValueError, match=r"shape \(20, 3\) and there are 5 features"):
        fitted("like").predict(values[:, :3])
    values[3, 2] = np.inf
    with pytest.raises(ValueError, match="1 values are infinite"):
        fit_trees(values, stars, **how)


def test_without_lightgbm_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch):
    def absent(name: str) -> None:
        raise ModuleNotFoundError(f"No module named {name!r}")

    monkeypatch.setattr(module.importlib, "import_module", absent)
    with pytest.raises(ImportError, match=r"recsys-assets\[lightgbm\]"):
        fitted("like", fit_lightgbm)


def test_inputs_are_left_alone():
    values, stars = rows(50)
    for part in (values, stars, NAMES):
        part.flags.writeable = False
    how = {"feature_names": NAMES, "objective": "stars"} | GROWTH
    trees = fit_trees(values, stars, n_trees=2, **how)
    choose_n_trees(values, stars, values, stars, max_trees=2, patience=1, **how)
    trees.predict(values)
    summarize_contributions(values, trees.contributions(values))
    NAMES.flags.writeable = True
