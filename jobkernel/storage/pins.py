"""Pinned notebooks: what a headless kernel needs to keep a notebook's schedules and sensors going without it.

Small files that only this user may read: each pin in its project, and an entry for each among the user's own data,
where Jupyter servers look. Knows no kernel; written by the magic, read by whoever keeps pins and by whoever shows them.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import asdict, field
from pathlib import Path
from typing import Any, Final

from jobkernel.errors import InvalidDefinition
from jobkernel.records import dataclass
from jobkernel.storage.place import read_record, write_atomically
from jobkernel.storage.process import is_alive, process_started

PINS: Final = "pins"
STATE: Final = ".state"
KEEPERS: Final = "keepers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """One pinned notebook: the cells to run, in order, what they define, and where and by which Python they run.

    ``path`` is the notebook's own; ``folder`` is the working directory of its cells. Both are absolute.
    """

    notebook: str
    path: str
    project: str
    folder: str
    python: str
    cells: list[str] = field(default_factory=list)
    definitions: list[list[str]] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    automations: list[str] = field(default_factory=list)
    digest: str = ""
    pinned_us: int = 0

    @property
    def key(self) -> str:
        """What tells it from other pins of this user."""
        return hashlib.sha256(self.path.encode()).hexdigest()[:16]

    @property
    def file(self) -> Path:
        """Where it is kept."""
        return Path(self.project) / ".jobkernel" / PINS / f"{self.key}.json"

    @property
    def state_file(self) -> Path:
        """Where its headless kernel says how it is."""
        return self.file.with_suffix(STATE)

    @property
    def lock_file(self) -> Path:
        """What a headless kernel holds while it lives, so that there is one."""
        return self.file.with_suffix(".lock")


def save(pin: Pin) -> None:
    """Keep a pin, in place of an earlier one of its notebook.

    Raises:
        InvalidDefinition: nothing can be written there.
    """
    try:
        for folder in (pin.file.parent, _entries()):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_atomically(pin.file, asdict(pin))
        write_atomically(_entries() / f"{pin.key}.json", {"pin": str(pin.file)})
    except OSError as error:
        raise InvalidDefinition(f"The pin cannot be kept: {error}.") from error


def remove(pin: Pin) -> None:
    """Keep a notebook's schedules no longer."""
    for path in (_entries() / f"{pin.key}.json", pin.file, pin.state_file):
        path.unlink(missing_ok=True)


def read(path: Path) -> Pin | None:
    """Return the pin of a file, or None where there is none that can be read."""
    record = read_record(path)
    try:
        return Pin(**record) if record is not None else None
    except TypeError:
        return None


def of_notebook(project: Path, path: Path) -> Pin | None:
    """Return the pin of a notebook, or None."""
    key = hashlib.sha256(str(path).encode()).hexdigest()[:16]
    return read(project / ".jobkernel" / PINS / f"{key}.json")


def of_project(project: Path) -> list[Pin]:
    """Return the pins of a project."""
    found = (read(path) for path in sorted((project / ".jobkernel" / PINS).glob("*.json")))
    return [pin for pin in found if pin is not None]


def of_user() -> Iterator[Pin]:
    """Yield every pin of this user; entries whose pin is gone are cleared away."""
    for entry in sorted(_entries().glob("*.json")):
        record = read_record(entry)
        pin = read(Path(record["pin"])) if record is not None and "pin" in record else None
        if pin is not None:
            yield pin
        elif record is not None and not Path(record.get("pin", "")).exists():
            entry.unlink(missing_ok=True)


def say_state(pin: Pin, state: str, now_us: int, **more: Any) -> None:
    """Write how the headless kernel of a pin is: ``starting``, ``keeping``, ``failed`` …"""
    record = {"state": state, "at_us": now_us, "pid": os.getpid(), "started": process_started(os.getpid()), **more}
    if pin.file.exists():
        write_atomically(pin.state_file, record)


def state_of(pin: Pin) -> dict[str, Any]:
    """Return how the headless kernel of a pin is; ``waiting`` where none was started, ``ended`` where it is gone."""
    record = read_record(pin.state_file)
    if record is None:
        return {"state": "waiting"}
    if record.get("state") in ("starting", "keeping") and not is_alive(record["pid"], record["started"]):
        return {**record, "state": "ended"}
    return record


def announce_keeper() -> Path:
    """Say that this process keeps pins; return the file that says so, which goes with it."""
    folder = _data() / KEEPERS
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / f"{os.getpid()}.json"
    write_atomically(path, {"pid": os.getpid(), "started": process_started(os.getpid())})
    return path


def has_keeper() -> bool:
    """Whether a Jupyter server of this user keeps pins now."""
    alive = False
    for path in (_data() / KEEPERS).glob("*.json"):
        record = read_record(path)
        if record is not None and is_alive(record["pid"], record["started"]):
            alive = True
        else:
            path.unlink(missing_ok=True)
    return alive


def _entries() -> Path:
    return _data() / PINS


def _data() -> Path:
    from jupyter_core.paths import jupyter_data_dir  # slow to import

    return Path(jupyter_data_dir()) / "jobkernel"
