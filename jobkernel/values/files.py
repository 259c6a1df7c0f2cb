"""Files of values on a local disk or, through fsspec, elsewhere: whole writes, reads, listing, deleting.

A write either happened or did not. Knows no formats and no addresses; the store calls it.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple, Protocol

from jobkernel.errors import DiskFull, ValueNotWritten

_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NEW_FILE: Final = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_CLOEXEC", 0)
_ADDED_FILE: Final = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_CLOEXEC", 0)
_drafts = itertools.count()


class Stamp(NamedTuple):
    """What changes when a file is replaced."""

    identity: Any
    modified: Any
    size: int


class Entry(NamedTuple):
    """One file that is there: its path relative to the root, its bytes, and when it was written (seconds)."""

    path: str
    size: int
    modified: float


class HashingFile(io.RawIOBase):
    """Writes through to another file while it counts the bytes and hashes them."""

    def __init__(self, target: BinaryIO) -> None:
        self._target = target
        self._hash = hashlib.blake2b(digest_size=16)
        self.size = 0
        self.failure: OSError | None = None

    def writable(self) -> bool:
        """True."""
        return True

    def write(self, data: Any) -> int:
        """Write and hash the bytes; remember a failure, since table writers wrap it in errors of their own."""
        try:
            self._target.write(data)
        except OSError as error:
            self.failure = error
            raise
        self._hash.update(data)
        written = memoryview(data).nbytes
        self.size += written
        return written

    def tell(self) -> int:
        """Return the bytes written so far."""
        return self.size

    @property
    def digest(self) -> str:
        """The hash of everything written."""
        return self._hash.hexdigest()


class Files(Protocol):
    """Where files are kept; paths are relative to the root and use ``/``."""

    def write(self, path: str, fill: Callable[[HashingFile], None]) -> HashingFile:
        """Make a new file by ``fill``; nothing stays of it where that fails."""
        ...

    def replace(self, path: str, data: bytes) -> Stamp | None:
        """Put small ``data`` in place of a file at once."""
        ...

    def read(self, path: str) -> bytes:
        """Return a file's bytes, or raise FileNotFoundError."""
        ...

    def stamp(self, path: str) -> Stamp | None:
        """Return what tells this version of the file from others, or None where there is no file."""
        ...

    def delete(self, path: str) -> None:
        """Delete a file or folder, if it is there."""
        ...

    def entries(self, folder: str = "") -> Iterator[Entry]:
        """Yield the files under a folder."""
        ...

    def location(self, path: str) -> str:
        """Return the absolute path or address."""
        ...


def open_files(root: str | os.PathLike[str]) -> Files:
    """Return the files under ``root``, a folder or an fsspec address such as ``s3://bucket/values``."""
    text = os.fspath(root)
    if "://" not in text or text.startswith("file://"):
        return LocalFiles(Path(text.removeprefix("file://")))
    return RemoteFiles(text)


def refused(error: OSError, place: str) -> ValueNotWritten | DiskFull:
    """Return the sentence for a write that the file system refused."""
    if error.errno in _FULL:
        return DiskFull(
            f"There is no room left to store a value in {place}; free some (%jk prune) and run the step again. "
            "The last good value is untouched."
        )
    return ValueNotWritten(
        f"Values cannot be written to {place}: {error.strerror or error}. The last good value is untouched."
    )


class LocalFiles:
    """Files in a folder of this machine."""

    def __init__(self, root: Path) -> None:
        self._root = os.path.abspath(root)

    def write(self, path: str, fill: Callable[[HashingFile], None]) -> HashingFile:
        """Make a new file by ``fill``; nothing stays of it where that fails."""
        full = self.location(path)
        try:
            with self._open_new(full, "xb") as target:
                file = HashingFile(target)
                _fill(file, fill)
        except OSError as error:
            self._discard(full)
            raise refused(error, self._root) from error
        except BaseException:
            self._discard(full)
            raise
        return file

    def replace(self, path: str, data: bytes) -> Stamp | None:
        """Put ``data`` in place of a file by a rename, which never shows half of it."""
        full = self.location(path)
        draft = f"{full}.{os.getpid()}-{next(_drafts)}.draft"
        try:
            stamp = _write_once(draft, data)
            os.replace(draft, full)
        except OSError as error:
            self._discard(draft)
            raise refused(error, self._root) from error
        return stamp

    def append(self, path: str, data: bytes) -> None:
        """Add ``data`` by one write, which writers in other processes do not interleave with theirs."""
        try:
            _write_once(self.location(path), data, _ADDED_FILE)
        except OSError as error:
            raise refused(error, self._root) from error

    def read(self, path: str) -> bytes:
        """Return a file's bytes, or raise FileNotFoundError."""
        with open(self.location(path), "rb") as file:
            return file.read()

    def stamp(self, path: str) -> Stamp | None:
        """Return inode, modification time and size, or None where there is no file."""
        try:
            return _stamp(os.stat(self.location(path)))
        except (FileNotFoundError, NotADirectoryError):
            return None

    def delete(self, path: str) -> None:
        """Delete a file or folder, if it is there."""
        full = self.location(path)
        if os.path.isdir(full):
            import shutil

            shutil.rmtree(full, ignore_errors=True)
            return
        try:
            os.unlink(full)
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            raise refused(error, self._root) from error

    def entries(self, folder: str = "") -> Iterator[Entry]:
        """Yield the files under a folder."""
        for place, _, names in os.walk(self.location(folder)):
            for name in names:
                full = os.path.join(place, name)
                with contextlib.suppress(FileNotFoundError):
                    facts = os.stat(full)
                    yield Entry(os.path.relpath(full, self._root), facts.st_size, facts.st_mtime)

    def location(self, path: str) -> str:
        """Return the absolute path."""
        return f"{self._root}/{path}" if path else self._root

    def _open_new(self, full: str, mode: str) -> BinaryIO:
        try:
            return open(full, mode)  # type: ignore[return-value]
        except FileNotFoundError:
            os.makedirs(os.path.dirname(full), exist_ok=True)
            return open(full, mode)  # type: ignore[return-value]

    def _discard(self, full: str) -> None:
        with contextlib.suppress(OSError):  # what failed before is said; a leftover is pruned later
            os.unlink(full)


class RemoteFiles:
    """Files behind an fsspec address; each is written whole by the service itself.

    Raises:
        ValueNotWritten: fsspec does not know such addresses, or lacks a package for them.
    """

    def __init__(self, address: str) -> None:
        from fsspec.core import url_to_fs

        self._address = address.rstrip("/")
        try:
            self._system, root = url_to_fs(self._address)
        except (ImportError, ValueError) as error:
            raise ValueNotWritten(f"Values cannot be kept at {address}: {error}.") from error
        self._root = root.rstrip("/")

    def write(self, path: str, fill: Callable[[HashingFile], None]) -> HashingFile:
        """Make a new file by ``fill``; nothing stays of it where that fails."""
        full = self._full(path)
        try:
            with self._system.open(full, "wb") as target:
                file = HashingFile(target)
                _fill(file, fill)
        except OSError as error:
            self.delete(path)
            raise refused(error, self._address) from error
        except BaseException:
            self.delete(path)
            raise
        return file

    def replace(self, path: str, data: bytes) -> Stamp | None:
        """Put ``data`` in place of a file in one request."""
        try:
            self._system.pipe_file(self._full(path), data)
        except OSError as error:
            raise refused(error, self._address) from error
        return None

    def read(self, path: str) -> bytes:
        """Return a file's bytes, or raise FileNotFoundError."""
        return bytes(self._system.cat_file(self._full(path)))

    def stamp(self, path: str) -> Stamp | None:
        """Return what the service says of the file's version, or None where there is no file."""
        try:
            self._system.invalidate_cache()
            facts = self._system.info(self._full(path))
        except FileNotFoundError:
            return None
        modified = facts.get("LastModified") or facts.get("mtime") or facts.get("updated") or facts.get("created")
        return Stamp(facts.get("ETag") or facts.get("etag"), str(modified), facts.get("size") or 0)

    def delete(self, path: str) -> None:
        """Delete a file or folder, if it is there."""
        with contextlib.suppress(FileNotFoundError):
            self._system.rm(self._full(path), recursive=True)

    def entries(self, folder: str = "") -> Iterator[Entry]:
        """Yield the files under a folder."""
        self._system.invalidate_cache()
        for full, facts in self._system.find(self._full(folder), detail=True).items():
            modified = facts.get("LastModified") or facts.get("mtime") or facts.get("created")
            seconds = modified.timestamp() if hasattr(modified, "timestamp") else float(modified or 0)
            yield Entry(full.removeprefix(self._root).lstrip("/"), facts.get("size") or 0, seconds)

    def location(self, path: str) -> str:
        """Return the address."""
        return f"{self._address}/{path}"

    def _full(self, path: str) -> str:
        return f"{self._root}/{path}".rstrip("/")


def _fill(file: HashingFile, fill: Callable[[HashingFile], None]) -> None:
    try:
        fill(file)
    except Exception as error:
        if file.failure is not None and error is not file.failure:
            raise file.failure from error
        raise


def _write_once(full: str, data: bytes, flags: int = _NEW_FILE) -> Stamp:
    try:
        handle = os.open(full, flags, 0o644)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(full), exist_ok=True)
        handle = os.open(full, flags, 0o644)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(handle, view) :]
        return _stamp(os.fstat(handle))
    finally:
        os.close(handle)


def _stamp(facts: os.stat_result) -> Stamp:
    return Stamp(facts.st_ino, facts.st_mtime_ns, facts.st_size)
