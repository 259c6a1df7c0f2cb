"""Which runs make what conditions request: grouped as Dagster groups, those with equal partitions in one run. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from jobkernel.model.keys import AssetKey
from jobkernel.model.partitions import PartitionsDefinition
from jobkernel.model.run_requests import RunRequest, SensorResult, SkipReason
from jobkernel.rules.conditions import Evaluated
from jobkernel.rules.conditions_cursor import read_cursor
from jobkernel.rules.conditions_facts import ConditionGraph, Key, Subset
from jobkernel.rules.universe import CheckKey

FROM_CONDITION_TAG: Final = "dagster/from_automation_condition"
EVALUATION_TAG: Final = "dagster/asset_evaluation_id"


class WantedRun(NamedTuple):
    """A run: the assets it makes, in order, the checks requested by themselves, and the partition, if any."""

    assets: tuple[str, ...]
    checks: tuple[CheckKey, ...] = ()
    partition: str | None = None


def runs_of(graph: ConditionGraph, requested: Mapping[Key, Subset]) -> list[WantedRun]:
    """Return the runs that make what is requested, in the order of their partitions' keys.

    A check goes with its asset where that is requested too, by the asset's partitions; what nothing makes is left out.
    """
    groups: dict[tuple[PartitionsDefinition | None, str | None], list[Key]] = {}
    for key in sorted(requested, key=str):
        if not graph.node(key).is_made:
            continue
        owner = key[0] if isinstance(key, tuple) and key[0] in requested else key
        for partition in requested[owner]:
            groups.setdefault((graph.node(owner).partitions, partition), []).append(key)
    runs = [
        WantedRun(
            assets=tuple(key for key in keys if isinstance(key, str)),
            checks=tuple(key for key in keys if isinstance(key, tuple)),
            partition=partition,
        )
        for (_, partition), keys in groups.items()
    ]
    return sorted(runs, key=lambda run: (run.partition or "", run.assets, run.checks))


def result_of(graph: ConditionGraph, found: Evaluated, run_tags: Mapping[str, str]) -> SensorResult:
    """Return what a look at conditions asks a scheduler for, with the cursor to remember.

    Checks that are requested without their asset are not run by themselves: no run request is for checks alone.
    """
    tags = {**run_tags, FROM_CONDITION_TAG: "true", EVALUATION_TAG: str(read_cursor(found.cursor).looks - 1)}
    requests = [
        RunRequest(
            asset_selection=[AssetKey.from_escaped_user_string(key) for key in run.assets],
            partition_key=run.partition,
            tags=tags,
        )
        for run in runs_of(graph, found.requested)
        if run.assets
    ]
    reason = None if requests else _nothing(found)
    return SensorResult(run_requests=requests or None, skip_reason=reason, cursor=found.cursor)


def _nothing(found: Evaluated) -> SkipReason:
    if not found.results:
        return SkipReason("No asset has a condition that this sensor looks at.")
    return SkipReason(f"None of {len(found.results)} conditions is true.")
