"""What the death of a kernel means for its runs: how they end, whether they are tried again, and by whom.

A run of a backfill is made again by whoever goes on with the backfill, and by nobody else.

Each takes the desk, as all of its operations do. A retry is run by one kernel of the same notebook: it claims it here,
and an event says so, so that it is claimed once however kernels and servers come and go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from jobkernel.model import events as words
from jobkernel.model.events import Event
from jobkernel.model.run_tags import BACKFILL_TAG, REASON_TAG, RETRY_RUN_TAG, WILL_RETRY_TAG
from jobkernel.rules import run_retries
from jobkernel.storage.process import host_name, is_alive
from jobkernel.storage.questions import ask
from jobkernel.storage.store import ClientIdentity

if TYPE_CHECKING:
    from jobkernel.storage.desk import Desk, Peer

KERNEL_DIED: Final = "kernel died"
UNEXPECTED: Final = "UNEXPECTED_TERMINATION"
"""Dagster's word for a run that ended without saying so."""
CLAIMED_BY: Final = "retry_claimed_by"


def open_runs(desk: Desk) -> list[tuple[int, ClientIdentity, list[tuple[str, str]]]]:
    """Return the clients that have runs which have not ended: number, identity, and id and status of each run."""
    names = ", ".join(f"client.{name}" for name in ClientIdentity._fields)
    rows = desk.cursor().execute(
        f"select run.run_id, run.status, client.number, {names} from kept.run as run"  # noqa: S608 - our own names
        " join kept.event as event on event.seq = run.row_seq"
        " join kept.client as client on client.number = event.client"
        " where run.status not in ('SUCCESS', 'FAILURE', 'CANCELED') order by run.row_seq"
    )
    found: dict[int, tuple[int, ClientIdentity, list[tuple[str, str]]]] = {}
    for run_id, status, number, *identity in rows.fetchall():
        _, _, runs = found.setdefault(number, (number, ClientIdentity(*identity), []))
        runs.append((run_id, status))
    return list(found.values())


def living_client(desk: Desk, client_id: str | None) -> ClientIdentity | None:
    """Return a client whose process has not ended, as far as can be told from this machine.

    A process that was killed is gone before its connection is missed.
    """
    names = ", ".join(ClientIdentity._fields)
    cursor = desk.cursor()
    row = cursor.execute(f"select {names} from kept.client where client_id = ?", [client_id]).fetchone()  # noqa: S608
    who = ClientIdentity(*row) if row is not None else None
    if who is None or (who.host == host_name() and not is_alive(who.pid, who.process_started)):
        return None
    return who


def end_runs_of(desk: Desk, number: int, notebook: str | None) -> list[str]:
    """Record the ends of a dead client's runs; return those that are to be tried again. On the writing thread."""
    cursor, now = desk.cursor(), desk.clock.now_us()
    runs = cursor.execute(
        "select run.run_id, run.status, run.row_seq from kept.run as run join kept.event as event"
        " on event.seq = run.row_seq where event.client = ?"
        " and run.status not in ('SUCCESS', 'FAILURE', 'CANCELED') order by run.row_seq",
        [number],
    ).fetchall()
    retried = []
    for run_id, status, row_seq in runs:
        steps = cursor.execute(
            "select step_key, attempt from kept.step where row_seq >= ? and run_id = ? and status = 'STARTED'",
            [row_seq, run_id],
        ).fetchall()
        tags = _end_tags(desk, run_id, status)
        desk.record(_last_events(run_id, status, steps, notebook, now, tags))
        if tags.get(WILL_RETRY_TAG) == "true":
            retried.append(run_id)
    return retried


def tell_of_retries(desk: Desk, run_ids: list[str], notebook: str | None) -> None:
    """Tell the other kernels of a notebook which runs of a dead one are to be tried again."""
    with desk.lock:
        peers = [peer for peer in desk.peers.values() if run_ids and peer.who.notebook == notebook]
    for peer in peers:
        peer.push("left_runs", run_ids=run_ids)


def claim_retry(desk: Desk, peer: Peer, run_id: str) -> dict[str, Any] | None:
    """Give the retry of a run whose kernel died to the one who asks; return the new run's id and the retry's number.

    None where the run is not to be tried again, was run again, or another living kernel has claimed it.
    """
    claimed: dict[str, Any] | None = desk.committer.call(lambda: _claimed(desk, peer, run_id))
    return claimed


def _claimed(desk: Desk, peer: Peer, run_id: str) -> dict[str, Any] | None:
    rows = ask(desk.store, desk.cursor(), "run", {"run_id": run_id}).dicts()
    tags = (rows[0]["tags"] or {}) if rows else {}
    if tags.get(WILL_RETRY_TAG) != "true" or rows[0]["reason"] != KERNEL_DIED or _is_run_again(desk, run_id):
        return None
    claimer = _claimer(desk, run_id, rows[0]["first_seq"])
    if claimer is None or claimer.client_id != peer.who.client_id:
        if claimer is not None and _lives(claimer):
            return None
        message = f"It is tried again as run {tags[RETRY_RUN_TAG][:8]}, by a kernel of {peer.who.notebook}."
        body = {"message": message, CLAIMED_BY: peer.who.client_id}
        desk.record([Event(words.ENGINE_EVENT, run_id, None, desk.clock.now_us(), body)])
    number = len(_group(desk, rows[0]["root_run_id"] or run_id))
    return {"run_id": tags[RETRY_RUN_TAG], "number": number}


def _lives(who: ClientIdentity) -> bool:
    return who.host != host_name() or is_alive(who.pid, who.process_started)


def _is_run_again(desk: Desk, run_id: str) -> bool:
    found = desk.cursor().execute("select 1 from kept.run where parent_run_id = ? limit 1", [run_id])
    return found.fetchone() is not None


def _claimer(desk: Desk, run_id: str, first_seq: int) -> ClientIdentity | None:
    names = ", ".join(f"client.{name}" for name in ClientIdentity._fields)
    row = (
        desk.cursor()
        .execute(
            f"select {names} from kept.event as event join kept.client as client"  # noqa: S608 - our own names
            f" on client.client_id = event.body ->> '{CLAIMED_BY}'"
            " where event.seq >= ? and event.run_id = ? and event.event_type = 'ENGINE_EVENT'"
            " order by event.seq desc limit 1",
            [first_seq, run_id],
        )
        .fetchone()
    )
    return ClientIdentity(*row) if row is not None else None


def _group(desk: Desk, root_run_id: str) -> set[str]:
    rows = ask(desk.store, desk.cursor(), "runs_of_root", {"root_run_id": root_run_id}).dicts()
    return {row["run_id"] for row in rows} | {root_run_id}


def _end_tags(desk: Desk, run_id: str, status: str) -> dict[str, str]:
    """Return the tags of a run that ends with its kernel: why, and whether and as what it is tried again."""
    if status == "QUEUED":
        return {}
    row = ask(desk.store, desk.cursor(), "run", {"run_id": run_id}).dicts()[0]
    tags, found = row["tags"] or {}, {REASON_TAG: UNEXPECTED}
    with desk.lock:
        default = desk.settings["run_retries"]
    if run_retries.most_retries(tags, default) <= 0:
        return found
    so_far = len(_group(desk, row["root_run_id"] or run_id)) - 1
    is_wanted = status != "CANCELING" and row["notebook"] is not None and BACKFILL_TAG not in tags
    if not is_wanted or so_far >= run_retries.most_retries(tags, default):
        return {**found, WILL_RETRY_TAG: "false"}
    return {**found, WILL_RETRY_TAG: "true", RETRY_RUN_TAG: str(uuid4())}


def _last_events(
    run_id: str, status: str, steps: list[tuple[str, int]], notebook: str | None, now_us: int, tags: dict[str, str]
) -> list[Event]:
    stood = {"STARTED": "running", "CANCELING": "being canceled"}.get(status, status.lower().replace("_", " "))
    message = f"The kernel of {notebook or 'this run'} died while the run was {stood}."
    error = {"type": "KernelDied", "message": message}
    if status == "QUEUED":
        body = {"reason": KERNEL_DIED, "error": error}
        return [Event(words.RUN_CANCELED, run_id, None, now_us, body)]
    ends = [
        Event(words.STEP_FAILURE, run_id, step_key, now_us, {"attempt": attempt, "error": error})
        for step_key, attempt in steps
    ]
    if tags.get(WILL_RETRY_TAG) == "true":
        retried = f"{message} It is tried again as soon as a kernel of that notebook has defined what it ran."
        error = {**error, "message": retried}
    return [
        *ends,
        Event(words.RUN_FAILURE, run_id, None, now_us, {"reason": KERNEL_DIED, "error": error, "tags": tags}),
    ]
