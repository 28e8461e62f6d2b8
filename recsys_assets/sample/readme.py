"""The README that stands beside the sample's files."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from recsys_assets.sample.genome import SHARE_KNOWN
from recsys_assets.sample.hostile import Planted
from recsys_assets.sample.movies import FIRST_YEAR, LAST_YEAR
from recsys_assets.sample.taste import N_FACTORS
from recsys_assets.sample.themes import COMMUNITIES, THEMES, VERDICTS
from recsys_assets.sample.world import World

TEMPLATE = """\
# The `sample` data set

Ratings, tags, links, a tag genome and TMDB-style metadata of {n_movies:,} movies by {n_users} users:
{n_ratings:,} clean ratings in the MovieLens layout. **All of it is invented**: no real film, no real person,
no real rating; names are composed from word lists, and any likeness is chance. Licence: CC0 1.0.

Made by a seeded generator, byte for byte: `python -m recsys_assets.sample` rewrites this folder
(seed {seed}). Don't edit the files: change the generator.

## The world behind it

- A taste is a vector of {n_factors} numbers. Genres are random directions; {n_themes} themes lie near their
  home genres; {n_communities} communities seek some genres and avoid others.
- A movie's taste is content (its genres and themes) plus a part of its own, which only ratings can reveal.
  It has a quality, a release day ({first_year}–{last_year}, mostly recent), a long-tailed popularity
  and a trend.
- A user's taste lies near a community's and drifts. Users join between 1996 and 2018, rate in sessions, and
  vary in activity (log-normal, median {median_activity}), generosity and use of half-stars.
- Choice, without replacement: log-odds = a · log popularity + b · ⟨user's taste, movie's taste⟩ +
  c · novelty, over movies already released. A first session leans on popularity.
- Stars: bias + quality + spread · ⟨user's taste, movie's taste⟩ + skewed noise, rounded to the user's steps.
- Genome: relevance = σ(theme + ⟨movie's taste, theme⟩ + noise) for the best known {share_known:.0%} of the
  movies, and {n_verdicts} verdicts (“masterpiece”, “boring” …) that follow quality and age.
- Cast, crew, synopses and takings follow from the same tastes, themes and popularity.

## Planted hostile rows

A pipeline must keep these out, and say why. Lines count from 1, the header's. Leaving them all out restores
the clean world, but for the rating that was given again: the later one stays.

| file | line | content | fault |
|---|---:|---|---|
{rows}
"""

LONGEST_SHOWN = 60


def render_readme(world: World, planted: Sequence[Planted], *, seed: int) -> str:
    """Describe the sample in Markdown, with a table row for every row to be refused."""
    return TEMPLATE.format(
        n_movies=len(world.movies.title),
        n_users=len(world.users.n_ratings),
        n_ratings=len(world.ratings.user),
        n_factors=N_FACTORS,
        n_themes=len(THEMES),
        n_verdicts=len(VERDICTS),
        n_communities=len(COMMUNITIES),
        median_activity=int(np.median(world.users.n_ratings)),
        first_year=FIRST_YEAR,
        last_year=LAST_YEAR,
        share_known=SHARE_KNOWN,
        seed=seed,
        rows="\n".join(_row(entry) for entry in planted),
    )


def _row(entry: Planted) -> str:
    content = ",".join(entry.row)
    shown = content if len(content) <= LONGEST_SHOWN else f"{content[: LONGEST_SHOWN - 1]}…"
    return f"| `{entry.file}` | {entry.line} | `{shown}` | {entry.what} |"
