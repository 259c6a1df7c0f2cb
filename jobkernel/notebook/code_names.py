"""Which global names compiled code loads, nested functions included. Reads bytecode; runs nothing."""

from __future__ import annotations

import dis
import re
from functools import lru_cache
from types import CodeType
from typing import Final

_LOADS: Final = {
    dis.opmap[name]: 1 if name == "LOAD_GLOBAL" else 0
    for name in ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS")
    if name in dis.opmap
}
"""Operations that load a global, and by how many bits their argument is shifted."""
_EXTENDED: Final = dis.opmap["EXTENDED_ARG"]
_STORE_NAME: Final = dis.opmap["STORE_NAME"]
_BINDS: Final = {dis.opmap["STORE_GLOBAL"], dis.opmap["DELETE_GLOBAL"]}
_REACHES_ALL: Final = frozenset({"globals", "vars", "locals", "eval", "exec"})
_TEXT_CALLS: Final = frozenset({"sql", "execute", "query", "eval"})
_WORD: Final = re.compile(r"[^\W\d]\w*")


@lru_cache(maxsize=4096)
def global_names(code: CodeType) -> tuple[str, ...]:
    """Return the global names that code may load, sorted.

    Where it calls ``sql``, ``execute``, ``query`` or ``eval``, the words of its literal texts count too, since such a
    text may name a variable.
    """
    found = _loaded(code)
    if not _TEXT_CALLS.isdisjoint(code.co_names):
        for constant in code.co_consts:
            if isinstance(constant, str):
                found.update(_WORD.findall(constant))
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            found.update(global_names(constant))
    return tuple(sorted(found))


def _loaded(code: CodeType) -> set[str]:
    found: set[str] = set()
    stored: set[str] = set()
    extension = 0
    names, operations = code.co_names, code.co_code
    for index in range(0, len(operations), 2):
        operation, argument = operations[index], operations[index + 1] | extension
        extension = argument << 8 if operation == _EXTENDED else 0
        if operation in _LOADS:
            name = names[argument >> _LOADS[operation]]
            if name not in stored:  # what a class body has bound itself is its own
                found.add(name)
        elif operation == _STORE_NAME:
            stored.add(names[argument])
    return found


@lru_cache(maxsize=4096)
def may_touch_any_global(code: CodeType) -> bool:
    """Whether code binds global names, or calls what reaches them by text, nested functions included."""
    operations = code.co_code
    return (
        not _REACHES_ALL.isdisjoint(code.co_names)
        or any(operations[index] in _BINDS for index in range(0, len(operations), 2))
        or any(may_touch_any_global(constant) for constant in code.co_consts if isinstance(constant, CodeType))
    )


@lru_cache(maxsize=4096)
def attribute_names(code: CodeType) -> frozenset[str]:
    """Return every name that code and its nested functions load, attributes included."""
    inner = [attribute_names(constant) for constant in code.co_consts if isinstance(constant, CodeType)]
    return frozenset(code.co_names).union(*inner)
