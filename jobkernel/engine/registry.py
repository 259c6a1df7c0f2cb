"""Current definitions by name. Redefining replaces; every change makes a new version that screens and plans read.

A cell's inputs depend on what else is defined, so an entry may be unresolved: it is resolved against the names known
now, again whenever one of the names it reads appears or goes. Safe to read from any thread.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from typing import Any

from jobkernel.engine.entries import Change, Entry, keys_of
from jobkernel.errors import (
    CircularDependency,
    InvalidDefinition,
    JobkernelError,
    MissingUpstream,
    UnknownName,
    did_you_mean,
)
from jobkernel.model.automation import Automation
from jobkernel.model.definitions import EMPTY, Assets, AssetSpec, Job, Op
from jobkernel.model.keys import variable_name
from jobkernel.rules.graph import Graph
from jobkernel.rules.universe import Facts, Universe

FEW = 8
"""So many changed assets are put into the graph one by one; more, and it is built anew."""


class Registry:
    """Everything that is defined in one kernel."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # protects all below against readers on other threads
        self.version = 0
        self.entries: dict[tuple[str, str], Entry] = {}
        self.assets: dict[str, Assets] = {}
        self.ops: dict[str, Op] = {}
        self.jobs: dict[str, Job] = {}
        self.resources: dict[str, Any] = {}
        self.automations: dict[str, Automation] = {}
        self.checks: dict[tuple[str, str], Assets] = {}
        self._edges: dict[str, tuple[str, ...]] = {}
        self._needed: dict[str, int] = {}
        self._graph = Graph.of({})
        self._moved: dict[str, None] = {}
        self._universe: Universe | None = None
        self._checks_index: dict[str, dict[str, Assets]] | None = None
        self._readers: dict[str, dict[tuple[str, str], None]] = {}

    @property
    def graph(self) -> Graph:
        """The dependency graph of the assets."""
        with self._lock:
            try:
                self._graph = Graph.of(self._edges) if len(self._moved) > FEW else self._with_moved(self._graph)
            except CircularDependency:  # with an edge that is gone by now, but whose turn was yet to come
                self._graph = Graph.of(self._edges)
            self._moved.clear()
            return self._graph

    def _with_moved(self, graph: Graph) -> Graph:
        for key in self._moved:
            if key in self._edges:
                graph = graph.with_edges(key, self._edges[key])
            elif key in graph:
                graph = graph.without(key)
        return graph

    @property
    def universe(self) -> Universe:
        """What selections are resolved against, without statuses."""
        with self._lock:
            if self._universe is None:
                graph = self.graph
                self._universe = Universe(graph, {key: self._facts(key) for key in graph.keys})
            return self._universe

    def define(self, entry: Entry) -> Change:
        """Take a definition in, in place of any of the same kind and name.

        Raises:
            CircularDependency: it would close a circle.
            InvalidDefinition: another definition makes one of its assets; it, or a reader, cannot be resolved. Nothing
                is changed in either case.
        """
        with self._lock:
            return self._define(entry)

    def define_all(self, entries: Iterable[Entry]) -> list[Change]:
        """Take several definitions in, one after another: all of them, or none where one is refused as by `define`."""
        changes: list[Change] = []
        with self._lock:
            try:
                for entry in entries:
                    changes.append(self._define(entry))  # noqa: PERF401 - what was done must be known to undo it
            except JobkernelError:
                for change in reversed(changes):
                    if change.previous is not None:
                        self._define(change.previous)
                    else:
                        self._forget(change.entry.kind, change.entry.name)
                raise
        return changes

    def _define(self, entry: Entry) -> Change:
        place = (entry.kind, entry.name)
        previous = self.entries.get(place)
        self._refuse_second_maker(entry, previous)
        readers = self._readers_of(entry)
        before = {key: self._edges.get(key, ()) for key in readers}
        try:
            self._replace(place, previous, entry)
            self._check_circle(entry, readers)
        except JobkernelError:
            self._replace(place, entry, previous)
            raise
        self._touch()
        if not readers:
            return Change(entry=entry, previous=previous)
        gained, lost = _gained(before, self._edges), _gained(self._edges, before)
        return Change(entry=entry, previous=previous, new_edges=gained, lost_edges=lost)

    def _refuse_second_maker(self, entry: Entry, previous: Entry | None) -> None:
        """Refuse an asset that another definition makes already, and a schedule by the name of a sensor."""
        other_kind = {"schedule": "sensor", "sensor": "schedule"}.get(entry.kind)
        if other_kind is not None and (other_kind, entry.name) in self.entries:
            raise InvalidDefinition(
                f"'{entry.name}' is a {other_kind} here; forget that first (%jk forget {entry.name}), or use another"
                " name."
            )
        if entry.kind != "asset":
            return
        mine = () if previous is None else keys_of(previous)
        for key in keys_of(entry):
            made_here = self.assets.get(key)
            if made_here is None or key in mine or made_here.is_external:
                continue
            makers = (each.name for each in self.entries.values() if each.kind == "asset" and key in keys_of(each))
            other = next(makers, None)
            if other is not None:
                raise InvalidDefinition(
                    f"Asset '{key}' is made by '{other}' already; forget that first (%jk forget {other})."
                )

    def forget(self, kind: str, name: str) -> Change:
        """Drop a definition.

        Raises:
            UnknownName: nothing of that kind and name is defined.
        """
        with self._lock:
            return self._forget(kind, name)

    def _forget(self, kind: str, name: str) -> Change:
        entry = self.entries.get((kind, name))
        if entry is None:
            known = [known_name for known_kind, known_name in self.entries if known_kind == kind]
            raise UnknownName(f"No {kind} '{name}' is defined.{did_you_mean(name, known)}")
        before = {key: self._edges.get(key, ()) for key in self._readers_of(entry)}
        self._replace((kind, name), entry, None)
        self._touch()
        return Change(entry=entry, previous=entry, lost_edges=_gained(self._edges, before))

    def find(self, name: str) -> Entry:
        """Return the definition of that name, of whatever kind.

        Raises:
            UnknownName: nothing is called that; the message names the nearest match.
        """
        for (_, known), entry in self.entries.items():
            if known == name:
                return entry
        raise UnknownName(f"Nothing is called '{name}'.{did_you_mean(name, [known for _, known in self.entries])}")

    def job(self, name: str) -> Job:
        """Return the job of that name, or raise UnknownName naming the nearest."""
        if name not in self.jobs:
            raise UnknownName(f"No job '{name}' is defined.{did_you_mean(name, self.jobs)}")
        return self.jobs[name]

    def definitions(self) -> list[Assets]:
        """Return every assets and checks definition once, in the order of definition."""
        with self._lock:
            return list({id(each): each for each in [*self.assets.values(), *self.checks.values()]}.values())

    def definitions_of(self, keys: Iterable[str]) -> list[Assets]:
        """Return every definition that makes or checks one of these assets, once, in the order of definition."""
        chosen = set(keys)
        with self._lock:
            found = {id(each): each for key, each in self.assets.items() if key in chosen}
            checks = {id(each): each for (asset_key, _), each in self.checks.items() if asset_key in chosen}
        return list({**found, **checks}.values())

    def spec(self, key: str) -> AssetSpec | None:
        """Return what is known of an asset, or None where it is not defined."""
        assets = self.assets.get(key)
        if assets is None:
            return None
        if len(assets.specs) == 1:
            return assets.specs[0]
        return next((spec for spec in assets.specs if spec.key == key), None)

    def checks_of(self, key: str) -> Mapping[str, Assets]:
        """Return the checks of an asset by name."""
        with self._lock:
            if self._checks_index is None:
                self._checks_index = {}
                for (asset_key, name), each in self.checks.items():
                    self._checks_index.setdefault(asset_key, {})[name] = each
            return self._checks_index.get(key, EMPTY)

    def check_upstream(self, keys: Iterable[str]) -> None:
        """Refuse assets whose upstream no cell defines.

        Raises:
            MissingUpstream: with the name and its nearest match.
        """
        for key in keys:
            for parent in self._edges.get(key, ()):
                if parent not in self.assets:
                    guess = did_you_mean(parent, self.assets)
                    raise MissingUpstream(f"Asset '{key}' needs '{parent}', which no cell defines.{guess}")

    def _replace(self, place: tuple[str, str], previous: Entry | None, entry: Entry | None) -> None:
        """Put one entry in the place of another, and resolve again whoever reads a name that came or went."""
        if previous is not None:
            self._leave(previous)
            self.entries.pop(place, None)
        if entry is not None:
            self.entries[place] = entry
            self._enter(entry)
        if (entry is None) != (previous is None):
            self._resolve_readers(entry or previous)

    def _enter(self, entry: Entry) -> None:
        match entry.kind:
            case "asset" | "declared":
                self._read(entry)
                self._enter_assets(self._resolved(entry))
            case "check":
                self._read(entry)
                self._enter_checks(self._resolved(entry))
            case "op":
                self.ops[entry.name] = entry.record
            case "job":
                self.jobs[entry.name] = entry.record
            case "resource":
                self.resources[entry.name] = entry.record
            case "schedule" | "sensor":
                self.automations[entry.name] = entry.record

    def _resolved(self, entry: Entry) -> Assets:
        if entry.unresolved is None:
            assert isinstance(entry.record, Assets)
            return entry.record
        return entry.unresolved.resolved(self.known_names())

    def known_names(self) -> dict[str, str]:
        """Return the key behind each variable name that is an asset here, defined or declared."""
        with self._lock:
            return {variable_name(key): key for key in self._named()}

    def _named(self) -> Iterable[str]:
        for kind, name in self.entries:
            if kind in ("asset", "declared"):
                entry = self.entries[kind, name]
                if entry.record is not None:
                    yield from (spec.key for spec in entry.record.specs)
                else:
                    yield name

    def _enter_assets(self, assets: Assets) -> None:
        for spec in assets.specs:
            key, deps = spec.key, spec.deps
            self._need_no_more(self._edges.get(key))
            self.assets[key] = assets
            self._edges[key] = deps
            for dep in deps:
                self._needed[dep] = self._needed.get(dep, 0) + 1
            self._moved[key] = None
        if assets.checks_by_output:
            self._enter_checks(assets)

    def _need_no_more(self, deps: Iterable[str] | None) -> None:
        for dep in deps or ():
            self._needed[dep] -= 1

    def _enter_checks(self, assets: Assets) -> None:
        for check in assets.checks_by_output.values():
            self.checks[check.asset_key, check.name] = assets

    def _read(self, entry: Entry) -> None:
        if entry.unresolved is not None:
            for name in entry.unresolved.free_names:
                self._readers.setdefault(name, {})[entry.kind, entry.name] = None

    def _leave(self, entry: Entry | None) -> None:
        if entry is None:
            return
        if entry.unresolved is not None:
            for name in entry.unresolved.free_names:
                self._readers.get(name, {}).pop((entry.kind, entry.name), None)
        match entry.kind:
            case "asset" | "declared" | "check":
                self._leave_assets(entry)
            case "op":
                self.ops.pop(entry.name, None)
            case "job":
                self.jobs.pop(entry.name, None)
            case "resource":
                self.resources.pop(entry.name, None)
            case "schedule" | "sensor":
                self.automations.pop(entry.name, None)

    def _leave_assets(self, entry: Entry) -> None:
        gone = [self.assets.pop(key) for key in keys_of(entry) if key in self.assets]
        for key in keys_of(entry) if gone else ():
            self._need_no_more(self._edges.pop(key))
            self._moved[key] = None
        owners = {id(each) for each in (*gone, entry.record)}
        own_check = entry.options.get("check")
        if self.checks:
            self.checks = {
                name: each for name, each in self.checks.items() if id(each) not in owners and name != own_check
            }

    def _readers_of(self, entry: Entry | None) -> dict[str, tuple[str, str]]:
        """Return who reads a name of this entry: by their own name, where they stand."""
        if not self._readers or entry is None or entry.kind not in ("asset", "declared"):
            return {}
        places: dict[tuple[str, str], None] = {}
        for key in keys_of(entry):
            places.update(self._readers.get(variable_name(key), {}))
        places.pop((entry.kind, entry.name), None)
        return {name: (kind, name) for kind, name in places}

    def _resolve_readers(self, entry: Entry | None) -> None:
        for kind, name in self._readers_of(entry).values():
            resolved = self._resolved(self.entries[kind, name])
            if kind == "check":
                self._enter_checks(resolved)
            else:
                self._enter_assets(resolved)

    def _check_circle(self, entry: Entry, readers: Iterable[str]) -> None:
        if entry.kind not in ("asset", "declared"):
            return
        for key in (*keys_of(entry), *readers):
            # an asset that nobody needs yet cannot close a circle, so defining top down costs no search
            if self._needed.get(key) and self._reaches_itself(key):
                Graph.of(self._edges)

    def _reaches_itself(self, key: str) -> bool:
        seen: set[str] = set()
        queue = list(self._edges.get(key, ()))
        while queue:
            parent = queue.pop()
            if parent == key:
                return True
            if parent not in seen:
                seen.add(parent)
                queue.extend(self._edges.get(parent, ()))
        return False

    def _touch(self) -> None:
        self.version += 1
        self._universe = None
        self._checks_index = None

    def _facts(self, key: str) -> Facts:
        assets, spec = self.assets.get(key), self.spec(key)
        if assets is None or spec is None:
            return Facts(is_external=True)
        several = len(assets.specs) > 1 and not assets.can_subset
        return Facts(
            group=spec.group,
            tags=spec.tags,
            kinds=spec.kinds,
            owners=spec.owners,
            is_external=assets.is_external,
            siblings=tuple(each.key for each in assets.specs) if several else (),
            checks=tuple(self.checks_of(key)),
        )


def _gained(before: Mapping[str, tuple[str, ...]], after: Mapping[str, tuple[str, ...]]) -> tuple[tuple[str, str], ...]:
    keys = before.keys() & after.keys()
    return tuple((parent, key) for key in sorted(keys) for parent in after[key] if parent not in before[key])
