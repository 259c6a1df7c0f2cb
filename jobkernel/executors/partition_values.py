"""Which partitions a step's outputs are of, and how the values of several partitions make one input.

One upstream partition is its value, several are a dict by key, none is None. Source: Dagster's UPathIOManager.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any, Final

from jobkernel.errors import InvariantViolation
from jobkernel.executors.call import RunFacts, StepCall
from jobkernel.model.partitions import PartitionsDefinition
from jobkernel.rules.partition_run import RunPartitions

PARTITIONS: Final = "partitions"
"""Under this name what is recorded of several partitions stands by key, until their events are made."""
UPSTREAM_OF: Final = "upstream_of"
"""Under this name a fingerprint tells by partition of what version the partitions above it are."""
Load = Callable[[str | None], Any]
"""Return the value of one partition of an asset; None for an asset without partitions."""
Keep = Callable[[str | None, Any], dict[str, Any]]
"""Keep the value of one partition of an asset, and return what is recorded of it."""


def fingerprint_of(told: Mapping[str, Any], partition: str | None) -> Mapping[str, Any]:
    """Return what a step was told of how it makes things, for one of the partitions that it makes."""
    if UPSTREAM_OF not in told:
        return told
    rest = {name: value for name, value in told.items() if name != UPSTREAM_OF}
    return {**rest, "upstream": {**told.get("upstream", {}), **told[UPSTREAM_OF].get(partition, {})}}


def partitions_def_of(call: StepCall, key: str) -> PartitionsDefinition | None:
    """Return the partitions of an asset that the run makes or loads."""
    known = call.run.partitions
    return known.of_assets.get(key) if known is not None else None


def output_keys(call: StepCall, key: str) -> tuple[str | None, ...]:
    """Return the partitions of an asset that the run makes; one None where the asset has none."""
    return keys_made(call.run, key)


def keys_made(facts: RunFacts, key: str) -> tuple[str | None, ...]:
    """Return the partitions of an asset that a run makes; one None where the asset has none."""
    known = facts.partitions
    if known is None:
        return (facts.partition_key,)
    return known.keys or (None,) if key in known.of_assets else (None,)


def input_keys(call: StepCall, key: str) -> Collection[str] | None:
    """Return the partitions of an upstream asset that the step needs; None where it has none.

    Raises:
        InvariantViolation: one that it needs does not exist.
    """
    known = call.run.partitions
    if known is None:
        return None if call.run.partition_key is None else (call.run.partition_key,)
    found = known.needed.get((call.step.key, key))
    if found is None:
        return None if key not in known.of_assets else known.keys
    if found.missing:
        raise InvariantViolation(
            f"'{call.step.key}' needs partition '{next(iter(found.missing))}' of '{key}', which does not exist; a"
            " TimeWindowPartitionMapping(allow_nonexistent_upstream_partitions=True) does without."
        )
    return found.keys


def of_partition(call: StepCall, key: str, partition: str) -> StepCall:
    """Return a call that loads one partition of an asset, whatever its own run is for."""
    known = call.run.partitions
    definition = known.of_assets.get(key) if known is not None else None
    partitions = RunPartitions(keys=(partition,), of_assets={key: definition}) if definition is not None else None
    return replace(call, run=replace(call.run, partition_key=partition, partition_range=None, partitions=partitions))


def loaded(call: StepCall, key: str, load: Load) -> Any:
    """Return the value behind an input: of one partition, or of several by key."""
    keys = input_keys(call, key)
    if keys is None:
        return load(None)
    if len(keys) == 1:
        return load(next(iter(keys)))
    return {each: load(each) for each in keys} if keys else None


def kept(call: StepCall, key: str, value: Any, keep: Keep) -> dict[str, Any]:
    """Keep an asset's value: of one partition, or of each where it is a dict by key. Return what is recorded.

    A run of ranges may be of a range of one; its value is a dict by key as well.

    Raises:
        InvariantViolation: the run makes several partitions, and the value is neither None nor a dict of just these.
    """
    keys = output_keys(call, key)
    if len(keys) == 1:
        is_of_ranges = call.run.partition_range is not None and call.run.partition_key is None
        is_by_key = is_of_ranges and isinstance(value, dict) and list(value) == list(keys)
        return keep(keys[0], value[keys[0]] if is_by_key else value)
    if value is None:
        return {}
    if not isinstance(value, Mapping) or set(value) != set(keys):
        raise InvariantViolation(
            f"This run makes {len(keys):,} partitions of '{key}', so its value has to be a dict by partition key,"
            f" from '{keys[0]}' to '{keys[-1]}'; or let it keep its values itself and return None."
        )
    recorded = {each: keep(each, value[each]) for each in keys}
    return {**recorded[keys[-1]], PARTITIONS: recorded}
