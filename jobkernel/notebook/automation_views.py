"""What is shown of schedules and sensors as text: what they do and when, their ticks, the scheduler."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from jobkernel.clock import both_times, from_us
from jobkernel.engine.automations import Automations
from jobkernel.engine.session import Session
from jobkernel.engine.watched import Watched
from jobkernel.errors import nearest
from jobkernel.model.automation import Automation, AutomationKind, Schedule, Sensor
from jobkernel.notebook.shown import Shown, count_of, escaped, one_line, quiet, rows_html, span_of
from jobkernel.rules.cron_words import in_words
from jobkernel.storage.table import Table

SHOWN_TIMES: Final = 5
MOST_KEYS: Final = 3
"""So many keys of partitions are named in the reason of a tick."""
TICK_COLUMNS: Final = {
    "tick": "VARCHAR",
    "name": "VARCHAR",
    "status": "VARCHAR",
    "scheduled_at (UTC)": "TIMESTAMP",
    "evaluated_at (UTC)": "TIMESTAMP",
    "runs": "VARCHAR",
    "why": "VARCHAR",
}
LIST_COLUMNS: Final = {
    "name": "VARCHAR",
    "starts": "VARCHAR",
    "when": "VARCHAR",
    "is": "VARCHAR",
    "next": "VARCHAR",
    "last tick": "VARCHAR",
    "owner": "VARCHAR",
}


def automation_words(session: Session, automation: Automation) -> list[str]:
    """Say what a definition cell made: when it looks, what it starts, what comes next, whether it is on."""
    watched = session.automations.watched.get(automation.name)
    words = [*_what_words(automation), when_words(automation)]
    words += [*missing_jobs(session, automation), *_missing_assets(session, automation)]
    if watched is None:
        return [*words, "not watched here"]
    if watched.crons is not None:
        words += list(watched.crons.complaints)
        upcoming = session.automations.upcoming(automation.name, 1)
        words += [f"next {both_times(moment, watched.crons.timezone)}" for moment in upcoming]
    kind = "schedule" if automation.is_schedule else "sensor"
    words.append("on" if watched.is_on else f"off: %{kind} {automation.name} on")
    if not watched.is_ours:
        words.append(f"seen to by {owner_words(watched)}")
    return words


def missing_jobs(session: Session, automation: Automation) -> list[str]:
    """Say which jobs that an automation names no cell defines yet."""
    jobs = session.registry.jobs
    missing = [t.job_name for t in automation.targets if t.job is None and t.job_name not in jobs]
    return [f"no cell defines job {name} yet{_or_meant(name, jobs)}" for name in missing]


def _missing_assets(session: Session, automation: Automation) -> list[str]:
    assets = session.registry.known_names().values()
    followed = getattr(automation, "monitored_assets", ())
    unknown = [key for key in followed if key not in assets] if isinstance(followed, tuple) else []
    return [
        f"nobody has made asset {key} yet{_or_meant(key, assets)}"
        for key in unknown
        if not session.history.query("asset_state", asset_key=key)
    ]


def _or_meant(name: str, known: Iterable[str]) -> str:
    match = nearest(name, known)
    return f" (did you mean '{match}'?)" if match else ""


def _what_words(automation: Automation) -> list[str]:
    """Say what an automation watches, and what it starts."""
    words: list[str] = []
    if isinstance(automation, Sensor) and automation.monitored_status:
        of = f" of {', '.join(automation.monitored_jobs)}" if automation.monitored_jobs else ""
        words.append(f"acts on runs{of} that are {automation.monitored_status}")
    elif isinstance(automation, Sensor) and isinstance(automation.monitored_assets, tuple):
        words += [f"follows {', '.join(automation.monitored_assets)}"] if automation.monitored_assets else []
    if automation.job_names:
        words.append(f"starts {', '.join(automation.job_names)}")
    return words or ["starts assets"]


def when_words(automation: Automation) -> str:
    """Say when an automation looks: its crons in words and their zone, or its interval."""
    if isinstance(automation, Schedule):
        from jobkernel.rules.cron import read_crons

        words = in_words(read_crons(automation.crons, automation.timezone))
        return f"{words[:1].lower()}{words[1:]} ({automation.timezone})"
    assert isinstance(automation, Sensor)
    first = f"looks when {automation.files} change, and" if automation.files else "looks"
    return f"{first} every {automation.minimum_interval_s:g} s"


def owner_words(watched: Watched) -> str:
    """Say who sees to an automation."""
    if watched.is_ours:
        return "this kernel"
    owner = watched.owner
    if not owner:
        return "nobody yet"
    return f"another kernel of {owner.get('notebook') or 'this project'} (process {owner.get('pid')})"


def ticks_table(rows: Iterable[Mapping[str, Any]]) -> Table:
    """Show ticks as a table."""
    cells = [
        (
            short_tick(row),
            row["automation_name"],
            row["status"],
            _naive(row["scheduled_at"]),
            _naive(row["evaluated_at"]),
            ", ".join(run_id[:8] for run_id in row["run_ids"] or ()) or None,
            why_words(row),
        )
        for row in rows
    ]
    return Table(list(TICK_COLUMNS), list(TICK_COLUMNS.values()), cells, widest=120)


def short_tick(row: Mapping[str, Any]) -> str:
    """Return what of a tick's id tells it from others of its automation."""
    return str(row["tick_id"]).removeprefix(f"{row['automation_name']}@")


def why_words(row: Mapping[str, Any]) -> str | None:
    """Say why a tick launched nothing, failed, was missed or was late."""
    details = row["details"] or {}
    if row["status"] == "MISSED":
        count = details.get("count", 1)
        span = f"{_minute(details['first_us'])} to {_minute(details['last_us'])} UTC" if count > 1 else "one time"
        return f"{count_of(count, 'time')} missed: {span}; nobody was there" if count > 1 else "nobody was there"
    if row["error"]:
        return one_line(": ".join(str(row["error"][name]) for name in ("type", "message") if row["error"].get(name)))
    words = [row["skip_reason"]] if row["skip_reason"] else []
    if used := details.get("skipped_keys"):
        words += [] if row["skip_reason"] else [f"{count_of(len(used), 'run key')} used before"]
    words += [_changed(each) for each in details.get("partitions_changed") or ()]
    if told := details.get("assets_reported"):
        words.append(f"{count_of(told['count'], 'asset event')} reported")
    if late := details.get("late_s"):
        words.append(f"{span_of(late)} late")
    return "; ".join(words) or None


def _changed(change: Mapping[str, Any]) -> str:
    """Say which keys of dynamic partitions a tick added or deleted."""
    word = "added to" if "added" in change else "deleted from"
    keys = change.get("added", change.get("deleted")) or ()
    named = ", ".join(keys[:MOST_KEYS]) + (f" and {len(keys) - MOST_KEYS} more" if len(keys) > MOST_KEYS else "")
    return f"{named or 'nothing'} {word} partitions '{change['partitions']}'"


def automations_table(session: Session, kind: str | None = None) -> Table:
    """Show the schedules and sensors of this notebook as a table; ``kind`` chooses one of the two."""
    session.automations.keep_looks()
    last = {row["automation_name"]: row for row in session.history.query("latest_ticks")}
    cells = [
        _list_row(session.automations, watched, last.get(watched.name))
        for watched in session.automations.watched.values()
        if kind is None or (kind == "schedule") == watched.automation.is_schedule
    ]
    return Table(list(LIST_COLUMNS), list(LIST_COLUMNS.values()), cells, widest=120)


def _list_row(automations: Automations, watched: Watched, last: Mapping[str, Any] | None) -> tuple[Any, ...]:
    upcoming = automations.upcoming(watched.name, 1) if watched.is_on else ()
    zone = watched.crons.timezone if watched.crons is not None else "UTC"
    tick = None
    if last is not None:
        why = why_words(last)
        tick = f"{last['status']} {_minute(last['evaluated_at'])}" + (f": {why}" if why else "")
    return (
        watched.name,
        ", ".join(watched.automation.job_names),
        when_words(watched.automation),
        "on" if watched.is_on else "off",
        both_times(upcoming[0], zone) if upcoming else None,
        tick,
        owner_words(watched),
    )


def scheduler_view(session: Session) -> Shown:
    """Say who sees to this notebook's schedules and sensors, whether the scheduler lives, and the next five ticks."""
    automations = session.automations
    watched = list(automations.watched.values())
    pulse, now = automations.pulse, session.clock.now()
    ours = [each for each in watched if each.is_ours]
    on = [each for each in ours if each.is_on]
    lines = [
        f"This kernel sees to {len(ours)} of {len(watched)} schedules and sensors; {len(on)} on.",
        f"The scheduler {'lives' if automations.is_alive else 'does not run'}"
        + (f", last turn {span_of((now - pulse.turned_at).total_seconds())} ago" if pulse.turned_at else "")
        + f", lately at most {span_of(pulse.lag_s)} late.",
    ]
    lines += [f"{each.name}: seen to by {owner_words(each)}" for each in watched if not each.is_ours]
    if pulse.jumped_at is not None:
        way = "ahead" if pulse.jump.total_seconds() > 0 else "back"
        size = span_of(abs(pulse.jump.total_seconds()))
        lines.append(f"The clock went {size} {way} (or the machine slept) at {pulse.jumped_at:%Y-%m-%d %H:%M} UTC.")
    lines += [automations.trouble] if automations.trouble else []
    lines += [f"{each.name}: {each.trouble}" for each in watched if each.trouble]
    lines += [f"{each.name}: looks since {_ago(each, now)}" for each in watched if each.look is not None]
    rows = [(name, both_times(moment, zone)) for moment, name, zone in next_times(automations, SHOWN_TIMES)]
    text = "\n".join([*lines, *(["Next:"] if rows else []), *(f"  {when}  {name}" for name, when in rows)])
    markup = "".join(f"<div>{escaped(line)}</div>" for line in lines)
    markup += rows_html((f"<b>{escaped(when)}</b>", quiet(name)) for name, when in rows)
    return Shown(text, markup)


def next_times(automations: Automations, count: int) -> list[tuple[datetime, str, str]]:
    """Return the next so many times of schedules that are on here, nearest first: instant, name, zone."""
    found = [
        (moment, watched.name, watched.crons.timezone)
        for watched in automations.watched.values()
        if watched.crons is not None and watched.is_on and watched.is_ours
        for moment in automations.upcoming(watched.name, count)
    ]
    return sorted(found)[:count]


def automation_view(session: Session, watched: Watched, ticks: Sequence[Mapping[str, Any]]) -> Shown:
    """Show one schedule or sensor: what it is, its next times, its last ticks."""
    automation = watched.automation
    kind = "schedule" if automation.is_schedule else "sensor"
    lines = [" · ".join([f"{kind} {watched.name}", *automation_words(session, automation)])]
    if automation.description:
        lines.append(automation.description)
    if automation.kind is AutomationKind.SENSOR:
        lines.append(f"cursor: {watched.cursor}" if watched.cursor is not None else "no cursor")
    if not automation.is_schedule and watched.failures:
        lines.append(f"failed {count_of(watched.failures, 'time')} in a row, so it looks less often")
    if watched.crons is None and watched.is_on and watched.is_ours and watched.next_at is not None:
        lines.append(f"next look {both_times(watched.next_at, 'UTC')}")
    if watched.crons is not None:
        times = session.automations.upcoming(watched.name, SHOWN_TIMES)
        lines += ["Next times:", *(f"  {both_times(moment, watched.crons.timezone)}" for moment in times)]
    logged = next((row["details"]["log"] for row in ticks if (row["details"] or {}).get("log")), ())
    lines += ["Last printed and logged:", *(f"  {line['message']}" for line in logged[-10:])] if logged else []
    error = ticks[0]["error"] if ticks else None
    lines += ["Last error:", *(f"  {line}" for line in str(error.get("text")).splitlines())] if error else []
    table = ticks_table(ticks)
    text = "\n".join([*lines, *(["Last ticks:", repr(table)] if len(table) else ["No tick yet."])])
    markup = "".join(f"<div>{escaped(line)}</div>" for line in lines)
    return Shown(text, markup + (table._repr_html_() if len(table) else ""))


def _ago(watched: Watched, now: datetime) -> str:
    return span_of((now - watched.look.began).total_seconds()) if watched.look is not None else ""


def _minute(microseconds: int | None) -> str:
    return "" if microseconds is None else f"{from_us(microseconds):%Y-%m-%d %H:%M}"


def _naive(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else from_us(microseconds).replace(tzinfo=None, microsecond=0)
