"""What the annotations of a function form mean, read from the notebook's names without running the cell."""

from __future__ import annotations

import ast
import sys
from collections.abc import Mapping
from typing import Any

from jobkernel.api.signatures import UNKNOWN
from jobkernel.notebook.body import CellBody


def annotations_of(body: CellBody, namespace: Mapping[str, Any]) -> dict[str, Any]:
    """Return the annotation of each parameter, and of the result as ``return``.

    One that names what is not there yet (its cell has not run) is left out.
    """
    written = {parameter.name: parameter.annotation for parameter in body.parameters}
    written["return"] = body.returns
    if not any(written.values()):
        return {}
    scope = {**namespace, **_imported(body.tree)}
    found = {name: _annotation(text, scope) for name, text in written.items() if text is not None}
    return {name: annotation for name, annotation in found.items() if annotation is not UNKNOWN}


def evaluated(text: str, namespace: Mapping[str, Any]) -> Any:
    """Return what an annotation or default is, or ``UNKNOWN`` where it cannot be told yet."""
    try:
        return eval(text, dict(namespace))  # noqa: S307  - the notebook's own expression, as Python would evaluate it
    except Exception:  # noqa: BLE001  - the expression is the user's code; what it means is asked again when it runs
        return UNKNOWN


def _annotation(text: str, scope: Mapping[str, Any]) -> Any:
    value = evaluated(text, scope)
    return evaluated(value, scope) if isinstance(value, str) else value


def _imported(tree: ast.Module) -> dict[str, Any]:
    """Return the names that the cell's own imports bind, of modules that are loaded already."""
    found: dict[str, Any] = {}
    for node in tree.body:
        if isinstance(node, ast.Import):
            for alias in node.names:
                module = alias.name if alias.asname else alias.name.partition(".")[0]
                found[alias.asname or module] = sys.modules.get(module)
        elif isinstance(node, ast.ImportFrom) and node.module in sys.modules:
            held = vars(sys.modules[node.module])
            found.update((alias.asname or alias.name, held.get(alias.name)) for alias in node.names)
    return {name: value for name, value in found.items() if value is not None}
