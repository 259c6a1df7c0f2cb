"""Executors under Dagster's names: their options, who names them, and the ``execution`` entry of run config."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from harness import assert_accepted, assert_refused, assert_same
from symbols import REFUSALS, covers

import jobkernel as jk
from jobkernel.clock import SystemClock
from jobkernel.engine.opening import TestSession
from jobkernel.errors import InvalidConfig
from jobkernel.model.runs import Launch

NAMES = ("in_process_executor", "multiprocess_executor", "multi_or_in_process_executor")
FITTING: list[tuple[str, dict[str, Any]]] = [
    ("in_process_executor", {"retries": {"disabled": {}}}),
    ("multiprocess_executor", {"max_concurrent": 2, "retries": {"enabled": {}}}),
    ("multiprocess_executor", {"tag_concurrency_limits": [{"key": "a", "limit": 1}]}),
    ("multiprocess_executor", {"max_concurrent": 0}),
    ("multiprocess_executor", {"start_method": {"spawn": {}}}),
    ("multi_or_in_process_executor", {"multiprocess": {"max_concurrent": 1}}),
    ("multi_or_in_process_executor", {"in_process": {"retries": {"disabled": {}}}}),
]
UNFITTING: list[tuple[str, dict[str, Any]]] = [
    ("in_process_executor", {"max_concurrent": 2}),
    ("in_process_executor", {"in_process": {}}),
    ("multiprocess_executor", {"max_concurrent": "2"}),
    ("multiprocess_executor", {"foo": 1}),
    ("multiprocess_executor", {"multiprocess": {}}),
    ("multiprocess_executor", {"tag_concurrency_limits": [{"key": "a"}]}),
    ("multiprocess_executor", {"retries": {"off": {}}}),
    ("multiprocess_executor", {"start_method": {"fork": {}}}),
    ("multi_or_in_process_executor", {"max_concurrent": 1}),
    ("multi_or_in_process_executor", {"multiprocess": {}, "in_process": {}}),
]


def job_on(dg: Any, executor: Any) -> Any:
    @dg.op
    def one():
        return 1

    @dg.job(executor_def=executor)
    def j():
        one()

    return j


@covers("in_process_executor", "multiprocess_executor", "multi_or_in_process_executor", "ExecutorDefinition")
@pytest.mark.parametrize(("name", "options"), FITTING)
def test_options_that_fit_are_taken_in_code_and_in_run_config(name: str, options: dict[str, Any]) -> None:
    def script(dg: Any) -> Any:
        executor = getattr(dg, name)
        dg.validate_run_config(job_on(dg, executor.configured(options)), {})
        dg.validate_run_config(job_on(dg, executor), {"execution": {"config": options}})

    assert_accepted(script)


@covers("in_process_executor", "multiprocess_executor", "multi_or_in_process_executor", aspect=REFUSALS)
@pytest.mark.parametrize(("name", "options"), UNFITTING)
def test_options_that_do_not_fit_are_refused_in_code_and_in_run_config(name: str, options: dict[str, Any]) -> None:
    assert_refused(lambda dg: dg.validate_run_config(job_on(dg, getattr(dg, name).configured(options)), {}))
    config = {"execution": {"config": options}}
    assert_refused(lambda dg: dg.validate_run_config(job_on(dg, getattr(dg, name)), config), "execution.config")


@covers("multiprocess_executor", "ExecutorDefinition", aspect=REFUSALS)
@pytest.mark.parametrize(
    "options", [{"max_concurrent": -1}, {"step_dependency_config": {"require_upstream_step_success": False}}]
)
def test_options_that_would_do_nothing_here_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(jk.DagsterInvalidConfigError, match=next(iter(options))):
        jk.multiprocess_executor.configured(options)


@covers("ExecutorDefinition", aspect=REFUSALS)
def test_an_executor_is_configured_by_a_dict() -> None:
    with pytest.raises(jk.DagsterError, match="a function is not supported"):
        jk.multiprocess_executor.configured(lambda _config: {}, config_schema={"n": int}, name="mine")


@covers("ExecutorDefinition", "Definitions", "job", "define_asset_job")
def test_a_job_names_its_executor_or_has_that_of_its_definitions() -> None:
    def script(dg: Any) -> Any:
        @dg.asset
        def made():
            return 1

        definitions = dg.Definitions(
            assets=[made],
            jobs=[
                job_on(dg, dg.multiprocess_executor),
                dg.define_asset_job("own", executor_def=dg.multiprocess_executor),
                dg.define_asset_job("theirs"),
            ],
            executor=dg.in_process_executor,
        )
        names = {job.name: job.executor_def.name for job in definitions.resolve_all_job_defs()}
        return [
            names,
            [getattr(dg, name).name for name in NAMES],
            dg.multiprocess_executor.configured({"max_concurrent": 3}, name="mine").name,
            job_on(dg, dg.in_process_executor).with_executor_def(dg.multiprocess_executor).executor_def.name,
        ]

    assert_same(script)


@covers("ExecutorDefinition", aspect=REFUSALS)
@pytest.mark.parametrize("executor", [3, "thread", object()], ids=["number", "misspelt", "object"])
def test_what_is_no_executor_is_refused(executor: Any) -> None:
    assert_refused(lambda dg: job_on(dg, executor))
    assert_refused(lambda dg: dg.Definitions(executor=executor))
    assert_refused(lambda dg: dg.Definitions(jobs=[dg.define_asset_job("j", executor_def=executor)]))


@pytest.fixture
def session() -> Iterator[TestSession]:
    with jk.test_session(SystemClock()) as session:
        yield session


@jk.op(retry_policy=jk.RetryPolicy(max_retries=2))
def flaky() -> None:
    raise ValueError("again")


@jk.op
def asking() -> None:
    raise jk.RetryRequested(max_retries=2)


def step_events(session: TestSession, job: jk.JobDefinition, config: Any = None) -> dict[str, list[str]]:
    session.add(job)
    handle = session.launch(session.plan_job(job.name), Launch(config=config)).wait(60)
    session.history.flush()
    found: dict[str, list[str]] = {}
    for row in session.history.query("run_events", run_id=handle.run_id):
        if row["event_type"] in ("STEP_START", "STEP_UP_FOR_RETRY", "STEP_RESTARTED", "STEP_FAILURE"):
            found.setdefault(row["step_key"], []).append(row["event_type"])
    return found


OFF = {"retries": {"disabled": {}}}
AGAIN = ["STEP_UP_FOR_RETRY", "STEP_RESTARTED"]


@covers("in_process_executor", "multiprocess_executor", "multi_or_in_process_executor")
@pytest.mark.parametrize(
    ("executor", "config", "tries"),
    [
        (None, None, 3),
        (jk.in_process_executor, OFF, 1),
        (jk.multi_or_in_process_executor, {"in_process": OFF}, 1),
        (jk.multiprocess_executor, OFF, 1),
        (jk.in_process_executor.configured(OFF), None, 1),
        (jk.multi_or_in_process_executor.configured({"in_process": OFF}), None, 1),
        (jk.in_process_executor.configured(OFF), {"retries": {"enabled": {}}}, 3),
    ],
)
def test_retries_can_be_switched_off_for_a_run(session: TestSession, executor: Any, config: Any, tries: int) -> None:
    @jk.job(executor_def=executor)
    def j() -> None:
        flaky()
        asking()

    found = step_events(session, j, {"execution": {"config": config}} if config else None)

    each = ["STEP_START", *AGAIN * (tries - 1), "STEP_FAILURE"]
    assert found == {"flaky": each, "asking": each}


@covers("in_process_executor")
@pytest.mark.parametrize("config", [None, {"execution": {"config": {"in_process": {}}}}])
def test_in_process_runs_one_step_after_another_by_priority(session: TestSession, config: Any) -> None:
    """Row 218 of the table: priorities none, -1 and 1, each twice."""
    order: list[str] = []

    def made(name: str, **tags: str) -> Any:
        def body(context) -> None:  # type: ignore[no-untyped-def]
            order.append(context.op.name)

        return jk.op(name=name, tags=tags)(body)

    ops = [made("none"), made("low", **{"dagster/priority": "-1"}), made("high", **{"dagster/priority": "1"})]

    @jk.job(executor_def=jk.in_process_executor if config is None else None)
    def j() -> None:
        for each in [*ops, *ops]:
            each()

    session.add(j)
    assert session.launch(session.plan_job("j"), Launch(config=config)).wait(20).success
    assert order == ["high", "high", "none", "none", "low", "low"]


@covers("multi_or_in_process_executor", "ExecutorDefinition")
@pytest.mark.parametrize(
    ("options", "at_once"),
    [
        ({"tag_concurrency_limits": [{"key": "database", "limit": 1}]}, 2),
        ({"max_concurrent": 2}, 2),
        ({"tag_concurrency_limits": [{"key": "database", "value": "redshift", "limit": 1}]}, 3),
    ],
)
def test_steps_of_a_run_are_limited_by_number_and_tag(session: TestSession, options: Any, at_once: int) -> None:
    """Rows 220 and 221, with the limits in run config: how many are ever in flight together."""
    lock, most, now = threading.Lock(), [0], [0]
    full = threading.Event()

    def body() -> None:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
            if now[0] == at_once:
                full.set()
        full.wait(10)
        with lock:
            now[0] -= 1

    r = jk.op(name="r", tags={"database": "redshift"})(body)
    p, n = jk.op(name="p", tags={"database": "pg"})(body), jk.op(name="n")(body)

    @jk.job
    def j() -> None:
        r(), r(), r(), p(), n()

    session.add(j)
    handle = session.launch(session.plan_job("j"), Launch(config={"execution": {"config": options}}))
    assert handle.wait(30).success
    assert most[0] == at_once


@covers("Definitions", "in_process_executor", "test_session")
def test_the_executor_of_definitions_is_that_of_their_jobs_in_a_session(session: TestSession) -> None:
    session.add(jk.Definitions(jobs=[job_on(jk, None)], executor=jk.in_process_executor))

    handle = session.launch(session.plan_job("j")).wait(20)

    assert session.records.row(handle.run_id)["executor"] == "in_process"


@covers("dask_executor", "ExecutorDefinition")
def test_a_job_names_the_dask_executor_and_runs_there(session: TestSession) -> None:
    @jk.op
    def three() -> int:
        return 3

    @jk.op
    def double(x: int) -> int:
        return 2 * x

    @jk.job(executor_def=jk.dask_executor)
    def doubled() -> None:
        double(three())

    session.add(doubled)
    handle = session.launch(session.plan_job("doubled"), Launch()).wait(120)
    session.history.flush()

    starts = [
        row for row in session.history.query("run_events", run_id=handle.run_id) if row["event_type"] == "STEP_START"
    ]
    assert [row["body"]["executor"] for row in starts] == ["dask", "dask"]
    assert session.values.load_output(handle.run_id, "double", "result") == 6


@covers("dask_executor", aspect=REFUSALS)
@pytest.mark.parametrize(("options", "named"), [({"adress": "tcp://h:1"}, "adress"), ({"address": 3}, "address")])
def test_options_that_dask_does_not_have_are_refused(options: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidConfig, match=named):
        jk.dask_executor.configured(options)
