"""What a run is made of before it starts, and what is known of a step in flight. Knows nothing of how runs go on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import field, replace
from typing import TYPE_CHECKING, Any, Final, Protocol

from jobkernel.clock import Clock
from jobkernel.engine.deadlines import Deadlines, Timer
from jobkernel.engine.slots import SlotDoor
from jobkernel.executors.call import Config, Exchange, RunFacts, StepCall
from jobkernel.executors.cancel import CancelToken
from jobkernel.executors.runner import IN_PROCESS, Runner
from jobkernel.executors.step_output import StepOutput
from jobkernel.model import events as ev
from jobkernel.model.definitions import EMPTY
from jobkernel.model.events import Event
from jobkernel.records import dataclass
from jobkernel.rules.limits import TagLimits
from jobkernel.rules.plan import Plan, PlannedStep
from jobkernel.rules.run_state import RunProgress

if TYPE_CHECKING:
    from jobkernel.engine.run import ActiveRun

Opening = Callable[[Callable[[str, "dict[str, Any] | None"], None]], AbstractContextManager[Mapping[str, Any]]]
"""Open the run's resources; given where to record events."""


_NO_OUTPUT: Final = nullcontext()


class Workers(Protocol):
    """Something that runs work on other threads."""

    def submit(self, work: Callable[[], None]) -> None:
        """Run ``work`` soon."""
        ...

    @property
    def has_waiting_work(self) -> bool:
        """Whether work waits that no idle thread will take."""
        ...

    def grow(self, by: int) -> None:
        """Allow so many more threads: somebody was abandoned and holds one."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSetup:
    """Everything a run is made of, decided before it starts."""

    plan: Plan
    facts: RunFacts
    config: Config
    emit: Callable[[Event], None]
    clock: Clock
    make_exchange: Callable[[RunProgress, Mapping[str, Any]], Exchange]
    open_resources: Opening
    max_workers: int = 1
    executor_name: str = "in_process"
    computes: Mapping[str, Callable[..., Any]] = field(default=EMPTY)
    fingerprint: Callable[[PlannedStep], Mapping[str, Any] | None] = lambda _step: None
    make_output: Callable[[PlannedStep, int], AbstractContextManager[StepOutput | None]] | None = None
    runner_of: Callable[[PlannedStep], Runner] = field(default_factory=lambda: _in_process)
    tag_limits: TagLimits | None = None
    slots: SlotDoor | None = None
    on_change: Callable[[ActiveRun], None] = lambda _run: None
    on_end: Callable[[ActiveRun], None] = lambda _run: None
    on_failure: Callable[[ActiveRun, str], Mapping[str, str]] = lambda _run, _reason: EMPTY
    max_runtime: float | None = None
    deadlines: Timer = field(default_factory=Deadlines)

    def output_of(self, step: PlannedStep, attempt: int) -> AbstractContextManager[StepOutput | None]:
        """Return what takes the output of an attempt; it gives None where nobody does."""
        return _NO_OUTPUT if self.make_output is None else self.make_output(step, attempt)

    def without_values(self) -> RunSetup:
        """Return the setup of a run that has ended: nothing of the user's values is held by it."""
        return replace(
            self,
            computes=EMPTY,
            fingerprint=_no_fingerprint,
            make_exchange=_nothing_left,
            open_resources=_nothing_left,
            make_output=None,
            runner_of=_in_process,
            slots=None,
        )


def _in_process(_step: PlannedStep) -> Runner:
    return IN_PROCESS


def _no_fingerprint(_step: PlannedStep) -> None:
    return None


def _nothing_left(*_: Any) -> Any:
    raise AssertionError("A run that has ended opens nothing.")


@dataclass(slots=True)
class LiveStep:
    """What is known of a step in flight: when it began (µs), on which thread, how far it says it is."""

    started_at: int
    thread_id: int
    call: StepCall
    progress: dict[str, Any] | None = None
    call_off: Callable[[], None] = lambda: None

    @property
    def step(self) -> PlannedStep:
        """The step that is tried."""
        return self.call.step


def call_of(
    setup: RunSetup,
    step: PlannedStep,
    attempt: int,
    *,
    exchange: Exchange,
    resources: Mapping[str, Any],
    cancel: CancelToken,
    on_start: Callable[[], None] | None,
    on_progress: Callable[[str, dict[str, Any] | None], None],
) -> StepCall:
    """Return one attempt at a step, ready to run; what it says becomes events of the run.

    ``on_start`` is called when it says that it has begun, which may be after it waited for a free worker.
    """
    key = step.key
    run_id, now_us, emit_event = setup.facts.run_id, setup.clock.now_us, setup.emit

    def emit(event_type: str, body: dict[str, Any] | None = None) -> None:
        if event_type == ev.STEP_PROGRESS:
            on_progress(key, body)
            return
        if on_start is not None and event_type in (ev.STEP_START, ev.STEP_RESTARTED):
            on_start()
        emit_event(Event(event_type, run_id, key, now_us(), body))

    origin = key.replace(f"[{step.mapping_key}]", "[?]") if step.mapping_key is not None else key
    return StepCall(
        step=step,
        run=setup.facts,
        emit=emit,
        exchange=exchange,
        config=setup.config,
        resources=resources,
        cancel=cancel,
        attempt=attempt,
        place={"executor": setup.runner_of(step).name},
        compute=setup.computes.get(origin),
    )
