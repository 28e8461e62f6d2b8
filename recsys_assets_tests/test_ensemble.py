from __future__ import annotations

import copy
import threading
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from rating_logs import assert_same_log, log_of, planted_log
from threadpoolctl import threadpool_info

from recsys_assets.algorithms.rating_prediction.biases import fit_biases
from recsys_assets.algorithms.rating_prediction.ensemble import (
    Blend,
    Choice,
    Recipe,
    blend_weights,
    choose,
    fit_models,
)
from recsys_assets.algorithms.rating_prediction.latent_factors import fit_latent_factors
from recsys_assets.algorithms.rating_prediction.log import RatingLog

seeds = st.integers(0, 2**32 - 1)
LEARNED = log_of([0, 0, 1, 1], [0, 1, 0, 2], [1, 3, 5, 3], n_users=3, n_items=3)
HELD_OUT = log_of([0, 1, 2, 2], [2, 1, 0, 1], [4, 2, 5, 1], n_users=3, n_items=3)


@dataclass(frozen=True)
class Table:
    """A model whose predictions are given, shape (n_users, n_items)."""

    stars: np.ndarray

    def predict(self, user, item, day):
        return self.stars[user, item]

    def predict_all(self, users, day):
        return self.stars[users]


class NeverAsked:
    """A model that may not be asked."""

    def predict(self, user, item, day):
        raise AssertionError("a model without weight was asked")

    predict_all = predict


def table(seed: int) -> Table:
    return Table(np.random.default_rng(seed).uniform(1, 5, (3, 3)).astype(np.float32))


def constant(log: RatingLog, *, stars: float) -> Table:
    return Table(np.full((log.n_users, log.n_items), stars, dtype=np.float32))


def some_predictions(
    seed: int, n_models: int, n_ratings: int = 30
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Predictions that lie near the ratings, each with errors of its own, and the ratings."""
    rng = np.random.default_rng(seed)
    rating = rng.uniform(1, 5, n_ratings).astype(np.float32)
    errors = rng.normal(size=(n_models, n_ratings)) * rng.uniform(0.2, 3, (n_models, 1))
    predictions = {f"model_{m}": (rating + error).astype(np.float32) for m, error in enumerate(errors)}
    return predictions, rating


@given(seeds, st.integers(0, 3))
def test_a_perfect_model_takes_all_the_weight(seed: int, n_others: int):
    others, rating = some_predictions(seed, n_others)
    weights = blend_weights({**others, "perfect": rating}, rating, mean=3.0)
    assert list(weights) == [*others, "perfect"]
    assert_allclose(list(weights.values()), [0] * n_others + [1], atol=1e-6)


@given(seeds, st.integers(1, 4))
def test_orthogonal_deviations_are_weighed_one_by_one(seed: int, n_models: int):
    """With orthogonal deviations d_m the weight of each is ⟨d_m, r − μ⟩ / ⟨d_m, d_m⟩, or 0 where that is negative."""
    rng = np.random.default_rng(seed)
    deviations = np.linalg.qr(rng.normal(size=(12, n_models)))[0] * rng.uniform(0.5, 3, n_models)
    rating = rng.uniform(1, 5, 12)
    predictions = {str(m): 3 + deviations[:, m] for m in range(n_models)}
    alone = (rating - 3) @ deviations / np.square(deviations).sum(axis=0)
    weights = blend_weights(predictions, rating, mean=3.0)
    assert_allclose(list(weights.values()), np.maximum(alone, 0), atol=1e-9)


@given(seeds, st.integers(1, 6))
def test_weights_are_the_non_negative_minimum(seed: int, n_models: int):
    """Karush, Kuhn & Tucker: the gradient is 0 where a weight is positive, and no descent where it is 0."""
    predictions, rating = some_predictions(seed, n_models)
    weights = np.array(list(blend_weights(predictions, rating, mean=3.0).values()))
    deviations = np.column_stack(list(predictions.values())).astype(float) - 3
    downhill = deviations.T @ (rating.astype(float) - 3 - deviations @ weights)
    assert np.all(weights >= 0)
    assert_allclose(downhill[weights > 0], 0, atol=1e-8)
    assert np.all(downhill <= 1e-8)


@given(seeds, st.integers(1, 6))
def test_where_weights_were_chosen_no_model_beats_the_blend(seed: int, n_models: int):
    predictions, rating = some_predictions(seed, n_models)
    blend = Blend(3.0, blend_weights(predictions, rating, mean=3.0), {})
    squares = [np.square(stars - rating, dtype=float).sum() for stars in predictions.values()]
    blended = np.square(blend.combine(predictions) - rating, dtype=float).sum()
    assert blended <= min(*squares, np.square(rating - 3.0).sum()) + 1e-4


@given(seeds, st.lists(st.floats(0, 1), min_size=1, max_size=5).filter(lambda weights: sum(weights) > 0.01))
def test_models_that_agree_are_blended_to_what_they_say(seed: int, weights: list[float]):
    agreed = table(seed).stars
    shares = {str(m): weight / sum(weights) for m, weight in enumerate(weights)}
    assert_allclose(Blend(3.2, shares, {}).combine(dict.fromkeys(shares, agreed)), agreed, atol=1e-5)


def test_a_blend_adds_weighted_deviations_from_the_mean():
    one, other = table(1), table(2)
    blend = Blend(
        3.0, {"one": 0.5, "idle": 0.0, "other": 0.25}, {"one": one, "idle": NeverAsked(), "other": other}
    )
    expected = 3 + 0.5 * (one.stars - 3) + 0.25 * (other.stars - 3)
    users, day = np.array([2, 0]), np.zeros(2)
    assert_allclose(blend.predict_all(users, day), expected[users], rtol=1e-6)
    assert_allclose(blend.predict(users, np.array([1, 1]), day), expected[users, 1], rtol=1e-6)
    assert blend.predict_all(users, day).dtype == np.float32


def test_predictions_stay_as_they_were_and_those_with_weight_must_be_at_hand():
    predictions = {"one": table(1).stars, "other": table(2).stars}
    before = copy.deepcopy(predictions)
    blend = Blend(3.0, {"one": 0.5, "idle": 0.0, "other": 1.25}, {})
    blend.combine(predictions)
    for name, stars in predictions.items():
        assert_array_equal(stars, before[name])
    with pytest.raises(KeyError, match="other"):
        blend.combine({"one": predictions["one"]})


def test_without_any_weight_a_blend_is_the_mean_in_the_shape_asked_for():
    blend = Blend(3.25, {"one": 0.0, "other": 0.0}, {"one": table(1), "other": table(2)})
    assert_array_equal(blend.predict(np.array([0, 1]), np.array([1, 1]), np.zeros(2)), [3.25, 3.25])
    assert_array_equal(blend.predict_all(np.array([0, 1]), np.zeros(2)), np.full((2, 3), 3.25))


CONSTANTS = Recipe("constant", constant, ({"stars": 1.0}, {"stars": 3.5}, {"stars": 2.0}))


def test_each_recipe_s_best_candidate_is_chosen_and_all_are_told():
    means = Recipe(
        "mean", lambda log, *, shift: constant(log, stars=log.rating.mean() + shift), ({"shift": 0.5},)
    )
    choice = choose([CONSTANTS, means], LEARNED, HELD_OUT, n_threads=1)
    assert [(tried.name, dict(tried.settings), tried.chosen) for tried in choice.tried] == [
        ("constant", {"stars": 1.0}, False),
        ("constant", {"stars": 3.5}, True),
        ("constant", {"stars": 2.0}, False),
        ("mean", {"shift": 0.5}, True),
    ]
    assert choice.settings == {"constant": {"stars": 3.5}, "mean": {"shift": 0.5}}
    errors = [np.sqrt(np.mean((HELD_OUT.rating - stars) ** 2)) for stars in (1, 3.5, 2, 3.5)]
    assert_allclose([tried.rmse for tried in choice.tried], errors)
    assert all(tried.fit_seconds >= 0 for tried in choice.tried)
    for stars in choice.predictions.values():
        assert_array_equal(stars, 3.5)


def test_the_first_of_equal_candidates_is_chosen():
    recipe = Recipe("constant", constant, ({"stars": 1.0}, {"stars": 2.5}, {"stars": 3.5}))
    choice = choose([recipe], LEARNED, HELD_OUT, n_threads=1)
    assert choice.tried[1].rmse == choice.tried[2].rmse < choice.tried[0].rmse
    assert choice.settings == {"constant": {"stars": 2.5}}


def test_predictions_are_clipped_to_the_scale_that_was_learned_before_they_are_judged():
    wild = Recipe(
        "wild", lambda log: Table(np.array([[0, 0, 9], [0, -9, 0], [9, 0, 0]], dtype=np.float32)), ({},)
    )
    choice = choose([wild], LEARNED, HELD_OUT, n_threads=1)
    assert_array_equal(choice.predictions["wild"], [5, 1, 5, 1])
    assert choice.tried[0].rmse == pytest.approx(np.sqrt(2 / 4))


def test_the_blend_s_weights_are_those_of_the_chosen_predictions_around_the_learned_mean():
    recipes = [
        Recipe(name, lambda log, *, seed: table(seed), ({"seed": seed},))
        for name, seed in (("a", 1), ("b", 2))
    ]
    choice = choose(recipes, LEARNED, HELD_OUT, n_threads=1)
    assert choice.weights == blend_weights(choice.predictions, HELD_OUT.rating, mean=3.0)


def test_what_is_fitted_sees_the_learned_ratings_alone():
    seen: list[RatingLog] = []

    def spy(log: RatingLog) -> Table:
        seen.append(log)
        return constant(log, stars=3)

    before = copy.deepcopy((LEARNED, HELD_OUT))
    choose([Recipe("spy", spy, ({},))], LEARNED, HELD_OUT, n_threads=1)
    assert seen == [LEARNED]
    for log, kept in zip((LEARNED, HELD_OUT), before, strict=True):
        assert_same_log(log, kept)


def without_seconds(choice: Choice) -> Choice:
    return replace(choice, tried=tuple(replace(tried, fit_seconds=0.0) for tried in choice.tried))


def real_recipes() -> list[Recipe]:
    def factors(log: RatingLog, *, regularization: float):
        return fit_latent_factors(
            log,
            implicit=True,
            n_factors=4,
            epochs=5,
            learning_rate=0.02,
            decay=0.9,
            regularization=regularization,
            initial_scale=0.1,
            seed=0,
        )

    def biases(log: RatingLog, *, damping: float):
        return fit_biases(log, user_damping=damping, item_damping=damping, iterations=3)

    return [
        Recipe("factors", factors, ({"regularization": 0.01}, {"regularization": 0.1})),
        Recipe("biases", biases, ({"damping": 1.0}, {"damping": 5.0}, {"damping": 25.0})),
    ]


def test_threads_change_nothing_but_the_time():
    learned, held_out = planted_log(30, 20, n_factors=2, noise=0.2, share=0.7, seed=0)
    one, two = (
        without_seconds(choose(real_recipes(), learned, held_out, n_threads=n_threads))
        for n_threads in (1, 2)
    )
    assert (one.tried, one.weights) == (two.tried, two.weights)
    for name, stars in one.predictions.items():
        assert_array_equal(stars, two.predictions[name])


def test_jobs_run_side_by_side_and_blas_does_not():
    """Both fits wait for each other; one after the other they would wait in vain."""
    together = threading.Barrier(2)

    def meet(log: RatingLog, *, stars: float) -> Table:
        together.wait(timeout=30)
        assert {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"} <= {1}
        return constant(log, stars=stars)

    choice = choose([Recipe("meet", meet, ({"stars": 3.0}, {"stars": 4.0}))], LEARNED, HELD_OUT, n_threads=2)
    assert choice.settings == {"meet": {"stars": 3.0}}


@pytest.mark.parametrize("n_threads", [1, 2])
def test_models_are_fitted_with_the_settings_that_were_chosen(n_threads: int):
    learned, held_out = planted_log(30, 20, n_factors=2, noise=0.2, share=0.7, seed=0)
    choice = choose(real_recipes(), learned, held_out, n_threads=n_threads)
    fitted = fit_models(real_recipes(), choice.settings, learned, n_threads=n_threads)
    assert list(fitted) == ["factors", "biases"]
    for name, (model, seconds) in fitted.items():
        stars = model.predict(held_out.user, held_out.item, held_out.day)
        assert_array_equal(stars.clip(*learned.scale), choice.predictions[name])
        assert seconds > 0


@pytest.mark.parametrize("n_threads", [1, 2])
def test_a_fit_that_fails_fails_the_choice(n_threads: int):
    def diverge(log: RatingLog) -> Table:
        raise FloatingPointError("the factors diverged")

    with pytest.raises(FloatingPointError, match="diverged"):
        choose([CONSTANTS, Recipe("bad", diverge, ({},))], LEARNED, HELD_OUT, n_threads=n_threads)


def test_without_held_out_ratings_nothing_can_be_chosen():
    with pytest.raises(ValueError, match="0 held-out ratings"):
        choose([CONSTANTS], LEARNED, HELD_OUT.rows(np.zeros(4, dtype=bool)), n_threads=1)
