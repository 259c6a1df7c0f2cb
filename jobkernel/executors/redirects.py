"""`contextlib.redirect_stdout` and `redirect_stderr` in a step redirect that step alone, not the whole process.

Knows only which output is current. Called by capture.
"""

from __future__ import annotations

import contextlib
import functools
from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextvars import Token
from typing import Any, cast

from jobkernel.executors.patches import Patches
from jobkernel.executors.step_output import CURRENT, STREAMS, StepOutput


def install(patches: Patches) -> None:
    """Keep redirects inside their step from now on; ``patches`` undoes it."""
    redirect: Any = vars(contextlib)["_RedirectStream"]
    patches.replace(redirect, "__enter__", _entering(redirect.__enter__))
    patches.replace(redirect, "__exit__", _leaving(redirect.__exit__))


class _Redirected:
    """A step's output with one stream going elsewhere."""

    __slots__ = ("_behind", "_level", "_target")

    def __init__(self, behind: StepOutput, level: str, target: Any) -> None:
        self._behind, self._level, self._target = behind, level, target

    def add(self, level: str, text: str, data: Mapping[str, Any] | None = None) -> None:
        if level != self._level:
            self._behind.add(level, text, data)
        elif self._target is not None:
            self._target.write(text)

    def add_bytes(self, level: str, content: bytes) -> None:
        if level != self._level:
            self._behind.add_bytes(level, content)
        else:
            self.add(level, content.decode("utf-8", "replace"))

    @property
    def figures(self) -> OrderedDict[Any, Any] | None:
        return self._behind.figures

    @figures.setter
    def figures(self, figures: OrderedDict[Any, Any] | None) -> None:
        self._behind.figures = figures

    def __getattr__(self, name: str) -> Any:
        return getattr(self._behind, name)


def _entering(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    @functools.wraps(original)
    def enter(self: Any) -> Any:
        sink = CURRENT.get()
        if sink is None or self._stream not in STREAMS:
            return original(self)
        redirected = cast(StepOutput, _Redirected(sink, self._stream, self._new_target))
        self._old_targets.append(CURRENT.set(redirected))
        return self._new_target

    return enter


def _leaving(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def leave(self: Any, *exception: Any) -> Any:
        if not isinstance(self._old_targets[-1], Token):
            return original(self, *exception)
        CURRENT.reset(self._old_targets.pop())
        return None

    return leave
