"""Show the live graph in a notebook, and a picture and text where nobody can look at anything live.

One output carries all forms: our JupyterLab extension draws its own, live while the kernel answers, still
afterwards; other front ends that know widgets get the widget; everything else gets the picture.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from jobkernel.errors import InvariantViolation
from jobkernel.notebook.graph_view import GraphQuery
from jobkernel.notebook.kernel import NotebookKernel
from jobkernel.notebook.packed_graph import rows_of
from jobkernel.notebook.picture import GraphPicture

WIDGET = Path(__file__).parent.parent / "static" / "widget.js"


def picture(kernel: NotebookKernel, query: GraphQuery, *, live: bool = False) -> GraphPicture:
    """Return the still picture of a part of the graph."""
    snapshot = kernel.publisher.snapshot(query)
    at_ms = kernel.session.clock.now_us() // 1000
    return GraphPicture(rows_of(snapshot["graph"]), snapshot["status"], at_ms, live=live)


def show_live(kernel: NotebookKernel, query: GraphQuery) -> Any:
    """Return what shows the live graph in a notebook, and the picture anywhere else."""
    still = picture(kernel, query, live=True)
    if kernel.publisher.has_extension or not is_watched(kernel.shell):
        return still
    if not WIDGET.exists():
        raise InvariantViolation(
            "The widget cannot be shown: jobkernel/static/widget.js is missing from this installation; install"
            " jobkernel again, or build it with `make front`. `%graph` shows a picture without it."
        )
    from jobkernel.notebook.widget import JobsWidget  # anywidget loads when first shown

    widget = JobsWidget(kernel.publisher, query)
    _take_the_place(kernel, widget)
    return LiveGraph(widget, still)


_shown: WeakKeyDictionary[NotebookKernel, dict[str, Any]] = WeakKeyDictionary()
"""Each notebook's widgets by the cell that showed them."""


def _take_the_place(kernel: NotebookKernel, widget: Any) -> None:
    """Close the widget that this cell showed before, so that cells run again and again do not pile them up."""
    shown = _shown.setdefault(kernel, {})
    former = shown.pop(kernel.cell_id or "", None)
    if former is not None:
        former.close()
    if kernel.cell_id:
        shown[kernel.cell_id] = widget


def is_watched(shell: Any) -> bool:
    """Whether somebody sits before the notebook, who could be asked for input; not so under nbclient and papermill."""
    kernel = getattr(shell, "kernel", None)
    if kernel is None:
        return False
    request = kernel.get_parent("shell") or {}
    return bool(request.get("content", {}).get("allow_stdin"))


class LiveGraph:
    """The widget together with its still picture, in one output."""

    def __init__(self, widget: Any, still: GraphPicture) -> None:
        self.widget = widget
        self._still = still

    def __repr__(self) -> str:
        return repr(self._still)

    def _repr_mimebundle_(self, **options: Any) -> Any:
        bundle = self.widget._repr_mimebundle_(**options)
        live = bundle[0] if isinstance(bundle, tuple) else bundle or {}
        return {**live, **self._still._repr_mimebundle_()}
