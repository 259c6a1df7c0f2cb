"""A kernel's way to one Dask cluster: its own on this machine, or that of a scheduler elsewhere.

Owns the thread on which the client (and the kernel's own scheduler) lives: steps go out from there in groups, and
messages from workers are dealt into a box per attempt. Knows no runs; ``dask_runner`` calls it.
"""

from __future__ import annotations

import asyncio
import contextlib
import pickle
import queue
import secrets
import sys
import threading
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import field
from typing import Any, Final

from jobkernel.errors import ClusterUnreachable, JobkernelError
from jobkernel.executors.dask_quiet import silence, without_size_warning, without_version_warning
from jobkernel.executors.dask_security import make_security
from jobkernel.executors.dask_task import Sent, control, event_of, run_sent
from jobkernel.executors.dask_worker import LOG_LENGTH, SEND_EVERY_S
from jobkernel.executors.dask_workers import FORGOTTEN_S, OwnWorkers
from jobkernel.executors.remote import surroundings
from jobkernel.records import dataclass
from jobkernel.values.files import open_files
from jobkernel.values.signing import Signer
from jobkernel.version import __version__

CONNECT_S: Final = 10.0
CLOSE_S: Final = 5.0
ENOUGH: Final = 4
ENOUGH_ELSEWHERE: Final = 32
"""Steps at Dask, for each worker or in all, with which no worker waits for its next; more are sent in groups."""
GATHER_S: Final = 0.01
_OF_ALL: Final = "all"
"""Dask's name for what it says of its workers."""


@dataclass(slots=True, eq=False)
class Box:
    """What comes of one attempt: messages of its worker, and what the kernel itself has to say to whoever follows."""

    key: str
    queue: queue.SimpleQueue[tuple[Any, ...]] = field(default_factory=queue.SimpleQueue)
    future: Any = None


class DaskCluster:
    """One cluster. Started by the first attempt; safe from any thread."""

    def __init__(self, address: str | None, workers: int, memory_limit: int | None) -> None:
        self.address = address
        self.workers = workers
        self.memory_limit = memory_limit
        self.own_workers: OwnWorkers | None = None
        self.broken: JobkernelError | None = None
        self._lock = threading.Lock()  # protects what follows, but for what the loop's thread alone touches
        self._thread: threading.Thread | None = None
        self._ready = threading.Event()
        self._boxes: dict[str, Box] = {}
        self._waiting: deque[tuple[Box, Sent, bytes]] = deque()
        self._left: list[Box] = []
        self._is_retired = False
        self._shared: dict[str, str] = {}
        self._around: dict[str, Any] = {}
        self._moved: bytes | None = None
        self._topic = f"jobkernel-{secrets.token_hex(8)}"
        self._loop: asyncio.AbstractEventLoop | None = None
        self._over: asyncio.Event | None = None
        self._scheduler: Any = None
        self._client: Any = None
        self._comm: Any = None
        self._told: set[asyncio.Task[None]] = set()

    @property
    def is_own(self) -> bool:
        """Whether the cluster is this kernel's."""
        return self.address is None

    @property
    def name(self) -> str:
        """What the cluster is called in sentences."""
        return f"the Dask scheduler at {self.address}" if self.address else "this kernel's Dask cluster"

    def wait_ready(self, timeout: float) -> bool:
        """Start the cluster, and wait until it is up; return whether it is.

        Raises:
            ClusterUnreachable: it cannot be had.
        """
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name="jobkernel-dask", daemon=True)
                self._thread.start()
        if not self._ready.wait(timeout):
            return False
        if self.broken is not None:
            raise self.broken
        return True

    @property
    def is_lost(self) -> bool:
        """Whether the scheduler has gone, or was never found."""
        if not self._ready.is_set():
            return False
        client = self._client
        if self.broken is not None or client is None or client.status != "running":
            return True
        return client.scheduler_comm is not self._comm  # another scheduler at that address knows nothing of us

    def submit(self, step_key: str, data: bytes, values: str) -> Box:
        """Send a packed step; return the box into which its messages will come."""
        box = Box(f"{step_key}-{secrets.token_hex(16)}")
        sent = Sent(
            key=box.key,
            topic=self._topic,
            version=__version__,
            python=sys.version_info[:2],
            values=values,
            marks=self.own_workers.marks if self.own_workers is not None else None,
            shared=None if self.is_own else self._shared_sign(values),
            around=self._surroundings() if self.is_own else None,
        )
        with self._lock:
            self._boxes[box.key] = box
            self._waiting.append((box, sent, data))
            is_first = len(self._waiting) == 1
            has_time = len(self._boxes) > (ENOUGH * self.workers or ENOUGH_ELSEWHERE)
        if is_first:
            self._call(self._submit_soon if has_time else self._submit_waiting)
        return box

    def forget(self, box: Box) -> None:
        """Let go of an attempt: what still comes of it is dropped."""
        with self._lock:
            self._boxes.pop(box.key, None)
            is_over = self._is_retired and not self._boxes
            self._left.append(box)
            if len(self._left) == 1:
                self._call(self._release_left)
        if self.own_workers is not None:
            self.own_workers.forget(box.key)
        if is_over:
            self.close()

    def take_back(self, box: Box) -> None:
        """Ask Dask not to start an attempt."""
        self._call(self._cancel, box)

    def tell(self, worker: str, key: str, word: str, read_bytes: int = 0) -> None:
        """Say something to an attempt on its worker, soon."""
        self._call(self._tell_worker, worker, key, word, read_bytes)

    def error_of(self, box: Box) -> BaseException | None:
        """Return the exception with which Dask ended an attempt; None where there is none (yet)."""
        if box.future is None or self._loop is None:
            return None
        asked = asyncio.run_coroutine_threadsafe(_exception(box.future), self._loop)
        try:
            return asked.result(CLOSE_S)
        except TimeoutError as error:
            return error

    def retire(self) -> None:
        """Close as soon as nothing runs here any more."""
        with self._lock:
            self._is_retired = True
            is_over = not self._boxes
        if is_over:
            self.close()

    def close(self) -> None:
        """Leave the scheduler; end the kernel's own cluster. Returns when that is done, or after a moment."""
        thread = self._thread
        if thread is None:
            return
        self._ready.wait(CONNECT_S)
        self._call(lambda: self._over.set() if self._over else None)
        if thread is not threading.current_thread():
            thread.join(CLOSE_S + 1)

    def _call(self, function: Any, *args: Any) -> None:
        """Call on the loop's thread; after the end, nothing happens."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(function, *args)

    def _serve(self) -> None:
        try:
            asyncio.run(self._live())
        except BaseException as error:  # noqa: BLE001 - Dask's errors are of many kinds; whoever waits must hear of them
            self.broken = self.broken or _unreachable(self, error)
        finally:
            self.broken = self.broken or ClusterUnreachable(f"This kernel has left {self.name}.")
            self._ready.set()
            self._remove_signs()

    async def _live(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        import distributed

        silence(threading.get_ident())
        async with contextlib.AsyncExitStack() as closing:
            scheduler = None
            if self.is_own:
                self.own_workers = OwnWorkers(self.workers, self.memory_limit, self._has_died, self._is_futile)
                closing.callback(self.own_workers.close)
                security = make_security(self.own_workers.folder)
                scheduler = await closing.enter_async_context(_own_scheduler(security))
                closing.callback(self.own_workers.close)  # before the scheduler, if that came up
                self.own_workers.start(scheduler.address)
            with without_version_warning(), _short_logs():
                client: Any = distributed.Client(  # type: ignore[no-untyped-call]
                    scheduler.listeners[1].contact_address if scheduler is not None else self.address,
                    asynchronous=True,
                    set_as_default=False,
                    timeout=CONNECT_S,
                    name="jobkernel",
                    direct_to_workers=False,
                )
                closing.push_async_callback(
                    _soon, client.close
                )  # before it connects: it must be closed where it cannot
                await client
            client.scheduler_comm.interval = SEND_EVERY_S
            client.subscribe_topic(self._topic, self._deal)
            client.subscribe_topic(_OF_ALL, self._hear)
            self._scheduler, self._client, self._comm = scheduler, client, client.scheduler_comm
            self._hurry()
            self._ready.set()
            await self._over.wait()

    def _has_died(self, pid: int) -> None:
        self._tell_all("died", pid)

    def _is_futile(self, why: str) -> None:
        self.broken = ClusterUnreachable(f"This kernel's Dask cluster cannot work: {why}")

    def _tell_all(self, *words: Any) -> None:
        with self._lock:
            boxes = list(self._boxes.values())
        for box in boxes:
            box.queue.put(words)

    def _hear(self, event: Any) -> None:
        """Take what the scheduler says of its workers. Called on the loop's thread."""
        match event[1].get("action"):
            case "remove-worker":
                self._tell_all("left", event[1]["worker"])
            case "add-worker":
                self._hurry()

    def _hurry(self) -> None:
        """Have the kernel's own scheduler send what is next for a worker, or for us, at once."""
        if self._scheduler is not None:
            for way in (*self._scheduler.stream_comms.values(), *self._scheduler.client_comms.values()):
                way.interval = SEND_EVERY_S

    def _submit_soon(self) -> None:
        assert self._loop is not None
        self._loop.call_later(GATHER_S, self._submit_waiting)

    def _submit_waiting(self) -> None:
        with self._lock:
            waiting = [each for each in self._waiting if each[0].key in self._boxes]
            self._waiting.clear()
        boxes = [box for box, _, _ in waiting]
        heads, data = [sent.packed() for _, sent, _ in waiting], [data for _, _, data in waiting]
        try:
            with without_size_warning(sum(map(len, data))):
                futures = self._client.map(run_sent, heads, data, key=[box.key for box in boxes], pure=False, retries=0)
        except Exception as error:  # noqa: BLE001 - Dask's errors are of many kinds
            for box in boxes:
                box.queue.put(("unsent", error))
            return
        for box, future in zip(boxes, futures, strict=True):
            box.future = future

    def _deal(self, event: Any) -> None:
        """Put a worker's messages into their box. Called on the loop's thread."""
        key, worker, messages = event[1]
        box = self._boxes.get(key)
        if box is not None:
            box.queue.put(("messages", worker, messages))
        else:
            self._tell_worker(worker, key, "drop", 0)

    def _cancel(self, box: Box) -> None:
        if box.future is not None:
            self._tell(box.future.cancel())

    def _release_left(self) -> None:
        with self._lock:
            left, self._left = self._left, []
        for box in left:
            self._release(box)

    def _release(self, box: Box) -> None:
        future, box.future = box.future, None
        if future is not None:
            future.release()
        if not self.is_own and self._client is not None and self._client.scheduler is not None:
            self._tell(_later(FORGOTTEN_S, lambda: self._client.scheduler.event_clear(name=event_of(box.key))))

    def _tell_worker(self, worker: str, key: str, word: str, read_bytes: int) -> None:
        if self._client is not None:
            self._tell(self._client.run(control, key, word, read_bytes, workers=[worker], on_error="ignore"))

    def _tell(self, saying: Any) -> None:
        task = asyncio.ensure_future(_said(saying))
        self._told.add(task)
        task.add_done_callback(self._told.discard)

    def _surroundings(self) -> bytes | None:
        """Return where the kernel stands, packed anew where that changed."""
        around = surroundings()
        if around != self._around:
            self._around, self._moved = around, pickle.dumps(around)
        return self._moved

    def _shared_sign(self, values: str) -> str:
        """Return the name of a signed file among the values, by which workers see that they share them and the key."""
        with self._lock:
            if values not in self._shared:
                name = f"shared/{self._topic}"
                open_files(values).replace(name, Signer().seal(b"N.", {}))
                self._shared[values] = name
            return self._shared[values]

    def _remove_signs(self) -> None:
        for values, name in self._shared.items():
            with contextlib.suppress(OSError, JobkernelError):
                open_files(values).delete(name)


def _own_scheduler(security: Any) -> Any:
    """Return a scheduler that listens to this machine's workers, and to this process."""
    import dask
    from distributed import Scheduler

    settings = {
        "distributed.admin.tick.interval": "500ms",
        "distributed.scheduler.http.routes": [],
    }
    with dask.config.set(settings), _short_logs():
        scheduler: Any = Scheduler
        made = scheduler(
            host=["127.0.0.1", None],
            port=[0, None],
            protocol=["tcp" if security is None else "tls", "inproc"],
            security=security,
            dashboard=False,
            dashboard_address="127.0.0.1:0",
            worker_ttl="365 days",  # one that computes without giving Python's lock away is silent, not lost
            allowed_failures=1_000_000,  # a step that has begun is not begun again, whoever is asked
        )
    sys.path.remove(made.local_directory)  # the import path is the user's
    return made


def _short_logs() -> Any:
    """Have what is made meanwhile remember few messages: each connection of Dask's keeps the last it sent."""
    import dask

    return dask.config.set({"distributed.admin.low-level-log-length": LOG_LENGTH})


async def _soon(close: Any) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(close(), CLOSE_S)


async def _later(seconds: float, call: Callable[[], Coroutine[Any, Any, Any]]) -> None:
    await asyncio.sleep(seconds)
    await call()


async def _exception(future: Any) -> BaseException | None:
    found: BaseException | None = await future.exception()
    return found


async def _said(saying: Coroutine[Any, Any, Any]) -> None:
    """Wait for something said; a worker or scheduler that is gone is heard of otherwise."""
    with contextlib.suppress(Exception):
        await saying


def _unreachable(cluster: DaskCluster, error: BaseException) -> ClusterUnreachable:
    why = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}".rstrip(": ")
    if cluster.is_own:
        return ClusterUnreachable(f"A Dask cluster could not be started on this machine ({why}).")
    return ClusterUnreachable(
        f"No Dask scheduler answers at {cluster.address} ({why}); start one there (dask scheduler), or leave the"
        " address out for a cluster on this machine."
    )
