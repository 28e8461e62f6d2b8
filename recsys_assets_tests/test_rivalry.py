"""A version of the content engine beside the champion: what it takes to serve instead, and what is kept of it."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import numpy as np
import pytest
from scipy.sparse import csr_matrix

from recsys_assets.algorithms.catalogue.rivals import compare_engines
from recsys_assets.algorithms.promotion import Gain, Sampling
from recsys_assets.defs.lifecycle import assets as lifecycle
from recsys_assets.storage.promotions import Promotion, PromotionLog
from recsys_assets_tests.lifecycle_lab import VECTORS, Lab

SWAPPED = VECTORS[[0, 3, 2, 1, 4, 5]]
"""The second movie stands among those that other people like."""
MIRRORED = VECTORS * np.float32([-1, 1])
"""Another model with the same neighbours."""


# Two engines beside each other.


def beside(challenger: np.ndarray[tuple[int, int], np.dtype[np.float32]]) -> Gain:
    """Against vectors that know which eight movies of sixteen each half of the users likes."""
    likes = np.zeros((60, 16), dtype=np.float32)
    likes[::2, :8] = likes[1::2, 8:] = 1
    likes *= np.random.default_rng(0).random(likes.shape) < 0.6
    return compare_engines(
        csr_matrix(likes),
        np.zeros(60, dtype=np.int64),
        challenger,
        knowing(),
        csr_matrix(np.ones((16, 1), dtype=np.float32)),
        n=3,
        n_draws=5,
        alpha=0.03,
        sampling=Sampling(300, 0.95, 0),
    )


def knowing() -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    vectors = np.zeros((16, 2), dtype=np.float32)
    vectors[:8, 0] = vectors[8:, 1] = 1
    return vectors + np.random.default_rng(1).random((16, 2), dtype=np.float32) / 10


def test_an_engine_is_no_better_than_itself() -> None:
    found = beside(knowing())
    assert (found.difference, found.bound, found.ceiling, found.p_value) == (0, 0, 0, 1)
    assert found.challenger == found.champion > 1.5


def test_an_engine_whose_neighbours_nobody_likes_together_loses_for_certain() -> None:
    alternating = knowing()[[*range(0, 16, 2), *range(1, 16, 2)]]
    found = beside(alternating)
    assert found.ceiling < 0
    assert found.difference == pytest.approx(found.challenger - found.champion)


def test_movies_that_nobody_likes_tell_nothing() -> None:
    found = compare_engines(
        csr_matrix((5, 3), dtype=np.float32),
        np.zeros(5, dtype=np.int64),
        VECTORS[:3],
        VECTORS[3:],
        csr_matrix(np.ones((3, 1), dtype=np.float32)),
        n=1,
        n_draws=1,
        alpha=0.05,
        sampling=Sampling(100, 0.95, 0),
    )
    assert np.isnan(found.bound) and found.p_value == 1


# Versions, in the made-up catalogue.


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    monkeypatch.setenv("RECSYS_LIFECYCLE", "files")
    lab = Lab(tmp_path)
    lab.threshold("catalogue_lift_loss_max", 0.02)
    return lab


def logged(lab: Lab) -> list[Promotion]:
    return PromotionLog(lab.data, "sample").decisions()


def warning(result: dg.ExecuteInProcessResult) -> dg.AssetCheckEvaluation:
    [found] = [one for one in result.get_asset_check_evaluations() if not one.passed]
    assert (found.check_name, found.severity) == ("better_than_champion", dg.AssetCheckSeverity.WARN)
    return found


def test_the_same_engine_on_another_catalogue_may_not_lose(lab: Lab) -> None:
    assert lab.run().success
    result = lab.run(SWAPPED)
    assert result.success
    assert lab.champion() == 1
    found = warning(result)
    assert "the same engine on another catalogue" in found.description
    assert found.description.endswith("the champion stays version 1")
    assert found.metadata["threshold"].value == -0.02
    assert found.metadata["distance"].value < 0
    assert lab.run(MIRRORED).success
    assert lab.champion() == 3
    decisions = [
        (one.challenger_version, one.champion_version, one.decision, one.look) for one in logged(lab)
    ]
    assert decisions == [("1", "nobody", "first", 1), ("2", "1", "kept", 1), ("3", "1", "promoted", 2)]
    assert logged(lab)[1].blocked_by == "catalogue_lift_loss_max"


def test_another_engine_has_to_be_better_for_certain(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    assert lab.run(SWAPPED).success
    monkeypatch.setattr(lifecycle, "RECIPE", "another")
    result = lab.run(SWAPPED * np.float32([-1, 1]))
    assert result.success
    assert lab.champion() == 1
    assert (
        "gain in lift over version 1: +0.0000, at least +0.0000, must be > 0" in warning(result).description
    )
    assert lab.run(MIRRORED).success
    assert lab.champion() == 3
    [*_, promoted] = logged(lab)
    assert (promoted.decision, promoted.look) == ("promoted", 2)
    assert promoted.ci_low is not None and promoted.ci_low > 0
    assert promoted.alpha == pytest.approx(0.05 * 6 / (2 * np.pi) ** 2)


def test_the_same_versions_are_looked_at_once(lab: Lab) -> None:
    assert lab.run().success
    assert lab.run(SWAPPED).success
    before = logged(lab), lab.versions()
    assert lab.run(SWAPPED).success
    assert (logged(lab), lab.versions()) == before
