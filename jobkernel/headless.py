"""Run a notebook without a front end: all of it, or only the cells that define, and then one job.

Knows notebooks and kernels by nbclient, and the history by its client. Called by the command line.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

from jobkernel.errors import InvalidDefinition, RunFailed
from jobkernel.notebook.defining_source import DEFINING, defining_source
from jobkernel.records import dataclass
from jobkernel.settings import PASSING

Say = Callable[[str], None]
BACKFILL = "backfill:"
"""What stands before a backfill's id where :func:`launch` began one."""
PASSES: Mapping[str, str] = MappingProxyType({PASSING: "1"})


class NotebookRunner:
    """A notebook and a kernel of its own for it."""

    def __init__(self, path: Path) -> None:
        import nbformat  # heavy: on first use

        if not path.is_file():
            raise InvalidDefinition(f"There is no notebook '{path}'.")
        try:
            self.notebook = nbformat.read(path, as_version=4)
        except (nbformat.reader.NotJSONError, ValueError, AttributeError) as error:
            raise InvalidDefinition(f"'{path}' is not a notebook that can be read: {first_line(error)}") from error
        self.path = path.resolve()
        self.folder = self.path.parent
        self._client: Any = None

    @classmethod
    def of_cells(cls, path: Path, folder: Path, sources: Sequence[str]) -> NotebookRunner:
        """Return the runner of these cells as a notebook at ``path``, which need not be there any more."""
        from nbformat.v4 import new_code_cell, new_notebook

        runner = cls.__new__(cls)
        runner.notebook = new_notebook(cells=[new_code_cell(source) for source in sources])
        runner.path, runner.folder, runner._client = path, folder, None
        return runner

    def is_alive(self) -> bool:
        """Whether its kernel's process lives."""
        manager = getattr(self._client, "km", None)
        process = getattr(getattr(manager, "provisioner", None), "process", None)
        return process is not None and process.poll() is None

    @contextmanager
    def kernel(self, environment: Mapping[str, str] = PASSES) -> Iterator[NotebookRunner]:
        """Keep the notebook's kernel alive for a while, for one errand unless ``environment`` says otherwise."""
        from nbclient import NotebookClient  # heavy: on first use

        self._client = NotebookClient(
            self.notebook,
            timeout=None,
            store_widget_state=False,
            extra_arguments=["--log-level=ERROR"],
            resources={"metadata": {"path": str(self.folder)}},
        )
        with self._client.setup_kernel(env={**os.environ, "JPY_SESSION_NAME": str(self.path), **environment}):
            yield self

    def cells(self) -> list[tuple[int, Any]]:
        """Return the code cells that have code, each with its place in the notebook."""
        every = enumerate(self.notebook.cells)
        return [(place, cell) for place, cell in every if cell.cell_type == "code" and cell.source.strip()]

    def execute(self, place: int, cell: Any) -> None:
        """Run a cell; its outputs are in the cell afterwards.

        Raises:
            CellFailed: it raised.
        """
        from nbclient.exceptions import CellExecutionError

        try:
            self._client.execute_cell(cell, place)
        except CellExecutionError as error:
            kind = CellRefused if error.ename == "UsageError" else CellFailed
            raise kind(_error_words(error)) from error

    def evaluate(self, source: str) -> str:
        """Run a line of our own and return what it printed.

        Raises:
            CellFailed: it raised.
        """
        from nbformat.v4 import new_code_cell

        cell = new_code_cell(source)
        self.notebook.cells.append(cell)
        self.execute(len(self.notebook.cells) - 1, cell)
        return "".join(output.text for output in cell.outputs if output.output_type == "stream")

    def save(self) -> None:
        """Write the notebook with the outputs that it has now."""
        import nbformat

        nbformat.write(self.notebook, self.path)


class CellFailed(RunFailed):
    """A cell raised; the message is its error in one line. ``exit_code`` is what the command line makes of it."""

    exit_code = 1


class CellRefused(CellFailed):
    """A magic was refused: nothing is called so, or what was given does not fit; the message is the sentence."""

    exit_code = 2


def _error_words(error: Any) -> str:
    """Return a cell's error in one line; a usage error is a sentence by itself."""
    if not error.ename:
        return first_line(error)
    return first_line(error.evalue) if error.ename == "UsageError" else f"{error.ename}: {first_line(error.evalue)}"


def first_line(error: object) -> str:
    """Return the first line of what an error says."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def execute_all(runner: NotebookRunner, say: Say) -> None:
    """Run every cell in order and say what each shows; save the notebook, also when one fails.

    Raises:
        CellFailed: a cell raised; the message names it.
    """
    cells = runner.cells()
    try:
        for number, (place, cell) in enumerate(cells, 1):
            began = time.monotonic()
            _executed(runner, place, cell)
            say(f"[{number:>2}/{len(cells)}] {time.monotonic() - began:5.1f} s  {title_of(cell.source)}")
            for line in shown_lines(cell):
                say(f"      {line}")
    finally:
        runner.save()


def _executed(runner: NotebookRunner, place: int, cell: Any) -> None:
    try:
        runner.execute(place, cell)
    except CellFailed as error:
        raise CellFailed(f"Cell {place + 1} ({title_of(cell.source)}) failed: {error}") from error


def title_of(source: str) -> str:
    """Return a cell's first line, cut to fit a terminal."""
    line = source.strip().splitlines()[0]
    return line if len(line) <= 80 else line[:79] + "…"


def shown_lines(cell: Any, most: int = 12) -> list[str]:
    """Return the text of a cell's outputs, at most so many lines."""
    texts = [output.get("text") or output.get("data", {}).get("text/plain", "") for output in cell.outputs]
    lines = "\n".join(texts).strip("\n").splitlines()
    cut = [line if len(line) <= 160 else line[:159] + "…" for line in lines[:most]]
    return cut + ([f"… and {len(lines) - most} more lines"] if len(lines) > most else [])


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A definition cell that was refused: what it would have run, and the sentence that says which and why."""

    source: str
    sentence: str


def define_all(runner: NotebookRunner, say: Say) -> list[LeftOut]:
    """Run the cells that define, in order. A cell that fails is left out and said so; return those that define."""
    runner.evaluate("%load_ext jobkernel")
    left_out = []
    for place, cell in runner.cells():
        source = defining_source(cell.source)
        if source is None:
            continue
        title, is_definition = title_of(cell.source), DEFINING.match(cell.source)
        cell.source = source
        try:
            _executed(runner, place, cell)
        except CellFailed as error:
            say(f"left out: cell {place + 1} ({title}): {first_line(error.__cause__)}")
            if is_definition:
                left_out.append(LeftOut(source, str(error)))
    return left_out


def refuse_needed(runner: NotebookRunner, job: str, left_out: list[LeftOut]) -> None:
    """Refuse to run a job without a definition that it needs, or may need.

    Raises:
        CellFailed: naming the cell.
    """
    if not left_out:
        return
    sources = [each.source for each in left_out]
    names = "from jobkernel.notebook.needs import first_needed; import jobkernel"
    place = runner.evaluate(f"{names}; print(first_needed(jobkernel.session(), {job!r}, {sources!r}))").split()[-1]
    if place != "None":
        raise CellFailed(left_out[int(place)].sentence)


def launch(runner: NotebookRunner, job: str, options: list[str]) -> str:
    """Launch a job in the notebook's kernel and return the run's id, or that of a backfill after :data:`BACKFILL`.

    Raises:
        CellRefused: there is no such job, or its config does not fit; the message is the sentence.
    """
    try:
        return _new_run(runner, "launch", [job, *options])
    except CellRefused as error:
        if str(error).startswith(f"'{job}' is an asset"):
            raise CellRefused(
                f"'{job}' is an asset; a job of the notebook runs it, such as `%job NAME {job}`."
            ) from error
        raise


def reexecute(runner: NotebookRunner, run_id: str, options: list[str]) -> str:
    """Run again, in the notebook's kernel, what a run ran; return the new run's id.

    Raises:
        CellRefused: what it ran is not defined, or nothing is left to run; the message is the sentence.
    """
    return _new_run(runner, "jk", ["reexecute", run_id, *options])


def _new_run(runner: NotebookRunner, magic: str, words: list[str]) -> str:
    import shlex

    line = f"get_ipython().run_line_magic({magic!r}, {shlex.join(words)!r})"
    begun = f"(lambda it: it.run_id if hasattr(it, 'run_id') else {BACKFILL!r} + it.backfill_id)"
    return runner.evaluate(f"print({begun}({line}))").strip().splitlines()[-1]
