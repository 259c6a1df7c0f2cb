"""Schedules and sensors on a clock that is moved by hand: which ticks there are, and what becomes of each.

The rows named D are those of Dagster's own tests of its scheduler and sensors, with what Dagster does as the answer.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from scheduled import World, a_world
from waiting import eventually

import jobkernel as jk
from jobkernel.errors import InvalidConfig, InvalidDefinition, UnknownName
from jobkernel.executors import capture
from jobkernel.model.automation import Catchup, Overlap, RunRequest, SensorResult, SkipReason


@pytest.fixture
def routed() -> Iterator[None]:
    """Output goes to whom it belongs, as in a notebook."""
    capture.install()
    yield
    capture.uninstall()


MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def world() -> Iterator[World]:
    with a_world() as made:
        yield made


def test_a_time_is_launched_when_it_comes_and_once(world: World) -> None:  # D 124, 125
    world.schedule()
    assert world.ticks() == []
    world.clock.move(timedelta(seconds=2))
    assert world.ticks() == [("SUCCESS", "02 00:00")]
    world.clock.move(HOUR)
    assert world.ticks() == [("SUCCESS", "02 00:00")]
    (run,) = world.runs()
    assert (run["job_name"], run["trigger"], run["trigger_name"]) == ("j", "schedule", "nightly")
    assert [run["run_id"]] == world.rows()[0]["run_ids"]


def test_after_five_days_asleep_the_newest_time_is_made_up_for(world: World) -> None:  # D 127, 128
    world.schedule()
    world.asleep(timedelta(days=4, seconds=2))
    missed, made = world.rows()
    assert (missed["status"], made["status"], len(world.runs())) == ("MISSED", "SUCCESS", 1)
    assert world.ticks() == [("MISSED", "05 00:00"), ("SUCCESS", "06 00:00")]
    assert (missed["details"]["count"], made["details"].get("late_s")) == (4, 1.0)


def test_what_is_switched_on_at_its_very_time_fires_at_once() -> None:  # D 130
    with a_world(datetime(2024, 2, 2, tzinfo=UTC)) as world:
        world.schedule()
        assert world.ticks() == [("SUCCESS", "02 00:00")]


def test_a_run_has_the_tags_of_its_job_and_of_its_tick(world: World) -> None:  # D 131
    world.session.add(jk.define_asset_job("tagged", selection="a", tags={"jt": "1"}), jk.asset(name="a")(lambda: 1))
    world.schedule(job="tagged", tags={"own": "2"})
    world.clock.move(timedelta(seconds=1))
    (run,) = world.runs()
    assert run["tags"] == {
        "jt": "1",
        "own": "2",
        "dagster/schedule_name": "nightly",
        "dagster/tick": "nightly@2024-02-02T00:00:00Z",
        ".dagster/scheduled_execution_time": "2024-02-02T00:00:00+00:00",
    }


def a_body(answer: Any) -> Any:
    def look(context: Any) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    return {"function": look, "context_argument": "context"}


NOTHING = "Schedule function returned an empty result"


@pytest.mark.parametrize(
    ("answer", "status", "words", "runs"),
    [
        (SkipReason("no"), "SKIPPED", "no", 0),  # D 133
        (None, "SKIPPED", NOTHING, 0),
        ([], "SKIPPED", NOTHING, 0),
        ({"ops": {}}, "SUCCESS", None, 1),
        (RunRequest(), "SUCCESS", None, 1),
        ([RunRequest(run_key="1"), RunRequest(run_key="2")], "SUCCESS", None, 2),  # D 137
        (ValueError("no luck"), "FAILURE", "no luck", 0),  # D 136
        (42, "FAILURE", "42", 0),
        ("text", "FAILURE", "text", 0),
        ([RunRequest(), SkipReason("no")], "FAILURE", "", 0),
        ([RunRequest(), RunRequest()], "FAILURE", "one of them without a run_key", 0),
        ({"ops": {"nothing": {"config": 1}}}, "FAILURE", "nothing", 0),
    ],
)
def test_what_a_body_gives_says_what_becomes_of_the_tick(
    world: World, answer: Any, status: str, words: str | None, runs: int
) -> None:
    world.schedule(**a_body(answer))
    world.clock.move(timedelta(seconds=1))
    (tick,) = world.rows()
    assert (tick["status"], len(world.runs())) == (status, runs)
    assert words is None or words in world.why()


def test_should_execute_says_no_in_a_sentence(world: World) -> None:  # D 134
    world.schedule(should_execute=lambda _context: False)
    world.clock.move(timedelta(seconds=1))
    assert world.statuses() == ["SKIPPED"]
    assert world.why() == "should_execute function for nightly returned false."


def test_run_keys_of_a_schedule_are_tags_of_its_runs(world: World) -> None:  # D 137
    world.schedule(**a_body([RunRequest(run_key="1"), RunRequest(run_key="2")]))
    world.clock.move(timedelta(seconds=1))
    assert [run["tags"]["dagster/run_key"] for run in world.runs()] == ["1", "2"]


def test_several_crons_add_up(world: World) -> None:  # D 139
    world.schedule("0 0 * * *", "0 12 * * *")
    world.to(3)
    assert world.ticks() == [("SUCCESS", "02 00:00"), ("SUCCESS", "02 12:00"), ("SUCCESS", "03 00:00")]


def test_an_hour_that_is_left_out_gives_no_tick_of_its_own() -> None:  # D 140
    with a_world(datetime(2024, 3, 10, 5, 30, tzinfo=UTC)) as world:
        world.schedule("0 * * * *", timezone="US/Central")
        world.clock.move(timedelta(hours=5))
        assert world.ticks() == [("SUCCESS", f"10 {hour:02}:00") for hour in range(6, 11)]


def test_days_begin_where_the_schedule_is(world: World) -> None:  # D 142
    world.schedule(name="east", timezone="US/Eastern")
    world.schedule(name="central", timezone="US/Central")
    world.clock.move(DAY)
    assert (world.ticks("east"), world.ticks("central")) == ([("SUCCESS", "02 05:00")], [("SUCCESS", "02 06:00")])


def test_a_definition_may_be_on_from_the_start_and_off_by_hand(world: World) -> None:  # D 143
    world.session.add(
        jk.ScheduleDefinition(
            name="declared", cron_schedule="0 0 * * *", job_name="j", default_status=jk.DefaultScheduleStatus.RUNNING
        ),
        jk.ScheduleDefinition(name="undeclared", cron_schedule="0 0 * * *", job_name="j"),
    )
    world.to(2)
    (row,) = world.session.history.query("automations", names=["declared"])
    assert (world.ticks("declared"), world.ticks("undeclared")) == ([("SUCCESS", "02 00:00")], [])
    assert row["is_on"] is None


def test_a_run_that_fails_leaves_its_tick_a_success(world: World) -> None:  # D 145
    world.session.add(jk.asset(name="bad")(lambda: 1 / 0), jk.define_asset_job("fails", selection="bad"))
    world.schedule(job="fails")
    world.clock.move(timedelta(seconds=1))
    eventually(lambda: [run["status"] for run in world.runs()] == ["FAILURE"])
    assert world.statuses() == ["SUCCESS"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"catchup": Catchup.NONE}, [("MISSED", "05 00:00")]),
        ({"catchup": Catchup.LAST}, [("MISSED", "04 00:00"), ("SUCCESS", "05 00:00")]),
        ({"catchup": Catchup.ALL}, [("SUCCESS", f"{day:02} 00:00") for day in range(2, 6)]),
        (
            {"catchup": Catchup.ALL, "catchup_cap": 2},
            [("MISSED", "03 00:00"), ("SUCCESS", "04 00:00"), ("SUCCESS", "05 00:00")],
        ),
    ],
)
def test_what_was_missed_is_made_up_for_as_asked(world: World, options: Any, expected: Any) -> None:
    world.schedule(**options)
    world.asleep(timedelta(days=3, hours=5))
    assert world.ticks() == expected


def test_each_gap_is_one_row_that_counts_what_is_in_it(world: World) -> None:
    world.schedule("0 * * * *", catchup=Catchup.NONE)
    world.asleep(timedelta(hours=5, minutes=30))
    world.clock.move(HOUR)
    world.asleep(timedelta(hours=3))
    first, made, second = world.rows()
    assert [row["status"] for row in (first, made, second)] == ["MISSED", "SUCCESS", "MISSED"]
    assert [
        (row["details"]["count"], row["details"]["first_us"] < row["details"]["last_us"]) for row in (first, second)
    ] == [
        (6, True),
        (3, True),
    ]


def test_a_body_is_asked_for_each_time_that_is_made_up_for(world: World) -> None:
    asked: list[datetime] = []

    def look(context: Any) -> Any:
        asked.append(context.scheduled_execution_time)
        return RunRequest() if len(asked) != 2 else SkipReason("not this one")

    world.schedule(
        function=look, context_argument="context", catchup=Catchup.ALL, overlap=Overlap.ALLOW, timezone="Europe/Berlin"
    )
    world.asleep(timedelta(days=3))
    assert [moment.isoformat() for moment in asked] == [f"2024-02-0{day}T00:00:00+01:00" for day in (3, 4, 5)]
    assert world.statuses() == ["SUCCESS", "SKIPPED", "SUCCESS"]


def test_a_time_is_skipped_while_the_run_before_is_not_over(world: World) -> None:
    world.schedule("0 * * * *", job="slow", overlap=Overlap.SKIP)
    world.clock.move(HOUR + MINUTE)
    assert world.statuses() == ["SUCCESS", "SKIPPED"]
    run_id = world.runs()[0]["run_id"]
    assert world.why().startswith(f"Run {run_id[:8]} of schedule 'nightly' is not over; --overlap queue waits for it")
    world.gate.set()
    eventually(lambda: world.runs()[0]["status"] == "SUCCESS")
    world.clock.move(HOUR)
    assert world.statuses() == ["SUCCESS", "SKIPPED", "SUCCESS"]


def test_a_time_may_wait_for_the_run_before(world: World) -> None:
    world.schedule("0 * * * *", job="slow", overlap=Overlap.QUEUE)
    world.clock.move(2 * HOUR + MINUTE)
    assert world.statuses() == ["SUCCESS"] * 3
    eventually(lambda: [run["status"] for run in world.runs()] == ["STARTED", "QUEUED", "QUEUED"])
    assert [run["tags"].get("jobkernel/one_at_a_time") for run in world.runs()] == ["nightly"] * 3
    world.gate.set()
    eventually(lambda: [run["status"] for run in world.runs()] == ["SUCCESS"] * 3)


def test_a_time_may_run_beside_the_run_before(world: World) -> None:
    world.schedule("0 * * * *", job="slow", overlap=Overlap.ALLOW)
    world.clock.move(HOUR + MINUTE)
    assert world.statuses() == ["SUCCESS"] * 2
    eventually(lambda: [run["status"] for run in world.runs()] == ["STARTED"] * 2)


def test_what_fell_while_it_was_off_is_not_made_up_for(world: World) -> None:
    world.schedule(catchup=Catchup.ALL)
    world.to(2)
    world.session.automations.switch("nightly", False)
    world.to(5)
    world.session.automations.switch("nightly", True)
    world.to(6)
    assert world.ticks() == [("SUCCESS", "02 00:00"), ("SUCCESS", "06 00:00")]


def test_leaving_the_switch_to_the_definition_makes_up_for_nothing_either(world: World) -> None:
    world.schedule()
    world.session.automations.switch("nightly", False)
    world.to(5)
    world.session.automations.switch("nightly", None)
    assert world.ticks() == []
    world.to(6)
    assert world.ticks() == [("SUCCESS", "06 00:00")]


def test_a_definition_that_is_on_only_now_makes_up_for_nothing(world: World) -> None:
    world.schedule(on=False)
    world.to(5)
    world.schedule(on=True)
    assert world.ticks() == []
    world.to(6)
    assert world.ticks() == [("SUCCESS", "06 00:00")]


def test_other_times_count_from_now_on(world: World) -> None:
    world.schedule("0 0 * * *", catchup=Catchup.ALL)
    world.to(2, 6)
    world.schedule("0 3 * * *", catchup=Catchup.ALL)
    assert world.ticks() == [("SUCCESS", "02 00:00")]
    world.to(2, 7)
    world.schedule("0 3 * * *", catchup=Catchup.ALL, timezone="Asia/Tokyo")
    world.to(3, 4)
    assert world.ticks() == [("SUCCESS", "02 00:00"), ("SUCCESS", "02 18:00")]


def test_defining_it_again_changes_nothing_of_what_is_kept(world: World) -> None:
    def look(context: Any) -> Any:
        context.update_cursor(str(int(context.cursor or 0) + 1))
        return RunRequest(run_key="only")

    world.schedule()
    world.sensor(look, minimum_interval_s=600)
    world.to(2)
    world.session.automations.switch("nightly", False)
    world.schedule()
    world.sensor(look, minimum_interval_s=600)
    world.to(3)
    assert world.ticks("nightly") == [("SUCCESS", "02 00:00")]
    assert not world.session.automations.find("nightly").is_on
    assert world.rows("watch")[-1]["cursor"] == str(len(world.rows("watch")))
    assert world.statuses("watch").count("SUCCESS") == 1


def test_a_schedule_that_is_forgotten_fires_no_more(world: World) -> None:
    world.schedule()
    world.to(2)
    world.session.forget("nightly")
    world.to(4)
    assert world.ticks() == [("SUCCESS", "02 00:00")]
    with pytest.raises(UnknownName, match="No schedule or sensor 'nightly'"):
        world.session.automations.switch("nightly", True)


def test_a_job_that_comes_later_is_waited_for(world: World) -> None:
    world.schedule("* * * * *", job="later")
    world.clock.move(timedelta(seconds=10))
    assert world.ticks() == []
    world.session.add(jk.define_asset_job("later", selection="a"), jk.asset(name="a")(lambda: 1))
    world.clock.move(timedelta(seconds=1))
    assert world.ticks() == [("SUCCESS", "02 00:00")]


def test_a_job_that_never_comes_is_a_failed_tick(world: World) -> None:
    world.schedule("* * * * *", job="nowhere")
    world.clock.move(2 * MINUTE)
    assert set(world.statuses()) == {"FAILURE"}
    assert "nowhere" in world.why()


def test_hundreds_of_requests_are_launched_and_more_than_ten_thousand_refused(world: World) -> None:
    many = [10_001]
    world.schedule(
        function=lambda context: [RunRequest(run_key=str(number)) for number in range(many[0])],
        context_argument="context",
        job="slow",
    )
    world.session.history.request("set_setting", name="max_concurrent_runs", value=1)
    world.to(2)
    assert world.statuses() == ["FAILURE"]
    assert "gave more than 10000 results in one look; none of them is launched" in world.why()
    many[0] = 200
    world.to(3)
    assert world.statuses() == ["FAILURE", "SUCCESS"]
    assert len(world.rows()[-1]["run_ids"]) == len(world.runs()) == 200


LOOK = timedelta(seconds=31)


def thrice(world: World, function: Any, **options: Any) -> list[str]:
    """Have three looks of a sensor, 31 s apart from its start on; return the statuses of its ticks."""
    world.sensor(function, **options)
    world.clock.move(2 * LOOK)
    return world.statuses("watch")


def test_a_run_key_is_launched_once(world: World) -> None:
    assert thrice(world, lambda context: RunRequest(run_key="one")) == ["SUCCESS", "SKIPPED", "SKIPPED"]
    assert world.why() == "A run was launched before for run key 'one'."
    assert [run["tags"]["dagster/run_key"] for run in world.runs()] == ["one"]


def test_a_run_key_may_be_used_again_when_it_is_reset(world: World) -> None:
    keys = ["a", "b"]
    world.sensor(lambda context: [RunRequest(run_key=key) for key in keys])
    world.session.automations.reset_run_keys("watch", ["a"])
    world.session.history.flush()
    world.clock.move(LOOK)
    assert [run["tags"]["dagster/run_key"] for run in world.runs()] == ["a", "b", "a"]
    assert world.rows()[-1]["details"]["skipped_keys"] == ["b"]
    world.session.automations.reset_run_keys("watch")
    world.session.history.flush()
    world.clock.move(LOOK)
    assert [run["tags"]["dagster/run_key"] for run in world.runs()] == ["a", "b", "a", "a", "b"]


def test_a_request_without_a_key_is_launched_each_time(world: World) -> None:  # D 149
    assert thrice(world, lambda context: RunRequest()) == ["SUCCESS"] * 3
    assert len(world.runs()) == 3


def test_keys_hold_over_the_jobs_of_a_sensor(world: World) -> None:  # D 151
    requests = [RunRequest(run_key="1", job_name="j"), RunRequest(run_key="2", job_name="other")]
    assert thrice(world, lambda context: requests, jobs=("j", "other")) == ["SUCCESS", "SKIPPED", "SKIPPED"]
    assert [run["job_name"] for run in world.runs()] == ["j", "other"]


def test_a_request_must_say_which_of_two_jobs(world: World) -> None:  # D 152
    assert set(thrice(world, lambda context: RunRequest(), jobs=("j", "other"))) == {"FAILURE"}
    assert world.runs() == []


def test_nothing_is_a_reason_too(world: World) -> None:  # D 154
    assert thrice(world, lambda context: None) == ["SKIPPED"] * 3
    assert world.why() == "Sensor function returned an empty result"


def test_a_request_and_a_skip_contradict_each_other(world: World) -> None:  # D 155
    def look(context: Any) -> Any:
        yield RunRequest()
        yield SkipReason("no")

    assert set(thrice(world, look)) == {"FAILURE"}
    assert world.runs() == []


def test_what_raised_keeps_no_cursor_and_looks_less_often(world: World) -> None:  # D 157
    failures: list[int] = []

    def look(context: Any) -> Any:
        failures.append(world.session.automations.find("watch").failures)
        assert context.cursor is None
        context.log.info("before")
        context.update_cursor("lost")
        raise ValueError("no luck")

    world.sensor(look)
    looked: list[int] = []
    for second in range(0, 30 * (1 + 2 + 4 + 8 + 16 + 20 + 20), 10):
        if len(failures) > len(looked):
            looked.append(second)
        world.clock.move(timedelta(seconds=10))
    assert [after - before for before, after in pairwise(looked)][:6] == [30, 60, 120, 240, 480, 600]
    assert failures[:7] == list(range(7))
    assert set(world.statuses()) == {"FAILURE"}
    assert {row["cursor"] for row in world.rows()} == {None}


def test_looks_are_as_frequent_again_after_one_that_went_well(world: World) -> None:
    asked: list[datetime] = []

    def look(context: Any) -> Any:
        asked.append(world.clock.now())
        if len(asked) <= 3:
            raise ValueError("no luck")

    world.sensor(look)
    world.clock.move(timedelta(seconds=30 + 60 + 120 + 30 + 30))
    assert [(b - a).total_seconds() for a, b in pairwise(asked)] == [30, 60, 120, 30, 30]


def test_a_result_carries_requests_and_a_cursor(world: World) -> None:  # D 158
    world.sensor(lambda context: SensorResult(run_requests=[RunRequest()], cursor="c1"))
    assert [(row["status"], row["cursor"]) for row in world.rows()] == [("SUCCESS", "c1")]
    assert world.session.automations.find("watch").cursor == "c1"


def test_a_cursor_is_kept_also_where_the_look_is_skipped(world: World) -> None:
    def look(context: Any) -> Any:
        context.update_cursor(str(int(context.cursor or 0) + 1))
        return SkipReason("nothing new")

    assert thrice(world, look) == ["SKIPPED"] * 3
    assert [row["cursor"] for row in world.rows()] == ["1", "2", "3"]


def test_a_cursor_may_be_set_and_cleared_by_hand(world: World) -> None:
    seen: list[str | None] = []
    world.sensor(lambda context: seen.append(context.cursor))
    world.session.automations.set_cursor("watch", "7")
    world.clock.move(LOOK)
    world.session.automations.set_cursor("watch", None)
    world.clock.move(LOOK)
    assert seen == [None, "7", None]
    world.schedule()
    with pytest.raises(InvalidConfig, match="'nightly' is a schedule; only sensors have a cursor"):
        world.session.automations.set_cursor("nightly", "7")


def test_an_unknown_partition_fails_the_look(world: World) -> None:  # D 160
    days = jk.DailyPartitionsDefinition("2023-12-01", end_date="2024-01-01")
    world.session.add(
        jk.asset(name="daily", partitions_def=days)(lambda: 1), jk.define_asset_job("by_day", selection="daily")
    )
    world.sensor(lambda context: RunRequest(partition_key="2030-01-03"), jobs=("by_day",))
    assert world.statuses() == ["FAILURE"]
    assert "2030-01-03" in world.why()
    assert world.runs() == []


def test_a_sensor_looks_no_more_often_than_asked(world: World) -> None:  # D 161
    world.sensor(lambda context: None, minimum_interval_s=60)
    world.clock.move(timedelta(seconds=93))
    began = [row["evaluated_at"] for row in world.rows()]
    assert [(at - began[0]) / 1e6 for at in began] == [0, 60]


def test_a_sensor_is_on_by_its_definition_or_by_hand(world: World) -> None:  # D 163
    world.sensor(lambda context: None, name="declared")
    world.sensor(lambda context: None, name="undeclared", starts_on=False)
    assert (world.statuses("declared"), world.statuses("undeclared")) == (["SKIPPED"], [])
    world.session.automations.switch("undeclared", True)
    assert world.statuses("undeclared") == ["SKIPPED"]


def test_what_a_look_printed_and_logged_is_kept_with_its_tick_also_when_it_failed(world: World, routed: None) -> None:
    def look(context: Any) -> Any:
        print("printed")
        context.log.info("logged")
        raise ValueError("no luck")

    world.sensor(look)
    world.session.history.flush()
    (found,) = world.session.history.sql("select body from events where event_type = 'TICK_FAILURE'").fetchall()
    lines = json.loads(found[0])["log"]
    assert [line["message"] for line in lines] == ["printed", "logged"]


def test_a_sensor_defined_again_in_the_middle_of_its_look_keeps_what_the_look_brings(world: World) -> None:
    seen: list[str | None] = []

    def look(context: Any) -> Any:
        seen.append(context.cursor)
        if len(seen) == 1:
            world.sensor(look)
        context.update_cursor(str(len(seen)))
        return RunRequest()

    world.sensor(look)
    world.clock.move(2 * LOOK)
    assert seen == [None, "1", "2"]
    assert world.statuses() == ["SUCCESS"] * 3


def test_a_preview_has_no_effect_until_it_is_launched(world: World) -> None:
    def look(context: Any) -> Any:
        request = RunRequest(run_key=f"after {context.cursor}")
        context.update_cursor("next")
        return request

    world.sensor(look, starts_on=False)
    preview = world.session.automations.preview("watch", cursor="c")
    assert (preview.requests[0].run_key, preview.cursor) == ("after c", "next")
    assert (world.rows(), world.runs(), world.session.automations.find("watch").cursor) == ([], [], None)
    (handle,) = preview.launch()
    assert preview.launch() == []
    assert handle.run_id == world.runs()[0]["run_id"]
    assert world.session.automations.find("watch").cursor == "next"


def test_a_schedule_and_a_sensor_may_not_share_a_name(world: World) -> None:
    world.schedule(name="same")
    with pytest.raises(InvalidDefinition, match="same"):
        world.sensor(lambda context: None, name="same")
