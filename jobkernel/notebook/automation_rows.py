"""Schedules and sensors as screens show them: a row each with its ticks of the last day, and its last tick.

Reads what the session watches and what the history keeps; decides nothing, sends nothing. The publisher asks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from jobkernel.engine.session import Session
from jobkernel.engine.watched import Watched
from jobkernel.model.automation import Automation, Schedule, Sensor
from jobkernel.notebook.automation_views import missing_jobs, short_tick, when_words, why_words
from jobkernel.notebook.shown import span_of
from jobkernel.notebook.statuses import millis

BUCKET_S: Final = 360
"""How long a mark in the strip of a day stands for."""
DAY_S: Final = 24 * 3600
LEVELS: Final = ".smrf"
"""What a mark says, by how much it matters: nothing, skipped, missed, requested, failed."""
_OF_STATUS: Final = {"SKIPPED": 1, "MISSED": 2, "STARTED": 3, "SUCCESS": 3, "FAILURE": 4}
_CATCHUP: Final = {"none": "drops missed times", "all": "makes up for all missed times"}
_OVERLAP: Final = {"skip": "skips if one still runs", "queue": "waits for the run before"}
UPCOMING: Final = 2

Row = dict[str, Any]


class AutomationRows:
    """The rows of one session's schedules and sensors; remembers their ticks of a day."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._names: frozenset[str] = frozenset()
        self._marks: dict[str, dict[int, int]] = {}
        self._last: dict[str, Row] = {}
        self._open: set[str] = set()
        self._seq = 0
        self._untold: dict[str, dict[int, int]] = {}
        self._static: dict[int, tuple[Automation, Row]] = {}
        self._upcoming: dict[str, tuple[Any, tuple[datetime, ...]]] = {}

    def read(self) -> None:
        """Ask the history what is new."""
        names = frozenset(self._session.automations.watched)
        if not names <= self._names:
            self._names = names
            self._read_all()
        elif names:
            asked = {"names": sorted(names), "after": self._seq, "open": sorted(self._open)}
            self._take(self._session.history.query("newer_ticks", **asked))

    def take_marks(self) -> dict[str, dict[int, int]]:
        """Return the marks that changed since this was last asked, by name."""
        found, self._untold = self._untold, {}
        return found

    def _read_all(self) -> None:
        names = sorted(self._names)
        since = self._session.clock.now_us() - DAY_S * 1_000_000
        asked = {"names": names, "since": since, "bucket": BUCKET_S * 1_000_000}
        self._marks = {name: {} for name in names}
        for row in self._session.history.query("tick_marks", **asked):
            self._marks[row["automation_name"]][row["bucket"]] = row["level"]
        self._last, self._open = {}, set()
        self._take(self._session.history.query("last_ticks", names=names))

    def _take(self, ticks: Iterable[Mapping[str, Any]]) -> None:
        for row in ticks:
            name, level = row["automation_name"], _OF_STATUS[row["status"]]
            bucket = (row["scheduled_at"] or row["evaluated_at"] or 0) // (BUCKET_S * 1_000_000)
            marks = self._marks.setdefault(name, {})
            if marks.get(bucket, 0) < level:
                self._untold.setdefault(name, {})[bucket] = marks[bucket] = level
            self._seq = max(self._seq, row["seq"])
            (self._open.add if row["status"] == "STARTED" else self._open.discard)(row["tick_id"])
            if row["seq"] >= self._last.get(name, {"seq": 0})["seq"]:
                self._last[name] = {"seq": row["seq"], "tick": tick_row(row)}

    def rows(self) -> dict[str, Row]:
        """Return the protocol's ``AutomationRow`` of each, but for its strip."""
        watched = self._session.automations.watched
        return {each.name: self._row(each) for each in list(watched.values())}

    def strip(self, name: str) -> dict[str, Any]:
        """Return the protocol's ``Strip`` of a day."""
        first = (self._session.clock.now_us() // 1_000_000 - DAY_S) // BUCKET_S
        marks = {bucket: level for bucket, level in self._marks.get(name, {}).items() if bucket >= first}
        self._marks[name] = marks
        return strip_of(marks)

    def _row(self, watched: Watched) -> Row:
        last = self._last.get(watched.name)
        return {
            **self._about(watched.automation),
            "on": watched.is_on,
            "switched": watched.switched is not None,
            "owner": _owner(watched),
            "next": [round(moment.timestamp() * 1000) for moment in self._next(watched)],
            "looking_since": round(watched.look.began.timestamp() * 1000) if watched.look is not None else None,
            "trouble": self._trouble(watched),
            "failures": watched.failures,
            "last": last["tick"] if last is not None else None,
        }

    def _about(self, automation: Automation) -> Row:
        """Return what only a new definition changes."""
        known = self._static.get(id(automation))
        if known is not None and known[0] is automation:
            return known[1]
        if len(self._static) > 2 * len(self._names) + 100:
            self._static.clear()
        made = {
            "name": automation.name,
            "kind": "schedule" if automation.is_schedule else "sensor",
            "starts": list(automation.job_names),
            "when": when_words(automation).removesuffix(f" ({getattr(automation, 'timezone', '')})"),
            "zone": automation.timezone if isinstance(automation, Schedule) else None,
            "note": note_words(automation),
        }
        self._static[id(automation)] = (automation, made)
        return made

    def _next(self, watched: Watched) -> tuple[datetime, ...]:
        """Return when it looks next; a schedule twice, so that the strip can show them."""
        if not watched.is_on:
            return ()
        if watched.crons is None:
            return () if watched.next_at is None else (watched.next_at,)
        now = self._session.clock.now()
        state = (watched.crons, watched.next_at)
        known = self._upcoming.get(watched.name)
        if known is None or known[0] != state or not known[1] or known[1][0] <= now:
            known = (state, watched.crons.upcoming(now, UPCOMING))
            self._upcoming[watched.name] = known
        return known[1]

    def _trouble(self, watched: Watched) -> str | None:
        words = missing_jobs(self._session, watched.automation)
        words += list(watched.crons.complaints) if watched.crons is not None else []
        return "; ".join(([watched.trouble] if watched.trouble else []) + words) or None


def note_words(automation: Automation) -> str | None:
    """Say what is unusual of how it goes about its times, or what a sensor watches; None where nothing is."""
    if isinstance(automation, Schedule):
        words = [_OVERLAP.get(str(automation.overlap.value), ""), _CATCHUP.get(str(automation.catchup.value), "")]
        return ", ".join(word for word in words if word) or None
    assert isinstance(automation, Sensor)
    if isinstance(automation.monitored_assets, list | tuple) and automation.monitored_assets:
        return f"assets {', '.join(map(str, automation.monitored_assets))}"
    if automation.monitored_status:
        jobs = ", ".join(automation.monitored_jobs) or "any job"
        return f"runs of {jobs} that end in {automation.monitored_status}"
    return None


def strip_of(marks: Mapping[int, int]) -> dict[str, Any]:
    """Return the protocol's ``Strip``: a letter for each bucket from the first that has a mark on."""
    if not marks:
        return {"first": 0, "marks": ""}
    first, last = min(marks), max(marks)
    return {"first": first, "marks": "".join(LEVELS[marks.get(place, 0)] for place in range(first, last + 1))}


def tick_row(row: Mapping[str, Any]) -> Row:
    """Return the protocol's ``TickRow`` of a row of the history."""
    details, ended = row["details"] or {}, row["ended_at"]
    took = None if ended is None or row["evaluated_at"] is None else max(0, ended - row["evaluated_at"]) / 1e6
    return {
        "tick_id": row["tick_id"],
        "label": short_tick(row),
        "status": row["status"],
        "at": millis(row["evaluated_at"]),
        "scheduled_at": millis(row["scheduled_at"]),
        "took_s": None if row["status"] == "MISSED" else took,
        "late_s": details.get("late_s"),
        "run_ids": row["run_ids"] or [],
        "run_keys": [each["run_key"] for each in details.get("requests") or () if each.get("run_key")],
        "why": why_words(row),
        "cursor": row["cursor"],
        "missed": details.get("count") if row["status"] == "MISSED" else None,
        "first_at": millis(details.get("first_us")),
    }


def _owner(watched: Watched) -> str | None:
    """Say who else sees to it; None where this kernel does."""
    if watched.is_ours:
        return None
    owner = watched.owner
    return f"{owner.get('notebook') or 'this project'}, process {owner.get('pid')}" if owner else "nobody yet"


def interval_words(automation: Automation) -> dict[str, str]:
    """Return the facts of a definition that only its details show, by their names."""
    facts = {"tags": ", ".join(f"{name}={value}" for name, value in automation.tags.items())}
    if isinstance(automation, Schedule):
        facts |= {"cron": "; ".join(automation.crons), "catch-up": automation.catchup.value}
        facts["overlap"] = automation.overlap.value
    elif isinstance(automation, Sensor):
        facts["time limit"] = span_of(automation.timeout_s)
    return {name: text for name, text in facts.items() if text}
