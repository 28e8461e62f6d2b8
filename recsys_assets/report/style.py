"""How reports look: one palette for plots and pages, names for people, and tables as Markdown or HTML."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pandas as pd

if TYPE_CHECKING:
    from matplotlib.typing import RcKeyType

#: name: (light, dark). The series are Okabe and Ito's colour-blind-safe set, lightened for dark pages.
PALETTE: Final[dict[str, tuple[str, str]]] = {
    "ink": ("#1b2430", "#e7ebf0"),
    "muted": ("#5a6675", "#9ba7b6"),
    "rule": ("#dfe4ea", "#2d3743"),
    "page": ("#f6f7f9", "#0f141a"),
    "card": ("#ffffff", "#171e26"),
    "baseline": ("#6f7a88", "#8e9aa9"),
    "series-1": ("#0072b2", "#5cb0ea"),
    "series-2": ("#d55e00", "#f28c48"),
    "series-3": ("#009e73", "#3cc79c"),
    "series-4": ("#b8628f", "#e39bc3"),
    "series-5": ("#3a9bd8", "#8fd0f5"),
    "series-6": ("#c98a00", "#f0bb45"),
    "good": ("#00714f", "#4fd0a5"),
    "bad": ("#b23c00", "#ff9a66"),
}
LIGHT: Final = {name: light for name, (light, _) in PALETTE.items()}

RC_PARAMS: Final[dict[RcKeyType, object]] = {
    "axes.axisbelow": True,
    "axes.edgecolor": LIGHT["muted"],
    "axes.grid": True,
    "axes.labelcolor": LIGHT["muted"],
    "axes.linewidth": 0.8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": LIGHT["ink"],
    "axes.titlelocation": "left",
    "axes.titlepad": 10.0,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.unicode_minus": True,
    "date.converter": "concise",
    "figure.constrained_layout.h_pad": 0.08,
    "figure.constrained_layout.w_pad": 0.08,
    "font.family": ["DejaVu Sans"],  # ships with matplotlib: the same bytes on every machine
    "font.size": 9.5,
    "grid.color": LIGHT["rule"],
    "grid.linewidth": 0.8,
    "legend.frameon": False,
    "legend.labelcolor": LIGHT["ink"],
    "lines.linewidth": 1.8,
    "lines.markersize": 5.0,
    "svg.fonttype": "none",
    "svg.hashsalt": "report",
    "text.color": LIGHT["ink"],
    "text.parse_math": False,  # a "$" in a name is a dollar sign
    "xtick.color": LIGHT["muted"],
    "xtick.major.size": 3.0,
    "ytick.color": LIGHT["muted"],
    "ytick.major.size": 3.0,
}

METRICS: Final[dict[str, tuple[str, str]]] = {
    "ndcg": ("NDCG", "0–1"),
    "precision": ("Precision", "share of the list"),
    "recall": ("Recall", "share of liked items"),
    "map": ("MAP", "0–1"),
    "mrr": ("MRR", "0–1"),
    "hit_rate": ("Hit rate", "share of users"),
    "coverage": ("Coverage", "share of the catalogue"),
    "diversity": ("Diversity", "0–1"),
    "novelty": ("Novelty", "bits"),
    "gini": ("Gini", "0–1, lower is more even"),
    "popularity": ("Popularity", "percentile"),
    "rmse": ("RMSE", "stars"),
    "mae": ("MAE", "stars"),
    "calibration_error": ("Calibration error", "stars"),
    "f1": ("F1", "0–1"),
    "auc": ("AUC", "0–1"),
    "auc_per_user": ("AUC per user", "0–1"),
    "log_loss": ("Log loss", "nats"),
    "brier": ("Brier score", "0–1"),
    "ndcg_of_own_test_items": ("Own-items NDCG", "0–1"),
}
LOWER_IS_BETTER: Final = frozenset({"rmse", "mae", "calibration_error", "gini", "log_loss", "brier"})
SEGMENTS: Final = (
    "all",
    "light_users",
    "medium_users",
    "heavy_users",
    "cold_users",
    "head_items",
    "tail_items",
    "cold_items",
)
BASELINES: Final = frozenset(
    {
        "popularity",
        "recent_popularity",
        "global_mean",
        "user_mean",
        "item_mean",
        "bias",
        "time_damped_bias",
        "movie_mean",
    }
)
_ACRONYMS: Final = (
    "als",
    "auc",
    "bpr",
    "cf",
    "ease",
    "edlae",
    "fm",
    "gf",
    "mae",
    "mf",
    "ndcg",
    "rmse",
    "svd",
    "tmdb",
)
_WORDS: Final = {word: word.upper() for word in _ACRONYMS} | {
    "knn": "kNN",
    "svdpp": "SVD++",
    "5fold": "five-fold",
}
_BASELINE_LINES: Final = ("--", ":", "-.")
_MARKERS: Final = ("s", "D", "o", "^", "v", "P", "X", "h")


class SeriesStyle(NamedTuple):
    color: str
    marker: str
    linestyle: str


def series_styles(models: Iterable[str]) -> dict[str, SeriesStyle]:
    """Give each model a colour and a marker that stay the same in every plot of the same models.

    Baselines are grey and dashed, so that the eye goes to what has to beat them. Markers differ wherever
    colours repeat, and they tell series apart without colour too.
    """
    names = sorted(set(models), key=lambda name: (name not in BASELINES, name))
    n_baselines = len(BASELINES.intersection(names))
    colors = [LIGHT["baseline"]] * n_baselines + [
        LIGHT[f"series-{i % 6 + 1}"] for i in range(len(names) - n_baselines)
    ]
    dashes = [_BASELINE_LINES[i % len(_BASELINE_LINES)] for i in range(n_baselines)]
    lines = dashes + ["-"] * (len(names) - n_baselines)
    return {
        name: SeriesStyle(color, _MARKERS[i % len(_MARKERS)], line)
        for i, (name, color, line) in enumerate(zip(names, colors, lines, strict=True))
    }


def phrase(name: str) -> str:
    """Write an identifier within a sentence: ``recent_popularity`` is "recent popularity"."""
    return " ".join(_WORDS.get(word, word) for word in name.split("_") if word)


def label(name: str) -> str:
    """Write an identifier on its own: ``recent_popularity`` is "Recent popularity", ``als`` is "ALS"."""
    text = phrase(name)
    return text[:1].upper() + text[1:]


def metric_name(metric: str) -> str:
    """Name a metric without its cut-off: ``NDCG``."""
    return METRICS[metric][0] if metric in METRICS else label(metric)


def metric_label(metric: str, k: int) -> str:
    """Name a metric at its cut-off, ``NDCG@10``; at k = 0 it is about no list: ``RMSE``."""
    return f"{metric_name(metric)}@{k}" if k else metric_name(metric)


def order_of(names: Iterable[str], preferred: Iterable[str]) -> list[str]:
    """List the distinct names: those in ``preferred`` first and in its order, the others alphabetically."""
    present = set(names)
    known = [name for name in preferred if name in present]
    return known + sorted(present - set(known))


@dataclass(frozen=True)
class Html:
    """Markup of our own making, which a table cell shows as it is; any other cell is escaped."""

    markup: str


def format_cell(value: Any, spec: str = "") -> str:
    """Write one value as text: missing ones as an en dash, numbers by their format and with a true minus."""
    if pd.api.types.is_scalar(value) and pd.isna(value):
        return "–"
    text = format(value, spec)
    return text.replace("-", "−") if pd.api.types.is_number(value) else text


def markdown_table(frame: pd.DataFrame, *, formats: Mapping[str, str]) -> str:
    """Write a frame, without its index, as a GitHub-flavoured Markdown table.

    Numbers are right-aligned. Every character that Markdown or HTML could read as markup is escaped, so a
    cell shows exactly its text; line breaks become spaces.

    Parameters
    ----------
    frame : any frame; no rows give a table with a header only
    formats : format specification by column, for example ``{"ndcg": ".3f"}``; the others use ``str``
    """
    header = [escape_markdown(str(column)) for column in frame.columns]
    rule = ["---:" if numeric else "---" for numeric in _numeric(frame)]
    rows = [[escape_markdown(str(cell)) for cell in row] for row in _texts(frame, formats)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [header, rule, *rows])


def html_table(frame: pd.DataFrame, *, formats: Mapping[str, str]) -> str:
    """Write a frame, without its index, as an HTML table that scrolls inside its own box.

    The first column heads its row. Cells are escaped unless they are ``Html``; ``formats`` as in
    ``markdown_table``.
    """
    classes = [' class="num"' if numeric else "" for numeric in _numeric(frame)]
    header = "".join(
        f'<th scope="col"{css}>{html.escape(str(column))}</th>'
        for css, column in zip(classes, frame.columns, strict=True)
    )
    body = "\n".join(_html_row(row, classes) for row in _texts(frame, formats))
    return (
        '<div class="scroll" tabindex="0"><table>\n'
        f"<thead><tr>{header}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>"
    )


def escape_markdown(text: str) -> str:
    """Escape what Markdown or HTML could read as markup, on one line."""
    return re.sub(r"([\\`*_\[\]|~#])", r"\\\1", html.escape(" ".join(text.split()), quote=False))


def css_variables() -> str:
    """Declare the palette as CSS variables, with the dark values behind ``prefers-color-scheme``."""
    light = "".join(f"--{name}:{value};" for name, (value, _) in PALETTE.items())
    dark = "".join(f"--{name}:{value};" for name, (_, value) in PALETTE.items())
    return f":root{{{light}}}\n@media (prefers-color-scheme: dark){{:root{{{dark}}}}}"


def _texts(frame: pd.DataFrame, formats: Mapping[str, str]) -> list[list[str | Html]]:
    specs = [formats.get(str(column), "") for column in frame.columns]
    return [
        [
            value if isinstance(value, Html) else format_cell(value, spec)
            for value, spec in zip(row, specs, strict=True)
        ]
        for row in frame.itertuples(index=False, name=None)
    ]


def _numeric(frame: pd.DataFrame) -> list[bool]:
    return [
        pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_bool_dtype(dtype)
        for dtype in frame.dtypes
    ]


def _html_row(row: list[str | Html], classes: list[str]) -> str:
    cells = [cell.markup if isinstance(cell, Html) else html.escape(cell) for cell in row]
    head = f'<th scope="row"{classes[0]}>{cells[0]}</th>'
    tail = "".join(f"<td{css}>{cell}</td>" for css, cell in zip(classes[1:], cells[1:], strict=True))
    return f"<tr>{head}{tail}</tr>"
