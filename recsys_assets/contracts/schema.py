"""What a contract is made of: columns, references, tables, and the rules that a row must obey."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["MAX_ID", "Column", "Reference", "Rule", "Table", "rules"]

MAX_ID = 2**53


@dataclass(frozen=True)
class Column:
    """One column. ``minimum``, ``maximum`` and ``step`` are inclusive bounds and grid in the column's own unit."""

    name: str
    type: str
    comment: str
    nullable: bool = False
    minimum: float | str | None = None
    maximum: float | str | None = None
    step: float | None = None
    max_length: int | None = None


@dataclass(frozen=True)
class Reference:
    """Each row's value of ``column`` must occur in ``to_column`` of ``table``."""

    column: str
    table: str
    to_column: str


@dataclass(frozen=True)
class Table:
    """One table. ``key`` identifies a row; ``references`` are foreign keys; with ``may_be_empty`` 0 rows are fine."""

    name: str
    comment: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    references: tuple[Reference, ...] = ()
    may_be_empty: bool = False

    @property
    def column_names(self) -> list[str]:
        return [column.name for column in self.columns]


@dataclass(frozen=True)
class Rule:
    """A condition that no row may meet: a SQL predicate over the row, and what it means in words."""

    column: str
    violated_by: str
    meaning: str


def rules(table: Table) -> Iterator[Rule]:
    """The rules of one row, from the table's column contracts: presence, range, step, length."""
    for column in table.columns:
        name = f'"{column.name}"'
        if not column.nullable:
            yield Rule(column.name, f"{name} is null", f"{column.name} is missing or not a {column.type}")
        if column.minimum is not None or column.maximum is not None:
            low, high = _literal(column.minimum), _literal(column.maximum)
            outside = " or ".join(
                [f"{name} < {low}"] * (column.minimum is not None)
                + [f"{name} > {high}"] * (column.maximum is not None)
            )
            yield Rule(column.name, outside, f"{column.name} is outside {column.minimum} – {column.maximum}")
        if column.type in ("FLOAT", "DOUBLE"):
            yield Rule(column.name, f"not isfinite({name})", f"{column.name} is not a finite number")
        if column.step is not None:
            off_grid = f"{name} / {column.step} <> round({name} / {column.step})"
            yield Rule(column.name, off_grid, f"{column.name} is not a multiple of {column.step}")
        if column.max_length is not None:
            too_long = f"length({name}) > {column.max_length}"
            yield Rule(column.name, too_long, f"{column.name} is longer than {column.max_length} characters")
        if column.type == "VARCHAR":
            yield Rule(column.name, f"trim({name}) = ''", f"{column.name} is empty")


def _literal(value: float | str | None) -> str:
    return f"timestamp '{value}'" if isinstance(value, str) else repr(value)
