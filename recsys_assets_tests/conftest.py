"""What several test files share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from hypothesis import settings

from recsys_assets.settings import archives_folder

# Versions of models go to files, whatever is installed here, but where a test asks for MLflow.
os.environ["RECSYS_LIFECYCLE"] = "files"

# A shared machine's pauses would fail examples that have nothing wrong with them.
settings.register_profile("recsys", deadline=None)
settings.load_profile("recsys")


LONGEST_FILES = (
    "test_graph",
    "test_lifecycle",
    "test_automation",
    "test_like_assets",
    "test_cli",
    "test_champions",
    "test_gates",
    "test_cross_validation",
    "test_rating_assets",
    "test_forgetting",
    "test_rollback",
)
"""Files that take longest go first, so that no process is left alone with them at the end; the second process begins
with files that need no finished world, while the first makes it."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    place = {name: number for number, name in enumerate(LONGEST_FILES)}
    items.sort(key=lambda item: place.get(item.path.stem, len(place)))


@pytest.fixture(scope="session")
def datasets_folder() -> Path:
    """The folder of real archives; without one the test is skipped."""
    folder = archives_folder()
    if folder is None or not folder.is_dir():
        pytest.skip("RECSYS_DATASETS names no folder of archives")
    return folder


@pytest.fixture(scope="module")
def catalogue() -> Iterator[duckdb.DuckDBPyConnection]:
    """A database of the movies 1 to 9, to which ratings and tags may refer."""
    with duckdb.connect() as connection:
        connection.execute("create table movies as select range as movie_id from range(1, 10)")
        yield connection
