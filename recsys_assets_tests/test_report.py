from __future__ import annotations

import base64
import re
from collections.abc import Callable
from functools import cache
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from recsys_assets.report import (
    EvaluationReport,
    evaluation_html,
    evaluation_markdown,
    headline,
    markdown_image,
    markdown_table,
    plots,
    style,
    verdict,
)

NDCG = {"als": 0.192, "content": 0.09, "hybrid": 0.194, "popularity": 0.11, "recent_popularity": 0.125}
SEGMENTS = {"all": (1.0, 610), "light_users": (0.8, 203), "tail_items": (0.25, 512), "cold_users": (0.5, 24)}
ACCURACY = {"ndcg": 1.0, "precision": 0.7, "recall": 0.9, "hit_rate": 3.0}
REACH = {"coverage": 0.4, "novelty": 9.0, "gini": 0.8}
LARGEST_PNG = 40 * 1024
VOID_TAGS = {"meta", "br", "link", "img", "input", "hr"}
PRINTABLE = st.characters(min_codepoint=32, max_codepoint=0x24F, exclude_categories=["Cc", "Cf"])


def make_evaluation() -> pd.DataFrame:
    accuracy = [
        (model, "test", segment, metric, k, value, 0.9 * value, 1.1 * value, n_users)
        for model, ndcg in NDCG.items()
        for segment, (factor, n_users) in SEGMENTS.items()
        for metric, scale in ACCURACY.items()
        for k in (5, 10, 20)
        for value in [ndcg * factor * scale * (k / 10) ** (-0.3 if metric == "precision" else 0.3)]
    ]
    reach = [
        (model, "test", "all", metric, 10, scale * (0.9 + ndcg / 2), np.nan, np.nan, 610)
        for model, ndcg in NDCG.items()
        for metric, scale in REACH.items()
    ]
    columns = ["model", "split", "segment", "metric", "k", "value", "ci_low", "ci_high", "n_users"]
    return pd.DataFrame(accuracy + reach, columns=columns)


def make_comparisons() -> pd.DataFrame:
    rows = [
        ("als", "popularity", 0.082, 0.069, 0.095),
        ("content", "popularity", -0.02, -0.031, -0.009),
        ("als", "hybrid", -0.002, -0.0047, 0.0007),
        ("hybrid", "popularity", 0.084, 0.071, 0.097),
    ]
    frame = pd.DataFrame(rows, columns=["model", "baseline", "difference", "ci_low", "ci_high"])
    return frame.assign(split="test", segment="all", metric="ndcg", k=10, n_users=610)


def make_gates() -> pd.DataFrame:
    rows = [
        ("als_beats_popularity", 0.069, 0.03, ">=", True, 0.039, "Lower bound of the gain over popularity"),
        ("hybrid_coverage", 0.388, 0.4, ">=", False, -0.012, "Share of the catalogue that anyone is shown"),
    ]
    columns = ["gate", "measured", "threshold", "comparison", "passed", "distance", "description"]
    return pd.DataFrame(rows, columns=columns)


def make_report(**changes: object) -> EvaluationReport:
    settings: dict[str, object] = {
        "evaluation": make_evaluation(),
        "comparisons": make_comparisons(),
        "gates": make_gates(),
        "dataset": "sample",
        "run_id": "3f2a91c0",
        "data_version": "9d1f0c2ab47e",
        "split_description": "Each user's last ratings are test.",
        "source": "data/published/sample.duckdb",
    }
    return EvaluationReport(**(settings | changes))  # type: ignore[arg-type]


def rename_model(frame: pd.DataFrame, old: str, new: str) -> pd.DataFrame:
    return frame.replace({column: {old: new} for column in ("model", "baseline") if column in frame})


@cache
def make_page() -> str:
    return evaluation_html(make_report())


MONTHS = np.array(["2001-03", "2001-01", "2001-02"], dtype="datetime64[M]")
GRID = pd.DataFrame({"regularization": [1, 1, 5, 5], "alpha": [1, 2, 1, 2], "ndcg": [0.1, 0.2, 0.3, 0.25]})
PLOTS: dict[str, Callable[[Callable[..., object]], object]] = {
    "leaderboard": lambda draw: draw(make_evaluation(), metric="ndcg", k=10),
    "metric_by_k": lambda draw: draw(make_evaluation()),
    "segments": lambda draw: draw(make_evaluation(), metric="ndcg", k=10),
    "precision_recall": lambda draw: draw(make_evaluation()),
    "accuracy_vs_coverage": lambda draw: draw(make_evaluation()),
    "rating_histogram": lambda draw: draw(np.arange(0.5, 5.5, 0.5), np.arange(10, 110, 10)),
    "long_tail": lambda draw: draw(1000 / np.arange(1.0, 60_000.0)),
    "ratings_over_time": lambda draw: draw(MONTHS, [3, 1, 2]),
    "hybrid_weights": lambda draw: draw(np.linspace(0, 1, 11), np.linspace(0.1, 0.2, 11)),
    "tuning_grid": lambda draw: draw(GRID),
}


def png_of(name: str) -> bytes:
    png = PLOTS[name](getattr(plots, name))
    assert isinstance(png, bytes)
    return png


def svg_of(name: str) -> str:
    return str(PLOTS[name](getattr(plots, name).svg))


class Page(HTMLParser):
    """Collects tags, text and attributes, and fails on a tag that closes what is not open."""

    def __init__(self, markup: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in VOID_TAGS:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def render_cells(table: str) -> list[list[str]]:
    """The cells of a Markdown table as a Markdown renderer shows them."""
    tokens = MarkdownIt("commonmark").enable("table").parse(table)
    rows: list[list[str]] = []
    for token in tokens:
        if token.type == "tr_open":
            rows.append([])
        if token.type == "inline":
            assert {child.type for child in token.children or []} <= {"text", "text_special"}
            rows[-1].append("".join(child.content for child in token.children or []))
    return rows


# --- Markdown ---------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.text(PRINTABLE), st.text(PRINTABLE)), max_size=5))
def test_a_rendered_markdown_table_shows_exactly_the_text_of_its_cells(rows: list[tuple[str, str]]) -> None:
    frame = pd.DataFrame(rows, columns=["a|b", "<b>c</b>"], dtype=object)
    expected = [[" ".join(cell.split()) for cell in row] for row in rows]
    assert render_cells(markdown_table(frame, formats={})) == [["a|b", "<b>c</b>"], *expected]


def test_a_markdown_table_formats_numbers_and_aligns_them_right() -> None:
    frame = pd.DataFrame({"model": ["als", "two\nlines"], "gain": [-0.12345, np.nan], "users": [1234, 5]})
    assert markdown_table(frame, formats={"gain": "+.2f", "users": ",d"}).splitlines() == [
        "| model | gain | users |",
        "| --- | ---: | ---: |",
        "| als | −0.12 | 1,234 |",
        "| two lines | – | 5 |",
    ]


def test_columns_of_one_name_stay_apart() -> None:
    frame = pd.DataFrame([["x", 1, 2]], columns=["model", "als", "als"])
    assert markdown_table(frame, formats={}).splitlines()[-1] == "| x | 1 | 2 |"


def test_a_markdown_image_carries_the_png_and_its_alternative_text() -> None:
    png = png_of("leaderboard")
    [token] = MarkdownIt("commonmark").parseInline(markdown_image(png, "a [b] <c>"))
    [image] = token.children or []
    source = str(image.attrs["src"])
    assert image.content.replace("\\", "").replace("&lt;", "<").replace("&gt;", ">") == "a [b] <c>"
    assert base64.b64decode(source.removeprefix("data:image/png;base64,")) == png


# --- plots ------------------------------------------------------------------------------------------------


def test_every_plot_is_tested() -> None:
    assert set(PLOTS) == {name for name in plots.__all__ if isinstance(getattr(plots, name), plots.Plot)}


@pytest.mark.parametrize("name", PLOTS)
def test_a_plot_is_a_small_png_with_the_same_bytes_each_time(name: str) -> None:
    png = png_of(name)
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    assert len(png) <= LARGEST_PNG
    assert png_of(name) == png


@pytest.mark.parametrize("name", PLOTS)
def test_an_inline_plot_is_deterministic_has_labelled_axes_and_only_palette_colours(name: str) -> None:
    svg = svg_of(name)
    assert svg_of(name) == svg
    assert "http" not in svg
    page = Page(svg)
    assert page.open == []
    assert dict(page.attributes)["role"] == "img"
    assert dict(page.attributes)["aria-label"]
    if name != "tuning_grid":  # its cells are shades between two palette colours
        assert set(re.findall(r": (#[0-9a-f]{6})", svg)) <= {"#000000"}


def test_plots_of_a_dozen_models_stay_small() -> None:
    als = make_evaluation().query("model == 'als'")
    more = [als.assign(model=f"model_{i}", value=als["value"] * (1 - 0.08 * i)) for i in range(8)]
    evaluation = pd.concat([make_evaluation(), *more])
    for name in ("metric_by_k", "precision_recall", "accuracy_vs_coverage"):
        assert len(getattr(plots, name)(evaluation)) <= LARGEST_PNG


def test_row_order_does_not_change_a_plot() -> None:
    frame = make_evaluation()
    shuffled = frame.sample(frac=1, random_state=0)
    assert plots.metric_by_k(shuffled) == plots.metric_by_k(frame)
    assert plots.leaderboard(shuffled, metric="ndcg", k=10) == plots.leaderboard(frame, metric="ndcg", k=10)
    assert plots.ratings_over_time(np.sort(MONTHS), [1, 2, 3]) == png_of("ratings_over_time")


def test_months_without_ratings_are_drawn_as_zero() -> None:
    months = np.array(["2001-01", "2001-03"], dtype="datetime64[M]")
    explicit = np.array(["2001-01", "2001-02", "2001-03"], dtype="datetime64[M]")
    assert plots.ratings_over_time(months, [4, 2]) == plots.ratings_over_time(explicit, [4, 0, 2])


def test_the_long_tail_states_what_the_head_holds() -> None:
    # 10 items, the two most rated hold 60 + 20 of 100 ratings
    svg = plots.long_tail.svg([60, 20, 3, 3, 3, 3, 2, 2, 2, 2])
    assert "80% of the ratings" in svg


def test_the_rating_histogram_states_the_mean() -> None:
    assert "4 ratings, 3.50 stars on average" in plots.rating_histogram.svg([2.0, 4.0], [1, 3])


def test_the_smallest_of_equally_good_hybrid_weights_is_marked() -> None:
    assert "α = 0.2 chosen, NDCG 0.3000" in plots.hybrid_weights.svg([0.9, 0.2, 0.0], [0.3, 0.3, 0.1])


def test_a_tuning_grid_shows_the_best_over_the_settings_it_does_not_span() -> None:
    repeated = pd.concat([GRID.assign(n_factors=32), GRID.assign(n_factors=32, ndcg=0.9)])
    svg = plots.tuning_grid.svg(repeated)
    assert svg.count(">0.900</text>") == 4
    assert "best 0.9000" in svg


def test_a_tuning_grid_needs_two_settings() -> None:
    with pytest.raises(ValueError, match=r"two hyper-parameters beside 'ndcg'; got \['alpha'\]"):
        plots.tuning_grid(GRID[["alpha", "ndcg"]])


def test_plots_refuse_mixed_splits_and_metrics_that_are_not_there() -> None:
    frame = make_evaluation()
    with pytest.raises(ValueError, match="mixes 2 splits"):
        plots.metric_by_k(pd.concat([frame, frame.assign(split="validation")]))
    with pytest.raises(ValueError, match=r"none of the .* rows has a value for metric 'rmse', k 10"):
        plots.leaderboard(frame, metric="rmse", k=10)
    with pytest.raises(ValueError, match="0 counts add up to 0"):
        plots.long_tail([])


def test_a_dollar_sign_and_a_long_name_are_plain_text_in_plots() -> None:
    frame = rename_model(make_evaluation(), "als", "$x^2$" + "a" * 200)
    svg = plots.metric_by_k.svg(frame)
    assert "$x^2$" in svg
    assert "a" * 50 not in svg


def test_series_differ_in_colour_or_marker() -> None:
    styles = style.series_styles([*NDCG, "ease", "knn", "svd", "slim"])
    assert len({(each.color, each.marker) for each in styles.values()}) == len(styles)
    assert style.series_styles(sorted(NDCG, reverse=True)) == style.series_styles(NDCG)


def test_all_baselines_are_grey_and_differ_in_their_markers() -> None:
    styles = style.series_styles([*style.BASELINES, "als"])
    grey = [styles[name] for name in style.BASELINES]
    assert {each.color for each in grey} == {style.LIGHT["baseline"]}
    assert len({each.marker for each in grey}) == len(grey)
    assert "-" not in {each.linestyle for each in grey}


@pytest.mark.parametrize(("metric", "best"), [("coverage", "ALS"), ("gini", "Content")])
def test_the_best_model_is_on_top_also_where_less_is_better(metric: str, best: str) -> None:
    pair = make_evaluation().query("model in ['als', 'content']")
    svg = plots.leaderboard.svg(pair, metric=metric, k=10)
    bottom_up = sorted(["ALS", "Content"], key=lambda name: svg.index(f">{name}</text>"))
    assert bottom_up[-1] == best


# --- words ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ci_low", "ci_high", "word"),
    [
        (0.001, 0.2, "better"),
        (-0.2, -0.001, "worse"),
        (-0.1, 0.1, "no difference shown"),
        (0.0, 0.1, "no difference shown"),
        (-0.1, 0.0, "no difference shown"),
        (np.nan, np.nan, "no difference shown"),
    ],
)
def test_a_verdict_needs_an_interval_on_one_side_of_zero(ci_low: float, ci_high: float, word: str) -> None:
    assert verdict(ci_low, ci_high) == word


@given(st.floats(-1, 1), st.floats(0, 1))
def test_where_less_is_better_the_verdict_is_that_of_the_turned_interval(low: float, width: float) -> None:
    high = low + width
    assert verdict(low, high, lower_is_better=True) == verdict(-high, -low)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("svdpp", "SVD++"),
        ("item_knn_baseline", "Item kNN baseline"),
        ("ordinal_fm", "Ordinal FM"),
        ("blend_rmse_official_5fold_max", "Blend RMSE official five-fold max"),
        ("recent_popularity", "Recent popularity"),
    ],
)
def test_names_are_written_for_people(name: str, text: str) -> None:
    assert style.label(name) == text


def test_a_metric_of_no_list_has_no_cut_off() -> None:
    assert style.metric_label("rmse", 0) == "RMSE"
    assert style.metric_label("f1", 10) == "F1@10"


@given(st.floats(-1, 1), st.floats(0, 1))
def test_the_verdict_turns_round_with_the_pair(low: float, width: float) -> None:
    turned = {"better": "worse", "worse": "better", "no difference shown": "no difference shown"}
    assert verdict(-(low + width), -low) == turned[verdict(low, low + width)]


def test_the_headline_names_the_best_its_gain_and_the_runner_up() -> None:
    assert headline(make_report()) == (
        "Hybrid ranks best on sample: NDCG@10 is 0.194 for 610 users. "
        "It is 0.084 above popularity (95% interval +0.071 to +0.097). "
        "No difference from ALS is shown (+0.002, 95% interval −0.001 to +0.005)."
    )


def test_the_headline_admits_that_nothing_beats_popularity() -> None:
    frame = make_evaluation()
    weak = make_report(evaluation=frame[frame["model"].isin(["content", "popularity"])])
    assert headline(weak) == (
        "Popularity ranks best on sample: NDCG@10 is 0.110 for 610 users. No model is ahead of it."
    )


def test_the_headline_says_when_a_pair_was_not_compared() -> None:
    text = headline(make_report(comparisons=make_comparisons().iloc[:0]))
    assert "It was not compared with popularity user by user." in text


def test_a_difference_turns_round_with_the_pair() -> None:
    report = make_report()
    assert report.difference("als", "popularity") == (0.082, 0.069, 0.095)
    assert report.difference("popularity", "als") == (-0.082, -0.095, -0.069)
    assert report.difference("content", "hybrid") is None


def test_a_report_without_its_metric_is_refused() -> None:
    with pytest.raises(ValueError, match=r"none of the \d+ evaluation rows of 'sample' has NDCG@7"):
        make_report(k=7)


def test_validation_rows_never_reach_a_test_report() -> None:
    inflated = make_evaluation().assign(split="validation", value=0.987654)
    report = make_report(evaluation=pd.concat([make_evaluation(), inflated]))
    assert evaluation_html(report) == make_page()


# --- the reports ------------------------------------------------------------------------------------------


def test_the_markdown_report_has_verdicts_gates_plots_and_sql() -> None:
    text = evaluation_markdown(make_report())
    assert "| Hybrid | 0.1940 | 0.0194 | 610 |" in text
    assert "| Content | Popularity | −0.0200 | −0.0310 to −0.0090 | worse | 610 |" in text
    assert "| ALS | Hybrid | −0.0020 | −0.0047 to +0.0007 | no difference shown | 610 |" in text
    assert "| Hybrid coverage | failed | 0.388 | ≥ 0.4 | −0.012 |" in text
    assert "### Gates: 1 of 2 passed" in text
    assert text.count("](data:image/png;base64,") == 5
    assert "where split = 'test' and metric = 'ndcg' and k = 10" in text


def test_pairs_within_segments_are_folded_away_on_the_page_and_left_out_of_the_markdown() -> None:
    light = make_comparisons().assign(segment="light_users", difference=0.0123)
    report = make_report(comparisons=pd.concat([make_comparisons(), light]))
    shown, folded = evaluation_html(report).split("<details>")
    assert "+0.0123" not in shown
    assert folded.count("+0.0123") == len(light)
    assert "+0.0123" not in evaluation_markdown(report)
    assert "<details>" not in make_page()


def test_large_and_small_measures_of_gates_are_written_out() -> None:
    gates = make_gates().assign(
        measured=[100_836.0, -0.00091], threshold=[1000.0, -0.002], distance=[99_836.0, 0.00109]
    )
    text = evaluation_markdown(make_report(gates=gates))
    assert "| passed | 100,836 | ≥ 1,000 | +99,836 |" in text
    assert "| failed | −0.00091 | ≥ −0.002 | +0.00109 |" in text


def test_the_page_parses_and_loads_nothing() -> None:
    markup = make_page()
    page = Page(markup)
    assert page.open == []
    assert re.search(r"https?://|url\((?!#)|@import", markup) is None
    assert not {"script", "link", "iframe", "img", "object"} & set(page.tags)
    references = [value or "" for name, value in page.attributes if name in {"src", "href"}]
    assert references
    assert all(reference.startswith("#") for reference in references)


def test_the_references_inside_the_page_resolve() -> None:
    page = Page(make_page())
    identifiers = {value for name, value in page.attributes if name == "id"}
    references = {str(value).removeprefix("#") for name, value in page.attributes if name == "href"}
    clips = set(re.findall(r"url\(#([^)]*)\)", " ".join(value or "" for _, value in page.attributes)))
    assert references | clips <= identifiers


def test_the_page_says_where_it_comes_from() -> None:
    text = Page(make_page()).text
    for fact in [
        "sample",
        "3f2a91c0",
        "9d1f0c2ab47e",
        "Each user's last ratings are test.",
        "610 (test)",
        "duckdb -readonly data/published/sample.duckdb",
        "from gates order by passed, gate;",
        headline(make_report()),
    ]:
        assert fact in text


def test_the_page_follows_light_and_dark_and_narrow_screens() -> None:
    markup = make_page()
    assert "prefers-color-scheme: dark" in markup
    assert 'name="viewport"' in markup
    assert set(re.findall(r"var\((--[a-z0-9-]+)\)", markup)) <= {f"--{name}" for name in style.PALETTE}


@pytest.mark.parametrize("render", [evaluation_html, evaluation_markdown])
def test_the_same_tables_give_the_same_bytes_and_stay_as_they_are(
    render: Callable[[EvaluationReport], str],
) -> None:
    report = make_report()
    before = [frame.copy() for frame in (report.evaluation, report.comparisons, report.gates)]
    assert render(report) == render(report)
    for frame, copy in zip((report.evaluation, report.comparisons, report.gates), before, strict=True):
        pd.testing.assert_frame_equal(frame, copy)


def test_row_order_does_not_change_the_page() -> None:
    shuffled = make_report(
        evaluation=make_evaluation().sample(frac=1, random_state=1),
        comparisons=make_comparisons().sample(frac=1, random_state=1),
    )
    assert evaluation_html(shuffled) == make_page()


HOSTILE = """<script>alert('x')</script>"><img src=x onerror=1></style></svg> & {x} %s"""


def make_hostile_report() -> EvaluationReport:
    return make_report(
        evaluation=rename_model(make_evaluation(), "hybrid", HOSTILE),
        comparisons=rename_model(make_comparisons(), "hybrid", HOSTILE),
        gates=make_gates().assign(gate=HOSTILE, description=HOSTILE),
        **dict.fromkeys(["dataset", "run_id", "data_version", "split_description", "source"], HOSTILE),
    )


def test_hostile_text_is_shown_and_not_run() -> None:
    markup = evaluation_html(make_hostile_report())
    page = Page(markup)
    assert page.open == []
    assert set(page.tags) == set(Page(make_page()).tags)
    assert {name for name, _ in page.attributes} == {name for name, _ in Page(make_page()).attributes}
    assert page.text.count(HOSTILE) > 10
    assert "<script" not in markup
    assert "&lt;script&gt;" in markup


def test_hostile_text_is_escaped_in_markdown() -> None:
    tokens = MarkdownIt("commonmark").enable("table").parse(evaluation_markdown(make_hostile_report()))
    children = [child for token in tokens for child in token.children or []]
    assert not {"html_block", "html_inline"} & {each.type for each in [*tokens, *children]}


def test_missing_comparisons_and_gates_leave_empty_tables() -> None:
    report = make_report(comparisons=make_comparisons().iloc[:0], gates=make_gates().iloc[:0])
    assert Page(evaluation_html(report)).open == []
    assert "0 of 0 passed" in evaluation_markdown(report)
