"""Trials by quick fits: of rows whose meaning was shuffled away, and in a world whose held-out rows were scrambled."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from recsys_assets.algorithms.interactions import Interactions
from recsys_assets.algorithms.leakage import Verdict, tell_apart
from recsys_assets.algorithms.rating_prediction.log import RatingLog
from recsys_assets.defs.fits import Fit
from recsys_assets.defs.leakage.config import LeakageConfig
from recsys_assets.defs.leakage.families import FAMILIES, Choices, Family, Learned, matrix_of
from recsys_assets.defs.leakage.findings import Finding
from recsys_assets.defs.leakage.worlds import Inputs
from recsys_assets.storage.arrays import content_digest

__all__ = ["given", "scrambled", "shuffled"]


def shuffled(
    family: Family, fit: Fit, inputs: Inputs, held_out: RatingLog, choices: Choices, config: LeakageConfig
) -> Iterator[Finding]:
    """Learn from several shuffles, and see whether any model still tells held-out likes from other rows."""
    contests = family.contests(held_out, choices.like, config.n_others, config.seed)
    learned = [
        family.learn(_with_rows(inputs, family.shuffle(inputs.log, seed=config.seed + number)), choices)
        for number in range(config.n_shuffles)
    ]
    for name, contest in contests.items():
        scores = [models.scores(contest.user, contest.item, contest.day) for models in learned]
        for model in scores[0]:
            if (model if model in contests else "") == name:
                verdict = tell_apart(
                    contest,
                    [of_shuffle[model] for of_shuffle in scores],
                    n_errors=config.n_errors,
                    tolerance=config.tolerance,
                    pooled=family.pooled,
                )
                yield _finding(family, fit, model, verdict, config.n_shuffles)


def _with_rows(inputs: Inputs, log: RatingLog) -> Inputs:
    return Inputs(log, inputs.knowledge, inputs.side, inputs.content)


def _finding(family: Family, fit: Fit, model: str, verdict: Verdict | None, n_shuffles: int) -> Finding:
    measured, bound = (None, None) if verdict is None else (verdict.distance, verdict.bound)
    found = "no user has rows of both kinds" if verdict is None else f"AUC {verdict.auc:.3f}"
    meaning = f"{found}, by chance 0.5: mean of {n_shuffles} fits {family.meaning}"
    return Finding(family.name, fit.name, f"shuffled {model}", measured, bound, meaning)


def scrambled(
    family: Family, fit: Fit, here: Inputs, there: Inputs, held_out: RatingLog, choices: Choices
) -> Finding:
    """Learn in both worlds; count the models and features that aren't the same, bit for bit."""
    one, other = (_digests(family.learn(inputs, choices), held_out) for inputs in (here, there))
    different = _changed(one, other)
    return Finding(
        family.name,
        fit.name,
        "scrambled learned",
        len(different),
        0,
        f"{', '.join(different) or 'none'} of {len(one)} models, features and their scores changed when held-out rows "
        "got other stars and tags",
    )


def given(fit: Fit, matrix: Interactions, here: Inputs, there: Inputs) -> Iterator[Finding]:
    """What a fit's models were given, read in both worlds: of lists the matrix, of the others the log."""
    read = matrix_of(there.log)
    for family in FAMILIES:
        one, other = (matrix, read) if family == "lists" else (here.log, there.log)
        yield Finding(
            family,
            fit.name,
            "scrambled given",
            int(content_digest(one) != content_digest(other)),
            0,
            "1 if any bit of what models are given changes when held-out rows get other stars",
        )


def _changed(one: dict[str, str], other: dict[str, str]) -> list[str]:
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


def _digests(learned: Learned, held_out: RatingLog) -> dict[str, str]:
    scores = learned.scores(held_out.user, held_out.item, held_out.day)
    return {name: content_digest(arrays) for name, arrays in learned.arrays.items()} | {
        f"scores of {name}": hashlib.blake2b(values.tobytes()).hexdigest() for name, values in scores.items()
    }
