"""Writes that neither a killed run nor a power cut can leave half done, and locks that end with their process."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["copy_atomically", "is_locked", "locked", "sweep_staged", "sync_folder", "write_atomically"]

_STAGED = ".staging-"


def copy_atomically(source: Path, target: Path) -> None:
    """Copy the file beside the target, onto the disk, then move it over: the source may be removed after this."""
    staging = _beside(target)
    shutil.copyfile(source, staging)
    _move(staging, target)


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write the content beside the file, onto the disk, then move it over: readers see the old file or the new one."""
    staging = _beside(path)
    staging.write_bytes(content.encode() if isinstance(content, str) else content)
    _move(staging, path)


def sweep_staged(folder: Path) -> None:
    """Remove what killed writers left half written in a folder; the caller sees to it that nobody writes there now."""
    for path in folder.glob(f"{_STAGED}*"):
        path.unlink()


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Wait until no other process holds the lock file, and hold it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def is_locked(path: Path) -> bool:
    """Whether a process holds the lock file now."""
    if not path.exists():
        return False
    with path.open("r") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def sync_folder(folder: Path) -> None:
    """Put a folder's entries, such as a rename, onto the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _beside(target: Path) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    return target.with_name(f"{_STAGED}{os.getpid()}-{target.name}")


def _move(staging: Path, target: Path) -> None:
    with staging.open("rb") as file:
        os.fsync(file.fileno())
    staging.replace(target)
    sync_folder(target.parent)
