"""MLflow's model "movies like this".

MLflow copies this file beside the arrays and runs the copy wherever the model is loaded, so that it imports nothing of
this project: NumPy, pandas and MLflow are enough.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

import mlflow
import numpy as np
import pandas as pd

MAX_LENGTH = 1000
COLUMNS = ("query", "rank", "tmdb_id", "movie_id", "title", "year", "similarity")
_APOSTROPHES = re.compile("['’ʼ‘`]")


class MoviesLikeThis(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
    """The nearest movies by cosine of content vectors.

    A row of the input names a movie by ``tmdb_id``, by ``movie_id`` or by ``title`` (case, accents and punctuation
    don't count; with the year in brackets where several have it). Parameters: ``n`` neighbours, ``within_cluster`` to
    look among movies of the same cluster alone.
    """

    def load_context(self, context: Any) -> None:
        with np.load(context.artifacts["arrays"], allow_pickle=False) as stored:
            self.movies = pd.DataFrame(
                {name: stored[name] for name in ("tmdb_ids", "movie_ids", "titles", "years", "clusters")}
            )
            vectors = stored["vectors"].astype(np.float32)
        length = np.linalg.norm(vectors, axis=1, keepdims=True)
        self.known = length[:, 0] > 0
        self.directions = vectors / np.where(length > 0, length, 1)
        self.folded = self.movies["titles"].map(_folded)

    def predict(
        self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        """Rows (query, rank, tmdb_id, movie_id, title, year, similarity); ``query`` counts the input's rows from 0.

        A movie without content has no neighbours; ``movie_id`` and ``year`` are empty where they are not known.

        Raises
        ------
        ValueError
            If a row names no movie of the catalogue, or several; the message has their ids.
        """
        asked = params or {}
        n = int(asked.get("n", 10))
        if not 1 <= n <= MAX_LENGTH:
            raise ValueError(f"n is {n}; it must be 1 to {MAX_LENGTH}")
        within = bool(asked.get("within_cluster", False))
        rows = [self._like(self._place(row), n, within) for row in model_input.to_dict("records")]
        if not rows:
            return pd.DataFrame({name: [] for name in COLUMNS})
        found = pd.concat(rows, keys=range(len(rows)), names=["query", None])
        return found.reset_index("query").reset_index(drop=True)

    def _like(self, place: int, n: int, within: bool) -> pd.DataFrame:
        similarity = self.directions @ self.directions[place]
        eligible = self.known & self.known[place]
        eligible[place] = False
        if within:
            eligible &= (self.movies["clusters"] == self.movies["clusters"][place]).to_numpy()
        order = np.argsort(np.where(eligible, -similarity, np.inf), kind="stable")
        order = order[: min(n, int(eligible.sum()))]
        near = self.movies.iloc[order]
        return pd.DataFrame(
            {
                "rank": np.arange(1, order.size + 1),
                "tmdb_id": near["tmdb_ids"].to_numpy(),
                "movie_id": _known(near["movie_ids"]),
                "title": near["titles"].to_numpy(),
                "year": _known(near["years"]),
                "similarity": similarity[order],
            }
        )

    def _place(self, row: Mapping[Any, Any]) -> int:
        for key, column in (("tmdb_id", "tmdb_ids"), ("movie_id", "movie_ids")):
            if pd.notna(row.get(key)):
                return self._only(self.movies[column] == int(row[key]), f"{key} {int(row[key])}")
        if not row.get("title"):
            raise ValueError("name a movie by tmdb_id, movie_id or title")
        title = str(row["title"])
        same = self.folded == _folded(title)
        with_year = re.fullmatch(r"(.*)\((\d{4})\)\s*", title)
        if with_year and not same.any():
            same = (self.folded == _folded(with_year[1])) & (self.movies["years"] == int(with_year[2]))
        return self._only(same, f"title {title!r}")

    def _only(self, same: pd.Series[bool], asked: str) -> int:
        places = np.flatnonzero(same)
        if places.size == 1:
            return int(places[0])
        if not places.size:
            raise ValueError(f"no movie with {asked} in a catalogue of {len(self.movies)}")
        listed = "; ".join(
            f"tmdb_id {movie.tmdb_ids}: {movie.titles} ({movie.years})"
            for movie in self.movies.iloc[places].itertuples()
        )
        raise ValueError(f"{places.size} movies have {asked}, give a tmdb_id: {listed}")


def _folded(title: str) -> str:
    """Words in lower case, without accents; an apostrophe parts none, and a title of signs alone is itself."""
    letters = unicodedata.normalize("NFKD", title.casefold())
    plain = _APOSTROPHES.sub("", "".join(one for one in letters if not unicodedata.combining(one)))
    return " ".join(re.findall(r"\w+", plain)) or title.casefold().strip()


def _known(numbers: pd.Series[int]) -> pd.Series[Any]:
    return numbers.astype("Int64").where(numbers >= 0).reset_index(drop=True)


mlflow.models.set_model(MoviesLikeThis())
