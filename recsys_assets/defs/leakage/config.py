"""How hard leaks are looked for."""

from __future__ import annotations

from pydantic import Field

from recsys_assets.defs.topn import LikeConfig

__all__ = ["LeakageConfig"]


class LeakageConfig(LikeConfig):
    """How often rows are shuffled, how many of them, and what chance may do."""

    n_shuffles: int = Field(3, ge=1, description="shuffles that a model learns from; their AUC is averaged")
    max_rows: int = Field(
        20_000, ge=100, description="learned rows that quick fits see: those of so many users, at random"
    )
    n_others: int = Field(5, ge=1, description="other movies that a held-out like is compared with")
    n_errors: float = Field(3.5, gt=0, description="standard errors from 0.5 that chance may take an AUC")
    tolerance: float = Field(0.02, gt=0, description="distance from 0.5 that an AUC may always have")
    recomputed_max: float = Field(
        1e-4, gt=0, description="difference of recomputed figures d / (1 + |figure|), for single precision"
    )
    seed: int = Field(0, ge=0, description="seed of users, shuffles and other movies")
