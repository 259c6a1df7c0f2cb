"""JSON, raw bytes and npy: values whose file needs no pickle. Called by :mod:`jobkernel.values.formats`."""

from __future__ import annotations

import io
import json
from typing import Any

from jobkernel.values.encoded import Encoded, Kept, filler, itself
from jobkernel.values.files import HashingFile


def encode_json(value: Any, text: str) -> Encoded:
    """Return a value that equals its JSON text."""
    is_container = isinstance(value, dict | list)
    kept = Kept(text, json.loads, len(text)) if is_container else Kept(value, itself, len(text))
    return Encoded("json", "json", filler(text.encode()), lambda: kept, len(text), text=text)


def decode_json(data: bytes, _restore: Any = None) -> Kept:
    """Return the value of a JSON text."""
    text = data.decode()
    if text.startswith(("[", "{")):
        return Kept(text, json.loads, len(text))
    return Kept(json.loads(text), itself, len(text))


def encode_bytes(value: Any) -> Encoded:
    """Return raw bytes."""
    return Encoded("bytes", "bytes", filler(value), lambda: decode_bytes(value), len(value))


def decode_bytes(data: bytes, _restore: Any = None) -> Kept:
    """Return raw bytes."""
    return Kept(data, itself, len(data))


def encode_numpy(value: Any) -> Encoded | None:
    """Return an array or scalar as npy, or None where npy would need a pickle or change it."""
    import numpy as np

    is_scalar = isinstance(value, np.generic)
    if not (is_scalar or type(value) is np.ndarray) or value.dtype.hasobject or value.dtype.metadata:
        return None

    def fill(file: HashingFile) -> None:
        np.lib.format.write_array(file, np.asarray(value), allow_pickle=False)

    def keep() -> Kept:
        return _scalar_kept(value) if is_scalar else _array_kept(value.copy(order="K"))

    return Encoded("npy", "numpy.scalar" if is_scalar else "numpy.array", fill, keep, value.nbytes)


def decode_array(data: bytes, _restore: Any = None) -> Kept:
    """Return an array."""
    return _array_kept(_read_npy(data))


def decode_scalar(data: bytes, _restore: Any = None) -> Kept:
    """Return a numpy scalar."""
    return _scalar_kept(_read_npy(data)[()])


def _read_npy(data: bytes) -> Any:
    import numpy as np

    return np.load(io.BytesIO(data), allow_pickle=False)


def _array_kept(array: Any) -> Kept:
    return Kept(array, lambda held: held.copy(order="K"), array.nbytes)


def _scalar_kept(value: Any) -> Kept:
    return Kept(value, itself, value.nbytes)
