"""Partitions definitions have the keys, windows and refusals that real Dagster's have."""

# ruff: noqa: DTZ001  - starts are moments of the wall clock

from __future__ import annotations

import pickle
import random
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from symbols import ORDER, REFUSALS, covers

import jobkernel
from jobkernel.errors import InvalidDefinition, InvalidInvocation, InvariantViolation, JobkernelError
from tests.compat.harness import Script, assert_refused, assert_same, under_dagster

pytestmark = pytest.mark.compat
DAY = "%Y-%m-%d"
MINUTE = "%Y-%m-%d-%H:%M"
MAY = "2021-05-05"


def at(text: str) -> datetime:
    """Return an instant in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def cron(dg: Any, text: str, start: str = MAY, fmt: str = DAY, **options: Any) -> Any:
    """Return time partitions of a cron."""
    return dg.TimeWindowPartitionsDefinition(cron_schedule=text, start=start, fmt=fmt, **options)


ROWS: dict[str, tuple[Any, str, list[str]]] = {
    "287": (lambda dg: dg.DailyPartitionsDefinition(MAY), "2021-05-07", ["2021-05-05", "2021-05-06"]),
    "289": (
        lambda dg: dg.DailyPartitionsDefinition(MAY, end_offset=1),
        "2021-05-07",
        ["2021-05-05", "2021-05-06", "2021-05-07"],
    ),
    "290": (
        lambda dg: dg.DailyPartitionsDefinition(MAY, end_offset=2),
        "2021-05-07",
        ["2021-05-05", "2021-05-06", "2021-05-07", "2021-05-08"],
    ),
    "292": (
        lambda dg: dg.DailyPartitionsDefinition(MAY, end_offset=-1),
        "2021-05-08",
        ["2021-05-05", "2021-05-06"],
    ),
    "293": (
        lambda dg: dg.DailyPartitionsDefinition(MAY, end_date="2021-05-08"),
        "2022-05-08",
        ["2021-05-05", "2021-05-06", "2021-05-07"],
    ),
    "295": (lambda dg: dg.DailyPartitionsDefinition(MAY, minute_offset=15), "2021-05-07", ["2021-05-05"]),
    "296": (
        lambda dg: dg.DailyPartitionsDefinition(MAY, exclusions=[datetime(2021, 5, 6)]),
        "2021-05-09",
        ["2021-05-05", "2021-05-07", "2021-05-08"],
    ),
    "299": (
        lambda dg: dg.HourlyPartitionsDefinition("2021-05-05-01:00"),
        "2021-05-05T03:00",
        ["2021-05-05-01:00", "2021-05-05-02:00"],
    ),
    "301": (
        lambda dg: dg.HourlyPartitionsDefinition("2021-03-14-01:00", timezone="US/Central"),
        "2021-03-14T09:30",
        ["2021-03-14-01:00", "2021-03-14-03:00"],
    ),
    "302": (
        lambda dg: dg.HourlyPartitionsDefinition("2021-11-07-00:00", timezone="US/Central"),
        "2021-11-07T10:30",
        [
            "2021-11-07-00:00",
            "2021-11-07-01:00",
            "2021-11-07-01:00-0600",
            "2021-11-07-02:00",
            "2021-11-07-03:00",
        ],
    ),
    "304": (
        lambda dg: dg.WeeklyPartitionsDefinition(MAY, day_offset=3, hour_offset=4, minute_offset=15),
        "2021-05-20",
        ["2021-05-05", "2021-05-12"],
    ),
    "305": (lambda dg: dg.MonthlyPartitionsDefinition("2021-05-01"), "2021-07-03", ["2021-05-01", "2021-06-01"]),
    "307": (
        lambda dg: dg.MonthlyPartitionsDefinition("2021-01-01", day_offset=31),
        "2021-06-01",
        ["2021-01-31", "2021-03-31"],
    ),
    "310": (
        lambda dg: dg.DailyPartitionsDefinition("2021-02-28"),
        "2021-03-03",
        ["2021-02-28", "2021-03-01", "2021-03-02"],
    ),
    "311": (lambda dg: dg.MonthlyPartitionsDefinition("2021-01-03"), "2021-01-31", []),
    "313": (
        lambda dg: cron(dg, "0 0,11 * * *", fmt=MINUTE, start="2021-05-05-00:00"),
        "2021-05-07",
        ["2021-05-05-00:00", "2021-05-05-11:00", "2021-05-06-00:00", "2021-05-06-11:00"],
    ),
    "314": (
        lambda dg: cron(dg, "0 0 * * 1-5"),
        "2021-05-12",
        ["2021-05-05", "2021-05-06", "2021-05-07", "2021-05-10", "2021-05-11"],
    ),
    "322": (
        lambda dg: dg.MultiPartitionsDefinition(
            {
                "date": dg.DailyPartitionsDefinition("2024-01-01"),
                "region": dg.StaticPartitionsDefinition(["us", "eu"]),
            }
        ),
        "2024-01-03",
        ["2024-01-01|us", "2024-01-01|eu", "2024-01-02|us", "2024-01-02|eu"],
    ),
    "323": (
        lambda dg: dg.MultiPartitionsDefinition(
            {
                "time": dg.DailyPartitionsDefinition("2024-01-01"),
                "region": dg.StaticPartitionsDefinition(["us", "eu"]),
            }
        ),
        "2024-01-03",
        ["us|2024-01-01", "us|2024-01-02", "eu|2024-01-01", "eu|2024-01-02"],
    ),
}
"""The rows of the table of partition keys: definition, as of when, keys."""


@covers(
    "DailyPartitionsDefinition",
    "HourlyPartitionsDefinition",
    "WeeklyPartitionsDefinition",
    "MonthlyPartitionsDefinition",
    "TimeWindowPartitionsDefinition",
    "MultiPartitionsDefinition",
)
@covers("MultiPartitionsDefinition", "TimeWindowPartitionsDefinition", aspect=ORDER)
@pytest.mark.parametrize("row", ROWS)
def test_the_keys_of_the_table(row: str) -> None:
    make, now, expected = ROWS[row]

    def script(dg: Any) -> Any:
        definition = make(dg)
        with dg.partition_loading_context(at(now)):
            ends = [definition.get_first_partition_key(), definition.get_last_partition_key()]
            return [list(definition.get_partition_keys(at(now))), ends, definition.get_num_partitions()]

    assert_same(script)
    assert script(jobkernel)[0] == expected


def shown(window: Any) -> list[str] | None:
    """Return a window as texts."""
    return [window.start.isoformat(), window.end.isoformat()] if window is not None else None


@covers("TimeWindow")
@pytest.mark.parametrize(
    ("make", "key", "expected"),
    [
        (
            lambda dg: dg.DailyPartitionsDefinition(MAY, minute_offset=15),
            "2021-05-05",
            ["2021-05-05T00:15:00+00:00", "2021-05-06T00:15:00+00:00"],
        ),
        (
            lambda dg: dg.DailyPartitionsDefinition("2021-03-01", timezone="America/Los_Angeles"),
            "2021-03-14",
            ["2021-03-14T00:00:00-08:00", "2021-03-15T00:00:00-07:00"],
        ),
        (
            lambda dg: cron(dg, "0 0 * * 1-5"),
            "2021-05-07",
            ["2021-05-07T00:00:00+00:00", "2021-05-10T00:00:00+00:00"],
        ),
        (
            lambda dg: dg.HourlyPartitionsDefinition("2021-11-07-00:00", timezone="US/Central"),
            "2021-11-07-01:00-0600",
            ["2021-11-07T01:00:00-06:00", "2021-11-07T02:00:00-06:00"],
        ),
    ],
    ids=["295 offset", "298 short day", "314 over the weekend", "302 repeated hour"],
)
def test_a_keys_window(make: Any, key: str, expected: list[str]) -> None:
    def script(dg: Any) -> Any:
        return shown(make(dg).time_window_for_partition_key(key))

    assert_same(script)
    assert script(jobkernel) == expected


@covers("PartitionKeyRange", "StaticPartitionsDefinition")
def test_keys_of_a_range() -> None:
    def script(dg: Any) -> Any:
        days = dg.DailyPartitionsDefinition("2021-05-01")
        letters = dg.StaticPartitionsDefinition(["c", "a", "b"])
        between = dg.PartitionKeyRange
        return [
            list(days.get_partition_keys_in_range(between("2021-05-02", "2021-05-05"))),
            list(days.get_partition_keys_in_range(between("2021-05-05", "2021-05-02"))),
            list(letters.get_partition_keys_in_range(between("c", "a"))),
            list(letters.get_partition_keys_in_range(between("b", "c"))),
            list(letters.get_partition_keys_in_range(between("b", "b"))),
        ]

    assert_same(script)
    assert script(jobkernel)[0] == ["2021-05-02", "2021-05-03", "2021-05-04", "2021-05-05"]


@pytest.mark.parametrize(("now", "key"), [("2021-05-06", "2021-05-05"), ("2021-05-05T23:00", None)])
def test_the_last_key_is_that_of_the_last_window_that_ended(now: str, key: str | None) -> None:
    def script(dg: Any) -> Any:
        with dg.partition_loading_context(at(now)):
            return dg.DailyPartitionsDefinition(MAY).get_last_partition_key()

    assert_same(script)
    assert script(jobkernel) == key


REFUSED: dict[str, Script] = {
    "308 day of month": lambda dg: dg.MonthlyPartitionsDefinition(MAY, day_offset=32),
    "308 day of week": lambda dg: dg.WeeklyPartitionsDefinition(MAY, day_offset=8),
    "319 twice": lambda dg: dg.StaticPartitionsDefinition(["a", "b", "a"]),
    "320 dots": lambda dg: dg.StaticPartitionsDefinition(["a...b"]),
    "320 newline": lambda dg: dg.StaticPartitionsDefinition(["a\nb"]),
    "a number as key": lambda dg: dg.StaticPartitionsDefinition([1]),
    "hour 25": lambda dg: dg.DailyPartitionsDefinition(MAY, hour_offset=25),
    "minute 61": lambda dg: dg.HourlyPartitionsDefinition("2021-05-05-00:00", minute_offset=61),
    "unreadable start": lambda dg: dg.DailyPartitionsDefinition("nope"),
    "a day for hours": lambda dg: dg.HourlyPartitionsDefinition(MAY),
    "a date": lambda dg: dg.DailyPartitionsDefinition(date(2021, 5, 5)),
    "unknown zone": lambda dg: dg.DailyPartitionsDefinition(MAY, timezone="Europe/Berln"),
    "unreadable cron": lambda dg: cron(dg, "x"),
    "no cadence": lambda dg: dg.TimeWindowPartitionsDefinition(start=MAY, fmt=DAY),
    "cron and offset": lambda dg: cron(dg, "0 0 * * *", hour_offset=3),
    "unreadable exclusion": lambda dg: dg.DailyPartitionsDefinition(MAY, exclusions=["x"]),
    "range before the start": lambda dg: dg.DailyPartitionsDefinition(MAY).get_partition_keys_in_range(
        dg.PartitionKeyRange("2021-05-01", "2021-05-07")
    ),
    "range after the end": lambda dg: dg.DailyPartitionsDefinition(
        MAY, end_date="2021-05-07"
    ).get_partition_keys_in_range(dg.PartitionKeyRange(MAY, "2021-05-08")),
    "range of nothing": lambda dg: dg.StaticPartitionsDefinition(["a"]).get_partition_keys_in_range(
        dg.PartitionKeyRange("a", "z")
    ),
    "unreadable key": lambda dg: dg.DailyPartitionsDefinition(MAY).time_window_for_partition_key("zzz"),
    "one dimension": lambda dg: dg.MultiPartitionsDefinition({"a": dg.StaticPartitionsDefinition(["a"])}),
    "reserved character": lambda dg: dg.MultiPartitionsDefinition(
        {"a": dg.StaticPartitionsDefinition(["a|b"]), "b": dg.StaticPartitionsDefinition(["c"])}
    ),
    "two of two": lambda dg: dg.MultiPartitionsDefinition({"a": two(dg), "b": dg.StaticPartitionsDefinition(["c"])}),
    "nameless dynamic dimension": lambda dg: dg.MultiPartitionsDefinition(
        {"a": dg.DynamicPartitionsDefinition(lambda _now: ["x"]), "b": dg.StaticPartitionsDefinition(["c"])}
    ),
    "unknown dimension": lambda dg: two(dg).get_partitions_def_for_dimension("regoin"),
    "half a key": lambda dg: two(dg).get_partition_key_from_str("a"),
    "no time": lambda dg: two(dg).time_window_for_partition_key("a|c"),
    "dynamic without a name": lambda dg: dg.DynamicPartitionsDefinition(),
    "dynamic with both": lambda dg: dg.DynamicPartitionsDefinition(lambda _now: ["x"], name="a"),
    "dynamic without a store": lambda dg: dg.DynamicPartitionsDefinition(name="a").get_partition_keys(),
    "key that does not exist": lambda dg: dg.DailyPartitionsDefinition(MAY).get_partition_key("2020-01-01"),
    "weekday of days": lambda dg: dg.DailyPartitionsDefinition(MAY).get_cron_schedule(day_of_week=2),
    "hour of hours": lambda dg: dg.HourlyPartitionsDefinition("2021-05-05-00:00").get_cron_schedule(hour_of_day=2),
    "another hour of a cron": lambda dg: cron(dg, "0 0,5 * * *").get_cron_schedule(hour_of_day=2),
    "a key of numbers": lambda dg: dg.MultiPartitionKey({"a": 1, "b": "c"}),
    "half a run": lambda dg: dg.BackfillPolicy.multi_run("all"),
}


def two(dg: Any) -> Any:
    """Return partitions of two static dimensions."""
    parts = {"region": dg.StaticPartitionsDefinition(["a", "b"]), "kind": dg.StaticPartitionsDefinition(["c"])}
    return dg.MultiPartitionsDefinition(parts)


@covers(
    "StaticPartitionsDefinition",
    "DailyPartitionsDefinition",
    "HourlyPartitionsDefinition",
    "WeeklyPartitionsDefinition",
    "MonthlyPartitionsDefinition",
    "TimeWindowPartitionsDefinition",
    "MultiPartitionsDefinition",
    "DynamicPartitionsDefinition",
    "MultiPartitionKey",
    "PartitionKeyRange",
    "BackfillPolicy",
    aspect=REFUSALS,
)
@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(case: str) -> None:
    assert_refused(REFUSED[case])


@covers("DynamicPartitionsDefinition", "Partition")
@covers("DynamicPartitionsDefinition", aspect=ORDER)
def test_dynamic_keys_of_a_function_and_wishes() -> None:
    def script(dg: Any) -> Any:
        computed = dg.DynamicPartitionsDefinition(lambda _now: [dg.Partition("b"), dg.Partition(1, name="one")])
        named = dg.DynamicPartitionsDefinition(name="files")
        add, delete = named.build_add_request(["a"]), named.build_delete_request(["b"])
        return [
            list(computed.get_partition_keys()),
            computed.has_partition_key("one"),
            [add.partitions_def_name, list(add.partition_keys)],
            [delete.partitions_def_name, list(delete.partition_keys)],
            str(named),
            named == dg.DynamicPartitionsDefinition(name="files"),
        ]

    assert_same(script)


@covers("MultiPartitionKey", "MultiPartitionsDefinition")
def test_keys_of_two_dimensions() -> None:
    def script(dg: Any) -> Any:
        key = dg.MultiPartitionKey({"region": "us", "date": "2024-01-01"})
        definition = ROWS["322"][0](dg)
        back = pickle.loads(pickle.dumps(key))
        with dg.partition_loading_context(at("2024-01-03")):
            return [
                str(key),
                dict(key.keys_by_dimension),
                dict(back.keys_by_dimension),
                dict(definition.get_tags_for_partition_key("2024-01-01|us")),
                [definition.has_partition_key(each) for each in ("2024-01-01|us", "us", "us|2024-01-01")],
                shown(definition.time_window_for_partition_key("2024-01-01|us")),
                list(definition.get_multipartition_keys_with_dimension_value("region", "eu")),
                definition.time_window_dimension.name,
                definition.get_num_partitions(),
                str(definition),
                list(definition.get_partition_keys_in_range(dg.PartitionKeyRange("2024-01-01|us", "2024-01-02|us"))),
            ]

    assert_same(script)


def test_what_a_definition_says_of_itself() -> None:
    def script(dg: Any) -> Any:
        hours = dg.HourlyPartitionsDefinition("2021-05-05-00:00", minute_offset=7)
        weeks = dg.WeeklyPartitionsDefinition(MAY, day_offset=3, hour_offset=4)
        months = dg.MonthlyPartitionsDefinition(MAY, end_offset=2, timezone="Europe/Berlin")
        odd = cron(dg, "0 0,11 * * *")
        return [
            [str(each) for each in (hours, weeks, months, odd)],
            [repr(each) for each in (hours, weeks, months, odd)],
            [each.cron_schedule for each in (hours, weeks, months, odd)],
            [each.schedule_type.value for each in (hours, weeks, months)],
            [hours.minute_offset, weeks.hour_offset, weeks.day_offset, months.day_offset, odd.schedule_type],
            [weeks.get_cron_schedule(hour_of_day=9), months.get_cron_schedule(day_of_month=5)],
            [hours.get_cron_schedule(minute_of_hour=1), weeks.get_cron_schedule()],
            [weeks.start.isoformat(), weeks.end, weeks.fmt, hours.fmt, weeks.timezone],
            dg.DailyPartitionsDefinition(MAY) == cron(dg, "0 0 * * *"),
            dg.DailyPartitionsDefinition(MAY) == dg.DailyPartitionsDefinition(datetime(2021, 5, 5)),
            dg.StaticPartitionsDefinition(["a"]) == dg.StaticPartitionsDefinition(["a"]),
        ]

    assert_same(script)


@covers("BackfillPolicy")
def test_backfill_policies() -> None:
    def script(dg: Any) -> Any:
        policies = [dg.BackfillPolicy.single_run(), dg.BackfillPolicy.multi_run(), dg.BackfillPolicy.multi_run(3)]
        return [(each.max_partitions_per_run, each.policy_type.value, str(each)) for each in policies]

    assert_same(script)


@covers("PartitionsDefinition")
def test_every_definition_is_a_partitions_definition() -> None:
    def script(dg: Any) -> Any:
        made = [two(dg), cron(dg, "0 0 * * *"), dg.DynamicPartitionsDefinition(name="x")]
        return [isinstance(each, dg.PartitionsDefinition) for each in made]

    assert_same(script)


ZONES = ("UTC", "America/New_York", "Europe/Berlin", "America/Sao_Paulo", "Asia/Kathmandu", "America/St_Johns")
CRONS = ("0 * * * *", "15 * * * *", "0 0 * * *", "30 2 * * *", "30 1 * * *", "0 0,11 * * *", "0 0 * * 1-5")
CRONS += ("*/20 * * * *", "0 */2 * * *", "0 9 * * 1", "0 0 31 * *", "@daily")


def random_questions(seed: int) -> tuple[dict[str, Any], datetime]:
    """Return the arguments of a random definition, and as of when it is asked."""
    dice = random.Random(seed)
    start = datetime(2021, dice.choice([1, 2, 3, 10, 11]), dice.randint(1, 28), dice.choice([0, 5, 13]))
    arguments: dict[str, Any] = {
        "start": start,
        "fmt": MINUTE,
        "timezone": dice.choice(ZONES),
        "cron_schedule": dice.choice(CRONS),
        "end_offset": dice.choice([0, 0, 1, 2, -1, -2]),
        "exclusions": dice.choice([None, None, ["0 0 * * 0"], [start.replace(hour=0) + timedelta(days=1)]]),
    }
    return arguments, (start + timedelta(days=dice.randint(-2, 25), hours=dice.randint(0, 23))).replace(tzinfo=UTC)


@covers("TimeWindowPartitionsDefinition", "partition_loading_context")
@pytest.mark.parametrize("seed", range(60))
def test_random_definitions_answer_as_dagsters_do(seed: int) -> None:
    arguments, now = random_questions(seed)

    def script(dg: Any) -> Any:
        definition = dg.TimeWindowPartitionsDefinition(**arguments)
        with dg.partition_loading_context(now):
            keys = list(definition.get_partition_keys())
            return [keys, definition.get_num_partitions() == len(keys), *answers(dg, definition, keys)]

    assert_same(script)


def answers(dg: Any, definition: Any, keys: list[str]) -> list[Any]:
    """Return what a definition says of the key in the middle."""
    if not keys:
        return [definition.has_partition_key("2021-03-05-00:00")]
    key = keys[len(keys) // 2]
    window = definition.time_window_for_partition_key(key)
    moment = window.start.timestamp() + 60
    return [
        shown(window),
        definition.has_partition_key(key),
        definition.get_next_partition_key(key),
        shown(definition.get_prev_partition_window(window.start)),
        shown(definition.get_next_partition_window(window.end)),
        definition.get_partition_key_for_timestamp(moment),
        definition.get_partition_key_for_timestamp(window.start.timestamp(), end_closed=True),
        list(definition.get_partition_keys_in_range(dg.PartitionKeyRange(keys[0], key))),
    ]


class TestDifferencesOnPurpose:
    """What Dagster accepts or answers, and we do not."""

    def test_no_window_reaches_beyond_the_end(self) -> None:
        def script(dg: Any) -> Any:
            return dg.MonthlyPartitionsDefinition("2021-01-01", end_date="2021-01-15").get_partition_keys()

        assert list(under_dagster(script)) == ["2021-01-01"]
        assert script(jobkernel) == []

    def test_a_cron_that_never_comes_is_refused(self) -> None:
        def script(dg: Any) -> Any:
            return cron(dg, "0 0 31 4 *")

        under_dagster(script)
        with pytest.raises(InvalidDefinition, match="never fires"):
            script(jobkernel)

    def test_one_text_is_no_list_of_keys(self) -> None:
        def script(dg: Any) -> Any:
            return dg.StaticPartitionsDefinition("abc")

        under_dagster(script)
        with pytest.raises(TypeError, match="takes a list"):
            script(jobkernel)

    def test_hours_stay_at_their_minute_where_clocks_change_by_half_an_hour(self) -> None:
        def script(dg: Any) -> Any:
            hours = dg.HourlyPartitionsDefinition("2021-04-03-00:00", minute_offset=15, timezone="Australia/Lord_Howe")
            return hours.get_partition_keys(at("2021-04-05"))

        assert {key[-2:] for key in script(jobkernel)} == {"15"}
        assert "45" in {key[-2:] for key in under_dagster(script)}


def test_an_error_names_the_nearest() -> None:
    with pytest.raises(InvariantViolation, match="Did you mean 'region'"):
        two(jobkernel).get_partitions_def_for_dimension("regoin")
    with pytest.raises(InvalidDefinition, match="Did you mean 'Europe/Berlin'"):
        jobkernel.DailyPartitionsDefinition(MAY, timezone="Europe/Berln")
    with pytest.raises(InvalidInvocation, match="Did you mean 'apples'"):
        jobkernel.StaticPartitionsDefinition(["apples", "pears"]).get_partition_keys_in_range(
            jobkernel.PartitionKeyRange("aples", "pears")
        )
    assert issubclass(InvalidInvocation, JobkernelError)
