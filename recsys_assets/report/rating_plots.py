"""Plots of predicted stars: what chose the models, how well they are calibrated, how far off they are in each fold.

Tables come as frames, by their contracts. RMSE by model and by segment are drawn as any other metric, see ``plots``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from recsys_assets.report.plots import (
    annotate,
    give_rows_room,
    leaderboard,
    legend,
    markdown_image,
    plot,
    segments,
    short_label,
)
from recsys_assets.report.style import LIGHT, series_styles

__all__ = [
    "blend_weights",
    "calibration_curves",
    "few_models",
    "fold_errors",
    "table_images",
    "validation_errors",
]

_CURVES: Final = ("blend", "svdpp", "bias", "item_knn")
_FEW: Final = ("blend", "svdpp", "bias", "item_knn_baseline")
_LARGEST_AREA: Final = 130.0
_SMALLEST_AREA: Final = 9.0


@plot(height=4.2)
def calibration_curves(axes: Axes, rating_calibration: pd.DataFrame) -> None:
    """A curve a model: mean given by mean predicted stars of each bin, points by the number of ratings.

    Blend, SVD++, bias and item kNN are drawn: more curves can't be told apart.
    """
    rows = rating_calibration[rating_calibration["model"].isin(_CURVES)].sort_values(["model", "bin"])
    stars = rows[["mean_predicted", "mean_rating"]].to_numpy()
    ends = [stars.min(), stars.max()]
    axes.plot(ends, ends, color=LIGHT["muted"], linewidth=1.0, linestyle=":", label="Perfect")
    for model, style in series_styles(rows["model"]).items():
        own = rows[rows["model"] == model]
        axes.plot(own["mean_predicted"], own["mean_rating"], color=style.color, linestyle=style.linestyle)
        axes.scatter(
            own["mean_predicted"],
            own["mean_rating"],
            s=_SMALLEST_AREA + _LARGEST_AREA * own["n"] / rows["n"].max(),
            marker=style.marker,
            color=style.color,
            alpha=0.75,
            linewidths=0,
            label=short_label(model),
        )
    axes.set_title("Calibration of predicted stars")
    axes.set_xlabel("Mean predicted (stars); larger points, more ratings")
    axes.set_ylabel("Mean given (stars)")
    legend(axes)


@plot(height=2.9)
def validation_errors(axes: Axes, rating_settings: pd.DataFrame) -> None:
    """A dot a candidate: the RMSE on validation rows by model, the best model on top; chosen ones are filled."""
    rows = rating_settings.sort_values(["model", "candidate"])
    names = list(rows.groupby("model")["rmse"].min().sort_values(kind="stable").index)
    place, chosen = rows["model"].map(names.index), rows["chosen"].astype(bool)
    for mask, face, text in ((~chosen, "none", "Candidate"), (chosen, LIGHT["series-1"], "Chosen")):
        axes.scatter(
            rows.loc[mask, "rmse"],
            place[mask],
            s=30,
            facecolors=face,
            edgecolors=LIGHT["series-1"],
            linewidths=1.2,
            label=text,
        )
    _rows_by_model(axes, names)
    axes.set_title(f"{len(rows)} candidates on validation rows")
    axes.set_xlabel("RMSE (stars)")
    legend(axes)


@plot(height=2.9)
def blend_weights(axes: Axes, rating_blends: pd.DataFrame) -> None:
    """Bars: the models that each blend is made of, by weight; those without weight are left out."""
    rows = rating_blends[rating_blends["weight"] > 0].sort_values(
        ["blend", "weight", "model"], ascending=[True, False, True]
    )
    colors = {
        name: LIGHT[f"series-{number}"]
        for number, name in enumerate(sorted(rating_blends["blend"].unique()), start=1)
    }
    y = np.arange(len(rows)) + (rows["blend"] != rows["blend"].shift()).cumsum().to_numpy()
    for name, color in colors.items():
        own = (rows["blend"] == name).to_numpy()
        bars = axes.barh(y[own], rows.loc[own, "weight"], height=0.72, color=color, label=short_label(name))
        axes.bar_label(bars, fmt="%.2f", padding=4, fontsize=8.5, color=LIGHT["ink"])
    give_rows_room(axes, len(rows) + len(colors))
    axes.set_yticks(y, [short_label(model) for model in rows["model"]])
    axes.invert_yaxis()
    axes.margins(x=0.12)
    _without_left_edge(axes)
    axes.set_title("Weights of the blends")
    axes.set_xlabel("Weight of a model's distance from the mean")
    legend(axes)


@plot(height=2.9)
def fold_errors(axes: Axes, cross_validation: pd.DataFrame) -> None:
    """A dot a fold: each model's RMSE, the best mean on top, its mean as a line and a figure."""
    rows = cross_validation[cross_validation["metric"] == "rmse"].sort_values(["model", "segment"])
    folds = rows[rows["segment"] != "all"]
    means = rows[rows["segment"] == "all"].set_index("model")["value"].sort_values(kind="stable")
    names = list(means.index)
    axes.scatter(
        folds["value"],
        folds["model"].map(names.index),
        s=26,
        color=LIGHT["series-1"],
        alpha=0.6,
        linewidths=0,
    )
    axes.vlines(means, np.arange(len(names)) - 0.36, np.arange(len(names)) + 0.36, color=LIGHT["ink"])
    for place, (name, mean) in enumerate(means.items()):
        end = folds.loc[folds["model"] == name, "value"].max()
        annotate(axes, f"{mean:.3f}", (end, place), (8, 0), ha="left", va="center")
    _rows_by_model(axes, names)
    axes.margins(x=0.12)
    axes.set_title(f"RMSE in {folds['segment'].nunique()} folds")
    axes.set_xlabel("RMSE (stars); dots are folds, lines their means")


def few_models(rating_evaluation: pd.DataFrame) -> pd.DataFrame:
    """Select the models whose errors by segment are drawn: more can't be told apart."""
    return rating_evaluation[rating_evaluation["model"].isin(_FEW)]


def table_images(name: str, table: pd.DataFrame) -> dict[str, str]:
    """Draw a table of predicted stars as Markdown images by title; of some there is nothing to draw."""
    return {
        title: markdown_image(draw(table), title.replace("_", " "))
        for title, draw in _IMAGES.get(name, {}).items()
    }


def _rows_by_model(axes: Axes, names: list[str]) -> None:
    """The first model on top."""
    give_rows_room(axes, len(names))
    axes.set_yticks(range(len(names)), [short_label(name) for name in names])
    axes.set_ylim(len(names) - 0.4, -0.6)
    _without_left_edge(axes)


def _without_left_edge(axes: Axes) -> None:
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0, labelcolor=LIGHT["ink"])
    axes.spines["left"].set_visible(False)


_IMAGES: Final[Mapping[str, Mapping[str, Callable[[pd.DataFrame], bytes]]]] = {
    "rating_evaluation": {
        "rmse_by_model": lambda table: leaderboard(table, metric="rmse", k=0),
        "rmse_by_segment": lambda table: segments(few_models(table), metric="rmse", k=0),
    },
    "rating_calibration": {"calibration": calibration_curves},
    "rating_settings": {"validation_errors": validation_errors},
    "rating_blends": {"weights": blend_weights},
    "cross_validation": {"rmse_by_fold": fold_errors},
}
