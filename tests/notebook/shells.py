"""A shell of one's own with jobkernel in it: run cells, see what they print, show and raise."""

from __future__ import annotations

import atexit
import contextlib
import io
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from IPython.core.displaypub import CapturingDisplayPublisher
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from jobkernel.engine.session import Session
from jobkernel.notebook import current


class Displays(CapturingDisplayPublisher):
    """Keeps what is shown; an update takes the place of what it updates, as on a screen."""

    def publish(self, data: Any, metadata: Any = None, **told: Any) -> None:
        """Take one display, or an update of one."""
        transient, update = told.get("transient"), told.get("update", False)
        shown = {"data": data, "id": (transient or {}).get("display_id")}
        if update:
            for each in self.outputs:
                if each["id"] == shown["id"]:
                    each["data"] = data
            return
        self.outputs.append(shown)


@dataclass
class Ran:
    """What came of a cell: printed text, errors' text, displays, its value, and what it raised."""

    printed: str
    complaint: str
    shown: list[dict[str, Any]] = field(default_factory=list)
    value: Any = None
    error: BaseException | None = None

    @property
    def text(self) -> str:
        """All the text that the person sees, apart from errors."""
        shown = [str(each["data"].get("text/plain", "")) for each in self.shown]
        value = [] if self.value is None else [repr(self.value)]
        return "\n".join([self.printed, *shown, *value])

    @property
    def markup(self) -> str:
        """All the HTML and SVG that the person sees."""
        bundles = [each["data"] for each in self.shown]
        if hasattr(self.value, "_repr_mimebundle_"):
            bundles.append(self.value._repr_mimebundle_())
        return "\n".join(
            text
            for bundle in bundles
            for mime, text in bundle.items()
            if mime in ("text/html", "image/svg+xml") and isinstance(text, str)
        )


class Notebook:
    """A fresh shell in which cells run one after another."""

    def __init__(self) -> None:
        InteractiveShell.clear_instance()
        config = Config()
        config.HistoryManager.enabled = False
        self.out, self.err = io.StringIO(), io.StringIO()
        # pytest puts its own streams back between a test's phases, so ours are put in place for each cell
        self._ours: tuple[Any, Any] = (self.out, self.err)
        self.shell: Any = InteractiveShell.instance(config=config, colors="nocolor")
        self.displays = Displays()
        self.shell.display_pub = self.displays
        self.shell.displayhook.write_output_prompt = lambda: None
        self.shell.displayhook.write_format_data = lambda *_: None

    def __call__(self, text: str, *, cell_id: str | None = None) -> Ran:
        """Run a cell; whatever it raises is in what comes back. ``cell_id`` is what a front end calls the cell."""
        self.out.truncate(self.out.seek(0))
        self.err.truncate(self.err.seek(0))
        self.displays.outputs.clear()
        pytests, (sys.stdout, sys.stderr) = (sys.stdout, sys.stderr), self._ours
        try:
            result = self.shell.run_cell(text, store_history=True, cell_id=cell_id)
        finally:
            self._ours = sys.stdout, sys.stderr
            sys.stdout, sys.stderr = pytests
        error = result.error_before_exec or result.error_in_exec
        shown = list(self.displays.outputs)
        return Ran(self.out.getvalue(), self.err.getvalue(), shown, result.result, error)

    def ok(self, *texts: str) -> Ran:
        """Run cells that must not fail; return what came of the last."""
        for text in texts:
            ran = self(text)
            assert ran.error is None, f"{text}\n{ran.complaint}{ran.printed}"
        return ran

    def refused(self, text: str) -> str:
        """Run a cell that must be refused in one sentence; return the sentence."""
        before = set(self.session.registry.entries), self.session.registry.version
        ran = self(text)
        assert type(ran.error) is UsageError, f"{text}: {ran.error!r}\n{ran.complaint}\n{ran.text}"
        assert (set(self.session.registry.entries), self.session.registry.version) == before, "something was changed"
        sentence = str(ran.error)
        assert "\n" not in sentence
        assert "Traceback" not in ran.complaint + ran.printed
        return sentence

    @property
    def session(self) -> Session:
        """The live session."""
        kernel = current.find(self.shell)
        assert kernel is not None
        return kernel.session

    @property
    def names(self) -> dict[str, Any]:
        """The notebook's variables."""
        return self.shell.user_ns

    def close(self) -> None:
        """Unload jobkernel and give everything back."""
        from jobkernel.notebook.extension import unload_ipython_extension

        pytests, (sys.stdout, sys.stderr) = (sys.stdout, sys.stderr), self._ours
        try:
            unload_ipython_extension(self.shell)
            assert (sys.stdout, sys.stderr) == (self.out, self.err), "a stream stayed patched"
        finally:
            sys.stdout, sys.stderr = pytests
        InteractiveShell.clear_instance()
        self._end_shell()

    def _end_shell(self) -> None:
        """End the shell now: hundreds of them, each collecting garbage at exit, would keep the process for minutes."""
        atexit.unregister(self.shell.atexit_operations)
        if self.shell.history_manager is not None:
            self.shell.history_manager.end_session()
            self.shell.history_manager.close()


@contextlib.contextmanager
def notebook_in(folder: Path, *, load: bool = True) -> Iterator[Notebook]:
    """A notebook whose project is a folder."""
    with contextlib.chdir(folder):
        notebook = Notebook()
        try:
            if load:
                notebook.ok("%load_ext jobkernel")
            yield notebook
        finally:
            notebook.close()
