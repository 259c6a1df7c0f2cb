"""How a screen learns that jobkernel is loaded in a kernel: by a question that every kernel knows and none logs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kernels import PATIENCE_S, Kernel


@pytest.fixture
def kernel(project: Path) -> Iterator[Kernel]:
    made = Kernel(project, "signs.ipynb")
    yield made
    made.close()


def comms(kernel: Kernel) -> dict[str, Any]:
    """Ask on the control channel which comms of jobkernel there are, as the extension of JupyterLab does."""
    message = kernel.client.session.msg("comm_info_request", {"target_name": "jobkernel"})
    kernel.client.control_channel.send(message)
    deadline = time.monotonic() + PATIENCE_S
    while True:
        reply = kernel.client.get_control_msg(timeout=deadline - time.monotonic())
        if reply["parent_header"].get("msg_id") == message["header"]["msg_id"]:
            content: dict[str, Any] = reply["content"]
            return content["comms"]


def test_the_sign_is_there_while_jobkernel_is_loaded_and_while_a_cell_runs(kernel: Kernel) -> None:
    assert comms(kernel) == {}
    kernel.run("%load_ext jobkernel")
    assert comms(kernel) == {"jobkernel": {"target_name": "jobkernel"}}
    busy = kernel.begin("while True:\n    pass")
    assert comms(kernel) != {}
    kernel.interrupt()
    kernel.finish(busy, is_failing=True)
    kernel.run("%unload_ext jobkernel")
    assert comms(kernel) == {}


def test_what_is_sent_to_the_sign_does_no_harm(kernel: Kernel) -> None:
    kernel.run("%load_ext jobkernel")
    for kind in ("comm_msg", "comm_close"):
        kernel.client.shell_channel.send(kernel.client.session.msg(kind, {"comm_id": "jobkernel", "data": {}}))
    kernel.run("1 + 1")
    kernel.run("%unload_ext jobkernel")
    assert comms(kernel) == {}
