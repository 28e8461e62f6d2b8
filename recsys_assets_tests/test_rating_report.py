"""The report of predicted stars: what it says of made figures, and that it says no more than they show."""

from __future__ import annotations

import json
import re
from functools import cache

import duckdb
import numpy as np
import pandas as pd
import pytest
from markdown_it import MarkdownIt

from recsys_assets.contracts import BACKTEST_TABLES, PUBLISHED, TABLES
from recsys_assets.definitions import defs
from recsys_assets.report import evaluation_html, evaluation_markdown, plots, rating_plots, style
from recsys_assets.report.folds import cross_validation, fold_markdown
from recsys_assets.report.page import Section
from recsys_assets.report.ratings import predicted_stars, stars_headline
from recsys_assets.report.sections import OPTIONAL, REPORTED, more_sections
from recsys_assets_tests.graph import key
from recsys_assets_tests.test_report import LARGEST_PNG, Page, make_report

RMSE = {
    "blend": 0.83,
    "svdpp": 0.88,
    "item_knn_baseline": 0.885,
    "bias": 0.9,
    "item_knn": 1.1,
    "global_mean": 1.05,
}
SEGMENTS = {
    "all": (1.0, 610),
    "light_users": (1.1, 209),
    "heavy_users": (0.98, 203),
    "cold_items": (1.2, 185),
}
FOLDS = ("u1", "u2", "u3", "u4", "u5")
OFF = np.array([0.01, -0.01, 0.02, -0.02, 0.0])
"""What each fold's RMSE lies from the mean: their standard deviation is √(0.001 / 4)."""
DESCRIPTION = "Each model predicts every test rating; relevant is one of at least 3.5 stars."
HOSTILE = """<script>alert('x')</script>"><img src=x onerror=1></svg> & $x^2$"""
FIGURE = ["model", "segment", "metric", "k", "value", "ci_low", "ci_high", "n_users"]
Tables = dict[str, pd.DataFrame]


def make_figures() -> pd.DataFrame:
    errors = [
        (model, segment, metric, 0, value, value - 0.03, value + 0.03, n_users)
        for model, rmse in RMSE.items()
        for segment, (factor, n_users) in SEGMENTS.items()
        for metric, value in (("rmse", rmse * factor), ("mae", 0.75 * rmse * factor))
    ]
    calibration = [
        (model, "all", "calibration_error", 0, rmse / 20, np.nan, np.nan, 610) for model, rmse in RMSE.items()
    ]
    lists = [
        (model, segment, metric, 10, value, value - 0.004, value + 0.004, 594)
        for model, rmse in RMSE.items()
        for segment, scale in (("all_items", 0.03), ("own_test_items", 0.5))
        for metric, value in (
            ("precision", 1.1 * scale / rmse),
            ("recall", 0.9 * scale / rmse),
            ("f1", scale / rmse),
        )
    ]
    coverage = [
        (model, "all_items", "coverage", 10, rmse / 8, np.nan, np.nan, 610) for model, rmse in RMSE.items()
    ]
    return pd.DataFrame([*errors, *calibration, *lists, *coverage], columns=FIGURE).assign(split="test")


def make_comparisons() -> pd.DataFrame:
    rows = [
        ("item_knn", "bias", 0.2, 0.18, 0.22),
        ("blend", "bias", -0.07, -0.08, -0.06),
        ("svdpp", "bias", -0.02, -0.041, 0.001),
    ]
    frame = pd.DataFrame(rows, columns=["model", "baseline", "difference", "ci_low", "ci_high"])
    return frame.assign(split="test", segment="all", metric="rmse", k=0, n_users=610)


def make_calibration() -> pd.DataFrame:
    rows = [
        (model, number, stars, 3.5 + (stars - 3.5) * (0.4 if model == "item_knn" else 1.02), 10 * number)
        for model in RMSE
        for number, stars in enumerate(np.arange(1.25, 5, 0.5), start=1)
    ]
    return pd.DataFrame(rows, columns=["model", "bin", "mean_predicted", "mean_rating", "n"])


def make_settings() -> pd.DataFrame:
    rows = [
        (model, candidate, json.dumps({"damping": candidate}), rmse + 0.01 * (candidate - 1), candidate == 1)
        for model, rmse in RMSE.items()
        if model != "blend"
        for candidate in (1, 2, 3)
    ]
    frame = pd.DataFrame(rows, columns=["model", "candidate", "settings", "rmse", "chosen"])
    return frame.assign(fit_seconds=0.1)


def make_blends() -> pd.DataFrame:
    rows = [
        ("blend", "svdpp", 0.6),
        ("blend", "item_knn_baseline", 0.35),
        ("blend", "global_mean", 0.0),
        ("hybrid_published", "biased_mf", 0.7),
        ("hybrid_published", "content_knn", 0.3),
    ]
    return pd.DataFrame(rows, columns=["blend", "model", "weight"])


def make_folds(split: str = "official_5fold") -> pd.DataFrame:
    rows = []
    for model, rmse in RMSE.items():
        for metric, mean in (("rmse", rmse), ("mae", 0.75 * rmse)):
            values = mean + OFF
            rows += [
                (model, fold, metric, 0, value, value - 0.02, value + 0.02, 459)
                for fold, value in zip(FOLDS, values, strict=True)
            ]
            rows += [
                (model, "all", metric, 0, values.mean(), np.nan, np.nan, 943),
                (model, "all", f"{metric}_std", 0, values.std(ddof=1), np.nan, np.nan, 943),
                (model, "all", f"{metric}_pooled", 0, mean + 1e-4, mean - 0.02, mean + 0.02, 943),
            ]
    return pd.DataFrame(rows, columns=FIGURE).assign(split=split)


def make_fold_models() -> pd.DataFrame:
    rows = [
        (fold, model, json.dumps({"decay": 1.0, "damping": damping}), weight, 0.9, 2.5)
        for fold, damping in zip(FOLDS, (2.0, 2.0, 5.0, 2.0, 10.0), strict=True)
        for model, weight in (("svdpp", 0.5), ("bias", 0.0), ("item_knn_baseline", damping / 10))
    ]
    return pd.DataFrame(rows, columns=["fold", "model", "settings", "weight", "inner_rmse", "fit_seconds"])


def make_exploration() -> Tables:
    heatmap = pd.DataFrame(
        {"user_rank": [1, 1, 2, 2], "movie_rank": [1, 2, 1, 2], "rating": [4.0, np.nan, 2.5, 5.0]}
    )
    return {
        "dataset_statistics": pd.DataFrame(
            {"statistic": ["n_ratings"], "value": [1234.0], "unit": ["ratings"], "meaning": ["ratings"]}
        ),
        "rating_distribution": pd.DataFrame({"stars": [3.0, 4.0], "n_ratings": [5, 7]}),
        "ratings_over_time": pd.DataFrame(
            {"month": pd.to_datetime(["2001-01-01", "2001-02-01"]), "n_ratings": [3, 9]}
        ),
        "user_activity": pd.DataFrame({"n_ratings": [2, 8], "n_users": [2, 1]}),
        "movie_popularity": pd.DataFrame({"n_ratings": [9, 3, 0]}),
        "genre_shares": pd.DataFrame({"genre": ["Drama"], "share_of_ratings": [1.0], "mean_rating": [3.6]}),
        "rating_heatmap": heatmap.assign(title=["One (2001)", "Two (2001)"] * 2),
    }


@cache
def made() -> Tables:
    return make_exploration() | {
        "rating_evaluation": make_figures(),
        "rating_comparisons": make_comparisons(),
        "rating_calibration": make_calibration(),
        "rating_settings": make_settings(),
        "rating_blends": make_blends(),
        "cross_validation": make_folds(),
        "fold_models": make_fold_models(),
    }


@cache
def stars() -> Section:
    return predicted_stars(made(), description=DESCRIPTION)


@cache
def folds() -> Section:
    return cross_validation(made())


def sections_of(tables: Tables) -> list[Section]:
    return more_sections(tables, stars_description=DESCRIPTION)


def render(tables: Tables) -> tuple[str, str]:
    sections = sections_of(tables)
    return evaluation_html(make_report(), sections), evaluation_markdown(make_report(), sections)


@cache
def render_once() -> tuple[str, str]:
    return render(made())


def shuffled(tables: Tables) -> Tables:
    return {name: frame.sample(frac=1, random_state=3) for name, frame in tables.items()}


def line_of(markdown: str, start: str) -> str:
    [line] = [line for line in markdown.splitlines() if line.startswith(start)]
    return line


# --- plots ------------------------------------------------------------------------------------------------


PLOTS: dict[str, str] = {
    "calibration_curves": "rating_calibration",
    "validation_errors": "rating_settings",
    "blend_weights": "rating_blends",
    "fold_errors": "cross_validation",
}


def svg_of(name: str, **changed: pd.DataFrame) -> str:
    return str(getattr(rating_plots, name).svg((made() | changed)[PLOTS[name]]))


def test_every_plot_is_tested() -> None:
    assert PLOTS.keys() == {
        name for name in rating_plots.__all__ if isinstance(getattr(rating_plots, name), plots.Plot)
    }


@pytest.mark.parametrize("name", PLOTS)
def test_a_plot_is_small_and_deterministic_whatever_the_order_of_the_rows(name: str) -> None:
    draw, table = getattr(rating_plots, name), made()[PLOTS[name]]
    png = draw(table)
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    assert len(png) <= LARGEST_PNG
    assert draw(shuffled(made())[PLOTS[name]]) == png


@pytest.mark.parametrize("name", PLOTS)
def test_an_inline_plot_has_a_name_and_only_palette_colours(name: str) -> None:
    svg = svg_of(name)
    page = Page(svg)
    assert page.open == []
    assert dict(page.attributes)["aria-label"]
    assert "http" not in svg
    assert set(re.findall(r": (#[0-9a-f]{6})", svg)) <= {"#000000"}


def test_the_lowest_error_is_on_top() -> None:
    for svg in (svg_of("fold_errors"), svg_of("validation_errors", rating_settings=make_settings())):
        assert svg.index("SVD++<") < svg.index("Bias<") < svg.index("Item kNN<")
    bottom_up = plots.leaderboard.svg(make_figures(), metric="rmse", k=0)
    assert bottom_up.index("Item kNN<") < bottom_up.index("Bias<") < bottom_up.index("Blend<")
    assert "RMSE by model" in bottom_up


def test_the_mean_over_folds_is_written_beside_the_dots() -> None:
    svg = svg_of("fold_errors")
    assert "RMSE in 5 folds" in svg
    for rmse in RMSE.values():
        assert f">{rmse:.3f}</text>" in svg


def test_a_blend_shows_its_weights_and_leaves_out_models_without_one() -> None:
    svg = svg_of("blend_weights")
    assert re.findall(r">(0\.\d\d)</text>", svg) == ["0.60", "0.35", "0.70", "0.30"]
    assert "Global mean" not in svg
    assert Page(svg_of("blend_weights", rating_blends=make_blends().assign(weight=0.0))).open == []


def test_few_curves_and_few_models_by_segment_are_drawn() -> None:
    assert "Global mean" not in svg_of("calibration_curves")
    assert set(rating_plots.few_models(make_figures())["model"]) == {
        "blend",
        "svdpp",
        "bias",
        "item_knn_baseline",
    }


def test_tables_of_predicted_stars_are_drawn_for_the_ui() -> None:
    drawn = {
        name: rating_plots.table_images(name, made()[name])
        for name in (*REPORTED, *OPTIONAL)
        if name in made()
    }
    assert {name: list(images) for name, images in drawn.items() if images} == {
        "rating_evaluation": ["rmse_by_model", "rmse_by_segment"],
        "rating_calibration": ["calibration"],
        "rating_settings": ["validation_errors"],
        "rating_blends": ["weights"],
        "cross_validation": ["rmse_by_fold"],
    }
    for images in drawn.values():
        assert all(
            image.startswith("![") and "](data:image/png;base64," in image for image in images.values()
        )


# --- predicted stars --------------------------------------------------------------------------------------


def test_the_headline_names_the_most_accurate_model_and_its_gain() -> None:
    assert stars().finding == (
        "Blend predicts stars best: RMSE 0.830 for 610 users (95% interval 0.800 to 0.860). "
        "It is 0.070 below bias (95% interval −0.080 to −0.060)."
    )


def test_the_headline_claims_no_more_than_the_interval_shows() -> None:
    without_blend = make_figures().query("model != 'blend'")
    assert "No difference from bias is shown (−0.020, 95% interval −0.041 to +0.001)." in stars_headline(
        without_blend, make_comparisons()
    )
    assert "It was not compared with bias user by user." in stars_headline(
        without_blend, make_comparisons().query("model != 'svdpp'")
    )
    only_simple = make_figures().query("model in ['bias', 'item_knn']")
    assert stars_headline(only_simple, make_comparisons()).endswith("No model is ahead of it.")


def test_errors_are_listed_with_their_intervals_the_lowest_first() -> None:
    lines = [line for line in stars().markdown.splitlines() if re.match(r"\| .* \| \d\.\d{4} \| ", line)]
    assert [line.split(" | ")[0] for line in lines] == [
        "| Blend",
        "| SVD++",
        "| Item kNN baseline",
        "| Bias",
        "| Global mean",
        "| Item kNN",
    ]
    assert lines[0] == "| Blend | 0.8300 | 0.800 to 0.860 | 0.6225 | 0.592 to 0.652 | 0.0415 |"


def test_a_model_that_errs_less_is_the_better_one() -> None:
    text = re.sub(r"<[^>]*>", " ", stars().html)
    found = re.findall(
        r"([A-Z][\w +]*?) +Bias +([−+]0\.\d{4}) +\S+ to \S+ +(better|worse|no difference shown)", text
    )
    assert found == [
        ("Blend", "−0.0700", "better"),
        ("SVD++", "−0.0200", "no difference shown"),
        ("Item kNN", "+0.2000", "worse"),
    ]


def test_segments_are_columns_and_say_how_many_users_they_have() -> None:
    text = Page(stars().html).text
    assert "Users: all 610, light users 209, heavy users 203, cold items 185." in text
    assert f"{0.83 * 1.2:.3f}" in text


def test_both_ways_of_judging_lists_stand_apart_and_the_easy_one_is_called_easy() -> None:
    html = stars().html
    complete, own = html.index("of lists from all movies</h3>"), html.index("own test movies are ranked</h3>")
    assert f">{0.03 / 0.83:.3f}<" in html[complete:own]
    assert f">{0.5 / 0.83:.3f}<" not in html[complete:own]
    assert "Coverage@10" in html[complete:own]
    assert f">{0.5 / 0.83:.3f}<" in html[own:]
    assert "far easier, and not to be compared with lists from all movies" in html[own:]
    assert f"tells no two movies apart, already has F1@10 {0.5 / 1.05:.3f}." in html[own:]


def test_what_chance_reaches_is_not_told_if_it_was_not_measured() -> None:
    tables = made() | {"rating_evaluation": make_figures().query("model != 'global_mean'")}
    assert "tells no two movies apart" not in predicted_stars(tables, description=DESCRIPTION).html


def test_intervals_are_said_to_be_over_users() -> None:
    assert "95% intervals over users, resampled with all their ratings" in stars().html
    assert DESCRIPTION in stars().html


def test_validation_rows_never_reach_the_section() -> None:
    tables = made() | {
        name: pd.concat([made()[name], made()[name].assign(split="validation")])
        for name in ("rating_evaluation", "rating_comparisons")
    }
    assert predicted_stars(tables, description=DESCRIPTION) == stars()


def test_figures_without_an_rmse_are_refused() -> None:
    tables = made() | {"rating_evaluation": make_figures().query("metric != 'rmse'")}
    with pytest.raises(
        ValueError, match=r"none of the \d+ rows of rating_evaluation has an RMSE over all users"
    ):
        predicted_stars(tables, description=DESCRIPTION)


# --- cross-validation -------------------------------------------------------------------------------------


def test_means_and_deviations_over_folds_stand_beside_each_fold() -> None:
    spread = np.sqrt(0.001 / 4)
    line = line_of(fold_markdown(made()["cross_validation"]), "| Blend")
    each = " | ".join(f"{0.83 + off:.4f}" for off in OFF)
    assert line == f"| Blend | 0.8300 | {spread:.4f} | {0.75 * 0.83:.4f} | {spread:.4f} | {each} |"
    assert folds().finding == (
        f"Blend has the lowest RMSE over 5 folds: 0.8300 ± {spread:.4f} (mean and standard deviation)."
    )


def test_it_says_what_chose_and_that_the_spread_is_no_interval() -> None:
    for text in (folds().html, folds().markdown):
        assert "Hyper-parameters and weights were chosen on a tenth of each" in text
        assert "the standard deviation over folds, not an interval" in text
        assert "in the table versions" in text


@pytest.mark.parametrize(
    ("split", "words"),
    [("official_5fold", "that the data set's authors cut"), ("random_5fold", "drawn at random")],
)
def test_it_says_who_cut_the_folds(split: str, words: str) -> None:
    section = cross_validation(made() | {"cross_validation": make_folds(split)})
    assert words in section.markdown
    assert words in Page(section.html).text


def test_settings_that_differ_between_folds_come_first_with_their_counts() -> None:
    text = Page(folds().html).text
    assert "damping=2 (3), 5 (1), 10 (1); decay=1" in text
    weights = re.sub(r"<[^>]*>", " ", folds().html)
    assert re.search(r"Item kNN baseline +0\.420 +0\.200 to 1\.000 +2\.50 ", weights)
    assert weights.index(" SVD++  0.500") < weights.index("Item kNN baseline  0.420")


# --- the page ---------------------------------------------------------------------------------------------


def test_lists_come_first_then_stars_folds_ratings_gates_and_how_to_repeat() -> None:
    page, markdown = render_once()
    assert re.findall(r"<h2>(.*?)</h2>", page) == [
        "Recommended lists",
        "Predicted stars",
        "Cross-validation",
        "The ratings",
        "Gates: 1 of 2 passed",
        "How to repeat this",
    ]
    names = ("NDCG@10", "Predicted", "Cross", "The ratings", "Gates", "How")
    places = [markdown.index(f"### {name}") for name in names]
    assert places == sorted(places)


@pytest.mark.parametrize(
    "missing",
    [
        {name: made()[name] for name in made() if name not in OPTIONAL},
        made() | {"cross_validation": make_folds().iloc[:0]},
    ],
    ids=["never made", "empty"],
)
def test_without_cross_validation_there_is_no_section_of_it(missing: Tables) -> None:
    assert [section.title for section in sections_of(missing)] == ["Predicted stars", "The ratings"]


@pytest.mark.parametrize("name", ["rating_settings", "genre_shares"])
def test_a_missing_table_is_named(name: str) -> None:
    with pytest.raises(KeyError, match=name):
        sections_of({other: frame for other, frame in made().items() if other != name})


def test_the_findings_stand_at_the_head_of_the_page() -> None:
    head = render_once()[0].split("</header>")[0]
    assert stars().finding in head
    assert folds().finding in head


def test_the_page_parses_loads_nothing_and_its_references_resolve() -> None:
    markup = render_once()[0]
    page = Page(markup)
    assert page.open == []
    assert re.search(r"https?://|url\((?!#)|@import", markup) is None
    assert not {"script", "link", "iframe", "img", "object"} & set(page.tags)
    assert set(re.findall(r"var\((--[a-z0-9-]+)\)", markup)) <= {f"--{name}" for name in style.PALETTE}
    identifiers = {value for name, value in page.attributes if name == "id"}
    assert {str(value).removeprefix("#") for name, value in page.attributes if name == "href"} <= identifiers


def test_the_same_tables_give_the_same_bytes_in_any_order_and_stay_as_they_are() -> None:
    judged = {name: made()[name] for name in made() if name not in make_exploration()}
    tables = made() | shuffled(judged)
    before = {name: frame.copy() for name, frame in tables.items()}
    assert render(tables) == render_once()
    for name, frame in tables.items():
        pd.testing.assert_frame_equal(frame, before[name])


def make_hostile() -> Tables:
    """Tables in which SVD++ has a name, settings and a fold that mean harm."""
    hostile = {
        name: frame.replace(
            {column: {"svdpp": HOSTILE} for column in ("model", "baseline") if column in frame}
        )
        for name, frame in made().items()
    }
    settings = json.dumps({HOSTILE: HOSTILE})
    hostile["fold_models"] = hostile["fold_models"].assign(settings=settings)
    hostile["cross_validation"] = hostile["cross_validation"].replace({"segment": {"u1": HOSTILE}})
    return hostile


def test_hostile_text_is_shown_and_not_run() -> None:
    sections = more_sections(make_hostile(), stars_description=HOSTILE)
    calm, wild = Page(render_once()[0]), Page(evaluation_html(make_report(), sections))
    assert wild.open == []
    assert set(wild.tags) == set(calm.tags)
    assert {name for name, _ in wild.attributes} == {name for name, _ in calm.attributes}
    assert wild.text.count(HOSTILE) > 10
    tokens = MarkdownIt("commonmark").enable("table").parse(evaluation_markdown(make_report(), sections))
    children = [child for token in tokens for child in token.children or []]
    assert not {"html_block", "html_inline"} & {each.type for each in [*tokens, *children]}


def test_the_queries_find_the_figures_in_the_published_tables() -> None:
    connection = duckdb.connect()
    for name in PUBLISHED:
        columns = ", ".join(f'"{column.name}" {column.type}' for column in TABLES[name].columns)
        connection.execute(f'create table "{name}" ({columns})')
    evaluation = pd.concat([make_figures(), make_folds()])
    connection.register("judged", evaluation)
    connection.execute("insert into evaluation by name select * from judged")
    answers = [
        [connection.execute(query).fetchall() for query in section.sql.split(";") if query.strip()]
        for section in (stars(), folds())
    ]
    [[errors, lists, *_], [of_folds, *_]] = answers
    assert (len(errors), len(lists), len(of_folds)) == (54, 42, len(make_folds()))


# --- the graph --------------------------------------------------------------------------------------------


def test_the_report_is_made_of_the_tables_that_it_shows() -> None:
    report = defs().resolve_asset_graph().get(key("evaluation_report"))
    tables = {*REPORTED, *OPTIONAL} - set(BACKTEST_TABLES)
    assert {key(name) for name in (*tables, "backtest_report")} <= report.parent_keys
