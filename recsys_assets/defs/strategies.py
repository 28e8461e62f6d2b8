"""The strategies: whoever has top-N lists here is judged and published."""

from __future__ import annotations

STRATEGIES = (
    "popularity",
    "recent_popularity",
    "als",
    "content",
    "hybrid",
    "like_ensemble",
    "cluster_hybrid",
)
SIMILARITY_METHODS = ("als", "svdpp", "content", "genome", "content_global", "content_cluster")
COMPARED = (
    ("recent_popularity", "popularity"),
    ("als", "popularity"),
    ("content", "popularity"),
    ("hybrid", "popularity"),
    ("hybrid", "als"),
    ("hybrid", "content"),
    ("like_ensemble", "popularity"),
    ("cluster_hybrid", "like_ensemble"),
)
"""Pairs (model, baseline) whose difference is measured over the same users."""
