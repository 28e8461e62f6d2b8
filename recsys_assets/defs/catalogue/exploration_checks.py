"""Gates of the catalogue's exploration: the contracts of its tables."""

import dagster as dg

from recsys_assets.contracts.catalogue_exploration import TABLES
from recsys_assets.defs.contract_checks import contract_check

contracts = [contract_check(*(dg.AssetKey(table.name) for table in TABLES))]
