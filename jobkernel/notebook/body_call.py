"""Calling a compiled body: its own fresh names, the context, inputs and parameters bound, the value taken out.

What is called is a :class:`BodyCall`: picklable by cloudpickle, the same in every executor. Made at launch by
:mod:`jobkernel.notebook.cells`; called by the step runner.
"""

from __future__ import annotations

import builtins
import inspect
import linecache
from collections.abc import Callable, Mapping
from dataclasses import field
from types import CodeType
from typing import Any, Final

from jobkernel.errors import InvariantViolation
from jobkernel.notebook.body import VALUE, CellBody, check_value, remember_source
from jobkernel.notebook.capture import ByReference, Launch
from jobkernel.notebook.children import running
from jobkernel.notebook.dependencies import Resolution
from jobkernel.records import dataclass

PARAMS: Final = "__params__"
"""The argument under which a body gets the values of its ``--param``s."""

_CONTAINERS: Final = (list, dict, set)


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What of a compiled body is needed to run it."""

    code: CodeType
    filename: str
    cell_text: str
    what: str
    function: str | None = None
    parameters: tuple[str, ...] = ()
    positional: frozenset[str] = frozenset()
    takes_all: bool = False
    takes_context: bool = False
    context_parameter: str | None = None
    is_async: bool = False
    is_generator: bool = False
    value_names: tuple[str, ...] = ()
    needs: frozenset[str] = frozenset()


def program_of(body: CellBody, *, outputs: tuple[str, ...] = (), kind: str = "asset") -> Program:
    """Return the program of a body; several ``outputs`` are its variables of these names, where it assigns them all."""
    wanted = outputs if len(outputs) > 1 else (body.variable,)
    assigned = wanted if body.function is None and body.names.writes.issuperset(wanted) else ()
    return Program(
        code=body.code,
        filename=body.filename,
        cell_text=body.cell_text,
        what=f"{kind} '{body.name}'",
        function=body.function,
        parameters=tuple(parameter.name for parameter in body.parameters if not parameter.is_variadic),
        positional=frozenset(parameter.name for parameter in body.parameters if parameter.is_positional_only),
        takes_all=any(parameter.is_variadic for parameter in body.parameters),
        takes_context=body.takes_context,
        context_parameter=body.context_parameter,
        is_async=body.is_async,
        is_generator=body.is_generator,
        value_names=assigned,
        needs=body.names.builtin_reads & {"get_ipython", "display"},
    )


@dataclass(slots=True)
class BodyCall:
    """A body with what it uses of the notebook: an op's ``compute``. An ``async`` body returns a coroutine."""

    program: Program
    scope: dict[str, Any] = field(default_factory=dict)
    private: tuple[str, ...] = ()
    by_reference: tuple[ByReference, ...] = ()

    @property
    def __signature__(self) -> inspect.Signature:
        """What callers may pass by position: the context, where the body takes one."""
        names = ["context"] if self.program.takes_context else []
        positional = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_ONLY) for name in names]
        return inspect.Signature([*positional, inspect.Parameter("given", inspect.Parameter.VAR_KEYWORD)])

    def __reduce__(self) -> tuple[Any, ...]:
        from jobkernel.notebook.travel import packed, restored

        state = (self.program, self.scope, self.private, self.by_reference)
        what, used = self.program.what, self.by_reference
        return restored, (type(self), packed(state, what=what, variables=self.scope, by_reference=used))

    def __call__(self, *context: Any, **given: Any) -> Any:
        """Run the body with the context (where it takes one), inputs, resources and parameters by name."""
        program = self.program
        scope = self.fresh_scope(context, given)
        if program.is_async and not (program.function and program.is_generator):
            return self.run_async(scope, given)
        with running(scope):
            exec(program.code, scope)  # noqa: S102  - this is the notebook's own code
            if program.function is None:
                return self.checked(self.value_in(scope))
            return self.checked(self.call_function(scope, given))

    def composed(self, given: Mapping[str, Any]) -> Callable[..., Any]:
        """Return what composes a graph when called: the function of the body, or its plain code without arguments."""
        scope = self.fresh_scope((), given)

        def plain() -> Any:
            exec(self.program.code, scope)  # noqa: S102  - this is the notebook's own code
            return scope.get(VALUE)

        if self.program.function is None:
            return plain
        exec(self.program.code, scope)  # noqa: S102  - this is the notebook's own code
        function: Callable[..., Any] = scope[self.program.function]
        return function

    async def run_async(self, scope: dict[str, Any], given: Mapping[str, Any]) -> Any:
        """Await the body, or its function, whichever is asynchronous."""
        with running(scope):
            made = eval(self.program.code, scope)  # noqa: S307  - this is the notebook's own code
            if made is not None:
                await made
            if self.program.function is None:
                return self.checked(self.value_in(scope))
            made = self.call_function(scope, given)
            return self.checked(await made if hasattr(made, "__await__") else made)

    def fresh_scope(self, context: tuple[Any, ...], given: Mapping[str, Any]) -> dict[str, Any]:
        program = self.program
        if program.filename not in linecache.cache:
            remember_source(program.filename, program.cell_text)
        scope: dict[str, Any] = {"__name__": "__main__", **self.scope}
        if self.private:
            copies = Launch({})
            scope.update((name, copies.value(scope[name])) for name in self.private)
        if program.needs:
            scope.update(_stand_ins(program.needs))
        scope.update(given.get(PARAMS) or {})
        scope.update((name, value) for name, value in given.items() if name != PARAMS)
        if context:
            scope["context"] = context[0]
        return scope

    def call_function(self, scope: dict[str, Any], given: Mapping[str, Any]) -> Any:
        program = self.program
        every = {**given, **(given.get(PARAMS) or {})}
        every.pop(PARAMS, None)
        names = every if program.takes_all else program.parameters
        first = [scope["context"]] if program.context_parameter else []
        first += [every[name] for name in names if name in program.positional and name in every]
        rest = {name: every[name] for name in names if name in every and name not in program.positional}
        return scope[program.function or ""](*first, **rest)

    def value_in(self, scope: dict[str, Any]) -> Any:
        names = self.program.value_names
        if len(names) > 1:
            return tuple(scope[name] for name in names)
        if names and names[0] in scope:
            return scope[names[0]]
        if names and VALUE not in scope:
            raise InvariantViolation(
                f"The body of {self.program.what} ended without a value: '{names[0]}' is assigned on some paths only."
            )
        return scope.get(VALUE)

    def checked(self, value: Any) -> Any:
        if self.program.is_generator:
            return value
        return check_value(value, what=self.program.what)


def bind(program: Program, resolution: Resolution, launch: Launch) -> BodyCall:
    """Return the body over the notebook variables that it uses, as they are now."""
    namespace = launch.namespace
    shared = set(launch.frozen)
    names = [name for name in resolution.variables if name in namespace]
    scope = {name: launch.name(name) for name in names}
    reached = shared | (launch.frozen.keys() - set(names))
    private = tuple(name for name in names if type(scope[name]) in _CONTAINERS and name not in reached)
    used = tuple(launch.by_reference[name] for name in names if name in launch.by_reference)
    return BodyCall(program=program, scope=scope, private=private, by_reference=used)


def _stand_ins(needs: frozenset[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if "get_ipython" in needs:
        from jobkernel.notebook.shell_calls import get_ipython

        found["get_ipython"] = get_ipython
    if "display" in needs and not hasattr(builtins, "display"):
        from IPython.display import display

        found["display"] = display
    return found
