"""Conditions request what real Dagster's request: the table's rows, each operand and operator, random histories."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from symbols import ORDER, REFUSALS, covers

import jobkernel
from jobkernel.errors import InvalidDefinition, InvalidInvocation, UnknownName, Unsupported
from tests.compat.condition_worlds import World
from tests.compat.harness import assert_refused, assert_same
from tests.compat.instances import disposing, ephemeral

pytestmark = pytest.mark.compat
Step = Callable[[World], Any]


@pytest.fixture(autouse=True)
def _instances_are_disposed_of() -> Iterator[None]:
    with disposing():
        yield


def plain(dg: Any, edges: dict[str, Sequence[str]], conditions: dict[str, Any], **options: Any) -> list[Any]:
    """Return assets that depend on each other so, each with its condition, if it has one."""

    def asset(name: str) -> Any:
        @dg.asset(name=name, deps=list(edges[name]), automation_condition=conditions.get(name), **options)
        def made() -> None: ...

        return made

    return [asset(name) for name in edges]


def pair(condition: Callable[[Any], Any]) -> Callable[[Any], list[Any]]:
    """Return what makes b, on a condition, of a."""
    return lambda dg: plain(dg, {"a": (), "b": ("a",)}, {"b": condition(dg.AutomationCondition)})


def counts(world: World, *steps: Step) -> list[int]:
    """Return how many partitions each look requests; both must request the same ones."""
    found = []
    for step in steps:
        step(world)
        them, us = world.look()
        assert us == them
        found.append(sum(len(partitions) for partitions in us.values()))
    return found


def wait(minutes: float = 1.0) -> Step:
    """Return a step in which nothing happens."""
    return lambda world: world.wait(minutes=minutes)


def made(*names: str, partition: str | None = None, **tags: str) -> Step:
    """Return a step in which one run makes assets."""
    return lambda world: (wait()(world), world.whole(names, partition, tags))


def at(text: str) -> Step:
    """Return a step in which it becomes that time, UTC."""

    def step(world: World) -> None:
        world.now = datetime.fromisoformat(text + "+00:00")

    return step


def both(*steps: Step) -> Step:
    """Return several steps as one."""
    return lambda world: [step(world) for step in steps]


def eager(condition: Any) -> Any:
    """Return the condition of most rows."""
    return condition.eager()


@covers("AutomationCondition", "evaluate_automation_conditions")
def test_row_349_an_asset_made_twice_between_looks_counts_once() -> None:
    assert counts(World(pair(eager)), wait(), both(made("a"), made("a")), wait()) == [0, 1, 0]


def test_row_350_a_requested_run_that_fails_is_not_requested_again_until_something_changes() -> None:
    world = World(pair(eager))

    def fail(world: World) -> None:
        world.end(world.start(["b"]), well=False)

    assert counts(world, wait(), made("a"), fail, wait(), made("a")) == [0, 1, 0, 0, 1]


def test_row_352_a_root_that_was_missing_before_the_first_look_is_never_requested() -> None:
    world = World(lambda dg: plain(dg, {"a": ()}, {"a": dg.AutomationCondition.eager()}))
    assert counts(world, wait(), wait(), wait()) == [0, 0, 0]


def test_row_353_only_the_latest_day_is_requested() -> None:
    def make(dg: Any) -> list[Any]:
        days = dg.DailyPartitionsDefinition("2020-08-01")
        edges = {"a": (), "b": ("a",)}
        return plain(dg, edges, {"b": dg.AutomationCondition.eager()}, partitions_def=days)

    world = World(make, datetime.fromisoformat("2020-08-16T04:35:00+00:00"))
    steps = (wait(), both(made("a", partition="2020-08-15"), made("a", partition="2020-08-12")), wait())
    assert counts(world, *steps) == [0, 1, 0]
    assert counts(world, at("2020-08-17T00:35:00"), made("a", partition="2020-08-16")) == [0, 1]


def test_row_355_keys_that_are_added_are_requested_and_old_ones_are_not() -> None:
    def keyed(keys: Sequence[str]) -> Callable[[Any], list[Any]]:
        def make(dg: Any) -> list[Any]:
            condition = dg.AutomationCondition.eager()
            partitions = dg.StaticPartitionsDefinition(list(keys))
            return plain(dg, {"a": (), "b": ("a",)}, {"a": condition, "b": condition}, partitions_def=partitions)

        return make

    world = World(keyed("ab"))
    assert counts(world, wait(), wait()) == [0, 0]
    world.redefine(keyed("abcd"))
    assert counts(world, wait()) == [4]
    assert {key: set(found) for key, found in world.found.requested.items()} == {"a": {"c", "d"}, "b": {"c", "d"}}


def test_row_356_what_the_run_of_an_update_will_make_itself_is_not_requested() -> None:
    def make(dg: Any) -> list[Any]:
        condition = dg.AutomationCondition.eager()
        return plain(dg, {"a": (), "b": ("a",), "c": ("a",)}, {"b": condition, "c": condition})

    world = World(make)

    def begun(world: World) -> None:
        world.make(world.start(["a", "b", "c"]), "a")

    def over(world: World) -> None:
        world.end(world.runs[0], well=True)

    assert counts(world, wait(), begun, over, wait(), made("a")) == [0, 0, 0, 0, 2]


def test_row_358_on_cron_requests_once_for_each_tick_after_an_update() -> None:
    world = World(pair(lambda c: c.on_cron("0 * * * *")), datetime.fromisoformat("2020-02-02T01:05:00+00:00"))
    assert counts(world, wait(0), at("2020-02-02T02:05:00")) == [0, 0]
    later = (at("2020-02-02T05:07:00"), at("2020-02-02T06:07:00"))
    again = both(at("2020-02-02T06:07:30"), made("a"))
    first = both(at("2020-02-02T05:05:00"), made("a"))
    assert counts(world, first, *later, again, at("2020-02-02T06:09:30")) == [1, 0, 0, 1, 0]


def test_row_359_on_missing_leaves_alone_what_was_missing_from_the_start() -> None:
    assert counts(World(pair(lambda c: c.on_missing())), wait(), wait(), wait()) == [0, 0, 0]


def test_row_361_a_tick_counts_at_the_look_after_it_only() -> None:
    world = World(
        lambda dg: plain(dg, {"a": ()}, {"a": dg.AutomationCondition.cron_tick_passed("0 0 * * *")}),
        datetime.fromisoformat("2020-08-16T04:35:00+00:00"),
    )
    assert counts(world, wait(0), at("2020-08-17T00:35:00"), at("2020-08-17T00:36:00")) == [0, 1, 0]


def test_row_362_updates_of_dependencies_count_once() -> None:
    assert counts(World(pair(lambda c: c.any_deps_updated())), wait(), made("a"), wait()) == [0, 1, 0]


def shape(condition: Any) -> Any:
    """Return everything that a condition shows of itself."""
    return (
        condition.name,
        condition.get_label(),
        condition.description,
        [shape(child) for child in condition.children],
    )


WORDS: dict[str, Callable[[Any], Any]] = {
    "eager": lambda c: c.eager(),
    "on_cron": lambda c: c.on_cron("0 9 * * *", "Europe/Berlin"),
    "on_missing": lambda c: c.on_missing(),
    "any_deps_updated": lambda c: c.any_deps_updated(),
    "any_deps_missing": lambda c: c.any_deps_missing(),
    "any_deps_in_progress": lambda c: c.any_deps_in_progress(),
    "all_deps_updated_since_cron": lambda c: c.all_deps_updated_since_cron("@daily"),
    "all_deps_blocking_checks_passed": lambda c: c.all_deps_blocking_checks_passed(),
    "missing": lambda c: c.missing(),
    "in_progress": lambda c: c.in_progress(),
    "execution_failed": lambda c: c.execution_failed(),
    "newly_updated": lambda c: c.newly_updated(),
    "newly_requested": lambda c: c.newly_requested(),
    "newly_missing": lambda c: c.newly_missing(),
    "code_version_changed": lambda c: c.code_version_changed(),
    "data_version_changed": lambda c: c.data_version_changed(),
    "cron_tick_passed": lambda c: c.cron_tick_passed("0 9 * * *"),
    "in_latest_time_window": lambda c: c.in_latest_time_window(),
    "within a span of the latest": lambda c: c.in_latest_time_window(timedelta(hours=48)),
    "will_be_requested": lambda c: c.will_be_requested(),
    "initial_evaluation": lambda c: c.initial_evaluation(),
    "checks": lambda c: c.any_checks_match(c.check_passed()) & c.all_checks_match(c.check_failed(), blocking_only=True),
    "root target": lambda c: c.executed_with_root_target(),
    "tags": lambda c: c.executed_with_tags(tag_keys={"b", "a"}, tag_values={"x": "1", "y": "2"}),
    "tags of all": lambda c: c.all_new_updates_have_run_tags(tag_keys={"a"}),
    "tags of any": lambda c: c.any_new_update_has_run_tags(tag_values={"a": "1"}),
    "asset_matches": lambda c: c.asset_matches("a", c.missing()),
    "downstream": lambda c: c.any_downstream_conditions(),
    "joined": lambda c: (c.missing() & c.in_progress() & ~c.newly_updated()) | c.newly_requested() | c.missing(),
    "a labelled part stays whole": lambda c: (c.missing() & c.in_progress()).with_label("x") & c.missing(),
    "since": lambda c: c.missing().since(c.newly_updated()).newly_true().since_last_handled(),
    "replaced by name": lambda c: c.eager().replace("in_progress", c.missing()),
    "replaced by condition": lambda c: c.on_cron("@daily").replace(c.in_latest_time_window(), c.missing()),
    "replaced as a whole": lambda c: c.eager().replace("eager", c.missing()),
    "what is newly true is closed": lambda c: c.newly_missing().replace("missing", c.in_progress()),
    "what is of checks is closed": lambda c: c.any_checks_match(c.missing()).replace("missing", c.in_progress()),
    "without": lambda c: c.eager().without(~c.any_deps_missing()),
    "unlabelled": lambda c: c.eager().with_label(None) & c.missing(),
}


@covers("AutomationCondition", aspect=ORDER)
@pytest.mark.parametrize("words", WORDS)
def test_conditions_show_the_same_names_labels_and_parts(words: str) -> None:
    assert_same(lambda dg: shape(WORDS[words](dg.AutomationCondition)))


@pytest.mark.parametrize("words", WORDS)
def test_equal_words_make_equal_conditions(words: str) -> None:
    def script(dg: Any) -> Any:
        first, second = (WORDS[words](dg.AutomationCondition) for _ in range(2))
        return first == second, hash(first) == hash(second), first == dg.AutomationCondition.eager()

    assert_same(script)


def test_limits_reach_the_parts_that_look_at_dependencies() -> None:
    def script(dg: Any) -> Any:
        selection = dg.AssetSelection.assets("a")
        other = dg.AssetSelection.assets("b")
        c = dg.AutomationCondition
        limited = [
            c.eager().ignore(selection),
            c.on_cron("@daily").allow(selection).allow(other),
            ~c.any_deps_missing(),
        ]
        limited.append((c.any_deps_updated() | c.missing()).since_last_handled().ignore(selection))
        return [sum("_selection=" in name for name in names(each)) for each in limited]

    assert_same(script)


def names(condition: Any) -> list[str]:
    """Return the names of all parts."""
    return [condition.name, *(name for child in condition.children for name in names(child))]


@covers("AutomationCondition", aspect=REFUSALS)
@pytest.mark.parametrize(
    "refused",
    [
        lambda c: c.cron_tick_passed("0 9 * *"),
        lambda c: c.on_cron("nonsense"),
        lambda c: c.eager().without(c.missing()),
        lambda c: (c.missing() & c.in_progress()).without(c.missing()),
        lambda c: c.eager().allow("a"),
        lambda c: c.eager().ignore(None),
        lambda c: c(),
    ],
)
def test_what_makes_no_condition_is_refused(refused: Callable[[Any], Any]) -> None:
    assert_refused(lambda dg: refused(dg.AutomationCondition))


@pytest.mark.parametrize("word", ["freshness_passed", "freshness_warned", "freshness_failed"])
def test_freshness_is_refused_in_a_sentence(word: str) -> None:
    with pytest.raises(Unsupported, match=r"no freshness policy; use cron_tick_passed\.$"):
        getattr(jobkernel.AutomationCondition, word)()


def test_conditions_of_jobs_and_of_own_classes_are_refused_in_a_sentence() -> None:
    condition = jobkernel.AutomationCondition
    with pytest.raises(Unsupported, match="put the condition on the job's assets"):
        condition.any_job_root_assets_match(condition.eager())
    with pytest.raises(Unsupported, match="own classes"):
        type("Mine", (condition,), {})


def looking(dg: Any, definitions: Any, instance: Any) -> Callable[..., tuple[int, dict[str, int]]]:
    """Return what has looks, one after another, and gives how much they request in all and of a, b and c."""
    cursor: Any = None

    def look(**options: Any) -> tuple[int, dict[str, int]]:
        nonlocal cursor
        found = dg.evaluate_automation_conditions(definitions, instance, cursor=cursor, **options)
        cursor = found.cursor
        return found.total_requested, {name: found.get_num_requested(dg.AssetKey(name)) for name in "abc"}

    return look


@covers("evaluate_automation_conditions", "EvaluateAutomationConditionsResult", aspect=ORDER)
def test_definitions_are_evaluated_over_the_runs_of_an_instance() -> None:
    def script(dg: Any) -> Any:
        condition = dg.AutomationCondition.eager()
        assets = plain(dg, {"a": (), "b": ("a",), "c": ("b",)}, {"b": condition, "c": condition})
        instance = ephemeral(dg)
        look = looking(dg, assets, instance)
        found = [look()]
        dg.materialize(assets[:1], instance=instance)
        found += [look(), look()]
        dg.materialize(assets, instance=instance)
        found += [look(), look(asset_selection=dg.AssetSelection.assets("c"))]
        return found

    assert_same(script)


@covers("EvaluateAutomationConditionsResult")
def test_requested_partitions_are_named() -> None:
    def script(dg: Any) -> Any:
        partitions = dg.StaticPartitionsDefinition(["x", "y"])
        condition = dg.AutomationCondition.missing()
        assets = plain(dg, {"a": (), "b": ("a",)}, {"b": condition, "a": condition}, partitions_def=partitions)
        instance = ephemeral(dg)
        dg.materialize(assets[:1], partition_key="x", instance=instance)
        found = dg.evaluate_automation_conditions(assets, instance)
        return [set(found.get_requested_partitions(dg.AssetKey(name))) for name in "abc"]

    assert_same(script)


def test_an_asset_without_partitions_is_requested_as_none() -> None:
    def script(dg: Any) -> Any:
        assets = plain(dg, {"a": ()}, {"a": dg.AutomationCondition.missing()})
        found = dg.evaluate_automation_conditions(dg.Definitions(assets=assets), ephemeral(dg))
        return set(found.get_requested_partitions(dg.AssetKey("a")))

    assert_same(script)


def test_checks_have_conditions_and_are_asked_about() -> None:
    def script(dg: Any) -> Any:
        c = dg.AutomationCondition
        passes = {"ok": True}

        @dg.asset(check_specs=[dg.AssetCheckSpec("fine", asset="a", blocking=True)])
        def a():
            return dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=passes["ok"])])

        @dg.asset(deps=[a], automation_condition=c.all_deps_blocking_checks_passed())
        def b() -> None: ...

        @dg.asset(deps=[a], automation_condition=c.any_deps_match(c.any_checks_match(c.check_failed())))
        def c_() -> None: ...

        @dg.asset_check(asset=b, automation_condition=c.any_deps_match(c.newly_updated()))
        def late():
            return dg.AssetCheckResult(passed=True)

        definitions = dg.Definitions(assets=[a, b, c_], asset_checks=[late])
        instance = ephemeral(dg)
        look = looking(dg, definitions, instance)
        found = [look()]
        dg.materialize([a], instance=instance)
        found.append(look())
        passes["ok"] = False
        dg.materialize([a], instance=instance, raise_on_error=False)
        found.append(look())
        dg.materialize([a, b], selection=["b"], instance=instance)
        found += [look(), look()]
        return found

    assert_same(script)


def test_what_one_step_makes_is_requested_together() -> None:
    def script(dg: Any) -> Any:
        @dg.asset
        def a() -> None: ...

        @dg.multi_asset(
            specs=[
                dg.AssetSpec("b", deps=["a"], automation_condition=dg.AutomationCondition.eager()),
                dg.AssetSpec("c", deps=["a"]),
            ]
        )
        def several():
            yield dg.MaterializeResult("b")
            yield dg.MaterializeResult("c")

        instance = ephemeral(dg)
        look = looking(dg, [a, several], instance)
        found = [look()]
        dg.materialize([a], instance=instance)
        return [*found, look(), look()]

    assert_same(script)


def test_code_versions_count_when_they_change() -> None:
    def script(dg: Any) -> Any:
        def definitions(version: str | None) -> list[Any]:
            condition = dg.AutomationCondition.code_version_changed()
            return plain(dg, {"a": ()}, {"a": condition}, code_version=version)

        cursor, found = None, []
        for version in (None, "1", "1", "2", "2", None, "3"):
            look = dg.evaluate_automation_conditions(definitions(version), ephemeral(dg), cursor=cursor)
            cursor = look.cursor
            found.append(look.total_requested)
        return found

    assert_same(script)


def test_data_versions_count_when_they_change() -> None:
    def script(dg: Any) -> Any:
        version = {"is": "1"}

        @dg.asset(automation_condition=dg.AutomationCondition.data_version_changed())
        def a():
            return dg.Output(1, data_version=dg.DataVersion(version["is"]))

        instance = ephemeral(dg)
        look = looking(dg, [a], instance)
        found = [look()]
        for each in ("1", "1", "2", "2"):
            version["is"] = each
            dg.materialize([a], instance=instance)
            found.append(look())
        return found

    assert_same(script)


@covers("evaluate_automation_conditions", aspect=REFUSALS)
def test_a_condition_about_an_unknown_asset_is_refused_in_a_sentence() -> None:
    condition = jobkernel.AutomationCondition.asset_matches("nope", jobkernel.AutomationCondition.missing())
    assets = plain(jobkernel, {"note": ()}, {"note": condition})
    with pytest.raises(UnknownName, match=r"asks about 'nope'.*Did you mean 'note'\?$"):
        jobkernel.evaluate_automation_conditions(assets, ephemeral(jobkernel))


def test_a_cursor_of_something_else_is_refused_in_a_sentence() -> None:
    assets = plain(jobkernel, {"a": ()}, {"a": jobkernel.AutomationCondition.eager()})
    with pytest.raises(InvalidInvocation, match="give the one of the look before"):
        jobkernel.evaluate_automation_conditions(assets, ephemeral(jobkernel), cursor="12")


def test_a_zone_that_is_unknown_is_refused_in_a_sentence() -> None:
    with pytest.raises(InvalidDefinition, match="Did you mean 'Europe/Berlin'"):
        jobkernel.AutomationCondition.on_cron("0 9 * * *", "Europe/Berlim")


CONDITIONS: list[Callable[[Any, Any], Any]] = [
    lambda _dg, c: c.eager(),
    lambda _dg, c: c.on_cron("*/10 * * * *"),
    lambda _dg, c: c.on_missing(),
    lambda _dg, c: c.any_deps_in_progress(),
    lambda _dg, c: c.in_progress() | c.execution_failed(),
    lambda _dg, c: c.newly_updated() | c.newly_requested(),
    lambda _dg, c: ~c.missing(),
    lambda _dg, c: c.newly_missing(),
    lambda _dg, c: c.newly_updated().since(c.cron_tick_passed("*/7 * * * *")),
    lambda _dg, c: c.cron_tick_passed("*/7 * * * *").since(c.newly_updated()),
    lambda _dg, c: c.any_deps_match(c.newly_updated()).since(c.newly_updated()),
    lambda _dg, c: c.all_deps_match(c.newly_updated().newly_true()),
    lambda _dg, c: c.eager() | c.on_cron("*/7 * * * *"),
    lambda _dg, c: c.asset_matches("a", c.newly_updated()),
    lambda _dg, c: c.any_downstream_conditions() & ~c.in_progress(),
    lambda dg, c: c.eager().ignore(dg.AssetSelection.assets("a")),
    lambda dg, c: c.eager().allow(dg.AssetSelection.assets("a", "b")),
    lambda _dg, c: c.all_deps_match(~c.missing()).since_last_handled(),
    lambda _dg, c: c.initial_evaluation(),
    lambda _dg, c: c.executed_with_tags(tag_keys={"x"}),
    lambda _dg, c: c.all_new_updates_have_run_tags(tag_values={"x": "1"}),
    lambda _dg, c: c.any_new_update_has_run_tags(tag_keys={"x"}),
    lambda _dg, c: c.any_deps_match(c.executed_with_root_target()),
    lambda _dg, c: c.any_deps_match(c.will_be_requested()),
    lambda _dg, c: (c.newly_updated() & ~c.in_progress()).newly_true().since_last_handled(),
    lambda _dg, c: c.any_deps_match(c.any_deps_match(c.newly_updated())),
    lambda _dg, c: c.any_deps_match(c.execution_failed()).newly_true(),
]
KINDS = ("none", "static", "daily")


def partitions(dg: Any, kind: str) -> Any:
    """Return partitions of a kind."""
    if kind == "static":
        return dg.StaticPartitionsDefinition(["x", "y", "z"])
    return dg.DailyPartitionsDefinition("2024-03-01") if kind == "daily" else None


@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(st.integers(0, 10**6), st.sampled_from([("none",), ("static",), ("daily",), KINDS]))
def test_random_histories_of_random_graphs_request_what_dagster_requests(seed: int, kinds: tuple[str, ...]) -> None:
    random = Random(seed)
    names = "abcde"[: random.randint(2, 5)]
    edges = {name: [other for other in names[:place] if random.random() < 0.5] for place, name in enumerate(names)}
    chosen = {name: random.choice(CONDITIONS) for name in names if random.random() < 0.8}
    kind = {name: random.choice(kinds) for name in names}

    def make(dg: Any) -> list[Any]:
        def asset(name: str) -> Any:
            condition = chosen[name](dg, dg.AutomationCondition) if name in chosen else None
            only = plain(dg, {name: edges[name]}, {name: condition}, partitions_def=partitions(dg, kind[name]))
            return only[0]

        return [asset(name) for name in names]

    world = World(make)
    for _ in range(random.randint(3, 7)):
        world.wait(seconds=random.choice([5, 30, 300, 3600 * 12]))
        for _ in range(random.randint(0, 3)):
            something_happens(world, random, random.choice(kinds), kind)
        them, us = world.look()
        assert us == them, (
            edges,
            kind,
            {name: str(each(jobkernel, jobkernel.AutomationCondition)) for name, each in chosen.items()},
        )


def something_happens(world: World, random: Random, kind: str, kinds: dict[str, str]) -> None:
    """Tell of a run that makes assets with partitions of a kind, or begins; or of one that ends."""
    planned = [name for name in kinds if kinds[name] == kind and random.random() < 0.5]
    open_runs = [run for run in world.runs if run.status == "STARTED"]
    what = random.random()
    if what > 0.8 and open_runs:
        run = random.choice(open_runs)
        if random.random() < 0.5:
            world.make(run, run.planned[0])
        world.end(run, well=random.random() < 0.5)
    elif planned:
        day = (world.now - timedelta(days=random.choice([1, 1, 2]))).strftime("%Y-%m-%d")
        partition = {"none": None, "static": random.choice("xyz"), "daily": day}[kind]
        tags = {"x": random.choice("12")} if random.random() < 0.4 else {}
        (world.whole if what < 0.6 else world.start)(planned, partition, tags)


def shown(sensor: Any) -> Any:
    """Return what a sensor of conditions shows of itself."""
    return (
        sensor.name,
        sensor.description,
        dict(sensor.run_tags),
        dict(sensor.tags),
        sensor.emit_backfills,
        sorted(sensor.metadata),
        sensor.default_status.name,
        sensor.minimum_interval_seconds,
        sensor.default_condition,
        sensor.has_jobs,
    )


@covers("AutomationConditionSensorDefinition")
@covers("AutomationConditionSensorDefinition", aspect=ORDER)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"run_tags": {"a": "1"}, "tags": {"b": "2"}, "description": "d", "minimum_interval_seconds": 60},
        {"emit_backfills": False, "metadata": {"m": 1}, "use_user_code_server": True},
    ],
)
def test_sensors_of_conditions_show_the_same(options: dict[str, Any]) -> None:
    def script(dg: Any) -> Any:
        make = dg.AutomationConditionSensorDefinition
        running = {"default_status": dg.DefaultSensorStatus.RUNNING}
        return [
            shown(make("s", target=dg.AssetSelection.all(), **options)),
            shown(make("s", target="*", **running, **options)),
        ]

    assert_same(script)


def test_a_look_of_a_sensor_asks_for_one_run_of_what_can_be_made_together() -> None:
    def script(dg: Any) -> Any:
        condition = dg.AutomationCondition.eager()
        assets = plain(dg, {"a": (), "b": ("a",), "c": ("b",)}, {"b": condition, "c": condition})
        sensor = dg.AutomationConditionSensorDefinition(
            "s", target=dg.AssetSelection.all(), run_tags={"x": "1"}, use_user_code_server=True
        )
        definitions = dg.Definitions(assets=assets, sensors=[sensor])
        instance = ephemeral(dg)
        cursor, found = None, []
        for _ in range(3):
            context = dg.build_sensor_context(instance=instance, cursor=cursor, definitions=definitions)
            look = sensor.evaluate_tick(context)
            cursor = look.cursor
            found.append(
                [
                    (sorted(key.to_user_string() for key in request.asset_selection), request.tags.get("x"))
                    for request in look.run_requests
                ]
            )
            dg.materialize(assets[:1], instance=instance) if len(found) == 1 else None
        return found

    assert_same(script)


@covers("AutomationConditionSensorDefinition", aspect=REFUSALS)
@pytest.mark.parametrize(
    "options",
    [
        {"name": "no name", "target": "*"},
        {"name": "s", "target": "*", "run_tags": {"a": object()}},
        {"name": "s"},
    ],
)
def test_what_makes_no_sensor_of_conditions_is_refused(options: dict[str, Any]) -> None:
    assert_refused(lambda dg: dg.AutomationConditionSensorDefinition(**options))


def test_a_default_condition_is_refused_as_dagster_does_and_otherwise_in_a_sentence() -> None:
    def script(dg: Any) -> Any:
        return dg.AutomationConditionSensorDefinition("s", target="*", default_condition=dg.AutomationCondition.eager())

    assert_refused(script)
    with pytest.raises(Unsupported, match="put the condition on the assets themselves"):
        jobkernel.AutomationConditionSensorDefinition(
            "s", target="*", use_user_code_server=True, default_condition=jobkernel.AutomationCondition.eager()
        )


@pytest.mark.parametrize(
    "make",
    [
        lambda dg: dg.AssetSpec("a", automation_condition="eager"),
        lambda dg: dg.AssetOut(automation_condition=5),
        lambda dg: dg.AssetCheckSpec("c", asset="a", automation_condition=5),
        lambda dg: dg.asset(name="a", automation_condition=5)(lambda: None),
        lambda dg: dg.AutomationCondition.any_deps_match("missing"),
        lambda dg: dg.define_asset_job("j", automation_condition=5),
    ],
)
def test_what_is_no_condition_is_refused(make: Callable[[Any], Any]) -> None:
    assert_refused(make)


def test_a_condition_of_a_job_is_refused_in_a_sentence() -> None:
    with pytest.raises(Unsupported, match=r"^Job 'j' does not support 'automation_condition'; leave it out\.$"):
        jobkernel.define_asset_job("j", automation_condition=jobkernel.AutomationCondition.eager())
