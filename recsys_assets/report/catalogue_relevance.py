"""Neighbours by content as a section of a report: whether people like them together, and what was claimed of them.

Tables come as frames by the names of their contracts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import pandas as pd

from recsys_assets.contracts.catalogue_neighbours import METHODS
from recsys_assets.report import catalogue_relevance_plots as drawings
from recsys_assets.report.intervals import (
    NOTHING_SHOWN_NOTE,
    interval_text,
    interval_texts,
    verdict_pill,
    verdicts,
)
from recsys_assets.report.page import Section, figures, note, paragraph, pill, subsections, wide
from recsys_assets.report.plots import markdown_image
from recsys_assets.report.style import escape_markdown, format_cell, html_table, label, markdown_table, phrase

__all__ = ["REPORTED", "is_there", "relevance"]

REPORTED: Final = ("catalogue_relevance", "catalogue_recall", "catalogue_claims")
"""The tables that the section is made of."""

_TITLE: Final = "Movies like this one"
_OVER: Final = "lift_over_same_genre"
_INTERVAL: Final = "95% interval"
_TONES: Final = {"reproduced": "good", "not reproduced": "bad"}

_LIFT_NOTE: Final = (
    "Lift: how often users like both movies of a pair, over how often they would if likes were independent, summed "
    "over pairs, among all users of a fold, whether or not they rated both. Active users like much of everything, so "
    "that any two movies lift above 1: what counts is the ratio to random movies that share a genre. Content learns "
    "nothing from ratings. Collaborative neighbours learn from other users than those who judge; they are popular "
    "movies, of which many like any other too, so that their lift can't be high. Intervals resample users."
)
_PRECISION_NOTE: Final = (
    "Precision: share of a movie's neighbours that are among the movies most co-liked with it by the judging users, by "
    "a damped cosine, the measure that collaborative neighbours are made by. Intervals resample movies."
)
_CLUSTERS_NOTE: Final = (
    "Two questions about clusters: whether movies of one cluster are liked together (same cluster, against 10 "
    "clusters), and what the nearest movies lose when only those of the own cluster may be listed (content cluster). "
    "More clusters are more alike inside, and leave more near movies outside. Their number was chosen by silhouette "
    "and stability of the vectors; these figures chose no number of clusters. Lift over the same genre decides which "
    "version of the engine serves."
)
_RECALL_NOTE: Final = "Share of a movie's k nearest in the whole catalogue that the search finds."


def is_there(tables: Mapping[str, pd.DataFrame]) -> bool:
    """Whether there is anything to report: a data set without a catalogue has none of it."""
    return all(name in tables for name in REPORTED) and bool(len(tables["catalogue_claims"]))


def relevance(tables: Mapping[str, pd.DataFrame]) -> Section:
    """Write the section: figures by method, comparisons, recall, claims.

    Where no movie of the catalogue has users enough to judge it, there are recall and claims alone.

    Raises
    ------
    KeyError
        If a table of ``REPORTED`` is missing.
    """
    judged = tables["catalogue_relevance"]
    finding = _finding(judged)
    parts = {"Neighbours within clusters": _recall_html(tables["catalogue_recall"])}
    if len(judged):
        parts = {
            "Liked together, by how neighbours were found": _judged_html(judged),
            "Comparisons of neighbours": _comparisons_html(judged),
            **parts,
        }
    parts["Published claims about content"] = _claims_html(tables["catalogue_claims"])
    return Section(
        title=_TITLE,
        finding=finding,
        html=f"{paragraph(_described(judged))}\n{subsections(parts)}",
        markdown=_markdown(tables),
        sql="\n".join(
            [
                "from catalogue_relevance order by metric, value;",
                "from catalogue_recall order by search, k;",
                "from catalogue_claims;",
            ]
        ),
    )


def _finding(judged: pd.DataFrame) -> str:
    rows = judged[(judged["metric"] == _OVER) & (judged["method"] == "content_global")]
    if rows.empty or rows["value"].isna().all():
        return "Too few users rated the catalogue's movies to say whether neighbours by content are liked together."
    value, low, high = rows[["value", "ci_low", "ci_high"]].astype(float).iloc[0]
    said = "more often" if low > 1 else "less often" if high < 1 else "not shown to be more often"
    return (
        f"Neighbours by content are liked together {said} than movies of the same genre: "
        f"{format_cell(value, '.2f')} times ({_INTERVAL} {interval_text(low, high, '.2f')})."
    )


def _described(judged: pd.DataFrame) -> str:
    if judged.empty:
        return _finding(judged)
    rows = judged[(judged["metric"] == _OVER) & (judged["method"] == "random")].iloc[0]
    return (
        f"{int(rows['n_users']):,d} users judge the neighbours of {int(rows['n_movies']):,d} movies that both the "
        "catalogue and the data set have; all methods list movies of these."
    )


def _board(judged: pd.DataFrame) -> pd.DataFrame:
    """Each method's figures, the most lift first."""
    over = judged[judged["metric"] == _OVER].sort_values(["value", "method"], ascending=[False, True])
    by_metric = {
        metric: judged[judged["metric"] == metric].set_index("method").reindex(over["method"])
        for metric in ("lift", _precision(judged))
    }
    precision = by_metric[_precision(judged)].reset_index()
    return pd.DataFrame(
        {
            "Neighbours": over["method"].map(label).to_numpy(),
            "What they are": over["method"].map(METHODS).to_numpy(),
            "Lift": by_metric["lift"]["value"].to_numpy(dtype=float),
            "÷ same genre": over["value"].to_numpy(dtype=float),
            _INTERVAL: interval_texts(over, ".2f"),
            _precision_name(judged): precision["value"].to_numpy(dtype=float),
            f"{_precision_name(judged)}, {_INTERVAL}": interval_texts(precision, ".1%"),
            "Pairs": over["n_pairs"].to_numpy(),
        }
    )


def _precision(judged: pd.DataFrame) -> str:
    return next(str(metric) for metric in judged["metric"] if metric.startswith("precision_at_"))


def _precision_name(judged: pd.DataFrame) -> str:
    return f"Precision@{_precision(judged).rsplit('_', 1)[-1]}"


def _board_formats(judged: pd.DataFrame) -> dict[str, str]:
    return {"Lift": ".2f", "÷ same genre": ".3f", _precision_name(judged): ".1%", "Pairs": ",d"}


def _judged_html(judged: pd.DataFrame) -> str:
    table = _board(judged)
    table["What they are"] = table["What they are"].map(wide)
    return "\n".join(
        [
            html_table(table, formats=_board_formats(judged)),
            figures([drawings.lift_by_method.svg(judged), drawings.precision_by_method.svg(judged)]),
            note(_LIFT_NOTE),
            note(_PRECISION_NOTE),
        ]
    )


def _pairs(judged: pd.DataFrame) -> pd.DataFrame:
    return judged[judged["metric"].str.endswith("_difference")].reset_index(drop=True)


def _pairs_table(pairs: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "Figure": pairs["metric"].str.removesuffix("_difference").map(label),
            "Neighbours": pairs["method"].map(phrase),
            "Against": pairs["against"].map(phrase),
            "Difference": pairs["value"].astype(float),
            _INTERVAL: interval_texts(pairs, "+.4f"),
            "Verdict": pd.Series(verdicts(pairs), dtype=object),
        }
    )


_PAIR_FORMATS: Final = {"Difference": "+.4f"}


def _comparisons_html(judged: pd.DataFrame) -> str:
    pairs = _pairs(judged)
    table = _pairs_table(pairs)
    table["Verdict"] = table["Verdict"].map(verdict_pill)
    return "\n".join(
        [html_table(table, formats=_PAIR_FORMATS), note(_CLUSTERS_NOTE), note(NOTHING_SHOWN_NOTE)]
    )


_RECALL_FORMATS: Final = {"k": ",d", "Recall": ".1%", "Movies": ",d"}


def _recall_table(recall: pd.DataFrame) -> pd.DataFrame:
    rows = recall.sort_values(["search", "k"], ignore_index=True)
    return pd.DataFrame(
        {
            "Search": rows["search"].map(label),
            "k": rows["k"],
            "Recall": rows["recall"].astype(float),
            "How": rows["how"],
            "Movies": rows["n_movies"],
        }
    )


def _recall_html(recall: pd.DataFrame) -> str:
    return f"{html_table(_recall_table(recall), formats=_RECALL_FORMATS)}\n{note(_RECALL_NOTE)}"


def _claims_html(claims: pd.DataFrame) -> str:
    table = _claims_table(claims)
    for column in ("Measured", "Why"):
        table[column] = table[column].map(wide)
    table["Verdict"] = claims["verdict"].map(lambda word: pill(word, _TONES.get(word, "open"))).to_numpy()
    return html_table(table, formats={})


def _claims_table(claims: pd.DataFrame) -> pd.DataFrame:
    names = {name: label(name) for name in ("claim", "claimed", "measured", "verdict", "why")}
    return claims[list(names)].rename(columns=names)


def _markdown(tables: Mapping[str, pd.DataFrame]) -> str:
    judged = tables["catalogue_relevance"]
    parts = [f"### {_TITLE}", escape_markdown(_described(judged))]
    if len(judged):
        parts += [
            markdown_table(_board(judged), formats=_board_formats(judged)),
            markdown_image(drawings.lift_by_method(judged), "Lift by method"),
            markdown_table(_pairs_table(_pairs(judged)), formats=_PAIR_FORMATS),
        ]
    parts += [
        markdown_table(_recall_table(tables["catalogue_recall"]), formats=_RECALL_FORMATS),
        markdown_table(_claims_table(tables["catalogue_claims"]), formats={}),
    ]
    return "\n\n".join(parts)
