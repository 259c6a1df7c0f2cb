"""Assets that are told to be made elsewhere, by no run: remembered, fresh and stale as by Dagster."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from harness import assert_refused, assert_same, dagster
from instances import ephemeral
from symbols import ORDER, REFUSALS, covers

import jobkernel

pytestmark = pytest.mark.compat
Step = Callable[[Any], Any]


def told(key: str, version: str | None = None) -> Step:
    """The report of an asset, with a data version or none."""
    tags = {"dagster/data_version": version} if version else None
    return lambda world: world.instance.report_runless_asset_event(world.dg.AssetMaterialization(key, tags=tags))


def seen(key: str) -> Step:
    tags = {"dagster/data_version": "seen"}
    return lambda world: world.instance.report_runless_asset_event(world.dg.AssetObservation(key, tags=tags))


def made(key: str) -> Step:
    return lambda world: world.make(key)


def two_assets(dg: Any) -> list[Any]:
    @dg.asset
    def up() -> int:
        return 1

    @dg.asset(deps=["up"])
    def down() -> int:
        return 2

    return [up, down]


class Theirs:
    """Dagster's instance, and its own verdict on what is stale."""

    def __init__(self) -> None:
        self.dg = dagster()
        self.instance, self.assets = ephemeral(self.dg), two_assets(self.dg)

    def make(self, key: str) -> None:
        self.dg.materialize(self.assets, selection=[key], instance=self.instance)

    def words(self) -> dict[str, str]:
        from dagster._core.definitions.data_version import CachingStaleStatusResolver
        from dagster._core.loader import LoadingContextForTest

        graph = self.dg.Definitions(self.assets).resolve_asset_graph()
        resolver = CachingStaleStatusResolver(self.instance, graph, LoadingContextForTest(self.instance))
        return {key: resolver.get_status(self.dg.AssetKey(key)).value for key in ("up", "down")}


class OfOurs:
    """A session's instance, and its verdict."""

    def __init__(self, session: Any) -> None:
        self.dg, self.session = jobkernel, session
        self.instance = jobkernel.DagsterInstance(session)
        session.add(*two_assets(jobkernel))

    def make(self, key: str) -> None:
        assert self.session.launch(self.session.plan([key])).wait(20).success

    def words(self) -> dict[str, str]:
        words = self.session.freshness.status_words()
        return {key: words[key].upper().replace("NEVER", "MISSING") for key in ("up", "down")}


LIVES: dict[str, Sequence[Step]] = {
    "what is made above later makes it stale": [made("up"), told("down"), made("up"), told("down")],
    "what is told above later makes it stale": [told("up"), told("down"), told("up")],
    "told again without a version, it is the same": [told("up"), made("down"), told("up")],
    "told after a run, it is another": [made("up"), made("down"), told("up"), made("down")],
    "told with versions": [told("up", "1"), made("down"), told("up", "1"), told("up", "2"), told("down", "1")],
    "only seen, it is the same": [told("up", "1"), made("down"), seen("up")],
}


@covers("DagsterInstance", "AssetMaterialization")
@pytest.mark.parametrize("life", LIVES.values(), ids=LIVES.keys())
def test_what_was_told_is_as_fresh_as_in_dagster(life: Sequence[Step]) -> None:
    theirs = Theirs()
    with jobkernel.test_session() as session:
        ours = OfOurs(session)
        for step in life:
            session.clock.move(timedelta(seconds=1))
            for world in (theirs, ours):
                step(world)
            assert ours.words() == theirs.words()


@covers("DagsterInstance", "AssetMaterialization", "AssetObservation")
@covers("DagsterInstance", aspect=ORDER)
def test_what_was_told_is_remembered_without_a_run_in_order() -> None:
    def script(dg: Any) -> Any:
        instance = ephemeral(dg)
        for number in (1, 2):
            instance.report_runless_asset_event(dg.AssetMaterialization("a", metadata={"n": number}, partition="p"))
        instance.report_runless_asset_event(dg.AssetObservation("b", description="here"))
        check = dg.AssetCheckEvaluation(asset_key=dg.AssetKey("a"), check_name="good", passed=False)
        instance.report_runless_asset_event(check)
        latest = instance.get_latest_materialization_event(dg.AssetKey("a"))
        found = instance.fetch_materializations(dg.AssetKey("a"), limit=5, ascending=True).records
        return [
            (latest.run_id, latest.dagster_event.job_name, latest.dagster_event.step_key),
            [(each.run_id, each.asset_materialization.metadata["n"].value, each.partition_key) for each in found],
            instance.fetch_observations(dg.AssetKey("b"), limit=1).records[0].asset_observation.description,
            [key.to_user_string() for key in instance.all_asset_keys()],
            len(instance.get_runs()),
        ]

    assert_same(script)


@covers("DagsterInstance", aspect=REFUSALS)
@pytest.mark.parametrize("event", [3, None, "a"])
def test_something_else_than_an_event_of_an_asset_is_refused(event: Any) -> None:
    assert_refused(lambda dg: ephemeral(dg).report_runless_asset_event(event))


@covers("DagsterInstance", "AssetMaterialization")
@pytest.mark.parametrize("is_live", [False, True])
def test_a_session_of_a_project_remembers_what_was_told(is_live: bool) -> None:
    with jobkernel.test_session() as session:
        instance = jobkernel.DagsterInstance(session) if is_live else ephemeral(jobkernel)
        instance.report_runless_asset_event(jobkernel.AssetMaterialization("a", metadata={"n": 1}))
        latest = instance.get_latest_materialization_event(jobkernel.AssetKey("a"))
        assert latest is not None
        assert latest.run_id == ""
        assert latest.dagster_event.step_key is None
        assert instance.has_asset_key(jobkernel.AssetKey("a"))
