"""One kernel's jobkernel: definitions, runs, values and history, wired together. Read this first.

Everything a person can do passes here; magics and the api floor only parse and show. Built by ``opening.open_session``
and by ``test_session``.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from jobkernel.clock import Clock
from jobkernel.engine.adding import definition_event, entries_of
from jobkernel.engine.again import Again, Retrying, launch_again, with_sets
from jobkernel.engine.asset_values import AssetValues
from jobkernel.engine.automating import automations_of
from jobkernel.engine.backfills import Backfills
from jobkernel.engine.cancel_words import cancel_words
from jobkernel.engine.conditions import Conditions
from jobkernel.engine.dynamic_keys import RememberedKeys
from jobkernel.engine.entries import Change, Entry, owned_keys_of, place_of
from jobkernel.engine.executors import Executors
from jobkernel.engine.freshness import Freshness
from jobkernel.engine.handle import RunHandle
from jobkernel.engine.launcher import Launcher
from jobkernel.engine.left_runs import LeftRuns
from jobkernel.engine.live_run import LiveRun, OnOutput, new_run_id
from jobkernel.engine.owned_keys import OwnedKeys
from jobkernel.engine.partitions import chosen_partitions
from jobkernel.engine.planner import Planner, running_keys
from jobkernel.engine.priorities import Priorities, Prioritize
from jobkernel.engine.ready_plan import ReadyPlan, ReadyPlans
from jobkernel.engine.records import RunRecords
from jobkernel.engine.registry import Registry
from jobkernel.engine.run_retries import RunRetries
from jobkernel.engine.states import AssetStates
from jobkernel.engine.stopping import end_or_abandon
from jobkernel.engine.upkeep import prune_values
from jobkernel.errors import JobkernelError
from jobkernel.executors.stored import StoredValues
from jobkernel.executors.threads import ThreadPool
from jobkernel.model import events as ev
from jobkernel.model.automation import Automation
from jobkernel.model.definitions import Job
from jobkernel.model.events import Event
from jobkernel.model.partition_loading import partition_loading_context
from jobkernel.model.runs import PLAIN_LAUNCH, Launch
from jobkernel.rules.plan import Plan
from jobkernel.rules.run_retries import complaints
from jobkernel.rules.selection import AssetSelection
from jobkernel.storage.history import History

CLOSING_S: Final = 1.5
"""How long closing waits for the steps it cancels."""


class Session:
    """The live session of a kernel. Its methods may be called from any thread, except those that define."""

    def __init__(
        self,
        *,
        history: History,
        values: StoredValues,
        clock: Clock,
        max_workers: int = 4,
        project: Path | None = None,
        logs: Path | None = None,
        notebook: str | None = None,
        kernel_id: str | None = None,
    ) -> None:
        self.history = history
        self.values = values
        self.clock = clock
        self.project = project
        self.notebook = notebook
        self.kernel_id = kernel_id
        self.registry = Registry()
        self.states = AssetStates()
        self.freshness = Freshness(self.registry, self.states)
        self._dynamic_keys = RememberedKeys(history, clock)
        self.freshness.as_of_now = lambda: partition_loading_context(clock.now(), self._dynamic_keys)
        self.changed = threading.Event()
        self.pool = ThreadPool(max_workers)
        self.executors = Executors(max_workers)
        self.launcher = Launcher(
            history=history,
            values=values,
            clock=clock,
            pool=self.pool,
            executors=self.executors,
            logs=logs,
            note=self.states.note,
            on_change=self.changed.set,
            notebook=notebook,
            kernel_id=kernel_id,
        )
        self._keys = OwnedKeys(history, notebook)
        self._history_moved = threading.Event()
        self.planner = Planner(
            registry=self.registry,
            states=self.states,
            has_value=values.has_asset,
            status_words=lambda: self.freshness.status_words(self.running_keys()),
            partition_words=self.freshness.partition_words,
        )
        self._unlisten = [self._keys.close, history.listen("changed", self._history_changed)]
        self.project_settings = dict(history.request("settings"))
        self._unlisten.append(
            history.listen("settings", lambda fields: self.project_settings.update(fields["settings"]))
        )
        self.launcher.max_runtime = lambda: self.project_settings["max_runtime"]
        self.records = RunRecords(history)
        self.priorities = Priorities()
        self.explain_error: Callable[..., BaseException] = lambda error, **_: error
        self.asset_values = AssetValues(self.registry, self.states, values)
        self._again = Again(history, self.planner, values, self.asset_values.is_stored_here)
        retrying = Retrying(self.records.row, self._again.plan, self.launch, lambda: self.executors.default)
        self.launcher.retries = retries = RunRetries(history, lambda: self.project_settings, retrying.retry)
        self._unlisten.append(retries.close)
        self.left_runs = LeftRuns(history, clock, self.launcher.deadlines, notebook, retrying)
        self.make_instance: Callable[[], Any] | None = None
        self.automations = automations_of(self)
        self.conditions = Conditions(self)
        self.backfills = Backfills(self)
        self._closing = ExitStack()
        self.refresh()

    def refresh(self) -> None:
        """Read again what the history knows of assets and checks."""
        assets, checks = self.history.query("asset_states", partitions=False), self.history.query("checks_latest")
        self.states.load(assets, checks, self.history.query("partition_states", since=self.states.partitions.since))
        self.changed.set()

    def define(self, entry: Entry, *, take_over: bool = False) -> Change:
        """Take a definition in; it replaces any of the same kind and name.

        Raises:
            KeyOwnedElsewhere: another notebook's live kernel defines one of its assets.
            CircularDependency: it would close a circle.
        """
        return self._define_all([entry], take_over=take_over)[0]

    def _define_all(self, entries: Sequence[Entry], *, take_over: bool) -> list[Change]:
        keys = [key for entry in entries for key in owned_keys_of(entry)]
        inherited = self._keys.claim(keys, take_over)
        try:
            changes = self.registry.define_all(entries)
        except JobkernelError:
            self._keys.release([key for key in keys if key not in self.registry.assets])
            raise
        now = self.clock.now_us()
        self.history.emit_many([definition_event(entry, self.registry, self.notebook, now) for entry in entries])
        own = [entry.record for entry in entries if isinstance(entry.record, Automation)]
        self.automations.watch([*own, *self.conditions.sensors(entries)])
        self.left_runs.defined()
        self.changed.set()
        return [replace(change, inherited=inherited) for change in changes] if inherited else changes

    def add(self, *definitions: Any, take_over: bool = False) -> list[str]:
        """Take in what was made in Python: assets, checks, ops, jobs, ``Definitions``; return their names.

        Each takes the place of any of its kind and name, one after another. Where one is refused, none is taken in.

        Raises:
            InvalidDefinition: something is no definition.
            KeyOwnedElsewhere, CircularDependency: as :meth:`define`.
        """
        entries = [entry for each in definitions for entry in entries_of(each, self.registry.assets)]
        self._define_all(entries, take_over=take_over)
        return [entry.name for entry in entries]

    def prioritize_with(self, function: Prioritize | None) -> None:
        """Ask a function for the priority of each run launched here from now on; None to ask none.

        It is given a run's ``job_name``, ``tags``, ``asset_keys``, ``config`` and ``priority`` (what it has otherwise),
        and returns a whole number, or None to leave it so. ``--priority`` at a launch wins. Where the function fails,
        the launch says so in a sentence, and the run keeps its priority.

        Raises:
            InvalidConfig: it cannot be called.
        """
        self.priorities.use(function)

    def forget(self, name: str) -> Change:
        """Drop the definition of that name, of whatever kind. Its values and history stay.

        Raises:
            UnknownName: nothing is called that.
        """
        entry = self.registry.find(name)
        change = self.registry.forget(entry.kind, entry.name)
        self.automations.forget(entry.name)
        self._keys.release(owned_keys_of(entry))
        body = {"kind": entry.kind, "name": entry.name, "notebook": self.notebook}
        self.history.emit(Event(ev.DEFINITION_FORGOTTEN, None, None, self.clock.now_us(), body))
        self.changed.set()
        return change

    def select(self, selection: str | AssetSelection | None) -> list[str]:
        """Return the keys that a selection names (see :meth:`Planner.select`)."""
        return self.planner.select(selection)

    def plan(self, keys: Iterable[str], *, job: Job | None = None, with_missing_upstream: bool = False) -> Plan:
        """Return the plan that makes these assets (see :meth:`Planner.plan`)."""
        return self.planner.plan(keys, job=job, with_missing_upstream=with_missing_upstream)

    def plan_job(self, name: str) -> Plan:
        """Return the plan of a job (see :meth:`Planner.plan_job`)."""
        return self.planner.plan_job(name)

    def running_keys(self) -> dict[str, str]:
        """Return the assets that runs of this kernel are making or will make: ``running`` or ``queued``."""
        return running_keys(self.launcher.alive())

    def launch(
        self,
        plan: Plan,
        choice: Launch = PLAIN_LAUNCH,
        on_output: OnOutput | None = None,
        cell_id: str | None = None,
    ) -> RunHandle:
        """Queue a run, for which cell ``cell_id`` may wait, and return at once; ``on_output`` is told what steps print.

        Raises:
            InvalidConfig: run config does not fit.
        """
        live = self.prepare(plan, choice, on_output, cell_id)
        self.launcher.enqueue(live)
        return RunHandle(self, live)

    def prepare(
        self,
        plan: Plan,
        choice: Launch = PLAIN_LAUNCH,
        on_output: OnOutput | None = None,
        cell_id: str | None = None,
        together: ReadyPlans | None = None,
    ) -> LiveRun:
        """Return a run as :meth:`launch` queues it, checked and not queued. Raises as that does.

        Runs that are made ``together``, at one moment, share what is the same for them.
        """
        priority, notice = self.priorities.of(plan, choice)
        ready = (together or ReadyPlans()).of(plan, choice, lambda: self._ready(plan, choice))
        run_id = choice.run_id or new_run_id()
        options = choice.settled(run_id=run_id, priority=priority, partition_key=ready.chosen.key)
        live = self.launcher.run_of(ready, options, on_output, cell_id)
        live.notice = " ".join(filter(None, [notice, *complaints(live.active.setup.facts.tags)])) or None
        return live

    def _ready(self, plan: Plan, choice: Launch) -> ReadyPlan:
        partitions = chosen_partitions(self, plan, choice)
        return self.launcher.ready(
            plan,
            config=choice.config,
            executor=choice.executor,
            resource_defs=self.registry.resources,
            io_of_asset=self.asset_values.io_of,
            fingerprint=self.freshness.at_launch(plan, choice.config, partitions.partitions),
            chosen=partitions,
        )

    def job(self, name: str) -> Job:
        """Return a job that is defined here; those of cells and decorators can ``execute_in_process``.

        Raises:
            UnknownName: no job is called that.
        """
        return self.registry.job(name)

    def run_of(self, run_id: str) -> LiveRun | None:
        """Return a run of this kernel by its id or the beginning of it."""
        for known, live in reversed(list(self.launcher.runs.items())):
            if known.startswith(run_id):
                return live
        return None

    def load(self, key: Any, partition: str | None = None) -> Any:
        """Return the stored value of an asset, or of one of its partitions.

        Raises:
            MissingUpstream: it was never made.
        """
        return self.asset_values.load(key, partition)

    def has_value(self, key: str) -> bool:
        """Whether :meth:`load` has something to return; an asset that was made without a value has none."""
        return self.asset_values.has(key)

    def cancel(self, run_id: str, *, forced: bool = False) -> str:
        """Cancel a run, of this kernel or another; return in words what that does.

        Raises:
            UnknownName: there is no such run.
        """
        live = self.run_of(run_id)
        if live is None:
            full = self.find_run(run_id)
            answer = self.history.request("cancel_run", run_id=full, forced=forced, by=self.notebook)
            return f"asked {answer['asked']}" if answer["asked"] else f"it has ended: {answer['status']}"
        words = self.what_cancel_does(live, forced=forced)
        self.launcher.cancel(live, forced=forced)
        return words

    def what_cancel_does(self, live: LiveRun, *, forced: bool = False) -> str:
        """Say what cancelling a run will do to the steps it runs now."""
        return cancel_words(live, forced=forced)

    def find_run(self, run_id: str) -> str:
        """Return the full id of the run that begins with this text.

        Raises:
            UnknownName: none does, or several do.
        """
        live = self.run_of(run_id)
        if live is not None:
            return live.options.run_id
        return self.records.find(run_id)

    def reexecute(
        self, run_id: str, *, from_failure: bool = False, steps: Sequence[str] = (), sets: Sequence[str] = ()
    ) -> RunHandle:
        """Run again what a run ran, with its tags, config and executor, in the background.

        ``from_failure`` runs what failed, was interrupted or did not run, and what follows; ``steps`` runs those that
        clauses such as ``load*`` select, with ``sets`` (``alpha.n=3``) over that run's config. Values of the steps left
        out are those of that run, or of one it went on from.

        Raises:
            UnknownName: there is no such run, what it ran is not defined here any more, or a value is gone.
            InvalidSubset: the run did not fail, nothing is left to run, or a value was never made.
        """
        row = self.records.row(self.find_run(run_id))
        plan = self._again.plan(row, from_failure=from_failure, steps=steps)
        return self.launch(plan, with_sets(launch_again(row, from_failure, self.executors.default), sets, plan))

    def plan_again(self, run_id: str, *, from_failure: bool = False, steps: Sequence[str] = ()) -> Plan:
        """Return the plan of what :meth:`reexecute` would run, with the same refusals."""
        return self._again.plan(self.records.row(self.find_run(run_id)), from_failure=from_failure, steps=steps)

    def prune(self, *, dry_run: bool = False) -> dict[str, Any]:
        """Delete the history that retention no longer keeps, and the outputs of runs that are gone; say what went."""
        gone: dict[str, Any] = self.history.request("prune", dry_run=dry_run, timeout=600)
        if not dry_run:
            self.values.delete_runs(gone.get("run_ids", ()))
        files = prune_values(self.history, self.values, self.clock, dry_run=dry_run).files
        return {**gone, "value_files": files}

    def close(self) -> None:
        """End what runs and let everything go, in reverse order of opening."""
        for unlisten in self._unlisten:
            unlisten()
        self.left_runs.close()
        self.automations.close()
        self.backfills.close()
        self.launcher.close()
        end_or_abandon([live.active for live in self.launcher.alive()], CLOSING_S)
        self.pool.close()
        self.executors.close()
        self.values.close()
        self.history.close()
        self._closing.close()

    def keep_until_closed(self, release: Callable[[], object]) -> None:
        """Call ``release`` when the session closes."""
        self._closing.callback(release)

    def drop_lost_keys(self) -> dict[str, str]:
        """Drop what other notebooks took over since this was last asked; return the notebook that has each key now."""
        lost = self._keys.take_lost().items()
        dropped = {key: notebook for key, notebook in lost if place_of(key) in self.registry.entries}
        for kind, name in map(place_of, dropped):
            self.registry.forget(kind, name)
            self.automations.forget(name)
        return dropped

    def dynamic_keys_moved(self) -> None:
        """Note that keys of dynamic partitions may have been added or deleted."""
        self._dynamic_keys.forget()
        self.changed.set()

    def _history_changed(self, _fields: Mapping[str, Any]) -> None:
        self._history_moved.set()
        self.dynamic_keys_moved()

    def take_history_change(self) -> bool:
        """Return whether the history moved since this was last asked."""
        if not self._history_moved.is_set():
            return False
        self._history_moved.clear()  # before anybody looks: a later move is told again
        return True
