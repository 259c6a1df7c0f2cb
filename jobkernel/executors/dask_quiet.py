"""Keeps out of the notebook what Dask logs and warns of on our behalf. Called by the thread of a cluster."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator
from typing import Final

_LOGGERS: Final = ("distributed", "tornado", "asyncio", "bokeh")


@contextlib.contextmanager
def without_version_warning() -> Iterator[None]:
    """A mismatch that matters is told in a sentence by the step that meets it."""
    from distributed.versions import VersionMismatchWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", VersionMismatchWarning)
        yield


@contextlib.contextmanager
def without_size_warning(size: int) -> Iterator[None]:
    """A step that carries a table with it is slow to send, and that is all."""
    import dask

    if size < 1_000_000:
        yield
    else:
        with dask.config.set({"distributed.admin.large-graph-warning-threshold": size * 4}):
            yield


def silence(thread_id: int) -> None:
    """Keep what Dask logs on our thread out of the notebook; what it logs for the user's own clients stays."""

    def is_users(record: logging.LogRecord) -> bool:
        return record.thread != thread_id

    for name in [*logging.root.manager.loggerDict, "distributed.http.proxy"]:
        if name.split(".")[0] in _LOGGERS:
            logger = logging.getLogger(name)
            for place in (logger, *logger.handlers):
                place.addFilter(is_users)
