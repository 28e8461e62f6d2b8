"""Plots of models of likes: small, the same each time, in the palette, and saying what is drawn."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from recsys_assets.report import liking_plots as plots
from recsys_assets_tests.test_report import LARGEST_PNG, Page

FEATURES = [f"feature_{number}" for number in range(25)]
SHARES = np.linspace(0.08, 0, 25)
BINS = pd.DataFrame(
    {
        "model": ["like_trees"] * 3 + ["movie_mean"] * 2,
        "predicted": [0.1, 0.5, 0.9, 0.3, 0.7],
        "actual": [0.1, 0.6, 0.8, 0.35, 0.6],
        "n": [10, 10, 20, 20, 20],
    }
)
POINTS = pd.DataFrame(
    {
        "model": np.repeat(["item_mean", "like_trees"], 3),
        "false_positive_rate": [0, 0.5, 1] * 2,
        "true_positive_rate": [0, 0.6, 1, 0, 0.9, 1],
        "auc": np.repeat([0.55, 0.7], 3),
    }
)


def folds() -> pd.DataFrame:
    values = {"fold_1": 0.80, "fold_2": 0.82, "fold_3": 0.81}
    rows = [
        (model, fold, "auc", value - worse)
        for model, worse in (("item_mean", 0.1), ("like_trees", 0.0))
        for fold, value in values.items()
    ]
    rows += [(model, "all", "auc", mean) for model, mean in (("item_mean", 0.71), ("like_trees", 0.81))]
    rows += [(model, "all", "auc_std", 0.01) for model in ("item_mean", "like_trees")]
    rows += [("like_trees", "all", "brier", 0.2), ("like_trees", "all", "auc_pooled", 0.8)]
    return pd.DataFrame(rows, columns=["model", "segment", "metric", "value"])


PLOTS: dict[str, Callable[[Callable[..., object]], object]] = {
    "reliability_diagram": lambda draw: draw(BINS),
    "roc_curves": lambda draw: draw(POINTS),
    "metric_by_fold": lambda draw: draw(folds(), metric="auc"),
    "feature_importance": lambda draw: draw(FEATURES, SHARES),
    "contributions": lambda draw: draw(FEATURES, SHARES, np.linspace(-1, 1, 25), unit="log-odds"),
}


def svg_of(name: str) -> str:
    return str(PLOTS[name](getattr(plots, name).svg))


def test_every_plot_is_tested():
    assert set(PLOTS) == set(plots.__all__)


@pytest.mark.parametrize("name", PLOTS)
def test_a_plot_is_small_the_same_each_time_and_in_the_palette(name: str):
    png, svg = PLOTS[name](getattr(plots, name)), svg_of(name)
    assert isinstance(png, bytes)
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    assert len(png) <= LARGEST_PNG
    assert (PLOTS[name](getattr(plots, name)), svg_of(name)) == (png, svg)
    assert Page(svg).open == []
    assert set(re.findall(r": (#[0-9a-f]{6})", svg)) <= {"#000000"}


def test_row_order_does_not_change_a_plot():
    for draw, frame in ((plots.reliability_diagram, BINS), (plots.roc_curves, POINTS)):
        assert draw.svg(frame.sample(frac=1, random_state=0)) == draw.svg(frame)
    shuffled = folds().sample(frac=1, random_state=0)
    assert plots.metric_by_fold.svg(shuffled, metric="auc") == svg_of("metric_by_fold")


def test_the_reliability_diagram_states_how_far_each_model_is_off():
    svg = svg_of("reliability_diagram")
    assert "Like trees (off by 7.5%)" in svg  # (0 · 10 + 0.1 · 10 + 0.1 · 20) / 40
    assert "Movie mean (off by 7.5%)" in svg  # (0.05 · 20 + 0.1 · 20) / 40


def test_roc_curves_are_listed_by_area():
    svg = svg_of("roc_curves")
    assert svg.index("Like trees (0.7000)") < svg.index("Item mean (0.5500)")


def test_folds_state_mean_and_deviation():
    svg = svg_of("metric_by_fold")
    assert "Like trees 0.8100 ± 0.0100" in svg
    assert "Item mean 0.7100 ± 0.0100" in svg
    assert all(f">Fold {number}</text>" in svg for number in (1, 2, 3))


@pytest.mark.parametrize("name", ["feature_importance", "contributions"])
def test_the_first_twenty_features_are_shown_the_largest_on_top(name: str):
    svg = svg_of(name)
    assert svg.index(">Feature 0</text>") < svg.index(">Feature 19</text>")
    assert ">Feature 20</text>" not in svg
    assert "First 20 of 25 features" in svg


def test_contributions_state_direction_and_unit():
    svg = plots.contributions.svg(["up", "down", "flat"], [0.5, 0.3, 0], [0.75, -0.25, 0], unit="stars")
    assert all(text in svg for text in ("+0.75", "−0.25", "+0.00", "(stars)", "3 features by contribution"))


def test_nothing_to_plot_is_an_error():
    with pytest.raises(ValueError, match="0 bins"):
        plots.reliability_diagram(BINS[:0])
    with pytest.raises(ValueError, match="0 points"):
        plots.roc_curves(POINTS[:0])
    with pytest.raises(ValueError, match="0 rows of rmse by fold"):
        plots.metric_by_fold(folds(), metric="rmse")
