"""Predicted stars as a section of a report: errors by model and segment, pairs of models, calibration.

Tables come as frames by the names of their contracts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

import pandas as pd

from recsys_assets.report import plots, rating_plots
from recsys_assets.report.intervals import (
    BETTER,
    NOT_SHOWN,
    NOTHING_SHOWN_NOTE,
    interval_text,
    interval_texts,
    verdict,
    verdict_pill,
    verdicts,
    whiskers,
)
from recsys_assets.report.page import Section, figures, note, paragraph, subsections
from recsys_assets.report.rating_lists import rating_lists_html, rating_lists_markdown, rating_lists_sql
from recsys_assets.report.style import (
    SEGMENTS,
    escape_markdown,
    format_cell,
    html_table,
    label,
    markdown_table,
    metric_name,
    order_of,
    phrase,
)

__all__ = ["REPORTED", "predicted_stars", "stars_headline"]

REPORTED: Final = (
    "rating_evaluation",
    "rating_comparisons",
    "rating_calibration",
    "rating_settings",
    "rating_blends",
)
"""The tables that the section is made of."""

_TITLE: Final = "Predicted stars"
_SPLIT: Final = "test"
_BASELINE: Final = "bias"
_CONFIDENCE: Final = 0.95
_INTERVAL: Final = f"{100 * _CONFIDENCE:g}% interval"
_MODELS_NOTE: Final = (
    "Bias: the mean, and how far user and movie lie from it. kNN: nearest neighbours as published; item kNN baseline: "
    "neighbours on what biases leave over; content kNN: neighbours by content. SVD: matrix factorisation with "
    "published settings; biased MF: with settings that validation rows chose; SVD++: knowing also what was rated. FM: "
    "Bayesian factorisation machine. Hybrid: biased MF and content kNN, weighted 0.7 and 0.3 as published, or fitted "
    "to validation rows. Blend: all models, with weights fitted to validation rows."
)
_ERRORS_NOTE: Final = (
    f"RMSE and MAE are over all test ratings, in stars; bars are {_INTERVAL}s over users, resampled with all their "
    "ratings. Calibration error: how far predicted stars lie from those given, on average over bins of predicted "
    "stars."
)


def predicted_stars(tables: Mapping[str, pd.DataFrame], *, description: str, k: int = 10) -> Section:
    """Report on the models of stars: what they got right on test rows.

    Parameters
    ----------
    tables : those of ``REPORTED`` by name
    description : what was learned from, predicted and called relevant, in sentences
    k : cut-off of the lists

    Raises
    ------
    KeyError
        If a table is missing.
    ValueError
        If no model has an RMSE over all users.
    """
    judged = {name: tables[name] for name in REPORTED}
    for name in ("rating_evaluation", "rating_comparisons"):
        judged[name] = judged[name][judged[name]["split"] == _SPLIT]
    return Section(
        title=_TITLE,
        finding=stars_headline(judged["rating_evaluation"], judged["rating_comparisons"]),
        html=f"{paragraph(description)}\n{subsections(_parts(judged, k))}",
        markdown=_markdown(judged, description, k),
        sql=_sql(k),
    )


def stars_headline(rating_evaluation: pd.DataFrame, rating_comparisons: pd.DataFrame) -> str:
    """Say which model predicts stars best, and by how much better than the baseline."""
    best = _leaderboard(rating_evaluation).iloc[0]
    interval = f"{_INTERVAL} {interval_text(best['ci_low'], best['ci_high'], '.3f')}"
    first = (
        f"{label(best['model'])} predicts stars best: RMSE {best['value']:.3f} for {best['n_users']:,.0f} users "
        f"({interval})."
    )
    if best["model"] == _BASELINE:
        return f"{first} No model is ahead of it."
    return f"{first} {_gain(str(best['model']), rating_comparisons)}"


def _gain(model: str, comparisons: pd.DataFrame) -> str:
    rows, name = _overall(comparisons, "rmse"), phrase(_BASELINE)
    rows = rows[(rows["model"] == model) & (rows["baseline"] == _BASELINE)]
    if rows.empty:
        return f"It was not compared with {name} user by user."
    difference, low, high = (float(rows[column].iloc[0]) for column in ("difference", "ci_low", "ci_high"))
    interval = f"{_INTERVAL} {interval_text(low, high, '+.3f')}"
    found = verdict(low, high, lower_is_better=True)
    if found == NOT_SHOWN:
        return f"No difference from {name} is shown ({format_cell(difference, '+.3f')}, {interval})."
    side = "below" if found == BETTER else "above"
    return f"It is {abs(difference):.3f} {side} {name} ({interval})."


def _overall(rows: pd.DataFrame, metric: str) -> pd.DataFrame:
    return rows[(rows["segment"] == "all") & (rows["metric"] == metric)]


def _leaderboard(evaluation: pd.DataFrame) -> pd.DataFrame:
    """RMSE over all users, the best model first; equal ones by name."""
    rows = _overall(evaluation, "rmse").dropna(subset="value")
    if rows.empty:
        raise ValueError(
            f"none of the {len(evaluation)} rows of rating_evaluation has an RMSE over all users of split "
            f"{_SPLIT!r}; judge the models of stars first"
        )
    return rows.sort_values(["value", "model"], ignore_index=True)


def _parts(tables: Mapping[str, pd.DataFrame], k: int) -> dict[str, str]:
    evaluation = tables["rating_evaluation"]
    drawings = [
        rating_plots.calibration_curves.svg(tables["rating_calibration"]),
        plots.segments.svg(rating_plots.few_models(evaluation), metric="rmse", k=0),
        rating_plots.blend_weights.svg(tables["rating_blends"]),
        rating_plots.validation_errors.svg(tables["rating_settings"]),
    ]
    return {
        "RMSE by model": _errors_html(evaluation),
        "Paired comparisons": _comparisons_html(tables["rating_comparisons"]),
        "Calibration, segments, and what validation rows chose": figures(drawings),
        "RMSE by segment": _segments_html(evaluation),
        **rating_lists_html(evaluation, k=k, interval=_INTERVAL),
    }


def _markdown(tables: Mapping[str, pd.DataFrame], description: str, k: int) -> str:
    evaluation = tables["rating_evaluation"]
    images = {
        "RMSE by model": plots.leaderboard(evaluation, metric="rmse", k=0),
        "Calibration of predicted stars": rating_plots.calibration_curves(tables["rating_calibration"]),
    }
    errors = _errors_table(evaluation)
    parts = [
        f"### {_TITLE}",
        escape_markdown(description),
        markdown_table(errors, formats=_error_formats(errors)),
        " ".join(plots.markdown_image(png, title) for title, png in images.items()),
        rating_lists_markdown(evaluation, k=k, interval=_INTERVAL),
    ]
    return "\n\n".join(parts)


def _errors_table(evaluation: pd.DataFrame) -> pd.DataFrame:
    board = _leaderboard(evaluation)
    mae, calibration = (
        _overall(evaluation, metric).set_index("model").reindex(board["model"])
        for metric in ("mae", "calibration_error")
    )
    columns = {
        "Model": board["model"].map(label),
        metric_name("rmse"): board["value"],
        _INTERVAL: interval_texts(board, ".3f"),
        metric_name("mae"): mae["value"].to_numpy(),
        f"MAE, {_INTERVAL}": interval_texts(mae, ".3f"),
        metric_name("calibration_error"): calibration["value"].to_numpy(),
    }
    return pd.DataFrame(columns)


def _error_formats(table: pd.DataFrame) -> dict[str, str]:
    return dict.fromkeys(table.select_dtypes("float").columns, ".4f")


def _errors_html(evaluation: pd.DataFrame) -> str:
    board, table = _leaderboard(evaluation), _errors_table(evaluation)
    formats = _error_formats(table)
    baseline = board.loc[board["model"] == _BASELINE, "value"]
    table.insert(2, "", whiskers(board, "value", float(baseline.iloc[0]) if len(baseline) else math.nan))
    dotted = f" The dotted line is {phrase(_BASELINE)}." if len(baseline) else ""
    return f"{html_table(table, formats=formats)}\n{note(_ERRORS_NOTE + dotted)}\n{note(_MODELS_NOTE)}"


def _comparisons_html(comparisons: pd.DataFrame) -> str:
    rows = _overall(comparisons, "rmse").sort_values(["difference", "model", "baseline"], ignore_index=True)
    table = pd.DataFrame(
        {
            "Model": rows["model"].map(label),
            "Against": rows["baseline"].map(label),
            "Difference": rows["difference"],
            "": whiskers(rows, "difference", 0.0),
            _INTERVAL: interval_texts(rows, "+.4f"),
            "Verdict": pd.Series(verdicts(rows, lower_is_better=True), dtype=object).map(verdict_pill),
            "Users": rows["n_users"],
        }
    )
    remark = f"RMSE of the model − RMSE of the other: below zero it errs less. {NOTHING_SHOWN_NOTE}"
    return f"{html_table(table, formats={'Difference': '+.4f', 'Users': ',d'})}\n{note(remark)}"


def _segments_html(evaluation: pd.DataFrame) -> str:
    rows = evaluation[evaluation["metric"] == "rmse"]
    segments = order_of(rows["segment"], SEGMENTS)
    errors = rows.pivot(index="model", columns="segment", values="value")
    table = errors.loc[_leaderboard(evaluation)["model"], segments].rename(columns=label)
    table.insert(0, "Model", [label(str(model)) for model in table.index])
    n_users = rows.groupby("segment")["n_users"].max()
    users = ", ".join(f"{phrase(segment)} {n_users[segment]:,d}" for segment in segments)
    return f"{html_table(table, formats=dict.fromkeys(table.columns[1:], '.3f'))}\n{note(f'Users: {users}.')}"


def _sql(k: int) -> str:
    where = f"where split = '{_SPLIT}' and metric in ('rmse', 'mae', 'calibration_error')"
    return "\n".join(
        [
            "select model, segment, metric, value, ci_low, ci_high, n_users from evaluation",
            f"{where} order by metric, segment, value;",
            "",
            rating_lists_sql(_SPLIT, k),
            "",
            "select model, baseline, segment, difference, ci_low, ci_high, n_users from comparisons",
            f"where split = '{_SPLIT}' and metric = 'rmse' order by segment, difference;",
            "",
            "from rating_calibration order by model, bin;",
            "from rating_settings order by model, candidate;",
            "from rating_blends order by blend, weight desc;",
        ]
    )
