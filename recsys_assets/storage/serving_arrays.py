"""What a server answers from: a folder of plain ``.npy`` files beside a generation, to be mapped into memory.

Everything in it is of the generation's own tables and of the models that these were made of. A file holds one field of
one dataclass, ``<group>.<field>.npy``; none holds Python objects. Movies stand in the order of their ids everywhere, so
that a movie is a number; so do users.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import duckdb
import numpy as np
from numpy.typing import NDArray

from recsys_assets.algorithms.explanation import ListModels
from recsys_assets.algorithms.interactions import Ids, positions
from recsys_assets.algorithms.sessions import FoldIn, prepare_fold_in
from recsys_assets.storage.arrays import as_arrays, from_arrays

__all__ = [
    "RATING",
    "ArraysError",
    "Catalogue",
    "RankedLists",
    "ServingArrays",
    "arrays_folder_names",
    "read_serving_arrays",
    "write_serving_arrays",
]

T = TypeVar("T")

FORMAT: Final = 1
"""Counts changes of the layout: a server reads only the one that it knows."""
RATING: Final = "rating"
"""The strategy of the table ``predicted_ratings_top``."""
NOTHING: Final = -1
_MAPPED_FROM_BYTES = 4096

Numbers = NDArray[np.int32]


class ArraysError(ValueError):
    """A generation has no arrays to serve from, or not those that this version of the code reads."""


@dataclass(frozen=True)
class Catalogue:
    """The movies, in the order of their ids.

    Attributes
    ----------
    movie_ids : shape (n_movies,), sorted
    tmdb_ids : shape (n_movies,), 0 where none is known
    years : shape (n_movies,), 0 where none is known
    genre_names : shape (n_genres,), sorted
    genres : shape (n_movies, n_genres), bool
    n_ratings : shape (n_movies,)
    mean_rating : shape (n_movies,), stars; NaN without ratings
    histogram : shape (n_movies, 10), ratings of half a star, of one star, … of five
    cards : all movies' cards as UTF-8 JSON, one after the other, each without its closing brace
    card_ends : shape (n_movies + 1,), where each card begins and ends
    titles, title_ends : likewise, the titles as JSON strings without their quotes
    popular, trending, new, top : shape (n_movies,), movies in the order of a row of the home page; trending ones that
        nobody likes are left out
    cold_start : shape (n_cold,), what somebody unknown is shown
    """

    movie_ids: Ids
    tmdb_ids: Ids
    years: Numbers
    genre_names: NDArray[np.str_]
    genres: NDArray[np.bool_]
    n_ratings: Numbers
    mean_rating: NDArray[np.float32]
    histogram: Numbers
    cards: NDArray[np.uint8]
    card_ends: NDArray[np.int64]
    titles: NDArray[np.uint8]
    title_ends: NDArray[np.int64]
    popular: Numbers
    trending: Numbers
    new: Numbers
    top: Numbers
    cold_start: Numbers


@dataclass(frozen=True)
class RankedLists:
    """One strategy's published lists.

    Attributes
    ----------
    items : shape (n_users, depth), numbers of movies, the best first; −1 where a list is shorter
    scores : shape (n_users, depth)
    because : shape (n_users, depth), the rated movie that speaks most for the place; −1 where none is published
    confidence : shape (n_users, depth), of predicted stars: 1 = high, 0 = medium; −1 of other scores
    """

    items: Numbers
    scores: NDArray[np.float32]
    because: Numbers
    confidence: NDArray[np.int8]


@dataclass(frozen=True)
class ServingArrays:
    """All that is mapped of one generation; ``models`` has the user ids and their ratings."""

    catalogue: Catalogue
    models: ListModels
    fold_in: FoldIn
    lists: Mapping[str, RankedLists]


def write_serving_arrays(folder: Path, tables: Path, models: ListModels) -> None:
    """Write the arrays of a generation, whose file is closed already, into a new folder, onto the disk.

    Raises
    ------
    ValueError
        If the movies or users of the tables are not those of the models; with the counts.
    """
    folder.mkdir()
    with duckdb.connect(str(tables), read_only=True) as connection:
        connection.execute("set enable_progress_bar = false")
        catalogue = _catalogue(connection, models)
        weights = connection.execute("select alpha, beta from hybrid_weights where chosen").fetchone()
        if weights is None:
            raise ValueError("no row of hybrid_weights is chosen: publish the table as it was made")
        fold_in = prepare_fold_in(models, als_weight=weights[0], content_weight=weights[1])
        groups: dict[str, Any] = {"catalogue": catalogue, "models": models, "fold_in": fold_in}
        strategies = _column(connection, "select distinct strategy from recommendations order by 1")
        for strategy in (*strategies, RATING):
            _write(folder, f"lists-{strategy}", _lists(connection, strategy, models))
    for name, group in groups.items():
        _write(folder, name, group)
    about = {"format": FORMAT, "strategies": [*strategies, RATING]}
    _write_bytes(folder / "about.json", json.dumps(about).encode())


def read_serving_arrays(folder: Path) -> ServingArrays:
    """Map a generation's arrays into memory, read-only.

    Raises
    ------
    ArraysError
        If they are not there, or of another format; the message says what to do.
    """
    about_path = folder / "about.json"
    if not about_path.is_file():
        raise ArraysError(f"{folder.name} is not there: publish anew with `recsys run`")
    about = json.loads(about_path.read_text(encoding="utf-8"))
    if about["format"] != FORMAT:
        raise ArraysError(
            f"{folder.name} has format {about['format']}, this server reads {FORMAT}: publish anew"
        )
    return ServingArrays(
        _read(folder, "catalogue", Catalogue),
        _read(folder, "models", ListModels),
        _read(folder, "fold_in", FoldIn),
        {strategy: _read(folder, f"lists-{strategy}", RankedLists) for strategy in about["strategies"]},
    )


def arrays_folder_names(folder: Path, user_ids: Set[int]) -> bool:
    """Whether a generation's arrays name one of these users."""
    ids = np.load(folder / "models.user_ids.npy", allow_pickle=False, mmap_mode="r")
    return bool(np.isin(ids, list(user_ids)).any())


def _catalogue(connection: duckdb.DuckDBPyConnection, models: ListModels) -> Catalogue:
    rows = connection.execute(
        "select movie_id, title, year, genres, imdb_id, tmdb_id, predicted_rating "
        "from movies left join links using (movie_id) left join default_ratings using (movie_id) order by movie_id"
    ).fetchall()
    movie_ids = np.array([row[0] for row in rows], dtype=np.int64)
    if not np.array_equal(movie_ids, models.item_ids):
        raise ValueError(
            f"{movie_ids.size} movies are published, but the models know {models.item_ids.size} others: run the whole "
            "graph again"
        )
    n_ratings = np.bincount(models.ratings.indices, minlength=movie_ids.size)
    total = np.bincount(models.ratings.indices, weights=models.ratings.data, minlength=movie_ids.size)
    mean = np.divide(total, n_ratings, out=np.full(movie_ids.size, np.nan), where=n_ratings > 0)
    years = np.array([row[2] or 0 for row in rows], dtype=np.int32)
    names = sorted({genre for row in rows for genre in row[3]})
    genres = np.array([[name in row[3] for name in names] for row in rows], dtype=bool)
    likes = np.bincount(
        models.ratings.indices[models.ratings.data >= models.min_rating], minlength=movie_ids.size
    )
    expected = np.array([0.0 if row[6] is None else row[6] for row in rows])
    cards, card_ends = _joined(
        [_card(row[:6], m, n) for row, m, n in zip(rows, mean, n_ratings, strict=True)]
    )
    titles, title_ends = _joined([_json(row[1])[1:-1] for row in rows])
    return Catalogue(
        movie_ids,
        np.array([row[5] or 0 for row in rows], dtype=np.int64),
        years,
        np.array(names, dtype=np.str_),
        genres.reshape(movie_ids.size, len(names)),
        n_ratings.astype(np.int32),
        mean.astype(np.float32),
        _histogram(models),
        cards,
        card_ends,
        titles,
        title_ends,
        popular=_ordered(likes, n_ratings),
        trending=_trending(connection, movie_ids),
        new=_ordered(years, likes),
        top=_ordered(expected, likes),
        cold_start=_numbers(movie_ids, _column(connection, "select movie_id from cold_start order by rank")),
    )


def _histogram(models: ListModels) -> Numbers:
    steps = (2 * models.ratings.data).astype(np.intp) - 1
    counts = np.bincount(
        10 * models.ratings.indices.astype(np.intp) + steps, minlength=10 * models.item_ids.size
    )
    return counts.reshape(-1, 10).astype(np.int32)


def _ordered(first: NDArray[Any], then: NDArray[Any]) -> Numbers:
    """Numbers of movies by one measure, then another, both descending; equal ones by id."""
    return np.lexsort((-then, -first)).astype(np.int32)


def _trending(connection: duckdb.DuckDBPyConnection, movie_ids: Ids) -> Numbers:
    # The score is the same for everybody: what anybody's list has is all there is to order.
    ids = _column(
        connection,
        "select movie_id from recommendations where strategy = 'recent_popularity' "
        "group by movie_id order by max(score) desc, movie_id",
    )
    return _numbers(movie_ids, ids)


def _card(facts: tuple[Any, ...], mean_rating: float, n_ratings: int) -> bytes:
    movie_id, title, year, genres, imdb_id, tmdb_id = facts
    card = {
        "movie_id": movie_id,
        "title": title,
        "year": year,
        "genres": genres,
        "imdb_url": f"https://www.imdb.com/title/tt{imdb_id}/" if imdb_id else None,
        "tmdb_url": f"https://www.themoviedb.org/movie/{tmdb_id}" if tmdb_id else None,
        "movielens_url": f"https://movielens.org/movies/{movie_id}",
        "mean_rating": round(float(mean_rating), 3) if n_ratings else None,
        "n_ratings": int(n_ratings),
    }
    return _json(card)[:-1]


def _lists(connection: duckdb.DuckDBPyConnection, strategy: str, models: ListModels) -> RankedLists:
    if strategy == RATING:
        sql = (
            "select user_id, rank, movie_id, predicted_rating as score, (confidence = 'high')::tinyint as confidence, "
            "-1::bigint as because from predicted_ratings_top"
        )
        found = connection.execute(sql).fetchnumpy()
    else:
        sql = (
            "select r.user_id, r.rank, r.movie_id, r.score, -1::tinyint as confidence, "
            "coalesce(e.because_movie_id, -1) as because from recommendations as r "
            "left join (from explanations where part_rank = 1 and part > 0) as e using (strategy, user_id, movie_id) "
            "where strategy = ?"
        )
        found = connection.execute(sql, [strategy]).fetchnumpy()
    rows = {name: np.asarray(column) for name, column in found.items()}
    user = positions(models.user_ids, rows["user_id"], what="user_id")
    place = rows["rank"].astype(np.intp) - 1
    shape = models.user_ids.size, int(place.max(initial=-1)) + 1
    explained = rows["because"] != NOTHING
    lists = RankedLists(
        np.full(shape, NOTHING, dtype=np.int32),
        np.full(shape, -np.inf, dtype=np.float32),
        np.full(shape, NOTHING, dtype=np.int32),
        np.full(shape, NOTHING, dtype=np.int8),
    )
    lists.items[user, place] = _numbers(models.item_ids, rows["movie_id"])
    lists.scores[user, place] = rows["score"]
    lists.confidence[user, place] = rows["confidence"]
    because = _numbers(models.item_ids, rows["because"][explained])
    lists.because[user[explained], place[explained]] = because
    return lists


def _numbers(movie_ids: Ids, wanted: Any) -> Numbers:
    return positions(movie_ids, wanted, what="movie_id").astype(np.int32)


def _column(connection: duckdb.DuckDBPyConnection, sql: str) -> list[Any]:
    return [value for (value,) in connection.execute(sql).fetchall()]


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _joined(pieces: list[bytes]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    ends = np.cumsum([0, *map(len, pieces)], dtype=np.int64)
    return np.frombuffer(b"".join(pieces), dtype=np.uint8), ends


def _write(folder: Path, group: str, value: Any) -> None:
    for field, array in as_arrays(value).items():
        with (folder / f"{group}.{field}.npy").open("wb") as file:
            np.save(file, array, allow_pickle=False)
            file.flush()
            os.fsync(file.fileno())


def _write_bytes(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _read(folder: Path, group: str, kind: type[T]) -> T:
    found = {
        path.name.removeprefix(f"{group}.").removesuffix(".npy"): path
        for path in folder.glob(f"{group}.*.npy")
    }
    try:
        return from_arrays(kind, {field: _mapped(path) for field, path in found.items()})
    except ValueError as error:
        raise ArraysError(f"{group} in {folder.name} {error}") from error


def _mapped(path: Path) -> NDArray[Any]:
    # Empty arrays can't be mapped; of the others a plain view is faster to take rows of than NumPy's own memmap.
    small = path.stat().st_size < _MAPPED_FROM_BYTES
    array = np.asarray(np.load(path, mmap_mode=None if small else "r", allow_pickle=False))
    array.setflags(write=False)
    return array
