"""The part of the graph that one screen shows: which statuses concern it, and its graph as it stands now.

A selection means at every moment what it selects then. Knows the session and graph views; the publisher asks it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from jobkernel.engine.session import Session
from jobkernel.errors import JobkernelError
from jobkernel.notebook.graph_view import OP_PREFIX, GraphQuery, GraphViews, keys_of

BY_STATUS: Final = "status:"
"""What a selection contains that selects others whenever something runs."""


class Part:
    """What one query shows of a session's graph."""

    def __init__(self, session: Session, query: GraphQuery) -> None:
        self._session = session
        self._query = query
        self._keys: frozenset[str] | None = None
        self._version = -1

    @property
    def is_all(self) -> bool:
        """Whether it is the whole graph, drawn as it is by default."""
        return self._query == GraphQuery()

    def has_moved(self) -> bool:
        """Look which keys it has now; return whether they are others than before."""
        version = self._session.registry.version
        if version == self._version and BY_STATUS not in (self._query.selection or ""):
            return False
        before, self._version = self._keys, version
        self._keys = self._keys_now()
        return self._keys != before

    def _keys_now(self) -> frozenset[str] | None:
        """Return its assets; None where it has no list of them: it is the whole graph, or ops of a job."""
        if not (self._query.selection or self._query.job) or self._prefix is not None:
            return None
        try:
            return frozenset(keys_of(self._session, self._query))
        except JobkernelError:
            return frozenset()

    @property
    def _prefix(self) -> str | None:
        """What the keys of its ops begin with, where it is a job of ops."""
        job = self._session.registry.jobs.get(self._query.job) if self._query.job else None
        return f"{OP_PREFIX}{job.name}/" if job is not None and job.graph is not None else None

    def narrowed(self, status: Mapping[str, Any]) -> dict[str, Any]:
        """Return the statuses of what it shows."""
        prefix, keys = self._prefix, self._keys
        if prefix is not None:
            return {key: each for key, each in status.items() if key.startswith(prefix)}
        return dict(status) if keys is None else {key: each for key, each in status.items() if key in keys}

    def snapshot(self, whole: Mapping[str, Any], views: GraphViews) -> dict[str, Any]:
        """Return the protocol's ``Snapshot`` of this part, made of that of the whole."""
        self.has_moved()
        return {**whole, "graph": views.view_or_reason(self._query), "status": self.narrowed(whole["status"])}
