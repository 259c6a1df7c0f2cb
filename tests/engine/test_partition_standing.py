"""How partitions stand in a session: counted, judged by code and by what they need above, as time and keys go on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

import jobkernel as jk
from jobkernel.clock import ManualClock
from jobkernel.engine.dynamic_keys import dynamic_keys_of
from jobkernel.engine.session import Session
from jobkernel.model import events as ev
from jobkernel.model.events import Event
from jobkernel.model.runs import Launch
from jobkernel.rules.fingerprint import fingerprint_of
from jobkernel.rules.partition_standing import PartitionCounts

DAYS = jk.DailyPartitionsDefinition("2023-12-28")
KEYS = ["2023-12-28", "2023-12-29", "2023-12-30", "2023-12-31"]
RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")


def raw(broken: set[str]) -> Any:
    @jk.asset(partitions_def=DAYS)
    def raw(context: jk.AssetExecutionContext) -> None:
        if broken & set(context.partition_keys):
            raise ValueError("not today")

    return raw


@pytest.fixture
def broken() -> set[str]:
    return set()


@pytest.fixture
def session(broken: set[str]) -> Iterator[Session]:
    """Give a session on New Year's Day 2024: ``raw`` by day, and below it assets of every way to need its days."""

    @jk.asset(partitions_def=DAYS, deps=["raw"])
    def same() -> None: ...

    shifted = jk.AssetDep("raw", partition_mapping=jk.TimeWindowPartitionMapping(start_offset=-1, end_offset=0))

    @jk.asset(partitions_def=DAYS, deps=[shifted])
    def two_days() -> None: ...

    @jk.asset(partitions_def=jk.StaticPartitionsDefinition(["a", "b"]), deps=[all_of("raw")])
    def letters() -> None: ...

    @jk.asset(deps=["raw"])
    def whole() -> None: ...

    with jk.test_session() as made:
        made.add(raw(broken), same, two_days, letters, whole)
        yield made


def all_of(key: str) -> jk.AssetDep:
    return jk.AssetDep(key, partition_mapping=jk.AllPartitionMapping())


def run(session: Session, name: str, *partitions: str) -> None:
    """Make these partitions of an asset, each in a run of its own."""
    for partition in partitions or (None,):
        session.launch(session.plan([name]), Launch(partition_key=partition)).wait()


def words(session: Session, name: str) -> dict[str, str]:
    standing = session.freshness.partitions(name)
    assert standing is not None
    return {key: standing.words.get(key, "never") for key in standing.keys}


def counts(session: Session, name: str) -> PartitionCounts:
    standing = session.freshness.partitions(name)
    assert standing is not None
    return standing.counts


def test_partitions_are_counted_and_the_asset_stands_as_they_do(session: Session, broken: set[str]) -> None:
    status = session.freshness.status_words
    assert (counts(session, "raw"), status()["raw"]) == (PartitionCounts(of=4, made=0), "never")

    run(session, "raw", *KEYS[:2])
    assert (counts(session, "raw"), status()["raw"]) == (PartitionCounts(of=4, made=2), "partly")
    assert session.freshness.verdicts()["raw"].partitions == "2 of 4 made"

    broken.update(KEYS[1:3])
    run(session, "raw", *KEYS[1:3])
    assert words(session, "raw") == dict(zip(KEYS, ["fresh", "failed", "failed", "never"], strict=True))
    assert (counts(session, "raw"), status()["raw"]) == (PartitionCounts(of=4, made=2, failed=2), "failed")

    broken.clear()
    run(session, "raw", *KEYS[1:])
    assert (counts(session, "raw"), status()["raw"]) == (PartitionCounts(of=4, made=4), "fresh")


def test_one_run_of_several_partitions_counts_each(session: Session) -> None:
    tags = dict(zip(RANGE, (KEYS[1], KEYS[3]), strict=True))

    session.launch(session.plan(["raw"]), Launch(tags=tags)).wait()

    assert words(session, "raw") == dict(zip(KEYS, ["never", "fresh", "fresh", "fresh"], strict=True))


def test_a_day_made_anew_makes_stale_what_needs_it_and_nothing_else(session: Session) -> None:
    run(session, "raw", *KEYS)
    for name in ("same", "two_days"):
        run(session, name, *KEYS[1:])
    assert session.freshness.status_words()["same"] == "partly"

    run(session, "raw", KEYS[2])

    assert words(session, "same") == dict(zip(KEYS, ["never", "fresh", "stale", "fresh"], strict=True))
    assert words(session, "two_days") == dict(zip(KEYS, ["never", "fresh", "stale", "stale"], strict=True))
    assert session.freshness.partition_verdict("two_days", KEYS[3]).upstream == ("raw",)
    assert session.freshness.status_words()["same"] == "stale"

    run(session, "same", KEYS[2])
    assert words(session, "same")[KEYS[2]] == "fresh"


def test_what_needs_all_days_goes_stale_with_any_and_with_a_new_one(session: Session) -> None:
    run(session, "raw", *KEYS[:2])
    run(session, "letters", "a", "b")
    run(session, "whole")
    assert session.freshness.status_words() == {
        "raw": "partly", "same": "never", "two_days": "never", "letters": "fresh", "whole": "fresh",
    }  # fmt: skip

    run(session, "raw", KEYS[2])

    assert words(session, "letters") == {"a": "stale", "b": "stale"}
    assert session.freshness.verdicts()["whole"].upstream == ("raw",)
    run(session, "letters", "a")
    assert words(session, "letters") == {"a": "fresh", "b": "stale"}


def test_changed_code_makes_all_made_days_stale_and_what_is_below(broken: set[str]) -> None:
    @jk.asset(partitions_def=DAYS, deps=["raw"])
    def below() -> None: ...

    with jk.test_session() as session:
        session.freshness.follow = follow("1")
        session.add(raw(broken), below)
        run(session, "raw", *KEYS[:2])
        run(session, "below", KEYS[1])
        assert words(session, "raw")[KEYS[0]] == "fresh"

        session.freshness.follow = follow("2", only="raw")
        session.freshness.code_may_have_changed()

        assert words(session, "raw") == dict(zip(KEYS, ["stale", "stale", "never", "never"], strict=True))
        assert session.freshness.partition_verdict("raw", KEYS[0]).changed == ("own",)
        assert session.freshness.partition_verdict("below", KEYS[1]).upstream == ("raw",)
        assert counts(session, "raw") == PartitionCounts(of=4, made=2, stale=2)


def follow(code: str, only: str | None = None) -> Callable[..., Any]:
    return lambda function, _memo: fingerprint_of({"own": code if only in (None, function.__name__) else "1"})


def test_days_that_come_are_missing_and_need_no_event(session: Session) -> None:
    run(session, "raw", *KEYS)
    assert session.freshness.status_words()["raw"] == "fresh"

    clock = session.clock
    assert isinstance(clock, ManualClock)
    clock.move(timedelta(days=2))

    assert counts(session, "raw") == PartitionCounts(of=6, made=4)
    assert session.freshness.status_words()["raw"] == "partly"


def test_dynamic_keys_count_as_they_come_and_go() -> None:
    @jk.asset(partitions_def=jk.DynamicPartitionsDefinition(name="guests"))
    def seats() -> None: ...

    with jk.test_session() as session:
        session.add(seats)
        assert session.freshness.verdicts()["seats"].partitions == "no partition exists yet"
        keys = dynamic_keys_of(session)

        keys.add_dynamic_partitions("guests", ["ann", "bob"])
        run(session, "seats", "bob")
        assert counts(session, "seats") == PartitionCounts(of=2, made=1)

        keys.delete_dynamic_partition("guests", "bob")
        assert counts(session, "seats") == PartitionCounts(of=1, made=0)
        assert session.freshness.status_words()["seats"] == "never"


def test_partitions_are_in_progress_from_the_start_of_a_run_to_its_end(session: Session) -> None:
    seen: list[int] = []

    @jk.asset(partitions_def=DAYS)
    def slow() -> None:
        seen.append(counts(session, "slow").running)

    session.add(slow)
    session.launch(session.plan(["slow"]), Launch(tags=dict(zip(RANGE, (KEYS[0], KEYS[2]), strict=True)))).wait()

    assert seen == [3]
    assert counts(session, "slow") == PartitionCounts(of=4, made=3)


def test_a_canceled_run_leaves_nothing_in_progress(session: Session) -> None:
    body = {"asset_key": "raw", "partition_key": KEYS[0]}
    session.states.note(Event(ev.ASSET_MATERIALIZATION_PLANNED, "r1", "raw", 1, body))
    assert counts(session, "raw").running == 1

    session.states.note(Event(ev.RUN_CANCELED, "r1", None, 2, {}))

    assert counts(session, "raw") == PartitionCounts(of=4, made=0)


def test_a_session_opened_again_knows_what_the_one_before_made(session: Session, broken: set[str]) -> None:
    broken.add(KEYS[3])
    run(session, "raw", *KEYS)
    run(session, "same", *KEYS[:2])
    run(session, "raw", KEYS[1])
    before = {name: words(session, name) for name in ("raw", "same")}
    rows = session.history.query("partition_states")

    with jk.test_session() as other:
        other.registry.define_all(list(session.registry.entries.values()))
        other.states.load([], [], rows)

        assert {name: words(other, name) for name in ("raw", "same")} == before
        assert before["same"] == dict(zip(KEYS, ["fresh", "stale", "never", "never"], strict=True))
        assert other.freshness.state_of("raw").made is not None


def test_a_run_of_another_kernel_is_in_progress_until_its_rows_say_otherwise(session: Session) -> None:
    row = {
        "asset_key": "raw", "partition_key": KEYS[0], "status": None, "planned_run_id": "elsewhere",
        "last_run_id": None, "last_at": None, "error": None, "last_materialized_at": None,
        "materialized_run_id": None, "step_key": None, "data_version": None, "upstream": None, "parts_id": None,
        "parts": None,
    }  # fmt: skip
    session.states.load([], [], [row])
    assert counts(session, "raw") == PartitionCounts(of=4, made=0, running=1)

    made = {"status": "MATERIALIZED", "planned_run_id": None, "last_run_id": "elsewhere", "last_at": 5}
    session.states.load([], [], [{**row, **made, "last_materialized_at": 5, "materialized_run_id": "elsewhere"}])

    assert counts(session, "raw") == PartitionCounts(of=4, made=1)


def test_after_the_first_time_only_late_rows_are_read_and_planned_ones(session: Session) -> None:
    run(session, "raw", *KEYS[:2])
    session.refresh()
    since = session.states.partitions.since
    assert since is not None

    clock = session.clock
    assert isinstance(clock, ManualClock)
    clock.move(timedelta(hours=2))
    run(session, "raw", KEYS[2])

    session.refresh()
    late = session.history.query("partition_states", since=session.states.partitions.since)
    assert [row["partition_key"] for row in late] == [KEYS[2]]
    assert words(session, "raw") == dict(zip(KEYS, ["fresh", "fresh", "fresh", "never"], strict=True))
