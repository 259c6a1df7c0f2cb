"""Have one look: call a schedule's or sensor's function, and say what follows. User code runs inside.

Called by the scheduler from a worker thread, and by ``evaluate_tick``; keeps nothing and launches nothing.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any

from jobkernel.errors import InvariantViolation, UserCodeError
from jobkernel.executors.automation_context import (
    AutomationContext,
    ScheduleEvaluationContext,
    SensorEvaluationContext,
)
from jobkernel.model.automation import Automation, Evaluation, RunRequest, Schedule, Sensor, SensorResult, SkipReason
from jobkernel.rules.evaluation import bounded, described, job_of, nonsense, schedule_evaluation, sensor_evaluation
from jobkernel.rules.names import user_tags


def evaluate(automation: Automation, context: AutomationContext) -> Evaluation:
    """Call the automation's function and return what it asks for.

    The caller enters and leaves the context. A look that raises leaves nothing behind: no cursor, no requests.

    Raises:
        UserCodeError: from what a schedule's function raised.
        InvariantViolation: the function gave what it may not give; see :mod:`jobkernel.rules.evaluation`.
        Exception: what a sensor's function raised, as it is.
    """
    if isinstance(automation, Schedule) and isinstance(context, ScheduleEvaluationContext):
        found = schedule_evaluation(automation, bounded(_schedule_results(automation, context), automation))
    elif isinstance(automation, Sensor) and isinstance(context, SensorEvaluationContext):
        results = bounded(_sensor_results(automation, context), automation)
        universe = getattr(context.definitions, "universe", None)
        found = sensor_evaluation(automation, results, cursor=context.new_cursor, universe=universe)
    else:
        raise InvariantViolation(f"{described(automation)} cannot be evaluated in a {type(context).__name__}.")
    found = _with_partitions(automation, context, found)
    return replace(found, log=context.lines, beside=context.beside)


def evaluate_plain(schedule: Schedule) -> Evaluation:
    """Return what a schedule that has no function at all asks for."""
    return schedule_evaluation(schedule, [_request(schedule, schedule.run_config, schedule.tags)])


def function_of(automation: Automation) -> Callable[..., Any] | None:
    """Return the function to call, of a notebook cell frozen over what it uses."""
    return automation.capture({}) if automation.capture is not None else automation.function


def arguments_of(automation: Automation, context: AutomationContext) -> dict[str, Any]:
    """Return what an automation's function takes, by name: the context and resources."""
    resources = context.resources_of(automation.resource_arguments, described(automation))
    own = {automation.context_argument: context} if automation.context_argument else {}
    return {**own, **resources}


def _schedule_results(schedule: Schedule, context: ScheduleEvaluationContext) -> Iterator[Any]:
    should_execute = schedule.should_execute
    if should_execute is not None and not _by_user(schedule, "should_execute of ", should_execute, context):
        yield SkipReason(f"should_execute function for {schedule.name} returned false.")
        return
    function = function_of(schedule)
    if function is None:
        yield _request(schedule, schedule.run_config, _tags(schedule, context))
        return
    arguments = arguments_of(schedule, context)
    result = _by_user(schedule, "", lambda _context: function(**arguments), context)
    if isinstance(result, dict):
        yield _request(schedule, result, _tags(schedule, context))
    elif isinstance(result, list):
        yield from result
    elif inspect.isgenerator(result):
        yield from _guarded(schedule, result)
    else:
        yield result


def _tags(schedule: Schedule, context: ScheduleEvaluationContext) -> Any:
    if schedule.request_tags is None:
        return schedule.tags
    return _by_user(schedule, "tags_fn of ", schedule.request_tags, context)


def _request(schedule: Schedule, config: Mapping[str, Any], tags: Any) -> RunRequest:
    return RunRequest(
        run_config=deepcopy(dict(config)) if config else {}, tags=user_tags(tags, f"schedule '{schedule.name}'")
    )


def _by_user(schedule: Schedule, part: str, function: Callable[[Any], Any], context: ScheduleEvaluationContext) -> Any:
    try:
        return function(context)
    except Exception as error:
        raise _raised(schedule, part, error) from error


def _guarded(schedule: Schedule, results: Iterable[Any]) -> Iterator[Any]:
    try:
        yield from results
    except Exception as error:
        raise _raised(schedule, "", error) from error


def _raised(schedule: Schedule, part: str, error: Exception) -> UserCodeError:
    what = f"{part}schedule '{schedule.name}'"
    return UserCodeError(f"{what[0].upper()}{what[1:]} raised {type(error).__name__}: {str(error).rstrip('.')}.")


def _sensor_results(sensor: Sensor, context: SensorEvaluationContext) -> Iterator[Any]:
    function = function_of(sensor)
    if function is None:
        raise InvariantViolation(f"{described(sensor)} has no function to call.")
    result = function(**arguments_of(sensor, context))
    if inspect.isgenerator(result):
        returned = yield from result
        if returned is not None:
            yield _scalar(sensor, returned)
    elif isinstance(result, list):
        yield from result
    else:
        yield _scalar(sensor, result)


def _scalar(sensor: Sensor, result: Any) -> Any:
    if isinstance(result, SkipReason | RunRequest | SensorResult | None):
        return result
    raise nonsense(sensor, result)


def _with_partitions(automation: Automation, context: AutomationContext, found: Evaluation) -> Evaluation:
    """Return the evaluation with the partitions that requests name resolved, where the context knows how."""
    resolve = context.resolve_partition
    if resolve is None or all(request.has_resolved_partition() for request in found.requests):
        return found
    requests = [
        each
        if each.has_resolved_partition()
        else resolve(job_of(automation, each), each, found.dynamic_partitions_requests)
        for each in found.requests
    ]
    return replace(found, requests=tuple(requests))
