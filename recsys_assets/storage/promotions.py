"""Which strategy answers by default, and every decision that made or left it so.

The log names no users, so that it outlives those who are forgotten; and it is no table of the warehouse, so that
nobody's champion goes with a deleted warehouse.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, dataclass
from pathlib import Path

from recsys_assets.storage.json_lines import append_line, read_lines

__all__ = ["FIRST", "KEPT", "NONE", "PROMOTED", "PROMOTIONS", "Promotion", "PromotionLog", "now"]

PROMOTIONS = "champions.jsonl"
"""Name of the log in a data set's folder of models."""
FIRST, PROMOTED, KEPT, NONE = "first", "promoted", "kept", "none"
"""Decisions: the first champion, a new one, the old one, and none yet."""


@dataclass(frozen=True)
class Promotion:
    """One decision. What doesn't exist is None.

    Attributes
    ----------
    task : ranking, rating, like or content
    window : digest of the held-out rows that it was judged on
    look : the how-manieth pair of versions it was that these rows judged, from 1
    decided_at : ISO 8601, UTC, seconds
    champion, champion_version : who answered before; where nobody did, the baseline that was to be beaten
    challenger, challenger_version : who was judged
    difference : gain of the challenger, above 0 = better
    ci_low : lower end of the gain, one-sided at the level ``alpha``
    decision : first, promoted, kept or none
    blocked_by : the first gate that failed
    distance : how far that gate was from passing, in its own unit; if all passed, how far ``ci_low`` is above 0
    weakest_segment : the third of the users that gains least
    data_version, code_version : of what the challenger answered on the held-out rows
    seconds_per_user : the challenger's time to make a list
    """

    task: str
    window: str
    look: int
    decided_at: str
    run_id: str
    champion: str
    champion_version: str
    challenger: str
    challenger_version: str
    metric: str
    difference: float | None
    ci_low: float | None
    p_value: float | None
    alpha: float
    n_users: int
    decision: str
    blocked_by: str | None
    distance: float | None
    weakest_segment: str | None
    reason: str
    data_version: str
    code_version: str
    seconds_per_user: float | None

    @property
    def crowns(self) -> bool:
        """Whether the challenger answers from then on."""
        return self.decision in (FIRST, PROMOTED)

    @property
    def pair(self) -> tuple[str, str]:
        """The versions that were compared."""
        return self.challenger_version, self.champion_version

    def is_of(self, window: str, pair: tuple[str, str]) -> bool:
        """Whether it is about these versions on these rows."""
        return (self.window, self.pair) == (window, pair)


@dataclass(frozen=True)
class PromotionLog:
    """The decisions on one data set, one line of JSON each, oldest first; lines are only ever added."""

    data: Path
    dataset: str

    @property
    def path(self) -> Path:
        return self.data / "models" / self.dataset / PROMOTIONS

    def decisions(self) -> list[Promotion]:
        return [Promotion(**record) for record in read_lines(self.path)]

    def champion(self, task: str) -> Promotion | None:
        """The decision that crowned who answers now; None if nobody was ever crowned."""
        return next((one for one in reversed(self.decisions()) if one.task == task and one.crowns), None)

    def last(self, task: str, window: str, pair: tuple[str, str]) -> Promotion | None:
        """What was last decided of two versions on these rows."""
        return next((one for one in reversed(self._on(task, window)) if one.pair == pair), None)

    def look(self, task: str, window: str, pair: tuple[str, str]) -> int:
        """The number of the look at these rows: that of the pair if it was compared on them, else the next."""
        before = self.last(task, window, pair)
        return before.look if before else 1 + max((one.look for one in self._on(task, window)), default=0)

    def add(self, decision: Promotion) -> bool:
        """Append the decision, unless it repeats one; tell whether it was appended.

        To crown is repeated if that made who is champion now; to leave all as it is, if that came last of the pair.
        """
        if self._repeats(decision):
            return False
        append_line(self.path, asdict(decision))
        return True

    def _repeats(self, decision: Promotion) -> bool:
        if decision.crowns:
            standing = self.champion(decision.task)
            return standing is not None and standing.is_of(decision.window, decision.pair)
        before = self.last(decision.task, decision.window, decision.pair)
        return before is not None and (before.decision, before.blocked_by) == (
            decision.decision,
            decision.blocked_by,
        )

    def _on(self, task: str, window: str) -> list[Promotion]:
        return [one for one in self.decisions() if (one.task, one.window) == (task, window)]


def now() -> str:
    """The time as decisions have it."""
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds").removesuffix("+00:00")
