"""Users who are forgotten: the list of them, their lines taken out of files, and a search for what still names them.

``<data>/forgotten/<dataset>.txt`` holds one id a line. It is the one place where the id stays: a source that is not
the project's own may hand the user out again, and whoever reads it must know whom to leave out.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterable, Set
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import duckdb
import numpy as np
import pandas as pd

from recsys_assets.storage.files import locked, write_atomically

__all__ = [
    "Forgotten",
    "archive_names",
    "arrays_name",
    "drop_lines",
    "drop_reasons",
    "mentions",
    "reasons_name",
    "rows_name",
]

# In every layout that names users, the user's id is the first field of a line; a file may start with a mark of UTF-8.
_FIRST_NUMBER = re.compile(rb'[\s"\xef\xbb\xbf]*(\d+)(?![\d.])')
_QUOTED = re.compile(r"'([^']*)'")


@dataclass(frozen=True)
class Forgotten:
    """The users of one data set who are forgotten."""

    data: Path
    dataset: str

    @property
    def path(self) -> Path:
        return self.data / "forgotten" / f"{self.dataset}.txt"

    def ids(self) -> frozenset[int]:
        if not self.path.is_file():
            return frozenset()
        return frozenset(int(line) for line in self.path.read_text(encoding="utf-8").split())

    def add(self, user_id: int) -> None:
        with locked(self.path.with_name(f".{self.dataset}.lock")):
            ids = sorted(self.ids() | {user_id})
            write_atomically(self.path, "".join(f"{one}\n" for one in ids))

    def state(self) -> str:
        """Digest of the list; empty where nobody is forgotten."""
        ids = sorted(self.ids())
        return hashlib.blake2b(repr(ids).encode(), digest_size=8).hexdigest() if ids else ""


def mentions(path: Path, user_ids: Set[int]) -> int:
    """How many of a file's lines are about one of these users: lines whose first field is the id."""
    about = _about(user_ids)
    with path.open("rb") as lines:
        return sum(map(about, lines))


def archive_names(path: Path, files: Collection[str], user_ids: Set[int]) -> bool:
    """Whether one of these files in a zip archive has a line about one of these users.

    What can't be read counts as if it had: nobody can say that it hasn't.
    """
    about = _about(user_ids)
    try:
        with zipfile.ZipFile(path) as archive:
            members = [name for name in archive.namelist() if PurePosixPath(name).name in files]
            return any(any(map(about, archive.open(name))) for name in members)
    except (zipfile.BadZipFile, zlib.error):
        return True


def drop_lines(path: Path, user_ids: Set[int]) -> int:
    """Take the lines about these users out of a file, in one step; return how many there were.

    A file without such lines stays untouched.
    """
    n_dropped = mentions(path, user_ids) if user_ids else 0
    if n_dropped:
        about = _about(user_ids)
        with path.open("rb") as lines:
            _replace(path, (line for line in lines if not about(line)))
    return n_dropped


def drop_reasons(path: Path, user_ids: Set[int]) -> None:
    """Take the rows about these users out of a list of refused lines."""
    reasons = _reasons(path)
    about = _reasons_about(reasons, user_ids)
    if any(about):
        content = io.StringIO()
        reasons[[not one for one in about]].to_csv(content, index=False)
        write_atomically(path, content.getvalue())


def reasons_name(path: Path, user_ids: Set[int]) -> bool:
    """Whether a list of refused lines has rows about one of these users."""
    return any(_reasons_about(_reasons(path), user_ids))


def rows_name(path: Path, user_ids: Set[int]) -> list[str]:
    """The tables of a DuckDB file that name one of these users."""
    with duckdb.connect(str(path), read_only=True) as connection:
        tables = connection.execute(
            "select table_name from duckdb_columns() where column_name = 'user_id' and not internal order by 1"
        ).fetchall()
        return [
            table
            for (table,) in tables
            if connection.execute(
                f'select 1 from "{table}" where list_contains(?::bigint[], user_id) limit 1',
                [sorted(user_ids)],
            ).fetchone()
        ]


def arrays_name(path: Path, user_ids: Set[int]) -> bool:
    """Whether an ``.npz`` file of ids and their arrays names one of these users."""
    with np.load(path, allow_pickle=False) as stored:
        named = (stored[name] for name in stored.files if name.endswith("user_ids"))
        return any(np.isin(ids, list(user_ids)).any() for ids in named)


def _about(user_ids: Set[int]) -> Callable[[bytes], bool]:
    names = {str(user_id).encode() for user_id in user_ids}

    def about(line: bytes) -> bool:
        found = _FIRST_NUMBER.match(line)
        return found is not None and (found[1].lstrip(b"0") or b"0") in names

    return about


def _reasons(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def _reasons_about(reasons: pd.DataFrame, user_ids: Set[int]) -> list[bool]:
    """Of each row, whether the refused line, in ``text`` or quoted in ``reason``, is about one of these users."""
    about = _about(user_ids)
    lines = ([text, *_QUOTED.findall(reason)] for text, reason in reasons[["text", "reason"]].to_numpy())
    return [any(about(line.encode()) for line in found) for found in lines]


def _replace(path: Path, lines: Iterable[bytes]) -> None:
    staging = path.with_name(f".staging-{os.getpid()}-{path.name}")
    with staging.open("wb") as file:
        file.writelines(lines)
        file.flush()
        os.fsync(file.fileno())
    staging.replace(path)
