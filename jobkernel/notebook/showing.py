"""Show the live widget under a display of its own; where no front end draws widgets, the picture and its text stand.

The saved notebook keeps a still picture: every time the graph comes to rest, the output's still form is refreshed.
"""

from __future__ import annotations

from typing import Any

from jobkernel.notebook.graph_view import GraphQuery
from jobkernel.notebook.kernel import NotebookKernel
from jobkernel.notebook.picture import GraphPicture, bundle_of


def picture(kernel: NotebookKernel, query: GraphQuery) -> GraphPicture:
    """Return the still picture of a part of the graph."""
    snapshot = kernel.publisher.snapshot(query)
    return GraphPicture(snapshot["graph"], snapshot["status"])


def show_live(kernel: NotebookKernel, query: GraphQuery) -> Any:
    """Return what shows the live widget in a notebook, and the picture anywhere else."""
    still = picture(kernel, query)
    if getattr(kernel.shell, "kernel", None) is None:
        return still
    from jobkernel.notebook.widget import JobsWidget  # anywidget loads when first shown

    return LiveGraph(JobsWidget(kernel.publisher, query), still)


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
        return {**live, **bundle_of(self._still.graph, self._still.status)}
