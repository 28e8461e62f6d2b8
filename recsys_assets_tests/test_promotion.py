"""The gate of champions as numbers: levels of looks, one-sided ends, gains over the same users in every segment."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from recsys_assets.algorithms.evaluation import ALL, ranking_values
from recsys_assets.algorithms.liking.calibration import log_loss
from recsys_assets.algorithms.promotion import (
    Gain,
    Sampling,
    compare,
    coverage_loss,
    one_sided,
    spend_alpha,
    validation_ndcg,
    weakest_segment,
)
from recsys_assets.algorithms.rating_prediction.accuracy import rmse
from recsys_assets.algorithms.rating_prediction.log import RatingLog
from recsys_assets.algorithms.user_sums import (
    TAIL,
    USER_SEGMENTS,
    Metric,
    UserSums,
    evidence_of_likes,
    evidence_of_lists,
    evidence_of_stars,
)

NDCG = Metric(rooted=False, lower_is_better=False)
RMSE = Metric(rooted=True, lower_is_better=True)
LOSS = Metric(rooted=False, lower_is_better=True)
SAMPLING = Sampling(500, 0.95, 0)


def gain(segment: str, difference: float) -> Gain:
    return Gain(segment, 0.0, 0.0, difference, 0.0, 0.0, 0.0, 0.0, 1.0, 1)


# Levels.


def test_all_looks_together_spend_the_whole_level_and_no_more() -> None:
    spent = [spend_alpha(0.05, look) for look in range(1, 100_001)]
    assert spent[0] == pytest.approx(0.05 * 6 / math.pi**2)
    assert spent == sorted(spent, reverse=True)
    assert 0.05 * (1 - 1e-5) < sum(spent) < 0.05


@pytest.mark.parametrize(("alpha", "look"), [(0.05, 0), (0.0, 1), (1.0, 1)])
def test_a_level_needs_a_look_and_an_alpha(alpha: float, look: int) -> None:
    with pytest.raises(ValueError, match=f"got look {look}, alpha {alpha}"):
        spend_alpha(alpha, look)


def test_small_levels_are_resampled_often_enough_to_have_an_end() -> None:
    assert SAMPLING.enough_for(0.05) == 500
    assert SAMPLING.enough_for(1e-3) == 20_000
    most = SAMPLING.enough_for(spend_alpha(0.05, 55))
    assert most == SAMPLING.enough_for(spend_alpha(0.05, 56)) == 100_000
    ends = [one_sided(np.ones(most), spend_alpha(0.05, look))[0] for look in (55, 56)]
    assert ends == [1.0, pytest.approx(math.nan, nan_ok=True)]


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=200).map(np.array), st.floats(0.001, 0.5))
def test_the_lower_end_is_above_zero_exactly_if_the_p_value_is_within_the_level(
    drawn: np.ndarray[tuple[int], np.dtype[np.float64]], alpha: float
) -> None:
    low, high, p_value = one_sided(drawn, alpha)
    assert (low > 0) == (p_value <= alpha * (1 + 1e-12) and not math.isnan(low))
    assert math.isnan(low) or low <= high


def test_ends_are_the_order_statistics_that_they_are_defined_as() -> None:
    low, high, p_value = one_sided(np.array([*range(-1, 98), np.nan]), 0.05)
    assert (low, high) == (3, 93)
    assert p_value == 3 / 100
    assert all(map(math.isnan, one_sided(np.ones(9), 0.05)[:2]))
    assert one_sided(np.ones(9), 0.05)[2] == 1


# Gains.


def evidence(total: object, weight: object = None) -> dict[str, UserSums]:
    values = np.asarray(total, dtype=np.float64)
    return {ALL: UserSums(values, np.ones(values.size) if weight is None else np.asarray(weight, float))}


def only(challenger: object, champion: object, metric: Metric = NDCG, alpha: float = 0.03) -> Gain:
    [found] = compare(evidence(challenger), evidence(champion), metric, alpha=alpha, sampling=SAMPLING)
    return found


def test_who_is_the_same_is_not_better() -> None:
    values = np.random.default_rng(0).random(50)
    found = only(values, values)
    assert (found.difference, found.ci_low, found.ci_high, found.bound) == (0, 0, 0, 0)
    assert found.p_value == 1


def test_who_gains_the_same_with_every_user_is_better_by_just_that() -> None:
    values = np.random.default_rng(0).random(50)
    found = only(values + 0.25, values)
    assert [found.difference, found.bound, found.ceiling] == pytest.approx([0.25] * 3)
    assert found.p_value == 1 / (1 + SAMPLING.enough_for(0.03))


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20)
def test_gains_turn_round_with_the_pair_and_with_the_metric(seed: int) -> None:
    one, other = np.random.default_rng(seed).random((2, 30))
    there, back, less = only(one, other), only(other, one), only(other, one, LOSS)
    assert there.difference == pytest.approx(-back.difference)
    assert [there.ci_low, there.bound] == pytest.approx([-back.ci_high, -back.ceiling])
    assert [less.difference, less.bound, less.p_value] == pytest.approx(
        [there.difference, there.bound, there.p_value]
    )


def test_errors_count_by_rows_and_not_by_users() -> None:
    found = compare(
        evidence([0.0, 16.0], [0, 4]), evidence([0.0, 4.0], [0, 4]), RMSE, alpha=0.05, sampling=SAMPLING
    )[0]
    assert (found.challenger, found.champion, found.difference, found.n_users) == (2.0, 1.0, -1.0, 1)


def test_models_that_were_judged_on_other_rows_are_not_compared() -> None:
    with pytest.raises(ValueError, match="in all the challenger was judged on 3 rows and the champion on 2"):
        compare(evidence([1, 1], [1, 2]), evidence([1, 1]), RMSE, alpha=0.05, sampling=SAMPLING)
    with pytest.raises(ValueError, match="judge both alike"):
        compare(evidence([1.0]), {}, RMSE, alpha=0.05, sampling=SAMPLING)


def test_a_segment_without_users_has_no_gain_and_no_say() -> None:
    nobody = UserSums(np.zeros(3), np.zeros(3))
    found = compare({TAIL: nobody}, {TAIL: nobody}, RMSE, alpha=0.05, sampling=SAMPLING)[0]
    assert all(map(math.isnan, (found.difference, found.ci_low, found.bound)))
    assert (found.p_value, found.n_users) == (1, 0)


def test_the_weakest_segment_is_the_third_that_gains_least() -> None:
    gains = [gain(ALL, -1.0), gain("light_users", 0.1), gain("medium_users", math.nan), gain(TAIL, -2.0)]
    assert weakest_segment([*gains, gain("heavy_users", 0.05)]) == gain("heavy_users", 0.05)
    assert weakest_segment([gain(ALL, 1.0)]) is None


def test_who_is_no_better_is_promoted_about_as_often_as_the_level_says() -> None:
    rng = np.random.default_rng(0)
    # Most users get the same, a few win or lose much, as with lists that differ in a few places.
    gains = (
        rng.choice([-1.0, 1.0], (200, 300))
        * rng.exponential(0.1, (200, 300))
        * (rng.random((200, 300)) < 0.3)
    )
    promoted = sum(only(of_users, np.zeros(300), alpha=0.05).bound > 0 for of_users in gains)
    assert 3 <= promoted <= 19  # 10 expected; four standard deviations


# Evidence.


def made_up(n_users: int = 40, n_items: int = 25) -> tuple[RatingLog, RatingLog]:
    """Ratings learned from and others of the same users, who differ in how much they rated."""
    rng = np.random.default_rng(0)
    taken = rng.random((n_users, n_items)) < np.linspace(0.2, 0.8, n_users)[:, None]
    test = taken & (rng.random(taken.shape) < 0.3)
    stars = rng.integers(1, 11, taken.shape) / 2

    def log(rows: np.ndarray[tuple[int, int], np.dtype[np.bool]]) -> RatingLog:
        user, item = (numbers.astype(np.int32) for numbers in np.nonzero(rows))
        return RatingLog(
            np.arange(n_users),
            np.arange(n_items),
            user,
            item,
            stars[rows].astype(np.float32),
            np.zeros(user.size),
        )

    return log(taken & ~test), log(test)


def test_figures_of_evidence_are_those_that_the_evaluation_has() -> None:
    learned, test = made_up()
    predicted = np.random.default_rng(1).uniform(1, 5, test.rating.size).astype(np.float32)
    stars = evidence_of_stars(predicted, test, learned, head_share=0.2)
    assert RMSE.of(stars[ALL]) == pytest.approx(rmse(predicted, test.rating), abs=1e-12)
    likes = evidence_of_likes(predicted / 5, test, learned, min_liked=4, head_share=0.2)
    assert LOSS.of(likes[ALL]) == pytest.approx(log_loss(predicted / 5, test.rating >= 4), abs=1e-12)
    relevant = csr_matrix(test.matrix() >= 4, dtype=np.float32)
    lists = np.random.default_rng(2).permuted(np.tile(np.arange(25), (40, 1)), axis=1)[:, :10]
    ranked = evidence_of_lists(lists, relevant, learned.matrix(), k=10, head_share=0.2)
    values = ranking_values(lists, relevant, ks=[10], segment_k=10, users={}, items={})
    assert NDCG.of(ranked[ALL]) == pytest.approx(np.nanmean(values.values[:, 0]), abs=1e-12)


@pytest.mark.parametrize("kind", ["lists", "stars"])
def test_the_thirds_of_the_users_make_up_all_and_the_tail_is_a_part(kind: str) -> None:
    learned, test = made_up()
    if kind == "stars":
        found = evidence_of_stars(np.full(test.rating.size, 3, np.float32), test, learned, head_share=0.2)
    else:
        relevant = csr_matrix(test.matrix() >= 4, dtype=np.float32)
        lists = np.tile(np.arange(10), (40, 1))
        found = evidence_of_lists(lists, relevant, learned.matrix(), k=10, head_share=0.2)
    assert found.keys() == {ALL, *USER_SEGMENTS, TAIL}
    for part in ("total", "weight"):
        thirds = sum(getattr(found[name], part) for name in USER_SEGMENTS)
        np.testing.assert_array_equal(thirds, getattr(found[ALL], part))
    assert (found[TAIL].weight <= found[ALL].weight).all()
    assert 0 < found[TAIL].weight.sum() < found[ALL].weight.sum()


def test_coverage_is_lost_as_a_share_of_the_champion_s() -> None:
    wide, narrow, none = np.array([[0, 1], [2, 3]]), np.array([[0, 1], [1, 0]]), np.full((2, 2), -1)
    assert coverage_loss(narrow, wide, n_items=8, k=2) == (0.25, 0.5, 0.5)
    assert coverage_loss(wide, narrow, n_items=8, k=2)[2] == -1
    assert math.isnan(coverage_loss(wide, none, n_items=8, k=2)[2])


def test_without_held_out_likes_no_model_is_worth_anything() -> None:
    empty = csr_matrix((2, 3), dtype=np.float32)
    assert validation_ndcg({}, empty, empty, k=1) == {}
