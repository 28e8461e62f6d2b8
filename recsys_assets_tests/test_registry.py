"""The registry says what is wrong, in which entry and field, and holds every entry once it loads."""

from __future__ import annotations

from pathlib import Path

import pytest

from recsys_assets.registry import DatasetSpec, Registry, RegistryError, Source, load_registry
from recsys_assets.settings import archives_folder, data_folder, project_folder
from recsys_assets.storage.layouts import LAYOUTS

ENTRY = """
[datasets.{name}]
title = "Mine"
layout = "movielens-csv"
licence = "mine"
source = {source}
{more}
"""


def load(folder: Path, text: str | bytes) -> Registry:
    path = folder / "datasets.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_registry(path)


def entry(name: str = "mine", source: str = '{ folder = "mine" }', more: str = "") -> str:
    return ENTRY.format(name=name, source=source, more=more)


@pytest.fixture(scope="module")
def shipped() -> Registry:
    return load_registry(project_folder() / "data" / "datasets.toml")


def test_the_shipped_registry_loads_with_every_gate_decided_for_every_data_set(shipped: Registry) -> None:
    gates = shipped.dataset("sample").gates.keys()
    assert {
        "sample",
        "mini",
        "ml-latest-small",
        "ml-100k",
        "ml-1m",
        "ml-25m",
        "ml-32m",
        "tmdb-5000",
    } <= shipped.datasets.keys()
    assert all(spec.gates.keys() == gates for spec in shipped.datasets.values())
    assert all(spec.layout in LAYOUTS for spec in shipped.datasets.values())


def test_the_shipped_downloads_are_secure_and_pinned_or_said_to_change(shipped: Registry) -> None:
    downloads = {name: spec.source for name, spec in shipped.datasets.items() if spec.source.url}
    assert all(source.url and source.url.startswith("https://") for source in downloads.values())
    assert {name for name, source in downloads.items() if source.md5 is None} == {
        "ml-latest-small",
        "tmdb-5000",
    }


def test_every_file_of_ml_100k_is_pinned(shipped: Registry) -> None:
    pinned = shipped.dataset("ml-100k").source.sha256
    assert pinned.keys() == {raw.file for raw in LAYOUTS["ml-100k"]}
    assert len(set(pinned.values())) == len(pinned)


def test_entries_carry_their_names_and_catalogues_are_found_as_entries(shipped: Registry) -> None:
    for name, spec in {**shipped.datasets, **shipped.catalogues}.items():
        assert spec.name == name
        assert shipped.entry(name) is spec


def test_an_unknown_data_set_is_named_beside_the_known_ones(shipped: Registry) -> None:
    with pytest.raises(RegistryError, match=r"'ml-2m'.*ml-latest-small, ml-100k"):
        shipped.dataset("ml-2m")


def test_a_catalogue_is_no_data_set(shipped: Registry) -> None:
    with pytest.raises(RegistryError, match="no data set 'ml-genome-subset'"):
        shipped.dataset("ml-genome-subset")


def test_an_own_entry_needs_a_folder_and_takes_the_default_gates(tmp_path: Path) -> None:
    registry = load(tmp_path, "[gates]\nratings_min = 10\nshare_max = 0.5\n" + entry())
    assert registry.dataset("mine").source.folder == "mine"
    assert registry.dataset("mine").thresholds == {"ratings_min": 10, "share_max": 0.5}


def test_own_thresholds_override_one_by_one_and_off_is_no_threshold(tmp_path: Path) -> None:
    text = "[gates]\na_min = 1\nb_min = 2\nc_min = 3\n" + entry(more='gates = { a_min = 9, b_min = "off" }')
    spec = load(tmp_path, text).dataset("mine")
    assert spec.gates == {"a_min": 9, "b_min": "off", "c_min": 3}
    assert spec.thresholds == {"a_min": 9, "c_min": 3}


def test_a_registry_without_entries_loads(tmp_path: Path) -> None:
    assert load(tmp_path, "") == Registry(datasets={}, catalogues={})


ARCHIVE = '{{ archive = "a.zip", {} }}'
FAULTY = {
    "unknown table": ("[dataset.x]\ntitle = 1\n", "unknown table 'dataset'"),
    "unknown gate": (
        "[gates]\na_min = 1\n" + entry(more="gates = { b_min = 2 }"),
        r"mine\.gates: .*'b_min'.*a_min",
    ),
    "gate that is no number": (
        "[gates]\na_min = 1\n" + entry(more='gates = { a_min = "high" }'),
        r"mine\.gates\.a_min",
    ),
    "gates that are no table": (entry(more="gates = 3"), r"mine\.gates: must be a table, got 3"),
    "default gates that are no table": ("gates = 3", "gates: must be a table, got 3"),
    "data sets that are no table": ("datasets = 3", "datasets: must be a table, got 3"),
    "entry that is no table": ("[datasets]\nmine = 3", "mine: must be a table, got 3"),
    "unknown field": (entry(more="colour = 1"), r"mine\.colour"),
    "unknown source field": (entry(source='{ folder = "x", path = "y" }'), r"mine\.source\.path"),
    "missing field": ('[datasets.mine]\ntitle = "x"\n', r"mine\.layout"),
    "unknown layout": (entry().replace("movielens-csv", "netflix"), r"mine\.layout: .*'ml-100k'"),
    "name that is no file name": (entry(name='"Mine/../x"'), r"Mine/../x\.name"),
    "two origins": (
        entry(source='{ folder = "x", archive = "x.zip" }'),
        r"mine\.source: .*\['folder', 'archive'\]",
    ),
    "no origin": (entry(source='{ url = "https://example.org" }'), r"mine\.source: .*none"),
    "missing parent": (
        entry(source='{ subset_of = "gone" }'),
        r"mine\.source\.subset_of: 'gone' has no entry",
    ),
    "missing genome": (
        entry() + entry("cut", '{ subset_of = "mine", genome_of = "gone" }'),
        r"cut\.source\.genome_of: 'gone' has no entry",
    ),
    "subset of a subset": (
        entry() + entry("cut", '{ subset_of = "mine" }') + entry("recut", '{ subset_of = "cut" }'),
        r"recut\.source\.subset_of: 'cut' is itself a subset",
    ),
    "subset of itself": (
        entry(source='{ subset_of = "mine" }'),
        r"mine\.source\.subset_of: 'mine' is itself",
    ),
    "catalogue cut from nothing": (
        entry(source='{ subset_of = "gone" }').replace("[datasets", "[catalogues"),
        r"mine\.source\.subset_of: 'gone' has no entry",
    ),
    "missing catalogue": (
        entry(source='{ folder = "x", catalogue_of = "gone" }'),
        r"mine\.source\.catalogue_of: 'gone' has no entry",
    ),
    "catalogue of itself": (
        entry(source='{ folder = "x", catalogue_of = "mine" }'),
        r"mine\.source\.catalogue_of: 'mine' has its catalogue from elsewhere",
    ),
    "catalogue in another layout": (
        entry() + entry("old", '{ folder = "y", catalogue_of = "mine" }').replace("movielens-csv", "ml-100k"),
        r"old\.source\.catalogue_of: the layout of 'mine' is movielens-csv, not ml-100k",
    ),
    "one name twice": (
        entry() + entry().replace("[datasets", "[catalogues"),
        "'mine' is a data set and a catalogue",
    ),
    "subset of no movies": (entry(source='{ subset_of = "x", n_movies = 0 }'), r"mine\.source\.n_movies"),
    "md5 too short": (entry(source=ARCHIVE.format('md5 = "abc"')), r"mine\.source\.md5"),
    "md5 in capitals": (entry(source=ARCHIVE.format(f'md5 = "{"A" * 32}"')), r"mine\.source\.md5"),
    "bad sha256": (
        entry(source=ARCHIVE.format('sha256 = { "u.data" = "12" }')),
        r"mine\.source\.sha256\.u\.data",
    ),
    "not TOML": ("[datasets.mine\n", "not valid TOML: .*line 1"),
    "entry twice": (entry() + entry(), "not valid TOML"),
    "not text": (b"\xff\xfe[\x00", "not valid TOML"),
}


@pytest.mark.parametrize(("text", "message"), FAULTY.values(), ids=FAULTY.keys())
def test_what_is_wrong_is_said_with_file_entry_and_field(
    text: str | bytes, message: str, tmp_path: Path
) -> None:
    with pytest.raises(RegistryError, match=rf"^datasets\.toml.*{message}"):
        load(tmp_path, text)


def test_entries_cannot_be_changed() -> None:
    spec = DatasetSpec(
        name="a", title="A", layout="ml-1m", licence="none", source=Source(folder="a"), gates={}
    )
    with pytest.raises(ValueError, match="frozen"):
        spec.title = "B"


def test_the_data_folder_is_the_one_named_and_must_hold_the_registry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECSYS_DATA", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="set RECSYS_DATA"):
        data_folder()
    (tmp_path / "datasets.toml").touch()
    assert data_folder() == tmp_path.resolve()
    monkeypatch.delenv("RECSYS_DATA")
    assert data_folder() == project_folder() / "data"


def test_archives_are_read_from_the_named_folder_or_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECSYS_DATASETS", str(tmp_path))
    assert archives_folder() == tmp_path.resolve()
    monkeypatch.setenv("RECSYS_DATASETS", "")
    assert archives_folder() is None
