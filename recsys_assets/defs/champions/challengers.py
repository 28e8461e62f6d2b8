"""This run's challengers beside the champions: the same users, the same held-out rows, every gate of a promotion."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
from pydantic import Field

from recsys_assets.algorithms.evaluation import ALL
from recsys_assets.algorithms.interactions import Interactions
from recsys_assets.algorithms.promotion import (
    Gain,
    Look,
    Sampling,
    compare,
    coverage_loss,
    spend_alpha,
    weakest_segment,
)
from recsys_assets.algorithms.rating_prediction.log import RatingLog
from recsys_assets.contracts import TABLES
from recsys_assets.defs.champions import decision as deciding
from recsys_assets.defs.champions.evidence import (
    Held,
    Judged,
    Reference,
    held_out,
    judged,
    n_learned,
    seconds_per_user,
)
from recsys_assets.defs.champions.reference import read_reference
from recsys_assets.defs.champions.tasks import TASKS, K, Task, judged_asset
from recsys_assets.defs.common import frame_digest, spec
from recsys_assets.defs.fits import TRIAL
from recsys_assets.defs.provenance import (
    CODE_VERSION_TAG,
    DATA_VERSION_TAG,
    latest_materializations,
)
from recsys_assets.defs.resources import Project, partition_of, table_metadata
from recsys_assets.defs.topn import LikeConfig
from recsys_assets.defs.versions import code_version
from recsys_assets.partitions import DATASETS
from recsys_assets.report.champion_plots import gains_by_segment
from recsys_assets.report.plots import markdown_image
from recsys_assets.storage.promotions import PromotionLog
from recsys_assets.storage.warehouse import replace_tables, table_digest

CODE = code_version(__name__)
GROUP = "champions"
OUTPUTS = ("challengers", "promotion_comparisons")


class PromotionConfig(LikeConfig):
    """How sure a promotion is."""

    alpha: float = Field(
        0.05,
        gt=0,
        lt=1,
        description="chance of any false promotion on one window of held-out rows, over all looks",
    )
    regression_alpha: float = Field(
        0.01,
        gt=0,
        lt=1,
        description="one-sided level at which a champion counts as worse than when it was crowned",
    )
    head_share: float = Field(0.2, gt=0, lt=1, description="share of the rated movies that is the head")
    n_resamples: int = Field(4000, ge=100, description="bootstrap resamples of the users, at least")
    confidence: float = Field(0.95, gt=0, lt=1, description="of the intervals that guardrails look at")
    seed: int = Field(0, ge=0, description="seed of the bootstrap")

    def sampling(self) -> Sampling:
        return Sampling(self.n_resamples, self.confidence, self.seed)


@dataclass(frozen=True)
class Duel:
    """Who is judged beside whom, and at which look."""

    task: Task
    challenger: str
    champion: str
    role: str
    look: Look
    window: str
    seconds: float | None

    @property
    def names(self) -> tuple[str, str]:
        return self.challenger, self.champion


@dg.multi_asset(
    name="judge_challengers",
    specs=[
        spec(
            name,
            deps=[
                "validation_scores",
                "test_ratings",
                "holdout_recommendations",
                "holdout_rating_predictions",
                "holdout_like_predictions",
                "gate_thresholds",
                TRIAL.key("interactions"),
                TRIAL.key("rating_log"),
            ],
            group_name=GROUP,
            kinds={"duckdb", "table"},
            description=TABLES[name].comment,
            code_version=CODE,
        )
        for name in OUTPUTS
    ],
    ins={
        "interactions": dg.AssetIn(TRIAL.key("interactions")),
        "rating_log": dg.AssetIn(TRIAL.key("rating_log")),
    },
    partitions_def=DATASETS,
)
def judge_challengers(
    context: dg.AssetExecutionContext,
    config: PromotionConfig,
    validation_scores: pd.DataFrame,
    interactions: Interactions,
    rating_log: RatingLog,
    project: Project,
) -> Iterator[dg.MaterializeResult[None]]:
    """Judge each task's best strategy on validation rows beside the champion, on test rows that neither learned from.

    A strategy is a procedure: settings that validation rows chose, fitted anew on the day's data. Changing the strategy
    that answers by default takes a promotion; data and refits of the same strategy don't wait for one.
    """
    dataset = partition_of(context)
    held = held_out(
        project,
        dataset,
        interactions,
        rating_log,
        like_rating=config.like_rating,
        head_share=config.head_share,
    )
    found = [
        _judge(context, project, config, task, held, _best(validation_scores, task.name))
        for task in TASKS.values()
        if _best(validation_scores, task.name) is not None
    ]
    tables = {
        "challengers": pd.DataFrame([row for row, _ in found], columns=TABLES["challengers"].column_names),
        "promotion_comparisons": pd.DataFrame(
            [row for _, rows in found for row in rows], columns=TABLES["promotion_comparisons"].column_names
        ),
    }
    with project.warehouse.connect(dataset) as connection:
        replace_tables(connection, tables)
        for name, frame in tables.items():
            # How long a list took is no reason to publish again.
            lasting = frame.drop(columns="seconds_per_user", errors="ignore").convert_dtypes()
            yield dg.MaterializeResult(
                asset_key=name,
                metadata=table_metadata(connection, name) | _shown(name, frame),
                data_version=dg.DataVersion(frame_digest(lasting)),
            )


def _best(validation_scores: pd.DataFrame, task: str) -> str | None:
    best = validation_scores[(validation_scores["task"] == task) & validation_scores["challenger"]]
    return str(best["strategy"].iloc[0]) if len(best) else None


def _judge(
    context: dg.AssetExecutionContext,
    project: Project,
    config: PromotionConfig,
    task: Task,
    held: Held,
    challenger: str | None,
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The task's row of ``challengers``, and its rows of ``promotion_comparisons``."""
    dataset = partition_of(context)
    standing = PromotionLog(project.folder, dataset).champion(task.name)
    champion = standing.challenger if standing else task.baseline
    answered = judged(project, dataset, task.name, (str(challenger), champion, task.baseline), held)
    if champion not in answered:
        raise dg.Failure(
            f"{champion} is the champion of {task.name} on {dataset} and answered for 0 held-out rows: fit it again"
        )
    duel = _duel(project, config, task, dataset, str(challenger), champion, answered, held)
    rival = champion if duel.role != deciding.ITSELF else task.baseline
    gains = compare(
        answered[duel.challenger].evidence,
        answered[rival].evidence,
        task.scale,
        alpha=duel.look.alpha,
        sampling=config.sampling(),
    )
    thresholds = project.spec(context).thresholds
    rows = deciding.gain_rows(task, gains, (duel.challenger, rival), thresholds, role=duel.role)
    rows += _of_all_lists(duel, answered, thresholds, held)
    rows += _regression(project, config, duel, dataset, answered[champion], thresholds)
    made = latest_materializations(
        context.instance, [judged_asset(task.name, duel.challenger)], dataset
    ).values()
    tags = next((one.asset_materialization.tags or {} for one in made if one.asset_materialization), {})
    row = _row(duel, answered, gains, rows, n_learned(task.name, held))
    row["data_version"], row["code_version"] = (
        str(tags.get(tag, "unknown")) for tag in (DATA_VERSION_TAG, CODE_VERSION_TAG)
    )
    return row, rows


def _duel(
    project: Project,
    config: PromotionConfig,
    task: Task,
    dataset: str,
    challenger: str,
    champion: str,
    answered: dict[str, Judged],
    held: Held,
) -> Duel:
    log = PromotionLog(project.folder, dataset)
    with project.warehouse.connect(dataset) as connection:
        window = table_digest(connection, "test_ratings")
    crowned = log.champion(task.name) is not None
    role = (
        deciding.BASELINE if not crowned else deciding.ITSELF if challenger == champion else deciding.CHAMPION
    )
    pair = answered[challenger].version, answered[champion].version
    number = log.look(task.name, window, pair)
    seconds = None
    if task.name == "ranking" and role != deciding.ITSELF:
        before = log.last(task.name, window, pair)
        # The same versions get the same decision: their time is not taken again.
        seconds = before.seconds_per_user if before else None
        seconds = seconds or seconds_per_user(project, dataset, challenger, held.interactions)
    return Duel(
        task,
        challenger,
        champion,
        role,
        Look(number, spend_alpha(config.alpha, number)),
        window,
        seconds,
    )


def _of_all_lists(
    duel: Duel, answered: dict[str, Judged], thresholds: dict[str, float], held: Held
) -> list[dict[str, Any]]:
    """Gates that are no means over users: coverage, and the time of a list."""
    rows = []
    gate = "ranking_coverage_loss_max"
    lists = [items for items in (answered[name].lists for name in duel.names) if items is not None]
    if duel.role == deciding.CHAMPION and gate in thresholds and len(lists) == 2:
        one, other, loss = coverage_loss(lists[0], lists[1], n_items=held.interactions.n_items, k=K)
        row = _blank(duel, "coverage", held) | {"challenger_value": one, "champion_value": other}
        rows.append(row | {"difference": one - other} | deciding.gate_row(gate, loss, thresholds[gate]))
    gate = "ranking_ms_per_user_max"
    if duel.seconds is not None and gate in thresholds:
        row = _blank(duel, "ms_per_user", held) | deciding.gate_row(
            gate, 1000 * duel.seconds, thresholds[gate]
        )
        # A time that passes is told in seconds_per_user alone: it is another in each run.
        rows.append(row | ({"measured": None, "distance": None} if row["passed"] else {}))
    return rows


def _regression(
    project: Project,
    config: PromotionConfig,
    duel: Duel,
    dataset: str,
    champion: Judged,
    thresholds: dict[str, float],
) -> list[dict[str, Any]]:
    """The champion today beside what it was when it was crowned, on the same rows."""
    gate = f"{duel.task.name}_regression_max"
    reference = read_reference(project, dataset, duel.task.name)
    if reference is None or gate not in thresholds or not _is_comparable(reference, duel, champion):
        return []
    [gain] = compare(
        {ALL: champion.evidence[ALL]},
        {ALL: reference.sums},
        duel.task.scale,
        alpha=config.regression_alpha,
        sampling=config.sampling(),
    )
    row = deciding.gain_rows(
        duel.task, [gain], (champion.version, reference.version), {}, role=deciding.ITSELF
    )[0]
    return [row | deciding.gate_row(gate, -gain.ceiling, thresholds[gate])]


def _is_comparable(reference: Reference, duel: Duel, champion: Judged) -> bool:
    return (reference.window, reference.strategy) == (duel.window, duel.champion) and np.array_equal(
        reference.user_ids, champion.user_ids
    )


def _row(
    duel: Duel,
    answered: dict[str, Judged],
    gains: list[Gain],
    rows: list[dict[str, Any]],
    learned: int,
) -> dict[str, Any]:
    overall = next(gain for gain in gains if gain.segment == ALL)
    found = deciding.conclusion(rows, role=duel.role)
    weakest = weakest_segment(gains)
    decides = duel.role != deciding.ITSELF
    return {
        "task": duel.task.name,
        "challenger": duel.challenger,
        "challenger_version": answered[duel.challenger].version,
        "champion": duel.champion,
        "champion_version": answered[duel.champion].version,
        "role": duel.role,
        "metric": duel.task.metric,
        "challenger_value": overall.challenger,
        "champion_value": overall.champion if decides else overall.challenger,
        "difference": overall.difference if decides else None,
        "ci_low": overall.bound if decides else None,
        "p_value": overall.p_value if decides else None,
        "alpha": duel.look.alpha,
        "look": duel.look.number,
        "window": duel.window,
        "n_users": overall.n_users,
        **found,
        "weakest_segment": weakest.segment if weakest else None,
        "reason": deciding.in_words(
            duel.task,
            duel.names,
            gains,
            found,
            look=f"look {duel.look.number} at these rows, level {duel.look.alpha:.3g}",
            role=duel.role,
        ),
        "n_learned": learned,
        "seconds_per_user": duel.seconds,
    }


def _blank(duel: Duel, metric: str, held: Held) -> dict[str, Any]:
    return {
        "task": duel.task.name,
        "segment": ALL,
        "metric": metric,
        "challenger": duel.challenger,
        "champion": duel.champion,
        **dict.fromkeys(("challenger_value", "champion_value", "difference", "ci_low", "ci_high")),
        "n_users": held.interactions.n_users,
    }


def _shown(name: str, frame: pd.DataFrame) -> dict[str, Any]:
    """The decisions in words, or the gains drawn."""
    if name == "challengers":
        return {f"{task}_decision": text for task, text in zip(frame["task"], frame["reason"], strict=True)}
    return {
        f"{task}_gains": dg.MetadataValue.md(markdown_image(gains_by_segment(rows), f"gains of {task}"))
        for task, rows in frame.groupby("task")
    }
