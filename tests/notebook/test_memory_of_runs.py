"""What a kernel remembers of runs that ended is bounded, however many there were."""

from __future__ import annotations

import gc
import weakref
from typing import Any

from shells import Notebook

RUNS = 300


def size_of(thing: Any, seen: set[int] | None = None) -> int:
    """Return how many entries the containers below an object of ours hold."""
    seen = set() if seen is None else seen
    if id(thing) in seen:
        return 0
    seen.add(id(thing))
    if isinstance(thing, dict):
        return len(thing) + sum(size_of(each, seen) for each in thing.values())
    if isinstance(thing, list | tuple | set | frozenset):
        return len(thing) + sum(size_of(each, seen) for each in thing)
    if not type(thing).__module__.startswith("jobkernel"):
        return 0
    names = [name for kind in type(thing).__mro__ for name in getattr(kind, "__slots__", ())]
    fields = [getattr(thing, name, None) for name in names] + list(getattr(thing, "__dict__", {}).values())
    return sum(size_of(each, seen) for each in fields)


def test_three_hundred_runs_leave_no_more_behind_than_the_last_ones(nb: Notebook) -> None:
    nb.ok("%%op one\n1", "%%op two --ins x\nx + 1", "%%job pair\ntwo(one())", "%%asset a\nprint('made')\n1")
    session = nb.session
    ended: list[weakref.ref[Any]] = []
    sizes = []
    for number in range(RUNS):
        plan = session.plan_job("pair") if number % 2 else session.plan(["a"])
        handle = session.launch(plan)
        assert handle.live.active.wait(10)
        assert handle.live.durable.wait(10)
        ended.append(weakref.ref(handle.live.active))
        if number in (RUNS // 2, RUNS - 1):
            parts = (session.states, session.freshness, session.values, session.launcher.runs)
            sizes.append([size_of(part) for part in parts])
    del handle, plan
    gc.collect()
    assert sum(ref() is not None for ref in ended) <= 55  # the last fifty, and what threads still hold
    half, whole = sizes
    assert [after <= before * 1.1 + 10 for before, after in zip(half, whole, strict=True)] == [True] * 4, sizes
