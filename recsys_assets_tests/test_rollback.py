"""Going back to an older generation, by hand and after a check of what was published, and the history of it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest

from recsys_assets.storage.history import Event, History
from recsys_assets.storage.publishing import Generation, NoGenerationError, Publisher
from recsys_assets_tests.graph import World, finished, recsys

SECONDS = 5.0


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History(tmp_path, "mine")


@pytest.fixture
def publisher(tmp_path: Path) -> Publisher:
    """Three generations, each with a table that holds its number."""
    publisher = Publisher(tmp_path / "published", "mine")
    (publisher.folder / "generations").mkdir(parents=True)
    for number in (1, 2, 3):
        staging = publisher.folder / "generations" / "staged"
        with duckdb.connect(str(staging)) as connection:
            connection.execute(f"create table publication as select {number} as generation")
        publisher.make_current(number, staging, run_id=f"run-{number}")
    return publisher


def answer(publisher: Publisher) -> int:
    with duckdb.connect(str(publisher.current_path), read_only=True) as connection:
        [(generation,)] = connection.execute("select generation from publication").fetchall()
    return int(generation)


def happened(publisher: Publisher) -> list[tuple[str, int]]:
    return [(event.happened, event.generation) for event in publisher.history.events()]


# The history.


def test_decisions_come_back_as_they_were_made_oldest_first(history: History) -> None:
    assert history.events() == []
    history.add("published", 1, run_id="abc")
    history.add("withdrawn", 1, reason='it said "no"\nand — why')
    first, second = history.events()
    assert (first.happened, first.generation, first.run_id, first.reason) == ("published", 1, "abc", "")
    assert second.reason == 'it said "no"\nand — why'
    assert first.at <= second.at


def test_a_line_that_was_cut_short_costs_no_other(history: History) -> None:
    history.add("published", 1)
    with history.path.open("a") as file:
        file.write('{"happened": "publ')
    history.add("published", 2)
    assert [event.generation for event in history.events()] == [1, 2]


@pytest.mark.parametrize(
    "reason",
    ["next\x85line", "line\u2028separator", "paragraph\u2029separator", "feed\x0c\x1c", "\r\n", "{é}"],
)
def test_a_decision_is_one_line_whatever_its_reason(history: History, reason: str) -> None:
    history.add("withdrawn", 1, reason=reason)
    assert [event.reason for event in history.events()] == [reason]
    assert history.path.read_bytes().count(b"\n") == len(history.path.read_bytes().splitlines()) == 1


def test_lines_of_any_alphabet_may_be_cut_anywhere(history: History) -> None:
    line = (
        '{"happened": "withdrawn", "generation": 1, "at": "", "run_id": "", "reason": "{a} é\u2028"}'.encode()
    )
    for size in range(len(line)):
        history.add("published", size)
        with history.path.open("ab") as file:
            file.write(line[:size])
    with history.path.open("ab") as file:
        file.write(b"\n" + line)
    events = history.events()
    assert [event.generation for event in events] == [*range(len(line)), 1]
    assert events[-1].reason == "{a} é\u2028"


def test_what_was_restored_is_no_longer_withdrawn(history: History) -> None:
    for number, what in (
        (1, "published"),
        (2, "published"),
        (2, "withdrawn"),
        (1, "withdrawn"),
        (1, "restored"),
    ):
        history.add(what, number)
    assert history.withdrawn() == {2}


def test_an_event_says_what_happened_to_what_and_when() -> None:
    assert set(Event.__dataclass_fields__) == {"happened", "generation", "at", "run_id", "reason"}


# Going back.


def test_the_generation_before_answers_again_and_the_next_number_goes_on(publisher: Publisher) -> None:
    assert publisher.roll_back(reason="bad").number == 2
    assert answer(publisher) == 2
    assert publisher.current() == publisher.generations()[1]
    assert publisher.next_number() == 4
    assert happened(publisher)[-2:] == [("withdrawn", 3), ("restored", 2)]


def test_a_withdrawn_generation_is_not_gone_back_to_unless_asked_for(publisher: Publisher) -> None:
    publisher.roll_back()
    assert publisher.roll_back().number == 1
    with pytest.raises(NoGenerationError, match="no generation to go back to; kept beside the current: 2, 3"):
        publisher.roll_back()
    assert answer(publisher) == 1
    assert publisher.roll_back(to=3).number == 3


@pytest.mark.parametrize("to", [3, 7])
def test_one_cannot_go_back_to_the_current_generation_or_one_that_is_not_kept(
    publisher: Publisher, to: int
) -> None:
    before = happened(publisher)
    with pytest.raises(NoGenerationError, match=f"no generation {to}; kept beside the current: 1, 2"):
        publisher.roll_back(to=to)
    assert (answer(publisher), happened(publisher)) == (3, before)


@pytest.mark.parametrize("content", [b"", b"no database", None])
def test_a_generation_that_does_not_open_is_gone_back_to_only_if_asked_for(
    publisher: Publisher, content: bytes | None
) -> None:
    path = publisher.generations()[1].path
    whole = path.read_bytes()
    path.chmod(0o644)
    path.write_bytes(whole[: len(whole) // 2] if content is None else content)
    assert publisher.roll_back().number == 1
    assert answer(publisher) == 1
    assert publisher.roll_back(to=2).number == 2


def test_a_run_is_answered_with_until_its_generation_is_withdrawn(publisher: Publisher) -> None:
    assert [publisher.answers_with(f"run-{n}") for n in (1, 2, 3)] == [False, False, True]
    publisher.roll_back()
    assert [publisher.answers_with(f"run-{n}") for n in (1, 2, 3)] == [False, True, False]


# A publication that turns out to be bad.


@pytest.fixture
def twice(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> World:
    """A world that has published the same twice."""
    copy = finished(tmp_path_factory)[0].copy(tmp_path / "world")
    with copy.instance:
        assert copy.run("sample", ["published"]).success
    assert copy.published("sample", "select generation from publication") == [(2,)]
    return copy


def damage(path: Path) -> None:
    path.chmod(0o644)
    with duckdb.connect(str(path)) as connection:
        connection.execute("drop table comparisons")


@pytest.fixture
def damaged_at(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Damages what is published as soon as it is current, before it is checked; the times when it did."""
    times: list[float] = []
    make_current = Publisher.make_current

    def make_current_and_damage(self: Publisher, *arguments: Any, **options: Any) -> Generation:
        generation = make_current(self, *arguments, **options)
        damage(generation.path)
        times.append(time.monotonic())
        return generation

    monkeypatch.setattr(Publisher, "make_current", make_current_and_damage)
    return times


def answers(result: dg.ExecuteInProcessResult) -> dg.AssetCheckEvaluation:
    [found] = [one for one in result.get_asset_check_evaluations() if one.check_name == "answers"]
    return found


def test_a_generation_that_fails_its_check_is_withdrawn_within_seconds(
    twice: World, damaged_at: list[float]
) -> None:
    with twice.instance:
        result = twice.run("sample", ["published"])
    assert time.monotonic() - damaged_at.pop() < SECONDS
    assert not result.success
    found = answers(result)
    assert not found.passed
    assert found.description is not None
    assert "comparisons" in found.description
    assert "generation 3 withdrawn, 2 is current again" in found.description
    assert twice.published("sample", "select generation from publication") == [(2,)]
    publisher = Publisher(twice.data / "published", "sample")
    assert [event.happened for event in publisher.history.events()][-2:] == ["withdrawn", "restored"]


def test_with_nothing_to_go_back_to_the_generation_stays_but_counts_as_withdrawn(
    twice: World, damaged_at: list[float]
) -> None:
    publisher = Publisher(twice.data / "published", "sample")
    for number in (1, 2):
        publisher.history.add("withdrawn", number)
    with twice.instance:
        found = answers(twice.run("sample", ["published"]))
    assert len(damaged_at) == 1
    assert not found.passed
    assert "it stays, for sample has no generation to go back to" in str(found.description)
    assert twice.published("sample", "select generation from publication") == [(3,)]
    assert publisher.history.withdrawn() == {1, 2, 3}
    assert publisher.history.events()[-1].reason.startswith("comparisons")


def test_what_another_run_published_fails_the_check_but_is_not_withdrawn(twice: World) -> None:
    publisher = Publisher(twice.data / "published", "sample")
    before = happened(publisher)
    damage(publisher.current_path.resolve())
    with twice.instance:
        found = answers(twice.check("sample", ["published"]))
    assert not found.passed
    assert "comparisons" in str(found.description)
    assert "not withdrawn, for this run did not publish it" in str(found.description)
    assert happened(publisher) == before
    assert twice.published("sample", "select generation from publication") == [(2,)]


def test_what_a_killed_run_left_unchecked_is_not_gone_back_to(
    twice: World, damaged_at: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch, twice.instance:
        # The run is killed between publishing and its check: nothing of the check happens.
        patch.setattr("recsys_assets.defs.publish.checks.faults_of_publication", _killed)
        assert not twice.run("sample", ["published"]).success
    assert twice.published("sample", "select generation from publication") == [(3,)]
    with twice.instance:
        found = answers(twice.run("sample", ["published"]))
    assert len(damaged_at) == 2
    assert "generation 4 withdrawn, 2 is current again" in str(found.description)
    publisher = Publisher(twice.data / "published", "sample")
    assert publisher.history.withdrawn() == {3, 4}


def _killed(_: Path) -> list[str]:
    raise KeyboardInterrupt


def test_a_whole_generation_that_was_left_unchecked_is_looked_at_by_the_next_run(twice: World) -> None:
    publisher = Publisher(twice.data / "published", "sample")
    assert happened(publisher) == [("published", 1), ("checked", 1), ("published", 2), ("checked", 2)]
    publisher.history.add("published", 2)
    with twice.instance:
        assert twice.run("sample", ["published"]).success
    assert happened(publisher)[-3:] == [("checked", 2), ("published", 3), ("checked", 3)]


# The commands.


def test_the_commands_go_back_and_tell_the_history(twice: World) -> None:
    spoken = recsys(twice, "rollback", "--reason", "[odd] lists")
    assert (spoken.code, spoken.out) == (0, "sample: generation 1 is current again.\n")
    assert twice.published("sample", "select generation from publication") == [(1,)]
    told = recsys(twice, "history")
    assert told.code == 0
    for said in ("published", "withdrawn", "restored", "[odd] lists", "Current: 1; kept: 1, 2"):
        assert said in told.out
    again = recsys(twice, "rollback")
    assert again.code == 1
    assert "no generation to go back to" in again.err
    assert recsys(twice, "rollback", "--to", "2").code == 0
    assert twice.published("sample", "select generation from publication") == [(2,)]


def test_a_run_whose_publication_is_withdrawn_says_that_nothing_new_answers(
    twice: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    twice.edit(
        "datasets.toml", lambda text: text.replace("als_ndcg_at_10_min = 0.20", "als_ndcg_at_10_min = 0.19")
    )
    monkeypatch.setattr(
        "recsys_assets.defs.publish.withdrawal.published_faults", lambda *_: ["rows are missing"]
    )
    spoken = recsys(twice, "run")
    assert spoken.code == 1
    assert "rows are missing; generation 3 withdrawn, 2 is current again" in spoken.err
    assert "Nothing was published; the last one stays current" in spoken.err
    monkeypatch.undo()
    assert recsys(twice, "run").code == 0
    assert twice.published("sample", "select generation from publication") == [(4,)]
