"""Take named files out of a zip archive that nobody vouches for.

Data sets come from the network and from people's disks, so an archive is hostile until shown otherwise:
only files that the caller names leave it, every byte is counted as it is written, and the folder changes
only when all is well.

Errors, which `recsys_assets.storage.download` shares::

    ArchiveError
    ├── DownloadError          the server refused, answered something else, or failed too often
    ├── ChecksumError          the bytes are not the expected ones
    ├── SizeLimitError         larger than allowed, packed or unpacked
    ├── DamagedArchiveError    not a zip, cut short, or bytes flipped
    ├── UnsafeArchiveError     empty or escaping names, links, encryption, overlapping or repeated entries
    └── MissingMemberError     a named file is not inside
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import struct
import tempfile
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import BinaryIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

__all__ = [
    "ArchiveError",
    "ChecksumError",
    "DamagedArchiveError",
    "DownloadError",
    "ExtractedFile",
    "MissingMemberError",
    "SizeLimitError",
    "UnsafeArchiveError",
    "extract",
    "sha256_of",
    "verify",
]

_CHUNK_BYTES = 1 << 18
_ENCRYPTED = 0x1 | 0x40
_LOCAL_HEADER_BYTES = 30
# What zipfile lets through on crafted bytes, beside its own BadZipFile.
_DAMAGE = (BadZipFile, EOFError, NotImplementedError, ValueError, OSError, struct.error, zlib.error)


class ArchiveError(Exception):
    """A data set's archive could not be fetched, trusted or unpacked."""


class DownloadError(ArchiveError):
    """The server refused, answered something else than the file, or failed too often."""


class ChecksumError(ArchiveError):
    """The bytes are not the expected ones."""


class SizeLimitError(ArchiveError):
    """The file is larger than allowed, packed or unpacked."""


class DamagedArchiveError(ArchiveError):
    """The file is not a zip archive, was cut short, or its bytes were changed."""


class UnsafeArchiveError(ArchiveError):
    """The archive holds an entry that no honest archive of data needs."""


class MissingMemberError(ArchiveError):
    """A file that the caller named is not in the archive."""


@dataclass(frozen=True)
class ExtractedFile:
    """A file taken out of an archive.

    Attributes
    ----------
    name : the path inside the archive, such as ``ml-100k/u.data``
    path : where it stands now
    sha256 : hexadecimal, lower case; equal for equal contents however they were zipped
    """

    name: str
    path: Path
    size_bytes: int
    sha256: str


def extract(
    archive: Path,
    folder: Path,
    members: Sequence[str],
    *,
    max_bytes: int,
    max_ratio: float,
    optional: Sequence[str] = (),
    expected_sha256: Mapping[str, str] | None = None,
) -> list[ExtractedFile]:
    """Take the named files out of a zip archive into a folder, without their paths.

    All files are written, counted and checked in a temporary folder beside ``folder`` and moved at the end,
    each by one atomic rename: an archive that is refused, and a process that is killed, leave the last good
    files. One hostile entry refuses the whole archive, even if it is not among the named ones.

    Parameters
    ----------
    members : paths inside the archive that must be there
    max_bytes : cap on the unpacked sum, counted while writing (headers may lie)
    max_ratio : cap on unpacked / packed size of one member; deflate itself ends at 1032
    optional : paths inside the archive that are taken where they exist
    expected_sha256 : digests by path inside the archive, as `verify` takes them

    Returns
    -------
    the files in the order of ``members``, then ``optional``

    Raises
    ------
    ValueError
        If two wanted paths end in the same file name, or one ends in none.
    ArchiveError
        One of its kinds; nothing in ``folder`` has changed then.
    """
    wanted = [*members, *optional]
    _require_distinct_file_names(wanted)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (
        archive.open("rb") as stream,
        _open_zip(archive, stream) as zipped,
        tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as staging,
    ):
        _refuse_unsafe(archive, stream, zipped)
        present = _select(archive, zipped, wanted, required=members)
        files = _unpack(zipped, present, Path(staging), max_bytes=max_bytes, max_ratio=max_ratio)
        verify(files, expected_sha256 or {})
        folder.mkdir(exist_ok=True)
        return [_move(file, folder) for file in files]


def sha256_of(path: Path) -> str:
    """Return the file's SHA-256, hexadecimal, lower case."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def verify(files: Sequence[ExtractedFile], expected: Mapping[str, str]) -> None:
    """Compare digests with the expected ones; files that nothing is expected of pass.

    Parameters
    ----------
    expected : SHA-256 by path inside the archive, hexadecimal

    Raises
    ------
    ChecksumError
        For the first file that differs, with both digests.
    MissingMemberError
        If a digest is expected of a file that is not there: a misspelt name would otherwise check nothing.
    """
    by_name = {file.name: file for file in files}
    for name, digest in expected.items():
        if name not in by_name:
            raise MissingMemberError(
                f"{name}: a SHA-256 is expected, but the file was not extracted ({_listing(by_name)}); "
                "name it among the members, or drop its checksum"
            )
        if by_name[name].sha256 != digest.lower():
            raise ChecksumError(
                f"{name}: SHA-256 expected {digest.lower()}, measured {by_name[name].sha256} "
                f"({by_name[name].size_bytes:,} bytes); download the archive again, and if it differs again "
                "compare with the publisher's before changing the expected value"
            )


def _require_distinct_file_names(wanted: Sequence[str]) -> None:
    counts = Counter(PurePosixPath(name).name for name in wanted)
    for file_name, count in counts.items():
        if count > 1 or not file_name or file_name == "..":
            raise ValueError(
                f"{count} wanted member(s) would be written as {file_name!r}; "
                "name each file once, with distinct file names"
            )


def _open_zip(archive: Path, stream: BinaryIO) -> ZipFile:
    try:
        return ZipFile(stream)
    except _DAMAGE as error:
        raise DamagedArchiveError(
            f"{archive.name} ({archive.stat().st_size:,} bytes) is not a whole zip archive: {error}; "
            "delete it and download it again"
        ) from error


def _refuse_unsafe(archive: Path, stream: BinaryIO, zipped: ZipFile) -> None:
    for info in zipped.infolist():
        if fault := _fault(info):
            raise UnsafeArchiveError(
                f"{archive.name}: entry {info.orig_filename!r} {fault}; the whole archive is refused, "
                "take it from its publisher or pack the plain files again"
            )
    spans = sorted((info.header_offset, _end_offset(archive, stream, info)) for info in zipped.infolist())
    for (_, end), (start, _) in pairwise([*spans, (zipped.start_dir, zipped.start_dir)]):
        if end > start:
            raise UnsafeArchiveError(
                f"{archive.name}: entries overlap, one ends at byte {end:,}, the next begins at {start:,}; "
                "archives that share bytes between entries unpack without bound, take another copy"
            )


def _fault(info: ZipInfo) -> str | None:
    name = info.orig_filename
    if not name or "\0" in name or re.match(r"[/\\]|[A-Za-z]:", name) or ".." in re.split(r"[/\\]", name):
        return "has an empty, absolute or escaping name"
    if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "is a link or a device, not a file"
    if info.flag_bits & _ENCRYPTED:
        return "is encrypted"
    # zipfile bounds its memory for these two only: 4 kB of bzip2 become 180 MB in one read.
    if info.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
        return f"is packed by method {info.compress_type}, neither stored (0) nor deflated (8)"
    return None


def _end_offset(archive: Path, stream: BinaryIO, info: ZipInfo) -> int:
    """Where the entry's packed bytes end; its local header may be longer than the directory says."""
    stream.seek(max(info.header_offset, 0))
    header = stream.read(_LOCAL_HEADER_BYTES)
    if info.header_offset < 0 or len(header) < _LOCAL_HEADER_BYTES:
        raise DamagedArchiveError(
            f"{archive.name}: entry {info.filename!r} begins at byte {info.header_offset:,}, outside of the "
            f"{archive.stat().st_size:,} bytes; delete the archive and download it again"
        )
    variable_bytes: int = sum(struct.unpack("<HH", header[26:30]))  # the name's length and the extra field's
    return info.header_offset + _LOCAL_HEADER_BYTES + variable_bytes + info.compress_size


def _select(
    archive: Path, zipped: ZipFile, wanted: Sequence[str], *, required: Sequence[str]
) -> list[ZipInfo]:
    counts = Counter(info.filename for info in zipped.infolist() if not info.is_dir())
    for name in wanted:
        if counts[name] > 1:
            raise UnsafeArchiveError(
                f"{archive.name} holds {name} {counts[name]} times; pack it again with one file of that name"
            )
        if not counts[name] and name in required:
            raise MissingMemberError(
                f"{archive.name} has no {name} ({_listing(counts)}); "
                "is it the archive of another data set, or packed with other folders?"
            )
    return [zipped.getinfo(name) for name in wanted if counts[name]]


def _listing(names: Mapping[str, object], n_shown: int = 10) -> str:
    shown = ", ".join(list(names)[:n_shown]) or "no files"
    return f"it has {shown}" + (f" and {len(names) - n_shown} more" if len(names) > n_shown else "")


def _unpack(
    zipped: ZipFile, infos: Sequence[ZipInfo], staging: Path, *, max_bytes: int, max_ratio: float
) -> list[ExtractedFile]:
    files: list[ExtractedFile] = []
    for info in infos:
        room = max_bytes - sum(file.size_bytes for file in files)
        chunks = _limited(_chunks(zipped, info), info, room=room, max_bytes=max_bytes, max_ratio=max_ratio)
        files.append(_write(chunks, info.filename, staging / PurePosixPath(info.filename).name))
    return files


def _limited(
    chunks: Iterator[bytes], info: ZipInfo, *, room: int, max_bytes: int, max_ratio: float
) -> Iterator[bytes]:
    size_bytes = 0
    for chunk in chunks:
        size_bytes += len(chunk)
        if size_bytes > room:
            raise SizeLimitError(
                f"{info.filename}: the unpacked files exceed {max_bytes:,} bytes (its header says "
                f"{info.file_size:,}); raise max_bytes if the data set is known to be that large"
            )
        if size_bytes > max_ratio * info.compress_size:
            raise SizeLimitError(
                f"{info.filename}: {info.compress_size:,} packed bytes unpack to over {max_ratio:g} times "
                "as much; raise max_ratio if the file is known to be that repetitive"
            )
        yield chunk


def _chunks(zipped: ZipFile, info: ZipInfo) -> Iterator[bytes]:
    try:
        with zipped.open(info) as source:
            while chunk := source.read(_CHUNK_BYTES):
                yield chunk
    except _DAMAGE as error:
        raise DamagedArchiveError(
            f"{info.filename}: its packed bytes are damaged: {error}; "
            "delete the archive and download it again"
        ) from error


def _write(chunks: Iterator[bytes], name: str, path: Path) -> ExtractedFile:
    digest = hashlib.sha256()
    with path.open("wb") as target:
        for chunk in chunks:
            target.write(chunk)
            digest.update(chunk)
        size_bytes = target.tell()
        target.flush()
        os.fsync(target.fileno())
    return ExtractedFile(name, path, size_bytes, digest.hexdigest())


def _move(file: ExtractedFile, folder: Path) -> ExtractedFile:
    return replace(file, path=file.path.replace(folder / file.path.name))
