"""A publication of any size, drawn from a seed: lists, ratings and vectors without taste, to be served, not judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
from scipy.sparse import csr_matrix

from recsys_assets.algorithms.explanation import ListModels
from recsys_assets.storage.publishing import Generation, Publisher
from recsys_assets.storage.warehouse import Select, TableLike

__all__ = ["MadePublication", "write_registry"]

REGISTRY = """
[datasets.{name}]
title = "Made to be served"
layout = "movielens-csv"
licence = "none"
source = {{ folder = "none" }}
"""
N_FACTORS, N_COMPONENTS = 64, 32


def write_registry(data: Path, name: str) -> None:
    """Make the folder a data folder whose registry has one data set."""
    data.mkdir(parents=True, exist_ok=True)
    (data / "datasets.toml").write_text(REGISTRY.format(name=name), encoding="utf-8")


@dataclass(frozen=True)
class MadePublication:
    """Publications of one made data set; each list's movies begin with the number of the generation.

    User ids run from 1, movie ids from 1. A user has rated ``n_rated`` movies, and every list has ``depth`` others.
    """

    data: Path
    name: str
    n_users: int
    n_movies: int
    depth: int = 20
    n_rated: int = 5

    @property
    def publisher(self) -> Publisher:
        return Publisher(self.data / "published", self.name)

    def models(self) -> ListModels:
        """Models whose factors are noise, and ratings spread evenly over movies."""
        rng = np.random.default_rng(0)
        user_ids, item_ids = np.arange(1, self.n_users + 1), np.arange(1, self.n_movies + 1)
        first = (user_ids * 7919) % self.n_movies
        rated = np.sort((first[:, None] + np.arange(self.n_rated) * 31) % self.n_movies, axis=1)
        stars = rng.integers(1, 11, size=rated.size).astype(np.float32) / 2
        starts = np.arange(self.n_users + 1, dtype=np.int32) * self.n_rated
        ratings = csr_matrix(
            (stars, rated.ravel().astype(np.int32), starts), shape=(self.n_users, self.n_movies)
        )
        factors, content = (
            rng.normal(size=(self.n_movies, n)).astype(np.float32) for n in (N_FACTORS, N_COMPONENTS)
        )
        scale = np.ones(self.n_users)
        return ListModels(
            user_ids,
            item_ids,
            ratings,
            factors,
            content,
            np.hstack([factors, content]),
            scale,
            scale,
            regularization=10.0,
            alpha=5.0,
            min_rating=4.0,
        )

    def warehouse(self, path: Path) -> Path:
        """A file whose tables publications are made of."""
        with duckdb.connect(str(path)) as connection:
            connection.execute(
                f"create table movies as select range + 1 as movie_id, "
                f"'Movie ' || (range + 1) || ' (' || (1950 + range % 70) || ')' as title, "
                f"(1950 + range % 70)::integer as year, [['Drama', 'Comedy', 'Action'][1 + range % 3]] as genres "
                f"from range({self.n_movies})"
            )
            connection.execute(
                "create table recommendations as select strategy, user_id, rank, "
                f"1 + (user_id * 104729 + rank * 17 + if(strategy = 'als', 5, 0)) % {self.n_movies} as movie_id, "
                f"{self.depth} - rank + 0.5::float as score "
                "from (values ('als'), ('content'), ('hybrid'), ('popularity'), ('recent_popularity')) s(strategy), "
                f"(select range + 1 as user_id from range({self.n_users})), "
                f"(select (range + 1)::integer as rank from range({self.depth})) order by all"
            )
        return path

    def tables(self, number: int) -> Mapping[str, TableLike]:
        """The tables of a generation."""
        movies = f"(select range + 1 as movie_id from range({self.n_movies}))"
        shifted = f"1 + (movie_id + {number} * 7) % {self.n_movies}"
        return {
            "movies": Select("from warehouse.movies"),
            "links": Select(f"select movie_id, '0000001' as imdb_id, movie_id as tmdb_id from {movies}"),
            "recommendations": Select(
                f"select * replace ({shifted} as movie_id) from warehouse.recommendations"
            ),
            "cold_start": Select(
                f"select (row_number() over (order by movie_id))::integer as rank, movie_id, 100 as n_ratings, "
                f"4.0 as mean_rating from {movies} order by movie_id limit {self.depth}"
            ),
            "default_ratings": Select(
                f"select movie_id, 10 as n_ratings, 3.5 as predicted_rating, 'ratings' as source from {movies}"
            ),
            "predicted_ratings_top": Select(
                "select user_id, rank, movie_id, (1 + score / 10)::float as predicted_rating, 'medium' as confidence, "
                "0.9::float as expected_error, 'personal' as source "
                "from warehouse.recommendations where strategy = 'als'"
            ),
            "explanations": Select(
                "select strategy, user_id, movie_id, 1 as part_rank, movie_id as because_movie_id, "
                "4.0 as because_rating, null as because_rated_at, score as part, 1 as n_ratings "
                "from warehouse.recommendations limit 0"
            ),
            "similar_movies": Select(
                f"select 'als' as method, movie_id, 1 as rank, {shifted} as similar_movie_id, 0.5 as similarity "
                f"from {movies}"
            ),
            "hybrid_weights": Select("select 0.8 as alpha, 0.2 as beta, 0.1 as ndcg, true as chosen"),
            "titles": Select(
                "select movie_id, movie_id as tmdb_id, title, year, lower(title) as folded, [' mo'] as trigrams "
                "from warehouse.movies"
            ),
            "people": Select(
                f"select movie_id as person_id, 'Person ' || movie_id as name, 'F' as gender, 1 as n_movies, "
                f"(movie_id % 2)::integer as n_acted, (1 - movie_id % 2)::integer as n_directed from {movies}"
            ),
            "movie_people": Select(
                f"select movie_id as tmdb_id, movie_id, if(movie_id % 2 = 1, 'actor', 'director') as role, "
                f"1 as place, movie_id as person_id, null as character from {movies}"
            ),
            "movie_details": Select(
                "select movie_id as tmdb_id, movie_id, '0000001' as imdb_id, title, year, genres, 'What happens.' as "
                "overview, null as tagline, 90.0 as runtime, 'en' as language, 6.5 as vote_average, 10 as vote_count, "
                "1.0 as popularity, [] as directors, [] as top_cast, null as poster_path from warehouse.movies"
            ),
            "evaluation": Select(
                "select 'hybrid' as model, 'test' as split, 'all' as segment, 'ndcg' as metric, 10 as k, "
                "0.2 as value, 0.1 as ci_low, null as ci_high, 100 as n_users"
            ),
            "model_versions": Select(
                "select 1 as version, 'Production' as stage, 'champion' as alias, true as candidate, "
                "0.1 as silhouette, 0.05 as silhouette_min, 1.1 as lift, 1.05 as lift_ci_low, 1.0 as lift_min, "
                "null as gain, null as gain_low, null as gain_min, "
                "'promoted' as decision, 'it may' as reason, 'files' as store, 'd' as data_version, "
                "'c' as code_version, 'r' as run_id, now()::timestamp as created_at"
            ),
            "versions": Select(
                "select 'ratings' as asset, null as code_version, null as data_version, null as run_id, "
                "null as materialized_at"
            ),
            "lineage": Select("select 'hybrid' as strategy, 'ratings' as asset"),
            "publication": Select(
                f"select '{self.name}' as dataset, {number} as generation, now()::timestamp as published_at, "
                "'made' as run_id, 'none' as licence"
            ),
        }

    def publish(self, warehouse: Path, models: ListModels) -> Generation:
        """Publish the next generation."""
        number = self.publisher.next_number()
        staged = self.publisher.stage(number, warehouse, self.tables(number), models=models)
        return self.publisher.make_current(number, staged)
