"""Lists that models of a moment would have served, judged by what users liked after it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.preprocessing import MultiLabelBinarizer

from recsys_assets.algorithms.als import AlsSettings, fit_als, tune_als
from recsys_assets.algorithms.backtesting.history import Catalogue, History, Ratings, Tags
from recsys_assets.algorithms.beyond_accuracy import catalog_coverage
from recsys_assets.algorithms.cold_start import cold_start_list, most_liked, serve_cold_users
from recsys_assets.algorithms.content import content_embeddings, embed_content, item_terms, tfidf_vectors
from recsys_assets.algorithms.embeddings import Embeddings
from recsys_assets.algorithms.evaluation import (
    Bootstrap,
    Comparison,
    Figure,
    Judgement,
    UserValues,
    comparisons,
    figures,
    ranking_values,
)
from recsys_assets.algorithms.hybrid import blend, fit_weights
from recsys_assets.algorithms.interactions import Ids, Interactions, SparseRows, build_interactions, positions
from recsys_assets.algorithms.popularity import popularity, recent_popularity
from recsys_assets.algorithms.sampling import sample_users
from recsys_assets.algorithms.topn import NO_ITEM, Items, recommend

__all__ = ["NEW_USERS", "WARM_USERS", "ListSettings", "ListsOfMoment", "fit_lists", "judge_lists_of_moment"]

WARM_USERS, NEW_USERS = "warm_users", "new_users"
"""Users of whom a rating had been learned by then, and those of whom none had."""

_MICROSECONDS = 1e6


@dataclass(frozen=True)
class ListSettings:
    """How models are fitted, and the candidates among which each user's latest ratings before the moment choose.

    Attributes
    ----------
    inner_share : of each user's ratings before the moment, the latest, which choose
    k : places of a list
    min_items, max_terms, n_components : see :func:`~recsys_assets.algorithms.content.tfidf_vectors`, ``embed_content``
    min_ratings, min_mean : see :func:`~recsys_assets.algorithms.cold_start.cold_start_list`
    """

    inner_share: float
    like_rating: float
    k: int
    half_life_days: float
    n_factors: int
    iterations: int
    als_candidates: tuple[tuple[float, float], ...]
    n_seeds: int
    max_users: int
    alphas: tuple[float, ...]
    min_beta: float
    min_items: int
    max_terms: int
    n_components: int
    min_ratings: int
    min_mean: float
    seed: int


@dataclass(frozen=True)
class ListsOfMoment:
    """Lists of a moment, and the settings that were chosen for them.

    Attributes
    ----------
    user_ids : shape (n_users,), everyone with a rating by then
    item_ids : shape (n_items,), the items that there were
    personal : shape (n_users, k) each, item numbers by strategy
    for_anyone : shape (at most k,) each: what a user would have got of whom nothing was known
    als : what ALS was fitted with
    alpha : the hybrid's weight of ALS; content has the rest
    """

    user_ids: Ids
    item_ids: Ids
    personal: Mapping[str, Items]
    for_anyone: Mapping[str, Items]
    als: AlsSettings
    alpha: float


def fit_lists(past: History, settings: ListSettings) -> ListsOfMoment:
    """Choose settings, fit every strategy and make its lists, of what was known at the moment and of nothing else.

    Candidates are fitted on all but each user's latest ratings, which choose; then the models learn from all. Content
    knows genres, titles, decades and the tags of rated pairs.

    Raises
    ------
    ValueError
        If nobody likes any of their latest ratings: nothing could choose.
    """
    als, alpha = _choose(past, settings)
    interactions = past.interactions(past.ratings)
    by_als = _fit_als(interactions, als, settings)
    by_content = _content(past, interactions, settings)
    models = {
        "popularity": popularity(
            interactions.likes(settings.like_rating),
            user_ids=interactions.user_ids,
            item_ids=interactions.item_ids,
        ),
        "recent_popularity": _recent_popularity(past, interactions, settings),
        "als": by_als,
        "content": by_content,
        "hybrid": blend(by_als, by_content, alpha=alpha, beta=1 - alpha),
    }
    lists = {name: recommend(model, interactions.ratings, n=settings.k) for name, model in models.items()}
    for_anyone = {
        "popularity": most_liked(interactions, min_rating=settings.like_rating, n=settings.k),
        "cold_start": _cold_start(past.catalogue, interactions, settings),
    }
    lists["hybrid"] = serve_cold_users(lists["hybrid"], for_anyone["cold_start"], seen=interactions.ratings)
    personal = {name: items for name, (items, _) in lists.items()}
    return ListsOfMoment(interactions.user_ids, interactions.item_ids, personal, for_anyone, als, alpha)


def judge_lists_of_moment(
    lists: ListsOfMoment, judged: Ratings, *, like_rating: float, k: int, baseline: str, bootstrap: Bootstrap
) -> Judgement:
    """Measure lists by what users liked afterwards, and how much better each is than the baseline's.

    Users who had rated by then are judged by their own lists; the others by those made for anyone, as ``new_users``.
    Likes of items that there weren't yet count among what a list should have found. Coverage is the share of the items
    that there were in any list of those who had rated, back later or not.
    """
    warm = np.isin(judged.user_id, lists.user_ids)
    items = np.union1d(lists.item_ids, judged.item_id)
    place = positions(items, lists.item_ids, what="item_id")
    known = _likes(judged.rows(warm), lists.user_ids, items, like_rating)
    unknown = _likes(judged.rows(~warm), np.unique(judged.user_id[~warm]), items, like_rating)

    def measure(listed: Items, relevant: SparseRows, segment: str) -> UserValues:
        renumbered = np.where(listed == NO_ITEM, NO_ITEM, place[listed])
        return ranking_values(renumbered, relevant, ks=[k], segment_k=k, users={}, items={}, overall=segment)

    measured = {
        WARM_USERS: {name: measure(listed, known, WARM_USERS) for name, listed in lists.personal.items()},
        NEW_USERS: {
            name: measure(_everyone(listed, unknown.shape[0], k), unknown, NEW_USERS)
            for name, listed in lists.for_anyone.items()
        },
    }
    found: list[Figure] = []
    pairs: list[Comparison] = []
    for by_model in measured.values():
        for name, values in by_model.items():
            found += figures(name, values, bootstrap)
            if name != baseline:
                pairs += comparisons(name, baseline, values, by_model[baseline], bootstrap)
    n_users, n_items = lists.user_ids.size, lists.item_ids.size
    for name, listed in lists.personal.items():
        coverage = catalog_coverage(listed[:, :k], n_items)
        found.append(Figure(name, WARM_USERS, "coverage", k, coverage, np.nan, np.nan, n_users))
    return Judgement(tuple(found), tuple(pairs))


def _choose(past: History, settings: ListSettings) -> tuple[AlsSettings, float]:
    """The settings of ALS and the hybrid's weight of it that each user's latest ratings choose."""
    learned, latest = past.hold_out_latest(settings.inner_share)
    interactions = learned.interactions(learned.ratings)
    relevant = learned.interactions(latest).likes(settings.like_rating)
    als = tune_als(
        interactions.likes(settings.like_rating),
        interactions.ratings,
        relevant,
        n_factors=settings.n_factors,
        iterations=settings.iterations,
        candidates=settings.als_candidates,
        k=settings.k,
        seeds=range(settings.seed, settings.seed + settings.n_seeds),
        max_users=settings.max_users,
    ).best
    users = sample_users(interactions.n_users, size=settings.max_users, seed=settings.seed)
    weights = fit_weights(
        _fit_als(interactions, als, settings).of_users(users),
        _content(learned, interactions, settings).of_users(users),
        interactions.ratings[users],
        relevant[users],
        alphas=settings.alphas,
        min_beta=settings.min_beta,
        k=settings.k,
    )
    return als, weights.alpha


def _fit_als(interactions: Interactions, als: AlsSettings, settings: ListSettings) -> Embeddings:
    return fit_als(
        interactions.likes(settings.like_rating),
        user_ids=interactions.user_ids,
        item_ids=interactions.item_ids,
        n_factors=settings.n_factors,
        regularization=als.regularization,
        alpha=als.alpha,
        iterations=settings.iterations,
        seed=settings.seed,
    )


def _recent_popularity(past: History, interactions: Interactions, settings: ListSettings) -> Embeddings:
    liked = past.ratings.rows(past.ratings.rating >= settings.like_rating)
    return recent_popularity(
        interactions.items(liked.item_id),
        liked.rated_at / _MICROSECONDS,
        user_ids=interactions.user_ids,
        item_ids=interactions.item_ids,
        half_life_days=settings.half_life_days,
    )


def _content(past: History, interactions: Interactions, settings: ListSettings) -> Embeddings:
    heard = _tags_of_rated_pairs(past)
    catalogue = past.catalogue
    text = tfidf_vectors(
        [item_terms(*row) for row in zip(catalogue.genres, catalogue.title, heard, strict=True)],
        min_items=settings.min_items,
        max_terms=settings.max_terms,
    )
    vectors = embed_content(text.vectors, n_components=settings.n_components, seed=settings.seed)
    return content_embeddings(interactions, vectors.item_vectors, min_rating=settings.like_rating)


def _tags_of_rated_pairs(past: History) -> list[list[str]]:
    """Each item's tags by those whose rating of it is learned from, in alphabetical order."""
    user_ids, item_ids = np.unique(past.ratings.user_id), past.catalogue.item_id
    tags = past.tags.rows(np.isin(past.tags.user_id, user_ids))

    def pairs(rows: Ratings | Tags) -> NDArray[np.int64]:
        user = positions(user_ids, rows.user_id, what="user_id")
        return user * item_ids.size + positions(item_ids, rows.item_id, what="item_id")

    tags = tags.rows(np.isin(pairs(tags), pairs(past.ratings)))
    heard: list[list[str]] = [[] for _ in past.catalogue.title]
    for item, tag in zip(positions(item_ids, tags.item_id, what="item_id"), tags.tag, strict=True):
        heard[item].append(str(tag))
    return [sorted(of_item) for of_item in heard]


def _cold_start(catalogue: Catalogue, interactions: Interactions, settings: ListSettings) -> Items:
    n_ratings, mean_rating = interactions.item_activity()
    genres = csr_matrix(MultiLabelBinarizer(sparse_output=True).fit_transform(catalogue.genres))
    return cold_start_list(
        n_ratings,
        mean_rating,
        genres,
        min_ratings=settings.min_ratings,
        min_mean=settings.min_mean,
        n=settings.k,
    )


def _likes(ratings: Ratings, user_ids: Ids, item_ids: Ids, like_rating: float) -> SparseRows:
    return build_interactions(
        ratings.user_id, ratings.item_id, ratings.rating, user_ids=user_ids, item_ids=item_ids
    ).likes(like_rating)


def _everyone(listed: Items, n_users: int, k: int) -> Items:
    """One list for all, as a matrix; places beyond its end are empty."""
    row = np.full(k, NO_ITEM)
    row[: listed.size] = listed[:k]
    return np.tile(row, (n_users, 1))
