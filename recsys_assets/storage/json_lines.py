"""Logs as lines of JSON: only ever added to, and whole however a writer ends."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

__all__ = ["append_line", "read_lines"]


def append_line(path: Path, record: Mapping[str, Any]) -> None:
    """Append one record, onto the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # A line that a killed process cut short would swallow this one.
    start = "" if _ends_well(path) else "\n"
    with path.open("a", encoding="utf-8") as file:
        file.write(start + json.dumps(record, allow_nan=False) + "\n")
        file.flush()
        os.fsync(file.fileno())


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """All records, oldest first; a line that a killed process cut short is left out, and so is a missing file."""
    # Bytes: a line may have been cut within a character, and only a line feed ends one.
    for line in path.read_bytes().split(b"\n") if path.exists() else ():
        try:
            record = json.loads(line)
        except (json.JSONDecodeError, UnicodeDecodeError):
            continue
        yield record


def _ends_well(path: Path) -> bool:
    if not path.exists() or not path.stat().st_size:
        return True
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read() == b"\n"
