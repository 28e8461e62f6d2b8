"""New ratings as files: each one validated as a whole, appended exactly once, or moved aside with the reasons.

A good file is copied to ``<data>/appended/<dataset>/<digest of its content>-<name>`` and only then removed from the
inbox: after a crash in between, the next look finds the same content appended and just removes the file. The folder of
appended files is the truth; ratings are loaded from the raw files and all of these.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence, Set
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pandas as pd

from recsys_assets.contracts import TABLES
from recsys_assets.storage.archives import sha256_of
from recsys_assets.storage.files import copy_atomically, sweep_staged
from recsys_assets.storage.forgetting import Forgotten, drop_lines, drop_reasons
from recsys_assets.storage.layouts import INBOX_FILE
from recsys_assets.storage.loading import FileToRead, RawFileError, parse_strictly, prepare

__all__ = ["Inbox", "Outcome"]

REASONS_SHOWN = 5
_REASONS = ".reasons.csv"


@dataclass(frozen=True)
class Outcome:
    """What became of one dropped file: ``appended``, ``already appended`` or ``refused``."""

    file: str
    status: str
    n_rows: int
    reason: str


@dataclass(frozen=True)
class Inbox:
    """The inbox of one data set."""

    data: Path
    dataset: str

    @property
    def folder(self) -> Path:
        return self.data / "inbox" / self.dataset

    @property
    def refused_folder(self) -> Path:
        return self.folder / "refused"

    @property
    def appended_folder(self) -> Path:
        return self.data / "appended" / self.dataset

    def pending(self) -> list[Path]:
        """The dropped files, by name. Hidden files are still being written and don't count."""
        return _visible_files(self.folder)

    def pending_state(self) -> str:
        """Digest of the dropped files' names, sizes and times: it changes with any of them."""
        facts = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in self.pending()]
        return hashlib.blake2b(repr(facts).encode(), digest_size=8).hexdigest()

    def appended(self) -> list[FileToRead]:
        """The files that count, by digest of their content."""
        paths = _visible_files(self.appended_folder)
        return [FileToRead(path, path.name.split("-", 1)[1], trusted=False, raw=INBOX_FILE) for path in paths]

    def state(self) -> str:
        """Digest of the set of appended files: it names their contents."""
        names = "\n".join(path.name for path in _visible_files(self.appended_folder))
        return hashlib.blake2b(names.encode(), digest_size=16).hexdigest()

    def take_in(self, connection: duckdb.DuckDBPyConnection) -> list[Outcome]:
        """Validate and append each pending file, or move it aside with its reasons.

        A file is taken whole or not at all, so that a mended copy of it can be dropped again. The connection must hold
        the table ``movies``.
        """
        # Runs on one data set take turns: what is still staged was left by a killed one.
        sweep_staged(self.appended_folder)
        forgotten = Forgotten(self.data, self.dataset).ids()
        kept = [path for path in self.pending() if _keeps_rows(path, forgotten)]
        return [self._take(connection, path) for path in kept]

    def with_ratings(self) -> list[Path]:
        """All files of ratings: waiting, refused and appended."""
        refused = [path for path in _visible_files(self.refused_folder) if not path.name.endswith(_REASONS)]
        return [*self.pending(), *refused, *_visible_files(self.appended_folder)]

    def reasons(self) -> list[Path]:
        """The lists of refused lines."""
        return sorted(self.refused_folder.glob(f"*{_REASONS}"))

    def forget(self, user_ids: Set[int]) -> None:
        """Take the lines about these users out of all files; one that holds no others goes."""
        for path in self.with_ratings():
            if _keeps_rows(path, user_ids) and path.parent == self.appended_folder:
                path.rename(path.with_name(f"{_digest(path)}-{path.name.split('-', 1)[1]}"))
        for path in self.reasons():
            drop_reasons(path, user_ids)

    def _take(self, connection: duckdb.DuckDBPyConnection, path: Path) -> Outcome:
        digest = _digest(path)
        if any(self.appended_folder.glob(f"{digest}-*.csv")):
            path.unlink()
            return Outcome(
                path.name, "already appended", 0, "a file with the same content was appended before"
            )
        try:
            reasons = self._faults(connection, path)
        except RawFileError as error:
            reasons = pd.DataFrame({"line": [1], "reason": [str(error)], "text": [""]})
        if len(reasons):
            return self._refuse(path, reasons)
        copy_atomically(path, self.appended_folder / f"{digest}-{path.name}")
        path.unlink()
        (n_rows,) = connection.execute("select count(*) from temp.parsed").fetchone() or (0,)
        return Outcome(path.name, "appended", int(n_rows), "")

    def _faults(self, connection: duckdb.DuckDBPyConnection, path: Path) -> pd.DataFrame:
        prepare(connection, TABLES["ratings"])
        parse_strictly(connection, FileToRead(path, path.name, trusted=False, raw=INBOX_FILE), 0)
        return connection.execute("select line, reason, text from temp.refused order by line").df()

    def _refuse(self, path: Path, reasons: pd.DataFrame) -> Outcome:
        self.refused_folder.mkdir(parents=True, exist_ok=True)
        reasons.to_csv(self.refused_folder / f"{path.name}{_REASONS}", index=False)
        path.replace(self.refused_folder / path.name)
        shown = "; ".join(
            f"line {row.line}: {row.reason}" for row in reasons.head(REASONS_SHOWN).itertuples()
        )
        more = len(reasons) - REASONS_SHOWN
        return Outcome(path.name, "refused", 0, shown + (f"; and {more} more" if more > 0 else ""))


def _visible_files(folder: Path) -> list[Path]:
    # A killed copy leaves a hidden file behind.
    return sorted(path for path in folder.glob("*.csv") if path.is_file() and not path.name.startswith("."))


def _digest(path: Path) -> str:
    return sha256_of(path)[:16]


def _keeps_rows(path: Path, user_ids: Set[int]) -> bool:
    """Take the lines about these users out of a file of ratings; remove it and say False if that leaves none."""
    if not drop_lines(path, user_ids):
        return True
    with path.open("rb") as lines:
        rows = [line for _, line in zip(range(2), lines, strict=False)]
    if len(rows) < 2:
        path.unlink()
    return len(rows) == 2


def outcomes_frame(outcomes: Sequence[Outcome]) -> pd.DataFrame:
    """The outcomes as a table for people."""
    rows = [(o.file, o.status, o.n_rows, o.reason) for o in outcomes]
    return pd.DataFrame(rows, columns=["file", "status", "rows", "reason"])
