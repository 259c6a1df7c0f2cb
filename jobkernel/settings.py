"""What a kernel can be told through ``%config JobKernel.…`` or ``ipython_config.py``. Project settings live with the
project server; assigning one here hands it on. Knows nothing else of jobkernel.
"""

from __future__ import annotations

import os

from traitlets import Bool, Enum, Int
from traitlets.config import Configurable


class JobKernel(Configurable):  # type: ignore[misc]  # the package is untyped
    """Settings of one kernel."""

    executor = Enum(["threads"], "threads", help="Where steps run unless a job or asset says otherwise.").tag(
        config=True
    )
    max_workers = Int(
        max(4, os.cpu_count() or 4), min=1, max=512, help="How many steps run at once in this kernel."
    ).tag(config=True)
    memory_budget = Int(
        512 * 1024 * 1024, min=0, help="Bytes of values that may stay in the kernel's memory for later steps."
    ).tag(config=True)
    run_on_define = Bool(False, help="Whether running an %%asset cell also materializes its asset.").tag(config=True)
    max_concurrent_runs = Int(10, min=1, help="Project: how many runs may run at once, over all notebooks.").tag(
        config=True
    )
    retention_days = Int(30, min=1, help="Project: how long events, logs and finished runs are kept.").tag(config=True)
    keep_runs = Int(10_000, min=1, help="Project: how many finished runs are kept.").tag(config=True)


PROJECT_SETTINGS = ("max_concurrent_runs", "retention_days", "keep_runs")
"""The settings that belong to the project: last write wins, over all notebooks."""
