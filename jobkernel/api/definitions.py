"""Everything a project defines, in one place: :class:`Definitions`. Checks that it fits together; runs nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any

from jobkernel.api import automation_checks as automation
from jobkernel.api.asset_views import needed_resources
from jobkernel.api.assets_definition import AssetsDefinition
from jobkernel.api.executor_names import check_executor
from jobkernel.api.graphs import GraphDefinition
from jobkernel.api.job_checks import check_resources, check_resources_of_graph
from jobkernel.api.jobs import JobDefinition, UnresolvedAssetJobDefinition
from jobkernel.api.keys import as_key
from jobkernel.api.refusals import refuse
from jobkernel.api.specs import AssetSpec
from jobkernel.engine.entries import Entry
from jobkernel.engine.registry import Registry
from jobkernel.errors import (
    InvalidDefinition,
    InvalidSelection,
    InvalidSubset,
    InvariantViolation,
    UnknownName,
    did_you_mean,
)
from jobkernel.model.definitions import Assets, Graph
from jobkernel.model.definitions import AssetSpec as SpecRecord
from jobkernel.model.keys import AssetKey
from jobkernel.rules.asset_plan import ASSET_JOB
from jobkernel.rules.universe import Universe


class Definitions:
    """Assets, checks, jobs and resources that belong together. Source: Dagster's ``Definitions``.

    Kinds are checked at once; what depends on the whole (duplicates, cycles, selections, resources) when it is
    first resolved, or by :meth:`validate_loadable`.

    Raises:
        InvalidDefinition: something of a wrong kind.
        Unsupported: loggers.
    """

    def __init__(
        self,
        assets: Iterable[Any] | None = None,
        schedules: Iterable[Any] | None = None,
        sensors: Iterable[Any] | None = None,
        jobs: Iterable[Any] | None = None,
        resources: Mapping[str, Any] | None = None,
        executor: Any = None,
        loggers: Mapping[str, Any] | None = None,
        asset_checks: Iterable[Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        component_tree: Any = None,
    ) -> None:
        refuse("Definitions", loggers=loggers or None, component_tree=component_tree)
        self.assets = [_checked_assets(each) for each in assets or ()]
        self.asset_checks = [_checked_checks(each) for each in asset_checks or ()]
        self.jobs = [_checked_job(each) for each in jobs or ()]
        self.schedules = [automation.checked_schedule(each) for each in schedules or ()]
        self.sensors = [automation.checked_sensor(each) for each in sensors or ()]
        self.resources = dict(resources or {})
        self.executor = check_executor(executor, "Definitions")
        self.metadata = dict(metadata or {})

    @property
    def automations(self) -> list[Any]:
        """The records of the schedules and sensors, by which the scheduler goes.

        Raises:
            InvalidDefinition: two bear one name.
        """
        return [each.record for each in automation.distinct((*self._resolved_schedules, *self.sensors))]

    @cached_property
    def _resolved_schedules(self) -> list[Any]:
        return automation.resolved_schedules(automation.distinct(self.schedules), self.resolve_job_def)

    @cached_property
    def all_jobs(self) -> list[Any]:
        """The jobs, and behind them those that only schedules and sensors name.

        Raises:
            InvalidDefinition: two bear one name.
        """
        self._check_jobs()
        return automation.with_targets(self.jobs, automation.distinct((*self.schedules, *self.sensors)))

    @cached_property
    def records(self) -> list[Assets]:
        """Every assets and checks record; assets that are only named get one that nothing makes.

        Raises:
            InvalidDefinition: two definitions make one asset or check, or assets need each other in a circle.
        """
        named_by_targets = automation.target_assets((*self.schedules, *self.sensors), self.assets)
        records = [_record(each) for each in (*self.assets, *named_by_targets, *self.asset_checks)]
        records = list({id(record): record for record in records}.values())
        known = _distinct_keys(records)
        named = dict.fromkeys(key for record in records for key in _named_keys(record) if key not in known)
        return [*records, *(Assets(specs=(SpecRecord(key=key),)) for key in named)]

    @cached_property
    def registry(self) -> Registry:
        """The assets and checks as selections and plans look at them.

        Raises:
            CircularDependency: assets need each other in a circle.
        """
        registry = Registry()
        for record in self.records:
            kind = "asset" if record.specs else "check"
            name = record.specs[0].key if record.specs else _name_of_checks(record)
            registry.define(Entry(kind=kind, name=name, record=record))
        _ = registry.universe
        return registry

    @property
    def universe(self) -> Universe:
        """What selections are resolved against."""
        return self.registry.universe

    def resolve_asset_graph(self) -> Any:
        """Return what is known of the assets and how they depend on each other."""
        from jobkernel.api.asset_graph import AssetGraph

        return AssetGraph(self)

    def resolve_all_asset_keys(self) -> list[AssetKey]:
        """Return the keys of all assets, external ones included."""
        return [AssetKey.from_escaped_user_string(key) for key in self.universe.graph.keys]

    def resolve_all_asset_specs(self) -> list[AssetSpec]:
        """Return what is said of every asset, external ones included."""
        return [AssetSpec.of(spec) for record in self.records for spec in record.specs]

    get_all_asset_specs = resolve_all_asset_specs

    def resolve_assets_def(self, key: Any) -> AssetsDefinition:
        """Return the definition that makes an asset.

        Raises:
            InvariantViolation: nothing here makes it.
        """
        text = as_key(key).text
        for each in self.assets:
            if isinstance(each, AssetsDefinition) and text in {spec.key for spec in each.record.specs}:
                return each
        raise InvariantViolation(f"Nothing makes asset '{text}'.{did_you_mean(text, self.universe.graph.keys)}")

    get_assets_def = resolve_assets_def

    def resolve_job_def(self, name: str) -> JobDefinition:
        """Return the job of that name, its selection resolved and its resources bound.

        Raises:
            InvariantViolation: there is none.
            InvalidDefinition: its selection or its resources do not fit the other definitions.
        """
        if name == ASSET_JOB:
            return self.resolve_implicit_global_asset_job_def()
        names = [job.name for job in self.all_jobs]
        if name not in names:
            raise InvariantViolation(f"There is no job '{name}'.{did_you_mean(name, names)}")
        return self.resolved_job(self.all_jobs[names.index(name)])

    get_job_def = resolve_job_def

    def resolve_all_job_defs(self) -> list[JobDefinition]:
        """Return all jobs, resolved; the hidden job over all assets last, where there are assets."""
        own = [self.resolved_job(job) for job in self.all_jobs]
        return [*own, self.resolve_implicit_global_asset_job_def()] if self.universe.materializable else own

    get_all_job_defs = resolve_all_job_defs

    def resolve_schedule_def(self, name: str) -> Any:
        """Return the schedule of that name; raise InvariantViolation where there is none."""
        return automation.found_by_name(name, self._resolved_schedules, "schedule")

    get_schedule_def = resolve_schedule_def

    def resolve_sensor_def(self, name: str) -> Any:
        """Return the sensor of that name; raise InvariantViolation where there is none."""
        return automation.found_by_name(name, self.sensors, "sensor")

    get_sensor_def = resolve_sensor_def

    def get_repository_def(self) -> Definitions:
        """Return these definitions, which stand for what Dagster calls a repository."""
        return self

    def resolve_implicit_global_asset_job_def(self) -> JobDefinition:
        """Return the hidden job over all assets."""
        from jobkernel.rules.selection import AssetSelection

        return self.resolved_job(UnresolvedAssetJobDefinition(name=ASSET_JOB, selection=AssetSelection.all()))

    get_implicit_global_asset_job_def = resolve_implicit_global_asset_job_def

    def resolved_job(self, job: Any) -> JobDefinition:
        """Return a job with its resources bound and, for an asset job, its selection known to fit.

        Raises:
            InvalidDefinition: an unknown asset, a part of what is made together, or a resource that nothing provides.
        """
        resources = {**self.resources, **job.resource_defs}
        executor = job.executor if job.executor is not None else self.executor
        if isinstance(job, JobDefinition):
            bound = job.changed(resource_defs=resources, executor=executor)
            if job.graph is not None:
                check_resources_of_graph(job.graph, resources, job.hooks, f"job '{job.name}'")
            return bound
        keys, checks = self._selected(job)
        self._check_resources_of(keys, checks, resources, f"job '{job.name}'")
        fields = {name: getattr(job, name) for name in UnresolvedAssetJobDefinition.__dataclass_fields__}
        fields.update(resource_defs=resources, executor=executor, partitions=self._partitions(job, keys))
        return JobDefinition(**fields, definitions=self)

    def _selected(self, job: Any) -> tuple[set[str], set[tuple[str, str]]]:
        try:
            keys = job.selection.resolve(self.universe)
            checks = job.selection.resolve_checks(self.universe)
        except (UnknownName, InvalidSelection, InvalidSubset) as error:
            raise InvalidDefinition(f"Job '{job.name}' selects what is not there: {error}") from error
        self._check_whole(keys, job.name)
        made = keys & self.universe.materializable
        if keys and not made and not checks:
            raise InvalidDefinition(
                f"Job '{job.name}' selects only assets that nothing here makes: {', '.join(sorted(keys))}."
            )
        return set(made), set(checks)

    def _check_whole(self, keys: set[str], name: str) -> None:
        for record in self.records:
            own = {spec.key for spec in record.specs}
            left = own - keys
            if left and left != own and record.node is not None and not record.can_subset:
                raise InvalidDefinition(
                    f"Job '{name}' selects '{min(own & keys)}', which is made together with '{min(left)}'; select all "
                    "of them, or define them with can_subset=True."
                )

    def _partitions(self, job: Any, keys: set[str]) -> Any:
        specs = [spec for record in self.records for spec in record.specs if spec.key in keys]
        found: list[Any] = []
        for spec in specs:
            if spec.partitions is not None and spec.partitions not in found:
                found.append(spec.partitions)
        if job.partitions is not None and found and job.partitions not in found:
            raise InvalidDefinition(f"Job '{job.name}' has other partitions than its assets.")
        if len(found) > 1:
            names = ", ".join(spec.key for spec in specs if spec.partitions is not None)
            raise InvalidDefinition(f"Job '{job.name}' selects assets with different partitions: {names}.")
        return job.partitions if job.partitions is not None else (found[0] if found else None)

    def _check_resources_of(
        self, keys: set[str], checks: set[tuple[str, str]], resources: Mapping[str, Any], what: str
    ) -> None:
        for record in self.records:
            chosen = any(spec.key in keys for spec in record.specs) or any(
                (check.asset_key, check.name) in checks for check in record.checks_by_output.values()
            )
            if chosen:
                check_resources(needed_resources(record.node), {**resources, **record.resource_defs}, what)

    def _check_jobs(self) -> None:
        seen: dict[str, Any] = {}
        for job in self.jobs:
            if seen.setdefault(job.name, job) is not job:
                raise InvalidDefinition(f"Two jobs are named '{job.name}'; rename one.")

    @staticmethod
    def validate_loadable(defs: Definitions) -> None:
        """Raise where the definitions do not fit together.

        Raises:
            InvalidDefinition: duplicates, circles, unknown selections or missing resources.
        """
        for record in defs.records:
            what = f"'{record.node.name}'" if record.node is not None else ""
            check_resources(needed_resources(record.node), {**defs.resources, **record.resource_defs}, what)
        defs.resolve_all_job_defs()
        automation.check_targets((*defs._resolved_schedules, *defs.sensors), [job.name for job in defs.all_jobs])

    @staticmethod
    def merge(*def_sets: Definitions) -> Definitions:
        """Return everything that several definitions hold.

        Raises:
            InvariantViolation: two bind one resource key differently, or both name an executor.
        """
        resources: dict[str, Any] = {}
        executor = None
        for each in def_sets:
            if not isinstance(each, Definitions):
                raise InvalidDefinition(f"Definitions.merge takes Definitions, not {each!r}.")
            for key, value in each.resources.items():
                if resources.setdefault(key, value) is not value:
                    raise InvariantViolation(f"Resource '{key}' is bound twice, to different things.")
            if executor is not None and each.executor is not None and each.executor is not executor:
                raise InvariantViolation("Two of the definitions to merge name different executors.")
            executor = each.executor if executor is None else executor
        return Definitions(
            assets=[one for each in def_sets for one in each.assets],
            asset_checks=[one for each in def_sets for one in each.asset_checks],
            jobs=[one for each in def_sets for one in each.jobs],
            schedules=[one for each in def_sets for one in each.schedules],
            sensors=[one for each in def_sets for one in each.sensors],
            resources=resources,
            executor=executor,
            metadata={key: value for each in def_sets for key, value in each.metadata.items()},
        )

    def map_asset_specs(self, *, func: Callable[[AssetSpec], AssetSpec], selection: Any = None) -> Definitions:
        """Return the definitions with what is said of each asset replaced by what ``func`` makes of it."""
        from jobkernel.api.loading import map_asset_specs
        from jobkernel.rules.selection import AssetSelection

        chosen = None if selection is None else AssetSelection.from_coercible(selection).resolve(self.universe)

        def mapped(spec: AssetSpec) -> AssetSpec:
            return func(spec) if chosen is None or spec.key.text in chosen else spec

        return Definitions(
            assets=map_asset_specs(mapped, self.assets),
            asset_checks=self.asset_checks,
            jobs=self.jobs,
            schedules=self.schedules,
            sensors=self.sensors,
            resources=self.resources,
            executor=self.executor,
            metadata=self.metadata,
        )

    def load_asset_value(self, asset_key: Any, **options: Any) -> Any:
        """Return the stored value of an asset."""
        from jobkernel.api.running import load_asset_value

        return load_asset_value(self, asset_key, **options)


def _checked_assets(value: Any) -> Any:
    if isinstance(value, (AssetsDefinition, AssetSpec)):
        return value
    raise InvalidDefinition(f"Definitions takes assets made by @asset and kin or AssetSpec, not {value!r}.")


def _checked_checks(value: Any) -> Any:
    if isinstance(value, AssetsDefinition):
        return value
    raise InvalidDefinition(f"Definitions takes asset_checks made by @asset_check, not {value!r}.")


def _checked_job(value: Any) -> Any:
    if isinstance(value, (JobDefinition, UnresolvedAssetJobDefinition)):
        return value
    remedy = "; call its to_job()" if isinstance(value, GraphDefinition) else ""
    raise InvalidDefinition(
        f"Definitions takes jobs made by @job, define_asset_job or graph.to_job, not {value!r}{remedy}."
    )


def _record(value: Any) -> Assets:
    return (AssetsDefinition(specs=[value]) if isinstance(value, AssetSpec) else value).record


def _distinct_keys(records: Iterable[Assets]) -> set[str]:
    known: set[str] = set()
    checks: set[tuple[str, str]] = set()
    for record in records:
        for spec in record.specs:
            if spec.key in known:
                raise InvalidDefinition(f"Two definitions make asset '{spec.key}'; rename one or leave one out.")
            known.add(spec.key)
        for check in record.checks_by_output.values():
            if (check.asset_key, check.name) in checks:
                raise InvalidDefinition(f"Two definitions make check '{check.name}' of asset '{check.asset_key}'.")
            checks.add((check.asset_key, check.name))
    return known


def _named_keys(record: Assets) -> Iterable[str]:
    for spec in record.specs:
        yield from spec.deps
    yield from record.keys_by_input.values()
    for check in record.checks_by_output.values():
        yield check.asset_key
        yield from check.additional_deps


def _name_of_checks(record: Assets) -> str:
    assert isinstance(record.node, (Graph, object))
    check = next(iter(record.checks_by_output.values()))
    return f"{check.asset_key}:{check.name}"
