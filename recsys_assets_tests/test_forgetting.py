"""Forgetting a user: nothing stored names them afterwards, and all is as if they had never been there."""

from __future__ import annotations

import re
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

import duckdb
import numpy as np
import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from recsys_assets.cli import runs as commands
from recsys_assets.registry import load_registry
from recsys_assets.storage import raw_files
from recsys_assets.storage.erasure import Eraser, ForgettingError
from recsys_assets.storage.forgetting import Forgotten, drop_lines, drop_reasons, mentions, reasons_name
from recsys_assets.storage.inbox import Inbox
from recsys_assets.storage.layouts import INBOX_FILE, LAYOUTS
from recsys_assets.storage.model_registry import CONTENT_ENGINE
from recsys_assets.storage.promotions import PROMOTIONS
from recsys_assets.storage.publishing import Publisher
from recsys_assets.storage.raw_files import RawFiles
from recsys_assets_tests.graph import World, finished, recsys, upstream
from recsys_assets_tests.made_datasets import world_of

USER = 987_654_321
"""An id that is nothing else anywhere: no count, no size, no time."""
HEADER = "userId,movieId,rating,timestamp\n"
MODELS = ("live/hybrid_factors", "live/svdpp")


# Lines.


def test_in_every_layout_a_line_about_a_user_begins_with_the_user() -> None:
    about_users = [raw for layout in LAYOUTS.values() for raw in layout if "user_id" in raw.columns]
    assert {raw.table for raw in about_users} == {"ratings", "tags", "users", "official_folds"}
    assert all(next(iter(raw.fields)) == raw.columns["user_id"] for raw in (*about_users, INBOX_FILE))


@pytest.mark.parametrize(
    ("line", "about"),
    [
        ("42,1,4.0,9\n", True),
        ("42\t1\t4\t9\n", True),
        ("42::1::4::9\n", True),
        ("42|30|F|artist|Z\n", True),
        ('"42",1,4.0,9\r\n', True),
        ("\ufeff0042,1,4.0,9", True),
        ("42\n", True),
        ("142,1,4.0,9\n", False),
        ("420,1,4.0,9\n", False),
        ("4,42,4.2,42\n", False),
        ("4.2,1,4.0,9\n", False),
        ("42.5,1,4.0,9\n", False),
        ("userId,movieId\n", False),
        ("\n", False),
    ],
)
def test_a_line_is_about_the_user_whose_id_is_its_first_field(tmp_path: Path, line: str, about: bool) -> None:
    path = tmp_path / "lines"
    path.write_bytes(line.encode())
    assert mentions(path, {42}) == about


lines = st.tuples(
    st.integers(0, 30), st.sampled_from([",1,4.0", "::8::x", "\t\xff", ""]), st.sampled_from(["\n", "\r\n"])
)


@given(rows=st.lists(lines), users=st.sets(st.integers(0, 30), max_size=3))
def test_all_other_lines_stay_byte_by_byte_and_in_order(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, str, str]], users: set[int]
) -> None:
    path = tmp_path_factory.mktemp("lines") / "file"
    path.write_bytes(b"".join(f"{user}{rest}{end}".encode() for user, rest, end in rows))
    before = path.stat()
    n_dropped = drop_lines(path, users)
    kept = [row for row in rows if row[0] not in users]
    assert path.read_bytes() == b"".join(f"{user}{rest}{end}".encode() for user, rest, end in kept)
    assert n_dropped == len(rows) - len(kept)
    assert bool(n_dropped) == (path.stat().st_ino != before.st_ino)
    assert [one.name for one in path.parent.iterdir()] == ["file"]


def test_reasons_go_with_the_lines_that_they_are_about_not_with_line_numbers(tmp_path: Path) -> None:
    path = tmp_path / "new.csv.reasons.csv"
    path.write_text('line,reason,text\n42,bad,"7,1,9.0,9"\n3,bad,"42,1,9.0,9"\n4,malformed,\n')
    drop_reasons(path, {42})
    assert path.read_text() == 'line,reason,text\n42,bad,"7,1,9.0,9"\n4,malformed,\n'


def test_a_refused_line_that_a_reason_quotes_goes_too(tmp_path: Path) -> None:
    path = tmp_path / "new.csv.reasons.csv"
    path.write_text("line,reason,text\n1,\"the header is '42,1,9.0,9'; it must be 'userId'\",\n2,it's 42,\n")
    assert (reasons_name(path, {42}), reasons_name(path, {1, 9})) == (True, False)
    drop_reasons(path, {42})
    assert path.read_text() == "line,reason,text\n2,it's 42,\n"
    assert not reasons_name(path, {42})


def test_the_list_keeps_each_id_once_and_its_state_changes_with_it(tmp_path: Path) -> None:
    forgotten = Forgotten(tmp_path, "mine")
    states = [forgotten.state()]
    for user in (7, 3, 7):
        forgotten.add(user)
        states.append(forgotten.state())
    assert forgotten.path.read_text() == "3\n7\n"
    assert states[0] == ""
    assert (states[1] != states[2], states[2] == states[3]) == (True, True)


# Raw files, the inbox, publications.


@pytest.fixture
def sample(tmp_path: Path) -> World:
    """A world in which nothing has run."""
    return World.new(tmp_path / "world", remembered=False)


def acquired(world: World, name: str) -> tuple[RawFiles, dict[str, bytes]]:
    raw = world.project.raw_files
    raw.acquire(raw.registry.dataset(name))
    return raw, {path.name: path.read_bytes() for path in raw.folder(name).glob("*.csv")}


def never_had(world: World, user: int, root: Path) -> World:
    """The same source without the user."""
    other = World.new(root, remembered=False)
    for name in ("ratings.csv", "tags.csv"):
        drop_lines(other.data / "sample" / name, {user})
    return other


def test_raw_files_come_out_as_if_the_user_had_never_been_there_subsets_too(
    sample: World, tmp_path: Path
) -> None:
    user = 8
    raw, before = acquired(sample, "sample")
    _, cut_before = acquired(sample, "mini")
    source = (sample.data / "sample" / "ratings.csv").read_bytes()
    eraser = Eraser(raw)
    for spec in eraser.concerned("sample", user):
        eraser.erase(spec, user)
        assert not eraser.traces(spec, user)
    other = never_had(sample, user, tmp_path / "other")
    for name, had in (("sample", before), ("mini", cut_before)):
        assert acquired(sample, name)[1] == acquired(other, name)[1] != had
        assert raw.manifest(name).digest == other.project.raw_files.manifest(name).digest  # type: ignore[union-attr]
    assert (sample.data / "sample" / "ratings.csv").read_bytes() == source


def test_what_was_learned_of_users_goes_and_versions_of_models_of_movies_stay(sample: World) -> None:
    raw, _ = acquired(sample, "sample")
    learned = [f"artifacts/sample/{name}" for name in ("als.npz", "live/als.npz", "champions/ranking.npz")]
    learned += [f"models/sample/{name}" for name in ("svdpp.json", "svdpp.npz", "likes/classifier.ubj")]
    kept = [f"models/sample/{CONTENT_ENGINE}/{name}" for name in ("aliases.json", "1/arrays.npz")]
    kept.append(f"models/sample/{PROMOTIONS}")
    for name in (*learned, *kept):
        (sample.data / name).parent.mkdir(parents=True, exist_ok=True)
        (sample.data / name).write_bytes(b"")
    Eraser(raw).erase(raw.registry.dataset("sample"), 8)
    assert [name for name in (*learned, *kept) if (sample.data / name).exists()] == kept


def test_who_is_forgotten_is_left_out_of_a_source_that_is_read_anew(sample: World) -> None:
    Forgotten(sample.data, "sample").add(8)
    raw, _ = acquired(sample, "sample")
    ratings = raw.folder("sample") / "ratings.csv"
    assert not mentions(ratings, {8})
    sample.edit("sample/ratings.csv", lambda text: text + "8,2,4.0,1500000000\n9,2,4.0,1500000000\n")
    acquired(sample, "sample")
    assert not mentions(ratings, {8})
    assert ratings.read_text().endswith("9,2,4.0,1500000000\n")


ARCHIVED = """
[gates]
[datasets.one]
title = "One"
layout = "movielens-csv"
licence = "made"
source = { archive = "made.zip", url = "https://example.invalid/made.zip" }
[datasets.two]
title = "Two"
layout = "movielens-csv"
licence = "made"
source = { archive = "made.zip", url = "https://example.invalid/made.zip" }
[datasets.cut-of-two]
title = "Cut"
layout = "movielens-csv"
licence = "made"
source = { subset_of = "two", n_movies = 1 }
[datasets.other]
title = "Other"
layout = "movielens-csv"
licence = "made"
source = { archive = "other.zip", url = "https://example.invalid/other.zip" }
[datasets.loose]
title = "Loose"
layout = "movielens-csv"
licence = "made"
source = { folder = "loose" }
[datasets.loose-too]
title = "Loose too"
layout = "movielens-csv"
licence = "made"
source = { folder = "./loose/" }
"""


def zip_up(path: Path, users: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    ratings = "".join(f"{user},1,4.0,1500000000\n" for user in users)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            f"{path.stem}/movies.csv", "movieId,title,genres\n1,One (1999),Drama\n8,Eight (1999),War\n"
        )
        archive.writestr(f"{path.stem}/ratings.csv", HEADER + ratings)


@pytest.fixture
def archived(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RawFiles:
    """Two data sets of one archive, each with its files at hand; one cut from the second; and others."""
    data = tmp_path / "data"
    data.mkdir()
    (data / "datasets.toml").write_text(ARCHIVED)
    monkeypatch.setattr(raw_files, "download", lambda url, path, **_: zip_up(path, "789"))
    raw = RawFiles(data, load_registry(data / "datasets.toml"), None)
    for name in ("one", "two", "other"):
        raw.acquire(raw.registry.dataset(name))
    return raw


def test_a_user_is_forgotten_in_all_that_is_read_from_the_same_source(archived: RawFiles) -> None:
    eraser = Eraser(archived)
    loose = archived.folder("loose")
    loose.mkdir(parents=True)
    (loose / "ratings.csv").write_text(HEADER + "8,1,4.0,1500000000\n")
    assert [one.name for one in eraser.concerned("one", 8)] == ["one", "two", "cut-of-two"]
    assert [one.name for one in eraser.concerned("two", 8)] == ["two", "one", "cut-of-two"]
    assert [one.name for one in eraser.concerned("other", 8)] == ["other"]
    assert [one.name for one in eraser.concerned("loose-too", 8)] == ["loose-too", "loose"]


def test_no_download_names_who_is_forgotten_however_often_it_is_fetched(archived: RawFiles) -> None:
    eraser, one, two = Eraser(archived), *map(archived.registry.dataset, ("one", "two"))
    download = archived.download_of(one)
    part = download.with_name(f"{download.name}.part")
    part.write_bytes(b"PK")
    assert "downloads/made.zip" in eraser.traces(two, 8)
    for spec in eraser.concerned("one", 8):
        eraser.erase(spec, 8)
    assert not any(path.exists() for path in (download, part))
    for spec in (one, two):
        (archived.folder(spec.name) / "manifest.json").unlink()
        archived.acquire(spec)
        assert (eraser.traces(spec, 8), bool(mentions(archived.folder(spec.name) / "ratings.csv", {7}))) == (
            [],
            True,
        )
    assert not download.exists()
    assert archived.download_of(archived.registry.dataset("other")).exists()


def publish(world: Path, name: str, user: int) -> None:
    """A publication that names the user in a table and in what it was learned of."""
    publisher = Publisher(world / "published", name)
    staging = publisher.folder / "generations" / f"staged-{name}.duckdb"
    staging.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(staging)) as connection:
        connection.execute(f"create table lists as select {user} as user_id")
    learned = world / "learned.npz"
    np.savez(learned, user_ids=np.array([user]))
    publisher.make_current(publisher.next_number(), staging, learned=learned)
    learned.unlink()


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The data sets that the command brings up to date; each of these runs fails a gate."""
    names: list[str] = []

    def fail(name: str) -> None:
        names.append(name)
        raise typer.Exit(1)

    monkeypatch.setattr(commands, "_bring_up_to_date", fail)
    return names


def test_a_run_that_fails_a_gate_keeps_none_of_the_others_from_running_and_all_that_is_left_is_said(
    archived: RawFiles, runs: list[str]
) -> None:
    for name in ("one", "two"):
        publish(archived.data, name, 8)
    spoken = recsys(World(archived.data.parent), "forget", "8", "-d", "one")
    assert (spoken.code, runs) == (1, ["one", "two"])
    for name in runs:
        assert f"lists of published/generations/{name}-000001.duckdb" in spoken.err
        assert f"published/generations/{name}-000001.npz" in spoken.err


def test_a_run_that_fails_is_a_failure_though_nothing_is_left(archived: RawFiles, runs: list[str]) -> None:
    publish(archived.data, "one", 7)
    spoken = recsys(World(archived.data.parent), "forget", "8", "-d", "one")
    assert (spoken.code, runs) == (1, ["one"])
    assert "names user 8 any more" in spoken.out


def test_who_is_out_already_costs_no_second_making_and_cross_validation_that_went_is_said_to_be_due(
    archived: RawFiles,
) -> None:
    world = World(archived.data.parent)
    warehouse = world.project.warehouse
    due = "recsys run --full --dataset one"
    backtest_due = "recsys backtest --dataset one"
    for again in (False, True):
        with warehouse.connect("one") as connection:
            connection.execute("create table fold_models (n int); create table backtest_windows (n int)")
        spoken = recsys(world, "forget", "8", "-d", "one")
        assert (spoken.code, warehouse.path("one").exists()) == (0, again)
        assert [due in spoken.out, backtest_due in spoken.out] == [not again] * 2
    (world.data / "inbox" / "one").mkdir(parents=True)
    (world.data / "inbox" / "one" / "new.csv").write_text(HEADER + "8,1,4.0,1500000000\n")
    assert due in recsys(world, "forget", "8", "-d", "one").out
    assert not warehouse.path("one").exists()


def test_a_user_whom_a_publication_alone_still_names_can_be_forgotten(archived: RawFiles) -> None:
    publish(archived.data, "two", 6)
    assert [one.name for one in Eraser(archived).concerned("one", 6)] == ["one", "two", "cut-of-two"]
    with pytest.raises(ForgettingError, match="no user 5"):
        Eraser(archived).concerned("one", 5)


def test_a_download_names_users_by_lines_about_them_and_all_of_them_if_it_can_not_be_read(
    archived: RawFiles,
) -> None:
    one = archived.registry.dataset("one")
    download = archived.download_of(one)
    # 1 is a movie of movies.csv, and nobody's id.
    assert [bool(archived.downloads_about(one, {user})) for user in (1, 7, 8)] == [False, True, True]
    download.write_bytes(download.read_bytes()[:100])
    assert archived.downloads_about(one, {1}) == [download]
    download.unlink()
    assert not archived.downloads_about(one, {8})


def drop(world: World, name: str, text: str, dataset: str = "sample") -> Path:
    path = world.data / "inbox" / dataset / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(HEADER + text)
    return path


@pytest.fixture
def box(sample: World, catalogue: duckdb.DuckDBPyConnection) -> Inbox:
    """An inbox with a file of each kind, each about users 7 and 42."""
    box = Inbox(sample.data, "sample")
    drop(sample, "good.csv", "7,1,4.0,1500000000\n42,1,4.0,1500000000\n")
    drop(sample, "theirs.csv", "42,2,4.0,1500000000\n")
    drop(sample, "bad.csv", "7,1,44.0,1500000000\n42,1,44.0,1500000000\n")
    assert [one.status for one in box.take_in(catalogue)] == ["refused", "appended", "appended"]
    drop(sample, "waiting.csv", "42,3,4.0,1500000000\n7,3,4.0,1500000000\n")
    return box


def test_no_file_of_the_inbox_names_the_user_and_one_with_no_other_user_goes(box: Inbox) -> None:
    box.forget({42})
    folders = ("inbox", "appended")
    paths = [path for folder in folders for path in (box.data / folder).rglob("*.csv")]
    texts = {path.name.split("-")[-1]: path.read_text() for path in paths}
    assert texts["good.csv"] == HEADER + "7,1,4.0,1500000000\n"
    assert texts["bad.csv"] == HEADER + "7,1,44.0,1500000000\n"
    assert texts["waiting.csv"] == HEADER + "7,3,4.0,1500000000\n"
    assert "42,1" not in texts["bad.csv.reasons.csv"]
    assert "7,1,44.0" in texts["bad.csv.reasons.csv"]
    assert "theirs.csv" not in texts


@pytest.mark.parametrize(
    "first", [f"{USER},1,4.0,9", f'"{USER}",1,4.0,9', f" x{USER},1", f"userId\r{USER},1,4.0"]
)
def test_a_file_without_a_header_is_refused_in_words_that_quote_none_of_its_lines(
    sample: World, catalogue: duckdb.DuckDBPyConnection, first: str
) -> None:
    box = Inbox(sample.data, "sample")
    drop(sample, "bare.csv", "")
    (box.folder / "bare.csv").write_text(f"{first}\n")
    (outcome,) = box.take_in(catalogue)
    assert "there is no header" in outcome.reason
    assert str(USER) not in outcome.reason + box.reasons()[0].read_text()


def test_a_list_of_reasons_that_names_the_user_is_a_trace_until_they_are_forgotten(
    box: Inbox, sample: World
) -> None:
    raw = sample.project.raw_files
    spec, eraser = raw.registry.dataset("sample"), Eraser(raw)
    (reasons,) = box.reasons()
    assert str(reasons.relative_to(sample.data)) in eraser.traces(spec, 42)
    eraser.erase(spec, 42)
    assert not eraser.traces(spec, 42)


def test_a_file_that_is_dropped_again_is_known_though_it_still_names_the_user(
    box: Inbox, sample: World, catalogue: duckdb.DuckDBPyConnection
) -> None:
    Forgotten(sample.data, "sample").add(42)
    box.forget({42})
    state = box.state()
    drop(sample, "good.csv", "7,1,4.0,1500000000\n42,1,4.0,1500000000\n")
    drop(sample, "more.csv", "42,4,4.0,1500000000\n")
    outcomes = {one.file: one.status for one in box.take_in(catalogue)}
    assert outcomes == {"good.csv": "already appended", "waiting.csv": "appended"}
    assert not any(mentions(path, {42}) for path in box.with_ratings())
    assert box.state() != state  # of the file that waited


@pytest.fixture
def publisher(tmp_path: Path) -> Publisher:
    """Three generations: their tables name users 1 and 22, 1, 22; each learned of the user of its own number."""
    publisher = Publisher(tmp_path / "published", "mine")
    (publisher.folder / "generations").mkdir(parents=True)
    for number, users in ((1, "1), (22"), (2, "1"), (3, "22")):
        staging = publisher.folder / "generations" / f"staged-{number}.duckdb"
        with duckdb.connect(str(staging)) as connection:
            connection.execute(f"create table lists as from (values ({users})) as t(user_id)")
        learned = tmp_path / "learned.npz"
        np.savez(learned, user_ids=np.array([number]))
        publisher.make_current(number, staging, learned=learned)
        learned.unlink()
    return publisher


def test_generations_that_name_the_user_go_with_what_they_learned_but_not_the_current_one(
    publisher: Publisher,
) -> None:
    publisher.forget(frozenset())
    assert [one.number for one in publisher.generations()] == [1, 2, 3]
    publisher.forget({22})
    assert [one.number for one in publisher.generations()] == [2, 3]
    assert sorted(path.name for path in (publisher.folder / "generations").glob("*.npz")) == [
        "mine-000002.npz",
        "mine-000003.npz",
    ]
    assert publisher.current() == publisher.generations()[-1]
    assert [(event.happened, event.generation) for event in publisher.history.events()][-1] == ("removed", 1)


def test_what_a_generation_learned_of_the_user_is_enough_for_it_to_go(publisher: Publisher) -> None:
    # The fixture's generations learned of the user of their own number; the second has no row of user 2.
    publisher.forget({2})
    assert [one.number for one in publisher.generations()] == [1, 3]


def test_what_was_learned_for_a_generation_that_never_came_goes_before_the_next_one(
    publisher: Publisher, tmp_path: Path
) -> None:
    folder = publisher.folder / "generations"
    for name in ("mine-000004.npz", "mine-too-000004.npz"):
        np.savez(folder / name, user_ids=np.array([1]))
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")):
        pass
    publisher.stage(4, tmp_path / "warehouse.duckdb", {})
    assert {path.name for path in folder.glob("*.npz")} == {
        *(f"mine-00000{number}.npz" for number in (1, 2, 3)),
        "mine-too-000004.npz",
    }


def test_publishing_removes_what_names_a_user_who_is_forgotten(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    copy = finished(tmp_path_factory)[0].copy(tmp_path / "world")
    assert copy.stale("sample") == {}
    Forgotten(copy.data, "sample").add(5)
    assert copy.stale("sample")["raw_files"] == "a user was forgotten"
    assert copy.run("sample", ["published"]).success
    assert [one.number for one in Publisher(copy.data / "published", "sample").generations()] == [2]


# The whole way, on a small world with somebody in it whose id is nothing else.


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, World]]:
    """A world with the user in its files, in which models were fitted; one without, in which nothing has run."""
    root = tmp_path_factory.mktemp("forgetting")
    world = world_of(root / "with", "ml-100k")
    for path in (root / "with" / "files").iterdir():
        if path.name != "u.item":
            path.write_text(re.sub(r"(?m)^7(?=[\t|])", str(USER), path.read_text("latin-1")), "latin-1")
    never = World(root / "without")
    shutil.copytree(world.root, never.root)
    for path in (never.root / "files").iterdir():
        drop_lines(path, {USER})
    never.edit("datasets.toml", lambda text: text.replace("/with/", "/without/"))
    for each, rows in ((world, f"{USER},3,4.0,950000000\n"), (never, "")):
        drop(each, "new.csv", rows + "1,30,4.0,950000000\n", "ml-100k")
    assert world.run("ml-100k", upstream(*MODELS)).success
    yield world, never


def holders(world: World, user: int) -> set[str]:
    """All files of the data folder, tables within them and arrays that hold the id, whatever they mean by it."""
    found = set()
    for path in (path for path in world.data.rglob("*") if path.is_file()):
        name = str(path.relative_to(world.data))
        if path.suffix == ".duckdb":
            with duckdb.connect(str(path), read_only=True) as connection:
                for (table,) in connection.execute("select table_name from duckdb_tables()").fetchall():
                    text = f'select 1 from "{table}" as t where contains(t::varchar, ?) limit 1'
                    if connection.execute(text, [str(user)]).fetchone():
                        found.add(f"{name}: {table}")
        elif path.suffix == ".npz":
            with np.load(path) as stored:
                if any(
                    (stored[one] == user).any() for one in stored.files if stored[one].dtype.kind in "iuf"
                ):
                    found.add(name)
        elif str(user).encode() in path.read_bytes():
            found.add(name)
    return found


def test_a_forgotten_user_is_nowhere_and_all_models_are_those_of_a_world_without(
    worlds: tuple[World, World],
) -> None:
    world, never = worlds
    before = holders(world, USER)
    kinds = {name.split("/")[0] for name in before}
    assert kinds == {"raw", "appended", "warehouse", "artifacts"}
    spoken = recsys(world, "forget", str(USER), "--dataset", "ml-100k")
    assert (spoken.code, spoken.err) == (0, "")
    assert f"Nothing stored of ml-100k names user {USER} any more" in spoken.out
    assert f"The source, {world.root / 'files'}, is not changed" in spoken.out
    assert mentions(world.root / "files" / "u.data", {USER})
    assert world.run("ml-100k", upstream(*MODELS)).success
    # The list is what keeps the user from coming back.
    assert holders(world, USER) == {"forgotten/ml-100k.txt"}
    assert never.run("ml-100k", upstream(*MODELS)).success
    arrays = {path.relative_to(never.data) for path in never.data.rglob("*.npz")}
    assert len(arrays) >= 5
    assert {path.relative_to(world.data) for path in world.data.rglob("*.npz")} == arrays
    for path in arrays:
        assert (world.data / path).read_bytes() == (never.data / path).read_bytes(), path
    versions, others = world.versions("ml-100k"), never.versions("ml-100k")
    assert {name for name in versions if versions[name] != others[name]} == set()


def test_the_event_log_names_nobody(worlds: tuple[World, World]) -> None:
    world, _ = worlds
    entries = world.instance.get_runs()
    logged = "".join(str(entry) for run in entries for entry in world.instance.all_logs(run.run_id))
    assert "ratings" in logged
    assert str(USER) not in logged


def test_forgetting_twice_is_forgetting_once(worlds: tuple[World, World]) -> None:
    world, _ = worlds
    for _ in range(2):
        assert recsys(world, "forget", str(USER), "-d", "ml-100k", "--no-run").code == 0
        assert holders(world, USER) == {"forgotten/ml-100k.txt"}


def test_an_unknown_user_is_an_error_and_nothing_changes(worlds: tuple[World, World]) -> None:
    world, _ = worlds
    spoken = recsys(world, "forget", "555", "-d", "ml-100k")
    assert (spoken.code, spoken.out) == (1, "")
    assert "no user 555 in the files that are kept of ml-100k: nothing to forget" in spoken.err
    assert 555 not in Forgotten(world.data, "ml-100k").ids()


def test_a_user_of_a_subset_is_forgotten_in_what_it_is_cut_from(sample: World) -> None:
    spoken = recsys(sample, "forget", "8", "-d", "mini")
    assert spoken.code == 1
    assert "mini is cut from sample: forget the user there" in spoken.err


def test_a_publication_that_still_names_the_user_is_said_to(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    copy = finished(tmp_path_factory)[0].copy(tmp_path / "world")
    spoken = recsys(copy, "forget", "5", "--no-run")
    assert spoken.code == 0
    assert "User 5 is out of the files of sample, mini" in spoken.out
    assert "Publications name the user until they are replaced: recsys run --dataset sample." in spoken.out
    stale = copy.stale("sample")
    assert {"raw_files", "live/als_factors", "published"} <= stale.keys()
    assert copy.published("sample", "select count(*) > 0 from recommendations where user_id = 5") == [(True,)]


@pytest.mark.slow
def test_the_command_publishes_a_generation_without_the_user_and_leaves_no_other(tmp_path: Path) -> None:
    world = world_of(tmp_path / "world", "ml-100k")
    for path in (world.root / "files").iterdir():
        if path.name != "u.item":
            path.write_text(re.sub(r"(?m)^7(?=[\t|])", str(USER), path.read_text("latin-1")), "latin-1")
    assert world.run("ml-100k").success
    assert {name.split("/")[0] for name in holders(world, USER)} >= {"models", "published"}
    spoken = recsys(world, "forget", str(USER), "-d", "ml-100k")
    assert (spoken.code, holders(world, USER)) == (0, {"forgotten/ml-100k.txt"})
    assert [one.number for one in Publisher(world.data / "published", "ml-100k").generations()] == [2]
