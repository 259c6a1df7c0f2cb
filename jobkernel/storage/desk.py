"""What a project's history answers and decides: questions, the run queue, keys, settings, cancels, the dead.

The same for every way in: the server hands it what arrives on sockets, ``LocalHistory`` calls it in process. Knows
its peers only by what can be pushed to them.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from jobkernel.clock import Clock
from jobkernel.errors import HistoryError, did_you_mean
from jobkernel.model import events as words
from jobkernel.model.events import Event
from jobkernel.rules.limits import Limits
from jobkernel.storage import (
    automation_requests,
    backfill_requests,
    deaths,
    project_settings,
    retention,
    run_log,
    run_requests,
)
from jobkernel.storage.committer import Committer, Done
from jobkernel.storage.encoding import stored
from jobkernel.storage.key_claims import KeyClaims, Owner
from jobkernel.storage.leases import Leases
from jobkernel.storage.process import CONTROL, this_process
from jobkernel.storage.questions import Answer, ask
from jobkernel.storage.run_queue import RunQueue, Told
from jobkernel.storage.store import Appended, Batch, ClientIdentity, Store
from jobkernel.storage.table import Table
from jobkernel.storage.user_sql import select

if TYPE_CHECKING:
    import duckdb

log = logging.getLogger(__name__)


class Peer(Protocol):
    """Somebody who asks: a client's connection, or this process itself."""

    @property
    def who(self) -> ClientIdentity:
        """Return the client's identity."""
        ...

    @property
    def number(self) -> int:
        """Return the number that the store gave the client."""
        ...

    def push(self, name: str, **fields: Any) -> None:
        """Tell the client something it did not ask for; never blocks."""
        ...


class Desk:
    """Answers the operations of ``OPERATIONS`` for any number of peers."""

    def __init__(self, store: Store, clock: Clock, folder: Path | None) -> None:
        self.store = store
        self.clock = clock
        self.folder = folder
        self.settings = dict(project_settings.DEFAULTS)
        self.queue = RunQueue()
        self.claims = KeyClaims()
        self.leases = Leases()
        self.peers: dict[str, Peer] = {}
        self.lock = threading.RLock()  # protects settings, queue, claims, leases, peers
        self._cursors = threading.local()
        self._subscribers: dict[str, Peer] = {}
        self._own_seq = 0
        who = this_process("server", None, None)
        self._own_number, self._own_seq = store.register(who, clock.now_us())
        self._read_settings()
        self.queue.set_limits(Limits.of_settings(self.settings))
        self.committer = Committer(store, self._appended, lambda: self.on_interrupted())

    def close(self, timeout: float = 30.0) -> None:
        """Write what was asked for and close the history; one that is still being written is left open."""
        if self.committer.close(timeout):
            self.store.close()
        else:
            log.warning("the history was still being written after %g s and is left open", timeout)

    def handle(self, peer: Peer, operation: str, fields: dict[str, Any]) -> Any:
        """Answer one request. Raises a :class:`JobkernelError` with a sentence."""
        handler = OPERATIONS.get(operation)
        if handler is None:
            raise HistoryError(f"The history knows no '{operation}'.{did_you_mean(operation, OPERATIONS)}")
        try:
            return handler(self, peer, **fields)
        except TypeError as error:
            if "argument" in str(error):
                raise HistoryError(f"'{operation}' cannot be asked like this: {error}.") from error
            raise

    def join(
        self,
        peer: Peer,
        *,
        runs: Iterable[dict[str, Any]] = (),
        keys: Iterable[str] = (),
        leases: dict[str, int] | None = None,
        gives_way: bool = False,
    ) -> None:
        """Take a client in, with the runs, slots, keys and leases it held when it was last connected."""
        who = peer.who
        told: list[Told] = []
        with self.lock:
            self.peers[who.client_id] = peer
            for run in runs:
                told += self._joined(who.client_id, **run)
            told += self.queue.no_longer_awaited([who.client_id])
            owner = Owner(who.client_id, who.notebook)
            self.claims.take(owner, [key for key in keys if not self.claims.others(owner, [key])])
            if leases:
                lost = self.leases.resume(who.client_id, leases, time.monotonic(), gives_way=gives_way)
                told += [(who.client_id, "lease_lost", {"automation": name}) for name in lost]
        self.tell(told)

    def _joined(
        self, client_id: str, admitted: bool, slots: dict[str, dict[str, Any]] | None = None, **run: Any
    ) -> list[Told]:
        run_id = run["run_id"]
        if admitted:
            self.queue.resume(client_id, **run)
        already = run_id in self.queue.running
        told = [] if admitted else self.queue.submit(client_id, [run])
        if already and not admitted:
            told.append((client_id, "admitted", {"run_id": run_id}))  # said while nobody listened
        for step_key, slot in (slots or {}).items():
            if slot["granted"]:
                self.queue.hold_slot(run_id, step_key, slot["pool"])
            elif self.queue.claim_slot(run_id, step_key, slot["pool"], slot["priority"]):
                told.append((client_id, "slot", {"run_id": run_id, "step_key": step_key}))
        return told

    def leave(self, peer: Peer) -> None:
        """Forget a client's connection; its runs and keys stay until its process is gone, its leases go on."""
        told: list[Told] = []
        with self.lock:
            if self.peers.get(peer.who.client_id) is peer:
                del self.peers[peer.who.client_id]
                self._subscribers.pop(peer.who.client_id, None)
                told = automation_requests.pass_on_leases(self, peer.who.client_id)
        self.tell(told)

    def bury(self, client_id: str, number: int, notebook: str | None) -> None:
        """Record what the death of a client's process means: its runs failed or were never started."""
        with self.lock:
            self.peers.pop(client_id, None)
            self._subscribers.pop(client_id, None)
            self.claims.release(client_id)
            for run_id in self.queue.of(client_id):
                self.queue.withdraw(run_id)
        retried = self.committer.call(lambda: deaths.end_runs_of(self, number, notebook))
        self._drop_runs_of(client_id)
        deaths.tell_of_retries(self, retried, notebook)

    def release(self, client_id: str) -> None:
        """Take back what a client held that says goodbye: its keys, and its place in the line."""
        with self.lock:
            self.claims.release(client_id)
        self._drop_runs_of(client_id)

    def _drop_runs_of(self, client_id: str) -> None:
        with self.lock:
            told = self.queue.drop(self.queue.of(client_id))
            told += self.queue.no_longer_awaited([client_id])
        self.tell(told)

    def await_no_more(self) -> None:
        """Start runs though clients of an earlier server are not back: they had time enough."""
        with self.lock:
            told = self.queue.no_longer_awaited()
        self.tell(told)

    def tell(self, told: Iterable[Told]) -> None:
        """Push to the clients that are connected; the others hear of it when they are back."""
        with self.lock:
            found = [(self.peers.get(client_id), name, fields) for client_id, name, fields in told]
        for peer, name, fields in found:
            if peer is not None:
                peer.push(name, **fields)

    def resume(self, who: ClientIdentity, runs: Iterable[tuple[str, str]]) -> None:
        """Count runs that an earlier server admitted and whose client is not back yet."""
        with self.lock:
            self.queue.await_owners([who.client_id])
            self.queue.remember_order(run_id for run_id, _ in runs)
            for run_id, status in runs:
                if status in ("STARTING", "STARTED", "CANCELING"):
                    self.queue.resume(who.client_id, run_id)

    def take(self, batch: Batch) -> None:
        """Keep events that a client left behind. On the writing thread."""
        self._appended(self.store.append([batch]))

    def append(self, batch: Batch, done: Done) -> None:
        """Keep a client's events; ``done`` hears when they are durable."""
        self.committer.append(batch, done)

    def publish(self) -> None:
        """Tell subscribers the newest seq; the caller sees to it that this is at most ten times a second."""
        with self.lock:
            subscribers = list(self._subscribers.values())
        for peer in subscribers:
            peer.push("changed", seq=self.store.last_seq)

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """Return this thread's own cursor."""
        if not hasattr(self._cursors, "value"):
            self._cursors.value = self.store.cursor()
        cursor: duckdb.DuckDBPyConnection = self._cursors.value
        return cursor

    on_changed: Callable[[], None] = staticmethod(lambda: None)
    """Called after every commit, on the writing thread."""

    on_interrupted: Callable[[], None] = staticmethod(lambda: None)
    """Called when the database has to be opened again."""

    def _appended(self, appended: Appended) -> None:
        if appended.ended_runs:
            with self.lock:
                told = self.queue.drop(appended.ended_runs)
            self.tell(told)
        if self._subscribers:
            self.on_changed()

    def _read_settings(self) -> None:
        for row in ask(self.store, self.cursor(), "settings", {}).dicts():
            if row["name"] in self.settings:
                self.settings[row["name"]] = row["value"]

    def record(self, events: list[Event]) -> None:
        """Keep events of the server's own. On the writing thread."""
        if not events:
            return
        first, self._own_seq = self._own_seq + 1, self._own_seq + len(events)
        self._appended(self.store.append([Batch(self._own_number, first, [stored(event) for event in events])]))

    def _query(self, _peer: Peer, name: str, params: dict[str, Any] | None = None) -> Answer:
        return ask(self.store, self.cursor(), name, params or {})

    def _sql(self, _peer: Peer, text: str) -> Table:
        if self.folder is not None and "logs" in text.lower():
            self._bring_logs(self.folder)
        return select(self.cursor(), text)

    def _bring_logs(self, folder: Path) -> None:
        files = run_log.captured(self.cursor())
        if files:
            self.committer.call(lambda: run_log.copy_captured(self.store, folder, files))

    def _log_lines(self, _peer: Peer, **asked: Any) -> dict[str, Any]:
        return run_log.read(self.store, self.cursor(), self.folder, **asked)

    def _claim_keys(
        self, peer: Peer, keys: list[str], notebook: str | None = None, take_over: bool = False
    ) -> dict[str, Any]:
        owner = Owner(peer.who.client_id, notebook or peer.who.notebook)
        with self.lock:
            if take_over:
                taken = self.claims.take(owner, keys)
            else:
                for each in {other for others in self.claims.others(owner, keys).values() for other in others}:
                    if deaths.living_client(self, each.client_id) is None:
                        self.claims.release(each.client_id)
                self.claims.claim(owner, keys)
                taken = {}
            losers = [(self.peers.get(other.client_id), key) for key, others in taken.items() for other in others]
        for loser, key in losers:
            if loser is not None:
                loser.push("keys_taken", keys=[key], notebook=owner.notebook)
        return {
            "taken": {key: others[0].notebook for key, others in taken.items()},
            "inherited": self._inherited(owner.notebook, keys),
        }

    def _inherited(self, notebook: str | None, keys: list[str]) -> dict[str, str]:
        """Return those keys that another notebook defined last, whose kernel does not hold them now."""
        found = self.cursor().execute(
            "select name, notebook from kept.definition where kind = 'asset' and not forgotten"
            " and notebook is not null and notebook is distinct from ? and name in (select unnest(?::varchar[]))",
            [notebook, keys],
        )
        return dict(found.fetchall())

    def _release_keys(self, peer: Peer, keys: list[str] | None = None) -> None:
        with self.lock:
            self.claims.release(peer.who.client_id, keys)

    def _get_settings(self, _peer: Peer) -> dict[str, Any]:
        with self.lock:
            return dict(self.settings)

    def _set_setting(self, peer: Peer, name: str, value: Any) -> dict[str, Any]:
        value = project_settings.checked(name, value)
        body = {"name": name, "value": value, "notebook": peer.who.notebook}
        event = Event(words.SETTING_CHANGED, None, None, self.clock.now_us(), body)
        self.committer.call(lambda: self.record([event]))
        with self.lock:
            self.settings[name] = value
            settings, peers = dict(self.settings), list(self.peers.values())
            told = self.queue.set_limits(Limits.of_settings(settings))
        for other in peers:
            other.push("settings", settings=settings)
        self.tell(told)
        return settings

    def _subscribe(self, peer: Peer, wanted: bool = True) -> int:
        with self.lock:
            if wanted:
                self._subscribers[peer.who.client_id] = peer
            else:
                self._subscribers.pop(peer.who.client_id, None)
        return self.store.last_seq

    def _prune(self, _peer: Peer, dry_run: bool = False) -> dict[str, Any]:
        return self.prune(dry_run=dry_run)

    def prune(self, *, dry_run: bool) -> dict[str, Any]:
        """Delete what the settings let go, or only count it; return how many rows of each kind."""
        with self.lock:
            days, runs = self.settings["retention_days"], self.settings["keep_runs"]
        limits = retention.Retention(days=days, runs=runs, now_us=self.clock.now_us())
        if dry_run:
            return retention.what_goes(self.store, self.cursor(), limits)
        pruned: dict[str, Any] = self.committer.call(
            lambda: retention.prune(self.store, self.folder, limits), timeout=600
        )
        return pruned

    def _rebuild(self, _peer: Peer) -> int:
        return int(self.committer.call(self.store.rebuild, timeout=600))

    def status(self) -> dict[str, Any]:
        """Return who is connected and what runs."""
        with self.lock:
            return {
                "last_seq": self.store.last_seq,
                "clients": [_described(peer) for peer in self.peers.values() if peer.who.client_id != CONTROL],
                "running": list(self.queue.running),
                "waiting": list(self.queue.waiting),
            }

    def _status(self, _peer: Peer) -> dict[str, Any]:
        return self.status()


OPERATIONS: dict[str, Callable[..., Any]] = {
    "query": Desk._query,
    "sql": Desk._sql,
    "log_lines": Desk._log_lines,
    "submit_runs": run_requests.submit_runs,
    "cancel_run": run_requests.cancel_run,
    "release_run": run_requests.release_run,
    "claim_slot": run_requests.claim_slot,
    "release_slot": run_requests.release_slot,
    "queue": run_requests.queue,
    "claim_retry": deaths.claim_retry,
    "take_backfill": backfill_requests.take_backfill,
    "cancel_backfill": backfill_requests.cancel_backfill,
    "backfills_without_kernel": backfill_requests.backfills_without_kernel,
    "hold_automations": automation_requests.hold_automations,
    "release_automations": automation_requests.release_automations,
    "claim_ticks": automation_requests.claim_ticks,
    "beat": automation_requests.beat,
    "tell_owner": automation_requests.tell_owner,
    "claim_keys": Desk._claim_keys,
    "release_keys": Desk._release_keys,
    "settings": Desk._get_settings,
    "set_setting": Desk._set_setting,
    "subscribe": Desk._subscribe,
    "prune": Desk._prune,
    "rebuild": Desk._rebuild,
    "status": Desk._status,
}


def _described(peer: Peer) -> dict[str, Any]:
    who = peer.who
    return {"kernel_id": who.kernel_id, "notebook": who.notebook, "pid": who.pid}
