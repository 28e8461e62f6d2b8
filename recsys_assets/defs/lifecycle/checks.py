"""Gates of the content engine's champion. They warn: the run goes on with the champion that there is."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
import pandas as pd

from recsys_assets.defs.contract_checks import contract_check
from recsys_assets.defs.evaluation.gates import PROMOTION
from recsys_assets.defs.fits import LIVE
from recsys_assets.defs.lifecycle.promotion import FIGURE_OF, in_words, verdicts, who_serves
from recsys_assets.defs.resources import Project, partition_of
from recsys_assets.partitions import DATASETS

contracts = [
    contract_check(dg.AssetKey("model_versions")),
    contract_check(LIVE.key("content_global_similar_movies")),
    contract_check(LIVE.key("content_cluster_similar_movies")),
]


@dg.multi_asset_check(
    name="promotion_gates",
    specs=[
        dg.AssetCheckSpec(name, asset="model_versions", description=meaning, partitions_def=DATASETS)
        for name, meaning in PROMOTION.items()
    ],
)
def promotion_gates(
    context: dg.AssetCheckExecutionContext, project: Project
) -> Iterator[dg.AssetCheckResult]:
    """Each threshold that this run's version must reach to serve; what falls short leaves the champion where it is."""
    rows = project.warehouse.frame(partition_of(context), "from model_versions")
    candidate = rows[rows["candidate"]].astype(object)
    champion = rows.loc[rows["alias"].notna(), "version"]
    judged = {row["gate"]: row for row in _judged(candidate)}
    serving = who_serves(int(champion.iloc[0]) if len(champion) else None)
    for name in PROMOTION:
        if name not in judged:
            why = f"{name} is off for this data set" if len(candidate) else "no catalogue: nothing to judge"
            yield dg.AssetCheckResult(
                asset_key="model_versions", check_name=name, passed=True, description=why
            )
            continue
        row = judged[name]
        yield dg.AssetCheckResult(
            asset_key="model_versions",
            check_name=name,
            passed=bool(row["passed"]),
            severity=dg.AssetCheckSeverity.WARN,
            description=in_words(row) if row["passed"] else f"{in_words(row)}; {serving}",
            metadata={key: float(row[key]) for key in ("measured", "threshold", "distance")},
        )


def _judged(candidate: pd.DataFrame) -> list[dict[str, Any]]:
    if not len(candidate):
        return []
    row = candidate.where(candidate.notna(), None).iloc[0]
    thresholds = {
        gate: float(row[column]) for gate, (_, column) in FIGURE_OF.items() if row[column] is not None
    }
    return verdicts({name: row[name] for name, _ in FIGURE_OF.values()}, thresholds)
