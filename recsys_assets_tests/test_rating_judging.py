"""Who is judged on which ratings: figures of predicted stars and of their lists, by hand and by their definitions."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from rating_logs import log_of, logs

from recsys_assets.algorithms.evaluation import Bootstrap, Comparison, Figure
from recsys_assets.algorithms.rating_prediction.judging import (
    judge_folds,
    judge_lists_of_stars,
    judge_stars,
    segments_of,
)
from recsys_assets.algorithms.rating_prediction.log import RatingLog

BOOTSTRAP = Bootstrap(n_resamples=100, confidence=0.95, seed=0)
SEEDS = st.integers(0, 2**32 - 1)
ERRORS = {
    "rmse": lambda off: float(np.sqrt(np.mean(off**2))),
    "mae": lambda off: float(np.mean(np.abs(off))),
}


def predictions(test: RatingLog, seed: int, *names: str) -> dict[str, np.ndarray]:
    """Stars near those given, each model off in its own way."""
    rng = np.random.default_rng(seed)
    return {name: (test.rating + rng.normal(size=test.rating.size)).astype(np.float32) for name in names}


def values(figures: Iterable[Figure]) -> dict[tuple[str, str, str], float]:
    """Figures by model, segment and metric; no two may share these."""
    found = list(figures)
    named = {(figure.model, figure.segment, figure.metric): figure.value for figure in found}
    assert len(named) == len(found)
    return named


# Segments.


@given(logs(), logs())
def test_each_row_is_in_all_and_in_one_segment_of_users_and_one_of_items(
    one: RatingLog, other: RatingLog
) -> None:
    n_users, n_items = max(one.n_users, other.n_users), max(one.n_items, other.n_items)
    test, learned = (
        log_of(log.user, log.item, log.rating, n_users=n_users, n_items=n_items) for log in (one, other)
    )
    segments = segments_of(test, learned, head_share=0.2)
    assert all(rows.any() for rows in segments.values())
    assert segments.pop("all").all()
    for kind in ("users", "items"):
        masks = [rows for name, rows in segments.items() if name.endswith(kind)]
        assert_array_equal(np.sum(masks, axis=0), 1)


def test_segments_are_those_of_what_was_learned_not_of_what_is_tested() -> None:
    learned = log_of([0, 0, 0, 1, 1, 2], [0, 1, 2, 0, 1, 0], [3] * 6, n_items=5)
    test = log_of([2, 2, 2, 1, 0], [1, 2, 3, 2, 3], [3] * 5, n_users=3, n_items=5)
    segments = {name: rows.tolist() for name, rows in segments_of(test, learned, head_share=1 / 3).items()}
    yes, no = True, False
    assert segments == {
        "all": [yes] * 5,
        "light_users": [yes, yes, yes, no, no],
        "medium_users": [no, no, no, yes, no],
        "heavy_users": [no, no, no, no, yes],
        "tail_items": [yes, yes, no, yes, no],  # the head is item 0, of which no row is tested
        "cold_items": [no, no, yes, no, yes],
    }


# Stars.


@given(logs(max_users=4), SEEDS)
def test_errors_are_those_of_the_definition_in_every_segment(test: RatingLog, seed: int) -> None:
    stars = predictions(test, seed, "one", "other")
    some = np.random.default_rng(seed).random(test.rating.size) < 0.5
    segments = {"all": np.ones_like(some), **({"some": some} if some.any() else {})}
    judged = judge_stars(
        stars, test, segments, compared=[("one", "other")], n_bins=9, scale=(0.5, 5), bootstrap=BOOTSTRAP
    )
    found = values(judged.figures)
    differences = {(pair.segment, pair.metric): pair.difference for pair in judged.comparisons}
    for segment, rows in segments.items():
        for metric, error in ERRORS.items():
            own = {name: error(stars[name][rows].astype(float) - test.rating[rows]) for name in stars}
            for name in stars:
                assert found[name, segment, metric] == pytest.approx(own[name])
            assert differences[segment, metric] == pytest.approx(own["one"] - own["other"], abs=1e-9)
    users = {figure.n_users for figure in judged.figures if figure.segment == "all"}
    assert users == {np.unique(test.user).size}
    assert all(figure.k == 0 for figure in judged.figures)


def test_stars_and_their_intervals_by_hand() -> None:
    """Two users, one row each: a resample holds either twice or both, errors 1 and 3 stars."""
    test = log_of([0, 1], [0, 0], [2, 2])
    judged = judge_stars(
        {"model": np.array([3, 5], dtype=np.float32), "exact": test.rating},
        test,
        {"all": np.ones(2, dtype=bool)},
        compared=[("model", "exact"), ("absent", "exact"), ("model", "absent")],
        n_bins=2,
        scale=(1, 5),
        bootstrap=BOOTSTRAP,
    )
    assert judged.figures[:4] == (
        Figure("model", "all", "rmse", 0, pytest.approx(np.sqrt(5)), 1, 3, 2),
        Figure("model", "all", "mae", 0, 2, 1, 3, 2),
        Figure("exact", "all", "rmse", 0, 0, 0, 0, 2),
        Figure("exact", "all", "mae", 0, 0, 0, 0, 2),
    )
    # 3 and 5 predicted stars share the upper half of the scale: 4 on average, where 2 were given.
    assert values(judged.figures[4:]) == {
        ("model", "all", "calibration_error"): 2,
        ("exact", "all", "calibration_error"): 0,
    }
    assert judged.comparisons == (
        Comparison("model", "exact", "all", "rmse", 0, pytest.approx(np.sqrt(5)), 1, 3, 2),
        Comparison("model", "exact", "all", "mae", 0, 2, 1, 3, 2),
    )


def test_of_a_model_and_itself_the_difference_is_nothing_beyond_doubt() -> None:
    test = log_of([0, 0, 1, 2], [0, 1, 1, 0], [1, 2, 4, 5])
    stars = predictions(test, 0, "model")
    judged = judge_stars(
        {**stars, "twin": stars["model"]},
        test,
        {"all": np.ones(4, dtype=bool)},
        compared=[("model", "twin")],
        n_bins=9,
        scale=(1, 5),
        bootstrap=BOOTSTRAP,
    )
    assert {(pair.difference, pair.ci_low, pair.ci_high) for pair in judged.comparisons} == {(0, 0, 0)}


# Lists.


def test_lists_are_judged_among_all_items_and_the_published_way_apart() -> None:
    """User 0 likes items 0 and 1 and not 2, user 1 likes item 3; user 2 has no test row."""
    test = log_of([0, 0, 0, 1], [0, 1, 2, 3], [5, 3.5, 3, 4], n_users=3, n_items=10)
    lists = np.array([[0, 9, 2], [8, 7, 3], [5, 6, 7]], dtype=np.int32)
    stars = np.array([2, 3, 4, 1], dtype=np.float32)  # item 2 first, which user 0 doesn't like
    found = {
        (figure.segment, figure.metric): (figure.value, figure.n_users)
        for figure in judge_lists_of_stars(
            {"model": lists}, {"model": stars}, test, k=2, min_relevant=3.5, bootstrap=BOOTSTRAP
        )
    }
    assert found == {
        ("all_items", "precision"): (pytest.approx((1 / 2 + 0) / 2), 2),
        ("all_items", "recall"): (pytest.approx((1 / 2 + 0) / 2), 2),
        ("all_items", "f1"): (pytest.approx((1 / 2 + 0) / 2), 2),
        ("own_test_items", "precision"): (pytest.approx((1 / 2 + 1) / 2), 2),
        ("own_test_items", "recall"): (pytest.approx((1 / 2 + 1) / 2), 2),
        ("own_test_items", "f1"): (pytest.approx((1 / 2 + 1) / 2), 2),
        ("all_items", "coverage"): (
            pytest.approx(6 / 10),
            3,
        ),  # 0, 9, 8, 7, 5, 6 in somebody's first two places
    }


def test_each_model_is_judged_on_its_own_lists_and_stars() -> None:
    test = log_of([0, 0, 1], [0, 1, 1], [5, 1, 4], n_items=4)
    lists = {"good": np.array([[0], [1]]), "bad": np.array([[3], [2]])}
    stars = {"good": test.rating, "bad": -test.rating}
    figures = judge_lists_of_stars(lists, stars, test, k=1, min_relevant=3.5, bootstrap=BOOTSTRAP)
    found = values(figures)
    assert (found["good", "all_items", "precision"], found["bad", "all_items", "precision"]) == (1, 0)
    assert (found["good", "own_test_items", "precision"], found["bad", "own_test_items", "precision"]) == (
        1,
        0.5,
    )


# Folds.


@given(logs().filter(lambda log: log.rating.size >= 3), SEEDS)
def test_over_folds_there_is_the_mean_the_spread_and_the_pooled_error(test: RatingLog, seed: int) -> None:
    fold = (np.random.default_rng(seed).permutation(test.rating.size) % 3 + 1).astype(str)
    names = ["1", "2", "3"]
    stars = predictions(test, seed, "one", "other")
    figures = list(judge_folds(stars, test, fold, bootstrap=BOOTSTRAP))
    found = values(figures)
    for model, predicted in stars.items():
        off = predicted.astype(float) - test.rating
        for metric, error in ERRORS.items():
            own = [error(off[fold == name]) for name in names]
            assert [found[model, name, metric] for name in names] == pytest.approx(own)
            assert found[model, "all", metric] == pytest.approx(np.mean(own))
            assert found[model, "all", f"{metric}_std"] == pytest.approx(np.std(own, ddof=1), abs=1e-9)
            assert found[model, "all", f"{metric}_pooled"] == pytest.approx(error(off))
    assert len(found) == 2 * 2 * (3 + 3)


def test_of_folds_only_what_is_over_users_has_an_interval() -> None:
    test = log_of([0, 1, 0, 1], [0, 0, 1, 1], [1, 2, 3, 4])
    stars = predictions(test, 0, "model")
    figures = judge_folds(stars, test, np.array(["u1", "u1", "u2", "u2"]), bootstrap=BOOTSTRAP)
    without = {(figure.segment, figure.metric) for figure in figures if np.isnan(figure.ci_low)}
    assert without == {("all", metric) for metric in ("rmse", "mae", "rmse_std", "mae_std")}
