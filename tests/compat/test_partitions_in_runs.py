"""Runs of partitions: what contexts say, which values are loaded, what is tagged and refused, as in real Dagster."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import pytest
from symbols import ORDER, REFUSALS, covers

import jobkernel
from jobkernel.errors import InvariantViolation, MissingUpstream, UnknownName
from tests.compat.harness import Script, assert_refused, assert_same, under_dagster

pytestmark = pytest.mark.compat
RANGE = {"dagster/asset_partition_range_start": "a", "dagster/asset_partition_range_end": "b"}


def letters(dg: Any) -> Any:
    """Return partitions a, b, c."""
    return dg.StaticPartitionsDefinition(["a", "b", "c"])


def days(dg: Any) -> Any:
    """Return partitions of the first days of 2024."""
    return dg.DailyPartitionsDefinition("2024-01-01", end_date="2024-01-10")


def upper(dg: Any) -> Any:
    """Return an asset of letters."""

    @dg.asset(partitions_def=letters(dg))
    def up(context) -> str:
        return f"{context.partition_key}!"

    return up


def reading(dg: Any, name: str, upstream: str, mapping: Any = None, partitions: Any = None) -> Any:
    """Return an asset that is what it loads."""

    @dg.asset(name=name, partitions_def=partitions, ins={"value": dg.AssetIn(upstream, partition_mapping=mapping)})
    def read(value: Any) -> Any:
        return value

    return read


def loads(dg: Any, made: Any, keys: Sequence[str], reader: Any, wanted: Sequence[str | None]) -> list[Any]:
    """Make an asset's partitions, then a reader's, and return what that loaded."""
    name = reader.key.path[-1]
    with dg.DagsterInstance.ephemeral() as instance:
        for key in keys:
            dg.materialize([made], partition_key=key, instance=instance)
        return [
            dg.materialize([made, reader], selection=[name], partition_key=key, instance=instance).output_for_node(name)
            for key in wanted
        ]


def day_values(dg: Any) -> Any:
    """Return an asset whose value is the day."""

    @dg.asset(partitions_def=days(dg))
    def day(context) -> str:
        return str(context.partition_time_window.start)

    return day


def counting(dg: Any) -> Any:
    """Return an asset that goes on from its own day before."""
    mapping = dg.TimeWindowPartitionMapping(start_offset=-1, end_offset=-1)

    @dg.asset(partitions_def=days(dg), ins={"count": dg.AssetIn(partition_mapping=mapping)})
    def count(count: Any) -> int:
        return int(count or 0) + 1

    return count


def counted(dg: Any) -> list[int]:
    asset, keys = counting(dg), ["2024-01-01", "2024-01-02", "2024-01-03"]
    with dg.DagsterInstance.ephemeral() as instance:
        return [dg.materialize([asset], partition_key=key, instance=instance).output_for_node("count") for key in keys]


def same_key(dg: Any) -> Any:
    up = upper(dg)
    down = reading(dg, "down", "up", partitions=letters(dg))
    return dg.materialize([up, down], partition_key="b").output_for_node("down")


def beside_unpartitioned(dg: Any) -> Any:
    @dg.asset
    def plain() -> int:
        return 7

    mixed = reading(dg, "mixed", "plain", partitions=letters(dg))
    result = dg.materialize([plain, mixed], partition_key="a")
    events = result.get_asset_materialization_events()
    return [result.output_for_node("mixed"), [(event.asset_key.to_user_string(), event.partition) for event in events]]


LOADS: dict[str, Script] = {
    "the same key": same_key,
    "beside an asset without partitions": beside_unpartitioned,
    "an asset without partitions reads all": lambda dg: loads(dg, upper(dg), "abc", reading(dg, "total", "up"), [None]),
    "all": lambda dg: loads(
        dg, upper(dg), "abc", reading(dg, "all", "up", dg.AllPartitionMapping(), letters(dg)), ["b"]
    ),
    "the last": lambda dg: loads(
        dg, upper(dg), "c", reading(dg, "last", "up", dg.LastPartitionMapping(), letters(dg)), ["a"]
    ),
    "two named": lambda dg: loads(
        dg,
        upper(dg),
        "ac",
        reading(dg, "two", "up", dg.SpecificPartitionsPartitionMapping(["a", "c"]), letters(dg)),
        ["b"],
    ),
    "by a table": lambda dg: loads(
        dg,
        upper(dg),
        "abc",
        reading(
            dg,
            "table",
            "up",
            dg.StaticPartitionMapping({"a": "x", "b": "x", "c": "y"}),
            dg.StaticPartitionsDefinition(["x", "y"]),
        ),
        ["x", "y"],
    ),
    "the day and the day before": lambda dg: loads(
        dg,
        day_values(dg),
        ["2024-01-01", "2024-01-02"],
        reading(dg, "two_days", "day", dg.TimeWindowPartitionMapping(start_offset=-1), days(dg)),
        ["2024-01-01", "2024-01-02"],
    ),
    "the days of a week": lambda dg: loads(
        dg,
        day_values(dg),
        [f"2024-01-0{day}" for day in range(1, 8)],
        reading(
            dg,
            "week",
            "day",
            partitions=dg.WeeklyPartitionsDefinition("2024-01-01", day_offset=1, end_date="2024-01-08"),
        ),
        ["2024-01-01"],
    ),
    "nothing before the first, where that is allowed": lambda dg: loads(
        dg,
        day_values(dg),
        ["2024-01-01"],
        reading(dg, "before", "day", dg.TimeWindowPartitionMapping(-1, -1, True), days(dg)),
        ["2024-01-01", "2024-01-02"],
    ),
    "the own day before": counted,
}


@covers(
    "TimeWindowPartitionMapping",
    "AllPartitionMapping",
    "LastPartitionMapping",
    "SpecificPartitionsPartitionMapping",
    "StaticPartitionMapping",
    aspect=ORDER,
)
@pytest.mark.parametrize("case", LOADS)
def test_what_partitions_load(case: str) -> None:
    assert_same(LOADS[case])


def said(dg: Any) -> Any:
    """Return what a context says in a run of one partition."""
    heard: list[Any] = []

    @dg.asset(partitions_def=letters(dg))
    def listening(context, up: Any) -> None:
        heard.extend(
            [
                context.partition_key,
                list(context.partition_keys),
                tuple(context.partition_key_range),
                context.has_partition_key,
                context.has_partition_key_range,
                context.asset_partition_key_for_output(),
                list(context.asset_partition_keys_for_output()),
                tuple(context.asset_partition_key_range_for_output()),
                context.asset_partition_key_for_input("up"),
                list(context.asset_partition_keys_for_input("up")),
                tuple(context.asset_partition_key_range_for_input("up")),
                context.asset_partitions_def_for_output().get_partition_keys(),
                context.asset_partitions_def_for_input("up").get_partition_keys(),
            ]
        )

    result = dg.materialize([upper(dg), listening], partition_key="b")
    return [heard, dict(result.dagster_run.tags)]


def said_of_a_range(dg: Any) -> Any:
    """Return what a context says in a run of a range, and of which partitions the events are."""
    heard: list[Any] = []

    @dg.asset(partitions_def=letters(dg), backfill_policy=dg.BackfillPolicy.single_run())
    def listening(context) -> None:
        heard.extend([context.has_partition_key, context.has_partition_key_range])
        heard.extend([list(context.partition_keys), tuple(context.partition_key_range)])

    result = dg.materialize([listening], tags=RANGE)
    return [heard, sorted(event.partition for event in result.get_asset_materialization_events())]


def said_of_days(dg: Any) -> Any:
    """Return the windows that contexts say, of a key and of a range."""
    heard: list[Any] = []

    @dg.asset(partitions_def=days(dg))
    def listening(context) -> None:
        window = context.partition_time_window
        heard.append([window.start.isoformat(), window.end.isoformat()])
        window = context.asset_partitions_time_window_for_output()
        heard.append([window.start.isoformat(), window.end.isoformat()])

    dg.materialize([listening], partition_key="2024-01-02")
    names = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
    dg.materialize([listening], tags=dict(zip(names, ("2024-01-03", "2024-01-05"), strict=True)))
    return heard


def said_of_two_dimensions(dg: Any) -> Any:
    """Return what a context says of a key of two dimensions, given as key and as text."""
    heard: list[Any] = []
    parts = dg.MultiPartitionsDefinition({"letter": letters(dg), "day": days(dg)})

    @dg.asset(partitions_def=parts)
    def listening(context) -> None:
        key = context.partition_key
        heard.append([type(key).__name__, dict(key.keys_by_dimension), str(context.partition_time_window.start)])

    key = dg.MultiPartitionKey({"letter": "a", "day": "2024-01-02"})
    result = dg.materialize([listening], partition_key=key)
    dg.materialize([listening], partition_key="2024-01-02|a")
    return [heard, dict(result.dagster_run.tags)]


def of_dynamic_keys(dg: Any) -> Any:
    """Return what an instance says of dynamic keys, and a run of one."""

    @dg.asset(partitions_def=dg.DynamicPartitionsDefinition(name="files"))
    def file(context) -> str:
        return str(context.partition_key)

    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("files", ["b", "a"])
        instance.add_dynamic_partitions("files", ["a", "c"])
        instance.delete_dynamic_partition("files", "b")
        value = dg.materialize([file], partition_key="c", instance=instance).output_for_node("file")
        keys = list(instance.get_dynamic_partitions("files"))
        return [value, keys, [instance.has_dynamic_partition("files", key) for key in "ab"]]


def metadata_of_a_range(dg: Any) -> Any:
    """Return the metadata of the events of a range, some of it of one partition alone."""

    @dg.asset(partitions_def=letters(dg))
    def noted(context) -> None:
        context.add_asset_metadata({"rows": 1})
        context.add_asset_metadata({"odd": True}, partition_key="b")

    events = dg.materialize([noted], tags=RANGE).get_asset_materialization_events()
    return sorted(
        (event.partition, sorted((name, value.value) for name, value in event.materialization.metadata.items()))
        for event in events
    )


@covers("AssetExecutionContext", "materialize", "DynamicPartitionsDefinition", "MultiPartitionKey", "PartitionKeyRange")
@pytest.mark.parametrize(
    "script",
    [said, said_of_a_range, said_of_days, said_of_two_dimensions, of_dynamic_keys, metadata_of_a_range],
    ids=lambda script: script.__name__,
)
def test_what_runs_say_of_partitions(script: Script) -> None:
    assert_same(script)


def config_op(dg: Any) -> Any:
    """Return an op that gives its config back."""

    @dg.op(config_schema={"first": str, "last": str})
    def given(context) -> Any:
        return dict(context.op_config)

    return given


def of_windows(dg: Any, kind: str, start: str, key: str) -> Any:
    """Return what a job with config by window runs with, and its tags."""

    @getattr(dg, f"{kind}_partitioned_config")(
        start_date=start, tags_for_partition_fn=lambda first, _last: {"first": first.strftime("%Y")}
    )
    def config(first: datetime, last: datetime) -> Any:
        return {"ops": {"given": {"config": {"first": first.isoformat(), "last": last.isoformat()}}}}

    op = config_op(dg)

    @dg.job(config=config)
    def of_config() -> None:
        op()

    result = of_config.execute_in_process(partition_key=key)
    return [
        result.output_for_node("given"),
        dict(result.dagster_run.tags),
        str(of_config.partitions_def),
        config.get_run_config_for_partition_key(key),
        dict(config.get_tags_for_partition_key(key)),
        config(datetime(2024, 1, 1), datetime(2024, 1, 2)),  # noqa: DTZ001  - handed through
    ]


def of_keys(dg: Any) -> Any:
    """Return what jobs with config by key run with, and their tags."""
    op = config_op(dg)

    def config(key: str) -> Any:
        return {"ops": {"given": {"config": {"first": key, "last": "-"}}}}

    made = [
        dg.static_partitioned_config(["x", "y"], tags_for_partition_key_fn=lambda key: {"tag": key})(config),
        dg.dynamic_partitioned_config(lambda _now=None: ["x", "y"])(config),
        dg.partitioned_config(letters(dg))(config),
        dg.PartitionedConfig(letters(dg), run_config_for_partition_key_fn=config),
    ]
    found = []
    for each in made:

        @dg.job(config=each)
        def of_config() -> None:
            op()

        key = each.get_partition_keys()[1]
        result = of_config.execute_in_process(partition_key=key)
        found.append([list(each.get_partition_keys()), result.output_for_node("given"), dict(result.dagster_run.tags)])
        chosen = of_config.execute_in_process(partition_key=key, run_config=config("other"))
        found.append(chosen.output_for_node("given"))
    return found


@covers(
    "daily_partitioned_config",
    "hourly_partitioned_config",
    "weekly_partitioned_config",
    "monthly_partitioned_config",
    "execute_in_process",
)
@pytest.mark.parametrize(
    ("kind", "start", "key"),
    [
        ("hourly", "2024-01-01-00:00", "2024-01-05-07:00"),
        ("daily", "2024-01-01", "2024-01-05"),
        ("weekly", "2024-01-01", "2024-01-07"),
        ("monthly", "2024-01-01", "2024-02-01"),
    ],
)
def test_config_by_window(kind: str, start: str, key: str) -> None:
    assert_same(lambda dg: of_windows(dg, kind, start, key))


@covers(
    "PartitionedConfig", "partitioned_config", "static_partitioned_config", "dynamic_partitioned_config", "Partition"
)
def test_config_by_key() -> None:
    assert_same(of_keys)


def op_job(dg: Any) -> Any:
    """Return a job of an op, with partitions."""

    @dg.op
    def key_of(context) -> str:
        return str(context.partition_key)

    @dg.job(partitions_def=letters(dg))
    def of_op() -> None:
        key_of()

    return of_op


def jobs_of_partitions(dg: Any) -> Any:
    up, down = upper(dg), reading(dg, "down", "up", partitions=letters(dg))
    job = dg.define_asset_job("both", [up, down], partitions_def=letters(dg))
    resolved = dg.Definitions(assets=[up, down], jobs=[job]).resolve_job_def("both")
    result = op_job(dg).execute_in_process(partition_key="b")
    return [
        resolved.execute_in_process(partition_key="c").output_for_node("down"),
        resolved.partitions_def == letters(dg),
        result.output_for_node("key_of"),
        dict(result.dagster_run.tags),
    ]


@covers("define_asset_job", "job", "OpExecutionContext")
def test_jobs_with_partitions() -> None:
    assert_same(jobs_of_partitions)


def direct(dg: Any) -> Any:
    with dg.build_asset_context(partition_key="2024-01-03") as context:
        return [context.partition_key, context.has_partition_key, day_values(dg)(context)]


@covers("build_asset_context")
def test_a_direct_call_with_a_partition() -> None:
    assert_same(direct)


def no_key(dg: Any) -> Any:
    return dg.materialize([upper(dg)])


def of_both(dg: Any, **options: Any) -> Any:
    up, day = upper(dg), day_values(dg)
    job = dg.define_asset_job("both", [up, day] if not options else [up], **options)
    return dg.Definitions(assets=[up, day], jobs=[job]).resolve_job_def("both")


REFUSED: dict[str, Script] = {
    "326 a key that does not exist": lambda dg: dg.materialize([day_values(dg)], partition_key="2099-01-02"),
    "a key that does not exist, of an op job": lambda dg: op_job(dg).execute_in_process(partition_key="z"),
    "asking for a key that nobody gave": no_key,
    "asking an op for a key that nobody gave": lambda dg: op_job(dg).execute_in_process(),
    "a key for what has no partitions": lambda dg: dg.materialize(
        [dg.asset(name="plain")(lambda: 1)], partition_key="a"
    ),
    "two kinds of partitions in one run": lambda dg: dg.materialize([upper(dg), day_values(dg)], partition_key="a"),
    "two kinds of partitions in one job": of_both,
    "a job of other partitions": lambda dg: of_both(dg, partitions_def=days(dg)),
    "a range asked for one key": lambda dg: dg.materialize([upper(dg)], tags=RANGE),
    "letters asked for a window": lambda dg: dg.materialize(
        [dg.asset(name="x", partitions_def=letters(dg))(_window)], partition_key="a"
    ),
    "letters over days": lambda dg: loads(dg, day_values(dg), [], reading(dg, "x", "day", None, letters(dg)), ["a"]),
    "an upstream key that was not made": lambda dg: loads(
        dg, upper(dg), ["a"], reading(dg, "total", "up"), [None]
    ),
    "a list as partitions": lambda dg: dg.asset(name="x", partitions_def=["a"])(lambda: 1),
    "a list as partitions of a spec": lambda dg: dg.AssetSpec("x", partitions_def=["a"]),
    "config by two functions": lambda dg: dg.PartitionedConfig(
        letters(dg), run_config_for_partition_key_fn=len, run_config_for_partition_fn=len
    ),
    "config by no function": lambda dg: dg.PartitionedConfig(letters(dg)),
    "config of a list": lambda dg: dg.PartitionedConfig(["a"], run_config_for_partition_key_fn=len),
    "config that nobody decorated": lambda dg: dg.PartitionedConfig(
        letters(dg), run_config_for_partition_key_fn=len
    )("a"),
    "a dynamic key that was not added": lambda dg: of_an_unknown_file(dg),
    "one text as dynamic keys": lambda dg: one_text_as_keys(dg),
}  # fmt: skip


def of_an_unknown_file(dg: Any) -> Any:
    made = dg.asset(name="x", partitions_def=dg.DynamicPartitionsDefinition(name="files"))(lambda: 1)
    with dg.DagsterInstance.ephemeral() as instance:
        return dg.materialize([made], partition_key="a", instance=instance)


def one_text_as_keys(dg: Any) -> Any:
    with dg.DagsterInstance.ephemeral() as instance:
        return instance.add_dynamic_partitions("x", "abc")


def _window(context) -> Any:
    return context.partition_time_window


@covers(
    "materialize",
    "execute_in_process",
    "define_asset_job",
    "PartitionedConfig",
    "asset",
    "AssetSpec",
    "DynamicPartitionsDefinition",
    aspect=REFUSALS,
)
@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(case: str) -> None:
    assert_refused(REFUSED[case])


def test_an_unknown_key_names_the_nearest_and_what_there_is() -> None:
    with pytest.raises(UnknownName) as told:
        jobkernel.materialize([day_values(jobkernel)], partition_key="2024-1-02")

    assert str(told.value) == (
        "No partition '2024-1-02' exists. Did you mean '2024-01-02'? They go from '2024-01-01' to '2024-01-09'."
    )


class TestDifferencesOnPurpose:
    """What Dagster does, and we do otherwise."""

    def test_a_strict_window_before_the_first_is_refused(self) -> None:
        def script(dg: Any) -> Any:
            before = reading(dg, "before", "day", dg.TimeWindowPartitionMapping(-1, -1), days(dg))
            return loads(dg, day_values(dg), ["2024-01-01"], before, ["2024-01-01"])

        assert under_dagster(script) == [None]
        with pytest.raises(InvariantViolation, match="'2023-12-31' of 'day', which does not exist"):
            script(jobkernel)

    def test_a_dict_by_key_is_kept_as_the_values_of_a_range(self) -> None:
        def script(dg: Any) -> Any:
            @dg.asset(partitions_def=letters(dg))
            def several(context) -> Any:
                return {key: key * 2 for key in context.partition_keys}

            reader = reading(dg, "reader", "several", partitions=letters(dg))
            with dg.DagsterInstance.ephemeral() as instance:
                dg.materialize([several], tags=RANGE, instance=instance)
                return loads_again(dg, instance, several, reader)

        with pytest.raises(Exception, match="does not support persisting"):
            under_dagster(script)
        assert script(jobkernel) == ["aa", "bb"]

    def test_another_value_of_a_range_is_refused_in_a_sentence(self) -> None:
        several = jobkernel.asset(name="several", partitions_def=letters(jobkernel))(lambda: 1)

        with pytest.raises(InvariantViolation, match="has to be a dict by partition key, from 'a' to 'b'"):
            jobkernel.materialize([several], tags=RANGE)

    def test_what_was_never_made_is_named(self) -> None:
        with pytest.raises(MissingUpstream, match="Partition 'b' of asset 'up' was never made"):
            loads(jobkernel, upper(jobkernel), ["a"], reading(jobkernel, "total", "up"), [None])


def loads_again(dg: Any, instance: Any, made: Any, reader: Any) -> list[Any]:
    return [
        dg.materialize([made, reader], selection=["reader"], partition_key=key, instance=instance).output_for_node(
            "reader"
        )
        for key in "ab"
    ]


@covers("BackfillPolicy", "PartitionKeyRange")
def test_a_range_of_one_is_that_partition() -> None:
    def script(dg: Any) -> Any:
        seen: list[Any] = []

        @dg.asset(partitions_def=letters(dg), backfill_policy=dg.BackfillPolicy.single_run())
        def one(context) -> int:
            seen.append((context.partition_key, list(context.partition_keys), tuple(context.partition_key_range)))
            return 1

        tags = dict.fromkeys(RANGE, "b")
        with dg.DagsterInstance.ephemeral() as instance:
            dg.materialize([one], tags=tags, instance=instance)
            result = dg.materialize(
                [one, reading(dg, "below", "one", partitions=letters(dg))],
                selection=["below"],
                partition_key="b",
                instance=instance,
            )
        return [*seen, result.output_for_node("below")]

    assert_same(script)


@covers("asset", "AssetExecutionContext")
@pytest.mark.parametrize("wanted", [["a"], ["b", "c"], ["c", "a", "b"]], ids="".join)
def test_a_body_loads_the_partitions_that_it_asks_for(wanted: list[str]) -> None:
    def script(dg: Any) -> Any:
        up = upper(dg)

        @dg.asset(deps=[up])
        def whole(context) -> list[str]:
            return [context.load_asset_value(dg.AssetKey("up"), partition_key=key) for key in wanted]

        @dg.asset(deps=[up], partitions_def=letters(dg))
        def other(context) -> str:
            return context.load_asset_value(up.key, partition_key="c", python_type=str) + context.partition_key

        with dg.DagsterInstance.ephemeral() as instance, storing(dg) as io:
            for key in "abc":
                dg.materialize([up], partition_key=key, instance=instance, resources=io)
            one = dg.materialize([up, whole], selection=["whole"], instance=instance, resources=io)
            two = dg.materialize([up, other], selection=["other"], instance=instance, resources=io, partition_key="a")
            return one.output_for_node("whole"), two.output_for_node("other")

    assert_same(script)


@contextmanager
def storing(dg: Any) -> Iterator[Any]:
    """Give an IO manager that remembers each partition."""
    kept: dict[Any, Any] = {}

    class Remembering(dg.IOManager):
        def handle_output(self, context: Any, obj: Any) -> None:
            kept[(*context.asset_key.path, *(context.asset_partition_keys if context.has_asset_partitions else ()))] = (
                obj
            )

        def load_input(self, context: Any) -> Any:
            return kept[
                (*context.asset_key.path, *(context.asset_partition_keys if context.has_asset_partitions else ()))
            ]

    yield {"io_manager": Remembering()}
