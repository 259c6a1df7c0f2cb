"""What is said of assets apart from their computation: ``AssetSpec``, ``AssetDep``, ``AssetIn``.

They speak in keys and Dagster's words; ``record`` is what the floors below know. Knows no functions and no runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from jobkernel.api.declarations import UNSET, checked_type
from jobkernel.api.keys import as_key, as_prefix
from jobkernel.api.refusals import refuse, refuse_unknown
from jobkernel.errors import InvalidDefinition, InvariantViolation
from jobkernel.model import definitions as model
from jobkernel.model.definitions import EMPTY
from jobkernel.model.keys import AssetKey
from jobkernel.model.partitions import check_partitions
from jobkernel.records import dataclass
from jobkernel.rules.names import KIND_PREFIX, check_group, check_owners, kind_tags, strict_tags

IO_MANAGER_KEY = "dagster/io_manager_key"
"""The metadata of a spec under which Dagster keeps the IO manager of its asset."""


class _Kept:
    def __repr__(self) -> str:
        return "..."


KEPT: Any = _Kept()
"""Marks an attribute that :meth:`AssetSpec.replace_attributes` leaves as it is."""


class AssetDep:
    """An upstream asset that orders but is not loaded. Source: Dagster's ``AssetDep``.

    Raises:
        InvalidDefinition: ``asset`` names several assets, or none.
    """

    __slots__ = ("asset_key", "metadata", "partition_mapping")

    def __init__(self, asset: Any, *, partition_mapping: Any = None, metadata: Mapping[str, Any] | None = None) -> None:
        keys = getattr(asset, "keys", ())
        if not callable(keys) and len(keys) > 1:
            known = ", ".join(sorted(key.to_user_string() for key in keys))
            raise InvalidDefinition(f"AssetDep takes one asset; this definition makes {known}; name one of them.")
        self.asset_key = as_key(asset)
        self.partition_mapping = partition_mapping
        self.metadata = dict(metadata or {})

    @staticmethod
    def from_coercible(arg: Any) -> AssetDep:
        """Return the dependency on anything that names an asset."""
        return arg if isinstance(arg, AssetDep) else AssetDep(arg)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AssetDep) and _fields(self) == _fields(other)

    def __hash__(self) -> int:
        return hash(self.asset_key)

    def __repr__(self) -> str:
        return f"AssetDep({self.asset_key!r})"


def as_deps(deps: Iterable[Any] | None) -> tuple[AssetDep, ...]:
    """Return dependencies, each asset once; a definition of several assets stands for all of them.

    Raises:
        InvariantViolation: an asset is named twice with different partition mappings.
        InvalidDefinition: a text in place of a list.
    """
    if isinstance(deps, str):
        raise InvalidDefinition(f"deps is a list of assets, not the text '{deps}'; write ['{deps}'].")
    found: dict[AssetKey, AssetDep] = {}
    for given in deps or ():
        keys = getattr(given, "keys", ())
        for each in keys if not callable(keys) and len(keys) > 1 else (given,):
            dep = AssetDep.from_coercible(each)
            known = found.setdefault(dep.asset_key, dep)
            if known.partition_mapping != dep.partition_mapping:
                raise InvariantViolation(f"Two partition mappings are given for '{dep.asset_key.to_user_string()}'.")
    return tuple(found.values())


def check_own_upstream(specs: Iterable[AssetSpec]) -> None:
    """Raise where an asset is its own upstream without a mapping to its earlier partitions.

    Raises:
        InvalidDefinition: naming it.
    """
    for spec in specs:
        for dep in spec.deps:
            if dep.asset_key == spec.key and dep.partition_mapping is None:
                raise own_upstream(spec.key)


def own_upstream(key: AssetKey) -> InvalidDefinition:
    """Return the refusal of an asset that is its own upstream."""
    return InvalidDefinition(f"Asset '{key.to_user_string()}' cannot be its own upstream without a partition mapping.")


@dataclass(frozen=True, slots=True)
class AssetIn:
    """How a parameter becomes an upstream asset: under which key and from where. Source: Dagster's ``AssetIn``."""

    key: Any = None
    metadata: Mapping[str, Any] | None = None
    key_prefix: str | Sequence[str] | None = None
    input_manager_key: str | None = None
    partition_mapping: Any = None
    dagster_type: Any = UNSET

    def __post_init__(self) -> None:
        if self.key and self.key_prefix:
            raise InvariantViolation("AssetIn takes either key or key_prefix, not both.")
        object.__setattr__(self, "key", None if self.key is None else as_key(self.key))
        object.__setattr__(self, "dagster_type", checked_type(self.dagster_type, "AssetIn"))

    def resolve_key(self, input_name: str) -> AssetKey:
        """Return the key that a parameter of that name stands for."""
        return self.key or AssetKey((*as_prefix(self.key_prefix), input_name))

    @staticmethod
    def from_coercible(value: Any) -> AssetIn:
        """Return the declaration of anything that names an asset."""
        return value if isinstance(value, AssetIn) else AssetIn(key=value)


def _fields(item: Any) -> tuple[Any, ...]:
    return tuple(getattr(item, name) for name in item.__slots__)


class AssetSpec:
    """What is said of one asset. Source: Dagster's ``AssetSpec``.

    Raises:
        InvalidDefinition: a bad group, tag, owner or kind, or an unknown argument.
    """

    __slots__ = (
        "automation_condition",
        "code_version",
        "deps",
        "description",
        "group_name",
        "key",
        "metadata",
        "owners",
        "partitions_def",
        "skippable",
        "tags",
    )

    def __init__(
        self,
        key: Any,
        *,
        deps: Iterable[Any] | None = None,
        description: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        skippable: bool = False,
        group_name: str | None = None,
        code_version: str | None = None,
        automation_condition: Any = None,
        owners: Sequence[str] | None = None,
        tags: Mapping[str, str] | None = None,
        kinds: Iterable[str] | None = None,
        partitions_def: Any = None,
        freshness_policy: Any = None,
        is_virtual: bool = False,
        **unknown: Any,
    ) -> None:
        self.key = as_key(key)
        what = f"asset '{self.key.to_user_string()}'"
        refuse(f"AssetSpec of {what}", freshness_policy=freshness_policy, is_virtual=is_virtual)
        refuse_unknown(f"AssetSpec of {what}", unknown, self.__slots__)
        self.deps = as_deps(deps)
        self.description = description
        self.metadata = dict(metadata or {})
        self.skippable = skippable
        self.group_name = group_name if group_name is None else check_group(group_name)
        self.code_version = code_version
        self.automation_condition = checked_condition(automation_condition)
        self.owners = check_owners(owners, what)
        self.tags = {**strict_tags(tags, what), **kind_tags(kinds, what)}
        check_partitions(partitions_def, "AssetSpec")
        self.partitions_def = partitions_def
        kind_tags([name.removeprefix(KIND_PREFIX) for name in self.tags if name.startswith(KIND_PREFIX)], what)

    @property
    def kinds(self) -> set[str]:
        """The kinds, which Dagster keeps as tags."""
        return {name.removeprefix(KIND_PREFIX) for name in self.tags if name.startswith(KIND_PREFIX)}

    @property
    def partition_mappings(self) -> dict[AssetKey, Any]:
        """The partition mappings given, by upstream key."""
        return {dep.asset_key: dep.partition_mapping for dep in self.deps if dep.partition_mapping is not None}

    @property
    def record(self) -> model.AssetSpec:
        """The spec as the floors below know it."""
        return model.AssetSpec(
            key=self.key.text,
            deps=tuple([dep.asset_key.text for dep in self.deps if dep.asset_key != self.key]),
            description=self.description,
            metadata=self.metadata,
            group=self.group_name or "default",
            code_version=self.code_version,
            owners=self.owners,
            tags={name: value for name, value in self.tags.items() if not name.startswith(KIND_PREFIX)},
            kinds=frozenset(self.kinds),
            partitions=self.partitions_def,
            automation=self.automation_condition,
            is_skippable=self.skippable,
        )

    @classmethod
    def of(cls, record: model.AssetSpec, partition_mappings: Mapping[str, Any] = EMPTY) -> AssetSpec:
        """Return the spec of a record; ``partition_mappings`` go by upstream key text."""
        keys = {text: AssetKey.from_escaped_user_string(text) for text in (*record.deps, *partition_mappings)}
        return cls(
            AssetKey.from_escaped_user_string(record.key),
            deps=[AssetDep(key, partition_mapping=partition_mappings.get(text)) for text, key in keys.items()],
            description=record.description,
            metadata=record.metadata,
            skippable=record.is_skippable,
            group_name=record.group,
            code_version=record.code_version,
            automation_condition=record.automation,
            owners=record.owners,
            tags=record.tags,
            kinds=record.kinds,
            partitions_def=record.partitions,
        )

    def single_key_text(self) -> str:
        """Return the key's text; what marks a value as naming one asset."""
        return self.key.text

    def replace_attributes(
        self,
        *,
        key: Any = KEPT,
        deps: Any = KEPT,
        description: Any = KEPT,
        metadata: Any = KEPT,
        skippable: Any = KEPT,
        group_name: Any = KEPT,
        code_version: Any = KEPT,
        automation_condition: Any = KEPT,
        owners: Any = KEPT,
        tags: Any = KEPT,
        kinds: Any = KEPT,
        partitions_def: Any = KEPT,
        freshness_policy: Any = KEPT,
        is_virtual: Any = KEPT,
        **unknown: Any,
    ) -> AssetSpec:
        """Return the spec with some attributes replaced; ``kinds`` replaces kinds, ``tags`` all tags but kinds."""
        given = {name: value for name, value in locals().items() if name in self.__slots__ and value is not KEPT}
        refuse_unknown("replace_attributes", unknown, self.__slots__)
        for name, value in (("freshness_policy", freshness_policy), ("is_virtual", is_virtual)):
            refuse("replace_attributes", **{name: None if value is KEPT else value})
        kept = {name: getattr(self, name) for name in self.__slots__}
        kept["tags"] = {k: v for k, v in self.tags.items() if not k.startswith(KIND_PREFIX)}
        return AssetSpec(**{**kept, **given, "kinds": self.kinds if kinds is KEPT else kinds})

    def merge_attributes(
        self, *, deps: Any = KEPT, metadata: Any = KEPT, owners: Any = KEPT, tags: Any = KEPT, kinds: Any = KEPT
    ) -> AssetSpec:
        """Return the spec with dependencies, metadata, owners, tags and kinds added."""
        own_tags = {k: v for k, v in self.tags.items() if not k.startswith(KIND_PREFIX)}
        return self.replace_attributes(
            deps=KEPT if deps is KEPT else [*self.deps, *(deps or ())],
            metadata=KEPT if metadata is KEPT else {**self.metadata, **(metadata or {})},
            owners=KEPT if owners is KEPT else [*self.owners, *(owners or ())],
            tags=KEPT if tags is KEPT else {**own_tags, **(tags or {})},
            kinds=KEPT if kinds is KEPT else {*self.kinds, *(kinds or ())},
        )

    def with_io_manager_key(self, io_manager_key: str) -> AssetSpec:
        """Return the spec of an asset that this IO manager stores and loads."""
        return self.merge_attributes(metadata={IO_MANAGER_KEY: io_manager_key})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AssetSpec) and _fields(self) == _fields(other)

    def __hash__(self) -> int:
        return hash(self.key)

    def __repr__(self) -> str:
        return f"AssetSpec({self.key!r})"


def checked_condition(given: Any) -> Any:
    """Return a condition, or None; raise TypeError where it is neither."""
    if given is None:
        return None
    from jobkernel.model.conditions import checked  # loaded where there are conditions

    return checked(given, "automation_condition")
