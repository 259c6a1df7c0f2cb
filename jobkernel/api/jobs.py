"""Jobs: ``@job``, ``graph.to_job`` and ``define_asset_job``. What is run and watched, not how it runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from jobkernel.api.composition import merged_hooks
from jobkernel.api.executor_names import check_executor
from jobkernel.api.graphs import GraphDefinition, compose
from jobkernel.api.job_checks import check_input_values, check_kinds, check_resolvable, check_resources_of_graph
from jobkernel.api.ops import function_name
from jobkernel.api.refusals import refuse, refuse_unknown
from jobkernel.api.signatures import described
from jobkernel.errors import InvalidDefinition, InvariantViolation
from jobkernel.model.definitions import Job
from jobkernel.model.partitions import check_partitions
from jobkernel.model.policies import RetryPolicy
from jobkernel.rules.names import check_name, check_owners, lenient_tags


class JobDefinition(Job):
    """A job that can be run, made by ``@job``, by ``graph.to_job``, or by :class:`Definitions` from an asset job.

    ``definitions`` is what an asset job's selection is resolved against; None for op jobs.
    """

    __slots__ = ("definitions",)
    definitions: Any
    __hash__ = object.__hash__  # definitions are told apart by identity

    def __init__(self, *, definitions: Any = None, **fields: Any) -> None:
        super().__init__(**fields)
        object.__setattr__(self, "definitions", definitions)

    def __eq__(self, other: object) -> bool:
        return self is other

    def __call__(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        """Refuse: a job is run by :meth:`execute_in_process` or launched.

        Raises:
            InvariantViolation: always.
        """
        raise InvariantViolation(f"Job '{self.name}' is not called; run it by execute_in_process(), or launch it.")

    @property
    def __name__(self) -> str:
        return self.name

    @property
    def executor_def(self) -> Any:
        """What runs the steps."""
        return self.executor

    @property
    def hook_defs(self) -> set[Any]:
        """The hooks of every step."""
        return set(self.hooks)

    @property
    def op_retry_policy(self) -> RetryPolicy | None:
        """How failed steps are tried again, unless they say so themselves."""
        return self.op_retry

    @property
    def partitions_def(self) -> Any:
        """The partitions of the job, or of its config."""
        return self.partitions if self.partitions is not None else getattr(self.config, "partitions_def", None)

    @property
    def run_config(self) -> Any:
        """The config that runs have unless they are given another."""
        return self.config

    def run_request_for_partition(self, partition_key: str, **options: Any) -> Any:
        """Return the request for a run of one partition; ``options`` as in Dagster (``run_key``, ``tags`` and others).

        Raises:
            InvariantViolation: the job has no partitions, or dynamic ones.
            UnknownName: no partition of that key exists.
        """
        from jobkernel.api.partitioned_runs import request_for_partition

        return request_for_partition(self, partition_key, **options)

    def with_hooks(self, hook_defs: Any) -> JobDefinition:
        """Return the job with hooks added."""
        return self.changed(hooks=merged_hooks(self.hooks, hook_defs, f"job '{self.name}'"))

    def with_top_level_resources(self, resource_defs: Mapping[str, Any]) -> JobDefinition:
        """Return the job with resources for the keys that it does not bind itself."""
        return self.changed(resource_defs={**resource_defs, **self.resource_defs})

    def with_executor_def(self, executor_def: Any) -> JobDefinition:
        """Return the job with its steps run by another executor."""
        return self.changed(executor=check_executor(executor_def, f"job '{self.name}'"))

    def changed(self, **changes: Any) -> JobDefinition:
        """Return the job with fields of its record replaced."""
        kept = {name: getattr(self, name) for name in Job.__dataclass_fields__}
        return JobDefinition(definitions=self.definitions, **{**kept, **changes})

    def execute_in_process(
        self,
        run_config: Any = None,
        instance: Any = None,
        partition_key: str | None = None,
        raise_on_error: bool = True,
        op_selection: Sequence[str] | None = None,
        asset_selection: Sequence[Any] | None = None,
        run_id: str | None = None,
        input_values: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
        resources: Mapping[str, Any] | None = None,
    ) -> Any:
        """Run the job in this process, at once, and return its result. Source: Dagster's ``execute_in_process``.

        Raises:
            whatever a step raised, unless ``raise_on_error`` is false.
        """
        from jobkernel.api.running import execute_in_process

        return execute_in_process(
            self,
            run_config=run_config,
            instance=instance,
            partition_key=partition_key,
            raise_on_error=raise_on_error,
            op_selection=op_selection,
            asset_selection=asset_selection,
            run_id=run_id,
            input_values=input_values,
            tags=tags,
            resources=resources,
        )


def job(
    compose_fn: Callable[..., Any] | None = None,
    *,
    name: str | None = None,
    description: str | None = None,
    resource_defs: Mapping[str, Any] | None = None,
    config: Any = None,
    tags: Mapping[str, Any] | None = None,
    run_tags: Mapping[str, Any] | None = None,
    metadata: Mapping[str, Any] | None = None,
    logger_defs: Any = None,
    executor_def: Any = None,
    hooks: Any = None,
    op_retry_policy: RetryPolicy | None = None,
    partitions_def: Any = None,
    input_values: Mapping[str, Any] | None = None,
    owners: Sequence[str] | None = None,
) -> Any:
    """Make a job of a function that calls ops. Nothing runs; the calls are recorded. Source: Dagster's ``@job``.

    Raises:
        InvalidDefinition: a call makes no sense, an input cannot be fed, a resource is missing, a bad name or tag.
    """

    def decorate(function: Callable[..., Any]) -> JobDefinition:
        own = name or function_name(function, "@job")
        fields = compose(function, f"@job '{own}'", outs={})
        text = description if description is not None else described(function)
        graph = GraphDefinition(own, description=text, **fields)
        return job_of_graph(
            graph,
            name=own,
            description=text,
            resource_defs=resource_defs,
            config=config,
            tags=tags,
            run_tags=run_tags,
            metadata=metadata,
            logger_defs=logger_defs,
            executor_def=executor_def,
            hooks=hooks,
            op_retry_policy=op_retry_policy,
            partitions_def=partitions_def,
            input_values=input_values,
            owners=owners,
        )

    return decorate if compose_fn is None else decorate(compose_fn)


def job_of_graph(
    graph: GraphDefinition,
    *,
    name: str | None = None,
    description: str | None = None,
    resource_defs: Mapping[str, Any] | None = None,
    config: Any = None,
    tags: Mapping[str, Any] | None = None,
    run_tags: Mapping[str, Any] | None = None,
    metadata: Mapping[str, Any] | None = None,
    logger_defs: Any = None,
    executor_def: Any = None,
    hooks: Any = None,
    op_retry_policy: RetryPolicy | None = None,
    op_selection: Sequence[str] | None = None,
    partitions_def: Any = None,
    input_values: Mapping[str, Any] | None = None,
    owners: Sequence[str] | None = None,
    automation_condition: Any = None,
    **unknown: Any,
) -> JobDefinition:
    """Return the job that runs a graph.

    Raises:
        InvalidDefinition: see :func:`job`.
    """
    own = name or graph.name
    what = f"job '{own}'"
    refuse(
        f"{what.capitalize()}",
        logger_defs=logger_defs,
        op_selection=op_selection,
        automation_condition=automation_condition,
    )
    refuse_unknown(f"{what.capitalize()}", unknown, job_of_graph.__kwdefaults__ or ())
    check_kinds(what, locals())
    check_config_and_partitions(config, partitions_def, what)
    check_input_values(graph, input_values or {}, what)
    check_resolvable(graph, input_values or {}, what)
    all_hooks = merged_hooks((), hooks, what)
    if resource_defs is not None:
        check_resources_of_graph(graph, resource_defs, all_hooks, what)
    return JobDefinition(
        name=check_name(own, "Job"),
        graph=graph,
        resource_defs=dict(resource_defs or {}),
        config=config,
        tags={**graph.tags, **lenient_tags(tags, what)},
        run_tags=None if run_tags is None else lenient_tags(run_tags, what),
        metadata=dict(metadata or {}),
        executor=check_executor(executor_def, what),
        hooks=all_hooks,
        op_retry=op_retry_policy,
        partitions=partitions_def,
        owners=check_owners(owners, what),
        description=description if description is not None else graph.description,
        input_values=dict(input_values or {}),
    )


def check_config_and_partitions(config: Any, partitions: Any, what: str) -> None:
    """Raise InvalidDefinition where partitions are given beside a config that has its own."""
    check_partitions(partitions, what.capitalize())
    if partitions is not None and type(config).__name__ == "PartitionedConfig":
        raise InvalidDefinition(f"{what.capitalize()} has a partitioned config, which brings its own partitions_def.")


class UnresolvedAssetJobDefinition(Job):
    """An asset job as it was written; :class:`Definitions` finds out which assets it selects."""

    __slots__ = ()
    __hash__ = object.__hash__  # definitions are told apart by identity

    def __eq__(self, other: object) -> bool:
        return self is other

    @property
    def partitions_def(self) -> Any:
        """The partitions of the job, or of its config."""
        return self.partitions if self.partitions is not None else getattr(self.config, "partitions_def", None)

    def run_request_for_partition(self, partition_key: str, **options: Any) -> Any:
        """Return the request for a run of one partition; see :meth:`JobDefinition.run_request_for_partition`."""
        from jobkernel.api.partitioned_runs import request_for_partition

        return request_for_partition(self, partition_key, **options)

    def resolve(self, definitions: Any) -> JobDefinition:
        """Return the job over the assets of ``definitions`` (a :class:`Definitions`).

        Raises:
            InvalidDefinition: the selection names an unknown asset, or selects none.
        """
        job: JobDefinition = definitions.resolved_job(self)
        return job


def define_asset_job(
    name: str,
    selection: Any = None,
    config: Any = None,
    description: str | None = None,
    tags: Mapping[str, Any] | None = None,
    run_tags: Mapping[str, Any] | None = None,
    metadata: Mapping[str, Any] | None = None,
    partitions_def: Any = None,
    executor_def: Any = None,
    hooks: Any = None,
    op_retry_policy: RetryPolicy | None = None,
    owners: Sequence[str] | None = None,
    automation_condition: Any = None,
) -> UnresolvedAssetJobDefinition:
    """Make a job of a selection of assets; without one, of all that something here makes.

    ``selection`` is Dagster's text, a list of texts or keys, definitions, or an :class:`AssetSelection`.
    Source: Dagster's ``define_asset_job``.

    Raises:
        InvalidDefinition: a bad name, tag or owner.
        InvalidSelection: the text cannot be read.
    """
    from jobkernel.rules.selection import AssetSelection

    what = f"job '{name}'"
    refuse(what.capitalize(), automation_condition=automation_condition)
    check_kinds(what, locals())
    check_config_and_partitions(config, partitions_def, what)
    return UnresolvedAssetJobDefinition(
        name=check_name(name, "Job"),
        selection=AssetSelection.all() if selection is None else AssetSelection.from_coercible(selection),
        config=config,
        tags=lenient_tags(tags, what),
        run_tags=None if run_tags is None else lenient_tags(run_tags, what),
        metadata=dict(metadata or {}),
        executor=check_executor(executor_def, what),
        hooks=merged_hooks((), hooks, what),
        op_retry=op_retry_policy,
        partitions=partitions_def,
        owners=check_owners(owners, what),
        description=description,
    )
