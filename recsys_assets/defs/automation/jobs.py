"""Jobs: the whole graph in one run of one process, and one job a system."""

from __future__ import annotations

import dagster as dg

from recsys_assets.contracts import BACKTEST_TABLES
from recsys_assets.partitions import BACKTEST_GROUP


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

_of_data_sets = dg.AssetSelection.all() - dg.AssetSelection.groups(BACKTEST_GROUP)

full = _job(
    "full",
    _of_data_sets,
    "As everything, and the slow evaluation: five-fold cross-validation of the models of stars.",
)
everything = _job(
    "everything",
    _of_data_sets - dg.AssetSelection.groups(*SLOW_GROUPS),
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
    "leaks": (("leakage",), "Whether any model has seen the rows that judge it."),
    "ab_testing": (("experiments",), "What users did whom the server dealt to variants."),
    "evaluation": (("evaluation",), "Judged lists, figures, gates, report."),
    "champions": (("champions",), "Challengers beside champions: decisions, and who answers by default."),
    "publish": (("publish",), "The published file, if all gates hold."),
}
systems = [
    _job(name, dg.AssetSelection.groups(*groups), description)
    for name, (groups, description) in _groups.items()
]

_windows = dg.AssetSelection.assets(*BACKTEST_TABLES)
backtest = _job(
    "backtest",
    _windows,
    "A window of a data set's backtest: models of a moment of the past, judged by what came after. Backfill them all.",
)
backtest_report = _job(
    "backtest_report",
    dg.AssetSelection.groups(BACKTEST_GROUP) - _windows,
    "Figures of a data set's windows over time, drawn and compared.",
)
