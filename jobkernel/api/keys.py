"""What the Dagster door takes for an asset: keys, texts, lists of parts, specs and definitions.

A text is one part here, as in Dagster: ``"a/b"`` is the key with the one part ``a/b``; ``["a", "b"]`` has two.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from jobkernel.errors import InvalidDefinition
from jobkernel.model.keys import AssetKey


def as_key(value: Any) -> AssetKey:
    """Return the key of a key, a text, a list of parts, a spec or a definition of one asset.

    Raises:
        InvalidDefinition: it names no single asset.
    """
    if isinstance(value, AssetKey):
        return value
    if isinstance(value, str):
        return AssetKey((value,))
    if isinstance(value, (list, tuple)):
        return AssetKey(tuple(value))
    key = getattr(value, "asset_key", None) or getattr(value, "key", None)
    if isinstance(key, AssetKey):
        return key
    raise InvalidDefinition(
        f"{value!r} names no asset; give a key, a text, a list of texts or a definition of one asset."
    )


def as_prefix(prefix: str | Sequence[str] | None) -> tuple[str, ...]:
    """Return the parts of a key prefix.

    Raises:
        InvalidDefinition: it is neither a text nor a list of texts.
    """
    if prefix is None:
        return ()
    parts = (prefix,) if isinstance(prefix, str) else tuple(prefix)
    if not all(isinstance(part, str) for part in parts):
        raise InvalidDefinition(f"A key prefix is a text or a list of texts, not {prefix!r}.")
    return tuple(part for part in parts if part)


def key_for(name: str, *, key: Any, prefix: Any, own_name: str | None, decorator: str) -> AssetKey:
    """Return the key of an asset made of a function called ``name``.

    Raises:
        InvalidDefinition: ``key`` is given beside a name or prefix.
    """
    if key:
        if own_name or prefix:
            raise InvalidDefinition(f"{decorator} takes either key, or name and key_prefix, not both.")
        return as_key(key)
    if not prefix:
        return AssetKey((own_name or name,))
    return AssetKey((*as_prefix(prefix), own_name or name))


def texts(keys: Iterable[AssetKey]) -> tuple[str, ...]:
    """Return the texts of keys."""
    return tuple(key.text for key in keys)
