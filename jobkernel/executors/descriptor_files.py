"""What C code and children write to descriptors 1 and 2 of a worker that runs one step at a time.

The descriptors are files that grow; what is new there is handed to the step's output while it runs and at its end, and
the room it took is given back. Knows no Dask and no kernel; ``run_task`` calls it.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import threading
from collections.abc import Iterator
from typing import Final

from jobkernel.executors.step_output import StepOutput

LOOK_S: Final = 0.5
"""How often a running step's files are looked at."""
READ: Final = 1 << 16
END_S: Final = 60.0
"""How long the last of it may take to be handed over."""
_STREAMS: Final = {1: "stdout", 2: "stderr"}
_KEEP_SIZE_AND_PUNCH: Final = 0x01 | 0x02


class DescriptorFiles:
    """The files behind this process's descriptors 1 and 2, opened for reading and appending."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(None)
        self._changed = threading.Condition()  # protects what follows
        self._output: StepOutput | None = None
        self._levels = {os.dup(descriptor): level for descriptor, level in _STREAMS.items()}  # steps may close theirs
        self._read = dict.fromkeys(self._levels, 0)
        self._is_ending = False
        threading.Thread(target=self._watch, name="jobkernel-descriptors", daemon=True).start()

    @contextlib.contextmanager
    def given_to(self, output: StepOutput) -> Iterator[None]:
        """Hand what is written meanwhile to a step's output; what came before belongs to nobody."""
        with self._changed:
            for descriptor in self._levels:
                if os.fstat(descriptor).st_size:
                    os.ftruncate(descriptor, 0)
                self._read[descriptor] = 0
            self._output = output
        try:
            yield
        finally:
            self._library.fflush(None)  # what C code printed and its library still holds
            with self._changed:
                if self._is_unread():
                    self._is_ending = True
                    self._changed.notify()
                    self._changed.wait_for(lambda: not self._is_ending, END_S)
                self._output = None

    def _watch(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._is_ending, LOOK_S)
                if self._output is not None:
                    self._hand_over(self._output)
                if self._is_ending:
                    self._is_ending = False
                    self._changed.notify()

    def _is_unread(self) -> bool:
        return any(os.fstat(descriptor).st_size > read for descriptor, read in self._read.items())

    def _hand_over(self, output: StepOutput) -> None:
        """Read what is there now, not what is written meanwhile: a child may go on for ever."""
        for descriptor, level in self._levels.items():
            end = os.fstat(descriptor).st_size
            while (begin := self._read[descriptor]) < end:
                content = os.pread(descriptor, min(READ, end - begin), begin)
                if not content:
                    break
                self._read[descriptor] = begin + len(content)
                output.add_bytes(level, content)
            self._give_back(descriptor)

    def _give_back(self, descriptor: int) -> None:
        """Free the room of what was read, where the file system can."""
        punch = getattr(self._library, "fallocate64", None)
        if punch is not None and self._read[descriptor]:
            punch(descriptor, _KEEP_SIZE_AND_PUNCH, ctypes.c_int64(0), ctypes.c_int64(self._read[descriptor]))
