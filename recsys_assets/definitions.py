"""The code location."""

from __future__ import annotations

import dagster as dg

from recsys_assets.defs.whole import whole_definitions


@dg.definitions
def defs() -> dg.Definitions:
    return whole_definitions()
