"""The report's section on leakage says what was found, what is nearest to its bound, and shows each finding."""

from __future__ import annotations

from typing import Any

import pandas as pd

from recsys_assets.contracts import TABLES
from recsys_assets.defs.leakage.findings import KINDS
from recsys_assets.report import leakage as section
from recsys_assets.report.leakage import is_there, leakage_markdown, leaks

USUAL = {
    "family": "lists",
    "fit": "trial",
    "check": "recomputed als_factors",
    "measured": 0.0,
    "bound": 1e-4,
    "passed": True,
    "description": "what is meant",
}


def table(*rows: dict[str, Any]) -> dict[str, pd.DataFrame]:
    return {"leakage": pd.DataFrame([USUAL | row for row in rows], columns=TABLES["leakage"].column_names)}


def test_there_is_nothing_to_say_where_nothing_was_looked_for() -> None:
    assert not is_there({})
    assert not is_there(table())
    assert is_there(table({}))


def test_of_each_family_and_way_the_finding_nearest_to_its_bound_is_shown() -> None:
    found = leaks(
        table(
            {"check": "shuffled als", "measured": 0.01, "bound": 0.1},
            {"check": "shuffled popularity", "measured": 0.03, "bound": 0.04},
            {"check": "shuffled hybrid", "measured": 0.05, "bound": 0.2},
            {"check": "shuffled content", "measured": None, "bound": None},
            {"family": "stars", "check": "upstream held-out rows", "bound": 0.0},
        )
    )
    assert found.finding == "No leak was found in 4 checks of 2 families of models."
    assert (
        "| Lists | models of shuffled rows, AUC − 0.5 | 3 | popularity | 0.03 | 0.04 | passed |"
        in found.markdown
    )
    assert "| Stars | asked of the asset graph | 1 | held-out rows | 0 | 0 | passed |" in found.markdown
    assert "All 5 findings" in found.html
    assert "shuffled content" in found.html and "nan" not in found.html


def test_failed_findings_are_named_and_stand_first() -> None:
    rows = table(
        {"check": "order newest learned row", "bound": 0.0},
        {
            "family": "likes",
            "check": "recomputed movie means",
            "measured": 0.25,
            "passed": False,
            "description": "<b>",
        },
    )
    found = leaks(rows)
    assert found.finding == "1 of 2 checks found a leak: likes: recomputed movie means."
    assert (
        "| Likes | statistics counted again from learned rows | 1 | movie means | 0.25 | 0.0001 | failed |"
        in (found.markdown)
    )
    assert 'class="pill bad"' in found.html and "<b>" not in found.html
    first = leakage_markdown(rows["leakage"]).splitlines()[2]
    assert first == "| likes | trial | recomputed movie means | 0.25 | 0.0001 | failed | &lt;b&gt; |"


def test_every_way_of_looking_has_words_in_the_report() -> None:
    assert section._WAYS.keys() == KINDS.keys()


def test_what_is_told_and_not_judged_is_no_check() -> None:
    found = leaks(
        table({"check": "order learned rows newer than judged ones", "measured": 0.4, "bound": None})
    )
    assert found.finding == "No leak was found in 0 checks of 0 families of models."
    assert "0.4" in found.html
