"""What a body sees as its first argument: run, config, resources, log, its assets, metadata, progress.

Made once a step and light: everything is looked up when asked for. Knows the step call only; ``step`` makes it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Any, NoReturn

from jobkernel.errors import InvalidDefinition, InvariantViolation, Unsupported, did_you_mean
from jobkernel.executors.asset_context import AssetPart
from jobkernel.executors.call import StepCall
from jobkernel.executors.partition_context import PartitionPart
from jobkernel.executors.resource_view import ResourceView, resource_of
from jobkernel.executors.step_log import StepLogger
from jobkernel.model import events as ev
from jobkernel.model.dagster_run import DagsterRun
from jobkernel.model.definitions import Graph, Op, Output
from jobkernel.model.metadata import normalize_metadata

_CURRENT: ContextVar[StepContext | None] = ContextVar("jobkernel_step_context", default=None)


class StepContext(AssetPart, PartitionPart):
    """The context of one attempt at a step; what bodies get is one of its three subclasses."""

    __slots__ = ("_call",)

    def __init__(self, call: StepCall) -> None:
        self._call = call

    @property
    def op_execution_context(self) -> OpExecutionContext:
        """The same step, seen as an op."""
        return self if isinstance(self, OpExecutionContext) else OpExecutionContext(self._call)

    @property
    def log(self) -> StepLogger:
        """A logger whose lines belong to the step: ``context.log.info("…")``."""
        return StepLogger(self._call.emit)

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self._call.run.run_id

    @property
    def job_name(self) -> str:
        """The name of the job whose run this is."""
        return self._call.run.job_name

    @property
    def run(self) -> DagsterRun:
        """The run."""
        return self._call.run.as_dagster_run()

    @property
    def dagster_run(self) -> DagsterRun:
        """The run."""
        return self.run

    @property
    def run_config(self) -> Mapping[str, Any]:
        """The run config as given at launch; secrets stay ``{"env": NAME}``."""
        return self._call.run.config or {}

    @property
    def run_tags(self) -> Mapping[str, str]:
        """The run's tags."""
        return self._call.run.tags

    def has_tag(self, key: str) -> bool:
        """Whether the run carries that tag."""
        return key in self._call.run.tags

    def get_tag(self, key: str) -> str | None:
        """Return the run's tag, None where it has none of that name."""
        return self._call.run.tags.get(key)

    @property
    def op_config(self) -> Any:
        """The op's config as plain values."""
        config: Any = self._call.config
        read = getattr(config, "op_config", config.for_op)
        return read(self._call.step.path)

    @property
    def resources(self) -> ResourceView:
        """The resources that the op asks for, by attribute."""
        return resources_view(self._call.resources, self._call.step.op)

    def resource(self, key: str) -> Any:
        """Return the resource of that key, whether or not the op asks for it by name.

        Raises:
            UnknownResource: the run has none of that key.
        """
        return resource_of(self._call.resources, key)

    @property
    def op(self) -> Op:
        """The op that the step runs."""
        return self._call.step.op

    @property
    def op_def(self) -> Op:
        """The op that the step runs."""
        return self._call.step.op

    @property
    def op_handle(self) -> str:
        """Where the op stands in its job: the names from the job down, joined by dots."""
        return ".".join(self._call.step.path)

    @property
    def step_key(self) -> str:
        """The step's key."""
        return self._call.step.key

    def describe_op(self) -> str:
        """Return the op in words."""
        return f'op "{self.op_handle}"'

    def get_mapping_key(self) -> str | None:
        """Return the key of the dynamic output that this copy of the step is for."""
        return self._call.step.mapping_key

    @property
    def retry_number(self) -> int:
        """How many attempts there were before this one: 0 at first."""
        return self._call.attempt - 1

    @property
    def selected_output_names(self) -> set[str]:
        """The outputs that this run wants."""
        selected = self._call.step.selected_outputs
        return set(selected) if selected is not None else {output.name for output in self._call.step.op.outputs}

    def add_output_metadata(
        self, metadata: Mapping[str, Any], output_name: str | None = None, mapping_key: str | None = None
    ) -> None:
        """Add metadata to an output that is still to come.

        Raises:
            InvariantViolation: it is not said which of several outputs, or there is none of that name.
            InvalidMetadata: a value is of no kind that metadata has.
        """
        output = self._output(output_name)
        if output.is_dynamic and mapping_key is None:
            raise InvariantViolation(f"Output '{output.name}' is dynamic; say which of its values by mapping_key.")
        normalize_metadata(metadata)
        name = output.name if mapping_key is None else f"{output.name}[{mapping_key}]"
        self._call.metadata_of_outputs.setdefault(name, {}).update(metadata)

    def get_output_metadata(self, output_name: str, mapping_key: str | None = None) -> Mapping[str, Any] | None:
        """Return the metadata added to an output so far, None where there is none."""
        name = output_name if mapping_key is None else f"{output_name}[{mapping_key}]"
        return self._call.metadata_of_outputs.get(name)

    def _output(self, name: str | None) -> Output:
        op = self._call.step.op
        if name is None and len(op.outputs) == 1:
            return op.outputs[0]
        if name is None:
            raise InvariantViolation(f"Op '{op.name}' has several outputs; say which one by output_name.")
        output = op.output(name)
        if output is None:
            guess = did_you_mean(name, [each.name for each in op.outputs])
            raise InvariantViolation(f"Op '{op.name}' has no output '{name}'.{guess}")
        return output

    def log_event(self, event: Any) -> None:
        """Record a materialization, an observation or another event from within the body."""
        from jobkernel.executors.outputs import OutputTaker  # a body rarely asks for it

        OutputTaker(self._call).take(event)

    def progress(self, done: float, total: float | None = None, text: str | None = None) -> None:
        """Say how far the step is: ``done`` of ``total`` (None: unknown), and what it does just now."""
        self._call.emit(ev.STEP_PROGRESS, {"done": done, "total": total, "text": text})

    @property
    def cancel_requested(self) -> bool:
        """Whether somebody asked the run to stop; a long loop looks at this and returns."""
        return self._call.cancel.is_requested

    def check_canceled(self) -> None:
        """Stop the step here if somebody asked the run to stop.

        Raises:
            Interrupted: the run is being canceled.
        """
        self._call.cancel.raise_if_requested()

    def on_cancel(self, callback: Callable[[], object]) -> Callable[[], None]:
        """Call ``callback`` when the step is asked to stop, at once if that was before; return what takes it back.

        It runs on another thread and must be quick: interrupt a query, close a connection.
        """
        return self._call.cancel.on_cancel(callback)

    @property
    def instance(self) -> NoReturn:
        """Refused: the history is asked through ``jk.session()`` and ``jk.sql``."""
        raise Unsupported("context.instance is not offered to bodies; use jk.sql for the history, jk.load for values.")

    @property
    def pdb(self) -> NoReturn:
        """Refused: steps run beside the notebook."""
        raise Unsupported("context.pdb is not supported; call the op as a function under %debug or breakpoint().")

    @property
    def job_def(self) -> NoReturn:
        """Refused: a body knows its run, not its job's definition."""
        raise Unsupported("context.job_def is not offered to bodies; context.job_name is the job's name.")

    @property
    def repository_def(self) -> NoReturn:
        """Refused: there are no repositories."""
        raise Unsupported("context.repository_def is not supported; jobkernel has no repositories.")


class OpExecutionContext(StepContext):
    """The context of an op. Source: Dagster's ``OpExecutionContext``."""

    __slots__ = ()

    @staticmethod
    def get() -> OpExecutionContext:
        """Return the context of the step that is running here.

        Raises:
            InvariantViolation: no step is running.
        """
        return _current().op_execution_context


class AssetExecutionContext(StepContext):
    """The context of an asset. Source: Dagster's ``AssetExecutionContext``."""

    __slots__ = ()

    @staticmethod
    def get() -> AssetExecutionContext:
        """Return the context of the step that is running here.

        Raises:
            InvariantViolation: no step is running, or it is no asset's.
        """
        context = _current()
        if isinstance(context, AssetCheckExecutionContext):
            raise InvariantViolation("This is an asset check; ask AssetCheckExecutionContext.get().")
        return context if isinstance(context, AssetExecutionContext) else AssetExecutionContext(context._call)


class AssetCheckExecutionContext(StepContext):
    """The context of an asset check. Source: Dagster's ``AssetCheckExecutionContext``."""

    __slots__ = ()

    @staticmethod
    def get() -> AssetCheckExecutionContext:
        """Return the context of the check that is running here.

        Raises:
            InvariantViolation: no check is running.
        """
        context = _current()
        if not isinstance(context, AssetCheckExecutionContext):
            raise InvariantViolation("No asset check is running here.")
        return context


def _current() -> StepContext:
    context = _CURRENT.get()
    if context is None:
        raise InvariantViolation("No step is running here; a context is there only while a body runs.")
    return context


class running:  # noqa: N801  - used as a function: ``with running(context)``
    """Have ``.get()`` find a context while the body runs."""

    __slots__ = ("_context", "_token")

    def __init__(self, context: StepContext) -> None:
        self._context = context

    def __enter__(self) -> StepContext:
        self._token: Token[StepContext | None] = _CURRENT.set(self._context)
        return self._context

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _CURRENT.reset(self._token)


def step_context(call: StepCall) -> running:
    """Return the context manager that makes the context of a step call and yields it."""
    return running(_context_class(call)(call))


def _context_class(call: StepCall) -> Callable[[StepCall], StepContext]:
    """Which context a body gets: what its parameter is annotated with, else what fits the step."""
    step = call.step
    wanted = _annotated(step.op)
    if wanted is None:
        if step.is_check:
            return AssetCheckExecutionContext
        is_asset = step.assets is not None and not isinstance(step.assets.node, Graph)
        return AssetExecutionContext if is_asset else OpExecutionContext
    if wanted is AssetExecutionContext and (step.assets is None or step.is_check):
        raise _wrong_context(step.op, wanted)
    if wanted is AssetCheckExecutionContext and not step.is_check:
        raise _wrong_context(step.op, wanted)
    return wanted


def _annotated(op: Op) -> type[StepContext] | None:
    if op.context_argument is None or op.compute is None:
        return None
    annotation = getattr(op.compute, "__annotations__", {}).get(op.context_argument)
    if annotation is None:
        return None
    name = annotation.rpartition(".")[2] if isinstance(annotation, str) else getattr(annotation, "__name__", "")
    return _CLASSES.get(name)


def _wrong_context(op: Op, wanted: type) -> InvalidDefinition:
    return InvalidDefinition(
        f"'{op.name}' annotates its context as {wanted.__name__}, which it does not run in; "
        f"annotate it as OpExecutionContext, or not at all."
    )


_CLASSES: dict[str, type[StepContext]] = {
    each.__name__: each for each in (OpExecutionContext, AssetExecutionContext, AssetCheckExecutionContext)
}


def resources_view(resources: Mapping[str, Any], op: Op | None = None) -> ResourceView:
    """Return resources by attribute; with an op, those that it asks for."""
    if op is None:
        return ResourceView(resources)
    wanted = op.required_resources.union(op.resource_arguments.values())
    return ResourceView({key: value for key, value in resources.items() if key in wanted})


def step_logger(call: StepCall) -> StepLogger:
    """Return a logger whose lines belong to the step of a call."""
    return StepLogger(call.emit)
