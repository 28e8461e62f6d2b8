"""What held-out rows choose of the like models, and how features become every model's probabilities."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit

from recsys_assets.algorithms.liking.calibration import average_log_odds, log_loss
from recsys_assets.algorithms.liking.features import FEATURES, TIME
from recsys_assets.algorithms.liking.judging import auc
from recsys_assets.algorithms.liking.learning import (
    NAMES,
    VARIANTS,
    LikeChoice,
    choose_likes,
    fit_likes,
    probabilities,
)
from recsys_assets.algorithms.liking.trees import Growth

LIKE = 4.0
GROWTH = Growth(
    learning_rate=0.3,
    max_depth=3,
    min_child_weight=1.0,
    subsample=1.0,
    column_share=1.0,
    regularization=1.0,
    n_threads=1,
    seed=0,
)
OF_TIME = np.array([feature.group == TIME for feature in FEATURES])
BIAS, MOVIE_MEAN, MOMENT, GENRE = (
    NAMES.tolist().index(name) for name in ("bias", "item_like_rate", "recent_effect", "genre_affinity")
)
Rows = tuple[np.ndarray, np.ndarray]


def rows(n: int, seed: int, *, time_tells: float) -> Rows:
    """Features at random, and stars that rise with the bias, the genre, and a feature of time as far as it tells."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n, len(FEATURES))).astype(np.float32)
    values[:, MOVIE_MEAN] = rng.uniform(0.1, 0.9, n)
    signal = values[:, BIAS] + values[:, GENRE] + time_tells * values[:, MOMENT]
    stars = np.clip(np.round(2 * (3.7 + signal + 0.5 * rng.normal(size=n))) / 2, 0.5, 5)
    return values, stars.astype(np.float32)


def chosen(learned: Rows, held_out: Rows, **changes: Any) -> LikeChoice:
    how = {"max_trees": 15, "patience": 5, "calibration_folds": 2, "weight_steps": 5, "growth": GROWTH}
    return choose_likes(*learned, *held_out, like=LIKE, **(how | changes))


@pytest.fixture(scope="module")
def learned() -> Rows:
    return rows(1000, 0, time_tells=1.0)


@pytest.fixture(scope="module")
def held_out() -> Rows:
    return rows(600, 1, time_tells=1.0)


@pytest.fixture(scope="module")
def choice(learned: Rows, held_out: Rows) -> LikeChoice:
    return chosen(learned, held_out)


def found_of(
    choice: LikeChoice, learned: Rows, values: np.ndarray, cold: np.ndarray
) -> dict[str, np.ndarray]:
    models = fit_likes(*learned, choice.n_trees, like=LIKE, growth=GROWTH)
    return probabilities(
        values,
        cold,
        models,
        choice.calibrators,
        classifier=choice.classifier,
        regressor=choice.regressor,
        weight=choice.weight.chosen,
    )


def test_of_each_objective_the_variant_of_least_log_loss_is_chosen(choice: LikeChoice):
    assert [tried.name for tried in choice.tried] == list(VARIANTS)
    for objective, name in (("like", choice.classifier), ("stars", choice.regressor)):
        losses = {t.name: t.log_loss for t in choice.tried if VARIANTS[t.name].objective == objective}
        assert name == min(losses, key=losses.__getitem__)
        assert [t.name for t in choice.tried if t.chosen and t.name in losses] == [name]
    assert choice.calibrators.keys() == {*VARIANTS, "bias"}
    for name, curve in choice.calibrators.items():
        assert curve.of_probabilities is name.startswith("classifier")
    assert all(1 <= tried.n_trees <= 15 for tried in choice.tried)


@pytest.mark.parametrize(
    ("in_held_out", "with_time"),
    [(1.0, True), (-1.0, False)],
)
def test_time_is_used_where_held_out_rows_bear_it_out(learned: Rows, in_held_out: float, with_time: bool):
    found = chosen(learned, rows(600, 1, time_tells=in_held_out))
    assert VARIANTS[found.classifier].with_time is with_time
    assert VARIANTS[found.regressor].with_time is with_time


def test_variants_without_time_never_see_it(learned: Rows, held_out: Rows, choice: LikeChoice):
    assert all(
        np.array_equal(variant.columns, np.flatnonzero(~OF_TIME | variant.with_time))
        for variant in VARIANTS.values()
    )
    scrambled = []
    for seed, (values, stars) in enumerate((learned, held_out)):
        other = values.copy()
        other[:, OF_TIME] = np.random.default_rng(seed).normal(size=(len(values), OF_TIME.sum()))
        scrambled.append((other, stars))
    found = chosen(*scrambled)
    for before, after in zip(choice.tried, found.tried, strict=True):
        same = replace(before, chosen=True) == replace(after, chosen=True)
        assert same is not VARIANTS[before.name].with_time


def test_stop_and_auc_are_of_the_rows_held_out(learned: Rows, held_out: Rows, choice: LikeChoice):
    values, stars = held_out
    for tried in choice.tried:
        trees = fit_likes(*learned, {tried.name: tried.n_trees}, like=LIKE, growth=GROWTH)[tried.name]
        score = trees.predict(values[:, VARIANTS[tried.name].columns])
        assert tried.auc == auc(score, stars >= LIKE) > 0.75
        by_all = log_loss(choice.calibrators[tried.name].apply(score), stars >= LIKE)
        assert tried.log_loss == pytest.approx(by_all, abs=0.05)


def test_a_classifier_learns_likes_alone_and_a_regressor_stars(learned: Rows, choice: LikeChoice):
    values, stars = learned
    squeezed = np.where(stars >= LIKE, np.float32(5), np.float32(0.5))
    n_trees = dict.fromkeys(VARIANTS, 4)
    one = fit_likes(values, stars, n_trees, like=LIKE, growth=GROWTH)
    other = fit_likes(values, squeezed, n_trees, like=LIKE, growth=GROWTH)
    for name, variant in VARIANTS.items():
        seen = values[:, variant.columns]
        same = np.array_equal(one[name].predict(seen), other[name].predict(seen))
        assert same is (variant.objective == "like")


def test_the_ensemble_on_held_out_rows_is_no_worse_than_its_parts(held_out: Rows, choice: LikeChoice):
    loss = log_loss(choice.ensemble, held_out[1] >= LIKE)
    assert loss == pytest.approx(choice.weight.log_loss.min())
    assert choice.weight.weight.tolist() == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1])
    of_parts = [tried.log_loss for tried in choice.tried if tried.chosen]
    assert_allclose(choice.weight.log_loss[[-1, 0]], of_parts, rtol=1e-5)
    assert loss <= min(of_parts) + 1e-9


def test_every_model_has_a_probability_between_0_and_1(learned: Rows, held_out: Rows, choice: LikeChoice):
    values, stars = held_out
    extreme = np.vstack([values, 50 * values, np.full((1, len(FEATURES)), np.nan)]).astype(np.float32)
    extreme[-1, [BIAS, MOVIE_MEAN]] = 3.0, 0.5
    found = found_of(choice, learned, extreme, np.zeros(len(extreme), dtype=bool))
    assert found.keys() == {"movie_mean", "bias", "ensemble", *VARIANTS}
    for name in found.keys() - {"movie_mean"}:
        assert found[name].dtype == np.float32
        assert np.all((found[name] > 0) & (found[name] < 1)), name
    for name in ("bias", "ensemble", *VARIANTS):
        probability = found[name][: stars.size]
        assert probability.mean() == pytest.approx((stars >= LIKE).mean(), abs=0.03)


def test_the_ensemble_lies_between_the_two_that_were_chosen(
    learned: Rows, held_out: Rows, choice: LikeChoice
):
    blended = replace(choice, weight=replace(choice.weight, chosen=0.5))
    found = found_of(blended, learned, held_out[0], np.zeros(len(held_out[0]), dtype=bool))
    pair = np.stack([found[choice.classifier], found[choice.regressor]])
    assert np.all(found["ensemble"] >= pair.min(axis=0) - 1e-6)
    assert np.all(found["ensemble"] <= pair.max(axis=0) + 1e-6)
    assert_array_equal(found["ensemble"], average_log_odds(*pair, weight=0.5))
    assert (np.abs(pair[0] - pair[1]) > 1e-3).any()


def test_a_cold_user_gets_the_probability_of_the_biases(learned: Rows, held_out: Rows, choice: LikeChoice):
    values = held_out[0]
    cold = np.arange(len(values)) % 3 == 0
    found = found_of(choice, learned, values, cold)
    warm = found_of(choice, learned, values, np.zeros(len(values), dtype=bool))
    assert_array_equal(found["bias"], choice.calibrators["bias"].apply(values[:, BIAS]))
    for name in ("ensemble", *VARIANTS):
        assert_array_equal(found[name][cold], found["bias"][cold])
        assert_array_equal(found[name][~cold], warm[name][~cold])
        assert not np.array_equal(warm[name][cold], found["bias"][cold])


def test_movie_mean_is_the_movies_like_rate_and_nobody_elses_memory(
    learned: Rows, held_out: Rows, choice: LikeChoice
):
    values = held_out[0].copy()
    found = found_of(choice, learned, values, np.ones(len(values), dtype=bool))
    assert_array_equal(found["movie_mean"], values[:, MOVIE_MEAN])
    found["movie_mean"][:] = 0
    assert_array_equal(values, held_out[0])


def test_the_biases_calibration_recovers_a_planted_curve(learned: Rows):
    values, _ = rows(4000, 2, time_tells=0.0)
    liked = np.random.default_rng(0).random(4000) < expit(2 * values[:, BIAS] - 0.5)
    found = chosen(learned, (values, np.where(liked, 5, 1).astype(np.float32)), max_trees=2)
    assert_allclose(
        found.calibrators["bias"].apply(np.array([-1.0, 0, 1])), expit([-2.5, -0.5, 1.5]), atol=0.06
    )


def test_the_same_rows_choose_the_same(learned: Rows, held_out: Rows, choice: LikeChoice):
    kept = [part.copy() for part in (*learned, *held_out)]
    again = chosen(learned, held_out)
    assert again.tried == choice.tried
    assert again.weight.chosen == choice.weight.chosen
    assert_array_equal(again.ensemble, choice.ensemble)
    for before, after in zip(kept, (*learned, *held_out), strict=True):
        assert_array_equal(after, before)


def test_too_few_held_out_rows_are_named(learned: Rows, held_out: Rows):
    with pytest.raises(ValueError, match="n_folds is 2 for 1 rows"):
        chosen(learned, (held_out[0][:1], held_out[1][:1]))
