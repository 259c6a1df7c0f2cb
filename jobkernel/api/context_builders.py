"""Contexts for calling ops, assets, checks and hooks directly: ``build_op_context`` and kin.

A built context is bound to a definition when that is called; what the body adds to it stays readable.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Mapping
from typing import Any, NoReturn, Self

from jobkernel.api.refusals import refuse
from jobkernel.api.resources import build_resources
from jobkernel.errors import InvalidDefinition, InvariantViolation
from jobkernel.executors.call import RunFacts, StepCall
from jobkernel.executors.cancel import CancelToken
from jobkernel.executors.context import (
    AssetCheckExecutionContext,
    AssetExecutionContext,
    OpExecutionContext,
    StepContext,
)
from jobkernel.executors.resource_view import ResourceView
from jobkernel.executors.resources import is_configurable
from jobkernel.executors.step_log import StepLogger
from jobkernel.model.definitions import Assets, Op, Resource
from jobkernel.model.kinds import DICT, TEXT, expect, expect_named
from jobkernel.model.partition_range import PartitionKeyRange
from jobkernel.rules.plan import PlannedStep

EPHEMERAL = "EPHEMERAL"
"""The run id that a body sees when it is called directly."""
_UNBOUND = PlannedStep(key="direct", op=Op(name="direct"), path=("direct",))


class DirectConfig:
    """The config of a directly called op: what its argument gets, and the same as plain values."""

    def __init__(self, value: Any = None, plain: Any = None) -> None:
        self._value, self._plain = value, plain

    def for_op(self, _path: tuple[str, ...]) -> Any:
        """Return what the body's config argument gets."""
        return self._value

    def op_config(self, _path: tuple[str, ...]) -> Any:
        """Return the config as plain values."""
        return self._plain

    def input_value(self, _path: tuple[str, ...], _name: str) -> Any:
        """Return nothing: inputs come as arguments."""

    def for_manager(self, _path: tuple[str, ...], _section: str, _name: str) -> Any:
        """Return nothing: no IO manager is asked."""

    def for_resource(self, _key: str) -> Any:
        """Return nothing: no IO manager is asked."""


class DirectSettings:
    """What a built context was given, and what bodies have added to it. Closes its resources when it goes."""

    def __init__(
        self,
        *,
        resources: Mapping[str, Any] | None = None,
        resources_config: Mapping[str, Any] | None = None,
        config: Any = None,
        instance: Any = None,
        partition_key: str | None = None,
        partition_key_range: PartitionKeyRange | None = None,
        mapping_key: str | None = None,
        run_tags: Mapping[str, str] | None = None,
    ) -> None:
        self.stack = contextlib.ExitStack()
        expect("a context", DICT, resources=resources, resources_config=resources_config, run_tags=run_tags)
        expect("a context", TEXT, partition_key=partition_key, mapping_key=mapping_key)
        expect_named("a context", ("PartitionKeyRange",), partition_key_range=partition_key_range)
        expect_named("a context", ("DagsterInstance",), instance=instance)
        self.definitions = dict(resources or {})
        self.config, self.instance, self.mapping_key = config, instance, mapping_key
        self.is_entered = False
        self.needs_with = any(cleans_up(each) for each in self.definitions.values())
        opened = build_resources(self.definitions, resource_config=resources_config)
        self.resources = dict(self.stack.enter_context(opened)._asdict())
        if partition_key is not None and partition_key_range is not None:
            raise InvariantViolation("A context is of one partition or of a range of them; give one of the two.")
        self.facts = RunFacts(
            run_id=EPHEMERAL,
            job_name="",
            tags=dict(run_tags or {}),
            partition_key=partition_key,
            partition_range=partition_key_range,
        )
        self.metadata_of_outputs: dict[str, dict[str, Any]] = {}
        self.metadata_of_assets: dict[str, dict[str, Any]] = {}
        self.events: list[Any] = []

    def __del__(self) -> None:
        self.stack.close()

    def call(self, step: PlannedStep, config: DirectConfig, resources: Mapping[str, Any]) -> StepCall:
        """Return the step call behind a context."""
        return StepCall(
            step=step,
            run=self.facts,
            emit=lambda _event_type, _body: None,
            exchange=None,  # type: ignore[arg-type]  # nothing is stored or loaded
            config=config,
            resources=resources,
            cancel=CancelToken(),
            metadata_of_outputs=self.metadata_of_outputs,
            metadata_of_assets=self.metadata_of_assets,
        )


def cleans_up(definition: Any) -> bool:
    """Whether a resource has something to do after it was used."""
    if is_configurable(definition):
        made = getattr(definition, "resource_cls", type(definition))
        plain = next(each for each in made.__mro__ if each.__name__ == "ConfigurableResourceFactory")
        hooks = ("yield_for_execution", "teardown_after_execution")
        return any(getattr(made, hook) is not getattr(plain, hook) for hook in hooks) or bool(made._nested_fields__)
    return isinstance(definition, Resource) and inspect.isgeneratorfunction(inspect.unwrap(definition.create))


class DirectContext(StepContext):
    """The part that all directly built contexts share."""

    _settings: DirectSettings
    _unbound: bool

    def __init__(self, settings: DirectSettings, call: StepCall | None = None) -> None:
        self._settings, self._unbound = settings, call is None
        config = DirectConfig(settings.config, settings.config)
        super().__init__(call or settings.call(_UNBOUND, config, settings.resources))

    def bound(self, op: Op, assets: Assets | None, config: DirectConfig, resources: Mapping[str, Any]) -> StepContext:
        """Return the context that a body gets: this one, knowing what it runs."""
        step = PlannedStep(
            key=op.name,
            op=op,
            path=(op.name,),
            asset_keys=assets.keys_by_output if assets is not None else {},
            input_keys=assets.keys_by_input if assets is not None else {},
            checks=assets.checks_by_output if assets is not None else {},
            mapping_key=self._settings.mapping_key,
            assets=assets,
        )
        return type(self)(self._settings, self._settings.call(step, config, resources))

    def __enter__(self) -> Self:
        self._settings.is_entered = True
        return self

    def __exit__(self, *_error: object) -> None:
        self._settings.stack.close()

    @property
    def settings(self) -> DirectSettings:
        """What the context was built with."""
        return self._settings

    @property
    def resources(self) -> ResourceView:
        """The resources given.

        Raises:
            InvariantViolation: one of them cleans up after itself, and the context is not used by ``with``.
        """
        if self._settings.needs_with and not self._settings.is_entered and self._unbound:
            raise InvariantViolation("A resource cleans up after itself; use 'with build_op_context(…) as context:'.")
        return ResourceView(self._call.resources)

    @property
    def instance(self) -> Any:
        """The instance given."""
        return self._settings.instance

    @property
    def job_name(self) -> str:
        """Refused: there is no job."""
        return self._refuse("job_name")

    @property
    def run(self) -> Any:
        """Refused: there is no run."""
        return self._refuse("run")

    @property
    def dagster_run(self) -> Any:
        """Refused: there is no run."""
        return self._refuse("run")

    def _refuse(self, name: str) -> NoReturn:
        raise InvariantViolation(f"context.{name} is not there when a body is called directly; run it in a job.")

    def log_event(self, event: Any) -> None:
        """Remember an event; see :meth:`get_events`."""
        self._settings.events.append(event)

    def get_events(self) -> list[Any]:
        """Return the events that bodies have logged, oldest first."""
        return list(self._settings.events)


class DirectOpExecutionContext(DirectContext, OpExecutionContext):
    """A context made by :func:`build_op_context`."""


class DirectAssetExecutionContext(DirectContext, AssetExecutionContext):
    """A context made by :func:`build_asset_context`."""

    @property
    def op_execution_context(self) -> OpExecutionContext:
        """The same, seen as an op's."""
        return DirectOpExecutionContext(self._settings, self._call)


class DirectAssetCheckExecutionContext(DirectContext, AssetCheckExecutionContext):
    """A context made by :func:`build_asset_check_context`."""

    @property
    def op_execution_context(self) -> OpExecutionContext:
        """The same, seen as an op's."""
        return DirectOpExecutionContext(self._settings, self._call)


def build_op_context(
    resources: Mapping[str, Any] | None = None,
    op_config: Any = None,
    resources_config: Mapping[str, Any] | None = None,
    instance: Any = None,
    config: Any = None,
    partition_key: str | None = None,
    partition_key_range: Any = None,
    mapping_key: str | None = None,
    run_tags: Mapping[str, str] | None = None,
    event_loop: Any = None,
) -> DirectOpExecutionContext:
    """Return a context to call an op with. Source: Dagster's ``build_op_context``.

    Raises:
        InvariantViolation: config is given by both names.
    """
    refuse("build_op_context", event_loop=event_loop)
    if op_config and config:
        raise InvariantViolation("build_op_context takes the config as op_config or as config, not both.")
    return DirectOpExecutionContext(
        DirectSettings(
            resources=resources,
            resources_config=resources_config,
            config=op_config if op_config else config,
            instance=instance,
            partition_key=partition_key,
            partition_key_range=partition_key_range,
            mapping_key=mapping_key,
            run_tags=run_tags,
        )
    )


def build_asset_context(
    resources: Mapping[str, Any] | None = None,
    resources_config: Mapping[str, Any] | None = None,
    asset_config: Any = None,
    instance: Any = None,
    partition_key: str | None = None,
    partition_key_range: Any = None,
    run_tags: Mapping[str, str] | None = None,
    event_loop: Any = None,
) -> DirectAssetExecutionContext:
    """Return a context to call an asset with. Source: Dagster's ``build_asset_context``."""
    refuse("build_asset_context", event_loop=event_loop)
    return DirectAssetExecutionContext(
        DirectSettings(
            resources=resources,
            resources_config=resources_config,
            config=asset_config,
            instance=instance,
            partition_key=partition_key,
            partition_key_range=partition_key_range,
            run_tags=run_tags,
        )
    )


def build_asset_check_context(
    resources: Mapping[str, Any] | None = None,
    resources_config: Mapping[str, Any] | None = None,
    asset_config: Any = None,
    instance: Any = None,
) -> DirectAssetCheckExecutionContext:
    """Return a context to call an asset check with. Source: Dagster's ``build_asset_check_context``."""
    return DirectAssetCheckExecutionContext(
        DirectSettings(resources=resources, resources_config=resources_config, config=asset_config, instance=instance)
    )


class DirectHookContext:
    """What a hook sees when it is called directly."""

    def __init__(self, settings: DirectSettings, given: Mapping[str, Any]) -> None:
        self._settings, self._given = settings, given

    def __enter__(self) -> Self:
        self._settings.is_entered = True
        return self

    def __exit__(self, *_error: object) -> None:
        self._settings.stack.close()

    def _of(self, name: str) -> Any:
        if self._given.get(name) is None:
            raise InvariantViolation(f"context.{name} was not given; pass it to build_hook_context({name}=…).")
        return self._given[name]

    @property
    def job_name(self) -> str:
        """The job's name, if it was given."""
        return str(self._of("job_name"))

    @property
    def run_id(self) -> str:
        """The run's id, if it was given."""
        return str(self._of("run_id"))

    @property
    def op(self) -> Any:
        """The op, if it was given."""
        return self._of("op")

    @property
    def op_exception(self) -> BaseException | None:
        """The exception that the op raised, None where there is none."""
        return self._given.get("op_exception")

    @property
    def instance(self) -> Any:
        """The instance, if it was given."""
        return self._of("instance")

    @property
    def resources(self) -> ResourceView:
        """The resources given."""
        return ResourceView(self._settings.resources)

    @property
    def log(self) -> StepLogger:
        """A logger."""
        return StepLogger(lambda _event_type, _body: None)

    def require(self, keys: frozenset[str], hook: str) -> None:
        """Check that the resources that a hook asks for are given.

        Raises:
            InvalidDefinition: naming the one that is not.
        """
        for key in sorted(keys):
            if key not in self._settings.definitions:
                raise InvalidDefinition(f"Hook '{hook}' needs resource '{key}'; build its context with it.")

    def __getattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"context.{name} is not there when a hook is called directly.")


def build_hook_context(
    resources: Mapping[str, Any] | None = None,
    op: Any = None,
    run_id: str | None = None,
    job_name: str | None = None,
    op_exception: BaseException | None = None,
    instance: Any = None,
) -> DirectHookContext:
    """Return a context to call a hook with. Source: Dagster's ``build_hook_context``."""
    given = {"op": op, "run_id": run_id, "job_name": job_name, "op_exception": op_exception, "instance": instance}
    return DirectHookContext(DirectSettings(resources=resources), given)
