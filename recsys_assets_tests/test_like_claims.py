"""Published claims about like classification: which verdict follows from which figures."""

from __future__ import annotations

from pathlib import Path

import pytest

from recsys_assets.defs.cross_validation.claims import _top_picks, auc_claim, top_pick_claims
from recsys_assets.defs.evaluation.ledger import CLAIMS
from recsys_assets_tests.graph import World

REPRODUCED, NOT_REPRODUCED = "reproduced", "not reproduced"


@pytest.mark.parametrize(
    ("mean", "verdict", "where"),
    [
        (0.7908, REPRODUCED, "0.0000 below the claim, within two"),
        (0.7993, REPRODUCED, "0.0085 above the claim, within two"),
        (0.7823, REPRODUCED, "0.0085 below the claim, within two"),
        (0.7995, NOT_REPRODUCED, "0.0087 above the claim, more than two"),
        (0.8322, NOT_REPRODUCED, "0.0414 above the claim, more than two"),
        (0.7500, NOT_REPRODUCED, "0.0408 below the claim, more than two"),
    ],
)
def test_an_auc_that_is_off_by_more_than_two_deviations_is_not_reproduced_on_either_side(
    mean: float, verdict: str, where: str
) -> None:
    _, claimed, measured, found, why = auc_claim(mean, 0.003, leaky=0.93)
    assert (claimed, found) == ("0.7908 ± 0.0043", verdict)
    assert measured.startswith(f"{mean:.4f} ± 0.0030")
    assert why.startswith(f"{where} of its standard deviations.")


@pytest.mark.parametrize(
    ("liked", "n_rated", "verdict"),
    [
        (0.7, 10_000, REPRODUCED),
        (0.8, 10_000, NOT_REPRODUCED),
        (0.8, 100, REPRODUCED),  # ± 7.8 %
        (0.5, 10_000, NOT_REPRODUCED),
        (1.0, 5, NOT_REPRODUCED),
    ],
)
def test_a_share_of_liked_picks_is_reproduced_if_its_interval_meets_the_claimed_one(
    liked: float, n_rated: int, verdict: str
) -> None:
    assert [claim[3] for claim in top_pick_claims(0.95, 0.9, liked, n_rated)] == [REPRODUCED, verdict]


def world_with(root: Path, picks: str, ratings: str) -> World:
    world = World(root)
    world.query("mine", f"create table trial__cluster_hybrid_recommendations as {picks}")
    world.query("mine", f"create table test_ratings as {ratings}")
    return world


PICKS = "select 1 as user_id, range as movie_id, range + 1 as rank, 0.95 as score from range(20)"
RATINGS = "select 1 as user_id, unnest([3, 4, 15]) as movie_id, unnest([4.0, 3.0, 5.0]) as rating"


def test_first_places_are_judged_by_the_test_rows_that_they_meet(tmp_path: Path) -> None:
    sure, liked = _top_picks(world_with(tmp_path, PICKS, RATINGS).project, "mine")
    assert sure[2:4] == ("100% of the first 10 places do; their mean is 0.950, calibrated", REPRODUCED)
    assert liked[2].startswith("50.0% (± 69.3%) of the 2 first 10 places")


def test_what_nobody_rated_is_not_judged(tmp_path: Path) -> None:
    world = world_with(tmp_path / "unrated", PICKS, f"{RATINGS} limit 0")
    (sure,) = _top_picks(world.project, "mine")
    assert "above 90 %" in sure[0]
    assert _top_picks(world_with(tmp_path / "none", f"{PICKS} limit 0", RATINGS).project, "mine") == []


def test_evidence_of_top_picks_has_no_row_where_there_is_none(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.query("mine", "create table holdout (user_id int, movie_id int, part varchar, rating double)")
    world.query(
        "mine",
        "create table holdout_recommendations (user_id int, movie_id int, strategy varchar, rank int, score double)",
    )
    evidence = {claim.claim_id: claim.evidence for claim in CLAIMS}
    assert [world.query("mine", evidence[claim_id]) for claim_id in ("A11.2", "A11.3")] == [[], []]
