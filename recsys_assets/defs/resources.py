"""What assets are given: the project's folders and database, and the two IO managers."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg

from recsys_assets.contracts import Table, contract_of
from recsys_assets.registry import DatasetSpec, Registry, load_registry
from recsys_assets.report.style import markdown_table
from recsys_assets.settings import archives_folder, data_folder
from recsys_assets.storage.arrays import load_artifact, save_artifact
from recsys_assets.storage.files import is_locked, locked
from recsys_assets.storage.raw_files import RawFiles
from recsys_assets.storage.warehouse import Warehouse, describe_table, replace_tables

__all__ = [
    "ArraysIOManager",
    "Project",
    "TablesIOManager",
    "build_resources",
    "partition_of",
    "resources",
    "table_metadata",
    "window_of",
]

PREVIEW_ROWS = 8
# `text` is a refused line as it was; a rank among users may be a user's only one.
_PERSONAL = frozenset({"user_id", "user_rank", "text"})
_KEPT_OUT = "Rows about users stay in the data set's own files: the event log forgets nobody."


class Project(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The data folder, and what is reached through it."""

    data: str
    archives: str = ""

    @property
    def folder(self) -> Path:
        return Path(self.data)

    @property
    def registry(self) -> Registry:
        """Read anew each time, so that a changed threshold counts from the next run on."""
        return load_registry(self.folder / "datasets.toml")

    @property
    def warehouse(self) -> Warehouse:
        return warehouse_of(self.data)

    @property
    def raw_files(self) -> RawFiles:
        return RawFiles(self.folder, self.registry, Path(self.archives) if self.archives else None)

    def artifact_path(self, dataset: str, key: dg.AssetKey) -> Path:
        """The file of an asset whose artifact is arrays."""
        return artifact_path(self.data, dataset, key)

    def spec(self, context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext) -> DatasetSpec:
        return self.registry.dataset(partition_of(context))

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator["Project"]:
        """Hold the data set for the length of the run: two runs on one data set take turns, on two they don't wait."""
        with held(self.data, context):
            yield self


def artifact_path(data: str, dataset: str, key: dg.AssetKey) -> Path:
    *folders, name = key.path
    return Path(data).joinpath("artifacts", dataset, *folders, f"{name}.npz")


def warehouse_of(data: str) -> Warehouse:
    return Warehouse(Path(data) / "warehouse")


def partition_of(context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext) -> str:
    """The data set that the step works on; of a window of a backtest, the data set that it is a window of."""
    if not context.run:
        return str(context.partition_key)
    dataset = _dataset_of(context.run.tags)
    if dataset is None:
        raise KeyError(f"run {context.run.run_id} has no partition: start it on a data set")
    return dataset


def _dataset_of(tags: Mapping[str, str]) -> str | None:
    """The data set of a run; one of two dimensions has a tag for each, beside that of both together."""
    return tags.get("dagster/partition/dataset") or tags.get("dagster/partition")


def window_of(context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext) -> str:
    """The window of a backtest that the step works on."""
    return str(context.run.tags["dagster/partition/window"])


_held: set[Path] = set()
"""The locks of this process: its resources share them."""


def lock_of(data: str, dataset: str) -> Path:
    """The lock file that a run holds while it works on the data set."""
    return Path(data) / "warehouse" / f"{dataset}.lock"


@contextmanager
def held(data: str, context: dg.InitResourceContext) -> Iterator[None]:
    """Hold the data set of the run, if it has one, until the resource that asks is let go."""
    dataset = _dataset_of(context.run.tags) if context.run else None
    path = lock_of(data, str(dataset))
    if dataset is None or path in _held:
        yield
        return
    if context.log and is_locked(path):
        context.log.info(f"Waiting for another run on {dataset} to end")
    with locked(path):
        _held.add(path)
        try:
            yield
        finally:
            _held.remove(path)


def table_name(key: dg.AssetKey) -> str:
    """The table of an asset: ``trial/als_recommendations`` → ``trial__als_recommendations``."""
    return "__".join(key.path)


def table_metadata(connection: Any, name: str) -> dict[str, Any]:
    """Row count, first rows and column schema, for the UI.

    Rows about users are not shown: the event log would keep them after their users are forgotten.
    """
    personal = _PERSONAL & set(contract_of(name).column_names)
    facts = describe_table(connection, name, n_preview=0 if personal else PREVIEW_ROWS)
    rows = _KEPT_OUT if personal else markdown_table(facts.preview, formats={})
    return {
        "dagster/row_count": facts.n_rows,
        "dagster/table_name": name,
        "dagster/column_schema": column_schema(contract_of(name)),
        "preview": dg.MetadataValue.md(rows),
    }


def column_schema(contract: Table) -> dg.TableSchema:
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                column.name,
                column.type,
                column.comment,
                constraints=dg.TableColumnConstraints(nullable=column.nullable),
            )
            for column in contract.columns
        ]
    )


class TablesIOManager(dg.ConfigurableIOManager):
    """Tables in the data set's warehouse: what an asset returns replaces its table in one transaction.

    Takes a query (``Select``) or a frame, gives a frame.
    """

    data: str

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator["TablesIOManager"]:
        with held(self.data, context):
            yield self

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        name = table_name(context.asset_key)
        with warehouse_of(self.data).connect(context.partition_key) as connection:
            replace_tables(connection, {name: obj})
            context.add_output_metadata(table_metadata(connection, name))

    def load_input(self, context: dg.InputContext) -> Any:
        return warehouse_of(self.data).frame(context.partition_key, f'from "{table_name(context.asset_key)}"')


class ArraysIOManager(dg.ConfigurableIOManager):
    """Artifacts of arrays as ``<data>/artifacts/<dataset>/<asset>.npz``; an input's annotation says what to build."""

    data: str

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator["ArraysIOManager"]:
        with held(self.data, context):
            yield self

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        path = self._path(context)
        save_artifact(path, obj)
        context.add_output_metadata(
            {
                "path": dg.MetadataValue.path(str(path)),
                "size": dg.MetadataValue.int(path.stat().st_size),
                "kind": type(obj).__name__,
            }
        )

    def load_input(self, context: dg.InputContext) -> Any:
        return load_artifact(self._path(context), context.dagster_type.typing_type)

    def _path(self, context: dg.InputContext | dg.OutputContext) -> Path:
        return artifact_path(self.data, context.partition_key, context.asset_key)


def build_resources(*, data: Path, archives: Path | None) -> dict[str, Any]:
    """The resources of one data folder; tests give their own."""
    return {
        "project": Project(data=str(data), archives=str(archives or "")),
        "io_manager": TablesIOManager(data=str(data)),
        "arrays": ArraysIOManager(data=str(data)),
    }


@dg.definitions
def resources() -> dg.Definitions:
    return dg.Definitions(
        resources=build_resources(data=data_folder(), archives=archives_folder()),
        # Steps are short and their imports long: a process for each would take minutes instead of seconds.
        executor=dg.in_process_executor,
    )
