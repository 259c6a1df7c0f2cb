"""What one step printed, logged and displayed: a bounded file, a short live tail, and a count.

Owns the shape of the file's records and what stays in memory. Does not know how output gets here (the capture does)
and asks nobody for the time. Called by capture, and by the engine, which opens and closes one per step attempt.
"""

from __future__ import annotations

import codecs
import json
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import Any, NamedTuple
from weakref import WeakSet

from jobkernel.executors.bounded_file import BoundedFile
from jobkernel.executors.forked_output import ForkedOutput
from jobkernel.executors.line_assembly import LINE_LIMIT, LineAssembler
from jobkernel.records import dataclass

LIVE_LINES = 200
SHARE = 5_000_000
TEXT_LIMIT = 1_000_000
DATA_LIMIT = 3_000_000
STREAMS = ("stdout", "stderr")

CURRENT: ContextVar[StepOutput | None] = ContextVar("jobkernel_step_output", default=None)


class OutputLine(NamedTuple):
    """One line: its number in the step (from 1), µs since the epoch, level, text, and data by media type or None.

    ``shown`` is all that a display was told (data, metadata, transient, update); listeners get it, nobody keeps it.
    """

    seq: int
    at: int
    level: str
    text: str
    data: Mapping[str, Any] | None = None
    shown: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class OutputSummary:
    """What a closed step output holds: ``path`` is None where nothing was written; ``bytes`` is the file's size.

    ``truncated`` says that lines are missing from the file, ``error`` why it could not be written, if so.
    """

    path: Path | None = None
    lines: int = 0
    bytes: int = 0
    truncated: bool = False
    error: str | None = None


NOTHING = OutputSummary()

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_quoted = json.encoder.encode_basestring


class StepOutput:
    """The sink of one step attempt. Safe to add to from any thread, and from forked children of the step.

    Args:
        path: the file to keep, or what names it when it is made, with the first line; None keeps the live tail only.
        clock_us: gives the present in microseconds since the epoch.
        on_lines: called with each batch of new lines, in order, under the sink's lock: be quick.
        head, tail: bytes kept of the beginning and of the end.
    """

    __slots__ = (
        "_assemblers", "_child_of", "_clock_us", "_closed", "_decoders", "_error", "_file", "_forked", "_head",
        "_live", "_lock", "_name_path", "_on_lines", "_path", "_seq", "_tail", "figures", "processes",
    )  # fmt: skip

    def __init__(
        self,
        path: Path | Callable[[], Path] | None,
        clock_us: Callable[[], int],
        on_lines: Callable[[Sequence[OutputLine]], None] | None = None,
        *,
        head: int = SHARE,
        tail: int = SHARE,
    ) -> None:
        self._name_path = (lambda: path) if isinstance(path, Path) else path
        self._path: Path | None = None
        self._clock_us, self._on_lines = clock_us, on_lines
        self._head, self._tail = head, tail
        self._lock = threading.RLock()  # protects all below; re-entered when on_lines looks at the lines
        self._seq = 0
        self._live: deque[OutputLine] | None = None
        self._assemblers: dict[tuple[str, int | None], LineAssembler] | None = None
        self._decoders: dict[tuple[str, int], codecs.IncrementalDecoder] | None = None
        self._file: BoundedFile | None = None
        self._forked: ForkedOutput | None = None
        self._child_of: ForkedOutput | None = None
        self._error: str | None = None
        self._closed: OutputSummary | None = None
        self.figures: OrderedDict[Any, Any] | None = None
        self.processes: WeakSet[Any] | None = None

    def add(self, level: str, text: str, data: Mapping[str, Any] | None = None) -> None:
        """Take a piece of a stream, or one whole log or display record. After ``close`` it is dropped."""
        if self._child_of is not None:
            self._child_of.send(level, text)
            return
        self._take(level, text, threading.get_ident(), data)

    def add_bytes(self, level: str, content: bytes) -> None:
        """Take bytes of a stream as UTF-8; what is none becomes U+FFFD."""
        key = (level, threading.get_ident())
        with self._lock:
            if self._decoders is None:
                self._decoders = {}
            if key not in self._decoders:
                self._decoders[key] = codecs.getincrementaldecoder("utf-8")("replace")
            text = self._decoders[key].decode(content)
        if text:
            self.add(level, text)

    def display(self, data: Mapping[str, Any], **told: Any) -> None:
        """Take a displayed object by its media types; kept as data where it is small enough, never rendered.

        ``told`` is what else the display was given: metadata, transient, update.
        """
        kept, words = _kept_media(data)
        plain = data.get("text/plain")
        text = "\n".join(([str(plain)] if plain else []) + words)
        if self._child_of is not None:
            self._child_of.send("display", text)
            return
        self._take("display", text, threading.get_ident(), kept or None, {"data": dict(data), **told})

    def take_lines(self, lines: Sequence[OutputLine]) -> None:
        """Take finished lines from where the step runs, numbered anew; their times stay."""
        with self._lock:
            if self._closed is None:
                self._keep([line._replace(seq=self._seq + number) for number, line in enumerate(lines, 1)])

    def lines_after(self, seq: int) -> list[OutputLine]:
        """Return the lines still in memory (the last 200) whose number is above ``seq``, without their data."""
        with self._lock:
            return [line for line in self._live or () if line.seq > seq]

    def unfinished(self) -> list[tuple[str, str]]:
        """Return (level, text) of what waits for its newline now, such as a progress bar."""
        with self._lock:
            waiting = (self._assemblers or {}).items()
            return [(level, row) for (level, _), assembler in waiting for row in assembler.unfinished()]

    @property
    def last_seq(self) -> int:
        """The number of the newest line; 0 before the first."""
        return self._seq

    def close(self) -> OutputSummary:
        """End the output: unfinished lines are written, later ones dropped. Closing again returns the same."""
        if self._child_of is not None:
            return NOTHING
        if self._forked is not None:
            self._forked.close()
        with self._lock:
            if self._closed is None and self._seq == 0 and self._assemblers is None:
                self._closed = NOTHING
            if self._closed is None:
                for level, text in self.unfinished():
                    self._record(level, [text])
                self._closed = self._summary()
                self._assemblers = self._decoders = self._forked = None
            return self._closed

    def prepare_fork(self) -> None:
        """Open the way home for a child about to be forked inside the step."""
        with self._lock:
            if self._forked is None and self._child_of is None and self._closed is None:
                self._forked = ForkedOutput(self._take_from_child)

    def listen_to_children(self) -> None:
        """In the parent after a fork: start to read what children send."""
        if self._forked is not None:
            self._forked.listen()

    def become_child(self) -> None:
        """In a forked child: forget what the parent will write, and send everything home from now on."""
        self._lock = threading.RLock()  # another thread may have held the old one at the fork
        self._assemblers = self._decoders = self._on_lines = self._file = self._live = None
        if self._child_of is None:
            self._child_of, self._forked = self._forked or _NOWHERE, None
            self._child_of.enter_child()

    def _take_from_child(self, level: str, text: str, pid: int) -> None:
        self._take(level, text, -pid)  # negative: never a thread's number

    def _take(
        self,
        level: str,
        text: str,
        writer: int,
        data: Mapping[str, Any] | None = None,
        shown: Mapping[str, Any] | None = None,
    ) -> None:
        with self._lock:
            if self._closed is not None:
                return
            texts = self._finished(level, text, writer) if level in STREAMS else [_clipped(text)]
            if texts:
                self._record(level, texts, data, shown)

    def _finished(self, level: str, text: str, writer: int) -> list[str]:
        if self._assemblers is None:
            self._assemblers = {}
        key = self._row_of(level, text, writer)
        assembler = self._assemblers.get(key) or LineAssembler()
        lines = assembler.feed(text)
        if assembler.is_empty:
            self._assemblers.pop(key, None)
        else:
            self._assemblers[key] = assembler
        return lines

    def _row_of(self, level: str, text: str, writer: int) -> tuple[str, int | None]:
        """Threads join their own pieces; a progress bar is one, whichever thread redraws it."""
        assert self._assemblers is not None
        own, bar = (level, writer), (level, None)
        if text.startswith(("\r", "\x1b[A")) and own not in self._assemblers:
            return bar
        if text.startswith("\n") and own not in self._assemblers and bar in self._assemblers:
            return bar
        return own

    def _record(
        self,
        level: str,
        texts: list[str],
        data: Mapping[str, Any] | None = None,
        shown: Mapping[str, Any] | None = None,
    ) -> None:
        at = self._clock_us()
        self._keep([OutputLine(self._seq + place, at, level, text, data, shown) for place, text in enumerate(texts, 1)])

    def _keep(self, lines: list[OutputLine]) -> None:
        if self._live is None:
            self._live = deque(maxlen=LIVE_LINES)
        self._seq += len(lines)
        self._live.extend(line if line.level in STREAMS else _live_copy(line) for line in lines)
        if self._name_path is not None and self._error is None:
            self._path = self._path or self._name_path()
            self._write(self._path, b"".join(map(_as_json, lines)))
        if self._on_lines is not None:
            self._on_lines(lines)

    def _write(self, path: Path, lines: bytes) -> None:
        try:
            if self._file is None:
                self._file = BoundedFile(path, head=self._head, tail=self._tail, left_out=self._left_out)
            self._file.write(lines)
        except OSError as refused:
            # a full disk must not fail the step that prints: the summary says that the file is cut short
            self._error = f"The output file '{path}' cannot be written: {refused.strerror or refused}."
            if self._file is not None:
                self._file.abandon()

    def _left_out(self, lines: int, size: int) -> bytes:
        text = f"… {lines:,} lines ({size / 1e6:,.1f} MB) of this output are left out here …"
        return _as_json(OutputLine(0, self._clock_us(), "event", text))

    def _summary(self) -> OutputSummary:
        if self._file is None:
            return OutputSummary(lines=self._seq, truncated=self._error is not None, error=self._error)
        if self._error is None:
            try:
                self._file.close()
            except OSError as refused:
                self._error = f"The output file '{self._path}' could not be cut: {refused.strerror or refused}."
        cut = self._file.lines_left_out > 0 or self._error is not None
        return OutputSummary(self._path, self._seq, self._file.size, cut, self._error)


class _Nowhere(ForkedOutput):
    """For a child whose step had no way home: what it writes is dropped."""

    def __init__(self) -> None:
        self._is_cut_off = True

    def enter_child(self) -> None:
        """Hold nothing."""


_NOWHERE = _Nowhere()


def _as_json(line: OutputLine) -> bytes:
    data = "" if line.data is None else f',"data":{_encode(line.data)}'
    record = f'{{"at":{line.at},"level":"{line.level}","text":{_quoted(line.text)}{data}}}\n'
    return record.encode("utf-8", "replace")  # lone surrogates cannot be stored


def _live_copy(line: OutputLine) -> OutputLine:
    """Two hundred of these stay in memory: no data, and no text longer than a stream's line."""
    return line._replace(text=line.text[:LINE_LIMIT], data=None, shown=None)


def _clipped(text: str) -> str:
    if len(text) <= TEXT_LIMIT:
        return text
    return f"{text[:TEXT_LIMIT]}… ({len(text) - TEXT_LIMIT:,} characters left out)"


def _kept_media(data: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    kept: dict[str, Any] = {}
    words: list[str] = []
    for media_type, value in data.items():
        if media_type in ("image/png", "text/html"):
            text = _base64(value) if isinstance(value, bytes) else str(value)
            if len(text) <= DATA_LIMIT:
                kept[media_type] = text
            else:
                words.append(f"({media_type} of {len(text) / 1e6:.1f} MB is left out)")
    return kept, words


def _base64(content: bytes) -> str:
    import base64  # only where an image was displayed

    return base64.b64encode(content).decode("ascii")
