"""What ``%load_ext`` says of backfills that a dead kernel of the notebook left. Asks the history; knows no magics."""

from __future__ import annotations

from jobkernel.engine.session import Session
from jobkernel.errors import HistoryError


def backfills_left(session: Session) -> str:
    """Return a sentence about backfills of this notebook whose kernel is gone; empty where there are none."""
    if session.notebook is None:
        return ""
    try:
        left = session.history.request("backfills_without_kernel", notebook=session.notebook)
    except HistoryError:  # nobody keeps the history now; that keeps nobody from loading
        return ""
    if not left:
        return ""
    more = f" (and {len(left) - 1} more)" if len(left) > 1 else ""
    return f"Backfill {left[0]}{more} was left by a kernel that is gone; %jk backfill {left[0]} --resume goes on."
