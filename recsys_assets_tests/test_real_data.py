"""Whole runs on real data, from the archives that RECSYS_DATASETS names: quality floors, and how long they take."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from recsys_assets.contracts import PUBLISHED
from recsys_assets_tests.graph import NDCG_AT_10, World

pytestmark = pytest.mark.slow

SECONDS = {"ml-latest-small": 180, "ml-100k": 240, "mini-latest-small": 180, "tmdb-5000": 270}


@dataclass(frozen=True)
class Ran:
    """A world in which `recsys run` has run on one real data set, in a process of its own."""

    world: World
    dataset: str
    spoken: subprocess.CompletedProcess[str]
    seconds: float

    def figure(self, table: str, column: str, where: str) -> float:
        [(value,)] = self.world.published(
            self.dataset,
            f"select {column} from {table} where metric = 'ndcg' and k = 10 and segment = 'all' and {where}",
        )
        return float(value)


@pytest.fixture(scope="module", params=list(SECONDS))
def ran(
    request: pytest.FixtureRequest, datasets_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Ran:
    world = World.new(tmp_path_factory.mktemp(request.param) / "world")
    source = world.project.registry.dataset(request.param).source
    lenders = [source.subset_of or request.param, source.genome_of, source.catalogue_of]
    for name in filter(None, lenders):
        archive = datasets_folder / str(world.project.registry.entry(name).source.archive)
        if not archive.is_file():
            pytest.skip(f"{archive.name} is not in the folder that RECSYS_DATASETS names")
    started = time.monotonic()
    spoken = run(world, request.param, datasets_folder)
    return Ran(world, request.param, spoken, time.monotonic() - started)


def run(world: World, dataset: str, archives: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from recsys_assets.cli import main; main()", "run", "--dataset", dataset],
        env=os.environ | world.environment | {"RECSYS_DATASETS": str(archives)},
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )


def test_real_data_go_through_all_gates_and_are_published(ran: Ran) -> None:
    assert ran.spoken.returncode == 0, ran.spoken.stderr
    assert re.search(r"Published in [\d.]+ s by run", ran.spoken.stdout)
    tables = {name for (name,) in ran.world.published(ran.dataset, "select table_name from duckdb_tables()")}
    assert tables == set(PUBLISHED)
    assert ran.world.published(ran.dataset, "select count(*) from gates where not passed") == [(0,)]


def test_real_data_take_no_longer_than_promised(ran: Ran) -> None:
    assert ran.seconds <= SECONDS[ran.dataset]


def test_the_published_ndcg_of_real_data_is_the_recomputed_one(ran: Ran) -> None:
    [(recomputed,)] = ran.world.published(ran.dataset, NDCG_AT_10)
    assert recomputed == pytest.approx(ran.figure("evaluation", "value", "model = 'als'"), abs=1e-9)


def test_als_beats_popularity_on_real_data_beyond_noise(ran: Ran) -> None:
    assert ran.figure("comparisons", "ci_low", "model = 'als' and baseline = 'popularity'") > 0


def test_content_costs_the_hybrid_next_to_nothing_on_real_data(ran: Ran) -> None:
    assert ran.figure("comparisons", "difference", "model = 'hybrid' and baseline = 'als'") >= -0.002


def test_als_reaches_its_floor_on_latest_small(ran: Ran) -> None:
    if ran.dataset != "ml-latest-small":
        pytest.skip("the floor is that of ml-latest-small")
    assert ran.figure("evaluation", "value", "model = 'als'") >= 0.117


def test_a_second_run_on_real_data_finds_nothing_to_do(ran: Ran, datasets_folder: Path) -> None:
    spoken = run(ran.world, ran.dataset, datasets_folder)
    assert spoken.returncode == 0, spoken.stderr
    assert "assets are up to date; nothing was made again" in spoken.stdout
    assert ran.world.published(ran.dataset, "select generation from publication") == [(1,)]
