"""What several test files share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import settings
from xdist.scheduler import LoadFileScheduling

from recsys_assets.settings import archives_folder

# Versions of models go to files, whatever is installed here, but where a test asks for MLflow.
os.environ["RECSYS_LIFECYCLE"] = "files"

# A shared machine's pauses would fail examples that have nothing wrong with them.
settings.register_profile("recsys", deadline=None)
settings.load_profile("recsys")


SAME_WORLDS = (
    "test_app_browser",
    "test_automation",
    "test_cli",
    "test_cross_validation",
    "test_drift_assets",
    "test_explaining",
    "test_forgetting",
    "test_graph",
    "test_serving_sample",
)
"""Files that need the finished and the cross-validated world: in one process each world is made once."""


class SameWorldsTogether(LoadFileScheduling):
    """A file's tests go to one process, and so do the files that share worlds."""

    def _split_scope(self, nodeid: str) -> str:
        file = Path(super()._split_scope(nodeid)).stem
        return "worlds" if file in SAME_WORLDS else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> SameWorldsTogether:
    return SameWorldsTogether(config, log)


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
