"""What kernels ask about schedules and sensors: leases, ticks to claim, whose ticks to finish.

Each takes the desk and the peer that asks, as all of the desk's operations do. A claim is decided and written on the
thread that writes, so that each time of a schedule, and each run key of a sensor, is given out once.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from jobkernel.model import events as words
from jobkernel.model.events import Event
from jobkernel.records import dataclass
from jobkernel.rules.ticks import WRONG_CLOCK
from jobkernel.storage.deaths import living_client
from jobkernel.storage.leases import Granted
from jobkernel.storage.questions import ask
from jobkernel.storage.rows import AUTOMATION, RUN_KEY, TICK, Row
from jobkernel.storage.run_queue import Told

if TYPE_CHECKING:
    from jobkernel.storage.desk import Desk, Peer

NAMED_KEYS: Final = 5
MICROSECOND: Final = timedelta(microseconds=1)
EVENT_OF_STATUS: Final = {
    "STARTED": words.TICK_STARTED,
    "SUCCESS": words.TICK_SUCCESS,
    "SKIPPED": words.TICK_SKIPPED,
    "FAILURE": words.TICK_FAILURE,
    "MISSED": words.TICK_MISSED,
}


def hold_automations(
    desk: Desk, peer: Peer, names: list[str], gives_way: bool = False, no_others: bool = False
) -> dict[str, Any]:
    """Ask for the leases of schedules and sensors; those that another kernel has come by the push ``lease`` later.

    With ``no_others`` what the client has of other names goes back.

    The answer has the ``tokens`` of all that the client holds now, the ``owners`` of the others, the ``states`` that
    the history keeps, and ticks of kernels that died before they launched all runs (``unfinished``).
    """
    client_id = peer.who.client_id
    with desk.lock:
        granted = desk.leases.hold(client_id, names, time.monotonic(), desk.clock.now_us(), gives_way=gives_way)
        told = _told([each for each in granted if each.previous is not None], only_losers=True)
        if no_others:
            others = {name for name, lease in desk.leases.held.items() if lease.client_id == client_id} - set(names)
            told += _told(desk.leases.let_go(client_id, desk.clock.now_us(), others))
        held = {name: desk.leases.held[name] for name in names if name in desk.leases.held}
        owners = {name: _who(desk, lease.client_id) for name, lease in held.items() if lease.client_id != client_id}
    desk.tell(told)
    return {
        "tokens": {name: lease.token for name, lease in held.items() if lease.client_id == client_id},
        "owners": owners,
        "states": states_of(desk, names),
        "unfinished": _unfinished(desk, names),
    }


def release_automations(desk: Desk, peer: Peer, names: list[str]) -> None:
    """Give leases back, and places in line for them."""
    with desk.lock:
        told = _told(desk.leases.let_go(peer.who.client_id, desk.clock.now_us(), names))
    desk.tell(told)


def beat(desk: Desk, peer: Peer) -> tuple[int, int]:
    """Say that the client's scheduler lives; leases of those that were silent go on to who waits for them.

    Return how many leases the client has, and the sum of their tokens: it asks again where it knows of others.
    """
    with desk.lock:
        told = _told(desk.leases.hear(peer.who.client_id, time.monotonic(), desk.clock.now_us()))
        found = desk.leases.of(peer.who.client_id)
    desk.tell(told)
    return found


def tell_owner(desk: Desk, peer: Peer, name: str) -> None:
    """Have the kernel that sees to a schedule or sensor read anew what the history keeps of it."""
    with desk.lock:
        lease = desk.leases.held.get(name)
    if lease is not None and lease.client_id != peer.who.client_id:
        desk.tell([(lease.client_id, "lease", {"automation": name, "token": lease.token})])


def pass_on_leases(desk: Desk, client_id: str) -> list[Told]:
    """Take a client's leases because it is gone; return whom to tell. Holds the desk's lock already."""
    return _told(desk.leases.let_go(client_id, desk.clock.now_us()))


def states_of(desk: Desk, names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return what the history keeps of these automations, by name."""
    rows = ask(desk.store, desk.cursor(), "automations", {"names": list(names)}).dicts()
    return {row["name"]: row for row in rows}


def claim_ticks(desk: Desk, peer: Peer, ticks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Record ticks that the client's scheduler evaluated, if they are its to record; durable when this returns.

    Each answer says whether it is ``claimed``, else ``why`` not (``lease``: another kernel has it; ``taken``: that time
    was claimed before); its ``status`` now; and the ``run_ids`` that may be launched: those of its ``requests`` whose
    run key nobody used before. What a tick has ``beside`` (events: type, body) is kept with it or not at all.
    """
    with desk.lock:
        fenced = [desk.leases.is_held(tick["name"], peer.who.client_id, tick["token"]) for tick in ticks]
    answers: list[dict[str, Any]] = desk.committer.call(lambda: _Claims(desk, peer).decide(ticks, fenced))
    return answers


@dataclass(slots=True)
class _Claims:
    """Claims that are decided together, each by what those before it did. On the writing thread."""

    desk: Desk
    peer: Peer
    reached: dict[str, int] = field(default_factory=dict)
    given_keys: set[tuple[str, str]] = field(default_factory=set)

    def decide(self, ticks: Sequence[dict[str, Any]], fenced: Sequence[bool]) -> list[dict[str, Any]]:
        store = self.desk.store
        store.load_state(TICK, [(tick["tick_id"],) for tick in ticks])
        store.load_state(AUTOMATION, [(tick["name"],) for tick in ticks])
        store.load_state(RUN_KEY, [key for tick in ticks for key in _keys_of(tick)])
        events: list[Event] = []
        answers = [self._decide(tick, is_ours, events) for tick, is_ours in zip(ticks, fenced, strict=True)]
        self.desk.record(events)
        return answers

    def _decide(self, tick: dict[str, Any], is_ours: bool, events: list[Event]) -> dict[str, Any]:
        name = tick["name"]
        known = self.desk.store.state(TICK, (tick["tick_id"],))
        if known is not None:
            return _again(known, tick["token"])
        if not is_ours:
            return {"claimed": False, "why": "lease"}
        scheduled = tick.get("scheduled_us")
        if scheduled is not None and tick["automation_type"] == "SCHEDULE" and scheduled <= self._reached(name):
            return {"claimed": False, "why": "taken"}
        granted, refused = self._split(tick)
        used = [*tick.get("skipped_keys", ()), *refused]
        body = {**tick, "requests": granted, "client_id": self.peer.who.client_id, "notebook": self.peer.who.notebook}
        if used:
            body["skipped_keys"] = used
            if not granted:
                body |= {"status": "SKIPPED", "skip_reason": _used_before(used)}
        self.reached[name] = max(self.reached.get(name, 0), tick.get("last_us") or scheduled or 0)
        self.given_keys.update(_keys_of({**tick, "requests": granted}))
        status, now_us = body.pop("status"), self.desk.clock.now_us()
        tick_id = {"tick_id": tick["tick_id"]}
        events += [Event(word, None, None, now_us, {**told, **tick_id}) for word, told in body.pop("beside", ())]
        events.append(Event(EVENT_OF_STATUS[status], None, None, now_us, body))
        return {"claimed": True, "status": status, "run_ids": [request["run_id"] for request in granted]}

    def _reached(self, name: str) -> int:
        row = self.desk.store.state(AUTOMATION, (name,))
        kept = (row["scheduled_us"] if row else None) or 0
        is_wrong = kept - self.desk.clock.now_us() > WRONG_CLOCK / MICROSECOND
        return max(self.reached.get(name, 0), 0 if is_wrong else kept)

    def _split(self, tick: dict[str, Any]) -> tuple[list[dict[str, Any]], list[str]]:
        """Return the requests to launch, and the run keys of those that ask for what was asked for before."""
        granted: list[dict[str, Any]] = []
        used: list[str] = []
        here: set[str] = set()
        for request in tick.get("requests") or ():
            key = request.get("run_key")
            if key is not None and (key in here or (tick.get("keeps_keys") and self._is_used(tick["name"], key))):
                used.append(key)
                continue
            here.add(key)
            granted.append(request)
        return granted, used

    def _is_used(self, name: str, key: str) -> bool:
        if (name, key) in self.given_keys:
            return True
        row = self.desk.store.state(RUN_KEY, (name, key))
        if row is None or row["run_id"] is None:
            return False
        automation = self.desk.store.state(AUTOMATION, (name,))
        return automation is None or row["given_seq"] > (automation["keys_reset_seq"] or 0)


def _again(row: Row, token: int) -> dict[str, Any]:
    """Return the answer to a claim that is here already: sent again by its owner, or somebody else's."""
    details = json.loads(row["details"] or "{}")
    if details.get("token") != token:
        return {"claimed": False, "why": "taken"}
    run_ids = [request["run_id"] for request in details.get("requests", ())]
    return {"claimed": True, "status": row["status"], "run_ids": run_ids}


def _keys_of(tick: dict[str, Any]) -> list[tuple[str, str]]:
    if not tick.get("keeps_keys"):
        return []
    return [(tick["name"], each["run_key"]) for each in tick.get("requests") or () if each.get("run_key") is not None]


def _used_before(keys: Sequence[str]) -> str:
    keys = list(dict.fromkeys(keys))
    named = ", ".join(f"'{key}'" for key in keys[:NAMED_KEYS])
    more = f" and {len(keys) - NAMED_KEYS} more" if len(keys) > NAMED_KEYS else ""
    return f"A run was launched before for run key {named}{more}."


def _told(granted: Iterable[Granted], *, only_losers: bool = False) -> list[Told]:
    told: list[Told] = []
    for name, lease, previous in granted:
        if not only_losers:
            told.append((lease.client_id, "lease", {"automation": name, "token": lease.token}))
        if previous is not None:
            told.append((previous, "lease_lost", {"automation": name}))
    return told


def _who(desk: Desk, client_id: str) -> dict[str, Any]:
    peer = desk.peers.get(client_id)
    return {"notebook": peer.who.notebook, "pid": peer.who.pid} if peer is not None else {}


def _unfinished(desk: Desk, names: list[str]) -> list[dict[str, Any]]:
    """Return ticks whose claimant died between the claim and the launch of its last run."""
    ticks = ask(desk.store, desk.cursor(), "unfinished_ticks", {"names": names}).dicts()
    return [tick for tick in ticks if living_client(desk, (tick["details"] or {}).get("client_id")) is None]
