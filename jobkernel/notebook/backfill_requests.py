"""What screens may do with a backfill: cancel it, run again what it did not make, go on where its kernel died.

As ``%jk backfill ID --cancel``, ``--retry`` and ``--resume``. A part of ``requests``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from jobkernel.engine.backfill import Backfill
from jobkernel.engine.session import Session
from jobkernel.notebook.shown import count_of

Request = Mapping[str, Any]


def cancel(session: Session, request: Request) -> dict[str, Any]:
    """Launch nothing more of a backfill and ask what runs to stop; ``force`` interrupts it. Return that in words."""
    return {"text": session.backfills.cancel(_named(request), forced=bool(request.get("force")))}


def retry(session: Session, request: Request) -> dict[str, Any]:
    """Run again in this kernel what a backfill did not make; return that in words."""
    return {"text": _begun(session.backfills.retry(_named(request)))}


def resume(session: Session, request: Request) -> dict[str, Any]:
    """Go on in this kernel with a backfill whose own is gone; return that in words."""
    return {"text": _begun(session.backfills.resume(_named(request)))}


def _named(request: Request) -> str:
    return str(request.get("backfill_id", ""))


def _begun(backfill: Backfill) -> str:
    tally = backfill.progress
    return f"{count_of(tally.partitions - tally.done, 'partition')} of {backfill.wish.selection}"


BACKFILL_OPERATIONS: Final[dict[str, Callable[[Session, Request], dict[str, Any]]]] = {
    "cancel_backfill": cancel,
    "retry_backfill": retry,
    "resume_backfill": resume,
}
