"""Cross-validation of predicted stars as a section of a report: errors in each fold, their mean and spread.

Tables come as frames by the names of their contracts.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

import pandas as pd

from recsys_assets.report import plots, rating_plots
from recsys_assets.report.page import Section, figures, note, paragraph, subsections, wide
from recsys_assets.report.style import (
    escape_markdown,
    html_table,
    label,
    markdown_table,
    metric_name,
)

__all__ = ["REPORTED", "cross_validation", "fold_markdown"]

REPORTED: Final = ("cross_validation", "fold_models")
"""The tables that the section is made of."""

_TITLE: Final = "Cross-validation"
_DEALT: Final = {
    "official_5fold": "The folds are those that the data set's authors cut.",
    "random_5fold": "The folds were drawn at random.",
}
_DESCRIPTION: Final = (
    "Models of a fold learned from the other folds alone. Hyper-parameters and weights were chosen on a tenth of each "
    "fold's training rows; then the models learned from all of these. Folds mix times: models know ratings that are "
    "later than those they predict, which is easier than the user's latest ratings, the test rows above."
)
_SPREAD: Final = (
    "± is the standard deviation over folds, not an interval: the folds' training rows overlap. This is slow work, "
    "made when it is asked for; when that was last is in the table versions."
)
_CHOSEN_NOTE: Final = (
    "Weights in the blend are means over folds, with the lowest and the highest. A setting with several values differs "
    "between folds; in brackets, in how many folds a value was chosen."
)


def cross_validation(tables: Mapping[str, pd.DataFrame]) -> Section:
    """Report on the models of stars: how far off they are in folds that each was kept from.

    Parameters
    ----------
    tables : those of ``REPORTED`` by name, with rows

    Raises
    ------
    KeyError
        If a table is missing.
    """
    figures_of_folds, models = (tables[name] for name in REPORTED)
    table = _table(figures_of_folds)
    dealt = " ".join(_DEALT.get(split, split) for split in sorted(figures_of_folds["split"].unique()))
    description = f"{dealt} {_DESCRIPTION}"
    drawing = figures([rating_plots.fold_errors.svg(figures_of_folds)])
    parts = {
        "RMSE and MAE by model": f"{html_table(table, formats=_formats(table))}\n{note(_SPREAD)}\n{drawing}",
        "Chosen within the folds": f"{_chosen_html(models)}\n{note(_CHOSEN_NOTE)}",
    }
    image = plots.markdown_image(rating_plots.fold_errors(figures_of_folds), "RMSE by fold")
    return Section(
        title=_TITLE,
        finding=_finding(figures_of_folds),
        html=f"{paragraph(description)}\n{subsections(parts)}",
        markdown="\n\n".join(
            [
                f"### {_TITLE}",
                escape_markdown(description),
                fold_markdown(figures_of_folds),
                escape_markdown(_SPREAD),
                image,
            ]
        ),
        sql="\n".join(
            [
                "select model, split, segment as fold, metric, value, ci_low, ci_high, n_users from evaluation",
                "where split <> 'test' order by metric, fold, value;",
                "select materialized_at, run_id from versions where asset = 'cross_validation';",
            ]
        ),
    )


def fold_markdown(cross_validation: pd.DataFrame) -> str:
    """Tabulate RMSE and MAE, means and standard deviations over folds, and each fold's RMSE: the best model first."""
    table = _table(cross_validation)
    return markdown_table(table, formats=_formats(table))


def _formats(table: pd.DataFrame) -> dict[str, str]:
    return dict.fromkeys(table.select_dtypes("float").columns, ".4f")


def _table(cross_validation: pd.DataFrame) -> pd.DataFrame:
    overall = cross_validation[cross_validation["segment"] == "all"].pivot(
        index="model", columns="metric", values="value"
    )
    overall = overall.sort_values("rmse", kind="stable")
    folds = cross_validation[
        (cross_validation["segment"] != "all") & (cross_validation["metric"] == "rmse")
    ].pivot(index="model", columns="segment", values="value")
    table = pd.DataFrame({"Model": [label(str(model)) for model in overall.index]}, index=overall.index)
    for metric in ("rmse", "mae"):
        name = metric_name(metric)
        table[name], table[f"{name} ±"] = overall[metric], overall[f"{metric}_std"]
    return table.join(folds.rename(columns=lambda fold: f"RMSE {fold}")).reset_index(drop=True)


def _finding(cross_validation: pd.DataFrame) -> str:
    rows = cross_validation[cross_validation["segment"] == "all"]
    means = rows[rows["metric"] == "rmse"].sort_values(["value", "model"])
    best = str(means["model"].iloc[0])
    spread = rows.loc[(rows["metric"] == "rmse_std") & (rows["model"] == best), "value"].iloc[0]
    n_folds = cross_validation["segment"].nunique() - 1
    return (
        f"{label(best)} has the lowest RMSE over {n_folds} folds: {means['value'].iloc[0]:.4f} ± {spread:.4f} "
        "(mean and standard deviation)."
    )


def _chosen_html(models: pd.DataFrame) -> str:
    by_model = models.sort_values("fold").groupby("model")
    weights = (
        by_model["weight"].agg(["mean", "min", "max"]).sort_values("mean", ascending=False, kind="stable")
    )
    spans = zip(weights["min"], weights["max"], strict=True)
    settings, seconds = by_model["settings"].agg(_settings_text), by_model["fit_seconds"].mean()
    table = pd.DataFrame(
        {
            "Model": [label(str(model)) for model in weights.index],
            "Weight": weights["mean"].to_numpy(),
            "Lowest to highest": [f"{low:.3f} to {high:.3f}" for low, high in spans],
            "Fit (seconds)": seconds[weights.index].to_numpy(),
            "Settings": [wide(settings[model]) for model in weights.index],
        }
    )
    return html_table(table, formats={"Weight": ".3f", "Fit (seconds)": ".2f"})


def _settings_text(settings: Iterable[str]) -> str:
    """Write what the folds chose, what differs between them first."""
    chosen = [json.loads(text) for text in settings]
    counts = {name: Counter(str(_plain(one[name])) for one in chosen) for name in chosen[0]}
    ordered = sorted(counts.items(), key=lambda entry: len(entry[1]) == 1)
    return "; ".join(f"{name}={_counted(values)}" for name, values in ordered)


def _plain(value: object) -> object:
    return f"{value:g}" if isinstance(value, float) else value


def _counted(values: Counter[str]) -> str:
    if len(values) == 1:
        return next(iter(values))
    return ", ".join(f"{value} ({n})" for value, n in values.most_common())
