"""Gates of the evaluation: the thresholds, and that no list shows what its user had rated."""

from collections.abc import Iterator

import dagster as dg

from recsys_assets.defs.contract_checks import contract_check
from recsys_assets.defs.evaluation.gates import GATES
from recsys_assets.defs.fits import TRIAL
from recsys_assets.defs.resources import Project, partition_of
from recsys_assets.partitions import DATASETS

contracts = [
    contract_check(dg.AssetKey("ranking_evaluation"), dg.AssetKey("ranking_comparisons")),
    contract_check(dg.AssetKey("evaluation"), dg.AssetKey("comparisons")),
    *(contract_check(dg.AssetKey(name)) for name in ("holdout", "holdout_recommendations", "gates")),
    *(contract_check(TRIAL.key(name)) for name in ("cold_user_recommendations", "cold_item_recommendations")),
]


@dg.multi_asset_check(
    name="threshold_gates",
    specs=[
        dg.AssetCheckSpec(
            name, asset="gates", description=gate.description, blocking=True, partitions_def=DATASETS
        )
        for name, gate in GATES.items()
    ],
)
def threshold_gates(
    context: dg.AssetCheckExecutionContext, project: Project
) -> Iterator[dg.AssetCheckResult]:
    """Each threshold of data/datasets.toml, with the measured figure and how far it is from failing."""
    rows = project.warehouse.frame(partition_of(context), "from gates")
    for name in GATES.keys() - set(rows["gate"]):
        yield dg.AssetCheckResult(
            asset_key="gates", check_name=name, passed=True, description=f"{name} is off for this data set"
        )
    for row in rows.to_dict("records"):
        words = f"{row['gate']}: measured {row['measured']:.4g}, must be {row['comparison']} {row['threshold']:.4g}"
        if not row["passed"]:
            context.log.error(f"Gate failed, nothing will be published: {words}")
        yield dg.AssetCheckResult(
            asset_key="gates",
            check_name=row["gate"],
            passed=bool(row["passed"]),
            description=words,
            metadata={name: float(row[name]) for name in ("measured", "threshold", "distance")},
        )
