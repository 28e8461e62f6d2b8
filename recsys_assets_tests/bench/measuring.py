"""Wall time, processor time and peak memory of a piece of work in a process of its own."""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from recsys_assets_tests.bench.stages import Watch

__all__ = ["Cost", "cost_of"]


@dataclass(frozen=True)
class Cost:
    """What one run took; ``peak_gib`` is resident memory of the whole process, its imports and inputs included."""

    wall_s: float
    cpu_s: float
    peak_gib: float

    def best(self, other: Cost) -> Cost:
        """Two runs as one: the lower times, as other programs can only add to them, and the higher peak."""
        return Cost(
            min(self.wall_s, other.wall_s), min(self.cpu_s, other.cpu_s), max(self.peak_gib, other.peak_gib)
        )


def cost_of(work: Callable[..., None], *arguments: Any) -> Cost:
    """Run ``work(*arguments, watch)`` in a fresh process; its exceptions are raised here."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_measured, work, *arguments).result()


def _measured(work: Callable[..., None], *arguments: Any) -> Cost:
    watch = Watch()
    work(*arguments, watch)
    return Cost(watch.wall_s, watch.cpu_s, _peak_bytes() / 2**30)


def _peak_bytes() -> int:
    status = Path("/proc/self/status")
    if status.exists():
        # Linux: ru_maxrss would never be below the peak of the process that started this one.
        return next(
            int(line.split()[1]) << 10 for line in status.read_text().splitlines() if line.startswith("VmHWM")
        )
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << (0 if sys.platform == "darwin" else 10)
