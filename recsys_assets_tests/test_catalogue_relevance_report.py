from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from recsys_assets.contracts import TABLES
from recsys_assets.contracts.catalogue_neighbours import METHODS
from recsys_assets.defs.catalogue.claims import claims
from recsys_assets.defs.catalogue.relevance_rows import CONTRASTS
from recsys_assets.report import catalogue_relevance_plots as drawings
from recsys_assets.report.catalogue_relevance import REPORTED, is_there, relevance

HOSTILE = "<script>alert('x')</script> **bold** | [a](b)"


def made_relevance(**over):
    """A table of relevance: of each method what it lifts over the same genre, with an interval of ± 0.1."""
    ratios = dict(zip(METHODS, np.linspace(0.9, 1.9, len(METHODS)), strict=True)) | over
    rows = []
    for method, ratio in ratios.items():
        rows += [
            (method, "lift", "none", 2 * ratio, 2 * ratio - 0.2, 2 * ratio + 0.2),
            (method, "lift_over_same_genre", "same_genre", ratio, ratio - 0.1, ratio + 0.1),
        ]
        if not method.endswith("_near"):
            rows.append((method, "precision_at_10", "none", ratio / 10, ratio / 10 - 0.01, ratio / 10 + 0.01))
    for one, other in CONTRASTS:
        rows.append((one, "lift_difference", other, 0.2, 0.1, 0.3))
        rows.append((one, "precision_difference", other, 0.01, -0.01, 0.03))
    return pd.DataFrame(
        [(*row, 100, 1000, 50) for row in rows], columns=TABLES["catalogue_relevance"].column_names
    )


def made_recall():
    rows = [("content_global", 20, 1.0, "exact", 4803), ("content_cluster", 10, 0.86, "exact", 4803)]
    return pd.DataFrame(rows, columns=TABLES["catalogue_recall"].column_names)


def made_figures(n_movies=4803, n_columns=224, explained=0.2558, silhouette=0.0838):
    figures = {("n_movies", 0): n_movies, ("n_columns", 0): n_columns, ("explained_share", 0): explained}
    figures |= {("n_text", 0): 200, ("n_genres", 0): 20, ("n_numbers", 0): 4}
    figures |= {("silhouette", 10): silhouette, ("silhouette", 2): 0.5}
    rows = [("published", name, k, float(value), None) for (name, k), value in figures.items()]
    rows.append(("chosen", "silhouette", 10, 0.9, None))
    return pd.DataFrame(rows, columns=TABLES["catalogue_figures"].column_names)


def judged(figures=None, of=None):
    found = claims(
        made_figures() if figures is None else figures,
        made_relevance() if of is None else of,
        n_neighbours=1000,
        share_near=0.25,
    )
    return pd.DataFrame(found, columns=TABLES["catalogue_claims"].column_names)


def tables(**over):
    return {
        "catalogue_relevance": made_relevance(),
        "catalogue_recall": made_recall(),
        "catalogue_claims": judged(),
    } | over


REPRODUCED = ["reproduced", "not meaningful", "reproduced", "not meaningful"]


def test_figures_as_published_are_reproduced_and_a_cosine_is_never_meaningful():
    assert judged()["verdict"].tolist() == REPRODUCED


@pytest.mark.parametrize("explained", [0.2558, 0.2])
def test_a_figure_that_a_setting_was_chosen_to_meet_is_not_meaningful_met_or_not(explained):
    figures = made_figures(explained=explained)
    claim = judged(figures).iloc[1]
    assert (claim["verdict"], claim["measured"]) == (
        "not meaningful",
        f"{explained:.2%} with the published settings",
    )
    assert "was chosen to come near this figure" in claim["why"]
    figures.loc[len(figures)] = ("chosen", "explained_share", 0, 0.1234, None)
    assert "it is 12.34%" in judged(figures)["why"][1]


@pytest.mark.parametrize(("place", "other"), [(0, {"n_columns": 200}), (2, {"silhouette": 0.1})])
def test_a_figure_that_is_off_is_not_reproduced(place, other):
    verdicts = judged(made_figures(**other))["verdict"].tolist()
    assert verdicts == [*REPRODUCED[:place], "not reproduced", *REPRODUCED[place + 1 :]]


def test_the_claimed_number_of_clusters_is_set_beside_the_others():
    assert "1 of the 1 other numbers" in judged()["why"][2]
    assert "chosen by another claim" in judged()["why"][2]


def test_a_figure_that_was_not_measured_is_not_judged():
    figures = made_figures()
    without = figures[~((figures["name"] == "silhouette") & (figures["k"] == 10))]
    assert judged(without)["verdict"].tolist() == [*REPRODUCED[:2], REPRODUCED[3]]


def test_of_other_movies_the_claims_say_nothing():
    found = judged(made_figures(n_movies=700))
    assert set(found["verdict"]) == {"not meaningful"}
    assert found["why"][:3].str.contains("this catalogue has 700").all()


def test_the_claimed_similarity_is_set_beside_what_users_like():
    claim = judged(of=made_relevance(content_global=1.32, content_global_near=2.39)).iloc[-1]
    assert claim["measured"].startswith("25.0% of 1,000 neighbours")
    assert "1.32 (95 % interval 1.22 to 1.42) times as often" in claim["why"]
    assert "2.39" in claim["why"]


def test_where_nobody_can_judge_the_claim_says_so():
    assert "too few users like" in judged(of=made_relevance()[:0]).iloc[-1]["why"]
    assert "an unknown number" in judged(of=made_relevance(content_global_near=np.nan)).iloc[-1]["why"]


@pytest.mark.parametrize(
    ("ratio", "said"), [(1.3, "more often"), (0.8, "less often"), (1.05, "not shown to be more often")]
)
def test_the_finding_says_what_the_interval_shows(ratio, said):
    section = relevance(tables(catalogue_relevance=made_relevance(content_global=ratio)))
    assert f"liked together {said} than" in section.finding
    assert f"{ratio:.2f} times" in section.finding


def test_the_section_has_every_method_comparison_and_claim():
    section = relevance(tables())
    for form in (section.html, section.markdown):
        assert all(meaning in form for meaning in METHODS.values())
        assert "86.0%" in form
        assert "not meaningful" in form
        assert form.count("no difference shown") >= len(CONTRASTS)


def test_without_judges_recall_and_claims_remain():
    section = relevance(tables(catalogue_relevance=made_relevance()[:0]))
    assert section.finding.startswith("Too few users")
    assert "86.0%" in section.html
    assert "Comparisons" not in section.html


def test_without_a_catalogue_there_is_nothing_to_report():
    empty = {name: frame[:0] for name, frame in tables().items()}
    assert not is_there(empty)
    assert not is_there({})
    assert is_there(tables())


def test_texts_are_escaped():
    claims = judged().assign(why=HOSTILE, measured=HOSTILE)
    section = relevance(tables(catalogue_claims=claims))
    assert "<script" not in section.html + section.markdown
    assert "**bold**" not in section.markdown


def test_its_queries_name_the_tables_that_it_is_made_of():
    assert all(name in relevance(tables()).sql for name in REPORTED)


def test_plots_are_the_same_each_time_and_leave_out_what_is_unknown():
    known, partly = made_relevance(), made_relevance(content_global_near=np.nan)
    for draw in (drawings.lift_by_method, drawings.precision_by_method):
        assert draw(known) == draw(known)
    assert "Content global near" in drawings.lift_by_method.svg(known)
    assert "Content global near" not in drawings.lift_by_method.svg(partly)
