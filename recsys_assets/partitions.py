"""Data sets as partitions: every artifact of every data set is one cell in the UI. And the windows of backtests."""

from __future__ import annotations

import dagster as dg

from recsys_assets.contracts import WINDOW_NAMES
from recsys_assets.registry import load_registry
from recsys_assets.settings import data_folder

__all__ = ["BACKTESTS", "BACKTEST_GROUP", "DATASETS", "WINDOWS", "window_key"]

DATASETS = dg.StaticPartitionsDefinition(list(load_registry(data_folder() / "datasets.toml").datasets))

WINDOWS = dg.StaticPartitionsDefinition(list(WINDOW_NAMES))
BACKTESTS = dg.MultiPartitionsDefinition({"dataset": DATASETS, "window": WINDOWS})

BACKTEST_GROUP = "backtest"
"""The group of assets that only the jobs of backtests make: one run can't mix their partitions with data sets'."""


def window_key(dataset: str, window: str) -> dg.MultiPartitionKey:
    """The partition of one window of one data set."""
    return dg.MultiPartitionKey({"dataset": dataset, "window": window})
