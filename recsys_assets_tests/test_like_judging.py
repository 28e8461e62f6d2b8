"""Judging probabilities of a like: figures by hand, against oracles, and intervals over users."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from recsys_assets.algorithms.evaluation import Bootstrap, Figure
from recsys_assets.algorithms.liking.judging import (
    LIKE_METRICS,
    LikeRows,
    auc,
    judge_like_folds,
    judge_likes,
    ndcg_of_users,
    roc_points,
    user_aucs,
)
from recsys_assets.algorithms.metrics import hit_matrix, ranking_metrics
from recsys_assets.algorithms.significance import bootstrap_means
from recsys_assets_tests.rating_logs import log_of

SEEDS = st.integers(0, 2**32 - 1)
HOW = Bootstrap(n_resamples=100, confidence=0.9, seed=0)


def some_test(seed: int, n_users: int = 12, n_items: int = 9) -> tuple[LikeRows, np.ndarray]:
    """Rows in any order and probabilities on a coarse grid, so that ties are frequent; user 3 has no rows."""
    rng = np.random.default_rng(seed)
    held_out = rng.random((n_users, n_items)) < 0.5
    held_out[0, :2] = True
    held_out[3] = False
    user, item = rng.permutation(np.argwhere(held_out)).T.astype(np.int32)
    liked = rng.random(user.size) < 0.5
    liked[:2] = True, False
    test = LikeRows(user, item, liked, n_users)
    return test, rng.choice(np.linspace(0.1, 0.9, 6, dtype=np.float32), user.size)


def judged(test: LikeRows, *, k: int = 3, **probabilities: np.ndarray) -> dict[tuple[str, str], Figure]:
    everywhere = {"all": np.ones(test.user.size, dtype=bool)}
    found = judge_likes(probabilities, test, everywhere, compared=[], k=k, bootstrap=HOW)
    return {(figure.model, figure.metric): figure for figure in found.figures}


@given(SEEDS)
def test_pooled_figures_agree_with_scikit_learn(seed: int):
    test, p = some_test(seed)
    found = judged(test, model=p)
    assert found["model", "auc"].value == pytest.approx(roc_auc_score(test.liked, p))
    assert auc(p, test.liked) == pytest.approx(roc_auc_score(test.liked, p))
    assert found["model", "log_loss"].value == pytest.approx(log_loss(test.liked, p), rel=1e-5)
    assert found["model", "brier"].value == pytest.approx(brier_score_loss(test.liked, p), rel=1e-5)


@given(SEEDS)
def test_each_user_s_auc_agrees_with_scikit_learn(seed: int):
    test, p = some_test(seed)
    own = user_aucs(test.user, p, test.liked, n_users=test.n_users)
    for user in range(test.n_users):
        rows = test.user == user
        if len(np.unique(test.liked[rows])) == 2:
            assert own[user] == pytest.approx(roc_auc_score(test.liked[rows], p[rows]))
        else:
            assert np.isnan(own[user])
    figure = judged(test, model=p)["model", "auc_per_user"]
    assert figure.n_users == np.isfinite(own).sum()
    if figure.n_users:
        assert figure.value == pytest.approx(np.nanmean(own))


def test_auc_by_hand():
    user, liked = np.array([0, 0, 0, 1, 1, 2]), np.array([True, False, False, True, False, True])
    score = np.array([0.5, 0.5, 0.1, 0.2, 0.9, 0.3])
    assert_array_equal(user_aucs(user, score, liked, n_users=4), [0.75, 0, np.nan, np.nan])


@given(SEEDS)
def test_auc_turns_round_with_the_score_and_depends_on_order_alone(seed: int):
    test, p = some_test(seed)
    own = user_aucs(test.user, p, test.liked, n_users=test.n_users)
    assert_allclose(user_aucs(test.user, -p, test.liked, n_users=test.n_users), 1 - own)
    assert_allclose(user_aucs(test.user, p, ~test.liked, n_users=test.n_users), 1 - own)
    assert_array_equal(user_aucs(test.user, p**3, test.liked, n_users=test.n_users), own)
    generous = p + test.user
    assert_array_equal(user_aucs(test.user, generous, test.liked, n_users=test.n_users), own)


@given(SEEDS, st.integers(1, 10))
def test_ndcg_is_that_of_the_lists_of_own_test_items(seed: int, k: int):
    test, p = some_test(seed)
    n_items = 9
    lists = np.full((test.n_users, max(k, n_items)), -1)
    for user in range(test.n_users):
        rows = np.flatnonzero(test.user == user)
        ranked = sorted(rows, key=lambda row: (-p[row], test.item[row]))
        lists[user, : rows.size] = test.item[ranked]
    liked = log_of(test.user, test.item, test.liked, n_users=test.n_users, n_items=n_items)
    relevant = liked.rows(test.liked).matrix()
    expected = ranking_metrics(hit_matrix(lists, relevant), np.diff(relevant.indptr), k=k)["ndcg"]
    assert_allclose(ndcg_of_users(test, p, k=k), expected)
    assert judged(test, k=k, model=p)["model", "ndcg"].k == k


def test_who_knows_the_truth_is_perfect():
    test, _ = some_test(1)
    found = judged(test, oracle=test.liked.astype(np.float32))
    assert [found["oracle", metric].value for metric in ("auc", "auc_per_user", "ndcg", "brier")] == [
        1,
        1,
        1,
        0,
    ]
    assert found["oracle", "log_loss"].value == pytest.approx(0, abs=1e-5)
    assert (found["oracle", "auc"].ci_low, found["oracle", "auc"].ci_high) == (1, 1)


def test_who_knows_nothing_is_at_chance():
    test, p = some_test(2)
    found = judged(test, nothing=np.full_like(p, 0.5))
    assert found["nothing", "auc"].value == found["nothing", "auc_per_user"].value == 0.5
    assert found["nothing", "log_loss"].value == pytest.approx(np.log(2))
    assert found["nothing", "brier"].value == 0.25


@given(SEEDS)
def test_the_interval_of_pooled_auc_is_that_of_users_drawn_whole(seed: int):
    test, p = some_test(seed)
    figure = judged(test, model=p)["model", "auc"]
    users = np.unique(test.user)
    rng, values = np.random.default_rng(HOW.seed), []
    for _ in range(HOW.n_resamples):
        drawn = users[rng.integers(users.size, size=users.size)]
        rows = np.concatenate([np.flatnonzero(test.user == user) for user in drawn])
        values.append(auc(p[rows], test.liked[rows]))
    assert_allclose([figure.ci_low, figure.ci_high], np.nanquantile(values, [0.05, 0.95]))
    assert figure.n_users == users.size


@given(SEEDS)
def test_differences_are_paired_over_users(seed: int):
    test, p = some_test(seed)
    other = np.random.default_rng(seed).permutation(p)
    rows = {"all": np.ones(p.size, dtype=bool), "first": test.user < 6}
    found = judge_likes(
        {"a": p, "b": other}, test, rows, compared=[("a", "b"), ("a", "absent")], k=3, bootstrap=HOW
    )
    values = {(f.model, f.segment, f.metric): f.value for f in found.figures}
    assert len(found.figures) == 2 * 2 * len(LIKE_METRICS)
    assert [(c.segment, c.metric) for c in found.comparisons] == [(s, m) for s in rows for m in LIKE_METRICS]
    for pair in found.comparisons:
        difference = values["a", pair.segment, pair.metric] - values["b", pair.segment, pair.metric]
        assert pair.difference == pytest.approx(difference, abs=1e-9, nan_ok=True)
    per_user = [
        np.column_stack(
            [user_aucs(test.user, each, test.liked, n_users=test.n_users), ndcg_of_users(test, each, k=3)]
        )
        for each in (p, other)
    ]
    expected = bootstrap_means(per_user[0] - per_user[1], n_resamples=100, confidence=0.9, seed=0)
    pairs = {pair.metric: pair for pair in found.comparisons if pair.segment == "all"}
    for metric, low, high in zip(("auc_per_user", "ndcg"), expected.low, expected.high, strict=True):
        assert (pairs[metric].ci_low, pairs[metric].ci_high) == (low, high)


def test_a_model_compared_with_itself_does_not_differ():
    test, p = some_test(3)
    rows = {"all": np.ones(p.size, dtype=bool)}
    found = judge_likes({"a": p, "b": p}, test, rows, compared=[("a", "b")], k=3, bootstrap=HOW)
    assert all((c.difference, c.ci_low, c.ci_high) == (0, 0, 0) for c in found.comparisons)


@given(SEEDS)
def test_the_order_of_rows_doesn_t_matter(seed: int):
    test, p = some_test(seed)
    order = np.random.default_rng(seed).permutation(p.size)
    shuffled = replace(test, user=test.user[order], item=test.item[order], liked=test.liked[order])
    one, other = judged(test, model=p), judged(shuffled, model=p[order])
    for key, figure in one.items():
        again = other[key]
        assert_allclose(
            [figure.value, figure.ci_low, figure.ci_high],
            [again.value, again.ci_low, again.ci_high],
            rtol=1e-6,
        )


def test_folds_have_a_mean_a_deviation_and_the_pooled_figure():
    test, p = some_test(4, n_users=30)
    fold = np.array(["one", "two", "three"])[np.arange(p.size) % 3]
    found = {(f.segment, f.metric): f for f in judge_like_folds({"model": p}, test, fold, k=3, bootstrap=HOW)}
    of_folds = [auc(p[fold == name], test.liked[fold == name]) for name in ("one", "two", "three")]
    assert_allclose([found[name, "auc"].value for name in ("one", "two", "three")], of_folds)
    assert found["all", "auc"].value == pytest.approx(np.mean(of_folds))
    assert found["all", "auc_std"].value == pytest.approx(np.std(of_folds, ddof=1))
    assert np.isnan([found["all", "auc"].ci_low, found["all", "auc_std"].ci_high]).all()
    pooled = found["all", "auc_pooled"]
    assert replace(pooled, metric="auc") == judged(test, model=p)["model", "auc"]
    assert pooled.ci_low < pooled.value < pooled.ci_high
    assert len(found) == 3 * 5 + 3 * 5


def test_users_without_both_kinds_leave_auc_undefined():
    test, p = some_test(5)
    found = judged(replace(test, liked=np.ones_like(test.liked)), model=p)
    for metric in ("auc", "auc_per_user"):
        figure = found["model", metric]
        assert np.isnan([figure.value, figure.ci_low, figure.ci_high]).all()
    assert found["model", "ndcg"].value == 1


def test_a_segment_without_rows_has_no_value():
    test, p = some_test(6)
    found = judge_likes(
        {"model": p},
        test,
        {"none": np.zeros(p.size, bool)},
        compared=[("model", "model")],
        k=3,
        bootstrap=HOW,
    )
    assert np.isnan([figure.value for figure in found.figures]).all()
    assert {figure.n_users for figure in found.figures} == {0}


@given(SEEDS)
def test_the_area_below_the_points_of_the_roc_curve_is_auc(seed: int):
    test, p = some_test(seed)
    false_positive, true_positive = roc_points(p, test.liked, n_points=4001)
    assert (false_positive[0], false_positive[-1], true_positive[-1]) == (0, 1, 1)
    assert np.all(np.diff(true_positive) >= 0)
    area = np.trapezoid(true_positive, false_positive)
    assert area == pytest.approx(roc_auc_score(test.liked, p), abs=1e-3)


def test_a_roc_curve_needs_both_kinds():
    with pytest.raises(ValueError, match="2 of 2 rows are liked"):
        roc_points(np.array([0.1, 0.2]), np.array([True, True]), n_points=3)


def test_a_log_s_rows_are_likes_from_so_many_stars():
    log = log_of([0, 0, 1], [0, 1, 1], [3.5, 4.0, 5.0], n_users=3)
    test = LikeRows.of(log, min_liked=4)
    assert_array_equal(test.liked, [False, True, True])
    assert_array_equal(test.judged, [True, True, False])


def test_inputs_are_left_alone():
    test, p = some_test(7)
    for part in (test.user, test.item, test.liked, p):
        part.flags.writeable = False
    judged(test, model=p)
    roc_points(p, test.liked, n_points=5)
