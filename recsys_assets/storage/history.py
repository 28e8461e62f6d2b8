"""What became of each generation of a data set's publication: published, checked, withdrawn, current again."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, dataclass
from pathlib import Path

from recsys_assets.storage.json_lines import append_line, read_lines

__all__ = ["Event", "History"]


@dataclass(frozen=True)
class Event:
    """One decision.

    Attributes
    ----------
    happened : published, checked (it answers as it should), withdrawn (what followed was not to be read any more),
        restored, or removed
    generation : the generation that it happened to
    at : ISO 8601, UTC, seconds
    run_id : the Dagster run that did it; empty where a person did
    reason : in words
    """

    happened: str
    generation: int
    at: str
    run_id: str
    reason: str


@dataclass(frozen=True)
class History:
    """The decisions on one data set, one line of JSON each, oldest first; lines are only ever added."""

    folder: Path
    dataset: str

    @property
    def path(self) -> Path:
        return self.folder / "history" / f"{self.dataset}.jsonl"

    def add(self, happened: str, generation: int, *, run_id: str = "", reason: str = "") -> None:
        """Append one decision, onto the disk."""
        now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds").removesuffix("+00:00")
        event = Event(happened, generation, now, run_id, reason)
        append_line(self.path, asdict(event))

    def events(self) -> list[Event]:
        """All decisions, oldest first; a line that a killed process cut short is left out."""
        return [Event(**record) for record in read_lines(self.path)]

    def withdrawn(self) -> set[int]:
        """Generations that were withdrawn and not restored since."""
        last = {event.generation: event.happened for event in self.events()}
        return {number for number, happened in last.items() if happened == "withdrawn"}

    def unchecked(self) -> set[int]:
        """Generations that were published and nothing more: their run never came to check them."""
        last = {event.generation: event.happened for event in self.events()}
        return {number for number, happened in last.items() if happened == "published"}
