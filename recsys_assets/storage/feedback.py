"""What users of the server did: each event once, on the disk before it is acknowledged, and their ratings in the inbox.

``<data>/feedback/<dataset>/events-<day>.csv`` has a line an event and is only ever appended to; ``shown`` with a mark
of an experiment is an exposure. Ratings also wait in a hidden file of the data set's inbox, and become a file that the
inbox takes in when the server delivers them. Several processes may write: a lock file orders them.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import re
import threading
import uuid
from collections.abc import Set
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import duckdb
import pandas as pd

from recsys_assets.storage.files import locked, sync_folder, write_atomically
from recsys_assets.storage.forgetting import Forgotten, drop_lines

__all__ = ["DAYS_REMEMBERED", "EVENTS_HEADER", "FeedbackEvent", "FeedbackLog", "UserForgottenError"]

EVENTS_HEADER: Final = "userId,movieId,event,rating,experiment,variant,modelVersion,feedbackId,at"
RATINGS_HEADER: Final = "userId,movieId,rating,timestamp"
DAYS_REMEMBERED: Final = 7
"""A feedback id that comes again within so many daily files is known."""
_NO_EVENTS = (
    "select " + ", ".join(f"null::varchar as {name}" for name in EVENTS_HEADER.split(",")) + " limit 0"
)
_OUTCOMES = """
    with marked as (
        select experiment, variant, "userId"::bigint as user_id, event, try_cast(rating as double) >= ? as liked
        from {source} where coalesce(experiment, '') <> ''
    ), users as (
        select experiment, variant, user_id,
               coalesce(bool_or(event in ('opened', 'played') or liked), false) as engaged,
               count(*) filter (event <> 'shown') as n_events, bool_or(event = 'shown') as shown
        from marked group by all
    )
    select experiment, variant, user_id, engaged, n_events from users
    where shown and (experiment, user_id) in (
        select (experiment, user_id) from users group by experiment, user_id having count(*) = 1
    )
    order by all
"""
_EVENTS = re.compile(r"events-\d{4}-\d\d-\d\d\.csv")


class UserForgottenError(LookupError):
    """The user was forgotten, and is not to be recorded again."""


@dataclass(frozen=True)
class FeedbackEvent:
    """One thing that a user did with a movie.

    Attributes
    ----------
    event : rated, shown, opened, played or dismissed
    rating : stars, of what is rated
    experiment, variant, model_version : what led to it, if that is known; else empty
    """

    feedback_id: uuid.UUID
    user_id: int
    movie_id: int
    event: str
    rating: float | None = None
    experiment: str = ""
    variant: str = ""
    model_version: str = ""


@dataclass
class FeedbackLog:
    """The feedback on one data set."""

    data: Path
    dataset: str
    _ids: dict[str, _Ids] = field(default_factory=dict, repr=False)
    _turn: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def folder(self) -> Path:
        return self.data / "feedback" / self.dataset

    @property
    def waiting(self) -> Path:
        """Ratings that are not delivered yet; hidden, so that the inbox doesn't count it."""
        return self.data / "inbox" / self.dataset / ".feedback.csv"

    def record(self, event: FeedbackEvent, at: dt.datetime) -> bool:
        """Write an event onto the disk; False, and nothing is written, if its id is known.

        The rating goes first: who was cut off before the event was written was not answered, and sends both again, of
        which the inbox is told once.

        Raises
        ------
        UserForgottenError
            If the user was forgotten.
        """
        with self._turn, self._locked():
            # Who forgets puts the user on the list first and then waits for this lock: nobody comes in between.
            if event.user_id in Forgotten(self.data, self.dataset).ids():
                raise UserForgottenError(f"user {event.user_id} of {self.dataset} was forgotten")
            if self._knows(str(event.feedback_id)):
                return False
            if event.rating is not None:
                rating = f"{event.user_id},{event.movie_id},{event.rating:g},{int(at.timestamp())}"
                _append(self.waiting, RATINGS_HEADER, rating)
            stars = "" if event.rating is None else f"{event.rating:g}"
            line = (
                f"{event.user_id},{event.movie_id},{event.event},{stars},{event.experiment},{event.variant},"
                f"{event.model_version},{event.feedback_id},{at.astimezone(dt.UTC):%Y-%m-%d %H:%M:%S}"
            )
            _append(self.folder / f"events-{at.astimezone(dt.UTC):%Y-%m-%d}.csv", EVENTS_HEADER, line)
            return True

    def deliver(self) -> Path | None:
        """Give the ratings that wait to the inbox as one file, the latest of a user and movie alone; None if none wait.

        Cut off in between it delivers the same ratings again, which changes nothing.
        """
        if not self.waiting.exists():
            return None
        with self._turn, self._locked():
            lines = _whole_lines(self.waiting)[1:]
            if not lines:
                return None
            latest = {tuple(line.split(",")[:2]): line for line in lines}
            now = dt.datetime.now(dt.UTC)
            path = self.waiting.with_name(f"feedback-{now:%Y%m%dT%H%M%S%f}.csv")
            write_atomically(path, "\n".join([RATINGS_HEADER, *latest.values(), ""]))
            self.waiting.unlink()
            sync_folder(self.waiting.parent)
            return path

    def files(self) -> list[Path]:
        """The files of events, oldest first, and the ratings that wait."""
        waiting = [self.waiting] if self.waiting.exists() else []
        return [*self._events(), *waiting]

    def state(self) -> str:
        """Digest of what was recorded: it changes with any event."""
        facts = [(path.name, path.stat().st_size) for path in self._events()]
        return hashlib.blake2b(repr(facts).encode(), digest_size=8).hexdigest()

    def outcomes(self, *, like_rating: float) -> pd.DataFrame:
        """What users did who were shown a variant of an experiment: one row an experiment, variant and user.

        Columns experiment, variant, user_id, engaged (opened, played, or rated with at least ``like_rating`` stars),
        n_events (exposures aside). Who was shown several variants of one experiment is in none of them.
        """
        files = [str(path) for path in self._events()]
        with duckdb.connect() as connection:
            source = "read_csv(?, header = true, all_varchar = true)" if files else f"({_NO_EVENTS})"
            return connection.execute(
                _OUTCOMES.format(source=source), [like_rating, *([files] if files else [])]
            ).df()

    def forget(self, user_ids: Set[int]) -> None:
        """Take the lines about these users out of all files."""
        if not self.files():
            return
        with self._turn, self._locked():
            for path in self.files():
                drop_lines(path, user_ids)

    def _locked(self) -> AbstractContextManager[None]:
        return locked(self.folder / ".lock")

    def _events(self) -> list[Path]:
        if not self.folder.is_dir():
            return []
        return sorted(path for path in self.folder.iterdir() if _EVENTS.fullmatch(path.name))

    def _knows(self, feedback_id: str) -> bool:
        """Whether one of the last daily files has the id, whichever process wrote it."""
        recent = self._events()[-DAYS_REMEMBERED:]
        self._ids = {path.name: self._ids.get(path.name, _Ids()) for path in recent}
        for path in recent:
            self._ids[path.name].read_on(path)
        return any(feedback_id in one.known for one in self._ids.values())


@dataclass
class _Ids:
    """The ids of one daily file, as far as it was read."""

    known: set[str] = field(default_factory=set)
    inode: int = 0
    n_read: int = 0

    def read_on(self, path: Path) -> None:
        found = path.stat()
        if found.st_ino != self.inode:  # who forgets a user replaces the file
            self.known, self.inode, self.n_read = set(), found.st_ino, 0
        if found.st_size > self.n_read:
            with path.open("rb") as file:
                file.seek(self.n_read)
                content = file.read()
            whole = content[: content.rfind(b"\n") + 1]
            self.known.update(line.split(",")[-2] for line in whole.decode().splitlines())
            self.n_read += len(whole)


def _append(path: Path, header: str, line: str) -> None:
    """Add a line to a file, onto the disk; what a killed writer left of one, and nobody was told of, goes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    is_new = not path.exists()
    with path.open("a+b") as file:
        _cut_torn_line(file.fileno())
        started = b"" if os.fstat(file.fileno()).st_size else f"{header}\n".encode()
        file.write(started + f"{line}\n".encode())
        file.flush()
        os.fsync(file.fileno())
    if is_new:
        sync_folder(path.parent)


def _cut_torn_line(descriptor: int) -> None:
    size = os.fstat(descriptor).st_size
    if size and os.pread(descriptor, 1, size - 1) != b"\n":
        content = os.pread(descriptor, size, 0)
        os.ftruncate(descriptor, content.rfind(b"\n") + 1)


def _whole_lines(path: Path) -> list[str]:
    if not path.exists():
        return []
    content = path.read_bytes()
    return content[: content.rfind(b"\n") + 1].decode().splitlines()
