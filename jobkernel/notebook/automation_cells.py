"""Schedules and sensors of cells: from parsed options and a body to a definition. Called by the magics alone."""

from __future__ import annotations

import argparse
import asyncio
import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from jobkernel.engine.entries import Entry
from jobkernel.errors import InvalidDefinition, did_you_mean
from jobkernel.model.automation import Automation, Catchup, Overlap, RunRequest, Schedule, Sensor, SensorResult, Target
from jobkernel.model.automation import SkipReason as Skip
from jobkernel.notebook.body import CellBody, parse_body
from jobkernel.notebook.body_call import bind, program_of
from jobkernel.notebook.capture import launch_of
from jobkernel.notebook.cell_options import AssetOptions
from jobkernel.notebook.cell_step import CellStep
from jobkernel.notebook.dependencies import resolve
from jobkernel.notebook.kernel import NotebookKernel
from jobkernel.notebook.launching import run_config
from jobkernel.notebook.options import UsageProblem, duration, pairs, whole_number
from jobkernel.notebook.watching import watching_fields
from jobkernel.rules.cron import read_crons
from jobkernel.rules.names import check_name, user_tags

WORDS: Final[Mapping[str, Any]] = {"RunRequest": RunRequest, "SkipReason": Skip, "SensorResult": SensorResult}
"""What a body may use without an import, unless the notebook has something of that name."""
LOCAL: Final = "local"


def schedule_from_cell(kernel: NotebookKernel, given: argparse.Namespace, text: str) -> Entry:
    """Return the schedule that a cell defines.

    Raises:
        InvalidDefinition: a bad name, cron, zone, tag or body.
        UsageProblem: options that are missing or cannot be read.
    """
    body = _body(kernel, "schedule", given.name, text)
    return _entry(kernel, _schedule(kernel, given, **_of_body(kernel, body, "schedule")))


def schedule_from_line(kernel: NotebookKernel, given: argparse.Namespace) -> Entry:
    """Return the schedule that a line defines: each time starts one run of its job. Raises as the cell does."""
    config = run_config(kernel, given.config)
    return _entry(kernel, _schedule(kernel, given, run_config=config or {}, description=given.description))


def sensor_from_cell(kernel: NotebookKernel, given: argparse.Namespace, text: str) -> Entry:
    """Return the sensor that a cell defines. Raises as schedules do."""
    fields = _of_body(kernel, _body(kernel, "sensor", given.name, text), "sensor")
    return sensor_entry(kernel, given, fields)


def sensor_from_line(kernel: NotebookKernel, given: argparse.Namespace) -> Entry:
    """Return the sensor that a line defines: each file, or each materialization, starts one run of its job.

    Raises:
        UsageProblem: neither files nor an asset are named.
    """
    if not (given.files or given.asset):
        raise UsageProblem(
            f"%sensor {given.name}: without a body it needs --files or --asset; with one, write %%sensor {given.name}."
        )
    return sensor_entry(kernel, given, {"context_argument": "context"})


def sensor_entry(kernel: NotebookKernel, given: argparse.Namespace, fields: dict[str, Any]) -> Entry:
    """Return the sensor of these options around what its body gave, if it has one."""
    spans = {
        "minimum_interval_s": _seconds(given.every, "--every", 30.0),
        "timeout_s": _seconds(given.timeout, "--timeout", 60.0),
    }
    kinds = [given.asset, given.files, given.on_failure or given.on_status]
    if sum(map(bool, kinds)) > 1:
        raise UsageProblem(f"%%sensor {given.name}: --asset, --files and --on-failure exclude each other; use one.")
    if given.monitor and not kinds[2]:
        raise UsageProblem(f"%%sensor {given.name}: --monitor goes with --on-failure or --on-status.")
    watching = watching_fields(given, fields, kernel.files.look_again)
    fields = {**fields, **_common(kernel, given, "%%sensor", needs_job=not kinds[2]), **spans, **watching}
    if given.description is not None:
        fields["description"] = given.description
    return _entry(kernel, Sensor(name=check_name(given.name, "Sensor"), **fields))


def _schedule(kernel: NotebookKernel, given: argparse.Namespace, **fields: Any) -> Schedule:
    if not given.cron:
        raise UsageProblem(f'A schedule needs --cron, such as --cron "0 9 * * 1-5" (%schedule {given.name} --help).')
    crons = tuple(given.cron)
    timezone = local_zone() if given.timezone == LOCAL else given.timezone or "UTC"
    read_crons(crons, timezone)
    if given.description is not None:
        fields["description"] = given.description
    cap = whole_number(given.catchup_cap, "--catchup-cap", least=1)
    return Schedule(
        name=check_name(given.name, "Schedule"),
        crons=crons,
        timezone=timezone,
        catchup=Catchup(given.catchup or "last"),
        catchup_cap=cap,
        overlap=Overlap(given.overlap or "skip"),
        **{**fields, **_common(kernel, given, "%schedule")},
    )


def _common(kernel: NotebookKernel, given: argparse.Namespace, magic: str, *, needs_job: bool = True) -> dict[str, Any]:

    if not given.job and needs_job:
        known = did_you_mean("", kernel.session.registry.jobs)
        raise UsageProblem(f"{magic} {given.name}: missing --job, the job that it starts.{known}")
    what = f"{magic} '{given.name}'"
    return {
        "targets": (Target(job_name=given.job),) if given.job else (),
        "starts_on": bool(given.on),
        "tags": user_tags(pairs(given.tag, "--tag"), what),
    }


def _entry(kernel: NotebookKernel, automation: Automation) -> Entry:
    kind = "schedule" if automation.is_schedule else "sensor"
    return Entry(kind=kind, name=automation.name, record=automation, options=kernel.origin())


def _of_body(kernel: NotebookKernel, body: CellBody, kind: str) -> dict[str, Any]:
    """Return the fields of an automation that its body gives: a function, frozen over the notebook at each look."""
    place = kernel.place()
    resolution = resolve(body, {}, namespace=place.namespace, resources=set(place.resources))
    if resolution.inputs:
        taken = ", ".join(resolution.inputs)
        raise InvalidDefinition(
            f"The {kind} '{body.name}' takes {taken}; it takes context and resources, and reads the values of assets by"
            " jk.load."
        )
    program, namespace = program_of(body, kind=kind), place.namespace
    words = {name: WORDS[name] for name in body.free_names if name in WORDS}
    resolution = replace(resolution, variables=tuple(name for name in resolution.variables if name not in words))

    def capture(memo: dict[Any, Any]) -> Callable[..., Any]:
        call = bind(program, resolution, launch_of(memo, namespace))
        own = {name: word for name, word in words.items() if name not in namespace}
        given = {**own, **{name: namespace[name] for name in words if name in namespace}}

        def look(context: Any, **more: Any) -> Any:
            answer = call(context, **given, **more) if program.takes_context else call(**given, **more)
            return asyncio.run(answer) if inspect.iscoroutine(answer) else answer

        return look

    return {
        "capture": capture,
        "context_argument": "context",
        "resource_arguments": tuple(resolution.resources),
        "required_resources": body.resources,
        "description": body.description,
        "source": CellStep(body, AssetOptions(), place, kind=kind).source(),
    }


def _body(kernel: NotebookKernel, kind: str, name: str, text: str) -> CellBody:
    filename = kernel.cell_file(name or "cell", kind)
    return parse_body(
        text,
        name=name,
        kind=kind,
        filename=filename,
        transform=kernel.shell.transform_cell,
        cell_text=kernel.cell_text,
    )


def _seconds(text: str | None, option: str, default: float) -> float:
    if text is None:
        return default
    seconds = duration(text, option).total_seconds()
    if seconds <= 0:
        raise UsageProblem(f"{option}: a time such as 30s, not {text}.")
    return seconds


def local_zone() -> str:
    """Return the IANA name of this machine's time zone."""
    from tzlocal import get_localzone_name  # loaded where a schedule asks for it

    name = get_localzone_name()
    return str(name) if name else "UTC"
