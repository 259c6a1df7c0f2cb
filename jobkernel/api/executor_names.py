"""Executors under Dagster's names: which one a job asks for. The engine decides what runs under that name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutorDefinition:
    """The name of an executor and its options. Source: Dagster's ``ExecutorDefinition``."""

    name: str
    kind: str
    config: Mapping[str, Any] = field(default_factory=dict)

    def configured(
        self, config_or_config_fn: Mapping[str, Any], name: str | None = None, **_described: Any
    ) -> ExecutorDefinition:
        """Return the executor with options."""
        return replace(self, name=name or self.name, config={**self.config, **config_or_config_fn})

    def __str__(self) -> str:
        return self.name


in_process_executor = ExecutorDefinition(name="in_process", kind="in_process")
"""Runs the steps one after another, on the thread that runs the job."""
multiprocess_executor = ExecutorDefinition(name="multiprocess", kind="processes")
"""Runs the steps in worker processes."""
multi_or_in_process_executor = ExecutorDefinition(name="multi_or_in_process_executor", kind="threads")
"""Runs the steps as the project does by default."""
dask_executor = ExecutorDefinition(name="dask", kind="dask")
"""Runs the steps on a Dask cluster: on this machine, or ``configured({"address": "tcp://host:8786"})``."""
