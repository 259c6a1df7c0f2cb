"""Fingerprints of cells and functions: their source, and what they reach through the notebook, followed by name.

Functions and classes of the notebook and of the project's files are followed as source, packages by version, plain
values by content; everything else by its type. The rules are in :mod:`jobkernel.rules.fingerprint`.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any, Final

from jobkernel.notebook.code_names import attribute_names, global_names
from jobkernel.notebook.function_source import function_part
from jobkernel.notebook.packages import file_of, is_local, is_standard, top_level, version_of
from jobkernel.notebook.twins import functions_in
from jobkernel.rules.constants import canonical
from jobkernel.rules.fingerprint import NOT_FOLLOWED, OWN, Fingerprint, Part, part_of, source_part

_SHELL_NAMES: Final = frozenset(
    {"get_ipython", "In", "Out", "_", "__", "___", "_ih", "_oh", "_dh", "exit", "quit", "open"}
)
_CLASS_NOISE: Final = frozenset(
    {"__module__", "__dict__", "__weakref__", "__doc__", "__qualname__", "__annotations__", "__firstlineno__",
     "__static_attributes__", "__match_args__", "__dataclass_fields__", "__dataclass_params__", "__abstractmethods__",
     "_abc_impl", "__annotate__", "__annotate_func__", "__annotations_cache__"}
)  # fmt: skip


class Follower:
    """Collects the parts of one fingerprint. ``namespace`` is the notebook's, ``project`` the project's folder."""

    def __init__(self, namespace: Mapping[str, Any], project: str | None) -> None:
        self.namespace = namespace
        self.project = project
        self.parts: dict[str, Part] = {}
        self.seen: set[int] = set()

    def names(self, names: Iterable[str], scope: Mapping[str, Any], *, used: frozenset[str] = frozenset()) -> None:
        """Follow those of the names that ``scope`` holds; ``used`` are the attribute names that the code loads."""
        for name in names:
            if name in scope and name not in _SHELL_NAMES:
                self.value(name, scope[name], used)

    def value(self, name: str, value: Any, used: frozenset[str] = frozenset()) -> None:
        """Follow one value under the name by which it is reached."""
        if isinstance(value, ModuleType):
            self.module(value, used)
        elif isinstance(value, FunctionType):
            self.function(name, value)
        elif isinstance(value, type):
            self.class_(name, value)
        elif isinstance(value, functools.partial):
            self.value(name, value.func)
            self.constant(f"{name}.partial", (value.args, value.keywords))
        elif isinstance(value, MethodType):
            self.value(name, value.__func__)
        elif isinstance(value, BuiltinFunctionType):
            self.package(value.__module__ or "builtins")
        elif isinstance(getattr(value, "__wrapped__", None), FunctionType):
            self.function(name, value.__wrapped__)
        else:
            self.constant(name, value)

    def constant(self, name: str, value: Any) -> None:
        text = canonical(value)
        if text is None:
            kind = type(value)
            text = f"{kind.__module__}.{kind.__qualname__}{NOT_FOLLOWED}"
            if self.is_ours(kind):
                self.class_(kind.__qualname__, kind)
        self.parts.setdefault(f"constant:{name}", part_of(text))

    def function(self, name: str, function: FunctionType) -> None:
        if id(function) in self.seen:
            return
        self.seen.add(id(function))
        if not self.is_ours(function):
            self.package(function.__module__ or "builtins")
            self.around(name, function)
            return
        self.parts.setdefault(f"helper:{name}", function_part(function))
        self.around(name, function)
        code = function.__code__
        self.names(global_names(code), function.__globals__, used=attribute_names(code))

    def around(self, name: str, function: FunctionType) -> None:
        """Follow what a function carries with it: closure cells, and defaults that are no literals."""
        for inner, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            try:
                content = cell.cell_contents
            except ValueError:
                continue
            if inner != "__class__":
                self.carried(f"{name}.{inner}", content)
        for index, value in enumerate(function.__defaults__ or ()):
            self.carried(f"{name}.default{index}", value)
        for inner, value in (function.__kwdefaults__ or {}).items():
            self.carried(f"{name}.{inner}", value)
        wrapped = getattr(function, "__wrapped__", None)
        if isinstance(wrapped, FunctionType):
            self.function(name if not self.is_ours(function) else f"{name}.__wrapped__", wrapped)

    def carried(self, name: str, value: Any) -> None:
        if isinstance(value, FunctionType) and not self.is_ours(value) and value.__closure__ is None:
            return
        if id(value) not in self.seen or not isinstance(value, FunctionType | type):
            self.value(name, value)

    def class_(self, name: str, kind: type) -> None:
        if id(kind) in self.seen:
            return
        self.seen.add(id(kind))
        if not self.is_ours(kind):
            self.package(kind.__module__)
            return
        self.parts.setdefault(f"helper:{name}", part_of(self.described(name, kind)))
        for base in kind.__bases__:
            if base is not object:
                self.class_(base.__qualname__, base)

    def described(self, name: str, kind: type) -> str:
        """Return a class as text: its bases, fields and plain attributes; its functions become parts of their own."""
        annotations = vars(kind).get("__annotations__") or {}
        lines = [f"class {kind.__qualname__}({', '.join(base.__qualname__ for base in kind.__bases__)}):"]
        lines += [f"    {field}: {_annotation(annotation)}" for field, annotation in annotations.items()]
        parameters = vars(kind).get("__dataclass_params__")
        lines += [f"    # {parameters!r}"] if parameters is not None else []
        for member, value in vars(kind).items():
            if member in _CLASS_NOISE:
                continue
            functions = [each for each in functions_in(value) if each.__code__.co_filename != "<string>"]
            for function in functions:
                if self.is_ours(function):
                    self.function(f"{name}.{member}", function)
            if not functions and (text := canonical(value)) is not None:
                lines.append(f"    {member} = {text}")
        return "\n".join(lines)

    def module(self, module: ModuleType, used: frozenset[str]) -> None:
        if not is_local(getattr(module, "__file__", None), self.project):
            self.package(module.__name__)
            return
        held = vars(module)
        self.names(sorted(used & held.keys()), held, used=used)

    def imported(self, module: str) -> None:
        """Follow a module that a body imports: by version, or as the source of the project's file."""
        top = top_level(module)
        if is_standard(top):
            return
        path = file_of(top)
        if is_local(path, self.project):
            self.file(top, Path(str(path)))
        else:
            self.package(top)

    def file(self, module: str, path: Path) -> None:
        name = f"helper:{module}"
        if name in self.parts:
            return
        tree = _tree_of(str(path), path.stat().st_mtime_ns)
        if tree is None:
            return
        self.parts[name], imports = tree
        for inner in imports:
            self.imported(inner)

    def package(self, module: str) -> None:
        top = top_level(module)
        if not is_standard(top):
            self.parts.setdefault(f"package:{top}", part_of(f"{top}=={version_of(top) or 'unknown'}"))

    def is_ours(self, value: Any) -> bool:
        """Whether a function or class was written in the notebook or in a file of the project."""
        if isinstance(value, FunctionType):
            return value.__globals__ is self.namespace or is_local_code(value.__code__, self.project)
        if value.__module__ == "__main__" or value.__module__ == self.namespace.get("__name__"):
            return True
        return not is_standard(value.__module__) and is_local(file_of_class(value.__module__), self.project)


def is_local_code(code: CodeType, project: str | None) -> bool:
    """Whether compiled code comes from a file of the project."""
    return _is_local_file(code.co_filename, project)


@functools.lru_cache(maxsize=4096)
def _is_local_file(filename: str, project: str | None) -> bool:
    return not filename.startswith("<") and is_local(filename, project)


def file_of_class(module: str) -> str | None:
    """Return the file of a loaded module."""
    import sys

    return getattr(sys.modules.get(module), "__file__", None)


@functools.lru_cache(maxsize=256)
def _tree_of(path: str, _changed_at: int) -> tuple[Part, tuple[str, ...]] | None:
    try:
        tree = ast.parse(Path(path).read_bytes())
    except (OSError, SyntaxError, ValueError):
        return None
    return source_part(tree), imported_modules(tree)


def imported_modules(tree: ast.AST) -> tuple[str, ...]:
    """Return the modules that code imports by absolute name."""
    found: dict[str, None] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(dict.fromkeys(alias.name for alias in node.names))
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found[node.module] = None
    return tuple(found)


def _annotation(annotation: Any) -> str:
    return annotation if isinstance(annotation, str) else getattr(annotation, "__qualname__", repr(annotation))


def fingerprint_function(function: Any, memo: dict[Any, Any], *, project: str | None = None) -> Fingerprint:
    """Return the fingerprint of a function of a script: its source and what it reaches in its own module's project.

    ``project`` is the folder whose files are followed as source: by default, the folder of the function's file.
    """
    key = ("jobkernel.notebook.following", id(function))
    if key not in memo:
        memo[key] = (function, _function_fingerprint(function, project))
    found: Fingerprint = memo[key][1]
    return found


def _function_fingerprint(function: Any, project: str | None) -> Fingerprint:
    inner = function
    while inner is not None and not isinstance(inner, FunctionType):
        inner = getattr(inner, "__wrapped__", None) or getattr(inner, "func", None)
    if not isinstance(inner, FunctionType):
        return Fingerprint({OWN: part_of(repr(type(function)))})
    folder = project or str(Path(inner.__code__.co_filename).parent)
    follower = Follower(inner.__globals__, folder)
    follower.seen.add(id(inner))
    follower.parts[OWN] = function_part(inner)
    follower.around(inner.__name__, inner)
    follower.names(global_names(inner.__code__), inner.__globals__, used=attribute_names(inner.__code__))
    return Fingerprint(follower.parts)
