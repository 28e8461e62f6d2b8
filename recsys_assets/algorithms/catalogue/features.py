"""Movies as vectors of their text, genres and numbers: the same ones for clustering and for similarity."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from threadpoolctl import threadpool_limits

from recsys_assets.algorithms.clustering import Rows, unit_rows
from recsys_assets.algorithms.embeddings import Vectors
from recsys_assets.algorithms.interactions import Ids, Numbers

__all__ = [
    "CatalogueFeatures",
    "Parts",
    "TextComponents",
    "genre_columns",
    "join_parts",
    "number_columns",
    "text_components",
]


@dataclass(frozen=True)
class CatalogueFeatures:
    """One row a movie: components of its text, then genres, then numbers, all with their weights.

    Attributes
    ----------
    tmdb_ids : shape (n_movies,), ascending
    vectors : shape (n_movies, n_text + n_genres + n_numbers), weights applied
    explained_shares : shape (n_text,), share of the variance of the TF-IDF columns that each component explains
    n_text, n_genres, n_numbers : columns of each kind
    """

    tmdb_ids: Ids
    vectors: Vectors
    explained_shares: NDArray[np.float64]
    n_text: int
    n_genres: int
    n_numbers: int

    @property
    def explained_share(self) -> float:
        """What all components explain of the TF-IDF columns' variance, 0 to 1."""
        return float(self.explained_shares.sum())


@dataclass(frozen=True)
class TextComponents:
    """Truncated SVD of TF-IDF rows.

    Attributes
    ----------
    rows : shape (n_movies, n_components); a movie without terms has a row of zeros
    explained_shares : shape (n_components,), share of the variance of the TF-IDF columns
    """

    rows: Rows
    explained_shares: NDArray[np.float64]


@dataclass(frozen=True)
class Parts:
    """What is known of movies, before it is weighed.

    Attributes
    ----------
    text : components of the text
    genres : shape (n_movies, n_genres), 0 or 1
    numbers : shape (n_movies, n_numbers), standardised
    """

    text: TextComponents
    genres: Rows
    numbers: Rows


def text_components(
    documents: Sequence[Sequence[str]], *, min_movies: int, max_terms: int, n_components: int, seed: int
) -> TextComponents:
    """Reduce terms, weighed by TF-IDF, to the components of a truncated SVD (latent semantic analysis).

    A term weighs tf · (1 + ln((1 + n_movies) / (1 + df))), and rows are scaled to unit length before they are reduced.

    Parameters
    ----------
    documents : n_movies lists of terms, as `movie_terms` makes them
    min_movies : a term must occur with at least that many movies
    max_terms : of the terms, only the most frequent are kept
    n_components : fewer where there are fewer movies or terms; none of fewer than two terms
    """
    n_movies_with = Counter(term for document in documents for term in set(document))
    n_terms = min(max_terms, sum(n >= min_movies for n in n_movies_with.values()))
    if n_terms < 2:
        return TextComponents(np.zeros((len(documents), 0)), np.zeros(0))
    vectorizer = TfidfVectorizer(analyzer=_as_it_is, min_df=min_movies, max_features=max_terms)
    tfidf = vectorizer.fit_transform(documents)
    # Movies all alike have no variance, of which nothing is explained.
    with threadpool_limits(limits=1), np.errstate(invalid="ignore"):
        svd = TruncatedSVD(min(n_components, *tfidf.shape), random_state=seed)
        rows = svd.fit_transform(tfidf)
    return TextComponents(rows, np.nan_to_num(svd.explained_variance_ratio_))


def genre_columns(movie: Numbers, genre: Numbers, *, n_movies: int, n_genres: int) -> Rows:
    """Set 1 where a movie is of a genre, else 0.

    Parameters
    ----------
    movie, genre : shape (n_pairs,), row and column numbers

    Returns
    -------
    shape (n_movies, n_genres)
    """
    columns = np.zeros((n_movies, n_genres))
    columns[movie, genre] = 1
    return columns


def number_columns(values: Rows, *, logged: Sequence[bool]) -> Rows:
    """Standardise numbers to mean 0 and variance 1; one that isn't known is the mean, so 0.

    Parameters
    ----------
    values : shape (n_movies, n_numbers), 0 or more; NaN = not known
    logged : shape (n_numbers,), whether ln(1 + x) is taken first, as of amounts that span powers of ten

    Returns
    -------
    shape (n_movies, n_numbers); a column whose known values are all alike is 0
    """
    logarithms = np.where(np.asarray(logged, dtype=bool), np.log1p(values), values)
    known = np.isfinite(logarithms)
    n_known = np.maximum(known.sum(axis=0), 1)
    deviation = np.where(known, logarithms - np.where(known, logarithms, 0).sum(axis=0) / n_known, 0)
    spread = np.sqrt(np.square(deviation).sum(axis=0) / n_known)
    # A mean of equal values may miss them by a rounding error.
    columns: Rows = np.divide(deviation, spread, out=np.zeros_like(deviation), where=spread > 1e-9)
    return columns


def join_parts(
    tmdb_ids: Ids,
    parts: Parts,
    *,
    text_weight: float,
    genre_weight: float,
    number_weight: float,
    unit_length: bool,
) -> CatalogueFeatures:
    """Set the weighted parts side by side.

    With ``unit_length`` the texts' and the genres' rows are scaled to unit length before they are weighed, and whole
    rows after. The cosine of two movies is then a mean of their cosines by text and by genres, with the squares of
    the weights as shares, whatever number of genres they have, and ‖x − y‖² = 2 − 2 cos(x, y): Ward's clusters and the
    nearest movies go by one measure. Without, weights multiply the columns as they are.

    Parameters
    ----------
    tmdb_ids : shape (n_movies,)
    """
    blocks = [parts.text.rows, parts.genres]
    scaled = [unit_rows(block) for block in blocks] if unit_length else blocks
    weighted = [text_weight * scaled[0], genre_weight * scaled[1], number_weight * parts.numbers]
    vectors = np.hstack(weighted)
    return CatalogueFeatures(
        tmdb_ids,
        (unit_rows(vectors) if unit_length else vectors).astype(np.float32),
        parts.text.explained_shares,
        *(block.shape[1] for block in weighted),
    )


def _as_it_is(terms: Sequence[str]) -> Sequence[str]:
    return terms
