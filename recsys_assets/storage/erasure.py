"""Forgetting a user: out of the files that the project keeps, with all that was made of them, and never read again.

Sources (a folder of one's own, an archive outside the data folder) are not the project's to change: whoever is
forgotten is left out whenever they are read.
"""

from __future__ import annotations

import glob
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from recsys_assets.registry import DatasetSpec
from recsys_assets.storage.feedback import FeedbackLog
from recsys_assets.storage.forgetting import Forgotten, arrays_name, mentions, reasons_name, rows_name
from recsys_assets.storage.inbox import Inbox
from recsys_assets.storage.model_registry import CONTENT_ENGINE
from recsys_assets.storage.promotions import PROMOTIONS
from recsys_assets.storage.publishing import Publisher
from recsys_assets.storage.raw_files import RawFiles
from recsys_assets.storage.serving_arrays import arrays_folder_names
from recsys_assets.storage.warehouse import Warehouse

__all__ = ["Eraser", "ForgettingError"]

_OF_NOBODY = frozenset({CONTENT_ENGINE, PROMOTIONS})
"""What stands among a data set's models and is of no user."""


class ForgettingError(LookupError):
    """The user can't be forgotten there; the message says why, and where."""


@dataclass(frozen=True)
class Eraser:
    """Takes users out of what is stored of data sets."""

    raw_files: RawFiles

    @property
    def data(self) -> Path:
        return self.raw_files.data

    def concerned(self, dataset: str, user_id: int) -> list[DatasetSpec]:
        """Where the user is to be forgotten: the data set, those that are read from its source, those cut from these.

        Raises
        ------
        ForgettingError
            If the data set is itself cut from another, or neither a file nor a publication that is kept names the
            user and no user of that id was forgotten before.
        """
        registry = self.raw_files.registry
        parent = registry.dataset(dataset).source.subset_of
        if parent:
            raise ForgettingError(f"{dataset} is cut from {parent}: forget the user there")
        specs = self._sharing(registry.dataset(dataset))
        names = {one.name for one in specs}
        specs += [one for one in registry.datasets.values() if one.source.subset_of in names]
        known = user_id in Forgotten(self.data, dataset).ids()
        if not known and not any(
            self._in_files(one, user_id) or self._in_publications(one, user_id) for one in specs
        ):
            raise ForgettingError(
                f"no user {user_id} in the files that are kept of {dataset}: nothing to forget"
            )
        return specs

    def is_out(self, spec: DatasetSpec, user_id: int) -> bool:
        """Whether the user was forgotten, and nothing names them any more."""
        return user_id in Forgotten(self.data, spec.name).ids() and not self.traces(spec, user_id)

    def erase(self, spec: DatasetSpec, user_id: int) -> None:
        """Put the user on the list, then take them out of all files; what was made of those goes too.

        Only publications stay, until a run has replaced them: it makes everything else anew. A download goes as well,
        for it is the archive as it was. May be repeated after it was cut short.
        """
        forgotten = Forgotten(self.data, spec.name)
        forgotten.add(user_id)
        self.raw_files.forget(spec)
        Inbox(self.data, spec.name).forget(forgotten.ids())
        FeedbackLog(self.data, spec.name).forget(forgotten.ids())
        if spec.source.archive:
            download = self.raw_files.download_of(spec)
            for path in (download, *download.parent.glob(f"{glob.escape(download.name)}.part*")):
                path.unlink(missing_ok=True)
        warehouse = Warehouse(self.data / "warehouse").path(spec.name)
        for path in (warehouse, warehouse.with_name(f"{warehouse.name}.wal")):
            path.unlink(missing_ok=True)
        for path in self._made_of(spec):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)

    def traces(self, spec: DatasetSpec, user_id: int) -> list[str]:
        """What still names the user: files, tables and arrays, publications included; the list itself aside."""
        files = [*self._in_files(spec, user_id), *self.raw_files.downloads_about(spec, {user_id})]
        warehouse = Warehouse(self.data / "warehouse").path(spec.name)
        arrays = [path for made in self._made_of(spec) for path in _arrays_in(made)]
        return [
            *(str(path.relative_to(self.data)) for path in files),
            *self._naming(user_id, tables=[warehouse], arrays=arrays),
            *self._in_publications(spec, user_id),
        ]

    def _sharing(self, spec: DatasetSpec) -> list[DatasetSpec]:
        """The data set, and the others that are read from the same archive or folder: their users are the same."""
        others = self.raw_files.registry.datasets.values()
        origin = self._origin(spec)
        return [spec, *(one for one in others if one.name != spec.name and self._origin(one) == origin)]

    def _origin(self, spec: DatasetSpec) -> Path | str | None:
        folder = spec.source.folder
        return (self.data / folder).resolve() if folder else spec.source.archive

    def _in_files(self, spec: DatasetSpec, user_id: int) -> list[Path]:
        inbox = Inbox(self.data, spec.name)
        files = self.raw_files.about_users(spec) + inbox.with_ratings()
        files += FeedbackLog(self.data, spec.name).files()
        named = [path for path in files if mentions(path, {user_id})]
        return named + [path for path in inbox.reasons() if reasons_name(path, {user_id})]

    def _in_publications(self, spec: DatasetSpec, user_id: int) -> list[str]:
        generations = Publisher(self.data / "published", spec.name).generations()
        served = [one.arrays for one in generations if one.arrays.exists()]
        found = self._naming(
            user_id, tables=[one.path for one in generations], arrays=[one.learned for one in generations]
        )
        return found + [
            str(path.relative_to(self.data)) for path in served if arrays_folder_names(path, {user_id})
        ]

    def _naming(self, user_id: int, *, tables: Iterable[Path], arrays: Iterable[Path]) -> list[str]:
        found = [
            f"{table} of {path.relative_to(self.data)}"
            for path in filter(Path.exists, tables)
            for table in rows_name(path, {user_id})
        ]
        named = (path for path in filter(Path.exists, arrays) if arrays_name(path, {user_id}))
        return found + [str(path.relative_to(self.data)) for path in named]

    def _made_of(self, spec: DatasetSpec) -> Iterator[Path]:
        """What was learned of users. Versions of the content engine and decisions on champions name none, and stay."""
        yield self.data / "artifacts" / spec.name
        models = self.data / "models" / spec.name
        yield from sorted(path for path in models.glob("*") if path.name not in _OF_NOBODY)


def _arrays_in(made: Path) -> list[Path]:
    return sorted(made.rglob("*.npz")) if made.is_dir() else [made] * (made.suffix == ".npz")
