"""The ``@op`` decorator and what it makes. Knows composition; running is the executors' affair."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any, overload

from jobkernel.api.composition import PendingInvocation, invoke, is_composing, merged_hooks
from jobkernel.api.declarations import In, Out, is_nothing
from jobkernel.api.signatures import UNKNOWN, Signature, described, read_signature, returned, returned_by_each
from jobkernel.errors import InvalidDefinition
from jobkernel.model.configured import Configured
from jobkernel.model.definitions import NO_VALUE, RESULT, Input, Op, Output
from jobkernel.model.policies import RetryPolicy
from jobkernel.rules.names import check_name, lenient_tags


class OpDefinition(Op):
    """A computation, made by :func:`op`. Call it in a ``@job`` to compose, elsewhere to run its function."""

    __slots__ = ()
    __hash__ = object.__hash__  # definitions are told apart by identity

    def __eq__(self, other: object) -> bool:
        return self is other

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Record an invocation, or call the function directly when nothing is being composed."""
        if is_composing():
            return invoke(PendingInvocation(self), args, kwargs)
        from jobkernel.api.invocation import invoke_op

        return invoke_op(self, *args, **kwargs)

    @property
    def __name__(self) -> str:
        return self.name

    @property
    def __wrapped__(self) -> Any:
        return self.compute

    @property
    def ins(self) -> dict[str, In]:
        """The inputs by name."""
        return {
            item.name: In(item.annotation, item.description, item.default, item.metadata, input_manager_key=item.io)
            for item in self.inputs
        }

    @property
    def outs(self) -> dict[str, Out]:
        """The outputs by name."""
        return {item.name: _out(item) for item in self.outputs}

    @property
    def retry_policy(self) -> RetryPolicy | None:
        """How a failed step of this op is tried again."""
        return self.retry

    @property
    def required_resource_keys(self) -> set[str]:
        """The resources that the op needs."""
        return set(self.required_resources) | set(self.resource_arguments.values())

    @property
    def version(self) -> str | None:
        """The code version."""
        return self.code_version

    def alias(self, name: str) -> PendingInvocation:
        """Return the op, to be called under another name.

        Raises:
            InvalidDefinition: the name is no name.
        """
        return PendingInvocation(self, alias=name)

    def tag(self, tags: Mapping[str, Any] | None) -> PendingInvocation:
        """Return the op, to be called with tags of its own."""
        return PendingInvocation(self, tags=lenient_tags(tags, f"op '{self.name}'"))

    def with_hooks(self, hook_defs: Any) -> PendingInvocation:
        """Return the op, to be called with hooks of its own."""
        return PendingInvocation(self, hooks=merged_hooks((), hook_defs, f"op '{self.name}'"))

    def with_retry_policy(self, retry_policy: RetryPolicy) -> PendingInvocation:
        """Return the op, to be called under a retry policy of its own."""
        return PendingInvocation(self, retry_policy=retry_policy)

    def configured(
        self, config_or_config_fn: Any, name: str, config_schema: Any = None, description: str | None = None
    ) -> OpDefinition:
        """Return an op of another name whose config is given here, or computed from a smaller one.

        Raises:
            InvalidDefinition: the name is no name.
        """
        fixed = Configured(schema=self.config_schema, config=config_or_config_fn, outer=config_schema)
        return replace(
            self, name=check_name(name, "Op"), config_schema=fixed, description=description or self.description
        )


def _out(output: Output) -> Out:
    from jobkernel.api.declarations import DynamicOut

    made = DynamicOut if output.is_dynamic else Out
    return made(
        output.annotation, output.description, output.is_required, output.io, output.metadata, output.code_version
    )


@overload
def op(compute_fn: Callable[..., Any]) -> OpDefinition: ...


@overload
def op(
    compute_fn: None = None,
    *,
    name: str | None = None,
    description: str | None = None,
    ins: Mapping[str, In] | None = None,
    out: Out | Mapping[str, Out] | None = None,
    config_schema: Any = None,
    required_resource_keys: Iterable[str] | None = None,
    tags: Mapping[str, Any] | None = None,
    version: str | None = None,
    retry_policy: RetryPolicy | None = None,
    code_version: str | None = None,
    pool: str | None = None,
) -> Callable[[Callable[..., Any]], OpDefinition]: ...


def op(
    compute_fn: Callable[..., Any] | None = None,
    *,
    name: str | None = None,
    description: str | None = None,
    ins: Mapping[str, In] | None = None,
    out: Out | Mapping[str, Out] | None = None,
    config_schema: Any = None,
    required_resource_keys: Iterable[str] | None = None,
    tags: Mapping[str, Any] | None = None,
    version: str | None = None,
    retry_policy: RetryPolicy | None = None,
    code_version: str | None = None,
    pool: str | None = None,
) -> OpDefinition | Callable[[Callable[..., Any]], OpDefinition]:
    """Make an op of a function: its parameters are inputs, its annotations types. Source: Dagster's ``@op``.

    ``ins`` and ``out`` add to what the signature says; without ``out`` there is one output named ``result``.
    ``version`` is an older word for ``code_version``.

    Raises:
        InvalidDefinition: a bad name, an input that is no parameter, or any other contradiction.
    """

    def decorate(function: Callable[..., Any]) -> OpDefinition:
        return make_op(
            function,
            name=name or _function_name(function, "@op"),
            ins=ins or {},
            outs=_named_outs(out),
            config_schema=config_schema,
            required_resources=frozenset(required_resource_keys or ()),
            tags=tags,
            description=description,
            retry=retry_policy,
            code_version=code_version or version,
            pool=pool,
        )

    return decorate if compute_fn is None else decorate(compute_fn)


def _function_name(function: Any, decorator: str) -> str:
    if not callable(function):
        raise InvalidDefinition(f"{decorator} makes a definition of a function, not of {function!r}.")
    name = getattr(function, "__name__", None)
    if name is None:
        raise InvalidDefinition(f"{decorator} needs name=…, since {function!r} has no name.")
    return str(name)


function_name = _function_name


def _named_outs(out: Out | Mapping[str, Out] | None) -> Mapping[str, Out] | None:
    if out is None or isinstance(out, Out):
        return None if out is None else {RESULT: out}
    for name, item in out.items():
        if not isinstance(item, Out):
            raise InvalidDefinition(f"Output '{name}' must be declared by Out or DynamicOut, not {item!r}.")
    return out


def make_op(
    function: Callable[..., Any],
    *,
    name: str,
    ins: Mapping[str, In],
    outs: Mapping[str, Out] | None,
    config_schema: Any = None,
    required_resources: frozenset[str] = frozenset(),
    tags: Mapping[str, Any] | None = None,
    description: str | None = None,
    retry: RetryPolicy | None = None,
    code_version: str | None = None,
    pool: str | None = None,
    word: str = "Op",
    signature: Signature | None = None,
) -> OpDefinition:
    """Return the op of a function. ``word`` is what messages call it; ``signature`` is read unless given.

    Raises:
        InvalidDefinition: see :func:`op`.
    """
    what = f"{word} '{name}'"
    signature = signature or read_signature(function, what)
    check_resources(required_resources, signature, what)
    if retry is not None and not isinstance(retry, RetryPolicy):
        raise InvalidDefinition(f"retry_policy of {what} must be a RetryPolicy, not {retry!r}.")
    return OpDefinition(
        name=check_name(name, word),
        compute=function,
        inputs=inputs_of(signature, ins, what),
        outputs=_outputs(signature, outs, code_version, what),
        context_argument=signature.context,
        config_argument=None if signature.config is None else signature.config.name,
        config_schema=schema_of(signature, config_schema, what),
        resource_arguments={item.name: item.name for item in signature.resources},
        required_resources=required_resources,
        retry=retry,
        pool=pool,
        tags=lenient_tags(tags, what) if tags else {},
        description=described(function) if description is None else description,
        code_version=code_version,
    )


def check_resources(required: Iterable[str], signature: Signature, what: str) -> None:
    """Raise InvalidDefinition where resources are asked for both by key and by parameter."""
    if required and signature.resources:
        names = ", ".join(item.name for item in signature.resources)
        raise InvalidDefinition(
            f"{what} asks for resources by required_resource_keys and by parameter ({names}); use one."
        )


def schema_of(signature: Signature, config_schema: Any, what: str) -> Any:
    """Return the config schema: the one given, or the annotation of the ``config`` parameter.

    Raises:
        InvalidDefinition: there are both, or the parameter is not annotated.
    """
    config = signature.config
    if config is None:
        return config_schema
    if config_schema:
        raise InvalidDefinition(f"{what} has a 'config' parameter and config_schema; use one.")
    if config.annotation is UNKNOWN:
        raise InvalidDefinition(f"Parameter 'config' of {what} needs an annotation: a class below Config, or a type.")
    return config.annotation


def inputs_of(
    signature: Signature, ins: Mapping[str, In], what: str, *, with_nothing: bool = False
) -> tuple[Input, ...]:
    """Return the inputs: every parameter, then those that carry no data (``with_nothing``: parameters too).

    Raises:
        InvalidDefinition: a declared input is no parameter, or one without data is.
    """
    if not ins:
        return tuple([_plain_input(item, what) for item in signature.inputs])
    names = {item.name for item in signature.inputs}
    for name, item in ins.items():
        _check_declared(name, item, names, signature, what, with_nothing)
    found = [
        ins[item.name].to_input(item.name, _annotation(item), item.default)
        if item.name in ins
        else _plain_input(item, what)
        for item in signature.inputs
    ]
    found += [item.to_input(check_name(name, "Input"), Any) for name, item in ins.items() if name not in names]
    return tuple(found)


def _plain_input(item: Any, what: str) -> Input:
    annotation = _annotation(item)
    if is_nothing(annotation) or annotation is type(None):
        raise InvalidDefinition(
            f"Parameter '{item.name}' of {what} carries no data; declare it by ins={{'{item.name}': In(Nothing)}}."
        )
    if annotation is Any and item.default is NO_VALUE:
        return plain_input(item.name)
    return Input(name=check_name(item.name, "Input"), annotation=annotation, default=item.default)


@lru_cache(maxsize=10_000)
def plain_input(name: str) -> Input:
    """Return the input of that name of which nothing else is said. Inputs never change, so one serves all."""
    return Input(name=check_name(name, "Input"))


def _annotation(item: Any) -> Any:
    if item.annotation is UNKNOWN:
        return Any
    return type(None) if item.annotation is None else item.annotation


def _check_declared(name: str, item: Any, names: set[str], signature: Signature, what: str, with_nothing: bool) -> None:
    if not isinstance(item, In):
        raise InvalidDefinition(f"Input '{name}' of {what} must be declared by In, not {item!r}.")
    carries_nothing = is_nothing(item.dagster_type)
    if carries_nothing and name in names and not with_nothing:
        raise InvalidDefinition(
            f"Input '{name}' of {what} carries no data, so it must be no parameter of the function."
        )
    if not carries_nothing and name not in names and not signature.takes_any_keyword:
        raise InvalidDefinition(f"Input '{name}' of {what} is no parameter of its function; add it, or remove the In.")


def _outputs(
    signature: Signature, outs: Mapping[str, Out] | None, code_version: str | None, what: str
) -> tuple[Output, ...]:
    if outs is None:
        if signature.is_generator or signature.returns is UNKNOWN:
            return (Output(code_version=code_version),)
        said = returned(signature.returns)
        return (
            Output(
                annotation=said.annotation,
                is_dynamic=said.is_dynamic,
                is_nothing=said.is_nothing,
                code_version=code_version,
            ),
        )
    each = returned_by_each(signature, len(outs), what)
    return tuple(
        out.to_output(
            check_name(name, "Output"), said.annotation, says_nothing=said.is_nothing, code_version=code_version
        )
        for (name, out), said in zip(outs.items(), each, strict=True)
    )
