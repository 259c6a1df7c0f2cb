"""Definition cells: from parsed options and a body to an entry in the registry, and the line that says what it did."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, Final

from jobkernel.engine.entries import AUTOMATIONS, Change, Entry
from jobkernel.errors import CircularDependency, KeyOwnedElsewhere, UnknownName, did_you_mean
from jobkernel.model.definitions import NO_VALUE
from jobkernel.model.keys import variable_name
from jobkernel.model.policies import Backoff, Jitter
from jobkernel.model.runs import Launch
from jobkernel.notebook.body import CellBody, parse_body
from jobkernel.notebook.cell_options import (
    AssetOptions,
    CheckOptions,
    JobOptions,
    OpOptions,
    Param,
    ResourceOptions,
)
from jobkernel.notebook.cells import (
    CellAsset,
    asset_from_cell,
    check_from_cell,
    op_from_cell,
    resource_from_cell,
)
from jobkernel.notebook.dependencies import Resolution
from jobkernel.notebook.job_cells import JobCell
from jobkernel.notebook.kernel import NotebookKernel
from jobkernel.notebook.launching import run_config, run_here
from jobkernel.notebook.options import UsageProblem, duration, executor_name, pairs, value_or_name, whole_number
from jobkernel.notebook.partition_options import mappings_of, policy_of_cell
from jobkernel.notebook.pools import pool_notes
from jobkernel.notebook.shown import Shown, mark
from jobkernel.notebook.sql_body import parse_sql_body
from jobkernel.notebook.step_echo import QUIET, SHOWN
from jobkernel.notebook.views import echo
from jobkernel.rules.free_names import BUILTINS
from jobkernel.rules.names import check_pool
from jobkernel.rules.partition_text import read_partitions

PARAM_TYPES: Final[Mapping[str, Any]] = {
    "int": int,
    "float": float,
    "str": str,
    "bool": bool,
    "list": list,
    "dict": dict,
    "any": Any,
}


def define_asset(kernel: NotebookKernel, given: argparse.Namespace, text: str) -> Any:
    """Define an asset by a cell; run it where ``--run`` or the setting says so."""
    options = _asset_options(kernel, given)
    if given.sql:
        names = [param.name for param in options.params]
        filename = kernel.cell_file(given.name or "cell", "asset")
        body: Any = parse_sql_body(text, name=given.name, params=names, as_=options.as_, filename=filename)
    else:
        body = _body(kernel, "asset", given.name, text)
    cell = asset_from_cell(options, body, kernel.place())
    entry = Entry(
        kind="asset",
        name=cell.key,
        unresolved=cell,
        options={**kernel.origin(), "group": options.group or "default"},
    )
    shown = defined(kernel, entry, given)
    if not (given.run or (kernel.settings.run_on_define and options.partitions is None)):
        return shown
    if shown is not None:
        kernel.show(shown)
    levels = QUIET if given.quiet else SHOWN
    run_here(kernel, kernel.session.plan([cell.key]), Launch(), bind=[cell.key], levels=levels)
    return None


def define_op(kernel: NotebookKernel, given: argparse.Namespace, text: str) -> Any:
    """Define an op by a cell; its name in the notebook calls it directly, or composes it inside ``%%job``."""
    options = OpOptions(**_common(given), inputs=given.ins or (), outs=given.outs or ())
    op = op_from_cell(options, _body(kernel, "op", given.name, text), kernel.place())
    shown = defined(kernel, Entry(kind="op", name=op.name, record=op, options=kernel.origin()), given)
    kernel.names[op.name] = op
    return shown


def define_job(kernel: NotebookKernel, given: argparse.Namespace, text: str) -> Any:
    """Define an op job by a cell that calls ops."""
    options = JobOptions(
        name=given.name,
        description=given.description,
        tags=pairs(given.tag, "--tag"),
        config=run_config(kernel, given.config),
        priority=whole_number(given.priority, "--priority") or 0,
        executor=executor_name(given.executor),
        max_concurrent=whole_number(given.max_concurrent, "--max-concurrent", least=1),
    )
    cell = JobCell(options, _body(kernel, "job", given.name, text), kernel.place(), kernel.origin())
    change = kernel.jobs.take(cell, kernel.nodes())
    if change is None:
        return Shown(f"{mark('queued')} {cell.waits} It is composed when one does.")
    return None if given.quiet else echo(kernel.session, change, _notes(kernel, change))


def define_resource(kernel: NotebookKernel, given: argparse.Namespace, text: str) -> Any:
    """Define a resource by a cell."""
    options = ResourceOptions(name=given.name, description=given.description)
    body = _body(kernel, "resource", given.name, text)
    record = resource_from_cell(options, body, kernel.place())
    return defined(kernel, Entry(kind="resource", name=given.name, record=record, options=kernel.origin()), given)


def define_check(kernel: NotebookKernel, given: argparse.Namespace, text: str) -> Any:
    """Define a check of an asset by a cell."""
    assets = kernel.session.registry.assets
    if given.asset not in assets and given.asset not in kernel.session.registry.known_names():
        raise UnknownName(
            f"Check '{given.name}' is of asset '{given.asset}', which no cell defines."
            f"{did_you_mean(given.asset, assets)}"
        )
    options = CheckOptions(
        name=given.name,
        asset=given.asset,
        blocking=given.blocking,
        severity=given.severity or "ERROR",
        description=given.description,
        **_step_options(given),
    )
    check = check_from_cell(options, _body(kernel, "check", given.name, text), kernel.place())
    key = kernel.session.registry.known_names().get(given.asset, given.asset)
    entry = Entry(
        kind="check",
        name=f"{key}:{given.name}",
        unresolved=check,
        options={**kernel.origin(), "check": (key, given.name)},
    )
    return defined(kernel, entry, given)


def defined(kernel: NotebookKernel, entry: Entry, given: argparse.Namespace) -> Shown | None:
    """Put an entry into the registry and say what that did; nothing with ``--quiet``."""
    try:
        change = kernel.session.define(entry, take_over=getattr(given, "take_over", False))
    except CircularDependency as error:
        raise CircularDependency(f"{error}{_cells_of(kernel, entry, error.circle)}") from error
    except KeyOwnedElsewhere as error:
        raise KeyOwnedElsewhere(f"{error}{kernel.pinned_in(str(error))}") from error
    if given.quiet:
        return None
    return echo(kernel.session, change, _notes(kernel, change))


def _notes(kernel: NotebookKernel, change: Change) -> list[str]:
    """Say what a person may not have meant: another cell's definition, names that are not theirs, no value."""
    entry = change.entry
    notes = [
        *_replaced(entry, change.previous),
        *_renamed(kernel, entry),
        *_no_variable(entry),
        *_builtin(entry),
        *pool_notes(kernel.settings, entry),
    ]
    resolution = getattr(entry.unresolved, "resolution", None)
    if resolution is not None:
        notes += _names_notes(kernel, entry, resolution)
    if isinstance(entry.unresolved, CellAsset):
        assets = kernel.session.registry.assets
        others = [key for key in assets if key != entry.name]
        notes += [_undefined(key, others) for key in assets[entry.name].specs[0].deps if key not in assets]
    body = entry.unresolved.step.body if isinstance(entry.unresolved, CellAsset) else None
    if isinstance(body, CellBody) and not body.has_value:
        notes.append(f"makes no value: nothing assigns {body.variable}, and no expression ends it")
    return notes


def _replaced(entry: Entry, previous: Entry | None) -> list[str]:
    """Say which cell's definition this one replaces, where the front end tells that it is another cell."""
    cells = [each.options.get("cell_id") for each in (entry, previous) if each is not None]
    if previous is None or None in cells or cells[0] == cells[1]:
        return []
    return [f"replaces the definition in cell [{previous.options.get('cell_number')}]"]


def _renamed(kernel: NotebookKernel, entry: Entry) -> list[str]:
    """Say which schedules and sensors this cell defined under a name that it does not hold any more: they go on."""
    cell_id, words = entry.options.get("cell_id"), set(re.findall(r"\w+", kernel.cell_text or ""))
    if cell_id is None or entry.kind not in AUTOMATIONS:
        return []
    return [
        f"{name}, which this cell defined before, goes on too: %jk forget {name}"
        for (kind, name), other in kernel.session.registry.entries.items()
        if kind in AUTOMATIONS and name != entry.name and other.options.get("cell_id") == cell_id and name not in words
    ]


def _no_variable(entry: Entry) -> list[str]:
    """Say how an asset is reached whose name can be no variable of Python."""
    name = variable_name(entry.name)
    if entry.kind != "asset" or name.isidentifier():
        return []
    return [f"{name} can be no variable; bodies reach the asset by --ins x={entry.name}"]


def _builtin(entry: Entry) -> list[str]:
    """Say what comes of a definition that bears the name of one of Python's own functions or types."""
    name = variable_name(entry.name)
    if name not in BUILTINS or entry.kind not in ("asset", "op", "resource"):
        return []
    reach = {"asset": f"; bodies reach the asset by --ins x={entry.name}"}.get(entry.kind, "")
    return [f"{name} is also a builtin of Python, which it hides in the notebook{reach}"]


def _names_notes(kernel: NotebookKernel, entry: Entry, resolution: Resolution) -> list[str]:
    bindings, key = kernel.bindings, entry.name
    body = getattr(getattr(entry.unresolved, "step", None), "body", None)
    # a value that a run bound there is the asset's own
    notes = [
        f"{name} is the asset, {'newer than' if bindings.holds(name) else 'not'} the notebook's variable"
        for name in resolution.shadowed
        if not bindings.holds(name) or bindings.is_older(name)
    ]
    known = kernel.session.registry.known_names()
    notes += [
        f"{name} is Python's own here; --ins x={known[name]} takes the asset"
        for name in resolution.hidden
        if known.get(name, key) != key
    ]
    names = [*known, *(each for each in kernel.names if not each.startswith("_"))]
    unknown = [name for name in resolution.variables if not kernel.has_name(name)]
    of_shell = body.shell_variables if unknown and isinstance(body, CellBody) else ()
    return notes + [_undefined(name, names, key) for name in unknown if name not in of_shell]


def _undefined(name: str, known: Iterable[str], key: str | None = None) -> str:
    if name == key:
        return f"needs {name}, which is itself: assign it before it is used"
    return f"needs {name}, which nothing defines yet.{did_you_mean(name, known)}".rstrip(".")


def _cells_of(kernel: NotebookKernel, entry: Entry, circle: tuple[str, ...]) -> str:
    """Say which cells define the assets of a circle, in its order."""
    found: dict[str, str] = {}
    entries = {**kernel.session.registry.entries, (entry.kind, entry.name): entry}
    for (kind, name), each in entries.items():
        step = getattr(each.unresolved, "step", None)
        if kind == "asset" and step is not None and step.place.cell_number:
            found[name] = f"{name} in cell {step.place.cell_number}"
    told = [found[name] for name in circle if name in found]
    return f" Cells: {', '.join(told)}." if told else ""


def _body(kernel: NotebookKernel, kind: str, name: str | None, text: str) -> CellBody:
    return parse_body(
        text,
        name=name,
        filename=kernel.cell_file(name or "cell", kind),
        cell_text=kernel.cell_text,
        transform=kernel.shell.transform_cell,
        kind=kind,
    )


def _asset_options(kernel: NotebookKernel, given: argparse.Namespace) -> AssetOptions:
    if given.as_form and not given.sql:
        raise UsageProblem("%%asset: --as says what a query's result becomes; it goes with --sql only.")
    metadata = {name: value_or_name(text, kernel.names) for name, text in _metadata(kernel, given.meta).items()}
    return AssetOptions(
        **_common(given),
        ins=_inputs(given.ins),
        deps=given.deps or (),
        infer=not given.no_infer,
        group=given.group,
        metadata=metadata,
        owners=tuple(given.owner or ()),
        kinds=tuple(given.kind or ()),
        io=given.io,
        partitions=read_partitions(given.partitions) if given.partitions else None,
        mappings=mappings_of(given.mapping, kernel.names),
        backfill=policy_of_cell(given),
        automation=_automation(given),
        sql=given.sql,
        as_=given.as_form or "arrow",
    )


def _automation(given: argparse.Namespace) -> Any:
    if not given.automation:
        return None
    from jobkernel.rules.conditions_text import read_automation

    return read_automation(given.automation)


def _common(given: argparse.Namespace) -> dict[str, Any]:
    return {
        "name": given.name,
        "tags": pairs(given.tag, "--tag"),
        "description": given.description,
        "params": tuple(_param(word) for word in given.param or ()),
        **_step_options(given),
    }


def _step_options(given: argparse.Namespace) -> dict[str, Any]:
    """Return how a step is tried, limited and run."""
    return {
        "retries": whole_number(given.retries, "--retries", least=0),
        "retry_delay": _span(given.retry_delay, "--retry-delay"),
        "backoff": Backoff[given.backoff.upper()] if given.backoff else None,
        "jitter": Jitter[given.jitter.upper().replace("-", "_")] if given.jitter else None,
        "timeout": _span(given.timeout, "--timeout"),
        "pool": check_pool(given.pool),
        "executor": executor_name(given.executor),
    }


def _param(word: str) -> Param:
    """Read ``name``, ``name:type``, ``name=default`` or ``name:type=default``."""
    head, equals, text = word.partition("=")
    name, _, kind = head.partition(":")
    if not name.isidentifier():
        raise UsageProblem(f"--param: '{name}' is no name of a variable; write --param limit:int=10.")
    if kind and kind not in PARAM_TYPES:
        known = ", ".join(PARAM_TYPES)
        raise UsageProblem(f"--param {name}: no type '{kind}'.{did_you_mean(kind, PARAM_TYPES)} Known are {known}.")
    if not equals:
        return Param(name=name, type=PARAM_TYPES[kind or "any"], default=NO_VALUE)
    default = text if kind == "str" else _json_or_text(text)
    return Param(name=name, type=PARAM_TYPES[kind] if kind else _type_of(default), default=default)


def _metadata(kernel: NotebookKernel, words: list[str] | None) -> dict[str, str]:
    """Return the mapping of ``k=v`` words; a variable of the notebook alone is kept under its own name."""
    for word in words or ():
        if "=" not in word and word not in kernel.names:
            raise UsageProblem(
                f"--meta: '{word}' is neither K=V nor a variable of the notebook; write --meta {word}=…."
            )
    return pairs([word if "=" in word else f"{word}={word}" for word in words or ()], "--meta")


def _json_or_text(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return {"True": True, "False": False, "None": None}.get(text, text)


def _type_of(default: Any) -> Any:
    return type(default) if type(default) in (int, float, str, bool) else Any


def _span(text: str | None, what: str) -> timedelta | None:
    return duration(text, what) if text else None


def _inputs(words: tuple[str, ...] | None) -> dict[str, str]:
    """Return the mapping of ``x=a/b`` words; a bare word is a key under its own last part."""
    found: dict[str, str] = {}
    for word in words or ():
        name, equals, key = word.partition("=")
        if equals and not (name and key):
            raise UsageProblem(f"--ins: '{word}' names no {'asset' if name else 'variable'}; write --ins x=KEY.")
        found[name if equals else name.rpartition("/")[2]] = key if equals else word
    return found
