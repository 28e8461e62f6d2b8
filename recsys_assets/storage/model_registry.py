"""The registry of model versions: what is registered, what was decided of it, and which version is the champion.

A version is immutable; what is decided of it, and the alias ``champion``, are not. Two stores keep them:
``file_registry`` in files of the project's own, ``mlflow_registry`` in MLflow.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

__all__ = [
    "CHAMPION",
    "CONTENT_ENGINE",
    "Arrays",
    "Candidate",
    "Decision",
    "ModelRegistry",
    "ModelVersion",
    "decision_from_json",
    "decision_to_json",
    "stage_of",
]

CHAMPION = "champion"
"""The alias of the version that serves."""
CONTENT_ENGINE = "content_engine"
"""The model whose versions are kept."""

Arrays = Mapping[str, np.ndarray[Any, Any]]
Parameter = str | int | float | bool


@dataclass(frozen=True)
class Candidate:
    """A model to register: equal ``data_version``, same version."""

    arrays: Arrays
    data_version: str
    code_version: str
    run_id: str
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    evidence: Mapping[str, bytes] = field(default_factory=dict)
    """Tables and plots by file name."""


@dataclass(frozen=True)
class Decision:
    """Whether a version may be the champion, the figures and thresholds that say so, and the reason in words.

    A figure that doesn't exist is None; a gate that is off has no threshold.
    """

    promoted: bool
    reason: str
    figures: Mapping[str, float | None]
    thresholds: Mapping[str, float]


@dataclass(frozen=True)
class ModelVersion:
    """One registered version; ``decision`` is the last one, None where the run ended before it."""

    version: int
    created_at: dt.datetime
    run_id: str
    data_version: str
    code_version: str
    decision: Decision | None
    served: bool
    """Whether it was ever the champion."""


class ModelRegistry(Protocol):
    """The versions of one model of one data set."""

    @property
    def store(self) -> str:
        """What keeps them: ``files`` or ``mlflow``."""

    def register(self, candidate: Candidate) -> int:
        """The number of the version that holds the candidate: the one that has its data version, else the next."""

    def versions(self) -> list[ModelVersion]:
        """All versions, oldest first."""

    def champion(self) -> int | None:
        """The version that the alias names, if any was ever promoted."""

    def decide(self, version: int, decision: Decision) -> None:
        """Keep what was decided of a version; if it is promoted, the alias moves to it in one step."""

    def arrays(self, version: int) -> dict[str, np.ndarray[Any, Any]]:
        """A version's arrays; PackageError if they are missing or damaged."""

    def path(self, version: int) -> Path:
        """The file of a version's arrays."""


def stage_of(version: ModelVersion, champion: int | None) -> str:
    """``Production`` is the champion, ``Archived`` what was it before, ``Staging`` everything else."""
    if version.version == champion:
        return "Production"
    return "Archived" if version.served else "Staging"


def with_data_version(versions: Iterable[ModelVersion], data_version: str) -> list[int]:
    """Numbers of the versions that hold this model, the newest first."""
    return sorted((one.version for one in versions if one.data_version == data_version), reverse=True)


def decision_to_json(decision: Decision) -> str:
    return json.dumps(asdict(decision), sort_keys=True, allow_nan=False)


def decision_from_json(text: str) -> Decision:
    return Decision(**json.loads(text))
