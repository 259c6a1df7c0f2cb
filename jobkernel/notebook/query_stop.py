"""Stop a DuckDB query when its step is asked to stop. Knows a connection and a step's context, nothing of cells."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

AGAIN_S = 0.05


@contextmanager
def stopped_on_cancel(connection: Any, context: Any) -> Iterator[None]:
    """Interrupt what the connection does within the block as soon as the step is asked to stop.

    An interrupt that comes before the query has begun is lost to DuckDB, so it is sent until the block ends.
    """
    over = threading.Event()
    stoppers: list[threading.Thread] = []

    def stop() -> None:
        thread = threading.Thread(target=_interrupt, args=(connection, over), name="jobkernel-query-stop", daemon=True)
        stoppers.append(thread)
        thread.start()

    on_cancel = getattr(context, "on_cancel", None)
    take_back = on_cancel(stop) if on_cancel is not None else None
    try:
        yield
    finally:
        if take_back is not None:
            take_back()
        over.set()
        for thread in stoppers:
            thread.join()


def _interrupt(connection: Any, over: threading.Event) -> None:
    while not over.is_set():
        connection.interrupt()
        over.wait(AGAIN_S)
