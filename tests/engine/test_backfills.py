"""Backfills in a session: which runs they launch, how they end, cancel, retry, and going on in another session."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

import jobkernel as jk
from jobkernel.engine.backfill import Backfill, Wish
from jobkernel.engine.live_run import LiveRun
from jobkernel.engine.session import Session
from jobkernel.errors import InvariantViolation, UnknownName
from jobkernel.model.backfill_policy import BackfillPolicy
from jobkernel.model.runs import Launch
from jobkernel.rules.backfill_progress import Tally
from jobkernel.rules.backfills import BackfillRun

DAYS = jk.DailyPartitionsDefinition("2023-12-01")
PATIENCE_S = 30


class World:
    """A session on New Year's Day 2024 with ``day`` and ``report`` by day; days in ``broken`` fail."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.broken: set[str] = set()
        self.gate = threading.Event()
        self.gate.set()
        self.made: list[str] = []
        self.most = 0
        self._now: Counter[str] = Counter()
        lock = threading.Lock()

        @jk.asset(partitions_def=DAYS)
        def day(context: jk.AssetExecutionContext) -> int:
            key = str(context.partition_key)
            with lock:
                self._now["day"] += 1
                self.most = max(self.most, self._now["day"])
            try:
                assert self.gate.wait(PATIENCE_S)
                if key in self.broken:
                    raise ValueError(f"no {key}")
            finally:
                with lock:
                    self._now["day"] -= 1
            self.made.append(key)
            return int(key[-2:])

        @jk.asset(partitions_def=DAYS)
        def report(day: int) -> int:
            return day * 2

        self.add(day, report)

    def add(self, *definitions: Any) -> None:
        self.session.add(*definitions)

    def backfill(self, *assets: str, keys: list[str], job: str | None = None, **how: Any) -> Backfill:
        plan = (
            self.session.plan(self.session.select(" or ".join(assets))) if job is None else self.session.plan_job(job)
        )
        wish = Wish(plan=plan, keys=tuple(keys), selection=job or " ".join(assets), **how)
        return self.session.backfills.launch(wish)

    def runs(self, backfill: Backfill) -> list[dict[str, Any]]:
        """The runs of a backfill, in the order of their launch."""
        rows = self.session.history.query("runs_of_backfill", backfill_id=backfill.backfill_id)
        return [self.session.history.query("run", run_id=row["run_id"])[0] for row in rows]

    def row(self, backfill: Backfill) -> dict[str, Any]:
        rows: list[dict[str, Any]] = self.session.history.query("backfills", backfill_ids=[backfill.backfill_id])
        return rows[0]


def days(*numbers: int) -> list[str]:
    return [f"2023-12-{number:02}" for number in numbers]


@pytest.fixture
def world() -> Iterator[World]:
    with jk.test_session() as session:
        made = World(session)
        yield made
        made.gate.set()


def test_each_partition_has_one_run_with_all_assets_and_dagsters_tags(world: World) -> None:  # D 343
    backfill = world.backfill("day", "report", keys=days(1, 2, 3), choice=Launch(tags={"u": "1"})).wait(PATIENCE_S)

    assert backfill.status == "COMPLETED_SUCCESS"
    runs = world.runs(backfill)
    assert [(run["partition_key"], run["assets"]) for run in runs] == [
        (key, ["day", "report"]) for key in days(1, 2, 3)
    ]
    for run in runs:
        wanted = {"u": "1", "dagster/backfill": backfill.backfill_id, "dagster/partition": run["partition_key"]}
        assert wanted.items() <= run["tags"].items()
        assert (run["trigger"], run["trigger_name"]) == ("backfill", backfill.backfill_id)
    assert world.session.load("report", "2023-12-03") == 6
    assert backfill.progress == Tally(partitions=3, done=3)


def test_a_failing_partition_stops_no_other_and_is_retried_alone(world: World) -> None:
    world.broken |= set(days(2))
    backfill = world.backfill("day", "report", keys=days(1, 2, 3)).wait(PATIENCE_S)

    assert (backfill.status, backfill.failed) == ("COMPLETED_FAILED", days(2))
    assert backfill.progress == Tally(partitions=3, done=2, failed=1)
    row = world.row(backfill)
    assert (row["done"], row["failed"], row["error"]) == (2, 1, "ValueError: no 2023-12-02")

    world.broken.clear()
    again = backfill.retry_failed().wait(PATIENCE_S)

    assert again is backfill
    assert (backfill.status, backfill.failed) == ("COMPLETED_SUCCESS", [])
    assert sorted(world.made) == days(1, 2, 3)
    with pytest.raises(InvariantViolation, match="nothing is left to retry"):
        backfill.retry_failed()


def test_runs_that_cannot_be_queued_hold_up_no_others(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    launcher, refusals = world.session.launcher, [InvariantViolation("The queue has no place.")]
    enqueue = launcher.enqueue

    def refusing_once(*lives: LiveRun) -> None:
        if refusals:
            raise refusals.pop()
        enqueue(*lives)

    monkeypatch.setattr(launcher, "enqueue", refusing_once)
    backfill = world.backfill("day", keys=days(1, 2, 3), max_runs=1).wait(PATIENCE_S)

    assert (backfill.status, backfill.failed) == ("COMPLETED_FAILED", days(1))
    assert world.made == days(2, 3)
    assert [str(error) for error in backfill.refused.values()] == ["The queue has no place."]


def test_at_most_so_many_runs_go_at_once(world: World) -> None:
    world.gate.clear()
    backfill = world.backfill("day", keys=days(*range(1, 8)), max_runs=2)

    assert backfill.progress == Tally(
        partitions=7, running=backfill.progress.running, waiting=7 - backfill.progress.running
    )
    world.gate.set()
    backfill.wait(PATIENCE_S)

    assert world.most <= 2
    assert backfill.success


def test_a_cancel_launches_nothing_more_and_cancels_what_runs(world: World) -> None:
    world.gate.clear()
    backfill = world.backfill("day", keys=days(*range(1, 8)), max_runs=1)

    words = backfill.cancel()
    world.gate.set()
    backfill.wait(PATIENCE_S)

    assert "partitions are not launched" in words
    assert backfill.status == "CANCELED"
    assert len(world.runs(backfill)) <= 1
    assert backfill.cancel() == "it is over: CANCELED"

    backfill.retry_failed().wait(PATIENCE_S)

    assert backfill.status == "COMPLETED_SUCCESS"
    assert sorted(set(world.made)) == days(*range(1, 8))


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (BackfillPolicy.single_run(), [(1, 3), (5, 7)]),  # D 344
        (BackfillPolicy.multi_run(2), [(1, 2), (3, 3), (5, 6), (7, 7)]),  # D 346
    ],
)
def test_a_policy_makes_ranges_in_one_run(
    world: World, policy: BackfillPolicy, expected: list[tuple[int, int]]
) -> None:
    @jk.asset(partitions_def=DAYS, backfill_policy=policy)
    def several(context: jk.AssetExecutionContext) -> dict[str, int]:
        return dict.fromkeys(context.partition_keys, 1)

    world.add(several)
    backfill = world.backfill("several", keys=days(1, 2, 3, 5, 6, 7)).wait(PATIENCE_S)

    assert backfill.status == "COMPLETED_SUCCESS", backfill.errors
    ranges = [
        tuple(run["tags"].get(f"dagster/asset_partition_range_{end}", run["partition_key"]) for end in ("start", "end"))
        for run in world.runs(backfill)
    ]
    assert ranges == [tuple(days(*each)) for each in expected]
    assert backfill.progress == Tally(partitions=6, done=6)


def test_what_stands_above_is_made_first_and_what_needs_a_failed_one_is_left_out(world: World) -> None:
    months = jk.MonthlyPartitionsDefinition("2023-11-01")
    order: list[str] = []

    @jk.asset(partitions_def=months)
    def month(context: jk.AssetExecutionContext, day: Any) -> int:
        order.append(str(context.partition_key))
        return sum(day.values())

    @jk.asset
    def whole(month: Any) -> int:
        return sum(month.values()) if isinstance(month, dict) else month

    world.add(month, whole)
    keys = [str(key) for key in DAYS.get_partition_keys() if key < "2024"][:31]
    world.broken |= set(days(2))
    backfill = world.backfill("day", "month", keys=keys).wait(PATIENCE_S)

    assert backfill.progress == Tally(partitions=32, done=30, failed=1, not_run=1)
    assert order == []

    world.broken.clear()
    backfill.retry_failed().wait(PATIENCE_S)

    assert backfill.progress == Tally(partitions=32, done=32)
    assert order == ["2023-12-01"]
    assert world.session.load("month", "2023-12-01") == sum(range(1, 32))


def test_an_asset_that_needs_its_own_yesterday_is_made_in_order(world: World) -> None:
    order: list[str] = []
    yesterday = jk.TimeWindowPartitionMapping(
        start_offset=-1, end_offset=-1, allow_nonexistent_upstream_partitions=True
    )

    @jk.asset(partitions_def=DAYS, ins={"running": jk.AssetIn("running", partition_mapping=yesterday)})
    def running(context: jk.AssetExecutionContext, running: Any) -> int:
        order.append(str(context.partition_key))
        return (running or 0) + 1 if not isinstance(running, dict) else 1

    world.add(running)
    backfill = world.backfill("running", keys=days(3, 1, 2)).wait(PATIENCE_S)

    assert backfill.status == "COMPLETED_SUCCESS", backfill.errors
    assert order == days(1, 2, 3)


def test_a_job_of_ops_is_backfilled_over_its_config(world: World) -> None:  # D 347
    @jk.static_partitioned_config(partition_keys=["x", "y", "z"])
    def by_letter(key: str) -> dict[str, Any]:
        return {"ops": {"show": {"config": {"letter": key}}}}

    seen: list[str] = []

    @jk.op(config_schema={"letter": str})
    def show(context: jk.OpExecutionContext) -> None:
        seen.append(context.op_config["letter"])

    @jk.job(config=by_letter)
    def letters() -> None:
        show()

    world.add(letters)
    backfill = world.backfill(job="letters", keys=["x", "y", "z"]).wait(PATIENCE_S)

    assert backfill.status == "COMPLETED_SUCCESS", backfill.errors
    assert sorted(seen) == ["x", "y", "z"]
    wanted = {"dagster/partition_set": "letters_partition_set", "dagster/backfill": backfill.backfill_id}
    assert all(wanted.items() <= run["tags"].items() for run in world.runs(backfill))


def test_what_cannot_be_begun_is_refused_in_a_sentence(world: World) -> None:
    with pytest.raises(InvariantViolation, match="over no partition makes nothing"):
        world.backfill("day", keys=[])
    with pytest.raises(UnknownName, match="No partition '2024-05-05' exists"):
        world.backfill("day", keys=["2024-05-05"])
    with pytest.raises(UnknownName, match="There is no backfill 'nobody'"):
        world.session.backfills.cancel("nobody")
    assert world.session.history.sql("from backfills").fetchall() == []


def test_the_rows_are_rebuilt_from_the_log(world: World) -> None:
    world.broken |= set(days(2))
    world.backfill("day", keys=days(1, 2)).wait(PATIENCE_S)
    before = world.session.history.sql("from backfills").fetchall()

    world.session.history.request("rebuild")

    assert world.session.history.sql("from backfills").fetchall() == before
    assert before[0][1] == "COMPLETED_FAILED"


def test_a_run_that_is_retried_by_itself_counts_as_its_retry_ends(world: World) -> None:
    tries: Counter[str] = Counter()

    @jk.asset(partitions_def=DAYS)
    def shaky(context: jk.AssetExecutionContext) -> int:
        tries[str(context.partition_key)] += 1
        if tries[str(context.partition_key)] == 1:
            raise ValueError("once")
        return 1

    world.add(shaky)
    retried = Launch(tags={"dagster/max_retries": "1"})
    backfill = world.backfill("shaky", keys=days(1, 2), choice=retried, max_runs=1).wait(PATIENCE_S)

    assert backfill.status == "COMPLETED_SUCCESS"
    assert tries == dict.fromkeys(days(1, 2), 2)
    assert len(world.runs(backfill)) == 4
    assert world.row(backfill)["done"] == 2


def test_a_single_run_that_is_canceled_by_hand_counts_as_failed(world: World) -> None:
    world.gate.clear()
    backfill = world.backfill("day", keys=days(1, 2), max_runs=2)
    deadline = time.monotonic() + PATIENCE_S
    while len(backfill.run_ids) < 2:
        assert time.monotonic() < deadline

    world.session.cancel(backfill.run_ids[0], forced=True)
    world.gate.set()
    backfill.wait(PATIENCE_S)

    assert (backfill.status, backfill.failed) == ("COMPLETED_FAILED", days(1))


@pytest.mark.parametrize(
    ("run", "title"),
    [
        (BackfillRun(number=0, keys=("a",)), "a"),
        (BackfillRun(number=0, keys=("a", "b", "c"), is_range=True), "a..c"),
        (BackfillRun(number=0, assets=("week",), keys=("a",)), "week a"),
        (BackfillRun(number=0, assets=("week", "x", "y"), keys=("a", "b")), "week and 2 more a..b"),
        (BackfillRun(number=0, assets=("whole",)), "whole"),
    ],
)
def test_a_run_is_named_by_what_it_makes(run: BackfillRun, title: str) -> None:
    assert run.title == title
