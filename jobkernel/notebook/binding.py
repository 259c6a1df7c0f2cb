"""Notebook variables that runs bound: whose value each holds, and whether a newer one is stored by now.

A variable changes only in a cell that names it; what became older meanwhile is told. Made once per notebook kernel.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from jobkernel.engine.freshness import version_of
from jobkernel.engine.session import Session
from jobkernel.model.keys import variable_name
from jobkernel.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """What a variable was bound to: the asset, the version of its value, and the identity of the object."""

    key: str
    version: str | None
    value_id: int


class Bindings:
    """The variables that runs bound. ``names`` gives the notebook's variables."""

    def __init__(self, session: Session, names: Callable[[], dict[str, Any]]) -> None:
        self._session = session
        self._names = names
        self._bound: dict[str, Bound] = {}
        self._told: set[tuple[str, str | None]] = set()

    def bind(self, keys: Iterable[str]) -> list[str]:
        """Bind the stored values of assets to their names; return what that did, in words.

        Assets without a value are left out.
        """
        return [self._bind(key, variable_name(key)) for key in keys if self._session.has_value(key)]

    def bind_partition(self, keys: Iterable[str], partition: str) -> None:
        """Bind the values of one partition of assets to the assets' names, as far as they are stored."""
        for key in keys:
            name = variable_name(key)
            if name.isidentifier() and self._session.asset_values.has_partition(key, partition):
                self._names()[name] = self._session.load(key, partition)
                self._bound.pop(name, None)

    def renew(self, keys: Iterable[str]) -> list[str]:
        """Bind as :meth:`bind` does, apart from variables that are the stored values already."""
        return self.bind([key for key in keys if not self._is_current(variable_name(key), key)])

    def _bind(self, key: str, name: str) -> str:
        if not name.isidentifier():
            return f"{name} can be no variable; jk.load({key!r}) gives its value"
        words = f"{'replaced' if name in self._names() else 'bound'} {name}"
        version = self._version(key)
        value = self._session.load(key)
        self._names()[name] = value
        self._bound[name] = Bound(key=key, version=version, value_id=id(value))
        return words

    def holds(self, name: str) -> bool:
        """Whether a variable still is an asset's value that a run bound to it."""
        names, bound = self._names(), self._bound.get(name)
        return bound is not None and name in names and bound.value_id == id(names[name])

    def is_older(self, name: str) -> bool:
        """Whether a variable still is what a run bound to it, while its asset was made again since."""
        return self.holds(name) and self._version(self._bound[name].key) not in (None, self._bound[name].version)

    def older_words(self) -> list[str]:
        """Return a sentence for each variable that became older than its asset, each once per new value."""
        return [words for name in list(self._bound) if (words := self._older(name))]

    def older_words_in(self, code: str) -> list[str]:
        """Return the same for the variables that occur in ``code``."""
        return [words for name in list(self._bound) if re.search(rf"\b{name}\b", code) and (words := self._older(name))]

    def _older(self, name: str) -> str | None:
        if not self.is_older(name):
            return None
        key = self._bound[name].key
        news = (name, self._version(key))
        if news in self._told:
            return None
        self._told.add(news)
        return f"the variable {name} is older than its asset; %materialize {key} --stale renews it"

    def _is_current(self, name: str, key: str) -> bool:
        bound = self._bound.get(name)
        return bound is not None and bound.key == key and self.holds(name) and bound.version == self._version(key)

    def _version(self, key: str) -> str | None:
        made = self._session.states.made(key)
        return version_of(made) if made is not None and made.is_told else None  # a report brings no value
