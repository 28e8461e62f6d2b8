"""The bytes of a download so far, kept where the next try finds them.

Two files stand beside the target: ``<target>.part`` holds the bytes, and ``<target>.part.version`` the
address and the HTTP validator (ETag or Last-Modified) of the version that they belong to. They outlive a
failure or a killed process, so that the next try asks only for the rest.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from recsys_assets.storage.archives import DownloadError

__all__ = ["PartialFile", "partial_file"]


class PartialFile:
    """The bytes received so far, and the version that they belong to."""

    def __init__(self, path: Path, stream: BinaryIO) -> None:
        self.path = path
        self._stream = stream
        self._version = path.with_name(path.name + ".version")

    @property
    def size(self) -> int:
        """Bytes received so far."""
        return self._stream.seek(0, os.SEEK_END)

    def validator(self, url: str) -> str | None:
        """The validator of the bytes, if they came from this address and the server gave one."""
        if not self.size or not self._version.is_file():
            return None
        known_url, _, validator = self._version.read_text("utf-8", errors="replace").partition("\n")
        return validator if known_url == url and validator else None

    def append(self, chunk: bytes) -> None:
        """Add bytes at the end; they are in the file, not in a buffer, when this returns."""
        self._stream.write(chunk)
        self._stream.flush()

    def restart(self, url: str, validator: str | None) -> None:
        """Forget the bytes, and note the version of those to come."""
        self._stream.truncate(0)
        self._version.write_text(f"{url}\n{validator or ''}", "utf-8")

    def discard(self) -> None:
        """Forget the bytes and their version."""
        self._stream.truncate(0)
        self._version.unlink(missing_ok=True)

    def move_to(self, target: Path) -> None:
        """Put the bytes, safe on the disk, in the target's place by one atomic rename."""
        os.fsync(self._stream.fileno())
        self.path.replace(target)
        self._version.unlink(missing_ok=True)

    def remove_if_empty(self) -> None:
        """Leave nothing behind when there is nothing to go on from."""
        if not self.size:
            self.path.unlink(missing_ok=True)
            self._version.unlink(missing_ok=True)


@contextmanager
def partial_file(target: Path) -> Iterator[PartialFile]:
    """Open the target's partial file for this process alone; the lock ends with the process, even killed.

    Raises
    ------
    DownloadError
        If another process has it open.
    """
    path = target.with_name(target.name + ".part")
    with path.open("ab") as stream:
        _lock(stream, path)
        part = PartialFile(path, stream)
        try:
            yield part
        finally:
            part.remove_if_empty()


def _lock(stream: BinaryIO, path: Path) -> None:
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Between opening and locking, the other process may have moved this very file to the target.
        alone = os.path.samestat(os.fstat(stream.fileno()), path.stat())
    except (BlockingIOError, FileNotFoundError):
        alone = False
    if not alone:
        raise DownloadError(
            f"{path}: another process is fetching this file; wait for it to end, then run again"
        )
