"""Which partitions one run makes, and which upstream partitions its steps load. Pure; worked out at launch.

What is found travels with the run, so that steps in other processes ask neither a clock nor a store. Kinds of
partitions are imported where a run has some: every process that runs a step imports this.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Any, Final

from jobkernel.errors import InvalidDefinition, InvariantViolation, UnknownName, did_you_mean
from jobkernel.model.definitions import EMPTY, AssetSpec
from jobkernel.model.partition_range import PartitionKeyRange
from jobkernel.model.partitions import PartitionsDefinition
from jobkernel.model.run_tags import PARTITION_TAG, RANGE_END_TAG, RANGE_START_TAG
from jobkernel.records import dataclass
from jobkernel.rules.plan import Plan, PlannedStep

if TYPE_CHECKING:
    from jobkernel.rules.partition_mapping import Mapped

PartitionsOf = Callable[[str], "PartitionsDefinition | None"]
"""The partitions of an asset, by key text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPartitions:
    """The partitions that a run makes (``keys``, in order), and what its steps need.

    ``of_assets`` are the partitions of every asset that it makes or loads; ``needed`` goes by step and upstream key.
    """

    definition: PartitionsDefinition | None = None
    keys: tuple[str, ...] = ()
    of_assets: Mapping[str, PartitionsDefinition] = field(default=EMPTY)
    needed: Mapping[tuple[str, str], Mapped] = field(default_factory=dict)


def partitions_of_run(
    plan: Plan,
    *,
    definition: PartitionsDefinition | None,
    keys: tuple[str, ...],
    partitions_of: PartitionsOf,
) -> RunPartitions | None:
    """Return what a run of ``keys`` makes and needs; None where nothing in it has partitions."""
    of_assets = {spec.key: spec.partitions for _, spec in _specs(plan) if spec.partitions is not None}
    loaded = {key for step in plan.steps.values() if step.input_keys for key in step.input_keys.values()}
    of_assets |= {key: found for key in loaded.difference(of_assets) if (found := partitions_of(key)) is not None}
    if definition is None and not of_assets:
        return None
    needed = {
        (step.key, key): _needed(step, key, keys, of_assets)
        for step in plan.steps.values()
        for key in dict.fromkeys(step.input_keys.values())
        if key in of_assets
    }
    return RunPartitions(definition=definition, keys=keys, of_assets=of_assets, needed=needed)


def partitions_of_plan(plan: Plan) -> PartitionsDefinition | None:
    """Return the partitions that the assets of a plan share, or those of its job.

    Raises:
        InvalidDefinition: assets of the plan have different partitions.
    """
    found: dict[PartitionsDefinition, str] = {}
    for step, spec in _specs(plan):
        if spec.partitions is not None and spec.key in step.asset_keys.values():
            found.setdefault(spec.partitions, spec.key)
    if len(found) > 1:
        first, second = list(found.values())[:2]
        raise InvalidDefinition(
            f"'{first}' and '{second}' have different partitions; make them in different runs, as --partition does."
        )
    own = plan.job.partitions if plan.job is not None else None
    return next(iter(found), None) or own or getattr(plan.job and plan.job.config, "partitions_def", None)


def _specs(plan: Plan) -> list[tuple[PlannedStep, AssetSpec]]:
    return [(step, spec) for step in plan.steps.values() if step.assets is not None for spec in step.assets.specs]


def checked_key(key: str, definition: PartitionsDefinition) -> str:
    """Return a key that exists; of two dimensions, as a key of two parts.

    Raises:
        UnknownName: it does not; the sentence names the nearest, the first and the last.
    """
    from jobkernel.rules.partition_multi import MultiPartitionsDefinition

    if isinstance(definition, MultiPartitionsDefinition) and key.count("|") == 1:
        key = definition.get_partition_key_from_str(str(key))
    if not definition.has_partition_key(key):
        raise UnknownName(f"No partition '{key}' exists.{allowed(key, definition)}")
    return key


def allowed(key: str, definition: PartitionsDefinition) -> str:
    """Return what may be said instead of a key that does not exist, as sentences with a blank before them."""
    first, last = definition.get_first_partition_key(), definition.get_last_partition_key()
    if first is None:
        return " None exists yet."
    return f"{did_you_mean(key, definition.get_partition_keys())} They go from '{first}' to '{last}'."


def keys_of_range(between: PartitionKeyRange, definition: PartitionsDefinition) -> tuple[str, ...]:
    """Return the keys of a range whose ends exist, in order.

    Raises:
        UnknownName: an end does not exist.
        InvariantViolation: the end comes before the start.
    """
    start, end = (checked_key(key, definition) for key in between)
    found = tuple(definition.get_partition_keys_in_range(PartitionKeyRange(start, end)))
    if not found:
        raise InvariantViolation(f"Partition '{end}' comes before '{start}'; give the range from first to last.")
    return found


def _needed(
    step: PlannedStep, key: str, keys: tuple[str, ...], of_assets: Mapping[str, PartitionsDefinition]
) -> Mapped:
    from jobkernel.rules.partition_edges import upstream_keys
    from jobkernel.rules.partition_mapping import Mapped
    from jobkernel.rules.partition_window_mapping import TimeWindowPartitionMapping

    own, mapping = _own(step, key)
    upstream = of_assets[key]
    found = upstream_keys(keys if own is not None else None, downstream=own, upstream=upstream, mapping=mapping)
    is_own = key in step.asset_keys.values()
    if not found.keys and not found.missing and not is_own and isinstance(mapping, TimeWindowPartitionMapping):
        return Mapped((), mapping.beyond(keys, own, upstream))
    return found


def _own(step: PlannedStep, key: str) -> tuple[PartitionsDefinition | None, Any]:
    """Return a step's partitions, and its mapping to an upstream asset where one is given."""
    specs = step.assets.specs if step.assets is not None else ()
    own = next((spec.partitions for spec in specs if spec.partitions is not None), None)
    return own, next((spec.mappings[key] for spec in specs if key in spec.mappings), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenPartitions:
    """What a launch chose: one ``key``, or what lies ``between`` two, or neither; and what follows from it.

    ``tags`` are those that the run gets, ``config`` what the job's config is for it.
    """

    key: str | None = None
    between: PartitionKeyRange | None = None
    partitions: RunPartitions | None = None
    tags: Mapping[str, str] = field(default=EMPTY)
    config: Any = None


NO_PARTITIONS: Final = ChosenPartitions()
"""What a launch chose that is of no partitions."""


def choose_partitions(
    plan: Plan, *, key: str | None, tags: Mapping[str, str], given_config: Any, partitions_of: PartitionsOf
) -> ChosenPartitions:
    """Return what a launch of a plan chose, by a key or by the tags of a range.

    Raises:
        InvariantViolation: nothing in the plan has partitions.
        UnknownName: no partition of that key exists.
        InvalidDefinition: assets of the plan have different partitions.
    """
    definition = partitions_of_plan(plan)
    config = plan.job.config if plan.job is not None else None
    chosen = key if key is not None else tags.get(PARTITION_TAG)
    between = _between(tags) if chosen is None else None
    if definition is None and (chosen is not None or between is not None):
        named = chosen if chosen is not None else tags[RANGE_START_TAG]
        what = plan.job_name if plan.job is not None else next(iter(plan.asset_keys), plan.job_name)
        raise InvariantViolation(f"'{what}' has no partitions, so it cannot run for '{named}'.")
    keys: tuple[str, ...] = ()
    if definition is not None and chosen is not None:
        chosen = checked_key(chosen, definition)
        keys = (chosen,)
    elif definition is not None and between is not None:
        keys = keys_of_range(between, definition)
    return ChosenPartitions(
        key=chosen,
        between=between,
        partitions=partitions_of_run(plan, definition=definition, keys=keys, partitions_of=partitions_of),
        tags=_tags(plan.job_name, config, definition, chosen),
        config=_config(config, chosen, given_config),
    )


def _between(tags: Mapping[str, str]) -> PartitionKeyRange | None:
    if RANGE_START_TAG not in tags or RANGE_END_TAG not in tags:
        return None
    return PartitionKeyRange(tags[RANGE_START_TAG], tags[RANGE_END_TAG])


def _tags(job_name: str, config: Any, definition: PartitionsDefinition | None, key: str | None) -> Mapping[str, str]:
    if key is None or definition is None:
        return EMPTY
    from jobkernel.rules.partitioned_config import PartitionedConfig, tags_of_partition

    if isinstance(config, PartitionedConfig):
        return config.get_tags_for_partition_key(key, job_name)
    return tags_of_partition(definition, key, job_name)


def _config(config: Any, key: str | None, given: Any) -> Any:
    """Return what stands for the job's config; a config by partition gives way to one handed in at the launch."""
    if config is None:
        return None
    from jobkernel.rules.partitioned_config import PartitionedConfig

    if not isinstance(config, PartitionedConfig):
        return config
    return None if key is None or given else config.get_run_config_for_partition_key(key)
