"""A pool of daemon threads that never keeps a process alive. Knows no runs; the engine hands it work."""

from __future__ import annotations

import itertools
import logging
import queue
import threading
from collections.abc import Callable

log = logging.getLogger(__name__)


class ThreadPool:
    """Runs work on at most ``size`` named daemon threads, made when first needed.

    Unlike :class:`concurrent.futures.ThreadPoolExecutor` it does not wait for its threads when the interpreter ends:
    a body that never returns must not keep a kernel from stopping.
    """

    def __init__(self, size: int, name: str = "jobkernel-step") -> None:
        self.size = size
        self._name = name
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()  # protects _threads, _idle and _is_closed
        self._threads: list[threading.Thread] = []
        self._idle = 0
        self._is_closed = False
        self._numbers = itertools.count(1)

    def submit(self, work: Callable[[], None]) -> None:
        """Run ``work`` on a free thread, or as soon as one is free; once closed, drop it."""
        with self._lock:
            if self._is_closed:
                return
            self._work.put(work)
            if self._work.qsize() > self._idle and len(self._threads) < self.size:
                self._start_thread()

    @property
    def has_waiting_work(self) -> bool:
        """Whether work waits that no idle thread will take."""
        return self._work.qsize() > self._idle and not self._is_closed

    def grow(self, by: int) -> None:
        """Allow so many more threads: somebody was abandoned and holds one."""
        with self._lock:
            if self._is_closed:
                return
            self.size += by
            for _ in range(min(by, self._work.qsize())):
                self._start_thread()

    def close(self) -> None:
        """Let idle threads end; busy ones end after their work."""
        with self._lock:
            self._is_closed = True
            for _ in self._threads:
                self._work.put(None)
            self._threads.clear()

    def _start_thread(self) -> None:
        name = f"{self._name}-{next(self._numbers)}"
        thread = threading.Thread(target=self._loop, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _loop(self) -> None:
        while True:
            with self._lock:
                self._idle += 1
            work = self._work.get()
            with self._lock:
                self._idle -= 1
            if work is None:
                return
            try:
                work()
            except BaseException:
                log.exception("work on %s failed", threading.current_thread().name)
