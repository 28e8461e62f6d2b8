"""Checks that contracts.py generates: schema, keys, ranges and references of every table, all blocking."""

from collections.abc import Iterator

import dagster as dg
import duckdb

from recsys_assets.contracts import Table, contract_of, rules
from recsys_assets.defs.resources import Project, partition_of, table_name
from recsys_assets.partitions import DATASETS

__all__ = ["contract_check"]


def contract_check(
    *keys: dg.AssetKey, partitions: dg.PartitionsDefinition[str] = DATASETS
) -> dg.AssetChecksDefinition:
    """One step that checks tables against their contracts; several if one step makes them together."""

    @dg.multi_asset_check(
        name=f"contract_{table_name(keys[0])}",
        specs=[spec for key in keys for spec in _specs(key, partitions)],
    )
    def check(context: dg.AssetCheckExecutionContext, project: Project) -> Iterator[dg.AssetCheckResult]:
        with project.warehouse.connect(partition_of(context)) as connection:
            for key in keys:
                contract = contract_of(table_name(key))
                for kind in _meanings(contract):
                    faults = _FAULTS[kind](connection, table_name(key), contract)
                    yield dg.AssetCheckResult(
                        asset_key=key,
                        check_name=kind,
                        passed=not faults,
                        description="; ".join(faults) or None,
                        metadata={"faults": len(faults)},
                    )

    return check


def _specs(key: dg.AssetKey, partitions: dg.PartitionsDefinition[str]) -> Iterator[dg.AssetCheckSpec]:
    contract = contract_of(table_name(key))
    for kind, meaning in _meanings(contract).items():
        yield dg.AssetCheckSpec(
            kind,
            asset=key,
            description=meaning,
            blocking=True,
            partitions_def=partitions,
            additional_deps=[r.table for r in contract.references if kind == "references"],
        )


def _meanings(contract: Table) -> dict[str, str]:
    """What each kind of check says of the table, in words; kinds with nothing to say are left out."""
    meanings = {
        "schema": "columns and types are those of the contract, and the table has rows unless it may be empty",
        "keys": f"no two rows with one ({', '.join(contract.key)})" if contract.key else "",
        "ranges": "; ".join(rule.meaning.replace(" is ", " is never ", 1) for rule in rules(contract)),
        "references": "; ".join(
            f"each {r.column} occurs in {r.table}.{r.to_column}" for r in contract.references
        ),
    }
    return {kind: meaning for kind, meaning in meanings.items() if meaning}


def _schema_faults(connection: duckdb.DuckDBPyConnection, name: str, contract: Table) -> list[str]:
    found = [(row[0], row[1]) for row in connection.execute(f'describe "{name}"').fetchall()]
    expected = [(column.name, column.type) for column in contract.columns]
    faults = [] if found == expected else [f"columns are {found}; the contract has {expected}"]
    if not contract.may_be_empty and not _count(connection, f'from "{name}"'):
        faults.append("the table has no rows")
    return faults


def _key_faults(connection: duckdb.DuckDBPyConnection, name: str, contract: Table) -> list[str]:
    key = ", ".join(f'"{column}"' for column in contract.key)
    n_repeated = _count(connection, f'select {key} from "{name}" group by all having count(*) > 1')
    return [f"{n_repeated:,} keys occur more than once"] if n_repeated else []


def _range_faults(connection: duckdb.DuckDBPyConnection, name: str, contract: Table) -> list[str]:
    all_rules = list(rules(contract))
    counts = ", ".join(f"count(*) filter ({rule.violated_by})" for rule in all_rules)
    violations = connection.execute(f'select {counts} from "{name}"').fetchone() or ()
    return [f"{n:,} rows: {rule.meaning}" for n, rule in zip(violations, all_rules, strict=True) if n]


def _reference_faults(connection: duckdb.DuckDBPyConnection, name: str, contract: Table) -> list[str]:
    faults = []
    for r in contract.references:
        n_lost = _count(
            connection,
            f'from "{name}" where "{r.column}" not in (select "{r.to_column}" from "{r.table}")',
        )
        if n_lost:
            faults.append(f"{n_lost:,} rows: {r.column} is not in {r.table}.{r.to_column}")
    return faults


def _count(connection: duckdb.DuckDBPyConnection, sql: str) -> int:
    row = connection.execute(f"select count(*) from ({sql})").fetchone()
    return int(row[0]) if row else 0


_FAULTS = {
    "schema": _schema_faults,
    "keys": _key_faults,
    "ranges": _range_faults,
    "references": _reference_faults,
}
