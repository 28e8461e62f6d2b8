"""Likes as a section of a report: how well models tell them, what validation rows chose and why, clusters of users.

Tables come as frames by the names of their contracts.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Final

import pandas as pd

from recsys_assets.report import liking_plots, plots
from recsys_assets.report.intervals import (
    NOT_SHOWN,
    NOTHING_SHOWN_NOTE,
    interval_text,
    interval_texts,
    verdict,
    verdict_pill,
    verdicts,
    whiskers,
)
from recsys_assets.report.page import Section, figures, note, paragraph, pill, subsections, wide
from recsys_assets.report.style import (
    LOWER_IS_BETTER,
    escape_markdown,
    format_cell,
    html_table,
    label,
    markdown_table,
    metric_label,
    metric_name,
    order_of,
    phrase,
)

__all__ = ["OPTIONAL", "REPORTED", "likes"]

REPORTED: Final = (
    "like_evaluation",
    "like_comparisons",
    "like_settings",
    "like_blend",
    "like_importance",
    "holdout_like_predictions",
    "cluster_evidence",
    "user_clusters",
)
"""The tables that the section is made of."""
OPTIONAL: Final = ("like_cross_validation", "like_claims")
"""Tables that add to it once they were asked for."""

_TITLE: Final = "Likes"
_SPLIT: Final = "test"
_SERVED, _HYBRID, _BASELINE, _CONSTANT = "ensemble", "cluster_hybrid", "movie_mean", "constant_boost"
_CONFIDENCE: Final = 0.95
_INTERVAL: Final = f"{100 * _CONFIDENCE:g}% interval"
_NDCG: Final = "ndcg_of_own_test_items"
_RANKING: Final = ("auc", "auc_per_user", _NDCG)
_PROBABILITY: Final = ("log_loss", "brier")
_SPLITS: Final = ("random_5fold", "official_5fold", _SPLIT, "global_time")
_PARAMETERS: Final = ("classifier_weight", "boost_strength")
_OBJECTIVES: Final = {"like": "classifier", "stars": "regressor"}
_TONES: Final = {"reproduced": "good", "not reproduced": "bad"}

_DESCRIPTION: Final = (
    "Each model gives every test rating a probability of being a like, having learned from the training and "
    "validation rows; the split is that of the lists."
)
_MODELS_NOTE: Final = (
    "Movie mean: share of likes among a movie's ratings, the same for every user. Bias: how far user and movie "
    "lie from the mean. Classifier and regressor: boosted trees that learn likes or stars, with or without "
    "features of recency and session. Ensemble: the chosen classifier and regressor, averaged on log-odds. "
    "Cluster hybrid: the ensemble, boosted by how the movie is liked in the user's cluster and in similar ones. "
    "Constant boost: the ensemble's odds times one number a user, as was published."
)
_RANKING_NOTE: Final = (
    "AUC: the chance that a like is given more than another rating, over all test ratings; much of it is telling "
    "generous users from strict ones. AUC per user: the mean of the users' own, in which generosity cancels; it "
    f"is what lists depend on. {metric_label(_NDCG, 10)}: the user's test movies ranked among themselves, which is "
    f"far easier than lists from all movies. Bars are {_INTERVAL}s of the AUC per user, over users."
)
_PROBABILITY_NOTE: Final = (
    "Less is better. Log loss: mean −log of the probability given to what happened. Brier score: mean squared "
    f"distance from it. Bars are {_INTERVAL}s of the log loss, over users resampled with all their ratings."
)
_CHOSEN_NOTE: Final = (
    "Log loss and AUC are on validation rows, of models that learned from training rows alone; calibration is out "
    "of fold. Test figures chose nothing."
)
_IMPORTANCE_NOTE: Final = (
    "Reliability and ROC curves are of test ratings. Gain and contributions (SHAP values) are of the live "
    "classifier, which learned from all ratings."
)
_CLUSTERS_NOTE: Final = (
    "Silhouette: 1 = users far nearer to their own cluster than to any other, 0 = between two. Stability: "
    "adjusted Rand index of clusters learned from two halves of the users; 1 = the same, 0 = by chance. Both are "
    "of the training rows, sizes of all ratings."
)
_SPLITS_NOTE: Final = (
    "± is the standard deviation over folds, in brackets the 95% interval over users. Random folds mix times: "
    "models know ratings that are later than those they predict. Test: each user's latest ratings. Global time: "
    "the latest fifth of all ratings, many of them by users that nothing was learned of. A model whose name says "
    "leaky knows what it should not, and shows what that is worth."
)


def likes(tables: Mapping[str, pd.DataFrame], *, k: int = 10) -> Section:
    """Report on the models of likes: figures on test rows, pairs, calibration, choices, clusters.

    Parameters
    ----------
    tables : those of ``REPORTED`` by name, and of ``OPTIONAL`` as far as they exist
    k : cut-off of the NDCG

    Raises
    ------
    KeyError
        If a table of ``REPORTED`` is missing.
    ValueError
        If the ensemble has no AUC over all users.
    """
    known = {name: tables[name] for name in REPORTED}
    known |= {name: tables[name] for name in OPTIONAL if name in tables and len(tables[name])}
    for name in ("like_evaluation", "like_comparisons"):
        rows = known[name]
        known[name] = rows[(rows["split"] == _SPLIT) & (rows["segment"] == "all")]
    description = f"{_DESCRIPTION} {_share_of_likes(known['holdout_like_predictions'])}"
    return Section(
        title=_TITLE,
        finding=_finding(known["like_evaluation"], known["like_comparisons"]),
        html=f"{paragraph(description)}\n{subsections(_parts(known, k))}",
        markdown=_markdown(known, description, k),
        sql=_sql(),
    )


def _share_of_likes(predictions: pd.DataFrame) -> str:
    rows = predictions[predictions["model"] == _SERVED]
    return f"Of {len(rows):,d} test ratings, {rows['liked'].mean():.1%} are likes."


def _finding(evaluation: pd.DataFrame, comparisons: pd.DataFrame) -> str:
    """Say what the ensemble tells, over movie mean, and what the cluster boost adds: no more than intervals show."""
    figure = {metric: _of(evaluation, metric, _SERVED) for metric in ("auc", "auc_per_user")}
    if figure["auc"].empty or figure["auc"]["value"].isna().all():
        raise ValueError(
            f"none of the {len(evaluation)} rows of like_evaluation over all users of split {_SPLIT!r} has an AUC of "
            f"the {_SERVED}; judge the models of likes first"
        )
    pooled, per_user = (_figure_text(figure[metric]) for metric in ("auc", "auc_per_user"))
    return (
        f"{label(_SERVED)} tells likes with AUC {pooled} over all test ratings, and {per_user} within a user. "
        f"Per user, {_gain(comparisons, _SERVED, _BASELINE)}; {_gain(comparisons, _HYBRID, _SERVED)}."
    )


def _figure_text(rows: pd.DataFrame) -> str:
    if rows.empty:
        return "unknown"
    value, low, high = rows[["value", "ci_low", "ci_high"]].astype(float).iloc[0]
    return f"{format_cell(value, '.3f')} ({_INTERVAL} {interval_text(low, high, '.3f')})"


def _gain(comparisons: pd.DataFrame, model: str, baseline: str) -> str:
    rows = _of(comparisons, "auc_per_user", model)
    rows = rows[rows["baseline"] == baseline]
    pair = f"{phrase(model)} was not compared with {phrase(baseline)}"
    if rows.empty:
        return pair
    difference, low, high = rows[["difference", "ci_low", "ci_high"]].astype(float).iloc[0]
    text = f"{format_cell(difference, '+.4f')}, {_INTERVAL} {interval_text(low, high, '+.4f')}"
    found = verdict(low, high)
    if found == NOT_SHOWN:
        return f"no difference of {phrase(model)} from {phrase(baseline)} is shown ({text})"
    return f"{phrase(model)} is {found} than {phrase(baseline)} ({text})"


def _of(rows: pd.DataFrame, metric: str, model: str) -> pd.DataFrame:
    return rows[(rows["metric"] == metric) & (rows["model"] == model)]


def _parts(tables: Mapping[str, pd.DataFrame], k: int) -> dict[str, str]:
    evaluation, comparisons = tables["like_evaluation"], tables["like_comparisons"]
    parts = {
        "AUC by model": "\n".join(
            [_board_html(evaluation, _RANKING, "auc_per_user", k), note(_RANKING_NOTE), note(_MODELS_NOTE)]
        ),
        "Log loss and Brier score by model": "\n".join(
            [_board_html(evaluation, _PROBABILITY, "log_loss", k), note(_PROBABILITY_NOTE)]
        ),
        "Paired comparisons of likes": _comparisons_html(comparisons),
        "Calibration, and what the trees look at": f"{figures(_drawings(tables))}\n{note(_IMPORTANCE_NOTE)}",
        "What validation rows chose, and why": _choices_html(tables),
        "Clusters of users": f"{html_table(_clusters_table(tables), formats=_CLUSTER_FORMATS)}\n{note(_CLUSTERS_NOTE)}",
    }
    if "like_cross_validation" in tables:
        boards = _splits_tables(evaluation, tables["like_cross_validation"])
        parts["AUC on other splits"] = "\n".join(
            [*(html_table(table, formats={}) for table in boards), note(_SPLITS_NOTE)]
        )
    if "like_claims" in tables:
        parts["Published claims"] = _claims_html(tables["like_claims"])
    return parts


def _board(evaluation: pd.DataFrame, metrics: Iterable[str], sorted_by: str, k: int) -> pd.DataFrame:
    """Each model's figures with their intervals, the best first; equal ones by name."""
    first = evaluation[evaluation["metric"] == sorted_by].sort_values(
        ["value", "model"], ascending=[sorted_by in LOWER_IS_BETTER, True]
    )
    table = pd.DataFrame({"Model": first["model"].map(label)}).reset_index(drop=True)
    for metric in metrics:
        own = evaluation[evaluation["metric"] == metric].set_index("model").reindex(first["model"])
        name = metric_label(metric, k if metric == _NDCG else 0)
        table[name] = own["value"].to_numpy(dtype=float)
        if metric != _NDCG:
            table[f"{name}, {_INTERVAL}"] = interval_texts(own, ".3f")
    return table


def _board_html(evaluation: pd.DataFrame, metrics: Iterable[str], sorted_by: str, k: int) -> str:
    table = _board(evaluation, metrics, sorted_by, k)
    rows = evaluation[evaluation["metric"] == sorted_by].sort_values(
        ["value", "model"], ascending=[sorted_by in LOWER_IS_BETTER, True]
    )
    place = table.columns.get_loc(f"{metric_name(sorted_by)}, {_INTERVAL}")
    table.insert(int(str(place)), "", whiskers(rows, "value", math.nan))
    return html_table(table, formats=_figure_formats(table))


def _figure_formats(table: pd.DataFrame) -> dict[str, str]:
    return dict.fromkeys(table.select_dtypes("float").columns, ".4f")


def _pairs(comparisons: pd.DataFrame, metric: str) -> pd.DataFrame:
    rows = comparisons[comparisons["metric"] == metric]
    better_first = [metric in LOWER_IS_BETTER, True, True]
    return rows.sort_values(["difference", "model", "baseline"], ascending=better_first, ignore_index=True)


def _comparisons_html(comparisons: pd.DataFrame) -> str:
    tables = []
    for metric in ("auc_per_user", "log_loss"):
        rows = _pairs(comparisons, metric)
        table = _pairs_table(rows, metric)
        table.insert(3, "", whiskers(rows, "difference", 0.0))
        table["Verdict"] = table["Verdict"].map(verdict_pill)
        tables.append(html_table(table, formats=_pair_formats(metric)))
    remark = f"Figure of the model − figure of the other, over the same users. {NOTHING_SHOWN_NOTE}"
    return "\n".join([*tables, note(f"{remark} {_constant_text(comparisons)}".strip())])


def _pairs_table(rows: pd.DataFrame, metric: str) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "Model": rows["model"].map(label),
            "Against": rows["baseline"].map(label),
            metric_name(metric): rows["difference"].astype(float),
            _INTERVAL: interval_texts(rows, "+.4f"),
            "Verdict": pd.Series(verdicts(rows, lower_is_better=metric in LOWER_IS_BETTER), dtype=object),
            "Users": rows["n_users"],
        }
    )


def _pair_formats(metric: str) -> dict[str, str]:
    return {metric_name(metric): "+.4f", "Users": ",d"}


def _constant_text(comparisons: pd.DataFrame) -> str:
    """Say whether the constant boost changes the order of anyone's movies."""
    rows = comparisons[(comparisons["model"] == _CONSTANT) & (comparisons["baseline"] == _SERVED)]
    ranks = rows.loc[rows["metric"].isin(["auc_per_user", _NDCG]), ["difference", "ci_low", "ci_high"]].abs()
    if ranks["difference"].dropna().empty:
        return ""
    if ranks.eq(0).all(axis=None):  # the interval too: no resample of the users has a difference
        return "The constant boost changes no user's ranking: its AUC per user and NDCG are those of the ensemble."
    largest = format_cell(ranks.max(axis=None), ".2g")
    return (
        f"The constant boost moves AUC per user or NDCG by up to {largest}, ends of intervals included; it can do so "
        "through ties alone."
    )


def _drawings(tables: Mapping[str, pd.DataFrame]) -> list[str]:
    predictions, importance = tables["holdout_like_predictions"], tables["like_importance"]
    curves = liking_plots.roc_table(predictions, liking_plots.CURVES)
    return [
        liking_plots.reliability_diagram.svg(_reliability(tables)),
        *([liking_plots.roc_curves.svg(curves)] if len(curves) else []),
        liking_plots.feature_importance.svg(importance["feature"], importance["gain"]),
        liking_plots.contributions.svg(
            importance["feature"], importance["mean_contribution"], unit="log-odds"
        ),
    ]


def _reliability(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    settings = tables["like_settings"]
    regressors = settings.loc[(settings["objective"] == "stars") & settings["chosen"].astype(bool), "model"]
    return liking_plots.reliability_bins(
        tables["holdout_like_predictions"], [_SERVED, "bias", *regressors.astype(str)]
    )


def _choices_html(tables: Mapping[str, pd.DataFrame]) -> str:
    settings, blend = tables["like_settings"], tables["like_blend"]
    drawings = [liking_plots.validation_losses.svg(settings)]
    drawings += [liking_plots.blend_losses.svg(blend, parameter=parameter) for parameter in _PARAMETERS]
    table = _settings_table(settings)
    return "\n".join(
        [
            *(paragraph(text) for text in _reasons(settings, blend)),
            html_table(table, formats=_SETTINGS_FORMATS),
            note(_CHOSEN_NOTE),
            figures(drawings),
        ]
    )


_SETTINGS_FORMATS: Final = {"Trees": ",d", metric_name("log_loss"): ".5f", metric_name("auc"): ".4f"}


def _settings_table(settings: pd.DataFrame) -> pd.DataFrame:
    rows = settings.sort_values(["objective", "log_loss", "model"], ignore_index=True)
    return pd.DataFrame(
        {
            "Model": rows["model"].map(label),
            "Learns": rows["objective"],
            "Time features": rows["with_time"].map({True: "yes", False: "no"}),
            "Trees": rows["n_trees"],
            metric_name("log_loss"): rows["log_loss"],
            metric_name("auc"): rows["auc"],
            "Chosen": rows["chosen"].map({True: "yes", False: ""}),
        }
    )


def _reasons(settings: pd.DataFrame, blend: pd.DataFrame) -> list[str]:
    """Say what was chosen and by which figures, a sentence or two each."""
    trees = [_reason_of_trees(settings, objective) for objective in _OBJECTIVES]
    return [f"{' '.join(filter(None, trees))} {_reason_of_weight(blend)}".strip(), _reason_of_boost(blend)]


def _reason_of_trees(settings: pd.DataFrame, objective: str) -> str:
    own = settings[settings["objective"] == objective].sort_values(["log_loss", "model"])
    chosen, others = own[own["chosen"].astype(bool)], own[~own["chosen"].astype(bool)]
    if chosen.empty:
        return ""
    best = chosen.iloc[0]
    against = " and ".join(
        f"{loss:.5f} {phrase(str(model))}"
        for model, loss in zip(others["model"], others["log_loss"], strict=True)
    )
    kind, loss = f"{_OBJECTIVES[objective]}s", f"{best['log_loss']:.5f}"
    text = f"{label(str(best['model']))} has the least log loss of the {kind}, {loss}"
    return f"{text} (against {against})." if against else f"{text}."


def _reason_of_weight(blend: pd.DataFrame) -> str:
    rows = blend[blend["parameter"] == "classifier_weight"].sort_values("value")
    best = rows[rows["chosen"].astype(bool)].iloc[0]
    loss = dict(zip(rows["value"].round(9), rows["log_loss"], strict=True))
    alone = " and ".join(
        f"{loss[weight]:.5f} {name}"
        for weight, name in ((1.0, "of the classifier alone"), (0.0, "of the regressor alone"))
        if weight in loss
    )
    text = f"In the ensemble the classifier's weight is {best['value']:g}: log loss {best['log_loss']:.5f}"
    return f"{text}, against {alone}." if alone else f"{text}."


def _reason_of_boost(blend: pd.DataFrame) -> str:
    rows = blend[blend["parameter"] == "boost_strength"].sort_values(["clusters", "value"])
    best = rows[rows["chosen"].astype(bool)].iloc[0]
    without = rows.loc[rows["value"] == 0, "log_loss"]
    if best["value"] == 0:
        return f"No boost by cluster: strength 0 has the least log loss, {best['log_loss']:.5f}."
    compared = f", against {without.iloc[0]:.5f} without a boost" if len(without) else ""
    kind, loss = phrase(str(best["clusters"])), f"log loss {best['log_loss']:.5f}{compared}"
    return f"The cluster hybrid boosts by {kind} clusters with strength {best['value']:g}: {loss}."


_CLUSTER_FORMATS: Final = {"Clusters": "d", "Silhouette": ".3f", "Stability": ".3f", "In none": ",d"}


def _clusters_table(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    evidence, users = tables["cluster_evidence"], tables["user_clusters"]
    rows = evidence[evidence["chosen"].astype(bool)].sort_values("kind", ignore_index=True)
    sizes = users.groupby(["kind", "cluster"]).size()
    in_clusters = sizes[sizes.index.get_level_values("cluster") >= 0]
    return pd.DataFrame(
        {
            "Grouped by": rows["kind"].map(label),
            "Clusters": rows["k"],
            "Silhouette": rows["silhouette"],
            "Stability": rows["stability"],
            "Users in each": [
                ", ".join(f"{n:,d}" for n in in_clusters[in_clusters.index.get_level_values("kind") == kind])
                for kind in rows["kind"]
            ],
            "In none": [int(sizes.get((kind, -1), 0)) for kind in rows["kind"]],
        }
    )


def _splits_tables(evaluation: pd.DataFrame, cross_validation: pd.DataFrame) -> list[pd.DataFrame]:
    """AUC, pooled and per user, of each model on each split, side by side; the best on test rows first."""
    rows = pd.concat([evaluation, cross_validation[cross_validation["segment"] == "all"]])
    cells = {
        (model, split, metric): tuple(numbers)
        for model, split, metric, *numbers in rows[
            ["model", "split", "metric", "value", "ci_low", "ci_high"]
        ].itertuples(index=False, name=None)
    }
    splits = order_of(rows["split"], _SPLITS)
    return [_splits_table(cells, metric, splits) for metric in ("auc", "auc_per_user")]


def _splits_table(
    cells: Mapping[tuple[str, str, str], tuple[float, ...]], metric: str, splits: list[str]
) -> pd.DataFrame:
    models = {model for model, _, of_metric in cells if of_metric == metric}
    ordered = sorted(models, key=lambda model: (-cells.get((model, _SPLIT, metric), (-math.inf,))[0], model))
    columns = {
        f"{metric_name(metric)}, {phrase(split)}": [
            _split_text(cells.get((model, split, metric)), cells.get((model, split, f"{metric}_std")))
            for model in ordered
        ]
        for split in splits
    }
    return pd.DataFrame({"Model": [label(model) for model in ordered]} | columns)


def _split_text(figure: tuple[float, ...] | None, deviation: tuple[float, ...] | None) -> str:
    if figure is None:
        return "–"
    value, low, high = figure
    if deviation is not None and not math.isnan(deviation[0]):
        return f"{format_cell(value, '.4f')} ± {deviation[0]:.4f}"
    known = not (math.isnan(low) or math.isnan(high))
    return format_cell(value, ".4f") + (f" ({interval_text(low, high, '.3f')})" if known else "")


def _claims_html(claims: pd.DataFrame) -> str:
    table = _claims_table(claims)
    for column in ("Claim", "Measured", "Why"):
        table[column] = table[column].map(wide)
    table["Verdict"] = claims["verdict"].map(lambda word: pill(word, _TONES.get(word, "open"))).to_numpy()
    return html_table(table, formats={})


def _claims_table(claims: pd.DataFrame) -> pd.DataFrame:
    names = {name: label(name) for name in ("claim", "claimed", "measured", "verdict", "why")}
    return claims[list(names)].rename(columns=names)


def _markdown(tables: Mapping[str, pd.DataFrame], description: str, k: int) -> str:
    evaluation = tables["like_evaluation"]
    board = _board(evaluation, (*_RANKING[:2], *_PROBABILITY), "auc_per_user", k)
    pairs = _pairs_table(_pairs(tables["like_comparisons"], "auc_per_user"), "auc_per_user")
    images = {
        "AUC per user by model": plots.leaderboard(evaluation, metric="auc_per_user", k=0),
        "Calibration of likes": liking_plots.reliability_diagram(_reliability(tables)),
    }
    clusters = _clusters_table(tables)
    parts = [
        f"### {_TITLE}",
        escape_markdown(description),
        markdown_table(board, formats=_figure_formats(board)),
        " ".join(plots.markdown_image(png, title) for title, png in images.items()),
        markdown_table(pairs, formats=_pair_formats("auc_per_user")),
        escape_markdown(_constant_text(tables["like_comparisons"])),
        *(escape_markdown(text) for text in _reasons(tables["like_settings"], tables["like_blend"])),
        markdown_table(clusters, formats=_CLUSTER_FORMATS),
    ]
    if "like_cross_validation" in tables:
        boards = _splits_tables(evaluation, tables["like_cross_validation"])
        parts += [markdown_table(table, formats={}) for table in boards]
    if "like_claims" in tables:
        parts.append(markdown_table(_claims_table(tables["like_claims"]), formats={}))
    return "\n\n".join(filter(None, parts))


def _sql() -> str:
    metrics = ", ".join(f"'{metric}'" for metric in (*_RANKING, *_PROBABILITY))
    return "\n".join(
        [
            "select model, split, segment, metric, k, value, ci_low, ci_high, n_users from evaluation",
            f"where metric in ({metrics}) order by split, metric, segment, value;",
            "",
            "select model, baseline, metric, difference, ci_low, ci_high, n_users from comparisons",
            f"where split = '{_SPLIT}' and segment = 'all' and metric in ('auc_per_user', 'log_loss')",
            "order by metric, difference;",
            "",
            "from like_settings order by objective, log_loss;",
            "from like_blend order by parameter, clusters, value;",
            "from like_importance order by mean_contribution desc;",
            "from cluster_evidence where chosen;",
        ]
    )
