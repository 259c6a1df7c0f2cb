"""The ``%%job`` cells of a notebook: composed anew when an op they call is defined again, or only now.

A job calls ops by name, so its cell may stand before theirs, and mending an op mends the job. Looked after once after
each cell, and before a launch. Knows nothing of runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from jobkernel.api.jobs import JobDefinition
from jobkernel.engine.entries import Change, Entry
from jobkernel.engine.session import Session
from jobkernel.errors import JobkernelError, UnknownName
from jobkernel.notebook.body import CellBody
from jobkernel.notebook.cell_options import JobOptions
from jobkernel.notebook.cell_step import CellPlace
from jobkernel.notebook.cells import job_from_cell
from jobkernel.records import dataclass


@dataclass(slots=True)
class JobCell:
    """One cell, with what it called when it was last composed. ``waits`` says why it is not, if so."""

    options: JobOptions
    body: CellBody
    place: CellPlace
    origin: Mapping[str, Any]
    job: JobDefinition | None = None
    waits: str | None = None
    called: tuple[int, ...] = field(default=())

    def calls(self, nodes: Mapping[str, Any]) -> tuple[int, ...]:
        """Return what its names stand for now, by identity."""
        names, namespace = sorted(self.body.free_names), self.place.namespace
        return tuple(id(nodes[name] if name in nodes else namespace.get(name)) for name in names)


class JobCells:
    """The job cells of one kernel, by the job's name."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._cells: dict[str, JobCell] = {}

    def take(self, cell: JobCell, nodes: Mapping[str, Any]) -> Change | None:
        """Define the job of a cell; return what that changed, or None where it waits for an op (``cell.waits``).

        Raises:
            InvalidDefinition: a call makes no sense; the message says which.
        """
        change = self._compose(cell, nodes)
        name = cell.body.name
        if change is None and name in self._session.registry.jobs:
            self._session.forget(name)
        self._cells[name] = cell
        return change

    def refresh(self, nodes: Mapping[str, Any]) -> list[tuple[Change | None, str | None]]:
        """Compose again what calls something that changed; return what to tell: jobs that wait no more, and trouble."""
        told: list[tuple[Change | None, str | None]] = []
        for name, cell in list(self._cells.items()):
            if cell.waits is None and self._session.registry.jobs.get(name) is not cell.job:
                del self._cells[name]  # forgotten, or defined otherwise
            elif cell.calls(nodes) != cell.called:
                told += self._again(cell, nodes)
        return told

    def refuse_waiting(self, name: str) -> None:
        """Raise :class:`UnknownName` for a job that waits for an op which no cell defines yet."""
        cell = self._cells.get(name)
        if cell is not None and cell.waits is not None:
            raise UnknownName(cell.waits)

    def _again(self, cell: JobCell, nodes: Mapping[str, Any]) -> list[tuple[Change | None, str | None]]:
        has_waited = cell.waits is not None
        try:
            change = self._compose(cell, nodes)
        except JobkernelError as error:
            return [(None, f"Job '{cell.body.name}' stays as it was: {error}")]
        return [(change, None)] if has_waited and change is not None else []

    def _compose(self, cell: JobCell, nodes: Mapping[str, Any]) -> Change | None:
        cell.called = cell.calls(nodes)
        try:
            job = job_from_cell(cell.options, cell.body, cell.place, nodes)
        except UnknownName as error:
            if cell.job is None:
                cell.waits = str(error)
                return None
            raise
        cell.job, cell.waits = job, None
        return self._session.define(Entry(kind="job", name=job.name, record=job, options=cell.origin))
