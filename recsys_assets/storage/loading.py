"""Raw files into tables: a fast loader for files whose digest is known, a strict one for all others.

The strict loader reads physical lines and matches each against the layout's pattern, because a typed ``read_csv``
silently accepts swapped headers, `1e3` as an id or NaN as a rating, and turns a whole column into text on one bad
cell. A row that breaks a rule goes, with its line number and reason, into the refused rows; nothing is dropped.
"""

from __future__ import annotations

import glob
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from recsys_assets.contracts import TABLES, Table, rules
from recsys_assets.storage.layouts import RawTable
from recsys_assets.storage.warehouse import Select

__all__ = ["RATED_AGAIN", "FileToRead", "RawFileError", "load_table", "parse_strictly", "prepare"]

MAX_LINE_BYTES = 1_048_576
MAX_TEXT_SHOWN = 1_000
RATED_AGAIN = "rated again later: the latest rating counts"
_CHUNK_BYTES = 1 << 24
# Lines are read as one column cut at a character that no text file has; a file that has it is refused.
_NEVER = "\x1f"
_MAGIC = {b"PK": "a zip archive", b"\x1f\x8b": "a gzip archive", b"<": "an HTML or XML page", b"{": "JSON"}


class RawFileError(ValueError):
    """A raw file can't be read at all; the message says which, where, why, and what to do."""


@dataclass(frozen=True)
class FileToRead:
    """A raw file and how it reads. ``trusted`` = its digest is a known one, so that the fast loader may read it."""

    path: Path
    name: str
    trusted: bool
    raw: RawTable


def load_table(
    connection: duckdb.DuckDBPyConnection, table: str, files: Sequence[FileToRead]
) -> dict[str, Select]:
    """Read a table's files into temporary ones; return the queries for the table and its rejected rows.

    Of two rows with one key the first counts, of two ratings the latest; the others are rejected with that reason.
    Tables that the contract refers to must stand in the warehouse already.

    Raises
    ------
    RawFileError
        If a file is no text, has another header, or the like.
    """
    contract = TABLES[table]
    prepare(connection, contract)
    for number, file in enumerate(files):
        if file.trusted:
            _parse_fast(connection, file, number)
        else:
            parse_strictly(connection, file, number)
    names = ", ".join(f'"{name}"' for name in contract.column_names)
    rows = f"select {names} from temp.parsed"
    if any(not file.trusted for file in files) or len(files) > 1:
        _refuse_duplicates(connection, contract, files)
        # Joins and deletions leave rows in any order; a sort makes the same files the same table.
        rows += f" order by {', '.join(contract.key)}"
    return {
        table: Select(rows),
        f"rejected_{table}": Select("from temp.refused"),
    }


def prepare(connection: duckdb.DuckDBPyConnection, contract: Table) -> None:
    """Empty ``temp.parsed`` (the contract's columns, and where each row stood) and ``temp.refused``."""
    columns = ", ".join(f'"{c.name}" {c.type}' for c in contract.columns)
    connection.execute(
        f"create or replace temp table parsed ({columns}, file_number int, line bigint, text varchar)"
    )
    connection.execute(
        "create or replace temp table refused (file varchar, line bigint, text varchar, reason varchar)"
    )


def _parse_fast(connection: duckdb.DuckDBPyConnection, file: FileToRead, number: int) -> None:
    raw = file.raw
    types = ", ".join(f"'{name}': '{f.type}'" for name, f in raw.fields.items())
    fields = ", ".join(
        f"coalesce({name}, '') as {name}" if f.type == "VARCHAR" else name for name, f in raw.fields.items()
    )
    quote = '"' if raw.quoted else ""
    connection.execute(
        f"""
        insert into temp.parsed
        with fields as (
            select {fields} from read_csv(
                ?, auto_detect = false, header = {raw.header is not None}, delim = '{raw.delimiter}',
                quote = '{quote}', escape = '{quote}', encoding = '{raw.encoding}', columns = {{{types}}}
            )
        )
        select {_columns(raw)}, {number}, null, null from fields
        """,
        [glob.escape(str(file.path))],
    )


def parse_strictly(connection: duckdb.DuckDBPyConnection, file: FileToRead, number: int) -> None:
    """Append the file's good rows to ``temp.parsed`` and all others, with line and reason, to ``temp.refused``."""
    raw = file.raw
    ends_well = _check_file(file)
    _read_lines(connection, file)
    captured = ", ".join(f"'{name}'" for name in raw.fields)
    pattern = raw.line_pattern.replace("'", "''")
    fields = ", ".join(f"{_typed(name, f.type, raw.quoted)} as {name}" for name, f in raw.fields.items())
    first_row = 1 if raw.header is None else 2
    connection.execute(
        f"""
        create or replace temp table judged as
        with matched as (
            select ordinal, text, regexp_full_match(text, '{pattern}') as well_formed,
                   regexp_extract(text, '^(?:{pattern})$', [{captured}]) as field
            from temp.lines where ordinal >= {first_row} and trim(coalesce(text, '')) <> ''
        ), typed as (select ordinal, text, well_formed, {fields} from matched),
        named as (select ordinal, text, well_formed, {_columns(raw)} from typed)
        select *, {_reason(raw, ends_well)} as reason from named
        """
    )
    names = ", ".join(f'"{name}"' for name in TABLES[raw.table].column_names)
    connection.execute(
        f"insert into temp.parsed select {names}, {number}, ordinal + (select count(*) from temp.broken b "
        "where b.after <= ordinal), text from temp.judged where reason is null"
    )
    connection.execute(
        f"""
        insert into temp.refused
        select $name, ordinal + (select count(*) from temp.broken b where b.after <= ordinal),
               left(text, {MAX_TEXT_SHOWN}), reason
        from temp.judged where reason is not null
        union all
        select $name, line, left(text, {MAX_TEXT_SHOWN}), 'unreadable: ' || lower(problem) from temp.broken
        order by 2
        """,
        {"name": file.name},
    )


def _read_lines(connection: duckdb.DuckDBPyConnection, file: FileToRead) -> None:
    """Fill ``temp.lines(ordinal, text)`` and ``temp.broken(line, after, text, problem)``.

    Ordinals count the readable lines. The i-th broken line (from 0) at physical line p shifts all ordinals
    from ``after`` = p − i on by one.
    """
    with _without_carriage_returns(file.path) as path:
        connection.execute(
            f"""
            create or replace temp table lines as
            select row_number() over () as ordinal, line as text from read_csv(
                ?, auto_detect = false, header = false, delim = '{_NEVER}', quote = '', escape = '',
                strict_mode = false, store_rejects = true, rejects_limit = 0, encoding = '{file.raw.encoding}',
                max_line_size = {MAX_LINE_BYTES}, columns = {{'line': 'VARCHAR'}}
            )
            """,
            [glob.escape(str(path))],
        )
    connection.execute(
        """
        create or replace temp table broken as
        select line, line - (row_number() over (order by line) - 1) as after, text, problem
        from (select line, any_value(csv_line) as text, any_value(error_type::varchar) as problem
              from reject_errors group by line)
        """
    )
    connection.execute("drop table reject_errors")
    connection.execute("drop table reject_scans")


@contextmanager
def _without_carriage_returns(path: Path) -> Iterator[Path]:
    """The file, or where it has carriage returns a copy: without those of CRLF, and with a space for any other.

    Where line ends are mixed, DuckDB would count the CR and the LF of one CRLF as two lines.
    """
    with path.open("rb") as source:
        if not any(b"\r" in chunk for chunk in iter(lambda: source.read(_CHUNK_BYTES), b"")):
            yield path
            return
        source.seek(0)
        with tempfile.NamedTemporaryFile(suffix=path.suffix) as copy:
            copy.writelines(line.rstrip(b"\r\n").replace(b"\r", b" ") + b"\n" for line in source)
            copy.flush()
            yield Path(copy.name)


def _check_file(file: FileToRead) -> bool:
    """Refuse what is no text file of this layout; return whether the last line ends with a newline."""
    with file.path.open("rb") as stream:
        head = stream.read(_CHUNK_BYTES)
        for magic, kind in _MAGIC.items():
            if head.startswith(magic):
                raise RawFileError(
                    f"{file.name} is {kind}, not a text file of ratings: give the unpacked file"
                )
        first = head.split(b"\n", 1)[0].decode(file.raw.encoding, errors="replace")
        header, expected = first.strip("\r\ufeff").replace('"', ""), file.raw.header
        if expected is not None and header != expected:
            # A line with digits may be data: of a user, who may be forgotten, and messages are kept.
            has_digits = any(character.isdigit() for character in header)
            found = "there is no header" if has_digits else f"the header is {header[:200]!r}"
            raise RawFileError(f"{file.name} line 1: {found}; it must be {expected!r}")
        last = b""
        while head:
            if b"\0" in head or _NEVER.encode() in head:
                raise RawFileError(f"{file.name} holds control characters: it is binary, UTF-16, or damaged")
            last, head = head[-1:], stream.read(_CHUNK_BYTES)
    return last == b"\n"


def _typed(name: str, type_: str, quoted: bool) -> str:
    value = f"field.{name}"
    if quoted and type_ != "VARCHAR":
        return f"try_cast(trim({value}, '\"') as {type_})"
    if quoted:
        return (
            f"case when starts_with({value}, '\"') "
            f"then replace(substring({value}, 2, length({value}) - 2), '\"\"', '\"') else {value} end"
        )
    return f"try_cast({value} as {type_})"


def _columns(raw: RawTable) -> str:
    types = {column.name: column.type for column in TABLES[raw.table].columns}
    return ", ".join(
        f'try_cast({expression} as {types[name]}) as "{name}"' for name, expression in raw.columns.items()
    )


def _reason(raw: RawTable, ends_well: bool) -> str:
    """SQL: the first rule that the row breaks, in words, or null."""
    contract = TABLES[raw.table]
    shape = raw.delimiter.join(raw.fields).replace("\t", " TAB ")
    cases = [f"when not well_formed then 'malformed: expected {shape}'"]
    if not ends_well:
        cut = "the file does not end with a newline: this line may be cut off"
        last = "ordinal = (select max(ordinal) from temp.lines)"
        # An unreadable line after it is the last one, and is refused already.
        last += " and not exists (from temp.broken where after > ordinal)"
        cases.append(f"when {last} then '{cut}'")
    cases += [f"when {rule.violated_by} then '{rule.meaning}'" for rule in rules(contract)]
    cases += [
        f'when "{r.column}" not in (select "{r.to_column}" from "{r.table}") '
        f"then '{r.column} is not in {r.table}'"
        for r in contract.references
    ]
    return f"case {' '.join(cases)} end"


def _refuse_duplicates(
    connection: duckdb.DuckDBPyConnection, contract: Table, files: Sequence[FileToRead]
) -> None:
    key = ", ".join(f'"{name}"' for name in contract.key)
    latest = contract.name == "ratings"
    order = "rated_at desc, file_number desc, line desc" if latest else "file_number, line"
    why = RATED_AGAIN if latest else f"({key}) stands in an earlier line"
    names = ", ".join(f"({number}, ?)" for number in range(len(files)))
    connection.execute(
        f"""
        create or replace temp table losers as
        select rowid as row, file_number, line, text from temp.parsed
        qualify row_number() over (partition by {key} order by {order}) > 1
        """
    )
    connection.execute(
        f"""
        insert into temp.refused
        select f.name, coalesce(line, 0), left(text, {MAX_TEXT_SHOWN}), '{why.replace('"', "")}'
        from temp.losers join (values {names}) as f(number, name) on number = file_number
        order by file_number, line
        """,
        [file.name for file in files],
    )
    connection.execute("delete from temp.parsed where rowid in (select row from temp.losers)")
