"""Which sessions are open in this process, for those who are handed none: ``DagsterInstance.get()``.

Knows that there may be several, as where tests open some; the one opened last is meant. Told by ``opening``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jobkernel.engine.session import Session

_open: list[Session] = []


def opened(session: Session) -> None:
    """Note that a session of a project was opened; it is forgotten when it closes."""
    _open.append(session)
    session.keep_until_closed(lambda: _open.remove(session))


def newest() -> Session | None:
    """Return the session that was opened last and is open still, None where there is none."""
    return _open[-1] if _open else None
