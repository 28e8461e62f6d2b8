"""The report's section on champions says who was judged, what was decided, what blocked it and who gains least."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from recsys_assets.contracts import TABLES
from recsys_assets.report.champion_plots import gains_by_segment
from recsys_assets.report.champions import champions, is_there


def rows(*changes: dict[str, Any], beats: str | None = "champion") -> pd.DataFrame:
    """A challenger better by 0.01 in all segments, with gates; ``changes`` name a segment and what is other there."""
    usual: dict[str, Any] = {
        "task": "ranking",
        "gate": "segment",
        "metric": "ndcg",
        "challenger": "als",
        "champion": "hybrid",
        "challenger_value": 0.21,
        "champion_value": 0.2,
        "difference": 0.01,
        "ci_low": 0.004,
        "ci_high": 0.016,
        "n_users": 1234,
    }
    gate = {
        "gate": f"ranking_beats_{beats}",
        "measured": 0.003,
        "threshold": 0.0,
        "passed": True,
        "distance": 0.003,
    }
    of = {
        "all": gate if beats else {},
        "light_users": {
            "gate": "ranking_light_users_loss_max",
            "measured": -0.004,
            "threshold": 0.02,
            "passed": True,
            "distance": 0.024,
            "difference": 0.008,
        },
        "medium_users": {},
        "heavy_users": {},
        "tail_items": {},
    }
    changed = {change["segment"]: change for change in changes}
    filled = [usual | {"segment": name} | own | changed.get(name, {}) for name, own in of.items()]
    return pd.DataFrame(filled, columns=TABLES["promotion_comparisons"].column_names)


FAILED = {"passed": False, "distance": -0.005}
REGRESSED = FAILED | {"gate": "ranking_regression_max", "threshold": 0.002}


def finding(table: pd.DataFrame) -> str:
    return champions({"promotion_comparisons": table}).finding


def test_there_is_nothing_to_say_without_challengers() -> None:
    assert not is_there({})
    assert not is_there({"promotion_comparisons": rows().iloc[:0]})
    assert is_there({"promotion_comparisons": rows()})


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (rows(), "Ranking: ALS is the new champion."),
        (rows(beats="baseline"), "Ranking: ALS is the first champion."),
        (rows(beats=None), "Ranking: ALS stays the champion, and is the best on validation rows too."),
        (
            rows({"segment": "all", **FAILED}),
            "Ranking: ALS is not promoted over hybrid: it fails ranking beats champion (-0.0050), and gains least "
            "among light users.",
        ),
        (
            rows({"segment": "light_users", **FAILED}),
            "Ranking: ALS is not promoted over hybrid: it fails ranking light users loss max (-0.0050), and gains "
            "least among light users.",
        ),
        (
            pd.concat([rows(beats=None), rows({"segment": "all", **REGRESSED}).iloc[:1]]),
            "Ranking: the champion is worse on the same rows than when it was crowned; nothing is published.",
        ),
    ],
)
def test_the_finding_is_the_decision_that_follows_from_the_rows(table: pd.DataFrame, said: str) -> None:
    assert finding(table) == said


def test_every_segment_is_tabulated_with_its_gain_and_its_gate() -> None:
    section = champions({"promotion_comparisons": rows({"segment": "light_users", **FAILED})})
    lines = [line for line in section.markdown.splitlines() if line.startswith("| ")]
    cells = {line.split(" | ")[0].strip("| "): line for line in lines}
    assert {"All", "Light users", "Medium users", "Heavy users", "Tail items"} <= cells.keys()
    assert "fails" in cells["Light users"] and "holds" in cells["All"]
    assert "+0.0040 to +0.0160" in cells["Heavy users"]
    assert "1,234" in cells["All"]
    assert "nan" not in section.markdown.lower()
    assert section.html.count("<figure>") == 1
    assert "champion stays" in section.html
    assert section.sql.startswith("from champions;")


def test_names_are_escaped() -> None:
    table = rows().assign(challenger="<b>als</b>")
    assert "<b>als</b>" not in champions({"promotion_comparisons": table}).html


def test_the_plot_is_small_and_has_the_same_bytes_each_time_in_whatever_order_rows_come() -> None:
    png = gains_by_segment(rows())
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    assert len(png) < 12_000
    assert gains_by_segment(rows().iloc[::-1]) == png
    assert "ALS against Hybrid" in gains_by_segment.svg(rows())
