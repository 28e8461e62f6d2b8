"""Gates of the content engine's champion. They warn: the run goes on with the champion that there is."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
import pandas as pd

from recsys_assets.defs.contract_checks import contract_check
from recsys_assets.defs.evaluation.gates import ENGINE
from recsys_assets.defs.fits import LIVE
from recsys_assets.defs.lifecycle.promotion import FIGURE_OF, RIVAL, in_words, verdicts, who_serves
from recsys_assets.defs.resources import Project, partition_of
from recsys_assets.partitions import DATASETS

_RIVAL_MEANING = (
    "lift over movies of the same genre beside the champion's, over the same movies and users: above it for certain, "
    "or, if only the catalogue differs, not below it by more than catalogue_lift_loss_max"
)

contracts = [
    contract_check(dg.AssetKey("model_versions")),
    contract_check(LIVE.key("content_global_similar_movies")),
    contract_check(LIVE.key("content_cluster_similar_movies")),
]


@dg.multi_asset_check(
    name="promotion_gates",
    specs=[
        dg.AssetCheckSpec(name, asset="model_versions", description=meaning, partitions_def=DATASETS)
        for name, meaning in {**ENGINE, RIVAL: _RIVAL_MEANING}.items()
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
    for name in ENGINE:
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
    yield _beside_the_champion(candidate, serving)


def _beside_the_champion(candidate: pd.DataFrame, serving: str) -> dg.AssetCheckResult:
    row = candidate.where(candidate.notna(), None).iloc[0] if len(candidate) else None
    if row is None or row["gain_min"] is None:
        return dg.AssetCheckResult(
            asset_key="model_versions",
            check_name=RIVAL,
            passed=True,
            description=f"no other version serves: {serving}",
        )
    measured = float("nan") if row["gain_low"] is None else float(row["gain_low"])
    distance = measured - row["gain_min"]
    return dg.AssetCheckResult(
        asset_key="model_versions",
        check_name=RIVAL,
        passed=distance > 0,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{row['reason']}",
        metadata={"measured": measured, "threshold": float(row["gain_min"]), "distance": distance},
    )


def _judged(candidate: pd.DataFrame) -> list[dict[str, Any]]:
    if not len(candidate):
        return []
    row = candidate.where(candidate.notna(), None).iloc[0]
    thresholds = {
        gate: float(row[column]) for gate, (_, column) in FIGURE_OF.items() if row[column] is not None
    }
    return verdicts({name: row[name] for name, _ in FIGURE_OF.values()}, thresholds)
