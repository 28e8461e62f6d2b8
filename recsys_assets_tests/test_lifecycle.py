"""The lifecycle of the content engine: what passes the gates serves, what fails them leaves the champion as it was."""

from __future__ import annotations

import importlib.util
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pytest

from recsys_assets.algorithms.catalogue.engine import ContentEngine, assemble_engine, empty_engine
from recsys_assets.defs.lifecycle.promotion import decide_promotion, engine_figures
from recsys_assets.defs.lifecycle.store import model_registry, store_name
from recsys_assets.storage.arrays import load_artifact
from recsys_assets_tests.graph import every_check
from recsys_assets_tests.lifecycle_lab import (
    GOOD,
    MOVIE_IDS,
    THRESHOLDS,
    TMDB_IDS,
    VECTORS,
    Lab,
    clusters,
    features,
    figure_tables,
)

# The engine.


def names(order: slice = slice(None)) -> dict[str, Any]:
    titles = np.array(["A", "B", "C", "D", "E", "F"], dtype=object)
    years = np.array([2001, 2002, 2003, 2004, 2005, -1])
    of_movies = {"tmdb_ids": TMDB_IDS, "movie_ids": MOVIE_IDS, "titles": titles, "years": years}
    return {name: values[order] for name, values in of_movies.items()}


def test_names_go_to_their_vectors_in_whatever_order_they_come() -> None:
    one = assemble_engine(features(), clusters(), **names())
    other = assemble_engine(features(), clusters(), **names(slice(None, None, -1)))
    for name in ContentEngine.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), strict=True)
    assert one.titles.tolist() == ["A", "B", "C", "D", "E", "F"]
    assert one.movie_ids.tolist() == MOVIE_IDS.tolist()


def test_vectors_clusters_and_names_of_other_movies_are_refused() -> None:
    with pytest.raises(ValueError, match="features have 5 movies and the catalogue 6"):
        assemble_engine(features(VECTORS[:5]), clusters(), **names())
    with pytest.raises(ValueError, match="features have 6 movies and clusters 5"):
        assemble_engine(features(), clusters(5), **names())


# Deciding.


def test_figures_are_those_of_the_chosen_clusters_and_of_neighbours_in_the_whole_catalogue() -> None:
    assert engine_figures(*figure_tables(GOOD)) == GOOD
    none, nothing = (table.iloc[:0] for table in figure_tables(GOOD))
    assert all(np.isnan(value) for value in engine_figures(none, nothing).values())


@pytest.mark.parametrize(
    ("figures", "promoted", "said"),
    [
        ({}, True, "catalogue_silhouette_min: measured 0.2, must be >= 0.05 (+0.15)"),
        ({"silhouette": 0.05}, True, "(+0)"),
        (
            {"silhouette": 0.04},
            False,
            "catalogue_silhouette_min: measured 0.04, must be >= 0.05 (-0.01); the champion stays version 3",
        ),
        (
            {"lift_ci_low": 1.0},
            False,
            "catalogue_lift_over_same_genre_min: measured 1, must be > 1 (+0); the champion stays version 3",
        ),
        ({"lift_ci_low": float("nan")}, False, "measured nan, must be > 1"),
        ({"silhouette": -1.0, "lift_ci_low": 0.5}, False, "(-1.05); catalogue_lift_over_same_genre_min"),
    ],
)
def test_a_version_serves_only_if_both_gates_hold(
    figures: dict[str, float], promoted: bool, said: str
) -> None:
    decision = decide_promotion(GOOD | figures, THRESHOLDS | {"ratings_min": 9.0}, champion=3)
    assert decision.promoted == promoted
    assert said in decision.reason
    assert decision.thresholds == THRESHOLDS


def test_without_a_champion_a_refusal_says_that_lists_are_empty() -> None:
    decision = decide_promotion(GOOD | {"silhouette": 0.0}, THRESHOLDS, champion=None)
    assert decision.reason.endswith("there is no champion yet: lists are empty")


def test_a_gate_that_is_off_is_not_asked() -> None:
    bad = dict.fromkeys(GOOD, float("nan"))
    assert decide_promotion(bad, {"ratings_min": 1.0}, champion=1).promoted
    assert decide_promotion(bad, {}, champion=1).reason == "all gates are off"
    assert decide_promotion(bad, {}, champion=1).figures == dict.fromkeys(GOOD)


# The assets, on a made-up catalogue.


@pytest.fixture(
    params=[
        "files",
        pytest.param(
            "mlflow",
            marks=pytest.mark.skipif(
                importlib.util.find_spec("mlflow") is None,
                reason="the optional extra mlflow is not installed",
            ),
        ),
    ]
)
def lab(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    monkeypatch.setenv("RECSYS_LIFECYCLE", request.param)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    lab = Lab(tmp_path)
    lab.threshold("catalogue_silhouette_min", 0.05)
    return lab


def warnings_of(result: dg.ExecuteInProcessResult) -> dict[str, str | None]:
    return {
        check.check_name: check.description
        for check in result.get_asset_check_evaluations()
        if not check.passed and check.severity == dg.AssetCheckSeverity.WARN
    }


def test_from_a_first_champion_over_refusals_to_the_next(lab: Lab) -> None:
    # The first version fails: nobody serves, and the run goes on.
    result = lab.run(VECTORS[:, ::-1].copy(), silhouette=0.01)
    assert result.success
    assert warnings_of(result) == {
        "catalogue_silhouette_min": (
            "catalogue_silhouette_min: measured 0.01, must be >= 0.05 (-0.04); "
            "there is no champion yet: lists are empty"
        )
    }
    assert (lab.champion(), lab.similar("global"), lab.similar("cluster")) == (None, [], [])

    # The second serves.
    result = lab.run()
    assert result.success
    assert not [check for check, passed in every_check(result).items() if not passed]
    assert lab.champion() == 2
    served = lab.similar("global")
    # Cosines with (3, 0): (3, 1), then (2, 2.5), (1, 2), (0, 2); the third has no movie id.
    assert [pair for pair in served if pair[0] == 1] == [(1, 2), (1, 6), (1, 5), (1, 4)]
    assert lab.similar("cluster") == [(1, 2), (2, 1), (4, 5), (4, 6), (5, 6), (5, 4), (6, 5), (6, 4)]

    # The same again is no new version.
    before = lab.versions()
    assert lab.run().success
    assert lab.versions() == before

    # The third fails: the champion stays, its lists stay, and it is said why.
    result = lab.run(VECTORS * np.float32([-1, 1]), lift=0.9, lift_ci_low=0.7)
    assert result.success
    [(gate, said)] = warnings_of(result).items()
    assert gate == "catalogue_lift_over_same_genre_min"
    assert said == (
        "catalogue_lift_over_same_genre_min: measured 0.7, must be > 1 (-0.3); the champion stays version 2"
    )
    assert lab.champion() == 2
    assert lab.similar("global") == served
    stages = [(row["version"], row["stage"], row["alias"], row["decision"]) for row in lab.versions()]
    assert stages == [
        (1, "Staging", None, "not promoted"),
        (2, "Production", "champion", "promoted"),
        (3, "Staging", None, "not promoted"),
    ]
    assert [row["candidate"] for row in lab.versions()] == [False, False, True]
    assert lab.versions()[2]["reason"] == said
    assert lab.versions()[2]["lift_min"] == 1.0

    # The first, with better evidence, is still the first, and serves now.
    assert lab.run(VECTORS[:, ::-1].copy()).success
    stages = [(row["version"], row["stage"], row["alias"]) for row in lab.versions()]
    assert stages == [(1, "Production", "champion"), (2, "Archived", None), (3, "Staging", None)]


def test_a_threshold_set_too_high_leaves_the_champion_where_it_is(lab: Lab) -> None:
    assert lab.run().success
    lab.threshold("catalogue_silhouette_min", 0.5)
    result = lab.run(VECTORS * np.float32([-1, 1]))
    assert result.success
    [check] = [one for one in result.get_asset_check_evaluations() if not one.passed]
    assert (check.check_name, check.severity) == ("catalogue_silhouette_min", dg.AssetCheckSeverity.WARN)
    assert not check.blocking
    assert {name: check.metadata[name].value for name in ("measured", "threshold", "distance")} == {
        "measured": 0.2,
        "threshold": 0.5,
        "distance": pytest.approx(-0.3),
    }
    assert check.description.endswith("must be >= 0.5 (-0.3); the champion stays version 1")
    assert lab.champion() == 1


def test_without_a_catalogue_there_is_nothing_to_judge_and_nothing_is_written(lab: Lab) -> None:
    result = lab.run(VECTORS[:0])
    assert result.success
    assert not [check for check, passed in every_check(result).items() if not passed]
    assert (lab.versions(), lab.champion(), lab.similar("global"), lab.similar("cluster")) == (
        [],
        None,
        [],
        [],
    )
    assert not (lab.data / "models").exists()
    assert not (lab.data / "mlflow").exists()
    champion = load_artifact(lab.data / "artifacts" / "sample" / "content_engine_champion.npz", ContentEngine)
    assert champion.vectors.shape == empty_engine().vectors.shape


def test_a_version_that_its_store_has_lost_is_said_with_what_to_do(lab: Lab) -> None:
    assert lab.run().success
    for store in ("models", "mlflow"):
        shutil.rmtree(lab.data / store, ignore_errors=True)
    result = lab.run(only="model_versions")
    assert not result.success
    [failed] = [event for event in result.all_events if event.is_step_failure]
    assert "register it again with recsys run --dataset sample --force" in str(failed.event_specific_data)


def test_another_tracking_server_is_another_store(monkeypatch: pytest.MonkeyPatch) -> None:
    servers = [{}, {"MLFLOW_TRACKING_URI": "http://a:5000"}, {"MLFLOW_TRACKING_URI": "http://me:secret@b"}]
    monkeypatch.setenv("RECSYS_LIFECYCLE", "mlflow")
    named = [store_name(server) for server in servers]
    assert named[0] == "mlflow"
    assert len(set(named)) == 3
    assert "secret" not in "".join(named)
    monkeypatch.setenv("RECSYS_LIFECYCLE", "files")
    assert {store_name(server) for server in servers} == {"files"}


def test_movies_that_the_data_set_has_lost_are_not_listed(lab: Lab) -> None:
    assert lab.run().success
    result = lab.run(VECTORS[:5], silhouette=0.0)
    assert result.success
    assert lab.champion() == 1
    assert {movie for pair in lab.similar("global") for movie in pair} == {1, 2, 4, 5}


def test_the_evidence_of_a_version_is_kept_with_it(lab: Lab) -> None:
    assert lab.run().success
    [row] = lab.versions()
    assert (row["silhouette"], row["lift"], row["lift_ci_low"]) == tuple(GOOD.values())
    assert (row["silhouette_min"], row["lift_min"]) == tuple(THRESHOLDS.values())
    arrays = replace(empty_engine(), **model_registry(lab.data, "sample").arrays(1))
    np.testing.assert_array_equal(arrays.vectors, VECTORS, strict=True)
    files = {path.name for end in ("csv", "png") for path in lab.data.rglob(f"*.{end}")}
    assert files == {
        *("catalogue_figures.csv", "catalogue_cluster_evidence.csv", "catalogue_relevance.csv"),
        *("silhouette_by_k.png", "lift_by_method.png"),
    }
