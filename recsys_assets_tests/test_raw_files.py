"""The raw folder holds what the registry says, knows where it came from, and stays whole when a source fails."""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import os
import zipfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import pytest

from recsys_assets.contracts.raw import RAW_TABLES
from recsys_assets.registry import DatasetSpec, Registry, Source, load_registry
from recsys_assets.settings import project_folder
from recsys_assets.storage import raw_files as module
from recsys_assets.storage.archives import ChecksumError, MissingMemberError
from recsys_assets.storage.layouts import LAYOUTS
from recsys_assets.storage.loading import load_table
from recsys_assets.storage.raw_files import Manifest, RawFile, RawFiles
from recsys_assets.storage.warehouse import replace_tables
from recsys_assets_tests.made_catalogue import credits_csv, movies_csv

# Movie m has m ratings; the genome knows the movies 2 and 4 only.
N_MOVIES = 6
WORLD = {
    "movies.csv": "movieId,title,genres\n"
    + "".join(f'{m},"Movie {m}, ""The"" (199{m})",Drama|War\n' for m in range(1, N_MOVIES + 1)),
    "ratings.csv": "userId,movieId,rating,timestamp\n"
    + "".join(
        f"{u},{m},{u / 2},{10**9 + 10 * m + u}\n" for m in range(1, N_MOVIES + 1) for u in range(1, m + 1)
    ),
    "tags.csv": "userId,movieId,tag,timestamp\n1,6,é,1000000000\n2,1,dull,1000000001\n",
    "links.csv": "movieId,imdbId,tmdbId\n6,0000006,60\n1,0000001,\n",
    "genome-tags.csv": "tagId,tag\n1,dark\n2,funny\n",
    "genome-scores.csv": "movieId,tagId,relevance\n2,1,0.5\n2,2,2e-05\n4,1,0.25\n4,2,1.0\n",
}
NEEDED = ("movies.csv", "ratings.csv")


def spec(name: str, *, layout: str = "movielens-csv", **source: Any) -> DatasetSpec:
    return DatasetSpec.model_validate(
        {
            "name": name,
            "title": name,
            "layout": layout,
            "licence": "none",
            "source": Source(**source),
            "gates": {},
        }
    )


def raw_files(data: Path, *specs: DatasetSpec, archives: Path | None = None) -> RawFiles:
    return RawFiles(data, Registry(datasets={s.name: s for s in specs}, catalogues={}), archives)


def write(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def zip_up(archives: Path, name: str, files: Mapping[str, str | bytes]) -> Path:
    archives.mkdir(parents=True, exist_ok=True)
    path = archives / f"{name}.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file, content in files.items():
            archive.writestr(f"{name}/{file}", content)
    return path


def sha256(content: str | bytes) -> str:
    return hashlib.sha256(content if isinstance(content, bytes) else content.encode()).hexdigest()


def stored(files: RawFiles, name: str) -> dict[str, str]:
    """What stands in the raw folder, beside the manifest."""
    paths = files.folder(name).iterdir()
    return {path.name: path.read_text("utf-8") for path in paths if path.name != "manifest.json"}


def rows(text: str) -> list[list[str]]:
    return list(csv.reader(text.splitlines()))[1:]


@pytest.fixture
def mine() -> DatasetSpec:
    return spec("mine", folder="incoming")


@pytest.fixture
def files(tmp_path: Path, mine: DatasetSpec) -> RawFiles:
    write(tmp_path / "incoming", WORLD)
    return raw_files(tmp_path, mine)


def test_a_folder_is_copied_file_by_file_with_digests(files: RawFiles, mine: DatasetSpec) -> None:
    manifest = files.acquire(mine)
    assert {file.name: file.sha256 for file in manifest.files} == {n: sha256(t) for n, t in WORLD.items()}
    assert {file.name: file.size_bytes for file in manifest.files} == {
        name: len(text.encode()) for name, text in WORLD.items()
    }
    assert not any(file.trusted for file in manifest.files)
    assert stored(files, "mine") == WORLD
    assert files.manifest("mine") == manifest


def test_a_folder_elsewhere_is_taken_by_its_absolute_path(tmp_path: Path) -> None:
    elsewhere = write(tmp_path / "home" / "me", WORLD)
    mine = spec("mine", folder=str(elsewhere))
    files = raw_files(tmp_path / "data", mine)
    files.acquire(mine)
    assert stored(files, "mine") == WORLD


def test_an_unchanged_source_is_not_fetched_again(
    files: RawFiles, mine: DatasetSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = files.acquire(mine)
    before = {path: path.stat().st_mtime_ns for path in files.folder("mine").iterdir()}
    monkeypatch.setattr(RawFiles, "_copy", lambda *_: pytest.fail("copied again"))
    assert files.acquire(mine) == manifest
    assert {path: path.stat().st_mtime_ns for path in files.folder("mine").iterdir()} == before


def test_a_changed_file_makes_another_manifest(files: RawFiles, mine: DatasetSpec, tmp_path: Path) -> None:
    before = files.acquire(mine)
    write(tmp_path / "incoming", {"ratings.csv": WORLD["ratings.csv"] + "9,1,3.0,1000000999\n"})
    after = files.acquire(mine)
    assert after.source_state != before.source_state
    assert after.digest != before.digest
    assert stored(files, "mine")["ratings.csv"].endswith("9,1,3.0,1000000999\n")


def test_a_touched_file_is_fetched_again_but_is_the_same_data(
    files: RawFiles, mine: DatasetSpec, tmp_path: Path
) -> None:
    before = files.acquire(mine)
    os.utime(tmp_path / "incoming" / "ratings.csv", ns=(1, 1))
    after = files.acquire(mine)
    assert (after.digest, after.files) == (before.digest, before.files)
    assert after.source_state != before.source_state


def test_a_file_gone_from_the_raw_folder_is_fetched_again(files: RawFiles, mine: DatasetSpec) -> None:
    manifest = files.acquire(mine)
    (files.folder("mine") / "tags.csv").unlink()
    assert files.manifest("mine") is None
    assert files.acquire(mine) == manifest
    assert stored(files, "mine") == WORLD


def test_optional_files_may_be_missing(tmp_path: Path, mine: DatasetSpec) -> None:
    write(tmp_path / "incoming", {name: WORLD[name] for name in NEEDED})
    files = raw_files(tmp_path, mine)
    assert sorted(file.name for file in files.acquire(mine).files) == sorted(NEEDED)
    read = {raw.table: files.to_read(mine, raw.table) for raw in LAYOUTS["movielens-csv"]}
    assert [table for table, found in read.items() if found] == ["movies", "ratings"]


def test_an_optional_file_taken_away_is_not_read_any_more(
    files: RawFiles, mine: DatasetSpec, tmp_path: Path
) -> None:
    files.acquire(mine)
    (tmp_path / "incoming" / "tags.csv").unlink()
    files.acquire(mine)
    assert files.to_read(mine, "tags") == []


@pytest.mark.parametrize("name", NEEDED)
def test_a_needed_file_that_is_missing_is_named_and_the_last_good_ones_stay(
    name: str, files: RawFiles, mine: DatasetSpec, tmp_path: Path
) -> None:
    manifest = files.acquire(mine)
    (tmp_path / "incoming" / name).unlink()
    with pytest.raises(
        FileNotFoundError, match=rf"incoming/{name} is missing: the layout movielens-csv needs"
    ):
        files.acquire(mine)
    assert files.manifest("mine") == manifest
    assert stored(files, "mine") == WORLD


def test_nothing_can_be_read_before_it_was_fetched(files: RawFiles, mine: DatasetSpec) -> None:
    assert files.manifest("mine") is None
    with pytest.raises(FileNotFoundError, match="no raw files of mine: materialise raw_files first"):
        files.to_read(mine, "movies")


def test_the_digest_is_of_the_contents_wherever_they_came_from(
    tmp_path: Path, files: RawFiles, mine: DatasetSpec
) -> None:
    zip_up(tmp_path / "archives", "mine", WORLD)
    packed = spec("mine", archive="mine.zip")
    others = raw_files(tmp_path / "other", packed, archives=tmp_path / "archives")
    assert others.acquire(packed).digest == files.acquire(mine).digest


def test_an_archive_is_read_from_the_folder_of_archives(tmp_path: Path) -> None:
    zip_up(tmp_path / "archives", "ml-x", WORLD | {"README.txt": "not asked for"})
    packed = spec("ml-x", archive="ml-x.zip", url="https://example.invalid/ml-x.zip", md5="0" * 32)
    files = raw_files(tmp_path / "data", packed, archives=tmp_path / "archives")
    manifest = files.acquire(packed)
    assert stored(files, "ml-x") == WORLD
    assert not any(file.trusted for file in manifest.files)
    assert files.acquire(packed) == manifest


@pytest.mark.parametrize("md5", [None, "0" * 32])
def test_a_download_is_trusted_where_the_publisher_s_md5_is_known(
    md5: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def download(url: str, target: Path, *, expected_md5: str | None, **_: object) -> None:
        asked.append((url, expected_md5))
        zip_up(target.parent, "ml-x", WORLD)

    monkeypatch.setattr(module, "download", download)
    packed = spec("ml-x", archive="ml-x.zip", url="https://example.invalid/ml-x.zip", md5=md5)
    files = raw_files(tmp_path / "data", packed, archives=tmp_path / "no archives")
    manifest = files.acquire(packed)
    assert files.acquire(packed) == manifest
    assert asked == [("https://example.invalid/ml-x.zip", md5)]
    assert {file.trusted for file in manifest.files} == {md5 is not None}
    assert stored(files, "ml-x") == WORLD


def test_files_with_a_pinned_digest_and_only_these_are_trusted(tmp_path: Path) -> None:
    zip_up(tmp_path / "archives", "ml-x", WORLD)
    pinned = {name: sha256(WORLD[name]) for name in NEEDED}
    packed = spec("ml-x", archive="ml-x.zip", sha256=pinned)
    files = raw_files(tmp_path / "data", packed, archives=tmp_path / "archives")
    assert {file.name: file.trusted for file in files.acquire(packed).files} == dict.fromkeys(NEEDED, True)
    assert [file.trusted for file in files.to_read(packed, "movies")] == [True]


def test_another_digest_than_the_pinned_one_leaves_the_last_good_files(tmp_path: Path) -> None:
    archives = tmp_path / "archives"
    zip_up(archives, "ml-x", WORLD)
    packed = spec("ml-x", archive="ml-x.zip", sha256={name: sha256(WORLD[name]) for name in NEEDED})
    files = raw_files(tmp_path / "data", packed, archives=archives)
    manifest = files.acquire(packed)
    before = stored(files, "ml-x")
    zip_up(archives, "ml-x", WORLD | {"ratings.csv": WORLD["ratings.csv"] + "9,1,3.0,1000000999\n"})
    with pytest.raises(ChecksumError, match=r"ml-x/ratings\.csv"):
        files.acquire(packed)
    assert stored(files, "ml-x") == before
    assert files.manifest("ml-x") == manifest


def test_a_digest_pinned_to_a_name_that_is_not_inside_checks_something(tmp_path: Path) -> None:
    zip_up(tmp_path / "archives", "ml-x", WORLD)
    packed = spec("ml-x", archive="ml-x.zip", sha256={"rating.csv": "0" * 64})
    with pytest.raises(MissingMemberError, match=r"rating\.csv"):
        raw_files(tmp_path / "data", packed, archives=tmp_path / "archives").acquire(packed)


def test_an_archive_without_a_needed_file_is_refused_by_its_name(tmp_path: Path) -> None:
    zip_up(tmp_path / "archives", "ml-x", {"movies.csv": WORLD["movies.csv"]})
    packed = spec("ml-x", archive="ml-x.zip")
    files = raw_files(tmp_path / "data", packed, archives=tmp_path / "archives")
    with pytest.raises(MissingMemberError, match=r"ml-x\.zip has no ml-x/ratings\.csv"):
        files.acquire(packed)
    assert files.manifest("ml-x") is None


@pytest.mark.parametrize("archives", [None, "archives"])
def test_an_archive_neither_at_hand_nor_downloadable_says_what_to_do(
    archives: str | None, tmp_path: Path
) -> None:
    packed = spec("ml-x", archive="ml-x.zip")
    files = raw_files(tmp_path, packed, archives=tmp_path / archives if archives else None)
    with pytest.raises(FileNotFoundError, match=r"ml-x\.zip can't be downloaded: .*RECSYS_DATASETS"):
        files.acquire(packed)


def test_a_change_in_the_registry_s_entry_fetches_anew(tmp_path: Path) -> None:
    archives = tmp_path / "archives"
    zip_up(archives, "ml-x", WORLD)
    unpinned = spec("ml-x", archive="ml-x.zip")
    before = raw_files(tmp_path, unpinned, archives=archives).acquire(unpinned)
    pinned = spec("ml-x", archive="ml-x.zip", sha256={name: sha256(WORLD[name]) for name in NEEDED})
    after = raw_files(tmp_path, pinned, archives=archives).acquire(pinned)
    assert before.source_state != after.source_state
    assert [file.trusted for file in after.files] == [True, True]


FLAGS = "|".join(["0"] * 8 + ["1"] + ["0"] * 10)
OLD_WORLD = {
    "u.item": "".join(f"{m}|Misérables {m} (1995)|||x|{FLAGS}\n" for m in (1, 2, 3)).encode("latin-1"),
    "u.data": "1\t3\t5\t881250949\n2\t3\t4\t881250950\n1\t2\t3\t881250951\n",
    "u.user": "1|24|M|writer|85711\n2|53|F|other|94043\n",
    "u1.test": "1\t3\t5\t881250949\n",
    "u2.test": "2\t3\t4\t881250950\n1\t2\t3\t881250951\n",
}


def test_a_table_s_files_are_all_read_each_in_its_own_layout(tmp_path: Path) -> None:
    write(tmp_path / "incoming", OLD_WORLD)
    old = spec("old", layout="ml-100k", folder="incoming")
    files = raw_files(tmp_path, old)
    files.acquire(old)
    assert [(file.name, file.raw.file) for file in files.to_read(old, "official_folds")] == [
        ("u1.test", "u1.test"),
        ("u2.test", "u2.test"),
    ]
    tables = loaded(files, old)
    assert [row[:4] for row in tables["official_folds"]] == [
        ("u1", 1, 3, 5.0),
        ("u2", 1, 2, 3.0),
        ("u2", 2, 3, 4.0),
    ]
    assert tables["users"] == [(1, 24, "M", "writer"), (2, 53, "F", "other")]
    assert tables["tags"] == []


def test_a_layout_that_reads_more_files_than_before_fetches_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    zip_up(tmp_path / "archives", "old", OLD_WORLD)
    old = spec("old", layout="ml-100k", archive="old.zip")
    files = raw_files(tmp_path, old, archives=tmp_path / "archives")
    with monkeypatch.context() as patched:
        patched.setitem(LAYOUTS, "ml-100k", [raw for raw in LAYOUTS["ml-100k"] if not raw.optional])
        before = files.acquire(old)
    assert {file.name for file in before.files} == {"u.item", "u.data"}
    assert not files.unchanged(old, before)
    assert {file.name for file in files.acquire(old).files} == OLD_WORLD.keys()


def test_what_a_killed_run_left_half_written_is_swept_and_other_data_sets_keep_theirs(
    files: RawFiles, mine: DatasetSpec
) -> None:
    others = write(files.folder("other"), {".staging-99999-tags.csv": "half"})
    write(files.folder("mine"), {".staging-99999-tags.csv": "half", ".staging-99999-manifest.json": "{"})
    files.acquire(mine)
    assert stored(files, "mine") == WORLD
    write(files.folder("mine"), {".staging-99999-tags.csv": "half"})
    files.acquire(mine)
    assert stored(files, "mine") == WORLD
    assert (others / ".staging-99999-tags.csv").exists()


def cut(tmp_path: Path, *, n_movies: int, **source: Any) -> tuple[RawFiles, DatasetSpec]:
    write(tmp_path / "incoming", WORLD)
    subset = spec("cut", subset_of="mine", n_movies=n_movies, **source)
    return raw_files(tmp_path, spec("mine", folder="incoming"), subset), subset


def test_a_subset_has_the_movies_with_a_genome_first_then_the_most_rated(tmp_path: Path) -> None:
    for n_movies, chosen in [(1, {4}), (2, {2, 4}), (4, {2, 4, 5, 6}), (100, {1, 2, 3, 4, 5, 6})]:
        files, subset = cut(tmp_path, n_movies=n_movies)
        files.acquire(subset)
        movies = rows(stored(files, "cut")["movies.csv"])
        assert {int(row[0]) for row in movies} == chosen


def test_a_subset_has_all_rows_of_its_movies_and_no_others(tmp_path: Path) -> None:
    files, subset = cut(tmp_path, n_movies=3)
    files.acquire(subset)
    texts = stored(files, "cut")
    assert texts.keys() == WORLD.keys()
    assert Counter(row[1] for row in rows(texts["ratings.csv"])) == {"2": 2, "4": 4, "6": 6}
    assert rows(texts["tags.csv"]) == [["1", "6", "é", "1000000000"]]
    assert rows(texts["links.csv"]) == [["6", "0000006", "60"]]
    assert {row[0] for row in rows(texts["genome-scores.csv"])} == {"2", "4"}
    assert rows(texts["genome-tags.csv"]) == rows(WORLD["genome-tags.csv"])


def loaded(files: RawFiles, entry: DatasetSpec) -> dict[str, list[Any]]:
    """Every table of a data set, sorted; no row may be rejected."""
    with duckdb.connect() as connection:
        for table in RAW_TABLES:
            replace_tables(connection, load_table(connection, table, files.to_read(entry, table)))
            assert connection.execute(f"from rejected_{table}").fetchall() == []
        return {table: connection.execute(f"from {table} order by all").fetchall() for table in RAW_TABLES}


def test_a_subset_of_everything_is_the_same_tables(tmp_path: Path) -> None:
    files, subset = cut(tmp_path, n_movies=N_MOVIES)
    files.acquire(subset)
    assert loaded(files, subset) == loaded(files, files.registry.entry("mine"))


def test_a_subset_is_the_same_bytes_every_time_and_not_made_again_without_need(tmp_path: Path) -> None:
    files, subset = cut(tmp_path, n_movies=3)
    manifest, texts = files.acquire(subset), stored(files, "cut")
    times = {path: path.stat().st_mtime_ns for path in files.folder("cut").iterdir()}
    assert files.acquire(subset) == manifest
    assert {path: path.stat().st_mtime_ns for path in files.folder("cut").iterdir()} == times
    (files.folder("cut") / "manifest.json").unlink()
    assert files.acquire(subset) == manifest
    assert stored(files, "cut") == texts


def test_the_parent_s_order_of_lines_does_not_change_a_subset(tmp_path: Path) -> None:
    files, subset = cut(tmp_path, n_movies=3)
    files.acquire(subset)
    before = stored(files, "cut")
    header, *lines = WORLD["ratings.csv"].splitlines(keepends=True)
    write(tmp_path / "incoming", {"ratings.csv": "".join([header, *reversed(lines)])})
    files.acquire(subset)
    assert stored(files, "cut") == before


def test_a_subset_follows_its_parent(tmp_path: Path) -> None:
    files, subset = cut(tmp_path, n_movies=6)
    before = files.acquire(subset)
    write(tmp_path / "incoming", {"ratings.csv": WORLD["ratings.csv"] + "99,1,3.0,1000000999\n"})
    after = files.acquire(subset)
    assert after.digest != before.digest
    assert ["99", "1", "3.0", "1000000999"] in rows(stored(files, "cut")["ratings.csv"])


@pytest.mark.parametrize(("genome_of", "movies"), [("lender", {"1", "6"}), ("mine", {"2", "4"})])
def test_the_genome_may_come_from_another_entry_or_from_the_same(
    genome_of: str, movies: set[str], tmp_path: Path
) -> None:
    write(tmp_path / "incoming", WORLD)
    # Movie 77 is none of the parent's.
    scores = "movieId,tagId,relevance\n1,1,0.5\n77,1,0.5\n"
    write(tmp_path / "lending", WORLD | {"genome-scores.csv": scores})
    subset = spec("cut", subset_of="mine", genome_of=genome_of, n_movies=2)
    mine, lender = spec("mine", folder="incoming"), spec("lender", folder="lending")
    files = raw_files(tmp_path, mine, lender, subset)
    files.acquire(subset)
    texts = stored(files, "cut")
    assert {row[0] for row in rows(texts["movies.csv"])} == movies
    assert {row[0] for row in rows(texts["genome-scores.csv"])} == movies & {"1", "2", "4"}


def test_a_catalogue_may_hold_the_genome_alone(tmp_path: Path) -> None:
    lent = {
        "genome-tags.csv": WORLD["genome-tags.csv"],
        "genome-scores.csv": "movieId,tagId,relevance\n1,2,0.75\n",
    }
    zip_up(tmp_path / "archives", "genome", lent)
    lender = spec("genome", archive="genome.zip", sha256={name: sha256(text) for name, text in lent.items()})
    write(tmp_path / "incoming", {name: WORLD[name] for name in NEEDED})
    subset = spec("cut", subset_of="mine", genome_of="genome", n_movies=2)
    registry = Registry(
        datasets={"mine": spec("mine", folder="incoming"), "cut": subset}, catalogues={"genome": lender}
    )
    files = RawFiles(tmp_path, registry, tmp_path / "archives")
    files.acquire(subset)
    assert {row[0] for row in rows(stored(files, "cut")["movies.csv"])} == {"1", "6"}
    assert rows(stored(files, "cut")["genome-scores.csv"]) == [["1", "2", "0.75"]]
    assert rows(stored(files, "cut")["tags.csv"]) == []


def test_a_subset_of_ml_100k_is_written_in_the_csv_layout(tmp_path: Path) -> None:
    write(tmp_path / "incoming", OLD_WORLD)
    subset = spec("cut", subset_of="old", n_movies=2)
    files = raw_files(tmp_path, spec("old", layout="ml-100k", folder="incoming"), subset)
    files.acquire(subset)
    texts = stored(files, "cut")
    assert rows(texts["movies.csv"]) == [
        ["2", "Misérables 2 (1995)", "Drama"],
        ["3", "Misérables 3 (1995)", "Drama"],
    ]
    assert rows(texts["ratings.csv"]) == [
        ["1", "2", "3.0", "881250951"],
        ["1", "3", "5.0", "881250949"],
        ["2", "3", "4.0", "881250950"],
    ]
    assert [rows(texts[name]) for name in ("tags.csv", "links.csv", "genome-scores.csv")] == [[], [], []]


TMDB = {
    "tmdb_5000_movies.csv": movies_csv({"id": 60, "title": "Movie 6"}, {"id": 61, "title": "Of nobody"}),
    "tmdb_5000_credits.csv": credits_csv({"movie_id": 60, "title": "Movie 6"}),
}


def joining(tmp_path: Path, **source: Any) -> tuple[RawFiles, DatasetSpec]:
    """A data set that joins the catalogue of an archive whose two members are pinned."""
    zip_up(tmp_path / "archives", "tmdb", TMDB)
    pinned = {name: sha256(text) for name, text in TMDB.items()}
    registry = Registry(
        datasets={
            "mine": spec("mine", catalogue_of="tmdb", **source),
            "whole": spec("whole", folder="incoming"),
        },
        catalogues={"tmdb": spec("tmdb", archive="tmdb.zip", sha256=pinned)},
    )
    return RawFiles(tmp_path, registry, tmp_path / "archives"), registry.dataset("mine")


@pytest.mark.parametrize("source", [{"folder": "incoming"}, {"subset_of": "whole", "n_movies": 3}], ids=str)
def test_a_catalogue_is_joined_whatever_the_data_set_is_made_of(
    source: dict[str, Any], tmp_path: Path
) -> None:
    # Its own file goes: the catalogue's counts.
    write(tmp_path / "incoming", WORLD | {"tmdb_5000_movies.csv": movies_csv({"id": 1, "title": "Own"})})
    files, mine = joining(tmp_path, **source)
    manifest = files.acquire(mine)
    assert {name: stored(files, "mine")[name] for name in TMDB} == TMDB
    assert {file.name for file in manifest.files if file.trusted} == TMDB.keys()
    tables = loaded(files, mine)
    assert [row[:2] for row in tables["tmdb_movies"]] == [(60, "Movie 6"), (61, "Of nobody")]
    assert (6, "0000006", 60) in tables["links"]
    assert files.acquire(mine) == manifest


def test_a_data_set_follows_its_catalogue(tmp_path: Path) -> None:
    write(tmp_path / "incoming", WORLD)
    write(tmp_path / "lending", WORLD | TMDB)
    lender, mine = spec("lender", folder="lending"), spec("mine", folder="incoming", catalogue_of="lender")
    files = raw_files(tmp_path, lender, mine)
    before = files.acquire(mine)
    write(
        tmp_path / "lending", {"tmdb_5000_credits.csv": credits_csv({"movie_id": 61, "title": "Of nobody"})}
    )
    assert not files.unchanged(mine, before)
    after = files.acquire(mine)
    assert after.digest != before.digest
    assert [row[0] for row in loaded(files, mine)["tmdb_credits"]] == [61]


def test_a_catalogue_s_archive_that_is_not_at_hand_now_changes_nothing(tmp_path: Path) -> None:
    write(tmp_path / "incoming", WORLD)
    files, mine = joining(tmp_path, folder="incoming")
    manifest = files.acquire(mine)
    without = dataclasses.replace(files, archives=None)
    assert without.acquire(mine) == manifest
    (files.folder("tmdb") / "manifest.json").unlink()
    (files.folder("mine") / "manifest.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"tmdb\.zip can't be downloaded.*RECSYS_DATASETS"):
        without.acquire(mine)


def test_a_lender_without_a_catalogue_is_named(tmp_path: Path) -> None:
    write(tmp_path / "incoming", WORLD)
    files = raw_files(
        tmp_path, spec("bare", folder="incoming"), spec("mine", folder="incoming", catalogue_of="bare")
    )
    with pytest.raises(
        FileNotFoundError, match=r"bare has none of tmdb_5000_movies\.csv, .*: mine can't join"
    ):
        files.acquire(files.registry.dataset("mine"))


def test_a_catalogue_s_file_that_was_changed_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "incoming", WORLD)
    files, mine = joining(tmp_path, folder="incoming")
    zip_up(tmp_path / "archives", "tmdb", TMDB | {"tmdb_5000_credits.csv": "movie_id,title,cast,crew\n"})
    with pytest.raises(ChecksumError, match=r"tmdb_5000_credits\.csv"):
        files.acquire(mine)


def test_equal_files_have_equal_digests_and_others_have_not() -> None:
    a, b = RawFile("a", 1, "11", False), RawFile("b", 1, "22", False)
    assert Manifest("then", (a, b)).digest == Manifest("now", (a, b)).digest
    assert Manifest("then", (a,)).digest != Manifest("then", (a, b)).digest
    assert Manifest("", (dataclasses.replace(a, name="b"),)).digest != Manifest("", (a,)).digest


@pytest.mark.slow
def test_the_mini_edition_is_cut_from_real_movielens_with_a_real_genome(
    datasets_folder: Path, tmp_path: Path
) -> None:
    registry = load_registry(project_folder() / "data" / "datasets.toml")
    files = RawFiles(tmp_path, registry, datasets_folder)
    mini = registry.dataset("mini-latest-small")
    manifest = files.acquire(mini)
    tables = loaded(files, mini)
    ids = {row[0] for row in tables["movies"]}
    n_ratings = Counter(int(row[1]) for row in rows(stored(files, "ml-latest-small")["ratings.csv"]))
    genome = {int(row[0]) for row in rows(stored(files, "ml-genome-subset")["genome-scores.csv"])}
    assert ids == set(sorted(genome & n_ratings.keys(), key=lambda m: (-n_ratings[m], m))[:100])
    assert len(tables["ratings"]) == sum(n_ratings[movie_id] for movie_id in ids)
    assert {row[1] for row in tables["ratings"]} == ids
    assert {row[0] for row in tables["genome_scores"]} == ids
    assert len(tables["genome_scores"]) == 100 * len(tables["genome_tags"])
    (files.folder(mini.name) / "manifest.json").unlink()
    assert files.acquire(mini).digest == manifest.digest


@pytest.mark.slow
def test_a_raw_folder_of_ml_100k_from_before_its_folds_were_read_is_fetched_again(
    datasets_folder: Path, tmp_path: Path
) -> None:
    registry = load_registry(project_folder() / "data" / "datasets.toml")
    now = registry.dataset("ml-100k")
    ratings_alone = {name: now.source.sha256[name] for name in ("u.data", "u.item")}
    then = now.model_copy(update={"source": now.source.model_copy(update={"sha256": ratings_alone})})
    files = RawFiles(tmp_path, registry, datasets_folder)
    assert {file.name for file in files.acquire(then).files} == ratings_alone.keys()
    manifest = files.acquire(now)
    assert {file.name for file in manifest.files} == {raw.file for raw in LAYOUTS["ml-100k"]}
    assert all(file.trusted for file in manifest.files)
    assert files.acquire(now) == manifest
