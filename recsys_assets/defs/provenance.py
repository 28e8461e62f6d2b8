"""Which code, data and run each asset's current artifact came from, from Dagster's own event log."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import dagster as dg
import pandas as pd

from recsys_assets.contracts import TABLES

__all__ = ["CODE_VERSION_TAG", "DATA_VERSION_TAG", "latest_materializations", "provenance"]

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


def provenance(instance: dg.DagsterInstance, dataset: str) -> pd.DataFrame:
    """The rows of the published table ``versions``."""
    rows = []
    for key, entry in sorted(
        latest_materializations(instance, list(instance.all_asset_keys()), dataset).items()
    ):
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
