"""The champions: what was decided is read again, kept in the log, and answers from then on."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
import pandas as pd

from recsys_assets.algorithms.evaluation import ALL
from recsys_assets.algorithms.interactions import Interactions
from recsys_assets.algorithms.rating_prediction.log import RatingLog
from recsys_assets.contracts import TABLES
from recsys_assets.defs.champions.challengers import HeldOutConfig
from recsys_assets.defs.champions.content import content_champion
from recsys_assets.defs.champions.decision import CHAMPION, ITSELF, faults
from recsys_assets.defs.champions.evidence import Held, Reference, held_out, judged
from recsys_assets.defs.champions.reference import keep_reference
from recsys_assets.defs.champions.tasks import TASKS, judged_asset
from recsys_assets.defs.common import frame_digest, spec
from recsys_assets.defs.evaluation.gates import TEST
from recsys_assets.defs.fits import TRIAL
from recsys_assets.defs.provenance import CODE_VERSION_TAG, DATA_VERSION_TAG, latest_materializations
from recsys_assets.defs.resources import Project, partition_of, table_metadata
from recsys_assets.defs.versions import code_version
from recsys_assets.partitions import DATASETS
from recsys_assets.storage.promotions import Promotion, PromotionLog, now
from recsys_assets.storage.warehouse import replace_tables

CODE = code_version(__name__)
GROUP = "champions"
JUDGED = ("challengers", "promotion_comparisons", "validation_scores", "evaluation")
OF_THE_RUN = ["promoted_at", "decided_at", "run_id", "seconds_per_user"]
"""What differs between two runs that decide the same."""

# Whether its challengers hold, the asset reads itself: one that isn't promoted warns, which must not stop a refresh.
REFRESH = (
    dg.AutomationCondition.eager()
    & dg.AutomationCondition.all_deps_blocking_checks_passed().ignore(
        dg.AssetSelection.assets("challengers", "model_versions")
    )
).with_label("refresh when something upstream changed and its gates hold, but for those that it reads itself")


@dg.multi_asset(
    name="crown",
    specs=[
        spec(
            name,
            deps=[
                *JUDGED,
                "gates",
                "test_ratings",
                "holdout_recommendations",
                "holdout_rating_predictions",
                "holdout_like_predictions",
                "model_versions",
                "catalogue_relevance",
                TRIAL.key("interactions"),
                TRIAL.key("rating_log"),
            ],
            group_name=GROUP,
            kinds={"duckdb", "table", "file"},
            description=TABLES[name].comment,
            code_version=CODE,
        ).replace_attributes(automation_condition=REFRESH)
        for name in ("champions", "promotions")
    ],
    ins={
        "interactions": dg.AssetIn(TRIAL.key("interactions")),
        "rating_log": dg.AssetIn(TRIAL.key("rating_log")),
    },
    partitions_def=DATASETS,
)
def crown(
    context: dg.AssetExecutionContext,
    config: HeldOutConfig,
    interactions: Interactions,
    rating_log: RatingLog,
    project: Project,
) -> Iterator[dg.MaterializeResult[None]]:
    """Act on the decisions, each read again from its rows: into the log first, which is who the champion is.

    May be repeated after it was cut short: a decision that the log has is not added again.
    """
    dataset = partition_of(context)
    measured = {name: project.warehouse.frame(dataset, f"from {name}") for name in JUDGED}
    rows = _sound(measured, project.warehouse.frame(dataset, "from gates"))
    log = PromotionLog(project.folder, dataset)
    for row in rows:
        if row["role"] != ITSELF:
            _decide(log, row, context.run.run_id)
    held = held_out(
        project,
        dataset,
        interactions,
        rating_log,
        like_rating=config.like_rating,
        head_share=config.head_share,
    )
    champions = [
        champion
        for row in rows
        for champion in _crowned(context, project, log, row, held, measured["evaluation"])
    ]
    champions += content_champion(project, dataset, log)
    tables = {
        "champions": pd.DataFrame(champions, columns=TABLES["champions"].column_names),
        "promotions": _decisions(log),
    }
    with project.warehouse.connect(dataset) as connection:
        replace_tables(connection, tables)
        for name, frame in tables.items():
            lasting = frame.drop(columns=OF_THE_RUN, errors="ignore").convert_dtypes()
            yield dg.MaterializeResult(
                asset_key=name,
                metadata=table_metadata(connection, name) | _shown(name, frame),
                data_version=dg.DataVersion(frame_digest(lasting)),
            )


def _sound(measured: dict[str, pd.DataFrame], gates: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of ``challengers``, if all may be acted on.

    Raises
    ------
    dagster.Failure
        If one doesn't follow from its rows, the champion got worse, or nothing would be published anyway.
    """
    table = measured["challengers"].astype(object)
    rows = [
        {str(name): value for name, value in row.items()}
        for row in table.where(table.notna(), None).to_dict("records")
    ]
    found = [
        f"{row['task']}: {fault}"
        for row in rows
        for fault in faults(
            row, measured["promotion_comparisons"], measured["validation_scores"], measured["evaluation"]
        )
    ]
    found += [f"gate {gate} failed" for gate in gates.loc[~gates["passed"].astype(bool), "gate"]]
    if found:
        raise dg.Failure(f"No champion was changed: {'; '.join(found)}.")
    return rows


def _decide(log: PromotionLog, row: dict[str, Any], run_id: str) -> None:
    """Keep a decision, if it is about who is champion now, or made who is."""
    standing = log.champion(row["task"])
    answers = standing.challenger if standing else None
    pair = row["challenger_version"], row["champion_version"]
    done = standing is not None and standing.is_of(row["window"], pair)
    if not done and answers != (row["champion"] if row["role"] == CHAMPION else None):
        raise dg.Failure(
            f"the challenger of {row['task']} was judged beside {row['champion']}, and {answers} is the champion by "
            "now: make challengers again"
        )
    fields = {name: row[name] for name in Promotion.__dataclass_fields__ if name in row}
    log.add(Promotion(**fields, decided_at=now(), run_id=run_id))


def _crowned(
    context: dg.AssetExecutionContext,
    project: Project,
    log: PromotionLog,
    row: dict[str, Any],
    held: Held,
    evaluation: pd.DataFrame,
) -> Iterator[dict[str, Any]]:
    """The task's row of ``champions``, if there is one; what it is worth today is kept."""
    dataset, task = partition_of(context), TASKS[row["task"]]
    standing = log.champion(task.name)
    if standing is None:
        return
    strategy = standing.challenger
    [answered] = judged(project, dataset, task.name, [strategy], held).values()
    keep_reference(project, dataset, task.name, Reference.of(strategy, row["window"], answered))
    figure = evaluation[
        (evaluation["model"] == strategy)
        & (evaluation["split"] == TEST)
        & (evaluation["segment"] == ALL)
        & (evaluation["metric"] == task.metric)
        & (evaluation["k"] == task.k)
    ].iloc[0]
    key = judged_asset(task.name, strategy)
    made = latest_materializations(context.instance, [key], dataset)[key].asset_materialization
    tags = (made.tags or {}) if made else {}
    yield {
        "task": task.name,
        "strategy": strategy,
        "version": answered.version,
        "metric": task.metric,
        **{name: figure[name] for name in ("value", "ci_low", "ci_high", "n_users")},
        "promoted_at": pd.Timestamp(standing.decided_at),
        "run_id": standing.run_id,
        "data_version": tags[DATA_VERSION_TAG],
        "code_version": tags[CODE_VERSION_TAG],
        "reason": standing.reason,
    }


def _decisions(log: PromotionLog) -> pd.DataFrame:
    table = pd.DataFrame(log.decisions(), columns=list(Promotion.__dataclass_fields__))
    table["decided_at"] = pd.to_datetime(table["decided_at"])
    table["number"] = range(1, len(table) + 1)
    return table


def _shown(name: str, frame: pd.DataFrame) -> dict[str, Any]:
    """Who answers by default, and how good that is: figures whose course over time the UI plots."""
    if name != "champions":
        return {}
    figures = frame["task"] + "_" + frame["metric"]
    return dict(zip(frame["task"], frame["strategy"], strict=True)) | dict(
        zip(figures, frame["value"].astype(float).tolist(), strict=True)
    )
