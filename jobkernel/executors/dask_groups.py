"""Which steps go to Dask together: short ones of one run that wait, several in one Dask task.

Knows no Dask and no thread. ``dask_cluster`` asks what to send next; each run tells here how long its steps take.
"""

from __future__ import annotations

import itertools
import pickle
import queue
import secrets
from collections import deque
from collections.abc import Iterable
from dataclasses import field
from typing import Any, Final

from jobkernel.executors.dask_task import Sent
from jobkernel.records import dataclass

GROUP_S: Final = 0.05
"""How long the steps of a group may take together, as long as they take as long as those before them."""
SHORT_S: Final = 0.02
"""The longest that half of the latest steps may have taken where the next go together."""
LATEST: Final = 16
GROUP_BYTES: Final = 1 << 20


class Pace:
    """How long the latest steps of one run took. Safe from any thread."""

    def __init__(self) -> None:
        self._seconds: deque[float] = deque(maxlen=LATEST)

    def note(self, seconds: float) -> None:
        """Note how long a step took."""
        self._seconds.append(seconds)

    @property
    def together(self) -> int:
        """How many of the next steps may go together: 1 where the latest were long, or none is known."""
        latest = sorted(self._seconds.copy())
        middle = latest[len(latest) // 2] if latest else SHORT_S
        return int(GROUP_S / max(middle, 1e-3)) if middle < SHORT_S else 1


@dataclass(slots=True, eq=False)
class Box:
    """An attempt that is sent, and what comes of it: messages of its worker, and what the kernel itself has to say.

    Without a ``pace`` it goes alone.
    """

    sent: Sent
    data: bytes
    pace: Pace | None = None
    queue: queue.SimpleQueue[tuple[Any, ...]] = field(default_factory=queue.SimpleQueue)
    group: Group | None = None

    @property
    def key(self) -> str:
        """The name of this sending of the attempt."""
        return self.sent.key

    @property
    def future(self) -> Any:
        """Dask's word of it; None where it has not gone to Dask."""
        return self.group.future if self.group is not None else None

    def leave_group(self) -> None:
        """Have it sent anew, alone, under another key: what still comes of the last sending is not of this one."""
        self.sent = self.sent._replace(key=key_of(self.key.rpartition("-")[0]))
        self.pace = self.group = None


class Group:
    """Attempts that went as one Dask task; a worker begins them in this order."""

    def __init__(self, boxes: Iterable[Box]) -> None:
        self.left = list(boxes)
        self.keys = [box.key for box in self.left]
        self.future: Any = None
        self.worker: str | None = None
        self.is_stuck = False
        self._left_before: int | None = None
        for box in self.left:
            box.group = self

    def packed(self) -> bytes:
        """Return it as bytes: Dask looks into every other argument."""
        return pickle.dumps([(tuple(box.sent), box.data) for box in self.left], protocol=pickle.HIGHEST_PROTOCOL)

    def has_stopped(self, has_begun: bool) -> bool:
        """Whether no attempt ended since this was last asked of it, begun."""
        before, self._left_before = self._left_before, len(self.left) if has_begun else None
        return has_begun and before == len(self.left)


def key_of(step_key: str) -> str:
    """Return a new key for an attempt at a step."""
    return f"{step_key}-{secrets.token_hex(16)}"


def next_group(waiting: deque[Box], workers: int) -> Group:
    """Take what goes to Dask next: the first that waits, with others like it up to a worker's share of them."""
    first = waiting[0]
    alike = [box for box in waiting if box.pace is first.pace] if first.pace is not None else [first]
    together = first.pace.together if first.pace is not None else 1
    group = Group(_not_too_large(alike[: min(together, -(-len(alike) // max(workers, 1)))]))
    for box in group.left:
        waiting.remove(box)
    return group


def _not_too_large(boxes: list[Box]) -> list[Box]:
    sizes = list(itertools.accumulate(len(box.data) for box in boxes))
    return [box for box, size in zip(boxes, sizes, strict=True) if box is boxes[0] or size <= GROUP_BYTES]
