"""Backtests of real archives: eight windows by one command, and again to the same bytes."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest

from recsys_assets.contracts import BACKTEST_TABLES, WINDOW_NAMES
from recsys_assets.defs.provenance import DATA_VERSION_TAG, latest_materializations
from recsys_assets.partitions import window_key
from recsys_assets_tests.graph import World, key

pytestmark = pytest.mark.slow

SECONDS = 1800
"""Of eight windows, on a machine that others may use too."""


@dataclass(frozen=True)
class Backtested:
    """A world in which `recsys backtest` has run on one real data set, in a process of its own."""

    world: World
    dataset: str
    archives: Path
    said: str

    def again(self, *options: str) -> str:
        return backtest(self.world, self.dataset, self.archives, *options)

    def versions(self) -> dict[str, str]:
        keys = [key(name) for name in BACKTEST_TABLES]
        found = {}
        for window in WINDOW_NAMES:
            made = latest_materializations(self.world.instance, keys, window_key(self.dataset, window))
            for made_key, entry in made.items():
                assert entry.asset_materialization is not None
                tags = entry.asset_materialization.tags or {}
                found[f"{window}/{made_key.to_user_string()}"] = tags[DATA_VERSION_TAG]
        return found


def backtest(world: World, dataset: str, archives: Path, *options: str) -> str:
    command = "from recsys_assets.cli import main; main()"
    spoken = subprocess.run(
        [sys.executable, "-c", command, "backtest", "--dataset", dataset, *options],
        env=os.environ | world.environment | {"RECSYS_DATASETS": str(archives)},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert spoken.returncode == 0, spoken.stderr
    return spoken.stdout


@pytest.fixture(scope="module", params=["ml-100k", "ml-latest-small"])
def backtested(
    request: pytest.FixtureRequest, datasets_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Backtested:
    dataset = request.param
    if not (datasets_folder / f"{dataset}.zip").is_file():
        pytest.skip(f"{dataset}.zip is not in the folder that RECSYS_DATASETS names")
    world = World.new(tmp_path_factory.mktemp(dataset) / "world")
    return Backtested(world, dataset, datasets_folder, backtest(world, dataset, datasets_folder))


def test_all_windows_are_made_each_older_rating_learned_from(backtested: Backtested) -> None:
    assert f"{len(WINDOW_NAMES)} of {len(WINDOW_NAMES)} windows made" in backtested.said
    rows = backtested.world.query(
        backtested.dataset,
        "select newest_training_row < trained_until and trained_until <= starts_at, ends_at, trained_until, n_train, "
        'n_judged from backtest_windows order by "window"',
    )
    assert [row[0] for row in rows] == [True] * len(WINDOW_NAMES)
    assert all(before[1] < after[2] for before, after in pairwise(rows))
    assert all(before[3] + before[4] == after[3] for before, after in pairwise(rows))
    [(n_ratings,)] = backtested.world.query(backtested.dataset, "select count(*) from ratings")
    assert rows[-1][3] + rows[-1][4] == n_ratings


def test_als_ranks_better_than_popularity_over_all_windows(backtested: Backtested) -> None:
    [(gain, half_width)] = backtested.world.query(
        backtested.dataset,
        "select sum(n_users * difference) / sum(n_users), "
        "sqrt(sum((n_users * (ci_high - ci_low) / 2) ** 2)) / sum(n_users) from backtest_comparisons "
        "where model = 'als' and metric = 'ndcg' and segment = 'warm_users'",
    )
    assert gain > half_width


def test_a_second_backtest_makes_nothing_and_a_forced_window_is_the_same_bytes(
    backtested: Backtested,
) -> None:
    before = backtested.versions()
    assert len(before) == len(WINDOW_NAMES) * len(BACKTEST_TABLES)
    assert "are up to date; nothing was made again" in backtested.again()
    assert "1 of 1 windows made" in backtested.again("--windows", "1", "--force")
    assert backtested.versions() == before
