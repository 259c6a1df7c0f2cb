"""Executors under Dagster's names: which one a job asks for. The engine decides what runs under that name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from typing import Any

from jobkernel.errors import InvalidConfig, InvalidDefinition, Unsupported
from jobkernel.model.config_basics import Problems, listed
from jobkernel.records import dataclass
from jobkernel.rules.execution_schemas import check_options
from jobkernel.rules.executor_choice import read_executor


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutorDefinition:
    """The name of an executor and its options. Source: Dagster's ``ExecutorDefinition``."""

    name: str
    kind: str
    config: Mapping[str, Any] = field(default_factory=dict)
    description: str | None = None

    def configured(
        self,
        config_or_config_fn: Any,
        name: str | None = None,
        config_schema: Any = None,
        description: str | None = None,
    ) -> ExecutorDefinition:
        """Return the executor with options, such as ``{"max_concurrent": 2, "retries": {"disabled": {}}}``.

        Raises:
            InvalidConfig: listing the options that do not fit.
            Unsupported: a function is given that computes them.
        """
        if callable(config_or_config_fn) or config_schema is not None:
            raise Unsupported(f"Executor '{self.name}' is configured with a dict; a function is not supported.")
        found: Problems = []
        check_options(self.kind, config_or_config_fn, found)
        if found:
            raise InvalidConfig(f"The options of executor '{self.name}' do not fit:{listed(found)}")
        configured = replace(
            self,
            name=name or self.name,
            config={**self.config, **config_or_config_fn},
            description=description or self.description,
        )
        read_executor(configured, f"Executor '{self.name}'")
        return configured

    def __str__(self) -> str:
        return self.name


def check_executor(executor: Any, what: str) -> Any:
    """Return an executor that a definition names: one of those below, or a text such as ``processes``, or None.

    Raises:
        InvalidDefinition: it is neither.
    """
    if executor is None or isinstance(executor, ExecutorDefinition):
        return executor
    try:
        read_executor(executor, f"The executor of {what}")
    except InvalidConfig as error:
        raise InvalidDefinition(str(error)) from error
    return executor


in_process_executor = ExecutorDefinition(name="in_process", kind="in_process")
"""Runs the steps one after another, in this process."""
multiprocess_executor = ExecutorDefinition(name="multiprocess", kind="processes")
"""Runs the steps in worker processes."""
multi_or_in_process_executor = ExecutorDefinition(name="multi_or_in_process_executor", kind="threads")
"""Runs the steps as run config says: ``in_process`` or ``multiprocess``; in threads where it says nothing."""
dask_executor = ExecutorDefinition(name="dask", kind="dask")
"""Runs the steps on a Dask cluster: on this machine, or ``configured({"address": "tcp://host:8786"})``."""
