"""Which parameters of an asset's function are which upstream assets, and what else it depends on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from jobkernel.api.declarations import UNSET, In, is_nothing
from jobkernel.api.ops import inputs_of
from jobkernel.api.signatures import Signature
from jobkernel.api.specs import AssetIn, as_deps, own_upstream
from jobkernel.errors import InvalidDefinition
from jobkernel.model.definitions import EMPTY, Input
from jobkernel.model.keys import AssetKey, key_identifier
from jobkernel.model.names import is_name
from jobkernel.rules.names import check_name


class Upstream(NamedTuple):
    """What an asset's function takes: inputs with their keys, all dependencies, and partition mappings by key."""

    inputs: tuple[Input, ...]
    keys_by_input: Mapping[str, str]
    deps: tuple[str, ...]
    mappings: Mapping[str, Any]

    def without_own(self, key: AssetKey) -> Upstream:
        """Return the same where an asset is its own upstream, by earlier partitions.

        Raises:
            InvalidDefinition: no partition mapping says which.
        """
        if key.text not in self.mappings:
            raise own_upstream(key)
        return self._replace(deps=tuple(dep for dep in self.deps if dep != key.text))


def read_inputs(signature: Signature, ins: Mapping[str, Any] | None, deps: Iterable[Any] | None, what: str) -> Upstream:
    """Return what the parameters, ``ins`` and ``deps`` of an asset say together.

    Raises:
        InvalidDefinition: a declared input is no parameter, two name one asset, or a dependency contradicts one.
    """
    if not ins and (not deps or (type(deps) in (list, tuple) and all(map(_is_plain, deps)))):
        return _of_parameters(signature, deps or (), what)
    declared = {name: AssetIn.from_coercible(item) for name, item in (ins or {}).items()}
    loaded = {name: item for name, item in declared.items() if not is_nothing(item.dagster_type)}
    inputs = inputs_of(signature, {name: _as_in(item) for name, item in loaded.items()}, what)
    keys = {item.name: _key_of(item.name, declared) for item in inputs}
    _check_distinct(keys, what)
    mappings = {
        _key_of(n, declared): i.partition_mapping for n, i in declared.items() if i.partition_mapping is not None
    }
    upstream = dict.fromkeys([*keys.values(), *(_key_of(name, declared) for name in declared if name not in loaded)])
    for dep in as_deps(deps):
        text = dep.asset_key.text
        _check_input_name(dep.asset_key, what)
        _check_beside(text, declared, what)
        upstream[text] = None
        if dep.partition_mapping is not None:
            mappings[text] = dep.partition_mapping
    return Upstream(inputs, keys, tuple(upstream), mappings)


def _of_parameters(signature: Signature, ordering: Iterable[str], what: str) -> Upstream:
    """Return what parameters and other keys say; a parameter's name is its key's text."""
    if not signature.inputs:
        return Upstream((), EMPTY, tuple(dict.fromkeys(ordering)), EMPTY)
    names = [item.name for item in signature.inputs]
    keys = dict(zip(names, names, strict=True))
    return Upstream(inputs_of(signature, {}, what), keys, tuple({**keys, **dict.fromkeys(ordering)}), EMPTY)


def _is_plain(dep: Any) -> bool:
    """Whether a dependency is the text of a key of one part, of which there is nothing more to check."""
    return type(dep) is str and is_name(key_identifier(dep))


def _as_in(item: AssetIn) -> In:
    return In(item.dagster_type, metadata=item.metadata, input_manager_key=item.input_manager_key)


def _key_of(name: str, declared: Mapping[str, AssetIn]) -> str:
    return declared[name].resolve_key(name).text if name in declared else AssetKey((name,)).text


def _check_distinct(keys: Mapping[str, str], what: str) -> None:
    seen: dict[str, str] = {}
    for name, key in keys.items():
        other = seen.setdefault(key, name)
        if other != name:
            raise InvalidDefinition(f"{what} takes asset '{key}' both as '{other}' and as '{name}'; take it once.")


def _check_input_name(key: AssetKey, what: str) -> None:
    """Raise for a text such as ``a/b``, which is a key of one part here and hardly ever meant."""
    if any("/" in part for part in key.parts):
        parts = [piece for part in key.parts for piece in part.split("/")]
        raise InvalidDefinition(
            f"{what} depends on '{key.to_user_string()}' as a key of one part; write {parts} for several."
        )
    check_name(key_identifier("_".join(key.parts)), f"{what} depends on an asset whose")


def _check_beside(text: str, declared: Mapping[str, AssetIn], what: str) -> None:
    """Raise where a dependency and an input of the same asset both say more than its key."""
    for name, item in declared.items():
        says_more = (
            item.metadata or item.key_prefix or item.dagster_type is not UNSET or item.partition_mapping is not None
        )
        if item.resolve_key(name).text == text and says_more:
            raise InvalidDefinition(
                f"{what} names '{text}' in ins and in deps; say what is special of it in deps only."
            )
