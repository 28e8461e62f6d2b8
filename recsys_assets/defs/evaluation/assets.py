"""The lists that are judged, the figures, the gates' measures. Test rows reach these assets and no others."""

from collections.abc import Iterator
from dataclasses import asdict

import dagster as dg
import numpy as np
import pandas as pd
from pydantic import Field

from recsys_assets.algorithms import evaluation as judge
from recsys_assets.algorithms.cold_start import cold_start_list, lists_for_unknown_users, most_liked
from recsys_assets.algorithms.content import ContentVectors
from recsys_assets.algorithms.embeddings import Embeddings
from recsys_assets.algorithms.interactions import Interactions
from recsys_assets.algorithms.topn import Items, recommend
from recsys_assets.contracts import BACKTEST_TABLES, TABLES
from recsys_assets.contracts.raw import RAW_TABLES
from recsys_assets.defs.common import (
    AUTOMATION,
    artifact,
    dataset_asset,
    frame_digest,
    spec,
    thresholds_digest,
)
from recsys_assets.defs.evaluation.gates import TEST, Measured
from recsys_assets.defs.evaluation.gates import judge as judge_gates
from recsys_assets.defs.fits import TRIAL
from recsys_assets.defs.genres import genre_membership
from recsys_assets.defs.hybrid.assets import ColdStartConfig
from recsys_assets.defs.relevance import relevant_matrix
from recsys_assets.defs.resources import Project, partition_of, table_metadata
from recsys_assets.defs.strategies import COMPARED, STRATEGIES
from recsys_assets.defs.topn import LikeConfig, TopNConfig, list_rows
from recsys_assets.defs.versions import code_version
from recsys_assets.partitions import DATASETS
from recsys_assets.report.evaluation import evaluation_html, evaluation_markdown
from recsys_assets.report.lists import EvaluationReport
from recsys_assets.report.sections import OPTIONAL, REPORTED, more_sections
from recsys_assets.report.style import markdown_table
from recsys_assets.storage.files import write_atomically
from recsys_assets.storage.loading import RATED_AGAIN
from recsys_assets.storage.warehouse import Select, replace_tables, table_digest

CODE = code_version(__name__)
GROUP = "evaluation"
SPLIT_DESCRIPTION = (
    "Each user's latest 20 % of ratings are test rows, the 10 % before them validation rows. Judged models learned "
    "from the training and validation rows; settings and weights were chosen on validation rows by models that had "
    "learned from training rows alone. Relevant is a test rating of at least 4 stars; candidates are all movies that "
    "the user had not rated before."
)
STARS_DESCRIPTION = (
    "The split is that of the lists. Each model predicts the stars of every test rating, having learned from the "
    "training and validation rows; hyper-parameters and the weights of blends were chosen on validation rows by models "
    "that had learned from training rows alone. In lists, relevant is a test rating of at least 3.5 stars."
)


SLOW_FIGURES = ("cross_validation", "like_cross_validation")
FIGURES = {
    "evaluation": ("ranking_evaluation", "rating_evaluation", "like_evaluation", *SLOW_FIGURES),
    "comparisons": ("ranking_comparisons", "rating_comparisons", "like_comparisons"),
}
"""What the tables of all figures are put together from."""
# Windows have partitions of their own; their report is of the data set, and changes with them.
IF_MADE = (*(name for name in OPTIONAL if name not in BACKTEST_TABLES), "backtest_report")


class ColdUsersConfig(LikeConfig, ColdStartConfig):
    """How users are made unknown."""

    n_folds: int = Field(
        5, ge=2, description="users are dealt into so many folds; lists come from the others"
    )


class EvaluationConfig(LikeConfig):
    """What is measured, and how sure we are of it."""

    ks: list[int] = Field([5, 10, 20], description="metric cut-offs over all users")
    k: int = Field(10, ge=1, description="cut-off in segments and beyond accuracy")
    head_share: float = Field(0.2, gt=0, lt=1, description="share of the rated movies that is the head")
    n_resamples: int = Field(1000, ge=100, description="bootstrap resamples of the users")
    confidence: float = Field(0.95, gt=0, lt=1, description="of the intervals")
    seed: int = Field(0, ge=0, description="seed of the bootstrap")

    def bootstrap(self) -> judge.Bootstrap:
        return judge.Bootstrap(self.n_resamples, self.confidence, self.seed)


@dataset_asset(
    group_name=GROUP,
    kinds={"duckdb", "table"},
    deps=["validation_ratings", "test_ratings"],
    code_version=CODE,
    description=TABLES["holdout"].comment,
)
def holdout() -> Select:
    return Select(
        "select *, 'validation' as part from validation_ratings union all select *, 'test' from test_ratings"
    )


@dataset_asset(
    key_prefix=TRIAL.name,
    group_name=GROUP,
    kinds={"duckdb", "table"},
    deps=["movies"],
    ins={"interactions": dg.AssetIn(TRIAL.key("interactions"))},
    code_version=CODE,
    description=TABLES["cold_user_recommendations"].comment,
)
def cold_user_recommendations(
    context: dg.AssetExecutionContext, config: ColdUsersConfig, interactions: Interactions, project: Project
) -> dg.MaterializeResult[pd.DataFrame]:
    genres = genre_membership(project.warehouse, partition_of(context))

    def popular_and_good(others: Interactions) -> Items:
        n_ratings, mean_rating = others.item_activity()
        return cold_start_list(
            n_ratings,
            mean_rating,
            genres,
            min_ratings=config.min_ratings,
            min_mean=config.min_mean,
            n=config.n,
        )

    def popular(others: Interactions) -> Items:
        return most_liked(others, min_rating=config.like_rating, n=config.n)

    frames = []
    for strategy, build in (("cold_start", popular_and_good), ("cold_popularity", popular)):
        lists = lists_for_unknown_users(interactions, n_folds=config.n_folds, n=config.n, build=build)
        # All that such a list says of an item is its place.
        scores = np.broadcast_to(-np.arange(1, config.n + 1, dtype=np.float32), lists.shape)
        rows = list_rows((lists, scores), user_ids=interactions.user_ids, item_ids=interactions.item_ids)
        frames.append(rows.assign(strategy=strategy))
    return artifact(pd.concat(frames, ignore_index=True))


@dataset_asset(
    key_prefix=TRIAL.name,
    group_name=GROUP,
    kinds={"duckdb", "table"},
    ins={
        "content_profiles": dg.AssetIn(TRIAL.key("content_profiles")),
        "interactions": dg.AssetIn(TRIAL.key("interactions")),
    },
    code_version=CODE,
    description=TABLES["cold_item_recommendations"].comment,
)
def cold_item_recommendations(
    config: TopNConfig, content_profiles: Embeddings, interactions: Interactions
) -> dg.MaterializeResult[pd.DataFrame]:
    n_ratings, _ = interactions.item_activity()
    lists = recommend(content_profiles.only(n_ratings == 0), interactions.ratings, n=config.n)
    return artifact(list_rows(lists, user_ids=interactions.user_ids, item_ids=interactions.item_ids))


@dataset_asset(
    group_name=GROUP,
    kinds={"duckdb", "table"},
    deps=[
        *(TRIAL.key(f"{strategy}_recommendations") for strategy in STRATEGIES),
        TRIAL.key("cold_user_recommendations"),
        TRIAL.key("cold_item_recommendations"),
    ],
    code_version=CODE,
    description=TABLES["holdout_recommendations"].comment,
)
def holdout_recommendations() -> Select:
    lists = [f"select '{s}' as strategy, * from trial__{s}_recommendations" for s in STRATEGIES]
    cold_items = "select 'cold_item_content' as strategy, * from trial__cold_item_recommendations"
    cold_users = "select strategy, user_id, rank, movie_id, score from trial__cold_user_recommendations"
    return Select(" union all ".join([*lists, cold_items, cold_users]))


@dg.multi_asset(
    name="evaluate",
    specs=[
        spec(
            name,
            deps=[
                "test_ratings",
                "holdout_recommendations",
                TRIAL.key("interactions"),
                TRIAL.key("content_vectors"),
            ],
            group_name=GROUP,
            kinds={"duckdb", "table"},
            description=TABLES[name].comment,
            code_version=CODE,
        )
        for name in ("ranking_evaluation", "ranking_comparisons")
    ],
    ins={
        "interactions": dg.AssetIn(TRIAL.key("interactions")),
        "content_vectors": dg.AssetIn(TRIAL.key("content_vectors")),
    },
    partitions_def=DATASETS,
)
def evaluate(
    context: dg.AssetExecutionContext,
    config: EvaluationConfig,
    interactions: Interactions,
    content_vectors: ContentVectors,
    test_ratings: pd.DataFrame,
    holdout_recommendations: pd.DataFrame,
    project: Project,
) -> Iterator[dg.MaterializeResult[None]]:
    """Judge every list against each user's liked test rows."""
    judged = judge.judge_lists(
        judge.lists_by_strategy(
            holdout_recommendations["strategy"].to_numpy(),
            interactions.users(holdout_recommendations["user_id"]),
            holdout_recommendations["rank"].to_numpy(),
            interactions.items(holdout_recommendations["movie_id"]),
            n_users=interactions.n_users,
            n=max(config.ks),
        ),
        relevant_matrix(test_ratings, interactions, config.like_rating),
        interactions,
        item_vectors=content_vectors.item_vectors,
        compared=COMPARED,
        ks=config.ks,
        k=config.k,
        head_share=config.head_share,
        bootstrap=config.bootstrap(),
    )
    tables = {
        "ranking_evaluation": pd.DataFrame([asdict(figure) for figure in judged.figures]).assign(split=TEST),
        "ranking_comparisons": pd.DataFrame([asdict(pair) for pair in judged.comparisons]).assign(split=TEST),
    }
    with project.warehouse.connect(partition_of(context)) as connection:
        replace_tables(connection, tables)
        for name, frame in tables.items():
            yield dg.MaterializeResult(
                asset_key=name,
                metadata=table_metadata(connection, name) | _headline(name, frame),
                data_version=dg.DataVersion(frame_digest(frame)),
            )


def _headline(name: str, frame: pd.DataFrame) -> dict[str, float]:
    """The figures whose course over time the UI plots."""
    if name != "ranking_evaluation":
        return {}
    rows = frame[
        (frame["segment"] == "all") & (frame["k"] == 10) & frame["metric"].isin(["ndcg", "coverage"])
    ]
    named = rows["model"] + "_" + rows["metric"] + "_at_10"
    return dict(zip(named, rows["value"].astype(float).tolist(), strict=True))


@dg.multi_asset(
    name="gather_figures",
    specs=[
        spec(
            name,
            deps=parts,
            group_name=GROUP,
            kinds={"duckdb", "table"},
            description=TABLES[name].comment,
            code_version=CODE,
        ).replace_attributes(
            # Cross-validation is made when someone asks for it: nothing waits for it.
            automation_condition=AUTOMATION.ignore(dg.AssetSelection.assets(*SLOW_FIGURES))
        )
        for name, parts in FIGURES.items()
    ],
    partitions_def=DATASETS,
)
def gather_figures(
    context: dg.AssetExecutionContext, project: Project
) -> Iterator[dg.MaterializeResult[None]]:
    """All figures in one table, and all comparisons in another; those of cross-validation if it was ever made."""
    dataset = partition_of(context)
    tables = {
        name: Select(
            " union all by name ".join(
                f"from {part}" for part in parts if project.warehouse.has(dataset, part)
            )
        )
        for name, parts in FIGURES.items()
    }
    with project.warehouse.connect(dataset) as connection:
        replace_tables(connection, tables)
        for name in tables:
            yield dg.MaterializeResult(
                asset_key=name,
                metadata=table_metadata(connection, name),
                data_version=dg.DataVersion(table_digest(connection, name)),
            )


@dataset_asset(group_name=GROUP, kinds={"file"}, code_version=CODE)
def gate_thresholds(context: dg.AssetExecutionContext, project: Project) -> dg.MaterializeResult[None]:
    """What the gates demand of this data set, from data/datasets.toml."""
    thresholds = project.spec(context).thresholds
    table = pd.DataFrame(sorted(thresholds.items()), columns=["gate", "threshold"])
    return dg.MaterializeResult(
        metadata={"thresholds": dg.MetadataValue.md(markdown_table(table, formats={}))},
        data_version=dg.DataVersion(thresholds_digest(thresholds)),
    )


@dataset_asset(
    group_name=GROUP,
    kinds={"duckdb", "table"},
    deps=["gate_thresholds", "ratings", *(f"rejected_{table}" for table in RAW_TABLES)],
    code_version=CODE,
    description=TABLES["gates"].comment,
)
def gates(
    context: dg.AssetExecutionContext, evaluation: pd.DataFrame, comparisons: pd.DataFrame, project: Project
) -> pd.DataFrame:
    return _gates(project, partition_of(context), evaluation, comparisons)


@dataset_asset(
    group_name=GROUP,
    kinds={"html", "matplotlib"},
    deps=[
        "gate_thresholds",
        "ratings",
        *(f"rejected_{table}" for table in RAW_TABLES),
        *REPORTED,
        *IF_MADE,
    ],
    code_version=code_version(__name__, "recsys_assets.report.evaluation", "recsys_assets.report.sections"),
)
def evaluation_report(
    context: dg.AssetExecutionContext,
    evaluation: pd.DataFrame,
    comparisons: pd.DataFrame,
    ranking_evaluation: pd.DataFrame,
    ranking_comparisons: pd.DataFrame,
    project: Project,
) -> dg.MaterializeResult[None]:
    """The evaluation for people: here as Markdown with plots, and as one self-contained HTML file.

    It doesn't wait for the gates to hold: the report of a run that failed says what fell short. It does wait for leaks
    to be looked for: figures of models that have seen what judges them are no figures.
    """
    dataset = partition_of(context)
    report = EvaluationReport(
        evaluation=ranking_evaluation,
        comparisons=ranking_comparisons,
        gates=_gates(project, dataset, evaluation, comparisons),
        dataset=dataset,
        run_id=context.run.run_id,
        data_version=frame_digest(evaluation),
        split_description=SPLIT_DESCRIPTION,
        source=f"data/published/{dataset}.duckdb",
    )
    sections = more_sections(_reported(project, dataset), stars_description=STARS_DESCRIPTION)
    path = project.folder / "reports" / f"{dataset}.html"
    write_atomically(path, evaluation_html(report, sections))
    return dg.MaterializeResult(
        metadata={
            "report": dg.MetadataValue.md(evaluation_markdown(report, sections)),
            "path": dg.MetadataValue.path(str(path)),
        }
    )


# Cross-validation and backtests are made when someone asks for them: nothing waits for them.
evaluation_report = evaluation_report.map_asset_specs(
    lambda asset: asset.replace_attributes(
        automation_condition=AUTOMATION.ignore(dg.AssetSelection.assets(*IF_MADE))
    )
)


def _reported(project: Project, dataset: str) -> dict[str, pd.DataFrame]:
    made = [name for name in OPTIONAL if project.warehouse.has(dataset, name)]
    return {name: project.warehouse.frame(dataset, f"from {name}") for name in (*REPORTED, *made)}


def _gates(
    project: Project, dataset: str, evaluation: pd.DataFrame, comparisons: pd.DataFrame
) -> pd.DataFrame:
    rejected = " + ".join(f"(select count(*) from rejected_{table})" for table in RAW_TABLES)
    accepted = " + ".join(f"(select count(*) from {table})" for table in RAW_TABLES)
    counts = project.warehouse.arrays(
        dataset,
        f"""
        select (select count(*) from ratings) as ratings, {accepted} as accepted, {rejected} as rejected,
               (select count(*) from rejected_ratings where reason = '{RATED_AGAIN}') as rated_again
        """,
    )
    n_ratings, n_accepted, n_rejected, n_again = (int(column[0]) for column in counts.values())
    # Who rates a movie again makes no mistake: the earlier rating is kept aside, but not counted as a fault.
    n_faulty = n_rejected - n_again
    measured = Measured(evaluation, comparisons, n_ratings, n_rejected=n_faulty, n_read=n_accepted + n_faulty)
    return judge_gates(measured, project.registry.dataset(dataset).gates)
