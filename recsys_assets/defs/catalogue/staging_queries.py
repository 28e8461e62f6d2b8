"""The catalogue's tables as queries over the raw ones, whose JSON is parsed once, into temporary tables.

What is odd about a row goes into ``catalogue_problems`` with what was done; nothing is mended in silence.
"""

from __future__ import annotations

from typing import Final

from recsys_assets.contracts import MAX_ID
from recsys_assets.storage.title_search import names, trigrams
from recsys_assets.storage.warehouse import Select

__all__ = ["PARSED", "staging_queries"]

_MOVIES_FILE: Final = "tmdb_5000_movies.csv"
_CREDITS_FILE: Final = "tmdb_5000_credits.csv"
_NAMED: Final = '[{"id": "BIGINT", "name": "VARCHAR"}]'
_CAST: Final = (
    '[{"id": "BIGINT", "name": "VARCHAR", "gender": "INTEGER", "character": "VARCHAR", "order": "INTEGER"}]'
)
_CREW: Final = (
    '[{"id": "BIGINT", "name": "VARCHAR", "gender": "INTEGER", "department": "VARCHAR", "job": "VARCHAR"}]'
)


def _parsed(column: str, shape: str) -> str:
    # An error in one cell must not stop the others.
    return f"try(from_json({column}, '{shape}'))"


def _entries(table: str, column: str, *texts: str, with_id: bool = True) -> str:
    """A row for each entry of a parsed list, texts trimmed, with its number; ``whole`` = it has all of them."""
    needed = [f"trim(entry.{text}) <> ''" for text in texts]
    needed += [f"entry.id between 0 and {MAX_ID}"] * with_id
    trimmed = ", ".join(f"trim(entry.{text}) as {text}" for text in texts)
    return f"""
        select tmdb_id, entry.* replace ({trimmed}), number, coalesce({" and ".join(needed)}, false) as whole
        from (select tmdb_id, unnest({column}) as entry, generate_subscripts({column}, 1) as number from {table})
    """


PARSED: Final = {
    "parsed_movies": f"""
        select tmdb_id, {_parsed("genres", _NAMED)} as genre_list, {_parsed("keywords", _NAMED)} as keyword_list
        from tmdb_movies
    """,
    "parsed_credits": f"""
        select tmdb_id, {_parsed('"cast"', _CAST)} as cast_list, {_parsed("crew", _CREW)} as crew_list
        from tmdb_credits
    """,
    "genre_entries": _entries("parsed_movies", "genre_list", "name", with_id=False),
    "keyword_entries": _entries("parsed_movies", "keyword_list", "name"),
    "cast_entries": _entries("parsed_credits", "cast_list", "name"),
    "crew_entries": _entries("parsed_credits", "crew_list", "name", "department", "job"),
    "credited": """
        select tmdb_id, id as person_id, name, gender, false as directs, true as acts
        from cast_entries semi join tmdb_movies using (tmdb_id) where whole
        union all
        select tmdb_id, id, name, gender, job = 'Director', false
        from crew_entries semi join tmdb_movies using (tmdb_id) where whole
    """,
}
"""Temporary tables that the queries read, by name, in the order in which they are made."""

_CATALOGUE_MOVIES: Final = """
with joined as (select tmdb_id, min(movie_id) as movie_id from links where tmdb_id is not null group by tmdb_id)
select tmdb_id, movie_id, title, original_title, original_language, overview, tagline, release_date,
       year(release_date) as year, nullif(runtime, 0) as runtime, nullif(budget, 0) as budget,
       nullif(revenue, 0) as revenue, popularity, if(vote_count > 0, vote_average, null) as vote_average, vote_count
from tmdb_movies left join joined using (tmdb_id) order by tmdb_id
"""
_CATALOGUE_GENRES: Final = """
select distinct tmdb_id, name as genre from genre_entries where whole order by all
"""
_CATALOGUE_KEYWORDS: Final = """
select tmdb_id, id as keyword_id, min(name) as keyword from keyword_entries where whole group by all order by all
"""
_PEOPLE: Final = """
with named as (select person_id, name, count(*) as n from credited group by all)
select person_id, arg_min(named.name, (-n, named.name)) as name, any_value(gender) as gender,
       any_value(n_movies) as n_movies, any_value(n_acted) as n_acted, any_value(n_directed) as n_directed
from named join (
    select person_id, count(distinct tmdb_id) as n_movies,
           count(distinct tmdb_id) filter (acts) as n_acted, count(distinct tmdb_id) filter (directs) as n_directed,
           case when count(*) filter (gender = 1) > count(*) filter (gender = 2) then 'F'
                when count(*) filter (gender = 2) > count(*) filter (gender = 1) then 'M' end as gender
    from credited group by person_id
) using (person_id)
group by person_id order by person_id
"""
_CATALOGUE_CAST: Final = """
with entries as (
    select tmdb_id, id as person_id, coalesce(trim("character"), '') as "character",
           row_number() over (partition by tmdb_id order by "order" nulls last, number) as position
    from cast_entries semi join tmdb_movies using (tmdb_id) where whole
), played as (
    select tmdb_id, person_id, "character", min(position) as position from entries group by all
), people as (
    select tmdb_id, person_id, min(position) as position,
           string_agg("character", ' / ' order by position) filter ("character" <> '') as "character"
    from played group by all
)
select tmdb_id, row_number() over (partition by tmdb_id order by position) as place, person_id, "character"
from people order by tmdb_id, place
"""
_CATALOGUE_CREW: Final = """
select tmdb_id, id as person_id, department, job, min(number) as place
from crew_entries semi join tmdb_movies using (tmdb_id) where whole group by all order by all
"""
_MOVIE_PEOPLE: Final = """
with roles as (
    select tmdb_id, 'actor' as role, place, person_id, "character" from catalogue_cast
    union all
    select tmdb_id, case
               when job = 'Director' then 'director'
               when department = 'Writing' then 'writer'
               when job in ('Producer', 'Executive Producer') then 'producer'
               when job in ('Original Music Composer', 'Music') then 'composer'
               when job = 'Director of Photography' then 'cinematographer'
               when job = 'Editor' then 'editor'
           end as role, place, person_id, null
    from catalogue_crew
), once as (
    select tmdb_id, role, person_id, min(place) as place, any_value("character") as "character"
    from roles where role is not null group by all
)
select tmdb_id, movie_id, role, row_number() over (partition by tmdb_id, role order by place, person_id) as place,
       person_id, "character"
from once join catalogue_movies using (tmdb_id) order by tmdb_id, role, place
"""
_TOP_CAST: Final = 10
_MOVIE_DETAILS: Final = f"""
with genres as (select tmdb_id, list(genre order by genre) as genres from catalogue_genres group by tmdb_id),
people_of as (
    select tmdb_id, list(name order by place) filter (role = 'director') as directors,
           list(name order by place) filter (role = 'actor' and place <= {_TOP_CAST}) as top_cast
    from movie_people join people using (person_id) group by tmdb_id
)
select tmdb_id, movie_id, imdb_id, title, year, coalesce(genres, []) as genres, overview, tagline, runtime,
       original_language as language, vote_average, vote_count, popularity, coalesce(directors, []) as directors,
       coalesce(top_cast, []) as top_cast, poster_path
from catalogue_movies left join genres using (tmdb_id) left join people_of using (tmdb_id)
     left join (select movie_id, imdb_id from links) using (movie_id)
     left join tmdb_posters using (tmdb_id)
order by tmdb_id
"""
_TITLES: Final = f"""
with shown as (
    select movie_id, links.tmdb_id, movies.title, coalesce(movies.year, c.year) as year,
           {names("movies.title")} || {names("c.title")} || {names("c.original_title")} as folded
    from movies left join links using (movie_id) left join catalogue_movies as c on c.tmdb_id = links.tmdb_id
    union all
    select null, tmdb_id, title, year, {names("title")} || {names("original_title")}
    from catalogue_movies where movie_id is null
), named as (select * replace (unnest(list_distinct(folded)) as folded) from shown)
select *, {trigrams("folded")} as trigrams from named where folded is not null
order by movie_id nulls last, tmdb_id, folded
"""


def _missing(column: str, handling: str) -> str:
    return f"""
    select 'missing_{column}', '{_MOVIES_FILE}', tmdb_id, title || ' has no {column.replace("_", " ")}', '{handling}'
    from catalogue_movies where "{column}" is null
    """


def _broken(file: str, table: str, column: str, parsed: str, parsed_column: str) -> str:
    return f"""
    select 'broken_list', '{file}', tmdb_id, '{column} is not a JSON list', 'read as an empty list'
    from {table} join {parsed} using (tmdb_id) where "{column}" is not null and {parsed_column} is null
    """


def _incomplete(file: str, kind: str, needed: str) -> str:
    return f"""
    select 'incomplete_entry', '{file}', tmdb_id,
           'entry ' || number || ' of the {kind} list lacks {needed}', 'left out'
    from {kind}_entries where not whole
    """


_CATALOGUE_PROBLEMS: Final = "\nunion all\n".join(
    (
        f"""
    select 'duplicate_title' as problem, '{_MOVIES_FILE}' as file, tmdb_id,
           title || ' is the title of ' || count(*) over same || ' movies' as detail,
           'kept: ids are keys, titles are not' as handling
    from catalogue_movies window same as (partition by lower(title)) qualify count(*) over same > 1
    """,
        _broken(_MOVIES_FILE, "tmdb_movies", "genres", "parsed_movies", "genre_list"),
        _broken(_MOVIES_FILE, "tmdb_movies", "keywords", "parsed_movies", "keyword_list"),
        _broken(_CREDITS_FILE, "tmdb_credits", "cast", "parsed_credits", "cast_list"),
        _broken(_CREDITS_FILE, "tmdb_credits", "crew", "parsed_credits", "crew_list"),
        _incomplete(_MOVIES_FILE, "genre", "a name"),
        _incomplete(_MOVIES_FILE, "keyword", "an id or a name"),
        _incomplete(_CREDITS_FILE, "cast", "an id or a name"),
        _incomplete(_CREDITS_FILE, "crew", "an id, a name, a department or a job"),
        f"""
    select 'repeated_person', '{_CREDITS_FILE}', tmdb_id,
           any_value(name) || ' (' || id || ') stands in the cast ' || count(*) || ' times',
           'one row, at the first place, with all characters'
    from cast_entries where whole group by tmdb_id, id having count(*) > 1
    """,
        f"""
    select 'repeated_credit', '{_CREDITS_FILE}', tmdb_id,
           any_value(name) || ' (' || id || ') stands ' || count(*) || ' times as ' || job || ', ' || department,
           'one row'
    from crew_entries where whole group by tmdb_id, id, job, department having count(*) > 1
    """,
        _missing("release_date", "kept without a year"),
        _missing("overview", "kept without that text"),
        _missing("runtime", "kept without one"),
        f"""
    select 'missing_genres', '{_MOVIES_FILE}', tmdb_id, title || ' has no genres', 'kept without genres'
    from catalogue_movies anti join catalogue_genres using (tmdb_id)
    """,
        f"""
    select 'credits_without_movie', '{_CREDITS_FILE}', tmdb_id, title || ' is not in {_MOVIES_FILE}', 'left out'
    from tmdb_credits anti join tmdb_movies using (tmdb_id)
    """,
        f"""
    select 'movie_without_credits', '{_MOVIES_FILE}', tmdb_id, title || ' is not in {_CREDITS_FILE}',
           'kept without cast and crew'
    from tmdb_movies anti join tmdb_credits using (tmdb_id)
    """,
        f"""
    select 'other_title', '{_CREDITS_FILE}', tmdb_id, c.title || ' is called ' || m.title || ' in {_MOVIES_FILE}',
           'joined by id'
    from tmdb_credits as c join tmdb_movies as m using (tmdb_id) where c.title <> m.title
    """,
        """
    select 'shared_tmdb_id', 'links.csv', tmdb_id,
           'the movies ' || string_agg(movie_id::varchar, ', ' order by movie_id) || ' have one TMDB id',
           'joined to the smallest'
    from links semi join tmdb_movies using (tmdb_id) group by tmdb_id having count(*) > 1
    """,
        f"""
    select 'several_names', '{_CREDITS_FILE}', null,
           'person ' || person_id || ' is called ' || string_agg(distinct name, ', ' order by name),
           'called by the most frequent'
    from credited group by person_id having count(distinct name) > 1
    """,
        f"""
    select 'several_genders', '{_CREDITS_FILE}', null,
           'person ' || person_id || ', ' || min(name) || ', has several genders', 'the most frequent, none if tied'
    from credited where gender in (1, 2) group by person_id having count(distinct gender) > 1
    """,
    )
)


def staging_queries() -> dict[str, Select]:
    """Each table's query, in an order in which each may read those before it, and those of ``PARSED``."""
    queries = {
        "catalogue_movies": _CATALOGUE_MOVIES,
        "catalogue_genres": _CATALOGUE_GENRES,
        "catalogue_keywords": _CATALOGUE_KEYWORDS,
        "people": _PEOPLE,
        "catalogue_cast": _CATALOGUE_CAST,
        "catalogue_crew": _CATALOGUE_CREW,
        "movie_people": _MOVIE_PEOPLE,
        "movie_details": _MOVIE_DETAILS,
        "titles": _TITLES,
        "catalogue_problems": f"{_CATALOGUE_PROBLEMS} order by all",
    }
    return {name: Select(sql) for name, sql in queries.items()}
