"""Signs pickles with the user's own key, and refuses those that it did not sign.

A sealed pickle is an ordinary pickle followed by a note (versions), a signature and a magic word; whoever trusts it
may read it with :func:`pickle.load`. Called by the formats; knows no store.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import struct
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from jobkernel.errors import UnverifiedPickle, ValueNotWritten

MAGIC: Final = b"jobkernel-sealed-1"
KEY_VARIABLE: Final = "JOBKERNEL_KEY_FILE"
_KEY_BYTES: Final = 32
_SIGNATURE_BYTES: Final = 32
_LENGTH: Final = struct.Struct(">I")
_TAIL_BYTES: Final = _LENGTH.size + _SIGNATURE_BYTES + len(MAGIC)


class Signer:
    """Seals and opens pickles with one secret key.

    Without ``key``, the key is read from the user's key file on first use (made there if it is missing).
    """

    def __init__(self, key: bytes | None = None) -> None:
        self._key = key

    @classmethod
    def temporary(cls) -> Signer:
        """Return a signer whose key is forgotten with it."""
        return cls(secrets.token_bytes(_KEY_BYTES))

    def seal(self, payload: bytes, note: Mapping[str, Any]) -> bytes:
        """Return the pickle with its note and signature appended."""
        text = json.dumps(note, sort_keys=True).encode()
        return b"".join([payload, text, _LENGTH.pack(len(text)), self._sign(payload, text), MAGIC])

    def open(self, sealed: bytes, label: str) -> tuple[memoryview, dict[str, Any]]:
        """Return the pickle and its note, once its signature is found good.

        Raises:
            UnverifiedPickle: it is not sealed, was sealed with another key, or was changed since.
        """
        view = memoryview(sealed)
        if len(view) < _TAIL_BYTES or not sealed.endswith(MAGIC):
            raise UnverifiedPickle(
                f"The stored value of {label} is a pickle that jobkernel did not write, so it is not loaded; "
                "materialize it again."
            )
        tail = len(view) - _TAIL_BYTES
        note_start = tail - _LENGTH.unpack_from(view, tail)[0]
        signature = bytes(view[tail + _LENGTH.size : -len(MAGIC)])
        payload, text = view[: max(note_start, 0)], bytes(view[max(note_start, 0) : tail])
        if note_start < 0 or not hmac.compare_digest(signature, self._sign(payload, text)):
            raise UnverifiedPickle(
                f"The stored value of {label} was changed, or pickled by somebody else, so it is not loaded; "
                f"materialize it again (or, if it is your own from another machine, use its key: {KEY_VARIABLE})."
            )
        return payload, json.loads(text)

    def _sign(self, payload: bytes | memoryview, text: bytes) -> bytes:
        if self._key is None:
            self._key = read_or_make_key(key_file())
        signature = hmac.new(self._key, digestmod=hashlib.sha256)
        signature.update(_LENGTH.pack(len(text)))
        signature.update(text)
        signature.update(payload)
        return signature.digest()


def key_file() -> Path:
    """Return where the user's key is: ``JOBKERNEL_KEY_FILE``, else ``pickle.key`` in the user's data folder."""
    given = os.environ.get(KEY_VARIABLE)
    if given:
        return Path(given)
    from platformdirs import user_data_path

    return user_data_path("jobkernel", appauthor=False) / "pickle.key"


def read_or_make_key(path: Path) -> bytes:
    """Return the key in ``path``; make it, readable by its owner alone, where there is none.

    Raises:
        ValueNotWritten: the key cannot be made or read, or others can read it.
    """
    try:
        if not path.exists():
            _make_key(path)
        key = path.read_bytes()
        mode = path.stat().st_mode
    except OSError as error:
        raise ValueNotWritten(
            f"The key that signs pickles cannot be kept in {path} ({error.strerror}); "
            f"set {KEY_VARIABLE} to a file that you can write."
        ) from error
    if mode & 0o077:
        raise ValueNotWritten(f"The key {path} can be used by other people; run chmod 600 {path}.")
    if len(key) < _KEY_BYTES:
        raise ValueNotWritten(f"The key {path} is damaged; delete it (pickled values must then be made again).")
    return key


def _make_key(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(_KEY_BYTES))
            file.flush()
            os.fsync(handle)
        # a link fails where the name exists, so of two makers one wins and both use its key
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def versions_of(value: Any) -> dict[str, Any]:
    """Return the note for a pickle of ``value``: Python's version, its type and that type's package version."""
    kind = type(value)
    package = kind.__module__.partition(".")[0]
    version = getattr(sys.modules.get(package), "__version__", None)
    packages = {package: version} if isinstance(version, str) else {}
    return {
        "python": ".".join(map(str, sys.version_info[:3])),
        "type": f"{kind.__module__}.{kind.__qualname__}",
        "packages": packages,
    }
