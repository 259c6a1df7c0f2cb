"""Values that no plain format holds: cloudpickle, signed. Says what cannot be pickled, and why one is unreadable."""

from __future__ import annotations

import io
import types
from collections.abc import Mapping
from typing import Any, Final

from jobkernel.errors import UnreadableValue, UnstorableValue
from jobkernel.values.encoded import Encoded, Kept
from jobkernel.values.files import HashingFile
from jobkernel.values.signing import Signer, versions_of

REFUSED: Final[Mapping[type, str]] = {
    types.FunctionType: "function",
    types.BuiltinFunctionType: "function",
    types.MethodType: "method",
    types.ModuleType: "module",
    types.CoroutineType: "coroutine",
    types.GeneratorType: "generator",
    types.AsyncGeneratorType: "generator",
}
"""Types that are never stored, and the word for each."""
_REMEDY: Final = "Return something that can be pickled, or keep it in this kernel with --io memory."


def encode_pickle(value: Any, signer: Signer, label: str) -> Encoded:
    """Return the value as a signed pickle.

    Raises:
        UnstorableValue: a function, module, coroutine or generator, or something that cannot be pickled.
    """
    import cloudpickle

    word = "open file" if isinstance(value, io.IOBase) else REFUSED.get(type(value))
    if word is not None:
        raise UnstorableValue(f"The value of {label} is {_with_article(word)}, which cannot be stored. {_REMEDY}")
    try:
        payload = cloudpickle.dumps(value)
    except Exception as error:
        kind = f"{type(value).__module__}.{type(value).__qualname__}"
        raise UnstorableValue(
            f"The value of {label}, a {kind}, cannot be stored ({first_line(error)}). {_REMEDY}"
        ) from error

    def fill(file: HashingFile) -> None:
        file.write(signer.seal(payload, versions_of(value)))

    kept = Kept(payload, _load, len(payload))
    return Encoded("pickle", "pickle", fill, lambda: kept, len(payload))


def decode_pickle(data: bytes, signer: Signer, label: str) -> tuple[Kept, Any]:
    """Return a signed pickle as a private copy, and its value for the first reader.

    Raises:
        UnverifiedPickle: this user did not sign it.
        UnreadableValue: it cannot be unpickled by this Python and these packages.
    """
    sealed, note = signer.open(data, label)
    payload = bytes(sealed)
    try:
        return Kept(payload, _load, len(payload)), _load(payload)
    except Exception as error:
        written = ", ".join([f"Python {note['python']}", *(f"{n} {v}" for n, v in note["packages"].items())])
        raise UnreadableValue(
            f"The stored value of {label}, a {note['type']} pickled under {written}, cannot be read here "
            f"({first_line(error)}); materialize it again."
        ) from error


def sealed(encoded: Encoded) -> bytes:
    """Return the whole file of a signed pickle."""
    target = io.BytesIO()
    encoded.fill(HashingFile(target))
    return target.getvalue()


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, for a sentence of ours."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def _with_article(word: str) -> str:
    return f"an {word}" if word[0] in "aeiou" else f"a {word}"


def _load(payload: bytes) -> Any:
    import pickle

    return pickle.loads(payload)  # noqa: S301  - signed by this user, or made by this process
