"""Chooses how a value is written and read: Parquet, npy, JSON, raw bytes, or a signed pickle, by its type.

Types are told by the name of their module, so nothing heavy is imported for values that do not need it. Knows no
addresses and no folders; the store calls it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from jobkernel.errors import UnreadableValue
from jobkernel.values import plain_formats as plain
from jobkernel.values import table_formats as tables
from jobkernel.values.encoded import Encoded, Kept
from jobkernel.values.exact_json import exact_text
from jobkernel.values.pickles import decode_pickle, encode_pickle, first_line
from jobkernel.values.signing import Signer

ENDINGS: Final = {"parquet": "parquet", "npy": "npy", "json": "json", "bytes": "bin", "pickle": "pkl"}
"""How the files of each format end."""

_ENCODERS: Final[Mapping[str, Callable[[Any], Encoded | None]]] = {
    "numpy": plain.encode_numpy,
    "pandas": tables.encode_pandas,
    "polars": tables.encode_polars,
    "pyarrow": tables.encode_arrow,
    "duckdb": tables.encode_duckdb,
    "_duckdb": tables.encode_duckdb,
}
_DECODERS: Final[Mapping[str, Callable[[bytes, Any], Kept]]] = {
    "json": plain.decode_json,
    "bytes": plain.decode_bytes,
    "numpy.array": plain.decode_array,
    "numpy.scalar": plain.decode_scalar,
    "pandas.DataFrame": tables.decode_frame,
    "pandas.Series": tables.decode_series,
    **{f"polars.{name}": tables.decode_polars(f"polars.{name}") for name in ("DataFrame", "LazyFrame", "Series")},
    **{f"arrow.{name}": tables.decode_arrow(f"arrow.{name}") for name in ("Table", "RecordBatch")},
}


def encode(value: Any, signer: Signer, label: str) -> Encoded:
    """Return the value ready to be written in the format of its type.

    Raises:
        UnstorableValue: a function, module, coroutine or generator, or something that cannot be pickled.
    """
    text = exact_text(value)
    if text is not None:
        return plain.encode_json(value, text)
    if type(value) is bytes:
        return plain.encode_bytes(value)
    encoder = _ENCODERS.get(type(value).__module__.partition(".")[0])
    encoded = encoder(value) if encoder is not None else None
    return encoded or encode_pickle(value, signer, label)


def decode(record: Mapping[str, Any], data: bytes, signer: Signer, label: str) -> tuple[Kept, Any]:
    """Return the value of a record and its file's bytes: a private copy, and the value for the first reader.

    Raises:
        UnreadableValue: the bytes are damaged, or of versions that this process cannot read.
        UnverifiedPickle: a pickle that this user did not sign.
    """
    if record["type"] == "pickle":
        return decode_pickle(data, signer, label)
    read = _DECODERS.get(record["type"])
    if read is None:
        raise UnreadableValue(
            f"The stored value of {label} is of type '{record['type']}', which this version of jobkernel does not "
            "know; materialize it again."
        )
    try:
        kept = read(data, record.get("restore"))
        return kept, kept.value()
    except Exception as error:
        raise UnreadableValue(
            f"The stored value of {label} is damaged ({first_line(error)}); materialize it again."
        ) from error
