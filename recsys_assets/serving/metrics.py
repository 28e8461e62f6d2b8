"""What a server counts, for Prometheus. Several processes count through files that all of them read."""

from __future__ import annotations

import os

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, multiprocess

__all__ = ["Metrics"]

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)


class Metrics:
    """Counts of one server; a process has one."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "recsys_requests",
            "Requests answered, by route and status",
            ["route", "status"],
            registry=self._registry,
        )
        self.seconds = Histogram(
            "recsys_request_seconds", "Time to answer", ["route"], buckets=_SECONDS, registry=self._registry
        )
        self.feedback = Counter(
            "recsys_feedback", "Feedback recorded, by what was done", ["event"], registry=self._registry
        )
        self.swaps = Counter(
            "recsys_generation_swaps", "Generations swapped to while serving", registry=self._registry
        )
        self.failures = Counter(
            "recsys_generation_failures", "Generations that could not be opened", registry=self._registry
        )
        self.generation = Gauge(
            "recsys_generation",
            "Number of the generation that answers",
            ["dataset"],
            registry=self._registry,
            multiprocess_mode="min",
        )

    def text(self) -> bytes:
        """All counts, of all processes, in Prometheus' text format."""
        if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
            return generate_latest(self._registry)
        shared = CollectorRegistry()
        multiprocess.MultiProcessCollector(shared)  # type: ignore[no-untyped-call]
        return generate_latest(shared)
