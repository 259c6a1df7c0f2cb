"""Makes threads and pool tasks belong to the step whose code starts them. Python's threads do not inherit context.

Knows only which output is current. Called by capture.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from jobkernel.executors.patches import Patches
from jobkernel.executors.step_output import CURRENT, StepOutput


def install(patches: Patches) -> None:
    """Follow threads from now on; ``patches`` undoes it."""
    patches.replace(threading.Thread, "start", _following_start(threading.Thread.start))
    patches.replace(ThreadPoolExecutor, "submit", _following_submit(ThreadPoolExecutor.submit))


def _following_start(original: Callable[[threading.Thread], None]) -> Callable[[threading.Thread], None]:
    @functools.wraps(original)
    def start(self: threading.Thread) -> None:
        sink = CURRENT.get()
        if sink is not None:
            self.run = functools.partial(_run_thread, self, sink, vars(self).get("run"))  # type: ignore[method-assign]
        original(self)

    return start


def _run_thread(thread: threading.Thread, sink: StepOutput, own_run: Callable[[], None] | None) -> None:
    del thread.run  # the class's again, and no circle of references
    if own_run is not None:
        thread.run = own_run  # type: ignore[method-assign]
    token = CURRENT.set(sink)
    try:
        thread.run()
    finally:
        CURRENT.reset(token)


def _following_submit(original: Callable[..., Future[Any]]) -> Callable[..., Future[Any]]:
    @functools.wraps(original)
    def submit(self: ThreadPoolExecutor, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        # a pool's threads belong to whoever woke them first, its tasks to whoever submits: also to nobody
        return original(self, _call, CURRENT.get(), fn, args, kwargs)

    return submit


def _call(sink: StepOutput | None, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    token = CURRENT.set(sink)
    try:
        return fn(*args, **kwargs)
    finally:
        CURRENT.reset(token)
