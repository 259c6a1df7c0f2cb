"""A world in which things happen to assets, told both to real Dagster's storage and to the facts of conditions.

Both are then asked what conditions request. Runs are told, not run, so that a whole history takes milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import jobkernel
from jobkernel.rules.conditions import evaluate_conditions, still_until
from jobkernel.rules.conditions_facts import AssetFacts, Facts, RunFacts, Update, graph_of
from tests.compat.harness import dagster, under_dagster
from tests.compat.instances import ephemeral

START = datetime(2024, 3, 5, 0, 3, tzinfo=UTC)
PARTITION = "dagster/partition"


@dataclass
class ToldRun:
    """A run: what it plans to make of which partition, what it made, and how it stands."""

    run_id: str
    planned: Sequence[str]
    partition: str | None
    tags: Mapping[str, str]
    status: str = "STARTED"
    made: set[str] = field(default_factory=set)


class World:
    """Definitions of both kinds, one history told to both, and the cursors of both."""

    def __init__(self, make: Any, at: datetime = START) -> None:
        self.now = at
        self.theirs = under_dagster(make)
        self.ours = make(jobkernel)
        self.instance = ephemeral(dagster())
        self.runs: list[ToldRun] = []
        self.updates: dict[str, list[Update]] = {}
        self.planned: dict[tuple[str, str | None], ToldRun] = {}
        self.seq = 0
        self.their_cursor: Any = None
        self.our_cursor: str | None = None
        self.found: Any = None
        self.still: tuple[Any, datetime] | None = None

    def start(
        self, planned: Iterable[str], partition: str | None = None, tags: Mapping[str, str] | None = None
    ) -> ToldRun:
        """Tell of a run that begins and will make some assets."""
        from dagster._core.events import AssetMaterializationPlannedData
        from dagster._core.test_utils import create_run_for_test

        dg = dagster()
        given = {**(tags or {}), **({PARTITION: partition} if partition else {})}
        keys = [dg.AssetKey(name) for name in planned]
        made = create_run_for_test(
            self.instance, status=dg.DagsterRunStatus.STARTED, asset_selection=frozenset(keys), tags=given
        )
        run = ToldRun(made.run_id, list(planned), partition, given)
        self.runs.append(run)
        for name, key in zip(run.planned, keys, strict=True):
            data = AssetMaterializationPlannedData(key, partition=partition)
            self._tell(run, "ASSET_MATERIALIZATION_PLANNED", data)
            self.planned[name, partition] = run
        return run

    def make(self, run: ToldRun, name: str) -> None:
        """Tell that a run made an asset."""
        from dagster._core.events import StepMaterializationData

        dg = dagster()
        event = dg.AssetMaterialization(name, partition=run.partition)
        self._tell(run, "ASSET_MATERIALIZATION", StepMaterializationData(event))
        self.updates.setdefault(name, []).append(
            Update(self.seq, self.now.timestamp(), run.run_id, run.partition, run.run_id)
        )
        run.made.add(name)

    def end(self, run: ToldRun, *, well: bool) -> None:
        """Tell that a run ended: it made everything, or failed with what it had."""
        for name in run.planned if well else ():
            if name not in run.made:
                self.make(run, name)
        run.status = "SUCCESS" if well else "FAILURE"
        self._tell(run, f"PIPELINE_{run.status}", None)

    def whole(
        self, planned: Iterable[str], partition: str | None = None, tags: Mapping[str, str] | None = None
    ) -> None:
        """Tell of a run that made everything."""
        self.end(self.start(planned, partition, tags), well=True)

    def _tell(self, run: ToldRun, kind: str, data: Any) -> None:
        from dagster._core.events import DagsterEvent
        from dagster._core.events.log import EventLogEntry

        event = DagsterEvent(event_type_value=kind, job_name="told", step_key="told", event_specific_data=data)
        self.instance.handle_new_event(
            EventLogEntry(
                error_info=None,
                level=20,
                user_message="",
                run_id=run.run_id,
                timestamp=self.now.timestamp(),
                step_key="told",
                job_name="told",
                dagster_event=event,
            )
        )
        self.seq += 1
        self.now += timedelta(milliseconds=10)

    def wait(self, **units: float) -> None:
        """Let time go by."""
        self.now += timedelta(**units)

    def redefine(self, make: Any) -> None:
        """Put other definitions in place of those that are."""
        self.theirs, self.ours = under_dagster(make), make(jobkernel)
        self.still = None

    def look(self) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
        """Return what Dagster and jobkernel request now, by asset: partitions, or an empty text."""
        dg = dagster()
        theirs = under_dagster(
            lambda dg: dg.evaluate_automation_conditions(
                self.theirs, self.instance, cursor=self.their_cursor, evaluation_time=self.now
            )
        )
        self.their_cursor = theirs.cursor
        definitions = jobkernel.Definitions(assets=self.ours)
        graph = graph_of(definitions.records, definitions.universe)
        facts = self.facts()
        self.found = evaluate_conditions(graph, facts, cursor=self.our_cursor, now=self.now)
        if self.still is not None and self.still[0] == (facts.last_seq, facts.assets) and self.now < self.still[1]:
            assert not self.found.requested, "a look that was said to rest requests something"
        until = still_until(graph, self.our_cursor, self.found, self.now)
        self.still = None if until is None else ((facts.last_seq, facts.assets), until)
        self.our_cursor = self.found.cursor
        self.wait(milliseconds=10)
        names = [key for key in graph.nodes if isinstance(key, str)]
        them = {name: theirs.get_requested_partitions(dg.AssetKey(name)) for name in names}
        us = {name: self.found.requested.get(name, frozenset()) for name in names}
        return _plain(them), _plain(us)

    def facts(self) -> Facts:
        """Return what happened, as conditions ask for it."""
        names = {name for name, _ in self.planned} | set(self.updates)
        return Facts(
            last_seq=self.seq or None,
            assets={name: self._asset(name) for name in names},
            runs={run.run_id: RunFacts(frozenset(run.planned), run.tags) for run in self.runs},
        )

    def _asset(self, name: str) -> AssetFacts:
        plans = {partition: run for (each, partition), run in self.planned.items() if each == name}
        unmade = {partition: run for partition, run in plans.items() if name not in run.made}
        return AssetFacts(
            updates=tuple(self.updates.get(name, ())),
            in_progress=frozenset(each for each, run in unmade.items() if run.status == "STARTED"),
            failed=frozenset(each for each, run in unmade.items() if run.status == "FAILURE"),
        )


def _plain(requested: Mapping[str, Iterable[str | None]]) -> dict[str, list[str]]:
    return {name: sorted(each or "" for each in partitions) for name, partitions in requested.items() if partitions}
