"""Gates of experiments: the contract."""

import dagster as dg

from recsys_assets.defs.contract_checks import contract_check

contracts = [contract_check(dg.AssetKey("experiments"))]
