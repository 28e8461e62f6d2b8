"""A browser before the web app: the server on a free port, and what tests ask of a page."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import uvicorn
from playwright.sync_api import Browser, Locator, Page, Route, expect, sync_playwright

from recsys_assets.serving.api import create_site
from recsys_assets.serving.settings import ServeSettings

__all__ = ["CHROMIUM", "PAGES", "Visit", "browser", "served", "visit"]

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
PAGES = ("/", "/search", "/people", "/start", "/compare", "/evaluation", "/data", "/nowhere")
"""The pages that need no id."""
PATIENCE_MS = 15_000
SIZES = {390: 844, 1440: 900}

expect.set_options(timeout=PATIENCE_MS)


@contextmanager
def served(data: Path, *, api_key: str = "") -> Iterator[str]:
    """The address of a server over a data folder, as long as it is needed; with a key, data need it."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(
            create_site(ServeSettings(data, api_key=api_key)), log_level="critical", access_log=False
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        deadline = time.monotonic() + 30
        while not server.started:
            assert thread.is_alive() and time.monotonic() < deadline, "the server has not started"
            time.sleep(0.02)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join(30)


@contextmanager
def browser() -> Iterator[Browser]:
    """A headless Chromium that asks nothing of the network by itself."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        yield chromium
        chromium.close()


@dataclass
class Visit:
    """A page, and what it complained of and asked for since it was opened."""

    page: Page
    site: str
    complaints: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)

    def go(self, path: str) -> Visit:
        """Show a page of the app, and wait until nothing is on the way."""
        self.page.goto("about:blank")
        self.page.goto(f"{self.site}/#{path}")
        return self.settle()

    def settle(self) -> Visit:
        """Wait until every part of the page has its answer."""
        expect(self.page.locator("h1").first).to_be_attached()
        expect(self.page.locator("main [aria-busy='true']")).to_have_count(0)
        return self

    def named(self, role: str, name: str | re.Pattern[str], *, exact: bool = False) -> Locator:
        """The one element of a role and name."""
        return self.page.get_by_role(role, name=name, exact=exact)  # type: ignore[arg-type]

    def movies(self, place: str) -> list[str]:
        """Ids of the movies of a section, in their order."""
        cards = self.page.locator(f"[aria-label='{place}'] [data-movie]")
        return cards.evaluate_all("cards => cards.map(card => card.dataset.movie)")

    def answer(self, pattern: str, reply: Callable[[Route], None]) -> None:
        """From now on reply in the server's place to what the pattern matches."""
        self.page.route(re.compile(pattern), reply)

    def again(self, pattern: str) -> None:
        """Let the server reply itself again."""
        self.page.unroute(re.compile(pattern))


@contextmanager
def visit(chromium: Browser, site: str, *, width: int = 1440, user: int | str | None = 42) -> Iterator[Visit]:
    """A fresh page: nothing remembered but who is watching."""
    context = chromium.new_context(
        viewport={"width": width, "height": SIZES[width]}, reduced_motion="reduce", has_touch=width < 600
    )
    page = context.new_page()
    opened = Visit(page, site)
    page.on("console", lambda message: message.type == "error" and opened.complaints.append(message.text))
    page.on("pageerror", lambda error: opened.complaints.append(str(error)))
    page.on(
        "request",
        lambda request: (
            request.url.startswith((site, "about:", "data:")) or opened.foreign.append(request.url)
        ),
    )
    if user is not None:
        known = json.dumps(json.dumps({"user": user}))
        # about:blank has no storage, and what a page has stored since is kept.
        context.add_init_script(
            f"if (location.protocol !== 'about:' && !localStorage.recsys) localStorage.recsys = {known}"
        )
    yield opened
    context.close()
