"""A session whose runs use one executor, and what came of a run: its events, steps, lines and values."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import jobkernel as jk
from jobkernel.clock import SystemClock
from jobkernel.engine.handle import RunHandle
from jobkernel.engine.opening import test_session as session_in_memory
from jobkernel.engine.session import Session
from jobkernel.executors import capture
from jobkernel.model.runs import RunOptions
from jobkernel.rules.graph_plan import plan_graph

PATIENCE_S = 60.0
LEFT_OUT = {
    "RESOURCE_INIT_STARTED", "RESOURCE_INIT_SUCCESS", "LOGS_CAPTURED", "ASSET_MATERIALIZATION_PLANNED",
    "ASSET_CHECK_EVALUATION_PLANNED",
}  # fmt: skip
"""Resources open once a run, or once a step where that runs elsewhere; the others are the run's."""


class Ran:
    """A run that has ended."""

    def __init__(self, session: Session, handle: RunHandle) -> None:
        session.history.flush()
        self.handle, self.status = handle, handle.status
        self._session = session
        self.all_events = session.history.query("run_events", run_id=handle.run_id)
        self.steps = session.history.query("run_steps", run_id=handle.run_id)

    def events(self, step: str) -> list[str]:
        """The types of a step's events, in order, without those of its run."""
        words = [each["event_type"] for each in self.all_events if each["step_key"] == step]
        return [word for word in words if word not in LEFT_OUT]

    def bodies(self, event_type: str) -> list[dict[str, Any]]:
        """The bodies of the events of one type."""
        return [each["body"] for each in self.all_events if each["event_type"] == event_type]

    def value(self, name: str = "body", output: str = "result") -> Any:
        """What an op made."""
        return self.handle.output_for_node(name, output)

    def texts(self, level: str | None = None) -> list[str]:
        """What the run's steps printed and logged, in order."""
        lines = self._session.records.log_lines(self.handle.run_id)
        return [line["text"] for line in lines if level in (None, line["level"])]

    @property
    def error(self) -> dict[str, Any]:
        """The description of the first step that failed."""
        return next((row["error"] for row in self.steps if row["error"]), {})


class Stage:
    """Runs jobs and assets on one executor."""

    def __init__(self, executor: str, session: Session) -> None:
        self.executor, self.session = executor, session

    def start(self, plan: Any, **options: Any) -> RunHandle:
        """Launch a plan, an op job, or one op by itself."""
        given = RunOptions(run_id=options.pop("run_id", None) or new_run_id(), executor=self.executor, **options)
        live = self.session.launcher.launch(
            as_plan(plan),
            given,
            resource_defs=self.session.registry.resources,
            io_of_asset=self.session.asset_values.io_of,
        )
        return RunHandle(self.session, live)

    def run(self, plan: Any, **options: Any) -> Ran:
        """Launch it and wait for its end."""
        handle = self.start(plan, **options)
        assert handle.live.active.wait(PATIENCE_S), "the run did not end"
        return Ran(self.session, handle)

    def made(self, body: Any, **options: Any) -> Any:
        """Run a function as an op, and return what it made."""
        ran = self.run(op_of(body), **options)
        assert ran.status == "SUCCESS", ran.error["text"]
        return ran.value()

    def materialize(self, *definitions: Any, keys: tuple[str, ...] | None = None, **options: Any) -> Ran:
        """Define assets and checks, and make the assets."""
        self.session.add(*definitions)
        wanted = keys or [
            spec.key
            for each in definitions
            if hasattr(getattr(each, "record", None), "specs")
            for spec in each.record.specs
        ]
        return self.run(self.session.plan(wanted), **options)


def op_of(body: Any, **options: Any) -> Any:
    """A function as an op called 'body'."""
    return jk.op(name="body", **options)(body)


def as_plan(given: Any) -> Any:
    """The plan of a job; of an op, that of a job with nothing else."""
    if hasattr(given, "steps"):
        return given
    if isinstance(given, jk.JobDefinition):
        return plan_graph(given.graph, given)

    @jk.job
    def alone() -> None:
        given()

    return plan_graph(alone.graph, alone)


def timed(body: Any, seconds: float) -> Any:
    """The plan of a function as an op that may take only so long."""
    plan = as_plan(op_of(body))
    steps = {key: replace(step, timeout=timedelta(seconds=seconds)) for key, step in plan.steps.items()}
    return replace(plan, steps=steps)


def new_run_id() -> str:
    """A fresh id."""
    return str(uuid4())


@contextmanager
def a_stage(executor: str) -> Iterator[Stage]:
    """A session in memory, its streams captured, closed at the end."""
    session = session_in_memory(SystemClock(), max_workers=2)
    capture.install()
    try:
        yield Stage(executor, session)
    finally:
        session.close()
        capture.uninstall()
