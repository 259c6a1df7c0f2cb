"""Call ops, assets and checks directly, as functions: bind arguments, config and resources, check what comes back.

Knows no plan and no events. The definitions' ``__call__`` come here when nothing is being composed.
"""

from __future__ import annotations

import contextlib
import inspect
import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from jobkernel.api.context_builders import (
    DirectAssetCheckExecutionContext,
    DirectAssetExecutionContext,
    DirectConfig,
    DirectContext,
    DirectOpExecutionContext,
    DirectSettings,
)
from jobkernel.api.direct_results import checked_async_yields, checked_result, checked_yields
from jobkernel.errors import InvalidConfig, InvalidDefinition, InvalidInvocation, UnknownResource
from jobkernel.executors.context import StepContext, running
from jobkernel.executors.resources import InitResourceContext, default_config, opened_resource
from jobkernel.model.definitions import NO_VALUE, Assets, Op
from jobkernel.rules.config_schemas import NodeSchema
from jobkernel.rules.plan_config import config_of_op
from jobkernel.rules.type_check import check_type


def invoke_op(op: Op, *args: Any, **kwargs: Any) -> Any:
    """Call an op's function and return what it returns: a value, a generator, a coroutine. Source: Dagster.

    Raises:
        InvalidInvocation: the arguments do not fit.
        InvalidConfig: config is missing or does not fit.
        TypeCheckFailed: an input or output is not of its type.
    """
    return _Invocation(op, None).run(args, kwargs)


def invoke_assets(definition: Any, *args: Any, **kwargs: Any) -> Any:
    """Call the function behind assets or checks, as :func:`invoke_op` does.

    Raises:
        InvalidInvocation: somebody else makes the assets, or the arguments do not fit.
    """
    assets: Assets = getattr(definition, "record", definition)
    if not isinstance(assets.node, Op):
        names = ", ".join(spec.key for spec in assets.specs)
        raise InvalidInvocation(f"'{names}' has no function of its own that could be called.")
    return _Invocation(assets.node, assets).run(args, kwargs)


class _Invocation:
    """One direct call of an op's function."""

    def __init__(self, op: Op, assets: Assets | None) -> None:
        self.op, self.assets = op, assets
        compute = op.capture({}) if op.compute is None and op.capture is not None else op.compute
        if compute is None:
            raise InvalidInvocation(f"'{op.name}' has no function that could be called.")
        self.compute: Callable[..., Any] = compute

    def run(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        context, args, kwargs = self._context(list(args), dict(kwargs))
        given = self._named(args, kwargs)
        stack = contextlib.ExitStack()
        try:
            resources = self._resources(given, context, stack)
            config = self._config(given, context)
            bound = context.bound(self.op, self.assets, config, {**context.settings.resources, **resources})
            arguments = self._inputs(given)
            arguments.update({name: resources[key] for name, key in self.op.resource_arguments.items()})
            if self.op.config_argument is not None:
                arguments[self.op.config_argument] = config.for_op(())
            leading = (bound,) if self.op.context_argument is not None else ()
            with running(bound):
                result = self.compute(*leading, **arguments)
        except BaseException:
            stack.close()
            raise
        return self._handed_back(result, bound, stack)

    def _context(self, args: list[Any], kwargs: dict[str, Any]) -> tuple[DirectContext, list[Any], dict[str, Any]]:
        """Take the context out of the arguments; an empty one stands in where None, or nothing needed, is given."""
        name = self.op.context_argument
        if name is not None and name in kwargs:
            given = kwargs.pop(name)
        elif (name is not None and args) or (name is None and args and isinstance(args[0], StepContext)):
            given = args.pop(0)
        elif name is not None:
            raise InvalidInvocation(
                f"'{self.op.name}' takes a context and got none; give build_{self._kind()}_context(), or None."
            )
        else:
            given = None
        if given is not None and not isinstance(given, DirectContext):
            raise InvalidInvocation(
                f"'{self.op.name}' takes a context first; give build_{self._kind()}_context(), or None, "
                f"not {type(given).__name__}."
            )
        return given if given is not None else self._empty_context(), args, kwargs

    def _kind(self) -> str:
        if self.assets is None:
            return "op"
        return "asset" if self.assets.keys_by_output else "asset_check"

    def _empty_context(self) -> DirectContext:
        made: dict[str, type[DirectContext]] = {
            "op": DirectOpExecutionContext,
            "asset": DirectAssetExecutionContext,
            "asset_check": DirectAssetCheckExecutionContext,
        }
        return made[self._kind()](DirectSettings())

    def _named(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments by name."""
        names = self._parameters()
        if len(args) > len(names):
            raise InvalidInvocation(
                f"'{self.op.name}' takes {len(names)} arguments and got {len(args)}: {', '.join(names) or 'none'} "
                "(a context only where it has one, and nothing for inputs that only order)."
            )
        given = dict(zip(names, args, strict=False))
        nothing = {item.name for item in self.op.inputs if item.is_nothing}
        for name, value in kwargs.items():
            if name in nothing:
                raise InvalidInvocation(f"Input '{name}' of '{self.op.name}' carries no data; leave it out.")
            if name in given or name not in names:
                why = "twice" if name in given else f"and takes {', '.join(names) or 'none'}"
                raise InvalidInvocation(f"'{self.op.name}' got the argument '{name}' {why}.")
            given[name] = value
        return given

    def _parameters(self) -> list[str]:
        found = [
            each.name
            for each in inspect.signature(self.compute).parameters.values()
            if each.kind not in (each.VAR_KEYWORD, each.VAR_POSITIONAL)
        ]
        if self.op.context_argument is not None:
            found = found[1:]
        by_name = [item.name for item in self.op.inputs if not item.is_nothing]
        return found + [name for name in by_name if name not in found]

    def _resources(
        self, given: Mapping[str, Any], context: DirectContext, stack: contextlib.ExitStack
    ) -> dict[str, Any]:
        passed = {key: given[name] for name, key in self.op.resource_arguments.items() if name in given}
        settings = context.settings
        if passed and settings.definitions:
            raise InvalidInvocation(f"Give the resources of '{self.op.name}' in the context or as arguments, not both.")
        self._require_resources(set(settings.definitions) | passed.keys())
        if passed:
            empty = InitResourceContext()
            return {
                key: stack.enter_context(opened_resource(value, empty.replace_config(default_config(value))))
                for key, value in passed.items()
            }
        if self.op.resource_arguments or self.op.required_resources:
            _ = context.resources  # refuses what must be used by ``with``
        return settings.resources

    def _require_resources(self, known: set[str]) -> None:
        for key in sorted(self.op.required_resources - known):
            raise InvalidDefinition(f"'{self.op.name}' needs resource '{key}'; build the context with it.")
        for key in self.op.resource_arguments.values():
            if key not in known:
                raise UnknownResource(f"'{self.op.name}' needs resource '{key}'; give it as an argument of that name.")

    def _config(self, given: Mapping[str, Any], context: DirectContext) -> DirectConfig:
        op = self.op
        stated = context.settings.config
        if op.config_argument is not None and op.config_argument in given:
            if stated is not None:
                raise InvalidInvocation(f"Give the config of '{op.name}' in the context or as an argument, not both.")
            stated = given[op.config_argument]
        to_dict = getattr(stated, "config_dict", None)
        if to_dict is not None and context.settings.config is None:
            stated = to_dict()
        node = NodeSchema(schema=op.config_schema, takes_argument=op.config_argument is not None)
        try:
            value, plain = config_of_op(node, stated, op.name, os.environ)
        except InvalidConfig as error:
            raise InvalidConfig(f"'{op.name}' is called with config that does not fit: {error}") from error
        return DirectConfig(value, plain)

    def _inputs(self, given: Mapping[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for item in self.op.inputs:
            if item.is_nothing:
                continue
            value = given.get(item.name, item.default)
            if value is NO_VALUE:
                raise InvalidInvocation(f"'{self.op.name}' needs a value for its input '{item.name}'.")
            if item.annotation is not Any:
                check_type(item.annotation, value, f"Input '{item.name}' of '{self.op.name}'")
            found[item.name] = value
        return found

    def _handed_back(self, result: Any, bound: StepContext, stack: contextlib.ExitStack) -> Any:
        if inspect.isgenerator(result):
            return _stepped(self.op, result, bound, stack)
        if inspect.isasyncgen(result):
            return _async_stepped(self.op, result, bound, stack)
        if inspect.iscoroutine(result):
            return _awaited(self.op, result, bound, stack)
        with stack:
            return checked_result(self.op, result, self.assets)


_END: Final = object()


def _stepped(op: Op, results: Iterator[Any], bound: StepContext, stack: contextlib.ExitStack) -> Iterator[Any]:
    checked = checked_yields(op, results)
    with stack:
        while True:
            with running(bound):  # not while whoever iterates has the word
                item = next(checked, _END)
            if item is _END:
                return
            yield item


async def _async_stepped(
    op: Op, results: AsyncIterator[Any], bound: StepContext, stack: contextlib.ExitStack
) -> AsyncIterator[Any]:
    checked = checked_async_yields(op, results)
    with stack:
        while True:
            with running(bound):
                item = await anext(checked, _END)
            if item is _END:
                return
            yield item


async def _awaited(op: Op, coroutine: Any, bound: StepContext, stack: contextlib.ExitStack) -> Any:
    with stack, running(bound):
        return checked_result(op, await coroutine)
