"""What follows from a challenger's figures: gates, the decision, and whether a decision follows from its rows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from recsys_assets.algorithms.evaluation import ALL
from recsys_assets.algorithms.promotion import Gain, Look, weakest_segment
from recsys_assets.algorithms.user_sums import TAIL
from recsys_assets.defs.champions.tasks import TASKS, Task
from recsys_assets.defs.evaluation.gates import TEST, verdict
from recsys_assets.storage.promotions import FIRST, KEPT, NONE, PROMOTED

__all__ = [
    "BASELINE",
    "CHAMPION",
    "ITSELF",
    "NOTHING",
    "SEGMENT",
    "conclusion",
    "faults",
    "gain_rows",
    "gate_row",
    "in_words",
]

CHAMPION, BASELINE, ITSELF = "champion", "baseline", "itself"
"""What the champion of the table ``challengers`` is."""
NOTHING = "nothing to decide"
SEGMENT = "segment"
"""The gate of a row that is shown and judged by nothing."""
TOLERANCE = 1e-9
_GUARDED = {"light_users": "light_users_loss_max", TAIL: "tail_items_loss_max"}


def gain_rows(
    task: Task, gains: Sequence[Gain], names: tuple[str, str], thresholds: Mapping[str, float], *, role: str
) -> list[dict[str, Any]]:
    """Rows of ``promotion_comparisons``: the gain over the champion or the baseline, and the guardrails of segments.

    Against a baseline no segment is guarded, and the champion itself has nothing to beat: such rows only show.
    """
    rows = []
    for gain in gains:
        row = _measured(task, gain, names)
        name = f"{task.name}_{_GUARDED.get(gain.segment, '')}"
        if gain.segment == ALL and role != ITSELF:
            row |= gate_row(f"{task.name}_beats_{role}", gain.bound, 0.0)
        elif role == CHAMPION and name in thresholds and gain.n_users:
            row |= gate_row(name, -gain.ci_low, thresholds[name])
        rows.append(row)
    return rows


def gate_row(gate: str, measured: float, threshold: float) -> dict[str, Any]:
    """The part of a row that says whether a gate holds; a figure that doesn't exist fails it."""
    if gate.endswith("_max"):
        judged = verdict(gate, measured, threshold)
        return {"gate": gate} | {
            name: judged[name] for name in ("measured", "comparison", "threshold", "passed", "distance")
        }
    return {
        "gate": gate,
        "measured": measured,
        "comparison": ">",
        "threshold": threshold,
        "passed": measured > threshold,
        "distance": measured - threshold,
    }


def conclusion(rows: Sequence[Mapping[str, Any]], *, role: str) -> dict[str, Any]:
    """Decision, the gate that blocked it, and the distance to that gate: what follows from a task's rows alone.

    Parameters
    ----------
    rows : of ``promotion_comparisons``; those of regressions have no say in a promotion
    """
    if role == ITSELF:
        return {"decision": NOTHING, "blocked_by": None, "distance": None}
    judged = [row for row in rows if _is_gate(row)]
    failed = [row for row in judged if not row["passed"]]
    decisive = failed[0] if failed else next(row for row in judged if "_beats_" in row["gate"])
    decision = {CHAMPION: (PROMOTED, KEPT), BASELINE: (FIRST, NONE)}[role][bool(failed)]
    distance = decisive["distance"]
    return {
        "decision": decision,
        "blocked_by": decisive["gate"] if failed else None,
        "distance": None if distance is None or math.isnan(distance) else float(distance),
    }


def in_words(
    task: Task,
    names: tuple[str, str],
    gains: Sequence[Gain],
    found: Mapping[str, Any],
    *,
    look: Look,
    role: str,
) -> str:
    """The decision as a sentence: who, by how much, at which look, what blocked it, and where it falls short most."""
    challenger, champion = names
    if role == ITSELF:
        return f"{champion} is the champion, and the best on validation rows too"
    overall = next(gain for gain in gains if gain.segment == ALL)
    text = (
        f"{challenger} against {champion}: {task.metric} {overall.challenger:.4f} and {overall.champion:.4f}, gain "
        f"{overall.difference:+.4f}, at least {overall.bound:+.4f} (p = {overall.p_value:.3g}, look {look.number} at "
        f"these rows, level {look.alpha:.3g})"
    )
    if found["decision"] == PROMOTED:
        return f"{text}; {challenger} is promoted"
    if found["decision"] == FIRST:
        return f"{text}; {challenger} is the first champion"
    weakest = weakest_segment(gains)
    fate = f"{champion} stays" if role == CHAMPION else "there is no champion yet"
    short = "" if found["distance"] is None else f", {found['distance']:+.3g} from passing"
    where = f"; least gain among {weakest.segment} ({weakest.difference:+.4f})" if weakest else ""
    return f"{text}; blocked by {found['blocked_by']}{short}{where}; {fate}"


def faults(
    row: Mapping[str, Any], rows: pd.DataFrame, validation: pd.DataFrame, evaluation: pd.DataFrame
) -> list[str]:
    """Why a row of ``challengers`` may not be acted on; nothing if it may.

    Parameters
    ----------
    rows : of ``promotion_comparisons``
    validation, evaluation : the tables ``validation_scores`` and ``evaluation``
    """
    task = TASKS[row["task"]]
    own = rows[rows["task"] == task.name].astype(object)
    records = own.where(own.notna(), None).to_dict("records")
    gates = [{str(name): value for name, value in record.items()} for record in records]
    return [
        *_learned(row),
        *_regressed(gates),
        *_does_not_follow(row, gates),
        *_not_the_best(row, validation),
        *_other_figures(row, task, evaluation),
    ]


def _learned(row: Mapping[str, Any]) -> list[str]:
    n = int(row["n_learned"])
    return [f"{n:,} test rows are among those that {row['challenger']} learned from"] if n else []


def _regressed(gates: Sequence[Mapping[str, Any]]) -> list[str]:
    return [
        f"the champion {one['challenger']} is worse on the same test rows than {one['champion']} was: "
        f"{one['challenger_value']:.4f} after {one['champion_value']:.4f}, worse by {one['measured']:.4g} or more, at "
        f"most {one['threshold']:.4g} is allowed ({one['gate']}): mend what changed, or raise the threshold"
        for one in gates
        if one["gate"].endswith("_regression_max") and not one["passed"]
    ]


def _does_not_follow(row: Mapping[str, Any], gates: Sequence[Mapping[str, Any]]) -> list[str]:
    wrong = [
        one["gate"]
        for one in gates
        if one["passed"] is not None
        and one["measured"] is not None
        and bool(gate_row(one["gate"], one["measured"], one["threshold"])["passed"]) != bool(one["passed"])
    ]
    found = conclusion(gates, role=row["role"])
    if found["decision"] != row["decision"] or found["blocked_by"] != row["blocked_by"]:
        wrong.append(f"{row['decision']} instead of {found['decision']}")
    return [f"the decision doesn't follow from its rows: {', '.join(wrong)}"] if wrong else []


def _not_the_best(row: Mapping[str, Any], validation: pd.DataFrame) -> list[str]:
    of_task = validation[validation["task"] == row["task"]].dropna(subset=["value"])
    ordered = of_task.sort_values("value", ascending=TASKS[row["task"]].scale.lower_is_better)
    best = ordered["value"].iloc[0] if len(ordered) else None
    own = of_task.loc[of_task["strategy"] == row["challenger"], "value"]
    if best is None or not len(own) or own.iloc[0] != best:
        return [f"{row['challenger']} is not the best of {row['task']} on validation rows"]
    return []


def _other_figures(row: Mapping[str, Any], task: Task, evaluation: pd.DataFrame) -> list[str]:
    told = evaluation[
        (evaluation["model"] == row["challenger"])
        & (evaluation["split"] == TEST)
        & (evaluation["segment"] == ALL)
        & (evaluation["metric"] == task.metric)
        & (evaluation["k"] == task.k)
    ]["value"]
    judged = math.nan if row["challenger_value"] is None else float(row["challenger_value"])
    if len(told) != 1 or abs(float(told.iloc[0]) - judged) > TOLERANCE:
        return [f"the evaluation has another {task.metric} of {row['challenger']} than it was judged by"]
    return []


def _is_gate(row: Mapping[str, Any]) -> bool:
    return row["passed"] is not None and not row["gate"].endswith("_regression_max")


def _measured(task: Task, gain: Gain, names: tuple[str, str]) -> dict[str, Any]:
    return {
        "task": task.name,
        "gate": SEGMENT,
        "segment": gain.segment,
        "metric": task.metric,
        "challenger": names[0],
        "champion": names[1],
        "challenger_value": gain.challenger,
        "champion_value": gain.champion,
        "difference": gain.difference,
        "ci_low": gain.ci_low,
        "ci_high": gain.ci_high,
        "n_users": gain.n_users,
        "measured": None,
        "comparison": None,
        "threshold": None,
        "passed": None,
        "distance": None,
    }
