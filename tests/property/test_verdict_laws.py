"""Verdicts taken again after each change are those taken from scratch, and whatever moved is told as moved."""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import jobkernel as jk
from jobkernel.engine.entries import Entry
from jobkernel.engine.freshness import Freshness, version_of
from jobkernel.engine.registry import Registry
from jobkernel.engine.states import AssetStates
from jobkernel.errors import CircularDependency, UnknownName
from jobkernel.model import events as ev
from jobkernel.model.events import Event
from jobkernel.rules.fingerprint import Fingerprint, fingerprint_of

KEYS = [f"k{number}" for number in range(6)]
PAIR = ("p0", "p1")
a_key = st.sampled_from([*KEYS, *PAIR])
some_deps = st.lists(st.sampled_from([*KEYS, *PAIR, "outside"]), max_size=3, unique=True)
a_version = st.sampled_from(["1", "2", None])


class Verdicts(RuleBasedStateMachine):
    """A kernel in which cells are defined, forgotten and run, helpers change, and runs end here and elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.registry, self.states = Registry(), AssetStates()
        self.code: dict[Any, str] = {}
        self.helper = "1"
        self.judge = self.a_judge()
        self.before = dict(self.judge.verdicts())
        self.seen = 0
        self.now = 0

    def a_judge(self) -> Freshness:
        found = Freshness(self.registry, self.states)
        found.follow = self.follow
        return found

    def follow(self, function: Any, _memo: dict[Any, Any]) -> Fingerprint:
        helper = {"helper:h": self.helper} if function in self.code and self.code[function] == "2" else {}
        return fingerprint_of({"own": self.code.get(function, ""), **helper})

    def body(self, code: str) -> Any:
        def made() -> None: ...

        self.code[made] = code
        return made

    @rule(key=st.sampled_from(KEYS), deps=some_deps, code=st.sampled_from("12"))
    def define(self, key: str, deps: list[str], code: str) -> None:
        record = jk.asset(name=key, deps=[dep for dep in deps if dep != key])(self.body(code)).record
        self.enter(Entry(kind="asset", name=key, record=record))

    @initialize()
    def define_a_chain(self) -> None:
        for above, key in pairwise(KEYS[:4]):
            self.define(key, [above], "1")

    @rule(deps=some_deps)
    def define_two_that_are_made_together(self, deps: list[str]) -> None:
        above = [dep for dep in deps if dep not in PAIR]
        specs = [jk.AssetSpec(PAIR[0], deps=above), jk.AssetSpec(PAIR[1], deps=[PAIR[0], *above])]
        record = jk.multi_asset(name="pair", specs=specs)(self.body("1")).record
        self.enter(Entry(kind="asset", name="pair", record=record))

    def enter(self, entry: Entry) -> None:
        with suppress(CircularDependency):
            self.registry.define(entry)

    @rule(name=st.sampled_from([*KEYS, "pair"]))
    def forget(self, name: str) -> None:
        with suppress(UnknownName):
            self.registry.forget("asset", name)

    @rule(helper=st.sampled_from("123"))
    def run_a_cell(self, helper: str) -> None:
        self.helper = helper
        self.judge.code_may_have_changed()

    @rule(key=a_key, version=a_version)
    def make(self, key: str, version: str | None) -> None:
        found = self.judge.fingerprint(key)
        spec = self.registry.spec(key)
        above = {parent: version_of(self.states.made(parent)) for parent in (spec.deps if spec is not None else ())}
        made_by = {"parts": found.to_json() if found is not None else {}, "upstream": above}
        self.note(ev.ASSET_MATERIALIZATION, {"asset_key": key, "data_version": version, "fingerprint": made_by})

    @rule()
    def make_all(self) -> None:
        for key in self.registry.graph.topological():
            self.make(key, None)

    @rule(key=a_key)
    def fail(self, key: str) -> None:
        self.note(ev.ASSET_FAILED_TO_MATERIALIZE, {"asset_key": key, "error": {"type": "E", "message": "m"}})

    def note(self, event_type: str, body: dict[str, Any]) -> None:
        self.now += 1
        self.states.note(Event(event_type, f"run {self.now}", body["asset_key"], self.now, body))

    @rule(keys=st.lists(a_key, max_size=3, unique=True), version=a_version, is_newer=st.booleans())
    def hear_of_other_kernels(self, keys: list[str], version: str | None, is_newer: bool) -> None:
        self.now += is_newer
        row = {"last_materialized_at": self.now, "last_at": self.now, "data_version": version, "status": "SUCCESS"}
        self.states.load([{**row, "asset_key": key, "materialized_run_id": "other"} for key in keys], [])

    @precondition(lambda self: self.registry.assets)
    @invariant()
    def verdicts_are_those_from_scratch(self) -> None:
        verdicts = self.judge.verdicts()
        assert list(verdicts.items()) == list(self.a_judge().verdicts().items())

    @invariant()
    def what_moved_is_told(self) -> None:
        after = self.judge.verdicts()
        differ = {key for key in {**self.before, **after} if self.before.get(key) != after.get(key)}
        self.seen, moved = self.judge.moves.since(self.seen)
        assert differ <= set(moved)
        self.before = dict(after)


class SeldomAsked(Verdicts):
    """The same, asked only now and then, so that many changes are judged at once."""

    turn = 0

    @invariant()
    def verdicts_are_those_from_scratch(self) -> None:
        self.turn += 1
        if self.turn % 5 == 0:
            super().verdicts_are_those_from_scratch()

    @invariant()
    def what_moved_is_told(self) -> None:
        if self.turn % 5 == 0:
            super().what_moved_is_told()


TestVerdicts = Verdicts.TestCase
TestVerdicts.settings = settings(
    max_examples=60, stateful_step_count=25, deadline=None, derandomize=True, database=None
)
TestVerdictsSeldomAsked = SeldomAsked.TestCase
TestVerdictsSeldomAsked.settings = TestVerdicts.settings
