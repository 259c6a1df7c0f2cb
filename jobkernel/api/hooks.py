"""Hooks: functions called after a step that succeeded or failed. An error in one never fails the step."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Literal

from jobkernel.api.ops import function_name
from jobkernel.api.signatures import CONTEXT_NAMES, read_signature
from jobkernel.errors import InvalidDefinition
from jobkernel.model.definitions import Hook
from jobkernel.rules.names import check_name


class HookDefinition(Hook):
    """A hook, made by :func:`success_hook` or :func:`failure_hook`."""

    __slots__ = ()
    __hash__ = object.__hash__  # definitions are told apart by identity

    def __eq__(self, other: object) -> bool:
        return self is other

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function directly, as tests do."""
        if len(args) + len(kwargs) != 1:
            from jobkernel.errors import InvalidInvocation

            raise InvalidInvocation(f"Hook '{self.name}' is called with one context; make one by build_hook_context().")
        context = (*args, *kwargs.values())[0]
        require = getattr(context, "require", None)
        if require is not None:
            require(self.required_resources, self.name)
        return self.function(context)

    @property
    def decorated_fn(self) -> Callable[..., Any]:
        """The function."""
        return self.function

    @property
    def required_resource_keys(self) -> frozenset[str]:
        """The resources that the function uses."""
        return self.required_resources


def _hook(
    function: Any, kind: Literal["success", "failure"], name: str | None, required: Iterable[str] | None
) -> HookDefinition:
    decorator = f"@{kind}_hook"
    own = check_name(name or function_name(function, decorator), "Hook")
    taken = [item.name for item in read_signature(function, f"Hook '{own}'", with_context=False).inputs]
    if len(taken) != 1 or taken[0] not in CONTEXT_NAMES:
        got = ", ".join(taken) or "nothing"
        raise InvalidDefinition(f"Hook '{own}' must take exactly one parameter named 'context'; it takes {got}.")
    return HookDefinition(name=own, kind=kind, function=function, required_resources=frozenset(required or ()))


def success_hook(
    hook_fn: Callable[..., Any] | None = None,
    *,
    name: str | None = None,
    required_resource_keys: Iterable[str] | None = None,
) -> Any:
    """Make a hook that is called after each step that succeeded. Source: Dagster's ``@success_hook``.

    Raises:
        InvalidDefinition: the function's only parameter is not named ``context``.
    """
    if hook_fn is not None:
        return _hook(hook_fn, "success", None, None)
    return lambda function: _hook(function, "success", name, required_resource_keys)


def failure_hook(
    name: Any = None,
    required_resource_keys: Iterable[str] | None = None,
) -> Any:
    """Make a hook that is called after each step that failed for good. Source: Dagster's ``@failure_hook``.

    Raises:
        InvalidDefinition: the function's only parameter is not named ``context``.
    """
    if callable(name):
        return _hook(name, "failure", None, None)
    return lambda function: _hook(function, "failure", name, required_resource_keys)
