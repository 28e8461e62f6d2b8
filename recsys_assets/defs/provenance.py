"""Which code, data and run each asset's current artifact came from, from Dagster's own event log."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence

import dagster as dg
import pandas as pd

from recsys_assets.contracts import TABLES

__all__ = [
    "CODE_VERSION_TAG",
    "DATA_VERSION_TAG",
    "evaluations",
    "failed_checks",
    "holds",
    "latest_materializations",
    "provenance",
]

CODE_VERSION_TAG = "dagster/code_version"
DATA_VERSION_TAG = "dagster/data_version"


def latest_materializations(
    instance: dg.DagsterInstance, keys: Sequence[dg.AssetKey], dataset: str
) -> dict[dg.AssetKey, dg.EventLogEntry]:
    """Each asset's newest materialization for the data set; assets that were never made are missing."""
    found = {}
    for key in keys:
        records = instance.fetch_materializations(
            dg.AssetRecordsFilter(asset_key=key, asset_partitions=[dataset]), limit=1
        ).records
        if records:
            found[key] = records[0].event_log_entry
    return found


def failed_checks(instance: dg.DagsterInstance, latest: Mapping[dg.AssetKey, dg.EventLogEntry]) -> list[str]:
    """Blocking checks that failed in the very run that made their asset, as ``asset: check``; warnings don't count."""
    return [
        f"{evaluation.asset_key.to_user_string()}: {evaluation.check_name}"
        for evaluation in evaluations(instance, latest)
        if evaluation.blocking and not holds(evaluation)
    ]


def holds(evaluation: dg.AssetCheckEvaluation) -> bool:
    """Whether what stands behind the check may be made: it passed, or only warns."""
    return evaluation.passed or evaluation.severity == dg.AssetCheckSeverity.WARN


def evaluations(
    instance: dg.DagsterInstance, latest: Mapping[dg.AssetKey, dg.EventLogEntry]
) -> Iterator[dg.AssetCheckEvaluation]:
    """What checks said of assets in the runs that made them."""
    for run_id in sorted({entry.run_id for entry in latest.values()}):
        for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION):
            evaluation = entry.asset_check_evaluation
            made = latest.get(evaluation.asset_key) if evaluation else None
            if evaluation and made and made.run_id == run_id:
                yield evaluation


def provenance(latest: Mapping[dg.AssetKey, dg.EventLogEntry]) -> pd.DataFrame:
    """The rows of the published table ``versions``."""
    rows = []
    for key, entry in sorted(latest.items()):
        tags = entry.asset_materialization.tags or {} if entry.asset_materialization else {}
        made_at = dt.datetime.fromtimestamp(entry.timestamp, dt.UTC).replace(tzinfo=None)
        rows.append(
            (
                key.to_user_string(),
                tags.get(CODE_VERSION_TAG),
                tags.get(DATA_VERSION_TAG),
                entry.run_id,
                made_at,
            )
        )
    return pd.DataFrame(rows, columns=TABLES["versions"].column_names)
