"""A gigabyte of output: the file keeps both ends within its bounds, and the kernel's memory stays where it was."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.executor_stage import Stage, a_stage, as_plan, op_of

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="peaks are read from /proc"),
]
BLOCK = ("x" * 999 + "\n") * 1_000
BLOCKS = 1_000
PATIENCE_S = 600.0
MOST_KEPT = 11_000_000
MOST_MEMORY = 100_000_000


@pytest.fixture(params=["threads", "processes", "dask"])
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    with a_stage(request.param) as stage:
        yield stage


def forget_peak() -> int:
    """Let the peak of this process's memory begin anew; return what it uses now, in bytes."""
    Path("/proc/self/clear_refs").write_text("5")
    return peak()


def peak() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


@pytest.mark.parametrize("way", ["print", "descriptor"])
def test_a_gigabyte_of_output_is_kept_at_both_ends_and_bounded_in_memory(stage: Stage, way: str) -> None:
    if way == "descriptor" and stage.executor == "threads":
        pytest.skip("the descriptors of a thread are its kernel's")

    def body() -> None:
        for number in range(BLOCKS):
            if way == "print":
                print(f"{number} begins\n" + BLOCK, end="")
            else:
                os.write(1, f"{number} begins\n{BLOCK}".encode())

    assert stage.made(lambda: 1) == 1  # workers are there
    before = forget_peak()
    handle = stage.start(as_plan(op_of(body)))
    assert handle.live.active.wait(PATIENCE_S), "the run did not end"
    grown = peak() - before

    assert handle.status == "SUCCESS"
    stage.session.history.flush()
    events = stage.session.history.query("run_events", run_id=handle.run_id)
    (summary,) = [event["body"] for event in events if event["event_type"] == "LOGS_CAPTURED"]
    assert grown < MOST_MEMORY, f"{grown:,}"
    assert summary["lines"] == BLOCKS * 1_001
    assert summary["bytes"] == Path(summary["path"]).stat().st_size < MOST_KEPT
    texts = [json.loads(line)["text"] for line in Path(summary["path"]).read_text().splitlines()]
    assert texts[0] == "0 begins"
    assert f"{BLOCKS - 1} begins" in texts
    assert any("are left out here" in text for text in texts)
