"""New generations are swapped to, and back from, without a failed request or a mixed answer."""

from __future__ import annotations

import gc
import threading
import time
from pathlib import Path

import duckdb
import httpx
import pytest

from recsys_assets.algorithms.explanation import ListModels
from recsys_assets.serving import generations as module
from recsys_assets.serving.api import create_api
from recsys_assets.serving.generations import Generations
from recsys_assets.serving.metrics import Metrics
from recsys_assets.serving.problems import Problem
from recsys_assets.serving.settings import ServeSettings
from recsys_assets_tests.made_publication import MadePublication, write_registry
from recsys_assets_tests.serving import serving

N_USERS, N_MOVIES = 50, 300


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ListModels]:
    folder = tmp_path_factory.mktemp("source")
    made = MadePublication(folder, "mine", N_USERS, N_MOVIES)
    return made.warehouse(folder / "warehouse.duckdb"), made.models()


@pytest.fixture
def made(tmp_path: Path, source: tuple[Path, ListModels]) -> MadePublication:
    write_registry(tmp_path, "mine")
    publication = MadePublication(tmp_path, "mine", N_USERS, N_MOVIES)
    publication.publish(*source)
    return publication


def expected(number: int, user_id: int) -> list[int]:
    """The movies of a user's hybrid list in a generation, as the publication was made."""
    movies = [1 + (user_id * 104729 + rank * 17) % N_MOVIES for rank in range(1, 21)]
    return [1 + (movie + number * 7) % N_MOVIES for movie in movies]


def test_while_generations_come_and_go_every_request_gets_one_whole_generation(made, source, monkeypatch):
    monkeypatch.setattr(module, "LOOK_EVERY_S", 0.05)
    over = threading.Event()
    faults: list[str] = []
    seen: set[int] = set()

    def ask(base: str, user_id: int) -> None:
        with httpx.Client(base_url=base, timeout=10) as client:
            while not over.is_set():
                for path in (f"/v1/users/{user_id}/recommendations?n=20&offset=0", "/v1/movies/1/similar"):
                    answer = client.get(path)
                    if answer.status_code != 200:
                        faults.append(f"{path}: {answer.status_code} {answer.text}")
                        continue
                    content = answer.json()
                    number = int(content["model_version"].rsplit("-", 1)[1])
                    found = [item["movie_id"] for item in content["items"]]
                    seen.add(number)
                    right = (
                        expected(number, user_id)
                        if "similar" not in path
                        else [1 + (1 + number * 7) % N_MOVIES]
                    )
                    if found != right:
                        faults.append(f"{path} of generation {number}: {found}")

    with serving(create_api(ServeSettings(made.data, "mine"))) as base:
        askers = [threading.Thread(target=ask, args=(base, user_id)) for user_id in (1, 2, N_USERS)]
        for asker in askers:
            asker.start()
        for _ in range(8):
            made.publish(*source)
            time.sleep(0.1)
        made.publisher.roll_back(reason="asked for")
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            if httpx.get(f"{base}/health/ready").json()["model_version"] == "mine-000008":
                break
            time.sleep(0.05)
        else:
            faults.append("the generation that was gone back to does not answer")
        over.set()
        for asker in askers:
            asker.join()
    assert not faults, faults[:3]
    assert {9, 8} <= seen and len(seen) > 3


def test_a_request_that_began_before_a_swap_ends_with_what_it_began_with(made, source):
    generations = Generations(made.data, Metrics())
    before = generations.current("mine")
    for _ in range(4):
        made.publish(*source)
    assert not (made.publisher.folder / "generations" / "mine-000001.duckdb").exists()
    generations.refresh()
    now = generations.current("mine")
    assert (before.number, now.number) == (1, 5)
    for served in (before, now):
        assert served.rows("select generation from publication") == [{"generation": served.number}]
        movies = served.catalogue.movie_ids[served.lists["hybrid"].items[0]].tolist()
        assert movies == expected(served.number, 1)


def test_the_last_to_let_go_of_a_generation_closes_it(made, source):
    def open_files() -> list[str]:
        links = Path("/proc/self/maps").read_text().splitlines()
        descriptors = [str(path.readlink()) for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]
        return [name for name in (*links, *descriptors) if "mine-000001" in name and str(made.data) in name]

    if not Path("/proc/self/maps").exists():
        pytest.skip("needs /proc to tell which files are open")
    generations = Generations(made.data, Metrics())
    held = generations.current("mine")
    made.publish(*source)
    generations.refresh()
    gc.collect()
    assert open_files()
    del held
    gc.collect()
    assert not open_files()


@pytest.mark.parametrize(("champion", "default"), [("als", "als"), ("of_another_time", "hybrid")])
def test_the_champion_of_lists_answers_where_no_strategy_is_named(made, source, champion, default):
    current = made.publisher.current()
    current.path.chmod(0o644)
    with duckdb.connect(str(current.path)) as connection:
        connection.execute(
            f"create table champions as from (values ('rating', 'blend'), ('ranking', '{champion}')) t(task, strategy)"
        )
    assert Generations(made.data, Metrics()).current("mine").default_strategy == default


def test_a_generation_that_cannot_be_served_leaves_the_one_before(made, source, caplog):
    metrics = Metrics()
    generations = Generations(made.data, metrics)
    assert generations.current("mine").number == 1
    number = made.publisher.next_number()
    made.publisher.make_current(number, made.publisher.stage(number, source[0], made.tables(number)))
    generations.refresh()
    assert generations.current("mine").number == 1
    assert "mine-000001 stays, for mine-000002 can't be served" in caplog.text
    made.publish(*source)
    generations.refresh()
    assert generations.current("mine").number == 3


def test_what_was_published_without_arrays_is_said_to_need_a_publication(tmp_path, source):
    write_registry(tmp_path, "mine")
    made = MadePublication(tmp_path, "mine", N_USERS, N_MOVIES)
    made.publisher.make_current(1, made.publisher.stage(1, source[0], made.tables(1)))
    with pytest.raises(Problem, match="publish anew with `recsys run`") as raised:
        Generations(tmp_path, Metrics()).current("mine")
    assert raised.value.status == 503
