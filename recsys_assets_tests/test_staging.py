"""Users and official folds through the graph: what the tables hold, and which folds stop a run."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from recsys_assets_tests.graph import World, every_check

ENTRY = """
[datasets.ml-100k]
title = "Four ratings in two folds"
layout = "ml-100k"
licence = "none"
source = { folder = "incoming" }
"""
FLAGS = "|".join("0" * 19)
FILES = {
    "u.item": "".join(f"{movie}|Movie {movie} (1995)||||{FLAGS}\n" for movie in (1, 2, 3)),
    "u.data": "1\t1\t5\t880000000\n1\t2\t4\t880000001\n2\t1\t3\t880000002\n2\t2\t2\t880000003\n",
    "u.user": "1|24|M|writer|85711\n2|53|F|other|94043\n",
    "u1.test": "1\t1\t5\t880000000\n2\t2\t2\t880000003\n",
    "u2.test": "1\t2\t4\t880000001\n2\t1\t3\t880000002\n",
}
# Given again later, mended within the second, given earlier than the rating that stands, and never before.
DROPPED = (
    "userId,movieId,rating,timestamp\n"
    "1,1,1.0,890000000\n1,2,4.5,880000001\n2,1,0.5,870000000\n2,3,5.0,890000000\n"
)
CHECK = ("official_folds", "disjoint_ratings")


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> tuple[World, dg.ExecuteInProcessResult]:
    """A world in which a small data set in the layout of ML-100K stands in its tables, with ratings dropped since."""
    world = World.new(tmp_path_factory.mktemp("staged") / "world", remembered=False)
    (world.data / "datasets.toml").write_text(ENTRY)
    files = {f"incoming/{name}": content for name, content in FILES.items()}
    for name, content in {**files, "inbox/ml-100k/new.csv": DROPPED}.items():
        path = world.data / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return world, world.run("ml-100k", ["raw_files", "movies", "inbox", "ratings", "users", "official_folds"])


def counted(result: dg.ExecuteInProcessResult) -> dict[str, int]:
    [check] = [one for one in result.get_asset_check_evaluations() if one.check_name == CHECK[1]]
    return {name: int(value.value) for name, value in check.metadata.items()}


def test_the_tables_hold_what_the_files_hold(staged: tuple[World, dg.ExecuteInProcessResult]) -> None:
    world, result = staged
    assert result.success
    assert world.query("ml-100k", "from users") == [(1, 24, "M", "writer"), (2, 53, "F", "other")]
    assert world.query("ml-100k", "select * exclude rated_at from official_folds") == [
        ("u1", 1, 1, 5.0),
        ("u1", 2, 2, 2.0),
        ("u2", 1, 2, 4.0),
        ("u2", 2, 1, 3.0),
    ]


def test_ratings_dropped_in_another_layout_than_the_raw_files_count(
    staged: tuple[World, dg.ExecuteInProcessResult],
) -> None:
    rows = staged[0].query("ml-100k", "select user_id, movie_id, rating from ratings")
    assert rows == [(1, 1, 1.0), (1, 2, 4.5), (2, 1, 3.0), (2, 2, 2.0), (2, 3, 5.0)]


def test_pairs_rated_again_through_the_inbox_are_counted_and_no_fault(
    staged: tuple[World, dg.ExecuteInProcessResult],
) -> None:
    _, result = staged
    assert every_check(result)[CHECK]
    assert counted(result) == {
        "not_in_ratings": 0,
        "other_than_in_ratings": 0,
        "in_two_folds": 0,
        "rated_again": 2,
    }


@pytest.mark.parametrize(
    ("fault", "name", "n_rated_again"),
    [
        ("delete from ratings where user_id = 2 and movie_id = 2", "not_in_ratings", 2),
        (
            "insert into official_folds select 'u3', * exclude fold from official_folds limit 1",
            "in_two_folds",
            3,
        ),
        # An older rating in the inbox excuses nothing: it is not the one that stands.
        (
            "update official_folds set rating = 4 where user_id = 2 and movie_id = 1",
            "other_than_in_ratings",
            2,
        ),
        ("update ratings set rating = 2 where user_id = 1 and movie_id = 1", "other_than_in_ratings", 1),
    ],
)
def test_folds_that_do_not_part_the_ratings_stop_the_run(
    fault: str,
    name: str,
    n_rated_again: int,
    staged: tuple[World, dg.ExecuteInProcessResult],
    tmp_path: Path,
) -> None:
    world = staged[0].copy(tmp_path / "world")
    world.query("ml-100k", fault)
    result = world.check("ml-100k", ["official_folds"])
    assert {check for check, passed in every_check(result).items() if not passed} == {CHECK}
    assert counted(result) == {
        "not_in_ratings": 0,
        "other_than_in_ratings": 0,
        "in_two_folds": 0,
        "rated_again": n_rated_again,
    } | {name: 1}
