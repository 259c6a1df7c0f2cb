"""What follows from what a schedule's or sensor's function gave."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from jobkernel.errors import InvalidSubset, InvariantViolation
from jobkernel.model.automation import (
    MOST_REQUESTS,
    UNCHANGED,
    Reaction,
    RunRequest,
    Schedule,
    Sensor,
    SensorResult,
    SkipReason,
    Target,
)
from jobkernel.model.dagster_run import DagsterRun
from jobkernel.model.keys import AssetKey
from jobkernel.rules.evaluation import bounded, job_of, run_tags, schedule_evaluation, sensor_evaluation
from jobkernel.rules.graph import Graph
from jobkernel.rules.selection import AssetSelection
from jobkernel.rules.universe import Facts, Universe

NIGHTLY = Schedule(name="nightly", crons=("@daily",), targets=(Target(job_name="etl"),))
WATCHER = Sensor(name="watcher", targets=(Target(job_name="etl"),))
OF_TWO = Sensor(name="watcher", targets=(Target(job_name="etl"), Target(job_name="report")))


def test_ten_thousand_results_are_taken_and_one_more_is_refused() -> None:
    taken = bounded((RunRequest(str(number)) for number in range(MOST_REQUESTS)), WATCHER)

    assert len(taken) == MOST_REQUESTS
    with pytest.raises(InvariantViolation, match="Sensor 'watcher' gave more than 10000 results in one look"):
        bounded((RunRequest() for _ in range(MOST_REQUESTS + 1)), WATCHER)


def test_a_generator_without_end_is_not_asked_for_more_than_one_too_many() -> None:
    asked = []

    def endless():
        while True:
            asked.append(1)
            yield RunRequest()

    with pytest.raises(InvariantViolation, match="none of them is launched"):
        bounded(endless(), NIGHTLY)
    assert len(asked) == MOST_REQUESTS + 1


def test_requests_carry_the_name_of_what_asked_for_them_over_tags_of_their_own() -> None:
    request = RunRequest("k", tags={"a": "b", "dagster/schedule_name": "forged"})

    found = schedule_evaluation(NIGHTLY, [request])

    assert found.requests == (RunRequest("k", tags={"a": "b", "dagster/schedule_name": "nightly"}),)
    assert found.skip_reason is None


@pytest.mark.parametrize("results", [[], [None]])
def test_nothing_is_a_reason_to_skip(results: list[None]) -> None:
    assert schedule_evaluation(NIGHTLY, results).skip_reason == "Schedule function returned an empty result"
    assert sensor_evaluation(WATCHER, results).skip_reason == "Sensor function returned an empty result"


def test_several_requests_of_a_schedule_are_refused_without_run_keys() -> None:
    with pytest.raises(InvariantViolation, match="Schedule 'nightly' gave several run requests, one of them without"):
        schedule_evaluation(NIGHTLY, [RunRequest("a"), RunRequest("")])


def test_a_nonsense_result_is_named_with_its_type() -> None:
    with pytest.raises(InvariantViolation, match=r"Schedule 'nightly' gave 5 of type int; it may give RunRequests"):
        schedule_evaluation(NIGHTLY, [5])
    with pytest.raises(InvariantViolation, match=r"Sensor 'watcher' gave \{'a': 1\} of type dict"):
        sensor_evaluation(WATCHER, [{"a": 1}])


def test_a_cursor_is_unchanged_unless_the_function_or_its_result_sets_it() -> None:
    assert sensor_evaluation(WATCHER, []).cursor is UNCHANGED
    assert sensor_evaluation(WATCHER, [], cursor=None).cursor is None
    assert sensor_evaluation(WATCHER, [SensorResult(cursor="c")]).cursor == "c"
    assert sensor_evaluation(WATCHER, [SensorResult(cursor="")], cursor="by the context").cursor == "by the context"
    with pytest.raises(InvariantViolation, match="set its cursor twice"):
        sensor_evaluation(WATCHER, [SensorResult(cursor="c")], cursor="d")


def test_an_unknown_job_is_refused_with_the_nearest() -> None:
    with pytest.raises(InvariantViolation, match=r"asks for job 'reprt'.*Did you mean 'report'\?"):
        sensor_evaluation(OF_TWO, [RunRequest(job_name="reprt")])


def test_a_request_is_for_the_job_it_names_and_a_schedules_for_its_only_one() -> None:
    assert job_of(OF_TWO, RunRequest(job_name="report")) == "report"
    assert job_of(WATCHER, RunRequest()) == "etl"
    assert job_of(NIGHTLY, RunRequest(job_name="passed over, as in Dagster")) == "etl"


def test_reactions_are_no_reason_to_skip_and_tell_of_their_runs_and_errors() -> None:
    error = ValueError("cannot mail")
    runs = [DagsterRun(run_id=run_id, job_name="etl") for run_id in "ab"]

    found = sensor_evaluation(
        WATCHER,
        [Reaction(run=runs[0], status="FAILURE"), Reaction(run=runs[1], status="FAILURE", error=error)],
        cursor="2",
    )

    assert (found.skip_reason, found.origin_run_ids, found.error, found.cursor) == (None, ("a", "b"), error, "2")


def test_a_skip_reason_stands_alone() -> None:
    assert sensor_evaluation(WATCHER, [SkipReason("no news")]).skip_reason == "no news"
    with pytest.raises(InvariantViolation, match="a SkipReason beside other results"):
        sensor_evaluation(WATCHER, [SkipReason("no"), RunRequest()])
    with pytest.raises(InvariantViolation, match="several SkipReasons"):
        sensor_evaluation(WATCHER, [SkipReason("no"), SkipReason("no")])


def test_a_sensor_of_assets_asks_for_all_of_them_or_for_some() -> None:
    universe = Universe(Graph.of({"a": [], "b": ["a"], "c": []}), {"a": Facts(checks=["fine"])})
    sensor = Sensor(name="watcher", asset_selection=AssetSelection.assets("a", "b"))

    found = sensor_evaluation(
        sensor, [RunRequest("all"), RunRequest("b", asset_selection=[AssetKey("b")])], universe=universe
    )

    every, some = found.requests
    assert every.asset_selection == [AssetKey("a"), AssetKey("b")]
    assert [key.to_user_string() for key in every.asset_check_keys or ()] == ["a:fine"]
    assert (some.asset_selection, some.asset_check_keys, some.job_name) == ([AssetKey("b")], [], "__ASSET_JOB")
    with pytest.raises(InvalidSubset, match="asks for 'c', which is none of its assets"):
        sensor_evaluation(sensor, [RunRequest(asset_selection=[AssetKey("c")])], universe=universe)


def test_tags_of_a_run_are_the_requests_over_the_jobs_and_the_ticks_over_both() -> None:
    request = RunRequest("k", tags={"a": "request", "dagster/schedule_name": "nightly"})
    berlin = timezone(timedelta(hours=2))

    tags = run_tags({"a": "job", "b": "job"}, request, tick_id="7", scheduled_at=datetime(2024, 6, 1, 2, tzinfo=berlin))

    assert tags == {
        "a": "request",
        "b": "job",
        "dagster/schedule_name": "nightly",
        "dagster/tick": "7",
        "dagster/run_key": "k",
        ".dagster/scheduled_execution_time": "2024-06-01T00:00:00+00:00",
    }
    assert run_tags({}, RunRequest(), tick_id="8") == {"dagster/tick": "8"}
