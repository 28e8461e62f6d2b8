"""The ledger of claims: verdicts from made rows, and nothing said that no row says."""

from __future__ import annotations

from collections.abc import Callable

import duckdb
import pandas as pd
import pytest
from markdown_it import MarkdownIt

from recsys_assets.contracts import TABLES
from recsys_assets.defs.evaluation.ledger import (
    CLAIMS,
    NOT_MEANINGFUL,
    NOT_MEASURED,
    NOT_REPRODUCED,
    REPRODUCED,
    ledger,
)
from recsys_assets.report.claims import claims, claims_markdown

COLUMNS = TABLES["evaluation"].column_names
HOSTILE = """<script>alert('x')</script>"><img src=x onerror=1> | `a` & $x^2$"""


def figure(model: str, metric: str, value: float, *, split: str = "test", segment: str = "all", k: int = 0):
    return (model, split, segment, metric, k, value, value - 0.01, value + 0.01, 900)


FIGURES = [
    figure("svd", "rmse", 0.94, split="official_5fold"),
    figure("svd", "rmse_std", 0.006, split="official_5fold"),
    figure("svd", "rmse", 1.5, split="official_5fold", segment="u1"),
    figure("svd", "rmse", 0.99),
    figure("user_knn", "rmse", 1.02, split="official_5fold"),
    figure("item_knn", "rmse", 0.97, split="official_5fold"),
    figure("svd", "coverage", 0.14, segment="all_items", k=10),
    figure("hybrid_published", "coverage", 0.31, segment="all_items", k=10),
    figure("als", "diversity", 0.80, k=10),
    figure("hybrid", "diversity", 0.83, k=10),
]
LIKE_CLAIMS = [
    ("ROC AUC of the classifier over five random folds", "0.7908", "0.8322 ± 0.0029", REPRODUCED, "of folds"),
    ("boost of about 38 % by cluster similarity", "≈ 38 %", "3.9%", NOT_MEANINGFUL, "a constant"),
    ("top picks have a like probability above 90 %", "> 90 %", "47%", NOT_REPRODUCED, "calibrated"),
    ("65 to 75 % of top picks are liked", "65–75 %", "70%", REPRODUCED, "chosen"),
]


def found(dataset: str = "ml-100k", **tables: list[tuple[object, ...]]) -> pd.DataFrame:
    """The ledger of made tables; none but those of the default run if none are given."""
    made: dict[str, list[tuple[object, ...]]] = {
        "evaluation": FIGURES,
        "comparisons": [("hybrid", "als", "test", "all", "ndcg", 10, 0.002, -0.001, 0.005, 900)],
        "dataset_statistics": [("sparsity", 0.93695, "share", "sparsity")],
        **tables,
    }
    with duckdb.connect() as connection:
        for name, rows in made.items():
            columns = TABLES[name].columns if name in TABLES else TABLES["like_claims"].columns
            typed = ", ".join(f'"{column.name}" {column.type}' for column in columns)
            connection.execute(f"create table {name} ({typed})")
            places = ", ".join("?" * len(columns))
            for row in rows:
                connection.execute(f"insert into {name} values ({places})", list(row))
        ask: Callable[[str], pd.DataFrame] = lambda sql: connection.execute(sql).df()  # noqa: E731
        rows = list(ledger(CLAIMS, made.keys(), ask, dataset=dataset))
    return pd.DataFrame(rows, columns=TABLES["claims"].column_names).set_index("claim_id")


def test_every_claim_of_the_systems_has_one_row() -> None:
    table = found()
    assert list(table.index) == [claim.claim_id for claim in CLAIMS]
    assert table.index.is_unique
    assert {"A2", "A11.1", "A11.2", "A11.3", "B10.1", "B10.2", "C7.1", "D1", "D4.1", "D4.2", "D6"} <= {
        *table.index
    }


def test_verdicts_are_those_of_the_figures() -> None:
    table = found()
    assert table["verdict"][["B10.1", "B10.2", "D1", "D4.1", "D4.2", "D6"]].to_dict() == {
        "B10.1": NOT_REPRODUCED,  # the interval contains zero
        "B10.2": REPRODUCED,  # 0.83 ± 0.01 and 0.80 ± 0.01 don't meet
        "D1": REPRODUCED,
        "D4.1": REPRODUCED,  # 0.94 is within two deviations of 0.93
        "D4.2": NOT_REPRODUCED,  # user_knn is outside
        "D6": NOT_REPRODUCED,  # svd covers 14 %
    }
    assert "0.9400 ± 0.0060" in table["measured"]["D4.1"]
    assert table["note"]["D4.2"].endswith("Outside the band: user_knn.")
    assert table["measured"]["D6"] == "hybrid_published 31.0%; svd 14.0%"


@pytest.mark.parametrize(
    ("claim_id", "better"),
    [
        ("B10.1", {"comparisons": [("hybrid", "als", "test", "all", "ndcg", 10, 0.02, 0.01, 0.03, 900)]}),
        (
            "D4.2",
            {
                "evaluation": [
                    *(row for row in FIGURES if row[0] != "user_knn"),
                    figure("user_knn", "rmse", 0.98, split="official_5fold"),
                ]
            },
        ),
        (
            "D6",
            {
                "evaluation": [
                    figure(m, "coverage", 0.4, segment="all_items", k=10) for m in ("svd", "hybrid_published")
                ]
            },
        ),
    ],
)
def test_better_figures_reproduce_what_worse_ones_did_not(claim_id: str, better: dict[str, list]) -> None:
    assert found(**better)["verdict"][claim_id] == REPRODUCED
    assert found()["verdict"][claim_id] == NOT_REPRODUCED


def test_figures_that_change_change_what_is_measured() -> None:
    other = [(*row[:5], row[5] * 0.97, *row[6:]) for row in FIGURES]
    one, two = found(), found(evaluation=other)
    measured = one["measured"].dropna().index
    moved = [claim_id for claim_id in measured if one["measured"][claim_id] != two["measured"][claim_id]]
    assert moved == ["B10.2", "D4.1", "D4.2", "D6"]


def test_what_nobody_has_measured_has_no_figure_and_says_what_to_run() -> None:
    table = found()
    open_ = table[table["verdict"] == NOT_MEASURED]
    assert set(open_.index) == {"A2", "A11.1", "A11.2", "A11.3", "C7.1", "C7.2", "C7.3", "C7.4"}
    assert open_["measured"].isna().all()
    assert open_["note"]["A2"] == "To be measured by: recsys run --dataset ml-latest-small --full"
    assert "TMDB 5000" in open_["note"]["C7.1"]
    assert table["measured"].notna().equals(table["verdict"] != NOT_MEASURED)


def test_without_folds_the_error_over_folds_is_not_measured_from_other_rows() -> None:
    table = found(evaluation=[row for row in FIGURES if row[1] == "test"])
    assert table["verdict"]["D4.1"] == NOT_MEASURED  # there is an RMSE on test rows
    assert table["note"]["D4.1"] == "To be measured by: recsys run --dataset ml-100k --full"


def test_a_model_that_is_missing_leaves_the_claim_open() -> None:
    table = found(
        evaluation=[row for row in FIGURES if row[0] not in ("user_knn", "hybrid_published", "als")]
    )
    assert set(table["verdict"][["D4.2", "D6", "B10.2"]]) == {NOT_MEASURED}
    assert table["verdict"]["D4.1"] == REPRODUCED


def test_claims_about_likes_and_catalogues_are_those_of_their_own_tables() -> None:
    catalogue = [
        ("feature matrix of 4,803 movies and 224 columns", "(4803, 224)", "(4803, 224)", REPRODUCED, "same"),
        ("similarity of recommended movies", "> 90 %", "40.0% of them", NOT_MEANINGFUL, "a cosine"),
    ]
    table = found("ml-latest-small", like_claims=LIKE_CLAIMS, catalogue_claims=catalogue)
    for claim_id, (_, _, *expected) in zip(["A2", "A11.1", "A11.2", "A11.3"], LIKE_CLAIMS, strict=True):
        assert list(table.loc[claim_id, ["measured", "verdict", "note"]]) == expected
    assert list(table.loc["C7.1", ["measured", "verdict", "note"]]) == ["(4803, 224)", REPRODUCED, "same"]
    assert table["verdict"]["C7.4"] == NOT_MEANINGFUL
    assert table["verdict"]["C7.2"] == NOT_MEASURED  # its row is missing


def test_an_exact_figure_of_another_data_set_is_shown_but_is_not_meaningful() -> None:
    table = found("ml-latest-small", dataset_statistics=[("sparsity", 0.983, "share", "sparsity")])
    assert table["measured"]["D1"] == "98.3%"
    assert table["verdict"][["D1", "D4.1", "D4.2"]].tolist() == [NOT_MEANINGFUL] * 3
    assert table["note"]["D1"].startswith("The figure is one of ml-100k")
    assert table["verdict"]["D6"] == NOT_REPRODUCED  # a bound holds of any data set


def test_no_figure_is_typed_into_the_ledger() -> None:
    claimed = " ".join(claim.claimed + claim.statement for claim in CLAIMS)
    for text in found()["measured"].dropna():
        assert text not in claimed or text == "93.7%"


# The report.


def test_the_section_shows_every_claim_with_its_verdict() -> None:
    table = found(like_claims=LIKE_CLAIMS).reset_index()
    section = claims({"claims": table})
    assert all(claim_id in section.html for claim_id in table["claim_id"])
    assert section.html.count('class="pill good"') == (table["verdict"] == REPRODUCED).sum()
    assert section.html.count('class="pill bad"') == (table["verdict"] == NOT_REPRODUCED).sum()
    assert section.finding == (
        f"Of {len(table)} published claims: 4 reproduced, 4 not reproduced, 2 not meaningful, 4 not measured yet."
    )


def test_hostile_texts_stay_texts() -> None:
    table = found().reset_index().assign(measured=HOSTILE, note=HOSTILE, statement=HOSTILE)
    section = claims({"claims": table})
    assert "<script" not in section.html and "<img" not in section.html
    rendered = MarkdownIt("commonmark").enable("table").render(claims_markdown(table))
    assert "<script" not in rendered and "<img" not in rendered
    assert rendered.count("<tr>") == len(table) + 1
