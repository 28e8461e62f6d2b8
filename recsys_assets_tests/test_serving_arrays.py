"""The arrays of a generation: of its tables, atomic with it, gone with it, and read as they were written."""

from __future__ import annotations

import dataclasses
import itertools
import json
from pathlib import Path

import duckdb
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from recsys_assets.algorithms.explanation import ListModels
from recsys_assets.storage import publishing
from recsys_assets.storage.publishing import GENERATIONS_KEPT, Generation
from recsys_assets.storage.serving_arrays import (
    RATING,
    ArraysError,
    arrays_folder_names,
    read_serving_arrays,
    write_serving_arrays,
)
from recsys_assets_tests.made_publication import MadePublication

N_USERS, N_MOVIES = 40, 120


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ListModels]:
    folder = tmp_path_factory.mktemp("source")
    made = MadePublication(folder, "mine", N_USERS, N_MOVIES)
    return made.warehouse(folder / "warehouse.duckdb"), made.models()


@pytest.fixture
def made(tmp_path: Path) -> MadePublication:
    return MadePublication(tmp_path, "mine", N_USERS, N_MOVIES)


def rows(generation: Generation, sql: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(generation.path), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def test_lists_are_those_of_the_tables(made, source):
    generation = made.publish(*source)
    arrays = read_serving_arrays(generation.arrays)
    assert set(arrays.lists) == {"als", "content", "hybrid", "popularity", "recent_popularity", RATING}
    found = {
        (strategy, user, place + 1, int(arrays.catalogue.movie_ids[lists.items[row, place]]), score)
        for strategy, lists in arrays.lists.items()
        if strategy != RATING
        for row, user in enumerate(arrays.models.user_ids.tolist())
        for place, score in enumerate(lists.scores[row].tolist())
    }
    assert found == set(
        rows(generation, "select strategy, user_id, rank, movie_id, score from recommendations")
    )


def test_cards_are_json_of_the_movies(made, source):
    generation = made.publish(*source)
    catalogue = read_serving_arrays(generation.arrays).catalogue
    ends = catalogue.card_ends
    cards = [json.loads(bytes(catalogue.cards[start:end]) + b"}") for start, end in itertools.pairwise(ends)]
    assert [(card["movie_id"], card["title"], card["year"]) for card in cards] == rows(
        generation, "select movie_id, title, year from movies order by movie_id"
    )
    assert sum(card["n_ratings"] for card in cards) == catalogue.histogram.sum() == source[1].ratings.nnz
    assert_array_equal(catalogue.histogram.sum(axis=1), catalogue.n_ratings)


def test_every_row_of_the_home_page_has_a_movie_once(made, source):
    catalogue = read_serving_arrays(made.publish(*source).arrays).catalogue
    for order in (catalogue.popular, catalogue.new, catalogue.top):
        assert_array_equal(np.sort(order), np.arange(N_MOVIES))
    assert (np.diff(catalogue.years[catalogue.new]) <= 0).all()
    assert np.unique(catalogue.trending).size == catalogue.trending.size > 0


def test_arrays_cannot_be_written_into(made, source):
    lists = read_serving_arrays(made.publish(*source).arrays).lists["als"]
    with pytest.raises(ValueError, match="read-only"):
        lists.items[0, 0] = 1


def test_they_come_and_go_with_their_generation(made, source):
    generations = [made.publish(*source) for _ in range(GENERATIONS_KEPT + 1)]
    assert [one.arrays.exists() for one in generations] == [False, True, True, True]
    folder = made.publisher.folder / "generations"
    assert {path.suffix for path in folder.iterdir()} == {".duckdb", ".arrays"}
    made.publisher.roll_back(reason="asked for")
    current = made.publisher.current()
    assert current is not None and current.arrays == generations[-2].arrays
    assert read_serving_arrays(current.arrays).catalogue.movie_ids.size == N_MOVIES


def test_a_failure_leaves_neither_file_nor_folder(made, source, monkeypatch):
    def failing(folder: Path, *_: object) -> None:
        folder.mkdir()
        (folder / "half.npy").write_bytes(b"half")
        raise OSError("no space left")

    monkeypatch.setattr(publishing, "write_serving_arrays", failing)
    with pytest.raises(OSError, match="no space left"):
        made.publish(*source)
    assert list((made.publisher.folder / "generations").iterdir()) == []
    assert made.publisher.current() is None


def test_what_a_killed_publication_left_is_swept_by_the_next(made, source):
    made.publish(*source)
    folder = made.publisher.folder / "generations"
    left = [folder / name for name in (".staging-1-mine-2.arrays", "mine-000009.arrays")]
    others = folder / ".staging-1-theirs-2.arrays"
    for path in (*left, others):
        path.mkdir()
        (path / "models.user_ids.npy").write_bytes(b"")
    made.publish(*source)
    assert [path.exists() for path in left] == [False, False]
    assert others.exists()


def test_a_generation_names_whom_its_arrays_name(made, source):
    generation = made.publish(*source)
    assert arrays_folder_names(generation.arrays, {N_USERS})
    assert not arrays_folder_names(generation.arrays, {N_USERS + 1})
    with duckdb.connect(str(generation.path), read_only=True) as connection:
        tables = connection.execute("select count(*) from recommendations where user_id = 1").fetchone()
    assert tables and tables[0]
    assert generation.names({1}) and not generation.names({N_USERS + 1})


def test_a_generation_without_arrays_is_said_to_have_none(made, source, tmp_path):
    number = made.publisher.next_number()
    generation = made.publisher.make_current(
        number, made.publisher.stage(number, source[0], made.tables(number))
    )
    assert not generation.arrays.exists()
    with pytest.raises(ArraysError, match=r"mine-000001\.arrays is not there: publish anew"):
        read_serving_arrays(generation.arrays)


def test_arrays_of_another_format_or_with_a_field_missing_are_refused(made, source):
    folder = made.publish(*source).arrays
    about = json.loads((folder / "about.json").read_text())
    (folder / "about.json").write_text(json.dumps(about | {"format": 99}))
    with pytest.raises(ArraysError, match="has format 99, this server reads 1: publish anew"):
        read_serving_arrays(folder)
    (folder / "about.json").write_text(json.dumps(about))
    (folder / "fold_in.gram.npy").unlink()
    with pytest.raises(ArraysError, match=r"fold_in in mine-000001\.arrays holds the fields"):
        read_serving_arrays(folder)


def test_models_of_other_movies_are_refused(made, source, tmp_path):
    generation = made.publish(*source)
    others = dataclasses.replace(source[1], item_ids=source[1].item_ids + 1)
    with pytest.raises(ValueError, match="120 movies are published, but the models know 120 others"):
        write_serving_arrays(tmp_path / "new.arrays", generation.path, others)
