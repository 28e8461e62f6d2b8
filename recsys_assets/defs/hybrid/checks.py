"""Gates of the hybrid, its weights and the cold-start list."""

import dagster as dg

from recsys_assets.defs.contract_checks import contract_check
from recsys_assets.defs.fits import SERVED_FITS
from recsys_assets.defs.model_checks import ids_aligned, nothing_seen

contracts = [
    contract_check(dg.AssetKey("hybrid_weights")),
    *(
        contract_check(fit.key(name))
        for fit in SERVED_FITS
        for name in ("cold_start", "hybrid_recommendations")
    ),
]
alignment = [ids_aligned(fit, "hybrid_factors") for fit in SERVED_FITS]
seen = [nothing_seen(fit, "hybrid_recommendations") for fit in SERVED_FITS]
