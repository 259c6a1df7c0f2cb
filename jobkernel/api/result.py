"""What came of a run in this process: :class:`ExecuteInProcessResult`. A view on the run's events and values."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from jobkernel.api.event_data import StepFailureData
from jobkernel.api.events import DagsterEvent
from jobkernel.api.run_books import shown_events
from jobkernel.engine.in_process import InProcessRun
from jobkernel.errors import InvariantViolation, did_you_mean
from jobkernel.model import events as ev
from jobkernel.model.dagster_run import DagsterRun
from jobkernel.model.definitions import RESULT, Endpoint, Graph
from jobkernel.model.keys import AssetKey
from jobkernel.model.results import AssetCheckEvaluation, AssetMaterialization, AssetObservation, ExpectationResult


class ExecuteInProcessResult:
    """What came of a run in this process. Source: Dagster's ``ExecuteInProcessResult``."""

    def __init__(self, run: InProcessRun, dagster_run: DagsterRun, job: Any) -> None:
        self._run, self._job = run, job
        self.dagster_run = dagster_run
        self.all_events = shown_events(run.events, dagster_run.job_name)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.dagster_run.job_name} {self.dagster_run.status.value}>"

    @property
    def job_def(self) -> Any:
        """The job that ran."""
        return self._job

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self.dagster_run.run_id

    @property
    def success(self) -> bool:
        """Whether the run ended well."""
        return self._run.success

    def output_for_node(self, node_str: str, output_name: str = RESULT) -> Any:
        """Return an output of an op or graph (``outer.inner``); of a mapped or dynamic one, a dict by mapping key.

        Raises:
            InvariantViolation: there is no such output.
        """
        step_key, output = self._origin(node_str, output_name)
        found: dict[str, Any] = {}
        for key, name in self._run.values:
            base, _, mapping = key.partition("[")
            bare, _, dynamic = name.partition("[")
            if base != step_key or bare != output:
                continue
            value = self._run.values[key, name]
            if not mapping and not dynamic:
                return value
            found[(mapping or dynamic).rstrip("]")] = value
        if not found:
            nodes = sorted({key.partition("[")[0] for key, _ in self._run.values})
            raise InvariantViolation(
                f"There is no output '{output_name}' of '{node_str}' in this run.{did_you_mean(node_str, nodes)}"
            )
        return found

    def _origin(self, node: str, output: str) -> tuple[str, str]:
        """The step and output behind a node's output: a graph's are those of ops inside it."""
        graph = self._graph_at(node)
        path = node
        while graph is not None and output in graph.outputs:
            end: Endpoint = graph.outputs[output]
            path, output = f"{path}.{end.node}", end.output
            graph = self._graph_at(path)
        return path, output

    def _graph_at(self, path: str) -> Graph | None:
        graph = getattr(self._job, "graph", None)
        parts = path.split(".")
        if graph is None:
            nodes = {step.assets.node.name: step.assets.node for step in self._run.plan.steps.values() if step.assets}
            graph, parts = nodes.get(parts[0]), parts[1:]
        for part in parts:
            if not isinstance(graph, Graph):
                return None
            graph = next((each.node for each in graph.invocations if each.name == part), None)
        return graph if isinstance(graph, Graph) else None

    def output_value(self, output_name: str = RESULT) -> Any:
        """Return an output of the job's own graph.

        Raises:
            InvariantViolation: the graph has no such output.
        """
        graph = getattr(self._job, "graph", None)
        if graph is None or output_name not in graph.outputs:
            has = ", ".join(graph.outputs) if graph is not None and graph.outputs else "none"
            raise InvariantViolation(f"Job '{self.dagster_run.job_name}' has no output '{output_name}'; it has {has}.")
        end = graph.outputs[output_name]
        return self.output_for_node(end.node, end.output)

    def asset_value(self, asset_key: Any) -> Any:
        """Return the value of an asset that the run made.

        Raises:
            InvariantViolation: it made no such asset, or no value of it.
        """
        text = AssetKey.from_coercible(asset_key).text
        for step in self._run.plan.steps.values():
            for output, key in step.asset_keys.items():
                if key == text:
                    return self.output_for_node(step.key, output)
        made = [key for step in self._run.plan.steps.values() for key in step.asset_keys.values()]
        raise InvariantViolation(f"This run made no asset '{text}'.{did_you_mean(text, made)}")

    def filter_events(self, event_filter: Callable[[DagsterEvent], bool]) -> list[DagsterEvent]:
        """Return the events for which the filter says so."""
        return [event for event in self.all_events if event_filter(event)]

    def events_for_node(self, node_name: str) -> list[DagsterEvent]:
        """Return the events of an op, or of everything below a graph."""
        return [event for event in self.all_events if _is_of(event, node_name)]

    @property
    def all_node_events(self) -> list[DagsterEvent]:
        """The events of all steps."""
        return [event for event in self.all_events if event.is_step_event]

    def is_node_success(self, node_str: str) -> bool:
        """Whether a step of the node succeeded."""
        return any(event.is_step_success for event in self.events_for_node(node_str))

    def is_node_failed(self, node_str: str) -> bool:
        """Whether a step of the node failed."""
        return any(event.is_step_failure for event in self.events_for_node(node_str))

    def is_node_skipped(self, node_str: str) -> bool:
        """Whether a step of the node was skipped."""
        return any(event.is_step_skipped for event in self.events_for_node(node_str))

    def is_node_untouched(self, node_str: str) -> bool:
        """Whether nothing happened in the node."""
        return not self.events_for_node(node_str)

    def asset_materializations_for_node(self, node_name: str) -> list[AssetMaterialization]:
        """Return what the node made."""
        return [each.materialization for each in self.events_for_node(node_name) if each.is_step_materialization]

    def asset_observations_for_node(self, node_name: str) -> list[AssetObservation]:
        """Return what the node saw."""
        events = self.events_for_node(node_name)
        return [each.asset_observation_data.asset_observation for each in events if each.is_asset_observation]

    def expectation_results_for_node(self, node_str: str) -> list[ExpectationResult]:
        """Return what the node expected."""
        events = self.events_for_node(node_str)
        return [each.event_specific_data.expectation_result for each in events if each.is_expectation_result]

    def get_asset_materialization_events(self) -> list[DagsterEvent]:
        """Return the events of assets made."""
        return [event for event in self.all_events if event.is_step_materialization]

    def get_asset_materialization_planned_events(self) -> list[DagsterEvent]:
        """Return the events of assets meant to be made; a run in this process keeps them out of its events."""
        return [event for event in self.all_events if event.is_asset_materialization_planned]

    def get_asset_observation_events(self) -> list[DagsterEvent]:
        """Return the events of assets seen."""
        return [event for event in self.all_events if event.is_asset_observation]

    def get_asset_check_evaluations(self) -> list[AssetCheckEvaluation]:
        """Return how each check came out."""
        return [each.asset_check_evaluation_data for each in self.all_events if each.is_asset_check_evaluation]

    def get_step_success_events(self) -> list[DagsterEvent]:
        """Return the events of steps that succeeded."""
        return [event for event in self.all_events if event.is_step_success]

    def get_step_failure_events(self) -> list[DagsterEvent]:
        """Return the events of steps that failed."""
        return [event for event in self.all_events if event.is_step_failure]

    def get_step_skipped_events(self) -> list[DagsterEvent]:
        """Return the events of steps that were skipped."""
        return [event for event in self.all_events if event.is_step_skipped]

    def get_failed_step_keys(self) -> set[str]:
        """Return the keys of the steps that failed."""
        return {str(event.step_key) for event in self.get_step_failure_events()}

    def get_run_failure_event(self) -> DagsterEvent:
        """Return the event of the run's failure.

        Raises:
            InvariantViolation: the run did not fail.
        """
        return self._only(ev.RUN_FAILURE)

    def get_run_success_event(self) -> DagsterEvent:
        """Return the event of the run's success.

        Raises:
            InvariantViolation: the run did not succeed.
        """
        return self._only(ev.RUN_SUCCESS)

    get_job_failure_event = get_run_failure_event
    get_job_success_event = get_run_success_event

    def _only(self, event_type: str) -> DagsterEvent:
        for event in self.all_events:
            if event.event.event_type == event_type:
                return event
        raise InvariantViolation(f"This run has no {event_type}; it ended as {self.dagster_run.status.value}.")

    def retry_attempts_for_node(self, node_str: str) -> int:
        """Return how often steps of the node were tried again."""
        return sum(event.is_step_restarted for event in self.events_for_node(node_str))

    def failure_data_for_node(self, node_str: str) -> StepFailureData | None:
        """Return why a step of the node failed, None where none did."""
        failures: Iterable[DagsterEvent] = (each for each in self.events_for_node(node_str) if each.is_step_failure)
        return next((each.step_failure_data for each in failures), None)


def _is_of(event: DagsterEvent, node: str) -> bool:
    if event.step_key is None:
        return False
    bare = event.step_key.partition("[")[0]
    return bare == node or bare.startswith(f"{node}.") or event.step_key == node
