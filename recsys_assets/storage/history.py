"""What became of each generation of a data set's publication: published, checked, withdrawn, current again."""

from __future__ import annotations

import datetime as dt
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

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
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # A line that a killed process cut short would swallow this one.
        start = "" if self._ends_well() else "\n"
        with self.path.open("a", encoding="utf-8") as file:
            file.write(start + json.dumps(asdict(event)) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def events(self) -> list[Event]:
        """All decisions, oldest first; a line that a killed process cut short is left out."""
        if not self.path.exists():
            return []
        # Bytes: a line may have been cut within a character, and only a line feed ends one.
        found = map(_event, self.path.read_bytes().split(b"\n"))
        return [event for event in found if event]

    def withdrawn(self) -> set[int]:
        """Generations that were withdrawn and not restored since."""
        last = {event.generation: event.happened for event in self.events()}
        return {number for number, happened in last.items() if happened == "withdrawn"}

    def unchecked(self) -> set[int]:
        """Generations that were published and nothing more: their run never came to check them."""
        last = {event.generation: event.happened for event in self.events()}
        return {number for number, happened in last.items() if happened == "published"}

    def _ends_well(self) -> bool:
        if not self.path.exists() or not self.path.stat().st_size:
            return True
        with self.path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read() == b"\n"


def _event(line: bytes) -> Event | None:
    try:
        return Event(**json.loads(line))
    except (json.JSONDecodeError, UnicodeDecodeError):
        return None
