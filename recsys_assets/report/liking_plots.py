"""Plots of models of likes: calibration, ROC curves, folds, and what the trees look at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter
from numpy.typing import ArrayLike

from recsys_assets.algorithms.liking.judging import auc, roc_points
from recsys_assets.report.plots import annotate, leaderboard, markdown_image, plot
from recsys_assets.report.style import LIGHT, label, metric_name, series_styles

__all__ = ["contributions", "feature_importance", "metric_by_fold", "reliability_diagram", "roc_curves"]

_MOST_FEATURES: Final = 20
_LONGEST_LABEL: Final = 26
_STRAIGHT: Final = (0.0, 1.0)
_CANDIDATES: Final = {
    "classifier_weight": "Weight of the classifier, the rest is the regressor's (0–1)",
    "boost_strength": "Strength of the boost by cluster (0 = none)",
}

#: whose calibration is drawn; more lines can't be told apart
RELIABILITY: Final = ("ensemble", "bias", "regressor_with_time", "regressor_without_time")
#: whose ROC curves are drawn
CURVES: Final = ("ensemble", "bias", "movie_mean", "classifier_with_time", "classifier_without_time")

FloatArray = np.ndarray[Any, np.dtype[np.float64]]


@plot(height=3.9)
def reliability_diagram(axes: Axes, bins: pd.DataFrame) -> None:
    """One line per model: share of likes against mean probability by bin; the larger a point, the more ratings.

    Parameters
    ----------
    bins : columns model, predicted and actual (means of the bin's rows, 0–1), n (rows)
    """
    _check_rows(bins, "bins")
    axes.plot(_STRAIGHT, _STRAIGHT, color=LIGHT["muted"], linestyle=":", linewidth=1.2)
    for model, style in series_styles(bins["model"]).items():
        own = bins[bins["model"] == model].sort_values("predicted")
        share = own["n"] / own["n"].sum()
        off = float((share * (own["predicted"] - own["actual"]).abs()).sum())
        name = f"{_short(label(model))} (off by {off:.1%})"
        axes.plot(
            own["predicted"],
            own["actual"],
            color=style.color,
            marker=style.marker,
            linestyle=style.linestyle,
            linewidth=1.4,
            label=name,
        )
        axes.scatter(
            own["predicted"],
            own["actual"],
            s=300 * share,
            color=style.color,
            marker=style.marker,
            linewidth=0,
        )
    _shares(axes)
    axes.set_title("Predicted and actual likes (dotted: calibrated)")
    axes.set_xlabel("Predicted probability of a like (mean of the bin)")
    axes.set_ylabel("Ratings that are likes (%)")
    _legend(axes, n_columns=2)


@plot(height=3.9)
def roc_curves(axes: Axes, points: pd.DataFrame) -> None:
    """One line per model: share of the likes found against share of the others taken for likes, with its area.

    Parameters
    ----------
    points : columns model, false_positive_rate, true_positive_rate, and auc, the same in all rows of a model
    """
    _check_rows(points, "points")
    axes.plot(_STRAIGHT, _STRAIGHT, color=LIGHT["muted"], linestyle=":", linewidth=1.2)
    areas = points.groupby("model")["auc"].first().sort_values(ascending=False, kind="stable")
    styles = series_styles(points["model"])
    for model, area in areas.items():
        own = points[points["model"] == model].sort_values(["false_positive_rate", "true_positive_rate"])
        axes.plot(
            own["false_positive_rate"],
            own["true_positive_rate"],
            color=styles[str(model)].color,
            linestyle=styles[str(model)].linestyle,
            label=f"{_short(label(str(model)))} ({area:.4f})",
        )
    _shares(axes)
    axes.set_title("Likes found and errors (dotted: chance)")
    axes.set_xlabel("Other ratings taken for likes (%)")
    axes.set_ylabel("Likes found (%)")
    _legend(axes, n_columns=2)


@plot(height=3.3)
def metric_by_fold(axes: Axes, evaluation: pd.DataFrame, *, metric: str) -> None:
    """One point per model and fold, and across them a line at the mean in a band of ± a standard deviation.

    Parameters
    ----------
    evaluation : columns model, segment, metric, value: rows of ``metric`` for each fold, and for the segment ``all``
        its mean as ``metric`` and its standard deviation as ``<metric>_std``
    """
    rows = evaluation[evaluation["metric"] == metric]
    of_folds = rows[rows["segment"] != "all"]
    _check_rows(of_folds, f"rows of {metric} by fold")
    means = rows[rows["segment"] == "all"].set_index("model")["value"]
    overall = evaluation[evaluation["segment"] == "all"]
    deviations = overall[overall["metric"] == f"{metric}_std"].set_index("model")["value"]
    folds = sorted(of_folds["segment"].unique())
    span = (-0.4, len(folds) - 0.6)
    for model, style in series_styles(of_folds["model"]).items():
        own = of_folds[of_folds["model"] == model].set_index("segment")["value"].reindex(folds)
        mean, deviation = float(means[model]), float(deviations[model])
        axes.fill_between(
            span, mean - deviation, mean + deviation, color=style.color, alpha=0.15, linewidth=0
        )
        axes.hlines(mean, *span, color=style.color, linestyle=style.linestyle, linewidth=1.2)
        name = f"{_short(label(model))} {mean:.4f} ± {deviation:.4f}"
        axes.plot(
            range(len(folds)), own, style.marker, color=style.color, markeredgecolor=LIGHT["card"], label=name
        )
    axes.set_xlim(*span)
    axes.set_xticks(range(len(folds)), [label(str(fold)) for fold in folds])
    axes.grid(visible=False, axis="x")
    axes.set_title(f"{metric_name(metric)} by fold: mean ± standard deviation")
    axes.set_xlabel("Fold left out")
    axes.set_ylabel(metric_name(metric))
    _legend(axes, n_columns=1)


@plot(height=4.6)
def feature_importance(axes: Axes, feature: ArrayLike, share: ArrayLike) -> None:
    """Bars: each feature's part of what the trees reduce the loss by, the largest on top; at most 20 features.

    Parameters
    ----------
    feature : shape (n_features,), names
    share : shape (n_features,), 0–1
    """
    names, shares = np.asarray(feature, dtype=str), np.asarray(share, dtype=float)
    largest = np.argsort(-shares, kind="stable")[:_MOST_FEATURES]
    bars = axes.barh(range(len(largest)), shares[largest], height=0.7, color=LIGHT["series-1"])
    texts = [f"{each:.1%}" for each in shares[largest]]
    axes.bar_label(bars, texts, padding=4, fontsize=8, color=LIGHT["ink"])
    _feature_axis(axes, names[largest])
    axes.set_xlim(0, 1.15 * max(shares.max(initial=0.0), 0.01))
    axes.xaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=0))
    axes.set_title(f"{_first(largest, names)} by gain")
    axes.set_xlabel("Part of the reduction of the training loss (%)")


@plot(height=4.8)
def contributions(
    axes: Axes,
    feature: ArrayLike,
    mean_absolute: ArrayLike,
    direction: ArrayLike | None = None,
    *,
    unit: str,
) -> None:
    """Bars: mean |contribution| of each feature to a prediction, coloured by direction; at most 20 features.

    Parameters
    ----------
    feature : shape (n_features,), names
    mean_absolute : shape (n_features,), in ``unit``
    direction : shape (n_features,), correlation of value and contribution, −1 to 1, written beside the bar; without it
        bars are of one colour and their sizes are written
    unit : of contributions, e.g. ``log-odds``
    """
    names, sizes = np.asarray(feature, dtype=str), np.asarray(mean_absolute, dtype=float)
    largest = np.argsort(-sizes, kind="stable")[:_MOST_FEATURES]
    if direction is None:
        bars = axes.barh(range(len(largest)), sizes[largest], height=0.7, color=LIGHT["series-1"])
        axes.bar_label(bars, fmt="%.2f", padding=4, fontsize=8, color=LIGHT["ink"])
    else:
        _directed_bars(axes, sizes[largest], np.asarray(direction, dtype=float)[largest])
    _feature_axis(axes, names[largest])
    axes.set_xlim(0, 1.15 * max(sizes.max(initial=0.0), 1e-6))
    axes.set_title(f"{_first(largest, names)} by contribution")
    axes.set_xlabel(f"Mean |contribution| ({unit}){'' if direction is None else ' and correlation'}")


@plot(height=2.4)
def validation_losses(axes: Axes, like_settings: pd.DataFrame) -> None:
    """A dot a variant: its log loss on validation rows, the best on top; the chosen ones are filled."""
    rows = like_settings.sort_values(["log_loss", "model"], ignore_index=True)
    chosen = rows["chosen"].astype(bool)
    for mask, face, text in ((~chosen, "none", "Tried"), (chosen, LIGHT["series-1"], "Chosen")):
        axes.scatter(
            rows.loc[mask, "log_loss"],
            rows.index[mask],
            s=42,
            facecolors=face,
            edgecolors=LIGHT["series-1"],
            linewidths=1.2,
            label=text,
        )
    for place, (loss, n_trees) in enumerate(zip(rows["log_loss"], rows["n_trees"], strict=True)):
        annotate(axes, f"{loss:.4f}, {n_trees:,d} trees", (loss, place), (8, 0), ha="left", va="center")
    _feature_axis(axes, rows["model"].to_numpy(dtype=str))
    axes.margins(x=0.3)
    axes.set_title("Variants on validation rows")
    axes.set_xlabel("Log loss (nats)")
    _legend(axes, n_columns=2)


@plot(height=3.1)
def blend_losses(axes: Axes, like_blend: pd.DataFrame, *, parameter: str) -> None:
    """A line a kind of clusters: log loss on validation rows by candidate; the chosen one is ringed.

    Parameters
    ----------
    like_blend : the table of that name
    parameter : ``classifier_weight`` or ``boost_strength``
    """
    rows = like_blend[like_blend["parameter"] == parameter].sort_values(["clusters", "value"])
    _check_rows(rows, f"candidates of {parameter}")
    for kind, style in series_styles(rows["clusters"]).items():
        own = rows[rows["clusters"] == kind]
        axes.plot(
            own["value"],
            own["log_loss"],
            color=style.color,
            marker=style.marker,
            label=f"{label(kind)} clusters",
        )
    best = rows[rows["chosen"].astype(bool)].iloc[0]
    point = (float(best["value"]), float(best["log_loss"]))
    axes.plot(*point, "o", markersize=13, markerfacecolor="none", markeredgecolor=LIGHT["ink"])
    annotate(axes, f"{point[0]:g}: {point[1]:.4f}", point, (0, 12), ha="center")
    axes.ticklabel_format(axis="y", useOffset=False)
    axes.margins(y=0.15)
    axes.set_title(f"{label(parameter)} on validation rows")
    axes.set_xlabel(_CANDIDATES.get(parameter, f"{label(parameter)} (ratio)"))
    axes.set_ylabel("Log loss (nats)")
    if rows["clusters"].nunique() > 1:
        _legend(axes, n_columns=2)


def reliability_bins(predictions: pd.DataFrame, models: Iterable[str], *, n_bins: int = 10) -> pd.DataFrame:
    """Rows of ``reliability_diagram``: equally wide bins of the models' probabilities, those that hold rows.

    Parameters
    ----------
    predictions : columns model, liked, probability
    models : which of them; those that aren't there are left out
    """
    rows = predictions[predictions["model"].isin(list(models))]
    place = np.minimum((rows["probability"].to_numpy(dtype=float) * n_bins).astype(int), n_bins - 1)
    bins = rows.assign(place=place, probability=rows["probability"].astype(float)).groupby(["model", "place"])
    return bins.agg(
        predicted=("probability", "mean"), actual=("liked", "mean"), n=("liked", "size")
    ).reset_index()


def roc_table(predictions: pd.DataFrame, models: Iterable[str], *, n_points: int = 101) -> pd.DataFrame:
    """Rows of ``roc_curves``; without rows if not both likes and others are there.

    Parameters
    ----------
    predictions : columns model, liked, probability
    models : which of them; those that aren't there are left out
    """
    rows = predictions[predictions["model"].isin(list(models))]
    curves = [pd.DataFrame(columns=["model", "false_positive_rate", "true_positive_rate", "auc"])]
    if rows["liked"].nunique() == 2:
        curves = [_curve(str(model), own, n_points) for model, own in rows.groupby("model")]
    return pd.concat(curves, ignore_index=True)


def table_images(name: str, table: pd.DataFrame) -> dict[str, str]:
    """Draw a table of likes as Markdown images by title; of some there is nothing to draw."""
    return {
        title: markdown_image(draw(table), title.replace("_", " "))
        for title, draw in _IMAGES.get(name, {}).items()
    }


def _curve(model: str, rows: pd.DataFrame, n_points: int) -> pd.DataFrame:
    probability, liked = rows["probability"].to_numpy(dtype=float), rows["liked"].to_numpy(dtype=bool)
    misses, hits = roc_points(probability, liked, n_points=n_points)
    curve = pd.DataFrame({"false_positive_rate": misses, "true_positive_rate": hits})
    return curve.assign(model=model, auc=auc(probability, liked))


def _directed_bars(axes: Axes, sizes: FloatArray, signs: FloatArray) -> None:
    for rises, color, text in (
        (True, "series-1", "high values raise the prediction"),
        (False, "series-2", "high values lower it"),
    ):
        places = np.flatnonzero((signs >= 0) == rises)
        bars = axes.barh(places, sizes[places], height=0.7, color=LIGHT[color], label=text)
        texts = [f"{sign:+.2f}".replace("-", "−") for sign in signs[places]]
        axes.bar_label(bars, texts, padding=4, fontsize=8, color=LIGHT["ink"])
    _legend(axes, n_columns=2)


def _feature_axis(axes: Axes, names: np.ndarray[Any, Any]) -> None:
    axes.set_yticks(range(len(names)), [_short(label(name)) for name in names])
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0, labelcolor=LIGHT["ink"])
    axes.spines["left"].set_visible(False)


def _first(shown: np.ndarray[Any, Any], names: np.ndarray[Any, Any]) -> str:
    return (
        f"{len(names)} features"
        if len(shown) == len(names)
        else f"First {len(shown)} of {len(names)} features"
    )


def _shares(axes: Axes) -> None:
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(xmax=1, decimals=0))
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.02)


def _check_rows(frame: pd.DataFrame, what: str) -> None:
    if frame.empty:
        raise ValueError(f"0 {what}; there is nothing to plot")


def _legend(axes: Axes, *, n_columns: int) -> None:
    figure = axes.get_figure(root=True)
    if figure is not None:
        handles, names = axes.get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower center", ncols=n_columns, fontsize=8)


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_LABEL else text[: _LONGEST_LABEL - 1] + "…"


_IMAGES: Final[Mapping[str, Mapping[str, Callable[[pd.DataFrame], bytes]]]] = {
    "like_evaluation": {
        "auc_by_model": lambda table: leaderboard(table, metric="auc", k=0),
        "auc_per_user_by_model": lambda table: leaderboard(table, metric="auc_per_user", k=0),
    },
    "holdout_like_predictions": {
        "reliability": lambda table: reliability_diagram(reliability_bins(table, RELIABILITY)),
    },
    "like_importance": {
        "importance": lambda table: feature_importance(table["feature"], table["gain"]),
    },
    "like_settings": {"validation_log_loss": validation_losses},
    "like_blend": {
        "classifier_weight": lambda table: blend_losses(table, parameter="classifier_weight"),
        "boost_strength": lambda table: blend_losses(table, parameter="boost_strength"),
    },
}
