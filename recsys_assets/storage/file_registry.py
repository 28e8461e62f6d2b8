"""The model registry in files: ``<folder>/<version>/{model.json, arrays.npz, …}`` and one ``aliases.json``.

A version's folder appears whole, by one rename, and never changes. ``aliases.json`` holds the alias, all decisions and
who has served. It is replaced in one step, so that a killed run leaves the old champion or the new one, and readers
need no lock.
A version without this project::

    versions = Path("data/models/tmdb-5000/content_engine")
    champion = json.loads((versions / "aliases.json").read_text())["aliases"]["champion"]
    arrays = np.load(versions / str(champion) / "arrays.npz")
"""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from recsys_assets.storage.files import locked, sync_folder, write_atomically
from recsys_assets.storage.model_registry import (
    CHAMPION,
    Candidate,
    Decision,
    ModelVersion,
    with_data_version,
)
from recsys_assets.storage.packages import PackageError

__all__ = ["FileRegistry"]

_ARRAYS, _MODEL, _ALIASES = "arrays.npz", "model.json", "aliases.json"


@dataclass(frozen=True)
class FileRegistry:
    """The versions under one folder."""

    folder: Path

    @property
    def store(self) -> str:
        return "files"

    def register(self, candidate: Candidate) -> int:
        with self._locked():
            for version in with_data_version(self.versions(), candidate.data_version):
                if self._is_whole(version):
                    return version
            version = self._next_number()
            staging = self.folder / f".staging-{os.getpid()}-{version}"
            staging.mkdir()
            _write(staging, version, candidate)
            staging.rename(self.folder / str(version))
            sync_folder(self.folder)
        return version

    def versions(self) -> list[ModelVersion]:
        state = self._state()
        return [self._version(number, state) for number in self._numbers()]

    def champion(self) -> int | None:
        named = self._state()["aliases"].get(CHAMPION)
        return None if named is None else int(named)

    def decide(self, version: int, decision: Decision) -> None:
        """Keep the decision and, if it is to promote, the alias, in one replaced file.

        Raises
        ------
        PackageError
            If there is no such version.
        """
        with self._locked():
            self._description(version)
            state = self._state()
            state["decisions"][str(version)] = asdict(decision)
            if decision.promoted:
                state["aliases"][CHAMPION] = version
                state["served"] = sorted({*state["served"], version})
            write_atomically(
                self.folder / _ALIASES, json.dumps(state, indent=1, sort_keys=True, allow_nan=False)
            )

    def arrays(self, version: int) -> dict[str, np.ndarray[Any, Any]]:
        path = self.path(version)
        content = path.read_bytes() if path.is_file() else b""
        if hashlib.sha256(content).hexdigest() != self._description(version)["sha256"]:
            raise PackageError(
                f"{path} is missing or damaged: put it back, or remove {self.folder} to begin with version 1 again"
            )
        with np.load(io.BytesIO(content), allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}

    def path(self, version: int) -> Path:
        return self.folder / str(version) / _ARRAYS

    def _locked(self) -> Any:
        return locked(self.folder / ".lock")

    def _numbers(self) -> list[int]:
        if not self.folder.is_dir():
            return []
        return sorted(int(path.name) for path in self.folder.iterdir() if path.name.isdecimal())

    def _next_number(self) -> int:
        # Whoever holds the lock may clear away what killed writers left.
        for left in self.folder.glob(".staging-*"):
            shutil.rmtree(left) if left.is_dir() else left.unlink()
        decided = (int(number) for number in self._state()["decisions"])
        return 1 + max((*self._numbers(), *decided), default=0)

    def _version(self, number: int, state: dict[str, Any]) -> ModelVersion:
        known = self._description(number)
        decided = state["decisions"].get(str(number))
        return ModelVersion(
            number,
            dt.datetime.fromisoformat(known["created_at"]),
            known["run_id"],
            known["data_version"],
            known["code_version"],
            None if decided is None else Decision(**decided),
            number in state["served"],
        )

    def _description(self, version: int) -> dict[str, Any]:
        path = self.folder / str(version) / _MODEL
        if not path.is_file():
            raise PackageError(f"there is no version {version} in {self.folder}")
        known: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return known

    def _is_whole(self, version: int) -> bool:
        try:
            self.arrays(version)
        except PackageError:
            return False
        return True

    def _state(self) -> dict[str, Any]:
        path = self.folder / _ALIASES
        if not path.is_file():
            return {"aliases": {}, "decisions": {}, "served": []}
        state: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return state


def _write(folder: Path, version: int, candidate: Candidate) -> None:
    content = io.BytesIO()
    np.savez(content, allow_pickle=False, **dict(candidate.arrays))
    write_atomically(folder / _ARRAYS, content.getvalue())
    for name, evidence in candidate.evidence.items():
        write_atomically(folder / name, evidence)
    described = {
        "version": version,
        "created_at": dt.datetime.now(dt.UTC).replace(tzinfo=None, microsecond=0).isoformat(),
        "arrays": _ARRAYS,
        "sha256": hashlib.sha256(content.getvalue()).hexdigest(),
        "run_id": candidate.run_id,
        "data_version": candidate.data_version,
        "code_version": candidate.code_version,
        "parameters": dict(candidate.parameters),
        "metrics": {name: float(value) for name, value in candidate.metrics.items()},
        "evidence": sorted(candidate.evidence),
    }
    write_atomically(folder / _MODEL, json.dumps(described, indent=1, sort_keys=True, allow_nan=False))
