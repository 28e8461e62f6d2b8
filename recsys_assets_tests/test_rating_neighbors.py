"""Neighbourhoods: predictions by the definition, one pair at a time, and what must hold for any log."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_matrix

from recsys_assets.algorithms.rating_prediction import neighbors as module
from recsys_assets.algorithms.rating_prediction.accuracy import clip_to_scale, rmse
from recsys_assets.algorithms.rating_prediction.biases import Biases, fit_biases
from recsys_assets.algorithms.rating_prediction.log import RatingLog
from recsys_assets.algorithms.rating_prediction.neighbors import (
    Neighborhood,
    content_neighbors,
    fit_cosine_neighbors,
    fit_neighborhood,
    fit_residual_neighbors,
)
from recsys_assets.storage.arrays import content_digest, load_artifact, save_artifact

SEEDS = st.integers(0, 2**32 - 1)
EVERYONE = 10_000


def some_log(seed: int, n_users: int = 9, n_items: int = 7, density: float = 0.6) -> RatingLog:
    """Random whole stars, so that ties are frequent; the last user and the last item have none."""
    rng = np.random.default_rng(seed)
    rated = rng.random((n_users, n_items)) < density
    rated[0, 0] = True
    rated[-1] = rated[:, -1] = False
    user, item = np.nonzero(rated)
    return log_of(user, item, rng.integers(1, 6, user.size), n_users=n_users, n_items=n_items)


def log_of(user, item, rating, *, n_users: int, n_items: int) -> RatingLog:
    return RatingLog(
        np.arange(n_users),
        np.arange(n_items),
        np.asarray(user, np.int32),
        np.asarray(item, np.int32),
        np.asarray(rating, np.float32),
        np.zeros(len(user)),
    )


def with_any_stars(log: RatingLog, seed: int) -> RatingLog:
    """The same pairs with stars from a continuum, so that no two similarities are equal."""
    stars = np.random.default_rng([seed, 1]).uniform(1, 5, log.rating.size)
    return replace(log, rating=stars.astype(np.float32))


def swapped(log: RatingLog) -> RatingLog:
    return RatingLog(log.item_ids, log.user_ids, log.item, log.user, log.rating, log.day)


def cosine(
    log: RatingLog, *, of_users=False, n_neighbors=3, min_neighbors=1, min_support=1, n_stored=EVERYONE
):
    return fit_cosine_neighbors(
        log,
        of_users=of_users,
        n_neighbors=n_neighbors,
        min_neighbors=min_neighbors,
        min_support=min_support,
        n_stored=n_stored,
    )


def biases_of(log: RatingLog) -> Biases:
    return fit_biases(log, user_damping=2, item_damping=1, iterations=3)


def residual(
    log: RatingLog,
    *,
    of_users=False,
    n_neighbors=3,
    shrinkage=2.0,
    exponent=1.0,
    damping=0.0,
    n_stored=EVERYONE,
):
    return fit_residual_neighbors(
        log,
        biases_of(log),
        of_users=of_users,
        shrinkage=shrinkage,
        n_neighbors=n_neighbors,
        exponent=exponent,
        damping=damping,
        n_stored=n_stored,
    )


def all_pairs(log: RatingLog, model: Neighborhood) -> np.ndarray:
    user, item = np.indices((log.n_users, log.n_items)).reshape(2, -1)
    return model.predict(user, item, np.zeros(user.size)).reshape(log.n_users, log.n_items)


class Textbook:
    """Item neighbours by the definition, in plain Python; values[user][item] are what similarity is taken of."""

    def __init__(self, values: np.ndarray, trust: Callable[[int], float]) -> None:
        self.values, self.trust = values, trust

    def similarity(self, one: int, other: int) -> np.float32:
        both = [
            (float(row[one]), float(row[other]))
            for row in self.values
            if not np.isnan(row[one]) and not np.isnan(row[other])
        ]
        squares = sum(a * a for a, _ in both) * sum(b * b for _, b in both)
        if one == other or squares == 0:
            return np.float32(0)
        return np.float32(self.trust(len(both)) * sum(a * b for a, b in both) / np.sqrt(squares))

    def mean_deviation(
        self, deviations, user, item, *, n_neighbors, min_neighbors=1, exponent=1.0, damping=0.0
    ):
        rated = [j for j in range(self.values.shape[1]) if not np.isnan(deviations[user, j])]
        ranked = sorted((-self.similarity(item, j), j) for j in rated if self.similarity(item, j) > 0)
        nearest = ranked[:n_neighbors]
        if len(nearest) < min_neighbors:
            return 0.0
        weights = [float(-s) ** exponent for s, _ in nearest]
        total = sum(w * float(deviations[user, j]) for w, (_, j) in zip(weights, nearest, strict=True))
        return total / (sum(weights) + damping)


def table(log: RatingLog, values: np.ndarray) -> np.ndarray:
    dense = np.full((log.n_users, log.n_items), np.nan)
    dense[log.user, log.item] = values
    return dense


@given(SEEDS, st.booleans(), st.integers(1, 4), st.integers(1, 3))
@settings(max_examples=40)
def test_cosine_predictions_follow_the_definition(seed, of_users, n_neighbors, min_support):
    log = some_log(seed)
    min_neighbors = 1 + seed % n_neighbors
    model = cosine(
        log,
        of_users=of_users,
        n_neighbors=n_neighbors,
        min_neighbors=min_neighbors,
        min_support=min_support,
    )
    facing = swapped(log) if of_users else log
    mean = log.rating.astype(float).mean()
    ratings = table(facing, facing.rating)
    textbook = Textbook(ratings, lambda n: float(n >= min_support))
    expected = [
        [
            mean
            + textbook.mean_deviation(
                ratings - mean, u, i, n_neighbors=n_neighbors, min_neighbors=min_neighbors
            )
            for i in range(facing.n_items)
        ]
        for u in range(facing.n_users)
    ]
    expected = np.transpose(expected) if of_users else np.array(expected)
    assert_allclose(all_pairs(log, model), expected, atol=1e-5)
    assert_allclose(model.predict_all(np.arange(log.n_users), np.zeros(log.n_users)), expected, atol=1e-5)


@given(SEEDS, st.booleans(), st.integers(1, 4), st.floats(0.5, 3), st.floats(0, 1))
@settings(max_examples=40)
def test_residual_predictions_follow_the_definition(seed, of_users, n_neighbors, exponent, damping):
    log = with_any_stars(some_log(seed), seed)
    how = {"n_neighbors": n_neighbors, "exponent": exponent, "damping": damping}
    model = residual(log, of_users=of_users, shrinkage=2, **how)
    baseline = biases_of(log)
    left = log.rating - baseline.predict(log.user, log.item, log.day)
    facing = swapped(log) if of_users else log
    deviations = table(facing, left)
    textbook = Textbook(deviations, lambda n: (n - 1) / (n + 1))
    means = np.array(
        [
            [textbook.mean_deviation(deviations, u, i, **how) for i in range(facing.n_items)]
            for u in range(facing.n_users)
        ]
    )
    everyone = np.arange(log.n_users)
    expected = baseline.predict_all(everyone, np.zeros(log.n_users)) + (means.T if of_users else means)
    assert_allclose(all_pairs(log, model), expected, atol=1e-4)
    assert_allclose(model.predict_all(everyone, np.zeros(log.n_users)), expected, atol=1e-4)


def test_a_mean_of_two_neighbours_by_hand():
    # Users 0 and 1 rated all of items 0, 1 and 2; user 2 rated items 1 and 2, and wants to know of item 0.
    log = log_of(
        [0, 0, 0, 1, 1, 1, 2, 2], [0, 1, 2, 0, 1, 2, 1, 2], [4, 4, 2, 2, 2, 4, 5, 1], n_users=3, n_items=3
    )
    same, opposite = 1.0, (4 * 2 + 2 * 4) / 20
    predicted = cosine(log).predict(np.array([2]), np.array([0]), np.zeros(1))
    assert_allclose(predicted, (same * 5 + opposite * 1) / (same + opposite), rtol=1e-6)
    assert_allclose(cosine(log, n_neighbors=1).predict(np.array([2]), np.array([0]), np.zeros(1)), 5)


def test_two_camps_are_told_apart():
    rng = np.random.default_rng(0)
    camp, genre = np.arange(40) % 2, np.arange(30) % 2
    stars = np.where(camp[:, None] == genre, 5, 1)
    rated = rng.random(stars.shape) < 0.5
    user, item = np.nonzero(rated)
    log = log_of(user, item, stars[rated], n_users=40, n_items=30)
    for model in (residual(log, n_neighbors=10), residual(log, n_neighbors=10, of_users=True)):
        assert_array_equal(all_pairs(log, model)[~rated] > 3, stars[~rated] > 3)


@pytest.mark.parametrize("fit", [cosine, residual])
@pytest.mark.parametrize("of_users", [False, True])
def test_without_ratings_there_is_only_the_baseline(fit, of_users):
    log = some_log(1)
    model, predicted = fit(log, of_users=of_users), all_pairs(log, fit(log, of_users=of_users))
    baseline = Biases(model.mean, model.user_bias, model.item_bias)
    expected = baseline.predict_all(np.arange(log.n_users), np.zeros(log.n_users))
    assert_array_equal(predicted[-1], expected[-1])
    assert_array_equal(predicted[:, -1], expected[:, -1])
    if fit is cosine:
        assert_allclose(expected, log.rating.mean(), rtol=1e-6)


@given(SEEDS)
@settings(max_examples=20)
def test_neighbours_of_users_are_neighbours_of_items_with_the_roles_exchanged(seed):
    log = some_log(seed)
    turned = all_pairs(swapped(log), cosine(swapped(log), n_neighbors=2))
    assert_allclose(all_pairs(log, cosine(log, of_users=True, n_neighbors=2)), turned.T, rtol=1e-6)


@given(SEEDS)
@settings(max_examples=30)
def test_cosines_don_t_depend_on_the_unit_of_the_stars(seed):
    log = some_log(seed)
    doubled = all_pairs(log, cosine(replace(log, rating=2 * log.rating)))
    assert_allclose(doubled, 2 * all_pairs(log, cosine(log)), rtol=1e-5)


@given(SEEDS)
@settings(max_examples=30)
def test_relabelling_permutes_the_predictions(seed):
    rng = np.random.default_rng(seed)
    log = with_any_stars(some_log(seed), seed)
    new_user, new_item = rng.permutation(log.n_users), rng.permutation(log.n_items)
    renamed = replace(log, user=new_user[log.user].astype(np.int32), item=new_item[log.item].astype(np.int32))
    # All nearest, as rounding may swap two that are almost as near.
    one, other = (all_pairs(each, residual(each, n_neighbors=9, damping=0.1)) for each in (log, renamed))
    assert_allclose(other[np.ix_(new_user, new_item)], one, atol=1e-4)


@pytest.mark.parametrize("fit", [cosine, residual])
@pytest.mark.parametrize("of_users", [False, True])
def test_the_order_of_rows_doesn_t_matter_and_inputs_are_left_alone(fit, of_users):
    log = some_log(3, 30, 20)
    kept = [part.copy() for part in (log.user, log.item, log.rating)]
    model = fit(log, of_users=of_users)
    shuffled = log.rows(np.random.default_rng(0).permutation(log.rating.size))
    if fit is cosine:
        assert content_digest(fit(shuffled, of_users=of_users)) == content_digest(model)
    assert_allclose(all_pairs(log, fit(shuffled, of_users=of_users)), all_pairs(log, model), atol=1e-5)
    for part, copy in zip((log.user, log.item, log.rating), kept, strict=True):
        assert_array_equal(part, copy)


@given(SEEDS, st.integers(1, 6))
@settings(max_examples=30)
def test_stored_neighbours_are_the_first_of_all_and_fall(seed, n_stored):
    log = some_log(seed)
    whole, part = cosine(log).neighbors, cosine(log, n_stored=n_stored).neighbors
    for item in range(log.n_items):
        nearest, similarity = whole[item].indices, whole[item].data
        assert sorted(zip(-similarity, nearest, strict=True)) == list(zip(-similarity, nearest, strict=True))
        assert item not in nearest
        assert_array_equal(part[item].indices, nearest[:n_stored])
        assert_array_equal(part[item].data, similarity[:n_stored])


def test_of_equally_similar_items_the_lower_numbers_are_nearest():
    log = log_of(np.zeros(6), np.arange(6), [1, 2, 3, 4, 5, 5], n_users=1, n_items=7)
    model = cosine(log, n_neighbors=2)
    assert_array_equal(model.neighbors[3].indices, [0, 1, 2, 4, 5])
    assert_array_equal(cosine(log, n_stored=3).neighbors[1].indices, [0, 2, 3])
    assert_allclose(model.predict(np.zeros(1, int), np.array([3]), np.zeros(1)), 1.5, rtol=1e-6)


def test_chunks_leave_no_trace(monkeypatch):
    log = some_log(4, 20, 15)
    digests = [content_digest(residual(log)), content_digest(cosine(log, n_stored=4))]
    monkeypatch.setattr(module, "_CELLS_PER_CHUNK", 40)
    assert [content_digest(residual(log)), content_digest(cosine(log, n_stored=4))] == digests


def test_damping_pulls_towards_the_baseline_and_more_of_it_pulls_harder():
    log = some_log(5)
    baseline = biases_of(log).predict_all(np.arange(log.n_users), np.zeros(log.n_users))
    steps = [np.abs(all_pairs(log, residual(log, damping=d)) - baseline) for d in (0, 0.5, 5, 1e6)]
    assert np.all(steps[0] >= steps[1]) and np.all(steps[1] >= steps[2]) and steps[0].max() > 0.1
    assert_allclose(steps[3], 0, atol=1e-5)


def test_weights_that_are_too_small_to_hold_are_dropped():
    log = some_log(6)
    model = residual(log, exponent=500)
    assert model.neighbors.nnz < residual(log).neighbors.nnz
    assert np.isfinite(all_pairs(log, model)).all()


def test_users_in_any_order_and_number_get_the_same_stars():
    log = some_log(7)
    users = np.array([5, 0, 5, 8])
    for model in (residual(log), residual(log, of_users=True), cosine(log, of_users=True, min_neighbors=2)):
        stars = model.predict_all(users, np.zeros(4))
        assert stars.dtype == np.float32
        assert_allclose(stars, all_pairs(log, model)[users], atol=1e-6)
        assert model.predict_all(users[:0], np.zeros(0)).shape == (0, log.n_items)


@pytest.mark.parametrize("of_users", [False, True])
def test_a_number_beyond_the_users_is_refused_before_memory_beyond_them_is_read(of_users):
    model = residual(some_log(7), of_users=of_users)
    with pytest.raises(IndexError, match="index 9 is out of bounds"):
        model.predict(np.array([9]), np.array([0]), np.zeros(1))
    with pytest.raises(IndexError, match="index 9 is out of bounds"):
        model.predict_all(np.array([9]), np.zeros(1))


@given(SEEDS)
@settings(max_examples=20)
def test_pairs_in_any_order_get_the_same_stars(seed):
    log = some_log(seed)
    model = residual(log)
    rng = np.random.default_rng(seed)
    user, item = rng.integers(log.n_users, size=50), rng.integers(log.n_items, size=50)
    assert_array_equal(model.predict(user, item, np.zeros(50)), all_pairs(log, model)[user, item])


def unit_rows(seed: int, n_items: int) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(n_items, 4)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors[0] = 0
    return vectors


@given(SEEDS, st.integers(1, 12))
@settings(max_examples=30)
def test_content_neighbours_are_the_best_positive_cosines_among_the_eligible(seed, n_stored):
    vectors = unit_rows(seed, 12)
    eligible = np.random.default_rng(seed).random(12) < 0.7
    found = content_neighbors(vectors, eligible=eligible, n_stored=n_stored)
    cosines = vectors.astype(float) @ vectors.T
    np.fill_diagonal(cosines, 0)
    cosines[:, ~eligible] = 0
    for item, row in enumerate(cosines):
        best = np.sort(row[row > 0])[::-1][:n_stored]
        assert_allclose(found[item].data, best, atol=1e-6)
        assert_allclose(row[found[item].indices], best, atol=1e-6)


def test_an_unrated_item_gets_its_stars_from_items_of_the_same_content():
    log = log_of([0, 0, 1], [0, 1, 0], [5, 1, 3], n_users=2, n_items=3)
    vectors = np.array([[1, 0], [0, 1], [1, 0]], dtype=np.float32)
    nearest = content_neighbors(vectors, eligible=np.array([True, True, False]), n_stored=5)
    biases = fit_biases(log, user_damping=np.inf, item_damping=np.inf, iterations=1)
    model = fit_neighborhood(
        log, biases, nearest, of_users=False, n_neighbors=3, min_neighbors=1, exponent=1, damping=0
    )
    assert_allclose(model.predict(np.array([0, 1]), np.array([2, 2]), np.zeros(2)), [5, 3], rtol=1e-6)
    assert_allclose(model.predict(np.array([0]), np.array([0]), np.zeros(1)), log.rating.mean(), rtol=1e-6)


@pytest.mark.parametrize("of_users", [False, True])
def test_a_model_comes_back_from_its_file(tmp_path, of_users):
    log = some_log(8)
    model = residual(log, of_users=of_users, damping=0.3)
    save_artifact(tmp_path / "model.npz", model)
    loaded = load_artifact(tmp_path / "model.npz", Neighborhood)
    assert content_digest(loaded) == content_digest(model)
    assert_array_equal(all_pairs(log, loaded), all_pairs(log, model))


def test_what_makes_no_sense_is_refused():
    log = some_log(9)
    with pytest.raises(ValueError, match="within 1 to n_neighbors = 3; got 4"):
        cosine(log, min_neighbors=4)
    with pytest.raises(ValueError, match="got 0"):
        cosine(log, n_neighbors=0, min_neighbors=0)
    with pytest.raises(ValueError, match="damping must not be negative; got -1"):
        residual(log, damping=-1)
    with pytest.raises(ValueError, match="n_stored must be at least 1; got 0"):
        residual(log, n_stored=0)
    with pytest.raises(ValueError, match="0 ratings"):
        cosine(log.rows(np.array([], dtype=int)))


@pytest.mark.parametrize(
    ("similarity", "message"),
    [
        (np.zeros((2, 2)), r"shape \(2, 2\); give one row and column for each of 3"),
        (np.array([[0, 0.5, 0.9], [0, 0, 0], [0, 0, 0]]), "rises 1 times within a row"),
        (np.array([[0, 0.5, -0.1], [0, 0, 0], [0, 0, 0]]), "1 similarities are not positive"),
    ],
)
def test_a_similarity_that_is_none_is_refused(similarity, message):
    log = log_of([0], [0], [3], n_users=1, n_items=3)
    with pytest.raises(ValueError, match=message):
        fit_neighborhood(
            log,
            biases_of(log),
            csr_matrix(similarity.astype(np.float32)),
            of_users=False,
            n_neighbors=1,
            min_neighbors=1,
            exponent=1,
            damping=0,
        )


@pytest.mark.slow
def test_residual_neighbours_stay_below_0_921_on_the_official_folds(datasets_folder: Path):
    archive = datasets_folder / "ml-100k.zip"
    if not archive.is_file():
        pytest.skip(f"{archive.name} is not in the folder that RECSYS_DATASETS names")
    errors = []
    with zipfile.ZipFile(archive) as members:
        for fold in range(1, 6):
            training, test = (
                log_of(user - 1, item - 1, rating, n_users=943, n_items=1682)
                for user, item, rating in (
                    np.loadtxt(
                        io.BytesIO(members.read(f"ml-100k/u{fold}.{part}")), dtype=int, usecols=(0, 1, 2)
                    ).T
                    for part in ("base", "test")
                )
            )
            model = fit_residual_neighbors(
                training,
                fit_biases(training, user_damping=5, item_damping=2, iterations=10),
                of_users=False,
                shrinkage=150,
                n_neighbors=40,
                exponent=2,
                damping=0.02,
                n_stored=500,
            )
            predicted = model.predict(test.user, test.item, test.day)
            errors.append(rmse(clip_to_scale(predicted, training.scale), test.rating))
    assert np.mean(errors) < 0.921
