"""A step on a Dask worker: runs what the kernel sent, tells it what happens, listens to it.

Messages go home over the scheduler, numbered, a few at a time; a step that prints faster than its kernel reads is held
back. Knows no scheduler and no run; ``dask_runner`` is the other side.
"""

from __future__ import annotations

import os
import pickle
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

from jobkernel.errors import JobkernelError, RunCanceled, UnstorableValue, UnverifiedPickle, ValueNotWritten
from jobkernel.executors import capture
from jobkernel.executors.cancel import CancelToken, interrupt_thread
from jobkernel.executors.dask_workers import mark_of
from jobkernel.executors.descriptor_files import DescriptorFiles
from jobkernel.executors.remote import run_task, unpacked_task
from jobkernel.executors.step_output import OutputLine
from jobkernel.executors.worker import UsersModules, take_over, with_memory_limit
from jobkernel.records import dataclass
from jobkernel.values.files import open_files
from jobkernel.values.place import VALUES_VARIABLE
from jobkernel.values.signing import KEY_VARIABLE, Signer
from jobkernel.version import __version__

AGAIN: Final = "again"
"""Why a worker refuses an attempt that another one began."""
SEND_AFTER_S: Final = 0.01
"""How long a message may wait for others to go with it."""
LATE_S: Final = 0.1
"""How late the next round may be before another is begun: the last was interrupted."""
SEND_AT: Final = 1 << 16
"""Bytes that are sent at once."""
AHEAD: Final = 4 << 20
"""Bytes that a step may be ahead of its kernel."""
LEAVE_S: Final = 10.0
"""How long a worker that leaves may take to say the last."""
UNHEARD_S: Final = 30.0
"""How long a step is held back for a kernel that does not answer."""


class Sent(NamedTuple):
    """What goes to a worker with each step, in types that any worker can read.

    In the kernel's own cluster, ``marks`` is a folder for the marks of attempts that have begun, and ``around`` is
    where the kernel stands, pickled, if not where it stood when the cluster started. In somebody else's, ``shared``
    names a file among the values by which a worker sees that these are the kernel's.
    """

    key: str
    topic: str
    version: str
    python: tuple[int, int]
    values: str
    marks: str | None
    shared: str | None
    around: bytes | None

    def packed(self) -> bytes:
        """Return it as bytes: Dask looks into every other argument."""
        return pickle.dumps(tuple(self), protocol=pickle.HIGHEST_PROTOCOL)


class Refused(JobkernelError):
    """This worker cannot run the kernel's steps; the message is the end of a sentence that begins with its name."""


class Post:
    """The way home of one attempt: what happens goes to its kernel in order."""

    def __init__(self, worker: Any, sent: Sent) -> None:
        self.loop = worker.loop
        self._worker = worker
        self._topic = sent.topic
        self._key = sent.key
        self._lock = threading.Lock()  # protects what waits, and keeps messages in order
        self._waiting: list[bytes] = []
        self._size = 0
        self._read = threading.Condition()  # protects the two below
        self._sent_bytes = 0
        self._read_bytes = 0

    def add(self, *message: Any) -> None:
        """Send a message soon; wait where too much is on its way."""
        data = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
        with self._lock:
            self._waiting.append(data)
            self._size += len(data)
            is_first = len(self._waiting) == 1
            if self._size >= SEND_AT:
                self._send()
        if is_first:
            _rounds.add(self)
        self._hold_back()

    def flush(self) -> None:
        """Send what waits."""
        with self._lock:
            if self._waiting:
                self._send()

    def read(self, so_far: int) -> None:
        """Note that the kernel has read so many bytes."""
        with self._read:
            self._read_bytes = max(self._read_bytes, so_far)
            self._read.notify_all()

    def _send(self) -> None:
        messages, self._waiting = self._waiting, []
        with self._read:
            self._sent_bytes += self._size
        self._size = 0
        self._worker.log_event(self._topic, [self._key, self._worker.address, messages])

    def _hold_back(self) -> None:
        if self._sent_bytes - self._read_bytes <= AHEAD:
            return
        with self._read:
            self._read.wait_for(lambda: self._sent_bytes - self._read_bytes <= AHEAD, UNHEARD_S)


class Rounds:
    """Sends what waits, of all attempts at once: to wake the worker's loop costs more than a short step."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # protects the two below
        self._posts: list[Post] = []
        self._next_at = 0.0

    def add(self, post: Post) -> None:
        """Have a post flushed soon. An interrupt here delays what waits until the next message."""
        with self._lock:
            self._posts.append(post)
            now = time.monotonic()
            starts = now > self._next_at + LATE_S
            if starts:
                self._next_at = now + SEND_AFTER_S
        if starts:
            post.loop.add_callback(post.loop.call_later, SEND_AFTER_S, self._go, post.loop)

    def _go(self, loop: Any) -> None:
        with self._lock:
            posts, self._posts = self._posts, []
            self._next_at = time.monotonic() + SEND_AFTER_S if posts else 0.0
        for post in posts:
            post.flush()
        if posts:
            loop.call_later(SEND_AFTER_S, self._go, loop)


@dataclass(slots=True)
class Attempt:
    """An attempt that runs here."""

    token: CancelToken
    post: Post
    thread_id: int


memory_limit = 0
"""Bytes that this process may allocate; 0 for any. Set where a worker of the kernel's own starts."""
descriptors: DescriptorFiles | None = None
"""What reads this process's descriptors. Set where a worker of the kernel's own starts."""
ended: Final[dict[str, Post]] = {}
"""Posts of attempts that are over, whose last goes with Dask's word of that: in a worker of the kernel's own."""
_rounds: Final = Rounds()
_modules = UsersModules()
_running: dict[str, Attempt] = {}
_signers: dict[tuple[str, str], Signer] = {}


def run_sent(head: bytes, data: bytes) -> None:
    """Run an attempt; called by Dask on one of its threads. Returns when all is said, raises nothing of the user's."""
    from distributed import get_worker

    sent = Sent(*pickle.loads(head))  # noqa: S301 - Dask runs what its clients send anyhow
    worker = get_worker()
    if sent.marks is not None and _modules.have_changed():
        _leave(worker)  # before the attempt is marked: Dask gives it to a worker that imports what is on disk now
    began = time.time_ns()
    post = Post(worker, sent)
    attempt = _running[sent.key] = Attempt(CancelToken(), post, threading.get_ident())
    try:
        end = _ended(sent, data, attempt, worker)
        if sent.marks is not None:
            _modules.note(began)  # before the kernel hears of the end, and may change one
        post.add(*end)
    finally:
        _running.pop(sent.key, None)
        if sent.marks is None or attempt.token.is_requested:
            post.flush()
        else:
            ended[sent.key] = post
    if sent.marks is not None and attempt.token.is_requested:
        _leave(worker)  # what a step that was stopped has started goes with its process


def _leave(worker: Any) -> None:
    """End this worker of the kernel's own, when all is said; another takes its place."""
    worker.loop.add_callback(worker.close, executor_wait=False, reason="replaced")
    time.sleep(LEAVE_S)
    os._exit(0)


def control(key: str, word: str, read_bytes: int = 0) -> bool:
    """Do what the kernel says of an attempt; return whether it runs here. Called through Dask's ``run``."""
    attempt = _running.get(key)
    if attempt is None:
        return False
    match word:
        case "read":
            attempt.post.read(read_bytes)
        case "stop":
            attempt.token.request(forced=True)
            interrupt_thread(attempt.thread_id)
        case "drop":
            attempt.token.request(forced=True)
            attempt.token.because = RunCanceled("The step was given up; its output is dropped.")
            attempt.post.read(sys.maxsize)
            interrupt_thread(attempt.thread_id)
    return True


def _ended(sent: Sent, data: bytes, attempt: Attempt, worker: Any) -> tuple[Any, ...]:
    """Return the last message of an attempt: how it ended, or why it cannot run here."""
    try:
        _refuse_strangers(sent)
        _claim(sent, worker)
        attempt.post.add("began", os.getpid())
        if sent.marks is None:
            attempt.post.flush()  # it alone tells the kernel whose step is lost with this worker
        signer = _signer(sent, worker)
        if sent.around is not None:
            take_over(pickle.loads(sent.around))  # noqa: S301 - as above
        task = unpacked_task(data)
    except Refused as error:
        return "refused", str(error)
    except BaseException as error:  # noqa: BLE001 - what the step uses may not be importable here
        return "refused", f"cannot read it ({type(error).__name__}: {error}); make what it imports importable there"
    capture.install()
    post = attempt.post

    def emit(event_type: str, body: dict[str, Any] | None) -> None:
        if body and "error" in body:
            body = {**body, "error": with_memory_limit(body["error"], memory_limit)}
        post.add("event", event_type, body)

    def lines(each: Sequence[OutputLine]) -> None:
        for part in _parts(each):
            post.add("lines", part)

    end = run_task(task, emit, lines, attempt.token, worker=worker.address, signer=signer, descriptors=descriptors)
    return "end", replace(end, described=with_memory_limit(end.described, memory_limit))


def _parts(lines: Sequence[OutputLine]) -> Iterator[list[tuple[Any, ...]]]:
    """Divide what one call printed: Dask remembers the latest messages, so each must be small."""
    part: list[tuple[Any, ...]] = []
    size = 0
    for line in lines:
        part.append(tuple(line))
        size += len(line.text)
        if size >= SEND_AT:
            yield part
            part, size = [], 0
    if part:
        yield part


def _refuse_strangers(sent: Sent) -> None:
    """Refuse where this side would misread what the other sent."""
    if sent.version != __version__:
        raise Refused(f"has jobkernel {__version__}, this kernel {sent.version}; install the same version there")
    here = sys.version_info[:2]
    if tuple(sent.python) != here:
        theirs, ours = ".".join(map(str, here)), ".".join(map(str, sent.python))
        raise Refused(f"runs Python {theirs}, this kernel Python {ours}; code does not travel between the two")


def _claim(sent: Sent, worker: Any) -> None:
    """Refuse an attempt that another worker began: Dask starts a step anew when it loses a worker."""
    if sent.marks is not None:
        try:
            mark = os.open(os.path.join(sent.marks, mark_of(sent.key)), os.O_CREAT | os.O_EXCL | os.O_WRONLY)
        except FileExistsError as error:
            raise Refused(AGAIN) from error
        os.write(mark, str(os.getpid()).encode())
        os.close(mark)
        return
    from distributed.utils import sync

    name = event_of(sent.key)
    if sync(worker.loop, worker.scheduler.event_is_set, name=name):
        raise Refused(AGAIN)
    sync(worker.loop, worker.scheduler.event_set, name=name)


def event_of(key: str) -> str:
    """Return the name of the Dask event by which an attempt is marked as begun."""
    return f"jobkernel-{key}"


def _signer(sent: Sent, worker: Any) -> Signer | None:
    """Return what signs pickles here: the kernel's key where this worker has it, else a refusal of pickles."""
    if sent.shared is None:
        return None
    place = (sent.values, sent.shared)
    if place not in _signers:
        _signers[place] = _signer_at(sent.values, sent.shared, worker.address)
    return _signers[place]


def _signer_at(values: str, shared: str, address: str) -> Signer:
    try:
        sign = open_files(values).read(shared)
    except (OSError, ImportError, ValueError) as error:
        raise Refused(
            f"does not see the values of this project in {values} ({type(error).__name__}: {error}); share that folder"
            f" with the workers, or set {VALUES_VARIABLE} to an address that both reach, such as s3://bucket/values"
        ) from error
    try:
        signer = Signer()
        signer.open(sign, "this project")
    except (UnverifiedPickle, ValueNotWritten):
        return Keyless(address)
    return signer


class Keyless(Signer):
    """The signer of a worker without the kernel's key: it neither writes nor reads pickles."""

    def __init__(self, address: str) -> None:
        super().__init__(b"")
        self._sentence = (
            f"is kept as a signed pickle, and the Dask worker {address} does not have this kernel's key: copy the key"
            f" there and name it in {KEY_VARIABLE}, or use values that Parquet, npy or JSON hold."
        )

    def seal(self, payload: bytes, note: Mapping[str, Any]) -> bytes:
        """Refuse to write."""
        raise UnstorableValue(f"A value of type {note['type']} {self._sentence}")

    def open(self, sealed: bytes, label: str) -> tuple[memoryview, dict[str, Any]]:
        """Refuse to read."""
        raise UnverifiedPickle(f"The stored value of {label} {self._sentence}")
