"""Accuracy of predicted stars: figures by hand, against oracles, and what must hold for any predictions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import f1_score, mean_absolute_error, root_mean_squared_error

from recsys_assets.algorithms.evaluation import segment_users
from recsys_assets.algorithms.rating_prediction.accuracy import (
    ERROR_METRICS,
    TOP_METRICS,
    activity_groups,
    calibration,
    clip_to_scale,
    complete_lists,
    error_differences,
    error_intervals,
    errors_by_group,
    mae,
    own_test_items,
    rmse,
    user_errors,
)
from recsys_assets.algorithms.rating_prediction.log import RatingLog
from recsys_assets.algorithms.significance import bootstrap_means, bootstrap_totals

SEEDS = st.integers(0, 2**32 - 1)
SCALE = (0.5, 5.0)
HOW = {"n_resamples": 200, "confidence": 0.9, "seed": 0}
NONE = np.array([], dtype=np.float32)


def some_test(seed: int, n_users: int = 12, n_items: int = 9) -> tuple[RatingLog, np.ndarray]:
    """Random held-out half stars and predictions on a coarse grid, so that ties are frequent; user 3 has no rows."""
    rng = np.random.default_rng(seed)
    held_out = rng.random((n_users, n_items)) < 0.5
    held_out[0, 0] = True
    held_out[3] = False
    user, item = (numbers.astype(np.int32) for numbers in np.nonzero(held_out))
    rating = (rng.integers(1, 11, user.size) / 2).astype(np.float32)
    test = RatingLog(np.arange(n_users), np.arange(n_items), user, item, rating, np.zeros(user.size))
    return test, rng.choice(np.linspace(0.5, 5, 7, dtype=np.float32), user.size)


def errors_of(test: RatingLog, predicted: np.ndarray):
    return user_errors(test.user, predicted, test.rating, n_users=test.n_users)


def assert_same(actual: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    for name in TOP_METRICS:
        assert_allclose(actual[name], expected[name], atol=1e-12, err_msg=name)


@given(SEEDS)
def test_errors_agree_with_scikit_learn(seed: int):
    test, predicted = some_test(seed)
    assert rmse(predicted, test.rating) == pytest.approx(root_mean_squared_error(test.rating, predicted))
    assert mae(predicted, test.rating) == pytest.approx(mean_absolute_error(test.rating, predicted))


def test_errors_by_hand():
    predicted, actual = np.array([1, 2, 4], np.float32), np.array([1, 5, 0], np.float32)
    assert rmse(predicted, actual) == pytest.approx(5 / np.sqrt(3))
    assert mae(predicted, actual) == pytest.approx(7 / 3)


def test_without_rows_nothing_is_defined():
    assert np.isnan([rmse(NONE, NONE), mae(NONE, NONE)]).all()
    nobody = user_errors(NONE.astype(int), NONE, NONE, n_users=4)
    intervals = error_intervals(nobody, **HOW)
    assert np.isnan([intervals.value, intervals.low, intervals.high]).all()
    assert intervals.n.tolist() == [0, 0]
    assert np.isnan(calibration(NONE, NONE, scale=SCALE, n_bins=3).expected_error)


@given(SEEDS)
def test_clipping_never_moves_away_from_the_truth(seed: int):
    test, predicted = some_test(seed)
    wild = 3 * predicted - 4
    clipped = clip_to_scale(wild, SCALE)
    assert clipped.min() >= 0.5 and clipped.max() <= 5 and clipped.dtype == np.float32
    assert_array_equal(clipped[(wild >= 0.5) & (wild <= 5)], wild[(wild >= 0.5) & (wild <= 5)])
    assert rmse(clipped, test.rating) <= rmse(wild, test.rating)


@given(SEEDS)
@settings(max_examples=20)
def test_intervals_are_quantiles_of_the_errors_of_redrawn_users_rows(seed: int):
    test, predicted = some_test(seed)
    rows = [np.flatnonzero(test.user == user) for user in np.unique(test.user)]
    rng = np.random.default_rng(HOW["seed"])
    drawn = [
        np.concatenate([rows[user] for user in rng.integers(len(rows), size=len(rows))]) for _ in range(200)
    ]
    resampled = [(rmse(predicted[d], test.rating[d]), mae(predicted[d], test.rating[d])) for d in drawn]
    intervals = error_intervals(errors_of(test, predicted), **HOW)
    assert_allclose(intervals.value, [rmse(predicted, test.rating), mae(predicted, test.rating)])
    assert_allclose([intervals.low, intervals.high], np.quantile(resampled, [0.05, 0.95], axis=0), rtol=1e-9)
    assert intervals.n.tolist() == [len(rows)] * len(ERROR_METRICS)


def test_rows_that_repeat_what_a_user_s_others_say_don_t_make_the_figures_surer():
    test, predicted = some_test(1)
    again = test.rows(np.repeat(np.arange(test.rating.size), 5))
    once, often = (
        error_intervals(errors, **HOW)
        for errors in (errors_of(test, predicted), errors_of(again, np.repeat(predicted, 5)))
    )
    assert_allclose([often.low, often.high], [once.low, once.high])


def test_the_interval_of_one_user_is_its_value():
    test, predicted = some_test(2)
    rows = test.user == 5
    intervals = error_intervals(errors_of(test.rows(rows), predicted[rows]), **HOW)
    assert_array_equal(intervals.low, intervals.value)
    assert_array_equal(intervals.high, intervals.value)


def test_a_difference_is_that_of_the_figures_and_swaps_its_sign():
    test, predicted = some_test(3)
    model, baseline = errors_of(test, predicted), errors_of(test, np.full_like(predicted, 3))
    there, back = error_differences(model, baseline, **HOW), error_differences(baseline, model, **HOW)
    expected = error_intervals(model, **HOW).value - error_intervals(baseline, **HOW).value
    assert_allclose(there.value, expected)
    assert_allclose([back.value, back.low, back.high], [-there.value, -there.high, -there.low])
    itself = error_differences(model, model, **HOW)
    assert not np.any([itself.value, itself.low, itself.high])


def test_pairing_shows_a_small_gain_that_separate_intervals_hide():
    rng = np.random.default_rng(4)
    test, _ = some_test(4, n_users=200)
    off = rng.normal(size=test.rating.size) * rng.uniform(0.2, 2, test.n_users)[test.user]
    worse, better = (errors_of(test, (test.rating + off * size).astype(np.float32)) for size in (1, 0.95))
    ours, theirs = error_intervals(better, **HOW), error_intervals(worse, **HOW)
    assert np.all(ours.high > theirs.low)
    assert np.all(error_differences(better, worse, **HOW).high < 0)


def test_models_measured_on_other_rows_are_not_compared():
    test, predicted = some_test(5)
    part = errors_of(test.rows(slice(1, None)), predicted[1:])
    with pytest.raises(ValueError, match="measure both on the same rows"):
        error_differences(errors_of(test, predicted), part, **HOW)


def test_the_mean_is_a_function_of_totals():
    values = np.random.default_rng(6).random((30, 2))
    means = bootstrap_means(values, **HOW)
    totals = bootstrap_totals(np.column_stack([values, np.ones(30)]), lambda t: t[:, :2] / t[:, 2:], **HOW)
    for name in ("value", "low", "high", "n"):
        assert_allclose(getattr(totals, name), getattr(means, name), err_msg=name)


@pytest.mark.parametrize(
    ("value", "changed", "message"),
    [
        (np.nan, {}, "values has 1 NaN; a user without rows adds 0"),
        (np.inf, {}, r"values is infinite at \(2, 0\)"),
        (1, {"n_resamples": 0}, "n_resamples must be at least 1; got 0"),
        (1, {"confidence": 1.0}, "confidence must be between 0 and 1; got 1.0"),
    ],
)
def test_totals_that_make_no_sense_are_refused(value, changed, message):
    values = np.ones((4, 1))
    values[2] = value
    with pytest.raises(ValueError, match=message):
        bootstrap_totals(values, lambda totals: totals, **(HOW | changed))


@given(SEEDS, st.integers(1, 12))
def test_bins_hold_the_means_of_their_rows(seed: int, n_bins: int):
    test, predicted = some_test(seed)
    found = calibration(predicted, test.rating, scale=SCALE, n_bins=n_bins)
    bins = np.minimum((predicted.astype(float) - 0.5) * n_bins / 4.5 // 1, n_bins - 1).astype(int) + 1
    assert_array_equal(found.bin, np.unique(bins))
    assert found.n.sum() == predicted.size
    for number, mean_predicted, mean_actual in zip(found.bin, found.predicted, found.actual, strict=True):
        assert mean_predicted == pytest.approx(predicted[bins == number].mean())
        assert mean_actual == pytest.approx(test.rating[bins == number].mean())
    assert found.expected_error <= mae(predicted, test.rating) + 1e-6


def test_the_ends_of_the_scale_and_beyond_belong_to_the_outer_bins():
    predicted = np.array([-1, 0.5, 4.999, 5, 7], np.float32)
    found = calibration(predicted, predicted, scale=SCALE, n_bins=9)
    assert (found.bin.tolist(), found.n.tolist()) == ([1, 9], [2, 3])
    assert found.expected_error == 0


def test_stars_that_are_all_half_too_high_are_half_a_star_off():
    rating = np.linspace(0.5, 4, 40, dtype=np.float32)
    found = calibration(rating + np.float32(0.5), rating, scale=SCALE, n_bins=6)
    assert found.expected_error == pytest.approx(0.5, abs=1e-6)


@given(SEEDS, st.integers(1, 6))
def test_activity_parts_the_active_and_leaves_the_others_to_group_0(seed: int, n_groups: int):
    n_ratings = np.random.default_rng(seed).permutation(np.r_[np.zeros(5, int), np.arange(1, 61)])
    groups = activity_groups(n_ratings, n_groups=n_groups)
    assert_array_equal(groups == 0, n_ratings == 0)
    assert np.all(np.diff(groups[np.argsort(n_ratings)]) >= 0)
    assert_array_equal(np.bincount(groups)[1:], 60 // n_groups)


@given(SEEDS)
def test_thirds_of_users_are_those_of_the_ranking_metrics(seed: int):
    n_ratings = np.random.default_rng(seed).integers(1, 20, 40)
    groups = activity_groups(n_ratings, n_groups=3)
    for number, members in enumerate(segment_users(n_ratings).values(), start=1):
        assert_array_equal(groups == number, members)


def test_nobody_active_is_all_in_group_0():
    assert activity_groups(np.zeros(3, int), n_groups=3).tolist() == [0, 0, 0]


@given(SEEDS)
def test_groups_make_up_the_whole(seed: int):
    test, predicted = some_test(seed)
    groups = errors_by_group(test.item % 3, predicted, test.rating, n_groups=4)
    filled = groups.n > 0
    assert_array_equal(np.isnan(groups.rmse), ~filled)
    whole = np.average(np.square(groups.rmse[filled]), weights=groups.n[filled])
    assert np.sqrt(whole) == pytest.approx(rmse(predicted, test.rating))
    third = test.item % 3 == 2
    assert groups.mae[2] == pytest.approx(mae(predicted[third], test.rating[third]), nan_ok=True)


def test_complete_lists_by_hand():
    test = RatingLog(
        np.arange(3),
        np.arange(5),
        np.array([0, 0, 0, 1, 2], np.int32),
        np.array([0, 1, 2, 3, 4], np.int32),
        np.array([3.5, 5, 3, 4, 3], np.float32),
        np.zeros(5),
    )
    lists = np.array([[0, 2, 4], [0, 1, -1], [4, 3, 2]], dtype=np.int32)
    measured = complete_lists(lists, test, k=2, min_relevant=3.5)
    assert_same(
        measured,
        {
            "precision": np.array([0.5, 0, np.nan]),
            "recall": np.array([0.5, 0, np.nan]),
            "f1": np.array([0.5, 0, np.nan]),
        },
    )
    assert_allclose(complete_lists(lists, test, k=2, min_relevant=3)["recall"], [2 / 3, 0, 1])


@given(SEEDS, st.integers(1, 10))
def test_own_test_items_agree_with_sorting_each_user_s_rows(seed: int, k: int):
    test, predicted = some_test(seed)
    measured = own_test_items(test, predicted, k=k, min_relevant=3.5)
    for user in range(test.n_users):
        rows = np.flatnonzero(test.user == user)
        ranked = sorted(rows, key=lambda row: (-predicted[row], test.item[row]))
        relevant = test.rating[rows] >= 3.5
        listed = np.isin(rows, ranked[:k])
        values = {name: measured[name][user] for name in TOP_METRICS}
        if not rows.size:
            assert np.isnan(list(values.values())).all()
            continue
        assert values["precision"] == pytest.approx((relevant & listed).sum() / min(k, rows.size))
        if relevant.any():
            assert values["recall"] == pytest.approx((relevant & listed).sum() / relevant.sum())
            assert values["f1"] == pytest.approx(f1_score(relevant, listed))
        else:
            assert values["precision"] == 0 and np.isnan([values["recall"], values["f1"]]).all()


@given(SEEDS)
def test_the_order_of_rows_doesn_t_matter(seed: int):
    test, predicted = some_test(seed)
    order = np.random.default_rng(seed).permutation(predicted.size)
    assert_same(
        own_test_items(test.rows(order), predicted[order], k=3, min_relevant=3.5),
        own_test_items(test, predicted, k=3, min_relevant=3.5),
    )


def test_who_ranks_by_the_truth_has_no_miss_before_a_hit():
    test, _ = some_test(7)
    measured = own_test_items(test, test.rating, k=4, min_relevant=3.5)
    n_relevant = np.bincount(test.user[test.rating >= 3.5], minlength=test.n_users)
    judged = n_relevant > 0
    n, n_relevant = np.bincount(test.user, minlength=test.n_users)[judged], n_relevant[judged]
    assert_allclose(measured["recall"][judged], np.minimum(n_relevant, 4) / n_relevant)
    assert_allclose(measured["precision"][judged], np.minimum(n_relevant, 4) / np.minimum(n, 4))


def test_with_fewer_test_items_than_k_every_model_looks_the_same():
    test, predicted = some_test(8)
    assert_same(
        own_test_items(test, predicted, k=9, min_relevant=3.5),
        own_test_items(test, -predicted, k=9, min_relevant=3.5),
    )


def test_inputs_are_left_alone():
    test, predicted = some_test(9)
    for part in (test.user, test.item, test.rating, predicted):
        part.flags.writeable = False
    errors = errors_of(test, predicted)
    error_differences(errors, replace(errors), **HOW)
    calibration(clip_to_scale(predicted, SCALE), test.rating, scale=SCALE, n_bins=5)
    own_test_items(test, predicted, k=2, min_relevant=3.5)
    complete_lists(np.zeros((test.n_users, 1), np.int32), test, k=1, min_relevant=3.5)
