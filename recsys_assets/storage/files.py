"""Writes that a killed run can't leave half done."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["write_atomically"]


def write_atomically(path: Path, text: str) -> None:
    """Write the text beside the file, then move it over: readers see the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    staging = path.with_name(f".staging-{os.getpid()}-{path.name}")
    staging.write_text(text, encoding="utf-8")
    staging.replace(path)
