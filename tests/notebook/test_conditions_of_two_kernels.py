"""Two real kernels with the same conditions: each update leads to one run, whichever kernel looks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kernels import Kernel
from waiting import eventually

from jobkernel.storage.client import HistoryClient
from jobkernel.storage.control import stop_server

CELLS = (
    "%load_ext jobkernel",
    "%%asset raw\n1",
    "%%asset report --deps raw --automation eager\n2",
    # looks every second instead of every 30, so that the test is short
    "import dataclasses, jobkernel as jk\n"
    "session = jk.session()\n"
    "from jobkernel.engine.conditions import DEFAULT_SENSOR, default_sensor\n"
    "quick = dataclasses.replace(default_sensor(session.conditions.look, starts_on=True), minimum_interval_s=1.0)\n"
    "session.automations.watch([quick])",
)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / ".jobkernel").mkdir()
    yield tmp_path
    stop_server(tmp_path)


def requested(history: Any) -> int:
    return len([row for row in history.query("latest_runs", limit=1000) if row["trigger_name"] is not None])


def waits(history: Any) -> bool:
    """Whether the last look found nothing to do, and nothing is under way."""
    found = history.query("conditions_of", asset_key="report", limit=1)
    return bool(found) and not found[0]["requested"] and "waits for" in found[0]["why"]


def test_each_update_leads_to_one_run_also_after_the_looking_kernel_died(project: Path) -> None:
    kernels = [Kernel(project, "n.ipynb") for _ in range(2)]
    history = HistoryClient.connect(project)
    try:
        for kernel in kernels:
            for cell in CELLS:
                kernel.run(cell)
        eventually(lambda: waits(history), "a first look")
        for count in (1, 2):
            kernels[1].run("%materialize raw")
            eventually(lambda count=count: requested(history) >= count and waits(history), f"request {count}")
        kernels[0].manager.shutdown_kernel(now=True)
        kernels[1].run("%materialize raw")
        eventually(lambda: requested(history) >= 3 and waits(history), "a request by the kernel that is left")
    finally:
        for kernel in kernels:
            kernel.close()
        found, ticks = requested(history), history.query("ticks", limit=1000)
        history.close()

    assert found == 3
    assert len({tick["details"]["client_id"] for tick in ticks if tick["run_ids"]}) == 2
