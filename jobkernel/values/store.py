"""The default place of values: one record per asset or output, beside it a file in the format of the value's type.

A record is replaced at once, and names its file, so a reader sees the old value or the new one and never guesses the
format. Small outputs of steps go to :mod:`small_outputs`. Knows no steps and no IO managers; the engine calls it.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from contextlib import suppress
from functools import lru_cache
from typing import Any, Final, NamedTuple, Protocol

from jobkernel.errors import DiskFull, JobkernelError, MissingUpstream, UnreadableValue, ValueNotWritten
from jobkernel.values.addresses import Address, AssetAddress, OutputAddress, asset_path, output_path, run_folder
from jobkernel.values.cache import ValueCache
from jobkernel.values.encoded import Encoded
from jobkernel.values.files import Files, LocalFiles, Stamp, open_files
from jobkernel.values.formats import ENDINGS, decode, encode
from jobkernel.values.pickles import encode_pickle
from jobkernel.values.pruning import Keep, Pruned, files_to_prune
from jobkernel.values.signing import Signer
from jobkernel.values.small_outputs import ABSENT, SmallOutputs

_VERSION: Final = 1
_INLINE: Final = 1 << 16
"""The longest JSON text, in characters, that is written into the record itself."""
_TRIES: Final = 5
_RECORDS_KEPT: Final = 20_000
_REMEMBERED: Final = 1024


class Stored(NamedTuple):
    """What is known of a stored value.

    ``path`` is where it is (None: in memory only), ``bytes`` the size of its file, ``data_version`` a hash of what
    is stored (None where nobody asks: small outputs), ``format`` one of parquet, npy, json, bytes, pickle, memory.
    """

    path: str | None
    bytes: int
    data_version: str | None
    format: str


class Values(Protocol):
    """Where values are kept by address: :class:`ValueStore`, or memory."""

    def put(self, address: Address, value: Any) -> Stored:
        """Keep a value."""
        ...

    def get(self, address: Address) -> Any:
        """Return a value."""
        ...

    def exists(self, address: Address) -> bool:
        """Whether a value is kept."""
        ...

    def delete(self, address: Address) -> None:
        """Delete a value."""
        ...

    def flush(self, run_id: str | None = None) -> None:
        """Make what was put outlive the process."""
        ...


class ValueStore:
    """Values under ``root``: a folder, or an fsspec address such as ``s3://bucket/values``.

    Assets' values are on disk when :meth:`put` returns; small outputs are when :meth:`flush` returns.
    What :meth:`get` returns may be changed in place: neither the stored value nor another reader sees it.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        signer: Signer | None = None,
        cache: ValueCache | None = None,
        *,
        writes_behind: bool = True,
    ) -> None:
        self._files: Files = open_files(root)
        self._signer = signer or Signer()
        self._cache = cache or ValueCache()
        self._small = SmallOutputs(self._files) if writes_behind and isinstance(self._files, LocalFiles) else None
        self._records: dict[Address, tuple[Stamp, dict[str, Any]]] = {}

    @property
    def root(self) -> str:
        """The folder or address under which the values are."""
        return self._files.location("").rstrip("/")

    def put(self, address: Address, value: Any) -> Stored:
        """Store a value in place of the last one.

        Raises:
            UnstorableValue: its type cannot be stored.
            DiskFull, ValueNotWritten: the place cannot be written. In every case the last value stays.
        """
        if self._small is not None and type(address) is OutputAddress:
            size = self._small.put(address, value)
            if size is not None:
                return Stored(None, size, None, "json")
            self._small.bury(address)
        return self._put_file(address, value)

    def get(self, address: Address) -> Any:
        """Return the value under ``address``.

        Raises:
            MissingUpstream: nothing is stored there.
            UnverifiedPickle: it is a pickle that this user did not sign.
            UnreadableValue: it is damaged, or of versions that this process cannot read.
        """
        if self._small is not None and type(address) is OutputAddress:
            value = self._small.get(address)
            if value is not ABSENT:
                return value
        entry = self._cache.find(address)
        if entry is not None and (type(address) is OutputAddress or entry.stamp == self._stamp(address)):
            return entry.kept.value()
        return self._load(address)

    def exists(self, address: Address) -> bool:
        """Whether a value is stored under ``address``."""
        if self._small is not None and type(address) is OutputAddress and self._small.get(address) is not ABSENT:
            return True
        return self._stamp(address) is not None

    def stored(self, address: Address) -> Stored | None:
        """Return what is known of a stored value without reading it, or None where there is none."""
        found = self._record(address)
        if found is not None:
            return self._as_stored(address, found[1])
        return Stored(None, 0, None, "json") if self.exists(address) else None

    def delete(self, address: Address) -> None:
        """Delete the value under ``address``, if there is one."""
        found = self._record(address)
        self._cache.forget(address)
        self._records.pop(address, None)
        if self._small is not None and type(address) is OutputAddress:
            self._small.bury(address)
        if found is not None:
            self._files.delete(_record_path(address))
            self._delete_file(address, found[1])

    def flush(self, run_id: str | None = None) -> None:
        """Write the small outputs that wait (of one run, or of all); raises as :meth:`put` does."""
        if self._small is not None:
            self._small.flush(run_id)

    def forget_run(self, run_id: str) -> None:
        """Drop a finished run's small outputs from memory; they stay on disk."""
        if self._small is not None:
            self._small.forget(run_id)

    def delete_run(self, run_id: str) -> None:
        """Delete every output of a run."""
        if self._small is not None:
            self._small.drop(run_id)
        for address in [a for a in self._records if type(a) is OutputAddress and a.run_id == run_id]:
            self._records.pop(address, None)
            self._cache.forget(address)
        self._files.delete(run_folder(run_id))

    def size(self) -> int:
        """Return the bytes of all files under the root."""
        return sum(entry.size for entry in self._files.entries())

    def prune(self, keep: Keep, *, now: float, dry_run: bool = False) -> Pruned:
        """Delete what ``keep`` does not keep; with ``dry_run`` only say how much that is. ``now`` in seconds."""
        self.flush()
        gone = files_to_prune(self._files, keep, now)
        for entry in () if dry_run else gone:
            self._files.delete(entry.path)
        if self._small is not None and not dry_run:
            for run in {entry.path.split("/")[1] for entry in gone if entry.path.startswith("runs/")}:
                self._small.drop(run)
        return Pruned(len(gone), sum(entry.size for entry in gone))

    def close(self) -> None:
        """Write what waits and stop the writer thread."""
        if self._small is not None:
            self._small.close()

    def _put_file(self, address: Address, value: Any) -> Stored:
        encoded = encode(value, self._signer, address.label)
        previous = self._record(address)
        encoded, record = self._write_value(address, value, encoded)
        try:
            stamp = self._files.replace(_record_path(address), json.dumps(record).encode())
        except JobkernelError:
            self._delete_file(address, record)
            raise
        stamp = stamp or self._stamp(address)
        if stamp is not None:
            self._remember(address, stamp, record)
        self._keep_copy(address, encoded, stamp)
        if previous is not None:
            with suppress(ValueNotWritten, DiskFull):  # the new value is in place; a leftover is pruned later
                self._delete_file(address, previous[1])
        return self._as_stored(address, record)

    def _keep_copy(self, address: Address, encoded: Encoded, stamp: Stamp | None) -> None:
        if self._cache.fits(encoded.size):
            self._cache.keep(address, encoded.keep(), stamp)
        else:
            self._cache.forget(address)

    def _write_value(self, address: Address, value: Any, encoded: Encoded) -> tuple[Encoded, dict[str, Any]]:
        if encoded.text is not None and len(encoded.text) <= _INLINE:
            return encoded, _inline_record(address, encoded.text)
        try:
            return encoded, self._write_file(address, encoded)
        except JobkernelError:
            raise
        except Exception:
            if encoded.format == "pickle":
                raise
            pickled = encode_pickle(value, self._signer, address.label)
            return pickled, self._write_file(address, pickled)

    def _write_file(self, address: Address, encoded: Encoded) -> dict[str, Any]:
        path = f"{_path(address)}.{secrets.token_hex(6)}.{ENDINGS[encoded.format]}"
        file = self._files.write(path, encoded.fill)
        return {
            **_heading(address, encoded.format, encoded.type),
            "restore": encoded.restore,
            "file": path.rpartition("/")[2],
            "bytes": file.size,
            "data_version": file.digest,
        }

    def _load(self, address: Address) -> Any:
        for _ in range(_TRIES):
            found = self._record(address)
            if found is None:
                raise MissingUpstream(
                    f"There is no stored value of {address.label}: it was never made, or was pruned. "
                    "Materialize it first."
                )
            stamp, record = found
            try:
                data = self._data(address, record)
            except FileNotFoundError:  # replaced by another kernel between the two reads
                self._records.pop(address, None)
                continue
            kept, value = decode(record, data, self._signer, address.label)
            self._cache.keep(address, kept, stamp)
            return value
        raise UnreadableValue(f"The file of {address.label} is missing; materialize it again.")

    def _data(self, address: Address, record: dict[str, Any]) -> bytes:
        if "text" in record:
            return str(record["text"]).encode()
        return self._files.read(_sibling(address, record["file"]))

    def _record(self, address: Address) -> tuple[Stamp, dict[str, Any]] | None:
        stamp = self._stamp(address)
        if stamp is None:
            return None
        known = self._records.get(address)
        if known is not None and known[0] == stamp:
            return known
        try:
            record = json.loads(self._files.read(_record_path(address)))
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise UnreadableValue(
                f"The record of {address.label} is damaged; delete {self.root}/"
                f"{_record_path(address)} and materialize it again."
            ) from error
        return self._remember(address, stamp, record)

    def _remember(self, address: Address, stamp: Stamp, record: dict[str, Any]) -> tuple[Stamp, dict[str, Any]]:
        found = (stamp, record)
        if len(self._records) >= _RECORDS_KEPT:
            self._records.clear()
        if len(record.get("text", "")) <= _REMEMBERED:
            self._records[address] = found
        return found

    def _stamp(self, address: Address) -> Stamp | None:
        return self._files.stamp(_record_path(address))

    def _delete_file(self, address: Address, record: dict[str, Any]) -> None:
        if "file" in record:
            self._files.delete(_sibling(address, record["file"]))

    def _as_stored(self, address: Address, record: dict[str, Any]) -> Stored:
        path = _sibling(address, record["file"]) if "file" in record else _record_path(address)
        return Stored(self._files.location(path), record["bytes"], record["data_version"], record["format"])


@lru_cache(maxsize=1 << 16)
def _path(address: Address) -> str:
    return asset_path(address) if type(address) is AssetAddress else output_path(address)  # type: ignore[arg-type]


def _record_path(address: Address) -> str:
    return f"{_path(address)}.record"


def _sibling(address: Address, name: str) -> str:
    return f"{_path(address).rpartition('/')[0]}/{name}"


def _heading(address: Address, format: str, type_: str) -> dict[str, Any]:
    return {"jobkernel": _VERSION, "address": list(address), "format": format, "type": type_}


def _inline_record(address: Address, text: str) -> dict[str, Any]:
    digest = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
    heading = _heading(address, "json", "json")
    return {**heading, "text": text, "bytes": len(text.encode()), "data_version": digest}
