"""``python -m recsys_assets_tests.bench.serving``: requests a second, latency and memory of the server, with wrk.

A publication of 162 thousand users is generated and served by `recsys serve --workers 2`; wrk asks for the lists of
random users over 16 connections, while ten publications replace each other. Exits with 1 if a goal is missed.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from rich.console import Console

from recsys_assets_tests.made_publication import MadePublication, write_registry

__all__ = ["Measured", "main"]

GOALS = {"requests_per_s": 4000.0, "p99_ms": 25.0, "memory_growth": 0.05}
CONNECTIONS = 16
WARM_UP_S = 10
START_UP_S = 240
NAME = "served"

LUA = """
math.randomseed({seed})
request = function()
  return wrk.format("GET", "/v1/users/" .. math.random(1, {n_users}) .. "/recommendations?n=20")
end
done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format('\\n{{"n":%d,"us":%d,"p50":%d,"p99":%d,"max":%d,"status":%d,"other":%d}}\\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), latency.max,
    e.status, e.connect + e.read + e.write + e.timeout))
end
"""


@dataclass(frozen=True)
class Measured:
    """What a run gave. Memory is what the server's processes hold for themselves alone: mapped files are shared."""

    seconds: float
    requests_per_s: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    not_2xx: int
    other_errors: int
    publications_wanted: int
    publications: int
    publications_seen: int
    memory_mib: float
    memory_growth: float
    load: float

    def missed(self) -> list[str]:
        """The goals that are missed, in words."""
        found = []
        if self.requests_per_s < GOALS["requests_per_s"]:
            found.append(f"{self.requests_per_s:,.0f} requests a second, goal {GOALS['requests_per_s']:,.0f}")
        if self.p99_ms > GOALS["p99_ms"]:
            found.append(f"p99 {self.p99_ms:.1f} ms, goal {GOALS['p99_ms']:g}")
        if self.not_2xx or self.other_errors:
            found.append(f"{self.not_2xx} answers were not 2xx, {self.other_errors} requests had none")
        if self.memory_growth > GOALS["memory_growth"]:
            found.append(f"memory grew by {self.memory_growth:.1%}, goal {GOALS['memory_growth']:.0%}")
        if min(self.publications, self.publications_seen) < self.publications_wanted:
            found.append(
                f"of {self.publications_wanted} publications {self.publications} came in time and "
                f"{self.publications_seen} were swapped to"
            )
        return found


def main(arguments: list[str] | None = None) -> int:
    options = _options(arguments)
    console = Console()
    with tempfile.TemporaryDirectory(prefix="recsys-bench-serving-", dir=options.folder) as folder:
        measured = _measure(Path(folder), options, console)
    console.print(json.dumps(dataclasses.asdict(measured), indent=1))
    for miss in measured.missed():
        console.print(f"[red]missed[/red] {miss} (load {measured.load:.1f} on {os.cpu_count()} cores)")
    return 1 if measured.missed() else 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m recsys_assets_tests.bench.serving", description=__doc__)
    parser.add_argument("--seconds", type=int, default=300)
    parser.add_argument("--users", type=int, default=162_000)
    parser.add_argument("--movies", type=int, default=59_000)
    parser.add_argument("--publications", type=int, default=10, help="while requests are answered")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--port", type=int, default=0, help="a free one by default")
    parser.add_argument("--folder", type=Path, default=None, help="where to work; the system's by default")
    return parser.parse_args(arguments)


def _measure(folder: Path, options: argparse.Namespace, console: Console) -> Measured:
    if not shutil.which("wrk"):
        raise FileNotFoundError("wrk is not installed: https://github.com/wg/wrk, in most distributions")
    data = folder / "data"
    write_registry(data, NAME)
    made = MadePublication(data, NAME, options.users, options.movies)
    console.print(f"generating lists of {options.users:,} users and {options.movies:,} movies")
    warehouse, models = made.warehouse(folder / "warehouse.duckdb"), made.models()
    started = time.monotonic()
    made.publish(warehouse, models)
    console.print(f"published in {time.monotonic() - started:.1f} s")
    options.port = options.port or _free_port()
    base = f"http://127.0.0.1:{options.port}"
    with _server(data, options, base) as server:
        _wrk(folder, base, options.users, WARM_UP_S)
        before, swaps_before = _private_mib(server.pid), _swaps(base)
        wrk = _started(folder, base, options.users, options.seconds)
        n_published = _publish_meanwhile(made, warehouse, options)
        figures = _figures(wrk)
        time.sleep(3)
        after = _private_mib(server.pid)
        # Each worker counts its own swaps.
        swaps = (_swaps(base) - swaps_before) // options.workers
    seconds = figures["us"] / 1e6
    return Measured(
        seconds,
        figures["n"] / seconds,
        figures["p50"] / 1e3,
        figures["p99"] / 1e3,
        figures["max"] / 1e3,
        int(figures["status"]),
        int(figures["other"]),
        options.publications,
        n_published,
        int(swaps),
        after,
        after / before - 1,
        os.getloadavg()[0],
    )


@contextlib.contextmanager
def _server(data: Path, options: argparse.Namespace, base: str) -> Iterator[subprocess.Popen[bytes]]:
    recsys = str(Path(sys.executable).with_name("recsys"))
    command = [recsys, "serve", "--dataset", NAME, "--port", str(options.port)]
    environment = os.environ | {"RECSYS_DATA": str(data)}
    server = subprocess.Popen(
        [*command, "--workers", str(options.workers)], env=environment, stderr=subprocess.DEVNULL
    )
    try:
        _wait(f"{base}/health/ready")
        yield server
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(30)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _wait(address: str) -> None:
    deadline = time.monotonic() + START_UP_S
    while True:
        try:
            urllib.request.urlopen(address, timeout=5).read()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def _publish_meanwhile(made: MadePublication, warehouse: Path, options: argparse.Namespace) -> int:
    """Publish so many times, spread evenly over the time of the requests, from a process of its own."""
    gap = options.seconds / (options.publications + 1)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_publish, made, warehouse, options.publications, gap).result()


def _publish(made: MadePublication, warehouse: Path, n: int, gap: float) -> int:
    os.nice(5)  # a run on the server's machine would be, so as not to stand in its way
    models, started = made.models(), time.monotonic()
    for number in range(1, n + 1):
        time.sleep(max(0.0, started + gap * number - time.monotonic()))
        if time.monotonic() - started > gap * (n + 1):
            return number - 1
        made.publish(warehouse, models)
    return n


def _started(folder: Path, base: str, n_users: int, seconds: int) -> subprocess.Popen[str]:
    script = folder / "random_users.lua"
    script.write_text(LUA.format(seed=1, n_users=n_users), encoding="utf-8")
    command = ["wrk", "-t", "1", "-c", str(CONNECTIONS), "-d", f"{seconds}s", "-s", str(script), base]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def _wrk(folder: Path, base: str, n_users: int, seconds: int) -> None:
    _figures(_started(folder, base, n_users, seconds))


def _figures(wrk: subprocess.Popen[str]) -> dict[str, float]:
    said, _ = wrk.communicate()
    if wrk.returncode:
        raise RuntimeError(f"wrk ended with {wrk.returncode}: {said}")
    figures: dict[str, float] = json.loads(said.strip().splitlines()[-1])
    return figures


def _swaps(base: str) -> int:
    text = urllib.request.urlopen(f"{base}/metrics", timeout=10).read().decode()
    lines = [line for line in text.splitlines() if line.startswith("recsys_generation_swaps_total")]
    return int(sum(float(line.rsplit(" ", 1)[1]) for line in lines))


def _private_mib(pid: int) -> float:
    """Anonymous memory of a process and its children, in MiB."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()
    total = 0
    for one in (pid, *map(int, children)):
        rollup = Path(f"/proc/{one}/smaps_rollup").read_text(encoding="utf-8")
        total += sum(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Anonymous:"))
    return total / 1024


if __name__ == "__main__":
    sys.exit(main())
