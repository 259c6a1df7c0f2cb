"""What IPython shows for a step's code (displays, tracebacks) and shells run for it (`!command`) goes to the step.

``os.system`` too. IPython is never imported here: its classes are changed only where it is loaded. Called by capture.
"""

from __future__ import annotations

import functools
import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from jobkernel.executors.failure import describe_error
from jobkernel.executors.patches import Patches
from jobkernel.executors.step_output import CURRENT, StepOutput
from jobkernel.executors.streams import refuse_input_in_step

_LOOK_AGAIN_SECONDS = 0.1
_GRACE_SECONDS = 2.0
_PIECE = 65_536


def install(patches: Patches) -> None:
    """Hook ``os.system``, and IPython's display, traceback, shell and input where they exist; ``patches`` undoes it."""
    patches.replace(os, "system", _calling(os.system))
    publishing = sys.modules.get("IPython.core.displaypub")
    shells = sys.modules.get("IPython.core.interactiveshell")
    if publishing is None or shells is None:
        return
    publishers = {publishing.DisplayPublisher, publishing.CapturingDisplayPublisher}
    shell = shells.InteractiveShell._instance
    shell_classes = {shells.InteractiveShell}
    if shell is not None:
        publishers.update(type(shell.display_pub).__mro__)
        shell_classes.update(type(shell).__mro__)
        _hook_input(getattr(shell, "kernel", None), patches)
        if "_showtraceback" in vars(shell):  # the kernel application leaves one on the shell itself
            patches.replace(shell, "_showtraceback", _showing(shell._showtraceback))
    for publisher in publishers:
        _hook_publisher(publisher, patches)
    for shell_class in shell_classes:
        _hook_shell(shell_class, patches)


def system(command: str) -> int:
    """Run a shell command with its output going to the current step, and return its exit code.

    Like ``subprocess``, a command ended by a signal has a negative code. Interrupting the step ends the command and
    whatever it started. Outside steps its output goes where this process's output goes.
    """
    sink = CURRENT.get()
    if sink is None:
        return subprocess.run(command, shell=True, check=False).returncode  # noqa: S602  - the user's own command
    with subprocess.Popen(  # noqa: S602
        command, shell=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:  # fmt: skip
        try:
            _forward(process, sink)
            return process.wait()
        except BaseException:
            _end(process)
            raise


def _calling(original: Callable[[Any], int]) -> Callable[[Any], int]:
    """Return ``os.system`` for steps too: its output goes to the step, and it can be stopped."""

    @functools.wraps(original)
    def os_system(command: Any) -> int:
        if CURRENT.get() is None:
            return original(command)
        code = system(os.fsdecode(command))
        return code << 8 if code >= 0 else -code

    return os_system


def _forward(process: subprocess.Popen[bytes], sink: StepOutput) -> None:
    """Pass output on until the pipes end, or the command does (what it left in the background may hold them)."""
    with selectors.DefaultSelector() as selector:
        for pipe, level in ((process.stdout, "stdout"), (process.stderr, "stderr")):
            assert pipe is not None
            selector.register(pipe, selectors.EVENT_READ, level)
        while selector.get_map():
            has_ended = process.poll() is not None
            ready = selector.select(0 if has_ended else _LOOK_AGAIN_SECONDS)
            if has_ended and not ready:
                return
            for key, _ in ready:
                content = os.read(key.fd, _PIECE)
                if content:
                    sink.add_bytes(key.data, content)
                else:
                    selector.unregister(key.fileobj)


def _end(process: subprocess.Popen[bytes]) -> None:
    for signal_number in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is None:
            os.killpg(process.pid, signal_number)
            try:
                process.wait(_GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                continue


def _hook_publisher(publisher: type, patches: Patches) -> None:
    if "publish" in vars(publisher):
        patches.replace(publisher, "publish", _publishing(vars(publisher)["publish"]))
    if "clear_output" in vars(publisher):
        patches.replace(publisher, "clear_output", _only_outside_steps(vars(publisher)["clear_output"]))


def _publishing(original: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(original)
    def publish(self: Any, data: Any, *args: Any, **kwargs: Any) -> None:
        sink = CURRENT.get()
        if sink is None:
            original(self, data, *args, **kwargs)
        else:
            told = {"metadata": args[0] if args else None, **kwargs}
            sink.display(data, **{name: told.get(name) for name in ("metadata", "transient", "update")})

    return publish


def _only_outside_steps(original: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(original)
    def outside(self: Any, *args: Any, **kwargs: Any) -> None:
        if CURRENT.get() is None:
            original(self, *args, **kwargs)

    return outside


def _hook_shell(shell_class: type, patches: Patches) -> None:
    if "_showtraceback" in vars(shell_class):
        patches.replace(shell_class, "_showtraceback", _showing(vars(shell_class)["_showtraceback"]))
    for name in ("system", "system_piped", "system_raw"):
        if name in vars(shell_class):
            patches.replace(shell_class, name, _InStepOrNot(vars(shell_class)[name]))


def _showing(original: Callable[..., None]) -> Callable[..., None]:
    """For a method, whose last three arguments these are, and for a bound one."""

    @functools.wraps(original)
    def _showtraceback(*args: Any) -> None:
        sink = CURRENT.get()
        if sink is None:
            original(*args)
        else:
            sink.add("stderr", describe_error(args[-2])["text"])

    return _showtraceback


class _InStepOrNot:
    """Chooses the method when it is looked up: the original counts frames to find the caller's variables."""

    def __init__(self, original: Callable[..., Any]) -> None:
        self._original = original

    def __get__(self, shell: Any, owner: type | None = None) -> Any:
        if shell is None:
            return self._original
        method = self._original if CURRENT.get() is None else _system_in_step
        return functools.partial(method, shell)


def _system_in_step(shell: Any, cmd: str) -> None:
    command = shell.var_expand(cmd, depth=1)
    code = system(command)
    shell.user_ns["_exit_code"] = code
    if code != 0 and getattr(shell, "system_raise_on_error", False):
        raise subprocess.CalledProcessError(code, command)


def _hook_input(kernel: Any, patches: Patches) -> None:
    for kernel_class in type(kernel).__mro__ if kernel is not None else ():
        for name in ("raw_input", "getpass"):
            if name in vars(kernel_class):
                patches.replace(kernel_class, name, _asking(vars(kernel_class)[name]))


def _asking(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def ask(self: Any, *args: Any, **kwargs: Any) -> Any:
        refuse_input_in_step()
        return original(self, *args, **kwargs)

    return ask
