"""Data sets as partitions: every artifact of every data set is one cell in the UI."""

from __future__ import annotations

import dagster as dg

from recsys_assets.registry import load_registry
from recsys_assets.settings import data_folder

__all__ = ["DATASETS"]

DATASETS = dg.StaticPartitionsDefinition(list(load_registry(data_folder() / "datasets.toml").datasets))
