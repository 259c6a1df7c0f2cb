"""Which names a cell's body needs from outside: those read before they are surely written.

Follows the order in which a notebook would run the lines (branches, loops, handlers; nested functions when first
used). Knows neither assets nor notebooks; the notebook floor asks this of every body that it compiles.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable, Iterable
from typing import Any, Final

from jobkernel.records import dataclass
from jobkernel.rules.embedded_names import names_in_call
from jobkernel.rules.scopes import (
    Comprehension,
    Function,
    Outer,
    around_function,
    children,
    names_bound_by,
    outer_names,
)

BUILTINS: Final = (frozenset(dir(builtins)) - {"_", "copyright", "credits", "license"}) | {
    "display",
    "get_ipython",
    "__file__",
}
"""Names that mean themselves in every body."""

_SUPPRESSING: Final = frozenset({"suppress", "raises", "ignored"})

State = frozenset[str] | None
"""Names surely written; None where execution never arrives."""


@dataclass(frozen=True, slots=True)
class SqlText:
    """A query written as a literal in a call; ``written`` are the names that the body has surely made by then."""

    text: str
    written: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyNames:
    """What a body does with names. ``reads`` come from outside, in order, without builtins and imports of the body."""

    reads: tuple[str, ...] = ()
    writes: frozenset[str] = frozenset()
    imports: frozenset[str] = frozenset()
    builtin_reads: frozenset[str] = frozenset()
    queries: tuple[SqlText, ...] = ()


def names_of(tree: ast.Module) -> BodyNames:
    """Return what plain cell code reads from outside, writes and imports."""
    flow = _Flow()
    flow.run(tree.body)
    return flow.found()


def names_of_function(tree: ast.Module, function: Function) -> BodyNames:
    """Return the same for a cell that holds one function (and imports): what defining and calling it needs."""
    flow = _Flow()
    flow.run(tree.body)
    flow.read_outer(flow.deferred.pop(function.name, Outer()))
    return flow.found()


def free_names(source: str) -> tuple[str, ...]:
    """Return the names that Python source reads before it has surely written them, in order of reading."""
    return names_of(ast.parse(source)).reads


def _meet(states: Iterable[State]) -> State:
    arriving = [state for state in states if state is not None]
    return frozenset.intersection(*arriving) if arriving else None


class _Flow:
    """Walks one scope in order of execution, knowing the names surely written so far."""

    def __init__(self) -> None:
        self.state: State = frozenset()
        self.reads: dict[str, None] = {}
        self.writes: set[str] = set()
        self.imports: set[str] = set()
        self.queries: dict[SqlText, None] = {}
        self.deferred: dict[str, Outer] = {}
        self.breaks: list[list[State]] = []

    def found(self) -> BodyNames:
        needed = [name for name in self.reads if name not in self.imports]
        return BodyNames(
            reads=tuple(name for name in needed if name not in BUILTINS),
            writes=frozenset(self.writes),
            imports=frozenset(self.imports),
            builtin_reads=frozenset(needed) & BUILTINS,
            queries=tuple(self.queries),
        )

    def run(self, nodes: Iterable[ast.AST]) -> None:
        for node in nodes:
            handler = _HANDLERS.get(type(node))
            if handler is None:
                self.run(children(node))
            else:
                handler(self, node)

    def visit(self, node: ast.AST | None) -> None:
        if node is not None:
            self.run((node,))

    def attribute(self, node: ast.Attribute) -> None:
        self.run((node.value,))

    def constant(self, _: ast.Constant) -> None:
        """Nothing is read or written."""

    def read(self, name: str) -> None:
        if self.state is not None and name not in self.state:
            self.reads.setdefault(name)
        later = self.deferred.pop(name, None)
        if later is not None:  # functions may name each other in a circle, so it is away while it is read
            self.read_outer(later)
            self.deferred[name] = later

    def read_outer(self, outer: Outer) -> None:
        self.writes.update(outer.writes)
        for name in outer.reads:
            self.read(name)
        for text in outer.queries:
            self.query(text)

    def query(self, text: str) -> None:
        self.queries.setdefault(SqlText(text, self.state or frozenset()))

    def write(self, name: str) -> None:
        self.writes.add(name)
        self.deferred.pop(name, None)
        if self.state is not None:
            self.state |= {name}

    def unwrite(self, name: str) -> None:
        if self.state is not None:
            self.state -= {name}

    def name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Store):
            self.write(node.id)
            return
        self.read(node.id)
        if isinstance(node.ctx, ast.Del):
            self.unwrite(node.id)

    def walrus(self, node: ast.NamedExpr) -> None:
        self.run([node.value, node.target])

    def either(self, *paths: Iterable[ast.AST]) -> None:
        """Run one of several paths: surely written is what each of them writes."""
        before, ends = self.state, []
        for path in paths:
            self.state = before
            self.run(path)
            ends.append(self.state)
        self.state = _meet(ends)

    def bool_op(self, node: ast.BoolOp) -> None:
        self.visit(node.values[0])
        self.either(node.values[1:], [])

    def compare(self, node: ast.Compare) -> None:
        self.run([node.left, node.comparators[0]])
        self.either(node.comparators[1:], [])

    def if_expression(self, node: ast.IfExp) -> None:
        self.visit(node.test)
        self.either([node.body], [node.orelse])

    def lambda_(self, node: ast.Lambda) -> None:
        self.run(default for default in (*node.args.defaults, *node.args.kw_defaults) if default is not None)
        self.read_outer(outer_names(node))

    def comprehension(self, node: Comprehension) -> None:
        self.visit(node.generators[0].iter)
        self.read_outer(outer_names(node))

    def call(self, node: ast.Call) -> None:
        self.run(children(node))
        reads, writes, query = names_in_call(node)
        for name in reads:
            self.read(name)
        for name in writes:
            self.write(name)
        if query is not None:
            self.query(query)

    def assign(self, node: ast.Assign) -> None:
        self.run([node.value, *node.targets])

    def annotated(self, node: ast.AnnAssign) -> None:
        self.visit(node.value)
        self.visit(node.annotation)
        if node.value is not None:
            self.visit(node.target)

    def augmented(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Name):
            self.read(node.target.id)
        self.run([node.value, node.target])

    def import_(self, node: ast.Import | ast.ImportFrom) -> None:
        for name in names_bound_by(node):
            self.imports.add(name)
            self.write(name)

    def function(self, node: Function) -> None:
        self.run(around_function(node))
        self.later(node.name, outer_names(node), used=bool(node.decorator_list))

    def class_(self, node: ast.ClassDef) -> None:
        self.run([*node.decorator_list, *node.bases, *(keyword.value for keyword in node.keywords)])
        body = _ClassFlow()
        body.run(node.body)
        self.read_outer(Outer(reads=body.reads, queries=[query.text for query in body.queries]))
        self.read_outer(body.at_once)
        self.later(node.name, body.methods, used=bool(node.decorator_list or node.keywords))

    def later(self, name: str, outer: Outer, *, used: bool) -> None:
        """Note what a function needs when it is first named; a decorator may call it at once."""
        if used:
            self.read_outer(outer)
        self.write(name)
        self.deferred[name] = outer

    def if_(self, node: ast.If) -> None:
        self.visit(node.test)
        self.either(node.body, node.orelse)

    def while_(self, node: ast.While) -> None:
        self.visit(node.test)
        endless = isinstance(node.test, ast.Constant) and bool(node.test.value)
        self.loop(node.body, node.orelse, after=None if endless else self.state)

    def for_(self, node: ast.For | ast.AsyncFor) -> None:
        self.visit(node.iter)
        self.loop([node.target, *node.body], node.orelse, after=self.state)

    def loop(self, body: list[Any], orelse: list[ast.stmt], *, after: State) -> None:
        before = self.state
        self.breaks.append([])
        for _ in range(2):  # the second round knows the functions that the first one defined
            self.state = before
            self.run(body)
        self.state = after
        breaks = self.breaks.pop()
        self.run(orelse)
        self.state = _meet([self.state, *breaks])

    def break_(self, _: ast.Break) -> None:
        if self.breaks:
            self.breaks[-1].append(self.state)
        self.state = None

    def leave(self, node: ast.stmt) -> None:
        self.run(children(node))
        self.state = None

    def try_(self, node: ast.Try) -> None:
        before = self.state
        self.run(node.body)
        self.run(node.orelse)
        ends = [self.state]
        at_a_failure = _less(before, _unbound_in(node.body))
        for handler in node.handlers:
            self.state = at_a_failure
            self.handler(handler)
            ends.append(self.state)
        at_the_end = _less(at_a_failure, _unbound_in([*node.orelse, *node.handlers]))
        self.finish(node.finalbody, before=at_the_end, after=_meet(ends))

    def handler(self, node: ast.ExceptHandler) -> None:
        self.visit(node.type)
        if node.name:
            self.write(node.name)
        self.run(node.body)
        if node.name:
            self.unwrite(node.name)

    def finish(self, statements: list[ast.stmt], *, before: State, after: State) -> None:
        """Run a ``finally``: it may start anywhere in the ``try``, and adds to what came of that."""
        self.state = before
        self.run(statements)
        if self.state is None or after is None or before is None:
            self.state = None
        else:
            self.state = (after - (before - self.state)) | (self.state - before)

    def with_(self, node: ast.With | ast.AsyncWith) -> None:
        for item in node.items:
            self.visit(item.context_expr)
            self.visit(item.optional_vars)
        if any(_may_suppress(item.context_expr) for item in node.items):
            self.either(node.body, [])
        else:
            self.run(node.body)

    def match(self, node: ast.Match) -> None:
        self.visit(node.subject)
        cases = [[case.pattern, *([case.guard] if case.guard else []), *case.body] for case in node.cases]
        is_total = any(case.guard is None and _takes_all(case.pattern) for case in node.cases)
        self.either(*cases, *([] if is_total else [[]]))

    def pattern(self, node: ast.MatchAs | ast.MatchStar | ast.MatchMapping) -> None:
        self.run(children(node))
        for name in names_bound_by(node):
            self.write(name)


def _less(state: State, names: set[str]) -> State:
    return None if state is None else state - names


def _unbound_in(nodes: list[Any]) -> set[str]:
    """Return the names that these statements may unbind: by ``del``, or as the name of a caught exception."""
    inside = [each for node in nodes for each in ast.walk(node)]
    deleted = {each.id for each in inside if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Del)}
    return deleted | {each.name for each in inside if isinstance(each, ast.ExceptHandler) and each.name}


class _ClassFlow(_Flow):
    """The body of a class: its functions, lambdas and comprehensions do not see the names that it binds."""

    def __init__(self) -> None:
        super().__init__()
        self.methods = Outer()
        self.at_once = Outer()

    def later(self, name: str, outer: Outer, *, used: bool) -> None:
        (self.at_once if used else self.methods).add(outer)
        self.write(name)

    def lambda_(self, node: ast.Lambda) -> None:
        self.run(default for default in (*node.args.defaults, *node.args.kw_defaults) if default is not None)
        self.at_once.add(outer_names(node))

    def comprehension(self, node: Comprehension) -> None:
        self.visit(node.generators[0].iter)
        self.at_once.add(outer_names(node))


def _may_suppress(expression: ast.expr) -> bool:
    call = expression.func if isinstance(expression, ast.Call) else expression
    name = call.attr if isinstance(call, ast.Attribute) else call.id if isinstance(call, ast.Name) else ""
    return name in _SUPPRESSING


def _takes_all(pattern: ast.pattern) -> bool:
    if isinstance(pattern, ast.MatchOr):
        return any(_takes_all(choice) for choice in pattern.patterns)
    return isinstance(pattern, ast.MatchAs) and (pattern.pattern is None or _takes_all(pattern.pattern))


def _method(name: str) -> Callable[[_Flow, Any], None]:
    return lambda flow, node: getattr(flow, name)(node)


_HANDLERS: Final[dict[type[ast.AST], Callable[[_Flow, Any], None]]] = {
    ast.Name: _Flow.name,
    ast.Attribute: _Flow.attribute,
    ast.Constant: _Flow.constant,
    ast.NamedExpr: _Flow.walrus,
    ast.BoolOp: _Flow.bool_op,
    ast.Compare: _Flow.compare,
    ast.IfExp: _Flow.if_expression,
    ast.Lambda: _method("lambda_"),
    **dict.fromkeys((ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp), _method("comprehension")),
    ast.Call: _Flow.call,
    ast.Assign: _Flow.assign,
    ast.AnnAssign: _Flow.annotated,
    ast.AugAssign: _Flow.augmented,
    **dict.fromkeys((ast.Import, ast.ImportFrom), _Flow.import_),
    **dict.fromkeys((ast.FunctionDef, ast.AsyncFunctionDef), _Flow.function),
    ast.ClassDef: _Flow.class_,
    ast.If: _Flow.if_,
    ast.While: _Flow.while_,
    **dict.fromkeys((ast.For, ast.AsyncFor), _Flow.for_),
    ast.Break: _Flow.break_,
    **dict.fromkeys((ast.Continue, ast.Return, ast.Raise), _Flow.leave),
    **dict.fromkeys((ast.Try, ast.TryStar), _Flow.try_),
    **dict.fromkeys((ast.With, ast.AsyncWith), _Flow.with_),
    ast.Match: _Flow.match,
    **dict.fromkeys((ast.MatchAs, ast.MatchStar, ast.MatchMapping), _Flow.pattern),
}
