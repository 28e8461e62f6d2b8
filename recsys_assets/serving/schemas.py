"""What goes in and comes out, for validation and for the OpenAPI document."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from recsys_assets.contracts import MAX_ID

__all__ = [
    "Card",
    "Cards",
    "Feedback",
    "FeedbackReceipt",
    "Health",
    "ProblemDetails",
    "Recommendations",
    "SessionRequest",
    "SimilarMovies",
]

Id = Annotated[int, Field(ge=0, le=MAX_ID)]
Stars = Annotated[float, Field(ge=0.5, le=5, multiple_of=0.5, allow_inf_nan=False)]
MAX_SESSION_RATINGS = 500


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Card(BaseModel):
    """A movie, as lists show it."""

    movie_id: int
    title: str
    year: int | None
    genres: list[str]
    imdb_url: str | None
    tmdb_url: str | None
    movielens_url: str | None
    mean_rating: float | None = Field(description="mean stars of all its ratings")
    n_ratings: int | None
    poster_url: str | None = Field(description="null where no poster is to be had: draw a tile")


class RecommendedCard(Card):
    """A place of a list."""

    rank: int
    score: float | None = Field(description="on the strategy's own scale; null in cold-start lists")
    predicted_rating: float | None = Field(description="stars, by the strategy `rating` alone")
    confidence: Literal["high", "medium"] | None
    because: str | None
    explored: bool = Field(description="whether exploration put it there")


class SimilarCard(Card):
    """A neighbour of a movie."""

    similarity: float


class _Envelope(BaseModel):
    total: int = Field(description="length of the whole list")
    next_cursor: str | None
    model_version: str = Field(description="the generation that answered", examples=["sample-000001"])
    strategy_used: str
    fallback_reason: str | None = Field(description="why it isn't what was asked for; null where it is")
    experiment: dict[str, Any] | None = Field(
        None, description="name, variant and exposure_id, where the strategy was dealt to the user"
    )


class Recommendations(_Envelope):
    items: list[RecommendedCard]


class SimilarMovies(_Envelope):
    items: list[SimilarCard]


class Cards(_Envelope):
    items: list[Card]


class SessionRating(_Strict):
    movie_id: Id
    rating: Stars


class SessionRequest(_Strict):
    """Ratings of somebody whom no model knows."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"ratings": [{"movie_id": 17929, "rating": 4.5}], "n": 10, "strategy": "als"}]
        }
    )

    ratings: Annotated[list[SessionRating], Field(max_length=MAX_SESSION_RATINGS)]
    n: Annotated[int, Field(ge=1, le=100)] = 20
    strategy: Literal["als", "content", "hybrid"] = "als"
    genre: Annotated[str, Field(max_length=100)] | None = None
    year_min: Annotated[int, Field(ge=1850, le=2100)] | None = None
    diversity: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.0


class Feedback(_Strict):
    """What a user did with a movie; the same ``feedback_id`` counts once however often it is sent."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "feedback_id": "5f0c8b1e-3c0a-4c55-9d0b-6a4d2f1c7e11",
                    "user_id": 42,
                    "movie_id": 17929,
                    "rating": 4.5,
                }
            ]
        }
    )

    feedback_id: uuid.UUID
    user_id: Id
    movie_id: Id
    rating: Stars | None = None
    event: Literal["shown", "opened", "played", "dismissed"] | None = None
    exposure_id: Annotated[str, Field(max_length=200, pattern=r"^[a-zA-Z0-9._-]+$")] | None = None


class FeedbackReceipt(BaseModel):
    feedback_id: uuid.UUID
    status: Literal["accepted", "already accepted"]


class Health(BaseModel):
    status: Literal["alive", "ready"]
    model_version: str | None = None


class ProblemDetails(BaseModel):
    """An error (RFC 9457)."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [
                {
                    "type": "about:blank",
                    "title": "No such movie",
                    "status": 404,
                    "detail": "sample has no movie 7",
                }
            ]
        },
    )

    type: str
    title: str
    status: int
    detail: str


class Users(BaseModel):
    items: list[UserCount]
    total: int
    model_version: str


class UserCount(BaseModel):
    user_id: int
    n_ratings: int


class User(UserCount):
    known: bool


class RatedCard(Card):
    """A movie that a user rated."""

    rating: float


class Rated(_Envelope):
    items: list[RatedCard]


class Person(BaseModel):
    person_id: int
    name: str


class CastMember(Person):
    character: str | None


class HistogramBar(BaseModel):
    stars: float
    n_ratings: int


class Movie(Card):
    """A movie with all that is known of it; what the catalogue doesn't have is null or empty."""

    overview: str | None
    tagline: str | None
    runtime: float | None = Field(description="minutes")
    language: str | None
    vote_average: float | None = Field(description="TMDB's votes, 0–10")
    directors: list[Person]
    cast: list[CastMember]
    rating_histogram: list[HistogramBar]
    methods: list[str] = Field(description="those of `similar` that know the movie")
    model_version: str


class PersonCount(Person):
    n_movies: int


class People(BaseModel):
    items: list[PersonCount]
    total: int
    role: str
    model_version: str


class CreditedCard(Card):
    roles: list[str]
    character: str | None


class PersonMovies(Person):
    items: list[CreditedCard]
    total: int
    model_version: str


class Part(BaseModel):
    movie_id: int
    title: str
    rating: float
    part: float


class Made(BaseModel):
    asset: str
    code_version: str | None
    data_version: str | None
    run_id: str | None
    made_at: datetime | None


class Why(BaseModel):
    """constant + Σ parts + others = score."""

    user_id: int
    movie_id: int
    strategy: str
    because: str
    score: float
    constant: float
    parts: list[Part]
    others: float = Field(description="what all other rated movies add together")
    n_others: int
    lineage: list[Made]
    model_version: str


class Tables(BaseModel):
    """Published tables by name, row by row; one that isn't published is empty."""

    model_config = ConfigDict(extra="allow")

    model_version: str


class DatasetState(BaseModel):
    dataset: str
    title: str
    served: bool
    model_version: str | None


class Datasets(BaseModel):
    items: list[DatasetState]
    total: int
    default: str


class Estimate(BaseModel):
    """A recommendation in the form of row D10."""

    item_id: int
    title: str
    predicted_rating: float | None
    confidence: Literal["high", "medium"] = Field(description="high from 4.0 predicted stars")


class Estimates(BaseModel):
    user_id: int
    count: int
    recommendations: list[Estimate]
    model_version: str
    fallback_reason: str | None


class Neighbour(BaseModel):
    item_id: int
    title: str
    similarity: float


class Neighbours(BaseModel):
    item_id: int
    count: int
    similar: list[Neighbour]
    model_version: str
