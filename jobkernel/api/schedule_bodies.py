"""What a schedule's arguments say: what is called at a tick, when, and under which of jobkernel's own policies.

Called by ``schedules`` while a definition is made; knows no context and calls nothing itself.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, NamedTuple, TypeVar

from jobkernel.api.automation_parts import Parameters, checked_text, first_up, read_parameters
from jobkernel.errors import InvalidDefinition, did_you_mean
from jobkernel.rules.cron import read_crons

Choice = TypeVar("Choice", bound=StrEnum)


class Decorated(NamedTuple):
    """A function under ``@schedule``, with what the decorator says of when and with which tags it runs."""

    function: Callable[..., Any]
    should_execute: Callable[[Any], Any] | None
    tags_fn: Callable[[Any], Any] | None


class Body(NamedTuple):
    """What is called at a tick."""

    function: Callable[..., Any] | None
    parameters: Parameters
    should_execute: Callable[[Any], Any] | None
    tags_fn: Callable[[Any], Any] | None


def body_of(
    given: Any,
    run_config_fn: Callable[..., Any] | None,
    should_execute: Callable[[Any], Any] | None,
    tags_fn: Callable[[Any], Any] | None,
    what: str,
) -> Body:
    """Return what is called at a tick: a function that says everything, or one that gives the config, or none."""
    if isinstance(given, Decorated):
        return Body(given.function, read_parameters(given.function, what), given.should_execute, given.tags_fn)
    function = run_config_fn if given is None else given
    if function is None:
        return Body(None, Parameters((), ()), should_execute, tags_fn)
    takes_context = bool(read_parameters(function, what).others) or given is not None

    def call(context: Any) -> Any:
        found = function(context) if takes_context else function()
        return found if given is not None else plain_config(found, what)

    return Body(call, Parameters(("context",), ()), should_execute, tags_fn)


def plain_config(config: Any, what: str) -> dict[str, Any]:
    """Return run config as a dict; raise InvalidDefinition where it is no mapping."""
    plain = config.to_config_dict() if hasattr(config, "to_config_dict") else config
    if plain is not None and not isinstance(plain, Mapping):
        raise InvalidDefinition(f"The run config of {what} is a RunConfig or a mapping, not {config!r}.")
    return dict(plain or {})


def checked_crons(given: Any, timezone: Any, what: str) -> tuple[str, ...]:
    """Return the crons of a schedule, each able to fire in its time zone; what is odd about one warns.

    Raises:
        InvalidDefinition: a cron or the zone cannot be read, or there is none.
    """
    checked_text(timezone, "execution_timezone", what)
    try:
        read = read_crons(given, timezone)
    except InvalidDefinition as error:
        raise InvalidDefinition(f"{first_up(what)} cannot be kept: {error}") from error
    for complaint in read.complaints:
        warnings.warn(f"{first_up(what)}: {complaint}", stacklevel=4)
    return read.texts


def choice(kind: type[Choice], given: Any, name: str, what: str) -> Choice:
    """Return the member that a word names; raise InvalidDefinition with the nearest where it names none."""
    words = [each.value for each in kind]
    if given not in words:
        raise InvalidDefinition(
            f"{name} of {what} is one of {', '.join(words)}; not {given!r}.{did_you_mean(str(given), words)}"
        )
    return kind(given)
