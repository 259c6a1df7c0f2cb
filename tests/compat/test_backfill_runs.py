"""The runs of backfills beside what Dagster's own backfill code asks for: selections, ranges, tags, keys aimed at."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from symbols import ORDER, REFUSALS, covers

import jobkernel
from jobkernel.engine.backfill import Backfill, Wish
from jobkernel.errors import InvalidDefinition

pytestmark = [pytest.mark.compat, pytest.mark.filterwarnings("ignore")]  # those that Dagster gives of its own code
LATER = datetime(2024, 6, 1)  # noqa: DTZ001  - a moment of the wall clock


def days(dg: Any) -> Any:
    return dg.DailyPartitionsDefinition("2024-01-01", end_date="2024-03-01")


def chain(dg: Any, *policies: Any) -> list[Any]:
    """Return assets by day, each made of the one before, with these policies."""
    made: list[Any] = []
    for place, policy in enumerate(policies):

        @dg.asset(name=f"a{place}", partitions_def=days(dg), backfill_policy=policy, deps=made[-1:])
        def each() -> None: ...

        made.append(each)
    return made


def by_month(dg: Any) -> list[Any]:
    (day,) = chain(dg, None)

    @dg.asset(partitions_def=dg.MonthlyPartitionsDefinition("2024-01-01", end_date="2024-03-01"), deps=[day])
    def month() -> None: ...

    @dg.asset(deps=[month])
    def whole() -> None: ...

    return [day, month, whole]


def by_week_before(dg: Any) -> list[Any]:
    (day,) = chain(dg, None)
    mapping = dg.TimeWindowPartitionMapping(start_offset=-2)

    @dg.asset(partitions_def=days(dg), deps=[dg.AssetDep(day, partition_mapping=mapping)])
    def rolling() -> None: ...

    return [day, rolling]


def ours(assets: list[Any], keys: list[str], policy: Any = None) -> tuple[Any, Backfill]:
    """Return a closed session's backfill of these assets."""
    with jobkernel.test_session() as session:
        session.clock.move(LATER.astimezone() - session.clock.now())
        session.add(*assets)
        names = [asset.key.path[-1] for asset in assets]
        plan = session.plan(session.select(" or ".join(names)))
        wish = Wish(plan=plan, keys=tuple(keys), selection="all", policy=policy)
        return plan, session.backfills.launch(wish).wait(60)


def keys_of(first: int, last: int) -> list[str]:
    return [f"2024-01-{day:02}" for day in range(first, last + 1)]


POLICIES: dict[str, Callable[[Any], list[Any]]] = {
    "none": lambda dg: [None, None],
    "one at a time": lambda dg: [dg.BackfillPolicy.multi_run(1)] * 2,
    "a single run": lambda dg: [dg.BackfillPolicy.single_run()] * 2,  # D 344
    "three at a time": lambda dg: [dg.BackfillPolicy.multi_run(3)] * 2,  # D 346
    "a single run of one asset": lambda dg: [dg.BackfillPolicy.single_run()],
}


@covers("BackfillPolicy", aspect=ORDER)
@pytest.mark.parametrize("keys", [keys_of(1, 7), keys_of(4, 4), [*keys_of(1, 3), *keys_of(6, 7)]], ids=len)
@pytest.mark.parametrize("policies", POLICIES.values(), ids=POLICIES)
def test_the_runs_are_those_that_dagster_requests(policies: Callable[[Any], list[Any]], keys: list[str]) -> None:
    wanted = requested_by_dagster(lambda dg: chain(dg, *policies(dg)), keys)

    found = requested_here(chain(jobkernel, *policies(jobkernel)), keys)

    assert found == wanted


def grid(dg: Any, policy: Any) -> list[Any]:
    """Return an asset by day and region."""
    regions = dg.StaticPartitionsDefinition(["eu", "us", "asia"])

    @dg.asset(partitions_def=dg.MultiPartitionsDefinition({"day": days(dg), "region": regions}), backfill_policy=policy)
    def cell() -> None: ...

    return [cell]


GRIDS: dict[str, list[str]] = {
    "whole days": [f"{day}|{region}" for day in keys_of(1, 2) for region in ("eu", "us", "asia")],
    "one region": [f"{day}|eu" for day in keys_of(1, 4)],
    "days with a gap": [f"{day}|{region}" for day in [*keys_of(1, 3), *keys_of(6, 7)] for region in ("eu", "us")],
    "here and there": ["2024-01-01|eu", "2024-01-02|us", "2024-01-03|us", "2024-01-03|asia"],
    "as many of each": [f"{day}|{region}" for day in keys_of(1, 3) for region in ("eu", "us", "asia")],
}


@covers("BackfillPolicy", aspect=ORDER)
@covers("MultiPartitionsDefinition", aspect=ORDER)
@pytest.mark.parametrize("keys", GRIDS.values(), ids=GRIDS)
@pytest.mark.parametrize("most", [None, 2], ids=["a single run", "two at a time"])
def test_ranges_of_two_dimensions_are_those_that_dagster_requests(most: int | None, keys: list[str]) -> None:
    def assets(dg: Any) -> list[Any]:
        return grid(dg, dg.BackfillPolicy.single_run() if most is None else dg.BackfillPolicy.multi_run(most))

    wanted = requested_by_dagster(assets, keys)

    found = requested_here(assets(jobkernel), keys)

    assert sorted(found, key=str) == sorted(wanted, key=str)  # Dagster's order is that of a set


Requested = list[tuple[list[str], str | None, dict[str, str]]]


def requested_by_dagster(assets: Callable[[Any], list[Any]], keys: list[str]) -> Requested:
    """Return the assets, key and tags of each run that Dagster's backfill would ask for."""
    import dagster
    from dagster._core.definitions.automation_tick_evaluation_context import (
        build_run_requests_with_backfill_policies,
    )
    from dagster._core.definitions.events import AssetKeyPartitionKey

    made = assets(dagster)
    parts = [AssetKeyPartitionKey(asset.key, key) for asset in made for key in keys]
    with dagster.DagsterInstance.ephemeral() as instance:
        requests = build_run_requests_with_backfill_policies(
            asset_partitions=parts,
            asset_graph=dagster.Definitions(made).resolve_asset_graph(),
            dynamic_partitions_store=instance,
        )
    return [
        (
            sorted(key.to_user_string() for key in request.asset_selection or ()),
            request.partition_key,
            dict(request.tags),
        )
        for request in requests
    ]


def requested_here(assets: list[Any], keys: list[str]) -> Requested:
    """Return the same of a backfill of ours, which made all of its partitions."""
    plan, backfill = ours(assets, keys)
    assert backfill.progress.done == len(keys), backfill.errors
    found: Requested = []
    for run in backfill.runs:
        choice = backfill.choice_of(run)
        tags = {name: str(value) for name, value in choice.tags.items() if "asset_partition_range" in name}
        if choice.partition_key is not None:
            tags["dagster/partition"] = choice.partition_key
        found.append((sorted(run.assets or plan.asset_keys), choice.partition_key, tags))
    return found


@covers("BackfillPolicy", aspect=ORDER)
@pytest.mark.parametrize("assets", [by_month, by_week_before], ids=["months of days", "two days before"])
def test_what_is_below_is_made_for_the_keys_that_dagster_aims_at(assets: Callable[[Any], list[Any]]) -> None:
    import dagster
    from dagster._core.execution.asset_backfill import AssetBackfillData

    keys = [*keys_of(30, 31), "2024-02-01"]
    made = assets(dagster)
    with dagster.DagsterInstance.ephemeral() as instance:
        data = AssetBackfillData.from_asset_partitions(
            asset_graph=dagster.Definitions(made).resolve_asset_graph(),
            partition_names=keys,
            asset_selection=[asset.key for asset in made],
            dynamic_partitions_store=instance,
            all_partitions=False,
            backfill_start_timestamp=LATER.timestamp(),
        )
        target = data.target_subset
        wanted = {
            asset.key.to_user_string(): (
                sorted(target.get_asset_subset(asset.key).value.get_partition_keys())
                if asset.partitions_def is not None
                else None
            )
            for asset in made
        }

    _, backfill = ours(assets(jobkernel), keys)

    found: dict[str, list[str] | None] = {}
    for run in backfill.runs:
        for asset in run.assets:
            found[asset] = sorted([*(found.get(asset) or []), *run.keys]) or None
    assert found == wanted


@covers("BackfillPolicy", aspect=REFUSALS)
def test_roots_of_different_partitions_are_refused_by_both() -> None:
    import dagster
    from dagster._core.execution.asset_backfill import AssetBackfillData

    def two(dg: Any) -> list[Any]:
        @dg.asset(partitions_def=days(dg))
        def day() -> None: ...

        @dg.asset(partitions_def=dg.StaticPartitionsDefinition(["a"]))
        def letter() -> None: ...

        return [day, letter]

    with (
        dagster.DagsterInstance.ephemeral() as instance,
        pytest.raises(dagster._core.errors.DagsterBackfillFailedError, match="must have the same PartitionsDef"),
    ):
        AssetBackfillData.from_asset_partitions(
            asset_graph=dagster.Definitions(two(dagster)).resolve_asset_graph(),
            partition_names=keys_of(1, 1),
            asset_selection=[asset.key for asset in two(dagster)],
            dynamic_partitions_store=instance,
            all_partitions=False,
            backfill_start_timestamp=LATER.timestamp(),
        )
    with pytest.raises(InvalidDefinition, match="have different partitions, neither made of the other"):
        ours(two(jobkernel), keys_of(1, 1))
