"""Runs and events are found by the same filters, in the same order, as in Dagster."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from harness import assert_refused, assert_same, under_dagster
from instances import ephemeral
from symbols import ORDER, REFUSALS, covers

import jobkernel
from jobkernel.errors import Unsupported

pytestmark = pytest.mark.compat
Asked = Callable[[Any, Any, list[Any]], Any]


def past(dg: Any) -> Any:
    """Return an instance that knows three runs: two of assets, the last one failed."""
    instance = ephemeral(dg)

    @dg.asset
    def b():
        return 1

    @dg.asset
    def a(context):
        context.log_event(dg.AssetObservation("seen", metadata={"rows": 3}))
        return 2

    @dg.op
    def boom():
        raise ValueError("boom")

    @dg.job(tags={"team": "x"})
    def bad():
        boom()

    dg.materialize([a, b], instance=instance, tags={"k": "v", "dagster/backfill": "all"})
    dg.materialize([a], instance=instance, tags={"k": "w"})
    bad.execute_in_process(instance=instance, raise_on_error=False)
    return instance


def of_past(asked: Asked) -> Callable[[Any], Any]:
    """Return a script that asks the instance something; it is given the records, newest first."""

    def script(dg: Any) -> Any:
        instance = past(dg)
        return asked(dg, instance, instance.get_run_records())

    return script


def places(records: list[Any], found: list[Any]) -> list[int]:
    """Return which of the records, counted from the newest, were found, in the order in which they came."""
    ids = [record.dagster_run.run_id for record in records]
    return [ids.index(getattr(each, "dagster_run", each).run_id) for each in found]


FILTERS: dict[str, Callable[[Any, list[Any]], dict[str, Any]]] = {
    "nothing": lambda _dg, _records: {},
    "job": lambda _dg, _records: {"job_name": "bad"},
    "no such job": lambda _dg, _records: {"job_name": "worse"},
    "ids": lambda _dg, records: {"run_ids": [records[2].dagster_run.run_id, records[0].dagster_run.run_id]},
    "status": lambda dg, _records: {"statuses": [dg.DagsterRunStatus.FAILURE]},
    "statuses": lambda dg, _records: {"statuses": [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.SUCCESS]},
    "no statuses": lambda _dg, _records: {"statuses": []},
    "tag": lambda _dg, _records: {"tags": {"k": "v"}},
    "one of tags": lambda _dg, _records: {"tags": {"k": ["v", "w"]}},
    "two tags": lambda _dg, _records: {"tags": {"k": "v", "team": "x"}},
    "and": lambda dg, _records: {"statuses": [dg.DagsterRunStatus.SUCCESS], "tags": {"team": "x"}},
    "created after": lambda _dg, records: {"created_after": records[1].create_timestamp},
    "created before": lambda _dg, records: {"created_before": records[1].create_timestamp},
    "updated after": lambda _dg, records: {"updated_after": records[1].update_timestamp},
    "updated before": lambda _dg, records: {"updated_before": records[1].update_timestamp},
    "without zone": lambda _dg, records: {"created_after": records[1].create_timestamp.replace(tzinfo=None)},
    "no subruns": lambda _dg, _records: {"exclude_subruns": True},
    "subruns too": lambda _dg, _records: {"exclude_subruns": False},
}


@covers("RunsFilter", "DagsterInstance", "DagsterRunStatus", "RunRecord")
@covers("RunsFilter", "DagsterInstance", aspect=ORDER)
@pytest.mark.parametrize("name", FILTERS)
def test_a_filter_lets_the_same_runs_through_in_the_same_order(name: str) -> None:
    def asked(dg: Any, instance: Any, records: list[Any]) -> Any:
        wanted = dg.RunsFilter(**FILTERS[name](dg, records))
        return [
            places(records, instance.get_runs(wanted)),
            places(records, instance.get_run_records(wanted)),
            instance.get_runs_count(wanted),
            len(instance.get_run_ids(wanted, limit=1)),
        ]

    assert_same(of_past(asked))


@covers("RunsFilter")
def test_a_filter_says_what_it_asks_for() -> None:
    assert_same(
        lambda dg: (
            [
                (
                    made.run_ids,
                    made.job_name,
                    [each.name for each in made.statuses],
                    dict(made.tags),
                    made.created_after,
                )
                for made in (dg.RunsFilter(), dg.RunsFilter(["r"], "j", [dg.DagsterRunStatus.QUEUED], {"k": "v"}))
            ]
            + [dg.RunsFilter(job_name="x") == dg.RunsFilter(job_name="x")]
        )
    )


@covers("RunsFilter", aspect=REFUSALS)
@pytest.mark.parametrize(
    "given", [{"run_ids": []}, {"run_ids": "r"}, {"statuses": ["FAILURE"]}, {"tags": {"k": 1}}, {"jobs": "x"}], ids=str
)
def test_a_filter_that_makes_no_sense_is_refused(given: dict[str, Any]) -> None:
    def script(dg: Any) -> None:
        dg.RunsFilter(**given)

    if "jobs" in given:
        for module in (jobkernel, under_dagster(lambda dg: dg)):
            with pytest.raises(TypeError, match="jobs"):
                script(module)
    else:
        assert_refused(script)


def test_a_time_of_another_zone_is_that_time_and_not_read_as_utc_as_in_dagster() -> None:
    def asked(dg: Any, instance: Any, records: list[Any]) -> Any:
        east = records[1].create_timestamp.astimezone(timezone(timedelta(hours=5)))
        return places(records, instance.get_runs(dg.RunsFilter(created_after=east)))

    assert under_dagster(of_past(asked)) == []
    assert of_past(asked)(jobkernel) == [0]


@covers("RunRecord", "DagsterInstance")
def test_a_record_has_the_times_of_its_run() -> None:
    def asked(_dg: Any, instance: Any, records: list[Any]) -> Any:
        ascending = [record.storage_id for record in records[::-1]]
        one = instance.get_run_record_by_id(records[0].dagster_run.run_id)
        return [
            ascending == sorted(ascending),
            [record.create_timestamp.timestamp() <= record.start_time <= record.end_time for record in records],
            [record.update_timestamp.timestamp() >= record.start_time for record in records],
            [record.create_timestamp.tzinfo is not None for record in records],
            one.dagster_run.status.value,
            instance.get_run_record_by_id("none"),
        ]

    assert_same(of_past(asked))


@covers("DagsterInstance", aspect=ORDER)
def test_runs_come_in_pages_and_in_either_direction() -> None:
    def asked(_dg: Any, instance: Any, records: list[Any]) -> Any:
        ids = [record.dagster_run.run_id for record in records]
        return [
            places(records, instance.get_run_records(ascending=True)),
            places(records, instance.get_run_records(limit=2)),
            places(records, instance.get_run_records(cursor=ids[0])),
            places(records, instance.get_run_records(cursor=ids[1], ascending=True)),
            places(records, instance.get_run_records(cursor=ids[2])),
            places(records, instance.get_runs(cursor=ids[0], limit=1)),
        ]

    assert_same(of_past(asked))


EVENTS: dict[str, Callable[[Any, list[int]], dict[str, Any]]] = {
    "all": lambda _dg, _ids: {},
    "key": lambda dg, _ids: {"asset_key": dg.AssetKey("a")},
    "no such key": lambda dg, _ids: {"asset_key": dg.AssetKey("x")},
    "after": lambda _dg, ids: {"after_cursor": ids[-1]},
    "before": lambda _dg, ids: {"before_cursor": ids[0]},
    "between": lambda _dg, ids: {"after_cursor": ids[-1], "before_cursor": ids[0]},
    "ids": lambda _dg, ids: {"storage_ids": [ids[1]]},
    "no ids": lambda _dg, _ids: {"storage_ids": []},
    "partitions": lambda dg, _ids: {"asset_key": dg.AssetKey("a"), "asset_partitions": ["p"]},
    "long ago": lambda _dg, _ids: {"before_timestamp": 1.0},
    "since then": lambda _dg, _ids: {"after_timestamp": 1.0},
}


@covers("EventRecordsFilter", "DagsterInstance")
@covers("EventRecordsFilter", aspect=ORDER)
@pytest.mark.parametrize("name", EVENTS)
@pytest.mark.parametrize("ascending", [False, True])
def test_a_filter_lets_the_same_events_through_in_the_same_order(name: str, ascending: bool) -> None:
    def asked(dg: Any, instance: Any, _records: list[Any]) -> Any:
        made = dg.DagsterEventType.ASSET_MATERIALIZATION
        ids = [record.storage_id for record in instance.get_event_records(dg.EventRecordsFilter(made))]
        wanted = dg.EventRecordsFilter(made, **EVENTS[name](dg, ids))
        found = instance.get_event_records(wanted, ascending=ascending)
        first = instance.get_event_records(wanted, limit=1, ascending=ascending)
        shown = [(ids.index(record.storage_id), record.asset_key.to_user_string()) for record in found]
        return shown, len(first)

    assert_same(of_past(asked))


@covers("EventRecordsFilter", "DagsterInstance", "AssetObservation")
def test_what_was_seen_is_found_as_what_was_made() -> None:
    def asked(dg: Any, instance: Any, _records: list[Any]) -> Any:
        seen = dg.EventRecordsFilter(dg.DagsterEventType.ASSET_OBSERVATION, dg.AssetKey("seen"))
        page = instance.fetch_observations(dg.AssetKey("seen"), limit=1)
        rest = instance.fetch_observations(dg.AssetKey("seen"), limit=1, cursor=page.cursor)
        return [
            [record.asset_observation.metadata["rows"].value for record in instance.get_event_records(seen)],
            [len(page.records), page.has_more, len(rest.records)],
            [record.asset_materialization for record in page.records],
            [key.to_user_string() for key in instance.all_asset_keys()],
            [key.to_user_string() for key in instance.get_asset_keys(limit=2)],
            [key.to_user_string() for key in instance.get_asset_keys(prefix=["b"])],
            [instance.has_asset_key(dg.AssetKey(name)) for name in ("seen", "a", "x")],
        ]

    assert_same(of_past(asked))


@covers("EventRecordsFilter", aspect=REFUSALS)
@pytest.mark.parametrize(
    "given",
    [
        {"event_type": "ASSET_MATERIALIZATION"},
        {"asset_key": "a"},
        {"after_cursor": "1"},
        {"before_cursor": 1.5},
    ],
    ids=str,
)
def test_an_event_filter_that_makes_no_sense_is_refused(given: dict[str, Any]) -> None:
    def script(dg: Any) -> None:
        dg.EventRecordsFilter(**{"event_type": dg.DagsterEventType.ASSET_MATERIALIZATION, **given})

    assert_refused(script)


@covers("RunsFilter", "DagsterInstance", aspect=REFUSALS)
@pytest.mark.parametrize(
    ("ask", "name"),
    [
        (lambda: jobkernel.RunsFilter(snapshot_id="s"), "snapshot_id"),
        (lambda: jobkernel.DagsterInstance.ephemeral(settings={"retention": 1}), "retention"),
        (lambda: jobkernel.DagsterInstance.ephemeral(preload=[]), "preload"),
        (lambda: jobkernel.DagsterInstance.local_temp(overrides={"retention": 1}), "retention"),
        (lambda: jobkernel.DagsterInstance.ephemeral().get_run_records(order_by="start_time"), "order_by"),
        (lambda: jobkernel.DagsterInstance.ephemeral().get_runs(bucket_by=3), "bucket_by"),
        (lambda: jobkernel.DagsterInstance.ephemeral().get_asset_keys(cursor="c"), "cursor"),
    ],
)
def test_what_is_not_done_is_refused_by_its_name(ask: Callable[[], Any], name: str) -> None:
    with pytest.raises(Unsupported, match=f"'{name}'"):
        ask()


@covers("DagsterRunStatus")
@covers("DagsterRunStatus", aspect=REFUSALS)
def test_the_states_of_a_run_are_dagsters_but_for_two_that_no_run_here_has() -> None:
    theirs = under_dagster(lambda dg: {each.name: each.value for each in dg.DagsterRunStatus})
    ours = {each.name: each.value for each in jobkernel.DagsterRunStatus}

    assert theirs.keys() - ours.keys() == {"MANAGED", "SUSPENDED"}
    assert ours == {name: value for name, value in theirs.items() if name in ours}
    assert_same(lambda dg: dg.DagsterRunStatus("QUEUED") is dg.DagsterRunStatus.QUEUED)
    assert_refused(lambda dg: dg.DagsterRunStatus("LATE"))


def test_records_of_a_run_can_be_made_for_tests() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)

    def asked(dg: Any, _instance: Any, records: list[Any]) -> Any:
        made = dg.RunRecord(
            storage_id=1, dagster_run=records[0].dagster_run, create_timestamp=now, update_timestamp=now
        )
        return made.create_timestamp == now, made.start_time, made.end_time

    assert_same(of_past(asked))
