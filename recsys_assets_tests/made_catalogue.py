"""A small catalogue with every oddity that staging knows, as files and as staged tables."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import duckdb

from recsys_assets.contracts.raw import RAW_TABLES
from recsys_assets.defs.catalogue.staging_queries import PARSED, staging_queries
from recsys_assets.storage.layouts import LAYOUTS
from recsys_assets.storage.loading import FileToRead, load_table
from recsys_assets.storage.warehouse import replace_tables

__all__ = ["ADA", "BEN", "CY", "FILES", "credits_csv", "movies_csv", "staged"]

ADA, BEN, CY = 11, 12, 13
"""An actress, an actor who directs, and somebody of whom no gender is known."""
_PEOPLE = {ADA: ("Ada Ångström", 1), BEN: ("Ben O'Brien", 2), CY: ("Cy", 0)}


def _named(*names: str) -> str:
    return json.dumps([{"id": 100 + len(name), "name": name} for name in names])


def _cast(*credits: tuple[int, str, int]) -> str:
    return json.dumps(
        [
            {"id": who, "name": _PEOPLE[who][0], "gender": _PEOPLE[who][1], "character": part, "order": order}
            for who, part, order in credits
        ]
    )


def _crew(*credits: tuple[int, str, str]) -> str:
    return json.dumps(
        [
            {"id": who, "name": _PEOPLE[who][0], "gender": _PEOPLE[who][1], "department": where, "job": job}
            for who, where, job in credits
        ]
    )


def movies_csv(*rows: Mapping[str, Any]) -> str:
    """Lines of tmdb_5000_movies.csv; fields that a row doesn't name are those of an unremarkable movie."""
    header = next(raw.header for raw in LAYOUTS["movielens-csv"] if raw.table == "tmdb_movies")
    usual = {
        "budget": 1000,
        "genres": _named("Drama"),
        "keywords": _named("sea"),
        "original_language": "en",
        "overview": "A synopsis.",
        "popularity": 1.5,
        "release_date": "2001-02-03",
        "revenue": 2000,
        "runtime": 90,
        "vote_average": 6.5,
        "vote_count": 10,
    }
    return _csv(str(header), ({**usual, "original_title": row["title"], **row} for row in rows))


def credits_csv(*rows: Mapping[str, Any]) -> str:
    """Lines of tmdb_5000_credits.csv."""
    return _csv("movie_id,title,cast,crew", ({"cast": "[]", "crew": "[]", **row} for row in rows))


def _csv(header: str, rows: Iterable[Mapping[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, header.split(","), restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


FILES = {
    "movies.csv": "movieId,title,genres\n"
    '1,"Host, The (2006)",Horror\n2,"Amelie (Fabuleux destin d\'Amélie Poulain, Le) (2001)",Comedy\n'
    "3,Not in the catalogue (1990),Drama\n4,Amelie again (2001),Drama\n",
    "ratings.csv": "userId,movieId,rating,timestamp\n1,1,4.0,1000000000\n",
    "links.csv": "movieId,imdbId,tmdbId\n1,0000001,21\n2,0000002,24\n4,0000004,24\n3,0000003,\n",
    "tmdb_posters.csv": "tmdbId,posterPath\n21,/host.jpg\n999,/other.jpg\n",
    "tmdb_5000_movies.csv": movies_csv(
        {"id": 24, "title": "Amélie", "original_title": "Le Fabuleux Destin d'Amélie Poulain", "runtime": 0},
        {"id": 21, "title": "The Host", "release_date": "1999-07-27", "genres": _named("Drama", "Horror")},
        {"id": 22, "title": "The host", "release_date": "", "budget": 0, "revenue": 0, "vote_count": 0},
        {"id": 23, "title": "Broken", "genres": "[{oops", "keywords": '{"id": 1}', "overview": ""},
        {"id": 25, "title": "Uncredited", "keywords": '[{"id": 7}, {"id": 8, "name": " whale "}, 5]'},
    ),
    "tmdb_5000_credits.csv": credits_csv(
        {
            "movie_id": 21,
            "title": "The Host",
            "cast": _cast((ADA, "Park", 2), (BEN, "Man", 1), (BEN, "Brother", 3), (BEN, "Man", 4)),
            "crew": _crew(
                (CY, "Directing", "Director"),
                (CY, "Writing", "Screenplay"),
                (CY, "Writing", "Story"),
                (BEN, "Sound", "Foley"),
                (CY, "Directing", "Director"),
            ),
        },
        {
            "movie_id": 24,
            "title": "Amelie",
            "cast": _cast((ADA, "", 0)),
            "crew": _crew((BEN, "Directing", "Director"), (BEN, "Production", "Producer")),
        },
        {"movie_id": 22, "title": "The host", "cast": _cast((ADA, "Ghost", 5), (CY, "", 0))},
        {"movie_id": 23, "title": "Broken", "cast": "nonsense", "crew": '[{"id": 14, "job": "Director"}]'},
        {"movie_id": 99, "title": "Unknown", "cast": _cast((CY, "Nobody", 0))},
    ),
}


def staged(folder: Path, files: Mapping[str, str] = FILES) -> duckdb.DuckDBPyConnection:
    """A database with the files' raw tables and all that staging makes of them."""
    connection = duckdb.connect()
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    for table in RAW_TABLES:
        given = [
            FileToRead(folder / raw.file, raw.file, False, raw)
            for raw in LAYOUTS["movielens-csv"]
            if raw.table == table and raw.file in files
        ]
        replace_tables(connection, load_table(connection, table, given))
    for name, sql in PARSED.items():
        connection.execute(f"create temp table {name} as {sql}")
    replace_tables(connection, staging_queries())
    return connection
