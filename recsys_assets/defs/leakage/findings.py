"""What was looked for and what was found: the rows of the table ``leakage``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass

import pandas as pd

from recsys_assets.contracts import TABLES

__all__ = ["CHECKS", "KINDS", "NO_FIT", "Finding", "finding_rows"]

NO_FIT = "none"
KINDS: Mapping[str, str] = {
    "upstream": "nothing that a fit learns from is made of rows that judge it",
    "order": "each user's learned rows lie before those that they are judged on, and none of these is learned",
    "recomputed": "statistics counted again from learned rows alone are those that models hold",
    "shuffled": "models of rows whose meaning was shuffled away tell held-out likes by chance only",
    "scrambled": "other stars and tags of held-out rows change no bit of what is learned",
}
"""How leaks are looked for; the first word of a row's ``check``."""
CHECKS: Mapping[str, tuple[str, ...]] = {
    "lists": tuple(KINDS),
    "stars": tuple(KINDS),
    "likes": tuple(KINDS),
    "clusters": tuple(KINDS),
    "catalogue": ("upstream",),
}
"""What every family is tried for. Each is a check of the table: ``lists_recomputed``."""


@dataclass(frozen=True)
class Finding:
    """One row: ``measured`` must not exceed ``bound``. Without the one or the other there is nothing to judge."""

    family: str
    fit: str
    check: str
    measured: float | None
    bound: float | None
    description: str

    def __post_init__(self) -> None:
        if self.kind not in CHECKS[self.family]:
            raise ValueError(
                f"{self.family} has no check {self.kind!r}; it has {', '.join(CHECKS[self.family])}"
            )

    @property
    def kind(self) -> str:
        return self.check.split()[0]

    @property
    def passed(self) -> bool:
        # A figure that is no number is not within any bound.
        return self.measured is None or self.bound is None or self.measured <= self.bound


def finding_rows(findings: Iterable[Finding]) -> pd.DataFrame:
    """The rows of the table, in the order in which they were found."""
    rows = [{**asdict(one), "passed": one.passed} for one in findings]
    return pd.DataFrame(rows, columns=TABLES["leakage"].column_names)
