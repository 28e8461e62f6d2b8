"""The tables of the exploration as queries over ``ratings``, ``movies`` and those written before them.

Means and shares are quotients of exact sums and rows are ordered, so the same ratings give the same bytes.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from recsys_assets.contracts.exploration import DAY
from recsys_assets.storage.warehouse import Select

__all__ = ["exploration_queries"]

_PER_USER: Final = "select user_id, count(*) as n_ratings from ratings group by user_id"
_PER_MOVIE: Final = (
    "select movie_id, count(*) as n_ratings, sum(rating) as sum_stars from ratings group by movie_id"
)
_N_RATINGS: Final = "(select count(*) from ratings)"

_RATING_DISTRIBUTION: Final = f"""
select rating as stars, count(*) as n_ratings, count(*) / {_N_RATINGS} as share_of_ratings
from ratings group by rating order by rating
"""
_USER_ACTIVITY: Final = f"""
select n_ratings, count(*) as n_users from ({_PER_USER}) group by n_ratings order by n_ratings
"""
_MOVIE_POPULARITY: Final = f"""
with catalogue as (
    select movie_id, title, coalesce(n_ratings, 0) as n_ratings, sum_stars / n_ratings as mean_rating
    from movies left join ({_PER_MOVIE}) using (movie_id)
)
select row_number() over ranked as rank, *, sum(n_ratings) over ranked / {_N_RATINGS} as cumulative_share
from catalogue window ranked as (order by n_ratings desc, movie_id) order by rank
"""
_RATINGS_OVER_TIME: Final = """
select date_trunc('month', rated_at) as month, count(*) as n_ratings, avg(rating) as mean_rating
from ratings group by month order by month
"""
_GENRE_SHARES: Final = f"""
with members as (select unnest(list_distinct(genres)) as genre, movie_id from movies)
select genre, count(*) as n_movies, coalesce(sum(n_ratings), 0) as n_ratings,
       coalesce(sum(n_ratings), 0) / {_N_RATINGS} as share_of_ratings, sum(sum_stars) / sum(n_ratings) as mean_rating
from members left join ({_PER_MOVIE}) using (movie_id) group by genre order by n_ratings desc, genre
"""


class _Statistic(NamedTuple):
    name: str
    sql: str
    unit: str
    meaning: str


_STATISTICS: Final = (
    _Statistic("n_ratings", "count(*) from ratings", "ratings", "ratings"),
    _Statistic("n_users", "count(*) from activity", "users", "users with a rating"),
    _Statistic("n_movies_rated", "count(*) from rated", "movies", "movies with a rating"),
    _Statistic("n_movies", "count(*) from movie_popularity", "movies", "movies of the catalogue"),
    _Statistic(
        "sparsity",
        f"1 - {_N_RATINGS} / ((select count(*) from activity) * (select count(*) from rated))",
        "share",
        "sparsity: pairs of a user and a rated movie without a rating",
    ),
    _Statistic("mean_stars", "avg(rating) from ratings", "stars", "mean rating"),
    _Statistic("median_stars", "median(rating) from ratings", "stars", "median rating"),
    _Statistic(
        "std_stars",
        # stddev_pop sums in the order that threads finish in; these sums are exact.
        "sqrt(avg(rating * rating) - avg(rating) ** 2) from ratings",
        "stars",
        "standard deviation of ratings",
    ),
    _Statistic(
        "first_day", "datediff('day', date '1970-01-01', min(rated_at)) from ratings", DAY, "first rating"
    ),
    _Statistic(
        "last_day", "datediff('day', date '1970-01-01', max(rated_at)) from ratings", DAY, "last rating"
    ),
    _Statistic(
        "mean_ratings_per_user", "avg(n_ratings) from activity", "ratings per user", "ratings per user, mean"
    ),
    _Statistic(
        "median_ratings_per_user",
        "median(n_ratings) from activity",
        "ratings per user",
        "ratings per user, median",
    ),
    _Statistic(
        "mean_ratings_per_movie",
        "avg(n_ratings) from rated",
        "ratings per movie",
        "ratings per rated movie, mean",
    ),
    _Statistic(
        "median_ratings_per_movie",
        "median(n_ratings) from rated",
        "ratings per movie",
        "ratings per rated movie, median",
    ),
    _Statistic(
        "n_movies_unrated",
        "count(*) from movie_popularity where n_ratings = 0",
        "movies",
        "movies that nobody has rated",
    ),
    _Statistic(
        "n_movies_rarely_rated",
        "count(*) from rarely_rated_movies",
        "movies",
        "movies with fewer than {rare_below} ratings, unrated ones included",
    ),
    _Statistic(
        "share_of_movies_with_half_the_ratings",
        "(1 + count(*) filter (cumulative_share < 0.5)) / count(*) from movie_popularity",
        "share",
        "smallest part of the catalogue that holds half of the ratings",
    ),
)


def exploration_queries(*, rare_below: int, n_users: int, n_movies: int) -> dict[str, Select]:
    """Describe all ratings: each table's query, in an order in which each may read those before it.

    Parameters
    ----------
    rare_below : a movie with fewer ratings is rarely rated
    n_users, n_movies : size of the heatmap; smaller where there are fewer users or rated movies
    """
    queries = {
        "rating_distribution": _RATING_DISTRIBUTION,
        "user_activity": _USER_ACTIVITY,
        "movie_popularity": _MOVIE_POPULARITY,
        "rarely_rated_movies": _rarely_rated_movies(rare_below),
        "rating_heatmap": _rating_heatmap(n_users, n_movies),
        "ratings_over_time": _RATINGS_OVER_TIME,
        "genre_shares": _GENRE_SHARES,
        "dataset_statistics": _dataset_statistics(rare_below),
    }
    return {name: Select(sql) for name, sql in queries.items()}


def _rarely_rated_movies(rare_below: int) -> str:
    return f"select movie_id, title, n_ratings from movie_popularity where n_ratings < {rare_below} order by rank"


def _rating_heatmap(n_users: int, n_movies: int) -> str:
    return f"""
    with active as (
        select user_id, row_number() over (order by n_ratings desc, user_id) as user_rank
        from ({_PER_USER}) qualify user_rank <= {n_users}
    ), popular as (
        select movie_id, title, rank as movie_rank from movie_popularity where rank <= {n_movies} and n_ratings > 0
    )
    select user_rank, movie_rank, user_id, movie_id, title, rating
    from active cross join popular left join ratings using (user_id, movie_id) order by user_rank, movie_rank
    """


def _dataset_statistics(rare_below: int) -> str:
    rows = " union all ".join(
        f"select {place} as place, '{s.name}' as statistic, (select {s.sql}) as value, "
        f"'{s.unit}' as unit, '{s.meaning.format(rare_below=rare_below)}' as meaning"
        for place, s in enumerate(_STATISTICS)
    )
    return f"""
    with activity as ({_PER_USER}), rated as (from movie_popularity where n_ratings > 0)
    select statistic, value, unit, meaning from ({rows}) order by place
    """
