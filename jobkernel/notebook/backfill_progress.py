"""A backfill in the cell that waits for it: one line that says how far it is; ■ cancels it and nothing else.

Knows IPython's display. Called by ``partition_launching``.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from IPython.display import DisplayHandle, display

from jobkernel.engine.backfill import Backfill, Wish, tally_words
from jobkernel.engine.partitions import partitions_of
from jobkernel.errors import RunCanceled, RunFailed
from jobkernel.notebook.foreground import ABANDON_S, GRACE_S, LAST_WAIT_S, REFRESH_S, users_error
from jobkernel.notebook.hints import with_hint
from jobkernel.notebook.kernel import NotebookKernel
from jobkernel.notebook.shown import Shown, escaped, mark, mark_html, span_of
from jobkernel.rules.backfill_progress import BackfillStatus
from jobkernel.rules.backfills import assets_of_definition, chosen_definition

_MARKS = {
    BackfillStatus.COMPLETED_SUCCESS: "fresh",
    BackfillStatus.COMPLETED_FAILED: "failed",
    BackfillStatus.CANCELED: "canceled",
    BackfillStatus.CANCELING: "canceled",
}


def run_backfill_here(kernel: NotebookKernel, wish: Wish, bind: Sequence[str]) -> Backfill:
    """Run a backfill in this cell and bind the last partition of what was asked for; return its handle.

    Raises:
        the first failed partition's own exception, once all that could be made is made.
    """
    began = time.monotonic()
    backfill = kernel.session.backfills.launch(wish)
    line = _Line(backfill)
    try:
        while not backfill.ended.wait(REFRESH_S):
            line.update()
    except KeyboardInterrupt:
        _stop(kernel, backfill, line)
    words = _bound(kernel, backfill, bind) if backfill.success else []
    line.put(backfill_line(backfill, [span_of(time.monotonic() - began), *words]))
    _raise_for(kernel, backfill)
    return backfill


def backfill_line(backfill: Backfill, more: Sequence[str] = ()) -> Shown:
    """Show where a backfill stands, in one line."""
    words = [f"backfill {backfill.backfill_id}", tally_words(backfill.progress), *more]
    if failed := backfill.failed_words():
        words.append(failed)
    if backfill.status == BackfillStatus.COMPLETED_FAILED or backfill.status == BackfillStatus.CANCELED:
        words.append(f"%jk backfill {backfill.backfill_id} --retry runs again what was not made")
    text, kind = " · ".join(words), _MARKS.get(BackfillStatus(backfill.status), "running")
    return Shown(f"{mark(kind)} {text}", f"{mark_html(kind)} {escaped(text)}")


class _Line:
    """The one line, changed in place."""

    def __init__(self, backfill: Backfill) -> None:
        self._backfill = backfill
        self._display: DisplayHandle | None = None
        self._last = ""

    def update(self) -> None:
        shown = backfill_line(self._backfill)
        if shown.text != self._last:
            self.put(shown)
        self._last = shown.text

    def put(self, shown: Shown) -> None:
        if self._display is None:
            self._display = display(shown, display_id=True)
        else:
            self._display.update(shown)


def _stop(kernel: NotebookKernel, backfill: Backfill, line: _Line) -> None:
    """Cancel: ask first, then interrupt the steps, then leave them behind; a second ■ skips the waiting."""
    backfill.cancel()
    for patience in (GRACE_S, ABANDON_S):
        try:
            if _ends_within(backfill, line, patience):
                return
        except KeyboardInterrupt:
            pass
        backfill.cancel(forced=True)
    for run_id in list(backfill.run_ids.values()):
        live = kernel.session.launcher.get(run_id)
        if live is not None:
            for key in list(live.active.in_flight):
                live.active.abandon(key)
    backfill.ended.wait(LAST_WAIT_S)


def _ends_within(backfill: Backfill, line: _Line, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if backfill.ended.wait(min(REFRESH_S, seconds)):
            return True
        line.update()
    return backfill.ended.is_set()


def _bound(kernel: NotebookKernel, backfill: Backfill, bind: Sequence[str]) -> list[str]:
    plan = backfill.wish.plan
    definition = chosen_definition(plan)
    parts = assets_of_definition(plan, definition) if definition is not None else []
    kernel.bindings.bind_partition([key for key in bind if key in parts], backfill.wish.keys[-1])
    whole = [key for key in bind if partitions_of(kernel.session.registry, key) is None]
    return kernel.bindings.bind(whole)


def _raise_for(kernel: NotebookKernel, backfill: Backfill) -> None:
    if backfill.success:
        return
    if backfill.status in (BackfillStatus.CANCELED, BackfillStatus.CANCELING):
        raise RunCanceled(f"Backfill {backfill.backfill_id} was canceled.")
    error = backfill.first_error()
    if error is not None:
        raise with_hint(kernel, users_error(error))
    raise RunFailed(f"Backfill {backfill.backfill_id}: {backfill.failed_words()}.")
