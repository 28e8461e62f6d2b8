"""Gates of the catalogue's tables: their contracts."""

import dagster as dg

from recsys_assets.contracts.catalogue import TABLES
from recsys_assets.defs.contract_checks import contract_check

contracts = [contract_check(*(dg.AssetKey(table.name) for table in TABLES))]
