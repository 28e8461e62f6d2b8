"""Posters: from one host, by checked paths, kept on disk, and nothing at all without a key."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from recsys_assets.serving.posters import MAX_BYTES, PosterError, Posters

JPEG = b"\xff\xd8\xff" + b"x" * 100
PATH = "/abcDEF0123456789.jpg"
Handler = Callable[[httpx.Request], httpx.Response]


class Tmdb:
    """TMDB as far as posters go; it counts what it is asked."""

    def __init__(self, about: httpx.Response | None = None, picture: httpx.Response | None = None) -> None:
        self.asked: list[httpx.URL] = []
        self._about = about or httpx.Response(200, json={"poster_path": PATH})
        self._picture = picture or httpx.Response(200, content=JPEG)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url)
        found = self._about if request.url.host == "api.themoviedb.org" else self._picture
        return httpx.Response(found.status_code, content=found.content)


def fetch(folder: Path, handler: Handler, *tmdb_ids: int) -> list[tuple[bytes, str] | None]:
    async def fetching() -> list[tuple[bytes, str] | None]:
        posters = Posters(folder, "k3y", httpx.MockTransport(handler))
        try:
            return list(await asyncio.gather(*(posters.poster(tmdb_id) for tmdb_id in tmdb_ids)))
        finally:
            await posters.close()

    return asyncio.run(fetching())


def test_a_poster_is_fetched_from_the_fixed_hosts_once(tmp_path):
    tmdb = Tmdb()
    assert fetch(tmp_path, tmdb, 603) == [(JPEG, "image/jpeg")]
    assert [str(url) for url in tmdb.asked] == [
        "https://api.themoviedb.org/3/movie/603?api_key=k3y",
        f"https://image.tmdb.org/t/p/w342{PATH}",
    ]
    assert fetch(tmp_path, tmdb, 603) == [(JPEG, "image/jpeg")]
    assert len(tmdb.asked) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["603"]


@pytest.mark.parametrize("about", [httpx.Response(404), httpx.Response(200, json={"poster_path": None})])
def test_that_a_movie_has_no_poster_is_remembered(tmp_path, about):
    tmdb = Tmdb(about)
    assert fetch(tmp_path, tmdb, 603) == fetch(tmp_path, tmdb, 603) == [None]
    assert len(tmdb.asked) == 1


@pytest.mark.parametrize(
    "path",
    [
        "/../../etc/passwd",
        "//evil.example/abcDEF0123456789.jpg",
        "/abcDEF0123456789.svg",
        "abcDEF0123456789.jpg",
        "/abcDEF0123456789.jpg?x",
        7,
        "",
    ],
)
def test_a_path_that_is_not_a_pictures_is_not_asked_for(tmp_path, path):
    tmdb = Tmdb(httpx.Response(200, json={"poster_path": path}))
    with pytest.raises(PosterError, match="whose path isn't one"):
        fetch(tmp_path, tmdb, 603)
    assert len(tmdb.asked) == 1 and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "tmdb",
    [
        Tmdb(httpx.Response(401)),
        Tmdb(httpx.Response(429)),
        Tmdb(httpx.Response(302, headers={"location": "http://evil.example"})),
        Tmdb(httpx.Response(200, content=b"<html>")),
        Tmdb(httpx.Response(200, json=[])),
        Tmdb(picture=httpx.Response(200, content=b"<svg onload=alert(1)>")),
        Tmdb(picture=httpx.Response(500, content=JPEG)),
        Tmdb(picture=httpx.Response(200, content=JPEG + b"x" * MAX_BYTES)),
    ],
)
def test_what_is_not_a_picture_is_neither_shown_nor_kept(tmp_path, tmdb):
    with pytest.raises(PosterError):
        fetch(tmp_path, tmdb, 603)
    assert list(tmp_path.iterdir()) == []


def test_a_host_that_cannot_be_reached_is_said_to_be_so(tmp_path):
    def unreachable(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectTimeout("timed out", request=request)

    with pytest.raises(PosterError, match="TMDB: ConnectTimeout"):
        fetch(tmp_path, unreachable, 603)


def test_many_are_fetched_but_few_at_a_time(tmp_path):
    now, most = 0, 0

    async def slow(request: httpx.Request) -> httpx.Response:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.005)
        now -= 1
        return Tmdb()(request)

    assert fetch(tmp_path, slow, *range(1, 31)) == [(JPEG, "image/jpeg")] * 30
    assert 1 < most <= 6
