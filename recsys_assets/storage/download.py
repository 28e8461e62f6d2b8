"""Fetch a file over HTTP: resumed where it broke off, checked, and put in place whole or not at all."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import Message
from functools import partial
from http.client import HTTPException, HTTPMessage, HTTPResponse
from pathlib import Path
from typing import IO
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from recsys_assets.storage.archives import ChecksumError, DownloadError, SizeLimitError
from recsys_assets.storage.partial_file import PartialFile, partial_file

__all__ = ["Progress", "download"]

Progress = Callable[[int, "int | None"], None]
"""Told the bytes received so far, resumed ones included, and the whole file's size (None where unknown)."""

_CHUNK_BYTES = 1 << 18
_RETRY_DELAYS_S = (1.0, 2.0, 4.0, 8.0)
_PASSING_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})
_CONTENT_RANGE = re.compile(r"bytes (?:(?P<start>\d+)-\d+|\*)/(?P<total>\d+|\*)")


def download(
    url: str,
    target: Path,
    *,
    expected_md5: str | None,
    timeout_s: float,
    max_bytes: int,
    progress: Progress | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> str:
    """Fetch a file, and return its MD5.

    Failures that may pass (broken connections, timeouts, statuses 408, 425, 429, 500 and 502 to 504) are
    tried five times in all, 1, 2, 4 and 8 seconds apart. Each try, and each call after a failure or a killed
    process, asks for the missing bytes alone (Range, If-Range: RFC 9110, sections 13.1.5 and 14); the file
    begins anew when the server sends no ranges or holds another version than before. Redirects lead to http
    and https only, and never from https back to http. A target that has the expected digest is not asked for
    again.

    Parameters
    ----------
    expected_md5 : hexadecimal; None for a file that its publisher changes: the caller records the digest
    timeout_s : longest silence of the server; the whole download may take longer
    max_bytes : cap on the size, announced or received
    sleep : waits between tries, in seconds

    Raises
    ------
    DownloadError
        If the address is not http or https, the server refuses or fails five times, a web page comes instead
        of the file, or another process is fetching the same target.
    SizeLimitError
        If the file is larger than ``max_bytes``.
    ChecksumError
        If the digest differs; the bytes are removed then, so that the next call begins anew.
    """
    _require_http(url)
    expected = expected_md5.lower() if expected_md5 else None
    if expected and target.is_file() and _md5_of(target) == expected:
        return expected
    target.parent.mkdir(parents=True, exist_ok=True)
    with partial_file(target) as part:
        fetch = partial(_fetch, part, url, timeout_s=timeout_s, max_bytes=max_bytes, progress=progress)
        _with_retries(fetch, part, url, sleep)
        digest = _md5_of(part.path)
        if expected not in (None, digest):
            raise _wrong_digest(part, url, expected=expected, measured=digest)
        part.move_to(target)
    return digest


class _TransientError(Exception):
    """A failure that may pass: asking again is worth it."""


def _with_retries(
    fetch: Callable[[], None], part: PartialFile, url: str, sleep: Callable[[float], None]
) -> None:
    for delay_s in (*_RETRY_DELAYS_S, None):
        try:
            fetch()
            break
        except _TransientError as error:
            if delay_s is None:
                raise DownloadError(
                    f"{url} failed {len(_RETRY_DELAYS_S) + 1} times, at last: {error}; "
                    f"{part.size:,} bytes are kept, run again later to go on from there"
                ) from error
            sleep(delay_s)


def _fetch(
    part: PartialFile, url: str, *, timeout_s: float, max_bytes: int, progress: Progress | None
) -> None:
    """Ask once for the bytes that are missing, and append them."""
    with _open(_request(part, url), timeout_s) as response:
        total = _align(part, url, response)
        _refuse_too_large(part, url, total or part.size, max_bytes)
        while part.size != total and (chunk := _read(response)):
            _refuse_too_large(part, url, part.size + len(chunk), max_bytes)
            part.append(chunk)
            if progress:
                progress(part.size, total)
    if part.size < (total or 1):
        raise _TransientError(f"the connection ended after {part.size:,} of {total or 'unknown'} bytes")


def _request(part: PartialFile, url: str) -> Request:
    headers = {"User-Agent": "recsys-assets", "Accept-Encoding": "identity"}
    if validator := part.validator(url):
        headers |= {"Range": f"bytes={part.size}-", "If-Range": validator}
    return Request(url, headers=headers)


def _open(request: Request, timeout_s: float) -> HTTPResponse | HTTPError:
    """Send the request; 416 is an answer too, for it may mean that nothing is missing."""
    with _network():
        try:
            response: HTTPResponse = build_opener(_SafeRedirects).open(request, timeout=timeout_s)
            return response
        except HTTPError as error:
            answer = error
    if answer.code == 416:
        return answer
    answer.close()
    fact = f"the server answered {answer.code} {answer.reason}"
    if answer.code in _PASSING_STATUSES:
        raise _TransientError(fact)
    raise DownloadError(
        f"{request.full_url}: {fact}; correct the address, or fetch the file by other means"
    ) from answer


@contextmanager
def _network() -> Iterator[None]:
    """Only the network's errors pass with time; those of the disk must surface as they are."""
    try:
        yield
    except (OSError, HTTPException) as error:
        raise _TransientError(str(error) or type(error).__name__) from error


def _read(response: HTTPResponse | HTTPError) -> bytes:
    with _network():
        return response.read(_CHUNK_BYTES)


def _align(part: PartialFile, url: str, response: HTTPResponse | HTTPError) -> int | None:
    """Make the partial file end where the answer begins; return the whole file's size, None where unknown."""
    if response.status == 200 and isinstance(response, HTTPResponse):
        _refuse_web_page(url, response)
        part.restart(url, _validator(response.headers))
        return response.length
    answered = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    same_version = _validator(response.headers) in (None, part.validator(url))
    # 416 says "bytes */total": where our bytes end at the total, all of them have arrived before.
    if answered and same_version and (answered["start"] or answered["total"]) == str(part.size):
        return None if answered["total"] == "*" else int(answered["total"])
    part.discard()
    raise _TransientError(f"the server answered {response.status} instead of the range asked for")


def _validator(headers: Message) -> str | None:
    """What If-Range may carry: a strong ETag, else the date of the last change."""
    etag: str | None = headers.get("ETag")
    if etag and not etag.startswith("W/"):
        return etag
    return headers.get("Last-Modified")


def _refuse_web_page(url: str, response: HTTPResponse) -> None:
    with _network():
        head = response.peek(256).lstrip()[:60]
    content_type = response.headers.get_content_type()
    if content_type == "text/html" or head.lower().startswith((b"<!doctype html", b"<html")):
        raise DownloadError(
            f"{url}: a web page came instead of the file ({content_type}, beginning {head!r}); "
            "open the address in a browser: the network may ask for a login, or the file has moved"
        )


def _refuse_too_large(part: PartialFile, url: str, size_bytes: int, max_bytes: int) -> None:
    if size_bytes > max_bytes:
        part.discard()
        raise SizeLimitError(
            f"{url}: at least {size_bytes:,} bytes, more than the {max_bytes:,} allowed; "
            "raise max_bytes if the file is known to be that large"
        )


class _SafeRedirects(HTTPRedirectHandler):
    """Follow redirects to http and https, but not from https to http, where bytes can be changed."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        if urlsplit(newurl).scheme not in ("https", req.type):
            raise HTTPError(req.full_url, code, f"{msg}, to {newurl}, which is refused", headers, fp)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _require_http(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise DownloadError(f"{url!r} is no http or https address; correct the data set's entry")


def _md5_of(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _wrong_digest(part: PartialFile, url: str, *, expected: str | None, measured: str) -> ChecksumError:
    size_bytes = part.size
    part.discard()
    return ChecksumError(
        f"{url}: MD5 expected {expected}, measured {measured} ({size_bytes:,} bytes, now removed); "
        "run again, and if it differs again compare with the publisher's before changing the expected value"
    )
