"""The stable path always answers with one whole generation, whoever reads and whatever ends the writer."""

from __future__ import annotations

import itertools
import json
import stat
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest

from recsys_assets.contracts import TABLES
from recsys_assets.storage import publishing as module
from recsys_assets.storage.publishing import GENERATIONS_KEPT, Generation, Publisher, published_faults
from recsys_assets.storage.warehouse import Select, TableLike, replace_tables

N_ROWS = 500


def tables(version: int) -> Mapping[str, TableLike]:
    """Two tables whose every row names the version."""
    return {
        "movies": Select(f"select * replace (year + {version} as year) from warehouse.movies"),
        "links": Select(f"select movie_id, null as imdb_id, {version} as tmdb_id from warehouse.movies"),
    }


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("it's a warehouse") / "mine.duckdb"
    sql = f"select range as movie_id, 'M' as title, 1900 as year, [] as genres from range({N_ROWS})"
    with duckdb.connect(str(path)) as connection:
        replace_tables(connection, {"movies": Select(sql)})
    return path


@pytest.fixture
def publisher(tmp_path: Path) -> Publisher:
    return Publisher(tmp_path / "published", "mine")


def publish(publisher: Publisher, warehouse: Path) -> Generation:
    number = publisher.next_number()
    return publisher.make_current(number, publisher.stage(number, warehouse, tables(number)))


def versions(connection: duckdb.DuckDBPyConnection) -> list[int]:
    found = connection.execute(
        "select distinct year - 1900 from movies union select tmdb_id from links"
    ).fetchall()
    return [version for (version,) in found]


def answer(publisher: Publisher) -> list[int]:
    with duckdb.connect(str(publisher.current_path), read_only=True) as connection:
        return versions(connection)


def test_the_stable_path_answers_with_the_newest_generation(publisher: Publisher, warehouse: Path) -> None:
    for number in (1, 2, 3):
        generation = publish(publisher, warehouse)
        assert generation.number == number
        assert generation.path == publisher.folder / "generations" / f"mine-00000{number}.duckdb"
        assert publisher.current_path == publisher.folder / "mine.duckdb"
        assert answer(publisher) == [number]


def test_the_last_generations_are_kept_and_no_other_file(publisher: Publisher, warehouse: Path) -> None:
    for _ in range(GENERATIONS_KEPT + 2):
        publish(publisher, warehouse)
    assert GENERATIONS_KEPT == 3
    assert [generation.number for generation in publisher.generations()] == [3, 4, 5]
    assert sorted(path.name for path in publisher.folder.rglob("*")) == [
        "generations",
        "history",
        "mine-000003.duckdb",
        "mine-000004.duckdb",
        "mine-000005.duckdb",
        "mine.duckdb",
        "mine.jsonl",
    ]


def numbers(publisher: Publisher) -> list[int]:
    return [generation.number for generation in publisher.generations()]


def test_however_many_publications_are_withdrawn_the_good_one_stays_and_answers(
    publisher: Publisher, warehouse: Path
) -> None:
    publish(publisher, warehouse)
    for _ in range(2 * GENERATIONS_KEPT):
        publish(publisher, warehouse)
        assert publisher.roll_back(reason="bad").number == 1
        assert answer(publisher) == [1]
    assert numbers(publisher) == [1, 6, 7]
    for _ in range(GENERATIONS_KEPT):
        publish(publisher, warehouse)
    assert numbers(publisher) == [7, 8, 9, 10]


def test_what_was_gone_back_to_by_hand_outlives_the_next_publication(
    publisher: Publisher, warehouse: Path
) -> None:
    for _ in range(3):
        publish(publisher, warehouse)
    for _ in range(2):
        publisher.roll_back(reason="asked for")
    assert publish(publisher, warehouse).number == 4
    assert numbers(publisher) == [1, 3, 4]
    assert publisher.roll_back(reason="bad").number == 1


def test_of_generations_that_stayed_though_withdrawn_the_last_is_kept(
    publisher: Publisher, warehouse: Path
) -> None:
    publish(publisher, warehouse)
    publisher.history.add("withdrawn", 1)
    publish(publisher, warehouse)
    publisher.history.add("withdrawn", 2)
    assert numbers(publisher) == [1, 2]
    publish(publisher, warehouse)
    assert numbers(publisher) == [2, 3]


@pytest.mark.parametrize("file", ["path", "learned"])
def test_an_older_generation_that_cannot_be_read_goes_where_users_are_forgotten(
    publisher: Publisher, warehouse: Path, file: str
) -> None:
    for _ in range(3):
        publish(publisher, warehouse)
    damaged: Path = getattr(publisher.generations()[1], file)
    damaged.unlink(missing_ok=True)
    damaged.write_bytes(b"")
    publisher.forget(frozenset())
    assert numbers(publisher) == [1, 2, 3]
    publisher.forget({7})
    assert numbers(publisher) == [1, 3]
    last = publisher.history.events()[-1]
    assert (last.happened, last.generation) == ("removed", 2)
    assert last.reason.startswith("it can't be read")
    assert not damaged.exists()


def test_the_link_moves_with_its_folder(publisher: Publisher, warehouse: Path, tmp_path: Path) -> None:
    publish(publisher, warehouse)
    moved = Publisher(publisher.folder.rename(tmp_path / "moved"), "mine")
    assert answer(moved) == [1]


def test_an_older_generation_can_be_made_current_again(publisher: Publisher, warehouse: Path) -> None:
    for _ in range(3):
        publish(publisher, warehouse)
    publisher.point_at(publisher.generations()[0])
    assert answer(publisher) == [1]
    assert publish(publisher, warehouse).number == 4
    assert answer(publisher) == [4]


def test_numbers_go_on_after_a_restart_and_do_not_mix_with_other_data_sets(
    publisher: Publisher, warehouse: Path
) -> None:
    for _ in range(5):
        publish(publisher, warehouse)
    others = [Publisher(publisher.folder, name) for name in ("min", "mine-2", "m.ne")]
    assert [other.next_number() for other in others] == [1, 1, 1]
    publish(others[1], warehouse)
    assert Publisher(publisher.folder, "mine").next_number() == 6
    assert (answer(publisher), answer(others[1])) == ([5], [1])


def test_an_open_reader_keeps_its_generation_while_others_come_and_its_file_goes(
    publisher: Publisher, warehouse: Path
) -> None:
    publish(publisher, warehouse)
    with duckdb.connect(str(publisher.current_path), read_only=True) as reader:
        for number in range(2, GENERATIONS_KEPT + 3):
            publish(publisher, warehouse)
            assert versions(reader) == [1]
            assert answer(publisher) == [number]
        assert publisher.generations()[0].number > 1


def test_an_open_reader_does_not_hold_up_the_writer_s_warehouse(
    publisher: Publisher, warehouse: Path
) -> None:
    publish(publisher, warehouse)
    with (
        duckdb.connect(str(publisher.current_path), read_only=True),
        duckdb.connect(str(warehouse)) as writer,
    ):
        writer.execute("create or replace table scratch as select 1 as one")


def test_a_generation_is_read_only_and_needs_nothing_beside_it(publisher: Publisher, warehouse: Path) -> None:
    generation = publish(publisher, warehouse)
    assert stat.S_IMODE(generation.path.stat().st_mode) == 0o444
    assert not list(publisher.folder.rglob("*.wal"))
    with (
        duckdb.connect(str(publisher.current_path), read_only=True) as connection,
        pytest.raises(duckdb.Error, match="read-only"),
    ):
        connection.execute("drop table movies")


def test_a_generation_carries_the_contracts_comments(publisher: Publisher, warehouse: Path) -> None:
    publish(publisher, warehouse)
    with duckdb.connect(str(publisher.current_path), read_only=True) as connection:
        sql = "select column_name, comment from duckdb_columns() where table_name = 'links'"
        found = dict(connection.execute(sql).fetchall())
    assert found == {column.name: column.comment for column in TABLES["links"].columns}


def test_staging_alone_changes_nothing_for_readers(publisher: Publisher, warehouse: Path) -> None:
    assert not publisher.current_path.exists()
    publisher.stage(1, warehouse, tables(1))
    assert not publisher.current_path.exists()
    publish(publisher, warehouse)
    publisher.stage(2, warehouse, tables(2))
    assert answer(publisher) == [1]
    assert [generation.number for generation in publisher.generations()] == [1]
    assert publisher.next_number() == 2


def test_frames_are_published_beside_queries(publisher: Publisher, warehouse: Path) -> None:
    frame = pd.DataFrame({"movie_id": [5], "imdb_id": ["0000005"], "tmdb_id": [50]})
    publisher.make_current(1, publisher.stage(1, warehouse, {"links": frame}))
    with duckdb.connect(str(publisher.current_path), read_only=True) as connection:
        assert connection.execute("from links").fetchall() == [(5, "0000005", 50)]


def test_an_error_while_staging_leaves_the_current_generation_and_no_file(
    publisher: Publisher, warehouse: Path
) -> None:
    publish(publisher, warehouse)
    with pytest.raises(duckdb.Error, match="nowhere"):
        publisher.stage(2, warehouse, {**tables(2), "movies": Select("from warehouse.nowhere")})
    assert answer(publisher) == [1]
    assert len(list((publisher.folder / "generations").iterdir())) == 1


class KilledError(BaseException):
    """Stands in for the end of the process."""


@pytest.mark.parametrize(
    ("step", "call", "current"),
    [
        ("chmod", 1, 3),
        ("replace", 1, 3),
        ("unlink", 1, 3),
        ("symlink_to", 1, 3),
        ("replace", 2, 3),
        ("unlink", 2, 4),
    ],
)
def test_a_writer_that_ends_at_any_step_leaves_a_whole_generation_current(
    step: str,
    call: int,
    current: int,
    publisher: Publisher,
    warehouse: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    original, calls = getattr(Path, step), itertools.count(1)

    def kill(*arguments: Any, **options: Any) -> Any:
        if next(calls) == call:
            raise KilledError
        return original(*arguments, **options)

    for _ in range(GENERATIONS_KEPT):
        publish(publisher, warehouse)
    staging = publisher.stage(4, warehouse, tables(4))
    with monkeypatch.context() as patched, pytest.raises(KilledError):
        patched.setattr(Path, step, kill)
        publisher.make_current(4, staging)
    assert answer(publisher) == [current]
    restarted = publish(publisher, warehouse)
    assert answer(publisher) == [restarted.number]
    assert len(publisher.generations()) == GENERATIONS_KEPT


def test_a_killed_writer_s_half_written_file_is_in_nobody_s_way(
    publisher: Publisher, warehouse: Path
) -> None:
    staged = publisher.stage(1, warehouse, tables(1))
    half = staged.read_bytes()[: 4096 * 5]
    staged.write_bytes(half)
    Path(f"{staged}.wal").write_bytes(b"cut")
    with pytest.raises(duckdb.Error):
        duckdb.connect(str(staged), read_only=True)
    publish(publisher, warehouse)
    assert answer(publisher) == [1]


def test_a_write_ahead_log_beside_the_staged_file_is_not_published(
    publisher: Publisher, warehouse: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def leave_a_log(path: Path, *_: object) -> None:
        for name in (path, f"{path}.wal"):
            Path(name).touch()

    monkeypatch.setattr(module, "_fill", leave_a_log)
    with pytest.raises(RuntimeError, match="write-ahead log"):
        publisher.stage(1, warehouse, tables(1))


def test_a_whole_generation_has_no_faults(publisher: Publisher, warehouse: Path) -> None:
    publish(publisher, warehouse)
    assert published_faults(publisher.current_path, ["movies", "links"]) == []


def test_every_fault_of_a_generation_is_listed(tmp_path: Path) -> None:
    path = tmp_path / "faulty.duckdb"
    with duckdb.connect(str(path)) as connection:
        empty = {
            name: pd.DataFrame(columns=TABLES[name].column_names) for name in ("movies", "links", "gates")
        }
        replace_tables(connection, empty)
        connection.execute("alter table gates rename column passed to ok")
        connection.execute("insert into gates values ('g', 1, '>=', 0, true, 1, 'd')")
        connection.execute("comment on column movies.year is null")
    missing, columns, rows, comment = published_faults(path, ["cold_start", "gates", "movies", "links"])
    assert missing.startswith("cold_start has the columns [], not [('rank', 'INTEGER')")
    assert columns.startswith("gates has the columns")
    assert rows == "movies has no rows"
    assert comment == "movies.year has no comment"


READ_FOREVER = """
import json, pathlib, sys
import duckdb

seen, path, stop = [], sys.argv[1], pathlib.Path(sys.argv[2])
print("reading", flush=True)
while not stop.exists():
    with duckdb.connect(path, read_only=True) as connection:
        sql = "select {0}, count(*) from {1} group by all"
        answers = [connection.execute(sql.format(*what)).fetchall()
                   for what in (("year - 1900", "movies"), ("tmdb_id", "links"))]
    seen.append(answers)
print(json.dumps(seen))
"""


def test_readers_meet_no_error_and_no_mixture_while_generations_come_and_go(
    publisher: Publisher, warehouse: Path, tmp_path: Path
) -> None:
    publish(publisher, warehouse)
    stop = tmp_path / "stop"
    command = [sys.executable, "-c", READ_FOREVER, str(publisher.current_path), str(stop)]
    readers = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)
    ]
    for reader in readers:
        assert reader.stdout
        assert reader.stdout.readline() == "reading\n"
    try:
        for _ in range(30):
            publish(publisher, warehouse)
    finally:
        stop.touch()
    for reader in readers:
        output, errors = reader.communicate(timeout=60)
        assert (reader.returncode, errors) == (0, "")
        seen = json.loads(output)
        assert all(movies == links == [[movies[0][0], N_ROWS]] for movies, links in seen)
        numbers = [movies[0][0] for movies, _ in seen]
        assert numbers == sorted(numbers)
        assert len(set(numbers)) > 3


def test_what_a_killed_run_left_staged_is_swept_and_other_data_sets_keep_theirs(tmp_path: Path) -> None:
    publisher = Publisher(tmp_path / "published", "mini")
    generations = tmp_path / "published" / "generations"
    generations.mkdir(parents=True)
    left = generations / ".staging-99999-mini-4.duckdb"
    others = generations / ".staging-99999-other-mini-4.duckdb"
    for path in (left, others):
        path.write_bytes(b"half a file")
    warehouse = tmp_path / "warehouse.duckdb"
    duckdb.connect(str(warehouse)).close()
    publisher.stage(1, warehouse, {})
    assert not left.exists()
    assert others.exists()
