"""The report of likes: what it says of made figures, and that it says no more than they show."""

from __future__ import annotations

import html
import re
from functools import cache

import duckdb
import numpy as np
import pandas as pd
import pytest
from markdown_it import MarkdownIt

from recsys_assets.contracts import PUBLISHED, TABLES
from recsys_assets.definitions import defs
from recsys_assets.report import evaluation_html, evaluation_markdown, liking_plots, style
from recsys_assets.report.likes import OPTIONAL, REPORTED, likes
from recsys_assets.report.page import Section
from recsys_assets.report.sections import more_sections
from recsys_assets_tests.graph import key
from recsys_assets_tests.test_rating_report import made as made_of_stars
from recsys_assets_tests.test_report import LARGEST_PNG, Page, make_report

AUC = {
    "movie_mean": 0.67,
    "bias": 0.76,
    "classifier_with_time": 0.805,
    "classifier_without_time": 0.81,
    "regressor_with_time": 0.8,
    "regressor_without_time": 0.802,
    "ensemble": 0.812,
    "cluster_hybrid": 0.811,
    "constant_boost": 0.812,
}
METRICS = {"auc": 1.0, "auc_per_user": 0.85, "log_loss": -1.0, "brier": -0.4, "ndcg_of_own_test_items": 0.95}
"""By which factor of its AUC a model's figure is made; losses count from 1."""
HOSTILE = """<script>alert('x')</script>"><img src=x onerror=1></svg> & $x^2$"""
Tables = dict[str, pd.DataFrame]


def value_of(metric: str, auc: float) -> float:
    factor = METRICS[metric]
    return auc * factor if factor > 0 else -factor * (1.3 - auc)


def make_figures(split: str = "test") -> pd.DataFrame:
    rows = [
        (model, split, segment, metric, 10 if "ndcg" in metric else 0, value, value - 0.02, value + 0.02, 610)
        for model, auc in AUC.items()
        for segment, shift in (("all", 0.0), ("cold_items", -0.1))
        for metric in METRICS
        for value in [value_of(metric, auc + shift)]
    ]
    return pd.DataFrame(rows, columns=TABLES["like_evaluation"].column_names)


def make_comparisons() -> pd.DataFrame:
    rows = [
        ("ensemble", "movie_mean", "auc_per_user", 0.044, 0.03, 0.06),
        ("classifier_with_time", "classifier_without_time", "auc_per_user", -0.002, -0.008, 0.005),
        ("cluster_hybrid", "ensemble", "auc_per_user", 0.001, -0.004, 0.006),
        ("constant_boost", "ensemble", "auc_per_user", 0.0, 0.0, 0.0),
        ("constant_boost", "ensemble", "ndcg_of_own_test_items", 0.0, 0.0, 0.0),
        ("ensemble", "movie_mean", "log_loss", -0.12, -0.15, -0.09),
        ("constant_boost", "ensemble", "log_loss", 0.004, 0.001, 0.006),
    ]
    columns = ["model", "baseline", "metric", "difference", "ci_low", "ci_high"]
    return pd.DataFrame(rows, columns=columns).assign(split="test", segment="all", k=0, n_users=531)


def make_settings() -> pd.DataFrame:
    rows = [
        ("classifier_with_time", "like", True, 129, 0.5198, 0.8167, True),
        ("classifier_without_time", "like", False, 91, 0.5208, 0.8161, False),
        ("regressor_with_time", "stars", True, 163, 0.5334, 0.8070, False),
        ("regressor_without_time", "stars", False, 142, 0.5313, 0.8085, True),
    ]
    return pd.DataFrame(rows, columns=TABLES["like_settings"].column_names)


def make_blend(strength: float = 0.5) -> pd.DataFrame:
    weights = [
        ("classifier_weight", "none", weight, 0.518 + (weight - 0.75) ** 2, weight == 0.75)
        for weight in (0.0, 0.25, 0.5, 0.75, 1.0)
    ]
    boosts = [
        ("boost_strength", kind, value, loss, kind == "rating" and value == strength)
        for kind, scale in (("genre", 0.002), ("rating", 0.001))
        for value in (0.0, 0.5, 1.0)
        for loss in [0.518 if value == 0 else 0.517 + scale * abs(value - strength)]
    ]
    return pd.DataFrame([*weights, *boosts], columns=TABLES["like_blend"].column_names)


def make_predictions() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    actual = rng.uniform(0.05, 0.95, 400)
    liked = rng.random(400) < actual
    parts = [
        pd.DataFrame(
            {
                "model": model,
                "user_id": np.arange(400) // 8 + 1,
                "movie_id": np.arange(400) + 1,
                "liked": liked,
                "probability": np.clip(actual + rng.normal(0, 0.9 - auc, 400), 0, 1).astype(np.float32),
            }
        )
        for model, auc in AUC.items()
    ]
    return pd.concat(parts, ignore_index=True)


def make_importance() -> pd.DataFrame:
    share = np.linspace(1, 0.1, 25) / np.linspace(1, 0.1, 25).sum()
    return pd.DataFrame(
        {
            "feature": ["ordinal_fm", *(f"feature_{number}" for number in range(1, 25))],
            "feature_group": "user",
            "knows": "ratings",
            "gain": share,
            "mean_contribution": 2 * share,
        }
    )


def make_evidence() -> pd.DataFrame:
    rows = [
        (kind, k, 0.15 - 0.02 * k + shift, 0.5 - 0.1 * abs(k - 3), 0.3, k == 3)
        for kind, shift in (("genre", 0.0), ("rating", 0.01))
        for k in (2, 3, 4)
    ]
    return pd.DataFrame(rows, columns=TABLES["cluster_evidence"].column_names)


def make_clusters() -> pd.DataFrame:
    sizes = {"genre": {-1: 1, 0: 5, 1: 3, 2: 2}, "rating": {0: 4, 1: 4, 2: 3}}
    rows = [
        (kind, user, cluster)
        for kind, of_kind in sizes.items()
        for user, cluster in enumerate(np.repeat(list(of_kind), list(of_kind.values())), start=1)
    ]
    return pd.DataFrame(rows, columns=TABLES["user_clusters"].column_names)


def make_folds() -> pd.DataFrame:
    rows = []
    for model in ("bias", "ensemble", "leaky_aggregates"):
        auc = AUC.get(model, 0.93)
        rows += [
            (model, "random_5fold", "all", "auc", 0, auc + 0.02, np.nan, np.nan, 610),
            (model, "random_5fold", "all", "auc_std", 0, 0.003, np.nan, np.nan, 610),
            (model, "random_5fold", "1", "auc", 0, 0.111, 0.1, 0.12, 610),
            (model, "global_time", "all", "auc", 0, auc - 0.1, auc - 0.14, auc - 0.06, 150),
        ]
    return pd.DataFrame(rows, columns=TABLES["like_cross_validation"].column_names)


def make_claims() -> pd.DataFrame:
    rows = [
        ("AUC over five folds", "0.8301", "0.8322 ± 0.0029", "reproduced", "Out of fold."),
        ("Top picks above 90 %", "> 90 %", "41 % do", "not reproduced", "Calibrated."),
        ("Boost of 38 %", "38 %", "the same for all movies", "not meaningful", "It ranks nothing anew."),
    ]
    return pd.DataFrame(rows, columns=TABLES["like_claims"].column_names)


@cache
def made() -> Tables:
    return {
        "like_evaluation": make_figures(),
        "like_comparisons": make_comparisons(),
        "like_settings": make_settings(),
        "like_blend": make_blend(),
        "like_importance": make_importance(),
        "holdout_like_predictions": make_predictions(),
        "cluster_evidence": make_evidence(),
        "user_clusters": make_clusters(),
    }


@cache
def section() -> Section:
    return likes(made())


@cache
def whole() -> Section:
    return likes(made() | {"like_cross_validation": make_folds(), "like_claims": make_claims()})


def shuffled(tables: Tables) -> Tables:
    return {name: frame.sample(frac=1, random_state=3) for name, frame in tables.items()}


def line_of(markdown: str, start: str) -> str:
    [line] = [line for line in markdown.splitlines() if line.startswith(start)]
    return line


def text_of(markup: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", markup)).split())


# --- plots ------------------------------------------------------------------------------------------------


def test_tables_of_likes_are_drawn_for_the_ui_small_and_in_any_order() -> None:
    drawn = {name: liking_plots.table_images(name, frame) for name, frame in made().items()}
    assert {name: list(images) for name, images in drawn.items() if images} == {
        "like_evaluation": ["auc_by_model", "auc_per_user_by_model"],
        "like_settings": ["validation_log_loss"],
        "like_blend": ["classifier_weight", "boost_strength"],
        "like_importance": ["importance"],
        "holdout_like_predictions": ["reliability"],
    }
    for name in ("like_settings", "like_blend", "like_evaluation"):
        assert liking_plots.table_images(name, shuffled(made())[name]) == drawn[name]
    for images in drawn.values():
        for image in images.values():
            assert image.startswith("![")
            assert len(image) <= LARGEST_PNG * 4 / 3 + 200


def test_variants_are_drawn_the_least_loss_on_top_with_their_trees() -> None:
    svg = liking_plots.validation_losses.svg(make_settings())
    names = [
        "Classifier with time",
        "Classifier without time",
        "Regressor without time",
        "Regressor with time",
    ]
    places = [svg.index(f">{name}<") for name in names]
    assert places == sorted(places)
    assert ">0.5198, 129 trees<" in svg


def test_the_chosen_candidate_is_written_and_kinds_are_lines() -> None:
    svg = liking_plots.blend_losses.svg(make_blend(), parameter="boost_strength")
    assert ">0.5: 0.5170<" in svg
    assert ">Genre clusters<" in svg
    assert ">Rating clusters<" in svg
    weight = liking_plots.blend_losses.svg(make_blend(), parameter="classifier_weight")
    assert ">0.75: 0.5180<" in weight
    assert "clusters<" not in weight
    with pytest.raises(ValueError, match="0 candidates of depth"):
        liking_plots.blend_losses(make_blend(), parameter="depth")


def test_reliability_bins_are_means_of_the_rows_in_them() -> None:
    rows = pd.DataFrame(
        {
            "model": ["a", "a", "a", "b"],
            "liked": [True, False, True, True],
            "probability": [0.12, 0.18, 1.0, 0.5],
        }
    )
    bins = liking_plots.reliability_bins(rows, ["a", "absent"])
    assert bins["n"].tolist() == [2, 1]
    np.testing.assert_allclose(bins["predicted"], [0.15, 1.0])
    np.testing.assert_allclose(bins["actual"], [0.5, 1.0])


def test_roc_curves_run_from_corner_to_corner_and_need_likes_and_others() -> None:
    curves = liking_plots.roc_table(make_predictions(), ["ensemble", "bias"])
    for _, own in curves.groupby("model"):
        assert own["true_positive_rate"].is_monotonic_increasing
        assert own[["false_positive_rate", "true_positive_rate"]].iloc[-1].tolist() == [1, 1]
        area = np.trapezoid(own["true_positive_rate"], own["false_positive_rate"])
        assert area == pytest.approx(own["auc"].iloc[0], abs=0.01)
    only_likes = make_predictions().query("liked")
    assert liking_plots.roc_table(only_likes, ["ensemble"]).empty
    assert "Likes found and errors" not in likes(made() | {"holdout_like_predictions": only_likes}).html


def test_contributions_without_direction_write_their_size() -> None:
    svg = liking_plots.contributions.svg(["up", "down"], [0.5, 0.25], unit="stars")
    assert all(text in svg for text in (">0.50<", ">0.25<", "Mean |contribution| (stars)<"))
    assert "correlation" not in svg


# --- the section ------------------------------------------------------------------------------------------


def test_the_finding_is_of_the_ensemble_and_claims_no_more_than_intervals_show() -> None:
    assert section().finding == (
        "Ensemble tells likes with AUC 0.812 (95% interval 0.792 to 0.832) over all test ratings, and 0.690 "
        "(95% interval 0.670 to 0.710) within a user. Per user, ensemble is better than movie mean (+0.0440, 95% "
        "interval +0.0300 to +0.0600); no difference of cluster hybrid from ensemble is shown (+0.0010, 95% interval "
        "−0.0040 to +0.0060)."
    )
    alone = likes(made() | {"like_comparisons": make_comparisons().iloc[:0]})
    assert "ensemble was not compared with movie mean" in alone.finding


def test_models_are_listed_with_all_figures_and_intervals_the_best_first() -> None:
    line = line_of(section().markdown, "| Bias | 0.")
    figures = [value_of(metric, 0.76) for metric in ("auc", "auc_per_user", "log_loss", "brier")]
    assert (
        line
        == "| Bias | "
        + " | ".join(f"{value:.4f} | {value - 0.02:.3f} to {value + 0.02:.3f}" for value in figures)
        + " |"
    )
    by_auc, by_loss = section().html.split("Log loss and Brier score by model</h3>")
    for table in (by_auc, by_loss):
        assert table.index(">Ensemble<") < table.index(">Bias<") < table.index(">Movie mean<")


def test_less_loss_is_better_and_more_auc_is_better() -> None:
    text = text_of(section().html)
    found = re.findall(
        r"(Ensemble|Constant boost) (Movie mean|Ensemble) ([−+]0\.\d{4}) \S+ to \S+ (better|worse|no difference)",
        text,
    )
    assert found == [
        ("Ensemble", "Movie mean", "+0.0440", "better"),
        ("Constant boost", "Ensemble", "+0.0000", "no difference"),
        ("Ensemble", "Movie mean", "−0.1200", "better"),
        ("Constant boost", "Ensemble", "+0.0040", "worse"),
    ]


def test_the_constant_boost_is_said_to_rank_nothing_anew_only_where_it_does_not() -> None:
    same = "The constant boost changes no user's ranking"
    assert same in text_of(section().html)
    assert same in section().markdown
    rows = make_comparisons()
    rows.loc[3, ["difference", "ci_low", "ci_high"]] = [0.0, -0.001, 0.001]
    assert same not in likes(made() | {"like_comparisons": rows}).html
    rows.loc[3, "ci_high"] = 0.002
    assert "moves AUC per user or NDCG by up to 0.002" in likes(made() | {"like_comparisons": rows}).markdown
    without = rows[rows["model"] != "constant_boost"]
    assert "The constant boost " not in likes(made() | {"like_comparisons": without}).markdown


def test_each_choice_is_given_with_its_reason() -> None:
    text = text_of(section().html)
    for reason in (
        "Classifier with time has the least log loss of the classifiers, 0.51980 (against 0.52080 classifier without "
        "time).",
        "Regressor without time has the least log loss of the regressors, 0.53130",
        "the classifier's weight is 0.75: log loss 0.51800, against 0.58050 of the classifier alone and 1.08050 of the "
        "regressor alone.",
        "The cluster hybrid boosts by rating clusters with strength 0.5: log loss 0.51700, against 0.51800 without a "
        "boost.",
    ):
        assert reason in text
        assert reason in section().markdown
    none = make_blend().assign(chosen=lambda rows: (rows["value"] == 0) & (rows["clusters"] == "genre"))
    none.loc[none["parameter"] == "classifier_weight", "chosen"] = [False, False, False, True, False]
    assert "No boost by cluster: strength 0 has the least" in likes(made() | {"like_blend": none}).markdown


def test_clusters_stand_in_one_table_with_what_speaks_for_them() -> None:
    assert line_of(section().markdown, "| Genre") == "| Genre | 3 | 0.090 | 0.500 | 5, 3, 2 | 1 |"
    assert line_of(section().markdown, "| Rating") == "| Rating | 3 | 0.100 | 0.500 | 4, 4, 3 | 0 |"


def test_other_splits_stand_beside_the_test_rows() -> None:
    markdown = whole().markdown
    header = line_of(markdown, "| Model | AUC, random")
    assert header.startswith("| Model | AUC, random five-fold | AUC, test | AUC, global time |")
    line = line_of(markdown, "| Ensemble | 0.8320 ±")
    assert line.startswith(
        "| Ensemble | 0.8320 ± 0.0030 | 0.8120 (0.792 to 0.832) | 0.7120 (0.672 to 0.752) |"
    )
    assert line_of(markdown, "| Leaky aggregates").startswith(
        "| Leaky aggregates | 0.9500 ± 0.0030 | – | 0.8300 ("
    )
    assert "0.1110" not in whole().html
    assert "AUC on other splits" in whole().html


def test_claims_have_verdicts() -> None:
    pills = re.findall(r'class="pill (\w+)">([a-z ]*(?:reproduced|meaningful))<', whole().html)
    assert pills == [("good", "reproduced"), ("bad", "not reproduced"), ("open", "not meaningful")]
    assert "Boost of 38 %" in whole().markdown


def test_without_other_splits_and_claims_nothing_is_said_of_them() -> None:
    empty = made() | {"like_cross_validation": make_folds()[:0], "like_claims": make_claims()[:0]}
    assert likes(empty) == section()
    assert "AUC on other splits" not in section().html
    assert "Published claims" not in section().html


def test_other_splits_and_segments_never_reach_the_test_figures() -> None:
    mixed = made() | {
        name: pd.concat([made()[name], made()[name].assign(split="validation")])
        for name in ("like_evaluation", "like_comparisons")
    }
    assert likes(mixed) == section()
    assert f"{value_of('auc', AUC['bias'] - 0.1):.4f}" not in section().html


def test_what_is_missing_is_named() -> None:
    with pytest.raises(
        ValueError, match=r"none of the \d+ rows of like_evaluation .* has an AUC of the ensemble"
    ):
        likes(made() | {"like_evaluation": make_figures().query("model != 'ensemble'")})
    with pytest.raises(KeyError, match="like_blend"):
        likes({name: frame for name, frame in made().items() if name != "like_blend"})


def test_the_order_of_rows_does_not_matter_and_tables_stay_as_they_are() -> None:
    tables = shuffled(made() | {"like_cross_validation": make_folds()})
    tables["like_claims"] = make_claims()  # claims stay in their own order
    before = {name: frame.copy() for name, frame in tables.items()}
    assert likes(tables) == whole()
    for name, frame in tables.items():
        pd.testing.assert_frame_equal(frame, before[name])


# --- the page ---------------------------------------------------------------------------------------------


def test_likes_stand_between_stars_and_ratings() -> None:
    sections = more_sections(made_of_stars() | made(), stars_description="")
    assert [each.title for each in sections] == [
        "Predicted stars",
        "Cross-validation",
        "Likes",
        "The ratings",
    ]
    without = more_sections(made_of_stars(), stars_description="")
    assert "Likes" not in [each.title for each in without]


def test_the_page_parses_loads_nothing_and_its_references_resolve() -> None:
    markup = evaluation_html(make_report(), [whole()])
    page = Page(markup)
    assert page.open == []
    assert re.search(r"https?://|url\((?!#)|@import", markup) is None
    assert set(re.findall(r"var\((--[a-z0-9-]+)\)", markup)) <= {f"--{name}" for name in style.PALETTE}
    assert whole().finding in markup


def test_hostile_text_is_shown_and_not_run() -> None:
    tables = made() | {"like_cross_validation": make_folds(), "like_claims": make_claims()}
    hostile = {
        name: frame.replace(
            {column: {"bias": HOSTILE} for column in ("model", "baseline") if column in frame}
        )
        for name, frame in tables.items()
    }
    hostile["like_claims"] = hostile["like_claims"].assign(why=HOSTILE, claimed=HOSTILE)
    hostile["like_importance"] = hostile["like_importance"].replace({"feature": {"ordinal_fm": HOSTILE}})
    calm = Page(evaluation_html(make_report(), [whole()]))
    wild = Page(evaluation_html(make_report(), [likes(hostile)]))
    assert wild.open == []
    assert set(wild.tags) == set(calm.tags)
    assert wild.text.count(HOSTILE) > 5
    tokens = (
        MarkdownIt("commonmark").enable("table").parse(evaluation_markdown(make_report(), [likes(hostile)]))
    )
    children = [child for token in tokens for child in token.children or []]
    assert not {"html_block", "html_inline"} & {each.type for each in [*tokens, *children]}


def test_the_queries_find_the_figures_in_the_published_tables() -> None:
    connection = duckdb.connect()
    for name in PUBLISHED:
        columns = ", ".join(f'"{column.name}" {column.type}' for column in TABLES[name].columns)
        connection.execute(f'create table "{name}" ({columns})')
    for name, table in (("evaluation", make_figures()), ("comparisons", make_comparisons())):
        connection.register("judged", table)
        connection.execute(f"insert into {name} by name select * from judged")
        connection.unregister("judged")
    queries = [query for query in section().sql.split(";") if query.strip()]
    found, pairs, *_ = [connection.execute(query).fetchall() for query in queries]
    assert (len(found), len(pairs)) == (len(make_figures()), 6)


def test_the_report_is_made_of_the_tables_that_it_shows() -> None:
    report = defs().resolve_asset_graph().get(key("evaluation_report"))
    assert {key(name) for name in (*REPORTED, *OPTIONAL)} <= report.parent_keys
