"""Where one attempt at a step runs: the protocol of executors, and the one that uses the calling thread.

Called by the engine's runs, on a thread of their own for each step in flight. ``processes`` and ``dask_runner`` stand
beside it; what a body sees is the same on all.
"""

from __future__ import annotations

import threading
from typing import Final, Protocol

from jobkernel.executors.call import StepCall, StepOutcome
from jobkernel.executors.capture import capturing
from jobkernel.executors.forced_stop import running_on_this_thread, stop_thread
from jobkernel.executors.step import run_step
from jobkernel.executors.step_output import StepOutput


class Runner(Protocol):
    """One executor."""

    @property
    def name(self) -> str:
        """The executor's name, as users and the history write it."""
        ...

    @property
    def is_local(self) -> bool:
        """Whether steps run in this process, and share its opened resources."""
        ...

    def run(self, call: StepCall, output: StepOutput | None) -> StepOutcome:
        """Run one attempt to its end and return how it ended; what it prints goes to ``output``.

        Never raises for what user code does, and returns soon after ``call.cancel`` was requested by force.
        """
        ...

    def interrupt(self, call: StepCall, thread_id: int) -> None:
        """Make an attempt that runs on that thread stop, as soon as it can be made to."""
        ...


class ThreadRunner:
    """Runs steps on the thread that asks. ``name``: as users call the executor that has made that thread."""

    is_local = True

    def __init__(self, name: str) -> None:
        self.name = name

    def run(self, call: StepCall, output: StepOutput | None) -> StepOutcome:
        """Run one attempt here."""
        call.place = {**call.place, "worker": threading.current_thread().name}
        if output is None:
            return run_step(call)
        with capturing(output), running_on_this_thread(output):
            return run_step(call)

    def interrupt(self, call: StepCall, thread_id: int) -> None:
        """Raise Interrupted in the step's thread, and end the queries and child processes that it may wait for.

        Any other call that waits in C sees it when it returns.
        """
        stop_thread(thread_id)


THREADS: Final = ThreadRunner("threads")
IN_PROCESS: Final = ThreadRunner("in_process")
