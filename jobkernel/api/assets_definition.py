"""What ``@asset`` and its kin make: one or more assets, as people look at them. The ``record`` is what is run.

Knows how to describe and derive assets; knows no registry and no runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from jobkernel.api.composition import PendingInvocation, invoke, is_composing, merged_hooks
from jobkernel.api.declared_outputs import AssetCheckSpec
from jobkernel.api.keys import as_key
from jobkernel.api.refusals import refuse, refuse_unknown
from jobkernel.api.specs import IO_MANAGER_KEY, AssetSpec, check_own_upstream
from jobkernel.errors import InvalidDefinition, InvariantViolation, did_you_mean
from jobkernel.model.definitions import EMPTY, Assets, Graph, Op
from jobkernel.model.definitions import AssetSpec as SpecRecord
from jobkernel.model.keys import AssetCheckKey, AssetKey
from jobkernel.rules.names import check_group

_key = AssetKey.from_escaped_user_string


class AssetsDefinition:
    """One or more assets made together, or (``AssetsDefinition(specs=[…])``) declared as made elsewhere.

    ``record`` is the definition as the floors below know it. Definitions are told apart by identity.

    Raises:
        InvalidDefinition: no assets, or an argument that only Dagster takes.
    """

    __slots__ = ("__weakref__", "partition_mappings", "record")
    record: Assets
    partition_mappings: Mapping[str, Mapping[str, Any]]

    def __init__(
        self,
        *,
        specs: Sequence[AssetSpec] | None = None,
        node_def: Op | Graph | None = None,
        keys_by_input_name: Mapping[str, Any] | None = None,
        keys_by_output_name: Mapping[str, Any] | None = None,
        can_subset: bool = False,
        resource_defs: Mapping[str, Any] | None = None,
        backfill_policy: Any = None,
        hook_defs: Any = None,
        **unknown: Any,
    ) -> None:
        refuse_unknown("AssetsDefinition", unknown)
        deps = [as_key(key) for key in (keys_by_input_name or {}).values()]
        keys = {name: as_key(key) for name, key in (keys_by_output_name or {}).items()}
        made = list(specs) if specs is not None else [AssetSpec(key, deps=deps) for key in keys.values()]
        if not made:
            raise InvalidDefinition("AssetsDefinition needs specs, or a node with keys_by_output_name.")
        check_own_upstream(made)
        self.partition_mappings = _mappings(made)
        self.record = Assets(
            specs=with_mappings((spec.record for spec in made), self.partition_mappings),
            node=node_def,
            keys_by_input={name: as_key(key).text for name, key in (keys_by_input_name or {}).items()},
            keys_by_output={name: key.text for name, key in keys.items()},
            can_subset=can_subset,
            resource_defs=dict(resource_defs or {}),
            backfill=backfill_policy,
            hooks=merged_hooks((), hook_defs, "an asset"),
        )

    @classmethod
    def of(cls, record: Assets, partition_mappings: Mapping[str, Mapping[str, Any]] = EMPTY) -> AssetsDefinition:
        """Return the definition of a record; ``partition_mappings`` go by key text, then upstream key text."""
        made = cls.__new__(cls)
        if partition_mappings:
            record = replace(record, specs=with_mappings(record.specs, partition_mappings))
        made.record = record
        made.partition_mappings = partition_mappings
        return made

    @staticmethod
    def from_op(
        op_def: Op, *, key_prefix: Any = None, group_name: str | None = None, **options: Any
    ) -> AssetsDefinition:
        """Return the assets that the outputs of an op are; inputs are upstream assets of the same name."""
        from jobkernel.api.assets_from_nodes import assets_of_node

        return assets_of_node(op_def, key_prefix=key_prefix, group_name=group_name, **options)

    @staticmethod
    def from_graph(
        graph_def: Graph, *, key_prefix: Any = None, group_name: str | None = None, **options: Any
    ) -> AssetsDefinition:
        """Return the assets that the outputs of a graph are; inputs are upstream assets of the same name."""
        from jobkernel.api.assets_from_nodes import assets_of_node

        return assets_of_node(graph_def, key_prefix=key_prefix, group_name=group_name, **options)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function directly, as tests do, and return what it returns.

        In a ``@job`` this records an invocation of the op or graph behind the asset.
        """
        if isinstance(self.record.node, Graph) or is_composing():
            return invoke(PendingInvocation(self.node_def), args, kwargs)
        from jobkernel.api.invocation import invoke_assets

        return invoke_assets(self, *args, **kwargs)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(spec.key for spec in self.record.specs)})"

    def single_key_text(self) -> str:
        """Return the text of the only key; what marks a value as naming one asset."""
        return self.key.text

    @property
    def key(self) -> AssetKey:
        """The key of the only asset.

        Raises:
            InvariantViolation: there are several.
        """
        if len(self.record.specs) != 1:
            names = ", ".join(spec.key for spec in self.record.specs) or "none"
            raise InvariantViolation(f"This definition has no single key; its keys are {names}.")
        return _key(self.record.specs[0].key)

    @property
    def keys(self) -> set[AssetKey]:
        """The keys of all assets."""
        return {_key(spec.key) for spec in self.record.specs}

    @property
    def specs(self) -> list[AssetSpec]:
        """What is said of each asset."""
        return [AssetSpec.of(spec, self.partition_mappings.get(spec.key, EMPTY)) for spec in self.record.specs]

    @property
    def specs_by_key(self) -> dict[AssetKey, AssetSpec]:
        """What is said of each asset, by key."""
        return {spec.key: spec for spec in self.specs}

    def get_asset_spec(self, key: Any = None) -> AssetSpec:
        """Return what is said of one asset; without ``key``, of the only one.

        Raises:
            InvariantViolation: the key is none of these, or none is given and there are several.
        """
        wanted = self.key if key is None else as_key(key)
        specs = self.specs_by_key
        if wanted not in specs:
            names = [known.to_user_string() for known in specs]
            text = wanted.to_user_string()
            raise InvariantViolation(f"Asset '{text}' is not among {', '.join(names)}.{did_you_mean(text, names)}")
        return specs[wanted]

    @property
    def node_def(self) -> Op | Graph:
        """The op or graph that makes the assets.

        Raises:
            InvariantViolation: somebody else makes them.
        """
        if self.record.node is None:
            raise InvariantViolation(f"{self!r} is external: nothing here makes it.")
        return self.record.node

    @property
    def op(self) -> Op:
        """The op that makes the assets.

        Raises:
            InvariantViolation: a graph makes them, or somebody else.
        """
        node = self.node_def
        if not isinstance(node, Op):
            raise InvariantViolation(f"{self!r} is made by graph '{node.name}', not by one op.")
        return node

    @property
    def check_specs(self) -> list[AssetCheckSpec]:
        """What is said of each check."""
        return [AssetCheckSpec.of(check) for check in self.record.checks_by_output.values()]

    @property
    def check_keys(self) -> set[AssetCheckKey]:
        """The names of all checks."""
        return {spec.key for spec in self.check_specs}

    def with_attributes(
        self,
        *,
        asset_key_replacements: Mapping[AssetKey, AssetKey] = EMPTY,  # type: ignore[assignment]
        group_names_by_key: Mapping[AssetKey, str] = EMPTY,  # type: ignore[assignment]
        tags_by_key: Mapping[AssetKey, Mapping[str, str]] = EMPTY,  # type: ignore[assignment]
        legacy_freshness_policy: Any = None,
        automation_condition: Any = None,
        backfill_policy: Any = None,
        hook_defs: Any = None,
        metadata_by_key: Mapping[AssetKey, Mapping[str, Any]] | None = None,
    ) -> AssetsDefinition:
        """Return the same assets under other keys, groups, tags or metadata. Upstream keys are replaced too."""
        refuse("with_attributes", legacy_freshness_policy=legacy_freshness_policy)
        for key in group_names_by_key:
            check_group(group_names_by_key[key])

        def changed(spec: AssetSpec) -> AssetSpec:
            group = group_names_by_key.get(spec.key)
            if group is not None and spec.group_name not in (None, "default", group):
                name = spec.key.to_user_string()
                raise InvalidDefinition(
                    f"Asset '{name}' is in group '{spec.group_name}' already and cannot join '{group}'."
                )
            return spec.replace_attributes(
                group_name=group or spec.group_name,
                tags=tags_by_key.get(spec.key, spec.tags),
                metadata=(metadata_by_key or {}).get(spec.key, spec.metadata),
                automation_condition=automation_condition or spec.automation_condition,
            )

        made = self.map_asset_specs(changed)._renamed(
            {old.text: new.text for old, new in asset_key_replacements.items()}
        )
        hooks = merged_hooks(made.record.hooks, hook_defs, repr(self))
        record = replace(made.record, hooks=hooks, backfill=backfill_policy or made.record.backfill)
        return type(self).of(record, made.partition_mappings)

    def _renamed(self, texts: Mapping[str, str]) -> AssetsDefinition:
        if not texts:
            return self
        record = self.record
        return type(self).of(
            replace(
                record,
                specs=tuple(
                    replace(
                        spec, key=texts.get(spec.key, spec.key), deps=tuple(texts.get(dep, dep) for dep in spec.deps)
                    )
                    for spec in record.specs
                ),
                keys_by_input={name: texts.get(key, key) for name, key in record.keys_by_input.items()},
                keys_by_output={name: texts.get(key, key) for name, key in record.keys_by_output.items()},
                checks_by_output={
                    name: replace(
                        check,
                        asset_key=texts.get(check.asset_key, check.asset_key),
                        additional_deps=tuple(texts.get(dep, dep) for dep in check.additional_deps),
                    )
                    for name, check in record.checks_by_output.items()
                },
            ),
            {texts.get(key, key): mapping for key, mapping in self.partition_mappings.items()},
        )

    def map_asset_specs(self, fn: Callable[[AssetSpec], AssetSpec]) -> AssetsDefinition:
        """Return the same assets with what is said of each replaced by what ``fn`` makes of it.

        Raises:
            InvalidDefinition: ``fn`` changes a key, or the dependencies that parameters make.
        """
        made = [fn(spec) for spec in self.specs]
        for old, new in zip(self.record.specs, made, strict=True):
            if not isinstance(new, AssetSpec):
                raise InvalidDefinition(f"The function given for '{old.key}' must return an AssetSpec, not {new!r}.")
            if new.key.text != old.key:
                raise InvalidDefinition(
                    f"The function given for '{old.key}' must not change its key; rename with_attributes."
                )
            lost = set(self.record.keys_by_input.values()) & set(old.deps) - {dep.asset_key.text for dep in new.deps}
            if lost and self.record.node is not None:
                raise InvalidDefinition(
                    f"Asset '{old.key}' takes '{min(lost)}' as a parameter; it cannot leave its deps."
                )
        record = replace(self.record, specs=tuple(spec.record for spec in made))
        return type(self).of(record, _mappings(made))

    def with_resources(self, resource_defs: Mapping[str, Any]) -> AssetsDefinition:
        """Return the same assets with resources bound where none were."""
        record = replace(self.record, resource_defs={**resource_defs, **self.record.resource_defs})
        return type(self).of(record, self.partition_mappings)

    def with_hooks(self, hook_defs: Any) -> AssetsDefinition:
        """Return the same assets with hooks added."""
        hooks = merged_hooks(self.record.hooks, hook_defs, repr(self))
        return type(self).of(replace(self.record, hooks=hooks), self.partition_mappings)

    def to_source_asset(self, key: Any = None) -> AssetsDefinition:
        """Return one of the assets as one that somebody else makes."""
        spec = self.get_asset_spec(key).replace_attributes(deps=[], skippable=False)
        return AssetsDefinition(specs=[spec])

    def to_source_assets(self) -> list[AssetsDefinition]:
        """Return every asset as one that somebody else makes."""
        return [self.to_source_asset(key) for key in sorted(self.keys)]

    def __getattr__(self, name: str) -> Any:
        from jobkernel.api.asset_views import VIEWS

        view = VIEWS.get(name)
        if view is None:
            raise AttributeError(f"'{type(self).__name__}' has no attribute '{name}'.")
        return view(self)


def with_mappings(specs: Iterable[SpecRecord], mappings: Mapping[str, Mapping[str, Any]]) -> tuple[SpecRecord, ...]:
    """Return specs that know their partition mappings, given by key text and upstream key text."""
    return tuple(replace(spec, mappings=mappings[spec.key]) if spec.key in mappings else spec for spec in specs)


def _mappings(specs: Iterable[AssetSpec]) -> dict[str, dict[str, Any]]:
    return {
        spec.key.text: {key.text: mapping for key, mapping in spec.partition_mappings.items()}
        for spec in specs
        if spec.partition_mappings
    }


class SourceAsset(AssetsDefinition):
    """An asset that somebody else makes and an IO manager loads; the older word for :class:`AssetSpec`.

    Raises:
        InvalidDefinition: see :class:`AssetSpec`.
        Unsupported: an argument that only Dagster takes.
    """

    __slots__ = ()

    def __init__(
        self,
        key: Any,
        metadata: Mapping[str, Any] | None = None,
        io_manager_key: str | None = None,
        io_manager_def: Any = None,
        description: str | None = None,
        partitions_def: Any = None,
        group_name: str | None = None,
        resource_defs: Mapping[str, Any] | None = None,
        observe_fn: Any = None,
        op_tags: Any = None,
        *,
        auto_observe_interval_minutes: Any = None,
        automation_condition: Any = None,
        tags: Mapping[str, str] | None = None,
        **unknown: Any,
    ) -> None:
        refuse_unknown("SourceAsset", unknown)
        refuse(
            "SourceAsset",
            observe_fn=observe_fn,
            op_tags=op_tags,
            auto_observe_interval_minutes=auto_observe_interval_minutes,
            automation_condition=automation_condition,
        )
        asset_key = as_key(key)
        io = io_manager_key or (asset_key.to_python_identifier("io_manager") if io_manager_def is not None else None)
        stored = {IO_MANAGER_KEY: io} if io else {}
        spec = AssetSpec(
            asset_key,
            metadata={**(metadata or {}), **stored},
            description=description,
            partitions_def=partitions_def,
            group_name=group_name,
            tags=tags,
        )
        bound = {**(resource_defs or {}), **({io: io_manager_def} if io and io_manager_def is not None else {})}
        super().__init__(specs=[spec], resource_defs=bound)
