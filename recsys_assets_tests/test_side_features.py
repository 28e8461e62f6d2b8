"""What models know besides ratings: terms as sparse rows, and who and what a data set says users and movies are."""

from __future__ import annotations

from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from recsys_assets.algorithms.rating_prediction.factorization_machine import SideFeatures
from recsys_assets.algorithms.rating_prediction.side_features import multi_hot
from recsys_assets.definitions import defs
from recsys_assets.storage.arrays import load_artifact
from recsys_assets_tests.graph import World, finished, key, upstream
from recsys_assets_tests.made_datasets import MOVIES, NEWCOMER, USERS, world_of

TERMS = st.lists(st.lists(st.sampled_from(["War", "Drama", "a b", "ö", "Sci-Fi"]), max_size=6), max_size=8)


# Terms.


@given(TERMS)
def test_a_row_has_a_column_for_each_of_its_terms_and_unit_length(rows: list[list[str]]) -> None:
    vocabulary = sorted({term for row in rows for term in row})
    expected = np.array([[term in row for term in vocabulary] for row in rows]).reshape(
        len(rows), len(vocabulary)
    )
    length = np.sqrt(np.maximum(expected.sum(axis=1, keepdims=True), 1))
    found = multi_hot(rows)
    assert found.dtype == np.float32
    assert found.shape == expected.shape
    assert_allclose(found.toarray(), expected / length, rtol=1e-6)


@given(TERMS, st.randoms())
def test_order_and_repetition_of_a_rows_terms_make_no_difference(
    rows: list[list[str]], random: Random
) -> None:
    again = [random.sample(row + row, 2 * len(row)) for row in rows]
    assert_array_equal(multi_hot(again).toarray(), multi_hot(rows).toarray())


# The asset.


@pytest.fixture(scope="module", params=["ml-100k", "ml-1m"])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[World, str]:
    """A world whose made data set says who its users are, up to their features."""
    layout = str(request.param)
    world = world_of(tmp_path_factory.mktemp("side_features") / "world", layout)
    assert world.run(layout, upstream("side_features")).success
    return world, layout


def features(world: World, dataset: str) -> SideFeatures:
    return load_artifact(world.data / "artifacts" / dataset / "side_features.npz", SideFeatures)


def test_users_have_their_age_bracket_gender_and_occupation_and_movies_genres_and_decade(
    made: tuple[World, str],
) -> None:
    found = features(*made)
    columns = [*("20", "30", "50"), *("F", "M"), *("artist", "lawyer", "writer")]
    expected_users = [
        [name in (str(age // 10 * 10), sex, work) for name in columns] for age, sex, work in USERS.values()
    ]
    assert_array_equal(found.users.toarray(), np.array(expected_users, dtype=np.float32))
    decades = ["1950", "1960", "1970", "1980"]
    genres = multi_hot(of for _, of in MOVIES.values()).toarray()
    of_decades = [[f"({decade[:3]}" in title for decade in decades] for title, _ in MOVIES.values()]
    assert_allclose(found.items.toarray(), np.hstack([genres, of_decades]), rtol=1e-6)


def test_a_user_of_whom_nothing_is_said_has_no_feature(made: tuple[World, str], tmp_path: Path) -> None:
    world, dataset = made
    before = features(world, dataset).users.toarray()
    copy = world.copy(tmp_path / "world")
    copy.query(dataset, f"delete from users where user_id = {NEWCOMER}")
    copy.query(dataset, "update users set gender = null where user_id = 1")
    assert copy.run(dataset, ["side_features"]).success
    after = features(copy, dataset).users.toarray()
    assert not after[NEWCOMER - 1].any()
    assert after[0].sum() == before[0].sum() - 1
    assert_array_equal(
        np.delete(after, [0, NEWCOMER - 1], axis=0), np.delete(before, [0, NEWCOMER - 1], axis=0)
    )


def test_a_data_set_that_knows_no_users_still_has_a_row_for_each(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    world, _ = finished(tmp_path_factory)
    [(n_users, n_movies)] = world.query(
        "sample", "select (select count(distinct user_id) from ratings), (select count(*) from movies)"
    )
    found = features(world, "sample")
    assert found.users.shape == (n_users, 0)
    assert found.items.shape[0] == n_movies
    assert (found.items.sum(axis=1) > 0).all()


# What it can not have seen.


def test_of_ratings_it_is_made_of_nothing_but_training_rows() -> None:
    node = defs().resolve_asset_graph().get(key("side_features"))
    assert {parent.to_user_string() for parent in node.parent_keys} == {"users", "movies", "train_ratings"}


def test_stars_times_and_movies_rated_make_no_difference(made: tuple[World, str], tmp_path: Path) -> None:
    world, dataset = made
    copy = world.copy(tmp_path / "world")
    copy.query(
        dataset,
        "update train_ratings set rating = 6 - rating, movie_id = 31 - movie_id, rated_at = rated_at + interval 1 year",
    )
    for part in ("ratings", "validation_ratings", "test_ratings"):
        copy.query(dataset, f"delete from {part}")
    assert copy.run(dataset, ["side_features"]).success
    assert copy.versions(dataset)["side_features"] == world.versions(dataset)["side_features"]
