"""What a catalogue looks like, as queries over its staged tables and those written before them.

Means and shares are quotients of exact sums and rows are ordered, so the same catalogue gives the same bytes.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from recsys_assets.contracts.catalogue_exploration import MODERN, OLD
from recsys_assets.storage.warehouse import Select

__all__ = ["catalogue_exploration_queries"]

_CASTS: Final = """
select tmdb_id, count(person_id) as n from catalogue_movies left join catalogue_cast using (tmdb_id) group by tmdb_id
"""
_N_MOVIES: Final = "(select count(*) from catalogue_movies)"
_DUPLICATE_TITLES: Final = """
select title, tmdb_id, year, count(*) over same as n_movies
from catalogue_movies window same as (partition by lower(title)) qualify n_movies > 1
order by lower(title), year, tmdb_id
"""
_GENRE_FREQUENCY: Final = f"""
select genre, count(*) as n_movies, count(*) / {_N_MOVIES} as share
from catalogue_genres group by genre order by n_movies desc, genre
"""


class _Statistic(NamedTuple):
    name: str
    sql: str
    unit: str
    meaning: str


_STATISTICS: Final = (
    _Statistic("n_movies", "count(*) from catalogue_movies", "movies", "movies of the catalogue"),
    _Statistic(
        "n_movies_joined",
        "count(movie_id) from catalogue_movies",
        "movies",
        "movies that the data set has too, by TMDB id",
    ),
    _Statistic("n_people", "count(*) from people", "people", "people in cast or crew"),
    _Statistic("n_actors", "count(*) from people where n_acted > 0", "people", "people in a cast"),
    _Statistic("n_directors", "count(*) from people where n_directed > 0", "people", "people who directed"),
    _Statistic("n_genres", "count(*) from catalogue_genre_frequency", "genres", "genres that some movie has"),
    _Statistic(
        "n_keywords", "count(distinct keyword_id) from catalogue_keywords", "keywords", "different keywords"
    ),
    _Statistic(
        "n_duplicated_titles",
        "count(distinct lower(title)) from catalogue_duplicate_titles",
        "titles",
        "titles that several movies have",
    ),
    *(
        _Statistic(
            f"n_duplicated_{what}",
            f"count(*) from rejected_tmdb_{table} where reason like '%stands in an earlier line'",
            "lines",
            f"lines of {file} with an id that an earlier line has, refused",
        )
        for what, table, file in (
            ("ids", "movies", "tmdb_5000_movies.csv"),
            ("credits", "credits", "tmdb_5000_credits.csv"),
        )
    ),
    *(
        _Statistic(
            f"n_without_{column}",
            f"count(*) from catalogue_movies where {column} is null",
            "movies",
            f"movies without a known {column.replace('_', ' ')}",
        )
        for column in ("budget", "revenue", "runtime", "release_date", "overview", "tagline")
    ),
    _Statistic(
        "n_without_genres",
        "count(*) from catalogue_movies anti join catalogue_genres using (tmdb_id)",
        "movies",
        "movies without a genre",
    ),
    _Statistic("mean_cast_size", "avg(n) from casts", "people per movie", "people in a cast, mean"),
    _Statistic("median_cast_size", "median(n) from casts", "people per movie", "people in a cast, median"),
    _Statistic(
        "n_problems", "count(*) from catalogue_problems", "rows", "oddities listed in catalogue_problems"
    ),
)


def catalogue_exploration_queries(*, modern_from: int, n_listed: int, least_movies: int) -> dict[str, Select]:
    """Describe the catalogue: each table's query, in an order in which each may read those before it.

    Parameters
    ----------
    modern_from : the first year of the modern era; movies without a year belong to none
    n_listed : how many pairs, actors and directors are listed
    least_movies : an actor with fewer movies is not asked for a main genre
    """
    queries = {
        "catalogue_duplicate_titles": _DUPLICATE_TITLES,
        "catalogue_genre_frequency": _GENRE_FREQUENCY,
        "catalogue_actor_director_pairs": _actor_director_pairs(n_listed),
        "catalogue_cast_sizes": _cast_sizes(modern_from),
        "catalogue_actor_genres": _actor_genres(n_listed, least_movies),
        "catalogue_eras": _eras(modern_from),
        "catalogue_era_actors": _era_actors(modern_from, n_listed),
        "catalogue_top_directors": _top_directors(n_listed),
        "catalogue_statistics": _statistics(),
    }
    return {name: Select(sql) for name, sql in queries.items()}


def _dated(modern_from: int) -> str:
    return f"""
    select tmdb_id, year, if(year < {modern_from}, '{OLD}', '{MODERN}') as era
    from catalogue_movies where year is not null
    """


def _cast_sizes(modern_from: int) -> str:
    return f"""
    select era, n as cast_size, count(*) as n_movies
    from ({_dated(modern_from)}) join ({_CASTS}) using (tmdb_id) group by all order by era desc, cast_size
    """


def _actor_director_pairs(n_listed: int) -> str:
    return f"""
    with pairs as (
        select a.person_id as actor_id, d.person_id as director_id, count(*) as n_movies
        from movie_people as a join movie_people as d using (tmdb_id)
        where a.role = 'actor' and d.role = 'director' and a.person_id <> d.person_id
        group by all order by n_movies desc, actor_id, director_id limit {n_listed}
    )
    select row_number() over (order by pairs.n_movies desc, actor_id, director_id) as rank,
           actor_id, actors.name as actor, director_id, directors.name as director, pairs.n_movies
    from pairs join people as actors on actors.person_id = actor_id
         join people as directors on directors.person_id = director_id
    order by rank
    """


def _actor_genres(n_listed: int, least_movies: int) -> str:
    return f"""
    with worked as (
        select person_id, tmdb_id from catalogue_cast semi join catalogue_genres using (tmdb_id)
    ), busiest as (
        select person_id, count(*) as n_movies from worked group by person_id having n_movies >= {least_movies}
        order by n_movies desc, person_id limit {n_listed}
    ), kinds as (
        select person_id, genre, count(*) as n from worked semi join busiest using (person_id)
        join catalogue_genres using (tmdb_id) group by person_id, genre
        qualify row_number() over (partition by person_id order by n desc, genre) = 1
    )
    select row_number() over (order by b.n_movies desc, person_id) as rank, person_id, name, b.n_movies,
           genre as main_genre, n / b.n_movies as main_share, n / b.n_movies / f.share as lift
    from busiest as b join kinds using (person_id) join people using (person_id)
         join catalogue_genre_frequency as f using (genre)
    order by rank
    """


def _eras(modern_from: int) -> str:
    return f"""
    with dated as ({_dated(modern_from)}),
    places as (
        select era, tmdb_id, person_id, gender from dated join catalogue_cast using (tmdb_id)
        join people using (person_id)
    ), actors as (select distinct era, person_id from places),
    shared as (select person_id from actors group by person_id having count(*) > 1),
    counted as (
        select era, count(*) as n_actors, count(*) filter (person_id in (from shared)) as n_actors_of_both
        from actors group by era
    ), women as (
        select era, count(*) filter (gender = 'F') / nullif(count(gender), 0) as share_of_women
        from places group by era
    ), sizes as (
        select era, count(*) as n_movies, min(year) as first_year, max(year) as last_year,
               avg(n) as mean_cast_size, median(n) as median_cast_size
        from dated join ({_CASTS}) using (tmdb_id) group by era
    )
    select era, n_movies, first_year, last_year, coalesce(n_actors, 0) as n_actors,
           coalesce(n_actors_of_both, 0) as n_actors_of_both, mean_cast_size, median_cast_size, share_of_women
    from sizes left join counted using (era) left join women using (era) order by era desc
    """


def _era_actors(modern_from: int, n_listed: int) -> str:
    return f"""
    with counted as (
        select era, person_id, count(*) as n_movies
        from ({_dated(modern_from)}) join catalogue_cast using (tmdb_id) group by all
    )
    select era, row_number() over (partition by era order by counted.n_movies desc, person_id) as rank,
           person_id, name, counted.n_movies
    from counted join people using (person_id) qualify rank <= {n_listed} order by era desc, rank
    """


def _top_directors(n_listed: int) -> str:
    return f"""
    with directed as (
        select person_id, count(*) as n_movies, avg(vote_average::decimal(6, 3)) as mean_vote
        from movie_people join catalogue_movies using (tmdb_id) where role = 'director' group by person_id
    )
    select row_number() over (order by directed.n_movies desc, mean_vote desc nulls last, person_id) as rank,
           person_id, name, directed.n_movies, mean_vote
    from directed join people using (person_id) qualify rank <= {n_listed} order by rank
    """


def _statistics() -> str:
    rows = " union all ".join(
        f"select {place} as place, '{s.name}' as statistic, (select {s.sql}) as value, "
        f"'{s.unit}' as unit, '{s.meaning}' as meaning"
        for place, s in enumerate(_STATISTICS)
    )
    return f"with casts as ({_CASTS}) select statistic, value, unit, meaning from ({rows}) order by place"
