"""Gates of the content models and their lists."""

from recsys_assets.defs.contract_checks import contract_check
from recsys_assets.defs.fits import FITS, LIVE, SERVED_FITS
from recsys_assets.defs.model_checks import ids_aligned, nothing_seen

contracts = [
    contract_check(LIVE.key("content_similar_movies")),
    contract_check(LIVE.key("genome_similar_movies")),
    *(contract_check(fit.key("content_recommendations")) for fit in SERVED_FITS),
]
alignment = [ids_aligned(fit, "content_profiles") for fit in FITS]
seen = [nothing_seen(fit, "content_recommendations") for fit in SERVED_FITS]
