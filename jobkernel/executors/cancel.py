"""Asking running code to stop: a token that says so, and an interrupt that reaches a thread only inside its step.

Knows no run, no executor and no screen. Called by executors (tokens, call_interruptible) and by the engine (request).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from jobkernel.errors import Interrupted

_log = logging.getLogger(__name__)

_Result = TypeVar("_Result")

_lock = threading.Lock()  # protects the two below: whether a thread may be interrupted cannot change meanwhile
_doors: dict[int, list[object]] = {}
_sent: set[int] = set()


class CancelToken:
    """Says to one step or run that it should stop. Safe from any thread; a request is never taken back."""

    __slots__ = ("_callbacks", "_is_forced", "_lock", "_requested", "because")

    def __init__(self) -> None:
        self._lock = threading.Lock()  # protects the callbacks against a request that comes meanwhile
        self._requested = threading.Event()
        self._is_forced = False
        self._callbacks: list[Callable[[], object]] = []
        self.because: Exception | None = None

    def request(self, forced: bool = False, because: Exception | None = None) -> None:
        """Ask to stop, and call what waits for it, once; a second request may only add that it is forced.

        ``because`` is the error that the step then fails with; without one it counts as canceled.
        """
        with self._lock:
            self._is_forced = self._is_forced or forced
            if not self._requested.is_set():
                self.because = because
            self._requested.set()
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            _call(callback)

    @property
    def is_requested(self) -> bool:
        """Whether somebody asked to stop."""
        return self._requested.is_set()

    @property
    def is_forced(self) -> bool:
        """Whether somebody asked twice, or said at once that it should not wait."""
        return self._is_forced

    def on_cancel(self, callback: Callable[[], object]) -> Callable[[], None]:
        """Call ``callback`` when asked to stop, at once if that was before; return what takes it back.

        It runs on the thread that asks, so it must be quick; what it raises is logged.
        """
        with self._lock:
            if not self._requested.is_set():
                self._callbacks.append(callback)
                return lambda: self._remove(callback)
        _call(callback)
        return _nothing

    def wait(self, timeout: float | None) -> bool:
        """Sleep until asked to stop, at most ``timeout`` seconds; return whether asked."""
        return self._requested.wait(timeout)

    def raise_if_requested(self) -> None:
        """Raise Interrupted where somebody asked to stop."""
        if self._requested.is_set():
            raise Interrupted("The step was asked to stop.")

    def _remove(self, callback: Callable[[], object]) -> None:
        with self._lock:
            if callback in self._callbacks:
                self._callbacks.remove(callback)


def call_interruptible(function: Callable[..., _Result], /, *args: Any, **kwargs: Any) -> _Result:
    """Call ``function`` so that ``interrupt_thread`` reaches this thread while it runs, and at no other time.

    An interrupt that is on its way when the call ends is taken back: the code that follows is never hit by it. Wrap
    the user's code alone (for a generator body, each step of it).
    """
    thread_id, door = threading.get_ident(), object()
    is_shut = False
    try:
        _open(thread_id, door)
        return function(*args, **kwargs)
    finally:
        while not is_shut:
            try:
                is_shut = _shut(thread_id, door)
            except Interrupted:  # it came too late to stop anything
                continue


def is_interruptible(thread_id: int) -> bool:
    """Whether a thread is inside ``call_interruptible``."""
    return thread_id in _doors


def interrupt_thread(thread_id: int) -> bool:
    """Raise Interrupted in a thread that is inside ``call_interruptible``; return whether it is.

    The thread sees it at its next bytecode: a call that waits in C sees it only when it returns.
    """
    with _lock:
        if thread_id not in _doors:
            return False
        _sent.add(thread_id)
        _set_exception(thread_id, Interrupted)
        return True


def door_of(thread_id: int) -> object | None:
    """Return what stands for the present stay of a thread in ``call_interruptible``, None where it is not inside."""
    doors = _doors.get(thread_id)
    return doors[0] if doors else None


def while_inside(thread_id: int, door: object, action: Callable[[], object]) -> bool:
    """Do something while a thread cannot leave ``call_interruptible``; return False, undone, where it has left.

    ``action`` holds up all steps that begin or end: be quick.
    """
    with _lock:
        if door not in _doors.get(thread_id, ()):
            return False
        action()
        return True


def _open(thread_id: int, door: object) -> None:
    with _lock:
        _doors.setdefault(thread_id, []).append(door)


def _shut(thread_id: int, door: object) -> bool:
    """Close one door; behind the last one nothing may arrive any more. Doing it twice does no harm."""
    with _lock:
        doors = _doors.get(thread_id, [])
        if door in doors:
            doors.remove(door)
        if not doors:
            _doors.pop(thread_id, None)
            if thread_id in _sent:
                _set_exception(thread_id, None)
                _sent.discard(thread_id)
        return True


def _set_exception(thread_id: int, exception: type[BaseException] | None) -> None:
    import ctypes  # only where somebody forces

    waiting = ctypes.py_object(exception) if exception is not None else None
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread_id), waiting)


def _call(callback: Callable[[], object]) -> None:
    try:
        callback()
    except Exception:  # noqa: BLE001  - it belongs to the step, and others wait to be called
        _log.warning("What should happen on cancel failed.", exc_info=True)


def _nothing() -> None:
    """There is nothing to take back."""
