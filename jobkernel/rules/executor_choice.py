"""Which executor runs a step, and its limits: from the launch, the asset, the job, run config, the default.

Pure. Dagster's names of executors are understood. Called by the launcher; the engine makes the executors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from jobkernel.errors import InvalidConfig, did_you_mean
from jobkernel.records import dataclass
from jobkernel.rules.limits import TagLimits, read_tag_limits

THREADS: Final = "threads"
PROCESSES: Final = "processes"
DASK: Final = "dask"
IN_PROCESS: Final = "in_process"
NAMES: Final = (THREADS, PROCESSES, DASK, IN_PROCESS)
_DAGSTERS: Final = {"multiprocess": PROCESSES, "multi_or_in_process": THREADS, "multi_or_in_process_executor": THREADS}


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutorChoice:
    """An executor and how it is limited in one run.

    ``max_concurrent`` is how many steps run at once (None: as many as the executor has places), ``address`` a Dask
    scheduler's (None: a cluster on this machine).
    """

    name: str = THREADS
    max_concurrent: int | None = None
    tag_limits: TagLimits | None = None
    retries: bool = True
    address: str | None = None

    def __str__(self) -> str:
        return f"{self.name}:{self.address}" if self.address else self.name


def read_executor(given: Any, where: str = "The executor") -> ExecutorChoice:
    """Return the choice that a name (``threads``, ``dask:tcp://host:8786`` …) or an executor definition makes.

    Raises:
        InvalidConfig: there is no such executor.
    """
    if isinstance(given, ExecutorChoice):
        return given
    if not isinstance(given, str):
        options = getattr(given, "config", None)
        kind = getattr(given, "kind", None)
        if not isinstance(options, Mapping) or not isinstance(kind, str):
            raise InvalidConfig(f"{where} is one of {', '.join(NAMES)}, or an executor definition; {given!r} is not.")
        return _configured(read_executor(kind, where), options, where)
    name, _, address = given.partition(":")
    name = _DAGSTERS.get(name, name)
    if name not in NAMES or (address and name != DASK):
        raise InvalidConfig(
            f"{where} is one of {', '.join(NAMES)} (or {DASK}:ADDRESS); there is no '{given}'."
            f"{did_you_mean(given, NAMES)}"
        )
    return ExecutorChoice(name=name, address=address or None, max_concurrent=1 if name == IN_PROCESS else None)


def executor_of_run(
    *, launch: str | None, job: Any, execution: Mapping[str, Any], max_concurrent: int | None, default: str
) -> ExecutorChoice:
    """Return what a run is run by: what the launch says, else run config, else the job, else the default."""
    base = read_executor(job, "A job's executor") if job is not None else read_executor(default)
    if max_concurrent is not None:
        base = replace(base, max_concurrent=max_concurrent)
    configured = _configured(base, execution.get("config") or {}, "execution.config")
    if launch is None:
        return configured
    asked = read_executor(launch, "--executor")
    return replace(
        asked,
        max_concurrent=asked.max_concurrent or configured.max_concurrent,
        tag_limits=configured.tag_limits,
        retries=configured.retries,
        address=asked.address or (configured.address if configured.name == asked.name else None),
    )


def executor_of_step(step: str | None, run: ExecutorChoice, launch: str | None) -> ExecutorChoice:
    """Return what one step is run by: its own executor, unless the launch names one for all."""
    return run if step is None or launch is not None else read_executor(step, "A step's executor")


def _configured(base: ExecutorChoice, config: Mapping[str, Any], where: str) -> ExecutorChoice:
    """Return the choice with options, or the one that they name, with its own."""
    for name in ("in_process", "multiprocess", "threads", "dask"):
        if name in config:
            chosen = read_executor(name)
            base = chosen if chosen.name != base.name else base
            return _with_options(base, config[name] or {}, f"{where}.{name}")
    return _with_options(base, config, where)


def _with_options(choice: ExecutorChoice, options: Mapping[str, Any], where: str) -> ExecutorChoice:
    most = options.get("max_concurrent", options.get("max_workers"))
    if most is not None and most < 0:
        raise InvalidConfig(f"{where}.max_concurrent is a whole number from 0, 0 for as many as there are; got {most}.")
    if (options.get("step_dependency_config") or {}).get("require_upstream_step_success") is False:
        raise InvalidConfig(
            f"{where}.step_dependency_config cannot be false: a step waits until the steps above it have succeeded."
        )
    if most:
        choice = replace(choice, max_concurrent=most)
    if options.get("tag_concurrency_limits"):
        choice = replace(choice, tag_limits=read_tag_limits(options["tag_concurrency_limits"]))
    if options.get("retries"):
        choice = replace(choice, retries="disabled" not in options["retries"])
    cluster = options.get("cluster") or {}
    address = options.get("address") or (cluster.get("existing") or {}).get("address")
    unknown = set(cluster) - {"existing", "local"}
    if unknown:
        raise InvalidConfig(f"{where}.cluster is 'existing' or 'local'; got '{sorted(unknown)[0]}'.")
    return replace(choice, address=address) if address else choice
