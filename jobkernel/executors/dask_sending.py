"""The attempts of one cluster that are at Dask, or on the way there: sent in groups, let go of, taken back.

Has no thread: what is asked is done on the loop of the cluster that made it.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Final

from jobkernel.executors.dask_groups import Box, Group, next_group
from jobkernel.executors.dask_quiet import without_size_warning
from jobkernel.executors.dask_task import event_of, run_sent
from jobkernel.executors.dask_workers import FORGOTTEN_S, OwnWorkers

AT_DASK: Final = 2
"""Groups at Dask, for each worker, behind which others wait in the kernel, and grow."""
LONG_S: Final = 0.1
"""How long nothing may end in a group before what waits there is taken back."""
ENOUGH: Final = 4
ENOUGH_ELSEWHERE: Final = 32
"""Steps at Dask, for each worker or in all, with which no worker waits for its next; more are sent at once."""
GATHER_S: Final = 0.01


class Sending:
    """What is under way in one cluster. Safe from any thread, but for what is said to be called on the loop's.

    ``call`` has a function called on the loop's thread; ``tell`` has it wait for something.
    """

    def __init__(
        self, workers: int, call: Callable[..., None], tell: Callable[[Coroutine[Any, Any, Any]], None]
    ) -> None:
        self._workers = workers
        self._call = call
        self._tell = tell
        self._client: Any = None
        self._own_workers: OwnWorkers | None = None
        self._names: Callable[[], Iterable[str]] = tuple
        self._lock = threading.Lock()  # protects the boxes, also those below; the groups are the loop's thread's
        self._boxes: dict[str, Box] = {}
        self._waiting: deque[Box] = deque()
        self._is_due = False
        self._left: list[Box] = []
        self._groups: set[Group] = set()
        self._is_watching = False

    def open(self, client: Any, own_workers: OwnWorkers | None, names: Callable[[], Iterable[str]]) -> None:
        """Send from now on; ``names`` gives Dask's names for the kernel's own workers that are there."""
        self._client, self._own_workers, self._names = client, own_workers, names

    def send(self, box: Box) -> None:
        """Have an attempt go to Dask as soon as there is room."""
        with self._lock:
            self._boxes[box.key] = box
        self._send([box])

    def get(self, key: str) -> Box | None:
        """Return what waits for an attempt's messages; None where nobody does."""
        return self._boxes.get(key)

    def boxes(self) -> list[Box]:
        """Return all that is under way."""
        with self._lock:
            return list(self._boxes.values())

    def forget(self, box: Box) -> None:
        """Let go of an attempt: what still comes of it is dropped."""
        with self._lock:
            self._boxes.pop(box.key, None)
            self._left.append(box)
            is_first = len(self._left) == 1
        if is_first:
            self._call(self._release_left)

    def take_back(self, box: Box) -> None:
        """Have no worker begin an attempt; it is told ``taken`` where none of the kernel's own has. On the loop."""
        if self._own_workers is not None:
            if self._own_workers.claim(box.key):
                box.queue.put(("taken",))
        elif box.future is not None:
            self._tell(box.future.cancel())

    def _send(self, boxes: list[Box]) -> None:
        with self._lock:
            self._waiting.extend(boxes)
            is_first, self._is_due = not self._is_due, True
            has_time = len(self._boxes) > (ENOUGH * self._workers or ENOUGH_ELSEWHERE)
        if is_first:
            self._call(self._submit_soon if has_time else self.submit_waiting)

    def _submit_soon(self) -> None:
        asyncio.get_running_loop().call_later(GATHER_S, self.submit_waiting)

    def submit_waiting(self) -> None:
        """Give Dask what waits, where there is room. On the loop."""
        groups: list[Group] = []
        with self._lock:
            self._is_due = False
            self._waiting = deque(box for box in self._waiting if box.key in self._boxes)
            while self._waiting and (place := self._place()) is not None:
                groups.append(next_group(self._waiting, self._workers))
                groups[-1].worker = place
                self._groups.add(groups[-1])
        for place in dict.fromkeys(group.worker for group in groups):
            self._submit([group for group in groups if group.worker == place], place)

    def _place(self) -> str | None:
        """Return the worker of the kernel's own that takes the next group; None where none has room.

        Elsewhere Dask chooses, which is what an empty name says.
        """
        if self._own_workers is None:
            return ""
        stuck = {group.worker for group in self._groups if group.is_stuck}
        counts = {name: 0 for name in self._names() if name not in stuck}
        for group in self._groups:
            if group.worker in counts:
                counts[group.worker] += 1
        best = min(counts, key=lambda name: counts[name], default=None)
        return best if best is not None and counts[best] < AT_DASK else None

    def _submit(self, groups: list[Group], place: str | None) -> None:
        data, keys = [group.packed() for group in groups], [group.keys[0] for group in groups]
        where = {"workers": [place], "allow_other_workers": True} if place else {}
        try:
            with without_size_warning(sum(map(len, data))):
                futures = self._client.map(run_sent, data, key=keys, pure=False, retries=0, **where)
        except Exception as error:  # noqa: BLE001 - Dask's errors are of many kinds
            for box in [box for group in groups for box in group.left]:
                box.queue.put(("unsent", error))
            return
        for group, future in zip(groups, futures, strict=True):
            group.future = future
        if not self._is_watching:
            self._watch_soon()

    def _watch_soon(self) -> None:
        self._is_watching = self._own_workers is not None and bool(self._groups)
        if self._is_watching:
            asyncio.get_running_loop().call_later(LONG_S, self._watch)

    def _watch(self) -> None:
        """Send anew what waits behind a long step, so that it goes to another worker."""
        stopped = [each for each in self._groups if not each.is_stuck and each.has_stopped(self._has_begun(each))]
        for group in stopped:
            group.is_stuck = True
            self.leave(group.worker)
        self._watch_soon()

    def _has_begun(self, group: Group) -> bool:
        return self._own_workers is not None and bool(self._own_workers.pid_of(group.left[0].key))

    def leave(self, worker: str | None) -> None:
        """Send anew, elsewhere, what a worker has not begun. On the loop."""
        if self._own_workers is not None:
            at_worker = [box for group in self._groups if group.worker == worker for box in group.left]
            self._send([box for box in at_worker if self._is_taken_out(box, self._own_workers)])

    def _is_taken_out(self, box: Box, own_workers: OwnWorkers) -> bool:
        """Take an attempt out of its group, where no worker has begun it; return whether it is to be sent anew."""
        group = box.group
        if group is None or not own_workers.claim(box.key):
            return False
        with self._lock:
            is_wanted = self._boxes.pop(box.key, None) is not None
            box.leave_group()
            if is_wanted:
                self._boxes[box.key] = box
        group.left.remove(box)
        if not group.left:
            self._release(group)
        return is_wanted

    def _release_left(self) -> None:
        with self._lock:
            left, self._left = self._left, []
        for box in left:
            if box.group is None:
                self._forget_marks([box.key])
                continue
            box.group.left.remove(box)
            if not box.group.left:
                self._release(box.group)
        if self._waiting:
            self.submit_waiting()

    def _release(self, group: Group) -> None:
        self._groups.discard(group)
        if group.future is not None:
            group.future.release()
        self._forget_marks(group.keys)

    def _forget_marks(self, keys: list[str]) -> None:
        """Forget which attempts have begun: all of a group at once, for Dask may begin it anew as a whole."""
        if self._own_workers is not None:
            for key in keys:
                self._own_workers.forget(key)
        elif self._client is not None:
            self._tell(_cleared(self._client, keys))


async def _cleared(client: Any, keys: list[str]) -> None:
    """Clear the Dask events of attempts, when Dask has surely forgotten their task."""
    await asyncio.sleep(FORGOTTEN_S)
    if client.scheduler is not None:
        for key in keys:
            await client.scheduler.event_clear(name=event_of(key))
