"""Every table: its columns, DuckDB types, keys, ranges, references and comments.

Storage casts to these types, the strict loader takes its rules from these ranges, and the blocking checks and the
UI's column schemas are generated from here. A table is named after its asset: ``trial/als_recommendations`` is the
table ``trial__als_recommendations`` and obeys the contract ``als_recommendations``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

__all__ = ["PUBLISHED", "TABLES", "Column", "Reference", "Rule", "Table", "contract_of", "rules"]

MAX_ID = 2**53


@dataclass(frozen=True)
class Column:
    """One column. ``minimum``, ``maximum`` and ``step`` are inclusive bounds and grid in the column's own unit."""

    name: str
    type: str
    comment: str
    nullable: bool = False
    minimum: float | str | None = None
    maximum: float | str | None = None
    step: float | None = None
    max_length: int | None = None


@dataclass(frozen=True)
class Reference:
    """Each row's value of ``column`` must occur in ``to_column`` of ``table``."""

    column: str
    table: str
    to_column: str


@dataclass(frozen=True)
class Table:
    """One table. ``key`` identifies a row; ``references`` are foreign keys; with ``may_be_empty`` 0 rows are fine."""

    name: str
    comment: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    references: tuple[Reference, ...] = ()
    may_be_empty: bool = False

    @property
    def column_names(self) -> list[str]:
        return [column.name for column in self.columns]


@dataclass(frozen=True)
class Rule:
    """A condition that no row may meet: a SQL predicate over the row, and what it means in words."""

    column: str
    violated_by: str
    meaning: str


def rules(table: Table) -> Iterator[Rule]:
    """The rules of one row, from the table's column contracts: presence, range, step, length."""
    for column in table.columns:
        name = f'"{column.name}"'
        if not column.nullable:
            yield Rule(column.name, f"{name} is null", f"{column.name} is missing or not a {column.type}")
        if column.minimum is not None or column.maximum is not None:
            low, high = _literal(column.minimum), _literal(column.maximum)
            outside = " or ".join(
                [f"{name} < {low}"] * (column.minimum is not None)
                + [f"{name} > {high}"] * (column.maximum is not None)
            )
            yield Rule(column.name, outside, f"{column.name} is outside {column.minimum} – {column.maximum}")
        if column.type in ("FLOAT", "DOUBLE"):
            yield Rule(column.name, f"not isfinite({name})", f"{column.name} is not a finite number")
        if column.step is not None:
            off_grid = f"{name} / {column.step} <> round({name} / {column.step})"
            yield Rule(column.name, off_grid, f"{column.name} is not a multiple of {column.step}")
        if column.max_length is not None:
            too_long = f"length({name}) > {column.max_length}"
            yield Rule(column.name, too_long, f"{column.name} is longer than {column.max_length} characters")
        if column.type == "VARCHAR":
            yield Rule(column.name, f"trim({name}) = ''", f"{column.name} is empty")


def _literal(value: float | str | None) -> str:
    return f"timestamp '{value}'" if isinstance(value, str) else repr(value)


def _id(name: str, comment: str) -> Column:
    return Column(name, "BIGINT", comment, minimum=0, maximum=MAX_ID)


def _time(name: str, comment: str) -> Column:
    # A timestamp in milliseconds read as seconds lies far beyond 2100, a negative or zero one before 1990.
    return Column(name, "TIMESTAMP", comment, minimum="1990-01-01", maximum="2100-01-01")


_USER = _id("user_id", "the user's id as in the raw files")
_MOVIE = _id("movie_id", "the movie's id as in the raw files")
_RATING = Column("rating", "FLOAT", "stars, in half-star steps", minimum=0.5, maximum=5.0, step=0.5)
_RATED_AT = _time("rated_at", "when the rating was given, UTC")
_RANK = Column("rank", "INTEGER", "place in the list, from 1", minimum=1)
_SCORE = Column("score", "FLOAT", "the strategy's score on its own scale; higher is better")
_MODEL = Column("model", "VARCHAR", "als, content, hybrid, popularity, …")
_SPLIT = Column("split", "VARCHAR", "the rows judged on: test = each user's last 20 % of ratings")
_SEGMENT = Column("segment", "VARCHAR", "all, or the part of users or movies that the figure is about")
_METRIC = Column("metric", "VARCHAR", "ndcg, precision, recall, map, mrr, hit_rate, coverage, …")
_K = Column("k", "INTEGER", "metric cut-off: the first k places of each list", minimum=1)
_CI_LOW = Column("ci_low", "DOUBLE", "lower end of the 95 % bootstrap interval over users", nullable=True)
_CI_HIGH = Column("ci_high", "DOUBLE", "upper end of the 95 % bootstrap interval over users", nullable=True)
_N_USERS = Column("n_users", "INTEGER", "users the figure is a mean over", minimum=0)
_IN_MOVIES = Reference("movie_id", "movies", "movie_id")

_RATINGS = Table(
    "ratings",
    "One row a user and movie: the latest rating. Rows that were refused stand in rejected_ratings.",
    (_USER, _MOVIE, _RATING, _RATED_AT),
    key=("user_id", "movie_id"),
    references=(_IN_MOVIES,),
)
_MOVIES = Table(
    "movies",
    "The catalogue: one row a movie, rated or not.",
    (
        _MOVIE,
        Column("title", "VARCHAR", "title as in the raw file, year included", max_length=1000),
        Column("year", "INTEGER", "year of release, from the title", True, minimum=1850, maximum=2100),
        Column("genres", "VARCHAR[]", "genre names; empty where the raw file lists none"),
    ),
    key=("movie_id",),
)
_TAGS = Table(
    "tags",
    "Free-text tags that users gave to movies.",
    (
        _USER,
        _MOVIE,
        Column("tag", "VARCHAR", "the tag as typed", max_length=400),
        _time("tagged_at", "when the tag was given, UTC"),
    ),
    key=("user_id", "movie_id", "tag"),
    references=(_IN_MOVIES,),
    may_be_empty=True,
)
_LINKS = Table(
    "links",
    "Ids of the movie elsewhere.",
    (
        _MOVIE,
        Column("imdb_id", "VARCHAR", "IMDb id without the leading tt, zero-padded", nullable=True),
        Column("tmdb_id", "BIGINT", "TMDB id", nullable=True, minimum=1, maximum=MAX_ID),
    ),
    key=("movie_id",),
    references=(_IN_MOVIES,),
    may_be_empty=True,
)
_GENOME_TAGS = Table(
    "genome_tags",
    "The tags of the tag genome (Vig, Sen & Riedl 2012).",
    (_id("tag_id", "the genome tag's id"), Column("tag", "VARCHAR", "the tag", max_length=400)),
    key=("tag_id",),
    may_be_empty=True,
)
_GENOME_SCORES = Table(
    "genome_scores",
    "How strongly a movie has the property that a genome tag names.",
    (
        _MOVIE,
        _id("tag_id", "the genome tag's id"),
        Column("relevance", "FLOAT", "0 = not at all, 1 = fully", minimum=0.0, maximum=1.0),
    ),
    key=("movie_id", "tag_id"),
    references=(_IN_MOVIES, Reference("tag_id", "genome_tags", "tag_id")),
    may_be_empty=True,
)
_RAW_TABLES = (_MOVIES, _RATINGS, _TAGS, _LINKS, _GENOME_TAGS, _GENOME_SCORES)


def _rejected(table: Table) -> Table:
    return Table(
        f"rejected_{table.name}",
        f"Rows of raw files that are not in {table.name}, with the reason.",
        (
            Column("file", "VARCHAR", "name of the raw file"),
            Column("line", "BIGINT", "line in that file, from 1; 0 = the file as a whole", minimum=0),
            Column("text", "VARCHAR", "the line as it stands, cut at 1,000 characters", nullable=True),
            Column("reason", "VARCHAR", "what is wrong with it"),
        ),
        may_be_empty=True,
    )


def _part(name: str, comment: str) -> Table:
    return replace(_RATINGS, name=name, comment=comment)


def _recommendations(strategy: str, meaning: str) -> Table:
    return Table(
        f"{strategy}_recommendations",
        f"Top-N per user by {meaning}; no movie that the user has rated in the rows learned from.",
        (_USER, _RANK, _MOVIE, _SCORE),
        key=("user_id", "rank"),
        references=(_IN_MOVIES,),
    )


_RECOMMENDATIONS = Table(
    "recommendations",
    "Top-N per user and strategy, from models fitted on all ratings; nothing the user has rated.",
    (
        Column(
            "strategy",
            "VARCHAR",
            "als, content, hybrid, popularity, recent_popularity; in holdout also cold ones",
        ),
        _USER,
        _RANK,
        _MOVIE,
        _SCORE,
    ),
    key=("strategy", "user_id", "rank"),
    references=(_IN_MOVIES,),
)
_SIMILARITY = (
    _MOVIE,
    _RANK,
    _id("similar_movie_id", "the neighbour's id"),
    Column("similarity", "FLOAT", "cosine, −1 to 1", minimum=-1.001, maximum=1.001),
)
_SIMILAR_REFERENCES = (_IN_MOVIES, Reference("similar_movie_id", "movies", "movie_id"))


def _similar(method: str, meaning: str) -> Table:
    return Table(
        f"{method}_similar_movies",
        f"Nearest movies by cosine of {meaning}.",
        _SIMILARITY,
        key=("movie_id", "rank"),
        references=_SIMILAR_REFERENCES,
    )


_COLD_START = Table(
    "cold_start",
    "What a user without history is shown: popular, good, spread over genres.",
    (
        _RANK,
        _MOVIE,
        Column("n_ratings", "INTEGER", "ratings learned from", minimum=0),
        Column("mean_rating", "FLOAT", "their mean, stars", True, minimum=0.5, maximum=5.0),
    ),
    key=("rank",),
    references=(_IN_MOVIES,),
)
_HYBRID_WEIGHTS = Table(
    "hybrid_weights",
    "Candidate weights of the hybrid and their worth on validation rows; one is chosen.",
    (
        Column("alpha", "DOUBLE", "weight of the collaborative score", minimum=0.0, maximum=1.0),
        Column("beta", "DOUBLE", "weight of the content score", minimum=0.0, maximum=1.0),
        Column("ndcg", "DOUBLE", "mean NDCG@k on validation rows"),
        Column("chosen", "BOOLEAN", "used from here on"),
    ),
    key=("alpha",),
)
_ALS_SETTINGS = Table(
    "als_settings",
    "Candidate settings of ALS and their worth on validation rows; one is chosen.",
    (
        Column("regularization", "DOUBLE", "λ of Hu, Koren & Volinsky (2008), eq. 3", minimum=0.0),
        Column("alpha", "DOUBLE", "confidence of a like", minimum=0.0),
        Column("ndcg", "DOUBLE", "mean NDCG@k on validation rows"),
        Column("chosen", "BOOLEAN", "used from here on"),
    ),
    key=("regularization", "alpha"),
)
_HOLDOUT = Table(
    "holdout",
    "The ratings that judged models have not learned from (test) or that chose their settings (validation).",
    (_USER, _MOVIE, _RATING, _RATED_AT, Column("part", "VARCHAR", "validation or test")),
    key=("user_id", "movie_id"),
    references=(_IN_MOVIES,),
)
_HOLDOUT_RECOMMENDATIONS = replace(
    _RECOMMENDATIONS,
    name="holdout_recommendations",
    comment="Top-N per user and strategy from models fitted on training and validation rows: what is judged.",
)
_EVALUATION = Table(
    "evaluation",
    "Every measured figure, one row each.",
    (
        _MODEL,
        _SPLIT,
        _SEGMENT,
        _METRIC,
        _K,
        Column("value", "DOUBLE", "the figure", nullable=True),
        _CI_LOW,
        _CI_HIGH,
        _N_USERS,
    ),
    key=("model", "split", "segment", "metric", "k"),
)
_COMPARISONS = Table(
    "comparisons",
    "Paired differences of two models over the same users.",
    (
        _MODEL,
        Column("baseline", "VARCHAR", "the model it is compared with"),
        _SPLIT,
        _SEGMENT,
        _METRIC,
        _K,
        Column("difference", "DOUBLE", "mean over users of model − baseline", nullable=True),
        _CI_LOW,
        _CI_HIGH,
        _N_USERS,
    ),
    key=("model", "baseline", "split", "segment", "metric", "k"),
)
_GATES = Table(
    "gates",
    "Thresholds that must hold before anything is published.",
    (
        Column("gate", "VARCHAR", "name of the threshold in data/datasets.toml"),
        Column("measured", "DOUBLE", "the figure of this run", nullable=True),
        Column("comparison", "VARCHAR", ">=, > or <=: which side of the threshold is the good one"),
        Column("threshold", "DOUBLE", "from data/datasets.toml"),
        Column("passed", "BOOLEAN", "whether the threshold holds"),
        Column("distance", "DOUBLE", "how far on the good side; negative = failed by so much", nullable=True),
        Column("description", "VARCHAR", "what is measured"),
    ),
    key=("gate",),
    may_be_empty=True,
)
_VERSIONS = Table(
    "versions",
    "Where this publication comes from: one row an asset that it was made of.",
    (
        Column("asset", "VARCHAR", "asset of the graph"),
        Column("code_version", "VARCHAR", "digest of the code that made it", nullable=True),
        Column("data_version", "VARCHAR", "digest of what it is made of", nullable=True),
        Column("run_id", "VARCHAR", "Dagster run that made it", nullable=True),
        Column("materialized_at", "TIMESTAMP", "when, UTC", nullable=True),
    ),
    key=("asset",),
)
_PUBLICATION = Table(
    "publication",
    "One row about this file.",
    (
        Column("dataset", "VARCHAR", "name of the data set in data/datasets.toml"),
        Column("generation", "INTEGER", "counts publications of this data set, from 1", minimum=1),
        Column("published_at", "TIMESTAMP", "when, UTC"),
        Column("run_id", "VARCHAR", "Dagster run that published it"),
        Column("licence", "VARCHAR", "licence of the ratings"),
    ),
    key=("dataset",),
)
_SIMILAR_MOVIES = Table(
    "similar_movies",
    "Nearest movies per method, from all ratings.",
    (
        Column("method", "VARCHAR", "als (item factors), content, or genome (tag relevance alone)"),
        *_SIMILARITY,
    ),
    key=("method", "movie_id", "rank"),
    references=_SIMILAR_REFERENCES,
)

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        *_RAW_TABLES,
        *(_rejected(table) for table in _RAW_TABLES),
        _part("train_ratings", "Each user's ratings before the held-out ones: what tuned models learn from."),
        _part("validation_ratings", "The 10 % before the test rows: they choose settings and weights."),
        _part("test_ratings", "Each user's last 20 % of ratings: they judge, nothing else."),
        _recommendations("popularity", "number of likes"),
        _recommendations("recent_popularity", "number of likes, recent ones counting more"),
        _recommendations("als", "implicit ALS"),
        _recommendations("content", "content profile"),
        _recommendations("hybrid", "weighted sum of ALS and content, each standardised per user"),
        replace(
            _recommendations("cold_item", "content profile, among movies without a rating to learn from"),
            may_be_empty=True,
        ),
        replace(
            _RECOMMENDATIONS,
            name="cold_user_recommendations",
            comment="What each user would be shown if nothing were known of them: lists built without their ratings.",
        ),
        _similar("als", "ALS item factors"),
        _similar("content", "content vectors"),
        replace(_similar("genome", "tag-genome relevance"), may_be_empty=True),
        _COLD_START,
        _HYBRID_WEIGHTS,
        _ALS_SETTINGS,
        _RECOMMENDATIONS,
        _SIMILAR_MOVIES,
        _HOLDOUT,
        _HOLDOUT_RECOMMENDATIONS,
        _EVALUATION,
        _COMPARISONS,
        _GATES,
        _VERSIONS,
        _PUBLICATION,
    )
}

PUBLISHED = (
    "movies",
    "links",
    "recommendations",
    "similar_movies",
    "cold_start",
    "holdout",
    "holdout_recommendations",
    "evaluation",
    "comparisons",
    "gates",
    "als_settings",
    "hybrid_weights",
    "versions",
    "publication",
)


def contract_of(table: str) -> Table:
    """The contract that a table of the warehouse obeys: that of its name without the fit's prefix.

    Raises
    ------
    KeyError
        If there is none; every table needs one.
    """
    name = table.rsplit("__", 1)[-1]
    if name not in TABLES:
        raise KeyError(f"table {table!r} has no contract in contracts.py: add one to TABLES")
    return TABLES[name]
