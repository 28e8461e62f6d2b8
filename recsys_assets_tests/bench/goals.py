"""What each stage may cost at the size of MovieLens 25M, on two cores."""

from __future__ import annotations

from dataclasses import dataclass

from recsys_assets_tests.bench.measuring import Cost

__all__ = ["GOALS", "Goal", "Result", "missed"]


@dataclass(frozen=True)
class Goal:
    """Upper bounds; ``ratio`` is wall time in units of the library's own, called directly in the same run."""

    wall_s: float | None = None
    peak_gib: float | None = None
    ratio: float | None = None


GOALS = {
    "ingest": Goal(wall_s=10, peak_gib=2),
    "als": Goal(ratio=2),
    "top_n": Goal(wall_s=30),
    "neighbours": Goal(wall_s=15, peak_gib=1),
    "evaluation": Goal(wall_s=1),
}


@dataclass(frozen=True)
class Result:
    """A stage's cost and that of the library doing the same, where there is one."""

    stage: str
    ours: Cost
    library: Cost | None

    @property
    def ratio(self) -> float | None:
        return None if self.library is None else self.ours.wall_s / self.library.wall_s

    def best(self, other: Result) -> Result:
        """Two measurements of one stage as one, by `Cost.best`."""
        library = self.library and other.library and self.library.best(other.library)
        return Result(self.stage, self.ours.best(other.ours), library)

    def cells(self) -> list[str]:
        """A row of the table that people read."""
        goal, ours, library = GOALS[self.stage], self.ours, self.library
        return [
            self.stage,
            _against(ours.wall_s, goal.wall_s),
            f"{ours.cpu_s:.2f}",
            _against(ours.peak_gib, goal.peak_gib),
            f"{library.wall_s:.2f}" if library else "",
            f"{library.peak_gib:.2f}" if library else "",
            _against(self.ratio, goal.ratio),
        ]


def missed(result: Result) -> list[str]:
    """The stage's missed goals in words, with both numbers."""
    goal = GOALS[result.stage]
    measured = (
        ("wall s", result.ours.wall_s, goal.wall_s),
        ("peak GiB", result.ours.peak_gib, goal.peak_gib),
        ("times the library", result.ratio, goal.ratio),
    )
    return [
        f"{result.stage}: {value:.2f} {unit}, the goal is at most {most:g}"
        for unit, value, most in measured
        if value is not None and most is not None and value > most
    ]


def _against(value: float | None, goal: float | None) -> str:
    shown = "" if value is None else f"{value:.2f}"
    return shown if goal is None else rf"{shown} \[{goal:g}]"
