"""What leaves an archive: the named files, byte for byte, or nothing."""

from __future__ import annotations

import hashlib
import io
import re
import stat
import struct
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys_assets.storage import archives
from recsys_assets.storage.archives import (
    ArchiveError,
    ChecksumError,
    DamagedArchiveError,
    ExtractedFile,
    MissingMemberError,
    SizeLimitError,
    UnsafeArchiveError,
    extract,
    sha256_of,
    verify,
)

RATINGS = b"userId,movieId,rating,timestamp\n" + b"".join(
    b"%d,%d,4.0,%d\n" % (n, n * 7 % 31, n**3) for n in range(500)
)
CONTENTS = {
    "ml/ratings.csv": RATINGS,
    "ml/movies.csv": b"movieId,title,genres\n1,A,Drama\n",
    "ml/README": b"",
}
NAMES = list(CONTENTS)
TOTAL_BYTES = sum(map(len, CONTENTS.values()))


def zip_bytes(contents: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as zipped:
        for name, content in contents.items():
            zipped.writestr(name, content)
    return buffer.getvalue()


def take(packed: bytes, root: Path, members: list[str], **options: Any) -> list[ExtractedFile]:
    archive = root / "data.zip"
    archive.write_bytes(packed)
    return extract(archive, root / "out", members, **{"max_bytes": 10**7, "max_ratio": 200.0} | options)


def entry(name: str, **attributes: Any) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    for attribute, value in attributes.items():
        setattr(info, attribute, value)
    return info


def zip_with(info: zipfile.ZipInfo, content: bytes = b"x") -> bytes:
    """The honest archive with one entry more."""
    buffer = io.BytesIO(zip_bytes(CONTENTS))
    with zipfile.ZipFile(buffer, "a") as zipped:
        zipped.writestr(info, content)
    return buffer.getvalue()


def patched(packed: bytes, name: str, offset: int, value: bytes) -> bytes:
    """Overwrite bytes of an entry in the central directory."""
    start = packed.rindex(name.encode()) - 46
    assert packed[start : start + 4] == b"PK\x01\x02"
    return packed[: start + offset] + value + packed[start + offset + len(value) :]


file_names = st.text("abcdefgäé .-_0123456789", min_size=1, max_size=12).filter(lambda name: name.strip(". "))


@settings(max_examples=60, deadline=None)
@given(
    contents=st.dictionaries(file_names, st.binary(max_size=3000), min_size=1, max_size=5),
    method=st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]),
)
def test_what_goes_into_a_zip_comes_out(
    tmp_path_factory: pytest.TempPathFactory, contents: dict[str, bytes], method: int
) -> None:
    root = tmp_path_factory.mktemp("roundtrip")
    packed = zip_bytes({f"top/{name}": content for name, content in contents.items()}, method)
    files = take(packed, root, [f"top/{name}" for name in contents], max_ratio=1100.0)
    assert {file.path.name: file.path.read_bytes() for file in files} == contents
    for file in files:
        assert file.name == f"top/{file.path.name}"
        assert file.size_bytes == len(contents[file.path.name])
        assert file.sha256 == sha256_of(file.path) == hashlib.sha256(contents[file.path.name]).hexdigest()


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_changed_bytes_never_come_out(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    root = tmp_path_factory.mktemp("changed")
    packed = bytearray(zip_bytes(CONTENTS))
    for _ in range(data.draw(st.integers(1, 4))):
        packed[data.draw(st.integers(0, len(packed) - 1))] = data.draw(st.integers(0, 255))
    try:
        files = take(bytes(packed), root, NAMES)
    except ArchiveError:
        assert not (root / "out").exists()
    else:
        assert {file.name: file.path.read_bytes() for file in files} == CONTENTS


@settings(max_examples=60, deadline=None)
@given(length=st.integers(0, len(zip_bytes(CONTENTS)) - 1))
def test_a_truncated_archive_is_damaged(tmp_path_factory: pytest.TempPathFactory, length: int) -> None:
    root = tmp_path_factory.mktemp("truncated")
    with pytest.raises(DamagedArchiveError, match=rf"data.zip \({length:,} bytes\) is not a whole zip"):
        take(zip_bytes(CONTENTS)[:length], root, NAMES)


def test_zipping_again_changes_the_archive_and_no_member(tmp_path: Path) -> None:
    deflated = zip_bytes(CONTENTS)
    stored = zip_bytes(dict(reversed(CONTENTS.items())), zipfile.ZIP_STORED)
    assert hashlib.sha256(deflated).digest() != hashlib.sha256(stored).digest()
    first = {file.name: file.sha256 for file in take(deflated, tmp_path, NAMES)}
    assert {file.name: file.sha256 for file in take(stored, tmp_path, NAMES)} == first


def test_only_named_members_leave_the_archive(tmp_path: Path) -> None:
    take(zip_bytes(CONTENTS), tmp_path, ["ml/movies.csv"])
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["movies.csv"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data.zip", "out"]


def test_files_come_in_the_order_asked_for(tmp_path: Path) -> None:
    asked = ["ml/movies.csv", "ml/ratings.csv"]
    files = take(zip_bytes(CONTENTS), tmp_path, asked, optional=["ml/links.csv", "ml/README"])
    assert [file.name for file in files] == [*asked, "ml/README"]


def test_a_missing_member_is_named_with_what_is_there(tmp_path: Path) -> None:
    with pytest.raises(MissingMemberError, match=r"no ml/links.csv \(it has ml/ratings.csv, ml/movies.csv"):
        take(zip_bytes(CONTENTS), tmp_path, ["ml/links.csv"])


def test_a_folder_is_no_member(tmp_path: Path) -> None:
    with pytest.raises(MissingMemberError, match="has no ml/data/"):
        take(zip_with(entry("ml/data/"), b""), tmp_path, ["ml/data/"])


@pytest.mark.parametrize("members", [["a/x.csv", "b/x.csv"], ["a/x.csv", "a/x.csv"], [""], ["a/.."]])
def test_wanted_members_need_distinct_file_names(tmp_path: Path, members: list[str]) -> None:
    with pytest.raises(ValueError, match="distinct file names"):
        take(zip_bytes(CONTENTS), tmp_path, members)


UNSAFE = {
    "parent": (entry("../evil.csv"), "escaping name"),
    "parent inside": (entry("ml/../../evil.csv"), "escaping name"),
    "backslash": (entry("ml\\..\\evil.csv"), "escaping name"),
    "absolute": (entry("/etc/evil.csv"), "absolute"),
    "network share": (entry("\\\\host\\evil.csv"), "absolute"),
    "drive": (entry("C:evil.csv"), "absolute"),
    "link": (entry("ml/link.csv", external_attr=(stat.S_IFLNK | 0o777) << 16), "is a link"),
    "pipe": (entry("ml/pipe.csv", external_attr=(stat.S_IFIFO | 0o777) << 16), "is a link or a device"),
    "bzip2": (entry("ml/packed.csv", compress_type=zipfile.ZIP_BZIP2), "method 12"),
    "lzma": (entry("ml/packed.csv", compress_type=zipfile.ZIP_LZMA), "method 14"),
}


@pytest.mark.parametrize(("info", "fault"), UNSAFE.values(), ids=UNSAFE)
@pytest.mark.parametrize("named", [True, False])
def test_one_hostile_entry_refuses_the_archive(
    tmp_path: Path, info: zipfile.ZipInfo, fault: str, named: bool
) -> None:
    members = [info.filename] if named else ["ml/ratings.csv"]
    with pytest.raises(UnsafeArchiveError, match=fault) as caught:
        take(zip_with(info), tmp_path, members)
    assert repr(info.filename) in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["data.zip"]


def test_an_encrypted_entry_is_refused(tmp_path: Path) -> None:
    packed = patched(zip_bytes(CONTENTS), "ml/movies.csv", 8, b"\x01\x00")
    with pytest.raises(UnsafeArchiveError, match=r"'ml/movies\.csv' is encrypted"):
        take(packed, tmp_path, NAMES)


def test_a_name_cut_by_a_zero_byte_is_refused(tmp_path: Path) -> None:
    packed = zip_bytes({"ml/ratings.csvXexe": b"1"}).replace(b"csvXexe", b"csv\0exe")
    with pytest.raises(UnsafeArchiveError, match="escaping name"):
        take(packed, tmp_path, ["ml/ratings.csv"])


def test_an_entry_without_a_name_is_refused(tmp_path: Path) -> None:
    no_name = struct.pack("<HH", 0, 3)  # its three letters count as extra field
    with pytest.raises(UnsafeArchiveError, match="entry '' has an empty"):
        take(patched(zip_with(entry("abc")), "abc", 28, no_name), tmp_path, ["ml/ratings.csv"])


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_stands_twice_is_ambiguous(tmp_path: Path) -> None:
    with pytest.raises(UnsafeArchiveError, match=r"holds ml/movies.csv 2 times"):
        take(zip_with(entry("ml/movies.csv")), tmp_path, ["ml/movies.csv"])


def test_entries_that_share_bytes_are_refused(tmp_path: Path) -> None:
    packed = zip_bytes({"ml/a.csv": b"A" * 9000, "ml/b.csv": b"A" * 9000})
    with zipfile.ZipFile(io.BytesIO(packed)) as zipped:
        offset = zipped.getinfo("ml/a.csv").header_offset
    same_data = patched(packed, "ml/b.csv", 42, struct.pack("<I", offset))
    with pytest.raises(UnsafeArchiveError, match="entries overlap"):
        take(same_data, tmp_path, ["ml/a.csv"])


def test_an_entry_that_quotes_the_next_one_is_refused(tmp_path: Path) -> None:
    packed = zip_bytes({"ml/a.csv": b"1", "ml/b.csv": b"2"}, zipfile.ZIP_STORED)
    quoting = patched(packed, "ml/a.csv", 20, struct.pack("<I", 20))
    with pytest.raises(
        UnsafeArchiveError, match="entries overlap, one ends at byte 58, the next begins at 39"
    ):
        take(quoting, tmp_path, ["ml/b.csv"])


def test_an_entry_that_reaches_into_the_directory_is_refused(tmp_path: Path) -> None:
    packed = zip_bytes({"ml/a.csv": b"1"}, zipfile.ZIP_STORED)
    with pytest.raises(UnsafeArchiveError, match="entries overlap"):
        take(patched(packed, "ml/a.csv", 20, struct.pack("<I", 5)), tmp_path, ["ml/a.csv"])


def test_bytes_in_front_of_an_archive_do_no_harm(tmp_path: Path) -> None:
    [file] = take(b"#!/bin/sh\n" + zip_bytes(CONTENTS), tmp_path, ["ml/ratings.csv"])
    assert file.path.read_bytes() == RATINGS


def test_a_bomb_is_stopped_by_its_ratio(tmp_path: Path) -> None:
    bomb = zip_bytes({"ml/ratings.csv": bytes(20_000_000)})
    assert 20_000_000 / len(bomb) > 1000
    with pytest.raises(SizeLimitError, match="over 200 times as much"):
        take(bomb, tmp_path, ["ml/ratings.csv"], max_bytes=10**9)
    assert [path.name for path in tmp_path.iterdir()] == ["data.zip"]


@pytest.mark.parametrize(("max_bytes", "fits"), [(TOTAL_BYTES, True), (TOTAL_BYTES - 1, False)])
def test_the_cap_is_on_the_sum_of_real_bytes(tmp_path: Path, max_bytes: int, fits: bool) -> None:
    if fits:
        files = take(zip_bytes(CONTENTS), tmp_path, NAMES, max_bytes=max_bytes)
        assert sum(file.size_bytes for file in files) == max_bytes
    else:
        with pytest.raises(SizeLimitError, match=f"exceed {max_bytes:,} bytes"):
            take(zip_bytes(CONTENTS), tmp_path, NAMES, max_bytes=max_bytes)


def test_a_header_that_understates_the_size_gives_no_short_file(tmp_path: Path) -> None:
    understated = patched(zip_bytes(CONTENTS), "ml/ratings.csv", 24, struct.pack("<I", 10))
    with pytest.raises(DamagedArchiveError, match=r"ml/ratings.csv: .*CRC"):
        take(understated, tmp_path, ["ml/ratings.csv"])


def test_a_flipped_byte_fails_the_crc(tmp_path: Path) -> None:
    packed = zip_bytes(CONTENTS, zipfile.ZIP_STORED).replace(b"1,A,Drama", b"2,A,Drama")
    with pytest.raises(DamagedArchiveError, match=r"ml/movies.csv: .*CRC.*download it again"):
        take(packed, tmp_path, ["ml/movies.csv"])


def test_a_web_page_is_no_archive(tmp_path: Path) -> None:
    with pytest.raises(DamagedArchiveError, match="not a whole zip archive"):
        take(b"<!doctype html><title>Sign in</title>" * 10, tmp_path, NAMES)


FAILURES: dict[str, Callable[[Path], object]] = {
    "crc": lambda root: take(zip_bytes(CONTENTS)[:-1], root, NAMES),
    "size": lambda root: take(zip_bytes(CONTENTS), root, NAMES, max_bytes=100),
    "missing": lambda root: take(zip_bytes(CONTENTS), root, [*NAMES, "ml/none.csv"]),
    "digest": lambda root: take(
        zip_bytes(CONTENTS), root, NAMES, expected_sha256={"ml/movies.csv": "0" * 64}
    ),
}


@pytest.mark.parametrize("fail", FAILURES.values(), ids=FAILURES)
def test_a_refused_archive_leaves_the_last_good_files(tmp_path: Path, fail: Callable[[Path], object]) -> None:
    earlier = {name: content + b"earlier" for name, content in CONTENTS.items()}
    files = take(zip_bytes(earlier), tmp_path, NAMES)
    with pytest.raises(ArchiveError):
        fail(tmp_path)
    assert {file.name: file.path.read_bytes() for file in files} == earlier
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data.zip", "out"]


def test_a_link_in_the_folder_is_replaced_and_not_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.csv"
    elsewhere.write_bytes(b"untouched")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "movies.csv").symlink_to(elsewhere)
    [file] = take(zip_bytes(CONTENTS), tmp_path, ["ml/movies.csv"])
    assert elsewhere.read_bytes() == b"untouched"
    assert file.path.read_bytes() == CONTENTS["ml/movies.csv"] and not file.path.is_symlink()


def test_verify_compares_whatever_the_case(tmp_path: Path) -> None:
    files = take(zip_bytes(CONTENTS), tmp_path, NAMES)
    verify(files, {file.name: file.sha256.upper() for file in files})
    wrong = "0" * 64
    with pytest.raises(
        ChecksumError, match=rf"ml/README: SHA-256 expected {wrong}, measured {sha256_of(files[2].path)}"
    ):
        verify(files, {files[0].name: files[0].sha256, files[2].name: wrong})


def test_verify_refuses_a_digest_without_a_file(tmp_path: Path) -> None:
    files = take(zip_bytes(CONTENTS), tmp_path, NAMES)
    with pytest.raises(MissingMemberError, match=r"ml/rating\.csv"):
        verify(files, {"ml/rating.csv": "0" * 64})


def test_every_error_is_exported_and_drawn_in_the_tree() -> None:
    errors = {
        name
        for name, value in vars(archives).items()
        if isinstance(value, type) and issubclass(value, ArchiveError)
    }
    assert errors <= set(archives.__all__)
    assert errors == set(re.findall(r"\b\w+Error\b", archives.__doc__ or ""))
