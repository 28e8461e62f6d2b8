"""Made-up versions of a content engine, for the tests of registries."""

from __future__ import annotations

from typing import Any

import numpy as np

from recsys_assets.storage.model_registry import Candidate, Decision

__all__ = ["PROMOTED", "REFUSED", "TITLES", "candidate", "engine_arrays"]

TITLES = ("The Matrix", "Amélie", "Titanic", "Titanic", "Heat", "Ran", "Unknown")

PROMOTED = Decision(True, "good", {"silhouette": 0.2, "lift": None}, {"catalogue_silhouette_min": 0.05})
REFUSED = Decision(False, "bad", {"silhouette": 0.01, "lift": 1.5}, {"catalogue_silhouette_min": 0.05})


def engine_arrays(scale: float = 1.0) -> dict[str, np.ndarray[Any, Any]]:
    """Seven movies in two clusters: 10, 11 and 12 point almost one way, 13, 14 and 15 another, 16 nowhere."""
    vectors = [(3, 0), (3, 1), (3, 2), (0, 2), (1, 2), (2, 2.5), (0, 0)]
    return {
        "tmdb_ids": np.arange(10, 17),
        "movie_ids": np.array([1, 2, -1, 4, 5, 6, 7]),
        "titles": np.array(TITLES),
        "years": np.array([1999, 2001, 1953, 1997, 1995, -1, 2000], dtype=np.int32),
        "vectors": np.array(vectors, dtype=np.float32) * np.float32(scale),
        "clusters": np.array([0, 0, 0, 1, 1, 1, 1], dtype=np.int32),
    }


def candidate(number: int = 1) -> Candidate:
    """A model of its own for each number."""
    return Candidate(
        engine_arrays(scale=number),
        data_version=f"data {number}",
        code_version="code",
        run_id=f"run {number}",
        parameters={"n_clusters": 2},
        metrics={"silhouette": 0.2},
        evidence={"figures.csv": b"name,value\nsilhouette,0.2\n"},
    )
