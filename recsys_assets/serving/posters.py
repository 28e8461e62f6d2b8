"""Posters from TMDB, through a cache on disk: one fixed host, checked paths, few at a time, never waited for long.

Without a key nothing is fetched, and cards have no poster.
"""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Final

import httpx

from recsys_assets.storage.files import write_atomically

__all__ = ["PosterError", "Posters"]

API: Final = "https://api.themoviedb.org/3/movie"
IMAGES: Final = "https://image.tmdb.org/t/p/w342"
AT_ONCE: Final = 6
TIMEOUT_S: Final = 5.0
MAX_BYTES: Final = 2 * 1024 * 1024
_PATH: Final = re.compile(r"/[A-Za-z0-9]{10,64}\.(?:jpg|png)")
_MAGIC: Final = {b"\xff\xd8\xff": "image/jpeg", b"\x89PN": "image/png"}
_NONE: Final = b""


class PosterError(RuntimeError):
    """TMDB didn't give a poster now; it may later."""


class Posters:
    """The posters of TMDB movies.

    Parameters
    ----------
    folder : where pictures are kept, a file a movie; an empty one says that TMDB has none
    transport : for tests
    """

    def __init__(self, folder: Path, key: str, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._folder, self._key = folder, key
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._client = httpx.AsyncClient(
            timeout=TIMEOUT_S, follow_redirects=False, transport=transport, trust_env=False
        )

    async def close(self) -> None:
        await self._client.aclose()

    async def poster(self, tmdb_id: int) -> tuple[bytes, str] | None:
        """The picture and its media type, or None if the movie has none.

        Raises
        ------
        PosterError
            If TMDB can't be reached, refuses, or sends something else than a picture.
        """
        path = self._folder / f"{tmdb_id:d}"
        if path.is_file():
            content = await asyncio.to_thread(path.read_bytes)
        else:
            async with self._turns:
                try:
                    content = await self._fetched(tmdb_id)
                except (httpx.HTTPError, ValueError) as error:
                    raise PosterError(f"TMDB: {type(error).__name__}") from error
            await asyncio.to_thread(write_atomically, path, content)
        return None if content == _NONE else (content, _MAGIC[content[:3]])

    async def _fetched(self, tmdb_id: int) -> bytes:
        about = await self._client.get(f"{API}/{tmdb_id:d}", params={"api_key": self._key})
        if about.status_code == httpx.codes.NOT_FOUND:
            return _NONE
        if about.status_code != httpx.codes.OK:
            raise PosterError(f"TMDB answers {about.status_code}")
        facts = about.json()
        path = facts.get("poster_path") if isinstance(facts, dict) else _NONE
        if path is None:
            return _NONE
        if not isinstance(path, str) or not _PATH.fullmatch(path):
            raise PosterError("TMDB names a picture whose path isn't one")
        return await self._picture(path)

    async def _picture(self, path: str) -> bytes:
        async with self._client.stream("GET", f"{IMAGES}{path}") as answer:
            content = b""
            async for chunk in answer.aiter_bytes():
                content += chunk
                if len(content) > MAX_BYTES:
                    raise PosterError(f"TMDB sends more than {MAX_BYTES} bytes for a picture")
        if answer.status_code != httpx.codes.OK or content[:3] not in _MAGIC:
            raise PosterError(f"TMDB sends no picture: status {answer.status_code}, {len(content)} bytes")
        return content
