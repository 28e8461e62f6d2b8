"""The web app's files: what they may not contain, what they hang together by, and how readable their colours are."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import httpx
import pytest

from recsys_assets.serving.app import APP_FOLDER, app_files

SCRIPTS = sorted(APP_FOLDER.rglob("*.js"))
TEXTS = sorted(path for path in APP_FOLDER.rglob("*") if path.is_file())
MARKUP = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|createContextualFragment"
    r"|setHTML|\beval\(|new Function|srcdoc|javascript:"
)
IMPORT = re.compile(r"""(?:import|export)\s[^"';]*?["'](\.{1,2}/[^"']+)["']""")
WHITE = "#fffaf0"


def names(paths: list[Path]) -> list[str]:
    return [path.relative_to(APP_FOLDER).as_posix() for path in paths]


@pytest.mark.parametrize("path", SCRIPTS, ids=names(SCRIPTS))
def test_no_script_makes_markup_of_strings(path: Path) -> None:
    assert not MARKUP.findall(path.read_text(encoding="utf-8"))


def test_the_page_has_no_script_style_or_handler_of_its_own() -> None:
    page = (APP_FOLDER / "index.html").read_text(encoding="utf-8")
    assert re.findall(r"<script\b[^>]*>(.*?)</script>", page, re.S) == [""]
    assert not re.search(r"<style|\sstyle=|\son\w+=", page)


@pytest.mark.parametrize("path", TEXTS, ids=names(TEXTS))
def test_no_file_names_another_host(path: Path) -> None:
    hosts = re.findall(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}", path.read_text(encoding="utf-8"))
    assert set(hosts) <= {"http://www.w3.org"}


def test_every_file_is_reached_from_the_page() -> None:
    page = (APP_FOLDER / "index.html").read_text(encoding="utf-8")
    linked = re.findall(r'(?:href|src)="([^"/][^"]*)"', page)
    pending, reached = [APP_FOLDER / name for name in linked], {APP_FOLDER / "index.html"}
    while pending:
        path = pending.pop()
        if path in reached:
            continue
        reached.add(path)
        if path.suffix == ".js":
            found = IMPORT.findall(path.read_text(encoding="utf-8"))
            pending += [(path.parent / name).resolve() for name in found]
    assert reached == set(TEXTS)


def test_what_a_script_imports_it_uses() -> None:
    for path in SCRIPTS:
        text = path.read_text(encoding="utf-8")
        for clause in re.findall(r"import \{([^}]*)\} from", text):
            for name in re.findall(r"\w+", clause):
                assert len(re.findall(rf"\b{name}\b", text)) > 1, f"{path.name} imports {name} for nothing"


def luminance(colour: str) -> float:
    """Relative luminance of #rrggbb (WCAG 2.2)."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_that_of_black_on_white() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_type_reads_on_every_surface() -> None:
    css = (APP_FOLDER / "styles" / "base.css").read_text(encoding="utf-8")
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", css))
    for surface in ("ground", "raised", "lifted"):
        for type_ in ("text", "soft", "quiet", "accent", "good", "bad"):
            assert contrast(colours[type_], colours[surface]) >= 4.5, f"{type_} on {surface}"
    assert contrast(colours["accent-ink"], colours["accent"]) >= 4.5


def test_titles_read_on_the_ground_of_every_tile() -> None:
    script = (APP_FOLDER / "js" / "components" / "art.js").read_text(encoding="utf-8")
    sets = re.findall(r'\["(#[0-9a-f]{6})", "(#[0-9a-f]{6})", "(#[0-9a-f]{6})", "(#[0-9a-f]{6})"\]', script)
    assert len(sets) >= 39
    for ground, _, _, spark in sets:
        assert contrast(WHITE, ground) >= 7, ground
        assert contrast(spark, ground) >= 4.5, (spark, ground)


def asked(path: str) -> httpx.Response:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app_files())
        async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
            return await client.get(path)

    return asyncio.run(ask())


@pytest.mark.parametrize("path", ["/", "/js/main.js", "/styles/base.css", "/icon.svg"])
def test_files_come_with_headers_that_keep_the_page_to_its_server(path: str) -> None:
    answer = asked(path)
    assert answer.status_code == 200
    policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    "path", ["/../app.py", "/%2e%2e/app.py", "/js/../../app.py", "/js/missing.js", "/js"]
)
def test_nothing_else_is_to_be_had(path: str) -> None:
    answer = asked(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["title"] == "Not Found"
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_types_let_a_browser_run_modules() -> None:
    assert asked("/js/main.js").headers["content-type"].startswith("text/javascript")
    assert asked("/styles/base.css").headers["content-type"].startswith("text/css")
