"""Which runs a backfill is made of, and which of them come before which. Pure: a plan and keys in, runs out.

Rules of Dagster's asset backfills: assets share a run where they have the same partitions and policy, want the same
keys and need each other's key by key; what is left waits for the runs that make what it needs. ``engine.backfills``
launches them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from typing import Any, Final

from jobkernel.errors import InvalidDefinition
from jobkernel.model.backfill_policy import BackfillPolicy, strictest
from jobkernel.model.definitions import AssetSpec
from jobkernel.model.partition_subset import ranges_of
from jobkernel.model.partitions import PartitionsDefinition
from jobkernel.records import dataclass
from jobkernel.rules.partition_edges import downstream_keys, mapping_between, upstream_keys
from jobkernel.rules.partition_mapping import IdentityPartitionMapping
from jobkernel.rules.partition_multi import MultiPartitionsDefinition
from jobkernel.rules.partition_run import checked_key
from jobkernel.rules.partition_window_mapping import TimeWindowPartitionMapping
from jobkernel.rules.plan import Plan, PlannedStep

WHOLE: Final[tuple[str, ...]] = ()
"""Stands for all that a plan makes, in a run of a backfill."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillRun:
    """One run of a backfill: what it makes (:data:`WHOLE`: all of the plan), for which keys, after which others.

    ``number`` is its place in the backfill; ``needs`` are numbers. Without keys it makes assets without partitions. One
    that ``is_range`` is tagged as the range of its keys, also where that is of one.
    """

    number: int
    assets: tuple[str, ...] = WHOLE
    keys: tuple[str, ...] = ()
    needs: tuple[int, ...] = ()
    is_range: bool = False

    @property
    def partitions(self) -> int:
        """How many partitions it counts as: an asset without partitions is one."""
        return len(self.keys) or 1

    @property
    def title(self) -> str:
        """What it makes, in few words: a key or the ends of a range, after the assets where it makes not all."""
        more = f" and {len(self.assets) - 1} more" if len(self.assets) > 1 else ""
        ends = dict.fromkeys((self.keys[0], self.keys[-1])) if self.keys else ()
        return " ".join(each for each in ("".join(self.assets[:1]) + more, "..".join(ends)) if each)


@dataclass(slots=True, eq=False)
class _Unit:
    """The assets of one step, which are made together."""

    step: PlannedStep
    specs: list[AssetSpec]
    definition: PartitionsDefinition | None
    policy: BackfillPolicy | None
    above: dict[str, Any] = field(default_factory=dict)
    """Upstream assets that the backfill makes, each with the mapping given for it."""
    targets: list[str] | None = None

    @property
    def keys(self) -> list[str]:
        return [spec.key for spec in self.specs]


@dataclass(slots=True, eq=False)
class _Group:
    """Units that share runs."""

    place: int
    units: list[_Unit]
    ancestors: set[int] = field(default_factory=set)
    runs: dict[str | None, int] = field(default_factory=dict)
    """The number of the run that makes each key."""


def chosen_definition(plan: Plan) -> PartitionsDefinition | None:
    """Return the partitions of which a backfill's keys are: those of the assets with nothing partitioned above them.

    Raises:
        InvalidDefinition: those have different partitions.
    """
    units = _units(plan)
    made_by = {key: unit for unit in units for key in unit.keys}
    found: dict[PartitionsDefinition, str] = {}
    for unit in units:
        if unit.definition is not None and _is_root(unit, made_by):
            found.setdefault(unit.definition, unit.keys[0])
    if len(found) > 1:
        first, second = list(found.values())[:2]
        raise InvalidDefinition(
            f"'{first}' and '{second}' have different partitions, neither made of the other; make them one by one."
        )
    if found:
        return next(iter(found))
    own: PartitionsDefinition | None = None
    if plan.job is not None:
        own = plan.job.partitions or getattr(plan.job.config, "partitions_def", None)
    return own


def assets_of_definition(plan: Plan, definition: PartitionsDefinition) -> list[str]:
    """Return the assets of a plan that have these partitions."""
    return [key for unit in _units(plan) if unit.definition == definition for key in unit.keys]


def backfill_runs(plan: Plan, keys: Sequence[str], policy: BackfillPolicy | None = None) -> list[BackfillRun]:
    """Return the runs that make ``keys`` of what a plan makes, in the order of their launch.

    What stands below other assets of the plan is made for the keys that theirs lead to. ``policy`` is used for all,
    else each asset's own.

    Raises:
        InvalidDefinition: the assets at the root have different partitions, or ops are to make several at once.
        UnknownName: a key does not exist.
    """
    keys = list(dict.fromkeys(keys))
    _refuse_unknown(keys, chosen_definition(plan))
    units = _units(plan)
    if all(unit.definition is None for unit in units):
        if policy is not None and policy.max_partitions_per_run != 1:
            raise InvalidDefinition(f"'{plan.job_name}' is of ops, which run once for each partition.")
        return [BackfillRun(number=number, keys=(key,)) for number, key in enumerate(keys)]
    _aim(units, keys)
    groups = _grouped(units, policy)
    drafts: list[tuple[_Group, tuple[str, ...]]] = []
    for group in groups:
        for part in _parts_of(group, policy):
            group.runs.update(dict.fromkeys(part or (None,), len(drafts)))
            drafts.append((group, part))
    group_of = {key: group for group in groups for unit in group.units for key in unit.keys}
    return [
        BackfillRun(
            number=number,
            assets=WHOLE if len(groups) == 1 else tuple(key for unit in group.units for key in unit.keys),
            keys=part,
            needs=tuple(sorted(set(_needs(group, part, group_of)) - {number})),
            is_range=_is_of_ranges(group, policy),
        )
        for number, (group, part) in enumerate(drafts)
    ]


def _refuse_unknown(keys: Sequence[str], definition: PartitionsDefinition | None) -> None:
    known = set(definition.get_partition_keys()) if definition is not None else set()
    unknown = next((key for key in keys if key not in known), None)
    if unknown is not None and definition is not None:
        checked_key(unknown, definition)


def _units(plan: Plan) -> list[_Unit]:
    made = set(plan.asset_keys)
    units = []
    for step in plan.steps.values():
        chosen = set(step.asset_keys.values())
        specs = [spec for spec in step.assets.specs if spec.key in chosen] if step.assets is not None else []
        if not specs:
            continue
        definition = next((spec.partitions for spec in specs if spec.partitions is not None), None)
        unit = _Unit(step, specs, definition, step.assets.backfill)
        for key in (*(key for spec in specs for key in spec.deps), *step.input_keys.values()):
            if key in made and (key not in unit.keys or len(specs) == 1 or key in step.input_keys.values()):
                unit.above[key] = next((spec.mappings[key] for spec in specs if key in spec.mappings), None)
        units.append(unit)
    return units


def _is_root(unit: _Unit, made_by: Mapping[str, _Unit]) -> bool:
    above = (made_by[key] for key in unit.above)
    return all(other is unit or other.definition is None for other in above)


def _aim(units: Sequence[_Unit], keys: Sequence[str]) -> None:
    """Give each unit the keys that it is to make, upstream first."""
    made_by = {key: unit for unit in units for key in unit.keys}
    for unit in units:
        if unit.definition is None:
            continue
        if _is_root(unit, made_by):
            unit.targets = list(keys)
            continue
        aimed: dict[str, None] = {}
        for key, mapping in unit.above.items():
            other = made_by[key]
            if other is not unit and other.definition is not None:
                aimed |= dict.fromkeys(_below(other, unit, mapping))
        unit.targets = list(aimed)


def _below(above: _Unit, unit: _Unit, mapping: Any) -> list[str]:
    if _is_simple(above, unit, mapping):
        return above.targets or []
    return downstream_keys(above.targets, upstream=above.definition, downstream=unit.definition, mapping=mapping)


def _is_simple(above: _Unit, unit: _Unit, mapping: Any) -> bool:
    """Whether each key needs the same key of the other, and no more."""
    if above.definition != unit.definition:
        return False
    if above.definition is None:
        return True
    between = mapping_between(above.definition, unit.definition, mapping)
    if isinstance(between, TimeWindowPartitionMapping):
        return between.start_offset == 0 and between.end_offset == 0
    return isinstance(between, IdentityPartitionMapping)


def _grouped(units: Sequence[_Unit], policy: BackfillPolicy | None) -> list[_Group]:
    """Put units that may share runs into groups; a group comes after those that it waits for."""
    groups: list[_Group] = []
    group_of: dict[str, _Group] = {}
    for unit in units:
        if unit.targets == []:
            continue
        above = {group_of[key].place: group_of[key] for key in unit.above if key in group_of}
        group = next((each for each in reversed(groups) if _may_join(unit, each, above, group_of, policy)), None)
        if group is None:
            group = _Group(len(groups), [])
            groups.append(group)
        group.units.append(unit)
        _wait_for(group, [each for each in above.values() if each is not group], groups)
        group_of |= dict.fromkeys(unit.keys, group)
    return sorted(groups, key=lambda group: (len(group.ancestors), group.place))


def _may_join(
    unit: _Unit,
    group: _Group,
    above: Mapping[int, _Group],
    group_of: Mapping[str, _Group],
    policy: BackfillPolicy | None,
) -> bool:
    first = group.units[0]
    has_other_policy = policy is None and first.policy != unit.policy
    if first.definition != unit.definition or first.targets != unit.targets or has_other_policy:
        return False
    if _needs_itself(unit) or _needs_itself(first) or (above and group.place not in above):
        return False
    if not above and group.ancestors:
        return False
    if any(group.place in other.ancestors for other in above.values()):
        return False
    made_by = {key: each for each in group.units for key in each.keys}
    inside = ((made_by[key], mapping) for key, mapping in unit.above.items() if group_of.get(key) is group)
    return all(_is_simple(other, unit, mapping) for other, mapping in inside)


def _needs_itself(unit: _Unit) -> bool:
    return any(key in unit.keys for key in unit.above)


def _wait_for(group: _Group, above: Iterable[_Group], groups: Iterable[_Group]) -> None:
    for other in above:
        group.ancestors |= {other.place, *other.ancestors}
    for each in groups:
        if group.place in each.ancestors:
            each.ancestors |= group.ancestors


def _parts_of(group: _Group, policy: BackfillPolicy | None) -> Iterable[tuple[str, ...]]:
    first = group.units[0]
    if first.targets is None or first.definition is None:
        return [()]
    if not _is_of_ranges(group, policy):
        return ((key,) for key in first.targets)
    return _ranges(first.targets, first.definition, _most(group, policy))


def _is_of_ranges(group: _Group, policy: BackfillPolicy | None) -> bool:
    """Whether its runs are of ranges: where a policy is given, even of one partition, as in Dagster."""
    definition, own = group.units[0].definition, group.units[0].policy
    if definition is None:
        return False
    return own is not None if policy is None else policy.max_partitions_per_run != 1


def _most(group: _Group, policy: BackfillPolicy | None) -> int | None:
    chosen = policy if policy is not None else strictest(unit.policy for unit in group.units)
    return chosen.max_partitions_per_run


def _ranges(keys: Sequence[str], definition: PartitionsDefinition, most: int | None) -> Iterator[tuple[str, ...]]:
    """Give the contiguous ranges of at most so many that the keys form; of two dimensions, in one of them."""
    for held in _contiguous(keys, definition):
        size = most or len(held)
        yield from (tuple(held[first : first + size]) for first in range(0, len(held), size))


def _contiguous(keys: Sequence[str], definition: PartitionsDefinition) -> Iterator[Sequence[str]]:
    if isinstance(definition, MultiPartitionsDefinition):
        yield from definition.ranges_of(keys)
        return
    ordered = list(definition.get_partition_keys())
    places = {key: place for place, key in enumerate(ordered)}
    for between in ranges_of(ordered, keys):
        yield ordered[places[between.start] : places[between.end] + 1]


def _needs(group: _Group, part: Sequence[str], group_of: Mapping[str, _Group]) -> Iterator[int]:
    """Give the numbers of the runs that make what these keys need; they may be of the same group."""
    for unit in group.units:
        for key, mapping in unit.above.items():
            other = group_of.get(key)
            if other is None or (other is group and key not in unit.keys):
                continue
            made = next(each for each in other.units if key in each.keys)
            if made is not unit and _is_simple(made, unit, mapping):
                needed: Iterable[str | None] = part or (None,)
            elif made.definition is None:
                needed = (None,)
            else:
                needed = upstream_keys(
                    list(part) if unit.definition is not None else None,
                    downstream=unit.definition,
                    upstream=made.definition,
                    mapping=mapping,
                ).keys
            yield from (other.runs[each] for each in needed if each in other.runs)
