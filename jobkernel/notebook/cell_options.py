"""What the magic line of a definition cell says, read and checked: one frozen record per kind of cell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import timedelta
from typing import Any, Literal

from jobkernel.errors import InvalidDefinition
from jobkernel.model.backfill_policy import BackfillPolicy
from jobkernel.model.definitions import EMPTY, NO_VALUE
from jobkernel.model.partitions import PartitionsDefinition
from jobkernel.model.policies import Backoff, Jitter, RetryPolicy
from jobkernel.records import dataclass

TableKind = Literal["arrow", "pandas", "polars"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Param:
    """One ``--param name:type=default``: a name of the body whose value comes from run config."""

    name: str
    type: Any = Any
    default: Any = NO_VALUE


@dataclass(frozen=True, slots=True, kw_only=True)
class StepOptions:
    """What every cell that becomes a step may say. ``ins`` maps names in the body to keys."""

    name: str | None = None
    ins: Mapping[str, str] = field(default=EMPTY)
    infer: bool = True
    params: tuple[Param, ...] = ()
    tags: Mapping[str, str] = field(default=EMPTY)
    description: str | None = None
    retries: int | None = None
    retry_delay: timedelta | None = None
    backoff: Backoff | None = None
    jitter: Jitter | None = None
    timeout: timedelta | None = None
    pool: str | None = None
    executor: str | None = None

    def retry_policy(self) -> RetryPolicy | None:
        """Return how a failed step is tried again; None where nothing was said.

        Raises:
            InvalidDefinition: a delay, backoff or jitter without ``--retries``, or what the policy itself refuses.
        """
        if self.retries is None:
            if self.retry_delay or self.backoff or self.jitter:
                raise InvalidDefinition("--retry-delay, --backoff and --jitter need --retries N.")
            return None
        delay = self.retry_delay.total_seconds() if self.retry_delay is not None else None
        return RetryPolicy(max_retries=self.retries, delay=delay, backoff=self.backoff, jitter=self.jitter)


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetOptions(StepOptions):
    """The options of ``%%asset``.

    ``deps`` are key texts; ``mappings`` go by a name in the body or a key; ``as_`` is what a ``--sql`` body gives.
    """

    deps: tuple[str, ...] = ()
    group: str | None = None
    metadata: Mapping[str, Any] = field(default=EMPTY)
    owners: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    io: str | None = None
    partitions: PartitionsDefinition | None = None
    mappings: Mapping[str, Any] = field(default=EMPTY)
    backfill: BackfillPolicy | None = None
    automation: Any = None
    sql: bool = False
    as_: TableKind = "arrow"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpOptions(StepOptions):
    """The options of ``%%op``. ``inputs`` are plain names fed by the job; ``outs`` name several outputs."""

    inputs: tuple[str, ...] = ()
    outs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckOptions(StepOptions):
    """The options of ``%%check ASSET NAME``."""

    asset: str
    blocking: bool = False
    severity: str = "ERROR"
    metadata: Mapping[str, Any] = field(default=EMPTY)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceOptions:
    """The options of ``%%resource NAME``."""

    name: str | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOptions:
    """The options of ``%%job NAME``."""

    name: str | None = None
    description: str | None = None
    tags: Mapping[str, str] = field(default=EMPTY)
    config: Any = None
    executor: Any = None
    priority: int = 0
    max_concurrent: int | None = None
