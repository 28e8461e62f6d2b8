"""Movies as vectors: closed forms of each part, what weights mean, and what doesn't matter."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics.pairwise import cosine_similarity

from recsys_assets.algorithms.catalogue.features import (
    CatalogueFeatures,
    Parts,
    TextComponents,
    genre_columns,
    join_parts,
    number_columns,
    text_components,
)
from recsys_assets.storage.arrays import load_artifact, save_artifact

SEEDS = st.integers(0, 2**31)
TEXT: dict[str, Any] = {"min_movies": 1, "max_terms": 100, "n_components": 20, "seed": 0}
WEIGHTS: dict[str, Any] = {"text_weight": 1.5, "genre_weight": 2.0, "number_weight": 0.25}
DOCUMENTS = [["ship", "sea"], ["ship", "storm", "sea"], ["duel", "sea"], ["duel", "train"], []]


def parts(seed: int, n: int = 12) -> Parts:
    rng = np.random.default_rng(seed)
    text = TextComponents(rng.normal(size=(n, 5)), np.full(5, 0.1))
    return Parts(text, (rng.random((n, 4)) < 0.4).astype(float), rng.normal(size=(n, 3)))


def join(of: Parts, **options: Any) -> CatalogueFeatures:
    ids = np.arange(len(of.genres), dtype=np.int64)
    return join_parts(ids, of, **WEIGHTS | {"unit_length": True} | options)


# Text.


def test_all_components_keep_lengths_and_explain_everything() -> None:
    components = text_components(DOCUMENTS, **TEXT)
    assert components.rows.shape == (5, 5)
    assert_allclose(np.linalg.norm(components.rows, axis=1), [1, 1, 1, 1, 0], atol=1e-9)
    assert components.explained_shares.sum() == pytest.approx(1)


def test_movies_without_a_term_in_common_are_orthogonal() -> None:
    rows = text_components(DOCUMENTS, **TEXT).rows
    assert rows[0] @ rows[3] == pytest.approx(0, abs=1e-9)
    assert rows[0] @ rows[1] > rows[0] @ rows[2] > 0


def test_fewer_components_explain_less_and_the_first_explain_what_they_did() -> None:
    rng = np.random.default_rng(0)
    documents = [[f"t{term}" for term in rng.choice(40, 8)] for _ in range(60)]
    few, many = (text_components(documents, **TEXT | {"n_components": n}) for n in (3, 12))
    assert few.explained_shares.size == 3 and many.explained_shares.size == 12
    assert 0 < few.explained_shares.sum() < many.explained_shares.sum() < 1
    assert_allclose(few.explained_shares, many.explained_shares[:3], atol=0.01)


def test_rare_terms_and_all_but_the_most_frequent_are_left_out() -> None:
    # "sea" is in three movies, "ship" and "duel" are in two.
    for options in ({"min_movies": 2}, {"max_terms": 3}):
        rows = text_components(DOCUMENTS, **TEXT | options).rows
        assert rows.shape == (5, 3)
        assert rows[0] @ rows[1] == pytest.approx(1)
        assert rows[0] @ rows[3] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("documents", [[], [[]], [["alone"], ["single"]], [["sea"], ["sea"]]])
def test_of_fewer_than_two_terms_there_are_no_components(documents: list[list[str]]) -> None:
    components = text_components(documents, **TEXT | {"min_movies": 2})
    assert components.rows.shape == (len(documents), 0)
    assert components.explained_shares.size == 0


def test_movies_all_alike_have_no_variance_to_explain() -> None:
    assert_array_equal(text_components([["sea", "ship"]] * 2, **TEXT).explained_shares, [0, 0])


def test_the_same_seed_gives_the_same_bytes() -> None:
    first, second = (text_components(DOCUMENTS, **TEXT | {"n_components": 2}) for _ in range(2))
    assert first.rows.tobytes() == second.rows.tobytes()


# Genres and numbers.


def test_genres_are_ones_and_zeros() -> None:
    columns = genre_columns(np.array([0, 0, 2]), np.array([0, 1, 1]), n_movies=3, n_genres=2)
    assert_array_equal(columns, [[1, 1], [0, 0], [0, 1]])


@given(SEEDS)
def test_numbers_have_mean_0_and_variance_1_and_what_is_missing_is_the_mean(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.lognormal(10, 3, size=(40, 2))
    values[rng.random((40, 2)) < 0.3] = np.nan
    before = values.copy()
    columns = number_columns(values, logged=[True, False])
    for column, known in zip(columns.T, np.isfinite(values).T, strict=True):
        assert_allclose([column[known].mean(), column[known].std()], [0, 1], atol=1e-9)
        assert not column[~known].any()
    assert_array_equal(values, before)


def test_a_logarithm_is_of_one_more() -> None:
    columns = number_columns(np.array([[0.0], [np.e - 1], [np.e**2 - 1]]), logged=[True])
    assert_allclose(columns.ravel(), np.array([-1, 0, 1]) * np.sqrt(1.5))


def test_a_column_of_equal_or_unknown_numbers_says_nothing() -> None:
    values = np.array([[0.1, np.nan], [0.1, np.nan], [np.nan, np.nan]])
    assert not number_columns(values, logged=[False, True]).any()


# Parts joined.


@given(SEEDS)
def test_the_cosine_is_a_mean_of_the_parts_cosines_by_squared_weights(seed: int) -> None:
    of = parts(seed)
    of = replace(of, genres=np.maximum(of.genres, np.eye(*of.genres.shape)), numbers=of.numbers[:, :0])
    of = replace(of, genres=of.genres + np.eye(1, of.genres.shape[1]))
    vectors = join(of).vectors
    expected = (1.5**2 * cosine_similarity(of.text.rows) + 2**2 * cosine_similarity(of.genres)) / (
        1.5**2 + 2**2
    )
    assert_allclose(vectors @ vectors.T, expected, atol=1e-5)


@given(SEEDS)
def test_without_unit_length_weights_multiply_the_columns(seed: int) -> None:
    of = parts(seed)
    features = join(of, unit_length=False)
    expected = np.hstack([1.5 * of.text.rows, 2 * of.genres, 0.25 * of.numbers])
    assert_allclose(features.vectors, expected, rtol=1e-6)
    assert (features.n_text, features.n_genres, features.n_numbers) == (5, 4, 3)
    assert features.explained_share == pytest.approx(0.5)


def test_a_movie_of_which_nothing_is_known_has_a_vector_of_zeros() -> None:
    of = parts(0)
    for block in (of.text.rows, of.genres, of.numbers):
        block[3] = 0
    vectors = join(of).vectors
    assert not vectors[3].any()
    assert_allclose(np.linalg.norm(np.delete(vectors, 3, axis=0), axis=1), 1, atol=1e-6)


def test_features_survive_their_file(tmp_path: Path) -> None:
    features = join(parts(0))
    save_artifact(tmp_path / "features.npz", features)
    loaded = load_artifact(tmp_path / "features.npz", CatalogueFeatures)
    assert_array_equal(loaded.vectors, features.vectors)
    assert loaded.n_genres == features.n_genres and loaded.explained_share == features.explained_share


@settings(max_examples=20)
@given(SEEDS)
def test_row_order_is_irrelevant(seed: int) -> None:
    of, order = parts(seed), np.random.default_rng(seed).permutation(12)
    shuffled = Parts(replace(of.text, rows=of.text.rows[order]), of.genres[order], of.numbers[order])
    assert_allclose(join(shuffled).vectors, join(of).vectors[order], atol=1e-6)
