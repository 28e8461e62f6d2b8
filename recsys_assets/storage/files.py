"""Writes that a killed run can't leave half done."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

__all__ = ["copy_atomically", "write_atomically"]


def copy_atomically(source: Path, target: Path) -> None:
    """Copy the file beside the target, onto the disk, then move it over: the source may be removed after this."""
    target.parent.mkdir(parents=True, exist_ok=True)
    staging = target.with_name(f".staging-{os.getpid()}-{target.name}")
    shutil.copyfile(source, staging)
    with staging.open("rb") as file:
        os.fsync(file.fileno())
    staging.replace(target)


def write_atomically(path: Path, text: str) -> None:
    """Write the text beside the file, then move it over: readers see the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    staging = path.with_name(f".staging-{os.getpid()}-{path.name}")
    staging.write_text(text, encoding="utf-8")
    staging.replace(path)
