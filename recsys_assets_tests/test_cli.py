"""The `recsys` command: what it says, with which exit code; and a data set of one's own, end to end."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import duckdb
import numpy as np
import pytest

from recsys_assets import cli
from recsys_assets.defs.evaluation.gates import GATES, PROMOTION
from recsys_assets.settings import project_folder
from recsys_assets_tests.graph import Spoken, World, cross_validated, finished, recsys, slow


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return finished(tmp_path_factory)[0]


@pytest.fixture(scope="module", autouse=True)
def wide() -> None:
    """A terminal on which no title is folded."""
    cli.out.width = cli.err.width = 250


def complaint(spoken: Spoken) -> str:
    """The one line of a command that couldn't do what was asked."""
    assert spoken.code == 1
    assert spoken.out == ""
    [line] = spoken.err.splitlines()
    assert line.startswith("recsys: ")
    return line.removeprefix("recsys: ")


# What is asked of a publication.


def test_what_is_up_to_date_is_not_made_again(world: World, tmp_path: Path) -> None:
    copy = world.copy(tmp_path / "world")
    spoken = recsys(copy, "run", "--dataset", "sample")
    assert spoken.code == 0, spoken.err
    assert f"all {len(copy.versions('sample'))} assets are up to date; nothing was made again" in spoken.out
    assert "judged on the test rows of" in spoken.out
    assert copy.published("sample", "select generation from publication") == [(1,)]


def test_what_is_up_to_date_for_a_full_run_is_not_made_again_either(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    copy = cross_validated(tmp_path_factory)[0].copy(tmp_path / "world")
    n_assets = len(copy.versions("sample"))
    for options, n_looked_at in (([], n_assets - len(slow())), (["--full"], n_assets)):
        spoken = recsys(copy, "run", *options)
        assert spoken.code == 0, spoken.err
        assert f"all {n_looked_at} assets are up to date; nothing was made again" in spoken.out


def table_of(spoken: Spoken, heading: str) -> dict[str, list[str]]:
    """The rows of the table that has this column, by their first cell, from the heading on."""
    lines = spoken.out.splitlines()
    [first] = [number for number, line in enumerate(lines) if heading in line.split()]
    rows = [line.split() for line in lines[first + 2 :]]
    return {row[0]: row[1:] for row in rows[: rows.index([])]}


def test_the_summary_shows_errors_of_predicted_stars_the_least_first(world: World) -> None:
    spoken = recsys(world, "report")
    found = table_of(spoken, "RMSE")
    published = world.published(
        "sample",
        "select r.model, r.value, r.ci_low, r.ci_high, m.value "
        "from evaluation r join evaluation m using (model, segment) "
        "where r.metric = 'rmse' and m.metric = 'mae' and segment = 'all' order by r.value, model",
    )
    assert list(found.items()) == [
        (model, [f"{rmse:.4f}", f"{low:.3f}–{high:.3f}", f"{mae:.4f}"])
        for model, rmse, low, high, mae in published
    ]
    assert len(found) > 10
    assert "predicted stars of the test rows of 600 users" in spoken.out


def test_the_summary_shows_errors_over_folds_where_they_were_measured(
    world: World, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert "5fold" not in recsys(world, "report").out
    measured, _ = cross_validated(tmp_path_factory)
    spoken = recsys(measured, "report")
    assert "RMSE, random_5fold" in spoken.out
    errors = dict(
        measured.published(
            "sample",
            "select (model, metric), value from evaluation where split = 'random_5fold' and segment = 'all'",
        )
    )
    found = table_of(spoken, "RMSE")
    for model in ("blend", "svdpp"):
        mean, spread = errors[model, "rmse"], errors[model, "rmse_std"]
        assert found[model][-3:] == [f"{mean:.4f}", "±", f"{spread:.4f}"]
    assert found["content_knn"][-1] == "–"  # knows nothing of folds


def test_the_versions_of_the_content_engine_are_listed_with_their_reasons(world: World) -> None:
    spoken = recsys(world, "models")
    assert spoken.code == 0, spoken.err
    [(stage, silhouette, lift, low, decision, reason)] = world.published(
        "sample", "select stage, silhouette, lift, lift_ci_low, decision, reason from model_versions"
    )
    assert (stage, decision) == ("Production", "promoted")
    [row] = [line.split() for line in spoken.out.splitlines() if line.split()[:1] == ["1"]]
    assert row[1:7] == [
        "Production,",
        "champion",
        f"{silhouette:.4f}",
        f"{lift:.2f}",
        f"{low:.2f}",
        "promoted",
    ]
    assert f"1: {reason}" in spoken.out


def test_the_stars_of_a_user_are_the_published_ones(world: World) -> None:
    spoken = recsys(world, "stars", "1", "--n", "3")
    assert spoken.code == 0, spoken.err
    assert "most stars for user 1 of sample" in spoken.out
    published = world.published(
        "sample",
        "select title, predicted_rating, expected_error, confidence from predicted_ratings_top "
        "join movies using (movie_id) where user_id = 1 and rank <= 3 order by rank",
    )
    lines = [line for line in spoken.out.splitlines() if any(title in line for title, *_ in published)]
    assert len(lines) == 3
    for line, (title, stars, error, confidence) in zip(lines, published, strict=True):
        assert title in line
        assert line.split()[-3:] == [f"{stars:.3f}", f"{error:.3f}", confidence]


def test_a_user_nobody_knows_gets_the_cold_start_list_with_the_stars_of_anybody(world: World) -> None:
    spoken = recsys(world, "stars", "999999", "--n", "5")
    assert spoken.code == 0, spoken.err
    assert "999999 is not known" in spoken.out
    published = world.published(
        "sample",
        "select title, predicted_rating "
        "from cold_start join movies using (movie_id) join default_ratings using (movie_id) "
        "where rank <= 5 order by rank",
    )
    lines = [line for line in spoken.out.splitlines() if any(title in line for title, _ in published)]
    assert len(lines) == 5
    for line, (title, stars) in zip(lines, published, strict=True):
        assert title in line
        assert line.split()[-4:] == [f"{stars:.3f}", "–", "unknown", "user"]


def test_the_list_of_a_user_is_the_published_one(world: World) -> None:
    spoken = recsys(world, "top", "1", "--n", "3", "--strategy", "als")
    assert spoken.code == 0, spoken.err
    assert "als for user 1 of sample" in spoken.out
    titles = world.published(
        "sample",
        "select title from recommendations join movies using (movie_id) "
        "where strategy = 'als' and user_id = 1 and rank <= 3 order by rank",
    )
    places = [spoken.out.find(title) for (title,) in titles]
    assert -1 not in places and places == sorted(places) and len(places) == 3


def test_a_user_nobody_knows_gets_the_cold_start_list_and_is_told(world: World) -> None:
    spoken = recsys(world, "top", "999999")
    assert spoken.code == 0, spoken.err
    assert "user 999999 is not known to hybrid on sample" in spoken.out
    titles = world.published(
        "sample", "select title from cold_start join movies using (movie_id) where rank <= 10"
    )
    assert all(title in spoken.out for (title,) in titles)


@pytest.mark.parametrize("method", ["als", "svdpp", "content", "genome"])
def test_neighbours_are_found_by_id_and_by_title(world: World, method: str) -> None:
    [(movie_id, title, nearest)] = world.published(
        "sample",
        "select m.movie_id, m.title, n.title from similar_movies s join movies m using (movie_id) "
        "join movies n on n.movie_id = s.similar_movie_id "
        f"where method = '{method}' and rank = 1 order by m.movie_id limit 1",
    )
    by_id = recsys(world, "similar", str(movie_id), "--method", method)
    by_title = recsys(world, "similar", title.upper(), "--method", method)
    assert by_id.code == 0, by_id.err
    assert by_id == by_title
    assert f"nearest to {title} ({movie_id}) by {method}" in by_id.out
    assert nearest in by_id.out


def test_the_report_shows_figures_gates_and_where_the_page_is(world: World) -> None:
    spoken = recsys(world, "report")
    assert spoken.code == 0, spoken.err
    for (model,) in world.published("sample", "select distinct model from evaluation where segment = 'all'"):
        assert model in spoken.out
    assert all(gate in spoken.out for (gate,) in world.published("sample", "select gate from gates"))
    assert str(world.data / "reports" / "sample.html") in spoken.out
    assert (world.data / "reports" / "sample.html").is_file()


def test_figures_that_do_not_exist_are_dashes(world: World, tmp_path: Path) -> None:
    copy = world.copy(tmp_path / "world")
    with duckdb.connect(str(copy.data / "published" / "sample.duckdb")) as connection:
        connection.execute("update evaluation set value = null, ci_low = null, ci_high = null, n_users = 0")
        connection.execute("update gates set measured = null, distance = null where gate = 'ratings_min'")
    spoken = recsys(copy, "report")
    assert spoken.code == 0, spoken.err
    rows = {line.split()[0]: line.split()[1:] for line in spoken.out.splitlines() if line.strip()}
    assert rows["als"] == ["–"] * 5
    assert rows["blend"] == ["–"] * 3
    assert rows["ratings_min"][0] == rows["ratings_min"][-1] == "–"


def test_data_sets_are_listed_with_what_is_published_of_them(world: World) -> None:
    spoken = recsys(world, "datasets")
    assert spoken.code == 0, spoken.err
    lines = {line.split()[0]: line for line in spoken.out.splitlines() if line.strip()}
    assert world.project.registry.datasets.keys() <= lines.keys()
    assert "generation 1" in lines["sample"]
    assert "generation" not in lines["ml-25m"]


def test_help_names_every_command() -> None:
    spoken = recsys(World(project_folder()), "--help")
    assert spoken.code == 0
    assert all(
        command in spoken.out
        for command in ("run", "top", "stars", "similar", "report", "champions", "datasets")
    )


# What can't be done is said in one line.


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "--dataset", "nope"], "no data set 'nope' in datasets.toml; it has sample, mini"),
        (["top", "1", "--dataset", "nope"], "no data set 'nope' in datasets.toml"),
        (["top", "1", "--dataset", "../sample"], "no data set '../sample' in datasets.toml"),
        (["top", "1", "--dataset", "mini"], "mini has not been published yet: recsys run --dataset mini"),
        (["similar", "1", "--dataset", "mini"], "mini has not been published yet"),
        (["report", "--dataset", "mini"], "mini has not been published yet"),
        (["champions", "--dataset", "mini"], "mini has not been published yet"),
        (["models", "--dataset", "mini"], "mini has not been published yet"),
        (["stars", "1", "--dataset", "mini"], "mini has not been published yet: recsys run --dataset mini"),
        (["stars", "1", "--dataset", "nope"], "no data set 'nope' in datasets.toml"),
        (
            ["top", "1", "--strategy", "best"],
            "no strategy 'best' in sample; there are als, cluster_hybrid, content",
        ),
        (
            ["similar", "1", "--method", "best"],
            "no method 'best' in sample; there are als, content, content_cluster",
        ),
        (["similar", "no such movie"], "no movie 'no such movie' in sample"),
        (["similar", "9" * 60], f"no movie '{'9' * 60}' in sample"),
        (["similar", "[/] [red]"], "no movie '[/] [red]' in sample"),
        (["similar", "%"], "no movie '%' in sample"),
        (["similar", "'; drop table movies; --"], 'no movie "\'; drop table movies; --" in sample'),
    ],
)
def test_what_can_not_be_done_is_said_in_one_line(world: World, arguments: list[str], said: str) -> None:
    assert complaint(recsys(world, *arguments)).startswith(said)


def test_titles_that_several_movies_share_are_listed_with_their_ids(world: World) -> None:
    said = complaint(recsys(world, "similar", "the"))
    n_matches = int(said.split(" movies match 'the', give an id: ")[0])
    assert n_matches > 10
    assert said.endswith(f"; and {n_matches - 10} more")
    assert said.count(": ") == 11


def test_a_movie_without_neighbours_says_by_which_method(world: World) -> None:
    [(movie_id, title)] = world.published(
        "sample",
        "select movie_id, title from movies anti join (from similar_movies where method = 'genome') "
        "using (movie_id) order by movie_id limit 1",
    )
    said = complaint(recsys(world, "similar", str(movie_id), "--method", "genome"))
    assert said == f"genome knows nothing of {title} ({movie_id}); try another --method"


@pytest.mark.parametrize(
    "arguments",
    [
        ["top"],
        ["top", "me"],
        ["top", "9" * 60],
        ["top", "1", "--n", "0"],
        ["stars", "-1"],
        ["similar"],
        ["fly"],
    ],
)
def test_what_is_not_a_command_is_answered_with_its_use(world: World, arguments: list[str]) -> None:
    spoken = recsys(world, *arguments)
    assert spoken.code == 2
    assert "Usage" in spoken.err
    assert "Traceback" not in spoken.err


def test_a_data_folder_without_a_registry_is_said(tmp_path: Path) -> None:
    said = complaint(recsys(World(tmp_path), "datasets"))
    assert (
        said
        == f"{tmp_path / 'data'} holds no datasets.toml: set RECSYS_DATA to the folder that holds the registry"
    )


def test_a_registry_that_can_not_be_read_is_said(world: World, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "datasets.toml").write_text("[datasets.mine]\ntitle = 1\n")
    assert complaint(recsys(World(tmp_path), "datasets")).startswith("datasets.toml: ")


# A user's own data set, in a process of its own.


def own_ratings(folder: Path, *, n_users: int = 40, n_movies: int = 30) -> None:
    """Two tastes: who likes the even movies dislikes the odd ones."""
    rng = np.random.default_rng(5)
    folder.mkdir()
    movies = [
        f'{movie},"Own, Movie {movie} (2001)",{"Drama" if movie % 2 else "Comedy|War"}'
        for movie in range(n_movies)
    ]
    (folder / "movies.csv").write_text("\n".join(["movieId,title,genres", *movies]) + "\n")
    ratings = ["userId,movieId,rating,timestamp"]
    for user in range(n_users):
        for place, movie in enumerate(rng.permutation(n_movies)[:20]):
            stars = 4.5 if (user + movie) % 2 else 2.0
            ratings.append(f"{user},{movie},{stars},{1_500_000_000 + 86_400 * place}")
    (folder / "ratings.csv").write_text("\n".join(ratings) + "\n")


RECSYS = "from recsys_assets.cli import main; main()"


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> tuple[World, subprocess.CompletedProcess[str]]:
    """A world with one data set, a user's own, after `recsys run` in a process, all settings the defaults."""
    world = World(tmp_path_factory.mktemp("own"))
    world.data.mkdir()
    own_ratings(world.root / "my ratings")
    off = ", ".join(f'{gate} = "off"' for gate in (*GATES, *PROMOTION))
    (world.data / "datasets.toml").write_text(
        "[gates]\n"
        + "".join(f"{gate} = 0.0\n" for gate in (*GATES, *PROMOTION))
        + '[datasets.mine]\ntitle = "Mine"\nlayout = "movielens-csv"\nlicence = "mine"\n'
        + f'source = {{ folder = "{world.root / "my ratings"}" }}\ngates = {{ {off} }}\n'
    )
    spoken = subprocess.run(
        [sys.executable, "-c", RECSYS, "run", "--dataset", "mine"],
        env=os.environ | world.environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    return world, spoken


@pytest.mark.slow
def test_own_ratings_are_published(own: tuple[World, subprocess.CompletedProcess[str]]) -> None:
    world, spoken = own
    assert spoken.returncode == 0, spoken.stderr
    assert "Published in" in spoken.stdout
    assert "Warning" not in spoken.stderr
    assert world.published("mine", "select dataset, generation, licence from publication") == [
        ("mine", 1, "mine")
    ]
    assert world.published("mine", "select count(distinct user_id) from recommendations") == [(40,)]


@pytest.mark.slow
def test_own_ratings_are_learned_from(own: tuple[World, subprocess.CompletedProcess[str]]) -> None:
    world, _ = own
    [(share,)] = world.published(
        "mine",
        "select avg(((user_id + movie_id) % 2)::int) from recommendations where strategy = 'als' and rank <= 3",
    )
    assert share > 0.9
    assert recsys(world, "top", "3", "--dataset", "mine").code == 0


@pytest.mark.slow
def test_of_own_ratings_stars_are_learned_too(own: tuple[World, subprocess.CompletedProcess[str]]) -> None:
    """Who likes the even movies gives 4.5 stars to these and 2 to the others, and the other way round."""
    world, _ = own
    [(n_rows, largest)] = world.published(
        "mine",
        "select count(*), max(abs(predicted - if((user_id + movie_id) % 2 = 1, 4.5, 2))) "
        "from holdout_rating_predictions where model = 'blend'",
    )
    assert n_rows == 40 * 4
    assert largest < 0.5
    assert recsys(world, "stars", "3", "--dataset", "mine").code == 0


def test_own_data_need_no_gates(own: tuple[World, subprocess.CompletedProcess[str]]) -> None:
    world, _ = own
    assert world.published("mine", "select count(*) from gates") == [(0,)]
    assert recsys(world, "report", "--dataset", "mine").code == 0
