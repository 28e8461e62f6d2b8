"""A download ends as the whole, right file or leaves the target alone; tried again, it asks for the rest."""

from __future__ import annotations

import fcntl
import hashlib
import re
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.client import HTTPMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recsys_assets.storage.archives import ChecksumError, DownloadError, SizeLimitError
from recsys_assets.storage.download import _SafeRedirects, download

CONTENT = b"PK\x03\x04" + bytes(range(256)) * 4000
MD5 = hashlib.md5(CONTENT).hexdigest()


@dataclass
class Site:
    """A web site of one file, and what goes wrong with the next answers.

    Each fault is a status to answer with, or a number of bytes (negative) after which the connection is cut.
    """

    address: str = ""
    content: bytes = CONTENT
    headers: dict[str, str] = field(default_factory=lambda: {"ETag": '"v1"'})
    faults: deque[int] = field(default_factory=deque)
    ranges: bool = True
    honours_if_range: bool = True
    announces_length: bool = True
    redirect_to: str = ""
    requests: list[dict[str, str]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"{self.address}/data.zip"

    @property
    def asked_ranges(self) -> list[str | None]:
        return [request.get("Range") for request in self.requests]


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        site = self.server.site
        site.requests.append(dict(self.headers.items()))
        self.close_connection = True
        fault = site.faults.popleft() if site.faults else 0
        if self.path == "/moved":
            self.answer(302, b"", {"Location": site.redirect_to})
        elif fault > 0:
            self.answer(fault, b"<html>sorry</html>", {"Content-Type": "text/html"})
        else:
            self.send_file(site, cut_after=-fault if fault else None)

    def send_file(self, site: Site, cut_after: int | None) -> None:
        start = self.asked_start(site)
        size = len(site.content)
        if start is None:
            self.answer(200, site.content, site.headers, cut_after)
        elif start >= size:
            self.answer(416, b"<html>no such range</html>", {"Content-Range": f"bytes */{size}"})
        else:
            content_range = {"Content-Range": f"bytes {start}-{size - 1}/{size}"}
            self.answer(206, site.content[start:], site.headers | content_range, cut_after)

    def asked_start(self, site: Site) -> int | None:
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        known = self.headers.get("If-Range") in (site.headers.get("ETag"), site.headers.get("Last-Modified"))
        return int(asked[1]) if asked and site.ranges and (known or not site.honours_if_range) else None

    def answer(self, status: int, body: bytes, headers: dict[str, str], cut_after: int | None = None) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if self.server.site.announces_length:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:cut_after])

    def log_message(self, format: str, *args: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    site: Site


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def site(server: Server, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server.site = Site(f"http://127.0.0.1:{server.server_port}")
    return server.site


def fetch(site: Site, root: Path, **options: Any) -> str:
    defaults: dict[str, Any] = {"expected_md5": MD5, "timeout_s": 5.0, "max_bytes": 10**7}
    defaults |= {"url": site.url, "target": root / "data.zip", "sleep": lambda delay_s: None}
    return download(**defaults | options)


def names(root: Path) -> list[str]:
    return sorted(path.name for path in root.iterdir())


def interrupted(site: Site, root: Path, after: int = 1000) -> None:
    """Leave a partial file of that many bytes behind."""
    site.faults.extend([-after, *[503] * 4])
    with pytest.raises(DownloadError):
        fetch(site, root)
    assert (root / "data.zip.part").stat().st_size == after
    site.requests.clear()


def test_the_file_and_its_digest_come(site: Site, tmp_path: Path) -> None:
    assert fetch(site, tmp_path / "new" / "folder", expected_md5=MD5.upper()) == MD5
    assert (tmp_path / "new" / "folder" / "data.zip").read_bytes() == CONTENT
    assert names(tmp_path / "new" / "folder") == ["data.zip"]


def test_without_an_expected_digest_the_measured_one_is_returned(site: Site, tmp_path: Path) -> None:
    site.content = b"PK changed by its publisher"
    assert fetch(site, tmp_path, expected_md5=None) == hashlib.md5(site.content).hexdigest()


def test_a_target_that_is_right_is_not_asked_for_again(site: Site, tmp_path: Path) -> None:
    fetch(site, tmp_path)
    assert fetch(site, tmp_path) == MD5
    assert len(site.requests) == 1


def test_a_target_that_is_wrong_is_replaced(site: Site, tmp_path: Path) -> None:
    (tmp_path / "data.zip").write_bytes(b"old")
    fetch(site, tmp_path)
    assert (tmp_path / "data.zip").read_bytes() == CONTENT


def test_a_cut_connection_goes_on_with_the_rest(site: Site, tmp_path: Path) -> None:
    site.faults.append(-300_000)
    assert fetch(site, tmp_path) == MD5
    assert site.asked_ranges == [None, "bytes=300000-"]
    assert site.requests[1]["If-Range"] == '"v1"'


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(min_size=8, max_size=400), cuts=st.lists(st.integers(1, 150), max_size=4))
def test_however_it_is_cut_every_byte_comes_once(
    site: Site, tmp_path_factory: pytest.TempPathFactory, content: bytes, cuts: list[int]
) -> None:
    root = tmp_path_factory.mktemp("cuts")
    content = b"PK" + content  # lest it begin like a web page
    site.content, site.faults = content, deque(-cut for cut in cuts)
    site.requests.clear()
    fetch(site, root, expected_md5=hashlib.md5(content).hexdigest())
    assert (root / "data.zip").read_bytes() == content
    starts = [sum(cuts[:n]) for n in range(len(cuts) + 1) if sum(cuts[:n]) < len(content)]
    assert site.asked_ranges == [f"bytes={start}-" if start else None for start in starts]


def test_a_later_call_goes_on_where_an_earlier_one_failed(site: Site, tmp_path: Path) -> None:
    interrupted(site, tmp_path)
    assert fetch(site, tmp_path) == MD5
    assert site.asked_ranges == ["bytes=1000-"]
    assert names(tmp_path) == ["data.zip"]


def test_a_changed_file_begins_anew(site: Site, tmp_path: Path) -> None:
    interrupted(site, tmp_path)
    site.headers, site.content = {"ETag": '"v2"'}, CONTENT[::-1]
    fetch(site, tmp_path, expected_md5=None)
    assert site.asked_ranges == ["bytes=1000-"]
    assert (tmp_path / "data.zip").read_bytes() == CONTENT[::-1]


def test_versions_are_not_mixed_by_a_server_that_ignores_if_range(site: Site, tmp_path: Path) -> None:
    interrupted(site, tmp_path)
    site.headers, site.content, site.honours_if_range = {"ETag": '"v2"'}, CONTENT[::-1], False
    fetch(site, tmp_path, expected_md5=None)
    assert site.asked_ranges == ["bytes=1000-", None]
    assert (tmp_path / "data.zip").read_bytes() == CONTENT[::-1]


def test_a_server_without_ranges_begins_anew(site: Site, tmp_path: Path) -> None:
    interrupted(site, tmp_path)
    site.ranges = False
    assert fetch(site, tmp_path) == MD5


def test_another_address_begins_anew(site: Site, tmp_path: Path) -> None:
    interrupted(site, tmp_path)
    assert fetch(site, tmp_path, url=f"{site.address}/mirror.zip") == MD5
    assert site.asked_ranges == [None]


VALIDATORS: dict[str, tuple[dict[str, str], str | None]] = {
    "date": ({"Last-Modified": "Wed, 26 Sep 2018 16:50:12 GMT"}, "Wed, 26 Sep 2018 16:50:12 GMT"),
    "strong tag first": ({"ETag": '"v1"', "Last-Modified": "Wed, 26 Sep 2018 16:50:12 GMT"}, '"v1"'),
    "weak tag": (
        {"ETag": 'W/"v1"', "Last-Modified": "Wed, 26 Sep 2018 16:50:12 GMT"},
        "Wed, 26 Sep 2018 16:50:12 GMT",
    ),
    "weak tag alone": ({"ETag": 'W/"v1"'}, None),
    "none": ({}, None),
}


@pytest.mark.parametrize(("headers", "validator"), VALIDATORS.values(), ids=VALIDATORS)
def test_only_what_names_the_bytes_lets_them_be_kept(
    site: Site, tmp_path: Path, headers: dict[str, str], validator: str | None
) -> None:
    site.headers = headers
    interrupted(site, tmp_path)
    assert fetch(site, tmp_path) == MD5
    assert site.requests[0].get("If-Range") == validator
    assert site.asked_ranges == ["bytes=1000-" if validator else None]


def test_a_process_killed_before_the_rename_asks_for_no_byte_twice(site: Site, tmp_path: Path) -> None:
    interrupted(site, tmp_path)
    (tmp_path / "data.zip.part").write_bytes(CONTENT)
    assert fetch(site, tmp_path) == MD5
    assert site.asked_ranges == [f"bytes={len(CONTENT)}-"]


def test_a_partial_file_longer_than_the_file_begins_anew(site: Site, tmp_path: Path) -> None:
    interrupted(site, tmp_path)
    (tmp_path / "data.zip.part").write_bytes(CONTENT + b"more")
    assert fetch(site, tmp_path) == MD5
    assert site.asked_ranges == [f"bytes={len(CONTENT) + 4}-", None]


def test_passing_failures_are_tried_again_ever_later(site: Site, tmp_path: Path) -> None:
    delays_s: list[float] = []
    site.faults.extend([500, 503, 429, -5])
    assert fetch(site, tmp_path, sleep=delays_s.append) == MD5
    assert delays_s == [1.0, 2.0, 4.0, 8.0]


def test_after_five_failures_the_last_is_told_and_the_bytes_are_kept(site: Site, tmp_path: Path) -> None:
    site.faults.extend([-1000, 503, 503, 503, 503])
    with pytest.raises(
        DownloadError, match=r"failed 5 times, at last: the server answered 503 .*; 1,000 bytes are kept"
    ):
        fetch(site, tmp_path)
    assert names(tmp_path) == ["data.zip.part", "data.zip.part.version"]


def test_a_refusal_is_not_tried_again(site: Site, tmp_path: Path) -> None:
    site.faults.append(404)
    with pytest.raises(DownloadError, match="404 Not Found"):
        fetch(site, tmp_path)
    assert len(site.requests) == 1
    assert names(tmp_path) == []


def test_a_server_that_is_away_is_tried_five_times(site: Site, tmp_path: Path) -> None:
    delays_s: list[float] = []
    with pytest.raises(DownloadError, match=r"failed 5 times, at last: .*refused"):
        fetch(site, tmp_path, url="http://127.0.0.1:1/data.zip", sleep=delays_s.append)
    assert len(delays_s) == 4
    assert names(tmp_path) == []


def test_a_silent_server_is_given_up(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    woken = threading.Event()
    monkeypatch.setattr(Handler, "do_GET", lambda self: woken.wait(5))
    with pytest.raises(DownloadError, match="timed out"):
        fetch(site, tmp_path, timeout_s=0.02)
    woken.set()


@pytest.mark.parametrize("content_type", ["text/html; charset=utf-8", "application/zip"])
def test_a_web_page_is_not_the_file(site: Site, tmp_path: Path, content_type: str) -> None:
    interrupted(site, tmp_path)
    site.content = b"\n <!DOCTYPE html><title>Sign in</title>"
    site.headers = {"ETag": '"page"', "Content-Type": content_type}
    with pytest.raises(DownloadError, match=r"a web page came .*DOCTYPE html"):
        fetch(site, tmp_path, expected_md5=None)
    assert (tmp_path / "data.zip.part").read_bytes() == CONTENT[:1000]


@pytest.mark.parametrize("announces_length", [True, False])
def test_a_file_over_the_cap_is_refused(site: Site, tmp_path: Path, announces_length: bool) -> None:
    site.announces_length = announces_length
    received: list[int] = []
    with pytest.raises(SizeLimitError, match=f"more than the {len(CONTENT) - 1:,} allowed"):
        fetch(site, tmp_path, max_bytes=len(CONTENT) - 1, progress=lambda count, _: received.append(count))
    assert (received == []) is announces_length and all(count < len(CONTENT) for count in received)
    assert names(tmp_path) == []


def test_a_file_of_just_the_cap_without_a_length_comes(site: Site, tmp_path: Path) -> None:
    site.announces_length = False
    assert fetch(site, tmp_path, max_bytes=len(CONTENT)) == MD5


def test_an_empty_answer_is_a_failure(site: Site, tmp_path: Path) -> None:
    site.content = b""
    with pytest.raises(DownloadError, match="after 0 of unknown bytes"):
        fetch(site, tmp_path, expected_md5=None)
    assert names(tmp_path) == []


def test_a_wrong_digest_leaves_the_target_and_nothing_else(site: Site, tmp_path: Path) -> None:
    (tmp_path / "data.zip").write_bytes(b"last good file")
    wrong = "0" * 32
    with pytest.raises(ChecksumError, match=rf"expected {wrong}, measured {MD5} \({len(CONTENT):,} bytes"):
        fetch(site, tmp_path, expected_md5=wrong)
    assert names(tmp_path) == ["data.zip"]
    assert (tmp_path / "data.zip").read_bytes() == b"last good file"


@pytest.mark.parametrize(
    "url", ["file:///etc/hostname", "ftp://host/a.zip", "data:,a", "a.zip", "http:///a.zip"]
)
def test_only_web_addresses_are_fetched(tmp_path: Path, url: str) -> None:
    with pytest.raises(DownloadError, match="no http or https address"):
        fetch(Site(), tmp_path, url=url)
    assert names(tmp_path) == []


def test_a_redirect_within_http_is_followed_with_the_range(site: Site, tmp_path: Path) -> None:
    site.redirect_to = site.url
    site.faults.extend([0, -1000])
    assert fetch(site, tmp_path, url=f"{site.address}/moved") == MD5
    assert site.asked_ranges == [None, None, "bytes=1000-", "bytes=1000-"]


@pytest.mark.parametrize("redirect_to", ["file:///etc/hostname", "ftp://127.0.0.1/a.zip"])
def test_a_redirect_to_another_scheme_is_refused(site: Site, tmp_path: Path, redirect_to: str) -> None:
    site.redirect_to = redirect_to
    with pytest.raises(DownloadError, match=f"302 .*{redirect_to}"):
        fetch(site, tmp_path, url=f"{site.address}/moved")
    assert len(site.requests) == 1


def test_a_redirect_from_https_to_http_is_refused() -> None:
    secure = Request("https://host/a.zip")
    with pytest.raises(HTTPError, match=r"to http://host/a\.zip, which is refused"), BytesIO() as body:
        _SafeRedirects().redirect_request(secure, body, 302, "Found", HTTPMessage(), "http://host/a.zip")


def test_progress_counts_the_resumed_bytes(site: Site, tmp_path: Path) -> None:
    interrupted(site, tmp_path)
    reports: list[tuple[int, int | None]] = []
    fetch(site, tmp_path, progress=lambda received, total: reports.append((received, total)))
    received = [count for count, _ in reports]
    assert received == sorted(set(received)) and received[0] > 1000 and received[-1] == len(CONTENT)
    assert {total for _, total in reports} == {len(CONTENT)}


def test_two_processes_do_not_write_one_file(site: Site, tmp_path: Path) -> None:
    with (tmp_path / "data.zip.part").open("ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(DownloadError, match="another process is fetching"):
            fetch(site, tmp_path)
    assert site.requests == []
    assert fetch(site, tmp_path) == MD5


def test_the_target_is_not_written_while_bytes_arrive(site: Site, tmp_path: Path) -> None:
    (tmp_path / "data.zip").write_bytes(b"last good file")
    seen: list[bytes] = []
    fetch(site, tmp_path, progress=lambda *_: seen.append((tmp_path / "data.zip").read_bytes()))
    assert set(seen) == {b"last good file"}
    assert (tmp_path / "data.zip").read_bytes() == CONTENT


def test_the_disk_s_errors_are_not_taken_for_the_network_s(site: Site, tmp_path: Path) -> None:
    def fail(received: int, total: int | None) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        fetch(site, tmp_path, progress=fail)
    assert len(site.requests) == 1
