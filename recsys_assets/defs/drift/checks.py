"""What new ratings must not do without being noticed. Nothing is held back: a refresh is asked for."""

from collections.abc import Iterator

import dagster as dg

from recsys_assets.algorithms.drift import DRIFTED
from recsys_assets.defs.contract_checks import contract_check
from recsys_assets.defs.drift.assets import MEASURES, NOT_COMPARED
from recsys_assets.defs.resources import Project, partition_of
from recsys_assets.partitions import DATASETS

contracts = [contract_check(dg.AssetKey("drift"))]


@dg.multi_asset_check(
    name="no_drift",
    specs=[
        dg.AssetCheckSpec(name, asset="drift", description=description, partitions_def=DATASETS)
        for name, description in MEASURES.items()
    ],
)
def no_drift(context: dg.AssetCheckExecutionContext, project: Project) -> Iterator[dg.AssetCheckResult]:
    """Each measure of new ratings, with its threshold and what chance explains. A warning asks for a refresh."""
    rows = project.warehouse.frame(partition_of(context), "from drift")
    for row in rows.to_dict("records"):
        figures = {name: row[name] for name in ("value", "threshold", "chance_low", "chance_high")}
        yield dg.AssetCheckResult(
            asset_key="drift",
            check_name=row["measure"],
            passed=row["verdict"] not in (DRIFTED, NOT_COMPARED),
            severity=dg.AssetCheckSeverity.WARN,
            description=f"{row['verdict']}: {row['value']:.3g} of {row['n_new']}, may be {row['threshold']:.3g}; "
            f"by chance {row['chance_low']:.3g} to {row['chance_high']:.3g}",
            metadata={name: float(value) for name, value in figures.items() if value == value},
        )
