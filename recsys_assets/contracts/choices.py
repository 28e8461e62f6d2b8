"""What validation rows chose: candidates and the one taken."""

from __future__ import annotations

from recsys_assets.contracts.schema import Column, Table

__all__ = ["TABLES"]

_HYBRID_WEIGHTS = Table(
    "hybrid_weights",
    "Candidate weights of the hybrid and their worth on validation rows; one is chosen.",
    (
        Column("alpha", "DOUBLE", "weight of the collaborative score", minimum=0.0, maximum=1.0),
        Column("beta", "DOUBLE", "weight of the content score", minimum=0.0, maximum=1.0),
        Column("ndcg", "DOUBLE", "mean NDCG@k on validation rows"),
        Column("chosen", "BOOLEAN", "used from here on"),
    ),
    key=("alpha",),
)
_ALS_SETTINGS = Table(
    "als_settings",
    "Candidate settings of ALS and their worth on validation rows; one is chosen.",
    (
        Column("regularization", "DOUBLE", "λ of Hu, Koren & Volinsky (2008), eq. 3", minimum=0.0),
        Column("alpha", "DOUBLE", "confidence of a like", minimum=0.0),
        Column("ndcg", "DOUBLE", "mean NDCG@k on validation rows"),
        Column("chosen", "BOOLEAN", "used from here on"),
    ),
    key=("regularization", "alpha"),
)

TABLES = (_HYBRID_WEIGHTS, _ALS_SETTINGS)
