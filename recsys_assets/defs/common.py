"""What all assets of data sets share: the partition, the owner, the automation, the metadata of their results."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import dagster as dg
import pandas as pd

from recsys_assets.partitions import DATASETS
from recsys_assets.storage.arrays import content_digest

__all__ = ["AUTOMATION", "artifact", "chosen", "dataset_asset", "frame_digest", "spec", "thresholds_digest"]

T = TypeVar("T")

OWNERS = ["team:recsys"]

AUTOMATION = (
    dg.AutomationCondition.eager() & dg.AutomationCondition.all_deps_blocking_checks_passed()
).with_label("refresh when something upstream changed and its gates hold")


def dataset_asset(**options: Any) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """``dagster.asset`` for an artifact that every data set has."""
    decorator: Callable[[Callable[..., Any]], dg.AssetsDefinition] = dg.asset(
        partitions_def=DATASETS, owners=OWNERS, automation_condition=AUTOMATION, **options
    )
    return decorator


def spec(name: str | dg.AssetKey, **options: Any) -> dg.AssetSpec:
    """``dagster.AssetSpec`` for one of several tables that one step writes."""
    return dg.AssetSpec(
        name, partitions_def=DATASETS, owners=OWNERS, automation_condition=AUTOMATION, **options
    )


def artifact(value: T, metadata: Mapping[str, Any] | None = None) -> dg.MaterializeResult[T]:
    """An asset's result whose data version is the digest of its content.

    Equal contents have equal versions, whatever the settings: what is downstream of an artifact that came out the same
    stays fresh.
    """
    version = frame_digest(value) if isinstance(value, pd.DataFrame) else content_digest(value)
    return dg.MaterializeResult(
        value=value, metadata=dict(metadata or {}), data_version=dg.DataVersion(version)
    )


def frame_digest(frame: pd.DataFrame) -> str:
    hashed = pd.util.hash_pandas_object(frame, index=False).to_numpy()
    return f"{hashed.sum():016x}"


def thresholds_digest(thresholds: Mapping[str, float]) -> str:
    """Digest of a data set's thresholds: it changes with any of them."""
    text = ";".join(f"{name}={value!r}" for name, value in sorted(thresholds.items()))
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def chosen(candidates: pd.DataFrame) -> pd.Series[float]:
    """The one row of a table of candidates that is marked as chosen.

    Raises
    ------
    ValueError
        If it isn't exactly one.
    """
    rows = candidates[candidates["chosen"]]
    if len(rows) != 1:
        raise ValueError(f"{len(rows)} of {len(candidates)} candidates are chosen; it must be exactly one")
    return rows.iloc[0]
