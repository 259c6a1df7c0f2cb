"""What is wrong with a project's history, in sentences: for ``jobkernel doctor``. Starts no server and changes nothing.

While a server runs it is asked; where none runs, the history is opened for a moment under the server's own lock.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

from jobkernel.errors import HistoryError
from jobkernel.storage import unsent
from jobkernel.storage.control import server_status
from jobkernel.storage.place import NETWORK_FILESYSTEMS, Place, filesystem_of, mounts, place_of, refuse_foreign_owner
from jobkernel.storage.process import is_alive
from jobkernel.storage.store import Store
from jobkernel.storage.versions import Versions, our_versions

LITTLE_SPACE = 500 * 1024 * 1024

Level = Literal["ok", "warning", "error"]


class Finding(NamedTuple):
    """One thing that was looked at, and what was found."""

    level: Level
    sentence: str


def examine(project: str | os.PathLike[str]) -> list[Finding]:
    """Return what was found, the worst first."""
    try:
        place = place_of(project)
    except HistoryError as error:
        return [Finding("error", str(error))]
    found = [finding for look in LOOKS for finding in look(place)]
    order = {"error": 0, "warning": 1, "ok": 2}
    return sorted(found, key=lambda finding: order[finding.level])


def _folder(place: Place) -> Iterator[Finding]:
    if not place.folder.is_dir():
        yield Finding("ok", f"{place.project} has no history yet; the first run makes it.")
    elif not os.access(place.folder, os.W_OK):
        yield Finding("error", f"{place.folder} cannot be written; runs are remembered in memory only.")
    elif place.folder.stat().st_uid != os.getuid():
        yield Finding("warning", f"{place.folder} belongs to another user; a project is meant for one user.")


def _filesystem(place: Place) -> Iterator[Finding]:
    kind = filesystem_of(place.project, mounts())
    if kind in NETWORK_FILESYSTEMS:
        yield Finding("error", f"{place.project} is on a network file system ({kind}); put it on a local disk.")


def _space(place: Place) -> Iterator[Finding]:
    free = shutil.disk_usage(place.project).free
    if free < LITTLE_SPACE:
        yield Finding("warning", f"Only {free // 1024**2} MB are free where {place.project} lies.")
    else:
        yield Finding("ok", f"{free // 1024**3} GB are free where {place.project} lies.")


def _server(place: Place) -> Iterator[Finding]:
    try:
        refuse_foreign_owner(place)
        status = server_status(place.project)
    except HistoryError as error:
        yield Finding("error", str(error))
        return
    if status is None:
        yield Finding("ok", "No project server runs; the next notebook starts one.")
        yield from _history_at_rest(place)
    else:
        yield from _history_in_use(status)


def _history_in_use(status: dict[str, Any]) -> Iterator[Finding]:
    count = len(status["clients"])
    yield Finding(
        "ok", f"The project server is process {status['pid']}; connected: {count}; events: {status['last_seq']}."
    )
    theirs, ours = Versions(*status["versions"]), our_versions()
    if theirs != ours:
        yield Finding(
            "warning",
            f"The project server runs jobkernel {theirs.jobkernel} with DuckDB {theirs.duckdb}, this environment has"
            f" {ours.jobkernel} with {ours.duckdb}; 'jobkernel server stop' lets the next notebook start its own.",
        )


def _history_at_rest(place: Place) -> Iterator[Finding]:
    if not place.database.exists():
        return
    with _locked(place) as is_ours:
        if not is_ours:
            yield Finding("warning", "A project server is starting or leaving; look again in a moment.")
            return
        try:
            store = Store.open(str(place.database))
        except HistoryError as error:
            yield Finding("error", str(error))
            return
        yield Finding("ok", f"The history can be read; it holds {store.last_seq} events.")
        store.close()


@contextlib.contextmanager
def _locked(place: Place) -> Iterator[bool]:
    descriptor = os.open(place.database_lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield True
    except BlockingIOError:
        yield False
    finally:
        os.close(descriptor)


def _left_behind(place: Place) -> Iterator[Finding]:
    for path in unsent.left_behind(place.unsent):
        yield Finding(
            _level_of(path), f"{path.name} holds events that no server has taken yet; the next one takes them."
        )


def _level_of(path: Path) -> Level:
    who, _ = unsent.read(path)
    return "ok" if who is not None and is_alive(who.pid, who.process_started) else "warning"


LOOKS: tuple[Callable[[Place], Iterator[Finding]], ...] = (_folder, _filesystem, _space, _server, _left_behind)
