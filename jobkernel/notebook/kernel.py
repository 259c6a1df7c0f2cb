"""One notebook's side of jobkernel: the session opened for it, its names, its cells, what it tells the widget.

Holds what magics share. Knows IPython; made once per shell by the extension.
"""

from __future__ import annotations

import builtins
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from IPython.display import display

from jobkernel.engine.entries import AUTOMATIONS
from jobkernel.engine.opening import Opened, open_session
from jobkernel.engine.session import Session
from jobkernel.executors.failure import register_cell
from jobkernel.notebook.backfills_left import backfills_left
from jobkernel.notebook.binding import Bindings
from jobkernel.notebook.cell_step import CellPlace
from jobkernel.notebook.file_sensors import FileWatches
from jobkernel.notebook.following import fingerprint_function
from jobkernel.notebook.heading import near_miss
from jobkernel.notebook.job_cells import JobCells
from jobkernel.notebook.kept_cells import KeptCells
from jobkernel.notebook.shown import Shown, count_of, mark
from jobkernel.notebook.views import echo
from jobkernel.rules.fingerprint import Fingerprint
from jobkernel.settings import HEADLESS, PASSING, JobKernel
from jobkernel.storage import pins


class NotebookKernel:
    """The shell, its session and settings."""

    def __init__(self, shell: Any) -> None:
        self.shell = shell
        self.settings = JobKernel(parent=shell)
        self.notebook = notebook_path(shell, os.environ)
        self.opened: Opened = open_session(
            notebook=self.notebook, folder=Path.cwd(), kernel_id=kernel_id(shell), settings=self.settings
        )
        self._cell_id: str | None = None
        self._cell_text: str | None = None
        self.session.freshness.follow = self._fingerprint
        self.session.make_instance = lambda: _instance_of(self.session)
        self.jobs = JobCells(self.session)
        self.kept = KeptCells(self.session.history, self.session.notebook, self.session.clock.now_us)
        self.files = FileWatches(self.session.automations)
        self.session.keep_until_closed(self.files.close)
        self._entries_before: dict[tuple[str, str], Any] = {}
        self.bindings = Bindings(self.session, lambda: self.names)
        self._has_hinted = False
        self.publisher: Any = None
        self.is_passing = PASSING in os.environ
        self.session.automations.gives_way = HEADLESS in os.environ
        if self.is_passing:
            self.session.automations.rests = True
        else:
            self.session.left_runs.begin()

    @property
    def session(self) -> Session:
        """The live session."""
        return self.opened.session

    @property
    def names(self) -> dict[str, Any]:
        """The notebook's variables."""
        namespace: dict[str, Any] = self.shell.user_ns
        return namespace

    @property
    def cell_number(self) -> int:
        """The number of the cell that runs now, as in ``In [7]``."""
        history = self.shell.history_manager  # while a cell runs, IPython's own count may be one ahead
        return len(history.input_hist_parsed) - 1 if history is not None else int(self.shell.execution_count)

    def cell_file(self, name: str, kind: str) -> str:
        """Return the pseudo-file name of the cell that runs now, and remember which cell it is."""
        filename = f"<cell {self.cell_number}: {kind} {name}>"
        register_cell(filename, self.cell_number)
        return filename

    @property
    def cell_id(self) -> str | None:
        """The id of the cell that runs now, where the front end tells it."""
        return self._cell_id

    @property
    def cell_text(self) -> str | None:
        """The whole text of the cell that runs now, its magic line included."""
        return self._cell_text

    def place(self) -> CellPlace:
        """Return where the cell that runs now stands."""
        session = self.session
        return CellPlace(
            namespace=self.names,
            resources=session.registry.resources,
            project=str(session.project) if session.project is not None else None,
            notebook=session.notebook,
            cell_id=self._cell_id,
            cell_number=self.cell_number,
        )

    def _fingerprint(self, function: Any, memo: dict[Any, Any]) -> Fingerprint:
        project = self.session.project
        return fingerprint_function(function, memo, project=str(project) if project is not None else None)

    def origin(self) -> dict[str, Any]:
        """Return what a definition's event says of where it was written."""
        return {"source": self._cell_text, "cell_id": self._cell_id, "cell_number": self.cell_number}

    def nodes(self) -> dict[str, Any]:
        """Return what a job may call, by the name it calls it: ops first, else assets of this notebook."""
        registry = self.session.registry
        assets = {name: registry.assets[key] for name, key in registry.known_names().items() if key in registry.assets}
        return {**assets, **registry.ops}

    def has_name(self, name: str) -> bool:
        """Whether the notebook (or Python) knows a variable of that name now."""
        return name in self.names or hasattr(builtins, name)

    def show(self, shown: Any) -> None:
        """Display something in the cell that runs now."""
        display(shown)

    def greeting(self, version: str) -> str:
        """Return the line that ``%load_ext`` prints."""
        if self.opened.notice:
            return f"jobkernel {version}: {self.opened.notice}"
        session = self.session
        project = session.project.name if session.project is not None else "in memory"
        line = f"jobkernel {version}: project {project}. %jk shows its graph and runs."
        known = [] if self.is_passing else [kind for row in self.kept.known() for kind, _ in row["options"]["defines"]]
        if left := backfills_left(session):
            line = f"{line} {left}"
        if not known:
            return line
        line += f" {count_of(len(known), 'definition')} of this notebook known; %jk restore runs their cells"
        return f"{line}{self._meanwhile() if set(AUTOMATIONS).intersection(known) else ''}."

    def pinned_in(self, sentence: str) -> str:
        """Return how to end the pins of notebooks that a refusal names; empty where there are none."""
        project = self.session.project
        named = [pin.notebook for pin in pins.of_project(project)] if project is not None else []
        found = [name for name in named if f"(in {name})" in sentence]
        return "".join(f" {name} is pinned: %jk pin --off {name} ends that." for name in found)

    def _meanwhile(self) -> str:
        """Say who sees to schedules and sensors until their cells have run here."""
        project = self.session.project
        pin = pins.of_notebook(project, self.notebook) if project is not None and self.notebook is not None else None
        if pin is not None and pins.state_of(pin)["state"] == "keeping":
            return "; until then its pinned schedules and sensors go on in a kernel of the Jupyter server's"
        return "; until then this kernel sees to none of its schedules and sensors"

    def before_cell(self, info: Any) -> None:
        """Note which cell is about to run; say what its author may not know."""
        self._cell_id = getattr(info, "cell_id", None)
        self._cell_text = getattr(info, "raw_cell", None)
        self._entries_before = dict(self.session.registry.entries)
        for sentence in self._news(self._cell_text or ""):
            print(sentence)  # noqa: T201 - above what the cell itself prints

    def _news(self, text: str) -> Iterator[str]:
        """Yield what to know before a cell runs: keys gone, runs taken up, old variables, a magic that is none."""
        for key, notebook in self.session.drop_lost_keys().items():
            yield f"{key} was taken over by {notebook}; what this notebook defined is dropped."
        yield from self.session.left_runs.take_news()
        if not text.lstrip().startswith("%"):
            yield from self.bindings.older_words_in(text)
        hint = near_miss(text) if not self._has_hinted else None
        if hint:
            self._has_hinted = True
            yield hint

    def after_cell(self, result: Any = None) -> None:
        """Note that helpers may have changed, and keep the cell where definitions need it."""
        self.session.freshness.code_may_have_changed()
        self.compose_jobs()
        if self._cell_text and getattr(result, "success", False):
            self._keep(self._cell_text)
        self.session.changed.set()

    def _keep(self, text: str) -> None:
        entries = self.session.registry.entries
        self.kept.note(
            text,
            cell_id=self._cell_id,
            number=self.cell_number,
            defines=[place for place, entry in entries.items() if self._entries_before.get(place) is not entry],
            transform=self.shell.transform_cell,
            namespace=self.names,
            entries=entries,
        )

    def compose_jobs(self) -> None:
        """Compose jobs anew whose ops were defined again, or only now; tell what a person should know of it."""
        for change, trouble in self.jobs.refresh(self.nodes()):
            if change is not None:
                self.show(echo(self.session, change, ()))
            elif trouble is not None:
                self.show(Shown(f"{mark('warning')} {trouble}"))

    def close(self) -> None:
        """Let the session go."""
        self.session.close()


def notebook_path(shell: Any, environment: Mapping[str, str]) -> Path | None:
    """Return the notebook's path where the front end tells it: Jupyter's session name, or VS Code's variable."""
    told = environment.get("JPY_SESSION_NAME") or shell.user_ns.get("__vsc_ipynb_file__")
    if not isinstance(told, str) or not told.endswith(".ipynb"):
        return None
    return Path(told) if os.path.isabs(told) else Path.cwd() / Path(told).name


def kernel_id(shell: Any) -> str | None:
    """Return the id under which the Jupyter server knows this kernel, by its connection file; None outside one."""
    kernel = getattr(shell, "kernel", None)
    file = getattr(getattr(kernel, "parent", None), "connection_file", None)
    if not file:
        return None
    return Path(file).stem.removeprefix("kernel-")


def _instance_of(session: Session) -> Any:
    """Return what functions of schedules and sensors get as ``context.instance``; loaded when one asks."""
    from jobkernel.api.instance import DagsterInstance

    return DagsterInstance(session)
