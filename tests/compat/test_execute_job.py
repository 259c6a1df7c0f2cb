"""``execute_job``: by the job's executor, with stored values, and again from what an earlier run left."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from harness import assert_refused, assert_same
from jobs_run_again import broken, instance_of, the_job
from symbols import ORDER, REFUSALS, covers

import jobkernel

QUEUE = {"PIPELINE_ENQUEUED", "PIPELINE_DEQUEUED", "PIPELINE_STARTING", "ENGINE_EVENT", "LOGS_CAPTURED"}
RESOURCES = {"RESOURCE_INIT_STARTED", "RESOURCE_INIT_SUCCESS"}


@pytest.fixture(autouse=True)
def nothing_broken() -> Iterator[None]:
    broken()
    yield
    broken()


def started(result: Any) -> list[str]:
    """Return the steps that a run tried, by name."""
    return sorted(event.step_key for event in result.all_events if event.event_type_value == "STEP_START")


def facts(result: Any, parent: Any = None) -> dict[str, Any]:
    """Return what is told of a run; what hangs on an earlier one relative to that."""
    run = result.dagster_run
    return {
        "steps": started(result),
        "success": result.success,
        "status": run.status.value,
        "tags": dict(run.tags),
        "is child": parent is not None and run.parent_run_id == parent.run_id,
        "same root": parent is not None and run.root_run_id == (parent.dagster_run.root_run_id or parent.run_id),
        "to execute": sorted(run.step_keys_to_execute or ()),
    }


@covers("execute_job", "reconstructable", "in_process_executor", "DagsterInstance")
def test_a_job_is_run_and_kept() -> None:
    def script(dg: Any) -> Any:
        with instance_of(dg) as instance:
            with dg.execute_job(the_job(dg, "g5"), instance=instance, tags={"k": "v"}) as result:
                values = [result.output_for_node(name) for name in ("e", "aft", "mul", "tot")]
            kept = instance.get_run_by_id(result.run_id)
            return [facts(result), values, kept.status.value, kept.job_name, dict(kept.tags)]

    assert_same(script)


@covers("execute_job", aspect=ORDER)
def test_the_steps_of_a_run_have_the_same_events_in_the_same_order() -> None:
    def script(dg: Any) -> Any:
        broken("b")
        with instance_of(dg) as instance:
            result = dg.execute_job(the_job(dg, "g6"), instance=instance)
            return [
                (event.event_type_value, event.step_key)
                for event in result.all_events
                if event.event_type_value not in QUEUE | RESOURCES
            ]

    assert_same(script)


RESUMED = [("g5", "b"), ("g5", "b c"), ("g5", "a"), ("g5", "onl"), ("g5", "mul1"), ("g5", "dyn"), ("g6", "b")]


@covers("execute_job", "ReexecutionOptions")
@pytest.mark.parametrize(("job", "failing"), RESUMED)
def test_a_failed_run_goes_on_from_its_failure(job: str, failing: str) -> None:
    """Rows 251 to 259 of the table of step sets."""

    def script(dg: Any) -> Any:
        with instance_of(dg) as instance:
            broken(*failing.split())
            first = dg.execute_job(the_job(dg, job), instance=instance)
            broken()
            options = dg.ReexecutionOptions.from_failure(first.run_id, instance)
            with dg.execute_job(the_job(dg, job), instance=instance, reexecution_options=options) as second:
                last = "e" if job == "g5" else "d"
                return [facts(first), facts(second, first), second.output_for_node(last) if "b" in failing else None]

    assert_same(script)


@covers("ReexecutionOptions")
@pytest.mark.parametrize("selection", [["c*"], ["*b"], ["b", "e"], ["b", "c+"], []])
def test_chosen_steps_run_again_with_the_values_of_the_others(selection: list[str]) -> None:
    """Rows 260 to 266."""

    def script(dg: Any) -> Any:
        with instance_of(dg) as instance:
            first = dg.execute_job(the_job(dg, "g6"), instance=instance)
            options = dg.ReexecutionOptions(parent_run_id=first.run_id, step_selection=selection)
            with dg.execute_job(the_job(dg, "g6"), instance=instance, reexecution_options=options) as second:
                found = facts(second, first)
                values = {name: second.output_for_node(name) for name in found["steps"]}
            return [found, values]

    assert_same(script)


@covers("ReexecutionOptions", aspect=ORDER)
def test_a_third_run_uses_what_the_first_one_made() -> None:
    def script(dg: Any) -> Any:
        with instance_of(dg) as instance:
            broken("b")
            first = dg.execute_job(the_job(dg, "g5"), instance=instance)
            broken("d")
            again = dg.ReexecutionOptions.from_failure(first.run_id, instance)
            second = dg.execute_job(the_job(dg, "g5"), instance=instance, reexecution_options=again)
            broken()
            again = dg.ReexecutionOptions.from_failure(second.run_id, instance)
            with dg.execute_job(the_job(dg, "g5"), instance=instance, reexecution_options=again) as third:
                return [facts(second, first), facts(third, second), third.output_for_node("e")]

    assert_same(script)


@covers("execute_job")
def test_assets_of_a_job_are_made_in_part_and_again() -> None:
    def script(dg: Any) -> Any:
        with instance_of(dg) as instance:
            first = dg.execute_job(the_job(dg, "assets"), instance=instance)
            part = dg.execute_job(
                the_job(dg, "assets"), instance=instance, asset_selection=[dg.AssetKey("down")], tags={"a": "b"}
            )
            broken("down")
            failed = dg.execute_job(the_job(dg, "assets"), instance=instance)
            broken()
            again = dg.ReexecutionOptions.from_failure(failed.run_id, instance)
            second = dg.execute_job(the_job(dg, "assets"), instance=instance, reexecution_options=again)
            made = instance.get_latest_materialization_event(dg.AssetKey("down"))
            return [facts(each) for each in (first, part, failed)] + [
                facts(second, failed),
                made.run_id == second.run_id,
                instance.has_asset_key(dg.AssetKey("up")),
            ]

    assert_same(script)


@covers("execute_job", "DagsterInstance")
def test_runs_in_process_and_by_executor_share_the_values_of_assets() -> None:
    def script(dg: Any) -> Any:
        with instance_of(dg) as instance:
            job = the_job(dg, "assets")
            job.get_definition().execute_in_process(instance=instance, asset_selection=[dg.AssetKey("up")])
            down = dg.execute_job(job, instance=instance, asset_selection=[dg.AssetKey("down")])
            return facts(down)

    assert_same(script)


@covers("execute_job")
def test_part_of_an_op_job_is_run_and_run_again() -> None:
    def script(dg: Any) -> Any:
        with instance_of(dg) as instance:
            first = dg.execute_job(the_job(dg, "g6"), instance=instance, op_selection=["*b"])
            again = dg.ReexecutionOptions(first.run_id)
            second = dg.execute_job(the_job(dg, "g6"), instance=instance, reexecution_options=again)
            return [started(first), started(second)]

    assert_same(script)


@covers("execute_job", aspect=REFUSALS)
def test_the_users_own_exception_comes_back_when_asked_for() -> None:
    def script(dg: Any) -> Any:
        broken("b")
        with instance_of(dg) as instance:
            quiet = dg.execute_job(the_job(dg, "g6"), instance=instance)
            try:
                dg.execute_job(the_job(dg, "g6"), instance=instance, raise_on_error=True)
            except ValueError as error:
                return [quiet.success, type(error).__name__, str(error), len(instance.get_runs())]

    assert_same(script)


def _again(dg: Any, instance: Any, options: Any, **more: Any) -> Any:
    return dg.execute_job(the_job(dg, "g6"), instance=instance, reexecution_options=options, **more)


REFUSED: dict[str, Any] = {
    "an op that is not there": lambda dg, at, _: dg.execute_job(the_job(dg, "g6"), instance=at, op_selection=["zz"]),
    "config of an op that is not there": lambda dg, at, _: dg.execute_job(
        the_job(dg, "g6"), instance=at, run_config={"ops": {"zz": {}}}
    ),
    "config that is none": lambda dg, at, _: dg.execute_job(the_job(dg, "g6"), instance=at, run_config=3),
    "no instance": lambda dg, _at, _: dg.execute_job(the_job(dg, "g6"), instance=None),
    "no job": lambda dg, at, _: dg.execute_job("g6", instance=at),
    "a run that is not there": lambda dg, at, _: _again(dg, at, dg.ReexecutionOptions("nope")),
    "from the failure of a run that succeeded": lambda dg, at, run: _again(
        dg, at, dg.ReexecutionOptions.from_failure(run, at)
    ),
    "a step that is not there": lambda dg, at, run: _again(dg, at, dg.ReexecutionOptions(run, ["zz"])),
    "a selection of ops too": lambda dg, at, run: _again(dg, at, dg.ReexecutionOptions(run), op_selection=["a"]),
}


@covers("execute_job", "ReexecutionOptions", aspect=REFUSALS)
@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_run_is_refused(case: str) -> None:
    def script(dg: Any) -> Any:
        with instance_of(dg) as instance:
            run = dg.execute_job(the_job(dg, "g6"), instance=instance).run_id
            REFUSED[case](dg, instance, run)

    assert_refused(script)


@covers("reconstructable", aspect=REFUSALS)
@pytest.mark.parametrize("target", ["g6", 3, None])
def test_what_is_no_job_cannot_be_reconstructed(target: Any) -> None:
    assert_refused(lambda dg: dg.reconstructable(target))


@covers("reconstructable")
def test_a_job_of_any_place_will_do_here() -> None:
    @jobkernel.job
    def inner() -> None:
        jobkernel.op(name="one")(lambda: 1)()

    with jobkernel.DagsterInstance.ephemeral() as instance:
        results = [jobkernel.execute_job(each, instance) for each in (inner, jobkernel.reconstructable(lambda: inner))]
        assert [each.output_for_node("one") for each in results] == [1, 1]


@covers("DagsterInstance")
def test_an_instance_tells_of_runs_steps_and_materializations() -> None:
    def script(dg: Any) -> Any:
        with instance_of(dg) as instance:
            broken("down")
            first = dg.execute_job(the_job(dg, "assets"), instance=instance)
            broken()
            second = dg.execute_job(the_job(dg, "assets"), instance=instance, tags={"a": "b"})
            stats, record = instance.get_run_stats(first.run_id), instance.get_run_records(limit=1)[0]
            page = instance.fetch_materializations(dg.AssetKey("up"), limit=1)
            rest = instance.fetch_materializations(dg.AssetKey("up"), limit=5, cursor=page.cursor)
            wanted = dg.EventRecordsFilter(dg.DagsterEventType.ASSET_MATERIALIZATION)
            return {
                "stats": (stats.steps_succeeded, stats.steps_failed, stats.materializations, stats.expectations),
                "times": stats.start_time <= stats.end_time,
                "steps": sorted(
                    (each.step_key, each.status.value, each.attempts)
                    for each in instance.get_run_step_stats(first.run_id)
                ),
                "newest": record.dagster_run.run_id == second.run_id and record.start_time <= record.end_time,
                "page": (len(page.records), page.has_more, page.records[0].run_id == second.run_id),
                "rest": (len(rest.records), rest.has_more, rest.records[0].run_id == first.run_id),
                "of all": [record.asset_key.path for record in instance.get_event_records(wanted, ascending=True)],
                "tagged": [run.run_id == second.run_id for run in instance.get_runs(dg.RunsFilter(tags={"a": "b"}))],
                "failed": len(instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE]))),
                "starts": [
                    entry.step_key for entry in instance.all_logs(second.run_id, of_type=dg.DagsterEventType.STEP_START)
                ],
                "group": [run.run_id == first.run_id for run in list(instance.get_run_group(first.run_id)[1])],
            }

    assert_same(script)


@covers("DagsterInstance", aspect=REFUSALS)
def test_there_is_no_project_outside_of_a_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    assert_refused(lambda dg: dg.DagsterInstance.get(), "ephemeral()")


@covers("DagsterInstance", aspect=REFUSALS)
@pytest.mark.parametrize("name", ["wipe", "add_daemon_heartbeats", "launch_run"])
def test_what_an_instance_does_not_do_it_refuses_by_name(name: str) -> None:
    with pytest.raises(jobkernel.DagsterError, match=name):
        getattr(jobkernel.DagsterInstance.ephemeral(), name)
