"""Items as vectors of what is known about them, and users as the sum of the items they liked.

Content is known for items that nobody has rated, so these vectors recommend cold items, and say why.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, diags, hstack
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, TfidfVectorizer
from sklearn.preprocessing import normalize
from threadpoolctl import threadpool_limits

from recsys_assets.algorithms.embeddings import Embeddings, Vectors
from recsys_assets.algorithms.interactions import Interactions, SparseRows

_YEAR_AT_END = re.compile(r"\((\d{3})\d\)\s*$")
_WORD = re.compile(r"[^\W_]{2,}")
_MORE_STOP_WORDS = frozenset({"aka", "de", "der", "die", "el", "la", "le", "les", "il"})
_STOP_WORDS = ENGLISH_STOP_WORDS | _MORE_STOP_WORDS


@dataclass(frozen=True)
class TextFeatures:
    """TF-IDF rows of unit length, with the term of each column.

    Attributes
    ----------
    vectors : shape (n_items, n_terms); a row of zeros is an item without terms
    terms : shape (n_terms,), text, sorted
    """

    vectors: SparseRows
    terms: NDArray[np.str_]


@dataclass(frozen=True)
class ContentVectors:
    """Dense item vectors.

    Attributes
    ----------
    item_vectors : shape (n_items, n_components), rows of unit length or zero
    explained_share : share of the features' squared length that the components keep, 0 to 1
    """

    item_vectors: Vectors
    explained_share: float


def item_terms(genres: Iterable[str], title: str, tags: Iterable[str]) -> list[str]:
    """Return an item's terms: its genres and tags whole, the words of its title, the decade of its year.

    Terms carry their kind (``genre:sci-fi``, ``tag:time travel``, ``title:matrix``, ``decade:1990``), so that
    a word in a title isn't taken for a tag. The year is what stands in brackets at the title's end. Case, and
    space around tags, don't matter; repeated tags count as often as they were given.
    """
    year = _YEAR_AT_END.search(title)
    words = _WORD.findall(_YEAR_AT_END.sub("", title).casefold())
    return [
        *(f"genre:{genre.strip().casefold()}" for genre in genres),
        *(f"tag:{tag.strip().casefold()}" for tag in tags),
        *(f"title:{word}" for word in words if word not in _STOP_WORDS),
        *([f"decade:{year[1]}0"] if year else []),
    ]


def tfidf_vectors(documents: Sequence[Sequence[str]], *, min_items: int, max_terms: int) -> TextFeatures:
    """Weigh terms by (1 + ln tf) · (1 + ln((1 + n_items) / (1 + df))) and scale each row to unit length.

    Parameters
    ----------
    documents : n_items lists of terms, as `item_terms` makes them
    min_items : a term must occur with at least that many items
    max_terms : of the terms, only the most frequent are kept

    Raises
    ------
    ValueError
        If no term occurs with `min_items` items.
    """
    if not any(documents):
        raise ValueError(f"none of {len(documents)} items has a term; give genres, titles or tags")
    vectorizer = TfidfVectorizer(
        analyzer=_as_it_is, min_df=min_items, max_features=max_terms, sublinear_tf=True, dtype=np.float32
    )
    vectors = csr_matrix(vectorizer.fit_transform(documents))
    return TextFeatures(vectors, np.asarray(vectorizer.get_feature_names_out(), dtype=np.str_))


def genome_vectors(
    item: NDArray[np.integer],
    tag: NDArray[np.integer],
    relevance: NDArray[np.floating],
    *,
    n_items: int,
    n_tags: int,
    centre: bool,
) -> SparseRows:
    """Arrange tag-genome relevance (Vig, Sen and Riedl, 2012) as item rows of unit length.

    Parameters
    ----------
    item, tag, relevance : shape (n_scores,); item numbers, tag numbers, 0 to 1; each (item, tag) once
    centre : subtract each tag's mean over the items that have a genome, so that a row says in what an item
        differs from the others, instead of what most films are ("good", "original")

    Returns
    -------
    shape (n_items, n_tags); a row of zeros is an item without a genome
    """
    values = relevance.astype(np.float64)
    if centre:
        n_scores = np.maximum(np.bincount(tag, minlength=n_tags), 1)
        values = values - (np.bincount(tag, weights=values, minlength=n_tags) / n_scores)[tag]
    genome = csr_matrix((values.astype(np.float32), (item, tag)), shape=(n_items, n_tags))
    return _unit_rows(genome)


def content_features(genome: SparseRows, tfidf: SparseRows, *, genome_weight: float) -> SparseRows:
    """Put genome and TF-IDF side by side so that the cosine of two items is a weighted mean of both cosines.

    A row is [√w · genome, √(1 − w) · tfidf], scaled to unit length: an item without a genome keeps its
    TF-IDF.

    Parameters
    ----------
    genome : shape (n_items, n_tags), rows of unit length or zero
    tfidf : shape (n_items, n_terms), rows of unit length or zero
    genome_weight : w, 0 to 1

    Raises
    ------
    ValueError
        If `genome_weight` is outside 0 to 1.
    """
    if not 0 <= genome_weight <= 1:
        raise ValueError(f"genome_weight must be within 0 to 1; got {genome_weight}")
    return _side_by_side(genome, tfidf, genome_weight)


def with_catalogue(
    features: SparseRows, item: NDArray[np.integer], vectors: Vectors, *, catalogue_weight: float
) -> SparseRows:
    """Put a catalogue's vectors beside other features, as `content_features` does with the genome.

    Of the vectors their mean is taken away, so that items aren't alike for being in the catalogue. An item that it
    doesn't have, or of which it knows nothing (a vector of zeros), keeps its other features; where it knows of none,
    the features are given back as they are.

    Parameters
    ----------
    features : shape (n_items, n_features), rows of unit length or zero
    item : shape (n_known,), numbers of the items that the catalogue has, each once
    vectors : shape (n_known, n_columns), of any length
    catalogue_weight : share of the catalogue in the cosine of two items that it has, 0 to below 1: with 1, items that
        it doesn't have would be left with nothing

    Raises
    ------
    ValueError
        If `catalogue_weight` is outside 0 to below 1.
    """
    if not 0 <= catalogue_weight < 1:
        raise ValueError(f"catalogue_weight must be at least 0 and below 1; got {catalogue_weight}")
    known = vectors.any(axis=1)
    item, vectors = item[known], vectors[known]
    if not item.size:
        return features
    shape = features.shape[0], item.size
    rows = csr_matrix((np.ones(item.size, dtype=np.float32), (item, np.arange(item.size))), shape=shape)
    catalogue = _unit_rows(csr_matrix(rows @ csr_matrix(vectors - vectors.mean(axis=0))))
    return _side_by_side(catalogue, features, catalogue_weight)


def embed_content(features: SparseRows, *, n_components: int, seed: int) -> ContentVectors:
    """Reduce feature rows to dense vectors by truncated SVD (latent semantic analysis).

    Rows are scaled to unit length again, so that an item which the components describe badly isn't ranked
    lower for that. Features that already have at most `n_components` columns are only made dense.

    Parameters
    ----------
    features : shape (n_items, n_features)
    """
    if features.shape[1] <= n_components:
        return ContentVectors(_unit_rows(features).toarray().astype(np.float32), explained_share=1.0)
    with threadpool_limits(limits=1, user_api="blas"):
        svd = TruncatedSVD(n_components=n_components, random_state=seed)
        reduced = svd.fit_transform(features)
    explained = float(np.square(svd.singular_values_).sum() / features.multiply(features).sum())
    return ContentVectors(np.asarray(normalize(reduced), dtype=np.float32), explained)


def user_profiles(interactions: Interactions, item_vectors: Vectors, *, min_rating: float) -> Vectors:
    """Sum the vectors of the items a user liked, weighted by stars, and scale to unit length.

    A like weighs 1 + (stars − `min_rating`): with a threshold of 4 stars, five stars weigh twice as much as
    four. All likes count, however many. A user without likes gets a vector of zeros, and is served as a cold
    user.

    Parameters
    ----------
    item_vectors : shape (n_items, n_components)

    Returns
    -------
    shape (n_users, n_components)
    """
    weights = interactions.likes(min_rating)
    stars = interactions.ratings.data[interactions.ratings.data >= min_rating]
    weights.data = 1 + (stars - np.float32(min_rating))
    return np.asarray(normalize(weights @ item_vectors), dtype=np.float32)


def content_embeddings(interactions: Interactions, item_vectors: Vectors, *, min_rating: float) -> Embeddings:
    """Rank items by the cosine of their vector and the user's profile.

    An item is recommendable if anything is known of it, rated or not.

    Parameters
    ----------
    interactions : training ratings
    item_vectors : shape (n_items, n_components), rows of unit length or zero
    """
    return Embeddings(
        interactions.user_ids,
        interactions.item_ids,
        user_profiles(interactions, item_vectors, min_rating=min_rating),
        item_vectors,
        recommendable=np.any(item_vectors != 0, axis=1),
    )


def _side_by_side(one: SparseRows, other: SparseRows, weight: float) -> SparseRows:
    parts = [np.sqrt(weight) * one, np.sqrt(1 - weight) * other]
    return _unit_rows(csr_matrix(hstack(parts, format="csr"), dtype=np.float32))


def _unit_rows(rows: SparseRows) -> SparseRows:
    norms = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1), dtype=np.float64)).ravel()
    scale = np.divide(1, norms, out=np.zeros_like(norms), where=norms > 0)
    return csr_matrix(diags(scale) @ rows, dtype=np.float32)


def _as_it_is(terms: Sequence[str]) -> Sequence[str]:
    return terms
