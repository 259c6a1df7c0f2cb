"""The history through the project server: one connection a process, a thread that sends and a thread that reads.

Events go through the ``outbox``, which keeps them until they are acknowledged; ``meeting`` finds or starts the server.
After a reconnect everything unanswered is sent again. Never prints: what a person should know is pushed as ``notice``.
"""

from __future__ import annotations

import atexit
import contextlib
import itertools
import math
import os
import select
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from jobkernel.errors import DiskFull, HistoryError, HistoryGap, JobkernelError, ServerUnreachable
from jobkernel.model.events import FINAL_RUN_EVENTS, Event
from jobkernel.storage import waiters
from jobkernel.storage.calls import Call, Flush, error_of
from jobkernel.storage.encoding import rows_as_dicts
from jobkernel.storage.forks import Discard, forget_in_child
from jobkernel.storage.inbox import Inbox
from jobkernel.storage.meeting import Greeting, Meeting
from jobkernel.storage.memory import Remembered
from jobkernel.storage.outbox import Outbox
from jobkernel.storage.place import place_of
from jobkernel.storage.process import this_process
from jobkernel.storage.pushes import Callback, Pushes
from jobkernel.storage.table import Table
from jobkernel.storage.unsent import Unsent
from jobkernel.storage.versions import Versions
from jobkernel.storage.waiters import Waiters
from jobkernel.storage.wire import Sender, packed, receive, unpacked

LONGEST_PAUSE_S = 2.0


_WAKE = object()
_END = object()


class HistoryClient:
    """One process's way to the project's history. Made by :meth:`connect`."""

    def __init__(self, meeting: Meeting, kernel_id: str | None, notebook: str | None) -> None:
        self.who = this_process(None, kernel_id, notebook)
        self.settings: dict[str, Any] = {}
        self._meeting = meeting
        self._pushes = Pushes()
        self._outbox = Outbox(Unsent(meeting.place.unsent, self.who))
        self._remembered = Remembered()
        self._lock = threading.Lock()  # protects sender and greeting
        self._sender: Sender | None = None
        self._greeting: Greeting | None = None
        self._waiters = Waiters()
        self._ids = itertools.count(1)
        self._trouble: JobkernelError | None = None
        self._told: str | None = None
        self._refusal: JobkernelError | None = None
        self._ended: str | None = None
        self._closing = threading.Event()
        self._needed = threading.Event()
        self._wait_until_needed = False
        self._inbox = Inbox()
        self._put: Callable[[Any], None] = self._inbox.put
        self._threads: list[threading.Thread] = []

    @classmethod
    def connect(
        cls,
        project: str | os.PathLike[str],
        *,
        kernel_id: str | None = None,
        notebook: str | None = None,
        linger_s: float = 10.0,
        versions: Versions | None = None,
    ) -> HistoryClient:
        """Return a connected client, its server started where needed. Raises a :class:`HistoryError`."""
        client = cls(Meeting(place_of(project), linger_s=linger_s, versions=versions), kernel_id, notebook)
        client._start()
        return client

    def emit(self, event: Event) -> None:
        """Note an event; returns at once. Its body must not be changed afterwards."""
        self._put(event)

    def emit_many(self, events: Iterable[Event]) -> None:
        """Note several events, in order."""
        for event in events:
            self._put(event)

    def flush(self, timeout: float = 30.0) -> None:
        """Return when all that this thread emitted before is durable. Raises :class:`ServerUnreachable`."""
        self._check()
        flush = Flush()
        self._put(flush)
        self._inbox.hurry()
        if not self._waiters.wait(flush, timeout):
            raise self._late(timeout)
        if flush.error is not None:
            raise flush.error

    def request(self, operation: str, *, timeout: float = 30.0, **fields: Any) -> Any:
        """Ask for one of the desk's operations and return its answer."""
        self._check()
        call = Call({"id": next(self._ids), "op": operation, "fields": fields})
        self._remembered.before(operation, fields)
        self._waiters.ask(call)
        self._put(call)
        self._inbox.hurry()
        if not self._waiters.wait(call, timeout):
            raise self._late(timeout)
        if call.error is not None:
            self._remembered.refused(operation, fields)
            raise call.error
        self._remembered.after(operation, fields, call.value)
        return call.value

    def query(self, name: str, **params: Any) -> list[dict[str, Any]]:
        """Answer a named question about what is durable: one dict a row, times in microseconds."""
        return rows_as_dicts(*self.request("query", name=name, params=params))

    def sql(self, text: str) -> Table:
        """Run one SELECT over the documented views."""
        return Table(*self.request("sql", text=text))

    def listen(self, push: str, callback: Callback) -> Callable[[], None]:
        """Call ``callback(fields)`` at each push of this name, on a thread of its own; return what ends that."""
        return self._pushes.listen(push, callback)

    def close(self, timeout: float = 5.0) -> None:
        """Make durable what can be, leave the rest for the next server, and disconnect. Idempotent."""
        if self._ended is not None:
            return
        with contextlib.suppress(HistoryError):
            self.flush(timeout)
        self._end("This history is closed; open the project again.")
        self._closing.set()
        self._needed.set()
        self._inbox.put(_END)
        self._inbox.hurry()
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(timeout)
        self._hang_up()
        self._outbox.leave()
        self._pushes.close()

    def _end(self, sentence: str) -> None:
        def refuse(_item: object) -> None:
            raise ServerUnreachable(sentence)

        self._ended = sentence
        self._put = refuse
        atexit.unregister(self.close)

    def _start(self) -> None:
        self._greet(self._meeting.meet(self._hello))
        for name, work in (("reader", self._read_all), ("sender", self._send_all)):
            thread = threading.Thread(target=work, name=f"jobkernel-history-{name}", daemon=True)
            self._threads.append(thread)
            thread.start()
        forget_in_child(self)
        atexit.register(self.close, 2.0)

    def _check(self) -> None:
        if self._ended is not None:
            raise ServerUnreachable(self._ended)

    def _late(self, timeout: float) -> JobkernelError:
        seconds = waiters.LATE_S if self._waiters.is_late else timeout
        return self._trouble or ServerUnreachable(
            f"The project server has not answered within {seconds:g} s; what was recorded is kept here until it does."
        )

    def _send_all(self) -> None:
        while True:
            items = self._inbox.take()
            events: list[Event] = []
            for item in items:
                if isinstance(item, Event):
                    events.append(item)
                else:
                    self._take(events)
                    events = []
                    self._handle(item)
            self._take(events)
            self._pump()
            if _END in items:
                return

    def _take(self, events: list[Event]) -> None:
        if events:
            self._outbox.add(events)
            ended = [event.run_id for event in events if event.event_type in FINAL_RUN_EVENTS]
            self._remembered.ended(ended)

    def _handle(self, item: object) -> None:
        if isinstance(item, Flush):
            self._waiters.expect(item, self._outbox.newest)
            refused, self._refusal = self._refusal, None
            self._settle_flushes(refused)
        elif isinstance(item, Call):
            self._pump()
            try:
                frame = packed(item.frame)
            except (ValueError, OverflowError) as error:
                item.fail(HistoryError(f"What was asked of the project server cannot be sent to it: {error}."))
                return
            self._transmit(frame)
        elif item is _END:
            self._pump()
            self._transmit(packed({"id": 0, "op": "goodbye", "fields": {}}))

    def _pump(self) -> None:
        if self._sender is None:
            self._needed.set()
            return
        for frame in self._outbox.sendable():
            self._transmit(frame)

    def _transmit(self, frame: bytes) -> None:
        with self._lock:
            sender, greeting = self._sender, self._greeting
        if sender is None or greeting is None:
            self._needed.set()
            return
        try:
            sender.send(frame)
        except OSError:
            self._hang_up()

    def _read_all(self) -> None:
        while True:
            with contextlib.suppress(OSError, ValueError):
                self._read_until_gone()
            self._lose()
            if self._closing.is_set() or not self._meet_again():
                return

    def _read_until_gone(self) -> None:
        greeting = self._greeting
        assert greeting is not None
        sock = greeting.sock
        while True:
            ready, _, _ = select.select([sock], [], [], 1.0)
            if ready:
                frame = unpacked(receive(sock))
                self._waiters.heard()
                self._heard(frame)
            self._look_at_the_clock()

    def _heard(self, frame: dict[str, Any]) -> None:
        if "ack" in frame:
            self._outbox.acknowledge(frame["ack"])
            self._trouble = self._told = None
            self._settle_flushes()
            if self._outbox.waits():
                self._inbox.put(_WAKE)
        elif "push" in frame:
            self._pushed(frame.pop("push"), frame)
        elif "refused" in frame:
            self._refused(frame["refused"], frame["again"], error_of(frame["error"]))
        else:
            self._waiters.answer(frame)

    def _pushed(self, name: str, fields: dict[str, Any]) -> None:
        if name == "settings":
            self.settings = fields["settings"]
        elif name == "stopping":
            self._needed.clear()
            self._wait_until_needed = True
        self._remembered.pushed(name, fields)
        self._pushes.deliver(name, fields)

    def _refused(self, numbers: list[int], again: bool, error: JobkernelError) -> None:
        last = numbers[1]
        if again:
            # from what is known to be kept: a gap is told of events that were sent behind those that were not kept
            self._outbox.send_again(self._outbox.acknowledged, pause=True)
            if isinstance(error, HistoryGap):
                return
            self._trouble = error
        else:
            self._outbox.acknowledge(last)
        self._notice(str(error))
        settled = self._settle_flushes(error if isinstance(error, DiskFull) or not again else None)
        if not again and not settled:
            self._refusal = error

    def _settle_flushes(self, error: JobkernelError | None = None) -> bool:
        return self._waiters.settle(self._outbox.acknowledged, error)

    def _look_at_the_clock(self) -> None:
        open_since = [at for at in (self._waiters.oldest(), self._outbox.oldest_sent_at()) if at is not None]
        self._waiters.look()
        if time.monotonic() - min(open_since, default=math.inf) > waiters.LATE_S:
            self._notice("The project server is late; jobkernel runs on and keeps what it records until it answers.")
        if self._outbox.waits():
            self._inbox.put(_WAKE)

    def _notice(self, sentence: str) -> None:
        """Tell whoever listens, once for each new trouble."""
        if sentence != self._told:
            self._told = sentence
            self._pushes.deliver("notice", {"sentence": sentence})

    def _hello(self) -> dict[str, Any]:
        return {"who": list(self.who), "acknowledged": self._outbox.acknowledged, **self._remembered.hello()}

    def _greet(self, greeting: Greeting) -> None:
        with self._lock:
            self.settings = greeting.welcome["settings"]
            self._greeting, self._sender = greeting, Sender(greeting.sock, "jobkernel-history-drain")
        self._waiters.heard()
        # after the sender is there: a frame noted as sent in between is sent again, never forgotten
        self._outbox.send_again(int(greeting.welcome["kept"]), pause=False)
        self._settle_flushes()
        for call in self._waiters.calls():
            self._transmit(packed(call.frame))
        self._inbox.put(_WAKE)
        self._pushes.deliver("settings", {"settings": self.settings})  # others may have set them meanwhile

    def _meet_again(self) -> bool:
        """Reconnect, however long it takes; return False when the client is closed meanwhile."""
        begin, pause = time.monotonic(), 0.05
        while not self._closing.is_set():
            if self._wait_until_needed:
                self._needed.wait()
                self._wait_until_needed = False
                continue
            try:
                self._greet(self._meeting.meet(self._hello))
                self._trouble = self._told = None
                return True
            except HistoryError as error:
                self._give_up_for_now(error, is_late=time.monotonic() - begin > waiters.LATE_S)
            self._closing.wait(pause)
            pause = min(pause * 2, LONGEST_PAUSE_S)
        return False

    def _give_up_for_now(self, error: HistoryError, is_late: bool) -> None:
        self._trouble = error
        self._notice(str(error))
        self._waiters.fail_calls(error)
        if is_late or not isinstance(error, ServerUnreachable):
            self._settle_flushes(error)

    def _lose(self) -> None:
        self._hang_up()
        with self._lock:
            greeting, self._greeting, self._sender = self._greeting, None, None
        if greeting is not None:
            greeting.sock.close()
        if self._waiters.calls():
            self._needed.set()

    def _hang_up(self) -> None:
        greeting = self._greeting
        if greeting is not None:
            with contextlib.suppress(OSError):
                greeting.sock.shutdown(2)

    def _forget_in_child(self) -> None:
        """Let go of the parent's connection: the child has none of the threads, and must not keep the kernel alive."""
        self._ended = "A forked process has no way to the history; only the kernel that forked it has."
        self._put = Discard().put
        self._lock = threading.Lock()
        self._threads = []
        self._pushes = Pushes()
        greeting, self._greeting, self._sender = self._greeting, None, None
        if greeting is not None:
            with contextlib.suppress(OSError):
                os.close(greeting.sock.detach())
