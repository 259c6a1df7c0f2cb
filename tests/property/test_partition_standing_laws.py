"""How partitions stand, kept event by event, is how they stand when all is judged and counted anew."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

import jobkernel as jk
from jobkernel.engine.entries import Entry
from jobkernel.engine.freshness import Freshness
from jobkernel.engine.partition_making import PartitionMaking
from jobkernel.engine.registry import Registry
from jobkernel.engine.states import AssetStates
from jobkernel.model import events as ev
from jobkernel.model.events import Event
from jobkernel.model.partition_loading import partition_loading_context
from jobkernel.rules.fingerprint import Fingerprint, fingerprint_of
from jobkernel.rules.partition_run import RunPartitions
from jobkernel.rules.partition_standing import PartitionCounts, bar_of
from jobkernel.rules.staleness import NEVER, STALE

START = datetime(2024, 1, 1, tzinfo=UTC)
DAYS = jk.DailyPartitionsDefinition("2024-01-01")
WEEKS = jk.WeeklyPartitionsDefinition("2024-01-01", day_offset=1)
PARTS = {
    "day": DAYS,
    "same": DAYS,
    "shifted": DAYS,
    "week": WEEKS,
    "letters": jk.StaticPartitionsDefinition(["a", "b"]),
}
KEYS = {
    "day": [f"2024-01-{day:02}" for day in range(1, 16)],
    "week": ["2024-01-01", "2024-01-08"],
    "letters": ["a", "b"],
}
a_place = st.sampled_from([(name, key) for name in PARTS for key in KEYS.get(name, KEYS["day"])])


def definitions() -> list[Any]:
    shift = jk.TimeWindowPartitionMapping(start_offset=-1, end_offset=0)
    last = jk.LastPartitionMapping()
    return [
        jk.asset(name="above")(lambda: None),
        jk.asset(name="day", partitions_def=DAYS, deps=["above"])(lambda: None),
        jk.asset(name="same", partitions_def=DAYS, deps=["day"])(lambda: None),
        jk.asset(name="shifted", partitions_def=DAYS, deps=[jk.AssetDep("day", partition_mapping=shift)])(lambda: None),
        jk.asset(name="week", partitions_def=WEEKS, deps=["same"])(lambda: None),
        jk.asset(name="letters", partitions_def=PARTS["letters"], deps=[jk.AssetDep("day", partition_mapping=last)])(
            lambda: None
        ),
        jk.asset(name="whole", deps=["week", "letters"])(lambda: None),
    ]


class Partitions(RuleBasedStateMachine):
    """A kernel whose partitions are planned, made and fail, whose code changes, and in which days go by."""

    def __init__(self) -> None:
        super().__init__()
        self.registry, self.states = Registry(), AssetStates()
        for each in definitions():
            self.registry.define(Entry(kind="asset", name=each.record.specs[0].key, record=each.record))
        self.now, self.at, self.code = START + timedelta(days=9), 0, Counter[str]()
        self.kept = self.judged()
        self.judged_by_scratch: dict[str, Any] = {}

    def judged(self) -> Freshness:
        found = Freshness(self.registry, self.states)
        names = {assets.node.compute: key for key, assets in self.registry.assets.items()}  # type: ignore[union-attr]
        found.follow = partial(self.follow, names)
        found.as_of_now = lambda: partition_loading_context(self.now)
        return found

    def follow(self, names: dict[Any, str], function: Any, _memo: Any) -> Fingerprint:
        return fingerprint_of({"own": str(self.code[names.get(function, "")])})

    @rule(place=a_place, version=st.sampled_from("12"), run=st.sampled_from("xy"))
    def make(self, place: tuple[str, str], version: str, run: str) -> None:
        name, key = place
        assets = self.registry.assets[name]
        partitions = RunPartitions(definition=PARTS[name], keys=(key,))
        making = PartitionMaking(self.states.partitions, self.registry, partitions, self.kept.as_of_now)
        told = making.of_assets(assets).each.get("upstream_of", {}).get(key, {})
        above = self.states.made("above")
        if name == "day" and above is not None:
            told = {"above": above.data_version}
        found = self.kept.fingerprint(name)
        made_by = {"parts": found.to_json() if found is not None else {}, "upstream": told}
        self.note(ev.ASSET_MATERIALIZATION, place, run, data_version=version, fingerprint=made_by)

    @rule(version=st.sampled_from("12"))
    def make_what_is_above_all(self, version: str) -> None:
        body = {"asset_key": "above", "data_version": version, "fingerprint": {}}
        self.states.note(Event(ev.ASSET_MATERIALIZATION, "z", "above", self.at, body))

    @rule(place=a_place, run=st.sampled_from("xy"))
    def fail(self, place: tuple[str, str], run: str) -> None:
        self.note(ev.ASSET_FAILED_TO_MATERIALIZE, place, run, error={"type": "E", "message": "m"})

    @rule(place=a_place, run=st.sampled_from("xy"))
    def plan(self, place: tuple[str, str], run: str) -> None:
        self.note(ev.ASSET_MATERIALIZATION_PLANNED, place, run)

    @rule(run=st.sampled_from("xy"))
    def end_a_run(self, run: str) -> None:
        self.states.note(Event(ev.RUN_CANCELED, run, None, self.at, {}))

    def note(self, event_type: str, place: tuple[str, str], run: str, **body: Any) -> None:
        self.at += 1
        told = {"asset_key": place[0], "partition_key": place[1], **body}
        self.states.note(Event(event_type, run, place[0], self.at, told))

    @rule(name=st.sampled_from(sorted(PARTS)))
    def change_code(self, name: str) -> None:
        self.code[name] += 1
        self.kept.code_may_have_changed()

    @rule(days=st.integers(1, 3))
    def let_days_go_by(self, days: int) -> None:
        self.now += timedelta(days=days)

    @invariant()
    def it_stands_as_when_all_is_judged_anew(self) -> None:
        scratch = self.judged()
        assert {key: each.status for key, each in self.kept.verdicts().items()} == {
            key: each.status for key, each in scratch.verdicts().items()
        }
        for name, definition in PARTS.items():
            kept, anew = self.kept.partitions(name), scratch.partitions(name)
            assert kept is not None
            assert anew is not None
            with partition_loading_context(self.now):
                assert list(kept.keys) == definition.get_partition_keys()
            assert {key: word for key, word in kept.words.items() if word != NEVER} == {
                key: word for key, word in anew.words.items() if word != NEVER
            }
            assert kept.counts == anew.counts == self.counted(name, kept.keys)
            assert sum(cell.size for cell in bar_of(kept.keys, kept.words, 7)) == len(kept.keys)

    def counted(self, name: str, keys: Any) -> PartitionCounts:
        """Return the counts by looking at every partition."""
        words, verdicts = self.kept.partitions(name).words, self.kept.partition_verdicts(name)  # type: ignore[union-attr]
        count = Counter(words.get(key, NEVER) for key in keys)
        made = [key for key in keys if key in verdicts]
        stale = sum(verdicts[key].status == STALE for key in made)
        return PartitionCounts(
            of=len(keys), made=len(made), stale=stale, failed=count["failed"], running=count["running"]
        )


TestPartitions = Partitions.TestCase
TestPartitions.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
