"""The three fits: the same code learns from three sets of rows.

``tuning`` learns from training rows, so that validation rows can choose settings and weights. ``trial`` learns from
training and validation rows with the chosen settings, and is judged on test rows. ``live`` learns from all rows, with
the same settings, and is published. An asset of a fit carries its name as key prefix: ``trial/als_factors``.
"""

from __future__ import annotations

from dataclasses import dataclass

import dagster as dg

__all__ = ["FITS", "LIVE", "SERVED_FITS", "TRIAL", "TUNING", "Fit"]


@dataclass(frozen=True)
class Fit:
    """A set of rows to learn from: the union of the tables that ``learns_from`` names."""

    name: str
    learns_from: tuple[str, ...]

    @property
    def ratings_sql(self) -> str:
        return " union all ".join(f"from {table}" for table in self.learns_from)

    def key(self, asset: str) -> dg.AssetKey:
        return dg.AssetKey([self.name, asset])


TUNING = Fit("tuning", ("train_ratings",))
TRIAL = Fit("trial", ("train_ratings", "validation_ratings"))
LIVE = Fit("live", ("ratings",))

FITS = (TUNING, TRIAL, LIVE)
SERVED_FITS = (TRIAL, LIVE)
"""The fits whose lists somebody reads: the evaluation, or users."""
