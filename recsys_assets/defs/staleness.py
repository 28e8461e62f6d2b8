"""What must be made again for a data set: assets whose code, data or source changed, or whose gates don't hold."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence, Set
from pathlib import Path

import dagster as dg

from recsys_assets.contracts import BACKTEST_TABLES
from recsys_assets.defs.backtest.rows import windows_version
from recsys_assets.defs.common import thresholds_digest
from recsys_assets.defs.provenance import (
    CODE_VERSION_TAG,
    DATA_VERSION_TAG,
    evaluations,
    holds,
    latest_materializations,
)
from recsys_assets.defs.resources import Project
from recsys_assets.partitions import BACKTEST_GROUP, WINDOWS, window_key
from recsys_assets.storage.feedback import FeedbackLog
from recsys_assets.storage.inbox import Inbox
from recsys_assets.storage.publishing import Publisher

__all__ = ["stale_assets", "stale_report_of_windows", "stale_windows"]

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
    are, made or not; so do backtests, which have runs of their own (`stale_windows`).
    """
    graph = definitions.resolve_asset_graph()
    latest = latest_materializations(instance, graph.toposorted_asset_keys, dataset)
    outside = _changed_outside(project, dataset, latest)
    specs = {spec.key: spec for spec in definitions.resolve_all_asset_specs()}
    checks = _blocking_checks(definitions)
    passed = {evaluation.asset_check_key for evaluation in evaluations(instance, latest) if holds(evaluation)}
    stale: dict[dg.AssetKey, str] = {}
    for key in graph.toposorted_asset_keys:
        if key in left_out or graph.get(key).group_name == BACKTEST_GROUP:
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


def stale_windows(
    definitions: dg.Definitions, instance: dg.DagsterInstance, project: Project, dataset: str
) -> dict[str, str]:
    """Each window of the data set's backtest that must be made again, with the reason in words, the earliest first.

    A window is stale for the reasons that an asset is, beside what is stale above it: that is for the caller to make
    first. Its rows may be gone too, with the warehouse or with the table that it shared.
    """
    keys = [dg.AssetKey(name) for name in BACKTEST_TABLES]
    specs = {spec.key: spec for spec in definitions.resolve_all_asset_specs() if spec.key in keys}
    checks = _blocking_checks(definitions)
    above = latest_materializations(
        instance, sorted({dep.asset_key for spec in specs.values() for dep in spec.deps}), dataset
    )
    there = _windows_with_rows(project, dataset)
    stale = {}
    for window in WINDOWS.get_partition_keys():
        made = latest_materializations(instance, keys, window_key(dataset, window))
        passed = {one.asset_check_key for one in evaluations(instance, made) if one.passed}
        reasons = (
            _changed_inside(specs[key], made | above, {}) or _unproven(checks.get(key, ()), passed)
            for key in keys
        )
        reason = next(filter(None, reasons), None) or ("its rows are gone" if window not in there else None)
        if reason:
            stale[window] = reason
    return stale


def stale_report_of_windows(
    definitions: dg.Definitions, instance: dg.DagsterInstance, project: Project, dataset: str
) -> str | None:
    """Why the report of the data set's windows must be made again; None if it shows those that there are."""
    key = dg.AssetKey("backtest_report")
    [spec] = [one for one in definitions.resolve_all_asset_specs() if one.key == key]
    latest = latest_materializations(instance, [key], dataset)
    passed = {one.asset_check_key for one in evaluations(instance, latest) if one.passed}
    if not _windows_with_rows(project, dataset):
        return "no window has rows"
    if key in latest and _tags(latest[key]).get(DATA_VERSION_TAG) != windows_version(
        project.warehouse, dataset
    ):
        return "windows changed"
    return _changed_inside(spec, latest, {}) or _unproven(_blocking_checks(definitions).get(key, ()), passed)


def _windows_with_rows(project: Project, dataset: str) -> frozenset[str]:
    if not project.warehouse.tables(dataset) >= set(BACKTEST_TABLES):
        return frozenset()
    rows = project.warehouse.arrays(dataset, f'select "window" as name from {BACKTEST_TABLES[0]}')
    return frozenset(rows["name"].tolist())


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
