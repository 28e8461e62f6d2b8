"""The model registry in MLflow, the optional extra: experiment, runs, PyFunc models, registered versions, an alias.

A registration is one run of the experiment: parameters, metrics, tables and plots, and the model from code (never a
pickle), which answers wherever MLflow loads it. The version's tag ``decision`` holds what was decided of it, the alias
``champion`` names the version that serves, and the tag ``stage`` says which ones have served before.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import importlib
import io
import logging
import os
import tempfile
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Any

import numpy as np

from recsys_assets.storage.model_registry import (
    CHAMPION,
    Arrays,
    Candidate,
    Decision,
    ModelVersion,
    decision_from_json,
    decision_to_json,
    stage_of,
    with_data_version,
)
from recsys_assets.storage.packages import PackageError

__all__ = ["MlflowRegistry"]

_MODEL_CODE = Path(__file__).with_name("content_engine_pyfunc.py")
_MODEL = "content_engine"
SHA256 = "arrays_sha256"
"""The tag with the digest of a version's arrays."""
_TRACKING_URI = "MLFLOW_TRACKING_URI"
_QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    # Else the lock of whatever project is in the working directory would be stored as the model's own.
    "MLFLOW_UV_AUTO_DETECT": "false",
}


@dataclass(frozen=True)
class MlflowRegistry:
    """The versions of the registered model ``name``, in the SQLite store and the artifacts under one folder.

    A tracking server or another store that MLFLOW_TRACKING_URI names goes before the folder.
    """

    folder: Path
    name: str

    @property
    def store(self) -> str:
        return "mlflow"

    def register(self, candidate: Candidate) -> int:
        """As one run with a model from code; the version appears with all its tags in one transaction."""
        for version in with_data_version(self.versions(), candidate.data_version):
            if self._is_whole(version):
                return version
        arrays = _packed(candidate.arrays)
        tags = {
            SHA256: hashlib.sha256(arrays).hexdigest(),
            "data_version": candidate.data_version,
            "code_version": candidate.code_version,
            "dagster_run_id": candidate.run_id,
        }
        with self._client() as client:
            experiment = self._experiment(client)
            self._end_killed_runs(client, experiment)
            run = client.create_run(experiment, tags=tags).info
            model = _logged(client, run, candidate, arrays, tags)
            client.set_terminated(run.run_id)
            if not client.search_registered_models(self._filter):
                client.create_registered_model(self.name)
            registered = client.create_model_version(
                self.name,
                model.artifact_location,
                run_id=run.run_id,
                tags=tags,
                model_id=model.model_id,
                await_creation_for=None,
            )
        return int(registered.version)

    def versions(self) -> list[ModelVersion]:
        if not self._is_there:
            return []
        with self._client() as client:
            found = client.search_model_versions(self._filter)
        # What somebody else registered under the name has no such tags, and is none of ours.
        known = [one for one in found if "dagster_run_id" in one.tags]
        return sorted(map(_version, known), key=lambda one: one.version)

    def champion(self) -> int | None:
        if not self._is_there:
            return None
        with self._client() as client:
            found = client.search_registered_models(self._filter)
        return next((int(model.aliases[CHAMPION]) for model in found if CHAMPION in model.aliases), None)

    def decide(self, version: int, decision: Decision) -> None:
        """Keep the decision as a tag, then move the alias if it is to promote, then follow it with the stages.

        Raises
        ------
        PackageError
            If there is no such version.
        """
        if version not in {one.version for one in self.versions()}:
            raise PackageError(f"there is no version {version} of {self.name} in MLflow")
        self._tag_stages()  # the writer before may have been killed between alias and stages
        with self._client() as client:
            _log_changed(client, self.name, version, decision)
            client.set_model_version_tag(self.name, str(version), "decision", decision_to_json(decision))
            if decision.promoted:
                client.set_registered_model_alias(self.name, CHAMPION, str(version))
        self._tag_stages()

    def arrays(self, version: int) -> dict[str, np.ndarray[Any, Any]]:
        """A version's arrays, if they are those that were registered.

        Raises
        ------
        PackageError
            If they are missing, damaged or others.
        """
        with tempfile.TemporaryDirectory() as folder:
            path, digest = self._fetched(version, folder)
            if not path.is_file():
                raise self._lost(version, "there is no arrays.npz")
            content = path.read_bytes()
        # Versions that were registered before have no such tag.
        if digest not in (None, hashlib.sha256(content).hexdigest()):
            raise self._lost(version, "arrays.npz is not the file that was registered")
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as stored:
                return {name: stored[name] for name in stored.files}
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError) as error:
            raise self._lost(version, f"arrays.npz can't be read: {error}") from error

    def path(self, version: int) -> Path:
        return self._fetched(version, None)[0]

    def _fetched(self, version: int, folder: str | None) -> tuple[Path, str | None]:
        """The file of a version's arrays, copied into the folder if one is given, and its registered digest."""
        with self._client() as client:
            try:
                found = client.get_model_version(self.name, str(version))
                model = _imported().artifacts.download_artifacts(
                    artifact_uri=found.source, dst_path=folder, tracking_uri=client.tracking_uri
                )
            except (_imported().exceptions.MlflowException, OSError) as error:
                raise self._lost(version, str(error)) from error
        return Path(model) / "artifacts" / "arrays.npz", found.tags.get(SHA256)

    @property
    def _database(self) -> Path:
        return self.folder / "mlflow.db"

    @property
    def _is_there(self) -> bool:
        """Whether anything was ever registered: MLflow needs seconds to make a database just to find nothing in it."""
        return _TRACKING_URI in os.environ or self._database.exists()

    @property
    def _filter(self) -> str:
        return f"name = '{self.name}'"

    def _lost(self, version: int, why: str) -> PackageError:
        return PackageError(
            f"the arrays of version {version} of {self.name} are missing from MLflow or damaged: {why}; put them back, "
            "or delete the registered model to begin with version 1 again"
        )

    def _is_whole(self, version: int) -> bool:
        try:
            self.arrays(version)
        except PackageError:
            return False
        return True

    def _tag_stages(self) -> None:
        champion = self.champion()
        stages = {str(one.version): stage_of(one, champion) for one in self.versions()}
        with self._client() as client:
            for number, stage in stages.items():
                client.set_model_version_tag(self.name, number, "stage", stage)

    def _experiment(self, client: Any) -> str:
        found = client.get_experiment_by_name(self.name)
        if found is not None:
            return str(found.experiment_id)
        beside = None if _TRACKING_URI in os.environ else (self.folder / "artifacts").as_uri()
        return str(client.create_experiment(self.name, artifact_location=beside))

    def _end_killed_runs(self, client: Any, experiment: str) -> None:
        """End what runs on in MLflow's books; on a server it may be another machine's."""
        if _TRACKING_URI not in os.environ:
            for left in client.search_runs([experiment], "attributes.status = 'RUNNING'"):
                client.set_terminated(left.info.run_id, "KILLED")

    @contextmanager
    def _client(self) -> Iterator[Any]:
        """A client of this registry's store, without MLflow's own deprecations; its global store stays as it is."""
        self.folder.mkdir(parents=True, exist_ok=True)
        store = os.environ.get(_TRACKING_URI) or f"sqlite:///{self._database}"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield _imported().MlflowClient(tracking_uri=store, registry_uri=store)


def _logged(client: Any, run: Any, candidate: Candidate, arrays: bytes, tags: dict[str, str]) -> Any:
    """Log all that is known of the candidate with the run; the model, as MLflow knows it."""
    for name, parameter in candidate.parameters.items():
        client.log_param(run.run_id, name, parameter)
    for name, metric in candidate.metrics.items():
        client.log_metric(run.run_id, name, float(metric))
    with tempfile.TemporaryDirectory() as folder:
        evidence, saved = Path(folder) / "evidence", Path(folder) / "model"
        evidence.mkdir()
        for file, content in candidate.evidence.items():
            (evidence / file).write_bytes(content)
        client.log_artifacts(run.run_id, str(evidence), "evidence")
        _save(saved, arrays)
        model = client.create_logged_model(
            run.experiment_id, name=_MODEL, source_run_id=run.run_id, tags=tags, model_type="pyfunc"
        )
        client.log_model_artifacts(model.model_id, str(saved))
    client.finalize_logged_model(model.model_id, "READY")
    return model


def _log_changed(client: Any, name: str, version: int, decision: Decision) -> None:
    """Log figures that the version's run doesn't have yet: evidence grows, the model stays."""
    run = client.get_run(client.get_model_version(name, str(version)).run_id)
    for metric, value in decision.figures.items():
        if value is not None and run.data.metrics.get(metric) != value:
            client.log_metric(run.info.run_id, metric, value)


def _packed(arrays: Arrays) -> bytes:
    content = io.BytesIO()
    np.savez(content, allow_pickle=False, **dict(arrays))
    return content.getvalue()


def _save(folder: Path, arrays: bytes) -> None:
    """Write the model as MLflow loads it: its code, its arrays, its signature, what it needs."""
    with tempfile.TemporaryDirectory() as beside:
        file = Path(beside) / "arrays.npz"
        file.write_bytes(arrays)
        _imported().pyfunc.save_model(
            path=str(folder),
            python_model=str(_MODEL_CODE),
            artifacts={"arrays": str(file)},
            signature=_signature(),
            pip_requirements=[
                f"{package}=={version_of(package)}" for package in ("mlflow", "numpy", "pandas")
            ],
        )


def _imported() -> Any:
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    try:
        mlflow = importlib.import_module("mlflow")
    except ModuleNotFoundError as error:
        message = (
            "mlflow is not installed: install the extra, recsys-assets[mlflow], or set RECSYS_LIFECYCLE=files"
        )
        raise ImportError(message) from error
    for chatty in ("mlflow", "alembic"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    return mlflow


def _version(found: Any) -> ModelVersion:
    decided = found.tags.get("decision")
    created = dt.datetime.fromtimestamp(found.creation_timestamp / 1000, dt.UTC)
    return ModelVersion(
        int(found.version),
        created.replace(tzinfo=None, microsecond=0),
        found.tags["dagster_run_id"],
        found.tags["data_version"],
        found.tags["code_version"],
        decision_from_json(decided) if decided else None,
        found.tags.get("stage") in ("Production", "Archived"),
    )


def _signature() -> Any:
    """A movie by one of three columns; how many neighbours, and whether of its cluster alone."""
    models, types = (importlib.import_module(f"mlflow.{name}") for name in ("models", "types"))
    columns = (("long", "tmdb_id"), ("long", "movie_id"), ("string", "title"))
    return models.ModelSignature(
        inputs=types.Schema([types.ColSpec(kind, name, required=False) for kind, name in columns]),
        params=types.ParamSchema(
            [
                types.ParamSpec("n", "integer", 10),
                types.ParamSpec("within_cluster", "boolean", False),
            ]
        ),
    )
