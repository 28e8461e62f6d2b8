"""Controlled experiments on users: who gets which variant, and by how much the outcomes differ."""

from __future__ import annotations

import hashlib

__all__ = ["assigned_variant"]


def assigned_variant(user_id: int, experiment: str, n_variants: int) -> int:
    """The number of the variant that a user is dealt to: by hash, evenly, and anew for each experiment.

    The same user and experiment always give the same; of two experiments one's variant says nothing of the other's.

    Raises
    ------
    ValueError
        If there are no variants.
    """
    if n_variants < 1:
        raise ValueError(f"an experiment needs variants; got {n_variants}")
    digest = hashlib.blake2b(f"{experiment}/{user_id}".encode(), digest_size=8).digest()
    # 64 bits leave no bias to speak of: one part in 2^64 / n_variants.
    return int.from_bytes(digest, "big") % n_variants
