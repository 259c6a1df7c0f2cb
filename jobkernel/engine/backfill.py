"""One backfill of this kernel: its runs, how far it is, and what a person may ask of it.

Decides by ``rules.backfill_progress``. ``backfills`` drives it on one thread; everything here may be called from any.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from jobkernel.engine.held_plans import HeldPlans
from jobkernel.engine.live_run import LiveRun
from jobkernel.engine.run import ActiveRun
from jobkernel.errors import JobkernelError
from jobkernel.model.backfill_policy import BackfillPolicy
from jobkernel.model.run_tags import BACKFILL_RUN_TAG, BACKFILL_TAG, RANGE_END_TAG, RANGE_START_TAG
from jobkernel.model.runs import PLAIN_LAUNCH, Launch, RunStatus
from jobkernel.records import dataclass
from jobkernel.rules.backfill_progress import BackfillProgress, BackfillStatus, RunState, Tally
from jobkernel.rules.backfills import WHOLE, BackfillRun
from jobkernel.rules.plan import Plan

if TYPE_CHECKING:
    from jobkernel.engine.backfills import Backfills

NAMED = 5
"""So many failed partitions are named in a sentence; the others are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What somebody wants made: a plan for partitions, in one run each or as ``policy`` says, ``max_runs`` at once."""

    plan: Plan
    keys: tuple[str, ...]
    selection: str
    choice: Launch = PLAIN_LAUNCH
    policy: BackfillPolicy | None = None
    max_runs: int | None = None


class Backfill:
    """A backfill, as its handle: it goes on by itself in the background."""

    def __init__(
        self,
        keeper: Backfills,
        backfill_id: str,
        wish: Wish,
        runs: Sequence[BackfillRun],
        plans: HeldPlans,
    ) -> None:
        self._keeper = keeper
        self.backfill_id = backfill_id
        self.wish = wish
        self.runs = runs
        self.plans = plans
        """What its runs are of, by the assets that they make."""
        self.lock = threading.Lock()  # protects what follows
        self.state = BackfillProgress(runs)
        self.is_canceling = False
        self.final: BackfillStatus | None = None
        self.run_ids: dict[int, str] = {}
        self.errors: dict[int, BaseException] = {}
        self.ended = threading.Event()

    @property
    def status(self) -> str:
        """The status in Dagster's words: ``REQUESTED`` until it is over, then how it ended."""
        if self.final is not None:
            return str(self.final)
        return str(BackfillStatus.CANCELING if self.is_canceling else BackfillStatus.REQUESTED)

    @property
    def progress(self) -> Tally:
        """How many partitions are done, failed, not run, canceled, running and waiting."""
        with self.lock:
            return self.state.tally

    @property
    def failed(self) -> list[str]:
        """The partitions whose runs failed, in order."""
        return self._keys_of(RunState.FAILED)

    @property
    def refused(self) -> dict[int, BaseException]:
        """Why runs could not be launched at all, by their numbers."""
        with self.lock:
            failed = self.state.with_state(RunState.FAILED)
            never_run = self.errors.keys() - self.run_ids.keys()
            return {number: self.errors[number] for number in failed if number in never_run}

    @property
    def success(self) -> bool:
        """Whether it is over and every partition was made."""
        return self.final is BackfillStatus.COMPLETED_SUCCESS

    def wait(self, timeout: float | None = None) -> Backfill:
        """Wait until it is over and all of it is durable, at most ``timeout`` seconds; return the handle."""
        self.ended.wait(timeout)
        return self

    def cancel(self, *, forced: bool = False) -> str:
        """Launch nothing more and cancel what runs; return in words what that does."""
        return self._keeper.cancel(self.backfill_id, forced=forced)

    def retry_failed(self) -> Backfill:
        """Run again what failed, what was left out because of it, and what a cancel kept from running.

        Raises:
            InvariantViolation: it is not over, or everything was made.
        """
        return self._keeper.retry(self.backfill_id)

    def begin(
        self,
        wish: Wish,
        plans: HeldPlans,
        *,
        done: Sequence[int],
        failed: Sequence[int] = (),
        running: Mapping[int, str] | None = None,
    ) -> None:
        """Start anew, as all is defined now, from what earlier runs made; what failed stays so."""
        with self.lock:
            self.wish, self.plans = wish, plans
            self.state = BackfillProgress(self.runs, done)
            self.is_canceling, self.final = False, None
            self.errors, self.run_ids = {}, dict(running or {})
            for number in self.run_ids:
                self.state.attach(number)
            for number in failed:
                self.state.ended(number, RunState.FAILED)
        self.ended.clear()

    def next_run(self, most: int, prepare: Callable[[BackfillRun], LiveRun]) -> LiveRun | None:
        """Return the next run that may be launched beside at most ``most``, prepared; None where there is none."""
        while True:
            with self.lock:
                run = None if self.is_canceling else self.state.next_run(most)
            if run is None:
                return None
            try:
                live = prepare(run)
            except Exception as error:  # noqa: BLE001 - a config function is the user's; the others go on
                self.refuse(run.number, error)
                continue
            with self.lock:
                self.run_ids[run.number] = live.options.run_id
            return live

    def refuse(self, number: int, error: BaseException) -> None:
        """Note that a run could not be launched at all."""
        with self.lock:
            self.run_ids.pop(number, None)
            self.errors[number] = error
            self.state.ended(number, RunState.FAILED)

    def run_ended(self, number: int, run: ActiveRun) -> None:
        """Note how a run ended."""
        status = run.status
        with self.lock:
            if status is RunStatus.SUCCESS:
                state = RunState.DONE
            elif status is RunStatus.CANCELED and self.is_canceling:
                state = RunState.CANCELED
            else:
                state = RunState.FAILED
                if run.error is not None:
                    self.errors[number] = run.error
            self.state.ended(number, state)

    def stop_launching(self) -> list[str]:
        """Launch nothing more; return the ids of the runs that are under way."""
        with self.lock:
            self.is_canceling = True
            self.state.cancel()
            return [self.run_ids[number] for number in self.state.in_flight if number in self.run_ids]

    def verdict(self) -> BackfillStatus | None:
        """Return how it ended; None while it goes on."""
        with self.lock:
            if not self.state.is_over:
                return None
            self.state.give_up()
            return BackfillStatus.CANCELED if self.is_canceling else self.state.verdict

    def end(self, status: BackfillStatus) -> None:
        """Note how it ended, and keep nothing of what its runs were made of: ended ones are remembered a while."""
        self.plans.let_go()
        self.final = status
        self.ended.set()

    def choice_of(self, run: BackfillRun) -> Launch:
        """Return what is chosen for one of its runs."""
        tags = {**self.wish.choice.tags, BACKFILL_TAG: self.backfill_id, BACKFILL_RUN_TAG: str(run.number)}
        if run.is_range:
            tags |= {RANGE_START_TAG: run.keys[0], RANGE_END_TAG: run.keys[-1]}
        key = run.keys[0] if run.keys and not run.is_range else None
        return replace(
            self.wish.choice,
            tags=tags,
            partition_key=key,
            run_id=None,
            trigger="backfill",
            trigger_name=self.backfill_id,
        )

    def first_error(self) -> BaseException | None:
        """Return the error of the first partition that failed, where this kernel knows it."""
        return self.errors[min(self.errors)] if self.errors else None

    def failed_words(self) -> str:
        """Name the partitions that failed, and say how many were left out because of them; empty where none were."""
        tally = self.progress
        with self.lock:
            failed = list(dict.fromkeys(self.runs[number].title for number in self.state.with_state(RunState.FAILED)))
        words = [f"failed: {', '.join(failed[:NAMED])}"] if failed else []
        if len(failed) > NAMED:
            words[0] += f" and {len(failed) - NAMED} more"
        if tally.not_run:
            words.append(f"{tally.not_run} below did not run")
        return "; ".join(words)

    def _keys_of(self, *states: RunState) -> list[str]:
        with self.lock:
            numbers = self.state.with_state(*states)
        return list(dict.fromkeys(key for number in numbers for key in self.runs[number].keys))

    def __repr__(self) -> str:
        words = self.failed_words()
        return (
            f"<backfill {self.backfill_id} of {self.wish.selection}: {self.status},"
            f" {tally_words(self.progress)}>{f' {words}.' if words else ''}{self._why()}"
        )

    def _why(self) -> str:
        error = self.first_error()
        if error is None or self.final is None:
            return ""
        first_line = str(error).strip().partition("\n")[0]
        return f" The first: {type(error).__name__}: {first_line}"


def tally_words(tally: Tally) -> str:
    """Say how far a backfill is: ``12/31 partitions · 1 failed · 4 running``."""
    words = [f"{tally.done}/{tally.partitions} partitions"]
    for count, what in (
        (tally.failed, "failed"),
        (tally.not_run, "not run"),
        (tally.canceled, "canceled"),
        (tally.running, "running"),
    ):
        if count:
            words.append(f"{count} {what}")
    return " · ".join(words)


def body_of(backfill: Backfill) -> dict[str, Any]:
    """Return what is kept of a backfill: enough to go on with it in another kernel."""
    wish, choice = backfill.wish, backfill.wish.choice
    groups = list(dict.fromkeys(run.assets for run in backfill.runs))
    sizes = [run.partitions for run in backfill.runs]
    return {
        "backfill_id": backfill.backfill_id,
        "job_name": wish.plan.job_name,
        "selection": wish.selection,
        "assets": wish.plan.asset_keys,
        "keys": list(wish.keys),
        "partitions": sum(sizes),
        "sizes": sizes,
        "groups": [list(group) for group in groups],
        "runs": [[groups.index(run.assets), list(run.keys), list(run.needs), run.is_range] for run in backfill.runs],
        "policy": None if wish.policy is None else str(wish.policy),
        "max_runs": wish.max_runs,
        "tags": dict(choice.tags),
        "config": choice.config,
        "executor": choice.executor,
        "priority": choice.priority,
    }


def runs_kept(details: Mapping[str, Any]) -> list[BackfillRun]:
    """Return the runs of a backfill as they were kept.

    Raises:
        JobkernelError: they were not kept whole.
    """
    try:
        groups = [tuple(group) for group in details["groups"]]
        return [
            BackfillRun(
                number=number,
                assets=groups[group] or WHOLE,
                keys=tuple(keys),
                needs=tuple(needs),
                is_range=bool(is_range),
            )
            for number, (group, keys, needs, is_range) in enumerate(details["runs"])
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise JobkernelError("The history does not say which runs that backfill has; start another one.") from error
