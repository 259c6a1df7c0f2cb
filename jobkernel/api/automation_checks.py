"""How schedules and sensors fit the other definitions: their kinds, names, jobs and assets. ``Definitions`` asks.

What makes them is loaded when there is one, for most processes have none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from jobkernel.errors import InvalidDefinition, InvariantViolation, did_you_mean
from jobkernel.rules.asset_plan import ASSET_JOB

if TYPE_CHECKING:
    from jobkernel.api.automation_definition import AutomationDefinition
    from jobkernel.api.schedules import ScheduleDefinition


def checked_schedule(value: Any) -> Any:
    """Return a schedule; raise InvalidDefinition where it is none."""
    from jobkernel.api.partitioned_schedules import UnresolvedPartitionedAssetScheduleDefinition
    from jobkernel.api.schedules import ScheduleDefinition

    if isinstance(value, ScheduleDefinition | UnresolvedPartitionedAssetScheduleDefinition):
        return value
    raise InvalidDefinition(f"Definitions takes schedules made by @schedule or ScheduleDefinition, not {value!r}.")


def checked_sensor(value: Any) -> Any:
    """Return a sensor; raise InvalidDefinition where it is none."""
    from jobkernel.api.sensors import SensorDefinition

    if isinstance(value, SensorDefinition):
        return value
    raise InvalidDefinition(f"Definitions takes sensors made by @sensor or SensorDefinition, not {value!r}.")


def distinct(automations: Iterable[AutomationDefinition]) -> list[AutomationDefinition]:
    """Return schedules and sensors, each once.

    Raises:
        InvalidDefinition: two bear one name, a schedule and a sensor included.
    """
    found: dict[str, AutomationDefinition] = {}
    for each in automations:
        known = found.setdefault(each.name, each)
        if known is not each:
            who = f"Two {each.word}s" if known.word == each.word else f"A {known.word} and a {each.word}"
            raise InvalidDefinition(f"{who} are named '{each.name}'; rename one.")
    return list(found.values())


def with_targets(jobs: Sequence[Any], automations: Iterable[AutomationDefinition]) -> list[Any]:
    """Return the jobs, and behind them those that only schedules and sensors name.

    Raises:
        InvalidDefinition: one of these is another job of a name that is taken.
    """
    found = list(jobs)
    by_name = {job.name: job for job in jobs}
    for each in automations:
        for target in each.targets:
            if target.job is None:
                continue
            known = by_name.setdefault(target.job_name, target.job)
            if known is target.job and known not in found:
                found.append(known)
            elif not _is_same(known, target.job):
                raise InvalidDefinition(
                    f"{each.word.capitalize()} '{each.name}' starts job '{target.job_name}', but another job has that "
                    "name; rename one."
                )
    return found


def check_targets(automations: Iterable[AutomationDefinition], job_names: Sequence[str]) -> None:
    """Raise where a schedule or sensor starts a job that is not there.

    Raises:
        InvalidDefinition: naming it and the nearest.
    """
    for each in automations:
        for target in each.targets:
            if target.job_name not in job_names and target.job_name != ASSET_JOB:
                raise InvalidDefinition(
                    f"{each.word.capitalize()} '{each.name}' starts job '{target.job_name}', which is not there."
                    f"{did_you_mean(target.job_name, job_names)}"
                )


def resolved_schedules(schedules: Iterable[Any], resolve_job: Callable[[str], Any]) -> list[ScheduleDefinition]:
    """Return the schedules, those of jobs whose partitions were not known yet resolved by their job.

    Raises:
        InvariantViolation: the job of one of these has no partitions.
    """
    return [each.resolve(resolve_job(each.job.name)) if hasattr(each, "resolve") else each for each in schedules]


def target_assets(automations: Iterable[AutomationDefinition], assets: Sequence[Any]) -> list[Any]:
    """Return the assets that only schedules and sensors name as definitions."""
    named = [asset for each in automations for asset in each.target_assets]
    return [asset for asset in dict.fromkeys(named) if asset not in assets]


def found_by_name(name: str, automations: Sequence[Any], word: str) -> Any:
    """Return the schedule or sensor of a name.

    Raises:
        InvariantViolation: there is none.
    """
    for each in automations:
        if each.name == name:
            return each
    raise InvariantViolation(f"There is no {word} '{name}'.{did_you_mean(name, [each.name for each in automations])}")


def _is_same(known: Any, other: Any) -> bool:
    if known is other:
        return True
    if known.graph is not None or other.graph is not None:
        return known.graph is other.graph
    return bool(known.selection == other.selection)
