"""What a nested scope (function, lambda, comprehension, class in a function) takes from the scopes around it.

Python's own scoping rules on the syntax tree: parameters and assigned names are local, the rest comes from outside.
Knows nothing of order; :mod:`jobkernel.rules.free_names` asks this for scopes that run later or by themselves.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from dataclasses import field
from typing import Any, Final, TypeGuard

from jobkernel.records import dataclass
from jobkernel.rules.embedded_names import names_in_call

Function = ast.FunctionDef | ast.AsyncFunctionDef
Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp

TYPE_PARAMETERS: Final[tuple[type[ast.AST], ...]] = tuple(
    getattr(ast, name) for name in ("TypeVar", "ParamSpec", "TypeVarTuple") if hasattr(ast, name)
)
"""The nodes of ``def f[T]``, which Python 3.12 brought."""
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


_NO_TREE: Final = frozenset(
    {"ctx", "op", "ops", "id", "attr", "arg", "name", "names", "module", "level", "kind", "conversion", "simple"}
) | {"type_comment", "type_ignores", "rest", "kwd_attrs"}
"""Fields that hold no nodes, or none that names hide in."""
_FIELDS: Final[dict[type[ast.AST], tuple[str, ...]]] = {}


def children(node: ast.AST) -> list[ast.AST]:
    """Return the nodes right below one, in order, without contexts and operators."""
    kind = type(node)
    fields = _FIELDS.get(kind)
    if fields is None:
        fields = _FIELDS[kind] = tuple(name for name in kind._fields if _holds_nodes(kind, name))
    found: list[ast.AST] = []
    for name in fields:
        value = getattr(node, name, None)
        if isinstance(value, list):
            found.extend(item for item in value if item is not None)
        elif isinstance(value, ast.AST):
            found.append(value)
    return found


def _holds_nodes(kind: type[ast.AST], field: str) -> bool:
    if kind.__name__ == "TypeAlias":  # Python 3.12 and later; its name is a node
        return True
    return kind is not ast.Constant and field not in _NO_TREE


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
        self.walruses: set[str] = set()

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
            take = _TAKES.get(type(node))
            found = children(node) if take is None else take(self, node)
            stack.extend(reversed(found))

    def name(self, node: ast.Name) -> list[ast.AST]:
        if isinstance(node.ctx, ast.Store):
            self.local.add(node.id)
        else:
            self.loads.setdefault(node.id)
        return []

    def declaration(self, node: ast.Global | ast.Nonlocal) -> list[ast.AST]:
        self.declared.update(node.names)
        return []

    def binding(self, node: ast.AST) -> list[ast.AST]:
        self.local.update(names_bound_by(node))
        return children(node)

    def walrus(self, node: ast.NamedExpr) -> list[ast.AST]:
        self.walruses.add(node.target.id)
        return children(node)

    def annotated(self, node: ast.AnnAssign) -> list[ast.AST]:
        return [node.target] if node.value is None else [node.value, node.target]

    def augmented(self, node: ast.AugAssign) -> list[ast.AST]:
        if isinstance(node.target, ast.Name):
            self.loads.setdefault(node.target.id)
        return [node.value, node.target]

    def call(self, node: ast.Call) -> list[ast.AST]:
        reads, _, query = names_in_call(node)
        self.loads.update(dict.fromkeys(reads))
        if query is not None:
            self.inner.queries.append(query)
        return children(node)

    def lambda_(self, node: ast.Lambda) -> list[ast.AST]:
        self.inner.add(outer_names(node))
        return [default for default in (*node.args.defaults, *node.args.kw_defaults) if default is not None]

    def function(self, node: Function) -> list[ast.AST]:
        self.local.add(node.name)
        self.inner.add(outer_names(node))
        return list(around_function(node))

    def class_(self, node: ast.ClassDef) -> list[ast.AST]:
        self.local.add(node.name)
        body = _Scope()
        body.walk(node.body)
        self.loads.update({name: None for name in body.loads if name not in body.local})
        self.inner.add(body.inner)  # methods do not see the names of the class
        return [*node.decorator_list, *node.bases, *(keyword.value for keyword in node.keywords)]

    def comprehension(self, node: Comprehension) -> list[ast.AST]:
        self.inner_comprehension(node)
        return [node.generators[0].iter]

    def inner_comprehension(self, node: Comprehension) -> None:
        found = outer_names(node)
        self.local.update(found.writes)  # a walrus binds in the scope around
        found.writes = set()
        self.inner.add(found)

    def walk_comprehension(self, node: Comprehension) -> None:
        parts: list[ast.AST] = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        for index, generator in enumerate(node.generators):
            parts.extend([generator.target, *generator.ifs, *([generator.iter] if index else [])])
        self.walk(parts)
        self.declared |= self.walruses
        for name in self.walruses & self.loads.keys():
            if _is_made_by_conditions(name, node):
                del self.loads[name]


_TAKES: Final[dict[type[ast.AST], Callable[[_Scope, Any], list[ast.AST]]]] = {
    ast.Name: _Scope.name,
    **dict.fromkeys((ast.Global, ast.Nonlocal), _Scope.declaration),
    **dict.fromkeys((ast.Import, ast.ImportFrom, ast.ExceptHandler), _Scope.binding),
    **dict.fromkeys((ast.MatchAs, ast.MatchStar, ast.MatchMapping), _Scope.binding),
    **dict.fromkeys(TYPE_PARAMETERS, _Scope.binding),
    ast.NamedExpr: _Scope.walrus,
    ast.AnnAssign: _Scope.annotated,
    ast.AugAssign: _Scope.augmented,
    ast.Call: _Scope.call,
    ast.Lambda: _Scope.lambda_,
    **dict.fromkeys(_FUNCTIONS, _Scope.function),
    ast.ClassDef: _Scope.class_,
    **dict.fromkeys(_COMPREHENSIONS, _Scope.comprehension),
}


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
        case _ if type(node) in TYPE_PARAMETERS:
            return [str(node.name)]  # type: ignore[attr-defined]
        case _:
            return []
