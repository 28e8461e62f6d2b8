"""A world to run the graph in: a data folder and a Dagster home of its own, and what tests ask of them."""

from __future__ import annotations

import io
import os
import shutil
import sqlite3
import sys
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, NamedTuple

import dagster as dg
import duckdb
import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from recsys_assets import cli, launch
from recsys_assets.definitions import defs
from recsys_assets.defs import whole
from recsys_assets.defs.automation.jobs import SLOW_GROUPS, everything, full
from recsys_assets.defs.provenance import DATA_VERSION_TAG, latest_materializations
from recsys_assets.defs.resources import Project, build_resources
from recsys_assets.defs.staleness import stale_assets
from recsys_assets.partitions import DATASETS
from recsys_assets.settings import project_folder
from recsys_assets.storage.files import locked

__all__ = [
    "NDCG_AT_10",
    "QUIET",
    "World",
    "cross_validated",
    "downstream",
    "every_check",
    "finished",
    "key",
    "leaking",
    "recsys",
    "slow",
    "upstream",
    "with_resources",
]

NDCG_AT_10 = """
with liked as (
    select user_id, movie_id, row_number() over (partition by user_id) as place
    from holdout where part = 'test' and rating >= 4
), best as (
    select user_id, sum(1 / log2(1 + place)) as dcg from liked where place <= 10 group by user_id
), listed as (
    select user_id, sum(1 / log2(1 + rank)) as dcg from holdout_recommendations join liked using (user_id, movie_id)
    where strategy = 'als' and rank <= 10 group by user_id
)
select avg(coalesce(listed.dcg, 0) / best.dcg) from best left join listed using (user_id)
"""
"""NDCG@10 of ALS from a published file: the evaluation's figure, from held-out rows and judged lists alone."""

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
FEW_MODELS_OF_STARS = {
    "dampings": [5.0],
    "half_lives": [365.0],
    "shrinkages": [50.0],
    "exponents": [1.0, 2.0],
    "neighbor_dampings": [0.2],
    "n_factors": 10,
    "epochs": 10,
    "mf_learning_rates": [0.02],
    "mf_regularizations": [0.04, 0.1],
    "svdpp_learning_rates": [0.005],
    "svdpp_regularizations": [0.06, 0.1],
    "fm_factors": 4,
    "fm_samples": 8,
    "fm_burn_in": 4,
    "fm_kept": 4,
}
FEW_LIKE_FEATURES = {"n_folds": 2, "epochs": 5, "fm_samples": 4, "fm_burn_in": 2, "fm_kept": 2}
QUICK: dict[str, dict[str, Any]] = {
    "als_settings": {"regularizations": [30.0, 100.0], "alphas": [5.0], "n_seeds": 1},
    "choose_rating_models": FEW_MODELS_OF_STARS,
    "cross_validate": FEW_MODELS_OF_STARS,
    "evaluate_ratings": {"n_resamples": 200},
    **{f"{fit}__like_features": FEW_LIKE_FEATURES for fit in ("tuning", "trial", "live")},
    "choose_like_models": FEW_LIKE_FEATURES | {"max_trees": 40},
    "predict_like_holdout": FEW_LIKE_FEATURES,
    "recommend_likes": FEW_LIKE_FEATURES,
    "evaluate_likes": {"n_resamples": 100},
    "cross_validate_likes": FEW_LIKE_FEATURES | {"max_trees": 40},
    "evaluate_like_folds": {"n_resamples": 100},
    "choose_user_clusters": {"max_clusters": 4, "n_repeats": 2, "n_init": 2},
}
"""Steps whose default settings take most of a run's time, with few candidates, short fits and few resamples."""


@event.listens_for(Engine, "connect")
def _wait_for_no_disk(connection: sqlite3.Connection, _: object) -> None:
    """Dagster's event log need not outlive a power cut here: thousands of writes would each wait for the disk."""
    connection.execute("pragma synchronous = off")


@dataclass(frozen=True)
class World:
    """A data folder and a Dagster home under one root; copies are cheap and share nothing."""

    root: Path

    @staticmethod
    def new(root: Path, *, remembered: bool = True) -> World:
        """A world in which nothing has run: the registry and the sample. What isn't to be remembered runs faster."""
        shipped = project_folder() / "data"
        world = World(root)
        world.data.mkdir(parents=True)
        world.home.mkdir()
        shutil.copy(shipped / "datasets.toml", world.data)
        shutil.copytree(shipped / "sample", world.data / "sample")
        if remembered:
            shutil.copy(project_folder() / "dagster.yaml", world.home)
        return world

    def copy(self, root: Path) -> World:
        shutil.copytree(self.root, root, symlinks=True, copy_function=_copy_or_link)
        return World(root)

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def project(self) -> Project:
        return Project(data=str(self.data))

    @cached_property
    def instance(self) -> dg.DagsterInstance:
        if (self.home / "dagster.yaml").exists():
            return dg.DagsterInstance.from_config(str(self.home))
        return dg.DagsterInstance.ephemeral()

    @cached_property
    def definitions(self) -> dg.Definitions:
        return with_resources(defs().assets or [], self.data)

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to work in this world."""
        return {"RECSYS_DATA": str(self.data), "DAGSTER_HOME": str(self.home), "RECSYS_DATASETS": ""}

    def run(
        self,
        dataset: str,
        assets: Iterable[str] | None = None,
        *,
        config: dict[str, dict[str, Any]] | None = None,
        with_slow: bool = False,
    ) -> dg.ExecuteInProcessResult:
        """Run these assets and what their steps make too, or all, with their checks, as the job `everything` does.

        With the slow ones it is the job `full`. The settings of steps are the defaults but for those of ``QUICK``, and
        before both go those that ``config`` gives.
        """
        job = self.definitions.resolve_job_def(full.name if with_slow else everything.name)
        selected = None if assets is None else self._made_with(assets)
        steps = {_steps()[made] for made in selected or job.asset_layer.selected_asset_keys}
        settings = {step: QUICK.get(step, {}) | (config or {}).get(step, {}) for step in steps}
        run_id = str(uuid.uuid4())
        with launch.log_held_open(self.instance, run_id):
            return job.execute_in_process(
                instance=self.instance,
                run_id=run_id,
                partition_key=dataset,
                asset_selection=selected,
                run_config=QUIET | {"ops": {step: {"config": own} for step, own in settings.items() if own}},
                raise_on_error=False,
            )

    def check(self, dataset: str, assets: Iterable[str]) -> dg.ExecuteInProcessResult:
        """Run the checks of these assets and of what their steps make too, without making anything."""
        graph = self.definitions.resolve_asset_graph()
        checks = {check for made in self._made_with(assets) for check in graph.get(made).check_keys}
        job = dg.define_asset_job(
            "checks", dg.AssetSelection.checks(*checks), executor_def=dg.in_process_executor
        )
        return (
            dg.Definitions.merge(self.definitions, dg.Definitions(jobs=[job]))
            .resolve_job_def("checks")
            .execute_in_process(
                instance=self.instance,
                tags={"dagster/partition": dataset},
                run_config=QUIET,
                raise_on_error=False,
            )
        )

    def _made_with(self, assets: Iterable[str]) -> list[dg.AssetKey]:
        graph = self.definitions.resolve_asset_graph()
        return sorted({made for name in assets for made in graph.get(key(name)).execution_set_asset_keys})

    def versions(self, dataset: str) -> dict[str, str]:
        """The data version of each asset that was made."""
        graph = self.definitions.resolve_asset_graph()
        latest = latest_materializations(self.instance, graph.toposorted_asset_keys, dataset)
        materializations = {made: entry.asset_materialization for made, entry in latest.items()}
        return {
            made.to_user_string(): (one.tags or {})[DATA_VERSION_TAG]
            for made, one in materializations.items()
            if one
        }

    def stale(
        self, dataset: str, definitions: dg.Definitions | None = None, *, with_slow: bool = False
    ) -> dict[str, str]:
        """The reason of each asset that must be made again; the slow ones are left as they are unless asked for."""
        left_out = frozenset() if with_slow else frozenset(key(name) for name in slow())
        found = stale_assets(
            definitions or self.definitions, self.instance, self.project, dataset, left_out=left_out
        )
        return {made.to_user_string(): reason for made, reason in found.items()}

    def query(self, dataset: str, sql: str) -> list[tuple[Any, ...]]:
        """Ask the warehouse, or change it."""
        with self.project.warehouse.connect(dataset) as connection:
            return connection.execute(sql).fetchall()

    def published(self, dataset: str, sql: str) -> list[tuple[Any, ...]]:
        """Ask the publication, as its readers do."""
        path = self.data / "published" / f"{dataset}.duckdb"
        with duckdb.connect(str(path), read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def edit(self, file: str, change: Callable[[str], str]) -> None:
        """Rewrite a text file of the data folder; it must come out different."""
        path = self.data / file
        before = path.read_text(encoding="utf-8")
        after = change(before)
        assert after != before
        path.write_text(after, encoding="utf-8")


@contextmanager
def leaking(*deps: str, name: str = "leaky_factors") -> Iterator[None]:
    """A graph with a model more, made of these assets, as long as it lasts."""

    @dg.asset(key=key(name), deps=[key(dep) for dep in deps], partitions_def=DATASETS)
    def leaky() -> None:
        """Learns from what it must not."""

    definitions = dg.Definitions([*(defs().assets or []), leaky], resources=defs().resources)
    # Not before defs() has loaded it, which keeps Dagster's warnings of previewed parameters to itself.
    from recsys_assets.defs.split import checks as split_checks

    with pytest.MonkeyPatch.context() as patch:
        for module in (whole, split_checks):
            patch.setattr(module, "whole_definitions", lambda: definitions)
        whole._neighbours.cache_clear()
        yield
    whole._neighbours.cache_clear()


class Spoken(NamedTuple):
    """What a command said, and its exit code."""

    code: int
    out: str
    err: str


def with_resources(assets: Sequence[Any], data: Path) -> dg.Definitions:
    """The project's definitions with other assets, bound to a data folder."""
    shipped = defs()
    return dg.Definitions(
        assets=assets,
        asset_checks=shipped.asset_checks,
        jobs=[job for job in shipped.jobs or [] if job.name in (everything.name, full.name)],
        resources=build_resources(data=data, archives=None),
    )


def key(name: str) -> dg.AssetKey:
    return dg.AssetKey.from_user_string(name)


def every_check(result: dg.ExecuteInProcessResult) -> dict[tuple[str, str], bool]:
    """Whether each check of the run passed, by asset and name."""
    return {
        (check.asset_key.to_user_string(), check.check_name): check.passed
        for check in result.get_asset_check_evaluations()
    }


@cache
def _steps() -> dict[dg.AssetKey, str]:
    """The name of the step that makes each asset."""
    steps = [one for one in defs().assets or [] if isinstance(one, dg.AssetsDefinition)]
    return {made: step.op.name for step in steps for made in step.keys}


def slow() -> set[str]:
    """The assets that only a full run makes."""
    graph = defs().resolve_asset_graph()
    nodes = (graph.get(found) for found in graph.get_all_asset_keys())
    return {node.key.to_user_string() for node in nodes if node.group_name in SLOW_GROUPS}


def upstream(*names: str) -> set[str]:
    """These assets and all that they are made of."""
    return _reached(names, lambda node: node.parent_keys)


def downstream(*names: str) -> set[str]:
    """These assets and all that is made of them."""
    return _reached(names, lambda node: node.child_keys)


def _reached(names: Iterable[str], next_keys: Callable[[Any], Iterable[dg.AssetKey]]) -> set[str]:
    graph = defs().resolve_asset_graph()
    reached: set[dg.AssetKey] = set()
    pending = [key(name) for name in names]
    while pending:
        found = pending.pop()
        if found not in reached:
            reached.add(found)
            pending += next_keys(graph.get(found))
    return {found.to_user_string() for found in reached}


class Outcome(NamedTuple):
    """How the run that made a shared world ended: whether it succeeded, and each check of it by asset and name."""

    success: bool
    checks: dict[tuple[str, str], bool]


class Shared(NamedTuple):
    """A shared world as one process has it, the run that made it, and the files that it left."""

    world: World
    outcome: Outcome
    files: set[tuple[Path, int, int]]


def finished(factory: pytest.TempPathFactory) -> tuple[World, Outcome]:
    """The world in which the whole graph has run on the sample, once in a session: read it, or copy it."""
    return _unchanged(_finished(_common_folder(factory), factory.getbasetemp()))


def cross_validated(factory: pytest.TempPathFactory) -> tuple[World, Outcome]:
    """The finished world after a full run, which makes the slow assets too, once in a session: read it, or copy it."""
    return _unchanged(_cross_validated(_common_folder(factory), factory.getbasetemp()))


def _common_folder(factory: pytest.TempPathFactory) -> Path:
    """The folder that all processes of the test session share."""
    own = factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@cache
def _finished(common: Path, own: Path) -> Shared:
    return _shared(_made_finished(common), own / "finished")


@cache
def _cross_validated(common: Path, own: Path) -> Shared:
    def make(root: Path) -> str:
        world = _made_finished(common).copy(root)
        with world.instance:
            return world.run("sample", world.stale("sample", with_slow=True), with_slow=True).run_id

    return _shared(_made_once(common / "made_cross_validated", make), own / "cross_validated")


def _made_finished(common: Path) -> World:
    def make(root: Path) -> str:
        world = World.new(root)
        with world.instance:
            return world.run("sample").run_id

    return _made_once(common / "made_finished", make)


def _made_once(folder: Path, make: Callable[[Path], str]) -> World:
    """The world that the first process to ask makes, while others wait; none of them works in it, all copy it."""
    run = folder / "run_id"
    with locked(folder.with_suffix(".lock")):
        if not run.exists():
            run.write_text(make(folder), encoding="utf-8")
    return World(folder)


def _shared(made: World, root: Path) -> Shared:
    world = made.copy(root)
    run_id = (made.root / "run_id").read_text(encoding="utf-8")
    run = world.instance.get_run_by_id(run_id)
    logged = world.instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    evaluations = [one for entry in logged if (one := entry.asset_check_evaluation)]
    checks = {(one.asset_key.to_user_string(), one.check_name): one.passed for one in evaluations}
    return Shared(world, Outcome(run is not None and run.is_success, checks), _files(world))


def _unchanged(shared: Shared) -> tuple[World, Outcome]:
    changed = sorted({str(path) for path, *_ in shared.files ^ _files(shared.world)})
    assert not changed, f"a test has written into the world that all share: {changed}; give it a copy"
    return shared.world, shared.outcome


def _copy_or_link(source: str, target: str) -> None:
    """Arrays are most of a world, and replaced, never written into: they can be linked."""
    (os.link if source.endswith(".npz") else shutil.copy2)(source, target)


def _files(world: World) -> set[tuple[Path, int, int]]:
    """The files of the data folder with their sizes and times of change."""
    files = {path.relative_to(world.data): path.stat() for path in world.data.rglob("*") if path.is_file()}
    return {(path, stat.st_size, stat.st_mtime_ns) for path, stat in files.items()}


def recsys(world: World, *arguments: str) -> Spoken:
    """The `recsys` command in a world, in this process."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        for name, value in world.environment.items():
            patch.setenv(name, value)
        patch.setattr(launch, "defs", lambda: world.definitions)
        patch.setattr(sys, "argv", ["recsys", *arguments])
        try:
            cli.main()
            code = 0
        except SystemExit as stopped:
            code = int(stopped.code or 0)
    return Spoken(code, out.getvalue(), err.getvalue())
