"""The history itself: one DuckDB database, one writer. Appends events and the state rows they change, together.

Owns sequence numbers, transactions and the bounds that make questions quick. Knows no socket and no thread: its
writing methods are called by one thread (``committer``), cursors are handed out one per thread.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from jobkernel.errors import HistoryError
from jobkernel.storage.encoding import StoredEvent
from jobkernel.storage.fold import FINAL_RUN_STATUSES, fold
from jobkernel.storage.opening import MEMORY, open_history_file, said
from jobkernel.storage.rows import ALL_TABLES, ASSET_PARTITION, RUN, STEP, Changes, Key, Row, Rows, Table
from jobkernel.storage.run_bounds import STILL_OPEN, RunBounds

if TYPE_CHECKING:
    import duckdb

CLOSING_S = 10.0
REBUILD_BATCH = 20_000


class Batch(NamedTuple):
    """Events of one client, numbered by it from ``first``."""

    client: int
    first: int
    events: Sequence[StoredEvent]


class Appended(NamedTuple):
    """What an append did: the seqs it gave out, and the runs that ended with it."""

    last_seq: int
    ended_runs: set[str]
    written: int


class ClientIdentity(NamedTuple):
    """Who writes: a client id of its own, and the process and notebook it belongs to."""

    client_id: str
    kernel_id: str | None
    notebook: str | None
    host: str
    pid: int
    process_started: str


class Store:
    """An open history. Raises :class:`HistoryError` with a sentence; what was appended before stays whole."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, path: str) -> None:
        self.path = path
        self.bounds = RunBounds()
        self._connection = connection
        self._connecting = threading.Lock()  # a connection that is asked for a cursor cannot be closed meanwhile
        self._writer = connection.cursor()
        self._rows = Rows(self)
        self._appenders: dict[str, Any] = {}
        self._last_client_seq: dict[int, int] = {}
        self._next_seq = 1
        self._load()

    @classmethod
    def open(cls, path: str = MEMORY) -> Store:
        """Open or make the history at ``path``, or one in memory."""
        connection = open_history_file(path)
        with sentences(path):
            return cls(connection, path)

    @property
    def last_seq(self) -> int:
        """The seq of the newest durable event, 0 where there is none."""
        return self._next_seq - 1

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """Return a new cursor, for one thread."""
        with self._connecting:
            return self._connection.cursor()

    def register(self, who: ClientIdentity, now_us: int, acknowledged: int = 0) -> tuple[int, int]:
        """Return the client's number and the last of its events that need not come again."""
        with sentences(self.path):
            found = self._ask("select number from kept.client where client_id = ?", [who.client_id])
            if found:
                number = int(found[0][0])
                self._do("update kept.client set seen_us = ? where number = ?", [now_us, number])
            else:
                number = int(self._ask("select coalesce(max(number), 0) + 1 from kept.client")[0][0])
                number = max(number, max(self._last_client_seq, default=0) + 1)
                values = [number, *who, now_us]
                self._do("insert into kept.client values (?, ?, ?, ?, ?, ?, ?, ?, 0)", values)
        self.settle(number, acknowledged)
        return number, self._last_client_seq[number]

    def kept_of(self, client: int) -> int:
        """Return the last of the client's events that need not come again."""
        return self._last_client_seq.get(client, 0)

    def settle(self, client: int, last: int) -> None:
        """Note that the client's events up to this number are kept, or refused for good."""
        self._last_client_seq[client] = max(self._last_client_seq.get(client, 0), last)

    def append(self, batches: Sequence[Batch]) -> Appended:
        """Keep the events that are not kept yet, with the rows they change: all of them, or none."""
        events, lines, newest = self._number(batches)
        if not events:
            return Appended(self.last_seq, set(), 0)
        first_seq = self._next_seq
        new_runs: list[str] = []
        try:
            with sentences(self.path), self._transaction():
                self._write("event", lines)
                ended = fold(self._rows, first_seq, events)
                changes = self._rows.changes()
                self._apply(changes)
                new_runs = self._note_new_runs(changes)  # whoever sees a run can ask for it
        except BaseException:
            self.bounds.take_back(new_runs)
            self._forget()
            raise
        self._next_seq += len(events)
        self._last_client_seq.update(newest)
        self._note_runs(changes)
        self._rows.settle(ended)
        return Appended(self.last_seq, ended, len(events))

    def load_state(self, table: Table, keys: Iterable[Key]) -> None:
        """Bring state rows into memory with one question."""
        with sentences(self.path):
            self._rows.load(table, keys)

    def state(self, table: Table, key: Key) -> Row | None:
        """Return the state row of a key, or None. It must not be changed."""
        with sentences(self.path):
            return self._rows.get(table, key)

    def rebuild(self) -> int:
        """Make the state rows anew from the log; return how many events were read. Refused once events were pruned."""
        if self._ask("select 1 from kept.meta where name = 'pruned'"):
            raise HistoryError(
                "State cannot be rebuilt: old events were deleted or written by an older version; the rows hold what"
                " they said."
            )
        with sentences(self.path), self._transaction():
            for name in {table.target for table in ALL_TABLES}:
                self._do(f"delete from kept.{name}")  # noqa: S608 - names of our own tables
            self._forget()
            self._rows.source = _Nothing()
            count = self._refold()
        self._rows = Rows(self)
        self._load()
        return count

    def keep_captured(self, row_seq: int, rows: list[tuple[Any, ...]]) -> None:
        """Keep the lines of one captured file, and that it was copied."""
        with sentences(self.path), self._transaction():
            if rows:
                self._write("log_line", rows)
            self._do("update kept.log_file set copied = true where row_seq = ?", [row_seq])

    def forget_old(self, deletions: dict[str, str], values: dict[str, int]) -> None:
        """Delete rows by these statements, runs last, in one transaction; what clients had acknowledged stays known."""
        with sentences(self.path), self._transaction():
            for number, client_seq in self._last_client_seq.items():
                self._do("update kept.client set last_client_seq = ? where number = ?", [client_seq, number])
            self._do("insert or replace into kept.meta values ('pruned', ?)", [str(self.last_seq)])
            for word in sorted(deletions, key=lambda word: word == "runs"):
                used = {name: value for name, value in values.items() if f"${name}" in deletions[word]}
                self._writer.execute(deletions[word], used).fetchall()
        self._rows.forget()
        self._load()

    def checkpoint(self) -> None:
        """Move what is in the write-ahead log into the file."""
        with sentences(self.path):
            self._do("checkpoint")

    def close(self) -> None:
        """Checkpoint and let go of the file, once questions that are under way on other threads are answered."""
        import duckdb  # already loaded

        self._appenders.clear()
        self._writer.close()
        deadline = time.monotonic() + CLOSING_S
        while True:
            try:
                with self._connecting:
                    self._connection.close()
                return
            except duckdb.ResourceInUseException:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.01)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._do("begin")
        try:
            yield
            self._do("commit")
        except BaseException:
            import duckdb  # already loaded

            self._appenders.clear()
            with contextlib.suppress(duckdb.Error):
                self._do("rollback")
            raise

    def _refold(self) -> int:
        count, after = 0, 0
        while True:
            rows = self._ask(
                "select seq, event_type, run_id, step_key, occurred_us, body from kept.event"
                " where seq > ? order by seq limit ?",
                [after, REBUILD_BATCH],
            )
            if not rows:
                return count
            for seq, *event in rows:
                fold(self._rows, seq, [tuple(event)])
            count, after = count + len(rows), rows[-1][0]
            if len(rows) < REBUILD_BATCH:
                self._apply(self._rows.changes())
                return count

    def _number(self, batches: Sequence[Batch]) -> tuple[list[StoredEvent], list[tuple[Any, ...]], dict[int, int]]:
        events: list[StoredEvent] = []
        lines: list[tuple[Any, ...]] = []
        newest: dict[int, int] = {}
        seq = self._next_seq
        for client, first, batch in batches:
            kept = newest.get(client, self._last_client_seq.get(client, 0))
            skipped = max(0, kept - first + 1)
            for client_seq, event in enumerate(batch[skipped:], first + skipped):
                event_type, run_id, step_key, occurred_us, body = event
                lines.append((seq, occurred_us, event_type, run_id, step_key, client, client_seq, body))
                events.append(event)
                seq += 1
            newest[client] = max(kept, first + len(batch) - 1)
        return events, lines, newest

    def _apply(self, changes: Changes) -> None:
        for name, row_seqs in changes.removed.items():
            self._do(f"delete from kept.{name} where row_seq in (select unnest(?))", [row_seqs])  # noqa: S608
        for name, rows in changes.added.items():
            self._write(name, rows)

    def _write(self, name: str, rows: list[tuple[Any, ...]]) -> None:
        appender = self._appenders.get(name)
        if appender is None:
            appender = self._appenders[name] = self._writer.appender(f"kept.{name}")
        appender.append_rows(rows)
        appender.flush()

    def _note_new_runs(self, changes: Changes) -> list[str]:
        new: list[str] = []
        for row_seq, _, run_id, step_key, *_ in changes.added.get(RUN.target, ()):
            if step_key is None and run_id not in self.bounds.positions:
                self.bounds.note(run_id, row_seq, STILL_OPEN)
                new.append(run_id)
        return new

    def _note_runs(self, changes: Changes) -> None:
        for row_seq, last_seq, run_id, step_key, _, _, status, *_ in changes.added.get(RUN.target, ()):
            if step_key is not None:
                continue
            self.bounds.note(run_id, row_seq, last_seq if status in FINAL_RUN_STATUSES else STILL_OPEN)

    def _forget(self) -> None:
        self._appenders.clear()
        self._rows.forget()

    def _load(self) -> None:
        self._next_seq = 1 + max(
            self._ask("select coalesce(max(seq), 0) from kept.event")[0][0],
            int((self._ask("select value from kept.meta where name = 'pruned'") or [(0,)])[0][0]),
        )
        self._last_client_seq = dict(
            self._ask(
                "select number, max(last_client_seq) from (select number, last_client_seq from kept.client union all"
                " select client, max(client_seq) from kept.event group by client) group by number"
            )
        )
        bounds = RunBounds()
        for run_id, first, last, status in self._ask(
            "select run_id, row_seq, last_seq, status from kept.run order by row_seq"
        ):
            bounds.note(run_id, first, last if status in FINAL_RUN_STATUSES else STILL_OPEN)
        self.bounds = bounds

    def _ask(self, sql: str, values: list[Any] | None = None) -> list[tuple[Any, ...]]:
        return self._writer.execute(sql, values).fetchall()  # type: ignore[no-any-return]

    def _do(self, sql: str, values: list[Any] | None = None) -> None:
        self._writer.execute(sql, values).fetchall()

    def rows_of(self, table: Table, keys: list[Key]) -> list[Row]:
        """Return the state rows of these keys."""
        if table is RUN:
            return self._runs([run_id for (run_id,) in keys])
        names = ", ".join(table.columns)
        wanted = [[key[place] for key in keys] for place in range(len(table.key))]
        same = " and ".join(f"{name} is not distinct from wanted.k{place}" for place, name in enumerate(table.key))
        lists = ", ".join(f"unnest(?::varchar[]) as k{place}" for place in range(len(table.key)))
        sql = f"select {names} from kept.{table.name} join (select {lists}) as wanted on {same}"  # noqa: S608
        return self._as_rows(table, self._ask(sql, wanted))

    def steps_of(self, run_id: str) -> list[Row]:
        """Return the run's step rows, oldest first."""
        names, first = ", ".join(STEP.columns), self.bounds.of(run_id)[0]
        which = "row_seq >= ? and run_id = ? and step_key is not null order by row_seq"
        sql = f"select {names} from kept.execution where {which}"  # noqa: S608
        return self._as_rows(STEP, self._ask(sql, [first, run_id]))

    def planned_by(self, run_id: str) -> list[Row]:
        """Return the asset partitions that the run has planned and not made."""
        names = ", ".join(ASSET_PARTITION.columns)
        sql = f"select {names} from kept.asset_partition where planned_run_id = ?"  # noqa: S608
        return self._as_rows(ASSET_PARTITION, self._ask(sql, [run_id]))

    def _runs(self, run_ids: list[str]) -> list[Row]:
        firsts = [self.bounds.of(run_id)[0] for run_id in run_ids if run_id in self.bounds.positions]
        if not firsts:
            return []
        sql = f"select {', '.join(RUN.columns)} from kept.execution where row_seq in (select unnest(?))"  # noqa: S608
        return self._as_rows(RUN, self._ask(sql, [firsts]))

    @staticmethod
    def _as_rows(table: Table, found: list[tuple[Any, ...]]) -> list[Row]:
        return [table.row(line) for line in found]


class _Nothing:
    """A source without rows, for folding a log from its beginning."""

    def rows_of(self, _table: Table, _keys: list[Key]) -> list[Row]:
        """Return nothing."""
        return []

    def steps_of(self, _run_id: str) -> list[Row]:
        """Return nothing."""
        return []

    def planned_by(self, _run_id: str) -> list[Row]:
        """Return nothing."""
        return []


@contextlib.contextmanager
def sentences(path: str) -> Iterator[None]:
    """Turn DuckDB's errors into ours."""
    import duckdb  # loaded since the history was opened

    try:
        yield
    except duckdb.Error as error:
        raise said(error, path) from error
