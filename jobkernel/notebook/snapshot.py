"""Where everything stands, in the protocol's words: status of nodes, rows of runs. Decides nothing, sends nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from jobkernel.engine.launcher import LiveRun
from jobkernel.engine.session import Session
from jobkernel.errors import InvalidSelection
from jobkernel.executors.failure import message_of, type_name
from jobkernel.model.definitions import Job
from jobkernel.notebook.graph_view import OP_PREFIX, GraphQuery, GraphViews, kind_of
from jobkernel.notebook.views import STEP_WORDS
from jobkernel.rules.asset_plan import run_title

PROTOCOL = 1
SEGMENTS = 16
"""How many steps of a run have a bar of their own in the list of runs."""
USUAL_FOR_US = 2_000_000
"""How old the usual durations may be, in microseconds, when something was made since."""
_ORDER = ("failed", "running", "queued", "canceled", "skipped", "fresh")
_ROW_WORDS: Mapping[str, str] = {
    "STARTED": "running", "SUCCESS": "fresh", "FAILURE": "failed", "SKIPPED": "skipped", "NOT_RUN": "skipped",
    "CANCELED": "canceled", "UP_FOR_RETRY": "queued",
}  # fmt: skip


def millis(at_us: int | None) -> float | None:
    """Return microseconds since the epoch as the screen's milliseconds."""
    return None if at_us is None else at_us / 1000


class Standing:
    """The present state of one session, as screens show it."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._usual: dict[str, float] = {}
        self._usual_of = -1
        self._usual_at = 0

    def snapshot(self, views: GraphViews, query: GraphQuery, seq: int) -> dict[str, Any]:
        """Return the protocol's ``Snapshot``."""
        session = self._session
        return {
            "protocol": PROTOCOL,
            "seq": seq,
            "project": session.project.name if session.project is not None else "in memory",
            "notebook": session.notebook,
            "kernel_id": session.kernel_id or "",
            "jobs": self.jobs(),
            "graph": views.view(query),
            "status": self.statuses(),
            "runs": self.recent_runs(),
        }

    def jobs(self) -> list[dict[str, Any]]:
        """Return the jobs that can be launched, by name."""
        found = []
        for name, job in sorted(self._session.registry.jobs.items()):
            is_op_job = job.graph is not None
            keys = [] if is_op_job else self._keys_of(job)
            found.append({"name": name, "kind": "op" if is_op_job else "asset", "keys": keys})
        return found

    def _keys_of(self, job: Job) -> list[str]:
        """Return what an asset job makes now; nothing where its selection names what is not defined any more."""
        try:
            return sorted(self._session.select(job.selection))
        except InvalidSelection:
            return []

    def statuses(self) -> dict[str, dict[str, Any]]:
        """Return the status of every asset, and of every op of a run that this kernel remembers."""
        session = self._session
        verdicts = session.freshness.verdicts()
        words = session.freshness.words_of(verdicts, session.running_keys())
        usual = self._usual_seconds()
        live = self._live_steps()
        found = {key: self._asset_status(key, words[key], verdicts[key], live.get(key), usual) for key in words}
        found.update(self._op_statuses(usual))
        return found

    def recent_runs(self, limit: int = 50) -> list[dict[str, Any]]:
        """Return the newest runs, those of this kernel as they stand now."""
        rows = {row["run_id"]: row for row in self.runs_of_history(limit=limit)}
        rows.update({row["run_id"]: row for row in self.live_runs()})
        return sorted(rows.values(), key=lambda row: -(row["queued_at"] or 0))[:limit]

    def _with_waiting(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Say in the rows of queued runs what they wait for."""
        queued = {row["run_id"]: row for row in rows if row["status"] == "QUEUED"}
        for run_id, words in self._session.records.waiting(queued).items():
            queued[run_id]["waiting"] = words
        return rows

    def live_runs(self) -> list[dict[str, Any]]:
        """Return the rows of the runs that this kernel remembers."""
        return self._with_waiting([run_row(live) for live in list(self._session.launcher.runs.values())])

    def runs_of_history(self, **asked: Any) -> list[dict[str, Any]]:
        """Return rows of runs out of the history."""
        rows = self._session.history.query("latest_runs", **asked)
        ids = [row["run_id"] for row in rows]
        steps: dict[str, list[str]] = {}
        for counted in self._session.history.query("step_words", run_ids=ids) if ids else ():
            steps.setdefault(counted["run_id"], []).extend(
                [_ROW_WORDS.get(counted["status"], "queued")] * counted["steps"]
            )
        return self._with_waiting([_row_of_history(row, steps.get(row["run_id"], [])) for row in rows])

    def _usual_seconds(self) -> dict[str, float]:
        """Return the median seconds of each step, read again only when something was made since."""
        version = self._session.states.version
        now = self._session.clock.now_us()
        if self._usual_of != version and now - self._usual_at > USUAL_FOR_US:
            self._usual = {row["step_key"]: row["duration_s"] for row in self._session.history.query("step_durations")}
            self._usual_of, self._usual_at = version, now
        return self._usual

    def _live_steps(self) -> dict[str, tuple[LiveRun, str]]:
        found: dict[str, tuple[LiveRun, str]] = {}
        for live in self._session.launcher.alive():
            for key, step in live.plan.steps.items():
                found.update(dict.fromkeys(step.asset_keys.values(), (live, key)))
        return found

    def _asset_status(
        self, key: str, word: str, verdict: Any, running: tuple[LiveRun, str] | None, usual: Mapping[str, float]
    ) -> dict[str, Any]:
        session = self._session
        state = session.states.of(key)
        made = state.made
        passed, failed = self._checks(key)
        status = _status(word)
        status.update(
            cause=verdict.cause if word == "stale" else None,
            at=millis(state.last_at if word == "failed" else made.made_at if made else None),
            checks_passed=passed,
            checks_failed=failed,
            edited="own" in verdict.changed and word == "failed",
            error=state.error if word == "failed" else None,
            kind=kind_of(session, key, session.registry.assets[key]) if key in session.registry.assets else None,
            rows=_rows(made.metadata) if made else None,
            run_id=state.last_run_id,
            usual_s=usual.get(key.replace("/", "__")),
        )
        if running is not None and word in ("running", "queued"):
            status.update(_in_run(*running, session))
        return status

    def _checks(self, key: str) -> tuple[int, int]:
        results = [self._session.states.check(key, name) for name in self._session.registry.checks_of(key)]
        done = [result for result in results if result is not None]
        return sum(result.passed for result in done), sum(not result.passed for result in done)

    def _op_statuses(self, usual: Mapping[str, float]) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        latest = {live.plan.job_name: live for live in list(self._session.launcher.runs.values())}
        for name, job in list(self._session.registry.jobs.items()):
            if job.graph is None:
                continue
            live = latest.get(name)
            for invocation in job.graph.invocations:
                found.setdefault(f"{OP_PREFIX}{name}/{invocation.name}", _status("never"))
            if live is not None:
                found.update(_steps_of_run(live, self._session, usual))
        return found


def _steps_of_run(live: LiveRun, session: Session, usual: Mapping[str, float]) -> dict[str, dict[str, Any]]:
    found = {}
    for key, step_status in list(live.active.progress.statuses.items()):
        status = _status(STEP_WORDS[step_status])
        status["run_id"] = live.options.run_id
        status["at"] = millis(live.active.finished_at.get(key))
        status["usual_s"] = usual.get(key)
        if not step_status.is_final:
            status.update(_in_run(live, key, session))
        found[f"{OP_PREFIX}{live.plan.job_name}/{key}"] = status
    return found


def _status(word: str) -> dict[str, Any]:
    return {
        "status": word, "cause": None, "at": None, "started_at": None, "usual_s": None, "progress": None,
        "checks_passed": 0, "checks_failed": 0, "edited": False, "error": None, "kind": None, "rows": None,
        "run_id": None, "cancel": None,
    }  # fmt: skip


def _in_run(live: LiveRun, step_key: str, session: Session) -> dict[str, Any]:
    flying = live.active.in_flight.get(step_key)
    told = (flying.progress or {}) if flying is not None else {}
    return {
        "run_id": live.options.run_id,
        "started_at": millis(flying.started_at) if flying is not None else None,
        "progress": told["done"] / told["total"] if told.get("total") else None,
        "cancel": session.what_cancel_does(live),
    }


def _rows(metadata: Mapping[str, Any]) -> int | None:
    value = (metadata.get("dagster/row_count") or {}).get("value")
    return value if isinstance(value, int) else None


def run_row(live: LiveRun) -> dict[str, Any]:
    """Return the protocol's ``RunRow`` of a run of this kernel."""
    active = live.active
    words = [STEP_WORDS[status] for status in list(active.progress.statuses.values())]
    status = str(active.status)
    if status == "NOT_STARTED":
        status = "STARTING" if live.is_admitted else "QUEUED"
    ended = max(active.finished_at.values(), default=active.started_at) if active.ended.is_set() else None
    facts = active.setup.facts
    return {
        "run_id": live.options.run_id,
        "job_name": facts.job_name,
        "title": run_title(facts.job_name, live.plan.asset_keys),
        "status": status,
        "queued_at": millis(live.queued_at),
        "started_at": millis(active.started_at),
        "ended_at": millis(ended),
        "duration_s": (ended - active.started_at) / 1e6 if ended and active.started_at else None,
        "trigger": live.options.trigger,
        "steps_total": len(words),
        "steps_done": sum(status.is_final for status in list(active.progress.statuses.values())),
        "steps_failed": words.count("failed"),
        "segments": segments(words),
        "error": f"{type_name(type(active.error))}: {message_of(active.error)}" if active.error is not None else None,
        "priority": live.options.priority,
        "tags": dict(facts.tags),
        "partition_key": facts.partition_key,
        "waiting": None,
    }


def segments(words: Iterable[str]) -> list[str]:
    """Return a status word per step; of many steps, words that stand for several each, for the worst of them."""
    words = list(words)
    if len(words) <= SEGMENTS:
        return words
    size = len(words) / SEGMENTS
    parts = [words[round(place * size) : round((place + 1) * size)] for place in range(SEGMENTS)]
    return [next(word for word in _ORDER if word in part) for part in parts]


def _row_of_history(row: Mapping[str, Any], words: list[str]) -> dict[str, Any]:
    began, ended = row["started_at"], row["ended_at"]
    error = row["error"]
    return {
        "run_id": row["run_id"],
        "job_name": row["job_name"],
        "title": run_title(row["job_name"], row["assets"] or ()),
        "status": row["status"],
        "queued_at": millis(row["queued_at"]),
        "started_at": millis(began),
        "ended_at": millis(ended),
        "duration_s": (ended - began) / 1e6 if began and ended else None,
        "trigger": row["trigger"] or "manual",
        "steps_total": len(words),
        "steps_done": sum(word not in ("running", "queued") for word in words),
        "steps_failed": words.count("failed"),
        "segments": segments(words),
        "error": f"{error['type']}: {error['message']}" if isinstance(error, Mapping) else error,
        "priority": row["priority"] or 0,
        "tags": row["tags"] or {},
        "partition_key": row["partition_key"],
        "waiting": None,
    }
