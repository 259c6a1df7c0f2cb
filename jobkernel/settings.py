"""What a kernel can be told through ``%config JobKernel.…`` or ``ipython_config.py``.

Project settings live with the project's history; the engine hands on what is assigned here.
"""

from __future__ import annotations

import os
from typing import Final

from traitlets import Bool, Dict, Enum, Float, Int, List, TraitError
from traitlets.config import Config, Configurable

from jobkernel.errors import did_you_mean

HEADLESS: Final = "JOBKERNEL_HEADLESS"
"""The environment variable of a kernel that keeps schedules going, and gives way to one that a person has open."""
PASSING: Final = "JOBKERNEL_PASSING"
"""The environment variable of a kernel that is there for one errand, and takes up no other work."""


class SettingRefused(BaseException):
    """A setting cannot be what ``%config`` says. No ``Exception``: IPython prints those, and its cell ends well."""

    def _render_traceback_(self) -> list[str]:
        """Show a notebook the sentence alone."""
        return [str(self)]


class JobKernel(Configurable):  # type: ignore[misc]  # the package is untyped
    """Settings of one kernel."""

    executor = Enum(
        ["threads", "processes", "dask", "in_process"],
        "threads",
        help="Where steps run unless a job, an asset or a launch says.",
    ).tag(config=True)
    max_workers = Int(
        max(4, os.cpu_count() or 4), min=1, max=512, help="How many steps run at once in this kernel."
    ).tag(config=True)
    worker_memory_limit = Int(
        None, min=1, allow_none=True, help="Bytes that one worker process may allocate; None for no limit."
    ).tag(config=True)
    memory_budget = Int(
        512 * 1024 * 1024, min=0, help="Bytes of values that may stay in the kernel's memory for later steps."
    ).tag(config=True)
    run_on_define = Bool(False, help="Whether running an %%asset cell also materializes its asset.").tag(config=True)
    max_concurrent_runs = Int(
        10, min=-1, help="Project: how many runs may run at once, over all notebooks; -1 for any number, 0 for none."
    ).tag(config=True)
    tag_concurrency_limits = List(
        Dict(),
        help="Project: how many runs with a tag may run at once, as Dagster lists it: {'key': K, 'limit': N},"
        " {'key': K, 'value': V, 'limit': N}, or 'value': {'applyLimitPerUniqueValue': True}.",
    ).tag(config=True)
    pools = Dict(help="Project: how many steps of each pool run at once, over all runs: {'db': 2}.").tag(config=True)
    default_pool_limit = Int(
        None, min=0, allow_none=True, help="Project: the size of pools that 'pools' does not name; None for any number."
    ).tag(config=True)
    pool_granularity = Enum(
        ["op", "run"], "op", help="Project: whether pools count running steps ('op') or runs that have such steps."
    ).tag(config=True)
    run_retries = Int(
        0, min=0, help="Project: how often a run that failed is run again, from its failure; the tag wins."
    ).tag(config=True)
    retry_on_asset_or_op_failure = Bool(
        True, help="Project: whether runs are also retried where a step failed, and not only where something broke."
    ).tag(config=True)
    max_runtime = Float(
        None, min=0, allow_none=True, help="Project: seconds that a run may take; None for any time. The tag wins."
    ).tag(config=True)
    retention_days = Float(
        30, min=0, allow_none=True, help="Project: days that events, logs and finished runs are kept; None for ever."
    ).tag(config=True)
    keep_runs = Int(10_000, min=1, help="Project: how many finished runs are kept.").tag(config=True)
    values_limit = Int(
        None, min=1, allow_none=True, help="Project: bytes above which outputs of old runs go; None for no limit."
    ).tag(config=True)

    def update_config(self, config: Config) -> None:
        """Take what ``%config`` says.

        Raises:
            SettingRefused: there is no such setting, or it cannot be that; nothing has changed.
        """
        known = self.traits(config=True)
        for name in self._find_my_config(config):
            if name not in known:
                raise SettingRefused(f"JobKernel has no setting '{name}'.{did_you_mean(name, known)}")
        try:
            super().update_config(config)
        except TraitError as error:
            self._take_back(config)
            raise SettingRefused(str(error)) from error

    def _take_back(self, refused: Config) -> None:
        """Take refused words out of the shell's configuration, which was told them first and outlives a reload."""
        if self.parent is None:
            return
        kept, before = self.parent.config.JobKernel, self._find_my_config(self.config)
        for name in self._find_my_config(refused):
            kept.pop(name, None)
            if name in before:
                kept[name] = before[name]

    def configured_for_project(self) -> list[str]:
        """Return the project settings that a configuration file gives."""
        given = self._find_my_config(self.config)
        return [name for name in PROJECT_SETTINGS if name in given]


PROJECT_SETTINGS = (
    "max_concurrent_runs",
    "tag_concurrency_limits",
    "pools",
    "default_pool_limit",
    "pool_granularity",
    "run_retries",
    "retry_on_asset_or_op_failure",
    "max_runtime",
    "retention_days",
    "keep_runs",
    "values_limit",
)
"""The settings that belong to the project: last write wins, over all notebooks."""
