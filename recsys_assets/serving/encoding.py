"""Lists as JSON, put together from pieces that were encoded when the generation was published."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from recsys_assets.serving.generations import Served

__all__ = ["Listed", "card", "encode_list", "encode_movies", "title_of"]

_CONFIDENCE = {-1: "null", 0: '"medium"', 1: '"high"'}


@dataclass(frozen=True)
class Listed:
    """A part of a list: numbers of movies and what is said of each.

    Attributes
    ----------
    first_rank : rank of the first of them
    total : length of the whole list
    reasons : because of which movie each is there; −1 of none
    confidence : 1 = high, 0 = medium, where scores are predicted stars; −1 elsewhere
    explored : the places that exploration filled
    """

    movies: Sequence[int]
    scores: Sequence[float | None]
    first_rank: int
    total: int
    strategy_used: str
    reasons: Sequence[int] = ()
    confidence: Sequence[int] = ()
    fallback_reason: str | None = None
    explored: frozenset[int] = frozenset()
    experiment: dict[str, Any] | None = field(default=None)


def card(served: Served, movie: int, posters: bool) -> bytes:
    """A movie's card as JSON, without its closing brace."""
    ends = served.card_ends
    poster = (
        b',"poster_url":"/posters/%d"' % served.catalogue.movie_ids[movie]
        if posters and served.catalogue.tmdb_ids[movie]
        else b',"poster_url":null'
    )
    return bytes(served.cards[ends[movie] : ends[movie + 1]]) + poster


def title_of(served: Served, movie: int) -> str:
    """A movie's title."""
    ends = served.title_ends
    title: str = json.loads(b'"%s"' % bytes(served.titles[ends[movie] : ends[movie + 1]]))
    return title


def encode_list(served: Served, listed: Listed, *, posters: bool, n: int) -> bytes:
    """The envelope with recommendations."""
    items = b",".join(_items(served, listed, posters))
    return _envelope(served, items, listed, n)


def encode_movies(
    served: Served, listed: Listed, *, posters: bool, n: int, scored: str | None = None
) -> bytes:
    """The envelope with cards alone, or with a score under a name of its own."""
    pieces = []
    for movie, score in zip(listed.movies, listed.scores, strict=True):
        more = b',"%s":%s}' % (scored.encode(), _number(score)) if scored else b"}"
        pieces.append(card(served, movie, posters) + more)
    return _envelope(served, b",".join(pieces), listed, n)


def _items(served: Served, listed: Listed, posters: bool) -> Iterator[bytes]:
    reasons = listed.reasons or [-1] * len(listed.movies)
    confidence = listed.confidence or [-1] * len(listed.movies)
    rows = zip(listed.movies, listed.scores, reasons, confidence, strict=True)
    for rank, (movie, score, reason, sure) in enumerate(rows, start=listed.first_rank):
        shown = _number(score)
        yield b'%s,"rank":%d,"score":%s,"predicted_rating":%s,"confidence":%s,"because":%s,"explored":%s}' % (
            card(served, movie, posters),
            rank,
            shown,
            shown if sure >= 0 else b"null",
            _CONFIDENCE[sure].encode(),
            _because(served, reason),
            b"true" if rank in listed.explored else b"false",
        )


def _because(served: Served, reason: int) -> bytes:
    if reason < 0:
        return b"null"
    ends = served.title_ends
    return b'"Because you watched %s"' % bytes(served.titles[ends[reason] : ends[reason + 1]])


def _number(value: float | None) -> bytes:
    return b"null" if value is None else repr(value).encode()


def _envelope(served: Served, items: bytes, listed: Listed, n: int) -> bytes:
    end = listed.first_rank - 1 + len(listed.movies)
    more = n > 0 and end < listed.total and listed.movies
    return (
        b'{"items":[%s],"total":%d,"next_cursor":%s,"model_version":"%s","strategy_used":%s,"fallback_reason":%s,"experiment":%s}'
        % (
            items,
            listed.total,
            b'"%s.%d"' % (served.version.encode(), end) if more else b"null",
            served.version.encode(),
            json.dumps(listed.strategy_used).encode(),
            json.dumps(listed.fallback_reason).encode(),
            b"null" if listed.experiment is None else json.dumps(listed.experiment).encode(),
        )
    )
