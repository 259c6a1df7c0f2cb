"""A worker of a kernel's own Dask cluster: a Dask worker with one thread, which ends when its kernel does.

Started by ``dask_workers`` with its scheduler's address. What it does with a step stands in ``dask_task``.
"""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import logging
import os
import signal
import sys
from pathlib import Path
from typing import Any, Final

from jobkernel.executors import bare_display, capture, dask_task
from jobkernel.executors.dask_security import security_in
from jobkernel.executors.descriptor_files import DescriptorFiles
from jobkernel.executors.lifeline import tie_group_to
from jobkernel.executors.worker import _limit_memory as limit_memory

LOG_LENGTH: Final = 50
"""Messages that Dask remembers in each of its logs; ours carry what steps print."""
SEND_EVERY_S: Final = 0.001
"""How long Dask waits for more before it sends again; else 2 to 5 ms, several times for each step of a chain."""


def main() -> None:
    """Serve; the arguments: the scheduler, our name, a folder, the lifeline's descriptor, bytes to use (0: any)."""
    address, name, folder = sys.argv[1:4]
    lifeline, dask_task.memory_limit = map(int, sys.argv[4:6])
    sys.argv[1:] = []
    tie_group_to(lifeline)
    os.set_inheritable(lifeline, False)
    limit_memory(dask_task.memory_limit)
    faulthandler.enable(sys.stderr)
    signal.signal(signal.SIGINT, _leave_it)
    capture.install()
    dask_task.descriptors = DescriptorFiles()
    bare_display.install()
    asyncio.run(_serve(address, name, folder))
    os._exit(0)  # a step that is being left behind is not waited for


async def _serve(address: str, name: str, folder: str) -> None:
    import dask
    from distributed import Worker

    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    settings = {
        "distributed.admin.low-level-log-length": LOG_LENGTH,
        "distributed.admin.tick.interval": "500ms",
        "distributed.worker.profile.enabled": False,
        "distributed.worker.http.routes": [],
    }
    with dask.config.set(settings):
        worker: Any = Worker(
            address,
            nthreads=1,
            name=name,
            local_directory=folder,
            security=security_in(Path(folder)),
            host="127.0.0.1",
            memory_limit=0,
            dashboard_address="127.0.0.1:0",
            plugins=(_last_words(),),
        )
    worker.batched_stream.interval = SEND_EVERY_S
    with contextlib.suppress(OSError):  # the kernel has left
        async with worker:
            await worker.finished()


def _last_words() -> Any:
    """Return what sends the last of an attempt in one piece with Dask's word that its task is over."""
    from distributed import WorkerPlugin

    class LastWords(WorkerPlugin):
        def transition(self, key: Any, start: Any, finish: Any, **_: Any) -> None:
            post = dask_task.ended.pop(key, None)
            if post is not None:
                post.flush()

    return LastWords()


def _leave_it(_signal: int, _frame: object) -> None:
    """The kernel says what is to stop. Not ignored by the system, which children would inherit."""


if __name__ == "__main__":
    main()
