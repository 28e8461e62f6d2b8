"""The ledger of published claims, each beside what the tables of this data set say."""

import dagster as dg
import pandas as pd

from recsys_assets.contracts import TABLES
from recsys_assets.defs.common import AUTOMATION, artifact, dataset_asset
from recsys_assets.defs.evaluation.ledger import CLAIMS, ledger
from recsys_assets.defs.resources import Project, partition_of
from recsys_assets.defs.versions import code_version
from recsys_assets.report.claims import claims_markdown

SOURCES = sorted({claim.needs for claim in CLAIMS} & TABLES.keys())


@dataset_asset(
    group_name="evaluation",
    kinds={"duckdb", "table"},
    deps=SOURCES,
    code_version=code_version(__name__),
    description=TABLES["claims"].comment,
)
def claims(context: dg.AssetExecutionContext, project: Project) -> dg.MaterializeResult[pd.DataFrame]:
    dataset = partition_of(context)
    tables = [name for name in SOURCES if project.warehouse.has(dataset, name)]
    rows = ledger(CLAIMS, tables, lambda sql: project.warehouse.frame(dataset, sql), dataset=dataset)
    table = pd.DataFrame(list(rows), columns=TABLES["claims"].column_names)
    counts = {
        str(verdict).replace(" ", "_"): int(n) for verdict, n in table["verdict"].value_counts().items()
    }
    return artifact(table, {**counts, "claims": dg.MetadataValue.md(claims_markdown(table))})


# Claims about likes are judged when someone asks for it: nothing waits for it.
claims = claims.map_asset_specs(
    lambda asset: asset.replace_attributes(
        automation_condition=AUTOMATION.ignore(dg.AssetSelection.assets("like_claims"))
    )
)
