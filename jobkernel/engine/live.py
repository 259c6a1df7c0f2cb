"""Which sessions are open in this process, for those who are handed none: ``DagsterInstance.get()``.

Knows that there may be several, as where tests open some; the one opened last is meant. Told by ``opening``. Also who
makes what functions of schedules and sensors get as ``context.instance``, which is made by a floor above.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jobkernel.engine.session import Session

_open: list[Session] = []
_instance_makers: list[Callable[[Session], Any]] = []


def opened(session: Session) -> None:
    """Note that a session of a project was opened; it is forgotten when it closes."""
    _open.append(session)
    session.keep_until_closed(lambda: _open.remove(session))


def newest() -> Session | None:
    """Return the session that was opened last and is open still, None where there is none."""
    return _open[-1] if _open else None


def make_instances_by(make: Callable[[Session], Any]) -> None:
    """Say who makes the instance of a session."""
    _instance_makers[:] = [make]


def instance_maker(session: Session) -> Callable[[], Any] | None:
    """Return what makes the instance of a session when it is asked for, None where nobody can."""
    return (lambda: _instance_makers[0](session)) if _instance_makers else None
