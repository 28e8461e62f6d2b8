"""Parameters that routes share: each with its bounds, so that no value reaches an array or a database unbounded."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import Depends, Path, Query, Request

from recsys_assets.contracts import MAX_ID
from recsys_assets.serving.generations import Generations, Served
from recsys_assets.serving.metrics import Metrics
from recsys_assets.serving.posters import Posters
from recsys_assets.serving.problems import Problem
from recsys_assets.serving.schemas import ProblemDetails
from recsys_assets.serving.settings import ServeSettings
from recsys_assets.storage.feedback import FeedbackLog

__all__ = [
    "MAX_N",
    "PROBLEMS",
    "Context",
    "ContextOf",
    "Cursor",
    "Genre",
    "Length",
    "MovieId",
    "Offset",
    "PersonId",
    "Strategy",
    "Text",
    "UserId",
    "WhatIsServed",
    "YearMin",
    "offset_of",
]

MAX_N = 100
MAX_OFFSET = 100_000
_NAME = r"^[a-z0-9][a-z0-9_-]*$"
_CURSOR = re.compile(r"[a-z0-9][a-z0-9_-]*\.(\d{1,6})")

UserId = Annotated[int, Path(ge=0, le=MAX_ID, description="the user's id as in the raw files", examples=[42])]
MovieId = Annotated[
    int, Path(ge=0, le=MAX_ID, description="the movie's id as in the raw files", examples=[17929])
]
PersonId = Annotated[int, Path(ge=0, le=MAX_ID, description="the person's TMDB id", examples=[1032])]
Length = Annotated[int, Query(ge=1, le=MAX_N, description="items at most")]
Offset = Annotated[int, Query(ge=0, le=MAX_OFFSET, description="items to leave out at the start")]
Cursor = Annotated[
    str | None, Query(max_length=200, description="`next_cursor` of the answer before; goes before offset")
]
Strategy = Annotated[
    str | None,
    Query(
        max_length=100, description="as in the table recommendations, or `rating`; the champion's by default"
    ),
]
Genre = Annotated[
    str | None, Query(max_length=100, description="name of a genre, in any case", examples=["Drama"])
]
YearMin = Annotated[int | None, Query(ge=1850, le=2100, description="released in this year or later")]
Text = Annotated[
    str,
    Query(
        max_length=200,
        description="literal text; typos, case and accents are forgiven",
        examples=["turnstlie"],
    ),
]
DatasetName = Annotated[
    str | None, Query(max_length=60, pattern=_NAME, description="data set; the server's own by default")
]

PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": ProblemDetails, "content": {"application/problem+json": {}}, "description": meaning}
    for status, meaning in (
        (401, "the server has an API key, and the request hasn't"),
        (404, "no such data set, user, movie, person, strategy, method or genre"),
        (422, "a parameter is missing, malformed or out of its bounds"),
        (429, "too many requests at once: come back"),
        (503, "the data set has no publication to serve from"),
    )
}


@dataclass(frozen=True)
class Context:
    """What a server has: settings, open generations, counts, posters if it may fetch any, and logs of feedback."""

    settings: ServeSettings
    generations: Generations
    metrics: Metrics
    poster_cache: Posters | None = None
    _logs: dict[str, FeedbackLog] = field(default_factory=dict)

    @property
    def posters(self) -> bool:
        """Whether cards name posters."""
        return self.poster_cache is not None

    def feedback_log(self, dataset: str) -> FeedbackLog:
        """The log of a data set; a process has one of each."""
        return self._logs.setdefault(dataset, FeedbackLog(self.settings.data, dataset))

    def deliver(self) -> None:
        """Give the ratings that were recorded to the inbox."""
        for dataset in {self.settings.dataset, *self._logs}:
            self.feedback_log(dataset).deliver()


def _context(request: Request) -> Context:
    context: Context = request.app.state.context
    return context


ContextOf = Annotated[Context, Depends(_context)]


def _served(context: ContextOf, dataset: DatasetName = None) -> Served:
    return context.generations.current(dataset or context.settings.dataset)


WhatIsServed = Annotated[Served, Depends(_served)]


def offset_of(cursor: str | None, offset: int) -> int:
    """Where a page begins.

    A cursor of an older generation goes on at the same place of today's list.

    Raises
    ------
    Problem
        422 if the cursor isn't one that this API gave.
    """
    if cursor is None:
        return offset
    match = _CURSOR.fullmatch(cursor)
    if match is None or int(match[1]) > MAX_OFFSET:
        raise Problem(422, "Invalid request", "cursor: give the next_cursor of an answer, or none")
    return int(match[1])
