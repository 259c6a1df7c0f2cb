"""Partitions in a session: values, states and rows by partition; what is refused; other processes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import jobkernel as jk
from jobkernel.api.instance import DagsterInstance
from jobkernel.engine import live
from jobkernel.engine.dynamic_keys import dynamic_keys_of
from jobkernel.engine.partitions import failed_keys, made_keys
from jobkernel.engine.session import Session
from jobkernel.errors import InvariantViolation, MissingUpstream, UnknownName
from jobkernel.model.runs import Launch, RunStatus

DAYS = jk.DailyPartitionsDefinition("2023-12-28")
RANGE = {
    "dagster/asset_partition_range_start": "2023-12-28",
    "dagster/asset_partition_range_end": "2023-12-30",
}


@pytest.fixture
def session() -> Iterator[Session]:
    """Give a session on New Year's Day 2024, with assets by day."""
    broken: set[str] = {"2023-12-31"}

    @jk.asset(partitions_def=DAYS)
    def day(context: jk.AssetExecutionContext) -> str:
        if context.partition_key in broken:
            broken.remove(context.partition_key)
            raise ValueError("not today")
        return str(context.partition_key)

    @jk.asset(partitions_def=DAYS, ins={"day": jk.AssetIn(partition_mapping=jk.TimeWindowPartitionMapping(-1, 0))})
    def two_days(day: Any) -> Any:
        return day

    @jk.asset(partitions_def=DAYS)
    def several(context: jk.AssetExecutionContext) -> dict[str, int]:
        return {key: int(key[-2:]) for key in context.partition_keys}

    @jk.asset
    def plain() -> int:
        return 1

    with jk.test_session() as made:
        made.add(day, two_days, several, plain)
        yield made


def run(session: Session, name: str, partition: str | None = None, **options: Any) -> Any:
    """Run an asset to its end and return the handle."""
    handle = session.launch(session.plan([name]), Launch(partition_key=partition, **options))
    handle.wait()
    return handle


def test_each_partition_has_its_own_value_and_row(session: Session) -> None:
    for key in ("2023-12-28", "2023-12-30"):
        run(session, "day", key)

    assert [session.load("day", key) for key in ("2023-12-28", "2023-12-30")] == ["2023-12-28", "2023-12-30"]
    with pytest.raises(MissingUpstream, match="partition '2023-12-29'"):
        session.load("day", "2023-12-29")
    rows = session.history.sql("select asset_key, partition_key from materializations order by 2").fetchall()
    assert rows == [("day", "2023-12-28"), ("day", "2023-12-30")]
    assert session.history.sql("select partition_key from runs order by 1").fetchall() == [
        ("2023-12-28",),
        ("2023-12-30",),
    ]


def test_several_upstream_partitions_are_a_dict_by_key(session: Session) -> None:
    for key in ("2023-12-28", "2023-12-29"):
        run(session, "day", key)

    run(session, "two_days", "2023-12-29").raise_for_status()

    assert session.load("two_days", "2023-12-29") == {"2023-12-28": "2023-12-28", "2023-12-29": "2023-12-29"}


def test_what_failed_is_known_by_partition_and_runs_again_as_the_same(session: Session) -> None:
    run(session, "day", "2023-12-28")
    failed = run(session, "day", "2023-12-31")

    assert made_keys(session, ["day"]) == {"2023-12-28"}
    assert failed_keys(session, ["day"]) == {"2023-12-31"}

    again = session.reexecute(failed.run_id)
    again.wait()

    assert again.status == RunStatus.SUCCESS
    assert session.load("day", "2023-12-31") == "2023-12-31"
    assert failed_keys(session, ["day"]) == set()


def test_one_run_makes_a_range_and_each_value_is_kept_by_itself(session: Session) -> None:
    handle = run(session, "several", tags=RANGE)

    handle.raise_for_status()
    assert [session.load("several", f"2023-12-{day}") for day in (28, 29, 30)] == [28, 29, 30]
    assert made_keys(session, ["several"]) == {"2023-12-28", "2023-12-29", "2023-12-30"}


def test_an_upstream_partition_that_was_never_made_fails_the_step_by_name(session: Session) -> None:
    handle = run(session, "two_days", "2023-12-28")

    assert handle.status == RunStatus.FAILURE
    assert "There is no stored value of asset 'day', partition '2023-12-28'" in repr(handle)


@pytest.mark.parametrize(
    ("name", "partition", "error", "words"),
    [
        ("day", None, InvariantViolation, "from '2023-12-28' to '2023-12-31'. Say which one"),
        ("day", "2023-12-32", UnknownName, "Did you mean '2023-12-"),
        ("day", "2024-01-01", UnknownName, "They go from '2023-12-28' to '2023-12-31'"),
        ("plain", "2023-12-28", InvariantViolation, "'plain' has no partitions"),
    ],
)
def test_what_a_launch_refuses(
    session: Session, name: str, partition: str | None, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        run(session, name, partition)


def test_loading_says_whether_a_partition_is_needed(session: Session) -> None:
    run(session, "plain")

    with pytest.raises(InvariantViolation, match="'day' has partitions; name one"):
        session.load("day")
    with pytest.raises(InvariantViolation, match="'plain' has no partitions; leave it out"):
        session.load("plain", "2023-12-28")
    assert session.load("plain") == 1


@pytest.mark.slow
def test_another_process_knows_its_partition_and_those_upstream(session: Session) -> None:
    run(session, "day", "2023-12-28")
    run(session, "day", "2023-12-29", executor="processes").raise_for_status()

    run(session, "two_days", "2023-12-29", executor="processes").raise_for_status()

    assert session.load("two_days", "2023-12-29") == {"2023-12-28": "2023-12-28", "2023-12-29": "2023-12-29"}


def test_dynamic_keys_are_the_projects_and_keep_their_order(session: Session) -> None:
    files = jk.DynamicPartitionsDefinition(name="files")

    @jk.asset(partitions_def=files)
    def file(context: jk.AssetExecutionContext) -> str:
        return str(context.partition_key)

    session.add(file)
    first, second = dynamic_keys_of(session), DagsterInstance(session)
    first.add_dynamic_partitions("files", ["b", "a", "b"])
    second.add_dynamic_partitions("files", ["a", "c"])
    first.delete_dynamic_partition("files", "b")
    first.delete_dynamic_partition("files", "never")
    second.add_dynamic_partitions("files", ["b"])
    first.add_dynamic_partitions("files2", ["z"])

    run(session, "file", "c").raise_for_status()

    assert first.get_dynamic_partitions("files") == ["a", "c", "b"]
    assert [second.has_dynamic_partition("files", key) for key in "acz"] == [True, True, False]
    assert session.load("file", "c") == "c"
    with pytest.raises(UnknownName, match="They go from 'a' to 'b'"):
        run(session, "file", "z")


def test_a_script_in_a_notebook_leaves_partitions_in_the_project(session: Session) -> None:
    live.opened(session)

    @jk.asset(partitions_def=DAYS)
    def day(context: jk.AssetExecutionContext) -> str:
        return f"of a script: {context.partition_key}"

    result = jk.materialize([day], partition_key="2023-12-30", instance=jk.DagsterInstance.get())

    assert result.success
    assert session.load("day", "2023-12-30") == "of a script: 2023-12-30"
    assert made_keys(session, ["day"]) == {"2023-12-30"}
