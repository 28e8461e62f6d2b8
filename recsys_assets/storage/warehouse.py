"""The warehouse: one DuckDB file a data set, written by the pipeline and opened by nobody else.

A table is replaced in one transaction, columns by name and cast to its contract, so that a killed run leaves
either the old table or the new one.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd

from recsys_assets.contracts import Table, contract_of

__all__ = [
    "Select",
    "TableLike",
    "Warehouse",
    "describe_table",
    "replace_rows",
    "replace_tables",
    "table_digest",
]

LOCK_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Select:
    """A table as a query over other tables of the warehouse, so that its rows never leave DuckDB."""

    sql: str


TableLike = Select | pd.DataFrame


@dataclass(frozen=True)
class Warehouse:
    """The warehouses of all data sets, as files ``<folder>/<dataset>.duckdb``."""

    folder: Path

    def path(self, dataset: str) -> Path:
        return self.folder / f"{dataset}.duckdb"

    @contextmanager
    def connect(self, dataset: str) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open the data set's file for reading and writing, and close it whatever happens.

        DuckDB gives one process the file at a time: another one's connection is waited for, with jitter.

        Raises
        ------
        TimeoutError
            If the file is still in use after a minute; the message is DuckDB's, which names the process.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        connection = _open(self.path(dataset))
        try:
            # DuckDB would draw a bar into the run's log whenever a query takes two seconds.
            connection.execute("set enable_progress_bar = false")
            yield connection
        finally:
            connection.close()

    def arrays(self, dataset: str, sql: str) -> dict[str, np.ndarray[Any, Any]]:
        """The query's columns as plain NumPy arrays."""
        with self.connect(dataset) as connection:
            return {name: np.asarray(column) for name, column in connection.execute(sql).fetchnumpy().items()}

    def tables(self, dataset: str) -> frozenset[str]:
        """The tables that were made; none where there is no file."""
        if not self.path(dataset).exists():
            return frozenset()
        with self.connect(dataset) as connection:
            return frozenset(name for (name,) in connection.execute("from (show tables)").fetchall())

    def has(self, dataset: str, table: str) -> bool:
        """Whether the table was ever made."""
        return table in self.tables(dataset)

    def frame(self, dataset: str, sql: str) -> pd.DataFrame:
        with self.connect(dataset) as connection:
            return connection.execute(sql).df()


def _open(path: Path) -> duckdb.DuckDBPyConnection:
    deadline = time.monotonic() + LOCK_TIMEOUT_S
    while True:
        try:
            return duckdb.connect(str(path))
        except duckdb.IOException as error:
            if "Could not set lock" not in str(error):
                raise
            if time.monotonic() > deadline:
                raise TimeoutError(
                    f"{path.name} is still in use after {LOCK_TIMEOUT_S:.0f} s: {error}"
                ) from error
            time.sleep(random.uniform(0.05, 0.3))


def replace_tables(connection: duckdb.DuckDBPyConnection, tables: Mapping[str, TableLike]) -> None:
    """Replace the named tables in one transaction: all of them or, after an error, none.

    Columns go by name, in the contract's order, cast to the contract's types; empty tables are written too.

    Raises
    ------
    KeyError
        If a table has no contract.
    ValueError
        If columns are missing or too many, both listed.
    """
    connection.execute("begin")
    try:
        for name, rows in tables.items():
            _replace(connection, name, contract_of(name), rows)
        connection.execute("commit")
    except BaseException:
        connection.execute("rollback")
        raise


def replace_rows(
    connection: duckdb.DuckDBPyConnection, tables: Mapping[str, pd.DataFrame], *, column: str, value: str
) -> None:
    """Replace the rows of the named tables whose ``column`` is ``value``, in one transaction; the others stay.

    A table that isn't there is made. One whose columns are no longer those of its contract is made anew, and loses its
    other rows: the code that wrote them has changed.

    Raises
    ------
    KeyError
        If a table has no contract.
    ValueError
        If columns are missing or too many, or a row has another value.
    """
    connection.execute("begin")
    try:
        for name, rows in tables.items():
            if not (rows[column] == value).all():
                raise ValueError(
                    f"table {name}: rows of another {column} than {value!r}; write each with its own"
                )
            contract = contract_of(name)
            if not _obeys(connection, name, contract):
                _replace(connection, name, contract, rows)
                continue
            connection.execute(f'delete from "{name}" where "{column}" = ?', [value])
            with _source(connection, name, contract, rows) as source:
                connection.execute(f'insert into "{name}" by name {source}')
        connection.execute("commit")
    except BaseException:
        connection.execute("rollback")
        raise


def _replace(connection: duckdb.DuckDBPyConnection, name: str, contract: Table, rows: TableLike) -> None:
    with _source(connection, name, contract, rows) as source:
        connection.execute(f'create or replace table "{name}" as {source}')
    comment_table(connection, name, contract)


@contextmanager
def _source(
    connection: duckdb.DuckDBPyConnection, name: str, contract: Table, rows: TableLike
) -> Iterator[str]:
    """The rows as a query: columns by name, in the contract's order, cast to the contract's types."""
    if isinstance(rows, Select):
        source = f"({rows.sql})"
    else:
        connection.register("incoming", rows)
        source = "incoming"
    given = [row[0] for row in connection.execute(f"describe select * from {source}").fetchall()]
    if set(given) != set(contract.column_names):
        missing, extra = set(contract.column_names) - set(given), set(given) - set(contract.column_names)
        raise ValueError(f"table {name}: missing columns {sorted(missing)}, unknown columns {sorted(extra)}")
    columns = ", ".join(f'"{c.name}"::{c.type} as "{c.name}"' for c in contract.columns)
    yield f"select {columns} from {source}"
    if not isinstance(rows, Select):
        connection.unregister("incoming")


def _obeys(connection: duckdb.DuckDBPyConnection, name: str, contract: Table) -> bool:
    """Whether the table is there and has the contract's columns."""
    found = connection.execute(
        "select column_name, data_type from duckdb_columns() where table_name = ? order by column_index",
        [name],
    ).fetchall()
    return found == [(column.name, column.type) for column in contract.columns]


def comment_table(connection: duckdb.DuckDBPyConnection, name: str, contract: Table) -> None:
    """Put the contract's comments on the table and its columns."""
    connection.execute(f'comment on table "{name}" is {_quoted(contract.comment)}')
    for column in contract.columns:
        connection.execute(f'comment on column "{name}"."{column.name}" is {_quoted(column.comment)}')


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


@dataclass(frozen=True)
class TableFacts:
    """What the UI shows of a table."""

    n_rows: int
    preview: pd.DataFrame


def describe_table(connection: duckdb.DuckDBPyConnection, name: str, *, n_preview: int) -> TableFacts:
    """Row count and first rows."""
    (n_rows,) = connection.execute(f'select count(*) from "{name}"').fetchone() or (0,)
    return TableFacts(int(n_rows), connection.execute(f'from "{name}" limit {n_preview}').df())


def table_digest(connection: duckdb.DuckDBPyConnection, name: str) -> str:
    """Digest of the table's rows, whatever their order."""
    row = connection.execute(f'select count(*), bit_xor(hash(t)) from "{name}" as t').fetchone()
    return "-".join(str(part) for part in row or ())
