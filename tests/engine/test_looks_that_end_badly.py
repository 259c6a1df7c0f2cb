"""What a look tries to end or gives beside runs: a tick like any other, and changes that are kept."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from scheduled import World, a_world

import jobkernel as jk
from jobkernel.model.automation import RunRequest, SkipReason

LOOK = timedelta(seconds=31)


@pytest.fixture
def world() -> Iterator[World]:
    with a_world() as made:
        yield made


@pytest.mark.parametrize("ending", [SystemExit(3), KeyboardInterrupt(), GeneratorExit()], ids=lambda each: repr(each))
def test_what_would_end_a_program_fails_the_look_and_the_next_one_comes(world: World, ending: BaseException) -> None:
    def look(context: Any) -> Any:
        if context.cursor is None:
            world.session.automations.set_cursor("watch", "again")
            raise ending
        return SkipReason("well")

    world.sensor(look)
    world.clock.move(4 * LOOK)

    assert world.statuses()[:2] == ["FAILURE", "SKIPPED"]
    assert world.rows()[0]["error"]["message"] == f"Sensor 'watch' raised {ending!r}, which ends nothing."


def test_a_schedule_that_exits_fires_again(world: World) -> None:
    world.schedule("* * * * *", function=lambda context: sys.exit(1), context_argument="context")
    world.clock.move(timedelta(minutes=2))
    assert world.statuses() == ["FAILURE"] * len(world.rows())
    assert len(world.rows()) >= 2


@pytest.fixture
def files(world: World) -> Any:
    """A job over an asset with a partition for each file, and what its sensor gives for the files named."""

    @jk.asset(partitions_def=jk.DynamicPartitionsDefinition(name="files"))
    def loaded(context: jk.AssetExecutionContext) -> str:
        return str(context.partition_key)

    jk.DagsterInstance(world.session).add_dynamic_partitions("files", ["old"])
    world.session.add(loaded, jk.define_asset_job("load", ["loaded"]))

    def look(context: Any) -> Any:
        if context.cursor:
            return SkipReason("seen")
        return jk.SensorResult(
            run_requests=[RunRequest(partition_key=key) for key in ("a", "b")],
            dynamic_partitions_requests=[
                jk.AddDynamicPartitionsRequest("files", ["a", "b"]),
                jk.DeleteDynamicPartitionsRequest("files", ["old"]),
            ],
            asset_events=[jk.AssetMaterialization("inbox", metadata={"files": 2})],
            cursor="1",
        )

    return look


def test_partitions_and_events_of_assets_that_a_look_gives_are_kept_with_it(world: World, files: Any) -> None:
    world.sensor(files, jobs=("load",))
    world.clock.move(2 * LOOK)

    assert world.statuses()[:2] == ["SUCCESS", "SKIPPED"]
    assert jk.DagsterInstance(world.session).get_dynamic_partitions("files") == ["a", "b"]
    assert sorted(run["partition_key"] for run in world.runs()) == ["a", "b"]
    made = world.session.history.sql("select asset_key, run_id from materializations where asset_key = 'inbox'")
    assert made.fetchall() == [("inbox", None)]


def test_a_preview_adds_partitions_when_it_is_launched(world: World, files: Any) -> None:
    world.sensor(files, jobs=("load",), starts_on=False)
    preview = world.session.automations.preview("watch")
    instance = jk.DagsterInstance(world.session)
    assert (preview.refusal, instance.get_dynamic_partitions("files")) == (None, ["old"])

    assert len(preview.launch()) == 2
    assert instance.get_dynamic_partitions("files") == ["a", "b"]
