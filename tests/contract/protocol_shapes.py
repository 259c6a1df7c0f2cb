"""The protocol's types, read from their one home ``labextension/src/protocol``, and whether a value has one."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).parents[2] / "labextension" / "src"
TOKEN = re.compile(r"'[^']*'|\w+|\?:|[{}\[\]<>|;:,()]")
Shape = tuple[Any, ...]


class _Reader:
    """Reads one TypeScript type into nested tuples."""

    def __init__(self, text: str) -> None:
        self.words = TOKEN.findall(text)

    def take(self, word: str | None = None) -> str:
        found = self.words.pop(0)
        assert word is None or found == word, f"expected {word}, found {found}"
        return found

    def at(self, word: str) -> bool:
        return bool(self.words) and self.words[0] == word

    def union(self) -> Shape:
        if self.at("|"):
            self.take()
        parts = [self.postfix()]
        while self.at("|"):
            self.take()
            parts.append(self.postfix())
        return parts[0] if len(parts) == 1 else ("union", parts)

    def postfix(self) -> Shape:
        found = self.simple()
        while self.at("["):
            self.take("[")
            if self.at("]"):
                found = ("array", found)
            else:
                found = ("field", found, self.take().strip("'"))
            self.take("]")
        return found

    def simple(self) -> Shape:
        word = self.take()
        if word == "{":
            return self.record()
        if word == "[":
            return ("tuple", self.listed("]"))
        if word == "(":
            found = self.union()
            self.take(")")
            return found
        if word.startswith("'") or word.isdigit() or word in ("true", "false"):
            return ("literal", word)
        if self.at("<"):
            self.take()
            return ("generic", word, self.listed(">"))
        return ("name", word)

    def listed(self, end: str) -> list[Shape]:
        found = [self.union()]
        while self.at(","):
            self.take()
            found.append(self.union())
        self.take(end)
        return found

    def record(self) -> Shape:
        fields: dict[str, tuple[bool, Shape]] = {}
        while not self.at("}"):
            name = self.take()
            is_needed = self.take() == ":"
            fields[name] = (is_needed, self.union())
            if self.at(";"):
                self.take()
        self.take("}")
        return ("record", fields)


def _without_comments(text: str) -> str:
    return re.sub(r"/\*.*?\*/|//[^\n]*", "", text, flags=re.DOTALL)


@functools.cache
def shapes() -> dict[str, Shape]:
    """Return every exported data type of the protocol by its name."""
    parts = [SOURCE / "protocol.ts", *sorted((SOURCE / "protocol").glob("*.ts"))]
    text = "".join(f"{_without_comments(part.read_text(encoding='utf-8'))}\n" for part in parts)
    found: dict[str, Shape] = {}
    for match in re.finditer(r"export interface (\w+)(?: extends ([^{]+))? (\{.*?\n\})", text, re.DOTALL):
        name, parent, body = match.groups()
        if name in ("Host", "Request"):
            continue
        shape = _Reader(body).union()
        found[name] = ("extends", _Reader(parent).union(), shape) if parent else shape
    for match in re.finditer(r"export type (\w+) =(.*?);\n(?=\S|\n)", text, re.DOTALL):
        if "keyof" not in match[2]:
            found[match[1]] = _Reader(match[2]).union()
    return found


def problems(value: Any, name: str) -> list[str]:
    """Return what keeps a value from being of the protocol's type ``name``, each with its path."""
    return _problems(value, ("name", name), name)


def operation_result(operation: str) -> Shape:
    """Return the type of an operation's result."""
    entry = _fields(shapes()["Operations"])[operation][1]
    return _fields(entry)["result"][1]


def problems_of_result(operation: str, value: Any) -> list[str]:
    """Return what keeps a value from being an answer to an operation."""
    return _problems(value, operation_result(operation), operation)


_PRIMITIVES: dict[str, Any] = {"string": str, "boolean": bool, "null": type(None), "never": ()}


def _problems(value: Any, shape: Shape, path: str) -> list[str]:
    match shape:
        case ("name", "unknown"):
            return []
        case ("name", "number"):
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            return [] if is_number else [f"{path}: {value!r} is no number"]
        case ("name", name) if name in _PRIMITIVES:
            return [] if isinstance(value, _PRIMITIVES[name]) else [f"{path}: {value!r:.80} is no {name}"]
        case ("name", name):
            return _problems(value, shapes()[name], path)
        case ("literal", word):
            wanted = {"true": True, "false": False}.get(word, int(word) if word.isdigit() else word.strip("'"))
            return [] if value == wanted else [f"{path}: {value!r:.80} is not {word}"]
        case ("union", parts):
            tried = [_problems(value, part, path) for part in parts]
            return [] if any(not each for each in tried) else min(tried, key=lambda each: (len(each), -len(str(each))))
        case ("array", part):
            if not isinstance(value, list | tuple):
                return [f"{path}: {value!r:.80} is no list"]
            return [each for place, item in enumerate(value) for each in _problems(item, part, f"{path}[{place}]")]
        case ("tuple", parts):
            if not isinstance(value, list | tuple) or len(value) != len(parts):
                return [f"{path}: {value!r:.80} is no list of {len(parts)}"]
            return [
                each for place, part in enumerate(parts) for each in _problems(value[place], part, f"{path}[{place}]")
            ]
        case ("generic", "Record", [_, part]):
            if not isinstance(value, dict):
                return [f"{path}: {value!r:.80} is no mapping"]
            return [each for key, item in value.items() for each in _problems(item, part, f"{path}.{key}")]
        case ("record", fields):
            return _of_record(value, fields, path)
        case ("extends", _, _) | ("generic", "Omit" | "Partial", _):
            return _of_record(value, _fields(shape), path)
        case ("field", owner, name):
            return _problems(value, _fields(owner)[name][1], path)
    raise AssertionError(f"no such type: {shape}")


def _fields(shape: Shape) -> dict[str, tuple[bool, Shape]]:
    match shape:
        case ("record", fields):
            return dict(fields)
        case ("generic", "Partial", [whole]):
            return {name: (False, part) for name, (_, part) in _fields(whole).items()}
        case ("name", name):
            return _fields(shapes()[name])
        case ("extends", parent, own):
            return {**_fields(parent), **_fields(own)}
        case ("generic", "Omit", [owner, names]):
            left_out = {word.strip("'") for _, word in (names[1] if names[0] == "union" else [names])}
            return {name: each for name, each in _fields(owner).items() if name not in left_out}
    raise AssertionError(f"not a record: {shape}")


def _of_record(value: Any, fields: dict[str, tuple[bool, Shape]], path: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{path}: {value!r:.80} is no record"]
    found = [f"{path}.{name}: missing" for name, (is_needed, _) in fields.items() if is_needed and name not in value]
    found += [f"{path}.{name}: unknown to the screen" for name in value if name not in fields]
    for name, (_, part) in fields.items():
        if name in value:
            found += _problems(value[name], part, f"{path}.{name}")
    return found
