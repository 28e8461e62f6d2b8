"""Drift: closed forms, and that chance alone asks for nothing while a change does."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import chi2

from recsys_assets.algorithms import drift as module
from recsys_assets.algorithms.drift import (
    DRIFTED,
    STABLE,
    STARS,
    TOO_FEW,
    Drift,
    Judged,
    draw_batches,
    group_rows,
    list_ndcg,
    measure_lists,
    measure_ratings,
    population_stability_index,
    sample_users,
)
from recsys_assets.algorithms.interactions import Interactions, build_interactions
from recsys_assets.algorithms.metrics import ranking_metrics

THRESHOLDS = {"psi_max": 0.1, "mean_shift_max": 0.2, "new_users_max": 0.2, "new_movies_max": 0.1}
SURE = {"min_counted": 20, "confidence": 0.99, "n_draws": 200, "max_rows": 200_000}
N_BATCHES = 200
FALSE_ALARMS = 0.05
"""At most so many batches in which nothing has changed may ask for a refresh."""

counts = st.lists(st.integers(0, 1000), min_size=2, max_size=10)


@pytest.fixture(scope="module")
def learned() -> Interactions:
    """300 users who differ in generosity, 20 to 120 ratings each, of 200 movies."""
    rng = np.random.default_rng(5)
    users, items, stars = [], [], []
    for user in range(300):
        n = int(rng.integers(20, 121))
        users.append(np.full(n, 10 * user))
        items.append(rng.choice(200, n, replace=False))
        stars.append(np.clip(np.rint(2 * rng.normal(3.5 + rng.normal(0, 0.5), 1, n)), 1, 10) / 2)
    return build_interactions(
        *(np.concatenate(parts) for parts in (users, items)),
        np.concatenate(stars).astype(np.float32),
        user_ids=10 * np.arange(300),
        item_ids=np.arange(250),
    )


Batch = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]


def batch(learned: Interactions, rng: np.random.Generator, *, n_users: int, unknown: float = 0.0) -> Batch:
    """Ratings of people like those who were learned from, a share of them under ids that nobody had."""
    users = rng.integers(learned.n_users, size=n_users)
    parts = []
    for place, user in enumerate(users):
        row = learned.ratings[user]
        chosen = rng.choice(row.nnz, min(row.nnz, int(rng.integers(3, 25))), replace=False)
        stranger = rng.random() < unknown
        user_id = 1_000_001 + 10 * place if stranger else int(learned.user_ids[user])
        parts.append((np.full(chosen.size, user_id), learned.item_ids[row.indices[chosen]], row.data[chosen]))
    user_ids, item_ids, stars = (np.concatenate(part) for part in zip(*parts, strict=True))
    return user_ids, item_ids, stars


def measured(learned: Interactions, new: Batch, *, seed: int = 0) -> dict[str, Drift]:
    return measure_ratings(learned, *new, **THRESHOLDS, **SURE, min_ratings=50, seed=seed)


# The population stability index.


def test_psi_by_hand() -> None:
    # With half a rating more in each bin: 0.25 and 0.75 against 0.5 and 0.5.
    psi = population_stability_index([0.5, 2.5], [1.5, 1.5])
    assert psi == pytest.approx(0.25 * math.log(0.5 / 0.25) - 0.25 * math.log(0.5 / 0.75))


@given(counts, st.data())
def test_psi_is_symmetric_never_negative_and_zero_of_a_distribution_with_itself(
    learned_counts: list[int], data: st.DataObject
) -> None:
    size = len(learned_counts)
    new = data.draw(st.lists(st.integers(0, 1000), min_size=size, max_size=size))
    forth, back = (
        population_stability_index(*pair) for pair in ((learned_counts, new), (new, learned_counts))
    )
    assert forth == pytest.approx(back)
    assert forth >= -1e-12
    assert population_stability_index(learned_counts, learned_counts) == 0


def test_psi_of_samples_of_one_distribution_follows_its_law() -> None:
    rng = np.random.default_rng(0)
    n, m, bins = 20_000, 1_000, np.full(10, 0.1)
    psi = population_stability_index(
        rng.multinomial(n, bins, size=2_000), rng.multinomial(m, bins, size=2_000)
    )
    for level in (0.5, 0.9, 0.99):
        assert np.quantile(psi, level) == pytest.approx((1 / n + 1 / m) * chi2.ppf(level, 9), rel=0.1)


def test_bins_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="learned has 3 bins and new has 2"):
        population_stability_index([1, 2, 3], [1, 2])


# Drawing.


def test_a_drawn_batch_has_as_many_rows_of_the_same_user_where_there_are_so_many() -> None:
    rng = np.random.default_rng(1)
    old_users = np.array([5, 5, 5, 6, 6, 7])
    old, new = group_rows(old_users, rng=rng), group_rows(np.array([6, 6, 6, 5, 9, 9]), rng=rng)
    strangers = set()
    for row, for_user in draw_batches(old, new, n_draws=50, max_rows=100, rng=rng):
        drawn = [sorted(old_users[row[for_user == user]].tolist()) for user in range(3)]
        assert drawn[0] == [5]
        assert drawn[1] == [6, 6]  # user 6 has two old rows for three new ones
        assert len(set(row[for_user == 1].tolist())) == 2
        assert len(set(drawn[2])) == 1
        strangers |= set(drawn[2])
    assert strangers == {5, 6, 7}


def test_row_order_and_the_same_seed_give_the_same_rows_by_user() -> None:
    users = np.array([3, 1, 2, 1, 3])
    rows = group_rows(users, rng=np.random.default_rng(0))
    assert rows.user_ids.tolist() == [1, 2, 3]
    assert users[rows.order].tolist() == [1, 1, 2, 3, 3]
    assert rows.sizes.tolist() == [2, 1, 2]
    assert rows.order.tolist() == group_rows(users, rng=np.random.default_rng(0)).order.tolist()


@pytest.mark.parametrize("max_rows", [1, 3, 50, 99, 100, 1000])
def test_a_sample_has_whole_users_and_not_too_many_rows(max_rows: int) -> None:
    sizes = np.random.default_rng(0).multinomial(100, np.full(20, 0.05))
    users = sample_users(sizes, max_rows=max_rows, rng=np.random.default_rng(2))
    assert len(set(users.tolist())) == users.size > 0
    assert sizes[users].sum() <= max_rows or users.size == 1
    assert (users.size == 20) == (max_rows >= 100)


def test_drawn_batches_are_no_larger_than_asked_for_and_each_like_other_users() -> None:
    users = np.repeat(np.arange(10), 5)
    rng = np.random.default_rng(3)
    old, new = group_rows(users, rng=rng), group_rows(users, rng=rng)
    drawn = [
        (users[row], for_user) for row, for_user in draw_batches(old, new, n_draws=50, max_rows=17, rng=rng)
    ]
    assert all(for_user.size == 15 and (user == for_user).all() for user, for_user in drawn)
    assert set(np.concatenate([for_user for _, for_user in drawn]).tolist()) == set(range(10))


def test_of_too_few_new_ratings_no_learned_row_is_touched(
    learned: Interactions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "group_rows", None)
    new = tuple(part[:49] for part in batch(learned, np.random.default_rng(7), n_users=20))
    assert measured(learned, new)["rating_psi"].verdict == TOO_FEW  # type: ignore[arg-type]


def test_a_large_batch_is_measured_whole_and_its_chance_drawn_like_a_sample(learned: Interactions) -> None:
    new = batch(learned, np.random.default_rng(13), n_users=200)
    sure = THRESHOLDS | SURE
    whole, sampled = (
        measure_ratings(learned, *new, **{**sure, "max_rows": max_rows}, min_ratings=50, seed=0)
        for max_rows in (200_000, 300)
    )
    for name in ("rating_psi", "mean_rating_shift"):
        assert sampled[name].value == whole[name].value
        assert sampled[name].chance_high > whole[name].chance_high
        assert sampled[name].verdict == whole[name].verdict == STABLE


def test_ndcg_of_rows_is_that_of_lists() -> None:
    rng = np.random.default_rng(2)
    n_users, n_items, k = 40, 30, 10
    liked = rng.random((n_users, n_items)) < 0.2
    liked[0] = False
    lists = np.array([rng.permutation(n_items)[:k] for _ in range(n_users)])
    rank = np.zeros((n_users, n_items), dtype=np.int64)
    np.put_along_axis(rank, lists, np.arange(1, k + 1)[None, :], axis=1)
    user = np.repeat(np.arange(n_users), n_items)
    hits = np.take_along_axis(liked, lists, axis=1)
    expected = np.nanmean(ranking_metrics(hits, liked.sum(axis=1), k=k)["ndcg"])
    assert list_ndcg(user, rank.ravel(), liked.ravel(), n_users=n_users, k=k) == pytest.approx(expected)


# Verdicts on ratings.


@pytest.mark.parametrize(("n_users", "unknown"), [(5, 0.1), (40, 0.0)])
def test_batches_in_which_nothing_has_changed_ask_for_nothing(
    learned: Interactions, n_users: int, unknown: float
) -> None:
    rng = np.random.default_rng(n_users)
    alarms = sum(
        any(
            one.verdict == DRIFTED
            for one in measured(
                learned, batch(learned, rng, n_users=n_users, unknown=unknown), seed=seed
            ).values()
        )
        for seed in range(N_BATCHES)
    )
    assert alarms <= FALSE_ALARMS * N_BATCHES


@pytest.mark.parametrize(("stars", "n_users"), [(0.5, 20), (-0.5, 20), (-0.5, 100), (1.0, 8)])
def test_shifted_stars_drift(learned: Interactions, stars: float, n_users: int) -> None:
    user_ids, item_ids, given_stars = batch(learned, np.random.default_rng(3), n_users=n_users)
    shifted = np.clip(given_stars + stars, 0.5, 5).astype(np.float32)
    found = measured(learned, (user_ids, item_ids, shifted))
    assert found["mean_rating_shift"].verdict == DRIFTED
    assert found["mean_rating_shift"].value * stars > 0
    assert found["new_user_share"].verdict != DRIFTED


def test_stars_at_both_ends_drift_though_their_mean_does_not(learned: Interactions) -> None:
    user_ids, item_ids, stars = batch(learned, np.random.default_rng(4), n_users=60)
    mean = stars.mean()
    ends = np.where(np.random.default_rng(0).random(stars.size) < (mean - 0.5) / 4.5, 5.0, 0.5)
    found = measured(learned, (user_ids, item_ids, ends.astype(np.float32)))
    assert found["rating_psi"].verdict == DRIFTED
    assert found["mean_rating_shift"].verdict == STABLE


def test_new_people_and_new_movies_drift_each_for_itself(learned: Interactions) -> None:
    user_ids, item_ids, stars = batch(learned, np.random.default_rng(6), n_users=50, unknown=0.5)
    found = measured(learned, (user_ids, item_ids, stars))
    assert [found[name].verdict for name in ("new_user_share", "new_movie_share")] == [DRIFTED, STABLE]
    known_users = batch(learned, np.random.default_rng(6), n_users=50)
    unrated = np.where(np.arange(item_ids.size) % 3 == 0, 200 + np.arange(item_ids.size) % 50, item_ids)
    found = measured(learned, (known_users[0], unrated[: known_users[0].size], known_users[2]))
    assert [found[name].verdict for name in ("new_user_share", "new_movie_share")] == [STABLE, DRIFTED]


def test_large_batches_with_small_changes_do_not_drift(learned: Interactions) -> None:
    parts = [batch(learned, np.random.default_rng(seed), n_users=300) for seed in range(5)]
    user_ids, item_ids, stars = (np.concatenate(part) for part in zip(*parts, strict=True))
    up = np.random.default_rng(0).random(stars.size) < 0.15
    found = measured(learned, (user_ids, item_ids, np.clip(stars + up, 0.5, 5).astype(np.float32)))
    shift = found["mean_rating_shift"]
    assert shift.value > shift.chance_high  # it is no chance, but too little to matter
    assert shift.verdict == STABLE


@pytest.mark.parametrize("n", [0, 49])
def test_of_few_ratings_nothing_is_said(learned: Interactions, n: int) -> None:
    new = tuple(part[:n] for part in batch(learned, np.random.default_rng(7), n_users=20))
    found = measured(learned, new)  # type: ignore[arg-type]
    assert {found[name].verdict for name in ("rating_psi", "mean_rating_shift")} == {TOO_FEW}
    assert found["rating_psi"].n_new == n
    assert math.isnan(found["rating_psi"].chance_high)
    assert math.isnan(found["mean_rating_shift"].value) == (n == 0)


def test_the_same_seed_says_the_same_and_row_order_is_irrelevant_to_the_values(learned: Interactions) -> None:
    new = batch(learned, np.random.default_rng(8), n_users=20)
    mixed = np.random.default_rng(0).permutation(new[0].size)
    assert measured(learned, new) == measured(learned, new)
    first, other = measured(learned, new), measured(learned, tuple(part[mixed] for part in new))  # type: ignore[arg-type]
    assert [one.value for one in first.values()] == pytest.approx([one.value for one in other.values()])


# Verdicts on lists.


def judged(rng: np.random.Generator, *, n_users: int, n_rows: int, found: float) -> Judged:
    """Rows of which a share ``found`` of the liked ones stand in their user's list."""
    user_ids = np.repeat(np.arange(n_users), n_rows)
    liked = rng.random(user_ids.size) < 0.6
    listed = liked & (rng.random(user_ids.size) < found)
    return Judged(user_ids, np.where(listed, rng.integers(1, 11, user_ids.size), 0), liked)


def lists_drift(old: Judged, new: Judged, *, seed: int = 0) -> Drift:
    return measure_lists(old, new, k=10, lost_max=0.25, seed=seed, **SURE)


def test_lists_that_do_as_well_as_before_ask_for_nothing_however_few_rows_judge_them() -> None:
    rng = np.random.default_rng(9)
    old = judged(rng, n_users=300, n_rows=20, found=0.2)
    verdicts = [
        lists_drift(old, judged(rng, n_users=60, n_rows=4, found=0.2), seed=seed).verdict
        for seed in range(N_BATCHES)
    ]
    assert verdicts.count(DRIFTED) <= FALSE_ALARMS * N_BATCHES
    assert TOO_FEW not in verdicts


def test_lists_that_have_lost_half_of_what_they_found_drift_and_better_ones_do_not() -> None:
    rng = np.random.default_rng(10)
    old = judged(rng, n_users=300, n_rows=20, found=0.3)
    worse = lists_drift(old, judged(rng, n_users=200, n_rows=6, found=0.1))
    assert worse.verdict == DRIFTED
    assert worse.value == pytest.approx(2 / 3, abs=0.15)
    better = lists_drift(old, judged(rng, n_users=200, n_rows=6, found=0.6))
    assert (better.verdict, better.value < 0) == (STABLE, True)


def test_lists_that_few_people_judge_are_not_judged() -> None:
    rng = np.random.default_rng(11)
    old = judged(rng, n_users=300, n_rows=20, found=0.3)
    few = lists_drift(old, judged(rng, n_users=10, n_rows=5, found=0.0))
    assert (few.verdict, few.n_new <= 10) == (TOO_FEW, True)
    nobody = judged(rng, n_users=0, n_rows=5, found=0.0)
    assert lists_drift(old, nobody).verdict == lists_drift(nobody, old).verdict == TOO_FEW


def test_inputs_stay_as_they_are(learned: Interactions) -> None:
    new = batch(learned, np.random.default_rng(12), n_users=20)
    copies = [part.copy() for part in new]
    measured(learned, new)
    assert all(np.array_equal(one, other) for one, other in zip(new, copies, strict=True))
    assert STARS.tolist() == [0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0]
