from __future__ import annotations

import time
import tracemalloc
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import ArrayLike
from threadpoolctl import threadpool_limits

from recsys_assets.algorithms.significance import (
    RESAMPLES_PER_BLOCK,
    Intervals,
    bootstrap_means,
    paired_difference,
)

seeds = st.integers(0, 2**32 - 1)
NAN = np.nan


def assert_close(actual: Intervals, expected: Intervals) -> None:
    for name in ("value", "low", "high", "n"):
        np.testing.assert_allclose(getattr(actual, name), getattr(expected, name), atol=1e-12, err_msg=name)


def quick(values: ArrayLike, *, n_resamples: int = 50, confidence: float = 0.9, seed: int = 0) -> Intervals:
    return bootstrap_means(
        np.asarray(values, float), n_resamples=n_resamples, confidence=confidence, seed=seed
    )


def test_95_percent_intervals_cover_a_known_mean_95_percent_of_the_time():
    samples = np.random.default_rng(1).normal(loc=3, size=(150, 200))
    intervals = quick(samples, n_resamples=800, confidence=0.95)
    covered = np.mean((intervals.low <= 3) & (intervals.high >= 3))
    assert covered == pytest.approx(0.95, abs=0.045)


@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.99])
def test_width_follows_normal_theory(confidence: float):
    sample = np.random.default_rng(2).normal(size=2_000)
    intervals = quick(sample, n_resamples=4_000, confidence=confidence)
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    expected = 2 * z * sample.std() / np.sqrt(len(sample))
    assert intervals.high - intervals.low == pytest.approx(expected, rel=0.08)


def test_width_of_a_share_that_few_users_define_follows_the_users_who_do():
    rng = np.random.default_rng(3)
    values = rng.normal(size=(4_000, 2))
    values[500:, 0] = NAN
    intervals = quick(values, n_resamples=4_000)
    widths = intervals.high - intervals.low
    assert intervals.n.tolist() == [500, 4_000]
    assert widths[0] / widths[1] == pytest.approx(np.sqrt(4_000 / 500), rel=0.1)


def test_all_resamples_of_two_users_are_known():
    intervals = quick([0.0, 1.0], n_resamples=4_000, confidence=0.4)
    assert [float(intervals.value), float(intervals.low), float(intervals.high)] == [0.5, 0.5, 0.5]
    assert [float(end) for end in (quick([0.0, 1.0]).low, quick([0.0, 1.0]).high)] == [0, 1]


def test_the_interval_of_one_user_is_its_value():
    intervals = quick([[0.1, 0.3, NAN], [NAN, 0.7, NAN], [NAN, 0.2, NAN]])
    assert intervals.value[0] == intervals.low[0] == intervals.high[0] == 0.1
    assert intervals.low[1] < intervals.high[1]
    assert np.isnan([intervals.value[2], intervals.low[2], intervals.high[2]]).all()
    assert intervals.n.tolist() == [1, 3, 0]


def test_a_series_that_no_resample_draws_has_a_value_and_no_interval():
    values = np.column_stack([np.ones(200), np.full(200, NAN)])
    values[0, 1] = 5
    seed = next(s for s in range(100) if np.isnan(quick(values, n_resamples=1, seed=s).low[1]))
    intervals = quick(values, n_resamples=1, seed=seed)
    assert intervals.value.tolist() == [1, 5]
    assert np.isnan(intervals.high).tolist() == [False, True]


@pytest.mark.parametrize("shape", [(0,), (0, 3), (4, 0), (4, 2, 3)])
def test_fields_have_the_shape_of_one_user(shape: tuple[int, ...]):
    intervals = quick(np.zeros(shape))
    for field in (intervals.value, intervals.low, intervals.high, intervals.n):
        assert field.shape == shape[1:]
    assert np.all(np.isnan(intervals.low) == (shape[0] == 0))
    assert np.all(intervals.n == shape[0])


@given(seeds)
@settings(deadline=None)
def test_shifting_and_scaling_carry_over(seed: int):
    values = np.random.default_rng(seed).random((20, 2))
    values[:3, 0] = NAN
    plain, carried = quick(values, seed=seed), quick(4 * values - 7, seed=seed)
    expected = Intervals(4 * plain.value - 7, 4 * plain.low - 7, 4 * plain.high - 7, plain.n)
    assert_close(carried, expected)


@given(seeds)
@settings(deadline=None)
def test_intervals_enclose_each_other_as_confidence_grows(seed: int):
    values = np.random.default_rng(seed).random((15, 3))
    narrow, wide = quick(values, confidence=0.5), quick(values, confidence=0.99)
    assert np.all((wide.low <= narrow.low) & (narrow.low <= narrow.high) & (narrow.high <= wide.high))
    assert np.all((values.min(axis=0) - 1e-12 <= wide.low) & (wide.high <= values.max(axis=0) + 1e-12))


@given(seeds)
@settings(deadline=None)
def test_users_without_any_value_do_not_matter(seed: int):
    values = np.random.default_rng(seed).random((10, 2))
    values[::4, 1] = NAN
    padded = np.insert(values, [0, 3, 3, 10], NAN, axis=0)
    assert_close(quick(padded, seed=seed), quick(values, seed=seed))


def test_series_share_their_resamples():
    rng = np.random.default_rng(4)
    a, b = rng.random((2, 60))
    together = quick(np.column_stack([a, b, a - b]))
    difference = paired_difference(a, b, n_resamples=50, confidence=0.9, seed=0)
    assert difference.low == pytest.approx(together.low[2])
    assert difference.high == pytest.approx(together.high[2])


def test_a_difference_counts_the_users_who_have_both():
    a, b = np.array([[1.0], [2.0], [NAN], [6.0]]), np.array([[0.5], [NAN], [1.0], [2.5]])
    difference = paired_difference(a, b, n_resamples=50, confidence=0.9, seed=0)
    assert (difference.value.tolist(), difference.n.tolist()) == ([2.0], [2])


def test_pairing_shows_a_small_gain_that_separate_intervals_hide():
    rng = np.random.default_rng(5)
    easy_or_hard = rng.random(400)
    better = easy_or_hard + rng.normal(0.02, 0.05, 400)
    apart = quick(np.column_stack([better, easy_or_hard]))
    assert apart.low[0] < apart.high[1]
    assert paired_difference(better, easy_or_hard, n_resamples=500, confidence=0.95, seed=0).low > 0


@given(seeds)
@settings(deadline=None)
def test_swapping_the_sides_negates_the_difference(seed: int):
    a, b = np.random.default_rng(seed).random((2, 12, 2))
    there = paired_difference(a, b, n_resamples=40, confidence=0.8, seed=seed)
    back = paired_difference(b, a, n_resamples=40, confidence=0.8, seed=seed)
    assert_close(back, Intervals(-there.value, -there.high, -there.low, there.n))


def test_same_seed_same_bytes_and_other_seed_other_resamples():
    values = np.random.default_rng(6).random((80, 3))
    n_resamples = 2 * RESAMPLES_PER_BLOCK + 5
    first, again, other = (quick(values, n_resamples=n_resamples, seed=seed) for seed in (7, 7, 8))
    assert first.low.tobytes() + first.high.tobytes() == again.low.tobytes() + again.high.tobytes()
    assert not np.any(first.low == other.low)


def test_the_number_of_blas_threads_does_not_reach_the_bytes():
    values = np.random.default_rng(8).random((20_000, 30))
    ends = []
    for n_threads in (1, 2):
        with threadpool_limits(limits=n_threads, user_api="blas"):
            intervals = quick(values, n_resamples=RESAMPLES_PER_BLOCK)
        ends.append(intervals.value.tobytes() + intervals.low.tobytes() + intervals.high.tobytes())
    assert ends[0] == ends[1]


def test_inputs_are_left_alone():
    values = np.array([[0.5, NAN], [0.25, 1.0]])
    values.flags.writeable = False
    quick(values)
    paired_difference(values, values, n_resamples=5, confidence=0.9, seed=0)


@pytest.mark.parametrize(
    ("values", "n_resamples", "confidence", "message"),
    [
        ([[1.0, 2.0], [3.0, np.inf]], 10, 0.9, r"values is infinite at \(1, 1\)"),
        ([1.0], 0, 0.9, "n_resamples must be at least 1; got 0"),
        ([1.0], 10, 95.0, "confidence must be between 0 and 1; got 95"),
        ([1.0], 10, 0.0, "confidence must be between 0 and 1; got 0"),
    ],
)
def test_impossible_settings_are_refused(
    values: ArrayLike, n_resamples: int, confidence: float, message: str
):
    with pytest.raises(ValueError, match=message):
        quick(values, n_resamples=n_resamples, confidence=confidence)


def test_sides_that_do_not_match_are_refused():
    with pytest.raises(ValueError, match=r"a has shape \(3,\) and b has shape \(4,\)"):
        paired_difference(np.ones(3), np.ones(4), n_resamples=10, confidence=0.9, seed=0)
    with pytest.raises(ValueError, match=r"b is infinite at \(0,\)"):
        paired_difference(np.ones(1), np.full(1, np.inf), n_resamples=10, confidence=0.9, seed=0)


@pytest.mark.bench
def test_25_million_ratings_scale_in_twenty_seconds_and_a_gibibyte():
    values = np.random.default_rng(0).random((162_000, 90))
    values[::10, ::2] = NAN
    tracemalloc.start()
    started = time.perf_counter()
    quick(values, n_resamples=1_000, confidence=0.95)
    seconds = time.perf_counter() - started
    peak_gib = (values.nbytes + tracemalloc.get_traced_memory()[1]) / 2**30
    tracemalloc.stop()
    print(f"162,000 users x 90 series x 1,000 resamples: {seconds:.1f} s, {peak_gib:.2f} GiB")  # noqa: T201
    assert seconds < 20
    assert peak_gib < 1
