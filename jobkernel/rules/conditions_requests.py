"""Which runs make what conditions request: grouped as Dagster groups, those with equal partitions in one run. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from jobkernel.model.keys import AssetCheckKey, AssetKey
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
    """Return what a look at conditions asks a scheduler for, with the cursor to remember."""
    tags = {**run_tags, FROM_CONDITION_TAG: "true", EVALUATION_TAG: str(read_cursor(found.cursor).looks - 1)}
    requests = [
        RunRequest(
            asset_selection=[AssetKey.from_escaped_user_string(key) for key in run.assets],
            asset_check_keys=_checks_of(graph, run),
            partition_key=run.partition,
            tags=tags,
        )
        for run in runs_of(graph, found.requested)
    ]
    reason = None if requests else _nothing(found)
    return SensorResult(run_requests=requests or None, skip_reason=reason, cursor=found.cursor)


def _checks_of(graph: ConditionGraph, run: WantedRun) -> list[AssetCheckKey] | None:
    """Return the checks that go with a run; None: all of its assets'.

    A check with a condition of its own goes where that is true; then the others go along with their assets.
    """
    beside = [check for asset in run.assets for check in graph.checks_of(asset)]
    if any(graph.node(check).condition is not None for check in beside):
        alongside = [check for check in beside if graph.node(check).condition is None]
        return _keys(dict.fromkeys([*run.checks, *alongside]))
    return _keys(run.checks) if run.checks else None


def _keys(checks: Iterable[CheckKey]) -> list[AssetCheckKey]:
    return [AssetCheckKey(AssetKey.from_escaped_user_string(asset), name) for asset, name in checks]


def _nothing(found: Evaluated) -> SkipReason:
    if not found.results:
        return SkipReason("No asset has a condition that this sensor looks at.")
    return SkipReason(f"None of {len(found.results)} conditions is true.")
