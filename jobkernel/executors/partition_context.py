"""The part of a step's context that is about the partition it makes. Knows the step call only."""

from __future__ import annotations

from typing import Any

from jobkernel.errors import InvariantViolation
from jobkernel.executors.call import StepCall


class PartitionPart:
    """What a body may ask of its run's partition."""

    __slots__ = ()
    _call: StepCall

    @property
    def has_partition_key(self) -> bool:
        """Whether the run is for one partition."""
        return self._call.run.partition_key is not None

    @property
    def has_partition_key_range(self) -> bool:
        """Whether the run is for a range of partitions, also of one."""
        return self._call.run.partition_key is not None

    @property
    def has_partitions(self) -> bool:
        """Whether the run is for a partition."""
        return self.has_partition_key

    @property
    def partition_key(self) -> str:
        """The partition that the run is for.

        Raises:
            InvariantViolation: the run is for none.
        """
        key = self._call.run.partition_key
        if key is None:
            raise InvariantViolation(
                f"This run of '{self._call.run.job_name}' is for no partition; launch it with a partition key."
            )
        return key

    @property
    def partition_keys(self) -> list[str]:
        """The partitions that the run is for."""
        return [self.partition_key]

    def asset_partition_key_for_output(self, output_name: str = "result") -> str:
        """Return the partition of the asset behind an output."""
        return self.partition_key

    def asset_partition_keys_for_output(self, output_name: str = "result") -> list[str]:
        """Return the partitions of the asset behind an output."""
        return self.partition_keys

    @property
    def partition_time_window(self) -> Any:
        """The span of time of the run's partition.

        Raises:
            InvariantViolation: the run's partition is no span of time.
        """
        partitions = self._partitions()
        window = getattr(partitions, "time_window_for_partition_key", None)
        if window is None:
            raise InvariantViolation(f"The partitions of step '{self._call.step.key}' are no spans of time.")
        return window(self.partition_key)

    def _partitions(self) -> Any:
        assets = self._call.step.assets
        found = [spec.partitions for spec in assets.specs if spec.partitions is not None] if assets is not None else []
        return found[0] if found else None
