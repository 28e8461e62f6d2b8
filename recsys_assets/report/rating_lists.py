"""The lists that predicted stars make as part of a report: of all movies, and of each user's own test movies."""

from __future__ import annotations

from typing import Final

import pandas as pd

from recsys_assets.report.intervals import interval_texts
from recsys_assets.report.page import note
from recsys_assets.report.style import (
    escape_markdown,
    format_cell,
    html_table,
    label,
    markdown_table,
    metric_label,
)

__all__ = ["rating_lists_html", "rating_lists_markdown", "rating_lists_sql"]

_ALL_MOVIES: Final = "all_items"
_OWN_MOVIES: Final = "own_test_items"
_CLUELESS: Final = "global_mean"
_ALL_MOVIES_NOTE: Final = (
    "Lists are made of all movies that the user had not rated. A movie that is not relevant by a test rating counts "
    "as a miss, liked or not. Coverage is the share of the catalogue that is on anyone's list."
)
_OWN_MOVIES_NOTE: Final = (
    "When own test movies are ranked, lists hold nothing but what the user did rate, as is usual in published figures: "
    "far easier, and not to be compared with lists from all movies. Users with few test ratings have all of them on "
    "the list. Precision is over users with test ratings, recall and F1 over those with relevant ones."
)


def rating_lists_html(rating_evaluation: pd.DataFrame, *, k: int, interval: str) -> dict[str, str]:
    """Write precision, recall and F1 at k twice, as subsections by title: so that nobody mistakes one for the other.

    Parameters
    ----------
    rating_evaluation : rows of one split
    interval : what its intervals are called
    """
    lists, own = (_table(rating_evaluation, segment, k, interval) for segment in (_ALL_MOVIES, _OWN_MOVIES))
    remark = f"{_OWN_MOVIES_NOTE}{_chance(rating_evaluation, k)}"
    title = f"Precision, recall and F1 at {k}"
    return {
        f"{title} of lists from all movies": _html(lists, _ALL_MOVIES_NOTE),
        f"{title} when each user's own test movies are ranked": _html(own, remark),
    }


def rating_lists_markdown(rating_evaluation: pd.DataFrame, *, k: int, interval: str) -> str:
    """Write F1 at k, both kinds apart, and coverage, with a heading."""
    lists, own = (_table(rating_evaluation, segment, k, interval) for segment in (_ALL_MOVIES, _OWN_MOVIES))
    f1, coverage, of_own = metric_label("f1", k), metric_label("coverage", k), " of own test movies"
    both = lists.merge(own[["Model", f1]], on="Model", how="left", suffixes=("", of_own))
    table = both[["Model", f1, f"{f1}{of_own}", coverage]].rename(columns={f1: f"{f1} from all movies"})
    parts = [
        f"### Lists by predicted stars: F1 at {k}",
        markdown_table(table, formats=_formats(table)),
        escape_markdown(f"{_OWN_MOVIES_NOTE}{_chance(rating_evaluation, k)}"),
    ]
    return "\n\n".join(parts)


def rating_lists_sql(split: str, k: int) -> str:
    return "\n".join(
        [
            "select model, segment, metric, value, ci_low, ci_high, n_users from evaluation",
            f"where split = '{split}' and k = {k} and segment in ('{_ALL_MOVIES}', '{_OWN_MOVIES}')",
            "order by segment, metric, value desc;",
        ]
    )


def _table(evaluation: pd.DataFrame, segment: str, k: int, interval: str) -> pd.DataFrame:
    """Precision, recall and F1, and coverage where it was measured: a row a model, the highest F1 first."""
    rows = evaluation[(evaluation["segment"] == segment) & (evaluation["k"] == k)]
    f1 = rows.loc[rows["metric"] == "f1", ["model", "ci_low", "ci_high"]]
    values = rows.pivot(index="model", columns="metric", values="value").reset_index()
    values = values.merge(f1, on="model", how="left")
    values = values.sort_values(["f1", "model"], ascending=[False, True], ignore_index=True)
    metrics = {metric_label(name, k): values[name] for name in ("precision", "recall", "f1")}
    table = pd.DataFrame({"Model": values["model"].map(label), **metrics})
    table[f"F1, {interval}"] = interval_texts(values, ".3f")
    return (
        table.assign(**{metric_label("coverage", k): values["coverage"]}) if "coverage" in values else table
    )


def _html(table: pd.DataFrame, remark: str) -> str:
    return f"{html_table(table, formats=_formats(table))}\n{note(remark)}"


def _formats(table: pd.DataFrame) -> dict[str, str]:
    columns = [str(name) for name in table.select_dtypes("float").columns]
    return {name: ".1%" if name.startswith("Coverage") else ".3f" for name in columns}


def _chance(evaluation: pd.DataFrame, k: int) -> str:
    """What a model that tells no two movies apart reaches on the user's own test movies."""
    rows = evaluation[(evaluation["segment"] == _OWN_MOVIES) & (evaluation["k"] == k)]
    f1 = rows.loc[(rows["model"] == _CLUELESS) & (rows["metric"] == "f1"), "value"]
    if f1.empty:
        return ""
    reached = f"{metric_label('f1', k)} {format_cell(f1.iloc[0], '.3f')}"
    return f" {label(_CLUELESS)}, which tells no two movies apart, already has {reached}."
