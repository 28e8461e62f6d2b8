"""What is known of the catalogue's movies, as the features take it: texts and names, genres, numbers."""

from typing import Final

import dagster as dg
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from recsys_assets.algorithms.catalogue.features import (
    CatalogueFeatures,
    Parts,
    genre_columns,
    join_parts,
    number_columns,
    text_components,
)
from recsys_assets.algorithms.catalogue.text import movie_terms
from recsys_assets.algorithms.interactions import Ids, positions
from recsys_assets.defs.resources import Project

__all__ = ["STAGED", "FeaturesConfig", "features_of"]

STAGED: Final = ("catalogue_movies", "catalogue_genres", "catalogue_keywords", "movie_people", "people")
"""The tables that features are made of."""

TEXTS: Final = ("overview", "tagline")
NAMES: Final = ("keyword", "actor", "director", "writer")
LOGGED: Final = {"budget": True, "popularity": True, "revenue": True, "runtime": False}
"""Numbers, and whether they span powers of ten."""

# People of one name stay apart by their id, which becomes part of the name.
_DOCUMENTS: Final = """
with named as (
    select person_id, name || if(count(*) over (partition by lower(strip_accents(name))) > 1, ' ' || person_id, '')
               as name
    from people
), credits as (
    select tmdb_id, list(name order by place) filter (role = 'actor' and place <= {n_cast}) as actor,
           list(name order by place) filter (role = 'director') as director,
           list(name order by place) filter (role = 'writer') as writer
    from movie_people join named using (person_id) group by tmdb_id
), keywords as (
    select tmdb_id, list(keyword order by keyword_id) as keyword from catalogue_keywords group by tmdb_id
)
select coalesce(overview, '') as overview, coalesce(tagline, '') as tagline, coalesce(keyword, []) as keyword,
       coalesce(actor, []) as actor, coalesce(director, []) as director, coalesce(writer, []) as writer
from catalogue_movies left join keywords using (tmdb_id) left join credits using (tmdb_id) order by tmdb_id
"""


class FeaturesConfig(dg.Config):
    """How a movie of the catalogue becomes a vector."""

    overview: int = Field(1, ge=0, le=20, description="how often a word of the overview counts")
    tagline: int = Field(1, ge=0, le=20, description="how often a word of the tagline counts")
    keyword: int = Field(1, ge=0, le=20, description="how often a keyword counts")
    actor: int = Field(1, ge=0, le=20, description="how often an actor counts")
    director: int = Field(1, ge=0, le=20, description="how often a director counts")
    writer: int = Field(1, ge=0, le=20, description="how often a writer counts")
    n_cast: int = Field(5, ge=0, le=1000, description="places of the cast that count")
    min_movies_per_term: int = Field(2, ge=1, description="a term must occur with at least so many movies")
    max_terms: int = Field(5000, ge=1, description="only the most frequent terms are kept")
    n_components: int = Field(200, ge=1, le=2000, description="dimensions that terms are reduced to")
    text_weight: float = Field(1.5, ge=0, description="weight of the text's components")
    genre_weight: float = Field(2.0, ge=0, description="weight of the genres")
    number_weight: float = Field(0.25, ge=0, description="weight of each number, of mean 0 and variance 1")
    unit_length: bool = Field(
        True,
        description="scale text, genres and whole rows to unit length, so that weights are shares of the cosine",
    )
    seed: int = Field(0, ge=0, description="seed of the SVD")

    @property
    def repeats(self) -> dict[str, int]:
        return {kind: getattr(self, kind) for kind in (*TEXTS, *NAMES)}


def features_of(project: Project, dataset: str, config: FeaturesConfig) -> CatalogueFeatures:
    """The vectors of all movies of the catalogue, by TMDB id; without a catalogue there are none."""
    tmdb_ids = project.warehouse.arrays(dataset, "select tmdb_id from catalogue_movies order by tmdb_id")
    parts = Parts(
        text_components(
            _documents(project, dataset, config),
            min_movies=config.min_movies_per_term,
            max_terms=config.max_terms,
            n_components=config.n_components,
            seed=config.seed,
        ),
        _genres(project, dataset, tmdb_ids["tmdb_id"]),
        number_columns(_numbers(project, dataset), logged=list(LOGGED.values())),
    )
    return join_parts(
        tmdb_ids["tmdb_id"],
        parts,
        text_weight=config.text_weight,
        genre_weight=config.genre_weight,
        number_weight=config.number_weight,
        unit_length=config.unit_length,
    )


def _documents(project: Project, dataset: str, config: FeaturesConfig) -> list[list[str]]:
    rows = project.warehouse.frame(dataset, _DOCUMENTS.format(n_cast=config.n_cast)).to_dict("records")
    return [
        movie_terms(
            {kind: row[kind] for kind in TEXTS}, {kind: row[kind] for kind in NAMES}, repeats=config.repeats
        )
        for row in rows
    ]


def _genres(project: Project, dataset: str, tmdb_ids: Ids) -> NDArray[np.float64]:
    rows = project.warehouse.arrays(dataset, "select tmdb_id, genre from catalogue_genres")
    names, genre = np.unique(rows["genre"].astype(str), return_inverse=True)
    movie = positions(tmdb_ids, rows["tmdb_id"], what="tmdb_id")
    return genre_columns(movie, genre, n_movies=tmdb_ids.size, n_genres=names.size)


def _numbers(project: Project, dataset: str) -> NDArray[np.float64]:
    columns = ", ".join(f"{name}::double as {name}" for name in LOGGED)
    numbers: NDArray[np.float64] = project.warehouse.frame(
        dataset, f"select {columns} from catalogue_movies order by tmdb_id"
    ).to_numpy(dtype=np.float64)
    return numbers
