"""Small outputs of a run's steps (numbers, None, short texts and JSON): kept in memory, written in groups behind.

One file per run, ``small.jsonl``, one line per output, the last line of an output counts. A thread writes what
waits a moment after it came; :meth:`SmallOutputs.flush` writes it at once. Called by the store.
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict, deque
from contextlib import suppress
from math import isfinite
from typing import Any, Final, NamedTuple

from jobkernel.errors import DiskFull, ValueNotWritten
from jobkernel.values.addresses import OutputAddress, run_folder
from jobkernel.values.exact_json import exact_text
from jobkernel.values.files import LocalFiles

LIMIT: Final = 4096
"""The longest JSON text, in characters, that counts as small."""
WRITE_AFTER: Final = 0.2
"""Seconds that an output waits for others before it is written."""
_RUNS_KEPT: Final = 64
_ATOMS: Final = frozenset({type(None), bool})
_GONE: Final = "gone"


class _Text(NamedTuple):
    """A list or dict as JSON text, read anew for each consumer."""

    text: str


class Absent:
    """Marks an output that is not here, since None is a value."""


ABSENT: Final = Absent()


class _Run:
    """The small outputs of one run."""

    __slots__ = ("path", "read_to", "values", "waiting")

    def __init__(self, run_id: str) -> None:
        self.path = f"{run_folder(run_id)}/small.jsonl"
        self.values: dict[tuple[str, str], Any] = {}
        self.waiting: deque[tuple[str, str, Any]] = deque()
        self.read_to = 0


class SmallOutputs:
    """The small outputs of all runs."""

    def __init__(self, files: LocalFiles) -> None:
        self._files = files
        self._runs: OrderedDict[str, _Run] = OrderedDict()
        self._lock = threading.Lock()  # protects the table of runs and the writing of their files
        self._came = threading.Event()
        self._closing = threading.Event()
        self._writer: threading.Thread | None = None

    def put(self, address: OutputAddress, value: Any) -> int | None:
        """Keep a small value and return its rough size in bytes; return None for one that is not small."""
        held = _held(value)
        if held is ABSENT:
            return None
        run = None
        while run is not self._runs.get(address[0]) or run is None:  # it may be dropped from memory meanwhile
            run = self._runs.get(address[0]) or self._run(address[0])
            run.values[address[1], address[2]] = held
            run.waiting.append((address[1], address[2], held))
        if not self._came.is_set():
            self._wake()
        return len(held.text) if type(held) is _Text else 8

    def get(self, address: OutputAddress) -> Any:
        """Return the value for one reader, or ``ABSENT``."""
        run = self._runs.get(address[0]) or self._run(address[0])
        held = run.values.get((address[1], address[2]), ABSENT)
        if held is ABSENT:
            self._read(run)
            held = run.values.get((address[1], address[2]), ABSENT)
        return json.loads(held.text) if type(held) is _Text else held

    def bury(self, address: OutputAddress) -> None:
        """Forget an output for good, since a larger value of the same address replaced it."""
        run = self._runs.get(address.run_id)
        if run is not None and run.values.pop((address.step_key, address.output), ABSENT) is not ABSENT:
            run.waiting.append((address.step_key, address.output, ABSENT))
            self._wake()

    def flush(self, run_id: str | None = None) -> None:
        """Write what waits (of one run, or of all).

        Raises:
            DiskFull, ValueNotWritten: it cannot be written; it waits on, and stays readable in this process.
        """
        with self._lock:
            for run in [*self._runs.values()] if run_id is None else [self._runs.get(run_id)]:
                if run is not None and run.waiting:
                    self._write(run)

    def forget(self, run_id: str) -> None:
        """Drop a run from memory; what waits is written first."""
        self.flush(run_id)
        with self._lock:
            self._runs.pop(run_id, None)

    def drop(self, run_id: str) -> None:
        """Drop a run from memory with what waits: its folder is being deleted."""
        with self._lock:
            self._runs.pop(run_id, None)

    def close(self) -> None:
        """Write what waits and stop the writer."""
        self._closing.set()
        self._came.set()
        self.flush()
        if self._writer is not None:
            self._writer.join(timeout=1)

    def _run(self, run_id: str) -> _Run:
        with self._lock:
            run = self._runs.get(run_id)
            if run is None:
                run = self._runs[run_id] = _Run(run_id)
                self._drop_oldest()
            return run

    def _drop_oldest(self) -> None:
        for run_id in list(self._runs)[: max(len(self._runs) - _RUNS_KEPT, 0)]:
            if not self._runs[run_id].waiting:
                del self._runs[run_id]

    def _wake(self) -> None:
        self._came.set()
        if self._writer is None:
            with self._lock:
                if self._writer is None:
                    self._writer = threading.Thread(target=self._write_behind, name="jobkernel-values", daemon=True)
                    self._writer.start()

    def _write_behind(self) -> None:
        while not self._closing.is_set():
            self._came.wait()
            self._closing.wait(WRITE_AFTER)
            self._came.clear()
            with suppress(DiskFull, ValueNotWritten):  # said by flush() at the run's end
                self.flush()

    def _write(self, run: _Run) -> None:
        batch = [run.waiting.popleft() for _ in range(len(run.waiting))]
        try:
            # the empty line first ends a line that a kill or a full disk cut short
            self._files.append(run.path, "\n".join(["", *map(_line, batch), ""]).encode())
        except BaseException:
            run.waiting.extendleft(reversed(batch))
            raise

    def _read(self, run: _Run) -> None:
        with self._lock:
            stamp = self._files.stamp(run.path)
            if stamp is None or stamp.size <= run.read_to:
                return
            data = self._files.read(run.path)[run.read_to :]
            whole = data[: data.rfind(b"\n") + 1]  # a torn last line was never acknowledged
            run.read_to += len(whole)
        found: dict[tuple[str, str], Any] = {}
        for line in whole.splitlines():
            _take(line, found)
        for name, held in found.items():
            run.values.setdefault(name, held)


def _held(value: Any) -> Any:
    kind = type(value)
    if kind in _ATOMS:
        return value
    if kind is int and -(1 << 63) <= value < 1 << 63:
        return value
    if kind is float:
        return value if isfinite(value) else ABSENT
    if kind is str:
        return value if len(value) <= LIMIT and value.isascii() else ABSENT
    if (kind is list or kind is dict) and len(value) <= LIMIT:
        text = exact_text(value)
        return _Text(text) if text is not None and len(text) <= LIMIT else ABSENT
    return ABSENT


def _line(entry: tuple[str, str, Any]) -> str:
    step_key, output, held = entry
    address = f"[{json.dumps(step_key)},{json.dumps(output)},"
    if held is ABSENT:
        return f'{address}"{_GONE}"]'
    return f"{address}{{{_quoted(held)}}}]"


def _quoted(held: Any) -> str:
    return f'"value":{held.text if type(held) is _Text else json.dumps(held)}'


def _take(line: bytes, found: dict[tuple[str, str], Any]) -> None:
    try:
        step_key, output, boxed = json.loads(line)
    except ValueError:  # an empty line, or one that a kill or a full disk cut short
        return
    if boxed == _GONE:
        found.pop((step_key, output), None)
        return
    value = boxed["value"]
    found[step_key, output] = _Text(json.dumps(value)) if isinstance(value, dict | list) else value
