"""The backfills of one session: launched, driven by one thread, canceled, retried, gone on with after a death.

The history keeps each from its first moment; runs carry its id. Knows no screens. A part of the session.
"""

from __future__ import annotations

import queue
import random
import string
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from jobkernel.engine.backfill import Backfill, Wish, body_of, runs_kept
from jobkernel.engine.held_plans import HeldPlans, held_plans
from jobkernel.engine.live_run import LiveRun
from jobkernel.engine.partitions import as_of_now
from jobkernel.engine.run import ActiveRun
from jobkernel.errors import InvariantViolation, JobkernelError, UnknownName, did_you_mean
from jobkernel.model import events as ev
from jobkernel.model.events import Event
from jobkernel.model.runs import Launch, RunStatus
from jobkernel.rules.backfill_progress import BackfillProgress, BackfillStatus, RunState
from jobkernel.rules.backfills import BackfillRun, backfill_runs
from jobkernel.rules.plan import Plan

if TYPE_CHECKING:
    from jobkernel.engine.session import Session

AT_ONCE: Final = 25
"""So many runs of a backfill are in the project's queue at most, unless somebody says."""
KEPT: Final = 50
SETTLES_S: Final = 10.0
"""How long the end of a dead kernel's runs may take to be recorded."""
ENDED: Final = ("SUCCESS", "FAILURE", "CANCELED")
KERNEL_DIED: Final = "kernel died"


class Backfills:
    """Launches backfills and sees to them."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._lock = threading.Lock()  # protects _known, _thread, _is_closed
        self._known: dict[str, Backfill] = {}
        self._of_run: dict[str, tuple[Backfill, int]] = {}
        self._over: queue.SimpleQueue[ActiveRun | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._is_closed = False
        session.launcher.on_over.append(self._run_over)
        self._unlisten = session.history.listen("cancel_backfill", self._cancel_asked)

    def _run_over(self, run: ActiveRun) -> None:
        """Hear of a run's end; while there is no backfill nobody would take it from the queue."""
        if self._thread is not None:
            self._over.put(run)

    def launch(self, wish: Wish) -> Backfill:
        """Begin a backfill and return its handle at once.

        Raises:
            InvalidConfig: run config does not fit.
            InvariantViolation: there is nothing to make.
            UnknownName: a partition does not exist.
            InvalidDefinition: assets at its root have different partitions.
        """
        with as_of_now(self._session):
            runs = backfill_runs(wish.plan, wish.keys, wish.policy)
        if not runs:
            raise InvariantViolation(f"A backfill of '{wish.selection}' over no partition makes nothing.")
        backfill = Backfill(self, _new_id(), wish, runs, self._held(wish.plan, runs))
        self._prepare(backfill, runs[0])  # what cannot be launched at all is refused here, in a sentence
        body = {**body_of(backfill), "client_id": self._session.history.who.client_id}
        self._emit(ev.BACKFILL_REQUESTED, body | {"notebook": self._session.notebook})
        self._session.history.flush()
        self._see_to(backfill)
        return backfill

    def find(self, text: str) -> Backfill | None:
        """Return a backfill of this kernel by the beginning of its id; None where it is another's."""
        with self._lock:
            return next((each for known, each in self._known.items() if known.startswith(text)), None)

    def here(self) -> list[Backfill]:
        """Return the backfills that this kernel sees to or has seen to lately."""
        with self._lock:
            return list(self._known.values())

    def full_id(self, text: str) -> str:
        """Return the full id of the backfill that begins with this text.

        Raises:
            UnknownName: none does, or several do.
        """
        found = [row["backfill_id"] for row in self._session.history.query("backfills_called", beginning=text)]
        if len(found) == 1 or text in found:
            return text if text in found else found[0]
        if found:
            raise UnknownName(
                f"'{text}' begins the ids of {len(found)} backfills: {', '.join(found[:5])}. Give more of it."
            )
        known = [row["backfill_id"] for row in self._session.history.query("backfills")]
        raise UnknownName(f"There is no backfill '{text}'.{did_you_mean(text, known)} %jk backfills lists them.")

    def cancel(self, text: str, *, forced: bool = False) -> str:
        """Cancel a backfill, of this kernel or another: what was not launched never is; return that in words."""
        backfill_id = self.full_id(text)
        by = self._session.notebook
        answer = self._session.history.request("cancel_backfill", backfill_id=backfill_id, by=by, forced=forced)
        if answer["status"] != BackfillStatus.CANCELING:
            return f"it is over: {answer['status']}"
        if answer["owner"] is not None:
            return f"asked {answer['owner']}"
        backfill = self.find(backfill_id)
        if backfill is None or backfill.ended.is_set():
            self._end_orphan(backfill_id)
            return "its kernel is gone; what it had not launched never is"
        return self._cancel_here(backfill, forced=forced)

    def retry(self, text: str) -> Backfill:
        """Run again what a backfill did not make, in this kernel.

        Raises:
            InvariantViolation: it is not over, everything was made, or another kernel sees to it.
            UnknownName: what it makes is not defined here.
        """
        row = self._row(text)
        if row["ended_at"] is None:
            raise InvariantViolation(f"Backfill {row['backfill_id']} is not over; --cancel it, or wait.")
        if row["status"] == BackfillStatus.COMPLETED_SUCCESS:
            raise InvariantViolation(f"Backfill {row['backfill_id']} made every partition; nothing is left to retry.")
        return self._go_on(row, keeps_failures=False)

    def resume(self, text: str) -> Backfill:
        """Go on with a backfill whose kernel is gone: what it had not launched, and what died with it.

        Raises:
            InvariantViolation: it is over, or a living kernel sees to it.
            UnknownName: what it makes is not defined here.
        """
        row = self._row(text)
        known = self.find(row["backfill_id"])
        if known is not None and not known.ended.is_set():
            return known
        if row["ended_at"] is not None:
            again = (
                "" if row["status"] == BackfillStatus.COMPLETED_SUCCESS else "; --retry runs again what it did not make"
            )
            raise InvariantViolation(f"Backfill {row['backfill_id']} is over: {row['status']}{again}.")
        return self._go_on(row, keeps_failures=True)

    def close(self) -> None:
        """Launch nothing more; what is not over can be gone on with in another kernel."""
        with self._lock:
            self._is_closed, thread = True, self._thread
            left = [each for each in self._known.values() if not each.ended.is_set()]
        self._unlisten()
        self._over.put(None)
        if thread is not None and thread is not threading.current_thread():
            thread.join(1.0)
        for backfill in left:
            numbers = sorted(backfill.state.in_flight)
            self._emit(ev.BACKFILL_LEFT, {"backfill_id": backfill.backfill_id, "runs": numbers})

    def _go_on(self, row: Mapping[str, Any], *, keeps_failures: bool) -> Backfill:
        session, backfill_id, details = self._session, row["backfill_id"], row["details"]
        runs = runs_kept(details)
        plan = session.planner.plan_again(row["job_name"], details["assets"], row["notebook"])
        session.planner.refuse_missing(plan)
        wish, plans = _wish(plan, details), self._held(plan, runs)
        answer = session.history.request("take_backfill", backfill_id=backfill_id)
        if answer["owner"] is not None:
            raise InvariantViolation(f"Backfill {backfill_id} is seen to by {answer['owner']}, which is running.")
        attempts = self._settled(backfill_id)
        died = {number for number, each in attempts.items() if each["reason"] == KERNEL_DIED}
        died |= set(details.get("left") or ()) if keeps_failures else set()
        running = {number: each["run_id"] for number, each in attempts.items() if each["status"] not in ENDED}
        done = [number for number, each in attempts.items() if each["status"] == RunStatus.SUCCESS]
        rest = set(attempts).difference(done, died, running) if keeps_failures else set()
        backfill = self.find(backfill_id) or Backfill(self, backfill_id, wish, runs, plans)
        if row["ended_at"] is not None and backfill.run_ids:
            backfill.ended.wait(SETTLES_S)  # the history knows of its end a moment before
        backfill.begin(wish, plans, done=done, failed=sorted(rest), running=running)
        self._see_to(backfill)
        return backfill

    def _settled(self, backfill_id: str) -> dict[int, dict[str, Any]]:
        """Return the newest attempt at each run, once no run of a dead kernel is open any more."""
        deadline = time.monotonic() + SETTLES_S
        self._session.history.flush()
        while True:
            rows = self._session.history.query("runs_of_backfill", backfill_id=backfill_id)
            newest = {row["number"]: row for row in rows if row["number"] is not None}
            here = self._session.launcher.runs
            if all(row["status"] in ENDED or row["run_id"] in here for row in newest.values()):
                return newest
            if time.monotonic() > deadline:
                raise InvariantViolation(f"Runs of backfill {backfill_id} are still under way in another kernel.")
            time.sleep(0.05)

    def _end_orphan(self, backfill_id: str) -> None:
        row = self._row(backfill_id)
        progress = BackfillProgress(runs_kept(row["details"]))
        for number, attempt in self._settled(backfill_id).items():
            is_made = attempt["status"] == RunStatus.SUCCESS
            progress.ended(number, RunState.DONE if is_made else RunState.CANCELED)
        progress.cancel()
        body = {"backfill_id": backfill_id, "status": BackfillStatus.CANCELED, "tally": asdict(progress.tally)}
        self._emit(ev.BACKFILL_ENDED, body)
        self._session.history.flush()

    def _row(self, text: str) -> dict[str, Any]:
        return self._session.history.query("backfill", backfill_id=self.full_id(text))[0]

    def _see_to(self, backfill: Backfill) -> None:
        with self._lock:
            if self._is_closed:
                raise InvariantViolation("This session is closed and runs nothing any more; launch it in a new one.")
            over = [known for known, each in self._known.items() if each.ended.is_set()]
            for known in over[:-KEPT]:
                del self._known[known]
            self._known[backfill.backfill_id] = backfill
            for number, run_id in backfill.run_ids.items():
                self._of_run[run_id] = (backfill, number)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="jobkernel-backfills", daemon=True)
                self._thread.start()
        for run_id in backfill.run_ids.values():
            live = self._session.launcher.get(run_id)
            if live is not None and live.active.ended.is_set():
                self._over.put(live.active)
        self._over.put(None)

    def _work(self) -> None:
        while True:
            ended = [self._over.get()]
            if self._is_closed:
                return
            with suppress(queue.Empty):
                while True:
                    ended.append(self._over.get_nowait())
            noted = [run is None or self._note(run) for run in ended]
            if not any(noted):
                continue
            for backfill in list(self._known.values()):
                if not backfill.ended.is_set():
                    self._move_on(backfill)
            self._session.changed.set()

    def _note(self, run: ActiveRun) -> bool:
        """Note the end of a run; return whether it is one of a backfill's that is over with it."""
        found = self._of_run.pop(run.run_id, None)
        if found is None:
            return False
        backfill, number = found
        again = self._tried_again(run)
        if again is not None:
            backfill.run_ids[number] = again.options.run_id
            self._of_run[again.options.run_id] = found
            return self._note(again.active) if again.active.ended.is_set() else False
        backfill.run_ended(number, run)
        return True

    def _tried_again(self, run: ActiveRun) -> LiveRun | None:
        if run.status is not RunStatus.FAILURE:
            return None
        lives = list(self._session.launcher.runs.values())
        retries = (each for each in lives if each.options.parent_run_id == run.run_id)
        return next((each for each in retries if each.options.trigger == "retry"), None)

    def _move_on(self, backfill: Backfill) -> None:
        most = backfill.wish.max_runs or self._window()
        lives: list[LiveRun] = []
        while (live := backfill.next_run(most, lambda run: self._taken(backfill, run))) is not None:
            lives.append(live)
        if lives:
            self._enqueue(backfill, lives)
        if self._is_closed:
            return
        status = backfill.verdict()
        if status is not None:
            self._end(backfill, status)

    def _enqueue(self, backfill: Backfill, lives: Sequence[LiveRun]) -> None:
        try:
            self._session.launcher.enqueue(*lives)
        except JobkernelError as error:
            for live in lives:
                backfill.refuse(self._of_run.pop(live.options.run_id)[1], error)
            self._over.put(None)  # nothing of these ends, and others may go
        if backfill.is_canceling:
            self._cancel_runs([live.options.run_id for live in lives])

    def _window(self) -> int:
        most = int(self._session.project_settings["max_concurrent_runs"])
        return min(most, AT_ONCE) if most > 0 else AT_ONCE

    def _taken(self, backfill: Backfill, run: BackfillRun) -> LiveRun:
        live = self._prepare(backfill, run)
        self._of_run[live.options.run_id] = (backfill, run.number)
        return live

    def _prepare(self, backfill: Backfill, run: BackfillRun) -> LiveRun:
        return self._session.prepare(backfill.plans.of(run.assets), backfill.choice_of(run))

    def _held(self, plan: Plan, runs: Sequence[BackfillRun]) -> HeldPlans:
        return held_plans(plan, [run.assets for run in runs], self._session.registry.resources)

    def _end(self, backfill: Backfill, status: BackfillStatus) -> None:
        body = {"backfill_id": backfill.backfill_id, "status": status, "tally": asdict(backfill.progress)}
        error = backfill.first_error()
        if status is BackfillStatus.COMPLETED_FAILED and error is not None:
            body["error"] = f"{type(error).__name__}: {error}"
        self._emit(ev.BACKFILL_ENDED, body)
        with suppress(JobkernelError):  # a history that is away follows when it can
            self._session.history.flush()
        backfill.end(status)

    def _cancel_asked(self, fields: Mapping[str, Any]) -> None:
        backfill = self.find(fields["backfill_id"])
        if backfill is not None:
            self._cancel_here(backfill, forced=bool(fields.get("forced")))

    def _cancel_here(self, backfill: Backfill, *, forced: bool) -> str:
        waiting = backfill.progress.waiting
        run_ids = backfill.stop_launching()
        self._cancel_runs(run_ids, forced=forced)
        self._over.put(None)
        running = f"; {len(run_ids)} running runs are canceled" if len(run_ids) != 1 else "; 1 running run is canceled"
        return f"{waiting} partitions are not launched{running if run_ids else ''}"

    def _cancel_runs(self, run_ids: Sequence[str], *, forced: bool = False) -> None:
        for run_id in run_ids:
            live = self._session.launcher.get(run_id)
            if live is not None:
                self._session.launcher.cancel(live, forced=forced)

    def _emit(self, event_type: str, body: dict[str, Any]) -> None:
        self._session.history.emit(Event(event_type, None, None, self._session.clock.now_us(), body))


def _wish(plan: Plan, details: Mapping[str, Any]) -> Wish:
    choice = Launch(
        config=details.get("config"),
        tags=details.get("tags") or {},
        executor=details.get("executor"),
        priority=details.get("priority"),
    )
    return Wish(
        plan=plan,
        keys=tuple(details["keys"]),
        selection=details["selection"],
        choice=choice,
        max_runs=details.get("max_runs"),
    )


def _new_id() -> str:
    """Return a fresh id: eight letters, as Dagster's."""
    return "".join(random.choice(string.ascii_lowercase) for _ in range(8))  # noqa: S311 - a name, no secret
