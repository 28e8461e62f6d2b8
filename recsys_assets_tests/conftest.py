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


SAME_WORLDS = (
    "test_automation",
    "test_cli",
    "test_cross_validation",
    "test_drift_assets",
    "test_explaining",
    "test_forgetting",
    "test_graph",
)
"""Files that need the finished and the cross-validated world: in one process both are made once."""


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    """Keep a file's tests, and the files that share worlds, in one process of ``--dist loadgroup``."""
    for item in items:
        group = "worlds" if item.path.stem in SAME_WORLDS else item.path.stem
        item.add_marker(pytest.mark.xdist_group(group))
    yield


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
