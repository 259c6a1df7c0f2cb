"""Conditions of assets in a session: the sensor that comes with them, the runs it starts, and why it starts none."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from conditioned import EAGER, look, raw, report
from waiting import eventually

import jobkernel as dg
from jobkernel.engine.conditions import DEFAULT_SENSOR
from jobkernel.model.runs import Launch


@dg.asset(deps=[report], automation_condition=EAGER)
def summary() -> int:
    return 3


@pytest.fixture
def session() -> Iterator[Any]:
    with dg.test_session() as opened:
        yield opened


def make(session: Any, *keys: str) -> None:
    session.launch(session.plan(list(keys)), Launch()).wait(20)


def started(session: Any) -> list[tuple[str, ...]]:
    """Return the assets of each run that a sensor started, oldest first."""
    session.history.flush()
    rows = session.history.query("latest_runs", limit=100)[::-1]
    found = [session.history.query("run", run_id=row["run_id"])[0] for row in rows if row["trigger_name"]]
    return [tuple(sorted(row["assets"])) for row in found]


def test_without_a_condition_there_is_no_such_sensor(session: Any) -> None:
    session.add(raw)

    assert DEFAULT_SENSOR not in session.automations.watched


def test_definitions_of_python_leave_the_sensor_off_until_somebody_turns_it_on(session: Any) -> None:
    session.add(raw, report)
    watched = session.automations.watched[DEFAULT_SENSOR]

    assert not watched.is_on
    session.automations.switch(DEFAULT_SENSOR, on=True)
    assert session.automations.watched[DEFAULT_SENSOR].is_on


def test_what_depends_on_something_that_was_made_is_made_in_one_run(session: Any) -> None:
    session.add(raw, report, summary)
    session.automations.switch(DEFAULT_SENSOR, on=True)
    look(session)
    make(session, "raw")
    look(session)
    eventually(lambda: session.states.made("summary") is not None)
    look(session)
    look(session)

    assert started(session) == [("report", "summary")]


def test_runs_say_that_a_condition_asked_for_them(session: Any) -> None:
    session.add(raw, report)
    session.automations.switch(DEFAULT_SENSOR, on=True)
    look(session)
    make(session, "raw")
    look(session)
    eventually(lambda: session.states.made("report") is not None)
    session.history.flush()
    run = session.history.query("run", run_id=session.states.made("report").run_id)[0]

    tags = {name: run["tags"].get(f"dagster/{name}") for name in ("from_automation_condition", "sensor_name")}
    assert tags == {"from_automation_condition": "true", "sensor_name": DEFAULT_SENSOR}


def test_each_look_leaves_a_sentence_and_a_tree(session: Any) -> None:
    session.add(raw, report)
    session.automations.switch(DEFAULT_SENSOR, on=True)
    session.clock.move(timedelta(0))
    first = session.conditions.latest_evaluation("report")["why"]
    look(session)
    told = session.conditions.latest_evaluation("report")

    assert first == "'report' waits for something new: this was the first look at its condition."
    assert told["why"] == "'report' waits for an update of 'raw'."
    assert told["tree"]["label"] == "eager"
    assert [part["true"] for part in told["tree"]["children"]] == [1, 0, 0, 0, 0]
    assert session.conditions.latest_evaluation("raw") is None


def test_a_failed_requested_run_is_not_asked_for_again(session: Any) -> None:
    @dg.asset(deps=[raw], automation_condition=EAGER)
    def broken() -> None:
        raise ValueError("no")

    session.add(raw, broken)
    session.automations.switch(DEFAULT_SENSOR, on=True)
    look(session)
    make(session, "raw")
    look(session)
    eventually(lambda: session.states.of("broken").last_ending == "FAILURE")
    look(session)
    look(session)

    assert started(session) == [("broken",)]


def test_a_sensor_of_ones_own_leaves_the_rest_to_the_one_that_comes_by_itself(session: Any) -> None:
    own = dg.AutomationConditionSensorDefinition(
        "mine",
        target=dg.AssetSelection.assets("report"),
        default_status=dg.DefaultSensorStatus.RUNNING,
        run_tags={"whose": "mine"},
    )
    session.add(dg.Definitions(assets=[raw, report, summary], sensors=[own]))
    session.automations.switch(DEFAULT_SENSOR, on=True)
    look(session)
    make(session, "raw")
    look(session)
    eventually(lambda: session.states.made("report") is not None)
    look(session)
    eventually(lambda: session.states.made("summary") is not None)

    assert started(session) == [("report",), ("summary",)]


def test_partitions_that_are_requested_get_a_run_each(session: Any) -> None:
    letters = dg.StaticPartitionsDefinition(["x", "y", "z"])

    @dg.asset(partitions_def=letters)
    def parts() -> int:
        return 1

    @dg.asset(deps=[parts], partitions_def=letters, automation_condition=EAGER)
    def sums() -> int:
        return 1

    session.add(parts, sums)
    session.automations.switch(DEFAULT_SENSOR, on=True)
    look(session)
    for key in ("x", "y"):
        session.launch(session.plan(["parts"]), Launch(partition_key=key)).wait(20)
    look(session)
    eventually(lambda: session.history.flush() or len(started(session)) == 2)
    rows = session.history.query("latest_runs", limit=100)
    found = [session.history.query("run", run_id=row["run_id"])[0] for row in rows if row["trigger_name"]]

    assert sorted(row["partition_key"] for row in found) == ["x", "y"]
    assert (
        session.conditions.latest_evaluation("sums")["why"]
        == "'sums' is requested (2 of its partitions): eager is true."
    )
