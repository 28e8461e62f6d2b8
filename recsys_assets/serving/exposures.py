"""Exposures: a mark that says which variant of an experiment a user was shown, and of which generation.

The mark is computed, not stored, so that answering a request writes nothing; it comes back with feedback, is checked,
and is only then logged.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

__all__ = ["Exposure", "exposure_of", "parse_exposure"]


@dataclass(frozen=True)
class Exposure:
    """What a mark says."""

    experiment: str
    variant: str
    model_version: str


def exposure_of(experiment: str, variant: str, model_version: str, user_id: int) -> str:
    """The mark of a user's exposure: the same for the same user, variant and generation."""
    said = f"{experiment}.{variant}.{model_version}"
    digest = hashlib.blake2b(f"{said}.{user_id}".encode(), digest_size=6).hexdigest()
    return f"{said}.{digest}"


def parse_exposure(mark: str, user_id: int) -> Exposure | None:
    """What a mark says, or None if it isn't this user's."""
    parts = mark.split(".")
    if len(parts) != 4 or exposure_of(parts[0], parts[1], parts[2], user_id) != mark:
        return None
    return Exposure(*parts[:3])
