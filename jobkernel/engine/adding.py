"""Definitions made in Python as entries of a session: assets, checks, ops, jobs, and collections of them.

Knows records, and the two shapes that carry records: ``record`` for one, ``records``, ``jobs``, ``resources`` and
``executor`` for a collection. Called by the session.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from jobkernel.engine.entries import Entry
from jobkernel.engine.registry import Registry
from jobkernel.errors import InvalidDefinition
from jobkernel.model import events as ev
from jobkernel.model.automation import Automation
from jobkernel.model.definitions import Assets, Job, Op, Resource
from jobkernel.model.events import Event


def entries_of(thing: Any, known: Mapping[str, Any]) -> list[Entry]:
    """Return what a definition made in Python is in the registry; ``known`` are the assets that are there already.

    Raises:
        InvalidDefinition: it is no definition.
    """
    records = getattr(thing, "records", None)
    if isinstance(records, list):
        return _of_collection(thing, records, known)
    record = getattr(thing, "record", thing)
    if isinstance(record, Assets):
        return [_of_assets(record)]
    if isinstance(record, Automation):
        return _with_what_it_starts(thing, record)
    kinds = (("job", Job), ("op", Op), ("resource", Resource))
    for kind, type_ in kinds:
        if isinstance(record, type_):
            return [Entry(kind=kind, name=record.name, record=record)]
    raise InvalidDefinition(
        f"What is of type {type(thing).__name__} is no definition; add assets, checks, ops, jobs, schedules, sensors "
        "or Definitions."
    )


def _of_collection(thing: Any, records: list[Assets], known: Mapping[str, Any]) -> list[Entry]:
    """Return resources first, then assets in their order; what is only named stays whose it is."""
    resources = [Entry(kind="resource", name=name, record=each) for name, each in thing.resources.items()]
    made = [each for each in records if not each.is_external or each.specs[0].key not in known]
    named = getattr(thing, "all_jobs", thing.jobs)
    jobs = [Entry(kind="job", name=job.name, record=_with_executor(job, thing.executor)) for job in named]
    automations = [_of_automation(each) for each in getattr(thing, "automations", ())]
    return [*resources, *map(_of_assets, made), *jobs, *automations]


def _with_what_it_starts(thing: Any, automation: Automation) -> list[Entry]:
    """Return a schedule or sensor behind the assets and jobs that were given as its targets."""
    assets = [_of_assets(each.record) for each in getattr(thing, "target_assets", ())]
    jobs = [target.job for target in automation.targets if target.job is not None]
    return [*assets, *(Entry(kind="job", name=job.name, record=job) for job in jobs), _of_automation(automation)]


def _of_automation(automation: Automation) -> Entry:
    return Entry(kind="schedule" if automation.is_schedule else "sensor", name=automation.name, record=automation)


def _with_executor(job: Any, executor: Any) -> Any:
    """Return a job of a collection with the collection's executor, where it names none of its own."""
    if executor is None or job.executor is not None:
        return job
    changed = getattr(job, "changed", None)
    return changed(executor=executor) if changed is not None else replace(job, executor=executor)


def _of_assets(record: Assets) -> Entry:
    if not record.specs:
        keys = [(check.asset_key, check.name) for check in record.checks_by_output.values()]
        options = {"check": keys[0]} if len(keys) == 1 else {}
        return Entry(kind="check", name=":".join(keys[0]), record=record, options=options)
    return Entry(kind="declared" if record.is_external else "asset", name=record.specs[0].key, record=record)


def definition_event(entry: Entry, registry: Registry, notebook: str | None, now_us: int) -> Event:
    """Return what the history keeps of a definition that was taken in."""
    specs = getattr(entry.record, "specs", ())
    body = {
        "kind": entry.kind,
        "name": entry.name,
        "notebook": notebook,
        "group_name": specs[0].group if specs else entry.options.get("group"),
        "source": entry.options.get("source"),
        "options": {name: value for name, value in entry.options.items() if name not in ("source", "check")},
        "deps": list(registry.assets[entry.name].specs[0].deps) if entry.name in registry.assets else [],
    }
    return Event(ev.DEFINITION_CHANGED, None, None, now_us, body)
