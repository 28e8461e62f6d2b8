"""What came of experiments on users of the server."""

from __future__ import annotations

from recsys_assets.contracts.schema import Column, Table

__all__ = ["TABLES"]

_EXPERIMENTS = Table(
    "experiments",
    "What users did whom the server dealt to the variants of an experiment, each pair of variants compared.",
    (
        Column("experiment", "VARCHAR", "name of the experiment"),
        Column("variant", "VARCHAR", "strategy, as in the table recommendations"),
        Column(
            "baseline", "VARCHAR", "the strategy that it is compared with: of each pair the first by name"
        ),
        Column(
            "metric",
            "VARCHAR",
            "engaged_share: of the users who were shown a list, those who then opened, played or liked a movie; "
            "events_per_user: what else they did than see it",
        ),
        Column("n_users", "INTEGER", "users who were shown the variant, and no other", minimum=0),
        Column("n_baseline_users", "INTEGER", "users who were shown the baseline, and no other", minimum=0),
        Column("value", "DOUBLE", "mean over users of the variant", minimum=0.0),
        Column("baseline_value", "DOUBLE", "mean over users of the baseline", minimum=0.0),
        Column("difference", "DOUBLE", "value − baseline_value"),
        Column("ci_low", "DOUBLE", "lower end of its 95 % bootstrap interval over users"),
        Column("ci_high", "DOUBLE", "upper end of its 95 % bootstrap interval over users"),
    ),
    key=("experiment", "variant", "baseline", "metric"),
    may_be_empty=True,
)

TABLES = (_EXPERIMENTS,)
