"""What kernels ask about backfills: to go on with one, to cancel one, which are seen to by a living kernel.

Each takes the desk and the peer that asks, as all of the desk's operations do. Who goes on with a backfill is decided
and written on the thread that writes, so that one kernel does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jobkernel.errors import UnknownName
from jobkernel.model import events as words
from jobkernel.model.events import Event
from jobkernel.storage.deaths import living_client
from jobkernel.storage.questions import ask

if TYPE_CHECKING:
    from jobkernel.storage.desk import Desk, Peer


def take_backfill(desk: Desk, peer: Peer, backfill_id: str) -> dict[str, Any]:
    """Give a backfill to the kernel that asks, unless another living one sees to it: ``owner`` names its notebook."""
    answer: dict[str, Any] = desk.committer.call(lambda: _taken(desk, peer, backfill_id))
    return answer


def cancel_backfill(
    desk: Desk, peer: Peer, backfill_id: str, by: str | None = None, forced: bool = False
) -> dict[str, Any]:
    """Record that a backfill is canceled and tell the kernel that sees to it; ``owner`` is None where none does."""
    row = _row(desk, backfill_id)
    if row["ended_at"] is not None:
        return {"owner": None, "status": row["status"]}
    body = {"backfill_id": backfill_id, "by": by}
    desk.committer.call(lambda: desk.record([Event(words.BACKFILL_CANCELING, None, None, desk.clock.now_us(), body)]))
    with desk.lock:
        owner = desk.peers.get(row["client_id"] or "")
    if owner is None or owner is peer:
        return {"owner": None, "status": "CANCELING"}
    owner.push("cancel_backfill", backfill_id=backfill_id, forced=forced)
    return {"owner": owner.who.notebook or "another kernel", "status": "CANCELING"}


def backfills_without_kernel(desk: Desk, _peer: Peer, notebook: str | None = None) -> list[str]:
    """Return the backfills (of a notebook) that are not over and that no living kernel sees to, newest first."""
    rows = ask(desk.store, desk.cursor(), "open_backfills", {}).dicts()
    mine = [row for row in rows if notebook in (None, row["notebook"])]
    return [row["backfill_id"] for row in mine if living_client(desk, row["client_id"]) is None]


def _taken(desk: Desk, peer: Peer, backfill_id: str) -> dict[str, Any]:
    row = _row(desk, backfill_id)
    owner = living_client(desk, row["client_id"]) if row["ended_at"] is None else None
    if owner is not None and owner.client_id != peer.who.client_id:
        return {"owner": owner.notebook or "another kernel"}
    body = {"backfill_id": backfill_id, "client_id": peer.who.client_id, "notebook": peer.who.notebook}
    desk.record([Event(words.BACKFILL_TAKEN, None, None, desk.clock.now_us(), body)])
    return {"owner": None}


def _row(desk: Desk, backfill_id: str) -> dict[str, Any]:
    rows = ask(desk.store, desk.cursor(), "backfill", {"backfill_id": backfill_id}).dicts()
    if not rows:
        raise UnknownName(f"There is no backfill '{backfill_id}' in this project's history.")
    return rows[0]
