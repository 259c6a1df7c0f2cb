"""Conditions in Dagster's words: evaluated by hand over an instance, and the sensor that evaluates them.

The rules stand in :mod:`jobkernel.rules.conditions`; here definitions and what an instance remembers are put in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Final

from jobkernel.api.definitions import Definitions
from jobkernel.api.events import DagsterEventType
from jobkernel.api.run_records import EventLogRecord, EventRecordsFilter
from jobkernel.api.sensors import SensorDefinition
from jobkernel.clock import SystemClock
from jobkernel.engine.conditions import keys_of
from jobkernel.errors import InvalidDefinition, Unsupported
from jobkernel.executors.automation_context import SensorEvaluationContext
from jobkernel.model.automation import AutomationKind, DefaultSensorStatus
from jobkernel.model.dagster_run import DagsterRun
from jobkernel.model.keys import AssetKey
from jobkernel.model.run_requests import SensorResult
from jobkernel.rules.conditions import Evaluated, evaluate_conditions
from jobkernel.rules.conditions_facts import (
    AssetFacts,
    CheckFacts,
    CheckStatus,
    ConditionGraph,
    Facts,
    RunFacts,
    Subset,
    Update,
    graph_of,
)
from jobkernel.rules.conditions_requests import result_of
from jobkernel.rules.conditions_words import AutomationCondition
from jobkernel.rules.names import lenient_tags
from jobkernel.rules.selection import AssetSelection

if TYPE_CHECKING:
    from jobkernel.api.instance import DagsterInstance

__all__ = [
    "AutomationCondition",
    "AutomationConditionSensorDefinition",
    "EvaluateAutomationConditionsResult",
    "evaluate_automation_conditions",
]
EMIT_BACKFILLS: Final = "dagster/emit_backfills"


class EvaluateAutomationConditionsResult:
    """What one look at conditions gave. ``cursor`` is given to the next one."""

    def __init__(self, found: Evaluated) -> None:
        self._found = found
        self.cursor = found.cursor

    @property
    def total_requested(self) -> int:
        """How many assets, checks and partitions of them have a condition that is true."""
        return self._found.total_requested

    def get_requested_partitions(self, asset_key: Any) -> Subset:
        """Return the partitions of an asset that are requested; ``{None}`` for an asset without partitions."""
        return self._found.requested.get(AssetKey.from_coercible(asset_key).text, frozenset())

    def get_num_requested(self, asset_key: Any) -> int:
        """Return how many partitions of an asset are requested; 1 for an asset without partitions."""
        return len(self.get_requested_partitions(asset_key))


def evaluate_automation_conditions(
    defs: Definitions | Sequence[Any],
    instance: DagsterInstance,
    asset_selection: Any = None,
    evaluation_time: datetime | None = None,
    cursor: str | None = None,
) -> EvaluateAutomationConditionsResult:
    """Evaluate the conditions of definitions over what an instance remembers; nothing is launched.

    Source: Dagster's function.

    Raises:
        InvalidInvocation: the cursor is not that of a result.
        JobkernelError: a condition cannot be evaluated; the sentence says which asset it asks about.
    """
    definitions = defs if isinstance(defs, Definitions) else Definitions(assets=defs)
    graph = graph_of(definitions.records, definitions.universe)
    now = evaluation_time or SystemClock().now()
    only = None
    if asset_selection is not None:
        chosen = AssetSelection.from_coercible(asset_selection)
        only = chosen.resolve(graph.universe) | chosen.resolve_checks(graph.universe)
    found = evaluate_conditions(
        graph,
        facts_of_instance(instance, graph),
        cursor=cursor,
        now=now if now.tzinfo is not None else now.astimezone(),
        only=only,
        dynamic_keys=instance,
    )
    return EvaluateAutomationConditionsResult(found)


class AutomationConditionSensorDefinition(SensorDefinition):
    """Looks at the conditions of some assets, and asks for runs of those whose condition is true.

    The sensor that a session has by itself looks at what is left over. Source: Dagster's class of that name.

    Raises:
        InvalidDefinition: see :class:`SensorDefinition`.
        Unsupported: a ``default_condition``; put the condition on the assets.
    """

    kind: ClassVar[AutomationKind] = AutomationKind.AUTOMATION

    def __init__(
        self,
        name: str,
        *,
        target: Any,
        tags: Mapping[str, str] | None = None,
        run_tags: Mapping[str, Any] | None = None,
        default_status: DefaultSensorStatus = DefaultSensorStatus.STOPPED,
        minimum_interval_seconds: int | None = None,
        description: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        emit_backfills: bool = True,
        use_user_code_server: bool = False,
        default_condition: Any = None,
    ) -> None:
        if default_condition is not None and not use_user_code_server:
            raise InvalidDefinition(f"Sensor '{name}' has a default_condition, which needs use_user_code_server=True.")
        if default_condition is not None:
            raise Unsupported("'default_condition' is not supported; put the condition on the assets themselves.")
        self._run_tags = lenient_tags(run_tags, f"runs of sensor '{name}'")

        def look(context: SensorEvaluationContext) -> SensorResult:
            return self._look(context)

        super().__init__(
            name,
            evaluation_fn=look,
            minimum_interval_seconds=minimum_interval_seconds,
            description=description,
            default_status=default_status,
            asset_selection=target,
            tags=tags,
            metadata={**(metadata or {}), **({EMIT_BACKFILLS: True} if emit_backfills else {})},
        )

    @property
    def run_tags(self) -> Mapping[str, str]:
        """The tags of the runs that it asks for."""
        return self._run_tags

    @property
    def emit_backfills(self) -> bool:
        """Whether several partitions of an asset may become a backfill; here each gets a run of its own."""
        return EMIT_BACKFILLS in self.metadata

    @property
    def default_condition(self) -> None:
        """None: what has no condition is not looked at."""
        return None

    def _look(self, context: SensorEvaluationContext) -> SensorResult:
        instance = context.instance
        if not instance.is_ephemeral:
            look = instance.session.conditions.look
            return look(context, selection=self.asset_selection, run_tags=self._run_tags)  # type: ignore[no-any-return]
        definitions = context.definitions
        graph = graph_of(definitions.records, definitions.universe)
        facts = facts_of_instance(instance, graph)
        only = keys_of(self.asset_selection, graph)
        now = SystemClock().now()
        found = evaluate_conditions(graph, facts, cursor=context.cursor, now=now, only=only, dynamic_keys=instance)
        return result_of(graph, found, self._run_tags)


def facts_of_instance(instance: DagsterInstance, graph: ConditionGraph) -> Facts:
    """Return what an instance remembers, as conditions ask for it. Its runs have all ended."""
    made = _events(instance, DagsterEventType.ASSET_MATERIALIZATION)
    checked = _events(instance, DagsterEventType.ASSET_CHECK_EVALUATION)
    runs = {run.run_id: run for run in reversed(instance.get_runs())}
    updates: dict[str, list[Update]] = {}
    for record in made:
        updates.setdefault(_key(record), []).append(_update(record))
    assets = {
        key: _asset_facts(key, updates.get(key, []), runs.values()) for key in graph.nodes if isinstance(key, str)
    }
    seen = [*(each.storage_id for each in (*made, *checked)), *(run.storage_id for run in instance.get_run_records())]
    return Facts(
        last_seq=max(seen, default=None),
        assets=assets,
        checks=_check_facts(checked, updates),
        runs={run_id: RunFacts(frozenset(_targets(run)), run.tags) for run_id, run in runs.items()},
    )


def _events(instance: DagsterInstance, event_type: DagsterEventType) -> list[EventLogRecord]:
    return instance.get_event_records(EventRecordsFilter(event_type), ascending=True)


def _key(record: EventLogRecord) -> str:
    return str(record.event_log_entry.dagster_event.body["asset_key"])


def _update(record: EventLogRecord) -> Update:
    event = record.event_log_entry.dagster_event
    version = event.body.get("data_version")
    run_id = record.event_log_entry.run_id
    return Update(
        record.storage_id, record.timestamp, run_id, event.partition, None if version is None else str(version)
    )


def _targets(run: DagsterRun) -> Iterable[str]:
    return (key.text for key in run.asset_selection or ())


def _asset_facts(key: str, updates: Sequence[Update], runs: Iterable[DagsterRun]) -> AssetFacts:
    made = {(update.run_id, update.partition) for update in updates}
    failed: dict[str | None, bool] = {}
    for run in runs:
        if key in _targets(run):
            partition = run.tags.get("dagster/partition")
            failed[partition] = run.is_failure and (run.run_id, partition) not in made
    return AssetFacts(
        updates=tuple(updates), failed=frozenset(partition for partition, did_fail in failed.items() if did_fail)
    )


def _check_facts(
    checked: Iterable[EventLogRecord], updates: Mapping[str, Sequence[Update]]
) -> dict[tuple[str, str], CheckFacts]:
    """Return the last evaluation of each check; it counts where its asset was not made again by a later run."""
    found: dict[tuple[str, str], CheckFacts] = {}
    for record in checked:
        body = record.event_log_entry.dagster_event.body
        last = updates.get(_key(record), ())[-1:]
        run_id = record.event_log_entry.run_id
        is_current = not last or last[0].run_id == run_id or last[0].seq < record.storage_id
        status = CheckStatus.SUCCEEDED if body["passed"] else CheckStatus.FAILED
        key = (_key(record), str(body["check_name"]))
        found[key] = CheckFacts(status if is_current else None, record.timestamp, run_id)
    return found
