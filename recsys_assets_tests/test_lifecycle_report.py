"""The report's section on versions says who serves, and why this run's version doesn't."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pandas as pd

from recsys_assets.contracts import TABLES
from recsys_assets.report.lifecycle import is_there, model_versions


def versions(*rows: dict[str, Any]) -> dict[str, pd.DataFrame]:
    """The table of these versions, in the order of their numbers."""
    usual = {
        "stage": "Staging",
        "alias": None,
        "candidate": False,
        "silhouette": 0.1234,
        "lift": 1.5,
        "lift_ci_low": 1.25,
        "decision": "promoted",
        "reason": "good",
        "created_at": dt.datetime(2026, 1, 2, 3, 4),
    }
    filled = [usual | {"version": number} | row for number, row in enumerate(rows, start=1)]
    return {"model_versions": pd.DataFrame(filled, columns=TABLES["model_versions"].column_names)}


SERVING = {"stage": "Production", "alias": "champion"}
REFUSED = {"candidate": True, "decision": "not promoted", "reason": "lift <1"}


def test_there_is_nothing_to_say_without_versions() -> None:
    assert not is_there(versions())
    assert not is_there({})
    assert is_there(versions(SERVING))


def test_who_serves_stands_first_and_the_newest_version_on_top() -> None:
    section = model_versions(
        versions({"stage": "Archived"}, SERVING | {"candidate": True, "silhouette": None})
    )
    assert section.finding == "Version 2 serves."
    rows = [line for line in section.markdown.splitlines() if line.startswith(("| 1 ", "| 2 "))]
    assert [row.split(" | ")[:2] for row in rows] == [["| 2", "Production"], ["| 1", "Archived"]]
    assert "0.1234" in rows[1]
    assert "nan" not in section.markdown
    # When it was is a fact of the run: the same data give the same report.
    assert "2026-01-02" not in section.html
    assert section.sql == "from model_versions order by version desc;"


def test_why_this_run_s_version_does_not_serve_is_said_and_escaped() -> None:
    section = model_versions(versions(SERVING, REFUSED))
    assert section.finding == "Version 1 serves. Version 2 was not promoted: lift <1."
    assert "lift <1" not in section.html
    assert "lift &lt;1" in section.html
    shrunk = model_versions(versions(SERVING | REFUSED))
    assert shrunk.finding == "Version 1 serves. Version 1 would not be promoted any more: lift <1."
    old = model_versions(versions(SERVING, REFUSED | {"candidate": False}))
    assert old.finding == "Version 1 serves."


def test_where_none_was_promoted_no_version_serves() -> None:
    section = model_versions(versions(REFUSED))
    assert section.finding == "No version serves yet. Version 1 was not promoted: lift <1."
