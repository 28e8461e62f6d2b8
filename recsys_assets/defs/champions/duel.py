"""A challenger beside a champion: who meets whom, at which look, every gate, and the rows that tell it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import dagster as dg
import numpy as np

from recsys_assets.algorithms.evaluation import ALL
from recsys_assets.algorithms.promotion import (
    Gain,
    Look,
    Sampling,
    compare,
    coverage_loss,
    spend_alpha,
    weakest_segment,
)
from recsys_assets.defs.champions import decision as deciding
from recsys_assets.defs.champions.evidence import (
    Held,
    Judged,
    judged,
    n_learned,
    seconds_per_user,
)
from recsys_assets.defs.champions.reference import read_reference
from recsys_assets.defs.champions.tasks import K, Task
from recsys_assets.defs.resources import Project
from recsys_assets.storage.promotions import PromotionLog

__all__ = ["Court", "Row", "judge"]

Row = dict[str, Any]


@dataclass(frozen=True)
class Court:
    """What all challengers of a data set are judged by.

    Attributes
    ----------
    window : digest of the held-out rows
    thresholds : of all gates that are on
    alpha : of a false promotion, over all looks at the window
    regression_alpha : one-sided level at which a champion counts as worse than when it was crowned
    """

    project: Project
    dataset: str
    held: Held
    window: str
    thresholds: Mapping[str, float]
    alpha: float
    regression_alpha: float
    sampling: Sampling

    @property
    def log(self) -> PromotionLog:
        return PromotionLog(self.project.folder, self.dataset)


@dataclass(frozen=True)
class Duel:
    """Who is judged beside whom, and at which look; what all who take part said, the baseline included."""

    task: Task
    challenger: str
    champion: str
    role: str
    look: Look
    seconds: float | None
    said: Mapping[str, Judged]

    @property
    def names(self) -> tuple[str, str]:
        return self.challenger, self.champion


def judge(court: Court, task: Task, challenger: str) -> tuple[Row, list[Row]]:
    """A task's row of ``challengers``, but for Dagster's versions, and its rows of ``promotion_comparisons``.

    Where the challenger is the champion already, its gain is shown over the baseline, and nothing is decided.
    """
    duel = _duel(court, task, challenger)
    rival = task.baseline if duel.role == deciding.ITSELF else duel.champion
    gains = compare(
        duel.said[challenger].evidence,
        duel.said[rival].evidence,
        task.scale,
        alpha=duel.look.alpha,
        sampling=court.sampling,
    )
    rows = [
        *deciding.gain_rows(task, gains, (challenger, rival), court.thresholds, role=duel.role),
        *_of_all_lists(court, duel),
        *_regression(court, duel),
    ]
    return _row(court, duel, gains, rows), rows


def _duel(court: Court, task: Task, challenger: str) -> Duel:
    standing = court.log.champion(task.name)
    champion = standing.challenger if standing else task.baseline
    said = judged(court.project, court.dataset, task.name, (challenger, champion, task.baseline), court.held)
    if champion not in said:
        raise dg.Failure(
            f"{champion} is the champion of {task.name} on {court.dataset} and answered for 0 held-out rows: "
            "fit it again"
        )
    role = deciding.BASELINE if standing is None else deciding.CHAMPION
    role = deciding.ITSELF if standing and challenger == champion else role
    pair = said[challenger].version, said[champion].version
    number = court.log.look(task.name, court.window, pair)
    timed = task.name == "ranking" and role != deciding.ITSELF
    seconds = _seconds(court, task, challenger, pair) if timed else None
    return Duel(
        task, challenger, champion, role, Look(number, spend_alpha(court.alpha, number)), seconds, said
    )


def _seconds(court: Court, task: Task, challenger: str, pair: tuple[str, str]) -> float:
    """A list's time; that of the same versions is not taken again, so that they get the same decision."""
    before = court.log.last(task.name, court.window, pair)
    if before and before.seconds_per_user is not None:
        return before.seconds_per_user
    return seconds_per_user(court.project, court.dataset, challenger, court.held.interactions)


def _of_all_lists(court: Court, duel: Duel) -> list[Row]:
    """Gates that are no means over users: coverage, and the time of a list."""
    rows = []
    gate, n_items = "ranking_coverage_loss_max", court.held.interactions.n_items
    lists = [items for items in (duel.said[name].lists for name in duel.names) if items is not None]
    if duel.role == deciding.CHAMPION and gate in court.thresholds and len(lists) == 2:
        one, other, loss = coverage_loss(lists[0], lists[1], n_items=n_items, k=K)
        row = _blank(court, duel, "coverage") | {"challenger_value": one, "champion_value": other}
        rows.append(row | {"difference": one - other} | deciding.gate_row(gate, loss, court.thresholds[gate]))
    gate = "ranking_ms_per_user_max"
    if duel.seconds is not None and gate in court.thresholds:
        row = _blank(court, duel, "ms_per_user")
        row |= deciding.gate_row(gate, 1000 * duel.seconds, court.thresholds[gate])
        # A time that passes is told in seconds_per_user alone: it is another in each run.
        rows.append(row | ({"measured": None, "distance": None} if row["passed"] else {}))
    return rows


def _regression(court: Court, duel: Duel) -> list[Row]:
    """The champion today beside what it was when it was crowned, if that was on the same rows."""
    gate = f"{duel.task.name}_regression_max"
    reference = read_reference(court.project, court.dataset, duel.task.name)
    today = duel.said[duel.champion]
    if (
        reference is None
        or gate not in court.thresholds
        or (reference.window, reference.strategy) != (court.window, duel.champion)
        or not np.array_equal(reference.user_ids, today.user_ids)
    ):
        return []
    [gain] = compare(
        {ALL: today.evidence[ALL]},
        {ALL: reference.sums},
        duel.task.scale,
        alpha=court.regression_alpha,
        sampling=court.sampling,
    )
    names = today.version, reference.version
    [row] = deciding.gain_rows(duel.task, [gain], names, {}, role=deciding.ITSELF)
    return [row | deciding.gate_row(gate, -gain.ceiling, court.thresholds[gate])]


def _row(court: Court, duel: Duel, gains: list[Gain], rows: list[Row]) -> Row:
    overall = next(gain for gain in gains if gain.segment == ALL)
    found = deciding.conclusion(rows, role=duel.role)
    weakest = weakest_segment(gains)
    decides = duel.role != deciding.ITSELF
    return {
        "task": duel.task.name,
        "challenger": duel.challenger,
        "challenger_version": duel.said[duel.challenger].version,
        "champion": duel.champion,
        "champion_version": duel.said[duel.champion].version,
        "role": duel.role,
        "metric": duel.task.metric,
        "challenger_value": overall.challenger,
        "champion_value": overall.champion if decides else overall.challenger,
        "difference": overall.difference if decides else None,
        "ci_low": overall.bound if decides else None,
        "p_value": overall.p_value if decides else None,
        "alpha": duel.look.alpha,
        "look": duel.look.number,
        "window": court.window,
        "n_users": overall.n_users,
        **found,
        "weakest_segment": weakest.segment if weakest else None,
        "reason": deciding.in_words(duel.task, duel.names, gains, found, look=duel.look, role=duel.role),
        "n_learned": n_learned(duel.task.name, court.held),
        "seconds_per_user": duel.seconds,
    }


def _blank(court: Court, duel: Duel, metric: str) -> Row:
    return {
        "task": duel.task.name,
        "segment": ALL,
        "metric": metric,
        "challenger": duel.challenger,
        "champion": duel.champion,
        **dict.fromkeys(("challenger_value", "champion_value", "difference", "ci_low", "ci_high")),
        "n_users": court.held.interactions.n_users,
    }
