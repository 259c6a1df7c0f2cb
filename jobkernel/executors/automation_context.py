"""What the functions of schedules and sensors see: their contexts, under Dagster's names.

Made by the scheduler for a tick and by ``build_schedule_context`` and kin for a test; knows no thread and no history
but what it is given. Resources open when first asked for and close at the end of ``with``.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from copy import copy
from datetime import datetime
from typing import Any, Final, Self, TypeVar

from jobkernel.clock import SystemClock
from jobkernel.errors import InvalidDefinition, InvariantViolation, Unsupported, did_you_mean
from jobkernel.executors.resource_view import ResourceView
from jobkernel.executors.resources import open_resources
from jobkernel.executors.step_log import StepLogger
from jobkernel.model import events as ev
from jobkernel.model.automation import UNCHANGED, Beside, LogLine, News, PartitionsRequest, RunRequest, Unchanged

_CLOCK: Final = SystemClock()
_NOT_HERE: Final[Mapping[str, str]] = {
    "instance_ref": "use context.instance",
    "code_location_origin": "there are no code locations",
    "caching_dynamic_partitions_loader": "ask context.instance for dynamic partitions",
    "log_key": "what is logged is kept with the tick: %jk ticks, and the view ticks",
}
KEPT_LINES: Final = 2_000
LONGEST_LINE: Final = 20_000
ResolvePartition = Callable[[str, RunRequest, tuple[PartitionsRequest, ...]], RunRequest]
"""Job name, request, and the changes of partitions asked for beside it → the request with its partition's tags."""


Inner = TypeVar("Inner", bound="AutomationContext")


class AutomationContext:
    """What schedules and sensors share: resources, the log, the instance and the definitions around them.

    ``resources`` are definitions by key, of which ``resource_keys`` are opened (None: all). ``instance`` is what the
    function gets as such, or a function that makes it. ``definitions`` has the ``universe`` of assets. Where
    ``must_be_entered``, a resource cleans up after itself, so that the context has to be used by ``with``.
    """

    def __init__(
        self,
        *,
        name: str | None = None,
        resources: Mapping[str, Any] | None = None,
        resource_keys: Iterable[str] | None = None,
        instance: Any = None,
        definitions: Any = None,
        resolve_partition: ResolvePartition | None = None,
        must_be_entered: bool = False,
        now_us: Callable[[], int] = _CLOCK.now_us,
    ) -> None:
        self._name = name
        self._resource_defs = dict(resources or {})
        self._keys = list(self._resource_defs if resource_keys is None else resource_keys)
        self._instance = instance
        self._definitions = definitions
        self._must_be_entered, self._is_entered = must_be_entered, False
        self._now_us = now_us
        self._stack = contextlib.ExitStack()
        self._opened: dict[str, Any] | None = None
        self._lines: deque[LogLine] = deque(maxlen=KEPT_LINES)
        self._beside: list[Beside] = []
        self.resolve_partition = resolve_partition

    def __enter__(self) -> Self:
        self._is_entered = True
        return self

    def __exit__(self, *_error: object) -> None:
        self._stack.close()
        self._opened = None

    @property
    def resource_defs(self) -> Mapping[str, Any]:
        """The definitions of the resources given."""
        return self._resource_defs

    @property
    def resources(self) -> ResourceView:
        """The resources by attribute, opened when first asked for.

        Raises:
            InvariantViolation: one of them cleans up after itself, and the context is not used by ``with``.
        """
        if self._must_be_entered and not self._is_entered:
            raise InvariantViolation("A resource cleans up after itself; use the context by 'with … as context:'.")
        if self._opened is None:
            opened = open_resources(self._resource_defs, {}, self._keys, _unheard)
            self._opened = self._stack.enter_context(opened) if self._keys else {}
        return ResourceView(self._opened)

    def resources_of(self, keys: Iterable[str], what: str) -> dict[str, Any]:
        """Return the resources that a function takes by their names.

        Raises:
            InvalidDefinition: one of them was not given; the sentence says that ``what`` needs it.
        """
        wanted = list(keys)
        opened = self.resources.original_resource_dict if wanted else {}
        for key in wanted:
            if key not in opened:
                raise InvalidDefinition(
                    f"{what} needs resource '{key}', which was not given.{did_you_mean(key, opened)}"
                )
        return {key: opened[key] for key in wanted}

    def merge_resources(self, resources: Mapping[str, Any]) -> Self:
        """Return the same context with more resources.

        Raises:
            InvariantViolation: its resources are open already.
        """
        if self._opened is not None:
            raise InvariantViolation("The context's resources are open already; give them all when it is built.")
        merged = copy(self)
        merged._resource_defs = {**self._resource_defs, **resources}
        merged._keys = list(dict.fromkeys([*self._keys, *resources]))
        merged._stack = contextlib.ExitStack()
        return merged

    def within(self, kind: type[Inner], **own: Any) -> Inner:
        """Return a context of another kind for a function that is called within this look; it logs to the same."""
        shared = {
            "resources": self._resource_defs,
            "resource_keys": self._keys,
            "instance": self._instance,
            "definitions": self._definitions,
            "resolve_partition": self.resolve_partition,
            "must_be_entered": self._must_be_entered,
            "now_us": self._now_us,
        }
        inner = kind(**{"name": self._name, **shared, **own})
        inner._lines, inner._beside = self._lines, self._beside
        return inner

    @property
    def instance(self) -> Any:
        """What runs left behind, in Dagster's words.

        Raises:
            InvariantViolation: the context was built without one.
        """
        if callable(self._instance):
            self._instance = self._instance()
        if self._instance is None:
            raise InvariantViolation("The context has no instance; build it with instance=.")
        return self._instance

    @property
    def has_instance(self) -> bool:
        """Whether :attr:`instance` gives one."""
        return self._instance is not None

    @property
    def definitions(self) -> Any:
        """The definitions that the automation belongs to, None where they were not given."""
        return self._definitions

    @property
    def log(self) -> StepLogger:
        """A logger whose lines are kept with the tick."""
        return StepLogger(self._note)

    @property
    def lines(self) -> tuple[LogLine, ...]:
        """What was logged so far; of very much, the end."""
        return tuple(self._lines)

    def keep_beside(self, event_type: str, body: dict[str, Any]) -> None:
        """Have something kept with the tick of this look, if the look comes to a tick; with it, or not at all."""
        self._beside.append((event_type, body))

    @property
    def beside(self) -> tuple[Beside, ...]:
        """What is to be kept with the tick."""
        return tuple(self._beside)

    def has_captured_logs(self) -> bool:
        """Whether anything was logged."""
        return bool(self._lines)

    def __getattr__(self, name: str) -> Any:
        if name in _NOT_HERE:
            raise Unsupported(f"context.{name} is not supported; {_NOT_HERE[name]}.")
        raise AttributeError(
            f"'{type(self).__name__}' object has no attribute '{name}'.{did_you_mean(name, dir(self))}"
        )

    def _note(self, event_type: str, body: dict[str, Any] | None) -> None:
        if event_type == ev.LOG_MESSAGE and body is not None:
            self._lines.append(LogLine(self._now_us(), body["level"], body["message"][:LONGEST_LINE]))


class ScheduleEvaluationContext(AutomationContext):
    """What a schedule's functions see. Source: Dagster's ``ScheduleEvaluationContext``."""

    def __init__(self, *, scheduled_execution_time: datetime | None = None, **shared: Any) -> None:
        super().__init__(**shared)
        if not isinstance(scheduled_execution_time, datetime | None):
            raise InvalidDefinition(f"scheduled_execution_time is a datetime, not {scheduled_execution_time!r}.")
        self._scheduled_at = scheduled_execution_time

    @property
    def scheduled_at(self) -> datetime | None:
        """The time that the tick stands for, None where the context was built without one."""
        return self._scheduled_at

    @property
    def scheduled_execution_time(self) -> datetime:
        """The time that the tick stands for, aware, in the schedule's zone.

        Raises:
            InvariantViolation: the context was built without one.
        """
        if self._scheduled_at is None:
            raise InvariantViolation(
                "The context has no scheduled_execution_time; build it with scheduled_execution_time=."
            )
        return self._scheduled_at

    @property
    def repository_def(self) -> Any:
        """The definitions that the schedule belongs to.

        Raises:
            InvariantViolation: the context was built without them.
        """
        if self._definitions is None:
            raise InvariantViolation("The context has no repository_def; build it with repository_def=.")
        return self._definitions


class SensorEvaluationContext(AutomationContext):
    """What a sensor's function sees. Times are seconds since the epoch. Source: Dagster's ``SensorEvaluationContext``.

    ``news`` answers what happened since; it is asked by the sensors of assets and of runs.
    """

    def __init__(
        self,
        *,
        cursor: str | None = None,
        last_tick_completion_time: float | None = None,
        last_run_key: str | None = None,
        last_sensor_start_time: float | None = None,
        repository_name: str | None = None,
        news: News | None = None,
        **shared: Any,
    ) -> None:
        super().__init__(**shared)
        self._cursor = _checked_cursor(cursor)
        self._updated = False
        self._news = news
        self.last_tick_completion_time = last_tick_completion_time
        self.last_run_key = last_run_key
        self.last_sensor_start_time = last_sensor_start_time
        self.repository_name = repository_name

    @property
    def sensor_name(self) -> str:
        """The sensor's name.

        Raises:
            InvariantViolation: the context was built without it.
        """
        if self._name is None:
            raise InvariantViolation("The context has no sensor_name; build it with sensor_name=.")
        return self._name

    @property
    def last_completion_time(self) -> float | None:
        """The older name of :attr:`last_tick_completion_time`."""
        return self.last_tick_completion_time

    @property
    def is_first_tick_since_sensor_start(self) -> bool:
        """Whether the sensor has not looked since it was switched on."""
        last, start = self.last_tick_completion_time, self.last_sensor_start_time
        return not last or (start is not None and start > last)

    @property
    def cursor(self) -> str | None:
        """Where the sensor is: what it kept at the last look, or what it has set since."""
        return self._cursor

    def update_cursor(self, cursor: str | None) -> None:
        """Set what the next look finds as its cursor; kept where this look does not fail."""
        self._cursor = _checked_cursor(cursor)
        self._updated = True

    @property
    def cursor_updated(self) -> bool:
        """Whether this look set the cursor."""
        return self._updated

    @property
    def new_cursor(self) -> str | Unchanged | None:
        """What this look set the cursor to."""
        return self._cursor if self._updated else UNCHANGED

    @property
    def news(self) -> News:
        """What happened since.

        Raises:
            InvariantViolation: nobody can say.
        """
        if self._news is None:
            raise InvariantViolation(
                "The context has no instance, so nobody can say what is new; build it with instance=."
            )
        return self._news

    @property
    def repository_def(self) -> Any:
        """The definitions that the sensor belongs to, None where they were not given."""
        return self._definitions


def _checked_cursor(cursor: Any) -> str | None:
    if not isinstance(cursor, str | None):
        raise InvalidDefinition(f"A cursor is a text, not {cursor!r}; write it as JSON, say.")
    return cursor


def _unheard(_event_type: str, _body: dict[str, Any] | None) -> None:
    return
