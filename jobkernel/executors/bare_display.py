"""``display`` in a process without an IPython shell, such as a worker: what a step displays goes to its output.

IPython prints objects there instead. Never imports IPython: its functions are wrapped once it is loaded.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any, Final, cast

from jobkernel.executors.step_output import CURRENT

_MODULE: Final = "IPython.core.display_functions"


def install() -> None:
    """Wrap IPython's functions as soon as somebody loads them."""
    sys.meta_path.insert(0, _WhenLoaded())


class _WhenLoaded:
    """Finds nothing but that module, once."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name != _MODULE:
            return None
        sys.meta_path.remove(self)
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = cast(Any, _Wrapping(spec.loader))
        return spec


class _Wrapping:
    def __init__(self, behind: Any) -> None:
        self._behind = behind

    def create_module(self, spec: ModuleSpec) -> Any:
        return self._behind.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._behind.exec_module(module)
        loaded = cast(Any, module)
        loaded.publish_display_data = _publishing(loaded.publish_display_data)
        loaded.display = _displaying(loaded.display)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._behind, name)


def _publishing(original: Callable[..., Any]) -> Callable[..., Any]:
    def publish_display_data(data: Any, metadata: Any = None, *, transient: Any = None, **told: Any) -> None:
        sink = CURRENT.get()
        if sink is None:
            original(data, metadata, transient=transient, **told)
        else:
            sink.display(data, metadata=metadata, transient=transient, update=told.get("update"))

    return publish_display_data


def _displaying(original: Callable[..., Any]) -> Callable[..., Any]:
    def display(
        *shown: Any, include: Any = None, exclude: Any = None, metadata: Any = None, raw: bool = False, **told: Any
    ) -> Any:
        sink = CURRENT.get()
        if sink is None:
            return original(*shown, include=include, exclude=exclude, metadata=metadata, raw=raw, **told)
        handle_of = sys.modules[_MODULE].DisplayHandle
        format_of = importlib.import_module("IPython.core.formatters").DisplayFormatter().format
        handle = handle_of(told.pop("display_id")) if isinstance(told.get("display_id"), str) else None
        if told.pop("display_id", None) is True:
            handle = handle_of()
        transient = {**(told.get("transient") or {}), **({"display_id": handle.display_id} if handle else {})}
        for each in shown:
            data, said = (each, {}) if raw else format_of(each, include=include, exclude=exclude)
            if data:
                sink.display(
                    data, metadata={**said, **(metadata or {})}, transient=transient, update=told.get("update")
                )
        return handle

    return display
