"""``python -m recsys_assets_tests.bench.surprise_peer PATH``: Surprise on ML-100K's five official folds.

`measure` runs in an environment of its own, which has Surprise and none of our dependencies: only the standard
library and this project's modules that need no more are imported here. `read_peer` and `markdown_table` run in ours.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from recsys_assets.settings import archives_folder
from recsys_assets.storage.archives import extract

__all__ = ["FOLDS", "FoldScore", "Peer", "markdown_table", "measure", "read_peer", "unpacked"]

FOLDS = ("u1", "u2", "u3", "u4", "u5")
SEED = 0
MODELS: dict[str, dict[str, Any]] = {
    "SVD": {"random_state": SEED},
    "KNNBaseline": {
        "k": 40,
        "sim_options": {"name": "pearson_baseline", "user_based": False},
        "verbose": False,
    },
    "SVDpp": {"random_state": SEED},
}
"""Surprise's classes with what isn't its default."""
MAX_UNPACKED_BYTES = 64 << 20
MAX_RATIO = 100.0


@dataclass(frozen=True)
class FoldScore:
    """One model on one fold; RMSE and MAE in stars over the fold's test rows, times of its fit alone."""

    model: str
    fold: str
    rmse: float
    mae: float
    fit_s: float
    fit_cpu_s: float


@dataclass(frozen=True)
class Peer:
    """What was measured, of which versions and on which machine; ``load`` is that before the first fit."""

    versions: dict[str, str]
    processor: str
    n_cores: int
    load: float
    scores: tuple[FoldScore, ...]


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m recsys_assets_tests.bench.surprise_peer")
    parser.add_argument("path", type=Path, help="the JSON file to write")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        peer = measure(unpacked(Path(folder)), options.models)
    options.path.parent.mkdir(parents=True, exist_ok=True)
    options.path.write_text(json.dumps(asdict(peer), indent=2) + "\n", encoding="utf-8")
    sys.stdout.write(markdown_table(peer.scores))


def measure(folder: Path, models: Iterable[str]) -> Peer:
    """Fit and judge Surprise's models on the fold files ``u1.base``, ``u1.test`` … of a folder."""
    load = os.getloadavg()[0]
    return Peer(
        versions={name: version(name) for name in ("scikit-surprise", "numpy")}
        | {"python": platform.python_version()},
        processor=_processor(),
        n_cores=os.cpu_count() or 1,
        load=load,
        scores=tuple(_scores(folder, models)),
    )


def read_peer(path: Path) -> Peer:
    """Read what `main` wrote.

    Raises
    ------
    FileNotFoundError
        If nothing was measured yet.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not there: measure Surprise first with `make bench-surprise`")
    facts = json.loads(path.read_text(encoding="utf-8"))
    return Peer(**facts | {"scores": tuple(FoldScore(**score) for score in facts["scores"])})


def markdown_table(scores: Iterable[FoldScore]) -> str:
    """Show each model's mean over folds, in the order in which models come; ± is the sample standard deviation."""
    by_model: dict[str, list[FoldScore]] = {}
    for score in scores:
        by_model.setdefault(score.model, []).append(score)
    rows = [_row(model, folds) for model, folds in by_model.items()]
    head = ["| model | mean RMSE ± std | mean MAE | fit seconds a fold |", "|---|---|---|---|"]
    return "\n".join([*head, *rows]) + "\n"


def _row(model: str, folds: list[FoldScore]) -> str:
    rmse = [fold.rmse for fold in folds]
    spread = f" ± {stdev(rmse):.4f}" if len(rmse) > 1 else ""
    mae, fit_s = mean(fold.mae for fold in folds), mean(fold.fit_s for fold in folds)
    return f"| {model} | {mean(rmse):.4f}{spread} | {mae:.4f} | {fit_s:.2f} |"


def _scores(folder: Path, models: Iterable[str]) -> Iterator[FoldScore]:
    surprise = import_module("surprise")
    files = [(str(folder / f"{fold}.base"), str(folder / f"{fold}.test")) for fold in FOLDS]
    ratings = surprise.Dataset.load_from_folds(files, reader=surprise.Reader("ml-100k"))
    folds = list(surprise.model_selection.PredefinedKFold().split(ratings))
    for model in models:
        for fold, (train, test) in zip(FOLDS, folds, strict=True):
            score = _score(model, fold, train, test)
            sys.stderr.write(f"{model} {fold}: RMSE {score.rmse:.4f}, fit {score.fit_s:.1f} s\n")
            yield score


def _score(model: str, fold: str, train: Any, test: Any) -> FoldScore:
    surprise = import_module("surprise")
    algorithm = getattr(surprise, model)(**MODELS[model])
    wall, cpu = time.perf_counter(), time.process_time()
    algorithm.fit(train)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    predictions = algorithm.test(test)
    errors = surprise.accuracy.rmse, surprise.accuracy.mae
    rmse, mae = (float(error(predictions, verbose=False)) for error in errors)
    return FoldScore(model, fold, rmse, mae, wall, cpu)


def unpacked(folder: Path) -> Path:
    """The folder that the fold files of the ml-100k archive in RECSYS_DATASETS are unpacked into."""
    archives = archives_folder()
    if archives is None or not (archives / "ml-100k.zip").is_file():
        raise FileNotFoundError(
            f"no ml-100k.zip in RECSYS_DATASETS ({archives}): set it to the folder that holds it"
        )
    members = [f"ml-100k/{fold}.{part}" for fold in FOLDS for part in ("base", "test")]
    extract(
        archives / "ml-100k.zip", folder / "folds", members, max_bytes=MAX_UNPACKED_BYTES, max_ratio=MAX_RATIO
    )
    return folder / "folds"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())


if __name__ == "__main__":
    main()
