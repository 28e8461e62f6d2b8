from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_matrix
from scipy.sparse import random as random_matrix

from recsys_assets.algorithms.content import (
    content_embeddings,
    content_features,
    embed_content,
    genome_vectors,
    item_terms,
    tfidf_vectors,
    user_profiles,
    with_catalogue,
)
from recsys_assets.algorithms.interactions import build_interactions

DOCUMENTS = [["genre:war", "tag:slow"], ["genre:war", "genre:drama"], ["genre:war"], []]


def features(seed: int = 0, n_items: int = 30, n_features: int = 12) -> csr_matrix:
    rng = np.random.default_rng(seed)
    return random_matrix(n_items, n_features, density=0.5, format="csr", dtype=np.float32, rng=rng)


def lengths(rows) -> np.ndarray:
    return np.linalg.norm(rows.toarray() if hasattr(rows, "toarray") else rows, axis=1)


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Matrix, The (1999)", ["title:matrix", "decade:1990"]),
        ("2001: A Space Odyssey (1968) ", ["title:2001", "title:space", "title:odyssey", "decade:1960"]),
        ("Amélie (Fabuleux destin, Le)", ["title:amélie", "title:fabuleux", "title:destin"]),
        ("", []),
    ],
)
def test_a_title_gives_its_words_and_its_decade(title, expected):
    assert item_terms([], title, []) == expected


def test_genres_and_tags_are_whole_terms_of_their_kind():
    terms = item_terms(["Sci-Fi"], "Dark City (1998)", [" Time Travel", "time travel"])
    assert terms == [
        "genre:sci-fi",
        "tag:time travel",
        "tag:time travel",
        "title:dark",
        "title:city",
        "decade:1990",
    ]


def test_tfidf_is_its_closed_form():
    tfidf = tfidf_vectors([*DOCUMENTS[:3], ["tag:slow", "tag:slow", "genre:war"]], min_items=1, max_terms=10)
    assert_array_equal(tfidf.terms, ["genre:drama", "genre:war", "tag:slow"])
    idf = 1 + np.log(5 / (1 + np.array([1, 4, 2])))
    counts = np.array([[0, 1, 1], [1, 1, 0], [0, 1, 0], [0, 1, 1 + np.log(2)]])
    expected = counts * idf
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    assert_allclose(tfidf.vectors.toarray(), expected, rtol=1e-5)


def test_rare_terms_are_dropped_and_an_item_without_terms_is_zero():
    tfidf = tfidf_vectors(DOCUMENTS, min_items=2, max_terms=10)
    assert_array_equal(tfidf.terms, ["genre:war"])
    assert_allclose(lengths(tfidf.vectors), [1, 1, 1, 0])
    assert tfidf.terms.dtype.kind == "U"
    with pytest.raises(ValueError, match="none of 2 items"):
        tfidf_vectors([[], []], min_items=1, max_terms=10)


def test_centring_a_genome_takes_out_what_all_items_share():
    item, tag = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    relevance = np.array([0.9, 0.8, 0.9, 0.2])
    raw, centred = (
        genome_vectors(item, tag, relevance, n_items=3, n_tags=2, centre=centre).toarray()
        for centre in (False, True)
    )
    assert_allclose(raw[0], np.array([0.9, 0.8]) / np.hypot(0.9, 0.8), rtol=1e-6)
    assert_allclose(centred, [[0, 1], [0, -1], [0, 0]], atol=1e-6)


@given(st.floats(0, 1), st.integers(0, 1000))
def test_cosines_of_joined_features_are_weighted_means_of_both(weight, seed):
    genome = genome_vectors(
        *np.indices((30, 5)).reshape(2, -1),
        np.random.default_rng(seed).random(150),
        n_items=30,
        n_tags=5,
        centre=True,
    )
    all_known = features(seed) + csr_matrix(np.ones((30, 12), dtype=np.float32))
    text = content_features(features(seed), all_known, genome_weight=0)
    joined = content_features(genome, text, genome_weight=weight)
    expected = weight * (genome @ genome.T).toarray() + (1 - weight) * (text @ text.T).toarray()
    assert_allclose((joined @ joined.T).toarray(), expected, atol=1e-5)


def test_an_item_without_a_genome_keeps_its_text():
    text = tfidf_vectors(DOCUMENTS, min_items=1, max_terms=10).vectors
    joined = content_features(csr_matrix((4, 5), dtype=np.float32), text, genome_weight=0.7)
    assert_allclose(joined[:, 5:].toarray(), text.toarray(), rtol=1e-6)
    with pytest.raises(ValueError, match=r"got 1\.5"):
        content_features(text, text, genome_weight=1.5)


def test_a_catalogue_adds_its_share_to_the_cosine_of_items_that_it_has():
    text = tfidf_vectors(DOCUMENTS, min_items=1, max_terms=10).vectors
    item, known = np.array([1, 0, 2]), np.array([[4.0, 3], [1, 7], [1, 2]], dtype=np.float32)  # mean 2, 4
    joined = with_catalogue(text, item, known, catalogue_weight=0.25)
    cosine = (joined @ joined.T).toarray()
    centred = np.array([-1, 3]) @ np.array([2, -1]) / np.sqrt(10 * 5)
    assert cosine[0, 1] == pytest.approx(0.25 * centred + 0.75 * (text @ text.T)[0, 1], rel=1e-5)
    assert_allclose(joined[3, 2:].toarray(), text[3].toarray(), rtol=1e-6)


@pytest.mark.parametrize("weight", [-0.1, 1.0, 1.5])
def test_a_catalogue_may_not_take_the_place_of_all_else(weight):
    text = tfidf_vectors(DOCUMENTS, min_items=1, max_terms=10).vectors
    with pytest.raises(ValueError, match=f"catalogue_weight .* got {weight}"):
        with_catalogue(text, np.array([0]), np.ones((1, 2), dtype=np.float32), catalogue_weight=weight)


def test_an_item_of_which_the_catalogue_knows_nothing_is_as_if_it_were_not_in_it():
    text = tfidf_vectors(DOCUMENTS, min_items=1, max_terms=10).vectors
    vectors = np.array([[4.0, 3], [0, 0], [1, 7]], dtype=np.float32)
    joined = with_catalogue(text, np.array([0, 1, 3]), vectors, catalogue_weight=0.4)
    without = with_catalogue(text, np.array([0, 3]), vectors[[0, 2]], catalogue_weight=0.4)
    assert_array_equal(joined.toarray(), without.toarray())
    assert not joined[1, :2].toarray().any()
    assert with_catalogue(text, np.array([1]), vectors[[1]], catalogue_weight=0.4) is text


def test_without_a_catalogue_features_are_the_same_to_the_bit():
    text = tfidf_vectors(DOCUMENTS, min_items=1, max_terms=10).vectors
    nothing = np.empty(0, dtype=np.int64), np.empty((0, 5), dtype=np.float32)
    assert with_catalogue(text, *nothing, catalogue_weight=0.5) is text


def test_few_features_are_kept_exactly():
    embedded = embed_content(features(), n_components=12, seed=0)
    rows = features().toarray()
    norms = np.maximum(lengths(rows), 1e-12)[:, None]
    assert embedded.explained_share == 1
    assert_allclose(embedded.item_vectors, rows / norms, atol=1e-6)


def test_the_components_keep_the_largest_singular_values():
    embedded = embed_content(features(), n_components=4, seed=0)
    squares = np.square(np.linalg.svd(features().toarray(), compute_uv=False))
    assert embedded.item_vectors.shape == (30, 4)
    assert embedded.explained_share == pytest.approx(squares[:4].sum() / squares.sum(), rel=1e-3)
    norms = lengths(embedded.item_vectors)
    assert_allclose(norms[norms > 0], 1, rtol=1e-5)
    again = embed_content(features(), n_components=4, seed=0)
    assert again.item_vectors.tobytes() == embedded.item_vectors.tobytes()


RATED = build_interactions(
    [1, 1, 1, 2], [1, 2, 3, 1], [4.0, 5.0, 2.0, 3.5], user_ids=[1, 2, 3], item_ids=[1, 2, 3, 4]
)


def test_a_profile_is_the_sum_of_likes_weighted_by_stars():
    profiles = user_profiles(RATED, np.eye(4, dtype=np.float32), min_rating=4)
    assert_allclose(profiles[0], np.array([1, 2, 0, 0]) / np.sqrt(5), rtol=1e-6)
    assert_array_equal(profiles[1:], 0)


def test_all_likes_count_not_only_the_first_ones():
    n = 300
    rated = build_interactions(np.ones(n), np.arange(n), np.full(n, 4.5), user_ids=[1], item_ids=np.arange(n))
    profile = user_profiles(rated, np.eye(n, dtype=np.float32), min_rating=4)
    assert_allclose(profile, 1 / np.sqrt(n), rtol=1e-5)


def test_unrated_items_are_recommendable_if_something_is_known_of_them():
    vectors = np.array([[1, 0], [0, 1], [0, 0], [1, 0]], dtype=np.float32)
    model = content_embeddings(RATED, vectors, min_rating=4)
    assert_array_equal(model.recommendable, [True, True, False, True])
    assert_allclose(model.scores(np.array([0]))[0], np.array([1, 2, 0, 1]) / np.sqrt(5), rtol=1e-6)
    assert_array_equal(model.user_vectors[2], 0)
