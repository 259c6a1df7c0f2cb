"""The magics of schedules and sensors: define, switch, look ahead, look back. Each is a thin layer over the session."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from jobkernel.engine.entries import AUTOMATIONS, Entry
from jobkernel.engine.preview import Preview
from jobkernel.engine.watched import Watched
from jobkernel.errors import UnknownName, UserCodeError
from jobkernel.notebook.automation_cells import (
    schedule_from_cell,
    schedule_from_line,
    sensor_from_cell,
    sensor_from_line,
)
from jobkernel.notebook.automation_views import (
    automation_view,
    automation_words,
    automations_table,
    scheduler_view,
    ticks_table,
)
from jobkernel.notebook.defining import defined
from jobkernel.notebook.kernel import NotebookKernel
from jobkernel.notebook.options import UsageProblem, whole_number
from jobkernel.notebook.restoring import remedy_of_unrun, unrun_definitions
from jobkernel.notebook.run_list import since
from jobkernel.notebook.shown import Shown

SWITCHES = {"on": True, "off": False, "reset": None}
LAST_TICKS = 5
_SET_BY_NAME = ("cursor", "clear_cursor", "reset_key", "reset_keys")


def define_schedule(kernel: NotebookKernel, given: argparse.Namespace, text: str) -> Shown | None:
    """Define a schedule by a cell."""
    return defined(kernel, schedule_from_cell(kernel, given, text), given)


def define_sensor(kernel: NotebookKernel, given: argparse.Namespace, text: str) -> Shown | None:
    """Define a sensor by a cell."""
    if not text.strip() and (given.files or given.asset):
        return _defined_sensor(kernel, sensor_from_line(kernel, given), given)
    return _defined_sensor(kernel, sensor_from_cell(kernel, given, text), given)


def _defined_sensor(kernel: NotebookKernel, entry: Entry, given: argparse.Namespace) -> Shown | None:
    shown = defined(kernel, entry, given)
    if given.files:
        kernel.files.watch(entry.name, given.files)
    else:
        kernel.files.forget(entry.name)
    return shown


def schedule(kernel: NotebookKernel, given: argparse.Namespace) -> Any:
    """Define a schedule, switch one, show one, or list them."""
    if given.name and not given.switch and (given.cron or given.job):
        return defined(kernel, schedule_from_line(kernel, given), given)
    _refuse_ignored(given, "schedule", "--cron")
    return _about(kernel, given, "schedule")


def sensor(kernel: NotebookKernel, given: argparse.Namespace) -> Any:
    """Switch a sensor, set what it goes by, show one, or list them."""
    automations = kernel.session.automations
    if given.name and not given.switch and (given.job or given.files or given.asset):
        return _defined_sensor(kernel, sensor_from_line(kernel, given), given)
    _refuse_ignored(given, "sensor", "--files or --asset", but=_SET_BY_NAME if given.name else ())
    told = []
    if given.cursor is not None or given.clear_cursor:
        _of_kind(kernel, given.name, "sensor")
        automations.set_cursor(given.name, None if given.clear_cursor else given.cursor)
        told.append("its cursor is cleared" if given.clear_cursor else f"its cursor is {given.cursor}")
    if given.reset_key or given.reset_keys:
        _of_kind(kernel, given.name, "sensor")
        automations.reset_run_keys(given.name, None if given.reset_keys else given.reset_key)
        told.append("all run keys may be used again" if given.reset_keys else "the run keys may be used again")
    if told and not given.switch:
        return Shown(f"sensor {given.name}: {', '.join(told)}")
    return _about(kernel, given, "sensor")


def _refuse_ignored(given: argparse.Namespace, kind: str, needed: str, *, but: Sequence[str] = ()) -> None:
    """Refuse what only a definition takes, where a line defines nothing."""
    taken = {"name", "switch", *but}
    ignored = [word for word, value in vars(given).items() if value and word not in taken]
    if not ignored:
        return
    option = f"--{ignored[0].replace('_', '-')}"
    if given.name is None:
        raise UsageProblem(f"%{kind}: {option} needs the name of a {kind}: %{kind} NAME …")
    if given.switch:
        raise UsageProblem(f"%{kind} {given.name} {given.switch}: {option} does not go with it; use two lines.")
    switch = f" To switch it on: %{kind} {given.name} on." if given.on else ""
    sentence = f"{option} is part of a definition, which needs --job and {needed}.{switch}"
    raise UsageProblem(f"%{kind} {given.name}: {sentence}")


def _about(kernel: NotebookKernel, given: argparse.Namespace, kind: str) -> Any:
    session = kernel.session
    if given.name is None:
        table = automations_table(session, kind)
        return table if len(table) else Shown(f"No {kind} is defined in this notebook.{remedy_of_unrun(kernel, kind)}")
    entry = _of_kind(kernel, given.name, kind)
    if given.switch is None:
        session.automations.keep_looks()
        session.history.flush()
        ticks = session.history.query("ticks", automation=given.name, limit=LAST_TICKS)
        return automation_view(session, session.automations.find(given.name), ticks)
    if given.switch not in SWITCHES:
        raise UsageProblem(f"%{kind} {given.name}: '{given.switch}' is not on, off or reset.")
    session.automations.switch(given.name, SWITCHES[given.switch])
    return Shown(" · ".join([f"{kind} {given.name}", *automation_words(session, entry.record)]))


def _of_kind(kernel: NotebookKernel, name: str, kind: str) -> Entry:
    entries = kernel.session.registry.entries
    other = "sensor" if kind == "schedule" else "schedule"
    if (kind, name) not in entries and (other, name) in entries:
        raise UnknownName(f"'{name}' is a {other}; use %{other} {name}.")
    _found(kernel, name)
    return entries[kind, name]


def _found(kernel: NotebookKernel, name: str) -> Watched:
    try:
        return kernel.session.automations.find(name)
    except UnknownName:
        if name in unrun_definitions(kernel, *AUTOMATIONS):
            raise UnknownName(f"The cell of '{name}' has not run in this kernel; run it, or %jk restore.") from None
        raise


def ticks(kernel: NotebookKernel, given: argparse.Namespace) -> Any:
    """Show what schedules and sensors did."""
    session = kernel.session
    session.automations.keep_looks()
    session.history.flush()
    limit = whole_number(given.limit, "--limit", least=1) or 20
    asked = {"automation": given.name, "status": given.status, "since": since(given.since, session.clock.now_us())}
    rows = session.history.query("ticks", limit=limit, **asked)
    if not rows and given.name is not None and not session.history.query("automations", names=[given.name]):
        _found(kernel, given.name)
    return ticks_table(rows) if rows else Shown("No tick yet.")


def scheduler(kernel: NotebookKernel, _given: argparse.Namespace) -> Shown:
    """Show who sees to schedules and sensors, and what comes next."""
    if not kernel.session.automations.watched:
        return Shown(f"No schedule or sensor is defined in this notebook.{remedy_of_unrun(kernel, *AUTOMATIONS)}")
    return scheduler_view(kernel.session)


def preview(kernel: NotebookKernel, given: argparse.Namespace) -> Preview:
    """Look at a schedule or sensor without any effect; the answer has ``.launch()``."""
    session = kernel.session
    watched = _found(kernel, given.name)
    if watched.automation.is_schedule and given.cursor is not None:
        raise UsageProblem(f"%jk preview: '{given.name}' is a schedule; --cursor is for sensors, --at for schedules.")
    if not watched.automation.is_schedule and given.at is not None:
        raise UsageProblem(f"%jk preview: '{given.name}' is a sensor; --at is for schedules, --cursor for sensors.")
    zone = watched.crons.timezone if watched.crons is not None else "UTC"
    moment = _moment(given.at, zone) if given.at else None
    cursor = {} if given.cursor is None else {"cursor": given.cursor}
    try:
        return session.automations.preview(given.name, at=moment, **cursor)
    except (NameError, UserCodeError) as error:
        session.explain_error(error.__cause__ or error, is_look=True)
        raise


def _moment(text: str, zone: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageProblem(f"--at: '{text}' is no time; write it as 2024-03-31T09:00.") from error
    return (found if found.tzinfo is not None else found.replace(tzinfo=ZoneInfo(zone))).astimezone(UTC)
