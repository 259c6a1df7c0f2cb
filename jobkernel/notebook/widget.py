"""The widget: one anywidget model that shows the graph, runs and automation, fed by the publisher's pushes.

Loaded when first shown. Its clicks come over the control channel where the labextension is there, else as messages.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anywidget
import traitlets

from jobkernel.notebook.graph_view import GraphQuery
from jobkernel.notebook.publisher import Publisher

STATIC = Path(__file__).parent.parent / "static"


class JobsWidget(anywidget.AnyWidget):  # type: ignore[misc]  # the package is untyped
    """Shows one kernel's jobs: all of them, or what a query chose."""

    _esm = STATIC / "widget.js"
    _css = STATIC / "widget.css"
    snapshot = traitlets.Dict().tag(sync=True)

    def __init__(self, publisher: Publisher, query: GraphQuery) -> None:
        super().__init__(snapshot=publisher.part(query))
        self._publisher = publisher
        self.on_msg(self._asked)
        self._end_listening = publisher.listen(self._send_push, query)

    def close(self) -> None:
        """Stop listening and close the model."""
        self._end_listening()
        super().close()

    def _send_push(self, push: dict[str, Any]) -> None:
        self.send(push)

    def _asked(self, _widget: Any, content: Any, _buffers: Any) -> None:
        if isinstance(content, dict) and isinstance(content.get("request"), dict):
            self.send({"reply": self._publisher.requests.answer(content["request"])})
