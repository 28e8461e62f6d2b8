"""Contracts hang together, and the conditions made from them hold exactly for the rows that break them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import duckdb
import pytest

from recsys_assets.contracts import PUBLISHED, TABLES, Table, contract_of, rules
from recsys_assets.contracts.raw import RAW_TABLES
from recsys_assets.storage.layouts import LAYOUTS

EVERY_TABLE = pytest.mark.parametrize("table", TABLES.values(), ids=TABLES.keys())


@pytest.fixture(scope="module")
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    """Every contract's table, empty."""
    with duckdb.connect() as connection:
        for table in TABLES.values():
            columns = ", ".join(f'"{column.name}" {column.type}' for column in table.columns)
            connection.execute(f'create table "{table.name}" ({columns})')
        yield connection


@EVERY_TABLE
def test_every_table_and_column_has_a_comment(table: Table) -> None:
    assert table.comment.strip()
    assert all(column.comment.strip() for column in table.columns)


@EVERY_TABLE
def test_column_names_are_distinct_and_written_like_names(table: Table) -> None:
    assert len(set(table.column_names)) == len(table.columns) > 0
    assert all(name.isidentifier() and name == name.lower() for name in table.column_names)


@EVERY_TABLE
def test_keys_are_columns_that_are_never_null(table: Table) -> None:
    required = {column.name for column in table.columns if not column.nullable}
    assert set(table.key) <= required


@EVERY_TABLE
def test_references_lead_from_a_column_to_a_key(table: Table) -> None:
    for reference in table.references:
        assert reference.column in table.column_names
        assert TABLES[reference.table].key == (reference.to_column,)


@EVERY_TABLE
def test_types_are_those_that_duckdb_reports(table: Table, database: duckdb.DuckDBPyConnection) -> None:
    reported = database.execute(f'describe "{table.name}"').fetchall()
    assert [row[:2] for row in reported] == [(column.name, column.type) for column in table.columns]


@EVERY_TABLE
def test_every_rule_is_a_predicate_that_duckdb_understands(
    table: Table, database: duckdb.DuckDBPyConnection
) -> None:
    for rule in rules(table):
        assert rule.column in table.column_names
        assert database.execute(
            f'select count(*) from "{table.name}" where {rule.violated_by}'
        ).fetchall() == [(0,)]


def broken_rules(database: duckdb.DuckDBPyConnection, table: str, row: str) -> set[str]:
    """What is said of a row, as it stands after the table's own casts."""
    database.execute("begin")
    database.execute(f"insert into {table} values ({row})")
    found = {
        rule.meaning
        for rule in rules(TABLES[table])
        if database.execute(f"from {table} where {rule.violated_by}").fetchall()
    }
    database.execute("rollback")
    return found


@pytest.mark.parametrize(
    ("row", "broken"),
    [
        ("1, 2, 0.5, '1990-01-01'", set()),
        ("0, 9007199254740992, 5, '2100-01-01'", set()),
        ("-1, 2, 3, '2000-01-01'", {"user_id is outside 0 – 9007199254740992"}),
        ("1, 9007199254740993, 3, '2000-01-01'", {"movie_id is outside 0 – 9007199254740992"}),
        ("1, 2, 3.3, '2000-01-01'", {"rating is not a multiple of 0.5"}),
        ("1, 2, 0, '2000-01-01'", {"rating is outside 0.5 – 5.0"}),
        ("1, 2, 5.5, '2000-01-01'", {"rating is outside 0.5 – 5.0"}),
        ("1, 2, 3, '1989-12-31'", {"rated_at is outside 1990-01-01 – 2100-01-01"}),
        ("null, 2, 3, '2000-01-01'", {"user_id is missing or not a BIGINT"}),
        ("1, 2, null, null", {"rating is missing or not a FLOAT", "rated_at is missing or not a TIMESTAMP"}),
    ],
)
def test_a_rating_breaks_exactly_the_rules_it_breaks(
    row: str, broken: set[str], database: duckdb.DuckDBPyConnection
) -> None:
    assert broken_rules(database, "ratings", row) == broken


@pytest.mark.parametrize("rating", ["nan", "inf", "-inf"])
def test_what_is_no_finite_number_is_said_to_be_none(
    rating: str, database: duckdb.DuckDBPyConnection
) -> None:
    assert "rating is not a finite number" in broken_rules(
        database, "ratings", f"1, 2, '{rating}', '2000-01-01'"
    )


@pytest.mark.parametrize(
    ("title", "broken"),
    [
        ("'x'", set()),
        ("repeat('é', 1000)", set()),
        ("'  '", {"title is empty"}),
        ("repeat('x', 1001)", {"title is longer than 1000 characters"}),
    ],
)
def test_a_title_must_be_there_and_not_too_long(
    title: str, broken: set[str], database: duckdb.DuckDBPyConnection
) -> None:
    assert broken_rules(database, "movies", f"1, {title}, null, []") == broken


def test_what_is_published_has_contracts() -> None:
    assert len(set(PUBLISHED)) == len(PUBLISHED)
    assert set(PUBLISHED) <= TABLES.keys()


def test_every_raw_table_has_one_for_its_rejected_rows() -> None:
    assert all(TABLES[f"rejected_{name}"].may_be_empty for name in RAW_TABLES)


def test_every_file_of_a_layout_is_that_of_a_raw_table_and_gives_all_its_columns() -> None:
    for raw in itertools.chain.from_iterable(LAYOUTS.values()):
        assert raw.table in RAW_TABLES
        assert list(raw.columns) == TABLES[raw.table].column_names


def test_no_two_files_of_a_layout_have_one_name() -> None:
    for layout in LAYOUTS.values():
        assert len({raw.file for raw in layout}) == len(layout)


def test_a_fit_s_table_obeys_the_contract_without_the_prefix() -> None:
    assert contract_of("trial__als_recommendations") is TABLES["als_recommendations"]
    assert contract_of("live__cold_start") is contract_of("cold_start") is TABLES["cold_start"]


def test_a_table_without_a_contract_is_named() -> None:
    with pytest.raises(KeyError, match="trial__als_factors"):
        contract_of("trial__als_factors")
