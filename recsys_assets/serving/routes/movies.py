"""Movies: cards, details, neighbours, rows of the home page, search, and the people who made them."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Query, Response

from recsys_assets.serving.encoding import Listed, card, encode_movies
from recsys_assets.serving.generations import Served
from recsys_assets.serving.parameters import (
    PROBLEMS,
    ContextOf,
    Cursor,
    Genre,
    Length,
    MovieId,
    Offset,
    PersonId,
    Text,
    WhatIsServed,
    offset_of,
)
from recsys_assets.serving.problems import Problem
from recsys_assets.serving.recommending import has_genre
from recsys_assets.serving.schemas import Cards, Movie, People, PersonMovies, SimilarMovies

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["movies"], responses=PROBLEMS)

JSON = "application/json"
MAX_CREDITS = 500
"""Hardly anybody has more movies, and a page shows all of them at once."""
METHODS_INSTEAD = ("als", "content", "svdpp", "content_global")
"""Asked of nothing in particular, the first of these that knows the movie answers."""

_SIMILAR = """
    select similar_movie_id, similarity from similar_movies
    where method = ? and movie_id = ? and rank <= ? order by rank
"""
_METHODS = "select distinct method from similar_movies where movie_id = ? order by method"
_SEARCH = """
    select movie_id, max(score) as score from search_titles(?) where movie_id is not null
    group by movie_id order by score desc, movie_id limit ?
"""
_CAST = """
    select person_id, name, character, role from movie_people join people using (person_id)
    where movie_id = ? and role in ('actor', 'director') order by role, place
"""
_PEOPLE = """
    select person_id, name, if(? = 'actor', n_acted, n_directed) as n_movies,
           case when lower(strip_accents(name)) = folded then 3
                when starts_with(lower(strip_accents(name)), folded) then 2
                when contains(lower(strip_accents(name)), folded) then 1
                else 0.9 * jaro_winkler_similarity(lower(strip_accents(name)), folded) end as score
    from people, (select lower(strip_accents(trim(?))) as folded)
    where if(? = 'actor', n_acted, n_directed) > 0 and (folded = '' or score >= 0.75)
    order by if(folded = '', 0, score) desc, n_movies desc, person_id limit ?
"""
_OF_PERSON = """
    select movie_id, any_value(character) as character, list(distinct role order by role) as roles
    from movie_people where person_id = ? and movie_id is not null group by movie_id
"""


@router.get("/movies", response_model=Cards)
def movies(
    served: WhatIsServed,
    context: ContextOf,
    sort: Annotated[
        Literal["trending", "new", "popular", "top", "onboarding"],
        Query(description="onboarding: popular and spread over genres, to be rated by somebody new"),
    ] = "popular",
    genre: Genre = None,
    n: Length = 20,
    offset: Offset = 0,
    cursor: Cursor = None,
) -> Response:
    """A row of the home page: movies by how much they are liked lately, by year, by likes, by expected stars."""
    order = _order(served, sort)
    if genre is not None:
        order = order[has_genre(served, genre)[order]]
    start = offset_of(cursor, offset)
    shown = order[start : start + n].tolist()
    listed = Listed(shown, [None] * len(shown), start + 1, int(order.size), sort)
    return Response(encode_movies(served, listed, posters=context.posters, n=n), media_type=JSON)


def _order(served: Served, sort: str) -> np.ndarray[Any, Any]:
    catalogue = served.catalogue
    if sort != "onboarding":
        order: np.ndarray[Any, Any] = getattr(catalogue, sort)
        return order
    both = np.concatenate(
        [catalogue.cold_start, catalogue.popular[catalogue.n_ratings[catalogue.popular] > 0]]
    )
    return both[np.sort(np.unique(both, return_index=True)[1])]


@router.get("/movies/{movie_id}", response_model=Movie)
def movie(served: WhatIsServed, context: ContextOf, movie_id: MovieId) -> dict[str, Any]:
    """All that is known of a movie: card, details of the catalogue where it has any, cast, how it was rated."""
    number = served.movie(movie_id)
    details = served.rows("from movie_details where movie_id = ? order by tmdb_id limit 1", [movie_id])
    found = details[0] if details else {}
    people = served.rows(_CAST, [movie_id])
    histogram = enumerate(served.catalogue.histogram[number].tolist(), start=1)
    return {
        **_card(served, number, context.posters),
        **{name: found.get(name) for name in ("overview", "tagline", "runtime", "language", "vote_average")},
        "directors": [_person(one) for one in people if one["role"] == "director"],
        "cast": [_person(one) | {"character": one["character"]} for one in people if one["role"] == "actor"],
        "rating_histogram": [
            {"stars": halves / 2, "n_ratings": n_ratings} for halves, n_ratings in histogram
        ],
        "methods": [row["method"] for row in served.rows(_METHODS, [movie_id])],
        "model_version": served.version,
    }


@router.get("/movies/{movie_id}/similar", response_model=SimilarMovies)
def similar(
    served: WhatIsServed,
    context: ContextOf,
    movie_id: MovieId,
    method: Annotated[
        str | None,
        Query(max_length=100, description="als, svdpp, content, genome, content_global or content_cluster"),
    ] = None,
    n: Length = 20,
) -> Response:
    """The nearest movies by a method; by none in particular, of the first that knows the movie."""
    return Response(neighbours(served, movie_id, method, n, posters=context.posters), media_type=JSON)


def neighbours(served: Served, movie_id: int, method: str | None, n: int, *, posters: bool) -> bytes:
    """The envelope of a movie's neighbours.

    Raises
    ------
    Problem
        404 if there is no such movie or method.
    """
    served.movie(movie_id)
    if method is not None:
        known = [
            row["method"] for row in served.rows("select distinct method from similar_movies order by 1")
        ]
        if method not in known:
            raise Problem(404, "No such method", f"no method {method[:60]!r}; there are {', '.join(known)}")
    reason = None
    for used in (method,) if method else METHODS_INSTEAD:
        rows = served.rows(_SIMILAR, [used, movie_id, n])
        if rows:
            break
        reason = reason or f"{used} knows nothing of movie {movie_id}"
    listed = Listed(
        [served.movie(row["similar_movie_id"]) for row in rows],
        [row["similarity"] for row in rows],
        1,
        len(rows),
        str(used),
        fallback_reason=reason,
    )
    return encode_movies(served, listed, posters=posters, n=0, scored="similarity")


@router.get("/search", response_model=Cards)
def search(served: WhatIsServed, context: ContextOf, q: Text, n: Length = 20) -> Response:
    """Movies by title, best match first: accents, case and typos are forgiven, and no sign is a pattern."""
    numbers = found_titles(served, q, n)
    listed = Listed(numbers, [None] * len(numbers), 1, len(numbers), "search_titles")
    return Response(encode_movies(served, listed, posters=context.posters, n=0), media_type=JSON)


def found_titles(served: Served, text: str, n: int) -> list[int]:
    """Numbers of the movies that a text may mean, best first."""
    return [served.movie(row["movie_id"]) for row in served.rows(_SEARCH, [_clean(text), n])]


@router.get("/people", response_model=People)
def people(
    served: WhatIsServed,
    q: Annotated[str, Query(max_length=200, description="a name or part of it; typos are forgiven")] = "",
    role: Literal["actor", "director"] = "actor",
    n: Length = 20,
) -> dict[str, Any]:
    """People by name, best match first; without a name those with the most movies."""
    rows = found_people(served, q, role, n)
    return {"items": rows, "total": len(rows), "role": role, "model_version": served.version}


def found_people(served: Served, text: str, role: str, n: int) -> list[dict[str, Any]]:
    """Id, name and number of movies of the people whom a text may mean, best first."""
    rows = served.rows(_PEOPLE, [role, _clean(text), role, n])
    return [{key: row[key] for key in ("person_id", "name", "n_movies")} for row in rows]


def person_numbers(served: Served, person_id: int, role: str) -> list[int]:
    """Numbers of a person's movies in a role, the most rated first."""
    rows = served.rows(
        "select distinct movie_id from movie_people where person_id = ? and role = ? and movie_id is not null",
        [person_id, role],
    )
    numbers = [served.movie(row["movie_id"]) for row in rows]
    return sorted(numbers, key=lambda number: (-int(served.catalogue.n_ratings[number]), number))


@router.get("/people/{person_id}/movies", response_model=PersonMovies)
def of_person(
    served: WhatIsServed,
    context: ContextOf,
    person_id: PersonId,
    n: Annotated[int, Query(ge=1, le=MAX_CREDITS, description="movies at most")] = 50,
) -> dict[str, Any]:
    """A person's movies, the most popular first, with what they did in each."""
    person = served.rows("select person_id, name from people where person_id = ?", [person_id])
    if not person:
        raise Problem(404, "No such person", f"{served.dataset} has no person {person_id}")
    rows = served.rows(_OF_PERSON, [person_id])
    numbers = np.array([served.movie(row["movie_id"]) for row in rows], dtype=np.intp)
    order = np.lexsort((numbers, -served.catalogue.n_ratings[numbers]))
    return {
        **person[0],
        "items": [
            _card(served, numbers[place], context.posters)
            | {"roles": rows[place]["roles"], "character": rows[place]["character"]}
            for place in order[:n].tolist()
        ],
        "total": len(rows),
        "model_version": served.version,
    }


def _card(served: Served, number: int, posters: bool) -> dict[str, Any]:
    decoded: dict[str, Any] = json.loads(card(served, number, posters) + b"}")
    return decoded


def _person(row: dict[str, Any]) -> dict[str, Any]:
    return {"person_id": row["person_id"], "name": row["name"]}


def _clean(text: str) -> str:
    # Half a character can't be told from nothing, nor be given to a database.
    return text.encode("utf-8", "ignore").decode()
