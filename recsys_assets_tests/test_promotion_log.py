"""The log of decisions on champions: looks are counted, the same decision is one line, a killed writer harms none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from recsys_assets.storage.promotions import FIRST, KEPT, NONE, PROMOTED, Promotion, PromotionLog

FOUND = Promotion(
    task="ranking",
    window="rows",
    look=1,
    decided_at="2026-01-01T00:00:00",
    run_id="run",
    champion="popularity",
    champion_version="popularity-1",
    challenger="als",
    challenger_version="als-1",
    metric="ndcg",
    difference=0.1,
    ci_low=0.05,
    p_value=0.001,
    alpha=0.03,
    n_users=100,
    decision=FIRST,
    blocked_by=None,
    distance=0.05,
    weakest_segment="light_users",
    reason="als is better",
    data_version="data",
    code_version="code",
    seconds_per_user=None,
)


@pytest.fixture
def log(tmp_path: Path) -> PromotionLog:
    return PromotionLog(tmp_path, "sample")


def test_what_is_added_is_read_back_and_crowns_or_not(log: PromotionLog) -> None:
    assert (log.decisions(), log.champion("ranking")) == ([], None)
    kept = replace(FOUND, challenger="content", challenger_version="content-1", look=2, decision=KEPT)
    other = replace(FOUND, task="like", decision=NONE, difference=None)
    assert [log.add(one) for one in (FOUND, kept, other)] == [True] * 3
    assert log.decisions() == [FOUND, kept, other]
    assert log.champion("ranking") == FOUND
    assert log.champion("like") is None
    promoted = replace(kept, challenger_version="content-2", look=3, decision=PROMOTED)
    assert log.add(promoted)
    assert log.champion("ranking") == promoted


def test_a_pair_is_one_look_and_its_same_decision_one_line(log: PromotionLog) -> None:
    assert log.look("ranking", "rows", FOUND.pair) == 1
    log.add(FOUND)
    assert not log.add(replace(FOUND, run_id="another run", decided_at="2026-01-02T00:00:00"))
    assert log.look("ranking", "rows", FOUND.pair) == 1
    assert log.look("ranking", "rows", ("als-2", "popularity-1")) == 2
    # Another threshold may change what is decided of the same pair: it is told, and is no other look.
    assert log.add(replace(FOUND, decision=KEPT, blocked_by="ranking_coverage_loss_max"))
    assert log.look("ranking", "rows", ("als-2", "popularity-1")) == 2


def test_other_rows_and_other_tasks_count_their_looks_from_one(log: PromotionLog) -> None:
    log.add(FOUND)
    assert log.look("ranking", "newer rows", FOUND.pair) == 1
    assert log.look("rating", "rows", FOUND.pair) == 1
    assert log.last("ranking", "newer rows", FOUND.pair) is None


def test_a_line_that_was_cut_short_harms_no_other(log: PromotionLog) -> None:
    log.add(FOUND)
    with log.path.open("ab") as file:
        file.write(b'{"task": "ranking", "reason": "caf\xc3')
    assert log.champion("ranking") == FOUND
    assert log.add(replace(FOUND, look=2, challenger_version="als-2", decision=KEPT))
    assert [one.decision for one in log.decisions()] == [FIRST, KEPT]
    assert log.look("ranking", "rows", ("als-3", "popularity-1")) == 3


def test_a_champion_may_come_back_but_is_crowned_once_each_time(log: PromotionLog) -> None:
    there = replace(FOUND, decision=PROMOTED, champion="hybrid", champion_version="hybrid-1")
    back = replace(
        there,
        look=2,
        challenger="hybrid",
        challenger_version="hybrid-1",
        champion="als",
        champion_version="als-1",
    )
    added = [log.add(one) for one in (there, there, back, back, there, there)]
    assert added == [True, False] * 3
    standing = log.champion("ranking")
    assert standing is not None and standing.challenger == "als"
    assert log.look("ranking", "rows", back.pair) == 2
