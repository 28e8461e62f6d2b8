"""Artifacts of arrays: a frozen dataclass becomes one ``.npz`` file, field by field, never a pickle.

A field is a NumPy array, a SciPy CSR matrix (stored as its three arrays and shape) or a scalar.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import scipy.sparse as sp

__all__ = ["as_arrays", "content_digest", "from_arrays", "load_artifact", "save_artifact"]

T = TypeVar("T")

_CSR_PARTS = ("data", "indices", "indptr", "shape")


def save_artifact(path: Path, artifact: Any) -> None:
    """Write the dataclass atomically: a killed write leaves the file that was there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    staging = path.with_name(f".staging-{os.getpid()}-{path.name}")
    try:
        with staging.open("wb") as file:
            np.savez(file, allow_pickle=False, **as_arrays(artifact))
            file.flush()
            os.fsync(file.fileno())
        staging.replace(path)
    finally:
        staging.unlink(missing_ok=True)


def load_artifact(path: Path, kind: type[T]) -> T:
    """Read a file that ``save_artifact`` wrote.

    Raises
    ------
    FileNotFoundError
        If the artifact was never made.
    ValueError
        If the file holds other fields than ``kind``: it was written by another version of the code.
    """
    # NumPy leaves a path's file open where it is no archive.
    with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    try:
        return from_arrays(kind, arrays)
    except ValueError as error:
        raise ValueError(f"{path} {error}") from error


def from_arrays(kind: type[T], arrays: Mapping[str, np.ndarray[Any, Any]]) -> T:
    """Build the dataclass from what ``as_arrays`` gave.

    Raises
    ------
    ValueError
        If the arrays are of other fields than those of ``kind``.
    """
    fields = dataclasses.fields(kind)  # type: ignore[arg-type]
    names = {name.split(".")[0] for name in arrays}
    if names != {field.name for field in fields}:
        raise ValueError(
            f"holds the fields {sorted(names)}, not those of {kind.__name__}: materialise it again"
        )
    hints = typing.get_type_hints(kind)
    return kind(**{field.name: _from_arrays(field.name, hints[field.name], arrays) for field in fields})


def content_digest(artifact: Any) -> str:
    """Hexadecimal digest of the artifact's content: equal contents, equal digests."""
    digest = hashlib.blake2b(digest_size=16)
    for name, array in sorted(as_arrays(artifact).items()):
        digest.update(f"{name}:{array.dtype.str}:{array.shape};".encode())
        digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def as_arrays(artifact: Any) -> dict[str, np.ndarray[Any, Any]]:
    """The dataclass's fields as plain arrays by name; a matrix ``m`` becomes ``m.data``, ``m.indices``, …."""
    arrays: dict[str, np.ndarray[Any, Any]] = {}
    for field in dataclasses.fields(artifact):
        value = getattr(artifact, field.name)
        if sp.issparse(value):
            arrays |= {f"{field.name}.{part}": array for part, array in _csr_parts(value).items()}
        else:
            arrays[field.name] = np.asarray(value)
    if objects := [name for name, array in arrays.items() if array.dtype.hasobject]:
        raise ValueError(
            f"{objects} hold Python objects, which only a pickle could store: use numbers or str"
        )
    return arrays


def _csr_parts(matrix: Any) -> dict[str, np.ndarray[Any, Any]]:
    rows = matrix.tocsr()
    # The constructor picks the width of the indices, so that it can't tell equal matrices apart.
    rows = sp.csr_matrix((rows.data, rows.indices, rows.indptr), shape=rows.shape)
    return {part: np.asarray(getattr(rows, part)) for part in _CSR_PARTS}


def _from_arrays(name: str, hint: Any, arrays: Mapping[str, np.ndarray[Any, Any]]) -> Any:
    if name in arrays:
        array = arrays[name]
        return array.item() if hint in (int, float, str, bool) else array
    data, indices, indptr, shape = (arrays[f"{name}.{part}"] for part in _CSR_PARTS)
    matrix = sp.csr_array if (typing.get_origin(hint) or hint) is sp.csr_array else sp.csr_matrix
    return matrix((data, indices, indptr), shape=tuple(shape))
