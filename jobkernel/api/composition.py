"""Composing graphs by calling: inside ``@job`` and ``@graph`` bodies a call records an invocation and runs nothing.

Calls hand back handles of outputs; passing a handle on draws an edge. Knows no jobs and no config.
"""

from __future__ import annotations

import warnings
from collections import namedtuple
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import field
from typing import Any, NoReturn

from jobkernel.errors import InvalidDefinition, InvalidInvocation, InvariantViolation
from jobkernel.model.definitions import AssetLoad, Endpoint, Feed, Graph, GraphInput, Hook, Invocation, Op, Output
from jobkernel.model.policies import RetryPolicy
from jobkernel.records import dataclass
from jobkernel.rules.names import check_name, lenient_tags

_current: ContextVar[Composition | None] = ContextVar("composition", default=None)


@dataclass(slots=True)
class Composition:
    """What one composition function has recorded so far. ``what`` names it in messages."""

    what: str
    invocations: dict[str, Invocation] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    nodes: dict[str, Op | Graph] = field(default_factory=dict)
    used_inputs: set[str] = field(default_factory=set)
    uncalled: dict[str, PendingInvocation] = field(default_factory=dict)

    def record(self, pending: PendingInvocation, feeds: Mapping[str, tuple[Feed, ...]], fan_in: frozenset[str]) -> str:
        """Keep an invocation and return the name it got: its alias, or the node's with ``_2``, ``_3``…

        Raises:
            InvalidDefinition: the name is taken, or names two different definitions.
        """
        name = self._name(pending)
        if self.nodes.setdefault(pending.node.name, pending.node) is not pending.node:
            raise InvalidDefinition(
                f"{self.what} uses two different definitions named '{pending.node.name}'; alias one."
            )
        self.uncalled.pop(pending.name, None)
        self.invocations[name] = Invocation(
            name=name,
            node=pending.node,
            feeds=feeds,
            fan_in=fan_in,
            tags=pending.tags,
            retry=pending.retry_policy,
            hooks=pending.hooks,
        )
        return name

    def _name(self, pending: PendingInvocation) -> str:
        name = pending.name
        if pending.given_alias is None:
            self.counts[name] = self.counts.get(name, 0) + 1
            name = name if self.counts[name] == 1 else f"{name}_{self.counts[name]}"
        if name in self.invocations:
            raise InvalidDefinition(f"{self.what} calls '{name}' twice; give one an alias of its own.")
        return name


def is_composing() -> bool:
    """Whether a composition function is being run."""
    return _current.get() is not None


@contextmanager
def composing(what: str) -> Iterator[Composition]:
    """Record every call made within; warn of what was aliased and never called."""
    composition = Composition(what)
    token = _current.set(composition)
    try:
        yield composition
    finally:
        _current.reset(token)
    for pending in composition.uncalled.values():
        warnings.warn(f"{what} names {pending.described} and never calls it.", UserWarning, stacklevel=4)


def current(node: Op | Graph) -> Composition:
    """Return the composition that is being recorded.

    Raises:
        InvariantViolation: there is none, so ``node`` cannot be called.
    """
    composition = _current.get()
    if composition is None:
        word = word_for(node)
        raise InvariantViolation(f"{word.capitalize()} '{node.name}' can only be called in a @job or @graph function.")
    return composition


def word_for(node: Op | Graph) -> str:
    """Return what people call the node: an op or a graph."""
    return "graph" if isinstance(node, Graph) else "op"


def outputs_of(node: Op | Graph) -> tuple[Output, ...]:
    """Return the outputs of an op or graph."""
    return node.output_details if isinstance(node, Graph) else node.outputs


class _Handle:
    """An output of an invocation that was made."""

    __slots__ = ("node_name", "output_name")
    _kind = "output"
    _remedy = "give the op several outputs to pass on parts of it"

    def __init__(self, node_name: str, output_name: str) -> None:
        self.node_name = node_name
        self.output_name = output_name

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(node=self.node_name, output=self.output_name)

    @property
    def described(self) -> str:
        return f"{self._kind} '{self.output_name}' of '{self.node_name}'"

    def __iter__(self) -> Iterator[Any]:
        raise InvariantViolation(f"The {self.described} cannot be unpacked while composing; {self._remedy}.")

    def __getitem__(self, index: object) -> NoReturn:
        raise InvariantViolation(f"The {self.described} cannot be indexed while composing; {self._remedy}.")

    def alias(self, name: str) -> NoReturn:
        raise InvariantViolation(
            f"'{self.node_name}' was already called; write .alias('{name}') before the parentheses."
        )

    def with_hooks(self, hooks: object) -> NoReturn:
        raise InvariantViolation(f"'{self.node_name}' was already called; write .with_hooks(…) before the parentheses.")


class OutputHandle(_Handle):
    """An output with one value; pass it to another op to draw an edge."""

    __slots__ = ()


class DynamicHandle(_Handle):
    """An output with any number of values: ``map`` what follows over it, or ``collect`` its values."""

    __slots__ = ()
    _kind = "dynamic output"
    _remedy = "use .map(…) or .collect()"

    def map(self, function: Callable[[OutputHandle], Any]) -> Any:
        """Compose ``function`` once; it is run for each value. Return what it returns, as dynamic outputs.

        Raises:
            InvariantViolation: ``function`` returns no output of an op.
        """
        result = function(OutputHandle(self.node_name, self.output_name))
        if result is None or isinstance(result, DynamicHandle):
            return result
        if isinstance(result, OutputHandle):
            return DynamicHandle(result.node_name, result.output_name)
        if isinstance(result, tuple) and all(isinstance(item, OutputHandle) for item in result):
            return tuple(DynamicHandle(item.node_name, item.output_name) for item in result)
        raise InvariantViolation(
            f"The function mapped over the {self.described} must return outputs of ops, not {result!r}."
        )

    def collect(self) -> Collected:
        """Return all values of this output together, as one list."""
        return Collected(self.node_name, self.output_name)


class Collected(_Handle):
    """All values of a dynamic output, as one list."""

    __slots__ = ()

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(node=self.node_name, output=self.output_name, is_collected=True)


class Parameter:
    """An input of the graph that is being composed; pass it to an op to feed that op from outside."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


class PendingInvocation:
    """An op or graph with what its next call shall bear: an alias, tags, hooks, a retry policy."""

    __slots__ = ("given_alias", "hooks", "node", "retry_policy", "tags")

    def __init__(
        self,
        node: Op | Graph,
        *,
        alias: str | None = None,
        tags: Mapping[str, str] | None = None,
        hooks: tuple[Hook, ...] = (),
        retry_policy: RetryPolicy | None = None,
    ) -> None:
        self.node = node
        self.given_alias = None if alias is None else check_name(alias, "Alias")
        self.tags = tags or {}
        self.hooks = hooks
        self.retry_policy = retry_policy
        composition = _current.get()
        if composition is not None:
            composition.uncalled[self.name] = self

    @property
    def name(self) -> str:
        """The alias, or else the name of the op or graph."""
        return self.given_alias or self.node.name

    @property
    def described(self) -> str:
        """The invocation as messages call it."""
        return f"{word_for(self.node)} '{self.name}'"

    def _changed(self, **changes: Any) -> PendingInvocation:
        composition = _current.get()
        if composition is not None:
            composition.uncalled.pop(self.name, None)
        kept = {
            "alias": self.given_alias,
            "tags": self.tags,
            "hooks": self.hooks,
            "retry_policy": self.retry_policy,
        }
        return PendingInvocation(self.node, **{**kept, **changes})

    def alias(self, name: str) -> PendingInvocation:
        """Return the same, to be called under another name."""
        return self._changed(alias=name)

    def tag(self, tags: Mapping[str, Any] | None) -> PendingInvocation:
        """Return the same with tags added."""
        return self._changed(tags={**self.tags, **lenient_tags(tags, self.described)})

    def with_hooks(self, hook_defs: Any) -> PendingInvocation:
        """Return the same with hooks added."""
        return self._changed(hooks=merged_hooks(self.hooks, hook_defs, self.described))

    def with_retry_policy(self, retry_policy: RetryPolicy) -> PendingInvocation:
        """Return the same under a retry policy."""
        return self._changed(retry_policy=retry_policy)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Record an invocation and return its outputs; outside a composition, an op is called directly."""
        if not is_composing() and isinstance(self.node, Op):
            from jobkernel.api.invocation import invoke_op

            return invoke_op(self.node, *args, **kwargs)
        return invoke(self, args, kwargs)


def merged_hooks(hooks: tuple[Hook, ...], more: Any, what: str) -> tuple[Hook, ...]:
    """Return hooks with others added, each once.

    Raises:
        InvalidDefinition: something among them is no hook.
    """
    added = tuple(more or ())
    for hook in added:
        if not isinstance(hook, Hook):
            raise InvalidDefinition(f"Hooks of {what} are made by @success_hook or @failure_hook; {hook!r} is none.")
    return hooks + tuple(hook for hook in dict.fromkeys(added) if hook not in hooks)


def invoke(pending: PendingInvocation, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """Record a call in the composition at hand and return its output handles.

    One output: its handle. Several: a named tuple of handles. None: None.

    Raises:
        InvariantViolation: nothing is being composed.
        InvalidDefinition: an argument feeds no input, or is nothing an input can be fed from.
    """
    composition = current(pending.node)
    given = _by_name(composition, pending, args, kwargs)
    feeds: dict[str, tuple[Feed, ...]] = {}
    fan_in = set()
    for name, value in given.items():
        feeds[name] = _feeds(composition, pending, name, value)
        if isinstance(value, list):
            fan_in.add(name)
    name = composition.record(pending, feeds, frozenset(fan_in))
    return _handles(name, pending.node)


def _by_name(
    composition: Composition, pending: PendingInvocation, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> dict[str, Any]:
    names = [item.name for item in pending.node.inputs]
    if len(args) > len(names):
        raise InvalidDefinition(
            f"{composition.what} passes {len(args)} inputs to {pending.described}, which has {len(names)}."
        )
    given = dict(zip(names, args, strict=False))
    for name, value in kwargs.items():
        if name in given:
            raise InvalidInvocation(f"{composition.what} passes '{name}' to {pending.described} twice.")
        if name not in names:
            has = f"has {', '.join(names)}" if names else "has none"
            raise InvalidDefinition(f"{composition.what} passes '{name}' to {pending.described}, which {has}.")
        given[name] = value
    return given


def _feeds(composition: Composition, pending: PendingInvocation, name: str, value: Any) -> tuple[Feed, ...]:
    place = f"{composition.what} feeds '{name}' of {pending.described}"
    if isinstance(value, list):
        if not all(isinstance(item, (OutputHandle, Parameter)) for item in value):
            raise InvalidDefinition(f"{place} from a list that holds more than outputs of ops and inputs of the graph.")
        feeds = tuple(_feed(composition, item, place) for item in value)
        if len(set(feeds)) < len(feeds):
            raise InvalidDefinition(f"{place} from a list that holds an output twice.")
        return feeds
    return (_feed(composition, value, place),)


def _feed(composition: Composition, value: Any, place: str) -> Feed:
    if isinstance(value, (OutputHandle, Collected)):
        return value.endpoint
    if isinstance(value, Parameter):
        composition.used_inputs.add(value.name)
        return GraphInput(name=value.name)
    key = asset_text(value)
    if key is not None:
        return AssetLoad(key=key)
    raise InvalidDefinition(f"{place} from {_why_not(value)}.")


def asset_text(value: Any) -> str | None:
    """Return the key of an asset definition or spec; None for anything else."""
    text = getattr(value, "single_key_text", None)
    return text() if callable(text) else None


def _why_not(value: Any) -> str:
    if isinstance(value, DynamicHandle):
        return f"the {value.described} itself; use .map(…) or .collect()"
    if isinstance(value, (Op, Graph)):
        return f"{word_for(value)} '{value.name}' itself; call it"
    if isinstance(value, PendingInvocation):
        return f"{value.described} itself; call it"
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return f"several outputs at once; pass one of {', '.join(value._fields)}"
    return f"{value!r}, which is no output of an op; give values by config or by default"


def _handles(name: str, node: Op | Graph) -> Any:
    outputs = outputs_of(node)
    handles = [(DynamicHandle if output.is_dynamic else OutputHandle)(name, output.name) for output in outputs]
    if not handles:
        return None
    if len(handles) == 1:
        return handles[0]
    together = namedtuple(f"{node.name}_outputs", [output.name for output in outputs])  # type: ignore[misc]
    return together(*handles)


PendingNodeInvocation = PendingInvocation
"""Dagster's name for it."""
