"""Plots of evaluations and ratings: PNG for the Dagster UI, inline SVG for pages.

Each plot is a function that draws on one axes. Called, it returns PNG bytes; its ``svg`` method takes the
same arguments and returns markup whose colours are the page's CSS variables, so it follows light and dark.
The same input gives the same bytes.

``evaluation`` is the published table of that name, restricted to one split: columns model, split, segment,
metric, k, value, ci_low, ci_high, n_users. Two splits, or no value to draw, raise a ``ValueError``.
"""

from __future__ import annotations

import base64
import html
import io
import re
from collections.abc import Callable
from functools import partial, update_wrapper
from typing import Concatenate, Final, Generic, ParamSpec

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, PercentFormatter
from numpy.typing import ArrayLike
from PIL import Image

from recsys_assets.report.style import (
    LIGHT,
    LOWER_IS_BETTER,
    METRICS,
    RC_PARAMS,
    SEGMENTS,
    label,
    metric_label,
    metric_name,
    order_of,
    series_styles,
)

__all__ = [
    "Plot",
    "accuracy_vs_coverage",
    "hybrid_weights",
    "leaderboard",
    "long_tail",
    "markdown_image",
    "metric_by_k",
    "precision_recall",
    "rating_histogram",
    "ratings_over_time",
    "segments",
    "tuning_grid",
]

HEAD_SHARE: Final = 0.2
_WIDTH: Final = 4.8  # inches
_ROW_HEIGHT: Final = 0.23  # inches
_DPI: Final = 90
_PNG_COLORS: Final = 96
_LONGEST_LABEL: Final = 24
_CSS_COLORS: Final = {value: f"var(--{name})" for name, value in LIGHT.items()}

P = ParamSpec("P")


class Plot(Generic[P]):
    """A drawing on one axes that renders itself as PNG bytes, or by ``svg`` as markup for a page."""

    def __init__(self, draw: Callable[Concatenate[Axes, P], None], *, height: float) -> None:
        self._draw = draw
        self._height = height
        update_wrapper(self, draw)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> bytes:
        png, _ = self._render("png", {"Software": None}, *args, **kwargs)
        return _with_fewer_colors(png)

    def svg(self, *args: P.args, **kwargs: P.kwargs) -> str:
        no_metadata = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        markup, title = self._render("svg", no_metadata, *args, **kwargs)
        return _inline(markup.decode(), title)

    def _render(
        self, file_format: str, metadata: dict[str, None], *args: P.args, **kwargs: P.kwargs
    ) -> tuple[bytes, str]:
        with mpl.rc_context(RC_PARAMS):
            figure = Figure(figsize=(_WIDTH, self._height), layout="constrained")
            axes = figure.add_subplot()
            self._draw(axes, *args, **kwargs)
            buffer = io.BytesIO()
            transparent = file_format == "svg"
            figure.savefig(buffer, format=file_format, dpi=_DPI, metadata=metadata, transparent=transparent)
        return buffer.getvalue(), axes.get_title(loc="left")


def plot(*, height: float) -> Callable[[Callable[Concatenate[Axes, P], None]], Plot[P]]:
    """Turn a function that draws on an axes into a ``Plot``, ``height`` inches high."""
    return partial(Plot, height=height)


def markdown_image(png: bytes, alt: str) -> str:
    """Embed a PNG in Markdown as a data URI; brackets in the alternative text are escaped."""
    text = re.sub(r"([\\\[\]])", r"\\\1", html.escape(" ".join(alt.split()), quote=False))
    return f"![{text}](data:image/png;base64,{base64.b64encode(png).decode('ascii')})"


@plot(height=2.9)
def leaderboard(axes: Axes, evaluation: pd.DataFrame, *, metric: str, k: int) -> None:
    """Dot and whisker: each model's metric over all users with its interval, the best on top."""
    best_last = [metric not in LOWER_IS_BETTER, False]
    rows = _rows(evaluation, metric, k=k).sort_values(["value", "model"], ascending=best_last)
    give_rows_room(axes, len(rows))
    styles = series_styles(evaluation["model"])
    columns = rows[["model", "value", "ci_low", "ci_high"]]
    for position, (model, value, low, high) in enumerate(columns.itertuples(index=False, name=None)):
        style = styles[model]
        axes.hlines(position, low, high, color=style.color, linewidth=2.2)
        axes.plot(value, position, style.marker, color=style.color, markersize=6.5)
        end = float(np.fmax(value, high))
        annotate(axes, f"{value:.3f}", (end, position), (7, 0), ha="left", va="center")
    axes.set_yticks(range(len(rows)), [short_label(model) for model in rows["model"]])
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.margins(x=0.15)
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0, labelcolor=LIGHT["ink"])
    axes.spines["left"].set_visible(False)
    axes.set_title(f"{metric_label(metric, k)} by model")
    axes.set_xlabel(f"{_quantity(metric)}; whiskers are intervals")


@plot(height=3.6)
def metric_by_k(axes: Axes, evaluation: pd.DataFrame, *, metric: str = "ndcg") -> None:
    """One line per model: the metric against the length k of the list."""
    rows = _rows(evaluation, metric)
    _lines(axes, evaluation, rows.assign(x=rows["k"], y=rows["value"]))
    axes.set_xticks(sorted(rows["k"].unique()))
    axes.set_title(f"{metric_name(metric)} by length of the list")
    axes.set_xlabel("k (items recommended)")
    axes.set_ylabel(_quantity(metric))
    legend(axes)


@plot(height=3.6)
def segments(axes: Axes, evaluation: pd.DataFrame, *, metric: str, k: int) -> None:
    """Dot and whisker: each model's metric within each segment of users or items, "all" on top."""
    rows = _rows(evaluation, metric, k=k, segment=None)
    names = order_of(rows["segment"], SEGMENTS)
    styles = series_styles(evaluation["model"])
    offsets = np.linspace(-0.3, 0.3, len(styles) + 2)[1:-1]
    for offset, (model, style) in zip(offsets, styles.items(), strict=True):
        own = rows[rows["model"] == model]
        # Not by Series.map: where pyarrow is installed, no segments at all would stay text.
        y = np.array([names.index(segment) for segment in own["segment"]]) + offset
        axes.hlines(y, own["ci_low"], own["ci_high"], color=style.color, linewidth=1.6, alpha=0.8)
        axes.plot(own["value"], y, style.marker, color=style.color, label=short_label(model))
    axes.set_yticks(range(len(names)), [label(name) for name in names])
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")
    for boundary in np.arange(0.5, len(names) - 1):
        axes.axhline(boundary, color=LIGHT["rule"], linewidth=0.8)
    axes.tick_params(axis="y", length=0, labelcolor=LIGHT["ink"])
    axes.set_title(f"{metric_label(metric, k)} by segment")
    axes.set_xlabel(f"{_quantity(metric)}; whiskers are intervals")
    legend(axes)


@plot(height=3.6)
def precision_recall(axes: Axes, evaluation: pd.DataFrame) -> None:
    """One line per model: precision at k against recall at k, as the list grows."""
    keys = ["model", "k"]
    precision = _rows(evaluation, "precision")[[*keys, "value"]]
    recall = _rows(evaluation, "recall")[[*keys, "value"]]
    rows = precision.merge(recall, on=keys, suffixes=("_precision", "_recall")).sort_values("k")
    _lines(axes, evaluation, rows.assign(x=rows["value_recall"], y=rows["value_precision"]))
    best = rows.loc[rows.groupby("k")["value_precision"].idxmax()]
    for k, x, y in zip(best["k"], best["value_recall"], best["value_precision"], strict=True):
        annotate(axes, f"k = {k}", (x, y), (7, 4), ha="left")
    axes.margins(x=0.12, y=0.12)
    axes.set_title("Precision and recall as the list grows")
    axes.set_xlabel(f"Recall ({METRICS['recall'][1]})")
    axes.set_ylabel(f"Precision ({METRICS['precision'][1]})")
    legend(axes)


@plot(height=3.6)
def accuracy_vs_coverage(axes: Axes, evaluation: pd.DataFrame, *, metric: str = "ndcg", k: int = 10) -> None:
    """One point per model: accuracy against the share of the catalogue that anyone is recommended."""
    accuracy = _rows(evaluation, metric, k=k).set_index("model")["value"]
    coverage = _rows(evaluation, "coverage", k=k).set_index("model")["value"]
    for model, style in series_styles(evaluation["model"]).items():
        if model in accuracy.index and model in coverage.index:
            point = (float(coverage[model]), float(accuracy[model]))
            axes.plot(*point, style.marker, color=style.color, markersize=8, label=short_label(model))
    axes.margins(0.12)
    axes.xaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=0))
    axes.set_title("Accuracy against coverage of the catalogue")
    axes.set_xlabel(f"Coverage@{k} (% of the catalogue)")
    axes.set_ylabel(f"{metric_label(metric, k)} ({_unit(metric)})")
    legend(axes)


@plot(height=2.9)
def rating_histogram(axes: Axes, values: ArrayLike, counts: ArrayLike) -> None:
    """Bars: how many ratings have each value.

    Parameters
    ----------
    values : shape (n_values,), stars, distinct
    counts : shape (n_values,), ratings with that value
    """
    stars, ratings = np.asarray(values, dtype=float), np.asarray(counts, dtype=float)
    total = _total(ratings)
    step = float(np.diff(np.sort(stars)).min()) if len(stars) > 1 else 1.0
    axes.bar(stars, ratings, width=0.8 * step, color=LIGHT["series-1"])
    axes.set_xticks(stars)
    axes.grid(visible=False, axis="x")
    axes.yaxis.set_major_formatter(EngFormatter(sep=""))
    axes.set_title(f"{total:,.0f} ratings, {stars @ ratings / total:.2f} stars on average")
    axes.set_xlabel("Rating (stars)")
    axes.set_ylabel("Ratings (count)")


@plot(height=3.1)
def long_tail(axes: Axes, counts: ArrayLike) -> None:
    """Curve: cumulative share of ratings over items from the most to the least rated, the head marked.

    Parameters
    ----------
    counts : shape (n_items,), ratings of each item, in any order
    """
    ordered = np.sort(np.asarray(counts, dtype=float))[::-1]
    share = np.concatenate([[0.0], np.cumsum(ordered) / _total(ordered)])
    items = np.linspace(0.0, 1.0, len(share))
    head = float(np.interp(HEAD_SHARE, items, share))
    grid = np.linspace(0.0, 1.0, 201)  # a drawing needs no more points, however large the catalogue
    curve = np.interp(grid, items, share)
    axes.plot(grid, curve, color=LIGHT["series-1"])
    inside = grid <= HEAD_SHARE
    axes.fill_between(grid[inside], curve[inside], color=LIGHT["series-1"], alpha=0.18, linewidth=0)
    axes.vlines(HEAD_SHARE, 0, head, color=LIGHT["muted"], linestyles=":")
    axes.plot(HEAD_SHARE, head, "o", color=LIGHT["series-1"])
    text = f"{HEAD_SHARE:.0%} of the items hold\n{head:.0%} of the ratings"
    annotate(axes, text, (HEAD_SHARE, head), (10, -6), ha="left", va="top")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(xmax=1, decimals=0))
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.02)
    axes.set_title(f"Long tail of {len(ordered):,} items")
    axes.set_xlabel("Items, most rated first (% of the catalogue)")
    axes.set_ylabel("Ratings (cumulative %)")


@plot(height=2.9)
def ratings_over_time(axes: Axes, month: ArrayLike, counts: ArrayLike) -> None:
    """Area: ratings per month; months without a row are drawn as zero.

    Parameters
    ----------
    month : shape (n_months,), dates, distinct, in any order
    counts : shape (n_months,), ratings in that month
    """
    months = np.asarray(month, dtype="datetime64[M]")
    ratings = np.asarray(counts, dtype=float)
    total = _total(ratings)
    every_month = np.arange(months.min(), months.max() + 2)
    filled = np.zeros(len(every_month))
    filled[(months - months.min()).astype(int)] = ratings
    days = every_month.astype("datetime64[D]")
    axes.fill_between(days, filled, step="post", color=LIGHT["series-1"], alpha=0.3, linewidth=0)
    axes.step(days, filled, where="post", color=LIGHT["series-1"], linewidth=1.0)
    axes.yaxis.set_major_formatter(EngFormatter(sep=""))
    axes.set_ylim(bottom=0)
    axes.margins(x=0.01)
    axes.set_title(f"{total:,.0f} ratings, {months.min()} to {months.max()}")
    axes.set_xlabel("Month")
    axes.set_ylabel("Ratings (count per month)")


@plot(height=2.9)
def hybrid_weights(axes: Axes, alpha: ArrayLike, ndcg: ArrayLike) -> None:
    """Line: validation NDCG by hybrid weight; the best weight, the smallest among equals, is marked.

    Parameters
    ----------
    alpha : shape (n_weights,), weight of the collaborative score, 0–1, in any order
    ndcg : shape (n_weights,), NDCG of the validation ratings
    """
    order = np.argsort(np.asarray(alpha, dtype=float), kind="stable")
    weights, scores = np.asarray(alpha, dtype=float)[order], np.asarray(ndcg, dtype=float)[order]
    best = int(np.nanargmax(scores))
    axes.plot(weights, scores, "-o", color=LIGHT["series-1"], markersize=4)
    axes.axvline(weights[best], color=LIGHT["muted"], linestyle=":", linewidth=1.2)
    axes.plot(weights[best], scores[best], "o", color=LIGHT["series-2"], markersize=9)
    axes.margins(y=0.15)
    axes.set_title(f"Hybrid weight: α = {weights[best]:g} chosen, NDCG {scores[best]:.4f}")
    axes.set_xlabel("α (0 = content alone, 1 = collaborative alone)")
    axes.set_ylabel("Validation NDCG (0–1)")


@plot(height=3.3)
def tuning_grid(axes: Axes, table: pd.DataFrame, *, value: str = "ndcg") -> None:
    """Heat map: the score over the two settings that take most values, the best over the other settings.

    Parameters
    ----------
    table : one row per setting tried; column ``value`` is the score, every other column a hyper-parameter

    Raises
    ------
    ValueError
        If fewer than two columns are hyper-parameters; the message carries their names.
    """
    y, x = _grid_parameters(table, value)
    scores = table.pivot_table(index=y, columns=x, values=value, aggfunc="max")
    heat = scores.to_numpy()
    ramp = LinearSegmentedColormap.from_list("score", [LIGHT["page"], LIGHT["series-1"]])
    axes.pcolormesh(heat, cmap=ramp, edgecolors=LIGHT["card"], linewidth=1.5)
    best, low = np.nanmax(heat), np.nanmin(heat)
    for row, column in np.argwhere(np.isfinite(heat)):
        score = heat[row, column]
        color = LIGHT["card"] if score - low > 0.6 * (best - low) else LIGHT["ink"]
        weight = "bold" if score == best else "normal"
        axes.text(
            column + 0.5, row + 0.5, f"{score:.3f}", color=color, weight=weight, ha="center", va="center"
        )
    axes.set_xticks(np.arange(heat.shape[1]) + 0.5, [_number(entry) for entry in scores.columns])
    axes.set_yticks(np.arange(heat.shape[0]) + 0.5, [_number(entry) for entry in scores.index])
    axes.grid(visible=False)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_title(f"{metric_name(value)} by setting, best {best:.4f}")
    axes.set_xlabel(label(x))
    axes.set_ylabel(label(y))


def give_rows_room(axes: Axes, n_rows: int) -> None:
    """Make a plot of many rows, one below the other, as high as it needs to be."""
    figure = axes.get_figure(root=True)
    if figure is not None:
        figure.set_figheight(max(figure.get_figheight(), 1.0 + _ROW_HEIGHT * n_rows))


def _rows(
    evaluation: pd.DataFrame, metric: str, *, k: int | None = None, segment: str | None = "all"
) -> pd.DataFrame:
    splits = sorted(evaluation["split"].unique())
    if len(splits) > 1:
        raise ValueError(f"evaluation mixes {len(splits)} splits ({', '.join(splits)}); select one of them")
    wanted = (evaluation["metric"] == metric) & evaluation["value"].notna()
    if k is not None:
        wanted &= evaluation["k"] == k
    if segment is not None:
        wanted &= evaluation["segment"] == segment
    if not wanted.any():
        where = f"metric {metric!r}, k {'any' if k is None else k}, segment {segment or 'any'!r}"
        metrics = ", ".join(sorted(evaluation["metric"].unique()))
        raise ValueError(
            f"none of the {len(evaluation)} evaluation rows has a value for {where}; metrics: {metrics}"
        )
    return evaluation[wanted].sort_values(["model", "segment", "k"])


def _lines(axes: Axes, evaluation: pd.DataFrame, rows: pd.DataFrame) -> None:
    for model, style in series_styles(evaluation["model"]).items():
        line = rows[rows["model"] == model]
        if len(line):
            axes.plot(
                line["x"],
                line["y"],
                color=style.color,
                marker=style.marker,
                linestyle=style.linestyle,
                label=short_label(model),
            )


def legend(axes: Axes) -> None:
    figure = axes.get_figure(root=True)
    if figure is not None:
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3)


def annotate(
    axes: Axes, text: str, point: tuple[float, float], offset: tuple[int, int], *, ha: str, va: str = "bottom"
) -> None:
    axes.annotate(
        text,
        point,
        xytext=offset,
        textcoords="offset points",
        ha=ha,
        va=va,
        color=LIGHT["ink"],
        fontsize=8.5,
    )


def _grid_parameters(table: pd.DataFrame, value: str) -> tuple[str, str]:
    parameters = [str(column) for column in table.columns if column != value]
    if len(parameters) < 2:
        raise ValueError(f"a grid needs two hyper-parameters beside {value!r}; got {parameters}")
    first, second = sorted(parameters, key=lambda name: -table[name].nunique())[:2]
    return second, first


def _total(counts: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> float:
    total = float(counts.sum())
    if not total > 0:
        raise ValueError(f"{len(counts)} counts add up to {total:g}; there is nothing to plot")
    return total


def _unit(metric: str) -> str:
    return METRICS[metric][1] if metric in METRICS else "score"


def _quantity(metric: str) -> str:
    return f"{metric_name(metric)} ({_unit(metric)})"


def short_label(model: str) -> str:
    name = label(model)
    return name if len(name) <= _LONGEST_LABEL else name[: _LONGEST_LABEL - 1] + "…"


def _number(entry: object) -> str:
    return f"{entry:g}" if pd.api.types.is_number(entry) else str(entry)


def _with_fewer_colors(png: bytes) -> bytes:
    """Reduce a PNG to a palette, a third of the size: metadata goes to the browser with every page view."""
    buffer = io.BytesIO()
    with Image.open(io.BytesIO(png)) as image:
        reduced = image.convert("RGB").quantize(_PNG_COLORS, dither=Image.Dither.NONE)
        reduced.save(buffer, format="png", optimize=True)
    return buffer.getvalue()


def _inline(document: str, title: str) -> str:
    """Reduce an SVG document to what HTML needs: no prolog, namespaces, size, style sheet or metadata."""
    svg = document[document.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'<g id="[^"]*"', "<g", svg)
    svg = svg.replace("xlink:href", "href")
    box = re.search(r'viewBox="[^"]*"', svg)
    head = f'<svg {box.group() if box else ""} role="img" aria-label="{html.escape(title)}">'
    body = re.sub(r"^<svg[^>]*>", "", svg)
    return head + re.sub(r"(?<=: )#[0-9a-f]{6}", lambda m: _CSS_COLORS.get(m.group(), m.group()), body)
