"""``%%sensor NAME --files GLOB``: which files are new or changed, and looking as soon as one is.

A file counts once it has been left alone for a moment. What was seen is in the sensor's cursor: the newest time at
which a file came or changed, and which files had that time. Watching is ``watchfiles``' work, on a thread of its own.
"""

from __future__ import annotations

import glob
import json
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from jobkernel.engine.automations import Automations
from jobkernel.model.automation import RunRequest, SkipReason
from jobkernel.records import dataclass

log = logging.getLogger(__name__)

SETTLED_S: Final = 0.3
"""So long a file must be unchanged: half of one is no news."""
FILE_TAG: Final = "jobkernel/file"
Body = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class FileNews:
    """Looks for new and changed files of a pattern; calls a body with them, or asks for one run of each.

    ``look_again`` has another look a moment later, for files that are still being written.
    """

    pattern: str
    look_again: Callable[[], None]
    body: Body | None = None

    def __call__(self, context: Any, **resources: Any) -> Iterator[Any]:
        """Answer one look."""
        files, cursor, count = self.found(context.cursor)
        if not files:
            yield SkipReason(f"No new or changed file among {count} of {self.pattern}.")
            return
        if self.body is None:
            yield from (_request(path) for path in files)
        else:
            answer = self.body(context, files=files, **resources)
            yield from answer if isinstance(answer, list) or hasattr(answer, "send") else [answer]
        context.update_cursor(cursor)

    def found(self, cursor: str | None) -> tuple[list[Path], str, int]:
        """Return the files that are new since a cursor, oldest first; the cursor after them; and how many there are."""
        seen: dict[str, Any] = json.loads(cursor) if cursor else {"upto": 0, "at": []}
        every = sorted(_times(self.pattern), key=lambda each: (each[1], each[0]))
        settled = time.time_ns() - int(SETTLED_S * 1e9)
        unsettled = [came for _, came, changed in every if max(came, changed) > settled]
        upto = min(unsettled, default=2**63) - 1
        if unsettled:
            self.look_again()
        fresh = [
            (path, came)
            for path, came, _ in every
            if came <= upto and (came > seen["upto"] or (came == seen["upto"] and path not in seen["at"]))
        ]
        newest = max([came for _, came in fresh], default=seen["upto"])
        at = [path for path, came, _ in every if came == newest]
        return [Path(path) for path, _ in fresh], json.dumps({"upto": newest, "at": at}), len(every)


def _times(pattern: str) -> Iterator[tuple[str, int, int]]:
    """Yield each file with the time it came or changed in any way, and the time its content changed."""
    for path in glob.iglob(pattern, recursive=True):
        try:
            found = os.stat(path)
        except OSError:  # it went meanwhile
            continue
        if os.path.isfile(path):
            yield path, found.st_ctime_ns, found.st_mtime_ns


def _request(path: Path) -> RunRequest:
    found = path.stat()
    return RunRequest(run_key=f"{path}@{found.st_mtime_ns}-{found.st_size}", tags={FILE_TAG: str(path)})


class FileWatches:
    """Has sensors look as soon as a file of theirs changes."""

    def __init__(self, automations: Automations) -> None:
        self._automations = automations
        self._stops: dict[str, threading.Event] = {}

    def watch(self, name: str, pattern: str) -> None:
        """Watch the folder of a pattern for a sensor, in place of any other of its."""
        self.forget(name)
        stop = self._stops[name] = threading.Event()
        folder = folder_of(pattern)
        folder.mkdir(parents=True, exist_ok=True)
        is_deep = "**" in pattern or folder != Path(os.path.dirname(pattern) or ".")
        work = threading.Thread(
            target=self._work, args=(name, folder, is_deep, stop), name=f"jobkernel-files-{name}", daemon=True
        )
        work.start()

    def look_again(self, name: str) -> None:
        """Have a sensor look again once files that are being written may have settled."""
        timer = threading.Timer(SETTLED_S + 0.1, self._automations.look_soon, [name])
        timer.daemon = True
        timer.start()

    def forget(self, name: str) -> None:
        """Watch no longer for a sensor."""
        if (stop := self._stops.pop(name, None)) is not None:
            stop.set()

    def close(self) -> None:
        """Watch nothing any more."""
        for name in list(self._stops):
            self.forget(name)

    def _work(self, name: str, folder: Path, is_deep: bool, stop: threading.Event) -> None:
        from watchfiles import watch  # compiled, and loaded by the first sensor of files

        try:
            for _ in watch(folder, stop_event=stop, recursive=is_deep, debounce=200, step=50, raise_interrupt=False):
                if stop.wait(SETTLED_S):
                    return
                self._automations.look_soon(name)
        except (OSError, RuntimeError) as error:
            log.warning("the files of sensor %s cannot be watched; it looks at its interval: %s", name, error)


def folder_of(pattern: str) -> Path:
    """Return the deepest folder of a pattern that has no wildcard."""
    parts: list[str] = []
    for part in Path(pattern).parts[:-1]:
        if glob.has_magic(part):
            break
        parts.append(part)
    return Path(*parts) if parts else Path()
