"""The status of every asset and op, kept between questions: only what may have moved is looked at again.

A status is the protocol's ``NodeStatus`` with what it has not left out. Knows the session and its live runs; knows no
rows of runs and no pushes. ``Standing`` asks it.
"""

from __future__ import annotations

import threading
from collections.abc import Container, Iterable, Mapping
from typing import Any, Final

from jobkernel.engine.live_run import LiveRun
from jobkernel.engine.moves import Moves
from jobkernel.engine.session import Session
from jobkernel.executors.failure import message_of, type_name
from jobkernel.model.definitions import EMPTY, Assets, CheckSpec, Graph
from jobkernel.model.runs import StepStatus
from jobkernel.notebook.graph_view import OP_PREFIX, kind_of
from jobkernel.notebook.partition_view import partition_status
from jobkernel.notebook.past_ops import PastOps, Steps
from jobkernel.notebook.views import STEP_WORDS
from jobkernel.rules.staleness import PARTLY, STALE, Verdict

Status = dict[str, Any]
NO_STATUS: Final[Mapping[str, Any]] = {
    "status": "never", "cause": None, "at": None, "started_at": None, "usual_s": None, "progress": None,
    "checks_passed": 0, "checks_failed": 0, "checks_warned": 0, "checks_blocking": 0, "edited": False,
    "error": None, "kind": None, "rows": None, "run_id": None, "waiting": None, "again_at": None, "partitions": None,
}  # fmt: skip
"""What a status that leaves all out stands for."""
SHOWN_AS: Final = {PARTLY: STALE}
"""What has partitions missing is drawn as what is stale: it is to be made as well."""
USUAL_FOR_US: Final = 2_000_000
"""How old the usual durations may be, in microseconds, when something was made since."""


class Statuses:
    """The statuses of one session. A status that was given out never changes. Safe to use from any thread."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._lock = threading.RLock()  # protects all below
        self._found: dict[str, Status] = {}
        self._moves = Moves()
        self._seen = (-1, -1, -1)
        self._usual = _Usual(session)
        self._runs: dict[str, _WatchedRun] = {}
        self._of_jobs: dict[str, _WatchedRun] = {}
        self._past = PastOps(session)

    def all(self) -> dict[str, Status]:
        """Return the status of every asset, upstream first, and of every op of a job."""
        with self._lock:
            self._look()
            return dict(self._found)

    def moved_since(self, version: int) -> tuple[int, dict[str, Status]]:
        """Return the present version, and the statuses that are others than at the one given (-1: all)."""
        with self._lock:
            self._look()
            now, keys = self._moves.since(version)
            return now, {key: self._found[key] for key in keys if key in self._found}

    def forget_past(self, jobs: Iterable[str]) -> None:
        """Look again how the last runs of these jobs ended: other kernels have run them."""
        with self._lock:
            self._past.forget(jobs)

    def _look(self) -> None:
        session = self._session
        defined = session.registry.version
        verdicts = session.freshness.verdicts()
        judged_at, judged = session.freshness.moves.since(self._seen[1])
        made_at, made = session.states.moves.since(self._seen[2])
        usual_moved = self._usual.read_again()
        assets = {*judged, *made, *self._moved_in_runs()}
        is_all = usual_moved or defined != self._seen[0]
        fresh = {
            key: self._asset_status(key, verdicts[key]) for key in (verdicts if is_all else assets) if key in verdicts
        }
        fresh.update(self._op_statuses(is_all=is_all))
        self._take(fresh)
        if defined != self._seen[0]:
            self._found = {key: self._found[key] for key in fresh}
        self._seen = (defined, judged_at, made_at)

    def _take(self, fresh: Mapping[str, Status]) -> None:
        moved = [key for key, status in fresh.items() if self._found.get(key) != status]
        self._found.update((key, fresh[key]) for key in moved)
        if moved:
            self._moves.note(moved)

    def _moved_in_runs(self) -> Iterable[str]:
        """Return the assets whose step in a run of this kernel moved, or whose run began or ended."""
        alive = {live.options.run_id: live for live in self._session.launcher.alive()}
        moved: set[str] = set()
        for run_id in self._runs.keys() - alive.keys():
            moved.update(self._runs.pop(run_id).step_of)
        for run_id, live in alive.items():
            if run_id not in self._runs:
                self._runs[run_id] = _WatchedRun(live)
            moved.update(self._runs[run_id].moved_assets())
        return moved

    def _in_run(self, key: str) -> tuple[LiveRun, str, str] | None:
        """Return the run that makes an asset or will, its step there, and ``running`` or ``queued``; or None."""
        waiting = None
        for watched in self._runs.values():
            step_key = watched.step_of.get(key)
            if step_key is None:
                continue
            if step_key in watched.live.active.in_flight:
                return watched.live, step_key, "running"
            if waiting is None and not _step_status(watched.live, step_key).is_final:
                waiting = watched.live, step_key, "queued"
        return waiting

    def _asset_status(self, key: str, verdict: Verdict) -> Status:
        session, running = self._session, self._in_run(key)
        state = session.freshness.state_of(key)
        made, assets = state.made, session.registry.assets.get(key)
        word = "failed" if state.last_ending == "FAILURE" else SHOWN_AS.get(verdict.status, verdict.status)
        word = running[2] if running is not None else word
        is_failed = word == "failed"
        at = state.last_at if is_failed else made.made_at if made is not None else None
        facts = {
            "cause": verdict.cause if word == "stale" else None,
            "at": millis(at),
            "edited": is_failed and "own" in verdict.changed,
            "error": state.error if is_failed else None,
            "kind": kind_of(session, key, assets) if assets is not None else None,
            "rows": _rows(made.metadata) if made is not None else None,
            "run_id": state.last_run_id,
            "usual_s": self._usual.seconds.get(key.replace("/", "__")),
            **_checks(session, key),
            **partition_status(session, key),
        }
        return _status(word, facts, _in_run(*running[:2]) if running is not None else EMPTY)

    def _op_statuses(self, *, is_all: bool) -> dict[str, Status]:
        """Return the statuses of the ops that may have moved, or of all."""
        found: dict[str, Status] = {}
        latest = {live.plan.job_name: live for live in list(self._session.launcher.runs.values())}
        for name, job in list(self._session.registry.jobs.items()):
            if job.graph is None:
                continue
            live, watched, prefix = latest.get(name), self._of_jobs.get(name), f"{OP_PREFIX}{name}/"
            is_new = not self._past.knows(name) if live is None else watched is None or watched.live is not live
            if is_all or is_new:
                past = self._past.of(name) if live is None else self._past.up_to(live.options.parent_run_id)
                found.update(self._past_statuses(job.graph, name, past))
                watched = _WatchedRun(live) if live is not None else None
            if live is not None and watched is not None:
                found.update((f"{prefix}{key}", self._step_status(live, key)) for key in watched.moved())
                if self._of_jobs.get(name) is not watched:
                    self._of_jobs[name] = watched
                    self._forget_ops_of_earlier_runs(prefix, found)
        return found

    def _past_statuses(self, graph: Graph, job: str, past: Steps) -> dict[str, Status]:
        """Return the statuses of a job's ops by runs in the history."""
        prefix = f"{OP_PREFIX}{job}/"
        never = {f"{prefix}{each.name}": _status("never") for each in graph.invocations}
        usual = self._usual.seconds
        ran = {f"{prefix}{key}": _status(at["status"], {"usual_s": usual.get(key), **at}) for key, at in past.items()}
        return {**never, **ran}

    def _forget_ops_of_earlier_runs(self, prefix: str, present: Container[str]) -> None:
        """Drop what earlier runs of a job had of it, such as copies of a mapped step."""
        for key in [key for key in self._found if key.startswith(prefix) and key not in present]:
            del self._found[key]

    def _step_status(self, live: LiveRun, key: str) -> Status:
        status = live.active.progress.statuses.get(key)
        if status is None:  # copies took the place of a step that is mapped
            return _status("never")
        error = live.active.errors_of_steps.get(key)
        ended = {
            "at": millis(live.active.finished_at.get(key)),
            "usual_s": self._usual.seconds.get(key),
            "error": f"{type_name(type(error))}: {message_of(error)}" if error is not None else None,
        }
        return _status(
            STEP_WORDS[status], ended, {"run_id": live.options.run_id} if status.is_final else _in_run(live, key)
        )


class _WatchedRun:
    """What was seen last of the steps of a run, and the step that makes each of its assets."""

    def __init__(self, live: LiveRun) -> None:
        self.live = live
        self.step_of = {key: step.key for step in live.plan.steps.values() for key in step.asset_keys.values()}
        self._assets_of = {step.key: step.asset_keys.values() for step in live.plan.steps.values()}
        self._words: dict[str, StepStatus] = {}
        self._finished: set[str] = set()
        self._restless: set[str] = set()
        self._is_over = False

    def moved_assets(self) -> set[str]:
        """Return the assets of the steps that may have moved since this was last asked."""
        return {key for step_key in self.moved() for key in self._assets_of.get(step_key, ())}

    def moved(self) -> set[str]:
        """Return the steps that may have moved since this was last asked."""
        if self._is_over:
            return set()
        active = self.live.active
        self._is_over = active.ended.is_set()
        words, finished = dict(active.progress.statuses), set(active.finished_at)
        restless = {*list(active.in_flight), *list(active.notes.waits), *list(active.notes.retries)}
        moved = {key for key, word in words.items() if self._words.get(key) is not word}
        moved |= restless | self._restless | (finished ^ self._finished) | (self._words.keys() - words.keys())
        self._words, self._finished, self._restless = words, finished, restless
        return moved


class _Usual:
    """The median seconds of each step, read again only when something was made since."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._version = -1
        self._read_at = 0
        self.seconds: dict[str, float] = {}

    def read_again(self) -> bool:
        """Read them where they are old; return whether any moved."""
        version, now = self._session.states.version, self._session.clock.now_us()
        if self._version == version or now - self._read_at <= USUAL_FOR_US:
            return False
        before = self.seconds
        self.seconds = {row["step_key"]: row["duration_s"] for row in self._session.history.query("step_durations")}
        self._version, self._read_at = version, now
        return self.seconds != before


def full(status: Mapping[str, Any]) -> Status:
    """Return a status with what it leaves out."""
    return {**NO_STATUS, **status}


def millis(at_us: int | None) -> float | None:
    """Return microseconds since the epoch as the screen's milliseconds."""
    return None if at_us is None else at_us / 1000


def check_of(assets: Assets, key: str, name: str) -> CheckSpec:
    """Return the check of that name that is one of these assets' or checks' steps."""
    return next(each for each in assets.checks_by_output.values() if (each.asset_key, each.name) == (key, name))


def _status(word: str, *facts: Mapping[str, Any]) -> Status:
    """Return a status without what is as in `NO_STATUS`; later facts take the place of earlier ones."""
    found: Status = {"status": word} if word != NO_STATUS["status"] else {}
    for each in facts:
        found.update(each)
    return {name: value for name, value in found.items() if value is not None and value is not False}


def _checks(session: Session, key: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for name, assets in session.registry.checks_of(key).items():
        result = session.states.check(key, name)
        if result is None:
            continue
        word = "passed" if result.passed else "warned" if result.severity == "WARN" else "failed"
        found[f"checks_{word}"] = found.get(f"checks_{word}", 0) + 1
        if word == "failed" and check_of(assets, key, name).is_blocking:
            found["checks_blocking"] = found.get("checks_blocking", 0) + 1
    return found


def _in_run(live: LiveRun, step_key: str) -> dict[str, Any]:
    flying = live.active.in_flight.get(step_key)
    told = (flying.progress or {}) if flying is not None else {}
    return {
        "run_id": live.options.run_id,
        "started_at": millis(flying.started_at) if flying is not None else None,
        "progress": told["done"] / told["total"] if told.get("total") else None,
        "waiting": live.active.notes.waits.get(step_key),
        "again_at": millis(live.active.notes.retries.get(step_key)),
    }


def _step_status(live: LiveRun, step_key: str) -> StepStatus:
    return live.active.progress.statuses.get(step_key, StepStatus.WAITING)


def _rows(metadata: Mapping[str, Any]) -> int | None:
    value = (metadata.get("dagster/row_count") or {}).get("value")
    return value if isinstance(value, int) else None
