"""What is said of one asset check, and of one output that is an asset. Siblings of :mod:`jobkernel.api.specs`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from jobkernel.api.declarations import UNSET, checked_type
from jobkernel.api.keys import as_key, as_prefix
from jobkernel.api.refusals import refuse, refuse_unknown
from jobkernel.api.specs import AssetSpec, as_deps, checked_condition
from jobkernel.errors import InvalidDefinition, InvariantViolation
from jobkernel.model import definitions as model
from jobkernel.model.definitions import EMPTY
from jobkernel.model.keys import AssetCheckKey, AssetKey
from jobkernel.records import dataclass
from jobkernel.rules.names import KIND_PREFIX


class AssetOut:
    """One asset of a ``@multi_asset`` or ``@graph_multi_asset``. Source: Dagster's ``AssetOut``.

    Raises:
        InvalidDefinition: see :class:`AssetSpec`.
    """

    __slots__ = ("backfill_policy", "dagster_type", "io_manager_key", "is_required", "key", "key_prefix", "options")

    def __init__(
        self,
        key_prefix: str | Sequence[str] | None = None,
        key: Any = None,
        dagster_type: Any = UNSET,
        description: str | None = None,
        is_required: bool = True,
        io_manager_key: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        group_name: str | None = None,
        code_version: str | None = None,
        automation_condition: Any = None,
        backfill_policy: Any = None,
        owners: Sequence[str] | None = None,
        tags: Mapping[str, str] | None = None,
        kinds: Iterable[str] | None = None,
        freshness_policy: Any = None,
        is_virtual: bool = False,
        **unknown: Any,
    ) -> None:
        if key is not None and key_prefix:
            raise InvariantViolation("AssetOut takes either key or key_prefix, not both.")
        refuse("AssetOut", freshness_policy=freshness_policy, is_virtual=is_virtual)
        refuse_unknown("AssetOut", unknown, _OUT_OPTIONS)
        self.key_prefix = as_prefix(key_prefix)
        self.key = None if key is None else as_key(key)
        self.dagster_type = checked_type(dagster_type, "AssetOut")
        self.is_required = is_required
        self.io_manager_key = io_manager_key
        self.backfill_policy = backfill_policy
        self.options = {
            "description": description,
            "metadata": metadata,
            "group_name": group_name,
            "code_version": code_version,
            "automation_condition": automation_condition,
            "owners": owners,
            "tags": tags,
            "kinds": kinds,
        }
        AssetSpec("checked", **self.options)

    def __getattr__(self, name: str) -> Any:
        if name in _OUT_OPTIONS:
            return self.options[name]
        raise AttributeError(name)

    def resolve_key(self, output_name: str) -> AssetKey:
        """Return the key of the asset that an output of that name is."""
        return self.key or AssetKey((*self.key_prefix, output_name))

    def to_spec(self, key: AssetKey, deps: Iterable[Any] = (), partitions_def: Any = None) -> AssetSpec:
        """Return what is said of the asset."""
        return AssetSpec(key, deps=deps, partitions_def=partitions_def, skippable=not self.is_required, **self.options)

    @staticmethod
    def from_spec(
        spec: AssetSpec,
        dagster_type: Any = UNSET,
        is_required: bool = True,
        io_manager_key: str | None = None,
        backfill_policy: Any = None,
    ) -> AssetOut:
        """Return the output that makes the asset of a spec.

        Raises:
            InvalidDefinition: the spec has dependencies, which outputs share.
        """
        if spec.deps:
            raise InvalidDefinition("AssetOut.from_spec takes a spec without deps; the outputs of one op share theirs.")
        tags = {k: v for k, v in spec.tags.items() if not k.startswith(KIND_PREFIX)}
        return AssetOut(
            key=spec.key,
            dagster_type=dagster_type,
            is_required=is_required,
            io_manager_key=io_manager_key,
            backfill_policy=backfill_policy,
            description=spec.description,
            metadata=spec.metadata,
            group_name=spec.group_name,
            code_version=spec.code_version,
            owners=spec.owners,
            tags=tags,
            kinds=spec.kinds,
            automation_condition=spec.automation_condition,
        )


_OUT_OPTIONS = (
    "description",
    "metadata",
    "group_name",
    "code_version",
    "automation_condition",
    "owners",
    "tags",
    "kinds",
)


@dataclass(frozen=True, slots=True)
class AssetCheckSpec:
    """What is said of one asset check. Source: Dagster's ``AssetCheckSpec``.

    Raises:
        InvalidDefinition: a bad name, or no single asset.
    """

    name: str
    asset: Any
    description: str | None = None
    additional_deps: Any = None
    blocking: bool = False
    metadata: Mapping[str, Any] | None = None
    automation_condition: Any = None
    partitions_def: Any = None

    def __post_init__(self) -> None:
        key = as_key(self.asset)
        deps = as_deps(self.additional_deps)
        if any(dep.asset_key == key for dep in deps):
            raise InvalidDefinition(
                f"Check '{self.name}' names its own asset '{key.to_user_string()}' in additional_deps."
            )
        if not isinstance(self.name, str) or not self.name:
            raise InvalidDefinition(f"A check's name is a text, not {self.name!r}.")
        checked_condition(self.automation_condition)
        object.__setattr__(self, "asset", key)
        object.__setattr__(self, "additional_deps", deps)
        object.__setattr__(self, "metadata", dict(self.metadata or {}))

    @property
    def asset_key(self) -> AssetKey:
        """The asset that is checked."""
        return self.asset  # type: ignore[no-any-return]

    @property
    def key(self) -> AssetCheckKey:
        """The name of the check: its asset and its own name."""
        return AssetCheckKey(self.asset_key, self.name)

    def get_python_identifier(self) -> str:
        """Return the name of the check's step or output: ``asset_check``."""
        return f"{self.asset_key.to_python_identifier()}_{self.name}"

    @property
    def record(self) -> model.CheckSpec:
        """The spec as the floors below know it."""
        return model.CheckSpec(
            asset_key=self.asset_key.text,
            name=self.name,
            is_blocking=self.blocking,
            description=self.description,
            metadata=self.metadata or EMPTY,
            additional_deps=tuple(dep.asset_key.text for dep in self.additional_deps),
            automation=self.automation_condition,
        )

    @classmethod
    def of(cls, record: model.CheckSpec) -> AssetCheckSpec:
        """Return the spec of a record."""
        key = AssetKey.from_escaped_user_string
        return cls(
            record.name,
            asset=key(record.asset_key),
            description=record.description,
            additional_deps=[key(text) for text in record.additional_deps],
            blocking=record.is_blocking,
            metadata=record.metadata,
            automation_condition=record.automation,
        )


def check_outputs(specs: Sequence[AssetCheckSpec], keys: set[str], what: str) -> dict[str, model.CheckSpec]:
    """Return the checks that a definition reports, by output name.

    Raises:
        InvalidDefinition: a check is of an asset outside ``keys``, or given twice.
    """
    found: dict[str, model.CheckSpec] = {}
    for spec in specs:
        if not isinstance(spec, AssetCheckSpec):
            raise InvalidDefinition(f"Checks of {what} are given as AssetCheckSpec, not {spec!r}.")
        if spec.asset_key.text not in keys:
            raise InvalidDefinition(
                f"{what} reports check '{spec.name}' of '{spec.asset_key.text}', which it does not make."
            )
        if spec.get_python_identifier() in found:
            raise InvalidDefinition(f"{what} reports check '{spec.name}' of '{spec.asset_key.text}' twice.")
        found[spec.get_python_identifier()] = spec.record
    return found
