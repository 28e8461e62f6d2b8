"""Writes that neither a killed run nor a power cut can leave half done."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

__all__ = ["copy_atomically", "sync_folder", "write_atomically"]


def copy_atomically(source: Path, target: Path) -> None:
    """Copy the file beside the target, onto the disk, then move it over: the source may be removed after this."""
    staging = _beside(target)
    shutil.copyfile(source, staging)
    _move(staging, target)


def write_atomically(path: Path, text: str) -> None:
    """Write the text beside the file, onto the disk, then move it over: readers see the old file or the new one."""
    staging = _beside(path)
    staging.write_text(text, encoding="utf-8")
    _move(staging, path)


def sync_folder(folder: Path) -> None:
    """Put a folder's entries, such as a rename, onto the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _beside(target: Path) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    return target.with_name(f".staging-{os.getpid()}-{target.name}")


def _move(staging: Path, target: Path) -> None:
    with staging.open("rb") as file:
        os.fsync(file.fileno())
    staging.replace(target)
    sync_folder(target.parent)
