"""The runs that a tick asks for: planned and made ready before it is claimed, queued after; and those left unqueued.

Knows jobs, plans and run requests; knows no clock of schedules and no thread. Called by ``looks``.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import field, replace
from datetime import datetime
from typing import Any, Final, Protocol

from jobkernel.engine.dynamic_keys import as_if_made
from jobkernel.engine.live_run import LiveRun
from jobkernel.engine.planner import Planner
from jobkernel.engine.ready_plan import ReadyPlans
from jobkernel.engine.registry import Registry
from jobkernel.engine.watched import Watched
from jobkernel.errors import InvalidDefinition, InvalidSubset, JobkernelError
from jobkernel.model import events as ev
from jobkernel.model.automation import Automation, Evaluation, RunRequest, Schedule
from jobkernel.model.definitions import Job
from jobkernel.model.events import Event
from jobkernel.model.keys import AssetCheckKey, AssetKey, key_text
from jobkernel.model.run_tags import ONE_AT_A_TIME_TAG
from jobkernel.model.runs import Launch
from jobkernel.records import dataclass
from jobkernel.rules.evaluation import described, job_of, run_tags
from jobkernel.rules.plan import Plan
from jobkernel.rules.universe import CheckKey
from jobkernel.storage.history import History

TRIED: Final = 20
"""So many runs are made ready, to see whether what a look asks for would be refused."""
FEW_KEYS: Final = 1
"""So many run keys are left to the claim to look up; of more, the history is asked before runs are made."""


class Prepare(Protocol):
    """Makes a run of a plan ready, without queuing it."""

    def __call__(self, plan: Plan, choice: Launch, /, *, together: ReadyPlans) -> LiveRun:
        """Return the run; raises where run config does not fit. Those made ``together`` share what they can."""
        ...


@dataclass(slots=True)
class Together:
    """What runs that are made at one moment share: the plan of each job and selection, and plans made ready."""

    plans: dict[Any, tuple[object, Plan]] = field(default_factory=dict)
    ready: ReadyPlans = field(default_factory=ReadyPlans)

    def plan(self, what: object, part: Hashable, make: Callable[[], Plan]) -> Plan:
        """Return the plan of a part of a job, or of assets, made once."""
        place = (id(what), part)
        if place not in self.plans:
            self.plans[place] = what, make()
        return self.plans[place][1]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A run that is ready, and its request as it is recorded."""

    run_id: str
    live: LiveRun
    record: dict[str, Any]


class TickRuns:
    """Makes the runs of ticks, in one kernel."""

    def __init__(
        self,
        *,
        registry: Registry,
        planner: Planner,
        history: History,
        prepare: Prepare,
        enqueue: Callable[..., None],
        alive: Callable[[], list[LiveRun]],
        new_run_id: Callable[[], str],
        now_us: Callable[[], int],
        only_stale: Callable[[Sequence[str], str | None], list[str]],
    ) -> None:
        self._registry = registry
        self._planner = planner
        self._history = history
        self._prepare = prepare
        self.enqueue = enqueue
        self._alive = alive
        self._new_run_id = new_run_id
        self._now_us = now_us
        self._only_stale = only_stale

    def prepare(
        self,
        automation: Automation,
        evaluation: Evaluation,
        tick_id: str,
        scheduled_at: datetime | None,
        *,
        one_at_a_time: bool = False,
        together: Together | None = None,
    ) -> list[Wanted]:
        """Return the runs that a look asks for, ready to be queued.

        Looks that are had ``together`` share plans.

        Raises:
            JobkernelError: a job is not defined, config does not fit, nothing is selected: the sentence says which.
        """
        asked = [self._still_to_make(automation, each) for each in evaluation.requests]
        together, made = together or Together(), []
        for request in filter(None, asked):
            tags = run_tags({}, request, tick_id=tick_id, scheduled_at=scheduled_at)
            if one_at_a_time:
                tags[ONE_AT_A_TIME_TAG] = automation.name
            record = record_of(request, tags, self._new_run_id())
            with as_if_made(evaluation.dynamic_partitions_requests):
                live = self._live(automation, request, tags, tick_id, record, together)
            made.append(Wanted(record["run_id"], live, record))
        return made

    def with_new_keys(self, automation: Automation, evaluation: Evaluation) -> tuple[Evaluation, list[str]]:
        """Return a look without the runs that the claim would refuse, where it asks for many, and their run keys.

        The claim says which of a few are used, and of one that is left where all are, so that the tick has its reason.
        """
        keys = [request.run_key for request in evaluation.requests if request.run_key is not None]
        if automation.is_schedule or len(keys) <= FEW_KEYS:
            return evaluation, []
        rows = self._history.query("used_run_keys", automation=automation.name, keys=keys)
        used = {row["run_key"] for row in rows}
        fresh = [request for request in evaluation.requests if request.run_key not in used]
        told = [key for key in keys if key in used]
        if not fresh:
            return replace(evaluation, requests=tuple(evaluation.requests[:1])), told[1:]
        return replace(evaluation, requests=tuple(fresh)), told

    def refusal(self, automation: Automation, evaluation: Evaluation, scheduled_at: datetime | None) -> str | None:
        """Say why the first runs that a look asks for would be refused; None where nothing speaks against them."""
        first = replace(evaluation, requests=evaluation.requests[:TRIED])
        try:
            self.prepare(automation, first, f"{automation.name}@preview", scheduled_at)
        except JobkernelError as error:
            return str(error)
        return None

    def again(self, automation: Automation, tick: Mapping[str, Any]) -> list[LiveRun]:
        """Return the runs, ready, that a tick asked for and its claimant never queued."""
        records = (tick["details"] or {}).get("requests") or ()
        missing = [each for each in records if not self._history.query("run", run_id=each["run_id"])]
        tick_id, together = tick["tick_id"], Together()
        return [self._live(automation, request_of(each), each["tags"], tick_id, each, together) for each in missing]

    def active_of(self, names: Sequence[str]) -> dict[str, list[str]]:
        """Return the runs that schedules or sensors started and that have not ended, in any kernel, by their names."""
        found: dict[str, list[str]] = {}
        for live in self._alive():
            if live.options.trigger_name is not None:
                found.setdefault(live.options.trigger_name, []).append(live.options.run_id)
        others = [name for name in names if name not in found]
        for row in self._history.query("open_runs_of", trigger_names=others) if others else ():
            found.setdefault(row["trigger_name"], []).append(row["run_id"])
        return found

    def tell_reactions(self, watched: Watched, evaluation: Evaluation) -> None:
        """Note with the runs that a sensor dealt with that it did."""
        for reaction in evaluation.reactions:
            if reaction.error is None:
                message = f"Sensor '{watched.name}' acted on run status {reaction.status} of run {reaction.run.run_id}."
                event = Event(ev.ENGINE_EVENT, reaction.run.run_id, None, self._now_us(), {"message": message})
                self._history.emit(event)

    def _live(
        self,
        automation: Automation,
        request: RunRequest,
        tags: Mapping[str, str],
        tick_id: str,
        record: Mapping[str, Any],
        together: Together,
    ) -> LiveRun:
        choice = Launch(
            config=dict(request.run_config) or None,
            tags=tags,
            run_id=record["run_id"],
            trigger="schedule" if isinstance(automation, Schedule) else "sensor",
            trigger_name=automation.name,
            tick_id=tick_id,
            run_key=request.run_key,
            partition_key=request.partition_key,
        )
        return self._prepare(self._plan(automation, request, together), choice, together=together.ready)

    def _plan(self, automation: Automation, request: RunRequest, together: Together) -> Plan:
        job, (keys, checks), planner = self._job(automation, request), _keys_of(request), self._planner
        if job is not None and keys is None and checks is None:
            return together.plan(job, (), lambda: planner.plan_of(job))
        place = (None if keys is None else tuple(keys), None if checks is None else frozenset(checks))
        if job is not None:
            return together.plan(job, place, lambda: self._part_of(automation, job, keys or (), checks))
        chosen = planner.select(automation.asset_selection) if keys is None and checks is None else keys or []
        return together.plan(None, (tuple(chosen), place), lambda: planner.plan(chosen, checks=checks))

    def _job(self, automation: Automation, request: RunRequest) -> Job | None:
        """Return the job that a request is for; None where its automation starts runs over assets."""
        if not automation.targets:
            return None
        name = job_of(automation, request)
        target = next((each for each in automation.targets if each.job_name == name), None)
        if target is None:
            raise InvalidDefinition(f"'{automation.name}' starts no job '{name}'.")
        return self._registry.jobs.get(name) or target.job or self._registry.job(name)

    def _still_to_make(self, automation: Automation, request: RunRequest) -> RunRequest | None:
        """Return a request without the assets that are fresh, where it asks so; None where nothing is left of it."""
        if not request.stale_assets_only:
            return request
        keys, _ = _keys_of(request)
        known = self._plan(automation, request, Together()).asset_keys if keys is None else keys
        stale = self._only_stale(known, request.partition_key)
        if not stale:
            return None
        return request.with_replaced_attrs(asset_selection=list(map(_key, stale)), stale_assets_only=False)

    def _part_of(self, automation: Automation, job: Job, keys: Sequence[str], checks: set[CheckKey] | None) -> Plan:
        made = set(self._planner.select(job.selection)) if keys and job.graph is None else set()
        others = [key for key in keys if key not in made]
        if others:
            named = ", ".join(f"'{key}'" for key in others[:12])
            raise InvalidSubset(f"{described(automation)} asks for {named}, which job '{job.name}' does not make.")
        return self._planner.plan_part(job, keys, checks)


def _keys_of(request: RunRequest) -> tuple[list[str] | None, set[CheckKey] | None]:
    """Return the assets and the checks that a request names; None where it names none."""
    assets, checks = request.asset_selection, request.asset_check_keys
    return (
        None if assets is None else [key_text(key) for key in assets],
        None if checks is None else {(key_text(check.asset_key), check.name) for check in checks},
    )


def record_of(request: RunRequest, tags: Mapping[str, str], run_id: str) -> dict[str, Any]:
    """Return a request as it is recorded with its tick: enough to launch it in another kernel."""
    assets, checks = _keys_of(request)
    return {
        "run_id": run_id,
        "run_key": request.run_key,
        "job_name": request.job_name,
        "run_config": dict(request.run_config) or None,
        "tags": dict(tags),
        "partition_key": request.partition_key,
        "assets": assets,
        "checks": sorted(checks) if checks is not None else None,
    }


def request_of(record: Mapping[str, Any]) -> RunRequest:
    """Return the request that was recorded so."""
    assets, checks = record["assets"], record.get("checks")
    return RunRequest(
        run_key=record["run_key"],
        run_config=record["run_config"] or {},
        job_name=record["job_name"],
        partition_key=record["partition_key"],
        asset_selection=None if assets is None else [_key(key) for key in assets],
        asset_check_keys=None if checks is None else [AssetCheckKey(_key(key), name) for key, name in checks],
    )


def _key(text: str) -> AssetKey:
    return AssetKey.from_escaped_user_string(text)
