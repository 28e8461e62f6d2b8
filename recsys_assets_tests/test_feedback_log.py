"""Feedback is on the disk before it is acknowledged, counts once, reaches the inbox, and can be forgotten."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from recsys_assets.storage.feedback import (
    DAYS_REMEMBERED,
    EVENTS_HEADER,
    FeedbackEvent,
    FeedbackLog,
    UserForgottenError,
)
from recsys_assets.storage.forgetting import Forgotten
from recsys_assets.storage.inbox import Inbox

NOW = dt.datetime(2026, 3, 1, 12, 0, 0, tzinfo=dt.UTC)


@pytest.fixture
def log(tmp_path: Path) -> FeedbackLog:
    return FeedbackLog(tmp_path, "mine")


def rated(user_id: int, movie_id: int, stars: float) -> FeedbackEvent:
    return FeedbackEvent(uuid.uuid4(), user_id, movie_id, "rated", stars)


def lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def test_an_event_is_a_line_of_its_day(log):
    event = FeedbackEvent(uuid.UUID(int=7), 42, 5, "shown", None, "t-1", "als", "mine-000003")
    assert log.record(event, NOW)
    (path,) = log.files()
    assert path == log.data / "feedback" / "mine" / "events-2026-03-01.csv"
    assert lines(path) == [
        EVENTS_HEADER,
        "42,5,shown,,t-1,als,mine-000003,00000000-0000-0000-0000-000000000007,2026-03-01 12:00:00",
    ]
    assert log.record(rated(42, 5, 4.5), NOW + dt.timedelta(days=1))
    assert [one.name for one in log.files()] == [
        "events-2026-03-01.csv",
        "events-2026-03-02.csv",
        ".feedback.csv",
    ]


def test_the_same_id_counts_once_also_for_another_process_and_after_a_restart(log, tmp_path):
    event = rated(1, 2, 4.0)
    other = FeedbackLog(tmp_path, "mine")
    assert log.record(event, NOW)
    before = [lines(path) for path in log.files()]
    assert not log.record(event, NOW)
    assert not other.record(event, NOW + dt.timedelta(hours=1))
    assert not FeedbackLog(tmp_path, "mine").record(event, NOW + dt.timedelta(days=1))
    assert [lines(path) for path in log.files()] == before
    assert other.record(rated(1, 2, 4.0), NOW)


def test_delivered_ratings_are_a_file_that_the_inbox_takes(log, catalogue):
    assert log.deliver() is None
    for movie, stars in ((1, 4.5), (2, 0.5), (1, 3.0)):
        log.record(rated(10, movie, stars), NOW)
    box = Inbox(log.data, "mine")
    assert box.pending() == []  # what waits is hidden
    path = log.deliver()
    assert path is not None and box.pending() == [path]
    second = int(NOW.timestamp())
    assert lines(path) == ["userId,movieId,rating,timestamp", f"10,1,3,{second}", f"10,2,0.5,{second}"]
    assert [(one.status, one.n_rows) for one in box.take_in(catalogue)] == [("appended", 2)]
    assert log.deliver() is None


def test_ratings_delivered_twice_change_nothing(log, catalogue):
    log.record(rated(10, 1, 4.5), NOW)
    waiting = log.waiting.read_bytes()
    first = log.deliver()
    log.waiting.write_bytes(waiting)  # as if it had been cut off before it could remove them
    second = log.deliver()
    assert first is not None and second is not None and first.read_bytes() == second.read_bytes()
    assert [one.status for one in Inbox(log.data, "mine").take_in(catalogue)] == [
        "appended",
        "already appended",
    ]


@pytest.mark.parametrize("torn", ["7,3,rat", "7,3,rated,4,,,,0000", "7"])
def test_a_line_that_a_killed_writer_left_half_is_cut_off(log, torn):
    log.record(rated(1, 1, 4.0), NOW)
    events, waiting = log.files()
    for path in (events, waiting):
        with path.open("a") as file:
            file.write(torn)
    event = rated(2, 2, 5.0)
    assert FeedbackLog(log.data, "mine").record(event, NOW)
    assert len(lines(events)) == len(lines(waiting)) == 3
    assert not any(line.startswith("7") for path in (events, waiting) for line in lines(path))


def test_a_torn_rating_is_not_delivered(log):
    log.record(rated(1, 1, 4.0), NOW)
    with log.waiting.open("a") as file:
        file.write("2,2,5,176")
    path = log.deliver()
    assert path is not None and len(lines(path)) == 2


def test_who_was_cut_off_between_rating_and_event_sends_both_again_and_one_is_delivered(log, monkeypatch):
    event = rated(1, 1, 4.0)
    from recsys_assets.storage import feedback as module

    append = module._append

    def failing(path: Path, header: str, line: str) -> None:
        if path != log.waiting:
            raise OSError("no space left")
        append(path, header, line)

    with monkeypatch.context() as patch:
        patch.setattr(module, "_append", failing)
        with pytest.raises(OSError, match="no space left"):
            log.record(event, NOW)
    assert log.record(event, NOW + dt.timedelta(seconds=5))
    path = log.deliver()
    assert path is not None
    assert lines(path)[1:] == [f"1,1,4,{int(NOW.timestamp()) + 5}"]


WRITER = """
import datetime as dt, sys, uuid
from pathlib import Path
from recsys_assets.storage.feedback import FeedbackEvent, FeedbackLog

log = FeedbackLog(Path(sys.argv[1]), "mine")
for number in range(int(sys.argv[2]), int(sys.argv[3])):
    event = FeedbackEvent(uuid.UUID(int=number), number, 1, "rated", 4.0)
    if log.record(event, dt.datetime.now(dt.UTC)):
        print(number, flush=True)
"""


def writer(data: Path, first: int, last: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(data), str(first), str(last)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_what_was_acknowledged_before_a_kill_is_there(log):
    process = writer(log.data, 0, 100_000)
    assert process.stdout is not None
    acknowledged = [int(process.stdout.readline()) for _ in range(60)]
    process.kill()
    acknowledged += [int(line) for line in process.stdout.read().splitlines() if line]
    process.wait()
    process.stdout.close()
    stored = {line.split(",")[0] for path in log.files() for line in lines(path)[1:]}
    assert {str(number) for number in acknowledged} <= stored
    path = log.deliver()
    assert path is not None
    delivered = [int(line.split(",")[0]) for line in lines(path)[1:]]
    assert set(acknowledged) <= set(delivered) and len(delivered) == len(set(delivered))


def test_two_processes_that_record_the_same_ids_record_each_once(log):
    processes = [writer(log.data, 0, 120) for _ in range(2)]
    acknowledged = [
        int(line) for process in processes for line in process.communicate()[0].splitlines() if line
    ]
    assert [process.returncode for process in processes] == [0, 0]
    assert sorted(acknowledged) == list(range(120))
    ids = [line.split(",")[-2] for path in log.files()[:-1] for line in lines(path)[1:]]
    assert len(ids) == len(set(ids)) == 120


def test_a_forgotten_user_is_in_no_file_and_others_are_counted_on(log):
    kept = rated(2, 1, 3.0)
    for event in (rated(1, 1, 4.0), kept, rated(1, 2, 4.0)):
        log.record(event, NOW)
    state = log.state()
    log.forget({1})
    assert log.state() != state
    assert [line.split(",")[0] for path in log.files() for line in lines(path)] == ["userId", "2"] * 2
    assert not log.record(kept, NOW)
    assert log.record(rated(3, 1, 3.0), NOW)
    assert [line.split(",")[0] for line in lines(log.files()[0])] == ["userId", "2", "3"]


def test_a_forgotten_user_is_not_recorded_again(log):
    log.record(rated(1, 1, 4.0), NOW)
    Forgotten(log.data, "mine").add(1)
    log.forget({1})
    with pytest.raises(UserForgottenError, match="user 1 of mine was forgotten"):
        log.record(rated(1, 1, 4.0), NOW)
    assert [line.split(",")[0] for path in log.files() for line in lines(path)] == ["userId", "userId"]
    assert log.deliver() is None


def test_ids_are_remembered_over_so_many_days(log):
    event = rated(1, 1, 4.0)
    log.record(event, NOW)
    for day in range(1, DAYS_REMEMBERED):
        log.record(rated(2, 1, 4.0), NOW + dt.timedelta(days=day))
    assert not log.record(event, NOW + dt.timedelta(days=DAYS_REMEMBERED))
    log.record(rated(2, 1, 4.0), NOW + dt.timedelta(days=DAYS_REMEMBERED))
    assert log.record(event, NOW + dt.timedelta(days=DAYS_REMEMBERED))


def test_a_log_that_nobody_wrote_to_is_empty_and_stays_so(log):
    log.forget({1})
    assert log.files() == [] and not log.folder.exists()
    assert log.state() == FeedbackLog(log.data, "other").state()


@pytest.fixture(scope="module")
def read_by_duckdb() -> Callable[[Path], list[tuple[object, ...]]]:
    def read(path: Path) -> list[tuple[object, ...]]:
        with duckdb.connect() as connection:
            return connection.execute("from read_csv(?, header = true)", [str(path)]).fetchall()

    return read


def test_events_are_a_table_to_anything_that_reads_csv(log, read_by_duckdb):
    log.record(rated(5, 6, 3.5), NOW)
    ((user_id, movie_id, event, stars, *_),) = read_by_duckdb(log.files()[0])
    assert (user_id, movie_id, event, stars) == (5, 6, "rated", 3.5)
