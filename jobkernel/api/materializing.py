"""``materialize`` and ``materialize_to_memory``: assets made in this process, at once, by definitions for that once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jobkernel.api.checks import AssetChecksDefinition
from jobkernel.api.definitions import Definitions
from jobkernel.api.instance import DagsterInstance
from jobkernel.api.jobs import define_asset_job
from jobkernel.api.result import ExecuteInProcessResult
from jobkernel.api.running import execute_in_process
from jobkernel.errors import InvariantViolation, MissingUpstream
from jobkernel.model.definitions import DEFAULT_IO, Op
from jobkernel.model.kinds import DICT, expect

EPHEMERAL_JOB = "__ephemeral_asset_job__"


def materialize(
    assets: Sequence[Any],
    run_config: Any = None,
    instance: DagsterInstance | None = None,
    resources: Mapping[str, Any] | None = None,
    partition_key: str | None = None,
    raise_on_error: bool = True,
    tags: Mapping[str, str] | None = None,
    selection: Any = None,
) -> ExecuteInProcessResult:
    """Make assets in this process, at once: all of them, or those of ``selection``. Source: Dagster's ``materialize``.

    Upstream assets that are not selected are loaded from what ``instance`` remembers, or by their IO manager.

    Raises:
        InvalidDefinition: the assets do not fit together.
        Whatever an asset raised, unless ``raise_on_error`` is false.
    """
    expect("materialize", DICT, resources=resources, tags=tags)
    checks = [each for each in assets if isinstance(each, AssetChecksDefinition)]
    definitions = Definitions(
        assets=[each for each in assets if not isinstance(each, AssetChecksDefinition)],
        asset_checks=checks,
        jobs=[define_asset_job(EPHEMERAL_JOB, selection=selection)],
        resources=resources,
    )
    job = definitions.resolve_job_def(EPHEMERAL_JOB)
    return execute_in_process(
        job,
        run_config=run_config,
        instance=instance,
        partition_key=partition_key,
        raise_on_error=raise_on_error,
        tags=tags,
    )


def materialize_to_memory(
    assets: Sequence[Any],
    run_config: Any = None,
    instance: DagsterInstance | None = None,
    resources: Mapping[str, Any] | None = None,
    partition_key: str | None = None,
    raise_on_error: bool = True,
    tags: Mapping[str, str] | None = None,
    selection: Any = None,
) -> ExecuteInProcessResult:
    """Make assets in this process and keep their values in memory, whatever IO managers they name.

    Raises:
        InvariantViolation: resources are given for IO managers, which would be passed over.
    """
    managers = _io_managers(assets)
    records = [record for each in assets if (record := getattr(each, "record", None)) is not None]
    given = set(resources or {}).union(*(getattr(record, "resource_defs", ()) for record in records))
    for key in sorted(managers & given):
        raise InvariantViolation(f"materialize_to_memory keeps values in memory; drop the resource '{key}'.")
    in_memory = {key: _Memory() for key in managers if key != DEFAULT_IO}
    return materialize(
        assets, run_config, instance, {**in_memory, **(resources or {})}, partition_key, raise_on_error, tags, selection
    )


def _io_managers(assets: Sequence[Any]) -> set[str]:
    found = {DEFAULT_IO}
    for each in assets:
        record = getattr(each, "record", None)
        stack = [getattr(record, "node", None)]
        while stack:
            node = stack.pop()
            if isinstance(node, Op):
                found.update(output.io for output in node.outputs)
                found.update(item.io for item in node.inputs if item.io is not None)
            elif node is not None:
                stack.extend(invocation.node for invocation in node.invocations)
    return found


class _Memory:
    """An IO manager that keeps the values themselves."""

    def __init__(self) -> None:
        self._values: dict[Any, Any] = {}

    def handle_output(self, context: Any, value: Any) -> None:
        """Keep a value."""
        self._values[self._place(context)] = value

    def load_input(self, context: Any) -> Any:
        """Return the value kept for the same place."""
        place = self._place(context.upstream_output)
        if place not in self._values:
            raise MissingUpstream(f"'{place}' was never made in this process; materialize it first.")
        return self._values[place]

    def _place(self, context: Any) -> Any:
        return context.asset_key or (context.step_key, context.name)
