"""What a function's signature says: which parameters are context, config, resources and inputs, and what it returns.

Reads the code object directly, since ``inspect.signature`` would dominate the cost of a definition.
Knows no definitions; the decorators ask it.
"""

from __future__ import annotations

import builtins
import collections.abc
import inspect
import sys
import textwrap
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from jobkernel.errors import InvalidDefinition, InvariantViolation
from jobkernel.model.definitions import NO_VALUE

CONTEXT_NAMES: Final = frozenset({"context", "_", "_context", "context_"})
CONTEXT_TYPES: Final = frozenset({"AssetExecutionContext", "OpExecutionContext", "AssetCheckExecutionContext"})
UNKNOWN: Final = inspect.Parameter.empty
"""Marks a missing annotation, since None is one."""
_BUILTINS: Final = vars(builtins)
_GENERATOR_FLAGS: Final = inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR


class Parameter(NamedTuple):
    """One parameter: its name, annotation (:data:`UNKNOWN` where none) and default (``NO_VALUE`` where none)."""

    name: str
    annotation: Any
    default: Any


class Signature(NamedTuple):
    """The parameters of a body, sorted by what they are for, and its return annotation."""

    context: str | None
    config: Parameter | None
    resources: tuple[Parameter, ...]
    inputs: tuple[Parameter, ...]
    takes_any_keyword: bool
    returns: Any
    is_generator: bool


def read_signature(function: Callable[..., Any], what: str, *, with_context: bool = True) -> Signature:
    """Return what the parameters of ``function`` are for.

    ``with_context`` is false for composition functions, whose parameters are all inputs.

    Raises:
        InvalidDefinition: a ``*args`` parameter, a context annotated as something else, or an annotation that
            names nothing; the message calls the definition ``what``.
    """
    parameters, returns, takes_any, is_generator = _parameters(function, what)
    context = None
    if with_context and parameters and _is_context(parameters[0], what):
        context = parameters[0].name
        parameters = parameters[1:]
    config, resources, inputs = _sorted_by_use(parameters) if parameters else (None, (), ())
    return Signature(context, config, resources, inputs, takes_any, returns, is_generator)


def _sorted_by_use(
    parameters: list[Parameter],
) -> tuple[Parameter | None, tuple[Parameter, ...], tuple[Parameter, ...]]:
    config = None
    resources = []
    inputs = []
    for parameter in parameters:
        if parameter.name == "config":
            config = parameter
        elif parameter.annotation is not UNKNOWN and is_resource(parameter.annotation):
            resources.append(parameter)
        else:
            inputs.append(parameter)
    return config, tuple(resources), tuple(inputs)


def is_resource(annotation: Any) -> bool:
    """Whether a parameter annotated so is given a resource."""
    if getattr(annotation, "__jobkernel_resource__", False):
        return True
    return any(
        item == "resource_param" or getattr(item, "__jobkernel_resource__", False)
        for item in getattr(annotation, "__metadata__", ())
    )


def _is_context(first: Parameter, what: str) -> bool:
    name = getattr(first.annotation, "__name__", None)
    if first.name not in CONTEXT_NAMES:
        return first.annotation is not UNKNOWN and name in CONTEXT_TYPES
    if first.annotation is not UNKNOWN and name not in CONTEXT_TYPES:
        raise InvalidDefinition(
            f"{what} annotates '{first.name}' as {name or first.annotation!r}; annotate it as AssetExecutionContext, "
            "OpExecutionContext or AssetCheckExecutionContext, or not at all."
        )
    return True


def _parameters(function: Callable[..., Any], what: str) -> tuple[list[Parameter], Any, bool, bool]:
    code = getattr(function, "__code__", None)
    if code is None or hasattr(function, "__wrapped__") or hasattr(function, "__signature__"):
        return _inspected(function, what)
    flags = code.co_flags
    if flags & inspect.CO_VARARGS:
        raise _varargs(what)
    annotations = _annotations(function, what)
    found = _of_code(function, code, annotations) if code.co_argcount or code.co_kwonlyargcount else []
    is_generator = bool(flags & _GENERATOR_FLAGS)
    return found, annotations.get("return", UNKNOWN), bool(flags & inspect.CO_VARKEYWORDS), is_generator


def _of_code(function: Any, code: types.CodeType, annotations: Mapping[str, Any]) -> list[Parameter]:
    names, count = code.co_varnames, code.co_argcount
    defaults = function.__defaults__ or ()
    first_default = count - len(defaults)
    found = [
        Parameter(name, annotations.get(name, UNKNOWN), defaults[i - first_default] if i >= first_default else NO_VALUE)
        for i, name in enumerate(names[:count])
    ]
    if code.co_kwonlyargcount:
        given = function.__kwdefaults__ or {}
        found += [
            Parameter(name, annotations.get(name, UNKNOWN), given.get(name, NO_VALUE))
            for name in names[count : count + code.co_kwonlyargcount]
        ]
    return found


def _inspected(function: Callable[..., Any], what: str) -> tuple[list[Parameter], Any, bool, bool]:
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError) as error:
        raise InvalidDefinition(f"{what} is made from {function!r}, whose parameters cannot be read.") from error
    annotations = _annotations(inspect.unwrap(function), what)
    found = []
    takes_any = False
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.VAR_POSITIONAL:
            raise _varargs(what)
        if parameter.kind is parameter.VAR_KEYWORD:
            takes_any = True
            continue
        default = NO_VALUE if parameter.default is UNKNOWN else parameter.default
        annotation = annotations.get(parameter.name, parameter.annotation)
        found.append(Parameter(parameter.name, annotation, default))
    returns = annotations.get("return", signature.return_annotation)
    return found, returns, takes_any, inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)


def _varargs(what: str) -> InvalidDefinition:
    return InvalidDefinition(f"{what} takes '*args', but inputs come by name; name each input as a parameter.")


def _annotations(function: Any, what: str) -> Mapping[str, Any]:
    given: Mapping[str, Any] = getattr(function, "__annotations__", None) or {}
    for value in given.values():
        if type(value) is str:
            return _named_classes(function, given) or _resolved(function, given, what)
    return given


def _named_classes(function: Any, given: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return annotations that are all plain names of classes, or None: then they want evaluating, which compiles."""
    if getattr(function, "__type_params__", ()) or type(function) is not types.FunctionType:
        return None
    found = {}
    for name, annotation in given.items():
        meant = type(None) if annotation == "None" else _class_named(annotation, function.__globals__)
        if meant is None:
            return None
        found[name] = meant
    return found


def _class_named(annotation: Any, names: Mapping[str, Any]) -> type | None:
    if type(annotation) is not str:
        return None
    meant = names.get(annotation, _BUILTINS.get(annotation))
    return meant if type(meant) is type else None


def _resolved(function: Any, given: Mapping[str, Any], what: str) -> Mapping[str, Any]:
    try:
        return typing.get_type_hints(function, include_extras=True)
    except NameError as error:
        module = sys.modules.get(getattr(function, "__module__", ""), None)
        place = f" of module {module.__name__}" if module else ""
        raise InvalidDefinition(
            f"{what} has an annotation that names nothing{place}: {error}. Import what it names outside TYPE_CHECKING."
        ) from error
    except (TypeError, SyntaxError, AttributeError) as error:
        raise InvalidDefinition(f"{what} has an annotation that cannot be read ({given}): {error}.") from error


class Returned(NamedTuple):
    """What a return annotation says of one output."""

    annotation: Any
    is_dynamic: bool = False
    is_nothing: bool = False


ANYTHING: Final = Returned(Any)


def returned(annotation: Any) -> Returned:
    """Return what an annotation says of a single output: results are unwrapped, None is an output without data.

    Raises:
        InvariantViolation: a single dynamic output, which only makes sense in a list.
    """
    if annotation is UNKNOWN or annotation is Any:
        return ANYTHING
    if annotation is None or annotation is type(None):
        return Returned(type(None), is_nothing=True)
    origin = typing.get_origin(annotation)
    arguments = typing.get_args(annotation)
    name = getattr(origin or annotation, "__name__", "")
    if name in ("Output", "MaterializeResult"):
        return returned(arguments[0]) if arguments else ANYTHING
    if name == "DynamicOutput":
        raise InvariantViolation(
            "A function returns its dynamic outputs as a list: annotate it by list[DynamicOutput]."
        )
    if origin is list and arguments and _named(arguments[0], "DynamicOutput"):
        inner = typing.get_args(arguments[0])
        return Returned(inner[0] if inner else Any, is_dynamic=True)
    if name in _RESULT_NAMES or origin in _STREAMS:
        return ANYTHING
    return Returned(annotation, is_nothing=getattr(annotation, "__jobkernel_nothing__", False))


_RESULT_NAMES: Final = frozenset({"ObserveResult", "AssetCheckResult"})
_SPEAK_FOR_MANY: Final = frozenset({"MaterializeResult", *_RESULT_NAMES})
_STREAMS: Final = frozenset(
    {
        collections.abc.Generator,
        collections.abc.AsyncGenerator,
        collections.abc.Iterator,
        collections.abc.Iterable,
        collections.abc.AsyncIterator,
    }
)


def is_result(annotation: Any) -> bool:
    """Whether an annotation is a result record without a type, which may speak for several outputs at once."""
    return typing.get_origin(annotation) is None and getattr(annotation, "__name__", "") in _SPEAK_FOR_MANY


def _named(annotation: Any, name: str) -> bool:
    return getattr(typing.get_origin(annotation) or annotation, "__name__", "") == name


def returned_by_each(signature: Signature, count: int, what: str) -> list[Returned]:
    """Return what a return annotation says of each of ``count`` outputs.

    Raises:
        InvariantViolation: several outputs are annotated by something else than a tuple of as many entries.
    """
    if signature.is_generator or signature.returns is UNKNOWN:
        return [ANYTHING] * count
    if count == 1:
        return [returned(signature.returns)]
    if is_result(signature.returns):
        return [Returned(type(None), is_nothing=True)] * count
    if typing.get_origin(signature.returns) is not tuple:
        raise InvariantViolation(
            f"{what} has {count} outputs, checks included, so its return annotation must be a tuple with an entry for"
            f" each, not {_shown(signature.returns)}."
        )
    entries = typing.get_args(signature.returns)
    if Ellipsis in entries:
        raise InvalidDefinition(f"{what} has '...' in its return annotation; give an entry for each output.")
    if entries and all(is_result(entry) for entry in entries):
        return [Returned(type(None), is_nothing=True)] * count
    if len(entries) != count:
        raise InvariantViolation(f"{what} has {count} outputs, but its return annotation has {len(entries)} entries.")
    return [returned(entry) for entry in entries]


def _shown(annotation: Any) -> str:
    is_plain = isinstance(annotation, type) and typing.get_origin(annotation) is None
    return annotation.__name__ if is_plain else str(annotation).replace("jobkernel.model.results.", "")


def described(function: Callable[..., Any]) -> str | None:
    """Return the docstring, dedented; None where there is none."""
    text = function.__doc__
    if not text:
        return None
    if text[0].isspace():
        return textwrap.dedent(text).strip()
    first, newline, rest = text.partition("\n")
    return (first + newline + textwrap.dedent(rest)).strip()
