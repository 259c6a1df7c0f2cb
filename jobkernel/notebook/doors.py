"""What is jobkernel's alone under ``import jobkernel as jk``: the live session, and asking it."""

from __future__ import annotations

from typing import Any

from jobkernel.engine.session import Session
from jobkernel.errors import InvariantViolation
from jobkernel.notebook import current
from jobkernel.notebook.explain import why as explained
from jobkernel.notebook.shown import Shown
from jobkernel.storage.table import Table


def session() -> Session:
    """Return the live session of this notebook.

    Raises:
        InvariantViolation: jobkernel is not loaded here.
    """
    from IPython.core.getipython import get_ipython

    kernel = current.find(get_ipython())
    if kernel is None:
        raise InvariantViolation("jobkernel is not loaded in this kernel; run %load_ext jobkernel first.")
    return kernel.session


def load(key: Any, partition: str | None = None) -> Any:
    """Return the stored value of an asset, or of one of its partitions.

    Raises:
        MissingUpstream: it was never made; the message names the nearest match.
        InvariantViolation: it has partitions and none is named, or the other way round.
    """
    return session().load(key, partition)


def sql(text: str) -> Table:
    """Run one SELECT over the history: ``runs steps events logs materializations assets checks ticks
    backfills``.

    Raises:
        QueryRefused: it is not one SELECT, or takes too long or too much.
    """
    session().automations.keep_looks()
    return session().history.sql(text)


def why(key: str) -> Shown:
    """Say why an asset is fresh, stale or was never made.

    Raises:
        UnknownName: no such asset is defined.
    """
    return explained(session(), key)
