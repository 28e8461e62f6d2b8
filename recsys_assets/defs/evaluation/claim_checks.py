"""Gates of the ledger of claims: its contract, and that every figure can be traced to rows."""

import dagster as dg

from recsys_assets.defs.contract_checks import contract_check
from recsys_assets.defs.evaluation.ledger import CLAIMS, NOT_MEASURED
from recsys_assets.defs.resources import Project, partition_of
from recsys_assets.partitions import DATASETS

contracts = [contract_check(dg.AssetKey("claims"))]


@dg.asset_check(asset="claims", blocking=True, partitions_def=DATASETS)
def every_claim_is_judged_by_rows(
    context: dg.AssetCheckExecutionContext, project: Project
) -> dg.AssetCheckResult:
    """Each claim has a row; a verdict goes with a figure, and the evidence of a figure is a query that finds rows."""
    dataset = partition_of(context)
    table = project.warehouse.frame(dataset, "from claims")
    missing = {claim.claim_id for claim in CLAIMS} ^ set(table["claim_id"])
    measured = table[table["verdict"] != NOT_MEASURED]
    faults = [f"{claim_id} is missing or unknown" for claim_id in sorted(missing)]
    faults += [
        f"{row.claim_id} has a verdict without a figure"
        for row in measured[measured["measured"].isna()].itertuples()
    ]
    faults += [
        f"the evidence of {row['claim_id']} finds nothing"
        for row in measured.to_dict("records")
        if project.warehouse.frame(dataset, row["evidence"]).empty
    ]
    return dg.AssetCheckResult(
        passed=not faults,
        description="; ".join(faults) or None,
        metadata={"claims": len(table), "measured": len(measured)},
    )
