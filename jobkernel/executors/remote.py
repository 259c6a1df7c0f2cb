"""A step that runs in another process: what is sent there, how it runs there, what comes back.

The same for worker processes and Dask. Values do not travel: both sides keep them in the project's value store.
``packed_task`` is called in the kernel, ``run_task`` where the step runs.
"""

from __future__ import annotations

import os
import pickle
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import field, replace
from typing import Any, Final

from jobkernel.clock import SystemClock
from jobkernel.errors import JobkernelError, RemoteStepError
from jobkernel.executors import failure
from jobkernel.executors.call import Config, Ending, RunFacts, StepCall, StepOutcome
from jobkernel.executors.cancel import CancelToken
from jobkernel.executors.capture import capturing
from jobkernel.executors.descriptor_files import DescriptorFiles
from jobkernel.executors.exchange import RunExchange, Upstream
from jobkernel.executors.failure import describe_error
from jobkernel.executors.remote_errors import RemoteCause, causes_of, error_again, packed_error
from jobkernel.executors.resources import open_resources
from jobkernel.executors.step import announce, failed_step, run_step
from jobkernel.executors.step_output import OutputLine, StepOutput
from jobkernel.executors.stored import StoredValues
from jobkernel.executors.tracebacks import Place, places_of
from jobkernel.model import events as ev
from jobkernel.model.definitions import DEFAULT_IO, EMPTY
from jobkernel.records import dataclass
from jobkernel.rules.plan import PlannedStep
from jobkernel.values.cache import ValueCache
from jobkernel.values.signing import Signer
from jobkernel.values.store import ValueStore

RESOURCE_EVENTS: Final = frozenset({ev.RESOURCE_INIT_STARTED, ev.RESOURCE_INIT_SUCCESS})
LINES_EVERY_S: Final = 0.05
LINES_AT_ONCE: Final = 500
TASK_LIMIT: Final = 50_000_000
"""Bytes of a task; what is larger uses a table or the like that each step would be sent anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteTask:
    """One attempt at a step, ready to be sent.

    With ``failure`` the attempt is over, because its process died: what is left is to record that and to call hooks.
    """

    step: PlannedStep
    run: RunFacts
    attempt: int
    config: Config
    compute: Callable[..., Any] | None
    upstream: Upstream
    resources: Mapping[str, Any]
    needed: tuple[str, ...]
    io_of_asset: Mapping[str, tuple[str, Mapping[str, Any]]]
    values: str
    place: Mapping[str, str] = field(default=EMPTY)
    fingerprint: Mapping[str, Any] | None = None
    failure: BaseException | None = None
    seconds: float = 0.0
    cells: Mapping[str, int | None] = field(default=EMPTY)


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteEnd:
    """How an attempt ended, in a form that travels."""

    ending: Ending
    made: tuple[str, ...] = ()
    mapping_keys: Mapping[str, tuple[str, ...]] | None = None
    delay: float = 0.0
    error: bytes | None = None
    described: Mapping[str, Any] | None = None
    places: tuple[Place, ...] = ()
    causes: tuple[RemoteCause, ...] = ()

    @classmethod
    def of(cls, outcome: StepOutcome) -> RemoteEnd:
        """Return an outcome as it travels; an exception that cannot be pickled goes as its description alone."""
        return cls(
            ending=outcome.ending,
            made=outcome.made,
            mapping_keys=outcome.mapping_keys,
            delay=outcome.delay,
            error=packed_error(outcome.error),
            described=describe_error(outcome.error) if outcome.error is not None else None,
            places=places_of(outcome.error) if outcome.error is not None else (),
            causes=causes_of(outcome.error),
        )

    def outcome(self) -> StepOutcome:
        """Return the outcome, its error carrying the description and the traceback of where it was raised."""
        return StepOutcome(
            ending=self.ending,
            made=self.made,
            mapping_keys=self.mapping_keys,
            delay=self.delay,
            error=error_again(self.error, self.described, self.places, self.causes) if self.described else None,
        )


def packed_task(task: RemoteTask) -> bytes:
    """Return a task as bytes for :func:`unpacked_task`.

    Raises:
        JobkernelError: something the step uses cannot be sent; the sentence names it.
    """
    import cloudpickle

    try:
        data = bytes(cloudpickle.dumps(task))
    except JobkernelError:
        raise
    except Exception as error:
        culprit = _culprit(task)
        raise RemoteStepError(
            f"Step '{task.step.key}' cannot be sent to another process: {culprit} cannot be pickled"
            f" ({type(error).__name__}: {error}); create it in the body or in a resource, or use '--executor threads'."
        ) from error
    if len(data) > TASK_LIMIT:
        raise RemoteStepError(
            f"Step '{task.step.key}' cannot be sent to another process: what it uses of this kernel is"
            f" {len(data) / 1e6:,.0f} MB; create it in the body, make it an asset or a resource, or use"
            " '--executor threads'."
        )
    return data


def unpacked_task(data: bytes) -> RemoteTask:
    """Return what :func:`packed_task` packed. Only for bytes that this user's own kernel sent."""
    task = pickle.loads(data)  # noqa: S301 - sent by the kernel that started this worker, on a private channel
    assert isinstance(task, RemoteTask)
    return task


def run_task(
    task: RemoteTask,
    emit: Callable[[str, dict[str, Any] | None], None],
    on_lines: Callable[[Sequence[OutputLine]], None],
    cancel: CancelToken,
    worker: str,
    signer: Signer | None = None,
    descriptors: DescriptorFiles | None = None,
) -> RemoteEnd:
    """Run an attempt in this process and return how it ended. Never raises for what user code does.

    ``worker`` is what the history calls this process; ``signer`` signs its pickles (None: with the user's own key);
    ``descriptors`` brings what C code and children write, where nobody else reads it.
    """
    for filename, number in task.cells.items():
        failure.register_cell(filename, number)
    store = ValueStore(task.values, signer, cache=ValueCache(0), writes_behind=False)
    lines = _Lines(on_lines)
    output = StepOutput(None, SystemClock().now_us, lines.add)
    try:
        with capturing(output), descriptors.given_to(output) if descriptors is not None else nullcontext():
            outcome = _run(replace(task, place={**task.place, "worker": worker}), emit, cancel, store)
            end = RemoteEnd.of(outcome)
    finally:
        output.close()
        lines.close()
        store.close()
    return end


def _run(
    task: RemoteTask, emit: Callable[[str, dict[str, Any] | None], None], cancel: CancelToken, store: ValueStore
) -> StepOutcome:
    def call_with(resources: Mapping[str, Any]) -> StepCall:
        exchange = RunExchange(task.upstream, resources, StoredValues(store), _io_of(task))
        return StepCall(
            step=task.step,
            run=task.run,
            emit=emit,
            exchange=exchange,
            config=task.config,
            resources=resources,
            cancel=cancel,
            attempt=task.attempt,
            place=task.place,
            compute=task.compute,
            fingerprint=task.fingerprint,
        )

    def of_resources(event_type: str, body: dict[str, Any] | None) -> None:
        if task.needed or event_type not in RESOURCE_EVENTS:
            emit(event_type, body)

    closing = ExitStack()
    try:
        opening = open_resources(task.resources, task.config, task.needed, of_resources, task.run.as_dagster_run())
        resources = closing.enter_context(opening)
    except BaseException as error:  # noqa: BLE001 - the boundary: resources are user code, which may also exit
        return _not_begun(task, call_with({}), error)
    if task.failure is not None:
        outcome = failed_step(call_with(resources), task.failure, task.seconds)
    else:
        outcome = run_step(call_with(resources))
    try:
        closing.close()
    except BaseException as error:  # noqa: BLE001 - the boundary: teardown is user code
        emit(ev.ENGINE_EVENT, {"message": "A resource failed to close.", "error": describe_error(error)})
    return outcome


def _not_begun(task: RemoteTask, call: StepCall, error: BaseException) -> StepOutcome:
    if task.failure is None:
        announce(call)
    return failed_step(call, task.failure or error, task.seconds)


def _io_of(task: RemoteTask) -> Callable[[str], tuple[str, Mapping[str, Any]]]:
    return lambda key: task.io_of_asset.get(key, (DEFAULT_IO, EMPTY))


class _Lines:
    """Hands lines on in groups, so that a step that prints much sends few messages."""

    def __init__(self, send: Callable[[Sequence[OutputLine]], None]) -> None:
        self._send = send
        self._lock = threading.Lock()  # protects the waiting lines, and keeps groups in order
        self._waiting: list[OutputLine] = []
        self._sent_at = 0.0
        self._timer: threading.Timer | None = None

    def add(self, lines: Sequence[OutputLine]) -> None:
        """Take new lines; sends them at once after a pause, so that a crash loses no last words, else in groups.

        Where many wait, they are sent at once too, which holds back a step that floods.
        """
        with self._lock:
            self._waiting.extend(lines)
            has_paused = time.monotonic() - self._sent_at > LINES_EVERY_S
            if len(self._waiting) >= LINES_AT_ONCE or (has_paused and self._timer is None):
                self._flush()
            elif self._timer is None:
                self._timer = threading.Timer(LINES_EVERY_S, self.close)
                self._timer.daemon = True
                self._timer.start()

    def close(self) -> None:
        """Send what waits."""
        with self._lock:
            timer, self._timer = self._timer, None
            if timer is not None:
                timer.cancel()
            self._flush()

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        if waiting:
            self._send(waiting)
            self._sent_at = time.monotonic()


def _culprit(task: RemoteTask) -> str:
    """Name what cannot be pickled, as near as can be told."""
    named: dict[str, Any] = {
        "its config": task.config,
        "its code": task.compute,
        **{f"resource '{key}'": value for key, value in task.resources.items()},
        "its definition": task.step,
    }
    import cloudpickle

    for name, value in named.items():
        try:
            cloudpickle.dumps(value)
        except Exception:  # noqa: BLE001 - user objects may raise anything when they are pickled
            return name
    return "something it uses"


def surroundings() -> dict[str, Any]:
    """Return where this process stands: what a worker on the same machine takes over."""
    import sys

    try:
        folder = os.getcwd()
    except OSError:  # it was deleted
        folder = os.sep
    return {"cwd": folder, "path": list(sys.path), "environ": dict(os.environ)}
