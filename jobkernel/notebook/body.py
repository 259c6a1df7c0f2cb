"""The text of a definition cell, compiled: plain cell code, or one function.

Owns the two forms, the refusals, line numbers and what is the value. Knows no registry and no IPython shell (its
``transform_cell`` comes in as a function). :mod:`jobkernel.notebook.cells` makes definitions of it.
"""

from __future__ import annotations

import ast
import inspect
import linecache
import re
from collections.abc import Callable
from dataclasses import field
from types import (
    AsyncGeneratorType,
    BuiltinFunctionType,
    CodeType,
    CoroutineType,
    FunctionType,
    GeneratorType,
    MethodType,
    ModuleType,
)
from typing import Any, Final

from jobkernel.errors import InvalidDefinition, UnstorableValue
from jobkernel.model.keys import variable_name
from jobkernel.notebook.code_names import attribute_names
from jobkernel.records import dataclass
from jobkernel.rules.embedded_names import shell_variables
from jobkernel.rules.free_names import BodyNames, names_of, names_of_function
from jobkernel.rules.scopes import Function, bound_names, parameters_of

Transform = Callable[[str], str]

WORD: Final = re.compile(r"[^\W\d]\w*")
VALUE: Final = "__jobkernel_value__"
"""Where a compiled body leaves its last expression."""
CONTEXT_NAMES: Final = frozenset({"context", "_context", "context_", "_"})
"""First parameters that mean the context, as Dagster reads them."""

_EMPTY: Final = "The body of this {kind} is empty: write the code that {does}."
_DOES: Final = {"job": "calls its ops", "check": "says whether the asset is as it should be"}
_IMPORTS: Final = (ast.Import, ast.ImportFrom)
_FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef)
_OUTSIDE_FUNCTION: Final = {
    "'return' outside function": "has no 'return': end it with the value as its last expression",
    "'yield' outside function": "has no 'yield': end it with the value as its last expression",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter of a function form; the annotation and the default as they are written, not evaluated."""

    name: str
    annotation: str | None = None
    default: str | None = None
    is_variadic: bool = False
    is_positional_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CellBody:
    """A compiled body. ``function`` is the name of the function form, None for plain code.

    ``value_names`` are the variables whose values are the result; empty means the last expression, if there is one.
    """

    text: str
    cell_text: str
    filename: str
    first_line: int
    name: str
    names: BodyNames
    code: CodeType
    tree: ast.Module = field(compare=False, repr=False)
    function: str | None = None
    parameters: tuple[Parameter, ...] = ()
    returns: str | None = None
    context_parameter: str | None = None
    is_async: bool = False
    is_generator: bool = False
    has_value: bool = True
    resources: frozenset[str] = frozenset()
    description: str | None = None

    @property
    def variable(self) -> str:
        """The variable that holds the value: the last part of the key."""
        return variable_name(self.name)

    @property
    def assigns_name(self) -> bool:
        """Whether plain code assigns the variable of its own name."""
        return self.function is None and self.variable in self.names.writes

    @property
    def free_names(self) -> tuple[str, ...]:
        """The names read from outside, in order; parameters and the context are not among them."""
        given = {"context", *(parameter.name for parameter in self.parameters)}
        return tuple(name for name in self.names.reads if name not in given)

    @property
    def shell_variables(self) -> frozenset[str]:
        """The free names that may be variables of the shell: ``$name`` in ``!`` lines, and nothing else."""
        return shell_variables(self.tree)

    @property
    def query_words(self) -> frozenset[str]:
        """The words of literal queries, any of which may be an asset."""
        return frozenset(word for query in self.names.queries for word in WORD.findall(query.text))

    @property
    def attributes(self) -> frozenset[str]:
        """Every name that the code loads, attributes included."""
        return attribute_names(self.code)

    @property
    def takes_context(self) -> bool:
        """Whether the body uses the context."""
        return self.context_parameter is not None or "context" in self.names.reads


def parse_body(
    text: str,
    *,
    name: str | None = None,
    filename: str | None = None,
    first_line: int = 2,
    cell_text: str | None = None,
    transform: Transform | None = None,
    kind: str = "asset",
) -> CellBody:
    """Return the compiled body of a definition cell.

    ``name`` is the key text; ``first_line`` is the line of the cell at which ``text`` begins (the magic is line 1);
    ``transform`` makes Python of IPython's syntax; ``kind`` is the word for what is defined.

    Raises:
        InvalidDefinition: an empty body, a syntax error, two functions, names that differ, or something that a body
            cannot do; one sentence each.
    """
    if not text.strip():
        raise InvalidDefinition(_EMPTY.format(kind=kind, does=_DOES.get(kind, "makes its value")))
    filename = filename or f"<{kind} {name or 'cell'}>"
    cell = _Cell(text, first_line, f"{kind} '{name}'" if name else f"this {kind}")
    tree = cell.parse(filename, transform)
    if not tree.body:
        raise InvalidDefinition(_EMPTY.format(kind=kind, does=_DOES.get(kind, "makes its value")))
    form = _function_form(tree, cell)
    key = _key(name, form, kind)
    names = names_of(tree) if form is None else names_of_function(tree, form)
    cell.refuse(tree, names, form)
    code, has_value = cell.compile(tree, filename, None if form else variable_name(key), names)
    whole = cell_text if cell_text is not None else "\n" * (first_line - 1) + text
    remember_source(filename, whole)
    common: dict[str, Any] = {
        "text": text, "cell_text": whole, "filename": filename, "first_line": first_line, "name": key,
        "names": names, "tree": tree, "resources": _resources(text, tree), "has_value": has_value,
    }  # fmt: skip
    if form is None:
        plain = code.replace(co_name=variable_name(key), co_qualname=variable_name(key))
        return CellBody(code=plain, is_async=bool(code.co_flags & inspect.CO_COROUTINE), **common)
    return CellBody(code=code, **_function_details(form, code), **common)


def remember_source(filename: str, text: str) -> None:
    """Let tracebacks show the lines of a cell (an entry without a time is never checked against the disk)."""
    linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)


def check_value(value: Any, *, what: str) -> Any:
    """Return the value of a body.

    Raises:
        UnstorableValue: it is a function, module, coroutine or generator, which is no value of an asset.
    """
    for kinds, word, remedy in _NO_VALUES:
        if isinstance(value, kinds):
            if isinstance(value, CoroutineType):
                value.close()
            named = getattr(value, "__name__", "")
            raise UnstorableValue(f"The value of {what} is a {word}{f' ({named})' if named else ''}; {remedy}.")
    return value


_NO_VALUES: Final[tuple[tuple[tuple[type, ...], str, str], ...]] = (
    ((FunctionType, BuiltinFunctionType, MethodType), "function", "call it, so that the value is what it returns"),
    ((ModuleType,), "module", "end the body with a value"),
    ((GeneratorType, AsyncGeneratorType), "generator", "make a list of it"),
    ((CoroutineType,), "coroutine", "await it"),
)


class _Cell:
    """The text of one body while it is read: knows how to say what is wrong with it, and where."""

    def __init__(self, text: str, first_line: int, what: str) -> None:
        self.text = text
        self.first_line = first_line
        self.what = what

    def parse(self, filename: str, transform: Transform | None) -> ast.Module:
        padding = "\n" * (self.first_line - 1)
        try:
            return ast.parse(padding + self.text, filename)
        except SyntaxError as error:
            if transform is None:
                raise self.syntax_error(error) from None
        except (RecursionError, MemoryError, ValueError) as error:
            raise InvalidDefinition(f"The body of {self.what} cannot be read: {error}.") from None
        blank = len(self.text) - len(self.text.lstrip("\n"))  # the shell drops leading empty lines
        try:
            return ast.parse(padding + "\n" * blank + transform(self.text), filename)
        except SyntaxError as error:
            raise self.syntax_error(error) from None

    def compile(self, tree: ast.Module, filename: str, variable: str | None, names: BodyNames) -> tuple[CodeType, bool]:
        """Return the code and whether it leaves a value."""
        last = tree.body[-1]
        is_expression = variable is not None and isinstance(last, ast.Expr)
        if is_expression:
            target = ast.Name(id=VALUE, ctx=ast.Store())
            kept = ast.Assign(targets=[target], value=last.value, type_comment=None)  # type: ignore[attr-defined]
            ast.copy_location(target, last)
            tree = ast.Module(body=[*tree.body[:-1], ast.copy_location(kept, last)], type_ignores=[])
        flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        try:
            code = compile(tree, filename, "exec", flags=flags, dont_inherit=True)
        except SyntaxError as error:
            raise self.compile_error(error) from None
        except (RecursionError, ValueError) as error:
            raise InvalidDefinition(f"The body of {self.what} cannot be compiled: {error}.") from None
        return code, variable is None or is_expression or variable in names.writes

    def refuse(self, tree: ast.Module, names: BodyNames, form: Function | None) -> None:
        """Raise for what compiles but cannot be meant in a body."""
        if "*" in names.imports:
            raise InvalidDefinition(
                f"'import *' in {self.what} hides which names it uses; import the names one by one."
            )
        if "global" in self.text:
            self.refuse_global(tree, form)
        if "run_cell_magic" in names.builtin_reads or "%%" in self.text:
            self.refuse_cell_magic(tree)

    def refuse_global(self, tree: ast.Module, form: Function | None) -> None:
        own = bound_names(tree.body) if form is None else set()
        at_top = {id(node) for node in tree.body}
        for node in ast.walk(tree):
            if isinstance(node, ast.Global) and (id(node) in at_top or not own.issuperset(node.names)):
                raise InvalidDefinition(
                    f"'global {', '.join(node.names)}' in {self.what}, line {node.lineno}: what a body assigns is"
                    " private and never changes a notebook variable; make it part of the value."
                )

    def refuse_cell_magic(self, tree: ast.Module) -> None:
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr == "run_cell_magic":
                raise InvalidDefinition(
                    f"Line {node.lineno} of the cell is a cell magic inside {self.what}; its code could not be seen."
                    " Use the line magic (%time instead of %%time), or take it out."
                )

    def syntax_error(self, error: SyntaxError) -> InvalidDefinition:
        line = error.lineno or self.first_line
        lines = self.text.splitlines()
        index = line - self.first_line
        written = lines[index].strip() if 0 <= index < len(lines) else (error.text or "").strip()
        return InvalidDefinition(
            f"Line {line} of the cell is not Python, {error.msg}{_marked(error)}: {_shortened(written)}"
        )

    def compile_error(self, error: SyntaxError) -> InvalidDefinition:
        for message, sentence in _OUTSIDE_FUNCTION.items():
            if error.msg.startswith(message):
                return InvalidDefinition(
                    f"Line {error.lineno} of the cell: a body {sentence}, or write it as one function"
                    f" ('def {self.what.rpartition(' ')[2].strip(chr(39)) if chr(39) in self.what else 'name'}(...)')."
                )
        return self.syntax_error(error)


def _marked(error: SyntaxError) -> str:
    start, end = error.offset or 0, error.end_offset or 0
    if not error.text or error.lineno != error.end_lineno or end <= start or start < 1:
        return ""
    words = error.text[start - 1 : end - 1].strip()
    return f" at '{_shortened(words)}'" if words else ""


def _shortened(text: str, limit: int = 120) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _function_form(tree: ast.Module, cell: _Cell) -> Function | None:
    others = [node for node in tree.body if not isinstance(node, _IMPORTS) and not _is_text(node)]
    functions = [node for node in others if isinstance(node, _FUNCTIONS)]
    if not functions or len(functions) < len(others):
        return None
    if len(functions) > 1:
        found = ", ".join(f"'{function.name}'" for function in functions)
        raise InvalidDefinition(
            f"The body of {cell.what} holds {len(functions)} functions ({found}); keep one, and move the others to"
            " a cell of their own."
        )
    return functions[0]


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _key(name: str | None, form: Function | None, kind: str) -> str:
    if form is None:
        if name is None:
            raise InvalidDefinition(
                f"%%{kind} needs a name: '%%{kind} NAME', or a body that is one function, whose name it takes."
            )
        return name
    if name is not None and variable_name(name) != form.name:
        raise InvalidDefinition(
            f"The magic line names '{name}' and the function is '{form.name}'; give both one name, or leave out one"
            " of them."
        )
    return name if name is not None else form.name


def _function_details(form: Function, code: CodeType) -> dict[str, Any]:
    parameters = tuple(_parameters(form.args))
    if form.args.vararg is not None:
        raise InvalidDefinition(
            f"Function '{form.name}' takes '*{form.args.vararg.arg}', but inputs come by name; name each one."
        )
    first = parameters[0].name if parameters else None
    context = first if first in CONTEXT_NAMES else None
    codes = [constant for constant in code.co_consts if isinstance(constant, CodeType)]
    inner = next((each for each in codes if each.co_name == form.name), code)
    generator = inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR
    return {
        "function": form.name,
        "parameters": parameters[1:] if context else parameters,
        "returns": ast.unparse(form.returns) if form.returns else None,
        "context_parameter": context,
        "is_async": isinstance(form, ast.AsyncFunctionDef) or bool(code.co_flags & inspect.CO_COROUTINE),
        "is_generator": bool(inner.co_flags & generator),
        "description": ast.get_docstring(form),
    }


def _parameters(arguments: ast.arguments) -> list[Parameter]:
    defaults: dict[str, ast.expr] = {}
    positional = [*arguments.posonlyargs, *arguments.args]
    for argument, default in zip(reversed(positional), reversed(arguments.defaults), strict=False):
        defaults[argument.arg] = default
    for argument, keyword_default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        if keyword_default is not None:
            defaults[argument.arg] = keyword_default
    starred = {argument.arg for argument in (arguments.vararg, arguments.kwarg) if argument}
    return [
        Parameter(
            name=argument.arg,
            annotation=ast.unparse(argument.annotation) if argument.annotation else None,
            default=ast.unparse(defaults[argument.arg]) if argument.arg in defaults else None,
            is_variadic=argument.arg in starred,
            is_positional_only=argument in arguments.posonlyargs,
        )
        for argument in parameters_of(arguments)
    ]


def _resources(text: str, tree: ast.Module) -> frozenset[str]:
    """Return the names after ``context.resources.``, which the body needs."""
    if "resources" not in text:
        return frozenset()
    return frozenset(
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Attribute)
        and node.value.attr == "resources"
        and isinstance(node.value.value, ast.Name)
    )
