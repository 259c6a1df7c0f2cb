"""The kernel's control channel: answers the screen while a cell runs, and carries pushes to the labextension.

A request is a message of type ``jobkernel_request``; its answer has the type ``jobkernel_reply``. Pushes are iopub
messages of the type ``jobkernel_push``. Screens see by a sign in the kernel's list of comms that somebody answers.
Outside ipykernel this does nothing.
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
SIGN: Final = "jobkernel"
"""The comm id and target under which jobkernel is in the kernel's list of comms, which every screen may ask for."""


class Sign:
    """Stands in the list of comms while jobkernel is loaded. Nobody opens it, and what is sent to it is dropped."""

    target_name = SIGN
    comm_id = SIGN

    def handle_msg(self, message: Any) -> None:
        """Drop a message."""

    def handle_close(self, message: Any) -> None:
        """There is nothing to end."""


def install_control(shell: Any, publisher: Publisher) -> Callable[[], None]:
    """Answer requests on the shell's kernel, and push to it; return what undoes that."""
    kernel = getattr(shell, "kernel", None)
    if kernel is None or not hasattr(kernel, "control_handlers"):
        return lambda: None
    workers = ThreadPoolExecutor(4, thread_name_prefix="jobkernel-requests")
    replies: set[asyncio.Task[None]] = set()

    async def reply(stream: Any, identity: Any, message: Any) -> None:
        work = asyncio.get_running_loop().run_in_executor(workers, publisher.requests.answer, message["content"])
        kernel.session.send(stream, REPLY, await work, message, identity)

    async def handle(stream: Any, identity: Any, message: Any) -> None:
        publisher.has_extension = True
        # not awaited: the channel must stay free for interrupts while the history is asked
        task = asyncio.create_task(reply(stream, identity, message))
        replies.add(task)
        task.add_done_callback(replies.discard)

    def push(content: dict[str, Any]) -> None:
        kernel.session.send(kernel.iopub_socket, PUSH, content, parent={}, ident=PUSH.encode())

    kernel.control_handlers[REQUEST] = handle
    comms = kernel.comm_manager.comms
    comms[SIGN] = Sign()
    end_listening = publisher.listen(push)

    def undo() -> None:
        kernel.control_handlers.pop(REQUEST, None)
        comms.pop(SIGN, None)
        end_listening()
        push(GONE)
        workers.shutdown(wait=False, cancel_futures=True)

    return undo
