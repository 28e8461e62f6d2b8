"""The champion of the task ``content``: the version of the content engine that serves, as its registry has it."""

from __future__ import annotations

from typing import Any

import pandas as pd

from recsys_assets.defs.lifecycle.rivalry import CONTENT, METRIC
from recsys_assets.defs.resources import Project
from recsys_assets.storage.model_registry import CONTENT_ENGINE
from recsys_assets.storage.promotions import PromotionLog

__all__ = ["content_champion"]


def content_champion(project: Project, dataset: str, log: PromotionLog) -> list[dict[str, Any]]:
    """Its row of ``champions``; none without a version that serves."""
    versions = project.warehouse.frame(dataset, "from model_versions where alias is not null")
    standing = log.champion(CONTENT)
    if not len(versions):
        return []
    version = versions.iloc[0]
    # The registry may be older than the log: then the version counts from when it was registered.
    since = pd.Timestamp(standing.decided_at) if standing else version["created_at"]
    relevance = project.warehouse.frame(
        dataset, f"from catalogue_relevance where method = 'content_global' and metric = '{METRIC}'"
    )
    figure = relevance.iloc[0] if len(relevance) and version["candidate"] else None
    return [
        {
            "task": CONTENT,
            "strategy": CONTENT_ENGINE,
            "version": str(version["version"]),
            "metric": METRIC,
            "value": version["lift"],
            "ci_low": version["lift_ci_low"],
            "ci_high": None if figure is None else figure["ci_high"],
            "n_users": 0 if figure is None else int(figure["n_users"]),
            "promoted_at": since,
            "run_id": standing.run_id if standing else version["run_id"],
            "data_version": version["data_version"],
            "code_version": version["code_version"],
            "reason": version["reason"],
        }
    ]
