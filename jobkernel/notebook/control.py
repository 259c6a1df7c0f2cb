"""The kernel's control channel: answers the screen while a cell runs, and carries pushes to the labextension.

A request is a message of type ``jobkernel_request``; its answer has the type ``jobkernel_reply``. Pushes are iopub
messages of the type ``jobkernel_push``. Outside ipykernel this does nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from jobkernel.notebook.publisher import GONE, Publisher

REQUEST: Final = "jobkernel_request"
REPLY: Final = "jobkernel_reply"
PUSH: Final = "jobkernel_push"
PATIENCE_S: Final = 4.0


def install_control(shell: Any, publisher: Publisher) -> Callable[[], None]:
    """Answer requests on the shell's kernel, and push to it; return what undoes that."""
    kernel = getattr(shell, "kernel", None)
    if kernel is None or not hasattr(kernel, "control_handlers"):
        return lambda: None
    workers = ThreadPoolExecutor(2, thread_name_prefix="jobkernel-requests")

    async def handle(stream: Any, identity: Any, message: Any) -> None:
        publisher.has_extension = True
        content = await _answered(workers, publisher, message["content"])
        kernel.session.send(stream, REPLY, content, message, identity)

    def push(content: dict[str, Any]) -> None:
        kernel.session.send(kernel.iopub_socket, PUSH, content, parent={}, ident=PUSH.encode())

    kernel.control_handlers[REQUEST] = handle
    end_listening = publisher.listen(push)

    def undo() -> None:
        kernel.control_handlers.pop(REQUEST, None)
        end_listening()
        push(GONE)
        workers.shutdown(wait=False, cancel_futures=True)

    return undo


async def _answered(workers: ThreadPoolExecutor, publisher: Publisher, request: dict[str, Any]) -> dict[str, Any]:
    loop = asyncio.get_running_loop()
    work = loop.run_in_executor(workers, publisher.requests.answer, request)
    try:
        return await asyncio.wait_for(work, PATIENCE_S)
    except TimeoutError:
        sentence = "The history did not answer in time; try again."
        return {"id": request.get("id", 0), "ok": False, "error": sentence}
