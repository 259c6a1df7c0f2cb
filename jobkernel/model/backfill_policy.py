"""In how many runs a backfill makes an asset's partitions: :class:`BackfillPolicy`. Source: Dagster's class."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import NamedTuple


class BackfillPolicyType(Enum):
    """One run for everything, or several."""

    SINGLE_RUN = "SINGLE_RUN"
    MULTI_RUN = "MULTI_RUN"


class BackfillPolicy(NamedTuple):
    """How many partitions one run makes at most; None is all of them. Make it by the two methods."""

    max_partitions_per_run: int | None = 1

    @staticmethod
    def single_run() -> BackfillPolicy:
        """Return the policy of one run for every contiguous range."""
        return BackfillPolicy(None)

    @staticmethod
    def multi_run(max_partitions_per_run: int = 1) -> BackfillPolicy:
        """Return the policy of runs of at most so many partitions.

        Raises:
            TypeError: the number is no whole number.
        """
        if not isinstance(max_partitions_per_run, int):
            raise TypeError(f"BackfillPolicy.multi_run takes a whole number, not {max_partitions_per_run!r}.")
        return BackfillPolicy(max_partitions_per_run)

    @property
    def policy_type(self) -> BackfillPolicyType:
        """Whether one run does, or several do."""
        return BackfillPolicyType.MULTI_RUN if self.max_partitions_per_run else BackfillPolicyType.SINGLE_RUN

    def __str__(self) -> str:
        if self.policy_type is BackfillPolicyType.SINGLE_RUN:
            return "BackfillPolicy.single_run()"
        return f"BackfillPolicy.multi_run(max_partitions_per_run={self.max_partitions_per_run})"


def strictest(policies: Iterable[BackfillPolicy | None]) -> BackfillPolicy:
    """Return the policy of the fewest partitions a run; an asset without one makes one at a time."""
    given = [BackfillPolicy() if policy is None else policy for policy in policies] or [BackfillPolicy()]
    return min(given, key=lambda policy: policy.max_partitions_per_run or float("inf"))
