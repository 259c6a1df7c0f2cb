"""What starts runs by itself: schedules and sensors as frozen records, and what one look at them gave.

Knows neither clock nor store. The api and notebook floors make automations, the scheduler asks what follows of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from enum import Enum, StrEnum
from typing import Any, Final, NamedTuple, Protocol

from jobkernel.model.dagster_run import DagsterRun
from jobkernel.model.definitions import EMPTY, Job, Source
from jobkernel.model.events import Event
from jobkernel.model.partition_requests import (
    AddDynamicPartitionsRequest,
    DeleteDynamicPartitionsRequest,
    PartitionsRequest,
)
from jobkernel.model.run_requests import RunRequest, SensorResult, SkipReason
from jobkernel.records import dataclass

__all__ = [
    "ANONYMOUS_JOB",
    "MOST_REQUESTS",
    "UNCHANGED",
    "AddDynamicPartitionsRequest",
    "Automation",
    "AutomationKind",
    "Catchup",
    "DefaultScheduleStatus",
    "DefaultSensorStatus",
    "DeleteDynamicPartitionsRequest",
    "Evaluation",
    "LogLine",
    "News",
    "NewsItem",
    "Overlap",
    "PartitionsRequest",
    "Reaction",
    "RunRequest",
    "Schedule",
    "Sensor",
    "SensorResult",
    "SkipReason",
    "Target",
    "Unchanged",
]

ANONYMOUS_JOB: Final = "__anonymous_asset_job_"
"""How the job is named that a schedule or sensor makes of an asset selection; its own name follows."""
MOST_REQUESTS: Final = 10_000
"""How many run requests one look may give. One more is refused, so that a generator without end harms nothing."""
DEFAULT_INTERVAL_S: Final = 30.0
DEFAULT_TIMEOUT_S: Final = 60.0


class AutomationKind(StrEnum):
    """What an automation watches: the clock, something of the user's, assets, or runs."""

    SCHEDULE = "SCHEDULE"
    SENSOR = "SENSOR"
    ASSET_SENSOR = "ASSET_SENSOR"
    MULTI_ASSET_SENSOR = "MULTI_ASSET_SENSOR"
    RUN_STATUS_SENSOR = "RUN_STATUS_SENSOR"
    AUTOMATION = "AUTOMATION"


class Catchup(StrEnum):
    """Which of the ticks that a sleeping machine missed are made up for."""

    NONE = "none"
    LAST = "last"
    ALL = "all"


class Overlap(StrEnum):
    """What a tick does while a run of the tick before is not over."""

    SKIP = "skip"
    QUEUE = "queue"
    ALLOW = "allow"


class DefaultScheduleStatus(Enum):
    """Whether a schedule is on before anybody switches it. Source: Dagster's enum of that name."""

    RUNNING = "RUNNING"
    STOPPED = "STOPPED"


class DefaultSensorStatus(Enum):
    """Whether a sensor is on before anybody switches it. Source: Dagster's enum of that name."""

    RUNNING = "RUNNING"
    STOPPED = "STOPPED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A job that an automation starts. ``job`` is its definition where one was given, else it is found by its name."""

    job_name: str
    job: Job | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Automation:
    """What schedules and sensors have in common.

    ``function`` is called with the context under ``context_argument`` (None where it takes none) and the resources of
    ``resource_arguments`` by their names; it returns or yields what Dagster's may. ``capture`` (notebook cells) is
    called at each look with an empty memo and returns the function to call. ``asset_selection`` is what a sensor
    without jobs starts runs over.
    """

    name: str
    kind: AutomationKind
    targets: tuple[Target, ...] = ()
    function: Callable[..., Any] | None = None
    capture: Callable[[dict[Any, Any]], Callable[..., Any]] | None = None
    context_argument: str | None = None
    resource_arguments: tuple[str, ...] = ()
    required_resources: frozenset[str] = frozenset()
    asset_selection: Any = None
    starts_on: bool = False
    description: str | None = None
    tags: Mapping[str, str] = field(default=EMPTY)
    metadata: Mapping[str, Any] = field(default=EMPTY)
    owners: tuple[str, ...] = ()
    source: Source | None = None

    @property
    def job_names(self) -> tuple[str, ...]:
        """The names of the jobs it may start."""
        return tuple(target.job_name for target in self.targets)

    @property
    def is_schedule(self) -> bool:
        """Whether the clock starts it."""
        return self.kind is AutomationKind.SCHEDULE


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule(Automation):
    """Starts runs at the times of its crons, in the time zone of that IANA name.

    Without a function each tick requests one run, of ``run_config``. ``request_tags`` gives the tags of such a run, and
    of one whose config a function returned as a dict; where it is None those are the schedule's own ``tags``.
    """

    kind: AutomationKind = AutomationKind.SCHEDULE
    crons: tuple[str, ...]
    timezone: str = "UTC"
    catchup: Catchup = Catchup.LAST
    catchup_cap: int | None = None
    overlap: Overlap = Overlap.ALLOW
    run_config: Mapping[str, Any] = field(default=EMPTY)
    should_execute: Callable[[Any], Any] | None = None
    request_tags: Callable[[Any], Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensor(Automation):
    """Looks every ``minimum_interval_s`` seconds, start to start, whether there is something to do.

    ``monitored_assets`` are key texts, or a selection; ``monitored_status`` is a run status and ``monitored_jobs`` the
    names of the jobs whose runs count, all where it is empty. ``files`` is the pattern of the files that it follows.
    """

    kind: AutomationKind = AutomationKind.SENSOR
    minimum_interval_s: float = DEFAULT_INTERVAL_S
    timeout_s: float = DEFAULT_TIMEOUT_S
    monitored_assets: Any = ()
    monitored_status: str | None = None
    monitored_jobs: tuple[str, ...] = ()
    files: str | None = None


class Unchanged(Enum):
    """The one value that says that a cursor stays what it was, since None is a cursor."""

    UNCHANGED = "UNCHANGED"


UNCHANGED: Final = Unchanged.UNCHANGED


Beside = tuple[str, dict[str, Any]]
"""An event that is kept with a tick, or not at all: its type and its body."""


class LogLine(NamedTuple):
    """A line that a function logged by its context: microseconds since the epoch, level name, text."""

    occurred_at: int
    level: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaction:
    """A run that a sensor of runs dealt with without asking for another; ``error`` is what its function raised."""

    run: DagsterRun
    status: str
    error: Exception | None = None

    @property
    def dagster_run(self) -> DagsterRun:
        """The run, under Dagster's name."""
        return self.run


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What one look gave: run requests, or why there are none.

    ``cursor`` is kept also where the look is skipped, or where a reaction failed; a look that raised gives no
    Evaluation and keeps nothing. What is ``beside`` is kept with its tick, as are the changes of partitions and the
    events of assets. Requests carry their own tags and the automation's name; ``rules.evaluation`` says
    which job each is for (``job_of``) and which tags its run gets (``run_tags``).
    """

    requests: tuple[RunRequest, ...] = ()
    skip_reason: str | None = None
    cursor: str | Unchanged | None = UNCHANGED
    dynamic_partitions_requests: tuple[PartitionsRequest, ...] = ()
    asset_events: tuple[Any, ...] = ()
    reactions: tuple[Reaction, ...] = ()
    log: tuple[LogLine, ...] = ()
    beside: tuple[Beside, ...] = ()

    @property
    def origin_run_ids(self) -> tuple[str, ...]:
        """The runs that the look dealt with."""
        return tuple(reaction.run.run_id for reaction in self.reactions)

    @property
    def error(self) -> Exception | None:
        """What the function raised on a run that it was given; the tick failed, though its cursor moves on."""
        return next((reaction.error for reaction in self.reactions if reaction.error is not None), None)


class NewsItem(NamedTuple):
    """An event of the history with its place there; places grow with time."""

    seq: int
    event: Event
    job_name: str


class News(Protocol):
    """What happened since: asked by sensors of assets and of runs, answered over a history."""

    def materializations(
        self,
        asset_key: str,
        *,
        after: int | None,
        limit: int,
        newest_first: bool,
        partitions: Sequence[str] | None = None,
    ) -> list[NewsItem]:
        """Return materializations of an asset (key text) behind a place, in the order asked for."""
        ...

    def run_events(
        self, event_type: str, *, after: int | None, limit: int, newest_first: bool, job_names: Sequence[str] = ()
    ) -> list[NewsItem]:
        """Return the events of one type of the runs of these jobs (none named: of all), in the order asked for."""
        ...

    def run(self, run_id: str) -> DagsterRun | None:
        """Return a run, None where it is forgotten."""
        ...
