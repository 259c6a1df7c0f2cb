"""The resources of one run while it is alive, and the exchange through which its steps hand over values.

Opening and closing are user code: what they raise is returned or recorded. Knows no steps; the run calls it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import field
from typing import Any

from jobkernel.engine.run_setup import RunSetup
from jobkernel.executors.call import Exchange
from jobkernel.executors.failure import describe_error
from jobkernel.model import events as ev
from jobkernel.model.definitions import EMPTY
from jobkernel.records import dataclass
from jobkernel.rules.run_state import RunProgress

Emit = Callable[[str, "dict[str, Any] | None"], None]


@dataclass(slots=True)
class RunResources:
    """What a run has opened: ``by_key``, and the ``exchange`` of its values; nothing before and after."""

    by_key: Mapping[str, Any] = field(default=EMPTY)
    exchange: Exchange | None = None
    _closing: ExitStack = field(default_factory=ExitStack)

    def open(self, setup: RunSetup, progress: RunProgress, emit: Emit) -> BaseException | None:
        """Open what the run needs; return the error where that fails."""
        try:
            self.by_key = self._closing.enter_context(setup.open_resources(emit))
            self.exchange = setup.make_exchange(progress, self.by_key)
        except BaseException as error:  # noqa: BLE001 - the boundary: resources are user code, which may also exit
            return error
        return None

    def close(self, emit: Emit) -> None:
        """Close what was opened, in reverse order; the run's end does not hang on it."""
        try:
            self._closing.close()
        except BaseException as error:  # noqa: BLE001 - the boundary: teardown is user code
            emit(ev.ENGINE_EVENT, {"message": "A resource failed to close.", "error": describe_error(error)})

    def let_go(self) -> None:
        """Hold nothing of the user's any more."""
        self.by_key, self.exchange = EMPTY, None
