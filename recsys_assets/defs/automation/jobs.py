"""Jobs: the whole graph in one run of one process, and one job a system."""

from __future__ import annotations

import dagster as dg


def _job(name: str, selection: dg.AssetSelection, description: str) -> dg.UnresolvedAssetJobDefinition:
    return dg.define_asset_job(
        name,
        selection=selection,
        description=description,
        # Steps are short and their imports long: a process for each would take minutes instead of seconds.
        executor_def=dg.in_process_executor,
        metadata={"owner": "team:recsys"},
    )


everything = _job(
    "everything",
    dg.AssetSelection.all(),
    "Raw files to published recommendations of one data set, through all gates.",
)
_groups = {
    "ingest": (("raw", "staging", "split"), "Raw files, typed tables, the split and its matrices."),
    "collaborative": (
        ("collaborative",),
        "Popularity and implicit ALS: settings, factors, lists, neighbours.",
    ),
    "content": (("content",), "Content vectors, profiles, lists, neighbours."),
    "hybrid": (("hybrid",), "Weights, blended models, cold start, lists."),
    "evaluation": (("evaluation",), "Judged lists, figures, gates, report."),
    "publish": (("publish",), "The published file, if all gates hold."),
}
systems = [
    _job(name, dg.AssetSelection.groups(*groups), description)
    for name, (groups, description) in _groups.items()
]
