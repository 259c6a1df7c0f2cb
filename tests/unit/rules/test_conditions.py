"""Conditions evaluated over facts given by hand: what is requested, remembered, said, and grouped into runs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jobkernel.errors import InvalidDefinition, InvalidInvocation, Unsupported
from jobkernel.model.conditions import Condition, Operand
from jobkernel.model.partition_loading import KeptHere, partition_loading_context
from jobkernel.model.partitions import DynamicPartitionsDefinition, StaticPartitionsDefinition
from jobkernel.rules.conditions import Evaluated, evaluate_conditions, still_until
from jobkernel.rules.conditions_cursor import Kept, read_cursor
from jobkernel.rules.conditions_facts import (
    WHOLE,
    AssetFacts,
    CheckFacts,
    CheckStatus,
    ConditionGraph,
    Facts,
    Key,
    Node,
    RunFacts,
    Update,
)
from jobkernel.rules.conditions_requests import WantedRun, result_of, runs_of
from jobkernel.rules.conditions_text import read_automation
from jobkernel.rules.conditions_why import sentence_of, tree_of
from jobkernel.rules.conditions_words import AutomationCondition
from jobkernel.rules.graph import Graph
from jobkernel.rules.partition_calendar import DailyPartitionsDefinition, HourlyPartitionsDefinition
from jobkernel.rules.universe import Universe

C = AutomationCondition
NOON = datetime(2024, 3, 5, 12, 0, 30, tzinfo=UTC)


def graph(edges: Mapping[str, Sequence[str]], conditions: Mapping[str, Condition], **nodes: Any) -> ConditionGraph:
    """Return assets that depend on each other so; further nodes, such as checks, by any name."""
    own = [
        Node(key=key, deps=frozenset(deps), condition=conditions.get(key), **nodes.get(key, {}))
        for key, deps in edges.items()
    ]
    return ConditionGraph(own, Universe(Graph.of(edges)))


def made(**seqs: int | Sequence[int]) -> dict[str, AssetFacts]:
    """Return assets with updates at these places, each by a run of its own."""
    listed = {key: [given] if isinstance(given, int) else list(given) for key, given in seqs.items()}
    return {
        key: AssetFacts(updates=tuple(Update(seq, NOON.timestamp() + seq, f"run{seq}") for seq in places))
        for key, places in listed.items()
    }


def facts(last_seq: int | None = None, **assets: Any) -> Facts:
    """Return facts of updates."""
    return Facts(last_seq=last_seq, assets=made(**assets))


class Watch:
    """Looks at one graph again and again, a minute apart, with the cursor carried over as text."""

    def __init__(self, conditions: ConditionGraph, now: datetime = NOON) -> None:
        self.graph = conditions
        self.now = now
        self.cursor: str | None = None
        self.found: Evaluated

    def look(self, known: Facts) -> list[str]:
        """Return what is requested, as texts."""
        self.found = evaluate_conditions(self.graph, known, cursor=self.cursor, now=self.now)
        self.cursor = json.loads(json.dumps(self.found.cursor))
        self.now += timedelta(minutes=1)
        return sorted(str(key) for key in self.found.requested)

    def why(self, key: Key) -> str:
        """Return the sentence on an asset at the look just had."""
        return sentence_of(self.found.results[key], self.now)


CHAIN = {"a": (), "b": ("a",), "c": ("b",)}


def test_a_change_goes_down_a_chain_in_one_look() -> None:
    watch = Watch(graph(CHAIN, {"b": C.eager(), "c": C.eager()}))

    assert [watch.look(facts()), watch.look(facts(1, a=1)), watch.look(facts(1, a=1))] == [[], ["b", "c"], []]


def test_two_parts_that_are_called_alike_remember_apart() -> None:
    one = (Operand("newly_updated") & Operand("missing")).since(Operand("newly_requested"))
    other = (Operand("newly_updated") & ~Operand("missing")).since(Operand("newly_requested"))
    watch = Watch(graph({"a": ()}, {"a": (other & ~one) & ~C.newly_updated()}))
    watch.look(facts())
    watch.look(facts(1, a=1))

    assert watch.look(facts(1, a=1)) == ["a"]


def test_what_a_part_remembers_survives_a_move_in_its_condition() -> None:
    since = C.newly_updated().since(C.execution_failed())
    watch = Watch(graph({"a": ()}, {"a": since}))
    watch.look(facts())
    watch.look(facts(1, a=1))
    watch.graph = graph({"a": ()}, {"a": C.in_latest_time_window() & (since | C.missing())})

    assert watch.look(facts(1, a=1)) == ["a"]


def test_an_asset_whose_condition_was_taken_away_is_forgotten_and_starts_anew() -> None:
    watch = Watch(graph({"a": (), "b": ("a",)}, {"b": C.eager()}))
    watch.look(facts())
    with_condition, watch.graph = watch.graph, graph({"a": (), "b": ("a",)}, {})
    watch.look(facts())
    watch.graph = with_condition

    assert watch.look(facts(1, a=1)) == []


def test_an_asset_that_is_not_defined_for_a_while_is_remembered() -> None:
    whole = graph({"a": (), "b": ("a",)}, {"b": C.eager()})
    watch = Watch(whole)
    watch.look(facts())
    watch.graph = graph({"a": ()}, {})
    watch.look(facts())
    watch.graph = whole

    assert watch.look(facts(1, a=1)) == ["b"]


def test_what_is_made_together_is_requested_together() -> None:
    pair = {"together": frozenset({"b", "c"})}
    watch = Watch(graph({"a": (), "b": ("a",), "c": ("a",)}, {"b": C.eager()}, b=pair, c=pair))
    watch.look(facts())

    assert watch.look(facts(1, a=1)) == ["b", "c"]
    assert watch.found.total_requested == 1


def test_only_some_are_looked_at_where_some_are_named() -> None:
    conditions = graph({"a": (), "b": ()}, {"a": C.missing(), "b": C.missing()})
    found = evaluate_conditions(conditions, facts(), cursor=None, now=NOON, only={"b"})

    assert list(found.results) == ["b"]


def test_checks_count_while_they_speak_of_the_latest_update() -> None:
    nodes = [
        Node(key="a"),
        Node(key=("a", "fine"), deps=frozenset({"a"}), is_blocking=True),
        Node(key=("a", "other"), deps=frozenset({"a"})),
        Node(key="b", deps=frozenset({"a"}), condition=C.all_deps_blocking_checks_passed()),
    ]
    known = ConditionGraph(nodes, Universe(Graph.of({"a": (), "b": ("a",)})))

    def requested(status: CheckStatus | None) -> list[str]:
        checks = {("a", "fine"): CheckFacts(status), ("a", "other"): CheckFacts(CheckStatus.FAILED)}
        return Watch(known).look(Facts(checks=checks))

    assert requested(CheckStatus.SUCCEEDED) == ["b"]
    assert requested(CheckStatus.FAILED) == requested(None) == []


def test_a_condition_of_checks_on_an_asset_is_refused_in_a_sentence() -> None:
    with pytest.raises(Unsupported, match=r"^'check_passed' is a condition of checks; use any_checks_match"):
        Watch(graph({"a": ()}, {"a": C.check_passed()})).look(facts())


@pytest.mark.parametrize(
    ("last_seq", "assets", "runs", "sentence"),
    [
        (None, {}, {}, "'b' waits for an update of 'a'."),
        (None, {"a": AssetFacts(in_progress=WHOLE)}, {}, "'b' waits for an update of 'a'."),
        (1, made(a=1), {}, "'b' is requested: eager is true."),
        (1, made(a=1), {"run1": RunFacts(frozenset({"a", "b"}))}, "'b' waits for an update of 'a'."),
        (1, {**made(a=1), "b": AssetFacts(in_progress=WHOLE)}, {}, "'b' waits for the run that makes 'b' to end."),
        (
            1,
            {"a": AssetFacts(updates=made(a=1)["a"].updates, in_progress=WHOLE)},
            {},
            "'b' waits for the run that makes 'a' to end.",
        ),
    ],
)
def test_a_sentence_says_what_an_eager_asset_waits_for(
    last_seq: int | None, assets: dict[str, AssetFacts], runs: dict[str, RunFacts], sentence: str
) -> None:
    watch = Watch(graph({"a": (), "b": ("a",)}, {"b": C.eager()}))
    watch.look(facts())
    watch.look(Facts(last_seq=last_seq, assets=assets, runs=runs))

    assert watch.why("b") == sentence


def test_a_sentence_names_dependencies_that_were_never_made() -> None:
    watch = Watch(graph({"a": (), "x": (), "b": ("a", "x")}, {"b": C.eager()}))
    watch.look(facts())
    watch.look(facts(1, a=1))

    assert watch.why("b") == "'b' waits for 'x', never made so far."


def test_a_sentence_names_the_next_tick_in_its_zone() -> None:
    watch = Watch(graph({"a": ()}, {"a": C.on_cron("0 9 * * *", "Europe/Berlin")}))
    watch.look(facts())
    watch.look(facts())

    assert watch.why("a") == "'a' waits for the next tick of cron '0 9 * * *', 2024-03-06 09:00 Europe/Berlin."


def test_a_sentence_says_what_a_cron_still_waits_for_after_its_tick() -> None:
    watch = Watch(graph({"a": (), "b": ("a",)}, {"b": C.on_cron("1 12 * * *")}))
    watch.look(facts())
    watch.look(facts())

    assert watch.why("b") == "'b' waits for an update of 'a', or a request of 'a'."


@pytest.mark.parametrize("condition", [C.eager(), C.on_missing()])
def test_a_root_that_was_missing_from_the_start_waits_for_somebody(condition: Condition) -> None:
    watch = Watch(graph({"a": ()}, {"a": condition}))
    watch.look(facts())
    assert watch.why("a") == "'a' waits for something new: this was the first look at its condition."
    watch.look(facts())
    assert watch.why("a") == "'a' waits for somebody to make it, since it was missing from the start."


def every_word() -> Iterable[Condition]:
    operands = [C.missing(), C.execution_failed(), C.newly_updated(), C.newly_requested(), C.code_version_changed()]
    operands += [C.data_version_changed(), C.will_be_requested(), C.initial_evaluation(), C.executed_with_root_target()]
    operands += [C.executed_with_tags(tag_keys={"x"}), C.any_new_update_has_run_tags(tag_values={"x": "1"})]
    yield from operands
    for each in operands:
        yield from (~each, each.newly_true(), each.since_last_handled(), C.any_deps_match(each), C.all_deps_match(each))
        yield from (C.asset_matches("a", each), ~C.any_deps_match(each), each & C.in_progress(), each | C.missing())
    yield from (
        C.any_downstream_conditions(),
        C.any_checks_match(C.check_passed()),
        C.on_missing(),
        C.on_cron("@daily"),
    )


def test_every_condition_has_a_sentence_and_a_small_tree_at_every_look() -> None:
    for condition in every_word():
        watch = Watch(graph(CHAIN, {"b": condition, "c": C.eager()}))
        for known in (facts(), facts(1, a=1), facts(3, a=(1, 3), b=2)):
            watch.look(known)
            sentence = watch.why("b")
            assert re.fullmatch(r"'b' (waits for|is requested: )\S?(\S| (?! ))+\.", sentence), sentence
            assert len(json.dumps(tree_of(watch.found.results["b"]))) < 3_000


def test_a_tree_of_many_dependencies_is_bounded_and_says_so() -> None:
    edges: dict[str, Sequence[str]] = {**{f"d{number:03}": () for number in range(200)}}
    watch = Watch(graph({**edges, "b": tuple(edges)}, {"b": C.eager()}))
    watch.look(facts())
    tree = tree_of(watch.found.results["b"])

    def left_out(part: dict[str, Any]) -> int:
        return part.get("left_out", 0) + sum(left_out(each) for each in part.get("children", ()))

    def size(part: dict[str, Any]) -> int:
        return 1 + sum(size(each) for each in part.get("children", ()))

    assert size(tree) <= 70
    assert left_out(tree) >= 180
    assert watch.why("b").startswith("'b' waits for something new")


DAYS = DailyPartitionsDefinition("2020-01-01")


def test_years_of_days_are_remembered_in_a_line() -> None:
    keys = frozenset[str | None](DAYS.get_partition_keys(NOON)[:1000])
    watch = Watch(graph({"a": ()}, {"a": C.on_missing()}, a={"partitions": DAYS}))
    watch.look(facts())

    assert len(watch.cursor or "") < 500
    with partition_loading_context(NOON):
        assert Kept.read(Kept.of(keys, DAYS).plain()).subset(DAYS) == keys


def test_a_subset_of_other_partitions_means_nothing() -> None:
    letters = StaticPartitionsDefinition(["x", "y"])
    kept = Kept.of(frozenset({"x"}), letters)

    assert kept.subset(StaticPartitionsDefinition(["z"])) == {"x"}
    with partition_loading_context(NOON):
        assert kept.subset(DAYS) is None
    assert kept.subset(None) is None
    assert Kept.of(WHOLE, None).subset(letters) is None


def test_requests_with_equal_partitions_are_one_run_for_each_key() -> None:
    letters, known = {"partitions": StaticPartitionsDefinition(["x", "y"])}, {"is_made": False}
    assets = graph({"a": (), "b": ("a",), "c": (), "d": (), "e": ()}, {}, a=letters, b=letters, e=known)
    requested = {"a": frozenset({"x", "y"}), "b": frozenset({"x"}), "c": WHOLE, "d": WHOLE, "e": WHOLE}

    assert runs_of(assets, requested) == [
        WantedRun(("c", "d")),
        WantedRun(("a", "b"), partition="x"),
        WantedRun(("a",), partition="y"),
    ]


def test_a_look_that_requests_nothing_says_so_and_keeps_its_cursor() -> None:
    conditions = graph({"a": ()}, {"a": C.eager()})
    result = result_of(conditions, evaluate_conditions(conditions, facts(), cursor=None, now=NOON), {})

    assert result.skip_reason is not None
    assert "None of 1 conditions is true." in str(result.skip_reason)
    assert read_cursor(result.cursor).looks == 1


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("eager", C.eager()),
        (" EAGER ", C.eager()),
        ("on-missing", C.on_missing()),
        ("on_cron:0 9 * * *", C.on_cron("0 9 * * *")),
        ("on_cron: 0 9 * * * Europe/Berlin", C.on_cron("0 9 * * *", "Europe/Berlin")),
        ("on_cron:@daily UTC", C.on_cron("@daily")),
    ],
)
def test_the_words_of_a_cell_name_conditions(text: str, condition: Condition) -> None:
    assert read_automation(text) == condition


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("egaer", r"Did you mean 'eager'\?$"),
        ("", "--automation takes eager"),
        ("on_cron", "on_cron needs a cron"),
        ("on_cron:0 9 * *", "has 4 fields"),
        ("on_cron:0 0 9 * * *", "Seconds are not supported"),
        ("on_cron:0 9 * * * Europe/Berlim", "Did you mean 'Europe/Berlin'"),
        ("eager:5", "'eager' stands alone"),
    ],
)
def test_other_words_are_refused_in_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(InvalidDefinition, match=sentence):
        read_automation(text)


def still(watch: Watch, known: Facts) -> datetime | None:
    """Return until when a look, the one just due, says that nothing can come of the next."""
    before, now = watch.cursor, watch.now
    watch.look(known)
    return still_until(watch.graph, before, watch.found, now)


def test_looks_rest_once_they_remember_the_same_until_a_fact_or_a_tick() -> None:
    eager = Watch(graph({"a": (), "b": ("a",)}, {"b": C.eager()}))
    known = facts(1, a=1)

    assert still(eager, facts()) is None
    assert still(eager, known) is None
    assert [still(eager, known) is None for _ in range(3)] == [True, False, False]


def test_looks_rest_until_the_next_tick_of_a_cron_at_most() -> None:
    cron = Watch(graph({"a": (), "b": ("a",)}, {"b": C.on_cron("30 12 * * *")}))
    found = [still(cron, facts()) for _ in range(3)]

    assert found[-1] == datetime(2024, 3, 5, 12, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("definition", "until"),
    [
        (StaticPartitionsDefinition(["x"]), datetime.max.replace(tzinfo=UTC)),
        (HourlyPartitionsDefinition("2024-03-05-00:00"), "the hour, or ten minutes"),
        (DynamicPartitionsDefinition(name="files"), None),
    ],
)
def test_looks_at_partitions_rest_as_long_as_the_clock_gives_no_others(definition: Any, until: Any) -> None:
    watch = Watch(graph({"a": ()}, {"a": C.on_missing()}, a={"partitions": definition}))
    with partition_loading_context(dynamic_partitions_store=KeptHere()):
        found = [still(watch, facts()) for _ in range(4)][-1]
    looked = watch.now

    if isinstance(until, str):
        assert found is not None
        assert timedelta(0) < found - looked + timedelta(minutes=1) <= timedelta(minutes=11)
    else:
        assert found == until


def test_the_cursor_of_a_thousand_assets_is_small_and_reads_back() -> None:
    edges = {f"a{number}": (f"a{number - 1}",) if number else () for number in range(1000)}
    watch = Watch(graph(edges, {key: C.eager() for key in edges}))
    watch.look(facts())
    watch.look(facts(1, a0=1))

    assert len(watch.cursor or "") < 20_000
    assert read_cursor(watch.cursor).looks == 2
    assert set(read_cursor(watch.cursor).of) == set(edges)


@pytest.mark.parametrize("text", ["12", "z:nonsense", "{}", '{"format":1}'])
def test_a_text_that_is_no_cursor_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(InvalidInvocation, match=r"give the one of the look before\.$"):
        read_cursor(text)


@pytest.mark.parametrize(("updated_after_s", "requested"), [(10, ["a"]), (40, [])])
def test_of_a_trigger_and_a_reset_between_two_looks_the_later_one_counts(
    updated_after_s: int, requested: list[str]
) -> None:
    watch = Watch(graph({"a": ()}, {"a": C.cron_tick_passed("1 12 * * *").since(C.newly_updated())}))
    watch.look(facts())

    assert watch.look(facts(updated_after_s, a=updated_after_s)) == requested


def test_an_asset_is_not_its_own_root_target() -> None:
    root = C.executed_with_root_target()
    watch = Watch(graph({"a": (), "b": ("a",)}, {"a": root, "b": C.any_deps_match(root)}))
    known = Facts(last_seq=1, assets=made(a=1), runs={"run1": RunFacts(frozenset({"a", "b"}))})

    assert watch.look(known) == ["b"]
