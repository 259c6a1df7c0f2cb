"""What looks report beside the runs they ask for: changes of dynamic partitions, and what became of assets elsewhere.

Makes the events that are kept with a tick, in one transaction with it, and tells the session of them afterwards.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from jobkernel.engine.dynamic_keys import dynamic_keys_of
from jobkernel.model import events as ev
from jobkernel.model.automation import Beside, Evaluation
from jobkernel.model.events import Event
from jobkernel.values.asset_events import event_told

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jobkernel.engine.session import Session

MOST_NAMED: Final = 20
"""A tick's row names so many of the assets that it reports; the events are all in the history."""


class Reports:
    """Has what the looks of one session report kept, and told."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def of(self, evaluation: Evaluation) -> dict[str, Any]:
        """Return what a tick takes up of an evaluation: the events ``beside`` it, and what its row says of them.

        Raises:
            InvalidDefinition: a key of dynamic partitions to add holds ``...`` or a control character.
        """
        changes = evaluation.dynamic_partitions_requests
        asked = dynamic_keys_of(self._session).asked(changes) if changes else []
        events = [event_told(event) for event in evaluation.asset_events]
        beside = [*evaluation.beside, *events]
        beside += [event for each in asked for event in each.events]
        named = [_named(word, body) for word, body in events[:MOST_NAMED]]
        found = {
            "beside": beside,
            "partitions_changed": [each.result for each in asked],
            "assets_reported": {"count": len(events), "first": named} if events else None,
        }
        return {name: value for name, value in found.items() if value}

    def keep_now(self, evaluation: Evaluation) -> None:
        """Have what an evaluation reports kept without a tick."""
        beside = self.of(evaluation).get("beside", ())
        now = self._session.clock.now_us()
        self._session.history.emit_many([Event(word, None, None, now, body) for word, body in beside])
        self._session.history.flush()
        self.happened(beside)

    def happened(self, beside: Iterable[Beside]) -> None:
        """Tell the session of events that the history has now."""
        now, session = self._session.clock.now_us(), self._session
        for word, body in beside:
            if word in (ev.DYNAMIC_PARTITION_ADDED, ev.DYNAMIC_PARTITION_DELETED):
                session.dynamic_keys_moved()
            else:
                session.states.note(Event(word, None, None, now, body))
        session.changed.set()


def _named(word: str, body: dict[str, Any]) -> dict[str, Any]:
    named = {name: body.get(name) for name in ("asset_key", "partition_key", "check_name")}
    return {"event": word, **{name: value for name, value in named.items() if value is not None}}
