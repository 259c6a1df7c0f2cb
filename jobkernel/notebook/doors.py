"""What is jobkernel's alone under ``import jobkernel as jk``: the live session, and asking it."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from functools import partial, wraps
from pathlib import Path
from typing import Any, Final, TypeVar
from weakref import ref

from jobkernel.engine.session import Session
from jobkernel.errors import InvariantViolation, JobkernelError
from jobkernel.notebook import current
from jobkernel.notebook.explain import why as explained
from jobkernel.notebook.shown import Shown
from jobkernel.storage.table import Table

_Answer = TypeVar("_Answer")
_OURS: Final = str(Path(__file__).parents[1])


def _asked(function: Callable[..., _Answer]) -> Callable[..., _Answer]:
    """Have a cell show a refusal's sentence, below the lines of the person's own functions that led there, if any."""

    @wraps(function)
    def ask(*args: Any, **kwargs: Any) -> _Answer:
        try:
            return function(*args, **kwargs)
        except JobkernelError as error:
            error._render_traceback_ = partial(_told, ref(error))  # type: ignore[attr-defined]
            raise

    return ask


def _told(raised: ref[JobkernelError]) -> list[str]:
    error = raised()
    assert error is not None
    lines = traceback.extract_tb(error.__traceback__)
    theirs = [line for line in lines if not line.filename.startswith(_OURS) and "/IPython/" not in line.filename]
    below = [f"line {line.lineno} of {line.name}: {line.line}" for line in theirs[1:]]
    return [*below, f"{type(error).__name__}: {error}"]


@_asked
def session() -> Session:
    """Return the live session of this notebook.

    Raises:
        InvariantViolation: jobkernel is not loaded here.
    """
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    if shell is None:
        raise InvariantViolation("There is no notebook here; jk.session() and what asks it need a kernel of one.")
    kernel = current.find(shell)
    if kernel is None:
        raise InvariantViolation("jobkernel is not loaded in this kernel; run %load_ext jobkernel first.")
    return kernel.session


@_asked
def load(key: Any, partition: str | None = None) -> Any:
    """Return the stored value of an asset, or of one of its partitions.

    Raises:
        MissingUpstream: it was never made; the message names the nearest match.
        InvariantViolation: it has partitions and none is named, or the other way round.
    """
    return session().load(key, partition)


@_asked
def sql(text: str) -> Table:
    """Run one SELECT over the history: ``runs steps events logs materializations assets checks ticks
    conditions dynamic_partitions backfills``.

    Raises:
        QueryRefused: it is not one SELECT, or takes too long or too much.
    """
    session().automations.keep_looks()
    return session().history.sql(text)


@_asked
def why(key: str) -> Shown:
    """Say why an asset is fresh, stale or was never made.

    Raises:
        UnknownName: no such asset is defined.
    """
    return explained(session(), key)
