"""Gates of the collaborative models and their lists."""

import dagster as dg

from recsys_assets.defs.contract_checks import contract_check
from recsys_assets.defs.fits import FITS, LIVE, SERVED_FITS
from recsys_assets.defs.model_checks import ids_aligned, nothing_seen

LISTS = ("popularity_recommendations", "recent_popularity_recommendations", "als_recommendations")

contracts = [
    contract_check(dg.AssetKey("als_settings")),
    contract_check(LIVE.key("als_similar_movies")),
    *(contract_check(fit.key(name)) for fit in SERVED_FITS for name in LISTS),
]
alignment = [ids_aligned(fit, "als_factors") for fit in FITS]
seen = [nothing_seen(fit, name) for fit in SERVED_FITS for name in LISTS]
