"""How an asset is named: :class:`AssetKey` for people, one text per key inside.

The text joins the parts with ``/``; a ``/`` inside a part is escaped, so a text names exactly one key.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import total_ordering
from typing import Any, NamedTuple

from jobkernel.errors import InvalidDefinition

_SPLIT = re.compile(r"(?<!\\)/")


@total_ordering
class AssetKey:
    """The name of an asset: one or more parts, shown joined by ``/``.

    ``AssetKey("a")`` and ``AssetKey(["a"])`` are the same key; ``AssetKey(["a", "b"])`` is ``a/b``.
    Source: Dagster's ``AssetKey``.

    Raises:
        InvalidDefinition: no part, or a part that is not text.
    """

    __slots__ = ("_text", "parts")

    def __init__(self, path: str | Sequence[str] | None = None, *, parts: Sequence[str] | None = None) -> None:
        given = parts if path is None else path
        self.parts: tuple[str, ...] = (given,) if isinstance(given, str) else tuple(given or ())
        if not self.parts or not all(isinstance(part, str) for part in self.parts):
            raise InvalidDefinition(f"An asset key is text or a non-empty list of texts, not {given!r}.")
        self._text = "/".join(part.replace("/", "\\/") for part in self.parts)

    @property
    def path(self) -> list[str]:
        """The parts, first to last."""
        return list(self.parts)

    @property
    def text(self) -> str:
        """The one text under which jobkernel knows this key."""
        return self._text

    def to_user_string(self) -> str:
        """Return the parts joined by ``/``, as people write it."""
        return "/".join(self.parts)

    def to_escaped_user_string(self) -> str:
        """Return the text that names exactly this key (a ``/`` inside a part is escaped)."""
        return self._text

    def to_python_identifier(self, suffix: str | None = None) -> str:
        """Return the parts joined by ``__``, with ``-`` and ``.`` turned into ``_``."""
        return key_identifier("__".join([*self.parts, suffix] if suffix is not None else self.parts))

    def to_string(self) -> str:
        """Return the parts as JSON text, the form in which Dagster stores keys."""
        import json

        return json.dumps(list(self.parts))

    def has_prefix(self, prefix: Sequence[str]) -> bool:
        """Whether the key begins with these parts."""
        return len(self.parts) >= len(prefix) and list(self.parts[: len(prefix)]) == list(prefix)

    def with_prefix(self, prefix: str | Sequence[str]) -> AssetKey:
        """Return the key with parts put before its own."""
        return AssetKey([*([prefix] if isinstance(prefix, str) else prefix), *self.parts])

    @classmethod
    def from_user_string(cls, text: str) -> AssetKey:
        """Return the key that ``a/b`` names."""
        return cls(text.split("/"))

    @classmethod
    def from_escaped_user_string(cls, text: str) -> AssetKey:
        """Return the key of a text made by :meth:`to_escaped_user_string`."""
        return cls([part.replace("\\/", "/") for part in _SPLIT.split(text)])

    @classmethod
    def from_coercible(cls, value: Any) -> AssetKey:
        """Return the key of a key, a text, a list of texts, or a definition with one asset.

        Raises:
            InvalidDefinition: the value names no single asset.
        """
        if isinstance(value, AssetKey):
            return value
        if isinstance(value, str):
            return cls([value])
        if isinstance(value, Iterable) and not hasattr(value, "keys"):
            return cls([str(part) for part in value])
        key = getattr(value, "key", None)
        if isinstance(key, AssetKey):
            return key
        raise InvalidDefinition(f"{value!r} is no asset key; give a text, a list of texts or one asset.")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AssetKey) and self.parts == other.parts

    def __lt__(self, other: AssetKey) -> bool:
        return self.parts < other.parts

    def __hash__(self) -> int:
        return hash(self.parts)

    def __repr__(self) -> str:
        return f"AssetKey({list(self.parts)!r})"


class AssetCheckKey(NamedTuple):
    """The name of an asset check: its asset, and its own name on it. Source: Dagster's ``AssetCheckKey``."""

    asset_key: AssetKey
    name: str

    def to_user_string(self) -> str:
        """Return ``asset:name``."""
        return f"{self.asset_key.to_user_string()}:{self.name}"


def key_identifier(joined: str) -> str:
    """Return the joined parts of a key with ``-`` and ``.``, which keys may hold and step names not, as ``_``."""
    return joined.replace("-", "_").replace(".", "_")


def key_text(value: Any) -> str:
    """Return the text of anything that names one asset; ``a/b`` as people write it is a key of two parts."""
    if isinstance(value, str):
        return AssetKey.from_user_string(value).text
    return AssetKey.from_coercible(value).text


def variable_name(text: str) -> str:
    """Return the notebook variable of a key: the last part, ``b`` for ``a/b``."""
    return AssetKey.from_escaped_user_string(text).parts[-1] if "/" in text else text


def shown_steps(run: Mapping[str, Any] | None) -> dict[str, str]:
    """Return what people call the steps of a run, by step key: the asset that one makes, ``asset:check`` of a check.

    ``run`` is a row of the run, None where nothing is known of it.
    """
    if run is None:
        return {}
    return {step_key(key): key for key in run["assets"] or ()} | (run["checks"] or {})


def step_called(name: str, known: Collection[str], run: Mapping[str, Any] | None) -> str | None:
    """Return the key of the step of a run that people call so, or None; ``known`` are the keys of its steps."""
    of_titles = {title: key for key, title in shown_steps(run).items()}
    called = (name, of_titles.get(name, name), name.replace("/", "__"))
    return next((key for key in called if key in known), None)


def step_key(text: str) -> str:
    """Return the step key of an asset: its parts joined by ``__``."""
    return text.replace("\\/", "__").replace("/", "__")
