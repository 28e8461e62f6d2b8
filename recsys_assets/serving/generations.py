"""The generation that a server answers from: opened, watched, and swapped for the next one while requests go on.

A request takes the generation that is current when it begins and keeps it to its end: files that a publication removes
stay readable for whoever has mapped them, and the last request to let go of a generation closes it.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import logging
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import duckdb
import numpy as np

from recsys_assets.registry import load_registry
from recsys_assets.serving.metrics import Metrics
from recsys_assets.serving.problems import Problem
from recsys_assets.storage.publishing import UNREADABLE, Generation, Publisher
from recsys_assets.storage.serving_arrays import ArraysError, read_serving_arrays

__all__ = ["Generations", "Served"]

log = logging.getLogger("recsys.serving")

FALLBACK_STRATEGY = "hybrid"
LOOK_EVERY_S = 1.0
READ_ONLY: Final[dict[str, str | bool | int | float | list[str]]] = {
    "enable_external_access": "false",
    "lock_configuration": "true",
}
TRIES = 3
"""Of opening: a generation may be replaced and removed between finding it and opening it."""


class Served:
    """One generation, opened: its arrays mapped, its tables to be asked."""

    def __init__(self, dataset: str, generation: Generation) -> None:
        self.dataset = dataset
        self.number = generation.number
        self.version = generation.path.stem
        arrays = read_serving_arrays(generation.arrays)
        self.arrays = arrays
        self.catalogue = arrays.catalogue
        self.models = arrays.models
        self.lists = arrays.lists
        self.card_ends: list[int] = arrays.catalogue.card_ends.tolist()
        self.title_ends: list[int] = arrays.catalogue.title_ends.tolist()
        self.cards = arrays.catalogue.cards.data
        self.titles = arrays.catalogue.titles.data
        self._connection = duckdb.connect(str(generation.path), read_only=True, config=READ_ONLY)
        self.tables = frozenset(
            row["table_name"] for row in self.rows("select table_name from duckdb_tables()")
        )
        self.default_strategy = self._champion() or FALLBACK_STRATEGY

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """The rows of a query, whose values come as parameters only; in any thread."""
        # A cursor is a connection of its own to the open file: threads share none.
        with self._connection.cursor() as cursor:
            found = cursor.execute(sql, list(parameters))
            names = [column[0] for column in found.description or ()]
            return [dict(zip(names, map(_in_utc, row), strict=True)) for row in found.fetchall()]

    def table(self, name: str) -> list[dict[str, Any]]:
        """The rows of a published table; none where it isn't published. The name is ours, never a request's."""
        return self.rows(f'from "{name}"') if name in self.tables else []

    def user(self, user_id: int) -> int | None:
        """The row number of a user, or None."""
        return _place(self.models.user_ids, user_id)

    def movie(self, movie_id: int) -> int:
        """The number of a movie.

        Raises
        ------
        Problem
            404 if there is none of that id.
        """
        number = _place(self.catalogue.movie_ids, movie_id)
        if number is None:
            raise Problem(404, "No such movie", f"{self.dataset} has no movie {movie_id}")
        return number

    def _champion(self) -> str | None:
        if "champions" not in self.tables:
            return None
        found = self.rows("select strategy from champions where task = 'ranking'")
        champion = found[0]["strategy"] if found else None
        return champion if champion in self.lists else None


def _in_utc(value: Any) -> Any:
    """Moments of published tables are UTC, and say so from here on."""
    return value.replace(tzinfo=dt.UTC) if isinstance(value, dt.datetime) else value


def _place(ids: Any, wanted: int) -> int | None:
    place = int(np.searchsorted(ids, wanted))
    return place if place < ids.size and ids[place] == wanted else None


class Generations:
    """The current generation of each data set that was asked for."""

    def __init__(self, data: Path, metrics: Metrics) -> None:
        self._data, self._metrics = data, metrics
        self._served: dict[str, Served] = {}
        self._opening = threading.Lock()

    def current(self, dataset: str) -> Served:
        """The generation that answers now; opened on first use.

        Raises
        ------
        Problem
            404 if the registry has no such data set, 503 if nothing of it is published or can be served.
        """
        served = self._served.get(dataset)
        return served if served is not None else self._first(dataset)

    def opened(self, dataset: str) -> Served | None:
        """The generation if it is open already."""
        return self._served.get(dataset)

    def known(self) -> dict[str, str]:
        """Titles of the registry's data sets, by name."""
        registry = load_registry(self._data / "datasets.toml")
        return {spec.name: spec.title for spec in registry.datasets.values()}

    def is_published(self, dataset: str) -> bool:
        return self._publisher(dataset).current_path.exists()

    async def watch(self) -> None:
        """Look for new generations every second, and swap to them, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            await asyncio.to_thread(self.refresh)

    def refresh(self) -> None:
        """Swap to the generations that the stable paths answer with by now.

        One that can't be opened leaves the one before in its place, and is tried again at the next look.
        """
        for dataset, served in list(self._served.items()):
            current = self._publisher(dataset).current()
            if current is None or current.path.stem == served.version:
                continue
            try:
                self._take(dataset, Served(dataset, current))
                self._metrics.swaps.inc()
            except UNREADABLE as error:
                self._metrics.failures.inc()
                log.warning("%s stays, for %s can't be served: %s", served.version, current.path.stem, error)

    def _first(self, dataset: str) -> Served:
        with self._opening:
            if dataset not in self._served:
                self._take(dataset, self._open(dataset))
            return self._served[dataset]

    def _take(self, dataset: str, served: Served) -> None:
        self._served[dataset] = served
        self._metrics.generation.labels(dataset).set(served.number)

    def _open(self, dataset: str) -> Served:
        if dataset not in self.known():
            raise Problem(404, "No such data set", f"the registry has no data set {dataset!r}")
        for attempt in range(TRIES):
            current = self._publisher(dataset).current()
            if current is None:
                raise Problem(
                    503, "Not published", f"{dataset} has not been published: recsys run --dataset {dataset}"
                )
            try:
                return Served(dataset, current)
            except ArraysError as error:
                raise Problem(503, "Not to be served", str(error)) from error
            except UNREADABLE as error:
                log.warning("%s can't be opened, try %d: %s", current.path.stem, attempt + 1, error)
        raise Problem(503, "Not to be served", f"the publication of {dataset} can't be read")

    def _publisher(self, dataset: str) -> Publisher:
        return Publisher(self._data / "published", dataset)


async def cancelled(task: asyncio.Task[None]) -> None:
    """Cancel a task and wait for its end."""
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
