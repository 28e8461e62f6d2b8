"""Statistics counted from rows alone, by SQL: independent of the code that models are fitted with.

Each function takes a query for the learned rows and gives figures in the order of movies or users by id.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recsys_assets.algorithms.interactions import Ids

__all__ = ["Recount"]

Figures = NDArray[np.float64]


@dataclass(frozen=True)
class Recount:
    """Learned rows, to be counted.

    Attributes
    ----------
    rows : a query with user_id, movie_id, rating, rated_at
    like : stars from which a rating is a like
    """

    connection: duckdb.DuckDBPyConnection
    rows: str
    like: float

    def likes(self) -> Figures:
        """Likes of each movie."""
        return self._of_movies(f"count(*) filter (rating >= {self.like})")

    def aging_likes(self, half_life_days: float) -> Figures:
        """Likes of each movie, halved with each half life that they are older than the newest of all."""
        age = (
            f"(select max(epoch(rated_at)) from ({self.rows}) where rating >= {self.like}) - epoch(rated_at)"
        )
        weight = f"pow(2, -({age}) / 86400 / {half_life_days})"
        return self._of_movies(f"coalesce(sum({weight}) filter (rating >= {self.like}), 0)")

    def activity(self) -> pd.DataFrame:
        """Number of ratings of each movie, and their mean: movie_id, n_ratings, mean_rating; none of unrated movies."""
        return self.connection.execute(
            f"select movie_id, count(*) as n_ratings, avg(rating) as mean_rating from ({self.rows}) "
            "group by movie_id order by movie_id"
        ).df()

    def liked_pairs(self) -> pd.DataFrame:
        """user_id, movie_id, rating of each like."""
        return self.connection.execute(
            f"select user_id, movie_id, rating from ({self.rows}) where rating >= {self.like} "
            "order by user_id, movie_id"
        ).df()

    def biases(
        self, *, user_damping: float, item_damping: float, iterations: int, half_life_days: float
    ) -> tuple[float, Figures, Figures]:
        """Mean, and damped biases of users and movies: the alternating sums of `fit_biases`."""
        run = self.connection.execute
        run(
            f"create or replace temp table weighed as select user_id, movie_id, rating::double as rating, "
            "pow(2, (epoch(rated_at) - max(epoch(rated_at)) over ()) / 86400 / $half_life) as weight "
            f"from ({self.rows})",
            {"half_life": half_life_days},
        )
        [(mean,)] = run("select sum(weight * rating) / sum(weight) from weighed").fetchall()
        for side in ("user", "movie"):
            run(
                f"create or replace temp table of_{side} as select distinct {side}_id, 0.0::double as bias from weighed"
            )
        for _ in range(iterations):
            for side, other, damping in (("movie", "user", item_damping), ("user", "movie", user_damping)):
                run(
                    f"create or replace temp table of_{side} as select {side}_id, "
                    "sum(weight * (rating - $mean - bias)) / ($damping + sum(weight)) as bias "
                    f"from weighed join of_{other} using ({other}_id) group by {side}_id",
                    {"mean": mean, "damping": damping},
                )
        users = run("select bias from of_user order by user_id").fetchnumpy()["bias"]
        movies = run(
            "select coalesce(bias, 0) as bias from movies left join of_movie using (movie_id) order by movie_id"
        ).fetchnumpy()["bias"]
        return mean, np.asarray(users), np.asarray(movies)

    def out_of_fold(self, side: str, fold: NDArray[np.integer], smoothing: float) -> Figures:
        """Number, like rate and mean stars of the user's (or movie's) rows in the other folds, for each row.

        Parameters
        ----------
        side : user or movie
        fold : shape (n_rows,), of the rows by user and movie

        Returns
        -------
        shape (n_rows, 3)
        """
        self.connection.register("folds", pd.DataFrame({"fold": fold}))
        found = self.connection.execute(
            f"""
            with learned as (
                select user_id, movie_id, rating::double as rating, (rating >= {self.like})::int as liked,
                       row_number() over (order by user_id, movie_id) as place from ({self.rows})
            ), dealt as (
                from learned join (select fold, row_number() over () as place from folds) using (place)
            ), overall as (
                select fold, (sum(sum(rating)) over () - sum(rating)) / (sum(count(*)) over () - count(*)) as stars,
                       (sum(sum(liked)) over () - sum(liked)) / (sum(count(*)) over () - count(*)) as rate
                from dealt group by fold
            ), others as (
                select place, fold,
                       count(*) over (partition by {side}_id) - count(*) over (partition by {side}_id, fold) as n,
                       sum(rating) over (partition by {side}_id) - sum(rating) over (partition by {side}_id, fold)
                           as total,
                       sum(liked) over (partition by {side}_id) - sum(liked) over (partition by {side}_id, fold)
                           as likes
                from dealt
            )
            select n, (likes + {smoothing} * rate) / (n + {smoothing}) as like_rate,
                   (total + {smoothing} * stars) / (n + {smoothing}) as mean_stars
            from others join overall using (fold) order by place
            """
        ).fetchnumpy()
        self.connection.unregister("folds")
        return np.column_stack([np.asarray(found[name]) for name in ("n", "like_rate", "mean_stars")]).astype(
            np.float64
        )

    def genre_preferences(self, damping: float) -> Figures:
        """Each user's damped mean deviation from their own mean, for each genre by name: shape (n_users, n_genres)."""
        found = self.connection.execute(
            f"""
            with learned as (from ({self.rows})), genres as (
                select movie_id, unnest(list_distinct(genres)) as genre from movies
            ), centred as (
                select user_id, movie_id, rating - avg(rating::double) over (partition by user_id) as above
                from learned
            ), sums as (
                select user_id, genre, sum(above) / (count(*) + {damping}) as preference
                from centred join genres using (movie_id) group by all
            )
            select coalesce(preference, 0) as preference
            from (select distinct user_id from learned) cross join (select distinct genre from genres)
            left join sums using (user_id, genre) order by user_id, genre
            """
        ).fetchnumpy()["preference"]
        [(n_users,)] = self.connection.execute(
            f"select count(distinct user_id) from ({self.rows})"
        ).fetchall()
        return np.asarray(found).reshape(n_users, -1)

    def _of_movies(self, aggregate: str) -> Figures:
        found = self.connection.execute(
            f"select coalesce(figure, 0)::double as figure from movies left join "
            f"(select movie_id, {aggregate} as figure from ({self.rows}) group by movie_id) using (movie_id) "
            "order by movie_id"
        ).fetchnumpy()
        return np.asarray(found["figure"])


def of_items(frame: pd.DataFrame, column: str, item_ids: Ids) -> Figures:
    """A column by movie_id, in the order of item ids; 0 where there is no row."""
    return frame.set_index("movie_id")[column].reindex(item_ids, fill_value=0).to_numpy(dtype=np.float64)
