"""From a selection or a job to a plan that can run: what is chosen, what stands above it, what is missing.

Asks the rules; knows no runs' machinery and launches nothing. The session owns one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set

from jobkernel.engine.live_run import LiveRun
from jobkernel.engine.partitions import partitions_of
from jobkernel.engine.registry import Registry
from jobkernel.engine.states import AssetStates
from jobkernel.errors import (
    InvalidSelection,
    InvalidSubset,
    MissingUpstream,
    UnknownName,
    did_you_mean,
)
from jobkernel.model.definitions import Assets, Job
from jobkernel.model.runs import StepStatus
from jobkernel.rules.asset_plan import plan_assets, run_title
from jobkernel.rules.graph_plan import plan_graph
from jobkernel.rules.plan import FromAsset, Plan, PlannedStep
from jobkernel.rules.selecting import select
from jobkernel.rules.selection import AssetSelection
from jobkernel.rules.universe import CheckKey


class Planner:
    """Makes the plans of one session."""

    def __init__(
        self,
        *,
        registry: Registry,
        states: AssetStates,
        has_value: Callable[[str], bool],
        status_words: Callable[[], Mapping[str, str]],
        partition_words: Callable[[], Mapping[str, Iterable[str]]] = dict,
    ) -> None:
        self.registry = registry
        self.states = states
        self._has_value = has_value
        self._status_words = status_words
        self._partition_words = partition_words

    def select(self, selection: str | AssetSelection | None) -> list[str]:
        """Return the keys that a selection names, upstream first; None selects all that can be made.

        Raises:
            InvalidSelection: it cannot be read, or names nothing that is defined.
        """
        universe = self.registry.universe.with_statuses(self._status_words(), self._partition_words())
        if selection is None or (isinstance(selection, str) and not selection.strip()):
            chosen = set(universe.materializable)
        elif isinstance(selection, str):
            chosen = select(selection, universe)
        else:
            chosen = selection.resolve(universe)
        return [key for key in self.registry.graph.topological() if key in chosen]

    def plan(
        self,
        keys: Iterable[str],
        *,
        job: Job | None = None,
        with_missing_upstream: bool = False,
        checks: Set[CheckKey] | None = None,
    ) -> Plan:
        """Return the plan that makes these assets and evaluates these checks; None: all checks of the assets.

        Raises:
            MissingUpstream: an upstream value was never made, or is not defined at all.
            InvalidSubset: nothing that can be made is selected.
        """
        chosen = [key for key in keys if not self._is_external(key)]
        if with_missing_upstream:
            chosen = self._with_missing(chosen)
        if not chosen and not checks:
            raise InvalidSubset("The selection holds nothing that can be made here.")
        self.registry.check_upstream(chosen)
        plan = plan_assets(self._definitions_of(chosen, checks), chosen, job=job, checks=checks)
        self.refuse_missing(plan)
        return plan

    def missing_upstream(self, keys: Iterable[str]) -> list[str]:
        """Return what stands above these assets and was never made, upstream first."""
        chosen = set(keys)
        return [key for key in self._with_missing(chosen) if key not in chosen]

    def plan_job(self, name: str) -> Plan:
        """Return the plan of a job.

        Raises:
            UnknownName: no job is called that.
        """
        return self.plan_of(self.registry.job(name))

    def plan_of(self, job: Job) -> Plan:
        """Return the plan of a job, defined here or not."""
        if job.graph is not None:
            plan = plan_graph(job.graph, job, input_values=job.input_values)
            self.refuse_missing(plan)
            return plan
        keys, checks = self.select(job.selection), self._checks_of(job)
        if not keys and not checks:
            raise InvalidSelection(f"Job '{job.name}' selects nothing that is defined: {job.selection}")
        return self.plan(keys, job=job, checks=checks)

    def plan_part(self, job: Job, keys: Sequence[str], checks: Set[CheckKey] | None) -> Plan:
        """Return the plan of a part of a job: these assets and checks; None: the job's checks of the assets."""
        own_checks = self._checks_of(job)
        if checks is None and own_checks is not None:
            checks = {each for each in own_checks if each[0] in keys}
        return self.plan(keys, job=job, checks=checks)

    def plan_again(self, job_name: str, assets: Iterable[str], notebook: str | None = None) -> Plan:
        """Return the plan of all that a run of ``notebook`` was meant to run, as it is defined here now.

        Raises:
            UnknownName: what it made is not defined here any more.
        """
        job = self.registry.jobs.get(job_name)
        if job is not None and job.graph is not None:
            return plan_graph(job.graph, job, input_values=job.input_values)
        known = [key for key in assets if key in self.registry.assets]
        checks = None if job is None else self._checks_of(job)
        if not known and not checks:
            whose, where = (f" of {notebook}", notebook) if notebook else ("", "its own notebook")
            title = run_title(job_name, list(assets))
            raise UnknownName(
                f"What that run of '{title}'{whose} ran is not defined here; run the cells that define it, or open"
                f" {where}, run its cells, and run it again there."
            )
        return plan_assets(self._definitions_of(known, checks), known, job=job, checks=checks)

    def refuse_missing(self, plan: Plan) -> None:
        """Refuse a plan that reads assets which were never made. Raises :class:`MissingUpstream`."""
        for step in plan.steps.values():
            for planned in step.inputs:
                for feed in planned.feeds:
                    if isinstance(feed, FromAsset) and feed.key not in step.asset_keys.values():
                        self._refuse_if_never_made(step, feed.key)

    def _checks_of(self, job: Job) -> set[CheckKey] | None:
        """Return the checks that a job of assets selects; None where it says nothing of them: those of its assets."""
        selection = job.selection
        return selection.resolve_checks(self.registry.universe) if isinstance(selection, AssetSelection) else None

    def _definitions_of(self, keys: Iterable[str], checks: Set[CheckKey] | None) -> list[Assets]:
        return self.registry.definitions_of({*keys, *(key for key, _ in checks or ())})

    def _is_external(self, key: str) -> bool:
        assets = self.registry.assets.get(key)
        return assets is not None and assets.is_external

    def _with_missing(self, keys: Iterable[str]) -> list[str]:
        chosen, graph = set(keys), self.registry.graph
        above = graph.upstream(chosen) - chosen
        wanted = chosen | {key for key in above if not self._was_made(key) and not self._is_external(key)}
        return [key for key in graph.topological() if key in wanted]

    def _was_made(self, key: str) -> bool:
        return self.states.made(key) is not None or self.states.partitions.last(key).made is not None

    def _refuse_if_never_made(self, step: PlannedStep, key: str) -> None:
        if self.states.made(key) is not None or self._has_value(key):
            return
        if partitions_of(self.registry, key) is not None:
            return  # which of them are needed follows from what the launch chooses
        guess = "" if key in self.registry.assets else did_you_mean(key, self.registry.assets)
        name = ", ".join(step.asset_keys.values()) or step.key
        raise MissingUpstream(
            f"'{name}' needs '{key}', which was never made.{guess} {self._remedy(step, key)}",
            keys=(key,),
        )

    def _remedy(self, step: PlannedStep, key: str) -> str:
        """Say how the value of ``key`` comes about, or what keeps it from that."""
        if self._is_external(key):
            return "It is only used here; the notebook that makes it materializes it."
        try:
            self.registry.check_upstream(self._with_missing([key]))
        except MissingUpstream as error:
            return f"Above it, {str(error)[:1].lower()}{str(error)[1:]}{'' if str(error).endswith('?') else '.'}"
        made = next(iter(step.asset_keys.values()), None)
        return (
            f"Materialize it first: %materialize +{key}"
            if made is None
            else (f"Select '+{made}' to make what is above it too.")
        )


def running_keys(alive: Iterable[LiveRun]) -> dict[str, str]:
    """Return the assets that these runs are making or will make: ``running`` or ``queued``."""
    found: dict[str, str] = {}
    for live in alive:
        for key, step in live.plan.steps.items():
            if key in live.active.in_flight:
                found.update(dict.fromkeys(step.asset_keys.values(), "running"))
            elif not live.active.progress.statuses.get(key, StepStatus.WAITING).is_final:
                for asset_key in step.asset_keys.values():
                    found.setdefault(asset_key, "queued")
    return found
