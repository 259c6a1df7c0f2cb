"""What conditions came to is kept in the history with the ticks: after a restart it can still be told, and counted."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from conditioned import EAGER, look, raw, report
from waiting import eventually

import jobkernel as dg
from jobkernel.engine.conditions import DEFAULT_SENSOR
from jobkernel.model.events import Event
from jobkernel.model.runs import Launch

LETTERS = dg.StaticPartitionsDefinition(["x", "y", "z", "u", "v"])


@pytest.fixture
def session() -> Iterator[Any]:
    with dg.test_session() as opened:
        yield opened


def watch(session: Any, *definitions: Any) -> None:
    session.add(*definitions)
    session.automations.switch(DEFAULT_SENSOR, on=True)
    look(session)


def make(session: Any, *keys: str, partition: str | None = None) -> None:
    session.launch(session.plan(list(keys)), Launch(partition_key=partition)).wait(20)


def sentences(session: Any, key: str) -> list[str]:
    return [each["why"] for each in session.conditions.evaluations(key)]


def test_only_looks_that_found_something_else_are_kept(session: Any) -> None:
    watch(session, raw, report)
    for _ in range(5):
        look(session)

    assert sentences(session, "report") == [
        "'report' waits for an update of 'raw'.",
        "'report' waits for something new: this was the first look at its condition.",
    ]


def test_an_evaluation_that_requested_names_its_tick_and_the_run(session: Any) -> None:
    watch(session, raw, report)
    make(session, "raw")
    look(session)
    eventually(lambda: session.states.made("report") is not None)
    requested = session.conditions.latest_evaluation("report")

    assert (requested["requested"], requested["automation_name"]) == (1, DEFAULT_SENSOR)
    assert requested["run_ids"] == [session.states.made("report").run_id]
    assert requested["why"] == "'report' is requested: eager is true."
    assert requested["tree"]["status"] == "true"


def test_each_request_is_kept_though_it_reads_as_the_one_before(session: Any) -> None:
    always = dg.AutomationCondition.missing() | ~dg.AutomationCondition.missing()

    @dg.asset(automation_condition=always)
    def restless() -> int:
        return 1

    watch(session, restless)
    look(session)
    kept = session.conditions.evaluations("restless")

    assert [each["requested"] for each in kept] == [1, 1, 1]
    assert len({each["tick_id"] for each in kept}) == 3


def test_partitions_are_counted_and_the_first_of_them_named(session: Any) -> None:
    @dg.asset(partitions_def=LETTERS)
    def parts() -> int:
        return 1

    @dg.asset(deps=[parts], partitions_def=LETTERS, automation_condition=EAGER)
    def sums() -> int:
        return 1

    watch(session, parts, sums)
    for key in ("x", "y", "z", "u"):
        make(session, "parts", partition=key)
    look(session)
    tree = session.conditions.latest_evaluation("sums")["tree"]

    assert (tree["status"], tree["true"], tree["of"]) == ("partly", 4, 5)
    assert tree["partitions"] == "u, x, y and 1 more"


def test_a_part_that_was_not_asked_says_so(session: Any) -> None:
    watch(session, raw, report)
    look(session)
    tree = session.conditions.latest_evaluation("report")["tree"]

    assert [part["status"] for part in tree["children"]] == ["true", "false", "moot", "moot", "moot"]


def test_a_preview_keeps_nothing(session: Any) -> None:
    watch(session, raw, report)
    look(session)
    make(session, "raw")
    before = sentences(session, "report")
    session.automations.preview(DEFAULT_SENSOR)

    assert sentences(session, "report") == before
    look(session)
    assert sentences(session, "report")[0] == "'report' is requested: eager is true."


def test_they_can_be_asked_for_by_sql(session: Any) -> None:
    watch(session, raw, report)
    found = session.history.sql("select asset_key, requested, why from conditions order by evaluated_at").fetchall()

    assert found[0] == ("report", 0, "'report' waits for something new: this was the first look at its condition.")
    assert len(found) == 2


def test_of_an_asset_without_a_condition_there_is_none(session: Any) -> None:
    watch(session, raw, report)

    assert session.conditions.latest_evaluation("raw") is None
    assert session.conditions.evaluations("raw") == []


def test_the_latest_of_each_asset_is_its_own_though_looks_find_several_at_once(session: Any) -> None:
    both = [{"key": key, "requested": 0, "why": "first", "tree": {}} for key in ("a", "b")]
    for found in (both, [{**both[0], "why": "second"}]):
        event = Event("CONDITIONS_EVALUATED", None, None, session.clock.now_us(), {"found": found})
        session.history.emit(event)
    session.history.flush()
    rows = session.history.query("latest_conditions")

    assert sorted((row["asset_key"], row["why"]) for row in rows) == [("a", "second"), ("b", "first")]


def test_of_one_asset_the_latest_hundred_are_kept_and_the_last_for_ever(session: Any) -> None:
    found = [{"key": "report", "requested": 1, "why": str(number), "tree": {}} for number in range(130)]
    for each in [*found, {**found[0], "key": "quiet"}]:
        event = Event("CONDITIONS_EVALUATED", None, None, session.clock.now_us(), {"found": [each]})
        session.history.emit(event)
    session.history.flush()
    session.history.request("prune")
    kept = [each["why"] for each in session.conditions.evaluations("report", limit=1000)]
    session.clock.move(timedelta(days=100))
    session.history.request("prune")

    assert kept == [str(number) for number in reversed(range(30, 130))]
    assert sentences(session, "report") == ["129"]
    assert sentences(session, "quiet") == ["0"]
