"""Layouts: in which files of a data set which table stands, and how a line of it reads.

A field has a DuckDB type and a pattern; a table's columns are SQL expressions over the typed fields. The strict and
the fast loader share both, so they can't disagree on what a row means.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["CATALOGUE_FILES", "INBOX_FILE", "LAYOUTS", "RawTable"]

_WHOLE = r"\d+"
_NUMBER = r"-?\d+(?:\.\d+)?"
_SIGNED = r"-?\d+"
_QUOTABLE = r'"(?:[^"]|"")*"|[^",]*'


@dataclass(frozen=True)
class Field:
    type: str
    pattern: str


@dataclass(frozen=True)
class RawTable:
    """How one table is read from one file.

    ``header`` is the exact first line, None where the file has none. ``columns`` gives the contract's columns as SQL
    over ``fields``. An ``optional`` file may be missing: it adds no rows then. Where several files make up one table,
    each has an entry of its own, with a constant column if its rows are to tell where they come from.
    """

    table: str
    file: str
    header: str | None
    delimiter: str
    fields: Mapping[str, Field]
    columns: Mapping[str, str]
    optional: bool = False
    encoding: str = "utf-8"
    quoted: bool = field(default=False)

    @property
    def line_pattern(self) -> str:
        """The regular expression that a whole well-formed line matches, a group for each field."""
        separator = "".join(f"[{sign}]" if sign in "|" else sign for sign in self.delimiter)
        groups = (
            f'({f.pattern}|"{f.pattern}")' if self.quoted and f.pattern != _QUOTABLE else f"({f.pattern})"
            for f in self.fields.values()
        )
        return separator.join(groups)


def _csv(
    table: str, file: str, fields: dict[str, Field], columns: dict[str, str], optional: bool = False
) -> RawTable:
    return RawTable(table, file, ",".join(fields), ",", fields, columns, optional, quoted=True)


def _seconds(field_name: str) -> str:
    # Beyond 10^11 s make_timestamp would overflow; the year 5138 is out of every range anyway.
    return f"make_timestamp(least(greatest({field_name}, -100000000000), 100000000000) * 1000000)"


_ID = Field("BIGINT", _WHOLE)
_STARS = Field("DOUBLE", _NUMBER)
_TIME = Field("BIGINT", _SIGNED)
# What writes floats shortly writes 0.00005 as 5e-05.
_SHARE = Field("DOUBLE", rf"{_NUMBER}(?:[eE][+-]?\d+)?")
_TEXT = Field("VARCHAR", _QUOTABLE)
_YEAR = r"try_cast(nullif(regexp_extract({title}, '\((\d{{4}})\)\s*$', 1), '') as integer)"
_RATING_FIELDS = {"user": _ID, "movie": _ID, "rating": _STARS, "seconds": _TIME}
_RATING_COLUMNS = {
    "user_id": "user",
    "movie_id": "movie",
    "rating": "rating",
    "rated_at": _seconds("seconds"),
}
_AGE = Field("INTEGER", r"\d{0,3}")
_GENDER = Field("VARCHAR", "[FM]?")
_PERSON_COLUMNS = {"user_id": "user", "age": "age", "gender": "nullif(gender, '')"}
_LISTED_GENRES = "case when {0} = '(no genres listed)' or {0} = '' then [] else string_split({0}, '|') end"

_CSV_RATINGS = _csv(
    "ratings",
    "ratings.csv",
    {"userId": _ID, "movieId": _ID, "rating": _STARS, "timestamp": _TIME},
    {"user_id": "userId", "movie_id": "movieId", "rating": "rating", "rated_at": _seconds("timestamp")},
)

_MOVIELENS_CSV = (
    _csv(
        "movies",
        "movies.csv",
        {"movieId": _ID, "title": _TEXT, "genres": _TEXT},
        {
            "movie_id": "movieId",
            "title": "trim(title)",
            "year": _YEAR.format(title="title"),
            "genres": _LISTED_GENRES.format("genres"),
        },
    ),
    _CSV_RATINGS,
    _csv(
        "tags",
        "tags.csv",
        {"userId": _ID, "movieId": _ID, "tag": _TEXT, "timestamp": _TIME},
        {"user_id": "userId", "movie_id": "movieId", "tag": "trim(tag)", "tagged_at": _seconds("timestamp")},
        optional=True,
    ),
    _csv(
        "links",
        "links.csv",
        {"movieId": _ID, "imdbId": Field("VARCHAR", r"\d*"), "tmdbId": Field("VARCHAR", r"\d*")},
        {
            "movie_id": "movieId",
            "imdb_id": "nullif(imdbId, '')",
            "tmdb_id": "try_cast(nullif(tmdbId, '') as bigint)",
        },
        optional=True,
    ),
    _csv(
        "genome_tags",
        "genome-tags.csv",
        {"tagId": _ID, "tag": _TEXT},
        {"tag_id": "tagId", "tag": "trim(tag)"},
        optional=True,
    ),
    _csv(
        "genome_scores",
        "genome-scores.csv",
        {"movieId": _ID, "tagId": _ID, "relevance": _SHARE},
        {"movie_id": "movieId", "tag_id": "tagId", "relevance": "relevance"},
        optional=True,
    ),
)

_UNSIGNED = Field("BIGINT", r"\d*")
_AMOUNT = Field("DOUBLE", rf"(?:{_NUMBER}(?:[eE][+-]?\d+)?)?")
# It becomes part of an address: no other signs than TMDB's.
_PATH = Field("VARCHAR", r"/[A-Za-z0-9_.-]+")
_DAY = Field("VARCHAR", r"(?:\d{4}-\d\d-\d\d)?")


def _some(field_name: str) -> str:
    return f"nullif(trim({field_name}), '')"


# As TMDB 5000 has them: lists are JSON in a cell.
_TMDB = (
    _csv(
        "tmdb_movies",
        "tmdb_5000_movies.csv",
        {
            "budget": _UNSIGNED,
            "genres": _TEXT,
            "homepage": _TEXT,
            "id": _ID,
            "keywords": _TEXT,
            "original_language": _TEXT,
            "original_title": _TEXT,
            "overview": _TEXT,
            "popularity": _AMOUNT,
            "production_companies": _TEXT,
            "production_countries": _TEXT,
            "release_date": _DAY,
            "revenue": _UNSIGNED,
            "runtime": _AMOUNT,
            "spoken_languages": _TEXT,
            "status": _TEXT,
            "tagline": _TEXT,
            "title": _TEXT,
            "vote_average": _AMOUNT,
            "vote_count": _UNSIGNED,
        },
        {
            "tmdb_id": "id",
            "title": "trim(title)",
            "original_title": _some("original_title"),
            "original_language": _some("original_language"),
            "overview": _some("overview"),
            "tagline": _some("tagline"),
            "release_date": _some("release_date"),
            "runtime": "runtime",
            "budget": "budget",
            "revenue": "revenue",
            "popularity": "popularity",
            "vote_average": "vote_average",
            "vote_count": "vote_count",
            "genres": _some("genres"),
            "keywords": _some("keywords"),
        },
        optional=True,
    ),
    RawTable(
        "tmdb_credits",
        "tmdb_5000_credits.csv",
        # CAST is a word of SQL.
        "movie_id,title,cast,crew",
        ",",
        {"movie_id": _ID, "title": _TEXT, "cast_list": _TEXT, "crew_list": _TEXT},
        {
            "tmdb_id": "movie_id",
            "title": "trim(title)",
            "cast": _some("cast_list"),
            "crew": _some("crew_list"),
        },
        optional=True,
        quoted=True,
    ),
    _csv(
        "tmdb_posters",
        "tmdb_posters.csv",
        {"tmdbId": _ID, "posterPath": _PATH},
        {"tmdb_id": "tmdbId", "poster_path": "posterPath"},
        optional=True,
    ),
)

_GENRES_100K = (
    *("unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Drama"),
    *(
        "Fantasy",
        "Film-Noir",
        "Horror",
        "Musical",
        "Mystery",
        "Romance",
        "Sci-Fi",
        "Thriller",
        "War",
        "Western",
    ),
)
_FLAGS = [f"flag_{number}" for number in range(len(_GENRES_100K))]
_FREE = Field("VARCHAR", r"[^|]*")


def _flagged_genres() -> str:
    # The flag `unknown` says that no genre is listed.
    named = zip(_FLAGS[1:], _GENRES_100K[1:], strict=True)
    chosen = ", ".join(
        "case when {} = 1 then '{}' end".format(flag, name.replace("'", "''")) for flag, name in named
    )
    return f"list_filter([{chosen}], lambda name: name is not null)"


_ML_100K = (
    RawTable(
        "movies",
        "u.item",
        None,
        "|",
        {"id": _ID, "title": _FREE, "released": _FREE, "video": _FREE, "imdb": _FREE}
        | {flag: Field("INTEGER", "[01]") for flag in _FLAGS},
        {
            "movie_id": "id",
            "title": "trim(title)",
            "year": _YEAR.format(title="title"),
            "genres": _flagged_genres(),
        },
        encoding="latin-1",
    ),
    RawTable("ratings", "u.data", None, "\t", _RATING_FIELDS, _RATING_COLUMNS),
    RawTable(
        "users",
        "u.user",
        None,
        "|",
        {"user": _ID, "age": _AGE, "gender": _GENDER, "occupation": _FREE, "zip": _FREE},
        _PERSON_COLUMNS | {"occupation": "nullif(trim(occupation), '')"},
        optional=True,
    ),
    *(
        RawTable(
            "official_folds",
            f"{fold}.test",
            None,
            "\t",
            _RATING_FIELDS,
            {"fold": f"'{fold}'"} | _RATING_COLUMNS,
            optional=True,
        )
        for fold in ("u1", "u2", "u3", "u4", "u5")
    ),
)

# The README's names of the codes 0 to 20.
_OCCUPATIONS_1M = (
    *("other", "academic/educator", "artist", "clerical/admin", "college/grad student", "customer service"),
    *("doctor/health care", "executive/managerial", "farmer", "homemaker", "K-12 student", "lawyer"),
    *("programmer", "retired", "sales/marketing", "scientist", "self-employed", "technician/engineer"),
    *("tradesman/craftsman", "unemployed", "writer"),
)

_ML_1M = (
    RawTable(
        "movies",
        "movies.dat",
        None,
        "::",
        {"id": _ID, "title": Field("VARCHAR", ".*?"), "genres": Field("VARCHAR", "[^:]*")},
        {
            "movie_id": "id",
            "title": "trim(title)",
            "year": _YEAR.format(title="title"),
            "genres": _LISTED_GENRES.format("genres"),
        },
        encoding="latin-1",
    ),
    RawTable("ratings", "ratings.dat", None, "::", _RATING_FIELDS, _RATING_COLUMNS),
    RawTable(
        "users",
        "users.dat",
        None,
        "::",
        {
            "user": _ID,
            "gender": _GENDER,
            "age": _AGE,
            "occupation": Field("INTEGER", r"1?\d|20"),
            "zip": Field("VARCHAR", "[^:]*"),
        },
        _PERSON_COLUMNS | {"occupation": f"{list(_OCCUPATIONS_1M)}[occupation + 1]"},
        optional=True,
    ),
)

LAYOUTS: Mapping[str, tuple[RawTable, ...]] = {
    "movielens-csv": (*_MOVIELENS_CSV, *_TMDB),
    "ml-100k": _ML_100K,
    "ml-1m": _ML_1M,
}

CATALOGUE_FILES = tuple(raw.file for raw in _TMDB)
"""Files that a data set may take from a catalogue."""

INBOX_FILE = _CSV_RATINGS
"""What a file dropped into the inbox must look like, whatever the data set's layout."""
