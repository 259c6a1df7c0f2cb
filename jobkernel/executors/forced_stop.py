"""Stops the code of a step on its thread by force: Interrupted is raised in it, and what it may wait for in C is ended.

That is its DuckDB queries and its child processes; the rest stands in cancel. Called by executors.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from jobkernel.executors.cancel import call_interruptible, door_of, interrupt_thread, is_interruptible, while_inside
from jobkernel.executors.held_queries import interrupt_queries
from jobkernel.executors.started_children import Ending
from jobkernel.executors.step_output import StepOutput

_FIRST_S: Final = 0.05
_LAST_S: Final = 1.0

_outputs: dict[int, StepOutput] = {}
_stopped: dict[int, object] = {}


@contextmanager
def running_on_this_thread(output: StepOutput) -> Iterator[None]:
    """Within the block a step with this output runs on this thread."""
    thread_id = threading.get_ident()
    outer = _outputs.get(thread_id)
    _outputs[thread_id] = output
    try:
        yield
    finally:
        if outer is None:
            del _outputs[thread_id]
        else:
            _outputs[thread_id] = outer


def stop_thread(thread_id: int) -> bool:
    """Stop what a thread does inside ``call_interruptible``; return whether it is there. Returns at once.

    Its queries are interrupted until it has left, as an interrupt that comes before a query is lost to DuckDB.
    """
    door = door_of(thread_id)
    if not interrupt_thread(thread_id):
        return False
    if door is not None and _stopped.get(thread_id) is not door:
        _stopped[thread_id] = door
        ending = Ending(_outputs.get(thread_id))
        arguments = (thread_id, door, ending)
        threading.Thread(target=_see_to_it, args=arguments, name="jobkernel-forced-stop", daemon=True).start()
    return True


def _see_to_it(thread_id: int, door: object, ending: Ending) -> None:
    pause = _FIRST_S
    try:
        while while_inside(thread_id, door, lambda: _interrupt_queries(thread_id)) | ending.go_on():
            time.sleep(pause)
            pause = min(pause * 1.2, _LAST_S)
    finally:
        if _stopped.get(thread_id) is door:
            del _stopped[thread_id]


def _interrupt_queries(thread_id: int) -> None:
    interrupt_queries(thread_id, tuple(_stopped), call_interruptible.__code__, is_interruptible)
