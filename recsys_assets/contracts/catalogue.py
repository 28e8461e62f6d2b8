"""A catalogue's metadata as tables: movies, genres, keywords, cast, crew, people, and titles to search."""

from __future__ import annotations

from dataclasses import replace

from recsys_assets.contracts.columns import IN_MOVIES, MOVIE, id_column
from recsys_assets.contracts.schema import MAX_ID, Column, Reference, Table

__all__ = ["IN_CATALOGUE", "IN_PEOPLE", "PERSON", "TABLES", "TMDB"]

TMDB = Column("tmdb_id", "BIGINT", "the movie's TMDB id", minimum=1, maximum=MAX_ID)
PERSON = id_column("person_id", "the person's TMDB id")
IN_CATALOGUE = Reference("tmdb_id", "catalogue_movies", "tmdb_id")
IN_PEOPLE = Reference("person_id", "people", "person_id")

_MOVIE = replace(MOVIE, nullable=True, comment="the data set's id of the movie; null where it has none")
_TITLE = Column("title", "VARCHAR", "title; not unique", max_length=1000)
_YEAR = Column("year", "INTEGER", "year of release", nullable=True, minimum=1850, maximum=2100)
_RUNTIME = Column("runtime", "DOUBLE", "minutes; null where not known", nullable=True, minimum=0.0)
_OVERVIEW = Column("overview", "VARCHAR", "synopsis", nullable=True)
_TAGLINE = Column("tagline", "VARCHAR", "advertising line", nullable=True)
_POPULARITY = Column("popularity", "DOUBLE", "TMDB's measure of attention", nullable=True, minimum=0.0)
_VOTE_AVERAGE = Column(
    "vote_average", "DOUBLE", "TMDB's votes, 0–10; null without a vote", True, minimum=0.0, maximum=10.0
)
_VOTE_COUNT = Column("vote_count", "BIGINT", "TMDB's number of votes", nullable=True, minimum=0)
_PLACE = Column("place", "INTEGER", "place in the credits, from 1", minimum=1)
_CHARACTER = Column("character", "VARCHAR", "character played; several are joined by a slash", nullable=True)
_DEPARTMENT = Column("department", "VARCHAR", "Directing, Writing, …")
_JOB = Column("job", "VARCHAR", "Director, Screenplay, …")

_CATALOGUE_MOVIES = Table(
    "catalogue_movies",
    "The catalogue: one row a TMDB movie, joined to the data set's movies by TMDB id. Ids are keys, titles are not.",
    (
        TMDB,
        _MOVIE,
        _TITLE,
        Column("original_title", "VARCHAR", "in the original language", nullable=True),
        Column("original_language", "VARCHAR", "ISO 639-1 code", nullable=True),
        _OVERVIEW,
        _TAGLINE,
        Column("release_date", "DATE", "first release", nullable=True),
        _YEAR,
        _RUNTIME,
        Column("budget", "BIGINT", "US dollars; null where not known", nullable=True, minimum=1),
        Column("revenue", "BIGINT", "US dollars; null where not known", nullable=True, minimum=1),
        _POPULARITY,
        _VOTE_AVERAGE,
        _VOTE_COUNT,
    ),
    key=("tmdb_id",),
    references=(IN_MOVIES,),
    may_be_empty=True,
)
_CATALOGUE_GENRES = Table(
    "catalogue_genres",
    "Genres of the catalogue's movies.",
    (TMDB, Column("genre", "VARCHAR", "name of the genre")),
    key=("tmdb_id", "genre"),
    references=(IN_CATALOGUE,),
    may_be_empty=True,
)
_CATALOGUE_KEYWORDS = Table(
    "catalogue_keywords",
    "Keywords of the catalogue's movies.",
    (
        TMDB,
        id_column("keyword_id", "the keyword's TMDB id"),
        Column("keyword", "VARCHAR", "one or several words"),
    ),
    key=("tmdb_id", "keyword_id"),
    references=(IN_CATALOGUE,),
    may_be_empty=True,
)
_PEOPLE = Table(
    "people",
    "Everyone in the cast or crew of a movie of the catalogue.",
    (
        PERSON,
        Column("name", "VARCHAR", "name; not unique"),
        Column("gender", "VARCHAR", "F or M, where TMDB says it", nullable=True),
        Column("n_movies", "INTEGER", "movies of the catalogue with the person, in whatever role", minimum=1),
        Column("n_acted", "INTEGER", "of these, in the cast", minimum=0),
        Column("n_directed", "INTEGER", "of these, as director", minimum=0),
    ),
    key=("person_id",),
    may_be_empty=True,
)
_CATALOGUE_CAST = Table(
    "catalogue_cast",
    "Who plays in the catalogue's movies: one row a movie and person.",
    (TMDB, _PLACE, PERSON, _CHARACTER),
    key=("tmdb_id", "place"),
    references=(IN_CATALOGUE, IN_PEOPLE),
    may_be_empty=True,
)
_CATALOGUE_CREW = Table(
    "catalogue_crew",
    "Who made the catalogue's movies: one row a movie, person and job.",
    (TMDB, PERSON, _DEPARTMENT, _JOB, _PLACE),
    key=("tmdb_id", "person_id", "department", "job"),
    references=(IN_CATALOGUE, IN_PEOPLE),
    may_be_empty=True,
)
_MOVIE_PEOPLE = Table(
    "movie_people",
    "People by what they did: one row a movie, person and role.",
    (
        TMDB,
        _MOVIE,
        Column("role", "VARCHAR", "actor, director, writer, producer, composer, cinematographer or editor"),
        replace(_PLACE, comment="place among the movie's people of that role, from 1"),
        PERSON,
        _CHARACTER,
    ),
    key=("tmdb_id", "role", "person_id"),
    references=(IN_CATALOGUE, IN_PEOPLE, IN_MOVIES),
    may_be_empty=True,
)
_MOVIE_DETAILS = Table(
    "movie_details",
    "What a page on a movie shows: one row a movie of the catalogue.",
    (
        TMDB,
        _MOVIE,
        Column("imdb_id", "VARCHAR", "IMDb id without the leading tt, zero-padded", nullable=True),
        _TITLE,
        _YEAR,
        Column("genres", "VARCHAR[]", "genre names, sorted"),
        _OVERVIEW,
        _TAGLINE,
        _RUNTIME,
        Column("language", "VARCHAR", "original language, ISO 639-1 code", nullable=True),
        _VOTE_AVERAGE,
        _VOTE_COUNT,
        _POPULARITY,
        Column("directors", "VARCHAR[]", "names, as credited"),
        Column("top_cast", "VARCHAR[]", "names of the first ten of the cast"),
        Column("poster_path", "VARCHAR", "path on TMDB's image server, where known", nullable=True),
    ),
    key=("tmdb_id",),
    references=(IN_CATALOGUE, IN_MOVIES),
    may_be_empty=True,
)
_TITLES = Table(
    "titles",
    "Every name of every movie of the data set or the catalogue, ready to be searched: search_titles('toy stroy').",
    (
        _MOVIE,
        replace(TMDB, nullable=True, comment="TMDB id; null where none is known"),
        replace(_TITLE, comment="title to show"),
        _YEAR,
        Column("folded", "VARCHAR", "a name without case, accents and punctuation, its article in front"),
        Column("trigrams", "VARCHAR[]", "its words' runs of three characters, sorted"),
    ),
    references=(IN_MOVIES,),
)
_CATALOGUE_PROBLEMS = Table(
    "catalogue_problems",
    "What is odd in the catalogue's rows, and what was done. Rows that could not be read stand in rejected_tmdb_….",
    (
        Column(
            "problem",
            "VARCHAR",
            "broken_list, incomplete_entry, repeated_person, repeated_credit, duplicate_title, other_title, "
            "missing_release_date, missing_overview, missing_genres, missing_runtime, credits_without_movie, "
            "movie_without_credits, shared_tmdb_id, several_names or several_genders",
        ),
        Column("file", "VARCHAR", "name of the raw file"),
        replace(TMDB, nullable=True, comment="TMDB id of the row; null where it is about a person"),
        Column("detail", "VARCHAR", "what is wrong"),
        Column("handling", "VARCHAR", "what was done"),
    ),
    may_be_empty=True,
)

TABLES = (
    _CATALOGUE_MOVIES,
    _CATALOGUE_GENRES,
    _CATALOGUE_KEYWORDS,
    _PEOPLE,
    _CATALOGUE_CAST,
    _CATALOGUE_CREW,
    _MOVIE_PEOPLE,
    _MOVIE_DETAILS,
    _TITLES,
    _CATALOGUE_PROBLEMS,
)
