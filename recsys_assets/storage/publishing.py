"""Publications: a new generation beside the old ones, made current by one atomic rename.

``<data>/published/<dataset>.duckdb`` is a link to the current generation ``generations/<dataset>-<number>.duckdb``.
Who has the old generation open keeps reading it; who opens the stable path gets the new one; nobody sees half of one.
"""

from __future__ import annotations

import os
import re
import shutil
import zipfile
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from pathlib import Path

import duckdb

from recsys_assets.algorithms.explanation import ListModels
from recsys_assets.contracts import contract_of
from recsys_assets.storage.explanation_macros import EXPLANATION_MACROS
from recsys_assets.storage.files import sync_folder
from recsys_assets.storage.forgetting import arrays_name, rows_name
from recsys_assets.storage.history import History
from recsys_assets.storage.serving_arrays import arrays_folder_names, write_serving_arrays
from recsys_assets.storage.title_search import SEARCH_TITLES
from recsys_assets.storage.warehouse import TableLike, replace_tables

__all__ = [
    "GENERATIONS_KEPT",
    "UNREADABLE",
    "Generation",
    "NoGenerationError",
    "Publisher",
    "newest_published",
    "published_faults",
]

GENERATIONS_KEPT = 3
UNREADABLE = (duckdb.Error, ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile)
"""What DuckDB and NumPy raise on a generation that is damaged, or that another version of the code wrote."""


class NoGenerationError(LookupError):
    """There is no generation to go back to."""


@dataclass(frozen=True)
class Generation:
    """One published file."""

    number: int
    path: Path

    @property
    def learned(self) -> Path:
        """The ratings that it was made of, as arrays; not there for what was published without."""
        return self.path.with_suffix(".npz")

    @property
    def arrays(self) -> Path:
        """The folder of arrays that a server answers from; not there for what was published without."""
        return self.path.with_suffix(".arrays")

    def opens(self) -> bool:
        """Whether DuckDB can open the file to read it."""
        try:
            duckdb.connect(str(self.path), read_only=True).close()
        except duckdb.Error:
            return False
        return True

    def names(self, user_ids: Set[int]) -> bool:
        """Whether a table, the ratings that it was made of, or what is served name one of these users."""
        learned = self.learned.exists() and arrays_name(self.learned, user_ids)
        served = self.arrays.exists() and arrays_folder_names(self.arrays, user_ids)
        return learned or served or bool(rows_name(self.path, user_ids))

    def remove(self) -> None:
        self.learned.unlink(missing_ok=True)
        _remove_folder(self.arrays)
        self.path.unlink()


@dataclass(frozen=True)
class Publisher:
    """The publications of one data set."""

    folder: Path
    dataset: str

    @property
    def current_path(self) -> Path:
        """The stable path that people and programs open."""
        return self.folder / f"{self.dataset}.duckdb"

    def generations(self) -> list[Generation]:
        """All generations that are kept, oldest first."""
        pattern = re.compile(rf"{re.escape(self.dataset)}-(\d+)\.duckdb")
        found = [
            Generation(int(match[1]), path)
            for path in (self.folder / "generations").glob("*.duckdb")
            if (match := pattern.fullmatch(path.name))
        ]
        return sorted(found, key=lambda generation: generation.number)

    @property
    def history(self) -> History:
        return History(self.folder, self.dataset)

    def current(self) -> Generation | None:
        """The generation that the stable path answers with."""
        target = self.current_path.resolve()
        return next((one for one in self.generations() if one.path.resolve() == target), None)

    def answers_with(self, run_id: str) -> bool:
        """Whether the current generation is one that the run published."""
        current = self.current()
        published = {(event.happened, event.generation, event.run_id) for event in self.history.events()}
        return current is not None and ("published", current.number, run_id) in published

    def next_number(self) -> int:
        generations = self.generations()
        return generations[-1].number + 1 if generations else 1

    def stage(
        self,
        number: int,
        warehouse: Path,
        tables: Mapping[str, TableLike],
        *,
        models: ListModels | None = None,
    ) -> Path:
        """Write a new generation's file, closed and on disk, under a name that nobody reads.

        Queries see the warehouse's tables as ``warehouse.<table>``. With ``titles`` goes the macro ``search_titles``,
        with ``explanations`` go theirs. With ``models``, those that lists were made of, go the arrays to serve from.

        After an error both are removed.

        Raises
        ------
        RuntimeError
            If DuckDB leaves a write-ahead log beside the file: replacing it would lose rows.
        """
        generations = self.folder / "generations"
        generations.mkdir(parents=True, exist_ok=True)
        self._sweep()
        staging = generations / f".staging-{os.getpid()}-{self.dataset}-{number}.duckdb"
        try:
            _fill(staging, warehouse, tables)
            if models is not None:
                write_serving_arrays(staging.with_suffix(".arrays"), staging, models)
        except BaseException:
            self.discard(staging)
            raise
        if staging.with_name(staging.name + ".wal").exists():
            raise RuntimeError(f"{staging.name} has a write-ahead log after closing: not published")
        with staging.open("rb") as file:
            os.fsync(file.fileno())
        return staging

    def discard(self, staging: Path) -> None:
        """Remove what was staged, instead of making it current."""
        _remove_folder(staging.with_suffix(".arrays"))
        staging.unlink(missing_ok=True)

    def make_current(
        self, number: int, staging: Path, *, run_id: str = "", learned: Path | None = None
    ) -> Generation:
        """Turn the staged file into a generation, point the stable path at it, drop old ones.

        What stays: the last ``GENERATIONS_KEPT`` that were not withdrawn, the one that was current before, to go back
        to, and the last that was withdrawn, to look into.

        ``learned`` is an artifact of the ratings that it was made of: kept with it, as another name of the same file.
        """
        before = self.current()
        generation = Generation(number, self.folder / "generations" / f"{self.dataset}-{number:06d}.duckdb")
        staging.chmod(0o444)
        if learned:
            generation.learned.unlink(missing_ok=True)
            # Artifacts are replaced, never written into: this name keeps today's content.
            generation.learned.hardlink_to(learned)
        if (arrays := staging.with_suffix(".arrays")).exists():
            _remove_folder(generation.arrays)
            arrays.replace(generation.arrays)
        staging.replace(generation.path)
        self.point_at(generation)
        self.history.add("published", number, run_id=run_id)
        for old in self._dispensable({before, generation}):
            old.remove()
        return generation

    def forget(self, user_ids: Set[int]) -> None:
        """Remove the generations, but for the current one, that name one of these users, or can't be read to tell."""
        for old in self.generations() if user_ids else ():
            if old != self.current() and (reason := _why_forgotten(old, user_ids)):
                old.remove()
                self.history.add("removed", old.number, reason=reason)

    def point_at(self, generation: Generation) -> None:
        """Make a generation the one that the stable path answers with."""
        link = self.folder / f".link-{os.getpid()}-{self.dataset}"
        link.unlink(missing_ok=True)
        link.symlink_to(Path("generations") / generation.path.name)
        sync_folder(self.folder / "generations")
        link.replace(self.current_path)
        sync_folder(self.folder)

    def roll_back(self, *, to: int | None = None, run_id: str = "", reason: str = "") -> Generation:
        """Withdraw the current generation: make current the one before it that was not withdrawn, or the one asked for.

        Unless asked for, a generation that can't be opened is passed over. Files stay as they are; the next publication
        has the next number.

        Raises
        ------
        NoGenerationError
            If there is none; the message has those that there are.
        """
        current, withdrawn = self.current(), self.history.withdrawn()
        others = [one for one in self.generations() if one != current]
        if to is None:
            candidates = [
                one
                for one in others
                if one.number not in withdrawn
                and (current is None or one.number < current.number)
                and one.opens()
            ]
        else:
            candidates = [one for one in others if one.number == to]
        if not candidates:
            kept = ", ".join(str(one.number) for one in others) or "no other"
            asked = "to go back to" if to is None else str(to)
            raise NoGenerationError(
                f"{self.dataset} has no generation {asked}; kept beside the current: {kept}"
            )
        chosen = candidates[-1]
        self.point_at(chosen)
        if current:
            self.history.add("withdrawn", current.number, run_id=run_id, reason=reason)
        self.history.add("restored", chosen.number, run_id=run_id, reason=reason)
        return chosen

    def _dispensable(self, needed: Set[Generation | None]) -> list[Generation]:
        kept, withdrawn = self.generations(), self.history.withdrawn()
        good = [one for one in kept if one.number not in withdrawn]
        bad = [one for one in kept if one.number in withdrawn]
        return [one for one in kept if one not in {*needed, *good[-GENERATIONS_KEPT:], *bad[-1:]}]

    def _sweep(self) -> None:
        # Runs on one data set take turns: what is still staged was left by a killed one.
        staged = re.compile(rf"\.staging-\d+-{re.escape(self.dataset)}-\d+\.(duckdb(\.wal)?|arrays)")
        beside = re.compile(rf"{re.escape(self.dataset)}-\d+\.(npz|arrays)")
        for path in (self.folder / "generations").iterdir():
            alone = beside.fullmatch(path.name) and not path.with_suffix(".duckdb").exists()
            if alone or staged.fullmatch(path.name):
                _remove_folder(path) if path.is_dir() else path.unlink()


def _remove_folder(folder: Path) -> None:
    """Remove a folder if it is there; under a hidden name first, so that nobody meets half of it."""
    if not folder.exists():
        return
    if not folder.name.startswith("."):
        folder = folder.replace(folder.with_name(f".staging-{os.getpid()}-{folder.name}"))
    shutil.rmtree(folder)


def _why_forgotten(generation: Generation, user_ids: Set[int]) -> str:
    try:
        return "it named a user who is forgotten" if generation.names(user_ids) else ""
    except UNREADABLE as error:
        return f"it can't be read, so that it may name a user who is forgotten: {error}"


def _fill(path: Path, warehouse: Path, tables: Mapping[str, TableLike]) -> None:
    with duckdb.connect(str(path)) as connection:
        connection.execute("set enable_progress_bar = false")
        connection.execute(
            f"attach '{str(warehouse).replace(chr(39), chr(39) * 2)}' as warehouse (read_only)"
        )
        replace_tables(connection, tables)
        connection.execute("detach warehouse")
        if "titles" in tables:
            connection.execute(SEARCH_TITLES)
        for macro in EXPLANATION_MACROS if "explanations" in tables else ():
            connection.execute(macro)
        connection.execute("checkpoint")


def newest_published(data: Path, datasets: Iterable[str]) -> str | None:
    """Of these data sets the one that was published, or gone back in, last; None where nothing is."""
    links = [(Publisher(data / "published", name).current_path, name) for name in datasets]
    times = [(path.lstat().st_mtime, name) for path, name in links if path.exists()]
    return max(times)[1] if times else None


def published_faults(path: Path, tables: Iterable[str]) -> list[str]:
    """What is wrong with a generation's file, read as its users read it; empty where all is well."""
    faults = []
    with duckdb.connect(str(path), read_only=True) as connection:
        for name in tables:
            found = connection.execute(
                "select column_name, data_type from duckdb_columns() where table_name = ? order by column_index",
                [name],
            ).fetchall()
            expected = [(column.name, column.type) for column in contract_of(name).columns]
            if found != expected:
                faults.append(f"{name} has the columns {found}, not {expected}")
            if not found:
                continue
            (n_rows,) = connection.execute(f'select count(*) from "{name}"').fetchone() or (0,)
            if not n_rows and not contract_of(name).may_be_empty:
                faults.append(f"{name} has no rows")
        uncommented = connection.execute(
            "select table_name || '.' || column_name from duckdb_columns() where comment is null and not internal"
        ).fetchall()
        faults += [f"{name} has no comment" for (name,) in uncommented]
    return faults
