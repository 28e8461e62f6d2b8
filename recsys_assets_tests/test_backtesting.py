"""Backtests: where windows begin, that models know nothing of a window or after it, and how they are judged."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys_assets.algorithms.als import AlsSettings
from recsys_assets.algorithms.backtesting.history import Catalogue, History, Ratings, Tags
from recsys_assets.algorithms.backtesting.lists import (
    NEW_USERS,
    WARM_USERS,
    ListSettings,
    ListsOfMoment,
    fit_lists,
    judge_lists_of_moment,
)
from recsys_assets.algorithms.backtesting.pooling import pool_windows
from recsys_assets.algorithms.backtesting.stars import NOBODY, StarsOfMoment, fit_stars, judge_stars_of_moment
from recsys_assets.algorithms.backtesting.windows import Window, cut_windows, describe
from recsys_assets.algorithms.evaluation import Bootstrap, Judgement
from recsys_assets.algorithms.rating_prediction.biases import Biases
from recsys_assets.defs.backtest.config import BacktestConfig
from recsys_assets.storage.arrays import content_digest

DAY = 86_400_000_000
CUT_OFF = 900 * DAY
BOOTSTRAP = Bootstrap(n_resamples=200, confidence=0.95, seed=0)
SETTINGS = ListSettings(
    inner_share=0.2,
    like_rating=4.0,
    k=10,
    half_life_days=180.0,
    n_factors=8,
    iterations=5,
    als_candidates=((3.0, 5.0), (30.0, 5.0)),
    n_seeds=1,
    max_users=1000,
    alphas=(0.0, 0.5, 1.0),
    min_beta=0.05,
    min_items=2,
    max_terms=100,
    n_components=8,
    min_ratings=5,
    min_mean=3.0,
    seed=0,
)


def made_history(seed: int = 0, *, n_users: int = 60, n_items: int = 40, n_rated: int = 15) -> History:
    """Users with a taste for one half of the movies, who rate and tag in the course of 1,000 days."""
    rng = np.random.default_rng(seed)
    user = np.repeat(np.arange(1, n_users + 1), n_rated)
    item = np.concatenate([rng.permutation(n_items)[:n_rated] + 1 for _ in range(n_users)])
    liked = (user % 2) == (item % 2)
    stars = np.clip(np.where(liked, 4.5, 2.5) + rng.choice([-0.5, 0, 0.5], user.size), 0.5, 5)
    moment = rng.integers(0, 1000, user.size) * DAY
    tagged = np.flatnonzero(rng.random(user.size) < 0.3)
    words = np.array(["dark", "funny", "slow"], dtype=np.object_)
    return History(
        Ratings(user, item, stars.astype(np.float32), moment),
        Tags(user[tagged], item[tagged], words[item[tagged] % 3], moment[tagged] + DAY),
        Catalogue(
            np.arange(1, n_items + 1),
            [f"Movie {number} (1971)" for number in range(1, n_items + 1)],
            [["Odd"] if number % 2 else ["Even"] for number in range(1, n_items + 1)],
            np.full(n_items, 1971.0),
        ),
    )


HISTORY = made_history()


def joined(one: Ratings, other: Ratings) -> Ratings:
    fields = ("user_id", "item_id", "rating", "rated_at")
    return Ratings(*(np.concatenate([getattr(one, name), getattr(other, name)]) for name in fields))


# Windows.


@given(
    st.lists(st.integers(0, 10_000), min_size=60, max_size=300),
    st.integers(1, 8),
    st.sampled_from([0.2, 0.4, 0.5]),
)
def test_windows_follow_each_other_to_the_end_and_no_moment_is_parted(
    moments: list[int], n_windows: int, share: float
) -> None:
    rated_at = np.array(moments)
    try:
        windows = cut_windows(rated_at, n_windows=n_windows, initial_share=share)
    except ValueError:
        assert np.unique(rated_at).size < rated_at.size  # only ties can make a window empty
        return
    assert len(windows) == n_windows
    assert [one.until for one in windows[:-1]] == [one.cut_off for one in windows[1:]]
    assert windows[-1].until == rated_at.max() + 1
    ones = np.ones(rated_at.size, dtype=np.int64)
    ratings = Ratings(ones, ones, ones.astype(np.float32), rated_at)
    judged = [one.judged(ratings).rated_at for one in windows]
    assert sum(map(len, judged)) + np.count_nonzero(rated_at < windows[0].cut_off) == rated_at.size
    assert all(set(one).isdisjoint(other) for one, other in pairwise(judged))
    assert all(one.min() == window.cut_off for one, window in zip(judged, windows, strict=True))


def test_without_ties_windows_have_equally_many_ratings_after_the_initial_share() -> None:
    rated_at = np.random.default_rng(0).permutation(1000) * 7
    windows = cut_windows(rated_at, n_windows=6, initial_share=0.4)
    edges = [one.cut_off for one in windows] + [windows[-1].until]
    assert np.count_nonzero(rated_at < edges[0]) == 400
    assert np.diff([np.count_nonzero(rated_at < edge) for edge in edges]).tolist() == [100] * 6


def test_ties_lie_in_the_window_that_one_of_them_begins() -> None:
    rated_at = np.array([1, 2, 3, 4, 5, 5, 5, 8, 9, 10])
    [first, second] = cut_windows(rated_at, n_windows=2, initial_share=0.5)  # places 5 and 7: times 5 and 8
    assert (first.cut_off, second.cut_off, second.until) == (5, 8, 11)
    assert np.count_nonzero(rated_at < first.cut_off) == 4


@pytest.mark.parametrize("rated_at", [[], [5] * 100, [1, 2, 3]])
def test_too_few_moments_are_refused_with_their_number(rated_at: list[int]) -> None:
    with pytest.raises(ValueError, match=f"{len(rated_at)} ratings at {len(set(rated_at))} different times"):
        cut_windows(np.array(rated_at, dtype=np.int64), n_windows=8, initial_share=0.4)


def test_an_initial_share_of_nothing_or_everything_is_refused() -> None:
    for share in (0.0, 1.0):
        with pytest.raises(ValueError, match="between 0 and 1"):
            cut_windows(np.arange(100), n_windows=2, initial_share=share)


# What was known.


def test_known_is_what_is_strictly_older() -> None:
    moment = int(HISTORY.ratings.rated_at[0])
    past = HISTORY.before(moment)
    assert past.ratings.rated_at.size == np.count_nonzero(HISTORY.ratings.rated_at < moment)
    assert past.tags.tagged_at.size == np.count_nonzero(HISTORY.tags.tagged_at < moment)
    assert past.ratings.rated_at.max() < moment
    assert past.tags.tagged_at.max() < moment


def test_an_item_is_there_once_it_is_released_or_rated_and_always_without_a_year() -> None:
    year = np.array([1969.0, 1971.0, 1999.0, 1999.0, np.nan])
    catalogue = Catalogue(np.arange(1, 6), ["a"] * 5, [[]] * 5, year)
    ratings = Ratings(
        np.array([1, 1]), np.array([4, 3]), np.float32([4, 4]), np.array([400 * DAY, 600 * DAY])
    )
    past = replace(HISTORY, catalogue=catalogue, ratings=ratings).before(500 * DAY)  # in 1971
    assert past.catalogue.item_id.tolist() == [1, 2, 4, 5]


def test_each_user_s_latest_ratings_choose() -> None:
    learned, latest = HISTORY.hold_out_latest(0.2)
    assert learned.ratings.rated_at.size + latest.rated_at.size == HISTORY.ratings.rated_at.size
    for user_id in np.unique(latest.user_id):
        own = learned.ratings.rated_at[learned.ratings.user_id == user_id]
        held_out = latest.rated_at[latest.user_id == user_id]
        assert held_out.size == 3
        assert held_out.min() >= own.max()


def test_facts_are_those_of_what_models_were_given() -> None:
    window = Window(CUT_OFF, 1000 * DAY)
    past, judged = HISTORY.before(CUT_OFF), window.judged(HISTORY.ratings)
    facts = describe(past, judged)
    assert facts.newest_training_row < CUT_OFF <= facts.starts_at <= facts.ends_at < window.until
    assert facts.newest_training_tag is not None and facts.newest_training_tag < CUT_OFF
    assert (facts.n_train, facts.n_judged) == (past.ratings.rated_at.size, judged.rated_at.size)
    assert facts.n_warm_users + facts.n_new_users == np.unique(judged.user_id).size
    leaked = describe(HISTORY, judged)
    assert leaked.newest_training_row >= CUT_OFF
    assert leaked.n_new_users == leaked.n_new_items == 0
    assert (
        describe(
            replace(past, tags=past.tags.rows(np.zeros(past.tags.tag.size, bool))), judged
        ).newest_training_tag
        is None
    )


# Nothing of a window, or after it, reaches its models.


def lists_digest(lists: ListsOfMoment) -> list[object]:
    arrays = [lists.user_ids, lists.item_ids, *lists.personal.values(), *lists.for_anyone.values()]
    return [array.tobytes() for array in arrays] + [lists.als, lists.alpha]


def stars_digest(stars: StarsOfMoment) -> list[str]:
    return [content_digest(model) for model in stars.models.values()] + [repr(stars.settings)]


def quick_recipes() -> list[object]:
    config = BacktestConfig(
        stars={
            "dampings": [5.0],
            "shrinkages": [50.0],
            "exponents": [1.0],
            "neighbor_dampings": [0.2],
            "n_factors": 4,
            "epochs": 5,
            "mf_learning_rates": [0.02],
            "mf_regularizations": [0.1],
            "svdpp_learning_rates": [0.005],
            "svdpp_regularizations": [0.06, 0.1],
        }
    )
    return config.stars.recipes(n_ratings=1000)


def fitted_stars(history: History) -> StarsOfMoment:
    return fit_stars(history.before(CUT_OFF), quick_recipes(), inner_share=0.2, n_threads=1)


def other_futures() -> dict[str, History]:
    """The same past with other things after it."""
    ratings, tags = HISTORY.ratings, HISTORY.tags
    later = ratings.rated_at >= CUT_OFF
    stars = np.where(later, 5.5 - ratings.rating, ratings.rating).astype(np.float32)
    newcomers = Ratings(
        np.arange(5000, 5030), np.full(30, 1), np.full(30, 5.0, np.float32), np.full(30, CUT_OFF)
    )
    late_tags = np.where(tags.tagged_at >= CUT_OFF, "leak", tags.tag).astype(np.object_)
    more = Catalogue(
        np.append(HISTORY.catalogue.item_id, 99),
        [*HISTORY.catalogue.title, "Later (1999)"],
        [*HISTORY.catalogue.genres, ["Odd"]],
        np.append(HISTORY.catalogue.year, 1999.0),
    )
    return {
        "other stars": replace(HISTORY, ratings=replace(ratings, rating=stars)),
        "none": replace(HISTORY, ratings=ratings.rows(~later)),
        "more users": replace(HISTORY, ratings=joined(ratings, newcomers)),
        "other tags": replace(HISTORY, tags=replace(tags, tag=late_tags)),
        "more movies": replace(HISTORY, catalogue=more),
    }


@pytest.mark.parametrize("future", list(other_futures()))
def test_models_are_the_same_bytes_whatever_comes_later(future: str) -> None:
    other = other_futures()[future]
    assert lists_digest(fit_lists(other.before(CUT_OFF), SETTINGS)) == lists_digest(
        fit_lists(HISTORY.before(CUT_OFF), SETTINGS)
    )
    assert stars_digest(fitted_stars(other)) == stars_digest(fitted_stars(HISTORY))


def test_one_rating_of_the_past_does_change_them() -> None:
    ratings = HISTORY.ratings
    earliest = int(np.argmin(ratings.rated_at))
    stars = ratings.rating.copy()
    stars[earliest] = 5.5 - stars[earliest]
    other = replace(HISTORY, ratings=replace(ratings, rating=stars))
    assert stars_digest(fitted_stars(other)) != stars_digest(fitted_stars(HISTORY))
    assert lists_digest(fit_lists(other.before(CUT_OFF), SETTINGS)) != lists_digest(
        fit_lists(HISTORY.before(CUT_OFF), SETTINGS)
    )


@pytest.mark.parametrize("rated", [True, False])
def test_a_tag_counts_where_its_user_s_rating_is_learned_from(rated: bool) -> None:
    past = HISTORY.before(CUT_OFF)
    own = past.ratings.item_id[past.ratings.user_id == 1]
    item = own[0] if rated else np.setdiff1d(past.catalogue.item_id, own)[0]
    names = ("user_id", "item_id", "tag", "tagged_at")
    words = {
        "user_id": [1, 1, 5000],
        "item_id": [item] * 3,
        "tag": ["new", "funny", "dark"],
        "tagged_at": [0] * 3,
    }
    more = Tags(*(np.append(getattr(past.tags, name), words[name]) for name in names))
    same = lists_digest(fit_lists(replace(past, tags=more), SETTINGS)) == lists_digest(
        fit_lists(past, SETTINGS)
    )
    assert same != rated


def test_no_list_shows_what_its_user_had_rated_or_what_there_was_not() -> None:
    past = HISTORY.before(CUT_OFF)
    lists = fit_lists(past, SETTINGS)
    seen = past.interactions(past.ratings).ratings
    assert set(lists.personal) == {"popularity", "recent_popularity", "als", "content", "hybrid"}
    for listed in lists.personal.values():
        assert listed.shape == (lists.user_ids.size, 10)
        for user, row in enumerate(listed):
            assert not set(row[row >= 0]) & set(seen[user].indices)


def test_a_taste_that_is_there_is_found() -> None:
    """Odd users like odd movies: personal lists beat popularity, and stars of SVD++ those of biases."""
    past, judged = HISTORY.before(CUT_OFF), Window(CUT_OFF, 1000 * DAY).judged(HISTORY.ratings)
    lists = judge_lists_of_moment(
        fit_lists(past, SETTINGS), judged, like_rating=4.0, k=10, baseline="popularity", bootstrap=BOOTSTRAP
    )
    assert figure(lists, "hybrid", "ndcg", WARM_USERS) > figure(lists, "popularity", "ndcg", WARM_USERS) + 0.1
    stars = judge_stars_of_moment(
        fitted_stars(HISTORY), judged, baseline="bias", n_bins=9, bootstrap=BOOTSTRAP
    )
    [gain] = [
        one
        for one in stars.comparisons
        if (one.model, one.metric, one.segment) == ("item_knn_baseline", "rmse", "all")
    ]
    assert gain.ci_high < 0


# Judging.


def figure(judged: Judgement, model: str, metric: str, segment: str) -> float:
    [value] = [
        one.value
        for one in judged.figures
        if (one.model, one.metric, one.segment) == (model, metric, segment)
    ]
    return value


def test_lists_are_judged_in_closed_form() -> None:
    """Users 1 and 2 were known, 7 wasn't; movie 9 came later, so that no list could have it."""
    lists = ListsOfMoment(
        user_ids=np.array([1, 2, 3]),
        item_ids=np.array([4, 5, 6, 8]),
        personal={
            "popularity": np.array([[0, 1], [0, 1], [0, 1]], np.int32),
            "als": np.array([[2, 0], [1, -1], [3, 0]], np.int32),
        },
        for_anyone={"popularity": np.array([0], np.int32), "cold_start": np.array([1, 0], np.int32)},
        als=AlsSettings(1.0, 1.0),
        alpha=1.0,
    )
    judged = Ratings(
        np.array([1, 1, 2, 7]),
        np.array([6, 9, 4, 5]),
        np.float32([5, 4, 4, 5]),
        np.array([CUT_OFF] * 4),
    )
    found = judge_lists_of_moment(
        lists, judged, like_rating=4.0, k=2, baseline="popularity", bootstrap=BOOTSTRAP
    )
    # User 1 likes 6 and 9: ALS has 6 in front, of two that an ideal list would have. User 2 likes 4: popularity has it.
    ideal_of_two = 1 + 1 / np.log2(3)
    assert figure(found, "als", "ndcg", WARM_USERS) == pytest.approx(1 / ideal_of_two / 2)
    assert figure(found, "als", "recall", WARM_USERS) == pytest.approx((1 / 2 + 0) / 2)
    assert figure(found, "popularity", "ndcg", WARM_USERS) == pytest.approx((0 + 1) / 2)
    assert figure(found, "cold_start", "hit_rate", NEW_USERS) == 1
    assert figure(found, "popularity", "hit_rate", NEW_USERS) == 0
    assert figure(found, "als", "coverage", WARM_USERS) == 4 / 4
    assert figure(found, "popularity", "coverage", WARM_USERS) == 2 / 4
    users = {(one.model, one.metric, one.segment): one.n_users for one in found.figures}
    assert (users["als", "ndcg", WARM_USERS], users["cold_start", "ndcg", NEW_USERS]) == (2, 1)
    pairs = {(one.model, one.baseline, one.segment) for one in found.comparisons}
    assert pairs == {("als", "popularity", WARM_USERS), ("cold_start", "popularity", NEW_USERS)}


@pytest.mark.parametrize("known", [True, False])
def test_a_window_of_known_or_of_new_users_alone_has_no_figures_of_the_others(known: bool) -> None:
    past, judged = HISTORY.before(CUT_OFF), Window(CUT_OFF, 1000 * DAY).judged(HISTORY.ratings)
    judged = judged if known else replace(judged, user_id=judged.user_id + 1000)
    found = judge_lists_of_moment(
        fit_lists(past, SETTINGS), judged, like_rating=4.0, k=10, baseline="popularity", bootstrap=BOOTSTRAP
    )
    n_users = {one.segment: one.n_users for one in found.figures if one.metric == "ndcg"}
    assert (n_users[WARM_USERS] > 0) == known
    assert (n_users[NEW_USERS] > 0) != known
    stars = judge_stars_of_moment(
        fitted_stars(HISTORY), judged, baseline="bias", n_bins=9, bootstrap=BOOTSTRAP
    )
    assert {one.segment for one in stars.figures} == {"all", WARM_USERS if known else NEW_USERS}


def test_whoever_and_whatever_came_later_gets_no_bias() -> None:
    biases = Biases(3.5, np.float32([0, 0.5, -0.5]), np.float32([0, 0.25]))
    stars = StarsOfMoment(np.array([NOBODY, 1, 2]), np.array([NOBODY, 4]), (0.5, 3.9), {"bias": biases}, {})
    ratings = Ratings(
        np.array([1, 2, 7, 7, 1]),
        np.array([4, 4, 4, 9, 9]),
        np.full(5, 3.0, np.float32),
        np.full(5, CUT_OFF),
    )
    assert stars.predict(ratings)["bias"].tolist() == pytest.approx([3.9, 3.25, 3.75, 3.5, 3.9])


# Several windows together.


def test_windows_are_pooled_by_their_users() -> None:
    pooled = pool_windows(
        np.array([0.2, 0.5, np.nan]),
        np.array([0.1, 0.1, np.nan]),
        np.array([0.3, 0.9, np.nan]),
        np.array([30, 10, 0]),
    )
    assert pooled.value == pytest.approx(0.275)
    half = np.sqrt((0.75 * 0.1) ** 2 + (0.25 * 0.4) ** 2)
    assert (pooled.low, pooled.high, pooled.n) == (
        pytest.approx(0.275 - half),
        pytest.approx(0.275 + half),
        40,
    )


def test_equal_windows_have_an_interval_as_much_narrower_as_a_larger_sample() -> None:
    pooled = pool_windows(np.full(4, 0.3), np.full(4, 0.2), np.full(4, 0.4), np.full(4, 25))
    assert (pooled.value, pooled.high - pooled.low, pooled.n) == (
        pytest.approx(0.3),
        pytest.approx(0.2 / 2),
        100,
    )


def test_nothing_is_pooled_of_no_windows() -> None:
    nothing = np.array([np.nan])
    pooled = pool_windows(nothing, nothing, nothing, np.array([0]))
    assert np.isnan([pooled.value, pooled.low, pooled.high]).all() and pooled.n == 0
