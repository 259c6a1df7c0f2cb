"""Answer the screen's requests: one function per operation of the protocol, over session and history.

Called on the kernel's control thread or a comm's; so nothing here touches the user's main thread or waits for a run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from jobkernel.engine.session import Session
from jobkernel.errors import JobkernelError, did_you_mean
from jobkernel.model.runs import Launch
from jobkernel.notebook.automation_requests import AUTOMATION_OPERATIONS, AutomationRequests
from jobkernel.notebook.automation_standing import AutomationStanding
from jobkernel.notebook.backfill_requests import BACKFILL_OPERATIONS
from jobkernel.notebook.backfill_rows import BackfillRows
from jobkernel.notebook.details import node_details
from jobkernel.notebook.graph_view import GraphQuery, GraphViews
from jobkernel.notebook.options import UsageProblem
from jobkernel.notebook.packed_graph import rows_of
from jobkernel.notebook.partition_requests import PARTITION_OPERATIONS, TO_MAKE, made_of
from jobkernel.notebook.picture import bundle_of
from jobkernel.notebook.run_details import log_lines, run_details
from jobkernel.notebook.shown import count_of, span_of
from jobkernel.notebook.snapshot import Standing
from jobkernel.notebook.views import expected_seconds
from jobkernel.rules.backfills import chosen_definition


class Requests:
    """Answers requests for one session."""

    def __init__(
        self,
        session: Session,
        standing: Standing,
        views: GraphViews,
        automation: AutomationStanding,
        backfills: BackfillRows,
        seq: Callable[[], int],
    ) -> None:
        self._session = session
        self._standing = standing
        self._backfills = backfills
        self._automation = automation
        self._of_automation = AutomationRequests(session)
        self._views = views
        self._seq = seq

    def answer(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Return the protocol's reply. A refusal is a sentence; a mistake of ours names itself."""
        number = request.get("id", 0)
        operation = str(request.get("op", ""))
        known = {**OPERATIONS, **AUTOMATION_OPERATIONS, **OF_SESSION}
        if operation not in known:
            return _refused(number, f"The kernel knows no '{operation}'.{did_you_mean(operation, known)}")
        try:
            return {"id": number, "ok": True, "result": self._result(operation, request)}
        except JobkernelError as error:
            return _refused(number, str(error))
        except Exception as error:  # noqa: BLE001 - a subscriber's boundary: the screen must get an answer
            return _refused(number, f"'{operation}' failed in the kernel: {type(error).__name__}: {error}")

    def _result(self, operation: str, request: Mapping[str, Any]) -> Any:
        if operation in AUTOMATION_OPERATIONS:
            return AUTOMATION_OPERATIONS[operation](self._of_automation, request)
        if operation in OF_SESSION:
            return OF_SESSION[operation](self._session, request)
        return OPERATIONS[operation](self, request)

    def _snapshot(self, _request: Mapping[str, Any]) -> dict[str, Any]:
        self._backfills.history_moved()
        snapshot = self._standing.snapshot(self._views, GraphQuery(), self._seq())
        return {**snapshot, "automation": self._automation.now(), "backfills": self._backfills.newest()}

    def _picture(self, request: Mapping[str, Any]) -> dict[str, Any]:
        query = GraphQuery(job=request.get("job"), selection=request.get("selection"))
        graph, now_ms = rows_of(self._views.view(query)), self._session.clock.now_us() // 1000
        return bundle_of(graph, self._standing.statuses.all(), now_ms, live=True)

    def _layout(self, request: Mapping[str, Any]) -> dict[str, Any]:
        collapsed = request.get("collapsed")
        return self._views.view(
            GraphQuery(
                job=request.get("job"),
                selection=request.get("selection"),
                focus=request.get("focus"),
                depth=int(_number(request, "depth", 1)),
                collapsed=tuple(collapsed) if collapsed is not None else None,
                direction="TD" if request.get("direction") == "TD" else "LR",
            )
        )

    def _select(self, request: Mapping[str, Any]) -> dict[str, Any]:
        return {"keys": self._session.select(str(request.get("text", "")))}

    def _details(self, request: Mapping[str, Any]) -> dict[str, Any]:
        return node_details(self._session, self._standing, _text(request, "key"))

    def _scope(self, request: Mapping[str, Any]) -> list[str]:
        """Return the keys that a request means, upstream first."""
        keys = [str(key) for key in request.get("keys") or ()]
        graph, words = self._session.registry.graph, self._session.freshness.status_words()
        match request.get("scope", "only"):
            case "downstream":
                chosen = {*keys, *graph.downstream(keys)}
            case "upstream":
                chosen = {*keys, *graph.upstream(keys)}
            case "stale":
                chosen = {key for key in keys or words if words.get(key) in ("stale", "partly", "failed")}
            case "missing":
                parts = self._session.freshness.partition_words()
                chosen = {key for key in keys or words if words.get(key) == "never" or "missing" in parts.get(key, ())}
            case "all":
                chosen = set(words)
            case _:
                chosen = set(keys)
        external = self._session.registry.universe.external
        return [key for key in graph.topological() if key in chosen and key not in external]

    def _plan(self, request: Mapping[str, Any]) -> dict[str, Any]:
        keys = self._scope(request)
        missing = self._session.planner.missing_upstream(keys)
        plan = self._session.plan(keys, with_missing_upstream=True) if keys else None
        expected = expected_seconds(self._session, plan) if plan is not None else None
        count = len(plan.steps) if plan is not None else 0
        text = count_of(count, "step") + (
            f", ~{span_of(expected)}" if expected is not None else ", no earlier runs to estimate from"
        )
        return {"keys": keys, "missing_upstream": missing, "expected_s": expected, "text": text}

    def _materialize(self, request: Mapping[str, Any]) -> dict[str, Any]:
        keys = self._scope(request)
        plan = self._session.plan(keys, with_missing_upstream=bool(request.get("include_missing")))
        if chosen_definition(plan) is not None:
            return made_of(self._session, plan, TO_MAKE, ", ".join(keys))
        return {"run_id": self._session.launch(plan, Launch(trigger="widget")).run_id}

    def _launch(self, request: Mapping[str, Any]) -> dict[str, Any]:
        plan = self._session.plan_job(_text(request, "job"))
        return {"run_id": self._session.launch(plan, Launch(trigger="widget")).run_id}

    def _cancel(self, request: Mapping[str, Any]) -> dict[str, Any]:
        return {"text": self._session.cancel(_text(request, "run_id"), forced=bool(request.get("force")))}

    def _reexecute(self, request: Mapping[str, Any]) -> dict[str, Any]:
        return {"run_id": self._session.reexecute(_text(request, "run_id"), **_again(request)).run_id}

    def _replan(self, request: Mapping[str, Any]) -> dict[str, Any]:
        plan = self._session.plan_again(_text(request, "run_id"), **_again(request))
        expected = expected_seconds(self._session, plan)
        about = f", ~{span_of(expected)}" if expected is not None else ""
        return {"steps": list(plan.steps), "expected_s": expected, "text": count_of(len(plan.steps), "step") + about}

    def _runs(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Return the runs of one backfill, or those of none with the backfills beside them."""
        limit, job, status = min(int(_number(request, "limit", 50)), 500), request.get("job"), request.get("status")
        given, backfill = _number(request, "before", 0), request.get("backfill")
        before = int(given * 1000) if given else None
        asked = {"job_name": job, "status": status, "before": before, "backfill": backfill or ""}
        rows = self._standing.runs_of_history(**asked, limit=limit + 1)
        page, more = rows[:limit], len(rows) > limit
        if backfill:
            return {"rows": page, "more": more, "backfills": []}
        since = int((page[-1]["queued_at"] or 0) * 1000) if more else None
        backfills = self._backfills.page(job=job, status=status, before=before, since=since)
        return {"rows": page, "more": more, "backfills": backfills}

    def _run(self, request: Mapping[str, Any]) -> dict[str, Any]:
        return run_details(self._session, self._standing, _text(request, "run_id"))

    def _log(self, request: Mapping[str, Any]) -> dict[str, Any]:
        run_id = self._session.find_run(_text(request, "run_id"))
        after = _number(request, "after", 0)
        step = request.get("step_key")
        lines = [line for line in log_lines(self._session, run_id, step) if line["seq"] > after]
        live = self._session.launcher.get(run_id)
        return {"lines": lines, "ended": live is None or live.active.ended.is_set()}


OPERATIONS: dict[str, Callable[[Requests, Mapping[str, Any]], Any]] = {
    "snapshot": Requests._snapshot,
    "picture": Requests._picture,
    "layout": Requests._layout,
    "select": Requests._select,
    "details": Requests._details,
    "plan": Requests._plan,
    "materialize": Requests._materialize,
    "launch": Requests._launch,
    "cancel": Requests._cancel,
    "reexecute": Requests._reexecute,
    "replan": Requests._replan,
    "runs": Requests._runs,
    "run": Requests._run,
    "log": Requests._log,
}

OF_SESSION = {**PARTITION_OPERATIONS, **BACKFILL_OPERATIONS}


def _text(request: Mapping[str, Any], name: str) -> str:
    value = request.get(name)
    if not isinstance(value, str):
        raise UsageProblem(f"The request '{request.get('op')}' needs '{name}', a text.")
    return value


def _again(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a run is to run again: all, what is left of it, or what clauses such as ``load*`` select."""
    steps = [str(each) for each in request.get("steps") or ()]
    return {"from_failure": bool(request.get("from_failure")), "steps": steps}


def _number(request: Mapping[str, Any], name: str, default: float) -> float:
    value = request.get(name) or default
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UsageProblem(f"The request '{request.get('op')}' takes a number as '{name}', not {value!r}.")
    return value


def _refused(number: Any, sentence: str) -> dict[str, Any]:
    return {"id": number, "ok": False, "error": sentence}
