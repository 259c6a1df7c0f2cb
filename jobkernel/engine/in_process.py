"""Run a plan to its end on the calling thread, in memory, leaving nothing behind.

Serves ``job.execute_in_process`` and ``materialize`` of the api floor: events are collected, outputs are kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import field
from typing import Any
from uuid import uuid4

from jobkernel.clock import Clock, SystemClock, run_clock
from jobkernel.engine.run import ActiveRun
from jobkernel.engine.run_setup import RunSetup
from jobkernel.executors.call import Config, RunFacts, StepCall
from jobkernel.executors.exchange import MemoryDefault, RunExchange
from jobkernel.executors.resources import open_resources
from jobkernel.model import events as ev
from jobkernel.model.definitions import EMPTY, Output
from jobkernel.model.events import Event
from jobkernel.model.runs import RunStatus
from jobkernel.records import dataclass
from jobkernel.rules.partition_run import NO_PARTITIONS, ChosenPartitions
from jobkernel.rules.plan import Plan, PlannedStep
from jobkernel.rules.run_state import RunProgress


@dataclass(slots=True, kw_only=True)
class InProcessRun:
    """What came of a run: its events in order, and the value of every output by step and output name."""

    run_id: str
    status: RunStatus
    events: list[Event]
    values: Mapping[tuple[str, str], Any]
    assets: MutableMapping[Any, Any]
    error: BaseException | None
    failed_step: str | None
    plan: Plan
    attempts: Mapping[str, int] = field(default=EMPTY)

    @property
    def success(self) -> bool:
        """Whether the run ended well."""
        return self.status is RunStatus.SUCCESS


class _Capturing(RunExchange):
    """Also remembers every output, whoever keeps it."""

    def __init__(self, values: dict[tuple[str, str], Any], *args: Any) -> None:
        super().__init__(*args)
        self._values = values

    def keep(
        self, call: StepCall, output: Output, name: str, value: Any, metadata: Mapping[str, Any] = EMPTY
    ) -> dict[str, Any]:
        self._values[call.step.key, name] = value
        return super().keep(call, output, name, value, metadata)


def needed_resources(steps: Iterable[PlannedStep]) -> dict[str, str]:
    """Return the resource keys that steps use, IO managers included, each with the first step's key."""
    needs: dict[str, str] = {}
    for step in steps:
        for key in needed_resources_of(step):
            needs.setdefault(key, step.key)
    return needs


def needed_resources_of(step: PlannedStep) -> set[str]:
    """Return the resource keys that one step uses, IO managers included."""
    keys = {*step.op.required_resources, *step.op.resource_arguments.values()}
    keys.update(output.io for output in step.op.outputs if not output.is_nothing)
    keys.update(item.io for item in step.op.inputs if item.io is not None)
    for hook in step.hooks:
        keys |= hook.required_resources
    return keys


def execute_plan_in_process(
    plan: Plan,
    *,
    config: Config,
    resource_defs: Mapping[str, Any] | None = None,
    tags: Mapping[str, str] = EMPTY,
    stored_config: Any = None,
    run_id: str | None = None,
    chosen: ChosenPartitions = NO_PARTITIONS,
    assets: MutableMapping[Any, Any] | None = None,
    io_of_asset: Any = None,
    clock: Clock | None = None,
) -> InProcessRun:
    """Run a plan on this thread and return what came of it. Never raises for what user code does.

    ``resource_defs`` replace the plan's; ``assets`` hold values made before, and get those made now.
    """
    events: list[Event] = []
    values: dict[tuple[str, str], Any] = {}
    default = MemoryDefault(assets)
    definitions = plan.resource_defs if resource_defs is None else resource_defs

    def exchange(progress: RunProgress, resources: Mapping[str, Any]) -> RunExchange:
        extra = (io_of_asset,) if io_of_asset is not None else ()
        return _Capturing(values, progress, resources, default, *extra)

    def opening(emit: Any) -> AbstractContextManager[Mapping[str, Any]]:
        return _opened(definitions, config, set(needed_resources(plan.steps.values())), emit)

    facts = RunFacts(
        run_id=run_id or str(uuid4()),
        job_name=plan.job_name,
        tags=tags,
        config=stored_config,
        partition_key=chosen.key,
        partition_range=chosen.between,
        partitions=chosen.partitions,
    )
    setup = RunSetup(
        plan=plan,
        facts=facts,
        config=config,
        emit=events.append,
        clock=run_clock(clock or SystemClock()),
        make_exchange=exchange,
        open_resources=opening,
    )
    run = ActiveRun(setup)
    with closing(setup.deadlines):
        run.run_here()
    return InProcessRun(
        run_id=facts.run_id,
        status=run.status,
        events=events,
        values=values,
        assets=default.assets,
        error=run.error,
        failed_step=run.first_failure[0] if run.first_failure else None,
        plan=plan,
    )


@contextmanager
def _opened(definitions: Mapping[str, Any], config: Config, keys: set[str], emit: Any) -> Iterator[Mapping[str, Any]]:
    with open_resources(definitions, config, keys, emit) as resources:
        emit(ev.LOGS_CAPTURED, {})
        yield resources
