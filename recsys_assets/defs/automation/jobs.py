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


SLOW_GROUPS = ("cross_validation",)
"""What only ``full`` makes."""

full = _job(
    "full",
    dg.AssetSelection.all(),
    "As everything, and the slow evaluation: five-fold cross-validation of the models of stars.",
)
everything = _job(
    "everything",
    dg.AssetSelection.all() - dg.AssetSelection.groups(*SLOW_GROUPS),
    "Raw files to published recommendations of one data set, through all gates.",
)
_groups = {
    "ingest": (("raw", "staging", "split"), "Raw files, typed tables, the split and its matrices."),
    "exploration": (("exploration",), "Statistics, distributions and plots of all ratings."),
    "collaborative": (
        ("collaborative",),
        "Popularity and implicit ALS: settings, factors, lists, neighbours.",
    ),
    "content": (("content",), "Content vectors, profiles, lists, neighbours."),
    "catalogue": (
        ("catalogue",),
        "Metadata of movies: tables, exploration, features, clusters, neighbours, relevance.",
    ),
    "lifecycle": (("lifecycle",), "Versions of the content engine, the champion among them, its lists."),
    "hybrid": (("hybrid",), "Weights, blended models, cold start, lists."),
    "classification": (
        ("classification",),
        "Like models: features, trees, probabilities, lists, figures.",
    ),
    "rating_prediction": (
        ("rating_prediction", "rating_evaluation"),
        "Models of stars: settings, blends, lists by predicted stars, figures.",
    ),
    "clusters": (("clusters",), "Users grouped by genre preference and by rating row, and who they are."),
    "cross_validation": (("cross_validation",), "Models of stars over five folds: minutes."),
    "ab_tests": (("experiments",), "What users did whom the server dealt to variants."),
    "evaluation": (("evaluation",), "Judged lists, figures, gates, report."),
    "publish": (("publish",), "The published file, if all gates hold."),
}
systems = [
    _job(name, dg.AssetSelection.groups(*groups), description)
    for name, (groups, description) in _groups.items()
]
