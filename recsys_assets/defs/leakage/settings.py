"""With which settings an artifact was made: those of the run that made it, defaults where it gave none."""

from __future__ import annotations

from typing import Any, TypeVar

import dagster as dg

from recsys_assets.defs.provenance import latest_materializations

__all__ = ["Settings"]

C = TypeVar("C", bound=dg.Config)


class Settings:
    """Settings of the newest artifacts of a data set, from Dagster's own record of runs."""

    def __init__(self, instance: dg.DagsterInstance, dataset: str) -> None:
        self._instance, self._dataset = instance, dataset

    def of(self, key: dg.AssetKey, kind: type[C]) -> C:
        """Those fields of `kind` that the run gave to the step that made the asset; the others are defaults."""
        entry = latest_materializations(self._instance, [key], self._dataset).get(key)
        run = self._instance.get_run_by_id(entry.run_id) if entry else None
        steps: dict[str, Any] = dict(run.run_config).get("ops", {}) if run else {}  # type: ignore[assignment]
        given = steps.get(entry.step_key, {}).get("config", {}) if entry and entry.step_key else {}
        return kind.model_validate({name: given[name] for name in kind.model_fields.keys() & given.keys()})
