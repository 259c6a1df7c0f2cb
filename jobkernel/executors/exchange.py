"""How values pass between the steps of a run: through custom IO managers where a resource says so, else by default.

``Default`` is either memory (in-process runs) or the project's value store. Knows no threads and no events.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, MutableMapping
from dataclasses import field, replace
from typing import Any, Final, Protocol

from jobkernel.errors import InvariantViolation, MissingUpstream, UnknownResource
from jobkernel.executors.call import StepCall
from jobkernel.executors.partition_values import input_keys, kept, loaded, output_keys, partitions_def_of
from jobkernel.model.config_basics import shown
from jobkernel.model.definitions import DEFAULT_IO, EMPTY, Input, Output
from jobkernel.model.keys import AssetKey
from jobkernel.model.metadata import normalize_metadata, to_json
from jobkernel.records import dataclass
from jobkernel.rules.plan import FromAsset, FromManager, FromStep, PlannedInput, PlannedStep
from jobkernel.values.addresses import AssetAddress
from jobkernel.values.io import InputContext, OutputContext

STORED_BY_DEFAULT: Final = frozenset({DEFAULT_IO, "memory"})
"""The IO managers that need no resource: the default exchange is behind both."""


class Default(Protocol):
    """Where values go that no custom IO manager takes."""

    def keep_asset(self, call: StepCall, key: str, value: Any) -> dict[str, Any]:
        """Keep an asset's value."""
        ...

    def keep_output(self, call: StepCall, step_key: str, output: str, value: Any) -> dict[str, Any]:
        """Keep an op's output for this run."""
        ...

    def load_asset(self, call: StepCall, key: str) -> Any:
        """Return an asset's value."""
        ...

    def load_output(self, run_id: str, step_key: str, output: str) -> Any:
        """Return an op's output of a run."""
        ...

    def describe(self, value: Any) -> dict[str, Any]:
        """Return what is recorded of an asset's value that a custom IO manager keeps."""
        ...


class SoFar(Protocol):
    """What a run has come to: :class:`RunProgress`, or :class:`Upstream` in another process."""

    def step_of(self, key: str) -> PlannedStep | None:
        """Return a step of this run, or of the earlier one that it goes on from."""
        ...

    def earlier_run_of(self, feed: FromStep) -> str | None:
        """Return the id of the earlier run whose output this is; None for an output of this run."""
        ...

    def collected(self, feed: FromStep) -> tuple[FromStep, ...]:
        """Return the outputs that a collected feed stands for."""
        ...

    def has_made(self, feed: FromStep) -> bool:
        """Whether that output exists in the run."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """What one step needs to know of the rest of its run, as it stands when the step starts."""

    steps: Mapping[str, PlannedStep] = field(default=EMPTY)
    collections: Mapping[FromStep, tuple[FromStep, ...]] = field(default_factory=dict)
    made: frozenset[FromStep] = frozenset()
    earlier: Mapping[FromStep, str] = field(default_factory=dict)

    def step_of(self, key: str) -> PlannedStep | None:
        """Return a step that feeds this one."""
        return self.steps.get(key)

    def earlier_run_of(self, feed: FromStep) -> str | None:
        """Return the id of the earlier run whose output this is; None for an output of this run."""
        return self.earlier.get(feed)

    def collected(self, feed: FromStep) -> tuple[FromStep, ...]:
        """Return the outputs that a collected feed stands for."""
        return self.collections[feed]

    def has_made(self, feed: FromStep) -> bool:
        """Whether that output exists, of this run or of an earlier one that it goes on from."""
        return feed in self.made


class RunExchange:
    """The exchange of one run."""

    def __init__(
        self,
        progress: SoFar,
        resources: Mapping[str, Any],
        default: Default,
        io_of_asset: Callable[[str], tuple[str, Mapping[str, Any]]] = lambda _key: (DEFAULT_IO, {}),
    ) -> None:
        self._progress = progress
        self._resources = resources
        self._default = default
        self._io_of_asset = io_of_asset

    def keep(
        self, call: StepCall, output: Output, name: str, value: Any, metadata: Mapping[str, Any] = EMPTY
    ) -> dict[str, Any]:
        """Keep an output's value; return what the store says of it. ``metadata`` is what the step gave with it."""
        key = call.step.asset_keys.get(output.name)
        manager = self._manager(output.io)
        if manager is not None:
            context = self._output_context(call, call.step, output, name, key, metadata=normalize_metadata(metadata))
            return self._keep_custom(call, key, value, manager, context)
        if key is not None:
            return self._default.keep_asset(call, key, value)
        return self._default.keep_output(call, call.step.key, name, value)

    def load(self, call: StepCall, planned: PlannedInput, feed: FromStep | FromAsset | FromManager) -> Any:
        """Return the value behind a feed."""
        if isinstance(feed, FromManager):
            return self._load_unfed(call, planned)
        if isinstance(feed, FromAsset):
            return self._load_asset(call, planned, feed.key)
        step = self._progress.step_of(feed.step_key)
        run_id = self._progress.earlier_run_of(feed) or call.run.run_id
        if step is None:
            return self._default.load_output(run_id, feed.step_key, feed.output)
        output = step.op.output(feed.output.partition("[")[0])
        assert output is not None
        manager = self._loader(planned.input, output.io)
        key = step.asset_keys.get(output.name)
        if manager is not None:
            upstream = self._output_context(call, step, output, feed.output, key, run_id)
            return manager.load_input(self._input_context(call, planned, key, upstream, output.io))
        if key is not None:
            return self._default.load_asset(call, key)
        return self._default.load_output(run_id, feed.step_key, feed.output)

    def collected(self, feed: FromStep) -> tuple[FromStep, ...]:
        """Return the outputs that a collected feed stands for."""
        return self._progress.collected(feed)

    def has_made(self, feed: FromStep) -> bool:
        """Whether that output exists in this run."""
        return self._progress.has_made(feed)

    def upstream_of(self, step: PlannedStep) -> Upstream:
        """Return what a step that runs elsewhere is told of the steps that feed it."""
        feeds = [feed for planned in step.inputs for feed in planned.feeds if isinstance(feed, FromStep)]
        collections = {feed: self._progress.collected(feed) for feed in feeds if feed.is_collected}
        sources = [*feeds, *(each for members in collections.values() for each in members)]
        steps = {feed.step_key: self._progress.step_of(feed.step_key) for feed in sources}
        made_by = {feed: self._progress.earlier_run_of(feed) for feed in sources}
        return Upstream(
            steps={key: without_code(each) for key, each in steps.items() if each is not None},
            collections=collections,
            made=frozenset(feed for feed in sources if not feed.is_collected and self._progress.has_made(feed)),
            earlier={feed: run_id for feed, run_id in made_by.items() if run_id is not None},
        )

    def _manager(self, io: str, *methods: str) -> Any | None:
        """Return the IO manager of that name, None for the default store.

        Raises:
            UnknownResource: there is none.
            InvariantViolation: it lacks one of the methods, without any given those of an IO manager.
        """
        if io in self._resources:
            return checked_manager(io, self._resources[io], methods or ("handle_output", "load_input"))
        if io not in STORED_BY_DEFAULT:
            raise UnknownResource(f"The IO manager '{io}' is not among the resources.")
        return None

    def _loader(self, item: Input, io: str | None) -> Any | None:
        """Return what loads an input: its own manager, or that of what it reads."""
        return self._manager(io or DEFAULT_IO) if item.io is None else self._manager(item.io, "load_input")

    def _load_unfed(self, call: StepCall, planned: PlannedInput) -> Any:
        manager = self._loader(planned.input, None)
        if manager is None:
            raise MissingUpstream(
                f"Input '{planned.input.name}' of step '{call.step.key}' is fed by nothing, and"
                f" '{planned.input.io}' keeps only what steps made; connect the input, or name another manager."
            )
        return manager.load_input(self._input_context(call, planned, None, None, DEFAULT_IO))

    def _load_asset(self, call: StepCall, planned: PlannedInput, key: str) -> Any:
        io, metadata = self._io_of_asset(key)
        manager = self._loader(planned.input, io)
        if manager is None:
            return self._default.load_asset(call, key)
        if input_keys(call, key) in ((), []):
            return None
        asset_key = AssetKey.from_escaped_user_string(key)
        upstream = OutputContext(
            name=asset_key.path[-1],
            step_key="none",
            run_id=None,
            asset_key=asset_key,
            definition_metadata=metadata,
            resources=call.resources,
            **_partitions_in(call, key),
        )
        return manager.load_input(self._input_context(call, planned, key, upstream, io))

    def _keep_custom(
        self, call: StepCall, key: str | None, value: Any, manager: Any, context: OutputContext
    ) -> dict[str, Any]:
        manager.handle_output(context, value)
        said = {name: to_json(each) for name, each in context.consume_metadata().items()}
        if key is None or len(output_keys(call, key)) != 1:
            return {"metadata": said}
        told = self._default.describe(value)
        return {**told, "metadata": {**told.get("metadata", {}), **said}}

    def _output_context(
        self,
        call: StepCall,
        step: PlannedStep,
        output: Output,
        name: str,
        key: str | None,
        run_id: str | None = None,
        metadata: Mapping[str, Any] = EMPTY,
    ) -> OutputContext:
        return OutputContext(
            name=name.partition("[")[0],
            step_key=step.key,
            run_id=run_id or call.run.run_id,
            asset_key=AssetKey.from_escaped_user_string(key) if key is not None else None,
            definition_metadata=metadata_of(step, output),
            output_metadata=metadata,
            op_def=step.op,
            **_partitions_out(call, key),
            mapping_key=name.partition("[")[2].rstrip("]") or None,
            dagster_type=output.annotation,
            resources=call.resources,
            job_name=call.run.job_name,
            emit=call.emit,
            config=call.config.for_manager(step.path, "outputs", output.name),
            resource_config=call.config.for_resource(output.io),
        )

    def _input_context(
        self, call: StepCall, planned: PlannedInput, key: str | None, upstream: OutputContext | None, io: str
    ) -> InputContext:
        return InputContext(
            name=planned.input.name,
            upstream_output=upstream,
            asset_key=AssetKey.from_escaped_user_string(key) if key is not None else None,
            definition_metadata=planned.input.metadata,
            op_def=call.step.op,
            **_partitions_in(call, key),
            dagster_type=planned.input.annotation,
            resources=call.resources,
            job_name=call.run.job_name,
            emit=call.emit,
            config=call.config.for_manager(call.step.path, "inputs", planned.input.name),
            resource_config=call.config.for_resource(planned.input.io or io),
        )


def checked_manager(io: str, manager: Any, methods: Iterable[str]) -> Any:
    """Return a resource that serves as an IO manager.

    Raises:
        InvariantViolation: it cannot.
    """
    lacking = [name for name in methods if not callable(getattr(manager, name, None))]
    if lacking or isinstance(manager, type):
        raise InvariantViolation(
            f"Resource '{io}' serves as an IO manager and is {shown(manager)}; it must be an object with"
            f" {' and '.join(methods)}, such as an IOManager."
        )
    return manager


def _partitions_out(call: StepCall, key: str | None) -> dict[str, Any]:
    """Return what an IO manager is told of the partitions of an output."""
    keys = output_keys(call, key) if key is not None else (None,)
    return _told(call, key, [each for each in keys if each is not None] if keys != (None,) else None)


def _partitions_in(call: StepCall, key: str | None) -> dict[str, Any]:
    """Return what an IO manager is told of the partitions of an input."""
    keys = input_keys(call, key) if key is not None else None
    return _told(call, key, list(keys) if keys is not None else None)


def _told(call: StepCall, key: str | None, keys: list[str] | None) -> dict[str, Any]:
    if call.run.partitions is None:
        return {"partition_key": call.run.partition_key}
    definition = partitions_def_of(call, key) if key is not None else None
    return {
        "partition_key": call.run.partition_key,
        "asset_partitions_def": definition,
        "asset_partition_keys": keys if definition is not None and keys is not None else (),
    }


def metadata_of(step: PlannedStep, output: Output) -> Mapping[str, Any]:
    """Return the metadata written at an output, and before it at the asset that it is."""
    key = step.asset_keys.get(output.name)
    specs = step.assets.specs if step.assets is not None and key is not None else ()
    return {**next((spec.metadata for spec in specs if spec.key == key), EMPTY), **output.metadata}


def without_code(step: PlannedStep) -> PlannedStep:
    """Return a step as it travels: without its function, and what only the kernel needs."""
    outputs = tuple(replace(output, metadata=metadata_of(step, output)) for output in step.op.outputs)
    op = replace(step.op, compute=None, capture=None, fingerprint=None, source=None, hooks=(), outputs=outputs)
    return replace(step, op=op, assets=None, hooks=())


class MemoryDefault:
    """Keeps the objects themselves, for runs inside one process that leave nothing behind.

    ``assets`` go by key text, and those of partitions by address.
    """

    def __init__(self, assets: MutableMapping[Any, Any] | None = None) -> None:
        self.assets: MutableMapping[Any, Any] = {} if assets is None else assets
        self.outputs: dict[tuple[str, str], Any] = {}

    def keep_asset(self, call: StepCall, key: str, value: Any) -> dict[str, Any]:
        """Keep an asset's value."""

        def keep(partition: str | None, given: Any) -> dict[str, Any]:
            self.assets[key if partition is None else AssetAddress(key, partition)] = given
            return {}

        return kept(call, key, value, keep)

    def keep_output(self, call: StepCall, step_key: str, output: str, value: Any) -> dict[str, Any]:
        """Keep an op's output for this run."""
        self.outputs[step_key, output] = value
        return {}

    def load_asset(self, call: StepCall, key: str) -> Any:
        """Return an asset's value."""
        return loaded(call, key, lambda partition: self._asset(key, partition))

    def load_output(self, run_id: str, step_key: str, output: str) -> Any:
        """Return an op's output of this run."""
        if (step_key, output) not in self.outputs:
            raise MissingUpstream(f"Step '{step_key}' did not make its output '{output}' in this run.")
        return self.outputs[step_key, output]

    def describe(self, value: Any) -> dict[str, Any]:
        """Tell nothing, as Dagster does."""
        return {}

    def _asset(self, key: str, partition: str | None) -> Any:
        place = key if partition is None else AssetAddress(key, partition)
        if place not in self.assets:
            what = f"Asset '{key}'" if partition is None else f"Partition '{partition}' of asset '{key}'"
            raise MissingUpstream(f"{what} was never made in this process; materialize it first, or add it to the run.")
        return self.assets[place]
