"""The raw files of a data set: fetched, copied or cut from another's, into ``<data>/raw/<name>/``, with a manifest.

The manifest says of each file its size, digest and whether that digest is a known one, and of the whole from which
state of the source it was made, so that an unchanged source is not fetched again.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence, Set
from dataclasses import asdict, dataclass
from pathlib import Path

import duckdb

from recsys_assets.registry import DatasetSpec, Registry
from recsys_assets.storage.archives import extract, sha256_of
from recsys_assets.storage.download import download
from recsys_assets.storage.files import copy_atomically, locked, sweep_staged, write_atomically
from recsys_assets.storage.forgetting import Forgotten, archive_names, drop_lines
from recsys_assets.storage.layouts import CATALOGUE_FILES, LAYOUTS
from recsys_assets.storage.loading import FileToRead, load_table
from recsys_assets.storage.warehouse import replace_tables

__all__ = ["Manifest", "RawFile", "RawFiles"]

MAX_ARCHIVE_BYTES = 2 << 30
MAX_UNPACKED_BYTES = 8 << 30
MAX_RATIO = 100.0
TIMEOUT_S = 60.0

Progress = Callable[[int, int | None], None]


@dataclass(frozen=True)
class RawFile:
    """One file as it stands in the raw folder."""

    name: str
    size_bytes: int
    sha256: str
    trusted: bool


@dataclass(frozen=True)
class Manifest:
    """What stands in a raw folder, from which state of the source it was made, and without which forgotten users."""

    source_state: str
    files: tuple[RawFile, ...]
    forgotten: str = ""

    @property
    def digest(self) -> str:
        """Digest of the contents: equal files, equal digest, wherever they came from."""
        text = "".join(f"{file.name}:{file.sha256};" for file in self.files)
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


@dataclass(frozen=True)
class RawFiles:
    """The raw folders of all data sets.

    Parameters
    ----------
    data : the data folder
    archives : a folder whose archives are read instead of downloaded, or None
    """

    data: Path
    registry: Registry
    archives: Path | None

    def folder(self, name: str) -> Path:
        return self.data / "raw" / name

    def manifest(self, name: str) -> Manifest | None:
        """What was fetched last, or None where nothing was or a file of it is gone or of another size."""
        folder = self.folder(name)
        if not (folder / "manifest.json").is_file():
            return None
        content = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        files = tuple(RawFile(**file) for file in content["files"])
        for file in files:
            path = folder / file.name
            if not path.is_file() or path.stat().st_size != file.size_bytes:
                return None
        return Manifest(content["source_state"], files, content.get("forgotten", ""))

    def source_state(self, spec: DatasetSpec) -> str:
        """A text that changes with the source, its registry entry or its layout's files; a part for each origin."""
        source = spec.source
        wanted = [raw.file for raw in LAYOUTS[spec.layout]]
        registered = hashlib.blake2b(
            f"{spec.layout}{wanted}{source.model_dump_json()}".encode(), digest_size=8
        )
        at_hand = ""
        if source.folder:
            at_hand = ",".join(_stat(path) for path in self._files_in_folder(spec))
        elif source.archive and (local := self._local_archive(spec)):
            at_hand = _stat(local)
        own = f"{registered.hexdigest()}={at_hand}"
        return "|".join(
            [own, *(self.source_state(self.registry.entry(name)) for name in self._parents(spec))]
        )

    def unchanged(self, spec: DatasetSpec, manifest: Manifest) -> bool:
        """Whether the source is still what the files were made from.

        An archive that is not at hand now, because RECSYS_DATASETS isn't set, says nothing against files that were
        taken from it.
        """
        then, now = (state.split("|") for state in (manifest.source_state, self.source_state(spec)))
        return len(then) == len(now) and all(
            one == other or (other.endswith("=") and one.startswith(other))
            for one, other in zip(then, now, strict=True)
        )

    def download_of(self, spec: DatasetSpec) -> Path:
        """Where the data set's archive is downloaded to."""
        return self.data / "downloads" / str(spec.source.archive)

    def forgotten(self, name: str) -> Forgotten:
        """The users whom none of the data set's files may name."""
        return Forgotten(self.data, name)

    def about_users(self, spec: DatasetSpec) -> list[Path]:
        """The files at hand whose lines begin with a user's id."""
        return [path for name in _of_users(spec) if (path := self.folder(spec.name) / name).is_file()]

    def downloads_about(self, spec: DatasetSpec, user_ids: Set[int]) -> list[Path]:
        """The downloaded archive, where it is at hand and a file in it names one of these users."""
        path = self.download_of(spec)
        at_hand = bool(spec.source.archive) and path.is_file()
        return [path] if at_hand and archive_names(path, _of_users(spec), user_ids) else []

    def forget(self, spec: DatasetSpec) -> None:
        """Take what is about forgotten users out of the files at hand, at once.

        A subset is still to be cut anew: which movies it has may have hung on those users.
        """
        with locked(self.data / "raw" / f".{spec.name}.lock"):
            present = self.manifest(spec.name)
            if present:
                known = present.forgotten if spec.source.subset_of else None
                self._keep(spec, present.source_state, present.files, forgotten=known)
            for path in self.about_users(spec):
                drop_lines(path, self.forgotten(spec.name).ids())

    def acquire(self, spec: DatasetSpec, *, progress: Progress | None = None) -> Manifest:
        """Bring the data set's raw files into its folder, unless those of the same source state are there.

        Raises
        ------
        FileNotFoundError
            If a folder lacks a file that its layout needs, or an archive is neither at hand nor downloadable.
        ArchiveError
            If an archive can't be fetched, trusted or unpacked; the last good files stay then.
        """
        # Two subsets of one data set may ask for it at once, each holding its own data set's lock.
        with locked(self.data / "raw" / f".{spec.name}.lock"):
            return self._acquire(spec, progress)

    def _acquire(self, spec: DatasetSpec, progress: Progress | None) -> Manifest:
        sweep_staged(self.folder(spec.name))
        state = self.source_state(spec)
        present = self.manifest(spec.name)
        if present and self.unchanged(spec, present):
            if present.forgotten == self.forgotten(spec.name).state():
                return present
            if not spec.source.subset_of:
                return self._keep(spec, present.source_state, present.files)
        folder = self.folder(spec.name)
        folder.mkdir(parents=True, exist_ok=True)
        if spec.source.folder:
            files = self._copy(spec)
        elif spec.source.archive:
            files = self._unpack(spec, progress)
        else:
            files = self._cut(spec, progress)
        if spec.source.catalogue_of:
            own = [file for file in files if file.name not in CATALOGUE_FILES]
            files = own + self._borrow(spec, self.registry.entry(spec.source.catalogue_of), progress)
        return self._keep(spec, state, files)

    def _keep(
        self, spec: DatasetSpec, state: str, files: Sequence[RawFile], *, forgotten: str | None = None
    ) -> Manifest:
        """Write the manifest of files as they are without the lines of forgotten users."""
        users = self.forgotten(spec.name)
        left = tuple(self._without(spec, file, users.ids()) for file in files)
        manifest = Manifest(state, left, users.state() if forgotten is None else forgotten)
        write_atomically(self.folder(spec.name) / "manifest.json", json.dumps(asdict(manifest), indent=1))
        return manifest

    def _without(self, spec: DatasetSpec, file: RawFile, user_ids: Set[int]) -> RawFile:
        path = self.folder(spec.name) / file.name
        if file.name not in _of_users(spec) or not drop_lines(path, user_ids):
            return file
        # Lines left out of a file that is vouched for leave lines that are.
        return _raw_file(path, spec, trusted=file.trusted)

    def to_read(self, spec: DatasetSpec, table: str) -> list[FileToRead]:
        """The acquired files of one table: none where the layout has none or optional ones are missing."""
        manifest = self.manifest(spec.name)
        if manifest is None:
            raise FileNotFoundError(f"no raw files of {spec.name}: materialise raw_files first")
        folder = self.folder(spec.name)
        layout = {raw.file: raw for raw in LAYOUTS[spec.layout] if raw.table == table}
        return [
            FileToRead(folder / file.name, file.name, file.trusted, layout[file.name])
            for file in manifest.files
            if file.name in layout
        ]

    def _parents(self, spec: DatasetSpec) -> list[str]:
        source = spec.source
        return [name for name in (source.subset_of, source.genome_of, source.catalogue_of) if name]

    def _files_in_folder(self, spec: DatasetSpec) -> list[Path]:
        folder = self.data / str(spec.source.folder)
        paths = [folder / raw.file for raw in LAYOUTS[spec.layout]]
        needed = [folder / raw.file for raw in LAYOUTS[spec.layout] if not raw.optional]
        for path in needed:
            if not path.is_file():
                raise FileNotFoundError(f"{path} is missing: the layout {spec.layout} needs {path.name}")
        return [path for path in paths if path.is_file()]

    def _copy(self, spec: DatasetSpec) -> list[RawFile]:
        files = []
        for path in self._files_in_folder(spec):
            target = self.folder(spec.name) / path.name
            copy_atomically(path, target)
            files.append(_raw_file(target, spec, trusted=False))
        return files

    def _local_archive(self, spec: DatasetSpec) -> Path | None:
        path = self.archives / str(spec.source.archive) if self.archives else None
        return path if path and path.is_file() else None

    def _unpack(self, spec: DatasetSpec, progress: Progress | None) -> list[RawFile]:
        source = spec.source
        archive = self._local_archive(spec)
        vouched_for = False
        if archive is None:
            if source.url is None:
                raise FileNotFoundError(
                    f"{source.archive} can't be downloaded: put it into a folder and set RECSYS_DATASETS to it"
                )
            archive = self.download_of(spec)
            download(
                source.url,
                archive,
                expected_md5=source.md5,
                timeout_s=TIMEOUT_S,
                max_bytes=MAX_ARCHIVE_BYTES,
                progress=progress,
            )
            vouched_for = source.md5 is not None
        top = str(source.archive).removesuffix(".zip")
        needed, optional = _members(spec, top)
        extracted = extract(
            archive,
            self.folder(spec.name),
            needed,
            optional=optional,
            max_bytes=MAX_UNPACKED_BYTES,
            max_ratio=MAX_RATIO,
            expected_sha256={f"{top}/{name}": digest for name, digest in source.sha256.items()},
        )
        if self._is_of_forgotten(archive):
            archive.unlink()
        return [
            RawFile(
                file.path.name,
                file.size_bytes,
                file.sha256,
                trusted=vouched_for or file.path.name in source.sha256,
            )
            for file in extracted
        ]

    def _is_of_forgotten(self, archive: Path) -> bool:
        """Whether it is a download of a data set with forgotten users: it would bring them back."""
        return any(
            spec.source.archive and self.download_of(spec) == archive and self.forgotten(spec.name).ids()
            for spec in self.registry.datasets.values()
        )

    def _cut(self, spec: DatasetSpec, progress: Progress | None) -> list[RawFile]:
        """Write the subset's files: its movies, their ratings, tags, links and genome, in MovieLens' CSV layout."""
        with duckdb.connect() as connection:
            for name, tables in self._lenders(spec).items():
                parent = self.registry.entry(name)
                self.acquire(parent, progress=progress)
                for table in tables:
                    replace_tables(connection, load_table(connection, table, self.to_read(parent, table)))
            return [
                self._export(connection, spec, file, sql)
                for file, sql in _subset_queries(spec.source.n_movies).items()
            ]

    def _borrow(self, spec: DatasetSpec, lender: DatasetSpec, progress: Progress | None) -> list[RawFile]:
        """Copy the files of the lender's catalogue; what vouches for them there does so here."""
        manifest = self.acquire(lender, progress=progress)
        files = [file for file in manifest.files if file.name in CATALOGUE_FILES]
        if not files:
            raise FileNotFoundError(
                f"{lender.name} has none of {', '.join(CATALOGUE_FILES)}: {spec.name} can't join its catalogue"
            )
        for file in files:
            copy_atomically(self.folder(lender.name) / file.name, self.folder(spec.name) / file.name)
        return files

    def _lenders(self, spec: DatasetSpec) -> dict[str, list[str]]:
        """The tables of the subset's own layout, in the order of their references, by the entry they come from."""
        genome = ["genome_tags", "genome_scores"]
        everything = [raw.table for raw in LAYOUTS["movielens-csv"] if raw.file not in CATALOGUE_FILES]
        parent, lender = str(spec.source.subset_of), spec.source.genome_of
        if lender is None or lender == parent:
            return {parent: everything}
        return {parent: [table for table in everything if table not in genome], lender: genome}

    def _export(
        self, connection: duckdb.DuckDBPyConnection, spec: DatasetSpec, file: str, sql: str
    ) -> RawFile:
        target = self.folder(spec.name) / file
        staging = target.with_name(f".staging-{os.getpid()}-{file}")
        path = str(staging).replace("'", "''")
        connection.execute(f"copy ({sql}) to '{path}' (format csv, header)")
        staging.replace(target)
        return _raw_file(target, spec, trusted=False)


def _of_users(spec: DatasetSpec) -> list[str]:
    return [raw.file for raw in LAYOUTS[spec.layout] if "user_id" in raw.columns]


def _members(spec: DatasetSpec, top: str) -> tuple[list[str], list[str]]:
    # A catalogue's archive holds some tables only: those that the registry gives digests of.
    pinned = set(spec.source.sha256)
    needed = [raw.file for raw in LAYOUTS[spec.layout] if raw.file in pinned or not (raw.optional or pinned)]
    optional = [raw.file for raw in LAYOUTS[spec.layout] if raw.file not in needed and not pinned]
    return [f"{top}/{name}" for name in needed], [f"{top}/{name}" for name in optional]


def _subset_queries(n_movies: int) -> dict[str, str]:
    chosen = f"""
        select movie_id from movies left join ratings using (movie_id)
        group by movie_id
        order by movie_id in (select movie_id from genome_scores) desc, count(rating) desc, movie_id
        limit {n_movies}
    """
    within = f"where movie_id in ({chosen})"
    return {
        "movies.csv": "select movie_id as movieId, title, "
        "if(len(genres) = 0, '(no genres listed)', array_to_string(genres, '|')) as genres "
        f"from movies {within} order by all",
        "ratings.csv": 'select user_id as userId, movie_id as movieId, rating, epoch(rated_at)::bigint as "timestamp" '
        f"from ratings {within} order by all",
        "tags.csv": 'select user_id as userId, movie_id as movieId, tag, epoch(tagged_at)::bigint as "timestamp" '
        f"from tags {within} order by all",
        "links.csv": "select movie_id as movieId, imdb_id as imdbId, tmdb_id as tmdbId "
        f"from links {within} order by all",
        "genome-tags.csv": "select tag_id as tagId, tag from genome_tags order by all",
        "genome-scores.csv": "select movie_id as movieId, tag_id as tagId, relevance "
        f"from genome_scores {within} order by all",
    }


def _raw_file(path: Path, spec: DatasetSpec, *, trusted: bool) -> RawFile:
    return RawFile(path.name, path.stat().st_size, sha256_of(path), trusted)


def _stat(path: Path) -> str:
    facts = path.stat()
    return f"{path.name}:{facts.st_size}:{facts.st_mtime_ns}"
