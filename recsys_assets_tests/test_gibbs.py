from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_matrix, random_array
from scipy.stats import gamma, kstest, norm

from recsys_assets.algorithms.rating_prediction.blocks import Block
from recsys_assets.algorithms.rating_prediction.gibbs import Sampler

seeds = st.integers(0, 2**32 - 1)
N_RATINGS = 40


def some_block(rng: np.random.Generator, *, n_rows: int, groups: list[int]) -> Block:
    """Random sparse features: quarters, whose squares single precision holds; ``groups`` says how many each has."""
    features = random_array((n_rows, sum(groups)), density=0.4, rng=rng)
    quarters = csr_matrix(features * 4).ceil() / 4
    return Block(quarters.astype(np.float32), np.repeat(np.arange(len(groups)), groups).astype(np.int32))


def some_blocks(seed: int) -> tuple[list[Block], list[np.ndarray], np.ndarray]:
    """Three blocks, rows of ratings in them, and a target."""
    rng = np.random.default_rng(seed)
    blocks = [
        some_block(rng, n_rows=n_rows, groups=groups)
        for n_rows, groups in ((6, [6, 3]), (5, [7]), (3, [1, 2, 1]))
    ]
    rows = [rng.integers(0, block.n_rows, N_RATINGS) for block in blocks]
    return blocks, rows, rng.normal(size=N_RATINGS)


def sampler_of(seed: int, *, n_factors: int = 2, scale: float = 0.5) -> Sampler:
    blocks, rows, target = some_blocks(seed)
    rng = np.random.default_rng(seed)
    return Sampler(blocks, rows, target, n_factors=n_factors, initial_scale=scale, rng=rng)


def design(blocks: list[Block], rows: list[np.ndarray]) -> np.ndarray:
    """All features of each rating side by side, shape (n_ratings, n_features)."""
    return np.hstack([block.features.toarray()[row] for block, row in zip(blocks, rows, strict=True)]).astype(
        float
    )


def formula(x: np.ndarray, weights: np.ndarray, intercept: float = 0.0) -> np.ndarray:
    """Rendle 2012, eq. 1, pair by pair of features."""
    linear, factors = weights[:, 0], weights[:, 1:]
    pairs = np.triu(factors @ factors.T, k=1)
    return intercept + x @ linear + np.einsum("nj,jk,nk->n", x, pairs, x)


def slow_sweep(
    weights: np.ndarray,
    x: np.ndarray,
    target: np.ndarray,
    groups: list[list[slice]],
    rng: np.random.Generator,
) -> None:
    """Each weight from its posterior given all others, by the formula of ŷ alone, with noise of precision 1."""
    prior_mean, prior_precision = np.empty_like(weights), np.empty_like(weights)
    for block in groups:
        for prior, draw in ((prior_precision, precision_of_group), (prior_mean, mean_of_group)):
            for group in block:
                for factor in range(weights.shape[1]):
                    members = weights[group, factor]
                    prior[group, factor] = draw(members, prior_precision[group, factor], rng)
    for factor in range(weights.shape[1]):
        for block in groups:
            noise = rng.standard_normal(block[-1].stop - block[0].start)
            for feature, z in zip(range(block[0].start, block[-1].stop), noise, strict=True):
                # ŷ is linear in each weight: ŷ = without + weight · slope.
                weights[feature, factor] = 1
                slope = formula(x, weights)
                weights[feature, factor] = 0
                without = formula(x, weights)
                slope -= without
                precision = prior_precision[feature, factor] + slope @ slope
                pull = prior_precision[feature, factor] * prior_mean[feature, factor]
                mean = (slope @ (target - without) + pull) / precision
                weights[feature, factor] = mean + z / np.sqrt(precision)


def precision_of_group(members: np.ndarray, _: np.ndarray, rng: np.random.Generator) -> float:
    # With the mean ~ N(0, 1 / λ) integrated out, members ~ N(0, (1 + 11ᵀ) / λ).
    covariance = np.eye(members.size) + 1
    return rng.gamma(0.5 + members.size / 2, 1 / (0.5 + members @ np.linalg.solve(covariance, members) / 2))


def mean_of_group(members: np.ndarray, precision: np.ndarray, rng: np.random.Generator) -> float:
    return rng.normal(members.sum() / (members.size + 1), ((members.size + 1) * precision[0]) ** -0.5)


@given(seeds, st.integers(0, 3))
@settings(max_examples=20)
def test_predictions_are_the_formula_pair_by_pair(seed: int, n_factors: int):
    blocks, rows, _ = some_blocks(seed)
    sampler = sampler_of(seed, n_factors=n_factors)
    sampler.sample_intercept()
    sampler.sample_weights()
    weights = np.vstack([state.weights for state in sampler.states])
    expected = formula(design(blocks, rows), weights, sampler.intercept)
    assert_allclose(sampler.predictions(), expected, atol=1e-9)


@given(seeds)
@settings(max_examples=15)
def test_a_sweep_draws_each_weight_given_all_others(seed: int):
    blocks, rows, target = some_blocks(seed)
    sampler, rng = sampler_of(seed), np.random.default_rng(seed)
    weights = np.vstack(
        [np.column_stack([np.zeros(n), rng.normal(0, 0.5, (n, 2))]) for n in (b.group.size for b in blocks)]
    )
    groups, start = [], 0
    for block in blocks:
        ends = start + np.cumsum(np.bincount(block.group))
        groups.append([slice(*ends_) for ends_ in zip([start, *ends[:-1]], ends, strict=True)])
        start = ends[-1]
    for _ in range(2):
        sampler.sample_weights()
        slow_sweep(weights, design(blocks, rows), target, groups, rng)
    assert_allclose(np.vstack([state.weights for state in sampler.states]), weights, atol=1e-8)


@given(seeds)
@settings(max_examples=15)
def test_what_is_kept_up_to_date_equals_what_is_computed_anew(seed: int):
    blocks, _, target = some_blocks(seed)
    sampler = sampler_of(seed)
    for _ in range(20):
        sampler.sample_noise()
        sampler.sample_intercept()
        sampler.sample_weights()
    assert_allclose(sampler.residual, target - sampler.predictions(), atol=1e-9)
    for block, state in zip(blocks, sampler.states, strict=True):
        features = block.features.toarray().astype(float)
        assert_allclose(state.sums.T, features @ state.weights, atol=1e-9)
        assert_allclose(state.squares.T, features**2 @ state.weights**2, atol=1e-9)


def test_a_block_s_own_part_and_the_pairs_between_blocks_add_up():
    blocks, rows, _ = some_blocks(1)
    sampler = sampler_of(1)
    sampler.sample_weights()
    for block, state in zip(blocks, sampler.states, strict=True):
        assert_allclose(
            state.own(), formula(block.features.toarray().astype(float), state.weights), atol=1e-9
        )
    total = sum(state.own()[row] for state, row in zip(sampler.states, rows, strict=True))
    for one, other in ((0, 1), (0, 2), (1, 2)):
        u, v = (sampler.states[n].sums[1:, rows[n]] for n in (one, other))
        total = total + (u * v).sum(axis=0)
    assert_allclose(sampler.predictions(), total, atol=1e-9)


def one_block(features: np.ndarray, target: np.ndarray, *, seed: int = 0) -> Sampler:
    """A linear model with a row of the block for each rating, and all features of one group."""
    block = Block(csr_matrix(features.astype(np.float32)), np.zeros(features.shape[1], dtype=np.int32))
    rng = np.random.default_rng(seed)
    return Sampler([block], [np.arange(len(target))], target, n_factors=0, initial_scale=0, rng=rng)


def drawn(sampler: Sampler, n_draws: int, *, thin: int = 1) -> np.ndarray:
    draws = []
    for number in range(n_draws * thin):
        sampler.sample_weights()
        if number % thin == thin - 1:
            draws.append(sampler.states[0].weights[:, 0].copy())
    return np.array(draws)


def standard_error(draws: np.ndarray, *, n_batches: int = 40) -> np.ndarray:
    """Of the mean of correlated draws, from the means of long batches."""
    means = draws[: len(draws) // n_batches * n_batches].reshape(n_batches, -1, draws.shape[1]).mean(axis=1)
    return means.std(axis=0, ddof=1) / np.sqrt(n_batches)


def test_two_weights_follow_their_posterior_under_the_hyperpriors():
    """Means and variances by quadrature; without hyperparameters two weights' prior is (1 + wᵀ C⁻¹ w)^(−3/2)."""
    features = np.array([[1.0, 0.0], [1.0, 1.0], [0.0, 1.0], [1.0, 0.0]])
    target = np.array([1.0, 2.5, -0.5, 1.5])
    draws = drawn(one_block(features, target), 8_000)
    first, second = np.meshgrid(*[np.linspace(-9, 9, 601)] * 2, indexing="ij")
    w = np.stack([first.reshape(-1), second.reshape(-1)])
    quadratic = np.einsum("jn,jn->n", w, np.linalg.solve(np.eye(2) + 1, w))
    log_density = -1.5 * np.log1p(quadratic) - 0.5 * np.square(target[:, None] - features @ w).sum(axis=0)
    density = np.exp(log_density - log_density.max())
    density /= density.sum()
    mean = w @ density
    for value, expected in ((draws, mean), ((draws - mean) ** 2, (w - mean[:, None]) ** 2 @ density)):
        assert np.all(np.abs(value.mean(axis=0) - expected) < 4 * standard_error(value))


def test_with_plenty_of_ratings_the_posterior_is_that_of_least_squares():
    rng = np.random.default_rng(5)
    features = rng.normal(size=(2_000, 4)).astype(np.float32).astype(float)
    target = features @ [1.0, -2.0, 0.5, 0.0] + rng.normal(size=2_000)
    sampler = one_block(features, target)
    draws = drawn(sampler, 2_000)
    covariance = np.linalg.inv(features.T @ features)
    solution = covariance @ features.T @ target
    # The prior, with a precision near 1, shrinks by its share of 2,000 ratings: 0.001 at most.
    assert np.all(np.abs(draws.mean(axis=0) - solution) < 4 * standard_error(draws) + 0.002)
    assert_allclose(draws.var(axis=0), np.diag(covariance), rtol=0.2)


def test_the_noise_s_precision_follows_its_gamma_posterior():
    sampler = one_block(np.eye(3), np.array([0.5, -1.0, 0.7]))
    shape, rate = (1 + 3) / 2, (1 + 0.25 + 1 + 0.49) / 2
    draws = []
    for _ in range(n := 4_000):
        sampler.sample_noise()
        draws.append(sampler.precision)
    assert np.mean(draws) == pytest.approx(shape / rate, abs=4 * np.sqrt(shape / n) / rate)
    assert kstest(draws, gamma(shape, scale=1 / rate).cdf).pvalue > 1e-3


def test_the_intercept_follows_its_normal_posterior_and_the_residuals_follow_it():
    target = np.array([0.5, -1.0, 2.7])
    sampler = one_block(np.eye(3), target)
    sampler.precision = 0.5
    variance = 1 / (1 + 0.5 * 3)
    draws = []
    for _ in range(n := 4_000):
        sampler.sample_intercept()
        draws.append(sampler.intercept)
    centre = variance * 0.5 * target.sum()
    assert np.mean(draws) == pytest.approx(centre, abs=4 * np.sqrt(variance / n))
    assert kstest(draws, norm(centre, np.sqrt(variance)).cdf).pvalue > 1e-3
    assert_allclose(sampler.residual, target - sampler.intercept, atol=1e-9)


def test_a_feature_of_no_rating_is_drawn_near_the_others_of_its_group():
    features = np.zeros((2_000, 9))
    features[:, :8] = np.repeat(np.eye(8), 250, axis=0)
    draws = drawn(one_block(features, np.full(2_000, 3.0)), 2_000)
    assert_allclose(draws[:, :8].mean(axis=0), 3, atol=0.02)
    # Given eight weights at 3, the ninth follows Student's t around 8 · 3 / (8 + 1): the prior's mean is drawn to 0.
    assert draws[:, 8].mean() == pytest.approx(8 * 3 / 9, abs=4 * standard_error(draws)[8] + 0.02)


def test_same_generator_same_draws_and_inputs_stay():
    blocks, rows, target = some_blocks(6)
    before = [block.features.copy() for block in blocks], [row.copy() for row in rows], target.copy()
    chains = []
    for seed in (1, 1, 2):
        rng = np.random.default_rng(seed)
        sampler = Sampler(blocks, rows, target, n_factors=2, initial_scale=0.1, rng=rng)
        for _ in range(3):
            sampler.sample_noise()
            sampler.sample_weights()
        chains.append(np.vstack([state.weights for state in sampler.states]).tobytes())
    assert chains[0] == chains[1] != chains[2]
    assert_array_equal(target, before[2])
    for row, old in zip(rows, before[1], strict=True):
        assert_array_equal(row, old)
    for block, old_features in zip(blocks, before[0], strict=True):
        assert_array_equal(block.features.data, old_features.data)
        assert_array_equal(block.features.indices, old_features.indices)
