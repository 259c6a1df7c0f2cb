"""Builders for tests of cells: a notebook namespace, bodies in it, and a shell's transform."""

from __future__ import annotations

import linecache
from itertools import count
from typing import Any

from IPython.core.inputtransformer2 import TransformerManager

from jobkernel.notebook.body import CellBody, parse_body
from jobkernel.notebook.body_call import BodyCall, bind, program_of
from jobkernel.notebook.capture import launch_of
from jobkernel.notebook.dependencies import resolve

_numbers = count(1)


class Notebook:
    """A namespace in which cells are run as a kernel would run them."""

    def __init__(self, **names: Any) -> None:
        self.names: dict[str, Any] = {"__name__": "__main__", **names}

    def run(self, source: str) -> None:
        """Run an ordinary cell; its text is kept for tracebacks as IPython keeps it."""
        filename = f"<cell {next(_numbers)}>"
        linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
        exec(compile(source, filename, "exec"), self.names)

    def captured(self, body: CellBody, memo: dict[Any, Any] | None = None, **known: str) -> BodyCall:
        """Return what a launch would call now; ``known`` maps variables to keys."""
        resolution = resolve(body, known, namespace=self.names)
        return bind(program_of(body), resolution, launch_of({} if memo is None else memo, self.names))


def a_body(text: str, name: str | None = "orders", **options: Any) -> CellBody:
    return parse_body(text, name=name, transform=TransformerManager().transform_cell, **options)


def run_body(text: str, name: str | None = "orders", notebook: Notebook | None = None, **given: Any) -> Any:
    """Run a body; the given values are its inputs."""
    known = {each: each for each in given if each != "context"}
    call = (notebook or Notebook()).captured(a_body(text, name), **known)
    context = [given.pop("context")] if "context" in given else []
    return call(*context, **given)
