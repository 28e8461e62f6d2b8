from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import kstest, norm, truncnorm

from recsys_assets.algorithms.rating_prediction.ordinal import CutPoints, _information, expected_level

seeds = st.integers(0, 2**32 - 1)
PLANTED = np.array([-1.5, -0.8, 0.2, 1.1])


def planted(n: int, *, cut_points: np.ndarray = PLANTED, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Levels and latent means of n ratings under those cut points."""
    rng = np.random.default_rng(seed)
    latent = 0.8 * rng.normal(size=n)
    return np.searchsorted(cut_points, latent + rng.normal(size=n)), latent


def chain(
    level: np.ndarray, latent: np.ndarray, *, n_adapting: int, n_draws: int, seed: int = 0
) -> np.ndarray:
    cuts = CutPoints(level, rng=np.random.default_rng(seed))
    draws = []
    for number in range(n_adapting + n_draws):
        if number < n_adapting:
            cuts.adapt(latent)
        cuts.sample(latent)
        draws.append(cuts.values)
    return np.array(draws[n_adapting:])


def log_chance(cut_points: np.ndarray, level: np.ndarray, latent: np.ndarray) -> np.ndarray:
    """log P(level) of each rating, from the definition."""
    padded = np.concatenate([[-np.inf], cut_points, [np.inf]])
    return np.log(norm.cdf(padded[level + 1] - latent) - norm.cdf(padded[level] - latent))


def scores(cut_points: np.ndarray, level: np.ndarray, latent: np.ndarray, h: float = 1e-5) -> np.ndarray:
    """∂ log P / ∂γ of each rating by central differences, shape (n_ratings, n_cut_points)."""
    return np.stack(
        [
            (log_chance(cut_points + step, level, latent) - log_chance(cut_points - step, level, latent))
            / (2 * h)
            for step in h * np.eye(cut_points.size)
        ],
        axis=1,
    )


@given(seeds, st.integers(1, 9))
def test_the_expected_level_is_the_sum_over_levels(seed: int, n_cuts: int):
    rng = np.random.default_rng(seed)
    cuts, levels = np.sort(rng.normal(size=n_cuts)), np.sort(rng.random(n_cuts + 1) * 5)
    latent = 3 * rng.normal(size=(4, 5))
    padded = np.concatenate([[-np.inf], cuts, [np.inf]])
    expected = sum(
        stars * (norm.cdf(high - latent) - norm.cdf(low - latent))
        for stars, low, high in zip(levels, padded[:-1], padded[1:], strict=True)
    )
    assert_allclose(expected_level(cuts, latent, levels), expected, atol=1e-12)


def test_the_expected_level_rises_from_the_lowest_to_the_highest():
    latent = np.linspace(-50, 50, 401)
    expected = expected_level(PLANTED, latent, np.array([0.5, 1, 3, 4, 5]))
    assert np.all(np.diff(expected) >= 0)
    assert_allclose(expected[[0, -1]], [0.5, 5], atol=1e-12)


@given(seeds, st.sampled_from([0.0, 3.0, -3.0, 12.0, -12.0, 60.0, -60.0]))
def test_latent_values_lie_between_the_cut_points_of_their_level(seed: int, mean: float):
    level, _ = planted(300, seed=seed)
    cuts = CutPoints(level, rng=np.random.default_rng(seed))
    drawn = cuts.sample_latent(np.full(level.size, mean))
    assert np.isfinite(drawn).all()
    ends = np.concatenate([[-np.inf], cuts.values, [np.inf]])
    assert np.all((ends[level] - 1e-12 <= drawn) & (drawn <= ends[level + 1] + 1e-12))


@pytest.mark.parametrize("mean", [-12.0, -6.0, -1.0, 0.0, 0.7, 6.0, 12.0])
def test_latent_values_follow_the_truncated_normal(mean: float):
    level = np.repeat([0, 1, 2], n := 4_000)
    cuts = CutPoints(level, rng=np.random.default_rng(4))
    drawn = cuts.sample_latent(np.full(level.size, mean)).reshape(3, n)
    ends = np.concatenate([[-np.inf], cuts.values, [np.inf]]) - mean
    for of_level, low, high in zip(drawn, ends[:-1], ends[1:], strict=True):
        expected = truncnorm(low, high, loc=mean)
        assert of_level.mean() == pytest.approx(expected.mean(), abs=4 * expected.std() / np.sqrt(n))
        assert kstest(of_level, expected.cdf).pvalue > 1e-3


def test_a_truncated_normal_s_mean_in_closed_form():
    """Above γ the mean is f + φ(γ − f) / Φ(f − γ), below f − φ(γ − f) / Φ(γ − f)."""
    level = np.repeat([0, 1], n := 20_000)
    cuts = CutPoints(level, rng=np.random.default_rng(5))
    drawn = cuts.sample_latent(np.full(level.size, 0.7)).reshape(2, n).mean(axis=1)
    assert_array_equal(cuts.values, [0])
    below, above = 0.7 - norm.pdf(0.7) / norm.cdf(-0.7), 0.7 + norm.pdf(0.7) / norm.cdf(0.7)
    # A truncated normal varies less than the whole one, whose variance is 1.
    assert_allclose(drawn, [below, above], atol=4 / np.sqrt(n))


@given(st.lists(st.integers(1, 50), min_size=2, max_size=10))
def test_cut_points_start_where_they_explain_how_often_each_level_occurs(counts: list[int]):
    level = np.repeat(np.arange(len(counts)), counts)
    cuts = CutPoints(level, rng=np.random.default_rng(0))
    assert_allclose(norm.cdf(cuts.values), np.cumsum(counts)[:-1] / sum(counts), rtol=1e-12)


def test_planted_cut_points_are_recovered():
    level, latent = planted(20_000)
    draws = chain(level, latent, n_adapting=40, n_draws=150)
    deviation = np.sqrt(np.diag(np.linalg.inv(_information(PLANTED, level, latent))))
    assert np.all(deviation < 0.015)
    assert np.all(np.abs(draws.mean(axis=0) - PLANTED) < 4 * deviation)
    # From a start that knows nothing of the latent means, whose variance of 0.64 stretches the scale.
    start = CutPoints(level, rng=np.random.default_rng(0)).values
    assert_allclose(start, PLANTED / np.sqrt(1.64), atol=0.05)


def test_cut_points_vary_as_the_likelihood_s_curvature_says():
    """With many ratings and a flat prior the posterior is normal, its covariance −H⁻¹."""
    level, latent = planted(2_000, seed=1)
    draws = chain(level, latent, n_adapting=100, n_draws=4_000)
    h = 1e-4
    slopes = [
        scores(draws.mean(axis=0) + step, level, latent).sum(axis=0)
        - scores(draws.mean(axis=0) - step, level, latent).sum(axis=0)
        for step in h * np.eye(PLANTED.size)
    ]
    covariance = np.linalg.inv(-np.array(slopes) / (2 * h))
    scale = np.sqrt(np.diag(covariance))
    assert_allclose(draws.std(axis=0), scale, rtol=0.2)
    assert_allclose(np.corrcoef(draws.T), covariance / np.outer(scale, scale), atol=0.2)


@pytest.mark.parametrize(
    ("n", "cut_points"), [(400, [0.3]), (5_000, PLANTED), (3_000, np.linspace(-2, 2, 9))]
)
def test_steps_are_accepted_about_as_often_as_theory_has_it_best(n: int, cut_points: list[float]):
    """0.44 of the steps in one dimension, falling to 0.23 in many (Roberts, Gelman & Gilks 1997)."""
    level, latent = planted(n, cut_points=np.asarray(cut_points), seed=2)
    draws = chain(level, latent, n_adapting=20, n_draws=400)
    accepted = (np.diff(draws, axis=0) != 0).any(axis=1).mean()
    assert 0.2 < accepted < 0.52


def test_the_information_is_made_of_the_scores_and_near_the_curvature():
    level, latent = planted(20_000, seed=3)
    information = _information(PLANTED, level, latent)
    by_differences = scores(PLANTED, level, latent)
    assert_allclose(information, by_differences.T @ by_differences, rtol=1e-5, atol=1e-3)
    h = 1e-4
    for column, step in zip(information.T, h * np.eye(PLANTED.size), strict=True):
        rise = (scores(PLANTED + step, level, latent) - scores(PLANTED - step, level, latent)) / (2 * h)
        # Standard error of a sum of 20,000 terms, most of them of order 1.
        error = np.sqrt(20_000) * (rise + by_differences * (by_differences @ step / h)[:, None]).std(axis=0)
        assert np.all(np.abs(rise.sum(axis=0) + column) < 4 * error + 1e-3)


@given(seeds, st.integers(1, 8))
def test_cut_points_keep_their_order(seed: int, n_cuts: int):
    """Few ratings of many levels: the random walk often proposes to swap neighbours."""
    rng = np.random.default_rng(seed)
    level = rng.permutation(np.concatenate([np.arange(n_cuts + 1), rng.integers(0, n_cuts + 1, 3)]))
    draws = chain(level, rng.normal(size=level.size), n_adapting=5, n_draws=30, seed=seed)
    assert np.isfinite(draws).all()
    assert np.all(np.diff(draws, axis=1) > 0)


def test_cut_points_keep_their_order_where_the_likelihood_says_nothing():
    """Ratings fifty deviations from their levels are as unlikely under any cut points."""
    level, latent = planted(50)
    cuts = CutPoints(level, rng=np.random.default_rng(0))
    cuts.adapt(latent)
    far = np.where(level < 2, 50.0, -50.0)
    before = cuts.values
    for _ in range(50):
        cuts.sample(far)
        assert np.all(np.diff(cuts.values) > 0)
    assert np.abs(cuts.values - before).max() > 0.1


def test_same_generator_same_draws_and_inputs_stay():
    level, latent = planted(200)
    kept = level.copy(), latent.copy()
    chains = [chain(level, latent, n_adapting=5, n_draws=20, seed=seed) for seed in (1, 1, 2)]
    values = [CutPoints(level, rng=np.random.default_rng(seed)).sample_latent(latent) for seed in (1, 1, 2)]
    for one, same, other in (chains, values):
        assert one.tobytes() == same.tobytes() != other.tobytes()
    assert_array_equal(level, kept[0])
    assert_array_equal(latent, kept[1])
