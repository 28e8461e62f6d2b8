"""The benchmark: what it generates, that each stage reports, and what a missed goal does."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from recsys_assets.algorithms.interactions import positions
from recsys_assets.storage.layouts import LAYOUTS
from recsys_assets.storage.loading import FileToRead, load_table
from recsys_assets.storage.warehouse import replace_tables
from recsys_assets_tests.bench import __main__ as command
from recsys_assets_tests.bench.data import Size, World, write_data_set
from recsys_assets_tests.bench.goals import GOALS, Result, missed
from recsys_assets_tests.bench.measuring import Cost, cost_of
from recsys_assets_tests.bench.stages import LIBRARY, STAGES, Watch

SMALL = Size(n_ratings=20_000, n_users=300, n_movies=900)
OPTIONS = ["--ratings", "20000", "--users", "300", "--movies", "900", "--folder"]


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bench") / SMALL.folder_name
    write_data_set(folder, SMALL, seed=1)
    return folder


def test_the_strict_loader_accepts_every_generated_line(generated):
    with duckdb.connect() as connection:
        for raw in LAYOUTS["movielens-csv"][:2]:
            file = FileToRead(generated / raw.file, raw.file, trusted=False, raw=raw)
            replace_tables(connection, load_table(connection, raw.table, [file]))
        counts = connection.execute(
            "select (select count(*) from ratings), (select count(distinct user_id) from ratings), "
            "(select count(*) from movies), (select count(*) from rejected_ratings), "
            "(select count(*) from rejected_movies)"
        ).fetchone()
    assert counts == (20_000, 300, 900, 0, 0)
    assert sorted(path.name for path in generated.iterdir()) == ["movies.csv", "ratings.csv"]


def test_ratings_are_ordered_by_user_and_movie_with_a_head_and_a_tail(generated):
    user, movie, rating = np.loadtxt(
        generated / "ratings.csv", delimiter=",", skiprows=1, usecols=(0, 1, 2)
    ).T
    assert np.all((np.diff(user) > 0) | ((np.diff(user) == 0) & (np.diff(movie) > 0)))
    n_of_movie = np.sort(np.bincount(movie.astype(int)))[::-1]
    assert n_of_movie[:90].sum() > 0.4 * len(movie)
    n_of_user = np.bincount(user.astype(int))[1:]
    assert n_of_user.max() > 4 * np.median(n_of_user)
    assert set(np.unique(rating)) == set(np.arange(1, 11) / 2)


def test_same_seed_same_bytes_and_another_seed_others(generated, tmp_path):
    for seed in (1, 2):
        write_data_set(tmp_path / str(seed), SMALL, seed=seed)
    same, other = ((tmp_path / seed / "ratings.csv").read_bytes() for seed in "12")
    assert same == (generated / "ratings.csv").read_bytes()
    assert same != other


@given(st.integers(1, 20_000), st.integers(8, 900), st.floats(0, 1))
@settings(max_examples=20)
def test_pairs_are_as_many_as_asked_for_distinct_and_ascending(n_users, n_movies, fullness):
    n_spare = min(n_users * n_movies // 4 - n_users, 30_000)
    n_ratings = n_users + int(fullness * n_spare)
    world = World(Size(n_ratings, n_users, n_movies), seed=0)
    pairs = np.concatenate(list(world.draw_pairs(n_ratings)))
    assert pairs.size == n_ratings
    assert np.all(np.diff(pairs) > 0)
    assert_array_equal(np.unique(pairs // n_movies), np.arange(n_users))


def test_impossible_sizes_are_refused():
    with pytest.raises(ValueError, match=r"9 ratings of 10 users .* at most 250"):
        Size(n_ratings=9, n_users=10, n_movies=100)
    with pytest.raises(ValueError, match="251 ratings"):
        Size(n_ratings=251, n_users=10, n_movies=100)


def in_this_process(work: Callable[..., None], *arguments: Any) -> Cost:
    watch = Watch()
    work(*arguments, watch)
    return Cost(watch.wall_s, watch.cpu_s, peak_gib=0.1)


def test_every_stage_reports_and_the_data_are_made_once(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(command, "cost_of", in_this_process)
    status = command.main([*OPTIONS, str(tmp_path)])
    folder = tmp_path / SMALL.folder_name
    report = json.loads((folder / "bench.json").read_text())
    assert [stage["stage"] for stage in report["stages"]] == list(STAGES) == list(GOALS)
    for stage in report["stages"]:
        assert stage["ours"]["wall_s"] > 0
        assert (stage["ratio"] is not None) == (stage["stage"] in LIBRARY)
    assert status == bool(report["missed"])
    shown = capsys.readouterr().out
    assert all(stage in shown for stage in STAGES)
    made = (folder / "ratings.csv").stat().st_mtime_ns
    command.main([*OPTIONS, str(tmp_path), "--only", "ingest"])
    assert (folder / "ratings.csv").stat().st_mtime_ns == made
    assert [path.name for path in tmp_path.iterdir()] == [SMALL.folder_name]


def test_a_missed_goal_is_measured_again_named_and_fails_the_command(generated, monkeypatch, capsys):
    runs = []

    def too_slow_at_first(work: Callable[..., None], folder: Path) -> Cost:
        runs.append(work.__name__)
        return Cost(wall_s=20.0 if runs.count(work.__name__) == 1 else 12.0, cpu_s=1.0, peak_gib=0.5)

    monkeypatch.setattr(command, "cost_of", too_slow_at_first)
    options = [*OPTIONS, str(generated.parent), "--only"]
    assert command.main([*options, "ingest"]) == 1
    assert "ingest: 12.00 wall s, the goal is at most 10" in capsys.readouterr().out
    assert runs.count("ingest") == command.ATTEMPTS
    assert command.main([*options, "neighbours"]) == 0
    assert runs.count("neighbours") == 2


def test_goals_bound_time_memory_and_the_ratio_to_the_library():
    result = Result("neighbours", Cost(15.5, 30, 1.5), Cost(10, 10, 1))
    assert missed(result) == [
        "neighbours: 15.50 wall s, the goal is at most 15",
        "neighbours: 1.50 peak GiB, the goal is at most 1",
    ]
    assert missed(Result("als", Cost(50, 50, 9), Cost(20, 20, 9))) == [
        "als: 2.50 times the library, the goal is at most 2"
    ]
    assert missed(Result("als", Cost(500, 50, 9), Cost(250, 20, 9))) == []


def test_of_two_runs_the_lower_times_count_and_the_higher_peak():
    assert Cost(2, 5, 1).best(Cost(3, 4, 2)) == Cost(2, 4, 2)


def hold_memory(n_bytes: int, watch: Watch) -> None:
    with watch:
        held = np.ones(n_bytes, dtype=np.uint8)
        time.sleep(0.05)
    assert held.size


def test_a_process_of_its_own_shows_its_own_time_and_peak_and_passes_errors_on():
    small, large = (cost_of(hold_memory, n_mib << 20) for n_mib in (1, 401))
    assert 0.3 < large.peak_gib - small.peak_gib < 0.5
    assert 0.05 <= small.wall_s < 5
    with pytest.raises(FileNotFoundError, match=r"interactions\.npz"):
        cost_of(STAGES["als"], Path("nowhere"))


@given(st.sets(st.integers(0, 2**53), min_size=1, max_size=30), st.integers(0, 1000), st.data())
def test_ids_are_found_in_dense_and_in_sparse_vocabularies(scattered, first, data):
    for vocabulary in (np.sort(np.array(list(scattered))), first + np.arange(0, 60, 3)):
        at = data.draw(st.lists(st.integers(0, vocabulary.size - 1), max_size=40))
        assert_array_equal(positions(vocabulary, vocabulary[at], what="user_id"), at)
        for stranger in {vocabulary[0] - 1, vocabulary[-1] + 1, vocabulary[0] + 1} - set(vocabulary):
            with pytest.raises(ValueError, match=f"1 of {len(at) + 1} .* for example {stranger}"):
                positions(vocabulary, [*vocabulary[at], stranger], what="user_id")
