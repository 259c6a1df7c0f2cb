"""What one run consists of: its steps in order, and what feeds each input. Pure.

A plan holds frozen definitions, so redefining a cell mid-run changes nothing in it. ``graph_plan`` plans an op job,
``asset_plan`` a selection of assets. Run by the engine's runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field, replace
from datetime import timedelta
from typing import Any

from jobkernel.errors import CircularDependency, InvalidDefinition
from jobkernel.model.definitions import (
    EMPTY,
    NO_VALUE,
    CheckSpec,
    Endpoint,
    Hook,
    Input,
    Job,
    Op,
)
from jobkernel.model.policies import RetryPolicy
from jobkernel.model.run_tags import PRIORITY_TAG
from jobkernel.records import dataclass


@dataclass(frozen=True, slots=True)
class FromStep:
    """An output of a step of this run. A collected one gathers all copies of a mapped step."""

    step_key: str
    output: str
    is_collected: bool = False


@dataclass(frozen=True, slots=True)
class FromAsset:
    """The stored value of an asset that this run does not make."""

    key: str


@dataclass(frozen=True, slots=True)
class FromValue:
    """A value known when the plan was made: a default, or one handed in at launch."""

    value: Any


@dataclass(frozen=True, slots=True)
class FromConfig:
    """A value that run config gives, under the step's ``inputs``."""


@dataclass(frozen=True, slots=True)
class FromManager:
    """A value that nothing makes in the run: the manager that the input names loads it."""


Feed = FromStep | FromAsset | FromValue | FromConfig | FromManager


@dataclass(frozen=True, slots=True)
class PlannedInput:
    """One input with what feeds it: exactly one feed, or several where ``is_fan_in``."""

    input: Input
    feeds: tuple[Feed, ...]
    is_fan_in: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedStep:
    """One step of a run.

    ``path`` are the node names from the job down, under which run config finds it. ``after`` orders without data.
    ``mapped_over`` names the dynamic output for each of whose keys the step is copied at run time. A step that
    ``is_never_retried`` fails at its first failure, whatever it asks for.
    """

    key: str
    op: Op
    path: tuple[str, ...]
    inputs: tuple[PlannedInput, ...] = ()
    after: tuple[FromStep, ...] = ()
    asset_keys: Mapping[str, str] = field(default=EMPTY)
    input_keys: Mapping[str, str] = field(default=EMPTY)
    checks: Mapping[str, CheckSpec] = field(default=EMPTY)
    selected_outputs: frozenset[str] | None = None
    tags: Mapping[str, str] = field(default=EMPTY)
    retry: RetryPolicy | None = None
    is_never_retried: bool = False
    timeout: timedelta | None = None
    hooks: tuple[Hook, ...] = ()
    executor: str | None = None
    priority: int = 0
    mapped_over: FromStep | None = None
    mapping_key: str | None = None
    assets: Any = None

    @property
    def sources(self) -> Iterable[FromStep]:
        """Every output of another step that this one waits for."""
        for planned in self.inputs:
            for feed in planned.feeds:
                if isinstance(feed, FromStep):
                    yield feed
        yield from self.after

    @property
    def is_check(self) -> bool:
        """Whether the step makes no asset and only checks one."""
        return bool(self.checks) and not self.asset_keys


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """What earlier runs give to this one: the steps not run again, and which run made each of their outputs."""

    steps: Mapping[str, PlannedStep] = field(default=EMPTY)
    made_by: Mapping[FromStep, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The steps of one run, upstream first; ties stand in the order of definition."""

    job_name: str
    steps: Mapping[str, PlannedStep]
    job: Job | None = None
    outputs: Mapping[str, Endpoint] = field(default=EMPTY)
    resource_defs: Mapping[str, Any] = field(default=EMPTY)
    earlier: Earlier | None = None

    @property
    def asset_keys(self) -> list[str]:
        """The assets that the run makes, in step order."""
        return [key for step in self.steps.values() for key in step.asset_keys.values()]

    @property
    def check_specs(self) -> list[CheckSpec]:
        """The checks that the run evaluates, in step order."""
        return [check for step in self.steps.values() for check in step.checks.values()]

    def with_steps(self, steps: Iterable[PlannedStep]) -> Plan:
        """Return the plan with its steps replaced, put in order."""
        return replace(self, steps=in_order(steps))

    def without_retries(self) -> Plan:
        """Return the plan with no step tried again, whatever its policy or its body asks for."""
        return replace(self, steps={key: replace(step, is_never_retried=True) for key, step in self.steps.items()})


def in_order(steps: Iterable[PlannedStep]) -> dict[str, PlannedStep]:
    """Return the steps by key, upstream first, otherwise in the order given.

    Raises:
        CircularDependency: steps wait for each other.
        InvalidDefinition: two would have the same key.
    """
    steps = list(steps)
    by_key = {step.key: step for step in steps}
    if len(by_key) < len(steps):
        _refuse_twins(steps)
    waits = {key: {feed.step_key for feed in step.sources if feed.step_key in by_key} for key, step in by_key.items()}
    if _already_ordered(waits):
        return by_key
    downstream: dict[str, list[str]] = {key: [] for key in by_key}
    for key, upstream in waits.items():
        for source in upstream:
            downstream[source].append(key)
    open_count = {key: len(upstream) for key, upstream in waits.items()}
    return {key: by_key[key] for key in names_in_order(by_key, downstream, open_count)}


def _refuse_twins(steps: Iterable[PlannedStep]) -> None:
    seen: dict[str, PlannedStep] = {}
    for step in steps:
        other = seen.setdefault(step.key, step)
        if other is not step:
            names = " and ".join(_makes(each) for each in (other, step))
            raise InvalidDefinition(f"{names} would both be the step '{step.key}'; give one of them another name.")


def _makes(step: PlannedStep) -> str:
    checks = [f"check '{check.name}' of '{check.asset_key}'" for check in step.checks.values()]
    return ", ".join([f"asset '{key}'" for key in step.asset_keys.values()] or checks or [f"op '{step.op.name}'"])


def _already_ordered(waits: Mapping[str, set[str]]) -> bool:
    seen: set[str] = set()
    for key, upstream in waits.items():
        if not upstream <= seen:
            return False
        seen.add(key)
    return True


def names_in_order(
    by_key: Mapping[str, Any], downstream: Mapping[str, list[str]], open_count: dict[str, int]
) -> list[str]:
    """Return the names upstream first, otherwise as given; ``open_count`` is how many each waits for, and is used up.

    Raises:
        CircularDependency: some wait for each other.
    """
    from heapq import heapify, heappop, heappush

    rank = {key: index for index, key in enumerate(by_key)}
    names = list(by_key)
    ready = [rank[key] for key, count in open_count.items() if not count]
    heapify(ready)
    order: list[str] = []
    while ready:
        key = names[heappop(ready)]
        order.append(key)
        for follower in downstream[key]:
            open_count[follower] -= 1
            if not open_count[follower]:
                heappush(ready, rank[follower])
    if len(order) < len(names):
        circle = [key for key in names if open_count[key] > 0]
        raise CircularDependency(f"These steps wait for each other: {', '.join(circle)}.")
    return order


def step_priority(tags: Mapping[str, str]) -> int:
    """Return the step's priority: the ``dagster/priority`` tag as an integer, 0 where there is none."""
    text = tags.get(PRIORITY_TAG, "0")
    try:
        return int(text)
    except ValueError as error:
        raise InvalidDefinition(f"The tag dagster/priority must be an integer as text, not {text!r}.") from error


def planned_input(item: Input, feeds: tuple[Feed, ...], is_fan_in: bool) -> PlannedInput:
    """Return the input with its feeds; where nothing is connected, its manager, its default or run config feeds it."""
    if feeds:
        return PlannedInput(item, feeds, is_fan_in)
    if item.is_nothing:
        return PlannedInput(item, ())
    if item.io is not None:
        return PlannedInput(item, (FromManager(),))
    return PlannedInput(item, (FromConfig() if item.default is NO_VALUE else FromValue(item.default),))
