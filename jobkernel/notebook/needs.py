"""Whether a job needs a definition whose cell was refused, so that running it without would be running another job.

Knows definitions and the text of cells. Asked by ``jobkernel run``, in the notebook's kernel.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from jobkernel.engine.session import Session
from jobkernel.errors import JobkernelError
from jobkernel.model.definitions import Job
from jobkernel.model.keys import variable_name
from jobkernel.notebook.heading import as_magic
from jobkernel.notebook.options import UsageProblem
from jobkernel.notebook.usages import CELL_USAGES
from jobkernel.rules.plan import Plan
from jobkernel.rules.selecting import keys_named, selects_by_name

_DEF = re.compile(r"^(?:async\s+)?def\s+(\w+)", re.MULTILINE)


def first_needed(session: Session, job_name: str, sources: Iterable[str]) -> int | None:
    """Return which of these cells, by its place among them, a job needs or may need; None for none of them.

    None too where there is no such job: launching it says so better.
    """
    job = session.registry.jobs.get(job_name)
    if job is None:
        return None
    try:
        plan = session.plan_job(job_name)
    except JobkernelError:  # what its selection names is not there
        plan = None
    return next((place for place, source in enumerate(sources) if _is_needed(source, job, plan)), None)


def _is_needed(source: str, job: Job, plan: Plan | None) -> bool:
    kind, name = _defined_by(source)
    if kind is None or name is None:
        return True
    steps = list(plan.steps.values()) if plan is not None else []
    keys = plan.asset_keys if plan is not None else ()
    match kind:
        case "asset":
            return name in keys or (job.graph is None and _may_select(job.selection, name))
        case "check":
            return any(name in (key, variable_name(key)) for key in keys)
        case "op":
            return any(step.op.name == name for step in steps)
        case "resource":
            return any(name in _resources_of(step.op) for step in steps)
    return name == job.name


def _may_select(selection: Any, key: str) -> bool:
    """Whether a job may select an asset that is not defined: by its key, or by what is not known of it."""
    return not isinstance(selection, str) or key in keys_named(selection) or not selects_by_name(selection)


def _resources_of(op: Any) -> set[str]:
    return {*op.required_resources, *op.resource_arguments.values(), *(output.io for output in op.outputs)}


def _defined_by(source: str) -> tuple[str | None, str | None]:
    """Return the kind and name of what a cell would define, a check's being its asset; None for what is not told."""
    lines = as_magic(source.lstrip().splitlines(keepends=True))
    kind, _, line = lines[0].strip().removeprefix("%%").partition(" ")
    if kind not in CELL_USAGES:
        return None, None
    try:
        given = CELL_USAGES[kind].parse(line)
        named = given.asset if kind == "check" else given.name
    except UsageProblem:
        words = line.split()
        named = words[0] if words and not words[0].startswith("-") else None
    found = _DEF.search("".join(lines[1:])) if named is None else None
    return kind, found[1] if found else named
