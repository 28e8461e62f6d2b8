"""``python -m recsys_assets_tests.bench.stars PEER``: our models of stars on ML-100K's five folds, beside Surprise's.

Settings and the blend's weights are chosen on a tenth of each fold's training rows, as the asset `fold_models` does it.
Fits are timed one at a time on one thread, as the peer's were; the blend's time is that of all it takes, two at a time.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import mean

import numpy as np

from recsys_assets.algorithms.rating_prediction.accuracy import mae, rmse
from recsys_assets.algorithms.rating_prediction.ensemble import Blend, choose, fit_models
from recsys_assets.algorithms.rating_prediction.factorization_machine import SideFeatures
from recsys_assets.algorithms.rating_prediction.log import RatingLog
from recsys_assets.defs.rating_prediction.recipes import (
    Knowledge,
    RatingModelsConfig,
    recipes,
    recipes_as_chosen,
)
from recsys_assets_tests.bench.surprise_peer import FOLDS, FoldScore, markdown_table, read_peer, unpacked

RIVALS = {"item_knn_baseline": "KNNBaseline", "biased_mf": "SVD", "svdpp": "SVDpp"}
"""Which of Surprise's models each of ours is to beat."""
TIMES_FASTER = 20


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m recsys_assets_tests.bench.stars")
    parser.add_argument("peer", type=Path, help="the JSON file that `make bench-surprise` wrote")
    peer = read_peer(parser.parse_args(arguments).peer)
    with tempfile.TemporaryDirectory() as folder:
        ours = list(measure(unpacked(Path(folder))))
    sys.stdout.write(f"{peer.processor}, {peer.n_cores} cores\n\n")
    sys.stdout.write(markdown_table([*peer.scores, *ours]))
    sys.stdout.writelines(f"{fault}\n" for fault in shortfalls(list(peer.scores), ours))


def measure(folder: Path) -> Iterator[FoldScore]:
    """Fit and judge our models on the fold files of a folder."""
    config = RatingModelsConfig()
    for fold in FOLDS:
        learned, test = _read(folder / f"{fold}.base"), _read(folder / f"{fold}.test")
        knowledge = Knowledge(SideFeatures.none(learned), None)
        started = time.perf_counter(), time.process_time()
        inner = np.random.default_rng(config.seed).random(learned.rating.size) < 0.1
        tried = recipes(config, knowledge, n_ratings=learned.rating.size)
        choice = choose(tried, learned.rows(~inner), learned.rows(inner), n_threads=config.n_threads)
        chosen = recipes_as_chosen(choice.settings, knowledge)
        models = {
            name: model
            for name, (model, _) in fit_models(
                chosen, choice.settings, learned, n_threads=config.n_threads
            ).items()
        }
        taken = time.perf_counter() - started[0], time.process_time() - started[1]
        blend = Blend(float(learned.rating.mean(dtype=np.float64)), choice.weights, models)
        for recipe in chosen:
            if recipe.name in RIVALS:
                wall, cpu = time.perf_counter(), time.process_time()
                fit_models([recipe], choice.settings, learned, n_threads=1)
                yield _score(
                    recipe.name,
                    fold,
                    models[recipe.name],
                    test,
                    learned.scale,
                    (time.perf_counter() - wall, time.process_time() - cpu),
                )
        yield _score("blend", fold, blend, test, learned.scale, taken)


def shortfalls(peer: list[FoldScore], ours: list[FoldScore]) -> Iterator[str]:
    """What of ours is not more accurate than its rival, or, of SVD++, not twenty times as fast, in words."""

    def average(scores: list[FoldScore], model: str, value: str) -> float:
        return mean(getattr(score, value) for score in scores if score.model == model)

    for model, rival in RIVALS.items():
        if average(ours, model, "rmse") >= average(peer, rival, "rmse"):
            yield f"{model} is not more accurate than Surprise's {rival}"
    if average(ours, "svdpp", "fit_s") * TIMES_FASTER > average(peer, "SVDpp", "fit_s"):
        yield f"svdpp is not {TIMES_FASTER} times as fast as Surprise's SVDpp"


def _score(
    name: str,
    fold: str,
    model: object,
    test: RatingLog,
    scale: tuple[float, float],
    taken: tuple[float, float],
) -> FoldScore:
    stars = model.predict(test.user, test.item, test.day).clip(*scale)  # type: ignore[attr-defined]
    return FoldScore(name, fold, rmse(stars, test.rating), mae(stars, test.rating), *taken)


def _read(path: Path) -> RatingLog:
    user, item, rating, seconds = np.loadtxt(path, dtype=np.int64).T
    return RatingLog(
        np.arange(1, 944),
        np.arange(1, 1683),
        (user - 1).astype(np.int32),
        (item - 1).astype(np.int32),
        rating.astype(np.float32),
        seconds / 86400,
    )


if __name__ == "__main__":
    main()
