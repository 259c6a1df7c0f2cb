"""Run one script under real Dagster and under jobkernel, and compare what comes of it.

A script is a function of the module, ``def script(dg): …``. What it returns must be plain data; what it raises is
compared by class, through :data:`jobkernel.errors.DAGSTER_NAMES`. Dagster's warnings are silenced, ours are errors.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache
from types import ModuleType
from typing import Any

import jobkernel
from jobkernel.errors import DAGSTER_NAMES, JobkernelError

Script = Callable[[Any], Any]


@cache
def dagster() -> ModuleType:
    """Return real Dagster, imported once."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import dagster as module

        module.build_op_context().__exit__(None, None, None)
    return module


def under_dagster(script: Script) -> Any:
    """Return what the script returns under real Dagster."""
    module = dagster()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return script(module)


def assert_same(script: Script) -> None:
    """Assert that the script returns the same under both."""
    theirs = under_dagster(script)
    assert script(jobkernel) == theirs


def assert_refused(script: Script, match: str | None = None) -> None:
    """Assert that the script is refused under both, by the same kind of error, and by us in one sentence."""
    theirs = _error(lambda: under_dagster(script))
    assert theirs is not None, "Dagster accepts it"
    ours = _error(lambda: script(jobkernel))
    assert ours is not None, f"jobkernel accepts what Dagster refuses with {type(theirs).__name__}: {theirs}"
    assert isinstance(ours, _counterpart(theirs)), f"{ours!r} for {theirs!r}"
    if isinstance(ours, JobkernelError):
        text = str(ours)
        assert text.endswith((".", "?")), text
        assert "\n" not in text, text
        assert match is None or match in text, text


def assert_accepted(script: Script) -> None:
    """Assert that the script runs to its end under both."""
    under_dagster(script)
    script(jobkernel)


def _error(call: Callable[[], Any]) -> BaseException | None:
    try:
        call()
    except Exception as error:
        return error
    return None


def _counterpart(error: BaseException) -> type[BaseException] | tuple[type[BaseException], ...]:
    for cls in type(error).__mro__:
        if cls.__name__ in DAGSTER_NAMES and cls.__name__ != "DagsterError":
            return DAGSTER_NAMES[cls.__name__]
    if any(cls.__name__ in ("CheckError", "DagsterError") for cls in type(error).__mro__):
        return (JobkernelError, TypeError)
    return (type(error), JobkernelError) if type(error).__module__ == "builtins" else (JobkernelError, TypeError)
