"""What champions were worth when they were crowned, user by user: artifacts, which go when a user is forgotten."""

from __future__ import annotations

from pathlib import Path

import dagster as dg

from recsys_assets.defs.champions.evidence import Reference
from recsys_assets.defs.resources import Project
from recsys_assets.storage.arrays import load_artifact, save_artifact

__all__ = ["keep_reference", "read_reference"]


def read_reference(project: Project, dataset: str, task: str) -> Reference | None:
    """What is kept of the task's champion; None before the first, and after somebody was forgotten."""
    path = _path(project, dataset, task)
    return load_artifact(path, Reference) if path.exists() else None


def keep_reference(project: Project, dataset: str, task: str, today: Reference) -> bool:
    """Keep today's values unless those of the same champion on the same rows are kept; tell whether they were.

    The same champion on the same rows is held against what it was when it was crowned, not against yesterday, or many
    small losses would pass.
    """
    before = read_reference(project, dataset, task)
    if before and (before.strategy, before.window) == (today.strategy, today.window):
        return False
    save_artifact(_path(project, dataset, task), today)
    return True


def _path(project: Project, dataset: str, task: str) -> Path:
    return project.artifact_path(dataset, dg.AssetKey(["champions", task]))
