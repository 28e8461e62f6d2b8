"""Which rows models learned from, and when these were given, against the rows that judge them."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg
import duckdb
import numpy as np
import pandas as pd

from recsys_assets.algorithms.interactions import Interactions
from recsys_assets.algorithms.leakage import share_newer
from recsys_assets.algorithms.liking.features import FEATURES, FeatureBuilder, Knowledge
from recsys_assets.algorithms.rating_prediction.log import RatingLog
from recsys_assets.defs import whole
from recsys_assets.defs.fits import LIVE, Fit
from recsys_assets.defs.leakage.families import FAMILIES
from recsys_assets.defs.leakage.findings import NO_FIT, Finding
from recsys_assets.defs.leakage.worlds import held_out
from recsys_assets.defs.whole import ancestors

__all__ = ["learned_in_order", "looks_back", "upstream"]

_LEARNED_PARTS = frozenset({dg.AssetKey("train_ratings"), dg.AssetKey("validation_ratings")})
_OF_RATINGS = {
    dg.AssetKey(name) for name in ("ratings", "tags", "train_ratings", "validation_ratings", "test_ratings")
}
_BEFORE_LAST = [feature.name for feature in FEATURES].index("days_before_last")


def upstream(fits: tuple[Fit, ...]) -> Iterator[Finding]:
    """Ask the asset graph what each family's assets are made of."""
    groups = {spec.key: spec.group_name for spec in whole.whole_definitions().resolve_all_asset_specs()}
    for family in FAMILIES.values():
        for fit in fits:
            keys = sorted(
                key for key, group in groups.items() if group in family.groups and key.path[0] == fit.name
            )
            faults = [key.to_user_string() for key in keys if _sees_held_out(key)]
            yield Finding(
                family.name,
                fit.name,
                "upstream held-out rows",
                len(faults),
                0,
                f"{', '.join(faults) or 'none'} of {len(keys)} assets made of test rows, of ratings past the split, or "
                "of live models",
            )
    of_ratings = ancestors(dg.AssetKey("catalogue_features")) & _OF_RATINGS
    yield Finding(
        "catalogue",
        NO_FIT,
        "upstream ratings",
        len(of_ratings),
        0,
        "tables of ratings and tags that the catalogue's vectors are made of: "
        f"{', '.join(sorted(key.to_user_string() for key in of_ratings)) or 'none'}",
    )


def _sees_held_out(key: dg.AssetKey) -> bool:
    past_the_split = ancestors(key, without=_LEARNED_PARTS)
    live = {found for found in past_the_split if found.path[0] == LIVE.name}
    return bool(
        live or past_the_split & {dg.AssetKey("ratings")} or ancestors(key) & {dg.AssetKey("test_ratings")}
    )


def learned_in_order(
    connection: duckdb.DuckDBPyConnection, fit: Fit, matrix: Interactions, log: RatingLog
) -> Iterator[Finding]:
    """Look at the very rows that models were given, of lists in the matrix, of the others in the log."""
    pairs = matrix.ratings.tocoo()
    in_matrix = pd.DataFrame({"user_id": matrix.user_ids[pairs.row], "movie_id": matrix.item_ids[pairs.col]})
    in_log = pd.DataFrame(
        {"user_id": log.user_ids[log.user], "movie_id": log.item_ids[log.item], "day": log.day}
    )
    with_times = (
        "(select user_id, epoch(rated_at) / 86400 as day from learned join ratings using (user_id, movie_id))"
    )
    others = tuple(name for name in FAMILIES if name != "lists")
    for families, rows, timed in ((("lists",), in_matrix, with_times), (others, in_log, "learned")):
        connection.register("learned", rows)
        n_hidden, n_late, n_judged = _counts(connection, fit, timed)
        connection.unregister("learned")
        for family in families:
            yield Finding(
                family,
                fit.name,
                "order held-out rows learned",
                n_hidden,
                0,
                f"of {len(rows):,} learned rows, those of {' or '.join(held_out(fit))}",
            )
            yield Finding(
                family,
                fit.name,
                "order newest learned row",
                n_late,
                0,
                f"of {n_judged:,} users with rows in {held_out(fit)[0]}, those of whom a later row is learned",
            )


def _counts(connection: duckdb.DuckDBPyConnection, fit: Fit, timed: str) -> tuple[int, int, int]:
    hidden = " union all ".join(f"select user_id, movie_id from {part}" for part in held_out(fit))
    [(n_hidden, n_late, n_judged)] = connection.execute(
        f"""
        with newest as (select user_id, max(day) as day from {timed} group by user_id),
        first as (
            select user_id, min(epoch(rated_at) / 86400) as day from {held_out(fit)[0]} group by user_id
        )
        select (select count(*) from learned semi join ({hidden}) using (user_id, movie_id)),
               (select count(*) from newest join first using (user_id) where newest.day > first.day),
               (select count(*) from first)
        """
    ).fetchall()
    return int(n_hidden), int(n_late), int(n_judged)


def looks_back(
    fit: Fit,
    log: RatingLog,
    judged: RatingLog,
    knowledge: Knowledge,
    learned_values: np.ndarray[tuple[int, ...], np.dtype[np.float32]],
    *,
    like: float,
    smoothing: float,
) -> Iterator[Finding]:
    """Whether time features of judged rows look at later rows of their user; what others rated later is told.

    A split by each user's own time can't keep other users' later rows out, nor do folds keep apart what came first:
    both are told beside it.
    """
    builder = FeatureBuilder(log, knowledge, {}, like=like, smoothing=smoothing)
    ahead = builder.pairs(judged.user, judged.item, judged.day)[:, _BEFORE_LAST] > 0
    yield Finding(
        "likes",
        fit.name,
        "order time features look back",
        int(np.count_nonzero(ahead)),
        0,
        f"of {judged.rating.size:,} judged rows, those of whose user the features know a later rating",
    )
    yield Finding(
        "likes",
        fit.name,
        "order learned rows newer than judged ones",
        share_newer(log.day, judged.day),
        None,
        "share of learned rows, of all users, that are newer than the judged row they describe, on average: other "
        "users go on rating while this one is judged",
    )
    own = learned_values[:, _BEFORE_LAST]
    yield Finding(
        "likes",
        fit.name,
        "order learned rows described by later ones",
        float(np.mean(own > 0)),
        None,
        "share of learned rows that are described out of fold by later ratings of the same user too: from recency, "
        "trees learn what folds make of it",
    )
