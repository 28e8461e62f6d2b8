"""A table of the warehouse is whole: the old one or the new one, columns by name, whatever happens."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

from recsys_assets.contracts import TABLES, Table
from recsys_assets.storage import warehouse as module
from recsys_assets.storage.warehouse import (
    Select,
    Warehouse,
    describe_table,
    replace_rows,
    replace_tables,
)


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        yield opened


def movies(*movie_ids: int) -> pd.DataFrame:
    rows = [(movie_id, f"Title {movie_id} (1999)", 1999, ["Drama"]) for movie_id in movie_ids]
    return pd.DataFrame(rows, columns=["movie_id", "title", "year", "genres"])


def movie_ids(connection: duckdb.DuckDBPyConnection) -> list[int]:
    return [row[0] for row in connection.execute("select movie_id from movies order by 1").fetchall()]


def folds(fold: str, *movie_ids: int) -> pd.DataFrame:
    rows = [(fold, 1, movie_id, 4.0, pd.Timestamp("2001-01-01"), "random_5fold") for movie_id in movie_ids]
    return pd.DataFrame(rows, columns=["fold", "user_id", "movie_id", "rating", "rated_at", "split"])


def in_folds(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, int]]:
    return connection.execute("select fold, movie_id from rating_folds order by all").fetchall()


def replace_fold(connection: duckdb.DuckDBPyConnection, fold: str, *movie_ids: int) -> None:
    rows = folds(fold, *movie_ids)
    replace_rows(connection, {"rating_folds": rows}, column="fold", value=fold)


def test_rows_of_one_value_are_replaced_and_the_others_stay(connection: duckdb.DuckDBPyConnection) -> None:
    replace_fold(connection, "1", 10, 11)
    replace_fold(connection, "2", 20)
    replace_fold(connection, "1", 12)
    assert in_folds(connection) == [("1", 12), ("2", 20)]
    comment = "select comment from duckdb_tables() where table_name = 'rating_folds'"
    assert connection.execute(comment).fetchone() == (TABLES["rating_folds"].comment,)
    replace_fold(connection, "2")
    assert in_folds(connection) == [("1", 12)]


def test_rows_go_by_name_and_are_cast_to_the_contract(connection: duckdb.DuckDBPyConnection) -> None:
    replace_fold(connection, "1", 10)
    rows = folds("2", 20).astype({"movie_id": "int32", "rating": "float64"})[
        ["split", "rating", "rated_at", "movie_id", "user_id", "fold"]
    ]
    replace_rows(connection, {"rating_folds": rows}, column="fold", value="2")
    assert in_folds(connection) == [("1", 10), ("2", 20)]
    described = connection.execute("describe rating_folds").fetchall()
    assert [row[:2] for row in described] == [
        (column.name, column.type) for column in TABLES["rating_folds"].columns
    ]


@pytest.mark.parametrize(
    ("faulty", "message"),
    [
        (folds("2", 20), "another fold than '1'"),
        (folds("1", 20).drop(columns="split"), "missing columns"),
        (folds("1", 20).assign(movie_id="none"), "Could not convert"),
    ],
    ids=["another value", "a column less", "no number"],
)
def test_rows_that_can_not_be_written_leave_all_as_it_was(
    connection: duckdb.DuckDBPyConnection, faulty: pd.DataFrame, message: str
) -> None:
    replace_fold(connection, "1", 10, 11)
    good = folds("1", 12)
    with pytest.raises((ValueError, duckdb.Error), match=message):
        replace_rows(
            connection, {"rating_folds": good, "live__rating_folds": faulty}, column="fold", value="1"
        )
    assert in_folds(connection) == [("1", 10), ("1", 11)]
    assert connection.execute("from (show tables)").fetchall() == [("rating_folds",)]


def test_a_table_of_another_contract_is_made_anew(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("create table rating_folds as select '2' as fold, 20 as movie_id")
    replace_fold(connection, "1", 10)
    assert in_folds(connection) == [("1", 10)]


def test_columns_go_by_name_not_by_place(connection: duckdb.DuckDBPyConnection) -> None:
    links = pd.DataFrame({"tmdb_id": [862], "movie_id": [1], "imdb_id": ["0114709"]})
    for frame in (links, links[["imdb_id", "movie_id", "tmdb_id"]]):
        replace_tables(connection, {"links": frame})
        assert connection.execute("select movie_id, imdb_id, tmdb_id from links").fetchall() == [
            (1, "0114709", 862)
        ]


@pytest.mark.parametrize("contract", TABLES.values(), ids=TABLES.keys())
def test_an_empty_frame_is_an_empty_table_of_the_contract_s_columns(
    contract: Table, connection: duckdb.DuckDBPyConnection
) -> None:
    replace_tables(connection, {contract.name: pd.DataFrame(columns=contract.column_names)})
    described = connection.execute(f'describe "{contract.name}"').fetchall()
    assert [row[:2] for row in described] == [(column.name, column.type) for column in contract.columns]
    assert describe_table(connection, contract.name, n_preview=5).n_rows == 0


def test_an_empty_frame_empties_a_full_table(connection: duckdb.DuckDBPyConnection) -> None:
    replace_tables(connection, {"movies": movies(1, 2)})
    replace_tables(connection, {"movies": movies()})
    assert movie_ids(connection) == []


def test_values_are_cast_to_the_contract_s_types(connection: duckdb.DuckDBPyConnection) -> None:
    frame = pd.DataFrame(
        {
            "user_id": ["7"],
            "movie_id": np.array([3], dtype=np.int16),
            "rating": np.array([4.5], dtype=np.float64),
            "rated_at": ["2001-09-09 01:46:40"],
        }
    )
    replace_tables(connection, {"train_ratings": frame})
    described = connection.execute("describe train_ratings").fetchall()
    assert [row[1] for row in described] == ["BIGINT", "BIGINT", "FLOAT", "TIMESTAMP"]
    assert connection.execute(
        "select user_id, movie_id, rating, epoch(rated_at) from train_ratings"
    ).fetchall() == [(7, 3, 4.5, 1e9)]


def test_a_frame_is_not_changed(connection: duckdb.DuckDBPyConnection) -> None:
    frame = movies(3, 1)
    before = frame.copy(deep=True)
    replace_tables(connection, {"movies": frame})
    pd.testing.assert_frame_equal(frame, before)


def test_a_table_may_be_made_from_itself(connection: duckdb.DuckDBPyConnection) -> None:
    replace_tables(connection, {"movies": movies(1, 2)})
    replace_tables(connection, {"movies": Select("select * replace (movie_id * 10 as movie_id) from movies")})
    assert movie_ids(connection) == [10, 20]


def test_the_contract_s_comments_stand_on_table_and_columns(connection: duckdb.DuckDBPyConnection) -> None:
    replace_tables(connection, {"live__movies": movies(1)})
    tables = "select comment from duckdb_tables() where table_name = 'live__movies'"
    columns = "select column_name, comment from duckdb_columns() where table_name = 'live__movies'"
    contract = TABLES["movies"]
    assert connection.execute(tables).fetchall() == [(contract.comment,)]
    assert dict(connection.execute(columns).fetchall()) == {c.name: c.comment for c in contract.columns}


FAULTY = {
    "a cast": (movies(5).assign(movie_id="five"), duckdb.ConversionException),
    "a column": (movies(5).drop(columns="year"), ValueError),
    "SQL": (Select("from nowhere"), duckdb.CatalogException),
    "a row": (
        Select("select * replace (error('no such row')::bigint as movie_id) from movies"),
        duckdb.Error,
    ),
}


@pytest.mark.parametrize(("faulty", "error"), FAULTY.values(), ids=FAULTY.keys())
def test_an_error_in_the_second_table_leaves_both_as_they_were(
    faulty: pd.DataFrame | Select, error: type[Exception], connection: duckdb.DuckDBPyConnection
) -> None:
    replace_tables(connection, {"movies": movies(1), "live__movies": movies(2)})
    with pytest.raises(error):
        replace_tables(connection, {"movies": movies(3), "live__movies": faulty})
    assert movie_ids(connection) == [1]
    replace_tables(connection, {"movies": movies(4)})
    assert movie_ids(connection) == [4]


def test_columns_missing_and_unknown_are_both_listed(connection: duckdb.DuckDBPyConnection) -> None:
    frame = movies(1).rename(columns={"year": "released", "title": "name"})
    message = r"table movies: missing columns \['title', 'year'\], unknown columns \['name', 'released'\]"
    with pytest.raises(ValueError, match=message):
        replace_tables(connection, {"movies": frame})


def test_a_column_given_twice_is_refused(connection: duckdb.DuckDBPyConnection) -> None:
    frame = pd.concat([movies(1), movies(1)[["year"]]], axis=1)
    with pytest.raises(ValueError, match="unknown columns"):
        replace_tables(connection, {"movies": frame})


def test_a_table_without_contract_is_refused(connection: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(KeyError, match="films"):
        replace_tables(connection, {"films": movies(1)})
    assert connection.execute("show tables").fetchall() == []


def test_arrays_and_frames_are_the_query_s_columns(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path / "made" / "here")
    with warehouse.connect("mine") as connection:
        replace_tables(connection, {"movies": movies(2, 1)})
    sql = "select movie_id, title from movies order by movie_id"
    arrays = warehouse.arrays("mine", sql)
    assert arrays["movie_id"].tolist() == [1, 2]
    assert type(arrays["movie_id"]) is np.ndarray
    assert warehouse.frame("mine", sql)["title"].tolist() == arrays["title"].tolist()
    assert warehouse.path("mine") == tmp_path / "made" / "here" / "mine.duckdb"


def test_a_table_s_facts_are_its_size_and_first_rows(connection: duckdb.DuckDBPyConnection) -> None:
    replace_tables(connection, {"movies": movies(*range(1, 9))})
    facts = describe_table(connection, "movies", n_preview=3)
    assert facts.n_rows == 8
    assert len(facts.preview) == 3


def test_the_file_is_closed_after_an_error(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path)
    with pytest.raises(RuntimeError, match="in between"), warehouse.connect("mine"):
        raise RuntimeError("in between")
    with holding(warehouse.path("mine")):
        assert warehouse.path("mine").is_file()


HOLD = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1])
print("held", flush=True)
sys.stdin.readline()
"""


@contextmanager
def holding(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that has the file open until a line is written to it."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        try:
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def test_a_file_in_use_is_waited_for_and_then_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOCK_TIMEOUT_S", 0.2)
    with (
        holding(tmp_path / "mine.duckdb") as process,
        pytest.raises(TimeoutError, match=rf"mine\.duckdb is still in use.*{process.pid}"),
    ):
        Warehouse(tmp_path).frame("mine", "select 1")


def test_a_file_released_in_time_opens(tmp_path: Path) -> None:
    with holding(tmp_path / "mine.duckdb") as process:
        release = threading.Timer(0.4, lambda: process.communicate("\n"))
        release.start()
        assert Warehouse(tmp_path).frame("mine", "select 42 as answer")["answer"].tolist() == [42]
        release.join()


def test_a_file_that_is_no_database_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "blockbusters.duckdb").write_bytes(b"no database" * 1000)
    started = time.monotonic()
    with pytest.raises(duckdb.IOException, match="not a valid DuckDB"):
        Warehouse(tmp_path).frame("blockbusters", "select 1")
    assert time.monotonic() - started < module.LOCK_TIMEOUT_S / 2


REPLACE_FOREVER = """
import itertools, sys
from pathlib import Path
from recsys_assets.storage.warehouse import Select, Warehouse, replace_tables

sql = "select range as user_id, {0} as movie_id, 3 as rating, timestamp '2000-01-01' as rated_at from range(50000)"
with Warehouse(Path(sys.argv[1])).connect("mine") as connection:
    for version in itertools.count():
        rows = Select(sql.format(version))
        replace_tables(connection, {"train_ratings": rows, "test_ratings": rows})
        if version == 2:
            print("under way", flush=True)
"""


def test_a_killed_process_leaves_one_whole_version_of_all_tables(tmp_path: Path) -> None:
    rng = random.Random(7)
    warehouse = Warehouse(tmp_path)
    for _ in range(3):
        with subprocess.Popen(
            [sys.executable, "-c", REPLACE_FOREVER, str(tmp_path)], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout
            assert process.stdout.readline() == "under way\n"
            time.sleep(rng.uniform(0, 0.2))
            process.kill()
        versions = "select movie_id, count(*) as n from {} group by 1"
        with warehouse.connect("mine") as connection:
            train, test = (
                connection.execute(versions.format(name)).fetchall()
                for name in ("train_ratings", "test_ratings")
            )
        assert train == test == [(train[0][0], 50_000)]
        assert train[0][0] >= 2
