"""Every line of a raw file is accepted, or refused with its number and a reason; both loaders read the same."""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import json
import random
import sys
import unicodedata
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys_assets.storage.archives import extract
from recsys_assets.storage.layouts import LAYOUTS, RawTable
from recsys_assets.storage.loading import MAX_LINE_BYTES, FileToRead, RawFileError, load_table
from recsys_assets.storage.warehouse import replace_tables
from recsys_assets_tests.made_catalogue import credits_csv, movies_csv

HEADER = b"userId,movieId,rating,timestamp"
GOOD = (b"1,2,3.0,1000000000", b"2,3,4.5,1000000001", b"3,1,0.5,1000000002")
MALFORMED = "malformed: expected userId,movieId,rating,timestamp"
NO_NEWLINE = "the file does not end with a newline: this line may be cut off"
RATED_AGAIN = "rated again later: the latest rating counts"

Row = tuple[object, ...]


def raw_table(layout: str, name: str) -> RawTable:
    return next(raw for raw in LAYOUTS[layout] if raw.table == name)


CSV_RATINGS = raw_table("movielens-csv", "ratings")
CSV_MOVIES = raw_table("movielens-csv", "movies")


@dataclass(frozen=True)
class Loaded:
    """The rows that were accepted, and of the others (file, line) → reason, and the text."""

    rows: list[Row]
    reasons: dict[tuple[str, int], str]
    texts: dict[int, str]

    @property
    def refused(self) -> dict[int, str]:
        """Reasons by line."""
        assert len(self.reasons) == len({line for _, line in self.reasons})
        return {line: reason for (_, line), reason in self.reasons.items()}


def load(
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
    *contents: bytes,
    raw: RawTable = CSV_RATINGS,
    trusted: bool = False,
) -> Loaded:
    files = []
    for number, content in enumerate(contents):
        path = folder / f"{number}-{raw.file}"
        path.write_bytes(content)
        files.append(FileToRead(path, path.name, trusted, raw))
    return load_files(connection, files)


def load_files(connection: duckdb.DuckDBPyConnection, files: Sequence[FileToRead]) -> Loaded:
    """Files of one table, each in its own layout."""
    table = files[0].raw.table
    tables = load_table(connection, table, files)
    rows = connection.execute(tables[table].sql).fetchall()
    refused = connection.execute(tables[f"rejected_{table}"].sql).fetchall()
    return Loaded(
        rows,
        {(file, line): reason for file, line, _, reason in refused},
        {line: text for _, line, text, _ in refused},
    )


def ratings_file(*lines: bytes, header: bytes = HEADER, line_end: bytes = b"\n") -> bytes:
    return b"".join(line + line_end for line in (header, *lines))


def user_ids(loaded: Loaded) -> list[object]:
    return [row[0] for row in loaded.rows]


BAD_LINES = {
    "swapped columns": (b"4.5,2,1,1000000000", MALFORMED),
    "column too many": (b"7,2,3.0,1000000000,x", MALFORMED),
    "empty column too many": (b"7,2,3.0,1000000000,", MALFORMED),
    "column too few": (b"7,2,3.0", MALFORMED),
    "semicolons": (b"7;2;3.0;1000000000", MALFORMED),
    "tabs": (b"7\t2\t3.0\t1000000000", MALFORMED),
    "decimal comma": (b"7,2,3,5,1000000000", MALFORMED),
    "spaces": (b"7, 2, 3.0, 1000000000", MALFORMED),
    "the header again": (HEADER, MALFORMED),
    "a comment": (b"# of my own", MALFORMED),
    "NULL": (b"NULL", MALFORMED),
    "a word": (b"seven,2,3.0,1000000000", MALFORMED),
    "user missing": (b",2,3.0,1000000000", MALFORMED),
    "rating missing": (b"7,2,,1000000000", MALFORMED),
    "time missing": (b"7,2,3.0,", MALFORMED),
    "exponent in an id": (b"1e3,2,3.0,1000000000", MALFORMED),
    "decimals in an id": (b"7.0,2,3.0,1000000000", MALFORMED),
    "hexadecimal id": (b"0x7,2,3.0,1000000000", MALFORMED),
    "Arabic digits": ("٧,2,3.0,1000000000".encode(), MALFORMED),
    "negative id": (b"-7,2,3.0,1000000000", MALFORMED),
    "signed id": (b"+7,2,3.0,1000000000", MALFORMED),
    "id beyond doubles": (b"9007199254740993,2,3.0,1000000000", "user_id is outside 0 – 9007199254740992"),
    "id beyond 64 bits": (b"7,99999999999999999999,3.0,1000000000", "movie_id is missing or not a BIGINT"),
    "NaN": (b"7,2,NaN,1000000000", MALFORMED),
    "infinite": (b"7,2,inf,1000000000", MALFORMED),
    "exponent in a rating": (b"7,2,3e0,1000000000", MALFORMED),
    "rating without digits before the point": (b"7,2,.5,1000000000", MALFORMED),
    "rating of 11": (b"7,2,11.0,1000000000", "rating is outside 0.5 – 5.0"),
    "rating of 0": (b"7,2,0,1000000000", "rating is outside 0.5 – 5.0"),
    "negative rating": (b"7,2,-3.0,1000000000", "rating is outside 0.5 – 5.0"),
    "rating off the grid": (b"7,2,3.3,1000000000", "rating is not a multiple of 0.5"),
    "rating too large for a float": (
        b"7,2," + b"9" * 50 + b",1000000000",
        "rating is missing or not a FLOAT",
    ),
    "rating too large for a double": (b"7,2," + b"9" * 400 + b",1000000000", "rating is outside 0.5 – 5.0"),
    "negative time": (b"7,2,3.0,-1", "rated_at is outside 1990-01-01 – 2100-01-01"),
    "time 0": (b"7,2,3.0,0", "rated_at is outside 1990-01-01 – 2100-01-01"),
    "milliseconds": (b"7,2,3.0,1000000000000", "rated_at is outside 1990-01-01 – 2100-01-01"),
    "microseconds": (b"7,2,3.0,1000000000000000", "rated_at is outside 1990-01-01 – 2100-01-01"),
    "time beyond 64 bits": (b"7,2,3.0," + b"9" * 25, "rated_at is outside 1990-01-01 – 2100-01-01"),
    "time with decimals": (b"7,2,3.0,1000000000.5", MALFORMED),
    "a date": (b"7,2,3.0,2001-09-09", MALFORMED),
    "movie nobody knows": (b"7,77,3.0,1000000000", "movie_id is not in movies"),
    "quote left open": (b'"7,2,3.0,1000000000', MALFORMED),
    "quote never opened": (b'7,2,3.0",1000000000', MALFORMED),
    "quoted line": (b'"7,2,3.0,1000000000"', MALFORMED),
    "doubled quotes": (b'""7"",2,3.0,1000000000', MALFORMED),
    "carriage return inside": (b"7,2,3.0,100\r0000000", MALFORMED),
    "vertical tab": (b"7,2,3.0,1000000000\x0b", MALFORMED),
    "form feed": (b"\x0c", MALFORMED),
    "line separator": ("7,2,3.0,1000000000\u2028".encode(), MALFORMED),
    "BOM inside": ("\ufeff7,2,3.0,1000000000".encode(), MALFORMED),
    "Latin-1 byte": (b"7,2,3.0,1000000000\xe9", "unreadable: invalid encoding"),
    "cut UTF-8": (b"7,2,3.0,\xc3", "unreadable: invalid encoding"),
    "line over 1 MiB": (b"7,2,3.0," + b"1" * MAX_LINE_BYTES, "unreadable: line size over maximum"),
}


@pytest.mark.parametrize(("line", "reason"), BAD_LINES.values(), ids=BAD_LINES.keys())
def test_a_bad_line_is_refused_with_its_number_and_its_neighbours_stay(
    line: bytes, reason: str, catalogue: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    loaded = load(catalogue, tmp_path, ratings_file(GOOD[0], line, GOOD[1], line, GOOD[2]))
    assert user_ids(loaded) == [1, 2, 3]
    assert loaded.refused == {3: reason, 5: reason}


def test_the_text_of_a_refused_line_is_kept_up_to_1000_characters(
    catalogue: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    loaded = load(catalogue, tmp_path, ratings_file("né,2".encode(), b"x" * 5000, b"1,2\xe9"))
    assert loaded.texts[2] == "né,2"
    assert loaded.texts[3] == "x" * 1000
    assert loaded.texts[4].startswith("1,2")


ACCEPTED = {
    "plain": ratings_file(*GOOD),
    "BOM": b"\xef\xbb\xbf" + ratings_file(*GOOD),
    "CRLF": ratings_file(*GOOD, line_end=b"\r\n"),
    "mixed line ends": ratings_file(GOOD[0]) + GOOD[1] + b"\r\n" + GOOD[2] + b"\n",
    "quoted header": ratings_file(*GOOD, header=b'"userId","movieId","rating","timestamp"'),
    "quoted values": ratings_file(b'"1","2","3.0","1000000000"', b'2,3,"4.5",1000000001', GOOD[2]),
    "leading zeros, whole stars": ratings_file(b"01,02,3,1000000000", b"2,3,4.50,1000000001", GOOD[2]),
    "blank lines": ratings_file(b"", GOOD[0], b"", b"  ", GOOD[1], GOOD[2], b"", b""),
    "blank last line without newline": ratings_file(*GOOD) + b"  ",
}


@pytest.mark.parametrize("content", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_what_reads_the_same_is_the_same_table(
    content: bytes, catalogue: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    plain = load(catalogue, tmp_path, ACCEPTED["plain"])
    loaded = load(catalogue, tmp_path, content)
    assert loaded.rows == plain.rows
    assert [row[:3] for row in loaded.rows] == [(1, 2, 3.0), (2, 3, 4.5), (3, 1, 0.5)]
    assert loaded.refused == {}


def zipped(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("ratings.csv", content)
    return buffer.getvalue()


RATINGS = ratings_file(*GOOD)
REFUSED_FILES = {
    "empty": (b"", "line 1: the header is ''"),
    "columns swapped": (RATINGS.replace(HEADER, b"movieId,userId,rating,timestamp"), "line 1: the header is"),
    "columns renamed": (
        RATINGS.replace(HEADER, b"user_id,movie_id,rating,timestamp"),
        "line 1: the header is",
    ),
    "header in capitals": (RATINGS.replace(HEADER, HEADER.upper()), "line 1: the header is"),
    "column too many": (RATINGS.replace(HEADER, HEADER + b",comment"), "line 1: the header is"),
    "column too few": (RATINGS.replace(HEADER, b"userId,movieId,rating"), "line 1: the header is"),
    "no header": (
        b"\n".join(GOOD) + b"\n",
        "line 1: there is no header; it must be 'userId,",
    ),
    "blank line before the header": (b"\n" + RATINGS, "line 1: the header is ''"),
    "semicolons": (RATINGS.replace(b",", b";"), "line 1: the header is"),
    "CR alone": (RATINGS.replace(b"\n", b"\r"), "line 1: there is no header"),
    "HTML": (b"<!DOCTYPE html><html><body>404</body></html>\n", "is an HTML or XML page"),
    "JSON": (json.dumps({"userId": 1}).encode(), "is JSON"),
    "zip": (zipped(RATINGS), "is a zip archive.*unpacked"),
    "gzip": (gzip.compress(RATINGS), "is a gzip archive.*unpacked"),
    "UTF-16": (RATINGS.decode().encode("utf-16"), "line 1: the header is"),
    "NUL bytes": (RATINGS.replace(b"2,3", b"2,\0"), "control characters"),
    "NUL bytes far down": (ratings_file(b"1,2,3.0,1\n" * 2_000_000 + b"\0"), "control characters"),
    "unit separator": (RATINGS + b"\x1f\n", "control characters"),
}


@pytest.mark.parametrize(("content", "message"), REFUSED_FILES.values(), ids=REFUSED_FILES.keys())
def test_what_is_no_file_of_ratings_is_refused_as_a_whole(
    content: bytes, message: str, catalogue: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    with pytest.raises(RawFileError, match=rf"^0-ratings\.csv .*{message}"):
        load(catalogue, tmp_path, content)


def test_a_last_line_without_newline_may_be_cut_off_and_is_refused(
    catalogue: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    for line_end in (b"\n", b"\r\n"):
        content = ratings_file(*GOOD, line_end=line_end).removesuffix(line_end)
        loaded = load(catalogue, tmp_path, content)
        assert user_ids(loaded) == [1, 2]
        assert loaded.refused == {4: NO_NEWLINE}


@pytest.mark.parametrize("last", [b"7,2,3.0,1000000000\xe9", b"7,2,3.0," + b"1" * MAX_LINE_BYTES])
def test_an_unreadable_last_line_does_not_cast_doubt_on_the_one_before(
    last: bytes, catalogue: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    loaded = load(catalogue, tmp_path, ratings_file(*GOOD) + last)
    assert user_ids(loaded) == [1, 2, 3]
    assert loaded.refused.keys() == {5}


def test_a_header_alone_is_an_empty_table(catalogue: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    for content in (HEADER, HEADER + b"\n"):
        loaded = load(catalogue, tmp_path, content)
        assert (loaded.rows, loaded.refused) == ([], {})


def test_of_two_ratings_of_a_movie_the_later_counts_wherever_it_stands(
    catalogue: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    early, late = b"1,2,1.0,1000000000", b"1,2,5.0,1000000009"
    for lines, loser in [((early, late), 2), ((late, early), 3)]:
        loaded = load(catalogue, tmp_path, ratings_file(*lines))
        assert [row[:3] for row in loaded.rows] == [(1, 2, 5.0)]
        assert loaded.refused == {loser: RATED_AGAIN}


def test_of_two_ratings_at_one_time_the_last_line_counts(
    catalogue: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    lines = (b"1,2,1.0,1000000000", b"1,2,5.0,1000000000", b"1,2,2.0,1000000000")
    loaded = load(catalogue, tmp_path, ratings_file(*lines))
    assert [row[2] for row in loaded.rows] == [2.0]
    assert loaded.refused == {2: RATED_AGAIN, 3: RATED_AGAIN}


def test_a_row_that_is_refused_does_not_displace_another(
    catalogue: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    loaded = load(catalogue, tmp_path, ratings_file(GOOD[0], b"1,2,9.0,1000000009"))
    assert [row[:3] for row in loaded.rows] == [(1, 2, 3.0)]
    assert loaded.refused == {3: "rating is outside 0.5 – 5.0"}


def test_of_two_rows_of_a_movie_the_first_counts(
    catalogue: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    content = b"movieId,title,genres\n1,First (1999),Drama\n1,Second (1999),Drama\n"
    loaded = load(catalogue, tmp_path, content, raw=CSV_MOVIES)
    assert loaded.rows == [(1, "First (1999)", 1999, ["Drama"])]
    assert loaded.refused == {3: "(movie_id) stands in an earlier line"}


def test_files_join_and_refused_rows_name_theirs(
    catalogue: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    first = ratings_file(GOOD[0], b"nonsense", GOOD[1])
    second = ratings_file(b"1,2,5.0,1000000500", GOOD[2], b"2,3,1.0,999999999")
    loaded = load(catalogue, tmp_path, first, second)
    assert [row[:3] for row in loaded.rows] == [(1, 2, 5.0), (2, 3, 4.5), (3, 1, 0.5)]
    assert loaded.reasons == {
        ("0-ratings.csv", 3): MALFORMED,
        ("0-ratings.csv", 2): RATED_AGAIN,
        ("1-ratings.csv", 4): RATED_AGAIN,
    }


def test_no_files_are_an_empty_table(catalogue: duckdb.DuckDBPyConnection) -> None:
    tables = load_table(catalogue, "tags", [])
    assert catalogue.execute(tables["tags"].sql).fetchall() == []
    assert catalogue.execute(tables["rejected_tags"].sql).fetchall() == []


def test_a_name_with_signs_of_a_pattern_is_one_file(
    catalogue: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    (tmp_path / "ratings-2.csv").write_bytes(ratings_file(GOOD[1]))
    for name in ("ratings*.csv", "ratings[-x]2.csv", "ratings?2.csv", "it's.csv"):
        (tmp_path / name).write_bytes(ratings_file(GOOD[0]))
        for trusted in (False, True):
            file = FileToRead(tmp_path / name, name, trusted, CSV_RATINGS)
            tables = load_table(catalogue, "ratings", [file])
            assert catalogue.execute(tables["ratings"].sql).fetchall()[0][0] == 1
            assert catalogue.execute("select count(*) from temp.parsed").fetchall() == [(1,)]
            assert catalogue.execute("from temp.refused").fetchall() == []


@st.composite
def lines_and_what_they_are(draw: st.DrawFn) -> list[tuple[bytes, str]]:
    """Lines in any order, each good, bad or blank; each user rates once, so that no line displaces another."""
    kinds = draw(st.lists(st.sampled_from(["good", "good", "listed", "noise", "blank"]), max_size=12))
    lines = []
    for user, kind in enumerate(kinds):
        if kind == "good":
            stars = draw(st.integers(1, 10)) / 2
            line = f"{user},{draw(st.integers(1, 9))},{stars},{draw(st.integers(700_000_000, 4_000_000_000))}"
            lines.append((line.encode(), kind))
        elif kind == "listed":
            short = [line for line, _ in BAD_LINES.values() if len(line) < 1000]
            lines.append((draw(st.sampled_from(short)), "bad"))
        elif kind == "noise":
            signs = st.characters(
                codec="utf-8", exclude_categories=("Nd", "Cs", "Zs"), exclude_characters="\0\n\x1f"
            )
            lines.append((draw(st.text(signs, min_size=1)).strip("\r").encode() or b",", "bad"))
        else:
            lines.append((b" " * draw(st.integers(0, 3)), kind))
    return lines


@settings(max_examples=60)
@given(lines=lines_and_what_they_are(), line_end=st.sampled_from([b"\n", b"\r\n"]))
def test_accepted_and_refused_are_together_all_lines_that_are_not_blank(
    lines: list[tuple[bytes, str]],
    line_end: bytes,
    catalogue: duckdb.DuckDBPyConnection,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    content = ratings_file(*(line for line, _ in lines), line_end=line_end)
    loaded = load(catalogue, tmp_path_factory.getbasetemp(), content)
    accepted = {line for (line,) in catalogue.execute("select line from temp.parsed").fetchall()}
    numbered = [(number, kind) for number, (_, kind) in enumerate(lines, start=2)]
    assert accepted == {number for number, kind in numbered if kind == "good"}
    assert loaded.refused.keys() == {number for number, kind in numbered if kind == "bad"}
    assert len(loaded.rows) == len(accepted)


times = st.lists(st.integers(700_000_000, 4_000_000_000), min_size=1, max_size=12, unique=True)


@settings(max_examples=60)
@given(times=times, seed=st.integers(0, 2**32))
def test_the_order_of_the_lines_does_not_change_the_table(
    times: list[int],
    seed: int,
    catalogue: duckdb.DuckDBPyConnection,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    rng = random.Random(seed)
    lines = [f"{rng.randint(1, 3)},{rng.randint(1, 3)},{rng.randint(1, 12) / 2},{t}".encode() for t in times]
    shuffled = rng.sample(lines, len(lines))
    folder = tmp_path_factory.getbasetemp()
    loaded, again = (load(catalogue, folder, ratings_file(*order)) for order in (lines, shuffled))
    assert loaded.rows == again.rows
    assert sorted(loaded.reasons.values()) == sorted(again.reasons.values())


def test_numbers_are_right_far_down_a_file(catalogue: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    lines = [b"%d,1,3.0,1000000000" % user for user in range(100_000)]
    faulty = dict(zip(range(7, 100_000, 997), itertools.cycle((b"\xff", b"x", b"")), strict=False))
    for user, fault in faulty.items():
        lines[user] = fault
    loaded = load(catalogue, tmp_path, ratings_file(*lines))
    assert loaded.refused.keys() == {user + 2 for user, fault in faulty.items() if fault}
    assert user_ids(loaded) == [user for user in range(100_000) if user not in faulty]


def read_movies(
    connection: duckdb.DuckDBPyConnection, folder: Path, lines: Sequence[str], *, trusted: bool = False
) -> Loaded:
    content = "".join(f"{line}\n" for line in ("movieId,title,genres", *lines))
    return load(connection, folder, content.encode(), raw=CSV_MOVIES, trusted=trusted)


TITLES = {
    '1,"American President, The (1995)",Comedy|Drama': (
        "American President, The (1995)",
        1995,
        ["Comedy", "Drama"],
    ),
    '1,"""Great Performances"" Cats (1998)",Musical': ('"Great Performances" Cats (1998)', 1998, ["Musical"]),
    "1,Fabuleux destin d'Amélie Poulain (2001),Comedy": (
        "Fabuleux destin d'Amélie Poulain (2001)",
        2001,
        ["Comedy"],
    ),
    "1,千と千尋の神隠し (2001) ,Animation": ("千と千尋の神隠し (2001)", 2001, ["Animation"]),
    "1,Babylon 5,(no genres listed)": ("Babylon 5", None, []),
    "1,2001: A Space Odyssey (1968),": ("2001: A Space Odyssey (1968)", 1968, []),
    "1,Death Note (2006–2007),Crime": ("Death Note (2006–2007)", None, ["Crime"]),
    "1,(500) Days of Summer (2009),Film-Noir": ("(500) Days of Summer (2009)", 2009, ["Film-Noir"]),
    "1,(1999) is not at the end,Sci-Fi": ("(1999) is not at the end", None, ["Sci-Fi"]),
    '1," padded (1999) ","Drama"': ("padded (1999)", 1999, ["Drama"]),
}


@pytest.mark.parametrize("trusted", [False, True], ids=["strict", "fast"])
@pytest.mark.parametrize(("line", "expected"), TITLES.items())
def test_titles_years_and_genres_read_as_they_stand(
    line: str, expected: Row, trusted: bool, catalogue: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    loaded = read_movies(catalogue, tmp_path, [line], trusted=trusted)
    assert loaded.rows == [(1, *expected)]
    assert loaded.refused == {}


def test_bad_movies_are_refused_line_by_line(catalogue: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    lines = [
        "1,Good (1999),Drama",
        '2,"two',
        'lines (1999)",Drama',
        "3,,Drama",
        '4,"  ",Drama',
        '5,a"quote,Drama',
        '6,"a"quote",Drama',
        "7,one, two,Drama",
        "8,Too early (1200),Drama",
        f"9,{'x' * 1001},Drama",
        "10,Also good,Drama",
    ]
    malformed = "malformed: expected movieId,title,genres"
    loaded = read_movies(catalogue, tmp_path, lines)
    assert [row[0] for row in loaded.rows] == [1, 10]
    assert loaded.refused == {
        **dict.fromkeys((3, 4, 7, 8, 9), malformed),
        **dict.fromkeys((5, 6), "title is empty"),
        10: "year is outside 1850 – 2100",
        11: "title is longer than 1000 characters",
    }


# What no line of a text file has: line ends and the controls that mark a binary file.
SPACES = "".join(filter(lambda sign: unicodedata.category(sign) == "Zs", map(chr, range(sys.maxunicode))))
IN_A_LINE = st.characters(codec="utf-8", exclude_categories=("Cs",), exclude_characters="\0\n\r\x1f")


@settings(max_examples=60)
@given(titles=st.lists(st.text(IN_A_LINE, max_size=20).filter(lambda text: text.strip(SPACES)), max_size=6))
def test_what_a_csv_writer_wrote_is_read_back_by_both_loaders(
    titles: list[str], catalogue: duckdb.DuckDBPyConnection, tmp_path_factory: pytest.TempPathFactory
) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["movieId", "title", "genres"])
    writer.writerows((number, title, "Drama") for number, title in enumerate(titles))
    folder, content = tmp_path_factory.getbasetemp(), text.getvalue().encode()
    strict = load(catalogue, folder, content, raw=CSV_MOVIES)
    fast = load(catalogue, folder, content, raw=CSV_MOVIES, trusted=True)
    assert [row[1] for row in strict.rows] == [title.strip(SPACES) for title in titles]
    assert strict.rows == fast.rows
    assert strict.refused == fast.refused == {}


FLAGS_100K = {1: b"0|0|0|1|1|1|0|0|0|0|0|0|0|0|0|0|0|0|0", 2: b"1" + b"|0" * 18, 3: b"0" + b"|0" * 17 + b"|1"}
CLEAN = {
    "movielens-csv": {
        "movies": '\ufeffmovieId,title,genres\n1,"A, ""é"" (1995)",Drama|War\n2,B,(no genres listed)\n',
        "ratings": ratings_file(*GOOD).decode(),
        "tags": 'userId,movieId,tag,timestamp\n1,2,"so ""good"", é ",1000000000\n1,2,so,1000000000\n',
        "links": 'movieId,imdbId,tmdbId\n1,0114709,862\n2,,\n3,"0113497",8844\n',
        "genome_tags": "tagId,tag\n1,007\n2,\"twist, and 'quotes'\"\n",
        "genome_scores": "movieId,tagId,relevance\n1,1,0.02875\n1,2,1\n2,1,5e-05\n2,2,0.0\n",
        "tmdb_movies": movies_csv(
            {"id": 1, "title": 'A, "é"', "tagline": "It's \\", "homepage": "x,y"},
            {"id": 2, "title": "B", "release_date": "", "runtime": "", "overview": " ", "budget": ""},
            {"id": 3, "title": "C", "popularity": "1e-05", "runtime": "90.5", "keywords": "[]"},
        ),
        "tmdb_credits": credits_csv(
            {"movie_id": 1, "title": "A", "cast": '[{"id": 1, "name": "\\u00e9, \\"x\\""}]'},
            {"movie_id": 2, "title": "B", "cast": "", "crew": "broken"},
        ),
        "tmdb_posters": 'tmdbId,posterPath\n1,/a.jpg\n2,"/b-c_D.png"\n',
    },
    "ml-100k": {
        "movies": b"".join(
            b'%d|Mis\xe9rables, "L\'%d" (1995)|01-Jan-1995||http://x.org/?%%20:|%s\n'
            % (number, number, flags)
            for number, flags in FLAGS_100K.items()
        ).decode("latin-1")
        + f"4|unknown||||{FLAGS_100K[2].decode()}\n",
        "ratings": "196\t2\t3\t881250949\n186\t3\t4\t891717742\n",
        "users": "1|24|M|technician|85711\n2|7|F|none|T8H1N\n30|||| \n",
        "official_folds": "196\t2\t3\t881250949\n186\t3\t4\t891717742\n",
    },
    "ml-1m": {
        "movies": "1::Misérables, \"Les\": Part 1 (1995)::Drama|War\n2::Children's (1999)::Children's\n",
        "ratings": "1::2::5::978300760\n2::3::3::978302109\n",
        "users": "1::F::1::10::48067\n2::M::56::16::70072-1234\n3::M::25::0::\n4::F::45::20::02460\n5::::::9::1\n",
    },
}


@pytest.mark.parametrize(
    ("layout", "table"), [(layout, table) for layout, tables in CLEAN.items() for table in tables]
)
def test_the_fast_loader_agrees_with_the_strict_one_on_clean_files(
    layout: str, table: str, catalogue: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    catalogue.execute("create or replace table genome_tags as select range as tag_id from range(1, 3)")
    raw = raw_table(layout, table)
    content = CLEAN[layout][table].encode(raw.encoding)
    strict = load(catalogue, tmp_path, content, raw=raw)
    fast = load(catalogue, tmp_path, content, raw=raw, trusted=True)
    assert strict.reasons == fast.reasons == {}
    assert strict.rows == sorted(fast.rows)
    assert len(strict.rows) == content.count(b"\n") - (raw.header is not None)


def test_latin_1_titles_and_flags_of_ml_100k(catalogue: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    raw = raw_table("ml-100k", "movies")
    loaded = load(catalogue, tmp_path, CLEAN["ml-100k"]["movies"].encode("latin-1"), raw=raw)
    assert loaded.rows == [
        (1, 'Misérables, "L\'1" (1995)', 1995, ["Animation", "Children's", "Comedy"]),
        (2, 'Misérables, "L\'2" (1995)', 1995, []),
        (3, 'Misérables, "L\'3" (1995)', 1995, ["Western"]),
        (4, "unknown", None, []),
    ]


def test_latin_1_titles_of_ml_1m(catalogue: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    raw = raw_table("ml-1m", "movies")
    loaded = load(catalogue, tmp_path, CLEAN["ml-1m"]["movies"].encode("latin-1"), raw=raw)
    assert loaded.rows == [
        (1, 'Misérables, "Les": Part 1 (1995)', 1995, ["Drama", "War"]),
        (2, "Children's (1999)", 1999, ["Children's"]),
    ]


USERS = {
    "ml-100k": [(1, 24, "M", "technician"), (2, 7, "F", "none"), (30, None, None, None)],
    "ml-1m": [
        (1, 1, "F", "K-12 student"),
        (2, 56, "M", "self-employed"),
        (3, 25, "M", "other"),
        (4, 45, "F", "writer"),
        (5, None, None, "homemaker"),
    ],
}


@pytest.mark.parametrize("trusted", [False, True], ids=["strict", "fast"])
@pytest.mark.parametrize("layout", USERS)
def test_users_read_as_they_stand_and_occupations_in_words(
    layout: str, trusted: bool, catalogue: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    raw = raw_table(layout, "users")
    loaded = load(catalogue, tmp_path, CLEAN[layout]["users"].encode(), raw=raw, trusted=trusted)
    assert loaded.rows == USERS[layout]
    assert loaded.refused == {}


def test_a_user_twice_or_of_no_possible_age_is_refused(
    catalogue: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    content = b"1|24|M|writer|1\n1|25|M|writer|1\n2|0|F|writer|1\n3|121|F|writer|1\n"
    loaded = load(catalogue, tmp_path, content, raw=raw_table("ml-100k", "users"))
    assert loaded.rows == [(1, 24, "M", "writer")]
    assert loaded.refused == {
        2: "(user_id) stands in an earlier line",
        3: "age is outside 1 – 120",
        4: "age is outside 1 – 120",
    }


FOLDS = {raw.file: raw for raw in LAYOUTS["ml-100k"] if raw.table == "official_folds"}


def written(folder: Path, raw: RawTable, content: bytes, *, trusted: bool = False) -> FileToRead:
    (folder / raw.file).write_bytes(content)
    return FileToRead(folder / raw.file, raw.file, trusted, raw)


@pytest.mark.parametrize("trusted", [False, True], ids=["strict", "fast"])
def test_the_files_of_the_folds_make_one_table_that_names_the_fold(
    trusted: bool, catalogue: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    line = b"1\t2\t3\t881250949\n"
    files = [
        written(tmp_path, FOLDS["u1.test"], line, trusted=trusted),
        written(tmp_path, FOLDS["u4.test"], line + b"1\t3\t5\t881250950\n", trusted=trusted),
    ]
    loaded = load_files(catalogue, files)
    assert [row[:4] for row in loaded.rows] == [("u1", 1, 2, 3.0), ("u4", 1, 2, 3.0), ("u4", 1, 3, 5.0)]
    assert loaded.reasons == {}


def test_bad_rows_of_the_folds_are_refused_by_file_and_line(
    catalogue: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    files = [
        written(tmp_path, FOLDS["u1.test"], b"1\t2\t3\t881250949\n1\t77\t3\t881250949\n"),
        written(tmp_path, FOLDS["u2.test"], b"1,2,3,881250949\n1\t3\t5\t881250950\n1\t3\t4\t881250951\n"),
    ]
    loaded = load_files(catalogue, files)
    assert [row[:4] for row in loaded.rows] == [("u1", 1, 2, 3.0), ("u2", 1, 3, 5.0)]
    assert loaded.reasons == {
        ("u1.test", 2): "movie_id is not in movies",
        ("u2.test", 1): "malformed: expected user TAB movie TAB rating TAB seconds",
        ("u2.test", 3): "(fold, user_id, movie_id) stands in an earlier line",
    }


@pytest.mark.parametrize(("trusted", "line"), [(False, 1), (True, 0)], ids=["strict", "fast"])
def test_files_of_unlike_layouts_make_one_table(
    trusted: bool, line: int, catalogue: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    old = raw_table("ml-100k", "ratings")
    files = [
        written(tmp_path, old, b"1\t2\t3\t881250949\n2\t3\t4\t881250950\n", trusted=trusted),
        written(tmp_path, CSV_RATINGS, ratings_file(b"1,2,4.5,881250999", b"3,x,3.0,881250999")),
    ]
    loaded = load_files(catalogue, files)
    assert [row[:3] for row in loaded.rows] == [(1, 2, 4.5), (2, 3, 4.0)]
    assert loaded.reasons == {("ratings.csv", 3): MALFORMED, ("u.data", line): RATED_AGAIN}


@pytest.mark.parametrize(
    ("layout", "table", "line"),
    [
        ("ml-100k", "ratings", "196 2 3 881250949"),
        ("ml-100k", "ratings", "196\t2\t3"),
        ("ml-100k", "ratings", '"196"\t2\t3\t881250949'),
        ("ml-100k", "movies", "1|A (1995)|||||0|0"),
        ("ml-100k", "movies", "1|A (1995)||||2" + "|0" * 18),
        ("ml-100k", "users", "4|24|M|technician"),
        ("ml-100k", "users", "4|twenty|M|technician|85711"),
        ("ml-100k", "users", "4|1000|M|technician|85711"),
        ("ml-100k", "users", "4|24|X|technician|85711"),
        ("ml-100k", "official_folds", "196 2 3 881250949"),
        ("ml-1m", "users", "6::F::25::21::48067"),
        ("ml-1m", "users", "6::F::25::writer::48067"),
        ("ml-1m", "ratings", "1:2:5:978300760"),
        ("ml-1m", "ratings", "1::2::5::978300760::"),
        ("ml-1m", "movies", "1::A (1995)"),
        ("movielens-csv", "links", "1,tt0114709,862"),
        ("movielens-csv", "tmdb_posters", "1,//evil.example/x.jpg"),
        ("movielens-csv", "tmdb_posters", '1,/x.jpg?"onload=1'),
        ("movielens-csv", "tmdb_credits", "1,Title,[]"),
        ("movielens-csv", "tmdb_credits", 'one,Title,"[]","[]"'),
        ("movielens-csv", "genome_scores", "1,1,high"),
        ("movielens-csv", "tags", "1,2,a,b,1000000000"),
    ],
)
def test_a_bad_line_of_another_file_is_refused_too(
    layout: str, table: str, line: str, catalogue: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    catalogue.execute("create or replace table genome_tags as select range as tag_id from range(1, 3)")
    raw = raw_table(layout, table)
    clean = CLEAN[layout][table].encode(raw.encoding)
    loaded = load(catalogue, tmp_path, clean + f"{line}\n".encode(raw.encoding), raw=raw)
    assert len(loaded.rows) == len(load(catalogue, tmp_path, clean, raw=raw).rows)
    assert list(loaded.refused) == [clean.count(b"\n") + 1]
    assert loaded.refused.popitem()[1].startswith("malformed: expected ")


def test_relevance_outside_0_to_1_and_unknown_tags_are_refused(
    catalogue: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    catalogue.execute("create or replace table genome_tags as select range as tag_id from range(1, 3)")
    content = b"movieId,tagId,relevance\n1,1,1.1\n1,2,-0.1\n1,3,0.5\n1,1,1e30\n1,1,1e99\n2,2,1e-5\n"
    loaded = load(catalogue, tmp_path, content, raw=raw_table("movielens-csv", "genome_scores"))
    assert len(loaded.rows) == 1
    assert loaded.refused == {
        2: "relevance is outside 0.0 – 1.0",
        3: "relevance is outside 0.0 – 1.0",
        4: "tag_id is not in genome_tags",
        5: "relevance is outside 0.0 – 1.0",
        6: "relevance is missing or not a FLOAT",
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ml-latest-small", "ml-100k"])
def test_on_real_files_both_loaders_agree_and_nothing_is_refused(
    name: str, datasets_folder: Path, tmp_path: Path
) -> None:
    layout = LAYOUTS["ml-100k" if name == "ml-100k" else "movielens-csv"]
    extract(
        datasets_folder / f"{name}.zip",
        tmp_path,
        [f"{name}/{raw.file}" for raw in layout if not raw.optional],
        optional=[f"{name}/{raw.file}" for raw in layout if raw.optional],
        max_bytes=10**8,
        max_ratio=100,
    )
    with duckdb.connect() as connection:
        for raw in layout:
            if not (tmp_path / raw.file).is_file():
                continue
            read = []
            for trusted in (True, False):
                file = FileToRead(tmp_path / raw.file, raw.file, trusted, raw)
                tables = load_table(connection, raw.table, [file])
                replace_tables(connection, tables)
                read.append(connection.execute(f"from {raw.table} order by all").fetchall())
                assert connection.execute(f"from rejected_{raw.table}").fetchall() == []
            assert read[0] == read[1]
            assert read[0]


@pytest.mark.slow
def test_the_official_folds_are_disjoint_and_make_up_all_ratings(
    datasets_folder: Path, tmp_path: Path
) -> None:
    members = ["u.item", "u.data", "u.user", *FOLDS]
    archive = datasets_folder / "ml-100k.zip"
    extract(archive, tmp_path, [f"ml-100k/{name}" for name in members], max_bytes=10**8, max_ratio=100)
    with duckdb.connect() as connection:
        for table in ("movies", "ratings", "users", "official_folds"):
            layout = [raw for raw in LAYOUTS["ml-100k"] if raw.table == table]
            files = [FileToRead(tmp_path / raw.file, raw.file, trusted=True, raw=raw) for raw in layout]
            replace_tables(connection, load_table(connection, table, files))
        ask = connection.execute
        sizes = ask("select fold, count(*) from official_folds group by fold order by fold").fetchall()
        assert sizes == [(f"u{number}", 20_000) for number in range(1, 6)]
        columns = "user_id, movie_id, rating, rated_at"
        for one, other in itertools.permutations(("official_folds", "ratings")):
            difference = f"select {columns} from {one} except all select {columns} from {other}"
            assert ask(difference).fetchall() == []
        assert ask("select count(*), count(age), min(age), max(age) from users").fetchall() == [
            (943, 943, 7, 73)
        ]
        assert ask("select count(*) from ratings anti join users using (user_id)").fetchall() == [(0,)]
