"""Show the live graph in a notebook, and a picture and text where nobody can look at anything live.

One output carries all forms: our JupyterLab extension draws its own, live while the kernel answers, still
afterwards; other front ends that know widgets get the widget; everything else gets the picture.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple
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
    """Return what shows the live graph in a notebook, and the picture anywhere else.

    Raises:
        InvariantViolation: somebody would see the widget, and its built front end is not there.
    """
    still = picture(kernel, query, live=True)
    if kernel.publisher.has_extension or not is_watched(kernel.shell):
        return still
    if not WIDGET.exists():
        raise InvariantViolation(
            "The widget cannot be shown: jobkernel/static/widget.js is missing from this installation; install"
            " jobkernel again, or build it with `make front`. `%graph` shows a picture without it."
        )
    return LiveGraph(kernel, query, still)


def show_graph(kernel: NotebookKernel, query: GraphQuery) -> Any:
    """Return the same; where the built front end is missing, the picture."""
    return show_live(kernel, query) if WIDGET.exists() else picture(kernel, query)


class _Shown(NamedTuple):
    """The widgets that a cell showed when it ran last, and the number of that execution."""

    execution: int
    widgets: list[Any]


_shown: WeakKeyDictionary[NotebookKernel, dict[str, _Shown]] = WeakKeyDictionary()
"""What each cell of a notebook showed last."""


def take_the_place(kernel: NotebookKernel, widget: Any) -> None:
    """Close the widgets that this cell showed before, so that cells run again and again do not pile them up."""
    if not kernel.cell_id:
        return
    cells = _shown.setdefault(kernel, {})
    former = cells.get(kernel.cell_id)
    if former is not None and former.execution == kernel.cell_number:
        former.widgets.append(widget)
        return
    cells[kernel.cell_id] = _Shown(kernel.cell_number, [widget])
    for each in former.widgets if former is not None else ():
        each.close()


def is_watched(shell: Any) -> bool:
    """Whether somebody sits before the notebook, who could be asked for input; not so under nbclient and papermill."""
    kernel = getattr(shell, "kernel", None)
    if kernel is None:
        return False
    request = kernel.get_parent("shell") or {}
    return bool(request.get("content", {}).get("allow_stdin"))


class LiveGraph(GraphPicture):
    """The still picture together with the widget, which is made when first displayed, in one output."""

    def __init__(self, kernel: NotebookKernel, query: GraphQuery, still: GraphPicture) -> None:
        super().__init__(still.graph, still.status, still.at_ms, live=True)
        self._kernel = kernel
        self._query = query
        self._widget: Any = None

    @property
    def widget(self) -> Any:
        """The widget."""
        if self._widget is None:
            from jobkernel.notebook.widget import JobsWidget  # anywidget loads when first shown

            self._widget = JobsWidget(self._kernel.publisher, self._query)
            take_the_place(self._kernel, self._widget)
        return self._widget

    def _repr_mimebundle_(self, **options: Any) -> Any:
        bundle = self.widget._repr_mimebundle_(**options)
        live = bundle[0] if isinstance(bundle, tuple) else bundle or {}
        return {**live, **super()._repr_mimebundle_()}
