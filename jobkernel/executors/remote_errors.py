"""Exceptions that travel from a worker to the kernel, with what they were raised from and where each was raised.

Knows no steps. Called where a step ends in a worker and where its end arrives in the kernel.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from typing import Any, Final

from jobkernel.errors import RemoteStepError
from jobkernel.executors import failure
from jobkernel.executors.tracebacks import Place, places_of, traceback_through
from jobkernel.records import dataclass

ERROR_LIMIT: Final = 10_000_000
"""An exception that is larger when pickled, such as one that holds a table, travels as its description alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteCause:
    """What an exception was raised from, or (``is_context``) while it was handled."""

    error: bytes | None
    words: tuple[str, str]
    places: tuple[Place, ...]
    is_context: bool


def packed_error(error: BaseException | None) -> bytes | None:
    """Return an exception as bytes, None where it does not travel."""
    if error is None:
        return None
    import cloudpickle

    try:
        data = bytes(cloudpickle.dumps(error))
        pickle.loads(data)  # noqa: S301 - our own bytes: an exception may pickle and yet not come back
    except Exception:  # noqa: BLE001 - exceptions are user code
        return None
    return data if len(data) <= ERROR_LIMIT else None


def causes_of(error: BaseException | None) -> tuple[RemoteCause, ...]:
    """Return the chain behind an exception as Python would print it, nearest first."""
    causes: list[RemoteCause] = []
    seen = {id(error)}
    while error is not None and len(causes) < failure.CAUSE_LIMIT:
        cause = failure.cause_of(error)
        if cause is None or id(cause) in seen:
            break
        seen.add(id(cause))
        words = (failure.type_name(type(cause)), failure.message_of(cause))
        is_context = cause is not error.__cause__
        causes.append(
            RemoteCause(error=packed_error(cause), words=words, places=places_of(cause), is_context=is_context)
        )
        error = cause
    return tuple(causes)


def error_again(
    data: bytes | None, described: Mapping[str, Any], places: Sequence[Place], causes: Sequence[RemoteCause] = ()
) -> BaseException:
    """Return an exception that came from elsewhere, described as it was there, with its chain and its traceback."""
    error = _unpacked(data, (described["type"], described["message"]))
    if not failure.message_of(error) and described["message"]:
        error.args = (described["message"],)  # a bare MemoryError, to which the worker could say more
    above = error
    for each in causes:
        cause = _unpacked(each.error, each.words).with_traceback(traceback_through(each.places))
        if each.is_context:
            above.__context__ = cause
        else:
            above.__cause__ = cause
        above = cause
    return failure.described_as(error.with_traceback(traceback_through(places)), described)


def _unpacked(data: bytes | None, words: tuple[str, str]) -> BaseException:
    error: Any = None
    if data is not None:
        try:
            error = pickle.loads(data)  # noqa: S301 - sent by our own worker, on a private channel
        except Exception:  # noqa: BLE001 - its class may not be importable here
            error = None
    return error if isinstance(error, BaseException) else RemoteStepError(": ".join(words))
