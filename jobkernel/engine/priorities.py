"""Which priority a run has in the queue: what its launch says, else what a function of the user's says, else tags, job.

The function runs in the kernel that launches, and whatever goes wrong in it keeps no run from being launched.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any, Final

from jobkernel.errors import InvalidConfig
from jobkernel.executors.failure import message_of, type_name
from jobkernel.model.run_tags import PRIORITY_TAG
from jobkernel.model.runs import Launch
from jobkernel.records import dataclass
from jobkernel.rules.admission import priority_of
from jobkernel.rules.plan import Plan

LARGEST: Final = 2**53
"""Priorities lie between this and its negative, so that they are the same number everywhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunToPrioritize:
    """What a function that chooses priorities sees of a run; ``priority`` is what it has otherwise.

    ``config`` is what the launch chose over the job's own.
    """

    job_name: str
    tags: Mapping[str, str]
    asset_keys: tuple[str, ...]
    config: Mapping[str, Any]
    priority: int


Prioritize = Callable[[RunToPrioritize], Any]


class Priorities:
    """Chooses the priority of each run that is launched. ``function`` is the user's, if there is one."""

    def __init__(self) -> None:
        self.function: Prioritize | None = None

    def use(self, function: Prioritize | None) -> None:
        """Ask this function from now on; None to ask none.

        Raises:
            InvalidConfig: it cannot be called.
        """
        if function is not None and not callable(function):
            raise InvalidConfig(
                f"prioritize_with takes a function of a run that returns a whole number; {function!r} is none."
            )
        self.function = function

    def of(self, plan: Plan, choice: Launch) -> tuple[int, str | None]:
        """Return a run's priority, and a sentence where the user's function gave none that can be used.

        Raises:
            InvalidConfig: the launch says a priority that is too large for a queue.
        """
        default, tags = _without_function(plan, choice)
        if self.function is None or choice.priority is not None:
            return default, None
        run = RunToPrioritize(
            job_name=plan.job_name,
            tags=tags,
            asset_keys=tuple(plan.asset_keys),
            config=dict(choice.config) if isinstance(choice.config, Mapping) else {},
            priority=default,
        )
        try:
            answer = self.function(run)
        except Exception as error:  # noqa: BLE001 - the boundary: the function is the user's
            said = message_of(error).partition("\n")[0]
            return default, _kept(f"failed ({type_name(type(error))}: {said})", default)
        if answer is None:
            return default, None
        found = _whole_number(answer)
        return (found, None) if found is not None else (default, _kept(f"returned {_short(answer)}", default))


def _without_function(plan: Plan, choice: Launch) -> tuple[int, Mapping[str, str]]:
    tags = {**(plan.job.tags_of_runs if plan.job else {}), **choice.tags}
    if choice.priority is not None:
        if _whole_number(choice.priority) is None:
            raise InvalidConfig(f"A priority is a whole number from -{LARGEST} to {LARGEST}, not {choice.priority}.")
        return choice.priority, tags
    tagged = _whole_number(priority_of(tags)) or 0
    return tagged if PRIORITY_TAG in tags else (plan.job.priority if plan.job else 0), tags


def _whole_number(value: Any) -> int | None:
    try:
        found = operator.index(value) if not isinstance(value, bool) else None
    except TypeError:
        return None
    return found if found is not None and abs(found) <= LARGEST else None


def _kept(what: str, default: int) -> str:
    return f"The function of prioritize_with {what}, so the run keeps its priority {default}."


def _short(value: Any) -> str:
    text = type(value).__name__ if not isinstance(value, bool | int | float | str) else repr(value)
    return f"{text[:40]}{'…' if len(text) > 40 else ''}, which is no whole number in range"
