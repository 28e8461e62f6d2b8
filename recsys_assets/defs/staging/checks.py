"""Gates of the staged tables: their contracts, and how much was refused."""

import dagster as dg

from recsys_assets.defs.contract_checks import contract_check

TABLES = ("movies", "ratings", "tags", "links", "genome_tags", "genome_scores")

contracts = [contract_check(dg.AssetKey(name)) for table in TABLES for name in (table, f"rejected_{table}")]
