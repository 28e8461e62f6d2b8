"""Stars that models of a moment would have predicted, judged by those that users gave after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from recsys_assets.algorithms.backtesting.history import History, Ratings
from recsys_assets.algorithms.backtesting.lists import NEW_USERS, WARM_USERS
from recsys_assets.algorithms.evaluation import ALL, Bootstrap, Judgement
from recsys_assets.algorithms.interactions import Ids, positions
from recsys_assets.algorithms.rating_prediction.ensemble import Recipe, choose, fit_models
from recsys_assets.algorithms.rating_prediction.judging import judge_stars
from recsys_assets.algorithms.rating_prediction.log import Numbers, RatingLog, RatingModel, Stars

__all__ = ["StarsOfMoment", "fit_stars", "judge_stars_of_moment"]

NOBODY = -1
"""The id of a user, and of an item, without ratings: whoever and whatever came later counts as that one."""

_MICROSECONDS_PER_DAY = 86_400e6


@dataclass(frozen=True)
class StarsOfMoment:
    """Models of a moment.

    Attributes
    ----------
    user_ids, item_ids : sorted; the first is ``NOBODY``
    scale : lowest and highest rating by then
    settings : what each model was fitted with
    """

    user_ids: Ids
    item_ids: Ids
    scale: tuple[float, float]
    models: Mapping[str, RatingModel]
    settings: Mapping[str, Mapping[str, Any]]

    def predict(self, ratings: Ratings) -> dict[str, Stars]:
        """Each model's stars of the ratings' pairs at their times, within the scale."""
        user = _places(self.user_ids, ratings.user_id)
        item = _places(self.item_ids, ratings.item_id)
        day = ratings.rated_at / _MICROSECONDS_PER_DAY
        return {name: model.predict(user, item, day).clip(*self.scale) for name, model in self.models.items()}


def fit_stars(
    past: History, recipes: Sequence[Recipe], *, inner_share: float, n_threads: int
) -> StarsOfMoment:
    """Choose each recipe's settings and fit its model, of what was known at the moment and of nothing else.

    Candidates learn from all but each user's latest ratings, which choose; then the models learn from all.

    Parameters
    ----------
    inner_share : of each user's ratings, the latest, which choose
    n_threads : models fitted at a time
    """
    user_ids = np.append(NOBODY, np.unique(past.ratings.user_id))
    item_ids = np.append(NOBODY, past.catalogue.item_id)
    learned, latest = past.hold_out_latest(inner_share)
    choice = choose(
        recipes,
        _log(learned.ratings, user_ids, item_ids),
        _log(latest, user_ids, item_ids),
        n_threads=n_threads,
    )
    log = _log(past.ratings, user_ids, item_ids)
    fitted = fit_models(recipes, choice.settings, log, n_threads=n_threads)
    models = {name: model for name, (model, _) in fitted.items()}
    return StarsOfMoment(user_ids, item_ids, log.scale, models, choice.settings)


def judge_stars_of_moment(
    stars: StarsOfMoment, judged: Ratings, *, baseline: str, n_bins: int, bootstrap: Bootstrap
) -> Judgement:
    """RMSE and MAE of each model over all that was rated afterwards, by users of whom it knew something and by others.

    Differences to the baseline are paired; below 0 the model errs less. Segments without ratings are left out.

    Parameters
    ----------
    n_bins : bins of predicted stars of the calibration error
    """
    warm = np.isin(judged.user_id, stars.user_ids)
    segments = {ALL: np.ones(warm.size, dtype=bool), WARM_USERS: warm, NEW_USERS: ~warm}
    return judge_stars(
        stars.predict(judged),
        _log(judged, np.unique(judged.user_id), np.unique(judged.item_id)),
        {name: rows for name, rows in segments.items() if rows.any()},
        compared=[(name, baseline) for name in stars.models if name != baseline],
        n_bins=n_bins,
        scale=stars.scale,
        bootstrap=bootstrap,
    )


def _log(ratings: Ratings, user_ids: Ids, item_ids: Ids) -> RatingLog:
    return RatingLog(
        user_ids,
        item_ids,
        positions(user_ids, ratings.user_id, what="user_id").astype(np.int32),
        positions(item_ids, ratings.item_id, what="item_id").astype(np.int32),
        ratings.rating,
        ratings.rated_at / _MICROSECONDS_PER_DAY,
    )


def _places(vocabulary: Ids, ids: Ids) -> Numbers:
    """Where known ids stand; where ``NOBODY`` does, for the others."""
    return positions(vocabulary, np.where(np.isin(ids, vocabulary), ids, NOBODY), what="id").astype(np.int32)
