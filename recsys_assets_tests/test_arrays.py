"""Artifacts come back as they were written, or an error says why not; equal contents have equal digests."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from recsys_assets.algorithms.content import ContentVectors
from recsys_assets.algorithms.embeddings import Embeddings
from recsys_assets.algorithms.features import ItemFeatures
from recsys_assets.algorithms.interactions import Interactions, build_interactions
from recsys_assets.storage.arrays import content_digest, load_artifact, save_artifact


def vectors(n_rows: int, n_dims: int) -> st.SearchStrategy[np.ndarray[Any, Any]]:
    return hnp.arrays(np.float32, (n_rows, n_dims), elements=st.floats(-10, 10, width=32))


def sparse_rows(n_rows: int, n_columns: int) -> st.SearchStrategy[sp.csr_matrix[np.float32]]:
    return vectors(n_rows, n_columns).map(lambda dense: sp.csr_matrix(np.where(dense > 0, dense, 0)))


@st.composite
def artifacts(draw: st.DrawFn) -> Any:
    """An artifact of any kind, of any size from none."""
    n_users, n_items, n_dims = (draw(st.integers(0, 4)) for _ in range(3))
    user_ids, item_ids = np.arange(n_users) * 7, np.arange(n_items) + 2**40
    kind = draw(st.sampled_from([Interactions, Embeddings, ContentVectors, ItemFeatures]))
    if kind is Interactions:
        return Interactions(user_ids, item_ids, draw(sparse_rows(n_users, n_items)))
    if kind is ItemFeatures:
        return ItemFeatures(item_ids, draw(sparse_rows(n_items, n_dims)))
    item_vectors = draw(vectors(n_items, n_dims))
    if kind is ContentVectors:
        return ContentVectors(item_vectors, draw(st.floats(0, 1)))
    known = draw(hnp.arrays(bool, n_items))
    return Embeddings(user_ids, item_ids, draw(vectors(n_users, n_dims)), item_vectors, known)


def assert_same(left: Any, right: Any) -> None:
    assert type(left) is type(right)
    for field in dataclasses.fields(left):
        ours, theirs = getattr(left, field.name), getattr(right, field.name)
        assert type(ours) is type(theirs), field.name
        if sp.issparse(ours):
            assert ours.dtype == theirs.dtype
            assert ours.shape == theirs.shape
            np.testing.assert_array_equal(ours.toarray(), theirs.toarray())
        else:
            np.testing.assert_array_equal(ours, theirs, strict=True)


@given(artifacts())
def test_an_artifact_comes_back_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, artifact: Any
) -> None:
    path = tmp_path_factory.getbasetemp() / "round_trip" / "artifact.npz"
    save_artifact(path, artifact)
    loaded = load_artifact(path, type(artifact))
    assert_same(artifact, loaded)
    assert content_digest(loaded) == content_digest(artifact)
    assert list(path.parent.iterdir()) == [path]


@dataclasses.dataclass(frozen=True)
class Scalars:
    label: str
    n_rows: int
    share: float
    fitted: bool
    names: np.ndarray[Any, Any]


@dataclasses.dataclass(frozen=True)
class Reordered:
    names: np.ndarray[Any, Any]
    fitted: bool
    share: float
    n_rows: int
    label: str


SCALARS = Scalars("Amélie", 3, 0.25, True, np.array(["a", "bb"]))


def test_scalars_come_back_as_python_s(tmp_path: Path) -> None:
    save_artifact(tmp_path / "a.npz", SCALARS)
    loaded = load_artifact(tmp_path / "a.npz", Scalars)
    assert (loaded.label, loaded.n_rows, loaded.share, loaded.fitted) == ("Amélie", 3, 0.25, True)
    assert [type(value) for value in (loaded.label, loaded.n_rows, loaded.share)] == [str, int, float]
    assert loaded.fitted is True


@dataclasses.dataclass(frozen=True)
class Kinds:
    matrix: sp.csr_matrix[np.float32]
    array: sp.csr_array[np.float32]


def test_a_sparse_field_comes_back_as_the_kind_it_is_declared(tmp_path: Path) -> None:
    dense = np.array([[1, 0, 2]], dtype=np.float32)
    save_artifact(tmp_path / "a.npz", Kinds(sp.csr_matrix(dense), sp.csr_array(dense)))
    loaded = load_artifact(tmp_path / "a.npz", Kinds)
    assert type(loaded.matrix) is sp.csr_matrix
    assert type(loaded.array) is sp.csr_array


def test_columns_first_is_stored_as_rows_first(tmp_path: Path) -> None:
    dense = np.array([[1, 0], [2, 3]], dtype=np.float32)
    save_artifact(tmp_path / "a.npz", ItemFeatures(np.arange(2), sp.csc_matrix(dense)))
    np.testing.assert_array_equal(load_artifact(tmp_path / "a.npz", ItemFeatures).features.toarray(), dense)


def ratings(stars: float = 4.0, user_id: int = 1) -> Interactions:
    return build_interactions([user_id], [5], [stars], user_ids=[user_id], item_ids=[5, 6])


@pytest.mark.parametrize(
    "other",
    [
        ratings(stars=4.5),
        ratings(user_id=2),
        dataclasses.replace(ratings(), item_ids=np.array([5, 7])),
        dataclasses.replace(ratings(), user_ids=np.array([1], dtype=np.int32)),
        dataclasses.replace(ratings(), ratings=sp.csr_matrix(ratings().ratings, shape=(1, 3))),
    ],
    ids=["a value", "an id", "another id", "a type", "a shape"],
)
def test_the_digest_changes_with_the_content(other: Interactions) -> None:
    assert content_digest(other) != content_digest(ratings())


def test_the_digest_is_that_of_the_content_alone() -> None:
    assert content_digest(ratings()) == content_digest(ratings())
    reordered = Reordered(SCALARS.names, SCALARS.fitted, SCALARS.share, SCALARS.n_rows, SCALARS.label)
    assert content_digest(reordered) == content_digest(SCALARS)


def test_the_digest_knows_which_field_holds_what() -> None:
    ids, others = np.array([1]), np.array([2])
    empty = sp.csr_matrix((1, 1), dtype=np.float32)
    assert content_digest(Interactions(ids, others, empty)) != content_digest(
        Interactions(others, ids, empty)
    )


def test_the_digest_is_of_values_not_of_how_they_lie_in_memory() -> None:
    dense = np.arange(6, dtype=np.float32).reshape(2, 3)
    wide = sp.csr_matrix(dense)
    wide.indices, wide.indptr = wide.indices.astype(np.int64), wide.indptr.astype(np.int64)
    assert content_digest(ItemFeatures(np.arange(2), wide)) == content_digest(
        ItemFeatures(np.arange(2), sp.csr_matrix(dense))
    )
    transposed = np.asfortranarray(dense)
    assert content_digest(ContentVectors(transposed, 1.0)) == content_digest(ContentVectors(dense, 1.0))


def test_the_digest_is_the_same_in_every_process() -> None:
    assert (
        content_digest(ContentVectors(np.eye(2, dtype=np.float32), 1.0)) == "4a637c3aba2335cbe7d5371a2338fdd3"
    )


class CrashError(Exception):
    """Stands in for whatever ends a write halfway."""


def crash_halfway(file: Any, **_: object) -> None:
    file.write(b"PK half of an artifact")
    raise CrashError


def test_a_crash_in_the_middle_leaves_the_old_artifact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.npz"
    save_artifact(path, ratings())
    monkeypatch.setattr(np, "savez", crash_halfway)
    with pytest.raises(CrashError):
        save_artifact(path, ratings(stars=1.0))
    assert_same(load_artifact(path, Interactions), ratings())
    assert list(tmp_path.iterdir()) == [path]


def test_a_crash_before_there_was_any_leaves_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(np, "savez", crash_halfway)
    with pytest.raises(CrashError):
        save_artifact(tmp_path / "a.npz", ratings())
    with pytest.raises(FileNotFoundError):
        load_artifact(tmp_path / "a.npz", Interactions)


@pytest.mark.parametrize("value", [np.array([1, "a", None], dtype=object), None, {"a": 1}])
def test_what_only_a_pickle_could_store_is_refused_by_field(value: object, tmp_path: Path) -> None:
    artifact = dataclasses.replace(SCALARS, names=value)
    for refuse in (content_digest, lambda faulty: save_artifact(tmp_path / "a.npz", faulty)):
        with pytest.raises(ValueError, match=r"\['names'\] hold Python objects"):
            refuse(artifact)
    assert list(tmp_path.iterdir()) == []


def test_a_file_with_a_pickle_inside_is_not_opened(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", item_ids=np.array([{}], dtype=object), features=np.zeros(1))
    with pytest.raises(ValueError, match="allow_pickle"):
        load_artifact(tmp_path / "a.npz", ItemFeatures)


def test_another_kind_s_file_is_refused_with_both_named(tmp_path: Path) -> None:
    save_artifact(tmp_path / "a.npz", ratings())
    with pytest.raises(
        ValueError, match=r"a\.npz holds .*'user_ids'.* not those of ItemFeatures: materialise"
    ):
        load_artifact(tmp_path / "a.npz", ItemFeatures)
