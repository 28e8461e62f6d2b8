"""The sample's files: tables as CSV and their README."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from itertools import chain
from pathlib import Path

from recsys_assets.sample.credits import tmdb_credits_table
from recsys_assets.sample.genome import draw_genome
from recsys_assets.sample.hostile import plant
from recsys_assets.sample.readme import render_readme
from recsys_assets.sample.tables import (
    Row,
    Table,
    genome_tables,
    links_table,
    movies_table,
    ratings_table,
    tags_table,
)
from recsys_assets.sample.tmdb import choose_described, tmdb_movies_table
from recsys_assets.sample.world import World, build_world, stream


def write_sample(folder: Path, *, seed: int) -> None:
    """Write the sample data set and its README into a folder, which is made if absent.

    The bytes depend on the seed alone. Files of the same names are overwritten; others stay.
    """
    folder.mkdir(parents=True, exist_ok=True)
    world = build_world(seed)
    tables, planted = zip(*(plant(world, table) for table in _clean_tables(world, seed)), strict=True)
    for table in tables:
        _write(folder / table.name, _csv(table.header, table.rows))
    _write(folder / "README.md", render_readme(world, list(chain.from_iterable(planted)), seed=seed))


def _clean_tables(world: World, seed: int) -> Iterable[Table]:
    described = choose_described(stream(seed, "described"), world)
    return (
        ratings_table(world),
        movies_table(stream(seed, "listing"), world),
        tags_table(stream(seed, "tags"), world),
        links_table(world),
        *genome_tables(world, draw_genome(stream(seed, "genome"), world)),
        tmdb_movies_table(stream(seed, "metadata"), world, described),
        tmdb_credits_table(stream(seed, "credits"), world, described),
    )


def _csv(header: Row, rows: Iterable[Row]) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


def _write(path: Path, text: str) -> None:
    path.write_bytes(text.encode())
