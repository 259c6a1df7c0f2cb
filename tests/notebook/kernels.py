"""Real ipykernels with jobkernel in them, driven as a front end drives them."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from queue import Empty
from typing import Any

from jupyter_client.manager import KernelManager

import jobkernel

PATIENCE_S = 40.0


class Kernel:
    """A kernel and its client. ``pushes`` are what jobkernel pushed on iopub so far."""

    def __init__(self, folder: Path, notebook: str) -> None:
        home = str(Path(jobkernel.__file__).parents[1])
        environment = {**os.environ, "PYTHONPATH": home, "JPY_SESSION_NAME": str(folder / notebook)}
        self.manager = KernelManager()
        self.manager.kernel_spec.argv[0] = sys.executable  # type: ignore[union-attr]
        self.manager.start_kernel(cwd=str(folder), env=environment)
        self.pushes: list[dict[str, Any]] = []
        self._numbers = 0
        self._connect()

    def _connect(self) -> None:
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)

    def begin(self, code: str) -> str:
        """Start a cell without waiting for its end; return its id."""
        return str(self.client.execute(code, allow_stdin=False))

    def run(self, code: str, *, is_failing: bool = False) -> list[dict[str, Any]]:
        """Run a cell to its end; return what it showed."""
        return self.finish(self.begin(code), is_failing=is_failing)

    def finish(self, cell: str, *, is_failing: bool = False) -> list[dict[str, Any]]:
        """Wait for a cell's end; return the contents of its outputs with their message type."""
        shown: list[dict[str, Any]] = []
        deadline = time.monotonic() + PATIENCE_S
        while True:
            message = self._iopub(deadline)
            if message["parent_header"].get("msg_id") != cell:
                continue
            kind, content = message["header"]["msg_type"], message["content"]
            if kind == "status" and content["execution_state"] == "idle":
                break
            if kind not in ("status", "execute_input"):
                shown.append({"type": kind, **content})
        assert (self._reply_to(cell)["status"] == "error") == is_failing, text_of(shown)
        return shown

    def wait_for_text(self, cell: str, words: str) -> None:
        """Wait until a running cell has printed these words; what it showed so far is taken."""
        deadline = time.monotonic() + PATIENCE_S
        printed = ""
        while words not in printed:
            message = self._iopub(deadline)
            if message["parent_header"].get("msg_id") == cell and message["header"]["msg_type"] == "stream":
                printed += message["content"]["text"]

    def _reply_to(self, cell: str) -> dict[str, Any]:
        while True:
            reply = self.client.get_shell_msg(timeout=PATIENCE_S)
            if reply["parent_header"].get("msg_id") == cell:
                content: dict[str, Any] = reply["content"]
                return content

    def _iopub(self, deadline: float) -> dict[str, Any]:
        message: dict[str, Any] = self.client.get_iopub_msg(timeout=max(0.1, deadline - time.monotonic()))
        if message["header"]["msg_type"] == "jobkernel_push":
            self.pushes.append(message["content"])
        return message

    def push_where(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Wait for a push that fits, of those that come from now on or came before."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            for push in self.pushes:
                if wanted(push):
                    return push
            assert time.monotonic() < deadline, "no such push"
            self._iopub(deadline)

    def ask(self, op: str, **fields: Any) -> dict[str, Any]:
        """Send a request over the control channel; return the reply."""
        self._numbers += 1
        request = {"id": self._numbers, "op": op, **fields}
        message = self.client.session.msg("jobkernel_request", request)
        self.client.control_channel.send(message)
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            try:
                reply = self.client.get_control_msg(timeout=1)
            except Empty:
                continue
            if reply["parent_header"].get("msg_id") == message["header"]["msg_id"]:
                assert reply["header"]["msg_type"] == "jobkernel_reply"
                content: dict[str, Any] = reply["content"]
                assert content["id"] == self._numbers
                return content
        raise AssertionError(f"no answer to {op}")

    def result(self, op: str, **fields: Any) -> Any:
        """Send a request that must be granted; return its result."""
        reply = self.ask(op, **fields)
        assert reply["ok"], reply
        return reply["result"]

    def run_ended(self, run_id: str) -> dict[str, Any]:
        """Wait until a run has ended; return its details."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            found: dict[str, Any] = self.result("run", run_id=run_id)
            if found["status"] in ("SUCCESS", "FAILURE", "CANCELED"):
                return found
            time.sleep(0.05)
        raise AssertionError("the run did not end")

    def complete(self, code: str) -> list[str]:
        """Return what Tab offers at the end of a cell's text."""
        reply = self.client.complete(code, len(code), reply=True, timeout=PATIENCE_S)
        matches: list[str] = reply["content"]["matches"]
        return matches

    def interrupt(self) -> None:
        """What the ■ button does."""
        self.manager.interrupt_kernel()

    def restart(self) -> None:
        """What the restart button does."""
        self.client.stop_channels()
        self.manager.restart_kernel(now=True)
        self._connect()

    def close(self) -> None:
        """End the kernel."""
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


def text_of(shown: list[dict[str, Any]]) -> str:
    """Return all the text that a cell showed."""
    return "\n".join(
        str(each.get("text") or each.get("data", {}).get("text/plain") or "\n".join(each.get("traceback", [])))
        for each in shown
    )
