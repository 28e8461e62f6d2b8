"""Experiments: users are dealt evenly and for good, and what they did is compared over those who saw one variant."""

from __future__ import annotations

import datetime as dt
import uuid

import dagster as dg
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys_assets.algorithms.ab_testing import assigned_variant, difference_of_means
from recsys_assets.contracts import TABLES
from recsys_assets.defs.experiments.assets import experiments
from recsys_assets.defs.resources import build_resources
from recsys_assets.serving.exposures import Exposure, exposure_of, parse_exposure
from recsys_assets.serving.settings import Experiment, serve_settings
from recsys_assets.settings import SettingsError
from recsys_assets.storage.feedback import FeedbackEvent, FeedbackLog
from recsys_assets_tests.graph import QUIET

NOW = dt.datetime(2026, 3, 1, 12, 0, 0, tzinfo=dt.UTC)
BOOTSTRAP = {"n_resamples": 2000, "confidence": 0.95, "seed": 0}


def test_users_are_dealt_evenly_and_of_two_experiments_independently():
    n_users = 20_000
    one = np.array([assigned_variant(user, "one", 3) for user in range(n_users)])
    other = np.array([assigned_variant(user, "other", 3) for user in range(n_users)])
    counts = np.bincount(3 * one + other, minlength=9)
    # Nine cells of a multinomial: chi-squared with 8 degrees of freedom is below 26.1 with probability 0.999.
    assert ((counts - n_users / 9) ** 2 / (n_users / 9)).sum() < 26.1


@given(st.integers(0, 2**53), st.text(max_size=20), st.integers(1, 9))
def test_the_same_user_is_always_dealt_the_same(user_id, name, n_variants):
    dealt = assigned_variant(user_id, name, n_variants)
    assert dealt == assigned_variant(user_id, name, n_variants)
    assert 0 <= dealt < n_variants


def test_an_experiment_without_variants_is_refused():
    with pytest.raises(ValueError, match="needs variants; got 0"):
        assigned_variant(1, "one", 0)


def test_the_interval_of_a_difference_holds_it_as_often_as_it_says():
    rng = np.random.default_rng(1)
    held = 0
    for seed in range(200):
        a, b = (rng.random(120) < 0.5).astype(float), (rng.random(150) < 0.3).astype(float)
        found = difference_of_means(a, b, n_resamples=300, confidence=0.9, seed=seed)
        held += found.low <= 0.2 <= found.high
    assert abs(held / 200 - 0.9) < 4 * (0.9 * 0.1 / 200) ** 0.5


def test_a_difference_of_constants_is_sure_and_that_of_nobody_is_not_a_number():
    found = difference_of_means(np.full(5, 2.0), np.full(3, 0.5), **BOOTSTRAP)
    assert (found.value, found.low, found.high) == (1.5, 1.5, 1.5)
    assert np.isnan(difference_of_means(np.empty(0), np.ones(3), **BOOTSTRAP).value)
    with pytest.raises(ValueError, match="n_resamples must be at least 1; got 0"):
        difference_of_means(np.ones(2), np.ones(2), n_resamples=0, confidence=0.9, seed=0)
    with pytest.raises(ValueError, match=r"confidence must be between 0 and 1; got 1"):
        difference_of_means(np.ones(2), np.ones(2), n_resamples=1, confidence=1, seed=0)


@given(st.integers(0, 2**53), st.integers(0, 2**53))
def test_a_mark_is_of_one_user_and_says_what_was_shown(user_id, other):
    mark = exposure_of("lists-1", "als", "sample-000003", user_id)
    assert parse_exposure(mark, user_id) == Exposure("lists-1", "als", "sample-000003")
    assert (parse_exposure(mark, other) is None) == (user_id != other)
    assert parse_exposure(mark.replace("als", "hybrid"), user_id) is None
    assert parse_exposure("a.b", user_id) is None


@pytest.mark.parametrize(
    "text", ["one", "one:als", "one:als,als", "One:als,hybrid", "one:als,hybrid;", ":als,hybrid"]
)
def test_an_experiment_that_makes_no_sense_is_refused_at_the_start(monkeypatch, text):
    monkeypatch.setenv("RECSYS_EXPERIMENT", text)
    with pytest.raises(SettingsError, match="give a name and two or more different strategies"):
        serve_settings()


def test_an_experiment_is_read_from_the_environment(monkeypatch):
    monkeypatch.setenv("RECSYS_EXPERIMENT", "lists-1:als,hybrid")
    assert serve_settings().experiment == Experiment("lists-1", ("als", "hybrid"))
    monkeypatch.delenv("RECSYS_EXPERIMENT")
    assert serve_settings().experiment is None
    monkeypatch.setenv("RECSYS_MAX_CONCURRENT", "none")
    with pytest.raises(SettingsError, match="RECSYS_MAX_CONCURRENT is 'none'"):
        serve_settings()


@pytest.fixture
def log(tmp_path):
    return FeedbackLog(tmp_path, "sample")


def record(log, user_id, variant, *events, experiment="lists-1", stars=None):
    for event in events:
        given = FeedbackEvent(uuid.uuid4(), user_id, 1, event, stars, experiment, variant, "sample-000001")
        log.record(given, NOW)


def test_outcomes_are_of_users_who_were_shown_one_variant(log):
    assert log.outcomes(like_rating=4).empty
    record(log, 1, "als", "shown", "opened", "opened")
    record(log, 2, "als", "shown")
    record(log, 3, "hybrid", "shown")
    record(log, 3, "hybrid", "rated", stars=4.0)
    record(log, 4, "hybrid", "shown")
    record(log, 4, "hybrid", "rated", stars=3.5)
    record(log, 5, "als", "shown")
    record(log, 5, "hybrid", "shown", "opened")  # two variants: nobody's
    record(log, 6, "als", "opened")  # never shown
    record(log, 7, "", "opened", experiment="")
    rows = log.outcomes(like_rating=4).to_dict("split", index=False)["data"]
    assert [tuple(row) for row in rows] == [
        ("lists-1", "als", 1, True, 2),
        ("lists-1", "als", 2, False, 0),
        ("lists-1", "hybrid", 3, True, 1),
        ("lists-1", "hybrid", 4, False, 1),
    ]


def materialized(log):
    """The table as a run makes it, and its data version."""
    resources = build_resources(data=log.data, archives=None)
    run = dg.materialize([experiments], resources=resources, partition_key="sample", run_config=QUIET)
    (made,) = run.asset_materializations_for_node("experiments")
    table = resources["project"].warehouse.frame("sample", "from experiments")
    return table, made.tags["dagster/data_version"]


def test_the_asset_compares_each_pair_of_variants(log):
    empty, before = materialized(log)
    assert list(empty.columns) == TABLES["experiments"].column_names and empty.empty
    for user in range(40):
        record(log, user, "als", "shown")
        record(log, 100 + user, "hybrid", "shown", "opened")
        record(log, 200 + user, "content", "shown", *(["opened"] if user % 2 else []))
    result, after = materialized(log)
    assert after != before
    table = result[result["metric"] == "engaged_share"].set_index(["variant", "baseline"])
    assert table["difference"].to_dict() == {
        ("content", "als"): 0.5,
        ("hybrid", "als"): 1.0,
        ("hybrid", "content"): 0.5,
    }
    sure = table.loc[("hybrid", "als")]
    assert sure["ci_low"] == sure["ci_high"] == 1.0 and sure["n_users"] == sure["n_baseline_users"] == 40
    half = table.loc[("hybrid", "content")]
    assert 0.3 < half["ci_low"] < 0.5 < half["ci_high"] < 0.7
