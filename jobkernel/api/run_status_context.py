"""What the functions of sensors of runs see: :class:`RunStatusSensorContext`, and the one for runs that failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jobkernel.api.automation_parts import needs_with
from jobkernel.api.events import DagsterEvent, DagsterEventType
from jobkernel.errors import InvalidInvocation
from jobkernel.executors.automation_context import AutomationContext
from jobkernel.model.dagster_run import DagsterRun


class RunStatusSensorContext(AutomationContext):
    """A run that reached a status, and the event that says so. Source: Dagster's ``RunStatusSensorContext``."""

    def __init__(
        self, *, dagster_run: DagsterRun, dagster_event: DagsterEvent, partition_key: str | None = None, **shared: Any
    ) -> None:
        super().__init__(**shared)
        for value, kind in ((dagster_run, DagsterRun), (dagster_event, DagsterEvent)):
            if not isinstance(value, kind):
                raise InvalidInvocation(f"A context of runs takes a {kind.__name__}, not {value!r}.")
        self.dagster_run, self.dagster_event = dagster_run, dagster_event
        self.partition_key = partition_key

    @property
    def sensor_name(self) -> str:
        """The sensor's name."""
        return str(self._name)

    @property
    def repository_def(self) -> Any:
        """The definitions that the sensor belongs to, None where they were not given."""
        return self._definitions

    def for_run_failure(self) -> RunFailureSensorContext:
        """Return the same for a function that looks at runs that failed."""
        made = RunFailureSensorContext.__new__(RunFailureSensorContext)
        made.__dict__.update(self.__dict__)
        return made


class RunFailureSensorContext(RunStatusSensorContext):
    """A run that failed. Source: Dagster's ``RunFailureSensorContext``."""

    @property
    def failure_event(self) -> DagsterEvent:
        """The event that says that the run failed."""
        return self.dagster_event

    def get_step_failure_events(self) -> Sequence[DagsterEvent]:
        """Return the event of each step that failed, with its error."""
        entries = self.instance.all_logs(self.dagster_run.run_id, of_type=DagsterEventType.STEP_FAILURE)
        return [entry.dagster_event for entry in entries]


def build_run_status_sensor_context(
    sensor_name: str,
    dagster_event: DagsterEvent,
    dagster_instance: Any,
    dagster_run: DagsterRun,
    context: AutomationContext | None = None,
    resources: Mapping[str, Any] | None = None,
    partition_key: str | None = None,
    *,
    repository_def: Any = None,
) -> RunStatusSensorContext:
    """Return the context to call a sensor of runs with. Source: Dagster's function of that name.

    Raises:
        InvalidInvocation: run or event are of another kind.
    """
    if not isinstance(sensor_name, str):
        raise InvalidInvocation(f"sensor_name is a text, not {sensor_name!r}.")
    own: dict[str, Any] = {
        "name": sensor_name,
        "dagster_run": dagster_run,
        "dagster_event": dagster_event,
        "instance": dagster_instance,
        "resources": resources,
        "resource_keys": None,
        "partition_key": partition_key,
        "definitions": repository_def,
        "must_be_entered": needs_with(resources),
    }
    return RunStatusSensorContext(**own) if context is None else context.within(RunStatusSensorContext, **own)
