"""Turn what people pass for assets and checks (definitions, keys, texts) into text keys. Used by AssetSelection."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from jobkernel.model.keys import AssetKey, key_text
from jobkernel.rules.universe import CheckKey


def is_definition(value: Any) -> bool:
    """Whether a value is a definition of one or more assets, told by its ``key`` or ``keys``."""
    return not isinstance(value, str | AssetKey) and (hasattr(value, "keys") or hasattr(value, "key"))


def keys_of(value: Any) -> Iterable[str]:
    """Return the keys that a definition defines, or the one key that a text or a list of parts names."""
    keys = getattr(value, "keys", None)
    if is_definition(value) and keys is not None:
        return map(key_text, keys() if callable(keys) else keys)
    return (key_text(value),)


def check_keys_of(value: Any) -> Iterable[CheckKey]:
    """Return the (asset key, check name) pairs of a check definition or of one check key."""
    keys = getattr(value, "check_keys", None)
    if keys is not None:
        return [(key_text(key.asset_key), key.name) for key in keys]
    return ((key_text(value.asset_key), value.name),)


def checked_depth(depth: int | None) -> int | None:
    """Return the depth; raise TypeError where it is no whole number of steps."""
    if depth is not None and not isinstance(depth, int):
        raise TypeError(f"A depth is a whole number of steps or None, not {depth!r}.")
    return depth
