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


@pytest.fixture
def dense() -> RatingLog:
    """12 users, 10 items, most pairs rated: each user and item has ratings in every fold."""
    rng = np.random.default_rng(5)
    user, item = np.divmod(rng.permutation(120)[:100], 10)
    return log_of(user, item, rng.integers(1, 11, 100) / 2, 12_000 + 40 * rng.random(100))


def folded(log: RatingLog, knowledge: Knowledge, **changes: Any) -> np.ndarray:
    how = {"n_folds": 5, "seed": 0, "n_threads": 1} | changes
    return out_of_fold(log, lambda learned: build(learned, knowledge), **how)


@given(row=st.integers(0, 99))
@settings(max_examples=20)
def test_a_pairs_own_rating_never_changes_its_features(row: int):
    log = dense.__wrapped__() if hasattr(dense, "__wrapped__") else None
    assert log is not None
