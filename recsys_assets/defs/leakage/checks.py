"""No leak may be found: one blocking check for each family and way of looking, from the rows of the table."""

from collections.abc import Iterator

import dagster as dg
import pandas as pd

from recsys_assets.defs.contract_checks import contract_check
from recsys_assets.defs.leakage.findings import CHECKS, KINDS
from recsys_assets.defs.resources import Project, partition_of
from recsys_assets.partitions import DATASETS
from recsys_assets.report.leakage import leakage_markdown

contracts = [contract_check(dg.AssetKey("leakage"))]


@dg.multi_asset_check(
    name="no_leakage",
    specs=[
        dg.AssetCheckSpec(
            f"{family}_{kind}",
            asset="leakage",
            description=f"{family}: {KINDS[kind]}",
            blocking=True,
            partitions_def=DATASETS,
        )
        for family, kinds in CHECKS.items()
        for kind in kinds
    ],
)
def no_leakage(context: dg.AssetCheckExecutionContext, project: Project) -> Iterator[dg.AssetCheckResult]:
    """Each family's rows of each kind, with what was measured and what it may be."""
    table = project.warehouse.frame(partition_of(context), "from leakage")
    kind_of = table["check"].str.split().str[0]
    for family, kinds in CHECKS.items():
        for kind in kinds:
            yield _result(f"{family}_{kind}", table[(table["family"] == family) & (kind_of == kind)])


def _result(name: str, rows: pd.DataFrame) -> dg.AssetCheckResult:
    failed, judged = rows[~rows["passed"]], rows.dropna(subset=["measured", "bound"])
    nearest = judged.iloc[(judged["measured"] - judged["bound"]).argsort()[-1:]]
    told = failed if len(failed) else nearest
    words = [_words(*row) for row in told[["check", "fit", "measured", "bound", "description"]].to_numpy()]
    figures = {one: float(nearest[one].iloc[0]) for one in ("measured", "bound") if len(nearest)}
    return dg.AssetCheckResult(
        asset_key="leakage",
        check_name=name,
        # Without rows nothing was looked at: that must not pass for nothing found.
        passed=bool(len(rows)) and failed.empty,
        description="; ".join(words) or f"{len(rows)} findings, nothing to judge",
        metadata={"rows": len(rows), **figures, "findings": dg.MetadataValue.md(leakage_markdown(rows))},
    )


def _words(check: str, fit: str, measured: float, bound: float, description: str) -> str:
    return f"{check} of {fit}: {measured:.3g}, may be {bound:.3g}; {description}"
