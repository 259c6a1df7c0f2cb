"""The conditions of a session's assets: what its history knows of them, looks at them, and why nothing is requested.

The look is a sensor's; rules decide (``rules.conditions``), the scheduler launches. Each session owns one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from jobkernel.engine.dynamic_keys import dynamic_keys_of
from jobkernel.engine.entries import Entry
from jobkernel.engine.news import run_of_row
from jobkernel.model.automation import AutomationKind, Sensor
from jobkernel.model.conditions import Condition, Operand
from jobkernel.model.definitions import EMPTY, Assets
from jobkernel.model.events import CONDITIONS_EVALUATED
from jobkernel.model.run_requests import SensorResult
from jobkernel.rules.conditions import Evaluated, evaluate_conditions, still_until
from jobkernel.rules.conditions_cursor import read_cursor
from jobkernel.rules.conditions_facts import (
    AssetFacts,
    CheckFacts,
    CheckStatus,
    ConditionGraph,
    Facts,
    Key,
    RunFacts,
    Update,
    graph_of,
    shown,
)
from jobkernel.rules.conditions_requests import result_of
from jobkernel.rules.conditions_why import whys
from jobkernel.rules.selection import AssetSelection

if TYPE_CHECKING:
    from jobkernel.engine.session import Session
    from jobkernel.storage.history import History

DEFAULT_SENSOR: Final = "default_automation_condition_sensor"
"""Evaluates the conditions that no other sensor does. Source of the name: Dagster."""
ALL_UPDATES: Final = frozenset({"data_version_changed", "all_new_updates_have_run_tags", "any_new_update_has_run_tags"})
"""Operands that ask for more than the last update of an asset."""


class Still(NamedTuple):
    """A look after which nothing is to be evaluated while what was seen is the same, until a moment."""

    seen: tuple[Any, ...]
    until: datetime
    reason: Any


class Told(NamedTuple):
    """What the looks of one sensor that led to a cursor found, by asset: why, and the tree."""

    cursor: str | None
    found: dict[str, tuple[str, Any]]


class Conditions:
    """Evaluates the conditions of one session's assets; has what they came to kept with the ticks."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._told: dict[str, Told] = {}
        self._graph: tuple[int, ConditionGraph] | None = None
        self._still: dict[str, Still] = {}

    def sensors(self, entries: Iterable[Entry]) -> list[Sensor]:
        """Define and return the sensor that definitions just taken in call for; none where none has a condition.

        It is on where a cell gave the condition; one that is there already stays as it is, but for being turned on.
        """
        conditioned = [entry for entry in entries if self._has_condition(entry)]
        is_cell = any(entry.unresolved is not None for entry in conditioned)
        known = self._session.registry.automations.get(DEFAULT_SENSOR)
        if not conditioned or (known is not None and (known.starts_on or not is_cell)):
            return []
        sensor = default_sensor(self.look, starts_on=is_cell)
        self._session.registry.define(Entry(kind="sensor", name=DEFAULT_SENSOR, record=sensor))
        return [sensor]

    def _has_condition(self, entry: Entry) -> bool:
        record = entry.record if isinstance(entry.record, Assets) else self._session.registry.assets.get(entry.name)
        if record is None:
            return False
        in_assets = any(spec.automation is not None for spec in record.specs)
        return in_assets or any(check.automation is not None for check in record.checks_by_output.values())

    def look(
        self, context: Any, *, selection: AssetSelection | None = None, run_tags: Mapping[str, str] = EMPTY
    ) -> SensorResult:
        """Have a look at the conditions of a selection, or at those that no other sensor looks at."""
        session, cursor = self._session, context.cursor
        now = session.clock.now()
        version, graph = self._current_graph()
        facts = facts_of_history(session.history, graph, read_cursor(cursor).oldest_seq)
        place, seen = str(selection), (version, cursor, facts.last_seq, facts.assets, facts.checks)
        still = self._still.get(place)
        if still is not None and still.seen == seen and now < still.until:
            return SensorResult(skip_reason=still.reason, cursor=cursor)
        only = keys_of(selection, graph) if selection is not None else self._left(graph)
        keys = dynamic_keys_of(session)
        found = evaluate_conditions(graph, facts, cursor=cursor, now=now, only=only, dynamic_keys=keys)
        self._tell(context, place, found)
        result = result_of(graph, found, run_tags)
        until = still_until(graph, cursor, found, now)
        if until is not None:
            self._still[place] = Still((version, found.cursor, *seen[2:]), until, result.skip_reason)
        return result

    def _current_graph(self) -> tuple[int, ConditionGraph]:
        registry = self._session.registry
        version = registry.version
        if self._graph is None or self._graph[0] != version:
            self._graph = (version, graph_of(registry.definitions(), registry.universe))
        return self._graph

    def latest_evaluation(self, key: str) -> dict[str, Any] | None:
        """Return what the last look that found something else found of an asset (``a/b``) or check (``a/b:check``).

        It has ``why`` (a sentence), ``tree`` (see :func:`tree_of`), ``requested`` (how many partitions),
        ``evaluated_at`` (microseconds), and of its tick ``tick_id``, ``automation_name``, ``status`` and ``run_ids``.
        None where nobody looked yet. Any kernel of the project may ask.
        """
        return next(iter(self.evaluations(key, limit=1)), None)

    def evaluations(self, key: str, *, limit: int = 20) -> list[dict[str, Any]]:
        """Return the same of the last looks, newest first: of those that found something else, or requested it."""
        return self._session.history.query("conditions_of", asset_key=key, limit=limit)

    def condition_of(self, key: str) -> Condition | None:
        """Return the condition of an asset (``a/b``) or check (``a/b:check``); None where it has none."""
        spec = self._session.registry.spec(key)
        if spec is not None:
            condition: Condition | None = spec.automation
            return condition
        _, graph = self._current_graph()
        return next((graph.node(each).condition for each in graph.conditioned if shown(each) == key), None)

    def looked_at_by(self, sensor: Sensor) -> list[str]:
        """Return the assets and checks whose conditions a sensor looks at, by name."""
        _, graph = self._current_graph()
        if sensor.name == DEFAULT_SENSOR:
            return sorted(map(shown, self._left(graph)))
        return sorted(map(shown, keys_of(sensor.asset_selection, graph).intersection(graph.conditioned)))

    def looker_at(self, key: str) -> str | None:
        """Return the sensor that looks at the condition of an asset or check; None where none does."""
        known = self._session.registry.automations.values()
        sensors = [each for each in known if isinstance(each, Sensor) and each.kind is AutomationKind.AUTOMATION]
        return next((each.name for each in sensors if key in self.looked_at_by(each)), None)

    def _left(self, graph: ConditionGraph) -> set[Key]:
        others = [
            each.asset_selection
            for each in self._session.registry.automations.values()
            if each.kind is AutomationKind.AUTOMATION and each.name != DEFAULT_SENSOR
        ]
        taken = {key for selection in others for key in keys_of(selection, graph)}
        return set(graph.conditioned) - taken

    def _tell(self, context: Any, place: str, found: Evaluated) -> None:
        """Keep with the tick what is not as the look before found it, or is requested; log sentences that are new."""
        before = self._before(place, context.cursor)
        told = whys(found.results, self._session.clock.now())
        new = {name: each for name, each in told.items() if before.get(name) != (each["why"], each["tree"])}
        for name, each in new.items():
            if before.get(name, ("",))[0] != each["why"]:
                context.log.info(each["why"])
        kept = [{"key": name, **each} for name, each in told.items() if name in new or each["requested"]]
        if kept:
            context.keep_beside(CONDITIONS_EVALUATED, {"automation": context.sensor_name, "found": kept})
        self._told[place] = Told(found.cursor, {name: (each["why"], each["tree"]) for name, each in told.items()})

    def _before(self, place: str, cursor: str | None) -> Mapping[str, tuple[str, Any]]:
        """Return what the look before found; another kernel had it, or nobody kept it, where its cursor is not ours."""
        known = self._told.get(place)
        if known is not None and known.cursor == cursor:
            return known.found
        rows = self._session.history.query("latest_conditions")
        return {row["asset_key"]: (row["why"], row["tree"]) for row in rows}


def default_sensor(look: Any, *, starts_on: bool) -> Sensor:
    """Return the sensor that a session has as soon as any asset has a condition."""
    return Sensor(
        name=DEFAULT_SENSOR,
        kind=AutomationKind.AUTOMATION,
        function=look,
        context_argument="context",
        asset_selection=AssetSelection.all(),
        starts_on=starts_on,
        description="Makes assets when their conditions are true.",
    )


def keys_of(selection: AssetSelection, graph: ConditionGraph) -> set[Key]:
    """Return the assets of a selection, and their checks."""
    chosen = set(selection.keys_in(graph.universe, True))
    return {key for key in graph.nodes if (key if isinstance(key, str) else key[0]) in chosen}


def facts_of_history(history: History, graph: ConditionGraph, after: int) -> Facts:
    """Return what a history knows, as conditions ask for it; ``after`` is the oldest place behind which is news."""
    history.flush()
    marks = history.query("asset_marks")
    kinds = {part.kind for key in graph.conditioned for part in _parts(graph, key) if isinstance(part, Operand)}
    rows = history.query("updates_since", after=after) if kinds & ALL_UPDATES else [_made(row) for row in marks]
    updates: dict[str, list[Update]] = {}
    for row in rows:
        if row["seq"] is not None:
            updates.setdefault(row["asset_key"], []).append(_update(row))
    places = [update.seq for each in updates.values() for update in each]
    return Facts(
        last_seq=max(places, default=None),
        assets=_assets(marks, updates),
        checks={(row["asset_key"], row["check_name"]): _check(row, updates) for row in history.query("checks_latest")},
        runs=_Runs(history),
    )


def _parts(graph: ConditionGraph, key: Key) -> Iterator[Any]:
    condition = graph.node(key).condition
    return iter(condition.everything if condition is not None else ())


def _made(row: Mapping[str, Any]) -> dict[str, Any]:
    return {**row, "seq": row["materialized_seq"], "occurred_at": row["materialized_at"]}


def _update(row: Mapping[str, Any]) -> Update:
    run_id, partition = row["run_id"] or "", row["partition_key"]
    return Update(row["seq"], row["occurred_at"] / 1_000_000, run_id, partition, row["data_version"])


def _assets(marks: Collection[Mapping[str, Any]], updates: Mapping[str, list[Update]]) -> dict[str, AssetFacts]:
    planned: dict[str, set[str | None]] = {}
    failed: dict[str, set[str | None]] = {}
    for row in marks:
        if row["planned_run_id"] is not None:
            planned.setdefault(row["asset_key"], set()).add(row["partition_key"])
        elif row["status"] == "FAILED":
            failed.setdefault(row["asset_key"], set()).add(row["partition_key"])
    return {
        key: AssetFacts(
            updates=tuple(updates.get(key, ())),
            in_progress=frozenset(planned.get(key, ())),
            failed=frozenset(failed.get(key, ())),
        )
        for key in {*updates, *planned, *failed}
    }


def _check(row: Mapping[str, Any], updates: Mapping[str, list[Update]]) -> CheckFacts:
    last = updates.get(row["asset_key"], ())[-1:]
    is_current = not last or last[0].run_id == row["run_id"] or last[0].seq < row["seq"]
    status = CheckStatus.SUCCEEDED if row["passed"] else CheckStatus.FAILED
    return CheckFacts(status if is_current else None, row["occurred_at"] / 1_000_000, row["run_id"])


class _Runs(Mapping[str, RunFacts]):
    """Runs by id, asked of the history when a condition asks."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._known: dict[str, RunFacts | None] = {}

    def __getitem__(self, run_id: str) -> RunFacts:
        if run_id not in self._known:
            rows = self._history.query("run", run_id=run_id) if run_id else []
            self._known[run_id] = (
                RunFacts(frozenset(rows[0]["assets"] or ()), run_of_row(rows[0]).tags) if rows else None
            )
        found = self._known[run_id]
        if found is None:
            raise KeyError(run_id)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter([run_id for run_id, facts in self._known.items() if facts is not None])

    def __len__(self) -> int:
        return sum(1 for _ in self)
