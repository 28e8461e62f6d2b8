"""Features of pairs: each column as its definition has it, and that no learned pair knows its own rating or tags."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_matrix

from recsys_assets.algorithms.liking.features import (
    FEATURES,
    TIME,
    FeatureBuilder,
    Knowledge,
    TagLog,
    out_of_fold,
)
from recsys_assets.algorithms.rating_prediction.biases import fit_biases
from recsys_assets.algorithms.rating_prediction.factorization_machine import SideFeatures
from recsys_assets.algorithms.rating_prediction.log import RatingLog
from recsys_assets.defs.classification.builders import LikeFeaturesConfig, builder
from recsys_assets_tests.rating_logs import all_pairs, assert_same_log, log_of, logs, shuffled

LIKE = 4.0
SMOOTHING = 5.0
SEEDS = st.integers(0, 2**31)
NAMES = [feature.name for feature in FEATURES]
STANDINS = {
    name: partial(fit_biases, user_damping=damping, item_damping=damping, iterations=2)
    for name, damping in (("item_knn_baseline", 1.0), ("biased_mf", 2.0), ("ordinal_fm", 3.0))
}
"""Of the models behind the features: what matters here is what they are given."""


def build(log: RatingLog, knowledge: Knowledge, fits: Any = STANDINS) -> FeatureBuilder:
    return FeatureBuilder(log, knowledge, fits, like=LIKE, smoothing=SMOOTHING)


def column(values: np.ndarray, name: str) -> np.ndarray:
    return values[:, NAMES.index(name)]


def some_knowledge(log: RatingLog, seed: int, n_tags: int = 12) -> Knowledge:
    """Terms and tags at random: of learned pairs and others, some twice; some items have none."""
    rng = np.random.default_rng(seed)
    genres, decades = (
        csr_matrix((rng.random((log.n_items, n)) < share).astype(np.float32))
        for n, share in ((4, 0.4), (3, 0.3))
    )
    tags = TagLog(
        rng.integers(0, log.n_users, n_tags),
        rng.integers(0, log.n_items, n_tags),
        rng.integers(0, 3, n_tags),
    )
    return Knowledge(genres, decades, tags)


def with_tag(knowledge: Knowledge, user: int, item: int, tag: int) -> Knowledge:
    tags = knowledge.tags
    more = TagLog(np.append(tags.user, user), np.append(tags.item, item), np.append(tags.tag, tag))
    return replace(knowledge, tags=more)


def described_pairs(log: RatingLog, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All pairs, at any moment of the log and just outside it, and some at the very moment of a rating."""
    user, item = all_pairs(np.arange(log.n_users), log.n_items)
    rng = np.random.default_rng(seed)
    day = rng.uniform(log.day.min() - 3, log.day.max() + 3, user.size)
    at_once = rng.random(user.size) < 0.3
    day[at_once] = rng.choice(log.day, int(at_once.sum()))
    return user, item, day


@dataclass(frozen=True)
class Row:
    """A learned rating, as the slow definition below reads it."""

    user: int
    item: int
    stars: float
    day: float
    residual: float


class Definition:
    """The features of one pair at a time, in plain Python."""

    def __init__(self, log: RatingLog, knowledge: Knowledge) -> None:
        self.biases = fit_biases(log, user_damping=SMOOTHING, item_damping=SMOOTHING, iterations=10)
        residual = log.rating - self.biases.predict(log.user, log.item, log.day)
        columns = (log.user, log.item, log.rating, log.day, residual)
        self.rows = [Row(*values) for values in zip(*(c.tolist() for c in columns), strict=True)]
        self.models = {name: fit(log) for name, fit in STANDINS.items()}
        learned = {(row.user, row.item) for row in self.rows}
        given = zip(*(column.tolist() for column in vars(knowledge.tags).values()), strict=True)
        tags: list[set[int]] = [set() for _ in range(log.n_items)]
        for user, item, tag in given:
            if (user, item) in learned:
                tags[item].add(tag)
        self.terms = {
            "genre": [set(row.indices.tolist()) for row in knowledge.genres],
            "decade": [set(row.indices.tolist()) for row in knowledge.decades],
            "tag": tags,
        }

    def pair(self, user: int, item: int, day: float) -> dict[str, float]:
        mine = sorted((row for row in self.rows if row.user == user), key=lambda row: row.day)
        of_item = [row for row in self.rows if row.item == item]
        found = self._aggregates("user", mine) | self._aggregates("item", of_item)
        for kind, terms in self.terms.items():
            found |= self._terms(kind, terms, mine, item)
        for name, model in {"bias": self.biases, **self.models}.items():
            found[name] = float(model.predict(np.array([user]), np.array([item]), np.array([day]))[0])
        return found | self._moments(mine, of_item, day)

    def _aggregates(self, of: str, rows: list[Row]) -> dict[str, float]:
        stars, n = [row.stars for row in rows], len(rows)
        every = [row.stars for row in self.rows]
        like_rate = sum(one >= LIKE for one in every) / len(every)
        mean = sum(every) / len(every)
        return {
            f"{of}_n_ratings": n,
            f"{of}_like_rate": (sum(one >= LIKE for one in stars) + SMOOTHING * like_rate) / (n + SMOOTHING),
            f"{of}_mean_stars": (sum(stars) + SMOOTHING * mean) / (n + SMOOTHING),
            f"{of}_std_stars": float(np.std(stars)) if n > 1 else math.nan,
        }

    def _terms(self, kind: str, terms: list[set[int]], mine: list[Row], item: int) -> dict[str, float]:
        effects, affinities, shares = [], [], []
        for term in terms[item]:
            everyones = [row.residual for row in self.rows if term in terms[row.item]]
            own = [row.residual for row in mine if term in terms[row.item]]
            effects.append(sum(everyones) / (len(everyones) + SMOOTHING))
            affinities.append(sum(own) / (len(own) + SMOOTHING))
            shares.append(len(own) / max(len(mine), 1))
        parts = {"effect": effects, "affinity": affinities, "share": shares}
        return {f"{kind}_{part}": np.mean(each) if each else math.nan for part, each in parts.items()}

    def _moments(self, mine: list[Row], of_item: list[Row], day: float) -> dict[str, float]:
        def mean(rows: list[Row]) -> float:
            return sum(row.residual for row in rows) / (len(rows) + 1)

        before = [row for row in mine if row.day < day]
        after = [row for row in mine if row.day >= day]
        session = [row for row in mine if math.floor(row.day) == math.floor(day)]
        return {
            "day": day,
            "days_since_first": day - mine[0].day if mine else math.nan,
            "days_before_last": mine[-1].day - day if mine else math.nan,
            "item_age": day - min(row.day for row in of_item) if of_item else math.nan,
            "session_n_ratings": len(session),
            "session_effect": mean(session),
            "recent_effect": mean(before[-3:]),
            "around_effect": mean(before[-3:] + after[:3]),
            "long_recent_effect": mean(before[-10:]),
            "long_around_effect": mean(before[-10:] + after[:10]),
        }


@given(logs(), SEEDS)
@settings(max_examples=40)
def test_every_column_is_what_its_definition_says(log: RatingLog, seed: int):
    knowledge = some_knowledge(log, seed)
    pairs = described_pairs(log, seed)
    found = build(log, knowledge).pairs(*pairs)
    definition = Definition(log, knowledge)
    expected = [definition.pair(*pair) for pair in zip(*(c.tolist() for c in pairs), strict=True)]
    assert found.dtype == np.float32
    assert found.shape == (len(expected), len(FEATURES))
    for name in NAMES:
        assert_allclose(
            column(found, name), [row[name] for row in expected], rtol=1e-5, atol=1e-5, err_msg=name
        )
    assert list(expected[0]) == NAMES


def test_windows_hold_3_and_10_ratings_of_the_user_alone():
    log = log_of([0] * 24 + [1] * 24, [*range(24)] * 2, [5.0, 1.0] * 24, [*np.arange(48) + 0.5])
    knowledge = some_knowledge(log, 0)
    user, day = np.repeat([0, 1], 50), np.tile(np.arange(50.0), 2)
    found = build(log, knowledge).pairs(user, np.zeros(100, dtype=int), day)
    definition = Definition(log, knowledge)
    for name in (feature.name for feature in FEATURES if feature.group == TIME):
        expected = [definition.pair(u, 0, d)[name] for u, d in zip(user.tolist(), day.tolist(), strict=True)]
        assert_allclose(column(found, name), expected, atol=1e-5, err_msg=name)


def test_names_are_unique_and_every_feature_says_what_it_knows():
    assert len(set(NAMES)) == len(NAMES)
    assert all(feature.knows for feature in FEATURES)
    assert {f.group for f in FEATURES} == {"user", "item", "genre", "decade", "tag", "collaborative", TIME}


@given(logs(), SEEDS)
@settings(max_examples=15)
def test_all_items_are_described_as_pairs_are(log: RatingLog, seed: int):
    features = build(log, some_knowledge(log, seed))
    rng = np.random.default_rng(seed)
    users = rng.permutation(log.n_users)[: 1 + log.n_users // 2]
    day = rng.uniform(12_000, 12_040, users.size)
    user, item = all_pairs(users, log.n_items)
    assert_array_equal(
        features.all_items(users, day), features.pairs(user, item, np.repeat(day, log.n_items))
    )


def test_the_real_models_describe_all_items_as_pairs_too():
    rng = np.random.default_rng(0)
    user, item = np.divmod(rng.permutation(30 * 20)[:300], 20)
    log = log_of(user, item, rng.integers(1, 11, 300) / 2, 12_000 + rng.random(300), n_users=31, n_items=20)
    config = LikeFeaturesConfig(fm_samples=4, fm_burn_in=2, fm_kept=2, epochs=3, n_factors=4)
    knowledge = some_knowledge(log, 0)
    features = builder(log, knowledge, SideFeatures.none(log), config)
    users, day = np.array([30, 3, 7]), np.array([12_000.5, 12_001.0, 12_000.2])
    pairs = (*all_pairs(users, log.n_items), np.repeat(day, log.n_items))
    found = features.pairs(*pairs)
    assert_allclose(features.all_items(users, day), found, rtol=1e-5, atol=1e-5)
    collaborative = [NAMES.index(feature.name) for feature in FEATURES if feature.group == "collaborative"]
    assert np.isfinite(found[:, collaborative]).all()
    others = [n for n in range(len(FEATURES)) if n not in collaborative]
    assert_array_equal(found[:, others], build(log, knowledge).pairs(*pairs)[:, others])


def dense_log(seed: int = 5) -> RatingLog:
    """12 users, 10 items, most pairs rated: each user and item has ratings in every fold."""
    rng = np.random.default_rng(seed)
    user, item = np.divmod(rng.permutation(120)[:100], 10)
    return log_of(user, item, rng.integers(1, 11, 100) / 2, 12_000 + 40 * rng.random(100))


def folded(log: RatingLog, knowledge: Knowledge, **changes: Any) -> np.ndarray:
    how = {"n_folds": 5, "seed": 0, "n_threads": 1} | changes
    return out_of_fold(log, lambda learned: build(learned, knowledge), **how)


@given(st.integers(0, 99), SEEDS)
@settings(max_examples=20)
def test_a_pairs_own_rating_never_changes_its_features(row: int, seed: int):
    log = dense_log(seed)
    knowledge = some_knowledge(log, seed)
    rating = log.rating.copy()
    rating[row] = 5.5 - rating[row]
    before, after = folded(log, knowledge), folded(replace(log, rating=rating), knowledge)
    same = (np.isnan(before) & np.isnan(after)) | (before == after)
    assert same[row].all()
    # The 20 rows of its fold are described by the other folds: all others notice.
    assert same.all(axis=1).sum() == 20
    of_user = log.user == log.user[row]
    assert not same[of_user & ~same.all(axis=1)][:, NAMES.index("user_mean_stars")].any()


def test_each_pair_is_described_by_the_rows_of_the_other_folds():
    log = dense_log()
    knowledge = some_knowledge(log, 0)
    given_to: list[RatingLog] = []

    def watched(learned: RatingLog) -> FeatureBuilder:
        given_to.append(learned)
        return build(learned, knowledge)

    values = out_of_fold(log, watched, n_folds=4, seed=3, n_threads=1)
    assert [learned.rating.size for learned in given_to] == [75] * 4
    place = log.user * log.n_items + log.item
    left_out = [~np.isin(place, learned.user * log.n_items + learned.item) for learned in given_to]
    assert_array_equal(np.sum(left_out, axis=0), 1)
    for rows in left_out:
        pairs = log.user[rows], log.item[rows], log.day[rows]
        assert_array_equal(values[rows], build(log.rows(~rows), knowledge).pairs(*pairs))


@given(logs(), SEEDS)
@settings(max_examples=20)
def test_a_tag_on_a_pair_that_was_not_learned_changes_nothing(log: RatingLog, seed: int):
    knowledge = some_knowledge(log, seed)
    rated = set(zip(log.user.tolist(), log.item.tolist(), strict=True))
    pairs = described_pairs(log, seed)
    before = build(log, knowledge).pairs(*pairs)
    for user, item in {(u, i) for u in range(log.n_users) for i in range(log.n_items)} - rated:
        knowledge = with_tag(knowledge, user, item, 2)
    assert_array_equal(build(log, knowledge).pairs(*pairs), before)


@given(st.integers(0, 99), SEEDS)
@settings(max_examples=20)
def test_a_tag_that_came_with_a_rating_never_changes_that_pairs_features(row: int, seed: int):
    log = dense_log(seed)
    knowledge = some_knowledge(log, seed)
    tagged = with_tag(knowledge, log.user[row], log.item[row], 7)
    before, after = folded(log, knowledge), folded(log, tagged)
    changed = ~((np.isnan(before) & np.isnan(after)) | (before == after))
    assert not changed[row].any()
    assert changed[log.item == log.item[row]].any()
    of_tags = [feature.group == "tag" for feature in FEATURES]
    assert not changed[:, np.logical_not(of_tags)].any()


@given(logs(), SEEDS)
@settings(max_examples=25)
def test_values_are_missing_where_nothing_is_known_and_nowhere_else(log: RatingLog, seed: int):
    knowledge = some_knowledge(log, seed)
    user, item, day = described_pairs(log, seed)
    found = build(log, knowledge).pairs(user, item, day)
    of_user, of_item = (
        np.bincount(rows, minlength=n)[pair]
        for rows, n, pair in ((log.user, log.n_users, user), (log.item, log.n_items, item))
    )
    learned = {(u, i) for u, i in zip(log.user.tolist(), log.item.tolist(), strict=True)}
    tags = knowledge.tags
    tagged = {i for u, i in zip(tags.user.tolist(), tags.item.tolist(), strict=True) if (u, i) in learned}
    no_terms = {
        "genre": np.diff(knowledge.genres.indptr)[item] == 0,
        "decade": np.diff(knowledge.decades.indptr)[item] == 0,
        "tag": np.array([i not in tagged for i in item.tolist()]),
    }
    missing = {
        "user_std_stars": of_user < 2,
        "item_std_stars": of_item < 2,
        "days_since_first": of_user == 0,
        "days_before_last": of_user == 0,
        "item_age": of_item == 0,
    } | {f.name: no_terms[f.group] for f in FEATURES if f.group in no_terms}
    for name in NAMES:
        expected = missing.get(name, np.zeros(user.size, dtype=bool))
        assert_array_equal(np.isnan(column(found, name)), expected, err_msg=name)
    assert not np.isinf(found).any()


def test_of_a_user_without_ratings_only_the_item_speaks():
    log = log_of([0, 0, 1], [0, 1, 1], [5, 2, 4], [10.0, 11, 12], n_users=3)
    features = build(log, some_knowledge(log, 0))
    assert features.n_learned.tolist() == [2, 1, 0]
    cold = features.pairs(np.array([2, 2]), np.array([0, 1]), np.array([11.0, 11]))
    of_user = [NAMES.index(f.name) for f in FEATURES if f.group == "user"]
    assert_array_equal(cold[0, of_user], cold[1, of_user])
    assert cold[0, of_user][:3] == pytest.approx([0, 2 / 3, 11 / 3])
    for name in ("session_n_ratings", "session_effect", "recent_effect", "long_around_effect"):
        assert_array_equal(column(cold, name), 0)
    assert column(cold, "item_mean_stars")[0] > column(cold, "item_mean_stars")[1]


@given(logs(), SEEDS)
@settings(max_examples=20)
def test_the_order_of_learned_rows_and_of_asked_pairs_is_irrelevant(log: RatingLog, seed: int):
    knowledge = some_knowledge(log, seed)
    user, item, day = described_pairs(log, seed)
    features = build(log, knowledge)
    found = features.pairs(user, item, day)
    # Sums in another order differ by rounding.
    again = build(shuffled(log, seed), knowledge).pairs(user, item, day)
    assert_allclose(again, found, rtol=1e-5, atol=1e-5)
    order = np.random.default_rng(seed).permutation(user.size)
    assert_array_equal(features.pairs(user[order], item[order], day[order]), found[order])


def test_folds_are_dealt_by_place_and_seed():
    log = dense_log()
    knowledge = some_knowledge(log, 0)
    values = folded(log, knowledge)
    assert_array_equal(folded(log, knowledge), values)
    assert not np.array_equal(folded(log, knowledge, seed=1), values, equal_nan=True)
    # With as many folds as rows nothing is left to deal: each is described by all others.
    order = np.random.default_rng(1).permutation(100)
    alone = folded(log, knowledge, n_folds=100)
    assert_allclose(
        folded(log.rows(order), knowledge, n_folds=100, seed=4), alone[order], rtol=1e-5, atol=1e-5
    )


def test_threads_change_nothing():
    log = dense_log()
    knowledge = some_knowledge(log, 0)
    assert_array_equal(folded(log, knowledge, n_threads=2), folded(log, knowledge))


def test_nothing_given_is_changed():
    log, kept = dense_log(), dense_log()
    knowledge, known = some_knowledge(log, 0), some_knowledge(log, 0)
    folded(log, knowledge)
    build(log, knowledge).pairs(log.user, log.item, log.day)
    assert_same_log(log, kept)
    for name, values in vars(knowledge.tags).items():
        assert_array_equal(values, getattr(known.tags, name))
    for before, after in ((known.genres, knowledge.genres), (known.decades, knowledge.decades)):
        assert_array_equal(after.toarray(), before.toarray())


def test_no_log_of_no_ratings():
    log = dense_log()
    with pytest.raises(ValueError, match="0 ratings"):
        build(log.rows(np.zeros(100, dtype=bool)), some_knowledge(log, 0))
