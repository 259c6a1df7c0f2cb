"""What a value was made by, as named parts with a hash and a text each, and what differs between two of them.

The same code gives the same hashes in every process and Python version; comments, formatting, docstrings never count.
Knows no notebook: the notebook floor collects the parts, the engine compares them.
"""

from __future__ import annotations

import ast
import difflib
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import field
from functools import partial
from typing import Any, Final, NamedTuple

from jobkernel.model.definitions import EMPTY
from jobkernel.records import dataclass

TEXT_LIMIT: Final = 20_000
"""Characters of a part's text that are kept; the hash is always of the whole."""

OWN: Final = "own"
CHOSEN: Final = "config"
"""The part that tells parameters which were given at a launch; where none were, there is no such part."""
NOT_FOLLOWED: Final = " (not followed)"
"""How the text of a variable ends of which only the type is told."""
_WHAT: Final = {
    "own": "code",
    "helper": "helper",
    "constant": "constant",
    "package": "packages",
    "params": "config",
    "config": "config",
    "upstream": "upstream",
}
_ORDER: Final = ("code", "helper", "constant", "config", "packages", "upstream", "missing")
_F_STRING: Final = re.compile(r"""\b(?:[fF][rR]?|[rR][fF])['"]""")
_DOCUMENTED: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Module)
_BLOCKS: Final = ("body", "orelse", "handlers", "finalbody", "cases")


class Part(NamedTuple):
    """One part: a hash of all of it, and its text for people."""

    hash: str
    text: str


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Named parts: ``own``, ``helper:f``, ``constant:n``, ``package:m``, ``params``, ``config``, ``upstream:key``."""

    parts: Mapping[str, Part] = field(default=EMPTY)

    def hashes(self) -> dict[str, str]:
        """Return the hash of each part."""
        return {name: part.hash for name, part in self.parts.items()}

    def combined(self) -> str:
        """Return one hash of all parts, whatever their order."""
        lines = [f"{len(name)}:{name}={part.hash}" for name, part in sorted(self.parts.items())]
        return digest("\n".join(lines))

    def not_followed(self) -> dict[str, str]:
        """Return the variables of which only the type is part of this, by name, each with its type."""
        found = {name.removeprefix("constant:"): part.text for name, part in self.parts.items()}
        return {name: text.removesuffix(NOT_FOLLOWED) for name, text in found.items() if text.endswith(NOT_FOLLOWED)}

    def adding(self, texts: Mapping[str, str]) -> Fingerprint:
        """Return the same with further parts."""
        return Fingerprint({**self.parts, **{name: part_of(text) for name, text in texts.items()}})

    def to_json(self) -> dict[str, Any]:
        """Return the parts as JSON-able values."""
        return {name: {"hash": part.hash, "text": part.text} for name, part in self.parts.items()}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Fingerprint:
        """Return the fingerprint that :meth:`to_json` gave; a bare hash is a part without text."""
        parts = {}
        for name, part in stored.items():
            parts[name] = Part(part["hash"], part.get("text", "")) if isinstance(part, Mapping) else Part(str(part), "")
        return cls(parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One part that differs. ``what``: code, helper, constant, packages, config, upstream, or missing (not there now).

    ``before`` and ``after`` are None where the part was not there; ``diff`` is as :func:`diff_lines` gives it.
    """

    what: str
    name: str
    before: str | None
    after: str | None
    diff: tuple[tuple[str, str], ...] = ()


def fingerprint_of(texts: Mapping[str, str | Part]) -> Fingerprint:
    """Return the fingerprint of parts given as texts (or as parts made before)."""
    return Fingerprint({name: text if isinstance(text, Part) else part_of(text) for name, text in texts.items()})


def part_of(text: str, *, hashed: str | None = None) -> Part:
    """Return the part of a text; ``hashed`` is hashed in its place where it is the more stable form."""
    kept = text if len(text) <= TEXT_LIMIT else f"{text[:TEXT_LIMIT]}\n… {len(text) - TEXT_LIMIT} more characters"
    return Part(digest(text if hashed is None else hashed), kept)


def digest(text: str) -> str:
    """Return a short hash of a text."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def source_part(tree: ast.AST) -> Part:
    """Return the part of Python code. Its docstrings are taken out of ``tree``."""
    strip_docstrings(tree)
    text = ast.unparse(tree)
    return part_of(text, hashed=_without_f_strings(tree) if _F_STRING.search(text) else None)


def normalised_source(source: str) -> str:
    """Return Python source without docstrings, comments and formatting."""
    return source_part(ast.parse(source)).text


def strip_docstrings(tree: ast.AST) -> None:
    """Take docstrings out of a tree, in place."""
    stack = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, _DOCUMENTED) and _is_text(node.body[0]) and _may_strip(node):
            node.body = node.body[1:] or [ast.Pass()]
        for name in _BLOCKS:
            block = getattr(node, name, ())
            stack.extend(block if isinstance(block, list) else ())  # the body of a lambda is no block


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _may_strip(node: ast.AST) -> bool:
    """A cell that is nothing but a text has that text as its value."""
    return not (isinstance(node, ast.Module) and len(node.body) == 1)


def _without_f_strings(tree: ast.AST) -> str:
    """Return the source with its f-strings as calls: the quotes that unparse gives them differ between versions."""
    found = list(_f_strings(tree))
    try:
        for place, f_string in found:
            place(_as_call(f_string))
        return ast.unparse(tree)
    finally:
        for place, f_string in found:
            place(f_string)


def _f_strings(tree: ast.AST) -> Iterator[tuple[Callable[[ast.AST], None], ast.JoinedStr]]:
    """Yield the outermost f-strings, each with what puts another node in its place."""
    stack = [tree]
    while stack:
        node = stack.pop()
        for name in node._fields:
            value = getattr(node, name, None)
            if isinstance(value, ast.JoinedStr):
                yield partial(setattr, node, name), value
            elif isinstance(value, ast.AST):
                stack.append(value)
            elif isinstance(value, list):
                for index, item in enumerate(value):
                    if isinstance(item, ast.JoinedStr):
                        yield partial(value.__setitem__, index), item
                    elif isinstance(item, ast.AST):
                        stack.append(item)


def _as_call(node: ast.AST) -> Any:
    """Return an f-string, or a piece of one, as a call or tuple over its pieces; they may hold f-strings again."""
    if isinstance(node, ast.JoinedStr):
        return ast.Call(ast.Name("__f__"), [_as_call(piece) for piece in _pieces(node)], [])
    if isinstance(node, ast.FormattedValue):
        spec = [_as_call(node.format_spec)] if node.format_spec is not None else []
        value = ast.Constant(_without_f_strings(ast.Expression(node.value)))
        return ast.Tuple([value, ast.Constant(node.conversion), *spec], ast.Load())
    return node


def _pieces(string: ast.JoinedStr) -> list[ast.expr]:
    """Return the pieces of an f-string, texts joined and none empty: versions of Python differ there."""
    pieces: list[ast.expr] = []
    for piece in string.values:
        if isinstance(piece, ast.Constant) and piece.value == "":
            continue
        last = pieces[-1] if pieces else None
        if isinstance(piece, ast.Constant) and isinstance(last, ast.Constant):
            pieces[-1] = ast.Constant(str(last.value) + str(piece.value))
        else:
            pieces.append(piece)
    return pieces


def compare(old: Fingerprint, new: Fingerprint) -> list[Change]:
    """Return what differs between two fingerprints, own code first."""
    changes = [
        _change(name, old.parts.get(name), new.parts.get(name))
        for name in {**old.parts, **new.parts}
        if _hash(old.parts.get(name)) != _hash(new.parts.get(name))
    ]
    return sorted(changes, key=lambda change: (_ORDER.index(change.what), change.name))


def _hash(part: Part | None) -> str | None:
    return None if part is None else part.hash


def _change(name: str, old: Part | None, new: Part | None) -> Change:
    kind, _, rest = name.partition(":")
    what = _WHAT.get(kind, "code") if new is not None or name == CHOSEN else "missing"
    before, after = old and old.text, new and new.text
    return Change(what=what, name=rest or kind, before=before, after=after, diff=diff_lines(before or "", after or ""))


def diff_lines(before: str, after: str, context: int = 3) -> tuple[tuple[str, str], ...]:
    """Return the lines that differ, with a few around them, as (mark, line).

    The marks are ``-``, ``+`` and a space, and ``…`` for lines left out.
    """
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=context)
    found: list[tuple[str, str]] = []
    for index, line in enumerate(lines):
        if index < 2:  # the two file names
            continue
        if line.startswith("@@"):
            found.extend([("…", "")] if found else [])
        else:
            found.append((line[0], line[1:]))
    return tuple(found)


def joined(texts: Iterable[str]) -> str:
    """Return one text of several, each with its length before it, so that other pieces never give the same."""
    return "".join(f"{len(text)}:{text}" for text in texts)
