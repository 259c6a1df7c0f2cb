"""Which shells have jobkernel loaded. The only module-level state of the notebook floor; ``jk.session()`` asks it."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any
from weakref import WeakKeyDictionary

from jobkernel.notebook.kernel import NotebookKernel

_loaded: WeakKeyDictionary[Any, tuple[NotebookKernel, ExitStack]] = WeakKeyDictionary()


def find(shell: Any) -> NotebookKernel | None:
    """Return the shell's jobkernel, or None where it is not loaded."""
    found = _loaded.get(shell)
    return found[0] if found else None


def put(shell: Any, kernel: NotebookKernel, closing: ExitStack) -> None:
    """Remember a shell's jobkernel and how to undo its loading."""
    _loaded[shell] = (kernel, closing)


def take(shell: Any) -> ExitStack | None:
    """Forget a shell's jobkernel; return how to undo its loading."""
    found = _loaded.pop(shell, None)
    return found[1] if found else None
