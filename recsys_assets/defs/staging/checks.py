"""Gates of the staged tables: their contracts. How much was refused is a gate of the evaluation."""

import dagster as dg

from recsys_assets.defs.contract_checks import contract_check

TABLES = ("movies", "ratings", "tags", "links", "genome_tags", "genome_scores")

contracts = [contract_check(dg.AssetKey(table), dg.AssetKey(f"rejected_{table}")) for table in TABLES]
