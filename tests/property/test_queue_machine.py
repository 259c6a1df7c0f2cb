"""Kernels that submit, run, cancel, claim slots and die, and a server that comes back: nothing is lost or exceeded.

The history is a real file, closed and opened again where the server "restarts"; a kernel is its memory of what it was
told. After every step the limits hold; at the end all is final and state rebuilt from the log is the state that was.
"""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from jobkernel.clock import ManualClock
from jobkernel.model import events as ev
from jobkernel.model.events import Event
from jobkernel.storage.deaths import open_runs
from jobkernel.storage.desk import Desk
from jobkernel.storage.encoding import stored
from jobkernel.storage.memory import Remembered
from jobkernel.storage.process import this_process
from jobkernel.storage.store import Batch, Store

FINAL = ("SUCCESS", "FAILURE", "CANCELED")


class Kernel:
    """One kernel: what it remembers for a new server, what it was told, and which of its runs have started."""

    def __init__(self, name: str) -> None:
        self.who = this_process(name, name, f"{name}.ipynb")
        self.remembered = Remembered()
        self.number = 0
        self.sent = 0
        self.told: list[tuple[str, dict[str, Any]]] = []
        self.runs: dict[str, str] = {}
        self.slots: dict[tuple[str, str], str] = {}

    def push(self, name: str, **fields: Any) -> None:
        """Hear from the server."""
        self.remembered.pushed(name, fields)
        self.told.append((name, fields))


class Project(RuleBasedStateMachine):
    """The queue of a project over the lives of its kernels and servers."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="jobkernel-machine-"))
        self.numbers = itertools.count(1)
        self.kernels: dict[str, Kernel] = {}
        self.most = 2
        self.slots_of_db = 1
        self.open()

    def open(self) -> None:
        self.desk = Desk(Store.open(str(self.folder / "history.duckdb")), ManualClock(), None)
        for _, who, runs in open_runs(self.desk):
            self.desk.resume(who, runs)

    @initialize()
    def limited(self) -> None:
        self.come("k0")
        self.ask(self.kernels["k0"], "set_setting", name="max_concurrent_runs", value=self.most)
        self.ask(self.kernels["k0"], "set_setting", name="pools", value={"db": self.slots_of_db})

    def teardown(self) -> None:
        for name in list(self.kernels):
            self.die(name)
        rows = self.desk.cursor().execute("select run_id, status from kept.run order by run_id").fetchall()
        assert {status for _, status in rows} <= set(FINAL)
        steps = "select run_id, step_key, attempt, status from kept.step order by all"
        before = self.desk.cursor().execute(steps).fetchall()
        self.desk.committer.call(self.desk.store.rebuild, timeout=60)
        assert self.desk.cursor().execute("select run_id, status from kept.run order by run_id").fetchall() == rows
        assert self.desk.cursor().execute(steps).fetchall() == before
        self.desk.close()
        shutil.rmtree(self.folder)

    def come(self, name: str) -> None:
        kernel = self.kernels.setdefault(name, Kernel(name))
        kernel.number, kernel.sent = self.desk.store.register(kernel.who, 1, kernel.sent)
        hello = kernel.remembered.hello()
        self.desk.join(kernel, runs=hello["runs"], keys=hello["keys"])

    def ask(self, kernel: Kernel, operation: str, **fields: Any) -> Any:
        kernel.remembered.before(operation, fields)
        answer = self.desk.handle(kernel, operation, fields)
        kernel.remembered.after(operation, fields, answer)
        return answer

    def say(self, kernel: Kernel, event_type: str, run_id: str, step: str | None = None, **body: Any) -> None:
        event = Event(event_type, run_id, step, 1, body)
        first, kernel.sent = kernel.sent + 1, kernel.sent + 1
        self.desk.committer.call(
            lambda: self.desk.take(Batch(kernel.number, first, [stored(event)]))  # durable when it returns
        )
        if event_type in (ev.RUN_SUCCESS, ev.RUN_FAILURE, ev.RUN_CANCELED):
            kernel.remembered.ended([run_id])

    def hear(self) -> None:
        """Let every kernel act on what it was told: admitted runs start, canceled ones end, slots are taken."""
        while any(kernel.told for kernel in self.kernels.values()):
            for kernel in self.kernels.values():
                told, kernel.told = kernel.told, []
                for name, fields in told:
                    self.act(kernel, name, fields)

    def act(self, kernel: Kernel, name: str, fields: dict[str, Any]) -> None:
        run_id = fields.get("run_id", "")
        state = kernel.runs.get(run_id)
        if name == "admitted" and state == "waiting":
            kernel.runs[run_id] = "running"
            self.say(kernel, ev.RUN_START, run_id)
        elif name == "cancel" and state in ("waiting", "running"):
            self.finish(kernel, run_id, ev.RUN_CANCELED)
        elif name == "slot" and state == "running":
            kernel.slots[run_id, fields["step_key"]] = "held"

    def finish(self, kernel: Kernel, run_id: str, event_type: str) -> None:
        del kernel.runs[run_id]
        kernel.slots = {holder: state for holder, state in kernel.slots.items() if holder[0] != run_id}
        self.say(kernel, event_type, run_id)

    def choose(self, data: st.DataObject, state: str) -> tuple[Kernel, str]:
        found = [(name, run) for name, k in self.kernels.items() for run, now in k.runs.items() if now == state]
        name, run_id = data.draw(st.sampled_from(sorted(found)))
        return self.kernels[name], run_id

    def has(self, state: str) -> bool:
        return any(state in kernel.runs.values() for kernel in self.kernels.values())

    @rule(name=st.sampled_from(["k0", "k1", "k2"]), priority=st.integers(0, 2), pooled=st.booleans())
    def submit(self, name: str, priority: int, pooled: bool) -> None:
        if name not in self.kernels:
            self.come(name)
        kernel, run_id = self.kernels[name], f"r{next(self.numbers):03}"
        kernel.runs[run_id] = "waiting"
        self.say(kernel, ev.RUN_ENQUEUED, run_id, job_name="job", priority=priority)
        pools: dict[str, Any] = {"pools": ["db"], "roots": {"db": 1}} if pooled else {}
        answer = self.ask(kernel, "submit_runs", runs=[{"run_id": run_id, "priority": priority, "tags": {}, **pools}])
        if run_id in answer["admitted"]:
            self.act(kernel, "admitted", {"run_id": run_id})
        self.hear()

    @precondition(lambda self: self.has("running"))
    @rule(data=st.data(), outcome=st.sampled_from([ev.RUN_SUCCESS, ev.RUN_FAILURE]))
    def end(self, data: st.DataObject, outcome: str) -> None:
        self.finish(*self.choose(data, "running"), outcome)
        self.hear()

    @precondition(lambda self: self.has("running"))
    @rule(data=st.data(), step=st.sampled_from("ab"))
    def claim(self, data: st.DataObject, step: str) -> None:
        kernel, run_id = self.choose(data, "running")
        if (run_id, step) not in kernel.slots:
            self.say(kernel, ev.STEP_START, run_id, step, attempt=1)
            kernel.slots[run_id, step] = "wanted"
            if self.ask(kernel, "claim_slot", run_id=run_id, step_key=step, pool="db", priority=0)["granted"]:
                kernel.slots[run_id, step] = "held"
        self.hear()

    @precondition(lambda self: any(kernel.slots for kernel in self.kernels.values()))
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        found = sorted((name, holder) for name, kernel in self.kernels.items() for holder in kernel.slots)
        name, (run_id, step) = data.draw(st.sampled_from(found))
        del self.kernels[name].slots[run_id, step]
        self.ask(self.kernels[name], "release_slot", run_id=run_id, step_key=step, pool="db")
        self.say(self.kernels[name], ev.STEP_SUCCESS, run_id, step, attempt=1)
        self.hear()

    @precondition(lambda self: self.has("waiting") or self.has("running"))
    @rule(data=st.data(), state=st.sampled_from(["waiting", "running"]), by=st.sampled_from(["k0", "k1", "k2"]))
    def cancel(self, data: st.DataObject, state: str, by: str) -> None:
        if not self.has(state):
            return
        _, run_id = self.choose(data, state)
        if by not in self.kernels:
            self.come(by)
        self.ask(self.kernels[by], "cancel_run", run_id=run_id)
        self.hear()

    @precondition(lambda self: self.kernels)
    @rule(data=st.data())
    def kill(self, data: st.DataObject) -> None:
        self.die(data.draw(st.sampled_from(sorted(self.kernels))))
        self.hear()

    def die(self, name: str) -> None:
        kernel = self.kernels.pop(name)
        self.desk.leave(kernel)
        self.desk.bury(kernel.who.client_id, kernel.number, kernel.who.notebook)

    @rule(data=st.data())
    def restart_the_server(self, data: st.DataObject) -> None:
        for kernel in self.kernels.values():
            kernel.told.clear()  # what was on its way is lost with the connection
        self.desk.close()
        self.open()
        for name in data.draw(st.permutations(sorted(self.kernels))):
            self.come(name)
        self.hear()

    @invariant()
    def the_limits_hold(self) -> None:
        running = Counter(now for kernel in self.kernels.values() for now in kernel.runs.values())["running"]
        held = Counter(now for kernel in self.kernels.values() for now in kernel.slots.values())["held"]
        assert running <= self.most
        assert held <= self.slots_of_db

    @invariant()
    def the_server_counts_what_the_kernels_run(self) -> None:
        running = {run for kernel in self.kernels.values() for run, now in kernel.runs.items() if now == "running"}
        waiting = {run for kernel in self.kernels.values() for run, now in kernel.runs.items() if now == "waiting"}
        assert set(self.desk.queue.running) == running
        assert set(self.desk.queue.waiting) == waiting

    @invariant()
    def nobody_waits_where_there_is_a_place(self) -> None:
        line = self.desk.queue.line
        for run_id in line.waiting:
            assert line.why(run_id) != "it is about to start"


Project.TestCase.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
TestProject = pytest.mark.timeout(600)(Project.TestCase)
