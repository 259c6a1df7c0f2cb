"""What follows from what a schedule's or sensor's function gave: which runs are wanted, or why none. Dagster's rules.

Knows no clock and calls no user code; ``executors.evaluating`` calls the function and hands its results here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final

from jobkernel.errors import InvalidSubset, InvariantViolation, did_you_mean
from jobkernel.model.automation import (
    MOST_REQUESTS,
    UNCHANGED,
    AddDynamicPartitionsRequest,
    Automation,
    Evaluation,
    LogLine,
    PartitionsRequest,
    Reaction,
    RunRequest,
    SensorResult,
    SkipReason,
    Unchanged,
)
from jobkernel.model.keys import AssetCheckKey, AssetKey
from jobkernel.model.run_tags import RUN_KEY_TAG, SCHEDULE_NAME_TAG, SCHEDULED_TIME_TAG, SENSOR_NAME_TAG, TICK_TAG
from jobkernel.rules.asset_plan import ASSET_JOB
from jobkernel.rules.universe import Universe

EMPTY_SCHEDULE: Final = "Schedule function returned an empty result"
EMPTY_SENSOR: Final = "Sensor function returned an empty result"


def described(automation: Automation) -> str:
    """Return what an automation is called in a sentence."""
    return f"{'Schedule' if automation.is_schedule else 'Sensor'} '{automation.name}'"


def bounded(results: Iterable[Any], automation: Automation) -> list[Any]:
    """Return the results, of which there may be ten thousand.

    Raises:
        InvariantViolation: there are more; what comes behind them was not asked for.
    """
    found = list(islice(results, MOST_REQUESTS + 1))
    if len(found) > MOST_REQUESTS:
        raise InvariantViolation(
            f"{described(automation)} gave more than {MOST_REQUESTS} results in one look; none of them is launched. "
            "Give fewer at a time, and keep the place in a cursor."
        )
    return found


def schedule_evaluation(automation: Automation, results: Sequence[Any], *, log: Sequence[LogLine] = ()) -> Evaluation:
    """Return what the results of a schedule's function ask for.

    Raises:
        InvariantViolation: something that is neither request nor reason, both, or several requests without run keys.
    """
    if not results or list(results) == [None]:
        return Evaluation(skip_reason=EMPTY_SCHEDULE, log=tuple(log))
    if len(results) == 1 and isinstance(results[0], SkipReason):
        return Evaluation(skip_reason=results[0].skip_message, log=tuple(log))
    requests = [_as_request(each, automation, alone=len(results) == 1) for each in results]
    if len(requests) > 1 and not all(request.run_key for request in requests):
        raise InvariantViolation(
            f"{described(automation)} gave several run requests, one of them without a run_key; give each its own."
        )
    return Evaluation(requests=_named(requests, automation, SCHEDULE_NAME_TAG), log=tuple(log))


def sensor_evaluation(
    automation: Automation,
    results: Sequence[Any],
    *,
    cursor: str | Unchanged | None = UNCHANGED,
    universe: Universe | None = None,
    log: Sequence[LogLine] = (),
) -> Evaluation:
    """Return what the results of a sensor's function ask for; ``cursor`` is what the function set it to.

    Raises:
        InvariantViolation: something that is no result, requests beside a reason to skip, a SensorResult beside
            anything, two cursors, or a request for no or an unknown job.
        InvalidSubset: a request names assets outside of the sensor's own.
    """
    result = _only_result(automation, results)
    if result.cursor and cursor is not UNCHANGED:
        raise InvariantViolation(
            f"{described(automation)} set its cursor twice: by context.update_cursor() and in its SensorResult; "
            "use one of them."
        )
    changes = tuple(result.dynamic_partitions_requests or ())
    check_partition_changes(changes)
    reactions = tuple(each for each in results if isinstance(each, Reaction))
    requests = [_aimed(each, automation, universe) for each in result.run_requests or ()]
    return Evaluation(
        requests=_named(requests, automation, SENSOR_NAME_TAG),
        skip_reason=_reason(result, reactions),
        cursor=result.cursor or cursor,
        dynamic_partitions_requests=changes,
        asset_events=tuple(result.asset_events or ()),
        reactions=reactions,
        log=tuple(log),
    )


def job_of(automation: Automation, request: RunRequest) -> str:
    """Return the name of the job that a request of an evaluation is for."""
    if request.job_name and not automation.is_schedule:
        return request.job_name
    return automation.targets[0].job_name


def run_tags(
    job_tags: Mapping[str, str], request: RunRequest, *, tick_id: str, scheduled_at: datetime | None = None
) -> dict[str, str]:
    """Return the tags of the run that a request of an evaluation asks for: its own over the job's, and the tick's.

    ``scheduled_at`` is the time a schedule's tick stands for (aware); None for sensors.
    """
    tags = {**job_tags, **request.tags, TICK_TAG: tick_id}
    if scheduled_at is not None:
        tags[SCHEDULED_TIME_TAG] = scheduled_at.astimezone(UTC).isoformat()
    if request.run_key:
        tags[RUN_KEY_TAG] = request.run_key
    return tags


def check_partition_changes(changes: Iterable[PartitionsRequest]) -> None:
    """Raise where one look asks twice for the same key of a dynamic partition set.

    Raises:
        InvariantViolation: a key is added twice, deleted twice, or both added and deleted.
    """
    asked: dict[str, dict[str, bool]] = defaultdict(dict)
    for change in changes:
        is_added = isinstance(change, AddDynamicPartitionsRequest)
        known = asked[change.partitions_def_name]
        for key in change.partition_keys:
            if key in known:
                twice = ("added" if is_added else "deleted") + " twice"
                how = twice if known[key] is is_added else "both added and deleted"
                raise InvariantViolation(f"Partition '{key}' of '{change.partitions_def_name}' would be {how} at once.")
        known.update(dict.fromkeys(change.partition_keys, is_added))


def _as_request(result: Any, automation: Automation, *, alone: bool) -> RunRequest:
    if isinstance(result, RunRequest):
        return result
    if isinstance(result, SkipReason) and not alone:
        raise InvariantViolation(
            f"{described(automation)} gave a SkipReason beside other results; give one or the other."
        )
    raise nonsense(automation, result)


def nonsense(automation: Automation, result: Any) -> InvariantViolation:
    """Return the error that says that a function gave something that is no result."""
    text = repr(result)
    shown = text if len(text) <= 60 else text[:59] + "…"
    more = "a dict of run config" if automation.is_schedule else "a SensorResult"
    return InvariantViolation(
        f"{described(automation)} gave {shown} of type {type(result).__name__}; it may give RunRequests, a SkipReason, "
        f"{more}, or nothing."
    )


def _only_result(automation: Automation, results: Sequence[Any]) -> SensorResult:
    """Return the results as one."""
    if not results or list(results) == [None]:
        return SensorResult(skip_reason=EMPTY_SENSOR)
    kinds = (RunRequest, SkipReason, Reaction, SensorResult)
    for each in results:
        if not isinstance(each, kinds):
            raise nonsense(automation, each)
    if len(results) == 1:
        return _as_result(results[0])
    if any(isinstance(each, SensorResult) for each in results):
        raise InvariantViolation(f"{described(automation)} gave a SensorResult beside other results; it must be alone.")
    if any(isinstance(each, SkipReason) for each in results):
        beside = any(not isinstance(each, SkipReason) for each in results)
        what = "a SkipReason beside other results" if beside else "several SkipReasons"
        raise InvariantViolation(f"{described(automation)} gave {what}; give one SkipReason, or run requests.")
    return SensorResult(run_requests=[each for each in results if isinstance(each, RunRequest)])


def _as_result(result: Any) -> SensorResult:
    if isinstance(result, SensorResult):
        return result
    if isinstance(result, SkipReason):
        return SensorResult(skip_reason=result)
    return SensorResult(run_requests=[result] if isinstance(result, RunRequest) else [])


def _reason(result: SensorResult, reactions: Sequence[Reaction]) -> str | None:
    if isinstance(result.skip_reason, SkipReason):
        return result.skip_reason.skip_message
    return None if result.run_requests or reactions else EMPTY_SENSOR


def _aimed(request: RunRequest, automation: Automation, universe: Universe | None) -> RunRequest:
    """Return a sensor's request, sure to be for a job that the sensor may start."""
    if automation.asset_selection is not None:
        return _over_assets(request, automation, universe)
    names = automation.job_names
    if not names:
        raise InvariantViolation(
            f"{described(automation)} asks for a run but has no job to start; give it job=, jobs= or job_name=."
        )
    if request.job_name is None and len(names) > 1:
        raise InvariantViolation(
            f"{described(automation)} may start {', '.join(names)}; say which in RunRequest(job_name=…)."
        )
    if request.job_name and request.job_name not in names:
        raise InvariantViolation(
            f"{described(automation)} asks for job '{request.job_name}', which is none of its own ({', '.join(names)})."
            f"{did_you_mean(request.job_name, names)}"
        )
    return request


def _over_assets(request: RunRequest, automation: Automation, universe: Universe | None) -> RunRequest:
    """Return a request for a run over assets, of the hidden job of all assets."""
    if universe is None:
        raise InvariantViolation(
            f"{described(automation)} selects assets, which are known from definitions; build its context with "
            "definitions=."
        )
    own = automation.asset_selection.resolve(universe)
    asked = own if request.asset_selection is None else {key.text for key in request.asset_selection}
    foreign = sorted(asked - own)
    if foreign:
        raise InvalidSubset(
            f"{described(automation)} asks for '{foreign[0]}', which is none of its assets."
            f"{did_you_mean(foreign[0], own)}"
        )
    checks = request.asset_check_keys
    if checks is None:
        found = sorted((key, check) for key in asked for check in universe.facts[key].checks)
        checks = [AssetCheckKey(AssetKey.from_escaped_user_string(key), check) for key, check in found]
    return request.with_replaced_attrs(
        job_name=ASSET_JOB,
        asset_selection=[AssetKey.from_escaped_user_string(key) for key in sorted(asked)],
        asset_check_keys=list(checks),
    )


def _named(requests: Iterable[RunRequest], automation: Automation, tag: str) -> tuple[RunRequest, ...]:
    return tuple(each.with_tag(tag, automation.name) for each in requests)
