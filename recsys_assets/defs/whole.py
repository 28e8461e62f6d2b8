"""The whole asset graph, also from within a run that executes a part of it."""

from __future__ import annotations

from collections.abc import Callable, Set
from functools import cache
from pathlib import Path

import dagster as dg

__all__ = ["ancestors", "descendants", "whole_definitions"]


@cache
def whole_definitions() -> dg.Definitions:
    """Everything under ``defs/``, bound to its resources."""
    return dg.load_from_defs_folder(path_within_project=Path(__file__).parent)


def ancestors(key: dg.AssetKey, *, without: frozenset[dg.AssetKey] = frozenset()) -> set[dg.AssetKey]:
    """All that an asset is made of, directly or not, along paths that avoid ``without``."""
    return _reached(key, lambda found: _neighbours()[found][0] - without)


def descendants(key: dg.AssetKey) -> set[dg.AssetKey]:
    """All that is made of an asset, directly or not."""
    return _reached(key, lambda found: _neighbours()[found][1])


@cache
def _neighbours() -> dict[dg.AssetKey, tuple[Set[dg.AssetKey], Set[dg.AssetKey]]]:
    """Each asset's parents and children."""
    graph = whole_definitions().resolve_asset_graph()
    return {
        key: (graph.get(key).parent_keys, graph.get(key).child_keys) for key in graph.get_all_asset_keys()
    }


def _reached(start: dg.AssetKey, neighbours: Callable[[dg.AssetKey], Set[dg.AssetKey]]) -> set[dg.AssetKey]:
    reached: set[dg.AssetKey] = set()
    pending = [start]
    while pending:
        found = neighbours(pending.pop()) - reached
        reached |= found
        pending += found
    return reached
