"""The published claims: what each says, where its figure is found here, and when it counts as reproduced.

A claim of an exact figure is about the data set that its authors used: on another one the figure is measured all the
same, but the verdict is *not meaningful*. Claims of a bound or a direction hold of any data set. What is claimed stands
here; what is measured comes from tables, always.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import pandas as pd

__all__ = ["CLAIMS", "NOT_MEANINGFUL", "NOT_MEASURED", "NOT_REPRODUCED", "REPRODUCED", "Claim", "ledger"]

REPRODUCED, NOT_REPRODUCED, NOT_MEANINGFUL = "reproduced", "not reproduced", "not meaningful"
NOT_MEASURED = "not measured yet"
A, B = "A: likes with clusters of users", "B: ALS and tag genome"
C, D = "C: content engine", "D: predicted stars"
FULL: Final = "recsys run --dataset {dataset} --full"
FOLDS: Final = "split like '%\\_5fold' escape '\\' and segment = 'all'"
COVERAGE_CLAIMED: Final = 0.30
SPARSITY_CLAIMED: Final = 0.937
SVD_CLAIMED: Final = 0.93
BAND_CLAIMED: Final = (0.93, 0.98)

Rows = pd.DataFrame


class Finding(NamedTuple):
    """What was measured, and what it says of the claim."""

    measured: str
    verdict: str
    note: str


@dataclass(frozen=True)
class Claim:
    """One published claim.

    Attributes
    ----------
    evidence : a query on the published file: the rows that the figure is made of
    judge : turns the rows of ``source`` into a finding
    source : the query that is judged, if not the evidence: the verdict of those who measured it
    needs : the table that is there once it was measured
    how : what to run to have it measured
    n_rows : rows that the judgement needs
    of : the only data set that an exact figure is about
    """

    claim_id: str
    system: str
    statement: str
    claimed: str
    evidence: str
    judge: Callable[[Rows], Finding]
    how: str
    needs: str = "evaluation"
    source: str = ""
    n_rows: int = 1
    of: str = ""

    def find(self, rows: Rows, dataset: str) -> Finding | None:
        """The finding on a data set; None where rows or their figures are missing."""
        if len(rows) < self.n_rows or rows.isna().any(axis=None):
            return None
        found = self.judge(rows)
        if self.of and self.of != dataset:
            note = (
                f"The figure is one of {self.of}; that of {dataset} can't be compared with it. {found.note}"
            )
            return Finding(found.measured, NOT_MEANINGFUL, note.strip())
        return found


def ledger(
    claims: Collection[Claim], tables: Collection[str], ask: Callable[[str], Rows], *, dataset: str
) -> Iterator[dict[str, str | None]]:
    """Yield the rows of the table ``claims``.

    Parameters
    ----------
    tables : those that were made of this data set
    ask : answers a query on them
    """
    for claim in claims:
        rows = ask(claim.source or claim.evidence) if claim.needs in tables else pd.DataFrame()
        how = f"To be measured by: {claim.how.format(dataset=claim.of or dataset)}"
        found = claim.find(rows, dataset)
        yield {
            "claim_id": claim.claim_id,
            "system": claim.system,
            "statement": claim.statement,
            "claimed": claim.claimed,
            "measured": found.measured if found else None,
            "verdict": found.verdict if found else NOT_MEASURED,
            "note": found.note if found else how,
            "evidence": claim.evidence,
        }


def _verdict(holds: bool) -> str:
    return REPRODUCED if holds else NOT_REPRODUCED


def _as_judged(rows: Rows) -> Finding:
    """The finding of the asset that measured it."""
    row = rows.iloc[0]
    return Finding(str(row["measured"]), str(row["verdict"]), str(row["why"]))


def _judged_in(table: str, words: str) -> str:
    return f"select measured, verdict, why from {table} where claim like '%{words}%'"


def _relevance(rows: Rows) -> Finding:
    [row] = rows.to_dict("records")
    low, high = _signed(row["ci_low"]), _signed(row["ci_high"])
    return Finding(
        f"NDCG@10 {_signed(row['difference'])} against ALS (95 % interval {low} to {high}, {row['n_users']:,} users)",
        _verdict(row["ci_low"] > 0),
        "Paired over the same users. Content earns its place on movies that nobody has rated.",
    )


def _diversity(rows: Rows) -> Finding:
    by_model = _by_model(rows)
    hybrid, als = by_model["hybrid"], by_model["als"]
    texts = (f"{one['value']:.4f} ({one['ci_low']:.4f} to {one['ci_high']:.4f})" for one in (hybrid, als))
    return Finding(
        "diversity@10 of the hybrid {}, of ALS {}".format(*texts),
        _verdict(hybrid["ci_low"] > als["ci_high"]),
        "Diversity is the mean distance of a list's movies by content. Reproduced if the intervals over users don't "
        "meet.",
    )


def _sparsity(rows: Rows) -> Finding:
    sparsity = float(rows["value"].iloc[0])
    return Finding(
        f"{sparsity:.1%}",
        _verdict(round(sparsity, 3) == SPARSITY_CLAIMED),
        "Share of pairs of a user and a rated movie without a rating.",
    )


def _svd(rows: Rows) -> Finding:
    found = rows.set_index("metric")["value"]
    return Finding(
        f"{found['rmse']:.4f} ± {found['rmse_std']:.4f} over five folds",
        _verdict(abs(found["rmse"] - SVD_CLAIMED) <= 2 * found["rmse_std"]),
        "With the published settings; reproduced if within two standard deviations over folds.",
    )


def _band(rows: Rows) -> Finding:
    errors = {model: float(row["value"]) for model, row in _by_model(rows).items()}
    low, high = BAND_CLAIMED
    outside = [model for model, rmse in errors.items() if not low <= round(rmse, 2) <= high]
    return Finding(
        "; ".join(f"{model} {rmse:.4f}" for model, rmse in errors.items()),
        _verdict(not outside),
        f"As published, without biases in the neighbours. Outside the band: {', '.join(outside) or 'none'}.",
    )


def _coverage(rows: Rows) -> Finding:
    shares = {model: float(row["value"]) for model, row in _by_model(rows).items()}
    return Finding(
        "; ".join(f"{model} {share:.1%}" for model, share in shares.items()),
        _verdict(min(shares.values()) > COVERAGE_CLAIMED),
        "Share of all movies that stand in somebody's top ten by predicted stars; more is no merit by itself, lists "
        "at random cover everything.",
    )


def _by_model(rows: Rows) -> dict[str, Mapping[Any, Any]]:
    return {str(row["model"]): row for row in rows.to_dict("records")}


def _signed(value: float) -> str:
    return f"{value:+.4f}".replace("-", "−")


_TOP_PICKS: Final = "from holdout_recommendations where strategy = 'cluster_hybrid' and rank <= 10"
_CATALOGUE: Final = (
    "recsys run on TMDB 5000, or on a data set that is joined with it; this one has no such catalogue"
)

CLAIMS: Final = (
    Claim(
        "A2",
        A,
        "ROC AUC of the like classifier over five random folds",
        "0.7908 ± 0.0043",
        f"select model, split, metric, value from evaluation where {FOLDS} and metric in ('auc', 'auc_std') "
        "and model like '%classifier%'",
        _as_judged,
        FULL,
        needs="like_claims",
        source=_judged_in("like_claims", "AUC"),
        of="ml-latest-small",
    ),
    Claim(
        "A11.1",
        A,
        "Boost of like probabilities by similarity of clusters",
        "≈ 38 %",
        "select avg(abs(b.probability / e.probability - 1)) as moved_by from holdout_like_predictions as b "
        "join holdout_like_predictions as e using (user_id, movie_id) "
        "where b.model = 'cluster_hybrid' and e.model = 'ensemble'",
        _as_judged,
        FULL,
        needs="like_claims",
        source=_judged_in("like_claims", "boost"),
    ),
    Claim(
        "A11.2",
        A,
        "Like probability of top picks",
        "> 90 %",
        f"select avg((score > 0.9)::int) as above, avg(score) as mean {_TOP_PICKS} having count(*) > 0",
        _as_judged,
        FULL,
        needs="like_claims",
        source=_judged_in("like_claims", "above 90"),
    ),
    Claim(
        "A11.3",
        A,
        "Share of top picks that are liked",
        "65–75 %",
        "select avg((rating >= 4)::int) as liked, count(*) as n from holdout_recommendations "
        "join holdout using (user_id, movie_id) where part = 'test' and strategy = 'cluster_hybrid' and rank <= 10 "
        "having count(*) > 0",
        _as_judged,
        FULL,
        needs="like_claims",
        source=_judged_in("like_claims", "are liked"),
    ),
    Claim(
        "B10.1",
        B,
        "Relevance of the hybrid of ALS and content, against ALS",
        "improves",
        "select difference, ci_low, ci_high, n_users from comparisons where model = 'hybrid' and baseline = 'als' "
        "and split = 'test' and segment = 'all' and metric = 'ndcg' and k = 10",
        _relevance,
        "recsys run --dataset {dataset}",
        needs="comparisons",
    ),
    Claim(
        "B10.2",
        B,
        "Diversity of the hybrid of ALS and content, against ALS",
        "improves",
        "select model, value, ci_low, ci_high from evaluation where model in ('hybrid', 'als') and split = 'test' "
        "and segment = 'all' and metric = 'diversity' and k = 10",
        _diversity,
        "recsys run --dataset {dataset}",
        n_rows=2,
    ),
    *(
        Claim(
            claim_id,
            C,
            statement,
            claimed,
            f"from catalogue_claims where claim like '%{words}%'",
            _as_judged,
            _CATALOGUE,
            needs="catalogue_claims",
            source=_judged_in("catalogue_claims", words),
        )
        for claim_id, statement, claimed, words in (
            ("C7.1", "Shape of the feature matrix", "(4803, 224)", "feature matrix"),
            ("C7.2", "Variance that the SVD explains", "25.58 %", "variance"),
            ("C7.3", "Silhouette of the clusters", "0.0838", "silhouette"),
            ("C7.4", "Similarity of recommended movies", "> 90 %", "similarity"),
        )
    ),
    Claim(
        "D1",
        D,
        "Sparsity of the ratings",
        f"{SPARSITY_CLAIMED:.1%}",
        "select value from dataset_statistics where statistic = 'sparsity'",
        _sparsity,
        "recsys run --dataset {dataset}",
        needs="dataset_statistics",
        of="ml-100k",
    ),
    Claim(
        "D4.1",
        D,
        "RMSE of SVD (100 factors, 20 epochs)",
        f"≈ {SVD_CLAIMED}",
        f"select split, metric, value from evaluation where model = 'svd' and {FOLDS} "
        "and metric in ('rmse', 'rmse_std')",
        _svd,
        FULL,
        n_rows=2,
        of="ml-100k",
    ),
    Claim(
        "D4.2",
        D,
        "RMSE of user-based and item-based neighbours (cosine, 40) and of SVD",
        f"{BAND_CLAIMED[0]}–{BAND_CLAIMED[1]}",
        f"select model, value from evaluation where model in ('svd', 'user_knn', 'item_knn') and {FOLDS} "
        "and metric = 'rmse' order by value",
        _band,
        FULL,
        n_rows=3,
        of="ml-100k",
    ),
    Claim(
        "D6",
        D,
        "Share of the movies that lists cover, called diverse",
        f"> {COVERAGE_CLAIMED:.0%}",
        "select model, value from evaluation where model in ('svd', 'hybrid_published') and split = 'test' "
        "and segment = 'all_items' and metric = 'coverage' and k = 10 order by model",
        _coverage,
        "recsys run --dataset {dataset}",
        n_rows=2,
    ),
)
