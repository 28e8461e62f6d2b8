"""A version of the content engine beside the champion: the same movies, the same users, one question."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from pydantic import Field

from recsys_assets.algorithms.catalogue.engine import ContentEngine
from recsys_assets.algorithms.catalogue.relevance import fold_of_users
from recsys_assets.algorithms.catalogue.rivals import compare_engines
from recsys_assets.algorithms.interactions import Ids, SparseRows, positions
from recsys_assets.algorithms.promotion import Gain, Look, Sampling, spend_alpha
from recsys_assets.defs.catalogue.judges import RelevanceConfig, genres_of_movies, likes_of_movies
from recsys_assets.defs.resources import Project
from recsys_assets.storage.model_registry import CONTENT_ENGINE, Decision, ModelVersion
from recsys_assets.storage.promotions import FIRST, KEPT, PROMOTED, Promotion, PromotionLog, now

__all__ = ["CONTENT", "Rivalry", "RivalryConfig", "judge_rivals", "keep_decision"]

CONTENT = "content"
"""The task of which versions of the content engine are champions."""
METRIC = "lift_over_same_genre"
NOBODY = "nobody"


class RivalryConfig(RelevanceConfig):
    """Who judges two versions, and how sure a promotion is."""

    alpha: float = Field(
        0.05, gt=0, lt=1, description="chance of any false promotion on the same likes, over all looks"
    )
    least_resamples: int = Field(4000, ge=100, description="bootstrap resamples of the users, at least")
    confidence: float = Field(0.95, gt=0, lt=1, description="of the interval of a loss")


@dataclass(frozen=True)
class Rivalry:
    """How a version compares with the champion.

    The same code and settings on another catalogue make no new engine: it may lose no more than is allowed. Anything
    else has to be better for certain, at the level of the look.

    Attributes
    ----------
    pair : the numbers of both versions, the champion's second
    loss_max : what may be lost if only the catalogue differs; None if more than that differs
    """

    gain: Gain
    pair: tuple[str, str]
    look: Look
    window: str
    loss_max: float | None

    @property
    def measured(self) -> float:
        return self.gain.bound if self.loss_max is None else self.gain.ci_low

    @property
    def threshold(self) -> float:
        return 0.0 if self.loss_max is None else -self.loss_max

    @property
    def gate(self) -> str:
        return "catalogue_lift_beats_champion" if self.loss_max is None else "catalogue_lift_loss_max"

    @property
    def holds(self) -> bool:
        return self.measured > self.threshold

    def in_words(self) -> str:
        what = (
            f"look {self.look.number} at these likes, level {self.look.alpha:.3g}"
            if self.loss_max is None
            else "the same engine on another catalogue"
        )
        return (
            f"gain in lift over version {self.pair[1]}: {self.gain.difference:+.4f}, at least {self.measured:+.4f}, "
            f"must be > {self.threshold:g} ({self.measured - self.threshold:+.3g}; {what})"
        )


def judge_rivals(
    project: Project,
    dataset: str,
    challenger: tuple[ModelVersion, ContentEngine],
    champion: tuple[ModelVersion, ContentEngine],
    config: RivalryConfig,
    *,
    loss_max: float | None,
) -> Rivalry:
    """Judge both by the movies that both have, and by everybody's likes of these: neither learned from ratings.

    ``loss_max`` is that of `Rivalry`.
    """
    (version, engine), (standing, serving) = challenger, champion
    tmdb_ids, likes = likes_of_movies(project, dataset, config)
    judged = np.isin(tmdb_ids, engine.tmdb_ids) & np.isin(tmdb_ids, serving.tmdb_ids)
    common = tmdb_ids[judged]
    pair = str(version.version), str(standing.version)
    window = _digest(tmdb_ids, likes)
    number = PromotionLog(project.folder, dataset).look(CONTENT, window, pair)
    look = Look(number, spend_alpha(config.alpha, number))
    gain = compare_engines(
        likes[:, np.flatnonzero(judged)],
        fold_of_users(likes.shape[0], n_folds=config.n_folds, seed=config.seed),
        engine.vectors[positions(engine.tmdb_ids, common, what="tmdb_id")],
        serving.vectors[positions(serving.tmdb_ids, common, what="tmdb_id")],
        genres_of_movies(project, dataset, common),
        n=config.n,
        n_draws=config.n_draws,
        alpha=look.alpha,
        sampling=Sampling(config.least_resamples, config.confidence, config.seed),
    )
    return Rivalry(gain, pair, look, window, loss_max)


def keep_decision(
    log: PromotionLog, version: ModelVersion, decision: Decision, rivalry: Rivalry | None, run_id: str
) -> None:
    """Keep in the log of champions what the registry decided of a version, if that changed or left who serves.

    A version that there is no champion to compare with is not worth a line until it serves.
    """
    standing = log.champion(CONTENT)
    serves = standing.challenger_version if standing else None
    if rivalry is None and (not decision.promoted or serves == str(version.version)):
        return
    gain = rivalry.gain if rivalry else None
    failed = rivalry.gate if rivalry and not rivalry.holds else "gates"
    log.add(
        Promotion(
            task=CONTENT,
            window=rivalry.window if rivalry else NOBODY,
            look=rivalry.look.number if rivalry else 1,
            decided_at=now(),
            run_id=run_id,
            champion=CONTENT_ENGINE if rivalry else NOBODY,
            champion_version=rivalry.pair[1] if rivalry else NOBODY,
            challenger=CONTENT_ENGINE,
            challenger_version=str(version.version),
            metric=METRIC,
            difference=_known(gain.difference) if gain else None,
            ci_low=_known(rivalry.measured) if rivalry else None,
            p_value=gain.p_value if gain else None,
            alpha=rivalry.look.alpha if rivalry else 1.0,
            n_users=gain.n_users if gain else 0,
            decision=KEPT if not decision.promoted else PROMOTED if standing else FIRST,
            blocked_by=None if decision.promoted else failed,
            distance=_known(rivalry.measured - rivalry.threshold) if rivalry else None,
            weakest_segment=None,
            reason=decision.reason,
            data_version=version.data_version,
            code_version=version.code_version,
            seconds_per_user=None,
        )
    )


def _digest(tmdb_ids: Ids, likes: SparseRows) -> str:
    digest = hashlib.blake2b(digest_size=8)
    for part in (tmdb_ids, likes.indptr, likes.indices):
        digest.update(np.ascontiguousarray(part).tobytes())
    return f"{likes.nnz}-{digest.hexdigest()}"


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
