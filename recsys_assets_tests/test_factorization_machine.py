from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from rating_logs import all_pairs, assert_same_log, log_of, logs, planted_log, rmse, shuffled
from scipy.sparse import csr_matrix

from recsys_assets.algorithms.rating_prediction.biases import fit_biases
from recsys_assets.algorithms.rating_prediction.factorization_machine import (
    FactorizationMachine,
    SideFeatures,
    fit_factorization_machine,
)
from recsys_assets.algorithms.rating_prediction.log import RatingLog
from recsys_assets.algorithms.rating_prediction.ordinal import expected_level
from recsys_assets.storage.arrays import content_digest, load_artifact, save_artifact

both = pytest.mark.parametrize("ordinal", [False, True], ids=["regression", "ordinal"])

TINY = {
    "n_factors": 2,
    "n_samples": 4,
    "burn_in": 3,
    "n_kept": 2,
    "days_per_bin": 7.0,
    "sessions": True,
    "initial_scale": 0.1,
    "seed": 3,
}


def fit(
    log: RatingLog, *, ordinal: bool, side: SideFeatures | None = None, **changed
) -> FactorizationMachine:
    return fit_factorization_machine(
        log, side or SideFeatures.none(log), ordinal=ordinal, **{**TINY, **changed}
    )


def two_levels(log: RatingLog) -> RatingLog:
    """The log with its first two ratings unlike each other, so that an ordinal model can be fitted."""
    rating = log.rating.copy()
    rating[:2] = 1, 2
    return replace(log, rating=rating)


rich_logs = logs().filter(lambda log: log.rating.size > 1).map(two_levels)


def r_squared(model: FactorizationMachine, log: RatingLog) -> float:
    return 1 - rmse(model, log) ** 2 / float(log.rating.var())


def latent_of(model: FactorizationMachine, draw: int, user: int, item: int, moment: int) -> float:
    """f of one rating in one draw, by its formula."""
    u, i, m = (
        factors[draw, row].astype(float)
        for factors, row in (
            (model.user_factors, user),
            (model.item_factors, item),
            (model.moment_factors, moment),
        )
    )
    own = model.user_own[draw, user] + model.item_own[draw, item] + model.moment_own[draw, moment]
    return model.intercept[draw] + own + u @ i + u @ m + i @ m


@both
@given(rich_logs, st.integers(0, 2))
@settings(max_examples=15)
def test_a_prediction_is_the_mean_over_draws_of_what_the_formula_says(
    ordinal: bool, log: RatingLog, late: int
):
    model = fit(log, ordinal=ordinal)
    moment = model.moments.row(log.user, log.day + 20 * late)
    latent = np.array(
        [
            [latent_of(model, draw, *row) for row in zip(log.user, log.item, moment, strict=True)]
            for draw in range(TINY["n_kept"])
        ]
    )
    if ordinal:
        cuts = model.cut_points.astype(float)
        latent = np.array([expected_level(*both_, model.levels) for both_ in zip(cuts, latent, strict=True)])
    assert_allclose(
        model.predict(log.user, log.item, log.day + 20 * late), latent.mean(axis=0), rtol=1e-5, atol=1e-4
    )


@both
@given(rich_logs, st.integers(1, 5), st.integers(0, 100))
@settings(max_examples=15)
def test_predicting_pairs_and_predicting_all_agree(ordinal: bool, log: RatingLog, n_kept: int, seed: int):
    model = fit(log, ordinal=ordinal, n_samples=5, n_kept=n_kept)
    rng = np.random.default_rng(seed)
    users, day = rng.integers(0, log.n_users, 4), 11_990 + 60 * rng.random(4)
    user, item = all_pairs(users, log.n_items)
    table = model.predict_all(users, day)
    assert table.dtype == np.float32
    assert_allclose(table.reshape(-1), model.predict(user, item, np.repeat(day, log.n_items)), atol=2e-5)


def test_expected_stars_are_exact_to_four_digits_from_end_to_end_of_the_latent_scale():
    latent = np.linspace(-30, 30, 5_001, dtype=np.float32)
    cuts = np.array([[-4.0, -1.0, -0.9, 2.0]], dtype=np.float32)
    rows = np.zeros((1, 1, 0), dtype=np.float32)
    model = FactorizationMachine(
        levels=np.array([0.5, 1, 3, 4.5, 5], dtype=np.float32),
        cut_points=cuts,
        intercept=np.zeros(1, dtype=np.float32),
        user_own=rows[..., :0].sum(axis=2),
        item_own=latent[None, :],
        moment_own=np.zeros((1, 1), dtype=np.float32),
        user_factors=rows,
        item_factors=np.zeros((1, latent.size, 0), dtype=np.float32),
        moment_factors=rows,
        sessions=np.empty(0, dtype=np.int64),
        first_day=0.0,
        days_per_bin=1.0,
        n_bins=0,
    )
    stars = model.predict_all(np.array([0]), np.zeros(1))[0]
    exact = expected_level(cuts[0].astype(float), latent.astype(float), model.levels.astype(float))
    assert np.abs(stars - exact).max() < 1e-4
    assert_array_equal(stars[[0, -1]], [0.5, 5])


LEARN = {"n_samples": 60, "burn_in": 20, "n_kept": 30, "days_per_bin": np.inf, "sessions": False}


def test_a_planted_machine_is_recovered_down_to_its_noise():
    learned, others = planted_log(80, 50, n_factors=2, noise=0.15, share=0.6, seed=1)
    model = fit(learned, ordinal=False, **LEARN)
    biases = fit_biases(learned, user_damping=1, item_damping=1, iterations=10)
    assert rmse(model, others) < 0.2
    assert r_squared(model, others) > 0.95
    assert rmse(biases, others) > 0.6


def test_of_planted_stars_the_ordinal_machine_recovers_what_rounding_leaves():
    learned, others = (
        replace(log, rating=log.rating.round().clip(1, 5))
        for log in planted_log(80, 50, n_factors=2, noise=0.15, share=0.6, seed=1)
    )
    model = fit(learned, ordinal=True, **LEARN)
    biases = fit_biases(learned, user_damping=1, item_damping=1, iterations=10)
    # Rounding alone has an error of √(1/12) = 0.29 stars.
    assert rmse(model, others) < 0.4
    assert rmse(biases, others) > 0.6
    stars = model.predict_all(np.arange(80), np.zeros(80))
    assert stars.min() >= 1 - 1e-4
    assert stars.max() <= 5 + 1e-4


@both
def test_an_item_without_ratings_is_predicted_by_what_is_known_of_it(ordinal: bool):
    """Two genres, which all users rate around 4 and 2; the last two items, one of each, have no ratings."""
    n_users, n_items = 40, 32
    genre, rng = np.arange(n_items) % 2, np.random.default_rng(0)
    user, item = np.nonzero(rng.random((n_users, n_items - 2)) < np.linspace(0.05, 1, n_items - 2))
    rating = np.where(genre[item] == 0, 4, 2) + rng.integers(-1, 2, user.size)
    log = log_of(user, item, rating, n_users=n_users, n_items=n_items)
    known = SideFeatures(SideFeatures.none(log).users, csr_matrix(np.eye(2, dtype=np.float32)[genre]))
    by_genre, unknown = (
        fit(log, ordinal=ordinal, side=side, **{**LEARN, "n_samples": 150}).predict_all(
            np.arange(n_users), np.zeros(n_users)
        )[:, -2:]
        for side in (known, SideFeatures.none(log))
    )
    # The sets of users, which these two lack, share the others' level with the intercept: only the difference is sure.
    assert np.diff(by_genre.mean(axis=0)) < -1
    assert_allclose(by_genre.mean(axis=0), [4, 2], atol=1)
    assert np.abs(np.diff(unknown.mean(axis=0))) < 0.7


@both
def test_a_user_without_ratings_and_a_time_outside_the_log_have_finite_predictions(ordinal: bool):
    log = log_of([0, 0, 2], [0, 1, 1], [1, 5, 3], [100, 103, 120], n_users=4, n_items=3)
    model = fit(log, ordinal=ordinal)
    for day in (0.0, 110.0, 1e5):
        assert np.isfinite(model.predict_all(np.arange(4), np.full(4, day))).all()


@both
def test_a_time_that_all_users_share_is_learned(ordinal: bool):
    """Everybody rates a star higher in the second fortnight."""
    rng = np.random.default_rng(0)
    user, item = np.divmod(np.arange(30 * 20), 20)
    day = 28 * rng.random(user.size)
    log = log_of(user, item, 2 + (day >= 14) + rng.integers(0, 2, user.size), day)
    model = fit(log, ordinal=ordinal, **{**LEARN, "days_per_bin": 14.0})
    before, after = (model.predict(user, item, np.full(user.size, day)).mean() for day in (7.0, 21.0))
    assert after - before == pytest.approx(1, abs=0.1)


def test_a_session_s_mood_is_learned_and_ends_with_the_day():
    """On each of two days, a user's stars are a star above or below 3, whatever the items."""
    rng = np.random.default_rng(0)
    user, item = np.divmod(np.arange(40 * 20), 20)
    mood = rng.choice([-1.0, 1.0], (40, 2))
    log = log_of(user, item, 3 + mood[user, item // 10] + 0.1 * rng.normal(size=user.size), item // 10)
    settings_ = {**LEARN, "days_per_bin": 14.0, "n_factors": 0}
    with_sessions, without = (
        fit(log, ordinal=False, **{**settings_, "sessions": on}) for on in (True, False)
    )
    assert rmse(with_sessions, log) < 0.15
    assert rmse(without, log) > 0.6
    everyone = np.arange(40)
    today, later = (with_sessions.predict_all(everyone, np.full(40, day)).mean(axis=1) for day in (1.5, 5.0))
    assert np.abs(today - 3 - mood[:, 1]).mean() < 0.2
    assert np.abs(later - 3 - mood.mean(axis=1)).mean() < 0.4


@both
@pytest.mark.parametrize(("n_samples", "n_kept"), [(4, 4), (4, 2), (6, 4), (5, 1)])
def test_kept_draws_are_evenly_spread_and_the_last_is_one(ordinal: bool, n_samples: int, n_kept: int):
    log, _ = planted_log(8, 6, n_factors=1, noise=0.3, share=0.8, seed=1)
    log = replace(log, rating=log.rating.round())
    every, some = (fit(log, ordinal=ordinal, n_samples=n_samples, n_kept=n) for n in (n_samples, n_kept))
    which = {(4, 4): [0, 1, 2, 3], (4, 2): [1, 3], (6, 4): [1, 2, 3, 5], (5, 1): [4]}[n_samples, n_kept]
    for name in ("cut_points", "intercept", "user_own", "item_factors", "moment_own"):
        assert_array_equal(getattr(some, name), getattr(every, name)[which])
    assert len(np.unique(every.user_own, axis=0)) == n_samples
    # The cut points take the place of the intercept.
    assert len(np.unique(every.intercept)) == (1 if ordinal else n_samples)
    assert every.cut_points.shape[1] == (len(every.levels) - 1 if ordinal else 0)


@given(st.integers(1, 12), st.data())
@settings(max_examples=15)
def test_as_many_draws_are_kept_as_asked_for(n_samples: int, data: st.DataObject):
    n_kept = data.draw(st.integers(1, n_samples))
    log = log_of([0, 1], [0, 0], [1, 2])
    model = fit(log, ordinal=False, n_samples=n_samples, n_kept=n_kept)
    assert {len(values) for name, values in vars(model).items() if name.endswith(("_own", "_factors"))} == {
        n_kept
    }


def test_without_burn_in_the_cut_points_move_too():
    log, _ = planted_log(20, 15, n_factors=1, noise=0.3, share=0.8, seed=1)
    log = replace(log, rating=log.rating.round().clip(1, 5))
    model = fit(log, ordinal=True, burn_in=0, n_samples=40, n_kept=40)
    assert len(np.unique(model.cut_points, axis=0)) > 5


@both
def test_refusals(ordinal: bool):
    log = log_of([0, 1], [0, 0], [3, 4])
    for n_kept in (0, 5):
        with pytest.raises(ValueError, match=f"{n_kept} draws of 4 can't be kept; keep 1 to 4"):
            fit(log, ordinal=ordinal, n_kept=n_kept)
    with pytest.raises(ValueError, match="0 ratings"):
        fit(log.rows(np.zeros(2, dtype=bool)), ordinal=ordinal)


def test_equal_ratings_are_refused_by_the_ordinal_and_learned_by_the_regression():
    log = log_of([0, 0, 1, 1], [0, 1, 0, 1], [4, 4, 4, 4])
    with pytest.raises(ValueError, match=r"all 4 ratings are 4 stars.*two levels"):
        fit(log, ordinal=True)
    model = fit(log, ordinal=False, n_samples=200, n_kept=200)
    assert_allclose(model.predict(log.user, log.item, log.day), 4, atol=0.25)


@both
@given(rich_logs)
@settings(max_examples=10)
def test_the_order_of_the_rows_makes_no_difference(ordinal: bool, log: RatingLog):
    assert content_digest(fit(shuffled(log), ordinal=ordinal)) == content_digest(fit(log, ordinal=ordinal))


@both
def test_same_seed_same_bytes_and_another_seed_others(ordinal: bool, tmp_path):
    log, _ = planted_log(12, 9, n_factors=1, noise=0.2, share=0.7, seed=2)
    log = replace(log, rating=log.rating.round())
    before = copy.deepcopy(log)
    one, same, other = (fit(log, ordinal=ordinal, seed=seed) for seed in (1, 1, 2))
    assert content_digest(one) == content_digest(same) != content_digest(other)
    assert_same_log(log, before)
    save_artifact(tmp_path / "model.npz", one)
    loaded = load_artifact(tmp_path / "model.npz", FactorizationMachine)
    assert content_digest(loaded) == content_digest(one)
    for model in (one, loaded):
        assert model.user_factors.flags.c_contiguous
    assert_array_equal(loaded.predict(log.user, log.item, log.day), one.predict(log.user, log.item, log.day))
