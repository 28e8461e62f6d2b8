"""Which movie belongs to which genre, as a matrix over the catalogue."""

from __future__ import annotations

from scipy.sparse import csr_matrix
from sklearn.preprocessing import MultiLabelBinarizer

from recsys_assets.storage.warehouse import Warehouse

__all__ = ["genre_membership"]


def genre_membership(warehouse: Warehouse, dataset: str) -> csr_matrix:
    """Ones where a movie has a genre, shape (n_movies, n_genres); movies ascending by id, genres by name."""
    movies = warehouse.frame(dataset, "select genres from movies order by movie_id")
    return csr_matrix(MultiLabelBinarizer(sparse_output=True).fit_transform(movies["genres"]))
