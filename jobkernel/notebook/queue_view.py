"""What ``%jk queue`` shows: who runs, who waits at which place and why, how full the pools are. Decides nothing.

Asks the project's queue and its history, through any client. Called by the magic and the command line.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from jobkernel.clock import from_us
from jobkernel.errors import HistoryError
from jobkernel.notebook.shown import Shown, count_of, escaped
from jobkernel.rules.asset_plan import run_title
from jobkernel.storage.history import History
from jobkernel.storage.table import Table

RUN_COLUMNS: Final = {
    "place": "BIGINT",
    "run": "VARCHAR",
    "job": "VARCHAR",
    "status": "VARCHAR",
    "priority": "BIGINT",
    "queued_at (UTC)": "TIMESTAMP",
    "notebook": "VARCHAR",
    "waits for": "VARCHAR",
}
POOL_COLUMNS: Final = {"pool": "VARCHAR", "held": "BIGINT", "waiting": "BIGINT", "limit": "BIGINT"}
_ON_THE_WAY: Final = ("STARTED", "STARTING", "NOT_STARTED", "CANCELING")


class QueueView:
    """The queue at one moment: ``runs`` and ``pools`` are tables; it shows itself as text and as HTML."""

    def __init__(self, head: str, runs: Table, pools: Table) -> None:
        self.head = head
        self.runs = runs
        self.pools = pools

    def df(self) -> Any:
        """Return the runs as a ``pandas.DataFrame``: those that run first, without a place, then the line."""
        return self.runs.df()

    def fetchall(self) -> list[tuple[Any, ...]]:
        """Return the runs as tuples."""
        return self.runs.fetchall()

    def tables(self) -> list[Table]:
        """Return the tables that have rows."""
        return [table for table in (self.runs, self.pools) if len(table)]

    def __len__(self) -> int:
        return len(self.runs)

    def __repr__(self) -> str:
        return "\n\n".join([self.head, *map(repr, self.tables())])

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        head = Shown(self.head, escaped(self.head).replace("\n", "<br>"))._repr_mimebundle_()["text/html"]
        return {"text/plain": repr(self), "text/html": head + "".join(table._repr_html_() for table in self.tables())}


def queue_view(history: History, notes: Sequence[str] = ()) -> QueueView:
    """Return the queue of the project as it is now; ``notes`` are lines for below its first one."""
    history.flush()
    found = history.request("queue")
    settings = history.request("settings")
    running, waiting = found["running"], found["waiting"]
    told = _rows_of(history, len(running) + len(waiting), ["QUEUED"])
    told |= _rows_of(history, len(running), _ON_THE_WAY)
    for run_id, known in found["known"].items():
        told[run_id] = {**known, **told.get(run_id, {})}
    rows = [_cells(run_id, _admitted(told[run_id]), None, None) for run_id in running]
    rows += [_cells(each["run_id"], told[each["run_id"]], place, each["why"]) for place, each in enumerate(waiting, 1)]
    runs = Table(list(RUN_COLUMNS), list(RUN_COLUMNS.values()), rows, widest=160)
    head = "\n".join([_head(len(running), len(waiting), settings), *notes])
    return QueueView(head, runs, _pools(found["pools"], settings))


def waiting_of(history: History, run_id: str) -> str | None:
    """Return what one run waits for, in words; None where it does not, or nobody can tell."""
    try:
        found = history.request("queue", run_ids=[run_id])["waiting"]
    except HistoryError:
        return None
    return f"place {found[0]['ahead'] + 1} in the queue: {found[0]['why']}" if found else None


def _head(running: int, waiting: int, settings: Mapping[str, Any]) -> str:
    most = settings["max_concurrent_runs"]
    limit = "any number of runs at once" if most < 0 else f"at most {count_of(most, 'run')} at once"
    return f"{running:,} running, {waiting:,} waiting; {limit} (JobKernel.max_concurrent_runs)"


def _rows_of(history: History, count: int, statuses: Iterable[str]) -> dict[str, Mapping[str, Any]]:
    """Return what the history says of so many runs, by id; the newest may not be in it yet."""
    if not count:
        return {}
    found = [row for status in statuses for row in history.query("latest_runs", status=status, limit=count + 100)]
    return {row["run_id"]: row for row in found}


def _admitted(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what is said of a run that the queue has admitted, whether or not the history has heard of it."""
    return {**row, "status": "STARTING"} if row.get("status") == "QUEUED" else row


def _cells(run_id: str, row: Mapping[str, Any], place: int | None, why: str | None) -> tuple[Any, ...]:
    return (
        place,
        run_id[:8],
        run_title(row["job_name"], row["assets"] or ()) if "job_name" in row else row["title"] or None,
        row.get("status") or ("QUEUED" if place else "STARTING"),
        row.get("priority"),
        from_us(row["queued_at"]).replace(tzinfo=None, microsecond=0) if row.get("queued_at") else None,
        row.get("notebook"),
        why,
    )


def _pools(pools: Mapping[str, Mapping[str, Any]], settings: Mapping[str, Any]) -> Table:
    known = {name: {"held": 0, "waiting": 0, "limit": limit} for name, limit in settings["pools"].items()} | dict(pools)
    rows = [(name, each["held"], each["waiting"], each["limit"]) for name, each in known.items()]
    return Table(list(POOL_COLUMNS), list(POOL_COLUMNS.values()), rows)
