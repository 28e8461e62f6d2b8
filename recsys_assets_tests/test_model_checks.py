"""The check of ids: models of the sample pass it, and every way in which vectors leave their ids is caught."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import dagster as dg
import numpy as np
import pytest

from recsys_assets.algorithms.embeddings import Alignment, Embeddings, alignment
from recsys_assets.algorithms.interactions import Interactions
from recsys_assets.defs import model_checks
from recsys_assets.storage.arrays import load_artifact, save_artifact
from recsys_assets_tests.graph import World, every_check, finished

IMPERSONAL = ("popularity_scores", "recent_popularity_scores")
PERSONAL = ("als_factors", "content_profiles", "hybrid_factors")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return finished(tmp_path_factory)[0]


def load(world: World, asset: str, kind: type[Any] = Embeddings) -> Any:
    return load_artifact(world.data / "artifacts" / "sample" / f"{asset}.npz", kind)


def judged(world: World, fit: str, model: Embeddings) -> Alignment:
    """The model as the check judges it."""
    return alignment(
        model,
        load(world, f"{fit}/interactions", Interactions).likes(4.0),
        n_pairs=model_checks.N_PAIRS,
        n_shuffles=model_checks.N_SHUFFLES,
        tolerance=model_checks.TOLERANCE,
        seed=0,
    )


def rolled(side: str, places: int = 1) -> Callable[[Embeddings], Embeddings]:
    return lambda model: replace(model, **{side: np.roll(getattr(model, side), places, axis=0)})


def shuffled(side: str) -> Callable[[Embeddings], Embeddings]:
    return lambda model: replace(model, **{side: np.random.default_rng(0).permutation(getattr(model, side))})


def two_swapped(ids: str) -> Callable[[Embeddings], Embeddings]:
    def swap(model: Embeddings) -> Embeddings:
        changed = getattr(model, ids).copy()
        changed[[10, 11]] = changed[[11, 10]]
        return replace(model, **{ids: changed})

    return swap


@pytest.mark.parametrize("fit", ["trial", "live"])
@pytest.mark.parametrize("name", [*IMPERSONAL, *PERSONAL])
def test_every_model_is_aligned_and_with_movies_one_place_off_it_is_not(
    world: World, fit: str, name: str
) -> None:
    model = load(world, f"{fit}/{name}")
    assert judged(world, fit, model).holds
    for places in (-1, 1):
        assert judged(world, fit, rolled("item_vectors", places)(model)).items_margin < -0.1
    assert judged(world, fit, shuffled("item_vectors")(model)).items_margin < 0


@pytest.mark.parametrize("fit", ["trial", "live"])
@pytest.mark.parametrize("name", PERSONAL)
def test_with_users_one_place_off_no_personal_model_is_aligned(world: World, fit: str, name: str) -> None:
    model = load(world, f"{fit}/{name}")
    for places in (-1, 1):
        assert judged(world, fit, rolled("user_vectors", places)(model)).users_margin < -0.02


FAULTS = {
    "tuning/als_factors": rolled("item_vectors"),
    "trial/als_factors": rolled("user_vectors"),
    "live/als_factors": two_swapped("item_ids"),
    "tuning/content_profiles": rolled("user_vectors", -1),
    "trial/content_profiles": rolled("item_vectors", -1),
    "live/content_profiles": shuffled("item_vectors"),
    "trial/hybrid_factors": two_swapped("user_ids"),
    "live/hybrid_factors": shuffled("user_vectors"),
}


def put_faults(world: World) -> None:
    for asset, fault in FAULTS.items():
        path = world.data / "artifacts" / "sample" / f"{asset}.npz"
        save_artifact(path, fault(load_artifact(path, Embeddings)))


@pytest.fixture(scope="module")
def faulty(world: World, tmp_path_factory: pytest.TempPathFactory) -> World:
    """A world in which no model has its vectors at their ids."""
    copy = world.copy(tmp_path_factory.mktemp("faulty") / "world")
    put_faults(copy)
    return copy


def alignment_checks(result: dg.ExecuteInProcessResult) -> dict[str, bool]:
    return {asset: passed for (asset, name), passed in every_check(result).items() if name == "ids_aligned"}


def test_the_check_catches_every_fault_and_says_it_in_numbers(faulty: World) -> None:
    result = faulty.check("sample", FAULTS)
    assert alignment_checks(result) == dict.fromkeys(FAULTS, False)
    found = {
        check.asset_key.to_user_string(): check
        for check in result.get_asset_check_evaluations()
        if check.check_name == "ids_aligned"
    }
    rolled_items = found["tuning/als_factors"]
    assert rolled_items.metadata["items_margin"].value < -0.1
    assert rolled_items.metadata["recovered"].value == rolled_items.metadata["planted"].value > 0
    assert f"{rolled_items.metadata['items_margin'].value:+.3f} against other orders of movies" in (
        rolled_items.description
    )
    assert found["live/als_factors"].metadata["ids_are_equal"].value is False


def test_of_few_users_or_movies_only_the_ids_are_judged(
    faulty: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    [(n_users,)] = faulty.query("sample", "select count(distinct user_id) from ratings")
    monkeypatch.setattr(model_checks, "FEWEST_TO_TELL", n_users + 1)
    found = alignment_checks(faulty.check("sample", FAULTS))
    assert {asset for asset, passed in found.items() if not passed} == {
        "live/als_factors",
        "trial/hybrid_factors",
    }
