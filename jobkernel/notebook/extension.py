"""``%load_ext jobkernel``: open the session, register magics, hooks and completion; ``%unload_ext`` undoes it."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from functools import partial
from typing import Any

from IPython.core.error import UsageError
from IPython.core.inputtransformer2 import TransformerManager
from traitlets import TraitError

from jobkernel.errors import JobkernelError
from jobkernel.executors import capture
from jobkernel.notebook import current
from jobkernel.notebook.completion import install_completion
from jobkernel.notebook.control import install_control
from jobkernel.notebook.heading import as_magic
from jobkernel.notebook.hints import with_hint
from jobkernel.notebook.kernel import NotebookKernel
from jobkernel.notebook.magics import register
from jobkernel.notebook.publisher import Publisher
from jobkernel.notebook.shown import count_of
from jobkernel.version import __version__


def load_ipython_extension(shell: Any) -> None:
    """Load jobkernel into a shell; loading it again changes nothing.

    Raises:
        UsageError: the project cannot be used; the sentence says why.
    """
    if sys.platform == "win32":
        raise UsageError("jobkernel does not support native Windows yet; use WSL, Linux or macOS.")
    if current.find(shell) is not None:
        return
    with ExitStack() as opening:
        try:
            kernel = NotebookKernel(shell)
        except JobkernelError as error:
            raise UsageError(str(error)) from None
        except TraitError as error:
            raise UsageError(f"{error} Mend it in ipython_config.py.") from None
        opening.callback(kernel.close)
        _install(shell, kernel, opening)
        current.put(shell, kernel, opening.pop_all())
    print(kernel.greeting(__version__))  # noqa: T201 - the one line that %load_ext prints


def unload_ipython_extension(shell: Any) -> None:
    """Stop every thread, undo every hook and unregister every magic; say how many definitions go."""
    kernel = current.find(shell)
    count = len(kernel.session.registry.entries) if kernel is not None else 0
    closing = current.take(shell)
    if closing is not None:
        closing.close()
    if count:
        print(f"forgot {count_of(count, 'definition')}; run their cells again")  # noqa: T201 - what %reload_ext says


def _install(shell: Any, kernel: NotebookKernel, closing: ExitStack) -> None:
    kernel.session.explain_error = partial(with_hint, kernel)
    capture.install()
    closing.callback(capture.uninstall)
    closing.callback(register(shell, kernel))
    for event, callback in (("pre_run_cell", kernel.before_cell), ("post_run_cell", kernel.after_cell)):
        shell.events.register(event, callback)
        closing.callback(shell.events.unregister, event, callback)
    manager: TransformerManager = shell.input_transformer_manager
    manager.cleanup_transforms.append(as_magic)
    closing.callback(manager.cleanup_transforms.remove, as_magic)
    shell.configurables.append(kernel.settings)
    closing.callback(shell.configurables.remove, kernel.settings)
    closing.callback(install_completion(shell, kernel))
    publisher = Publisher(kernel)
    kernel.publisher = publisher
    closing.callback(publisher.close)
    closing.callback(install_control(shell, publisher))
