"""``execute_job``: run a job as a launch would, by its executor and with stored values, and wait for its end.

The way to run a job again in a script: ``ReexecutionOptions`` names the run, and what of it is to run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Self

from jobkernel.api.instance import DagsterInstance
from jobkernel.api.jobs import JobDefinition
from jobkernel.api.result import ExecuteInProcessResult
from jobkernel.api.run_books import event_of
from jobkernel.api.running import io_of_asset, plan_of_job
from jobkernel.engine.again import require_values, run_group
from jobkernel.engine.handle import RunHandle
from jobkernel.engine.in_process import InProcessRun
from jobkernel.engine.live_run import new_run_id
from jobkernel.engine.session import Session
from jobkernel.errors import InvalidDefinition, InvariantViolation, UnknownName
from jobkernel.executors.exchange import STORED_BY_DEFAULT
from jobkernel.executors.resources import open_resources
from jobkernel.model.dagster_run import DagsterRun
from jobkernel.model.events import Event
from jobkernel.model.keys import AssetKey
from jobkernel.model.kinds import DICT, LIST, expect, expect_named
from jobkernel.model.run_tags import REASON_TAG
from jobkernel.model.runs import RunOptions, RunStatus
from jobkernel.records import dataclass
from jobkernel.rules.admission import priority_of
from jobkernel.rules.plan import FromAsset, Plan
from jobkernel.rules.reexecution import again_from_failure, again_selected
from jobkernel.values.addresses import AssetAddress
from jobkernel.values.io import InputContext, OutputContext
from jobkernel.values.table_formats import settled


@dataclass(frozen=True, slots=True)
class ReexecutionOptions:
    """Which run is run again, and which of its steps: all, or those that clauses select.

    Source: Dagster's ``ReexecutionOptions``.
    """

    parent_run_id: str
    step_selection: Sequence[str] = ()
    is_from_failure: bool = False

    @staticmethod
    def from_failure(run_id: str, instance: DagsterInstance) -> ReexecutionOptions:  # noqa: ARG004 - Dagster's form
        """Return the options that run what a failed run left undone, and what follows from it."""
        return ReexecutionOptions(run_id, is_from_failure=True)


@dataclass(frozen=True, slots=True)
class ReconstructableJob:
    """A job, or a function that returns one; made by :func:`reconstructable`."""

    target: Callable[[], Any] | JobDefinition

    def get_definition(self) -> JobDefinition:
        """Return the job.

        Raises:
            InvalidDefinition: the function returns no job.
        """
        made = self.target if isinstance(self.target, JobDefinition) else self.target()
        if not isinstance(made, JobDefinition):
            raise InvalidDefinition(f"A job is needed, made by @job or graph.to_job; {made!r} is none.")
        return made


def reconstructable(target: Any) -> ReconstructableJob:
    """Return a job in the form that :func:`execute_job` takes; the job itself serves as well.

    Any job can be given, also one made in a cell or in a function: no other process has to find it again.

    Raises:
        InvariantViolation: it is neither a job nor a function.
    """
    if isinstance(target, JobDefinition) or (callable(target) and hasattr(target, "__name__")):
        return ReconstructableJob(target)
    raise InvariantViolation(f"reconstructable takes a job, or a function that returns one; {target!r} is neither.")


class JobExecutionResult(ExecuteInProcessResult):
    """What came of :func:`execute_job`. Values are loaded when they are asked for."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        return


def execute_job(
    job: ReconstructableJob | JobDefinition,
    instance: DagsterInstance,
    run_config: Any = None,
    tags: Mapping[str, str] | None = None,
    raise_on_error: bool = False,
    op_selection: Sequence[str] | None = None,
    reexecution_options: ReexecutionOptions | None = None,
    asset_selection: Sequence[Any] | None = None,
) -> JobExecutionResult:
    """Run a job to its end by its executor, and return what came of it. Source: Dagster's ``execute_job``.

    The instance keeps the run and its values, so that a later run can go on from it.

    Raises:
        InvalidConfig: run config does not fit; nothing has run then.
        InvalidSubset: a selection names what the job does not hold, or nothing is left to run.
        InvariantViolation: no instance, an unknown run, or one that cannot go on.
        Whatever a step raised, if ``raise_on_error``.
    """
    if not isinstance(instance, DagsterInstance):
        raise InvariantViolation("execute_job needs an instance; give DagsterInstance.ephemeral(), or .get().")
    expect("execute_job", DICT, tags=tags)
    expect("execute_job", LIST, op_selection=op_selection, asset_selection=asset_selection)
    expect_named("execute_job", ("ReexecutionOptions",), reexecution_options=reexecution_options)
    definition = ReconstructableJob(job).get_definition() if isinstance(job, JobDefinition) else _definition_of(job)
    parent = None
    if reexecution_options is None:
        plan = plan_of_job(definition, op_selection, asset_selection, definition.input_values)
    else:
        if op_selection or asset_selection:
            raise InvariantViolation("A run is run again as it was; use step_selection rather than a selection of ops.")
        parent = _parent(instance, reexecution_options.parent_run_id)
        plan = _plan_again(instance, definition, parent, reexecution_options)
    execution = _Execution(instance.session, definition, plan, parent, tuple(op_selection or ()) or None)
    _hand_over(instance, plan)
    result = execution.run(run_config, tags or {})
    instance.remember_launched(result.dagster_run, result.all_events)
    error = execution.error
    if raise_on_error and error is not None:
        raise error
    return result


def _definition_of(job: Any) -> JobDefinition:
    if isinstance(job, ReconstructableJob):
        return job.get_definition()
    raise InvariantViolation(f"execute_job takes a job, or reconstructable(job); {job!r} is neither.")


def _parent(instance: DagsterInstance, run_id: str) -> DagsterRun:
    parent = instance.get_run_by_id(run_id)
    if parent is None:
        raise InvariantViolation(f"This instance knows no run '{run_id}', so it cannot be run again.")
    return parent


def _plan_again(instance: DagsterInstance, job: JobDefinition, parent: DagsterRun, options: ReexecutionOptions) -> Plan:
    selected = sorted(parent.asset_selection, key=str) if parent.asset_selection and job.definitions else None
    whole = plan_of_job(job, parent.op_selection, selected, job.input_values)
    if not options.is_from_failure and not options.step_selection:
        return whole
    if options.is_from_failure and parent.status not in (RunStatus.FAILURE, RunStatus.CANCELED):
        raise InvariantViolation(
            f"Run {parent.run_id[:8]} is {parent.status}; only one that failed or was canceled goes on from there."
        )
    session = instance.session
    session.history.flush()
    rows = session.history.query("run", run_id=parent.run_id)
    if not rows:
        raise InvariantViolation(
            f"Run {parent.run_id[:8]} was run by execute_in_process, which keeps no values to go on from; run it by"
            " execute_job."
        )
    group = run_group(session.history, rows[0])
    if options.is_from_failure:
        plan = again_from_failure(whole, group)
    else:
        plan = again_selected(whole, options.step_selection, group)
    require_values(plan, session.values, lambda io: _is_stored(io, plan.resource_defs))
    return plan


def _hand_over(instance: DagsterInstance, plan: Plan) -> None:
    """Store what runs in this process made of assets that the plan reads."""
    if not isinstance(instance.asset_values, dict):
        return
    feeds = (feed for step in plan.steps.values() for planned in step.inputs for feed in planned.feeds)
    for feed in feeds:
        if isinstance(feed, FromAsset) and feed.key in instance.asset_values:
            value = settled(instance.asset_values[feed.key])
            instance.session.values.store.put(AssetAddress(feed.key), value)


class _Execution:
    """One run by the machine that runs launches."""

    def __init__(
        self, session: Session, job: JobDefinition, plan: Plan, parent: DagsterRun | None, ops: tuple[str, ...] | None
    ) -> None:
        self._session, self._job, self._plan, self._parent, self._ops = session, job, plan, parent, ops
        self.error: BaseException | None = None

    def run(self, run_config: Any, tags: Mapping[str, str]) -> JobExecutionResult:
        """Run to the end and return what came of it."""
        all_tags = {**self._job.tags_of_runs, **tags}
        root = (self._parent.root_run_id or self._parent.run_id) if self._parent is not None else None
        options = RunOptions(
            run_id=new_run_id(),
            config=run_config,
            tags=dict(tags),
            priority=priority_of(all_tags),
            parent_run_id=self._parent.run_id if self._parent is not None else None,
            root_run_id=root,
        )
        live = self._session.launcher.launch(self._plan, options, resource_defs={}, io_of_asset=io_of_asset(self._job))
        handle = RunHandle(self._session, live)
        try:
            handle.wait()
        except KeyboardInterrupt:
            handle.cancel(forced=True)
            raise
        self.error = live.active.error
        return self._result(handle)

    def _result(self, handle: RunHandle) -> JobExecutionResult:
        active = handle.live.active
        self._session.history.flush()
        rows = self._session.history.query("run_events", run_id=handle.run_id)
        events: list[Event] = [event_of(row) for row in rows]
        run = InProcessRun(
            run_id=handle.run_id,
            status=active.status,
            events=events,
            values=_Loaded(self._session, handle, self._job),
            assets={},
            error=active.error,
            failed_step=active.first_failure[0] if active.first_failure else None,
            plan=handle.live.plan,
        )
        return JobExecutionResult(run, self._record(handle), self._job)

    def _record(self, handle: RunHandle) -> DagsterRun:
        active = handle.live.active
        record = replace(active.setup.facts.as_dagster_run(), status=active.status)
        tags = dict(record.tags)
        if active.status is RunStatus.FAILURE:
            tags[REASON_TAG] = "STEP_FAILURE" if active.first_failure else "RUN_EXCEPTION"
        keys = [AssetKey.from_escaped_user_string(key) for key in self._plan.asset_keys]
        parent = self._parent
        return replace(
            record,
            tags=tags,
            asset_selection=frozenset(keys) if keys else None,
            op_selection=parent.op_selection if parent is not None else self._ops,
            step_keys_to_execute=tuple(self._plan.steps),
        )


class _Loaded(Mapping[tuple[str, str], Any]):
    """The outputs of a run by step and output name, loaded when they are asked for."""

    def __init__(self, session: Session, handle: RunHandle, job: JobDefinition) -> None:
        self._session, self._handle, self._job = session, handle, job

    def __iter__(self) -> Iterator[tuple[str, str]]:
        progress = self._handle.live.active.progress
        return iter([(key, name) for key in list(progress.steps) for name in progress.made_by(key)])

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __getitem__(self, place: tuple[str, str]) -> Any:
        step_key, name = place
        step = self._handle.live.active.progress.steps[step_key]
        output = step.op.output(name.partition("[")[0])
        if output is None:
            raise UnknownName(f"Step '{step_key}' has no output '{name}'.")
        key = step.asset_keys.get(output.name)
        definitions = self._handle.live.plan.resource_defs
        if _is_stored(output.io, definitions):
            values = self._session.values
            return values.load_key(key) if key else values.load_output(self._handle.run_id, step_key, name)
        asset_key = AssetKey.from_escaped_user_string(key) if key else None
        with open_resources(definitions, None, [output.io], _unrecorded) as opened:
            upstream = OutputContext(
                name=output.name,
                step_key=step_key,
                run_id=self._handle.run_id,
                asset_key=asset_key,
                definition_metadata=output.metadata,
                mapping_key=name.partition("[")[2].rstrip("]") or None,
                dagster_type=output.annotation,
                resources=opened,
                job_name=self._job.name,
            )
            context = InputContext(name=name, upstream_output=upstream, asset_key=asset_key, resources=opened)
            return opened[output.io].load_input(context)


def _is_stored(io: str, definitions: Mapping[str, Any]) -> bool:
    return io in STORED_BY_DEFAULT and io not in definitions


def _unrecorded(_event_type: str, _body: dict[str, Any] | None) -> None:
    """Record nothing: the run has ended."""
