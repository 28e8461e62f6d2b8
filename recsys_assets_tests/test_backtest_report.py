"""The report of a backtest: windows in order, figures pooled as they are stored, and drawings of both."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from recsys_assets.contracts import contract_of
from recsys_assets.report import backtest_plots
from recsys_assets.report.backtest import REPORTED, backtest_section, is_there

NDCG = {"popularity": (0.10, 0.20), "als": (0.15, 0.30), "hybrid": (0.20, 0.30)}
"""Of w01, with 10 users, and of w02, with 30."""
RMSE = {"bias": (1.00, 0.90), "svdpp": (0.95, 0.925)}
N_USERS = (10, 30)
HALF = 0.04


def made(n_windows: int = 2) -> dict[str, pd.DataFrame]:
    """Tables as windows leave them, rows in no order."""
    names = ["w01", "w02"][:n_windows]
    began = [pd.Timestamp("1998-01-05 10:00"), pd.Timestamp("1998-02-01")][:n_windows]
    windows = pd.DataFrame(
        {
            "window": names,
            "trained_until": began,
            "starts_at": began,
            "ends_at": [one + pd.Timedelta(days=20) for one in began],
            "newest_training_row": [one - pd.Timedelta(seconds=1) for one in began],
            "newest_training_tag": pd.NaT,
            "n_train": [40_000, 47_500][:n_windows],
            "n_judged": 7_500,
            "n_warm_users": 12,
            "n_new_users": 5,
            "n_new_items": 3,
            "als_regularization": 30.0,
            "als_alpha": 5.0,
            "hybrid_alpha": 0.8,
            "star_settings": "{}",
            "ratings_version": "1-2",
        }
    )
    figures, comparisons = [], []
    for number, window in enumerate(names):
        for of, metric, segment, baseline in (
            (NDCG, "ndcg", "warm_users", "popularity"),
            (RMSE, "rmse", "all", "bias"),
        ):
            for model, values in of.items():
                value, difference = values[number], values[number] - of[baseline][number]
                about = (window, model, segment, metric, 10 if metric == "ndcg" else 0, N_USERS[number])
                figures.append((*about, value, value - HALF, value + HALF))
                if model != baseline:
                    comparisons.append((*about, difference, difference - HALF, difference + HALF, baseline))
    about = ["window", "model", "segment", "metric", "k", "n_users"]
    return {
        "backtest_windows": windows[::-1],
        "backtest_figures": pd.DataFrame(figures, columns=[*about, "value", "ci_low", "ci_high"])[::-1],
        "backtest_comparisons": pd.DataFrame(
            comparisons, columns=[*about, "difference", "ci_low", "ci_high", "baseline"]
        )[::-1],
    }


def test_the_tables_are_those_of_the_contracts() -> None:
    for name, frame in made().items():
        assert set(frame.columns) == set(contract_of(name).column_names)


def test_there_is_no_section_before_there_is_a_window() -> None:
    assert is_there(made())
    assert not is_there({name: frame for name, frame in made().items() if name != "backtest_windows"})
    assert not is_there({name: frame.iloc[:0] for name, frame in made().items()})
    assert list(made()) == list(REPORTED)


def cells(markdown: str, first: str) -> list[list[str]]:
    """The rows of the Markdown tables whose first or second cell is this."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in markdown.splitlines()]
    return [row for row in rows if first in row[:2]]


def test_figures_are_pooled_by_users_beside_their_baseline() -> None:
    markdown = backtest_section(made()).markdown
    [hybrid] = cells(markdown, "Hybrid")
    half = float(np.hypot(0.25 * HALF, 0.75 * HALF))
    mean, gain = 0.25 * 0.2 + 0.75 * 0.3, 0.25 * 0.1 + 0.75 * 0.1
    assert hybrid[2:] == [
        f"{mean:.4f}",
        f"{mean - half:.3f} to {mean + half:.3f}",
        "Popularity",
        f"+{gain:.4f}",
        f"+{gain - half:.3f} to +{gain + half:.3f}",
        "2 of 2",
        "0 of 2",
        "40",
    ]
    [popularity] = cells(markdown, "Popularity")
    assert popularity[4:9] == ["–"] * 5


def test_models_stand_best_first_and_of_errors_the_least() -> None:
    markdown = backtest_section(made()).markdown
    order = [row[1] for row in cells(markdown, "NDCG@10, warm users")]
    assert order == ["Hybrid", "ALS", "Popularity"]
    assert markdown.index("| SVD++ |") > markdown.index("| Bias |")  # 0.93125 and 0.925, weighted by users


def test_windows_stand_in_order_with_their_numbers() -> None:
    markdown = backtest_section(made()).markdown
    [first] = cells(markdown, "w01")
    assert first == ["w01", "1998-01-05 10:00", "1998-01-25 10:00", "40,000", "7,500", "12", "5", "3"]
    assert markdown.index("| w01 |") < markdown.index("| w02 |")


def test_the_finding_says_how_sure_the_gain_is_and_in_how_many_windows() -> None:
    finding = backtest_section(made()).finding
    assert finding.startswith("2 windows from 1998-01-05 to 1998-02-21.")
    assert "NDCG@10 of hybrid less that of popularity is +0.100" in finding
    assert "better in 2 of 2 of them and worse in 0" in finding
    assert "RMSE of SVD++ less that of bias is +0.006" in finding
    assert "better in 1 of 2 of them and worse in 0" in finding  # of errors, less is better


def test_both_forms_hold_all_drawings() -> None:
    section = backtest_section(made())
    assert section.html.count("<svg") == section.markdown.count("](data:image/png;base64,") == 3
    assert "Lists of new users" not in section.markdown  # nobody was new
    titles = re.findall(r'aria-label="([^"]*)"', section.html)
    assert titles == [
        "NDCG@10 by window, warm users",
        "NDCG@10 less that of popularity, warm users",
        "RMSE by window, all ratings",
    ]


@pytest.mark.parametrize("n_windows", [1, 2])
def test_each_window_is_drawn_at_its_place_with_the_day_it_begins(n_windows: int) -> None:
    tables = made(n_windows)
    svg = backtest_plots.figures_over_time.svg(
        tables["backtest_windows"], tables["backtest_figures"], metric="ndcg", segment="warm_users"
    )
    texts = re.findall(r">([^<>]+)</t", svg)
    assert {"w01", "1998", "01-05"} <= set(texts)
    assert ("w02" in texts) == (n_windows == 2)
    assert {"Hybrid", "ALS", "Popularity"} <= set(texts)


def test_a_window_without_a_figure_leaves_a_gap() -> None:
    tables = made()
    figures = tables["backtest_figures"]
    gap = figures.assign(
        **{
            name: figures[name].where((figures["window"] != "w01") | (figures["model"] != "als"))
            for name in ("value", "ci_low", "ci_high")
        }
    )
    section = backtest_section(tables | {"backtest_figures": gap})
    [als] = cells(section.markdown, "ALS")
    assert (als[2], als[-1]) == ("0.3000", "30")
    assert section.html.count("<svg") == 3
