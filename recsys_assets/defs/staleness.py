"""What must be made again for a data set: assets whose code, data or source changed, or whose gates don't hold."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence, Set
from pathlib import Path

import dagster as dg

from recsys_assets.defs.common import thresholds_digest
from recsys_assets.defs.provenance import (
    CODE_VERSION_TAG,
    DATA_VERSION_TAG,
    evaluations,
    latest_materializations,
)
from recsys_assets.defs.resources import Project
from recsys_assets.storage.feedback import FeedbackLog
from recsys_assets.storage.inbox import Inbox
from recsys_assets.storage.publishing import Publisher

__all__ = ["stale_assets"]

_INPUT_VERSION_TAG = "dagster/input_data_version/"


def stale_assets(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    project: Project,
    dataset: str,
    *,
    left_out: Set[dg.AssetKey] = frozenset(),
) -> dict[dg.AssetKey, str]:
    """Each asset that must be made again, with the reason in words; upstream ones first.

    An asset is stale if it was never made, its code version differs, what it was made of has another data version by
    now or is itself stale, or a blocking check of it hasn't passed in the run that made it. Those that read the outside
    world are stale when that has changed. What one step makes together is stale together. Those left out stay as they
    are, made or not.
    """
    graph = definitions.resolve_asset_graph()
    latest = latest_materializations(instance, graph.toposorted_asset_keys, dataset)
    outside = _changed_outside(project, dataset, latest)
    specs = {spec.key: spec for spec in definitions.resolve_all_asset_specs()}
    checks = _blocking_checks(definitions)
    passed = {evaluation.asset_check_key for evaluation in evaluations(instance, latest) if evaluation.passed}
    stale: dict[dg.AssetKey, str] = {}
    for key in graph.toposorted_asset_keys:
        if key in left_out:
            continue
        reason = (
            outside.get(key)
            or _changed_inside(specs[key], latest, stale)
            or _unproven(checks.get(key, ()), passed)
        )
        if reason:
            stale[key] = reason
            # One step makes them all or none; what depends on them comes later in this order.
            for other in sorted(graph.get(key).execution_set_asset_keys):
                stale.setdefault(other, f"made together with {key.to_user_string()}")
    return stale


def _changed_outside(
    project: Project, dataset: str, latest: Mapping[dg.AssetKey, dg.EventLogEntry]
) -> dict[dg.AssetKey, str]:
    spec = project.registry.dataset(dataset)
    changed = {}
    manifest = project.raw_files.manifest(dataset)
    if manifest is None or not project.raw_files.unchanged(spec, manifest):
        changed[dg.AssetKey("raw_files")] = "the source changed"
    elif manifest.forgotten != project.raw_files.forgotten(dataset).state():
        changed[dg.AssetKey("raw_files")] = "a user was forgotten"
    inbox = Inbox(project.folder, dataset)
    if inbox.pending():
        changed[dg.AssetKey("inbox")] = "new files"
    now = {
        "inbox": inbox.state(),
        "gate_thresholds": thresholds_digest(spec.thresholds),
        "experiments": FeedbackLog(project.folder, dataset).state(),
    }
    for name, state in now.items():
        key = dg.AssetKey(name)
        if key in latest and _tags(latest[key]).get(DATA_VERSION_TAG) != state:
            changed.setdefault(key, f"{name} changed")
    changed |= {key: "its file is gone" for key, entry in latest.items() if not _file_is_there(entry)}
    tables = project.warehouse.tables(dataset)
    changed |= {key: "its table is gone" for key, entry in latest.items() if not _table(entry) <= tables}
    if not project.warehouse.path(dataset).exists():
        changed[dg.AssetKey("raw_files")] = "the warehouse is gone"
    if not Publisher(project.folder / "published", dataset).current_path.exists():
        changed[dg.AssetKey("published")] = "nothing is published"
    return changed


def _changed_inside(
    spec: dg.AssetSpec,
    latest: Mapping[dg.AssetKey, dg.EventLogEntry],
    stale: Mapping[dg.AssetKey, str],
) -> str | None:
    if spec.key not in latest:
        return "never made"
    tags = _tags(latest[spec.key])
    if tags.get(CODE_VERSION_TAG) != spec.code_version:
        return "code changed"
    for dep in spec.deps:
        name = dep.asset_key.to_user_string()
        if dep.asset_key in stale:
            return f"{name} is made again"
        if dep.asset_key not in latest:
            continue  # left out, and never made
        if tags.get(_INPUT_VERSION_TAG + name) != _as_input(
            _tags(latest[dep.asset_key]).get(DATA_VERSION_TAG)
        ):
            return f"{name} changed"
    return None


def _unproven(checks: Sequence[dg.AssetCheckKey], passed: Set[dg.AssetCheckKey]) -> str | None:
    missing = [check.name for check in checks if check not in passed]
    return f"its check {missing[0]} has not passed" if missing else None


def _as_input(data_version: str | None) -> str:
    """The form in which Dagster records a partition's data version with what was made of it."""
    return hashlib.sha256((data_version or "").encode()).hexdigest()


def _blocking_checks(definitions: dg.Definitions) -> dict[dg.AssetKey, list[dg.AssetCheckKey]]:
    checks: dict[dg.AssetKey, list[dg.AssetCheckKey]] = {}
    for definition in definitions.asset_checks or []:
        for spec in definition.check_specs:
            if spec.blocking:
                checks.setdefault(spec.asset_key, []).append(spec.key)
    return checks


def _file_is_there(entry: dg.EventLogEntry) -> bool:
    materialization = entry.asset_materialization
    path = materialization.metadata.get("path") if materialization else None
    return not isinstance(path, dg.PathMetadataValue) or Path(str(path.value)).exists()


def _table(entry: dg.EventLogEntry) -> frozenset[str]:
    """The name of the table in the warehouse that was made, if one was."""
    materialization = entry.asset_materialization
    name = materialization.metadata.get("dagster/table_name") if materialization else None
    return frozenset() if name is None else frozenset({str(name.value)})


def _tags(entry: dg.EventLogEntry) -> Mapping[str, str]:
    materialization = entry.asset_materialization
    return (materialization.tags or {}) if materialization else {}
