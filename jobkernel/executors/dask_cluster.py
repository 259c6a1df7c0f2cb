"""A kernel's way to one Dask cluster: its own on this machine, or that of a scheduler elsewhere.

Owns the thread on which the client (and the kernel's own scheduler) lives: steps go out from there in groups, and
messages from workers are dealt into a box per attempt. Knows no runs; ``dask_runner`` calls it.
"""

from __future__ import annotations

import asyncio
import contextlib
import pickle
import secrets
import sys
import threading
from collections.abc import Coroutine
from typing import Any, Final

from jobkernel.errors import ClusterUnreachable, JobkernelError
from jobkernel.executors.dask_groups import Box, Pace, key_of
from jobkernel.executors.dask_quiet import silence, without_version_warning
from jobkernel.executors.dask_security import make_security
from jobkernel.executors.dask_sending import Sending
from jobkernel.executors.dask_task import Sent, control
from jobkernel.executors.dask_worker import LOG_LENGTH, SEND_EVERY_S
from jobkernel.executors.dask_workers import OwnWorkers
from jobkernel.executors.remote import surroundings
from jobkernel.values.files import open_files
from jobkernel.values.signing import Signer
from jobkernel.version import __version__

CONNECT_S: Final = 10.0
CLOSE_S: Final = 5.0
_OF_ALL: Final = "all"
"""Dask's name for what it says of its workers."""


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
        self._sending = Sending(workers, self._call, self._tell)

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

    def submit(self, step_key: str, data: bytes, values: str, pace: Pace | None = None) -> Box:
        """Send a packed step; return the box into which its messages will come.

        Short steps of one ``pace`` may go together, to workers of the kernel's own.
        """
        sent = Sent(
            key=key_of(step_key),
            topic=self._topic,
            version=__version__,
            python=sys.version_info[:2],
            values=values,
            marks=self.own_workers.marks if self.own_workers is not None else None,
            shared=None if self.is_own else self._shared_sign(values),
            around=self._surroundings() if self.is_own else None,
        )
        box = Box(sent, data, pace if self.is_own else None)
        self._sending.send(box)
        return box

    def forget(self, box: Box) -> None:
        """Let go of an attempt: what still comes of it is dropped."""
        self._sending.forget(box)
        self._close_if_over()

    def take_back(self, box: Box) -> None:
        """Ask Dask not to start an attempt."""
        self._call(self._sending.take_back, box)

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
        self._is_retired = True
        self._close_if_over()

    def _close_if_over(self) -> None:
        if self._is_retired and not self._sending.boxes():
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
            self._sending.open(client, self.own_workers, lambda: scheduler.workers if scheduler is not None else ())
            self._hurry()
            self._ready.set()
            await self._over.wait()

    def _has_died(self, pid: int) -> None:
        self._tell_all("died", pid)

    def _is_futile(self, why: str) -> None:
        self.broken = ClusterUnreachable(f"This kernel's Dask cluster cannot work: {why}")

    def _tell_all(self, *words: Any) -> None:
        for box in self._sending.boxes():
            box.queue.put(words)

    def _hear(self, event: Any) -> None:
        """Take what the scheduler says of its workers. Called on the loop's thread."""
        match event[1].get("action"):
            case "remove-worker":
                self._tell_all("left", event[1]["worker"])
                self._sending.leave(event[1]["worker"])
            case "add-worker":
                self._hurry()
                self._sending.submit_waiting()

    def _hurry(self) -> None:
        """Have the kernel's own scheduler send what is next for a worker, or for us, at once."""
        if self._scheduler is not None:
            for way in (*self._scheduler.stream_comms.values(), *self._scheduler.client_comms.values()):
                way.interval = SEND_EVERY_S

    def _deal(self, event: Any) -> None:
        """Put a worker's messages into their box. Called on the loop's thread."""
        key, worker, messages = event[1]
        box = self._sending.get(key)
        if box is not None:
            box.queue.put(("messages", worker, messages))
            if box.group is not None:
                box.group.worker = worker
        else:
            self._tell_worker(worker, key, "drop", 0)

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
        "distributed.scheduler.work-stealing": False,  # the kernel says which worker takes what
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
