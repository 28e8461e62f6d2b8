"""``recsys serve``: what it serves, with how many processes, and how it ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from recsys_assets.cli import servers
from recsys_assets.serving import running
from recsys_assets.storage.publishing import newest_published
from recsys_assets_tests.graph import World, recsys
from recsys_assets_tests.made_publication import MadePublication, write_registry

RECSYS = "from recsys_assets.cli import main; main()"
START_UP_S = 240  # imports of two processes, on a machine that is busy


@pytest.fixture
def world(tmp_path: Path) -> World:
    found = World(tmp_path)
    write_registry(found.data, "mine")
    made = MadePublication(found.data, "mine", 20, 40)
    made.publish(made.warehouse(tmp_path / "warehouse.duckdb"), made.models())
    return found


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def wait_for(address: str, server: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + START_UP_S
    while True:
        try:
            httpx.get(address, timeout=5).raise_for_status()
            return
        except httpx.HTTPError:
            assert server.poll() is None and time.monotonic() < deadline
            time.sleep(0.1)


def test_two_processes_share_a_port_and_their_counts_and_end_when_asked(world):
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-c", RECSYS, "serve", "--port", str(port), "--workers", "2"],
        env=os.environ | world.environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    base = f"http://127.0.0.1:{port}"
    try:
        wait_for(f"{base}/health/ready", server)
        for _ in range(40):
            answer = httpx.get(f"{base}/v1/users/1/recommendations", headers={"connection": "close"})
            assert answer.status_code == 200 and answer.json()["model_version"] == "mine-000001"
        page = httpx.get(f"{base}/")
        assert page.status_code == 200 and "text/html" in page.headers["content-type"]
        assert "default-src" in page.headers["content-security-policy"]
        counted = [
            line
            for line in httpx.get(f"{base}/metrics").text.splitlines()
            if line.startswith('recsys_requests_total{route="fast",status="200"}')
        ]
        assert [float(line.rsplit(" ", 1)[1]) for line in counted] == [40.0]
    finally:
        server.send_signal(signal.SIGINT)
        _, said = server.communicate(timeout=60)
    assert server.returncode == 0, said
    assert "Traceback" not in said


def test_the_newest_publication_is_served_where_none_is_named(world, monkeypatch):
    asked: list[str] = []
    monkeypatch.setattr(running, "run_server", lambda dataset, **_: asked.append(dataset))
    assert recsys(world, "serve").code == 0
    assert recsys(world, "serve", "--dataset", "mine").code == 0
    assert asked == ["mine", "mine"]
    spoken = recsys(world, "serve", "--dataset", "theirs")
    assert spoken.code == 1 and "no data set 'theirs' in datasets.toml" in spoken.err


def test_what_was_published_last_is_the_newest(world):
    other = MadePublication(world.data, "other", 20, 40)
    assert newest_published(world.data, ["mine", "other"]) == "mine"
    other.publish(world.root / "warehouse.duckdb", other.models())
    assert newest_published(world.data, ["mine", "other"]) == "other"
    assert newest_published(world.data, ["neither"]) is None


def test_without_the_extra_the_command_says_what_to_install(world, monkeypatch):
    monkeypatch.setattr(servers, "find_spec", lambda name: None if name == "fastapi" else object())
    spoken = recsys(world, "serve")
    assert spoken.code == 1
    assert "serving needs fastapi: install the extra with `pip install 'recsys-assets[serve]'`" in spoken.err
