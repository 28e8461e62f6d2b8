"""The tag genome: how relevant each tag is to each movie, as if judged by readers of reviews."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recsys_assets.sample.movies import LAST_YEAR, Movies
from recsys_assets.sample.taste import Floats
from recsys_assets.sample.themes import THEMES, VERDICTS
from recsys_assets.sample.world import World

SHARE_KNOWN = 0.85
STEP = 0.00025
LEAST, GREATEST = 0.0025, 0.9985


@dataclass(frozen=True)
class Genome:
    """Tags, and their relevance to the movies that are known well enough.

    Attributes
    ----------
    tags : the content themes, then the verdicts; tag ids count from 1 in this order
    movie : shape (n_known,), row numbers of ``Movies``, increasing
    relevance : shape (n_known, n_tags), 0.0025 to 0.9985 in steps of 0.00025
    """

    tags: tuple[str, ...]
    movie: NDArray[np.int64]
    relevance: Floats


def draw_genome(rng: np.random.Generator, world: World) -> Genome:
    """Relevance = σ(theme + taste · direction of theme + noise) for content, σ(quality, age) for verdicts.

    Only the most rated ``SHARE_KNOWN`` of the movies have it: nobody has described the others.
    """
    movies = world.movies
    n_ratings = np.bincount(world.ratings.movie, minlength=len(movies.title))
    known = np.sort(np.argsort(-n_ratings, kind="stable")[: round(SHARE_KNOWN * len(n_ratings))])
    content = -3.6 + 3.4 * movies.themes + 2.2 * movies.taste @ world.space.themes.T
    log_odds = np.hstack([content, _verdict_log_odds(movies)])[known]
    relevance = 1.0 / (1.0 + np.exp(-(log_odds + rng.normal(scale=0.6, size=log_odds.shape))))
    tags = (*(theme.tag for theme in THEMES), *(verdict.tag for verdict in VERDICTS))
    return Genome(tags, known, np.clip(STEP * np.rint(relevance / STEP), LEAST, GREATEST))


def _verdict_log_odds(movies: Movies) -> Floats:
    age = (LAST_YEAR - movies.year) / 20.0 - 1.0
    per_quality = np.array([verdict.per_quality for verdict in VERDICTS])
    per_age = np.array([verdict.per_age for verdict in VERDICTS])
    return -1.8 + 0.7 * np.outer(movies.quality, per_quality) + np.outer(age, per_age)
