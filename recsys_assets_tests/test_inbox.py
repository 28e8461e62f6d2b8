"""A dropped file counts exactly once, whole, or stands aside with its reasons."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from recsys_assets.storage.inbox import REASONS_SHOWN, Inbox, Outcome, outcomes_frame
from recsys_assets.storage.layouts import INBOX_FILE
from recsys_assets.storage.loading import FileToRead, load_table

HEADER = "userId,movieId,rating,timestamp\n"
GOOD = HEADER + "1,2,3.0,1000000000\n1,3,4.0,1000000001\n"


@pytest.fixture
def inbox(tmp_path: Path) -> Inbox:
    inbox = Inbox(tmp_path, "mine")
    inbox.folder.mkdir(parents=True)
    return inbox


def drop(inbox: Inbox, name: str, content: str | bytes = GOOD) -> Path:
    path = inbox.folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def appended_ratings(connection: duckdb.DuckDBPyConnection, inbox: Inbox) -> list[tuple[object, ...]]:
    tables = load_table(connection, "ratings", inbox.appended())
    return connection.execute(f"select user_id, movie_id, rating from ({tables['ratings'].sql})").fetchall()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def test_a_good_file_is_appended_and_leaves_the_inbox(
    inbox: Inbox, catalogue: duckdb.DuckDBPyConnection
) -> None:
    path = drop(inbox, "new.csv")
    assert inbox.take_in(catalogue) == [Outcome("new.csv", "appended", 2, "")]
    assert not path.exists()
    assert [file.name for file in inbox.appended()] == ["new.csv"]
    assert [file.path.read_text() for file in inbox.appended()] == [GOOD]
    assert appended_ratings(catalogue, inbox) == [(1, 2, 3.0), (1, 3, 4.0)]


def test_appended_files_are_read_strictly_again(inbox: Inbox, catalogue: duckdb.DuckDBPyConnection) -> None:
    drop(inbox, "new.csv")
    inbox.take_in(catalogue)
    assert [file.trusted for file in inbox.appended()] == [False]


def test_an_empty_or_missing_inbox_has_no_outcomes(
    inbox: Inbox, tmp_path: Path, catalogue: duckdb.DuckDBPyConnection
) -> None:
    assert inbox.take_in(catalogue) == []
    missing = Inbox(tmp_path, "other")
    assert (missing.take_in(catalogue), missing.appended(), missing.pending()) == ([], [], [])


def test_the_same_content_counts_once_under_any_name(
    inbox: Inbox, catalogue: duckdb.DuckDBPyConnection
) -> None:
    drop(inbox, "a.csv")
    drop(inbox, "b.csv")
    assert [outcome.status for outcome in inbox.take_in(catalogue)] == ["appended", "already appended"]
    drop(inbox, "c.csv")
    assert [outcome.status for outcome in inbox.take_in(catalogue)] == ["already appended"]
    assert (inbox.pending(), len(inbox.appended())) == ([], 1)


def test_other_content_under_the_same_name_counts_too(
    inbox: Inbox, catalogue: duckdb.DuckDBPyConnection
) -> None:
    for user in (5, 6):
        drop(inbox, "daily.csv", f"{HEADER}{user},2,3.0,1000000000\n")
        assert [outcome.status for outcome in inbox.take_in(catalogue)] == ["appended"]
    assert appended_ratings(catalogue, inbox) == [(5, 2, 3.0), (6, 2, 3.0)]


def test_one_bad_row_refuses_the_file_with_line_and_reason(
    inbox: Inbox, catalogue: duckdb.DuckDBPyConnection
) -> None:
    content = GOOD + "1,4,7.5,1000000002\n1,5,3.0,1000000003\n1,66,3.0,1000000004\n"
    drop(inbox, "bad.csv", content)
    (outcome,) = inbox.take_in(catalogue)
    assert outcome == Outcome(
        "bad.csv",
        "refused",
        0,
        "line 4: rating is outside 0.5 – 5.0; line 6: movie_id is not in movies",
    )
    assert (inbox.pending(), inbox.appended()) == ([], [])
    assert (inbox.refused_folder / "bad.csv").read_text() == content
    reasons = pd.read_csv(inbox.refused_folder / "bad.csv.reasons.csv")
    assert reasons.to_dict("list") == {
        "line": [4, 6],
        "reason": ["rating is outside 0.5 – 5.0", "movie_id is not in movies"],
        "text": ["1,4,7.5,1000000002", "1,66,3.0,1000000004"],
    }


def test_a_mended_copy_of_a_refused_file_is_appended(
    inbox: Inbox, catalogue: duckdb.DuckDBPyConnection
) -> None:
    drop(inbox, "a.csv", GOOD + "1,4,7.5,1000000002\n")
    inbox.take_in(catalogue)
    drop(inbox, "a.csv", GOOD + "1,4,4.5,1000000002\n")
    assert inbox.take_in(catalogue) == [Outcome("a.csv", "appended", 3, "")]


def test_of_many_reasons_the_first_are_shown_and_all_are_written(
    inbox: Inbox, catalogue: duckdb.DuckDBPyConnection
) -> None:
    drop(inbox, "bad.csv", HEADER + "x\n" * 12)
    (outcome,) = inbox.take_in(catalogue)
    assert outcome.reason.count("malformed") == REASONS_SHOWN
    assert outcome.reason.endswith(f"; and {12 - REASONS_SHOWN} more")
    assert len(pd.read_csv(inbox.refused_folder / "bad.csv.reasons.csv")) == 12


def test_a_file_cut_off_at_its_end_is_refused(inbox: Inbox, catalogue: duckdb.DuckDBPyConnection) -> None:
    drop(inbox, "cut.csv", GOOD.removesuffix("\n"))
    (outcome,) = inbox.take_in(catalogue)
    assert (outcome.status, outcome.reason[:7]) == ("refused", "line 3:")
    assert inbox.appended() == []


JUNK = {
    "gzip": gzip.compress(GOOD.encode()),
    "HTML": b"<html>",
    "empty": b"",
    "NUL": GOOD.encode() + b"\0",
    "noise": bytes(range(256)) * 50,
    "another table": b"movieId,title,genres\n1,A,Drama\n",
}


@pytest.mark.parametrize("content", JUNK.values(), ids=JUNK.keys())
def test_what_is_no_file_of_ratings_is_refused_and_the_others_go_on(
    content: bytes, inbox: Inbox, catalogue: duckdb.DuckDBPyConnection
) -> None:
    drop(inbox, "1.csv", content)
    drop(inbox, "2.csv")
    junk, good = inbox.take_in(catalogue)
    assert (junk.status, junk.n_rows, junk.reason[:14]) == ("refused", 0, "line 1: 1.csv ")
    assert (good.status, good.n_rows) == ("appended", 2)
    assert names(inbox.refused_folder) == ["1.csv", "1.csv.reasons.csv"]


def test_hidden_files_other_files_and_folders_do_not_count(
    inbox: Inbox, catalogue: duckdb.DuckDBPyConnection
) -> None:
    drop(inbox, ".being-written.csv")
    drop(inbox, "notes.txt")
    (inbox.folder / "folder.csv").mkdir()
    assert inbox.take_in(catalogue) == []
    assert names(inbox.folder) == [".being-written.csv", "folder.csv", "notes.txt"]


@pytest.mark.parametrize("name", ["*.csv", "[ab].csv", 'it\'s "new".csv', "ä ö.csv", "a-b-c.csv"])
def test_any_name_is_one_file(name: str, inbox: Inbox, catalogue: duckdb.DuckDBPyConnection) -> None:
    drop(inbox, "a.csv", HEADER + "9,2,3.0,1000000000\n")
    drop(inbox, name)
    outcomes = {outcome.file: outcome.n_rows for outcome in inbox.take_in(catalogue)}
    assert outcomes == {"a.csv": 1, name: 2}
    assert {file.name for file in inbox.appended()} == {"a.csv", name}


class KilledError(BaseException):
    """Stands in for the end of the process."""


def kill(*_: object, **__: object) -> None:
    raise KilledError


def half_a_copy(source: Path, target: Path) -> None:
    target.write_bytes(source.read_bytes()[:-5])
    raise KilledError


def test_a_crash_between_copy_and_removal_counts_once(
    inbox: Inbox, catalogue: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(inbox, "new.csv")
    with monkeypatch.context() as patched, pytest.raises(KilledError):
        patched.setattr(Path, "unlink", kill)
        inbox.take_in(catalogue)
    assert (len(inbox.pending()), len(inbox.appended())) == (1, 1)
    assert [outcome.status for outcome in inbox.take_in(catalogue)] == ["already appended"]
    assert (inbox.pending(), len(inbox.appended())) == ([], 1)


def test_a_crash_in_the_middle_of_the_copy_counts_once(
    inbox: Inbox, catalogue: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(inbox, "new.csv")
    state = inbox.state()
    with monkeypatch.context() as patched, pytest.raises(KilledError):
        patched.setattr(shutil, "copyfile", half_a_copy)
        inbox.take_in(catalogue)
    assert (len(inbox.pending()), inbox.appended(), inbox.state()) == (1, [], state)
    assert inbox.take_in(catalogue) == [Outcome("new.csv", "appended", 2, "")]
    assert appended_ratings(catalogue, inbox) == [(1, 2, 3.0), (1, 3, 4.0)]


def test_what_a_killed_run_left_half_copied_is_swept(
    inbox: Inbox, catalogue: duckdb.DuckDBPyConnection
) -> None:
    drop(inbox, "new.csv")
    inbox.take_in(catalogue)
    kept = names(inbox.appended_folder)
    (inbox.appended_folder / ".staging-99999-0123456789abcdef-other.csv").write_text(HEADER)
    assert inbox.take_in(catalogue) == []
    assert names(inbox.appended_folder) == kept


def test_the_state_names_what_was_appended_and_nothing_else(
    inbox: Inbox, tmp_path: Path, catalogue: duckdb.DuckDBPyConnection
) -> None:
    states = [inbox.state()]
    drop(inbox, "bad.csv", "nonsense")
    inbox.take_in(catalogue)
    states.append(inbox.state())
    for user in (1, 2):
        drop(inbox, f"{user}.csv", f"{HEADER}{user},2,3.0,1000000000\n")
        inbox.take_in(catalogue)
        states.append(inbox.state())
    assert states[0] == states[1] != states[2] != states[3] != states[1]
    elsewhere = Inbox(tmp_path / "elsewhere", "mine")
    elsewhere.folder.mkdir(parents=True)
    for user in (2, 1):
        drop(elsewhere, f"{user}.csv", f"{HEADER}{user},2,3.0,1000000000\n")
        elsewhere.take_in(catalogue)
    assert elsewhere.state() == states[-1]


def test_what_is_pending_has_a_state_of_its_own(inbox: Inbox) -> None:
    states = [inbox.pending_state()]
    path = drop(inbox, "a.csv")
    states.append(inbox.pending_state())
    path.write_text(GOOD + "1,4,3.0,1000000002\n")
    states.append(inbox.pending_state())
    drop(inbox, ".hidden.csv")
    assert inbox.pending_state() == states[-1]
    path.unlink()
    assert len(set(states)) == 3
    assert inbox.pending_state() == states[0]


@pytest.fixture
def raw_ratings(tmp_path: Path) -> Iterator[FileToRead]:
    path = tmp_path / "ratings.csv"
    path.write_text(GOOD)
    yield FileToRead(path, path.name, trusted=False, raw=INBOX_FILE)


@pytest.mark.parametrize("trusted", [False, True])
def test_a_rating_given_again_supersedes_that_of_the_raw_files(
    trusted: bool, raw_ratings: FileToRead, inbox: Inbox, catalogue: duckdb.DuckDBPyConnection
) -> None:
    raw = replace(raw_ratings, trusted=trusted)
    drop(inbox, "again.csv", HEADER + "1,2,5.0,1000000500\n1,3,1.0,900000000\n1,4,2.0,1000000000\n")
    inbox.take_in(catalogue)
    tables = load_table(catalogue, "ratings", [raw, *inbox.appended()])
    rows = catalogue.execute(f"select movie_id, rating from ({tables['ratings'].sql})").fetchall()
    assert rows == [(2, 5.0), (3, 4.0), (4, 2.0)]
    refused = catalogue.execute(
        f"select file, reason from ({tables['rejected_ratings'].sql}) order by file"
    ).fetchall()
    why = "rated again later: the latest rating counts"
    assert refused == [("again.csv", why), ("ratings.csv", why)]


def test_outcomes_are_a_table_for_people() -> None:
    frame = outcomes_frame([Outcome("a.csv", "appended", 2, ""), Outcome("b.csv", "refused", 0, "line 1: x")])
    assert frame.to_dict("list") == {
        "file": ["a.csv", "b.csv"],
        "status": ["appended", "refused"],
        "rows": [2, 0],
        "reason": ["", "line 1: x"],
    }
    assert list(outcomes_frame([]).columns) == list(frame.columns)
