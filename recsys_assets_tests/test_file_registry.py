"""The registry in files: versions count up, killed writers leave the old champion or the new, readers don't wait."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from recsys_assets.storage import files
from recsys_assets.storage.file_registry import FileRegistry
from recsys_assets.storage.model_registry import Decision, decision_from_json, decision_to_json, stage_of
from recsys_assets.storage.packages import PackageError
from recsys_assets_tests.model_versions import PROMOTED, REFUSED, candidate, engine_arrays


@pytest.fixture
def registry(tmp_path: Path) -> FileRegistry:
    return FileRegistry(tmp_path / "content_engine")


def stages(registry: FileRegistry) -> dict[int, str]:
    champion = registry.champion()
    return {one.version: stage_of(one, champion) for one in registry.versions()}


# Versions and the champion.


def test_where_nothing_was_registered_there_is_nothing(registry: FileRegistry) -> None:
    assert registry.versions() == []
    assert registry.champion() is None
    assert not registry.folder.exists()


def test_a_version_comes_back_as_it_was_registered(registry: FileRegistry) -> None:
    assert registry.register(candidate()) == 1
    [version] = registry.versions()
    assert (version.version, version.run_id, version.data_version, version.code_version) == (
        *(1, "run 1", "data 1", "code"),
    )
    assert version.decision is None
    found = registry.arrays(1)
    for name, array in engine_arrays().items():
        assert_array_equal(found[name], array, strict=True)
    assert {path.name for path in (registry.folder / "1").iterdir()} == {
        *("arrays.npz", "model.json", "figures.csv"),
    }


def test_the_same_model_is_the_same_version_and_another_is_the_next(registry: FileRegistry) -> None:
    assert [registry.register(candidate(number)) for number in (1, 1, 2, 1, 3, 2)] == [1, 1, 2, 1, 3, 2]
    assert [one.data_version for one in registry.versions()] == ["data 1", "data 2", "data 3"]


def test_only_what_is_promoted_serves_and_what_served_is_archived(registry: FileRegistry) -> None:
    for number, decision in enumerate((REFUSED, PROMOTED, REFUSED, PROMOTED), start=1):
        registry.decide(registry.register(candidate(number)), decision)
    assert registry.champion() == 4
    assert stages(registry) == {1: "Staging", 2: "Archived", 3: "Staging", 4: "Production"}
    assert [one.decision for one in registry.versions()] == [REFUSED, PROMOTED, REFUSED, PROMOTED]


def test_a_champion_that_falls_short_serves_on_until_another_is_promoted(registry: FileRegistry) -> None:
    for decision in (PROMOTED, REFUSED):
        registry.decide(registry.register(candidate()), decision)
    assert (registry.champion(), stages(registry)) == (1, {1: "Production"})
    registry.decide(registry.register(candidate(2)), PROMOTED)
    assert stages(registry) == {1: "Archived", 2: "Production"}


@settings(max_examples=15)
@given(st.lists(st.tuples(st.integers(1, 4), st.booleans()), max_size=12))
def test_the_champion_is_whatever_was_promoted_last(
    tmp_path_factory: pytest.TempPathFactory, history: list[tuple[int, bool]]
) -> None:
    registry = FileRegistry(tmp_path_factory.mktemp("registry"))
    expected, known = None, []
    for number, promoted in history:
        version = registry.register(candidate(number))
        known += [number] if number not in known else []
        assert version == known.index(number) + 1
        registry.decide(version, PROMOTED if promoted else REFUSED)
        expected = version if promoted else expected
        assert registry.champion() == expected
    assert [one.version for one in registry.versions()] == list(range(1, len(known) + 1))
    assert list(stages(registry).values()).count("Production") == (expected is not None)


def test_nothing_is_decided_of_a_version_that_is_not_there(registry: FileRegistry) -> None:
    registry.register(candidate())
    with pytest.raises(PackageError, match="there is no version 2"):
        registry.decide(2, PROMOTED)
    assert registry.champion() is None


def test_the_number_of_a_version_that_was_removed_is_not_given_again(registry: FileRegistry) -> None:
    for number in (1, 2):
        registry.decide(registry.register(candidate(number)), REFUSED)
    for path in (registry.folder / "2").iterdir():
        path.unlink()
    (registry.folder / "2").rmdir()
    assert registry.register(candidate(2)) == 3


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_bytes(b"PK")])
def test_a_damaged_version_is_refused_and_made_again_as_the_next(
    registry: FileRegistry, damage: Callable[[Path], object]
) -> None:
    registry.register(candidate())
    damage(registry.path(1))
    with pytest.raises(PackageError, match=r"arrays\.npz is missing or damaged"):
        registry.arrays(1)
    assert registry.register(candidate()) == 2
    assert_array_equal(registry.arrays(2)["vectors"], engine_arrays()["vectors"])


@given(
    st.booleans(),
    st.text(),
    st.dictionaries(st.text(), st.none() | st.floats(allow_nan=False, allow_infinity=False)),
    st.dictionaries(st.text(), st.floats(allow_nan=False, allow_infinity=False)),
)
def test_a_decision_survives_being_written(
    promoted: bool, reason: str, figures: dict[str, float | None], thresholds: dict[str, float]
) -> None:
    decision = Decision(promoted, reason, figures, thresholds)
    assert decision_from_json(decision_to_json(decision)) == decision


# Killed writers.


class Killed(BaseException):
    """The process is gone: nothing after it runs but the release of its locks."""


@contextmanager
def killed_at(step: int) -> Iterator[list[int]]:
    """End at the step-th time that a file is put onto the disk, or renamed."""
    done = [0]

    def counted(work: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any, **options: Any) -> Any:
            done[0] += 1
            if done[0] == step:
                raise Killed
            return work(*arguments, **options)

        return run

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files.os, "fsync", counted(files.os.fsync))
        for name in ("replace", "rename", "mkdir"):
            patch.setattr(Path, name, counted(getattr(Path, name)))
        yield done


def promote_second(registry: FileRegistry) -> None:
    registry.decide(registry.register(candidate(2)), PROMOTED)


def n_steps(folder: Path) -> int:
    registry = FileRegistry(folder)
    registry.decide(registry.register(candidate()), PROMOTED)
    with killed_at(-1) as done:
        promote_second(registry)
    return done[0]


def test_a_writer_that_is_killed_leaves_the_old_champion_or_the_new_one(tmp_path: Path) -> None:
    steps = n_steps(tmp_path / "unharmed")
    assert steps > 10
    seen = set()
    for step in range(1, steps + 1):
        registry = FileRegistry(tmp_path / str(step))
        registry.decide(registry.register(candidate()), PROMOTED)
        with killed_at(step), pytest.raises(Killed):
            promote_second(registry)
        champion = registry.champion()
        seen.add(champion)
        assert_array_equal(registry.arrays(champion)["vectors"], engine_arrays(scale=champion)["vectors"])
        assert [one.version for one in registry.versions()] in ([1], [1, 2])
        promote_second(registry)
        assert registry.champion() == 2
        assert stages(registry) == {1: "Archived", 2: "Production"}
        registry.register(candidate(3))
        assert not list(registry.folder.rglob(".staging-*"))
    assert seen == {1, 2}


# Several at once.


def test_readers_see_a_champion_and_its_own_arrays_while_it_changes(registry: FileRegistry) -> None:
    registry.decide(registry.register(candidate()), PROMOTED)
    done, seen, faults = threading.Event(), set(), []

    def read() -> None:
        while not done.is_set():
            champion = registry.champion()
            scale = registry.arrays(champion)["vectors"].max() / engine_arrays()["vectors"].max()
            seen.add(champion)
            if champion != scale or champion not in {one.version for one in registry.versions()}:
                faults.append((champion, scale))

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for number in range(2, 40):
        registry.decide(registry.register(candidate(number)), PROMOTED)
    done.set()
    for reader in readers:
        reader.join()
    assert not faults
    assert len(seen) > 1


def test_writers_take_turns_and_lose_no_version(registry: FileRegistry) -> None:
    def write(numbers: range) -> None:
        for number in numbers:
            registry.decide(registry.register(candidate(number)), REFUSED)

    writers = [threading.Thread(target=write, args=(range(first, 31, 3),)) for first in (1, 2, 3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    versions = registry.versions()
    assert [one.version for one in versions] == list(range(1, 31))
    assert {one.data_version for one in versions} == {f"data {number}" for number in range(1, 31)}
    assert all(one.decision == REFUSED for one in versions)


# Without this project.

FIVE_LINES = """
import json, sys, numpy as np
champion = json.load(open("aliases.json"))["aliases"]["champion"]
m = np.load(f"{champion}/arrays.npz")
unit = m["vectors"] / np.linalg.norm(m["vectors"], axis=1, keepdims=True).clip(1e-9)
near = np.argsort(-unit @ unit[np.flatnonzero(m["tmdb_ids"] == 10)[0]], kind="stable")[1:3]
"""


def test_five_lines_of_numpy_answer_with_movies_like_this(registry: FileRegistry) -> None:
    registry.decide(registry.register(candidate()), PROMOTED)
    code = FIVE_LINES + 'print([m["titles"][near].tolist(), sorted(n for n in sys.modules if "recsys" in n)])'
    answered = subprocess.run(
        [sys.executable, "-I", "-c", code.replace("'", '"')],
        cwd=registry.folder,
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(answered.stdout.replace("'", '"')) == [["Amélie", "Titanic"], []]


def test_nothing_of_a_version_is_a_pickle(registry: FileRegistry) -> None:
    objects = replace(candidate(), arrays={"titles": np.array([{}], dtype=object)})
    with pytest.raises(ValueError, match="Object arrays cannot be saved"):
        registry.register(objects)
    assert registry.versions() == []
