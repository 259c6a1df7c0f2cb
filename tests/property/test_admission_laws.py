"""Random queues, limits and slots: the queue decides exactly as a slow and obvious one would.

The obvious one looks at every waiting run after every change. Equal answers mean: no limit is ever exceeded, no run
passes an equal earlier one that could have started, and nobody who may start is forgotten.
"""

from __future__ import annotations

from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from jobkernel.rules.admission import QueuedRun, RunLine
from jobkernel.rules.limits import Limits, read_tag_limits
from jobkernel.rules.slots import SlotHolder, Slots

KEYS = ("team", "db")
VALUES = ("x", "y", "z")
POOLS = ("p", "q")

tags = st.dictionaries(st.sampled_from(KEYS), st.sampled_from(VALUES))
forms = st.one_of(
    st.builds(lambda key, n: {"key": key, "limit": n}, st.sampled_from(KEYS), st.integers(0, 3)),
    st.builds(
        lambda key, value, n: {"key": key, "value": value, "limit": n},
        st.sampled_from(KEYS),
        st.sampled_from(VALUES),
        st.integers(0, 2),
    ),
    st.builds(
        lambda key, n: {"key": key, "value": {"applyLimitPerUniqueValue": True}, "limit": n},
        st.sampled_from(KEYS),
        st.integers(0, 2),
    ),
)
any_limits = st.builds(
    lambda most, listed, pools, default, granularity: Limits(
        max_concurrent_runs=most,
        tags=read_tag_limits(listed),
        pools=pools,
        default_pool_limit=default,
        pool_granularity=granularity,
    ),
    st.integers(-1, 5),
    st.lists(forms, max_size=3),
    st.dictionaries(st.sampled_from(POOLS), st.integers(0, 2)),
    st.sampled_from([None, None, 1]),
    st.sampled_from(["op", "run"]),
)


def may_start(run: QueuedRun, running: list[QueuedRun], limits: Limits, slots: Slots) -> bool:
    if limits.max_concurrent_runs != -1 and len(running) >= limits.max_concurrent_runs:
        return False
    for count, most in limits.tags.on(run.tags).items():
        if sum(count in limits.tags.on(other.tags) for other in running) >= most:
            return False
    if limits.pool_granularity == "run":
        sizes = {pool: limits.of_pool(pool) for pool in run.pools}
        return all(size is None or sum(pool in other.pools for other in running) < size for pool, size in sizes.items())
    return not run.roots or any(slots.has_room(pool) for pool in run.roots)


class Queue(RuleBasedStateMachine):
    """Submits, cancels, ends, claims and changes of limits, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.limits = Limits()
        self.slots = Slots(self.limits)
        self.line = RunLine(self.limits, self.slots)
        self.number = 0
        self.claims: dict[SlotHolder, str] = {}

    @rule(priority=st.integers(-1, 2), tags=tags, pools=st.frozensets(st.sampled_from(POOLS)), free_root=st.booleans())
    def submit(self, priority: int, tags: dict[str, str], pools: frozenset[str], free_root: bool) -> None:
        self.number += 1
        roots = {} if free_root else dict.fromkeys(sorted(pools), 1)
        run = QueuedRun(
            run_id=f"r{self.number}", arrived=self.number, priority=priority, tags=tags, pools=pools, roots=roots
        )
        self.line.add(run)
        self.settle()

    @precondition(lambda self: self.line.running)
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        run_id = data.draw(st.sampled_from(sorted(self.line.running)))
        self.line.end(run_id)
        for pool in self.slots.release_run(run_id):
            self.line.pool_freed(pool)
        self.claims = {holder: pool for holder, pool in self.claims.items() if holder.run_id != run_id}
        self.settle()

    @precondition(lambda self: self.line.waiting)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        self.line.remove(data.draw(st.sampled_from(sorted(self.line.waiting))))
        self.settle()

    @precondition(lambda self: any(run.pools for run in self.line.running.values()))
    @rule(data=st.data(), priority=st.integers(0, 2))
    def claim(self, data: st.DataObject, priority: int) -> None:
        run = data.draw(st.sampled_from([run for run in self.line.running.values() if run.pools]))
        pool = data.draw(st.sampled_from(sorted(run.pools)))
        holder = SlotHolder(run.run_id, data.draw(st.sampled_from("abc")) + pool)
        self.claims[holder] = pool
        self.slots.claim(pool, holder, priority)
        self.line.pool_freed(pool)
        self.settle()

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        holder = data.draw(st.sampled_from(sorted(self.claims)))
        pool = self.claims.pop(holder)
        self.slots.release(pool, holder)
        self.line.pool_freed(pool)
        self.settle()

    @rule(limits=any_limits)
    def change_limits(self, limits: Limits) -> None:
        self.limits = limits
        self.slots.set_limits(limits)
        self.line.set_limits(limits)
        self.settle()

    def settle(self) -> None:
        while True:
            running = list(self.line.running.values())
            waiting = sorted(self.line.waiting.values(), key=lambda run: run.place)
            expected = next((run for run in waiting if may_start(run, running, self.limits, self.slots)), None)
            started = self.line.admit_one()
            assert (started.run_id if started else None) == (expected.run_id if expected else None)
            if started is None:
                return

    @invariant()
    def every_waiting_run_knows_its_place_and_its_reason(self) -> None:
        in_order = sorted(self.line.waiting.values(), key=lambda run: run.place)
        assert self.line.in_order() == [run.run_id for run in in_order]
        for place, run in enumerate(in_order):
            assert self.line.ahead_of(run.run_id) == place
            assert self.line.why(run.run_id) not in ("", "it is about to start")

    @invariant()
    def no_pool_holds_more_than_was_granted_under_a_limit(self) -> None:
        held = Counter(pool for pool in POOLS for _ in self.slots.holders(pool))
        waiting = {pool for pool, (_, waits) in self.slots.sizes().items() if waits}
        for pool in waiting:
            limit = self.limits.of_pool(pool)
            assert self.limits.pool_granularity == "op"
            assert limit is not None
            assert held[pool] >= limit


Queue.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestQueue = Queue.TestCase
