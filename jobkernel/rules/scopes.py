"""What a nested scope (function, lambda, comprehension, class in a function) takes from the scopes around it.

Python's own scoping rules on the syntax tree: parameters and assigned names are local, the rest comes from outside.
Knows nothing of order; :mod:`jobkernel.rules.free_names` asks this for scopes that run later or by themselves.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, TypeGuard

from jobkernel.rules.embedded_names import names_in_call

Function = ast.FunctionDef | ast.AsyncFunctionDef
Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp

_FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef)
_COMPREHENSIONS: Final = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


@dataclass(slots=True)
class Outer:
    """Names that a scope takes from outside, names that it writes there, and the literal queries in it."""

    reads: dict[str, None] = field(default_factory=dict)
    writes: set[str] = field(default_factory=set)
    queries: list[str] = field(default_factory=list)

    def add(self, other: Outer) -> None:
        """Take in what an inner scope needs."""
        self.reads.update(other.reads)
        self.writes.update(other.writes)
        self.queries.extend(other.queries)

    def without(self, local: set[str]) -> Outer:
        """Return the same for the scope around, which holds ``local`` names of its own."""
        reads = {name: None for name in self.reads if name not in local}
        return Outer(reads=reads, writes=self.writes - local, queries=self.queries)


def parameters_of(arguments: ast.arguments) -> list[ast.arg]:
    """Return all parameters in the order in which they are written."""
    starred = [argument for argument in (arguments.vararg, arguments.kwarg) if argument is not None]
    return [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, *starred]


def outer_names(node: Function | ast.Lambda | Comprehension) -> Outer:
    """Return what the scope of ``node`` takes from outside; defaults, decorators and annotations are not part of it."""
    scope = _Scope()
    if isinstance(node, _COMPREHENSIONS):
        scope.walk_comprehension(node)
    else:
        scope.local.update(argument.arg for argument in parameters_of(node.args))
        scope.walk(node.body if isinstance(node.body, list) else [node.body])
    return scope.outer()


def bound_names(statements: Iterable[ast.stmt]) -> set[str]:
    """Return the names that statements bind in their own scope, on any path."""
    scope = _Scope()
    scope.walk(statements)
    return scope.local | scope.declared


class _Scope:
    """Collects the names of one scope, whatever their order."""

    def __init__(self) -> None:
        self.local: set[str] = set()
        self.declared: set[str] = set()
        self.loads: dict[str, None] = {}
        self.inner = Outer()

    def outer(self) -> Outer:
        local = self.local - self.declared
        found = Outer(reads=dict(self.loads))
        found.add(self.inner)
        found.writes.update(self.declared & self.local)
        return found.without(local)

    def walk(self, nodes: Iterable[ast.AST]) -> None:
        stack = list(nodes)[::-1]
        while stack:
            node = stack.pop()
            found = self.take(node)
            stack.extend(reversed(list(ast.iter_child_nodes(node) if found is None else found)))

    def take(self, node: ast.AST) -> Iterable[ast.AST] | None:
        """Note what one node does with names; return what is left to walk (None: its children)."""
        match node:
            case ast.Name():
                self.take_name(node)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                return self.take_function(node)
            case ast.Lambda():
                self.inner.add(outer_names(node))
                return [default for default in (*node.args.defaults, *node.args.kw_defaults) if default is not None]
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                self.inner_comprehension(node)
                return [node.generators[0].iter]
            case ast.ClassDef():
                return self.take_class(node)
            case ast.AnnAssign(value=value):
                return [node.target] if value is None else [value, node.target]
            case ast.AugAssign(target=ast.Name(id=name)):
                self.loads.setdefault(name)
            case ast.Call():
                reads, _, query = names_in_call(node)
                self.loads.update(dict.fromkeys(reads))
                if query is not None:
                    self.inner.queries.append(query)
            case _:
                self.local.update(names_bound_by(node))
                self.take_declaration(node)
        return None

    def take_name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Store):
            self.local.add(node.id)
        else:
            self.loads.setdefault(node.id)

    def take_declaration(self, node: ast.AST) -> None:
        if isinstance(node, ast.Global | ast.Nonlocal):
            self.declared.update(node.names)

    def take_function(self, node: Function) -> list[ast.AST]:
        self.local.add(node.name)
        self.inner.add(outer_names(node))
        return list(around_function(node))

    def take_class(self, node: ast.ClassDef) -> list[ast.AST]:
        self.local.add(node.name)
        body = _Scope()
        body.walk(node.body)
        self.loads.update({name: None for name in body.loads if name not in body.local})
        self.inner.add(body.inner)  # methods do not see the names of the class
        return [*node.decorator_list, *node.bases, *(keyword.value for keyword in node.keywords)]

    def inner_comprehension(self, node: Comprehension) -> None:
        found = outer_names(node)
        self.local.update(found.writes)  # a walrus binds in the scope around
        found.writes = set()
        self.inner.add(found)

    def walk_comprehension(self, node: Comprehension) -> None:
        parts: list[ast.AST] = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        for index, generator in enumerate(node.generators):
            parts.extend([generator.target, *generator.ifs, *([generator.iter] if index else [])])
        walrus = {inner.target.id for part in parts for inner in ast.walk(part) if isinstance(inner, ast.NamedExpr)}
        self.walk(parts)
        self.declared |= walrus
        for name in walrus & self.loads.keys():
            if _is_made_by_conditions(name, node):
                del self.loads[name]


def _is_made_by_conditions(name: str, node: Comprehension) -> bool:
    """Whether a condition of the comprehension binds the name before anything of it reads it."""
    conditions = [inner for generator in node.generators for test in generator.ifs for inner in ast.walk(test)]
    made = [_end(inner) for inner in conditions if isinstance(inner, ast.NamedExpr) and inner.target.id == name]
    read = [(inner.lineno, inner.col_offset) for inner in conditions if _loads(inner, name)]
    return bool(made) and all(min(made) <= each for each in read)


def _end(node: ast.expr) -> tuple[int, int]:
    return node.end_lineno or 0, node.end_col_offset or 0


def _loads(node: ast.AST, name: str) -> TypeGuard[ast.Name]:
    return isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load)


def around_function(node: Function) -> Iterator[ast.AST]:
    """Yield what is evaluated where a function is defined: decorators, defaults, annotations."""
    yield from node.decorator_list
    yield from node.args.defaults
    yield from (default for default in node.args.kw_defaults if default is not None)
    for argument in parameters_of(node.args):
        if argument.annotation is not None:
            yield argument.annotation
    if node.returns is not None:
        yield node.returns


def names_bound_by(node: ast.AST) -> Iterable[str]:
    """Return the names that a node binds other than through :class:`ast.Name`."""
    match node:
        case ast.Import(names=aliases):
            return [alias.asname or alias.name.partition(".")[0] for alias in aliases]
        case ast.ImportFrom(names=aliases):
            return [alias.asname or alias.name for alias in aliases]
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            return [name]
        case ast.MatchMapping(rest=str(name)):
            return [name]
        case _ if type(node).__name__ in {"TypeVar", "ParamSpec", "TypeVarTuple"}:  # Python 3.12 and later
            return [str(node.name)]  # type: ignore[attr-defined]
        case _:
            return []
