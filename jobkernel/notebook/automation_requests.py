"""Answer what screens ask of schedules and sensors: details, ticks, switches, cursors, run keys, previews.

Part of ``requests``. A preview calls the user's function on the thread of the request, under the look's time limit.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from jobkernel.engine.preview import Preview, request_words
from jobkernel.engine.session import Session
from jobkernel.engine.watched import Watched
from jobkernel.errors import Interrupted, UnknownName
from jobkernel.executors.cancel import call_interruptible, interrupt_thread
from jobkernel.executors.capture import capturing
from jobkernel.executors.failure import describe_error
from jobkernel.executors.step_output import StepOutput
from jobkernel.model.automation import UNCHANGED, Automation
from jobkernel.notebook.automation_rows import interval_words, tick_row
from jobkernel.notebook.condition_view import conditions_of
from jobkernel.notebook.options import UsageProblem
from jobkernel.notebook.statuses import millis

TIMES: Final = 5
TICKS: Final = 20
KEYS: Final = 50
PREVIEWS_KEPT: Final = 8
REQUESTS_SHOWN: Final = 50
ERROR_FIELDS: Final = ("type", "message", "cell", "line", "frames", "text")

Request = Mapping[str, Any]


class AutomationRequests:
    """Answers requests about the schedules and sensors of one session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._previews: dict[str, Preview] = {}
        self._numbers = itertools.count(1)

    def details(self, request: Request) -> dict[str, Any]:
        """Return the protocol's ``AutomationDetails``."""
        session, watched = self._session, self._find(request)
        automation, name = watched.automation, watched.name
        ticks = self._ticks(name, limit=TICKS + 1)
        keys = session.history.query("run_keys", automation=name, limit=KEYS + 1) if not automation.is_schedule else []
        return {
            "name": name,
            "description": automation.description or "",
            "facts": interval_words(automation),
            "code": self._code(automation),
            "next": [self._time(moment, watched) for moment in session.automations.upcoming(name, TIMES)],
            "cursor": watched.cursor,
            "run_keys": [{"key": row["run_key"], "run_id": row["run_id"]} for row in keys[:KEYS]],
            "more_keys": len(keys) > KEYS,
            "ticks": [tick_row(row) for row in ticks[:TICKS]],
            "more": len(ticks) > TICKS,
            **conditions_of(session, automation),
        }

    def ticks(self, request: Request) -> dict[str, Any]:
        """Return ticks of one automation, newest first, those before a tick where one is named."""
        watched = self._find(request)
        limit, until = min(int(request.get("limit") or TICKS), 200), request.get("until")
        asked = {"status": request.get("status"), "before": request.get("before")}
        rows = self._ticks(
            watched.name, **asked, until=None if until is None else int(float(until) * 1000), limit=limit + 1
        )
        return {"rows": [tick_row(row) for row in rows[:limit]], "more": len(rows) > limit}

    def tick(self, request: Request) -> dict[str, Any]:
        """Return what a tick printed and logged, and its error whole."""
        tick_id = str(request.get("tick_id", ""))
        bodies = [row["body"] or {} for row in self._session.history.query("tick_events", tick_id=tick_id)]
        if not bodies:
            raise UnknownName(f"The history does not know the tick '{tick_id}'; it may have been forgotten by age.")
        error = next((body["error"] for body in reversed(bodies) if body.get("error")), None)
        return {
            "log": [_line(line) for body in bodies for line in body.get("log") or ()],
            "error": _error(error),
        }

    def scheduler(self, _request: Request) -> dict[str, Any]:
        """Return when the scheduler last looked at the clock; have what lies in files looked at again."""
        self._session.changed.set()
        automations = self._session.automations
        turned_at = automations.pulse.turned_at
        return {
            "alive": automations.is_alive,
            "turned_at": None if turned_at is None else _millis(turned_at),
        }

    def switch(self, request: Request) -> dict[str, Any]:
        """Turn one on or off, None leaves it to its definition; return how it is now, and its next times."""
        watched, on = self._find(request), request.get("on")
        if on is not None and not isinstance(on, bool):
            raise UsageProblem(f"The request 'switch' takes true, false or null as 'on', not {on!r}.")
        self._session.automations.switch(watched.name, on)
        upcoming = self._session.automations.upcoming(watched.name, 1)
        moments = upcoming or ((watched.next_at,) if watched.next_at is not None else ())
        return {"on": watched.is_on, "next": [_millis(moment) for moment in moments] if watched.is_on else []}

    def set_cursor(self, request: Request) -> dict[str, Any]:
        """Set what a sensor's next look finds as its cursor."""
        watched, cursor = self._find(request), request.get("cursor")
        self._session.automations.set_cursor(watched.name, None if cursor is None else str(cursor))
        self._session.history.flush()
        return {"cursor": watched.cursor}

    def reset_keys(self, request: Request) -> dict[str, Any]:
        """Let run keys be used again: those that are named, or all."""
        watched, keys = self._find(request), request.get("keys")
        self._session.automations.reset_run_keys(watched.name, None if keys is None else [str(key) for key in keys])
        self._session.history.flush()
        return {"text": "All run keys may be used again." if keys is None else "The run key may be used again."}

    def preview(self, request: Request) -> dict[str, Any]:
        """Look without any effect; the answer's token lets it be launched."""
        watched = self._find(request)
        output = StepOutput(None, self._session.clock.now_us)
        at, given = _moment(request.get("at"), watched), {}
        if "cursor" in request:
            given["cursor"] = request["cursor"]
        try:
            with capturing(output):
                preview = self._timed(watched, lambda: self._session.automations.preview(watched.name, at=at, **given))
        except Exception as error:  # noqa: BLE001 - the user's own
            return {**_NOTHING, "log": _printed(output), "error": _error(describe_error(error))}
        token = str(next(self._numbers))
        self._previews[token] = preview
        for old in list(self._previews)[:-PREVIEWS_KEPT]:
            del self._previews[old]
        return {**self._would(preview, watched), "token": token, "log": _printed(output) + _logged(preview)}

    def _would(self, preview: Preview, watched: Watched) -> dict[str, Any]:
        cursor = preview.evaluation.cursor
        return {
            **_NOTHING,
            "at": None if preview.scheduled_at is None else self._time(preview.scheduled_at, watched),
            "count": len(preview.requests),
            "requests": [request_words(each) for each in preview.requests[:REQUESTS_SHOWN]],
            "skip_reason": preview.skip_reason,
            "moves_cursor": cursor is not UNCHANGED and cursor != watched.cursor,
            "cursor": watched.cursor if cursor is UNCHANGED else cursor,
        }

    def launch_preview(self, request: Request) -> dict[str, Any]:
        """Launch what a preview gave."""
        preview = self._previews.pop(str(request.get("token", "")), None)
        if preview is None:
            raise UnknownName("What was previewed is known no more; preview it again.")
        return {"run_ids": [handle.run_id for handle in preview.launch()]}

    def _timed(self, watched: Watched, look: Callable[[], Preview]) -> Preview:
        thread_id = threading.get_ident()
        call_off = self._session.launcher.deadlines.watch(watched.timeout_s, lambda: _interrupt(thread_id))
        try:
            return call_interruptible(look)
        except Interrupted as stopped:
            raise TimeoutError(f"It took longer than {watched.timeout_s:g} s, and was interrupted.") from stopped
        finally:
            call_off()

    def _find(self, request: Request) -> Watched:
        return self._session.automations.find(str(request.get("name", "")))

    def _ticks(self, name: str, **asked: Any) -> list[dict[str, Any]]:
        self._session.automations.keep_looks()
        return self._session.history.query("ticks", automation=name, **asked)

    def _code(self, automation: Automation) -> dict[str, Any]:
        entry = self._session.registry.entries.get(
            ("schedule" if automation.is_schedule else "sensor", automation.name)
        )
        origin, source = entry.options if entry is not None else {}, automation.source
        return {
            "source": source.text if source is not None else origin.get("source") or "",
            "language": "python",
            "cell": source.cell_number if source is not None else origin.get("cell_number"),
            "cell_id": source.cell_id if source is not None else origin.get("cell_id"),
        }

    def _time(self, moment: datetime, watched: Watched) -> dict[str, Any]:
        """Return an instant, and how its clock on the wall shows it in its own zone."""
        zone = watched.crons.timezone if watched.crons is not None else "UTC"
        local = moment.astimezone(ZoneInfo(zone))
        return {"at": _millis(moment), "local": f"{local:%a %d %b %Y %H:%M} {local:%Z}"}


_NOTHING: Final[dict[str, Any]] = {
    "token": None, "at": None, "count": 0, "requests": [], "skip_reason": None, "moves_cursor": False, "cursor": None,
    "log": [], "error": None,
}  # fmt: skip

AUTOMATION_OPERATIONS: Final[dict[str, Callable[[AutomationRequests, Request], dict[str, Any]]]] = {
    "automation": AutomationRequests.details,
    "ticks": AutomationRequests.ticks,
    "tick": AutomationRequests.tick,
    "scheduler": AutomationRequests.scheduler,
    "switch": AutomationRequests.switch,
    "set_cursor": AutomationRequests.set_cursor,
    "reset_keys": AutomationRequests.reset_keys,
    "preview": AutomationRequests.preview,
    "launch_preview": AutomationRequests.launch_preview,
}


def _millis(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _interrupt(thread_id: int) -> None:
    interrupt_thread(thread_id)


def _moment(text: Any, watched: Watched) -> datetime | None:
    if text is None:
        return None
    zone = ZoneInfo(watched.crons.timezone if watched.crons is not None else "UTC")
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError as error:
        raise UsageProblem(f"'{text}' is no time; write it as 2024-03-31 09:00.") from error
    return found if found.tzinfo is not None else found.replace(tzinfo=zone)


def _line(line: Mapping[str, Any]) -> dict[str, Any]:
    return {"at": millis(line["at"]), "level": line["level"], "text": line["message"]}


def _printed(output: StepOutput) -> list[dict[str, Any]]:
    output.close()
    return [{"at": millis(line.at), "level": line.level, "text": line.text} for line in output.lines_after(0)]


def _logged(preview: Preview) -> list[dict[str, Any]]:
    found = [
        {"at": millis(line.occurred_at), "level": line.level, "text": line.message} for line in preview.evaluation.log
    ]
    if preview.refusal is not None:
        text = f"This would fail as things are: {preview.refusal}"
        found.append({"at": found[-1]["at"] if found else None, "level": "WARNING", "text": text})
    return found


def _error(error: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if error is None:
        return None
    nothing: dict[str, Any] = {"cell": None, "line": None, "frames": [], "text": ""}
    return {name: {**nothing, **error}.get(name, "") for name in ERROR_FIELDS}
