"""The registry of data sets: what ``data/datasets.toml`` says, checked.

One entry under ``[datasets]`` is one key of the ``dataset`` partition. An entry under ``[catalogues]`` is metadata
without ratings, which data sets join. ``[gates]`` holds the thresholds every data set starts from; a data set's
own ``gates`` table overrides them one by one.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

__all__ = ["DatasetSpec", "Registry", "RegistryError", "Source", "load_registry"]

LayoutName = Literal["movielens-csv", "ml-100k", "ml-1m"]


class RegistryError(ValueError):
    """``datasets.toml`` can't be used; the message says which entry and field, and what is wrong."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(_Strict):
    """Where an entry's files come from: exactly one of ``folder``, ``archive`` and ``subset_of``."""

    folder: str | None = None
    """A folder of loose files: absolute, or relative to the data folder."""
    archive: str | None = None
    """File name of a zip archive, looked for in the folder that RECSYS_DATASETS names, else downloaded."""
    url: str | None = None
    """Where ``archive`` is downloaded from."""
    md5: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")] | None = None
    """The publisher's digest of the archive as downloaded."""
    sha256: dict[str, Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]] = {}
    """Digest of each file inside; files with a known digest take the fast loader."""
    subset_of: str | None = None
    """A data set from whose files the graph cuts this one."""
    genome_of: str | None = None
    """For a subset: the data set or catalogue that lends its tag genome."""
    catalogue_of: str | None = None
    """The catalogue or data set whose TMDB files are joined, in place of the entry's own."""
    n_movies: Annotated[int, Field(ge=1)] = 100
    """For a subset: how many movies, the most rated first, those with a tag genome before those without."""

    @model_validator(mode="after")
    def _one_origin(self) -> Source:
        origins = [name for name in ("folder", "archive", "subset_of") if getattr(self, name)]
        if len(origins) != 1:
            raise ValueError(f"give exactly one of folder, archive, subset_of; got {origins or 'none'}")
        return self


class DatasetSpec(_Strict):
    """One entry of the registry."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")]
    title: str
    layout: LayoutName
    licence: str
    source: Source
    gates: dict[str, float | Literal["off"]]
    """Thresholds by gate; "off" where a data set has nothing that the gate could measure."""

    @property
    def thresholds(self) -> dict[str, float]:
        """The gates that are on."""
        return {name: value for name, value in self.gates.items() if value != "off"}


class Registry(_Strict):
    """All entries, by name."""

    datasets: dict[str, DatasetSpec]
    catalogues: dict[str, DatasetSpec]

    def dataset(self, name: str) -> DatasetSpec:
        """The data set of that name; RegistryError names the known ones."""
        if name not in self.datasets:
            raise RegistryError(f"no data set {name!r} in datasets.toml; it has {', '.join(self.datasets)}")
        return self.datasets[name]

    def entry(self, name: str) -> DatasetSpec:
        """The data set or catalogue of that name."""
        return self.catalogues[name] if name in self.catalogues else self.dataset(name)

    @model_validator(mode="after")
    def _sources_exist(self) -> Registry:
        twice = sorted(self.datasets.keys() & self.catalogues.keys())
        if twice:
            raise ValueError(f"{twice[0]!r} is a data set and a catalogue: give each entry a name of its own")
        for spec in (*self.datasets.values(), *self.catalogues.values()):
            for field in ("subset_of", "genome_of", "catalogue_of"):
                name = getattr(spec.source, field)
                if name and name not in self.datasets and name not in self.catalogues:
                    raise ValueError(f"{spec.name}.source.{field}: {name!r} has no entry")
                if name and self.entry(name).source.subset_of:
                    raise ValueError(f"{spec.name}.source.{field}: {name!r} is itself a subset")
            self._check_catalogue(spec)
        return self

    def _check_catalogue(self, spec: DatasetSpec) -> None:
        name = spec.source.catalogue_of
        if name and self.entry(name).source.catalogue_of:
            raise ValueError(f"{spec.name}.source.catalogue_of: {name!r} has its catalogue from elsewhere")
        if name and self.entry(name).layout != spec.layout:
            raise ValueError(
                f"{spec.name}.source.catalogue_of: the layout of {name!r} is {self.entry(name).layout}, "
                f"not {spec.layout}"
            )


def load_registry(path: Path) -> Registry:
    """Read and check ``datasets.toml``.

    Raises
    ------
    RegistryError
        If the file is not TOML, an entry has an unknown or missing field, a gate has no default threshold,
        or a subset names an unknown source.
    """
    try:
        return _registry(tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RegistryError(f"{path.name} is not valid TOML: {error}") from error
    except RegistryError as error:
        raise RegistryError(f"{path.name}: {error}") from error


def _registry(content: dict[str, object]) -> Registry:
    gates, datasets, catalogues = (_table(content, name) for name in ("gates", "datasets", "catalogues"))
    unknown = sorted(content.keys() - {"gates", "datasets", "catalogues"})
    if unknown:
        raise RegistryError(f"unknown table {unknown[0]!r}; use gates, datasets, catalogues")
    entries = {
        "datasets": {name: _entry(datasets, name, gates) for name in datasets},
        "catalogues": {name: _entry(catalogues, name, {}) for name in catalogues},
    }
    try:
        return Registry.model_validate(entries)
    except ValidationError as error:
        raise RegistryError(_first_fault(error)) from error


def _entry(entries: dict[str, object], name: str, defaults: dict[str, object]) -> DatasetSpec:
    table = _table(entries, name)
    own = _table(table, "gates", within=f"{name}.")
    unknown = sorted(own.keys() - defaults.keys())
    if unknown:
        raise RegistryError(f"{name}.gates: unknown gate {unknown[0]!r}; gates: {', '.join(defaults)}")
    try:
        return DatasetSpec.model_validate({**table, "name": name, "gates": defaults | own})
    except ValidationError as error:
        raise RegistryError(f"{name}.{_first_fault(error)}") from error


def _table(tables: dict[str, object], name: str, within: str = "") -> dict[str, object]:
    table = tables.get(name, {})
    if not isinstance(table, dict):
        raise RegistryError(f"{within}{name}: must be a table, got {table!r}")
    return table


def _first_fault(error: ValidationError) -> str:
    fault = error.errors()[0]
    message = fault["msg"].removeprefix("Value error, ")
    return ": ".join(filter(None, (".".join(map(str, fault["loc"])), message)))
