"""The embedded ``sample`` data set: an invented world of movies, users and ratings, drawn from one seed."""

from __future__ import annotations

from recsys_assets.sample.writing import write_sample

SAMPLE_SEED = 1996

__all__ = ["SAMPLE_SEED", "write_sample"]
