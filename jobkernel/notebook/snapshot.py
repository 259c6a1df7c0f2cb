"""Where everything stands, in the protocol's words: status of nodes, rows of runs. Decides nothing, sends nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from jobkernel.clock import seconds_between
from jobkernel.engine.cancel_words import cancel_words_of_row
from jobkernel.engine.live_run import LiveRun
from jobkernel.engine.session import Session
from jobkernel.errors import InvalidSelection
from jobkernel.executors.failure import message_of, type_name
from jobkernel.model.definitions import Graph, Job
from jobkernel.model.runs import RunStatus
from jobkernel.notebook.graph_view import OP_PREFIX, GraphQuery, GraphViews
from jobkernel.notebook.shown import one_line
from jobkernel.notebook.statuses import Statuses, millis
from jobkernel.notebook.views import STEP_WORDS
from jobkernel.rules.asset_plan import run_title

PROTOCOL = 1
SEGMENTS = 16
"""How many steps of a run have a bar of their own in the list of runs."""
RUNS_SHOWN = 50
_ORDER = ("failed", "running", "queued", "canceled", "skipped", "fresh")
_ROW_WORDS: Mapping[str, str] = {
    "STARTED": "running", "SUCCESS": "fresh", "FAILURE": "failed", "SKIPPED": "skipped", "NOT_RUN": "skipped",
    "CANCELED": "canceled", "UP_FOR_RETRY": "queued",
}  # fmt: skip


class Standing:
    """The present state of one session, as screens show it."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.statuses = Statuses(session)
        self._queue: dict[str, Any] | None = None
        self._ended: dict[tuple[str, str], dict[str, Any]] = {}
        self._others: dict[str, tuple[Any, dict[str, Any]]] = {}

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
            "ops": self.ops(),
            "graph": views.view(query),
            "status": self.statuses.all(),
            "runs": self.recent_runs(),
            "queue": self.queue(),
        }

    def forget_queue(self) -> None:
        """Ask the project for its queue when it is needed next: it may have moved."""
        self._queue = None

    def queue(self) -> dict[str, Any]:
        """Return the protocol's ``Queue``: whether the project starts no runs, who waits, and its busy pools."""
        if self._queue is None:
            found = self._session.records.queue()
            pools = [{"name": name, **each} for name, each in sorted(found["pools"].items())]
            self._queue = {
                "paused": self._session.project_settings["max_concurrent_runs"] == 0,
                "waiting": found["waiting"],
                "pools": [pool for pool in pools if pool["limit"] is not None],
            }
        return self._queue

    def jobs(self) -> list[dict[str, Any]]:
        """Return the jobs that can be launched, by name."""
        found = []
        for name, job in sorted(self._session.registry.jobs.items()):
            is_op_job = job.graph is not None
            keys = self._op_keys_of(job) if job.graph is not None else self._keys_of(job)
            found.append({"name": name, "kind": "op" if is_op_job else "asset", "keys": keys})
        return found

    def ops(self) -> list[dict[str, Any]]:
        """Return the protocol's ``OpRow`` of every op that a cell defined, by name."""
        registry = self._session.registry
        uses: dict[str, dict[str, list[str]]] = {name: {} for name in sorted(registry.ops)}
        for job, record in sorted(registry.jobs.items()):
            for step_key, op in _steps_of_ops(record.graph) if record.graph is not None else ():
                if op in uses:
                    uses[op].setdefault(job, []).append(f"{OP_PREFIX}{job}/{step_key}")
        return [
            {"name": name, "uses": [{"job": job, "keys": keys} for job, keys in found.items()]}
            for name, found in uses.items()
        ]

    def _op_keys_of(self, job: Job) -> list[str]:
        """Return the keys of an op job's steps among the statuses."""
        return [f"{OP_PREFIX}{job.name}/{step}" for step, _ in _steps_of_ops(job.graph)] if job.graph else []

    def _keys_of(self, job: Job) -> list[str]:
        """Return what an asset job makes now; nothing where its selection names what is not defined any more."""
        try:
            return sorted(self._session.select(job.selection))
        except InvalidSelection:
            return []

    def recent_runs(self, limit: int = RUNS_SHOWN) -> list[dict[str, Any]]:
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
        """Return the rows of the runs of this kernel that go on or have ended lately, and of the newest that wait."""
        runs = list(self._session.launcher.runs.values())
        shown = [live for live in runs[:-RUNS_SHOWN] if live.is_admitted] + runs[-RUNS_SHOWN:]
        default, known, self._ended = self._session.executors.default, self._ended, {}
        rows = []
        for live in shown:
            is_over, place = live.active.ended.is_set(), (live.options.run_id, default)
            row = known.get(place) or self.run_row(live)
            if is_over and not row["abandoned"]:  # nothing in it moves any more
                self._ended[place] = row
            rows.append(row)
        return self._with_waiting(rows)

    def runs_of_others(self) -> list[dict[str, Any]]:
        """Return the rows of the newest runs that other kernels have or had, read again where they moved."""
        own = self._session.launcher.runs
        rows = [row for row in self._session.history.query("latest_runs", limit=RUNS_SHOWN) if row["run_id"] not in own]
        known, self._others = self._others, {}
        moved = [
            row for row in rows if row["ended_at"] is None or known.get(row["run_id"], (None,))[0] != row["status"]
        ]
        fresh = {row["run_id"]: row for row in self._shown(moved)}
        self.statuses.forget_past(row["job_name"] for row in moved)
        for row in rows:
            run_id = row["run_id"]
            self._others[run_id] = (row["status"], fresh[run_id]) if run_id in fresh else known[run_id]
        return [row for _, row in self._others.values()]

    def runs_of_history(self, **asked: Any) -> list[dict[str, Any]]:
        """Return rows of runs out of the history."""
        return self._shown(self._session.history.query("latest_runs", **asked))

    def _shown(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        ids = [row["run_id"] for row in rows]
        steps: dict[str, list[str]] = {}
        for counted in self._session.history.query("step_words", run_ids=ids) if ids else ():
            steps.setdefault(counted["run_id"], []).extend(
                [_ROW_WORDS.get(counted["status"], "queued")] * counted["steps"]
            )
        return self._with_waiting([self._row_of_history(row, steps.get(row["run_id"], [])) for row in rows])

    def run_row(self, live: LiveRun) -> dict[str, Any]:
        """Return the protocol's ``RunRow`` of a run of this kernel."""
        active, facts, options = live.active, live.active.setup.facts, live.options
        words = [STEP_WORDS[status] for status in list(active.progress.statuses.values())]
        status = str(active.status)
        if status == "NOT_STARTED":
            status = "STARTING" if live.is_admitted else "QUEUED"
        ended = max(active.finished_at.values(), default=active.started_at) if active.ended.is_set() else None
        abandoned, error = active.notes.abandoned(), active.error
        return {
            **_times(live.queued_at, active.started_at, ended),
            **_counts(words, sum(each.is_final for each in list(active.progress.statuses.values()))),
            "run_id": options.run_id,
            "job_name": facts.job_name,
            "title": run_title(facts.job_name, live.plan.asset_keys),
            "status": status,
            "trigger": options.trigger,
            "error": one_line(f"{type_name(type(error))}: {message_of(error)}") if error is not None else None,
            "priority": options.priority,
            "tags": {**facts.tags, **active.notes.end_tags},
            "partition_key": facts.partition_key,
            "waiting": None,
            "parent_run_id": options.parent_run_id,
            "root_run_id": options.root_run_id,
            "chosen_executor": self._chosen(active.setup.executor_name),
            "notebook": None,
            "cell_id": live.cell_id,
            "cancel": _next_cancel(live, self._session),
            "abandoned": [f"{key} on thread {thread}" for key, threads in abandoned.items() for thread in threads],
        }

    def _row_of_history(self, row: Mapping[str, Any], words: list[str]) -> dict[str, Any]:
        error, is_own = row["error"], row["notebook"] == self._session.notebook
        is_open = row["ended_at"] is None
        return {
            **_times(row["queued_at"], row["started_at"], row["ended_at"]),
            **_counts(words, sum(word not in ("running", "queued") for word in words)),
            "run_id": row["run_id"],
            "job_name": row["job_name"],
            "title": run_title(row["job_name"], row["assets"] or ()),
            "status": row["status"],
            "trigger": row["trigger"] or "manual",
            "error": error_line(error),
            "priority": row["priority"] or 0,
            "tags": row["tags"] or {},
            "partition_key": row["partition_key"],
            "waiting": None,
            "parent_run_id": row["parent_run_id"],
            "root_run_id": row["root_run_id"],
            "chosen_executor": self._chosen(row["executor"]),
            "notebook": None if is_own else row["notebook"],
            "cell_id": None,
            "cancel": cancel_words_of_row(row, forced=row["status"] == "CANCELING") if is_open else None,
            "abandoned": [],
        }

    def _chosen(self, executor: str | None) -> str | None:
        """Return the executor of a run where it is another than the project's own."""
        return None if executor in (None, self._session.executors.default) else executor


def _steps_of_ops(graph: Graph, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield the key of every step below a graph, and the name of its op."""
    for each in graph.invocations:
        if isinstance(each.node, Graph):
            yield from _steps_of_ops(each.node, f"{prefix}{each.name}.")
        else:
            yield f"{prefix}{each.name}", each.node.name


def error_line(error: Any) -> str | None:
    """Return a kept error in one short line; its page has all of it."""
    text = f"{error['type']}: {error['message']}" if isinstance(error, Mapping) else error
    return one_line(text) if text else None


def _next_cancel(live: LiveRun, session: Session) -> str | None:
    """Say what the next press on Cancel does to a run of this kernel; None where it has ended."""
    if live.active.ended.is_set():
        return None
    return session.what_cancel_does(live, forced=live.active.status is RunStatus.CANCELING)


def segments(words: Iterable[str]) -> list[str]:
    """Return a status word per step; of many steps, words that stand for several each, for the worst of them."""
    words = list(words)
    if len(words) <= SEGMENTS:
        return words
    size = len(words) / SEGMENTS
    parts = [words[round(place * size) : round((place + 1) * size)] for place in range(SEGMENTS)]
    return [next(word for word in _ORDER if word in part) for part in parts]


def _times(queued_at: int | None, started_at: int | None, ended_at: int | None) -> dict[str, Any]:
    return {
        "queued_at": millis(queued_at),
        "started_at": millis(started_at),
        "ended_at": millis(ended_at),
        "duration_s": seconds_between(started_at, ended_at),
    }


def _counts(words: list[str], done: int) -> dict[str, Any]:
    return {
        "steps_total": len(words),
        "steps_done": done,
        "steps_failed": words.count("failed"),
        "segments": segments(words),
    }
