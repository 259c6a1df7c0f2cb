"""Where a project's history lies and where its server meets its clients; what makes a place unfit, in sentences.

Knows folders, file systems and the small files that name a server. Starts nothing and opens no database.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import pwd
import tempfile
import time
from pathlib import Path
from typing import Any

from jobkernel.errors import HistoryHeld, NetworkFilesystem, ProjectReadOnly, SocketPathTooLong
from jobkernel.records import dataclass
from jobkernel.storage.process import host_name, is_alive

FOLDER = ".jobkernel"
LONGEST_SOCKET_PATH = 103
OWNER_FRESH_S = 60.0
NETWORK_FILESYSTEMS = frozenset(
    {
        *("nfs", "nfs4", "cifs", "smb3", "smbfs", "smb2", "afs", "afpfs", "webdav", "ceph", "glusterfs"),
        *("lustre", "beegfs", "gpfs", "fuse.sshfs", "fuse.glusterfs", "fuse.ceph", "fuse.s3fs", "fuse.rclone"),
        *("fuse.gcsfuse", "fuse.davfs", "davfs"),
    }
)


@dataclass(frozen=True, slots=True)
class Place:
    """One project's folder, and the runtime folder where its server listens."""

    project: Path
    runtime: Path

    @property
    def folder(self) -> Path:
        """Return the project's own ``.jobkernel``."""
        return self.project / FOLDER

    @property
    def database(self) -> Path:
        """Return the history file."""
        return self.folder / "history.duckdb"

    @property
    def database_lock(self) -> Path:
        """Return the file whose flock says that the database is owned."""
        return self.folder / "history.lock"

    @property
    def owner_file(self) -> Path:
        """Return the file that names the owner, for clients with another runtime folder."""
        return self.folder / "owner.json"

    @property
    def unsent(self) -> Path:
        """Return the folder of events that no server has taken yet."""
        return self.folder / "unsent"

    @property
    def lock(self) -> Path:
        """Return the file whose flock says that a server lives here."""
        return self.runtime / "lock"

    @property
    def socket(self) -> Path:
        """Return the server's socket."""
        return self.runtime / "sock"

    @property
    def server_file(self) -> Path:
        """Return the file that names the server and holds its key."""
        return self.runtime / "server.json"

    def failure_file(self, pid: int) -> Path:
        """Return the file in which this process says why it could not start a server."""
        return self.runtime / f"failure-{pid}.json"

    @property
    def log(self) -> Path:
        """Return the server's log."""
        return self.runtime / "server.log"


def place_of(project: str | os.PathLike[str]) -> Place:
    """Return the project's place. Raises :class:`SocketPathTooLong` where no runtime folder is short enough."""
    real = Path(os.path.realpath(project))
    return Place(real, _runtime_folder(hashlib.sha256(os.fsencode(real)).hexdigest()[:12]))


def _runtime_folder(short_hash: str) -> Path:
    from jupyter_core.paths import jupyter_runtime_dir  # slow to import, already there in a kernel

    candidates = [
        Path(jupyter_runtime_dir(), "jobkernel", short_hash),
        Path(tempfile.gettempdir(), f"jobkernel-{os.getuid()}", short_hash),
        Path("/tmp", f"jobkernel-{os.getuid()}", short_hash),  # noqa: S108 - made 0700 and checked
    ]
    for folder in candidates:
        if len(os.fsencode(folder / "sock")) <= LONGEST_SOCKET_PATH and _made_private(folder):
            return folder
    raise SocketPathTooLong(
        f"No runtime folder is short enough for a socket ({candidates[0]} is not); set JUPYTER_RUNTIME_DIR to a short"
        " path on a local disk that you can write."
    )


def _made_private(folder: Path) -> bool:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        shared = folder.parent.parent == Path(tempfile.gettempdir()) or folder.parent.parent == Path("/tmp")  # noqa: S108
        for level in (folder.parent, folder) if shared else (folder,):
            status = level.stat()
            if status.st_uid != os.getuid():
                return False
            if status.st_mode & 0o077:
                level.chmod(0o700)
    except OSError:
        return False
    return os.access(folder, os.W_OK)


def prepare(place: Place) -> None:
    """Make the project's folder. Raises :class:`ProjectReadOnly` or :class:`NetworkFilesystem`."""
    kind = filesystem_of(place.project, mounts())
    if kind in NETWORK_FILESYSTEMS:
        raise NetworkFilesystem(
            f"{place.project} is on a network file system ({kind}), where file locks cannot be trusted; put the project"
            " on a local disk."
        )
    try:
        place.folder.mkdir(exist_ok=True)
        refuse_other_user(place.folder)
        ignore = place.folder / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n", "utf-8")
    except OSError as error:
        raise _read_only(place) from error
    if not os.access(place.folder, os.W_OK) or (place.database.exists() and not os.access(place.database, os.W_OK)):
        raise _read_only(place)


def refuse_other_user(folder: Path) -> None:
    """Raise :class:`ProjectReadOnly` where a project's folder is another user's: a mix of owners breaks it for both."""
    owner = folder.stat().st_uid
    if owner == os.geteuid():
        return
    try:
        name = pwd.getpwuid(owner).pw_name
    except KeyError:
        name = f"number {owner}"
    raise ProjectReadOnly(
        f"{folder} belongs to another user ({name}); open the project as {name}, or copy it without its {FOLDER}"
        " folder."
    )


def _read_only(place: Place) -> ProjectReadOnly:
    return ProjectReadOnly(f"{place.folder} cannot be written, so this project's history is kept in memory only.")


def mounts() -> list[tuple[str, str]]:
    """Return mount points with the kind of file system on each."""
    table = Path("/proc/self/mountinfo")
    if table.exists():
        return parse_mounts(table.read_text("utf-8", "replace"))
    import psutil  # where there is no /proc

    return [(part.mountpoint, part.fstype) for part in psutil.disk_partitions(all=True)]


def parse_mounts(text: str) -> list[tuple[str, str]]:
    """Return mount points and kinds from the text of Linux's ``mountinfo``."""
    found = []
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        fields = before.split()
        if len(fields) > 4 and after:
            found.append((fields[4].encode().decode("unicode_escape"), after.split()[0]))
    return found


def filesystem_of(path: Path, mounted: list[tuple[str, str]]) -> str | None:
    """Return the kind of file system that holds the path, or None where that is not known."""
    inside = [(point, kind) for point, kind in mounted if path.is_relative_to(point)]
    return max(enumerate(inside), key=lambda entry: (len(entry[1][0]), entry[0]))[1][1] if inside else None


def write_atomically(path: Path, record: dict[str, Any]) -> None:
    """Write a small JSON file that only this user may read, whole or not at all."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(record, file)
    temporary.replace(path)


def read_record(path: Path) -> dict[str, Any] | None:
    """Return what a small JSON file says, or None where it is not there or not whole."""
    try:
        record = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) else None


def meeting_place(place: Place) -> Place:
    """Return the place where the project's live server listens, which may have another runtime folder than ours."""
    owner = read_record(place.owner_file)
    if owner is None or owner.get("host") != host_name():
        return place
    runtime = Path(str(owner.get("runtime")))
    here = runtime != place.runtime and is_alive(int(owner.get("pid", 0)), str(owner.get("started")))
    return Place(place.project, runtime) if here else place


def refuse_foreign_owner(place: Place) -> None:
    """Raise :class:`HistoryHeld` while a server on another machine owns the project."""
    owner = read_record(place.owner_file)
    if owner is None or owner.get("host") == host_name():
        return
    with contextlib.suppress(OSError):
        if time.time() - place.owner_file.stat().st_mtime < OWNER_FRESH_S:
            raise HistoryHeld(
                f"The project is open on another machine ({owner.get('host')}); close jobkernel there, or put the"
                " project on a local disk of this one."
            )
