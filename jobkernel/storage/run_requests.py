"""What clients ask of the run queue: submit, release, cancel, slots of pools, who waits for what.

Each takes the desk and the peer that asks, as all of the desk's operations do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jobkernel.errors import HistoryError
from jobkernel.storage.questions import ask

if TYPE_CHECKING:
    from jobkernel.storage.desk import Desk, Peer


def submit_runs(desk: Desk, peer: Peer, runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Put runs in line, in order, each with its ``run_id`` and, where it has them, priority, tags, pools, roots, title.

    Return the ids of those that start now (``admitted``); the others hear ``admitted`` later.
    """
    ours = dict.fromkeys(run["run_id"] for run in runs)
    with desk.lock:
        told = desk.queue.submit(peer.who.client_id, runs)
        admitted = [run_id for run_id in ours if run_id in desk.queue.running]
    desk.tell(each for each in told if each[2]["run_id"] not in ours)
    return {"admitted": admitted}


def release_run(desk: Desk, _peer: Peer, run_id: str) -> None:
    """Take a run that ended before it was submitted out of the queue."""
    with desk.lock:
        told = desk.queue.drop([run_id])
    desk.tell(told)


def cancel_run(desk: Desk, _peer: Peer, run_id: str, forced: bool = False, by: str | None = None) -> dict[str, Any]:
    """Ask the kernel that owns a run to cancel it; return that kernel's notebook, or the status of an ended run."""
    with desk.lock:
        owner = desk.queue.owners.get(run_id)
        found = desk.peers.get(owner or "")
        if found is not None:
            desk.queue.withdraw(run_id)
    if found is not None:
        found.push("cancel", run_id=run_id, forced=forced, by=by)
        return {"asked": found.who.notebook, "status": None}
    rows = ask(desk.store, desk.cursor(), "run", {"run_id": run_id}).dicts()
    if not rows:
        raise HistoryError(f"There is no run '{run_id}' in this project's history.")
    if rows[0]["ended_at"] is not None:
        return {"asked": None, "status": rows[0]["status"]}
    raise HistoryError(
        f"Run '{run_id}' belongs to {rows[0]['notebook'] or 'a kernel'}, which is not connected; it ends with it."
    )


def claim_slot(desk: Desk, _peer: Peer, run_id: str, step_key: str, pool: str, priority: int = 0) -> dict[str, Any]:
    """Ask for a slot of a pool for a step; where it has to wait, it hears ``slot`` later."""
    with desk.lock:
        granted = desk.queue.claim_slot(run_id, step_key, pool, priority)
        size = desk.queue.slots.sizes()[pool]
        limit = desk.queue.line.limits.of_pool(pool)
    return {"granted": granted, "held": size[0], "waiting": size[1], "limit": limit}


def release_slot(desk: Desk, _peer: Peer, run_id: str, step_key: str, pool: str) -> None:
    """Give a slot back, or stop waiting for one."""
    with desk.lock:
        told = desk.queue.release_slot(run_id, step_key, pool)
    desk.tell(told)


def queue(desk: Desk, _peer: Peer, run_ids: list[str] | None = None) -> dict[str, Any]:
    """Return who waits, in order, each with its place and why; only some where ``run_ids`` are given; and the pools.

    ``known`` says what those are called that run or wait, and their priorities: the history may not know them yet.
    """
    with desk.lock:
        line = desk.queue.line
        wanted = line.in_order() if run_ids is None else [each for each in run_ids if each in line.waiting]
        return {
            "waiting": [{"run_id": run_id, **desk.queue.place_of(run_id)} for run_id in wanted],
            "queued": len(line.waiting),
            "running": list(line.running),
            "pools": {
                name: {"held": held, "waiting": waiting, "limit": line.limits.of_pool(name)}
                for name, (held, waiting) in line.pool_sizes().items()
            },
            "known": {
                run.run_id: {"title": run.title, "priority": run.priority}
                for run in (*line.running.values(), *(line.waiting[run_id] for run_id in wanted))
            },
        }
