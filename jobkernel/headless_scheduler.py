"""Keep a notebook's schedules and sensors going without a front end: a kernel of its own that defines, and stays.

Started by ``jobkernel scheduler``, and for a pinned notebook by whoever keeps pins. Knows nbclient's kernels.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from jobkernel.clock import SystemClock
from jobkernel.errors import InvalidDefinition, RunFailed
from jobkernel.headless import CellFailed, NotebookRunner, Say, define_all, title_of
from jobkernel.settings import HEADLESS, PASSING
from jobkernel.storage import pins
from jobkernel.storage.pins import Pin

LOOK_S: Final = 1.0
"""How often it looks whether its kernel lives."""
_LOOK_IN: Final = "from jobkernel.notebook.pinning import looked_in; print(looked_in({names!r}))"


def keep_notebook(path: Path, say: Say) -> int:
    """Run the cells of a notebook that define, and stay while its schedules and sensors run; return an exit code.

    Raises:
        InvalidDefinition: there is no such notebook, or it defines no schedule and no sensor.
    """
    runner = NotebookRunner(path)
    with _stopping() as stop, runner.kernel({HEADLESS: "1"}):
        define_all(runner, say)
        found = _look_in(runner, [])
        if not found["automations"]:
            raise InvalidDefinition(f"'{path}' defines no schedule and no sensor, so there is nothing to keep going.")
        names = [f"{name} (off)" if name in found["off"] else name for name in found["automations"]]
        say(f"keeping {', '.join(names)} going; Ctrl-C ends it")
        code = _stay(runner, stop)
        if code:
            say(f"the kernel of {path.name} ended by itself")
        return code


def keep_pin(pin: Pin, say: Say) -> int:
    """Run the cells of a pin, and stay while its schedules and sensors run; return an exit code.

    One process keeps a pin: where another does, it returns at once; it goes with the process that started it. How it is
    stands in the pin's state file.
    """
    now_us, keeper = SystemClock().now_us, os.getppid()

    def is_over() -> bool:
        return not pin.file.exists() or os.getppid() != keeper

    with _stopping() as stop, _alone(pin) as is_alone:
        if not is_alone:
            return 0
        pins.say_state(pin, "starting", now_us())
        try:
            with _built(pin, {HEADLESS: "1"}) as runner:
                pins.say_state(pin, "keeping", now_us())
                say(f"keeping {', '.join(pin.automations)} of {pin.notebook} going")
                code = _stay(runner, stop, is_over)
        except RunFailed as error:
            pins.say_state(pin, "failed", now_us(), error=str(error))
            say(str(error))
            return 1
        pins.say_state(pin, "ended", now_us())
        return code


def prove(pin: Pin) -> None:
    """Build a pin in a kernel of its own, which then goes.

    Raises:
        RunFailed: a cell fails there, or something is not defined; the sentence says which.
    """
    with _built(pin, {PASSING: "1"}):
        pass


@contextmanager
def _built(pin: Pin, environment: Mapping[str, str]) -> Iterator[NotebookRunner]:
    runner = NotebookRunner.of_cells(Path(pin.path), Path(pin.folder), pin.cells)
    with runner.kernel({**environment, "JOBKERNEL_PROJECT": pin.project}):
        runner.evaluate("%load_ext jobkernel")
        for place, cell in runner.cells():
            try:
                runner.execute(place, cell)
            except CellFailed as error:
                raise RunFailed(f"In a kernel of its own, this cell fails: {title_of(cell.source)}: {error}") from error
        found = _look_in(runner, pin.names)
        if found["missing"]:
            raise RunFailed(
                f"In a kernel of its own there is no {', '.join(found['missing'])}, which definitions use: no cell"
                " that ran here makes it."
            )
        lacking = [name for kind, name in pin.definitions if [kind, name] not in found["definitions"]]
        if lacking:
            raise RunFailed(
                f"In a kernel of its own {', '.join(lacking)} is not defined; run its cell again, then pin."
            )
        yield runner


def _look_in(runner: NotebookRunner, names: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(runner.evaluate(_LOOK_IN.format(names=names)).strip().splitlines()[-1])
    return found


def _stay(runner: NotebookRunner, stop: threading.Event, is_over: Callable[[], bool] = lambda: False) -> int:
    """Wait until told to stop; return 1 where the kernel ended by itself."""
    while not stop.wait(LOOK_S):
        if is_over():
            return 0
        if not runner.is_alive():
            return 1
    return 0


@contextmanager
def _stopping() -> Iterator[threading.Event]:
    stop = threading.Event()
    before = {
        word: signal.signal(word, lambda *_: stop.set()) for word in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    }
    try:
        yield stop
    finally:
        for word, handler in before.items():
            signal.signal(word, handler)


@contextmanager
def _alone(pin: Pin) -> Iterator[bool]:
    """Hold the pin's lock; say whether nobody else does."""
    pin.lock_file.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(pin.lock_file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield True
            return
        yield False
    finally:
        os.close(descriptor)


def main(arguments: list[str]) -> int:
    """Do what another process of ours asks: ``prove`` the pin on stdin, or ``keep FILE``; return an exit code."""
    if arguments[:1] == ["prove"]:
        try:
            prove(Pin(**json.load(sys.stdin)))
        except (RunFailed, InvalidDefinition) as error:
            _say(str(error))
            return 1
        return 0
    pin = pins.read(Path(arguments[1]))
    return keep_pin(pin, _say) if pin is not None else 0


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - this process talks to the one that started it


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
