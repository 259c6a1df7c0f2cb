"""What the partitions that a run makes are made from: the versions of what they need above, when a step starts.

Asked by ``Freshness`` at a launch; the events of the values carry what it tells.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import field
from typing import TYPE_CHECKING, Any

from jobkernel.engine.moves import Moves
from jobkernel.engine.partition_edges import Above, Exist, Versions
from jobkernel.engine.partition_freshness import mapping_in, partitions_in
from jobkernel.engine.partition_states import PartitionStates
from jobkernel.executors.partition_values import UPSTREAM_OF
from jobkernel.model.definitions import EMPTY, Assets
from jobkernel.model.partitions import PartitionsDefinition
from jobkernel.records import dataclass
from jobkernel.rules.partition_run import RunPartitions
from jobkernel.rules.plan import PlannedStep

if TYPE_CHECKING:
    from jobkernel.engine.registry import Registry


@dataclass(frozen=True, slots=True)
class FromPartitions:
    """The versions of what has partitions above a step: for the whole step, and by partition that it makes."""

    whole: Mapping[str, str] = field(default=EMPTY)
    each: Mapping[str, Any] = field(default=EMPTY)


@dataclass(slots=True)
class _NotJudged:
    """Stands where nothing is judged: only versions are asked."""

    moves: Moves = field(default_factory=Moves)
    stale: dict[str, None] = field(default_factory=dict)


class PartitionMaking:
    """Tells it for the steps of one run."""

    def __init__(
        self,
        states: PartitionStates,
        registry: Registry,
        partitions: RunPartitions | None,
        as_of_now: Callable[[], AbstractContextManager[Any]],
    ) -> None:
        self._states = states
        self._registry = registry
        self._keys = partitions.keys if partitions is not None else ()
        self._as_of_now = as_of_now

    def of(self, step: PlannedStep) -> FromPartitions:
        """Return the versions of what a step is about to be made from, as they are now."""
        return self.of_assets(step.assets) if step.assets is not None else FromPartitions()

    def of_assets(self, assets: Assets) -> FromPartitions:
        """Return the same for assets that are made together."""
        own = next((spec.partitions for spec in assets.specs if spec.partitions is not None), None)
        with self._as_of_now():
            above = dict(self._above(assets, own))
            if not above:
                return FromPartitions()
            if own is None:
                return FromPartitions(_known(above, None))
            return FromPartitions(EMPTY, {UPSTREAM_OF: {part: _known(above, part) for part in self._keys}})

    def _above(self, assets: Assets, own: PartitionsDefinition | None) -> Iterator[tuple[str, Above]]:
        together = {spec.key for spec in assets.specs}
        for parent in dict.fromkeys(key for spec in assets.specs for key in spec.deps if key not in together):
            upstream = self._registry.assets.get(parent)
            definition = partitions_in(upstream, parent) if upstream is not None else None
            if definition is None:
                continue
            exist = Exist(definition)
            exist.look()
            versions = Versions(parent, self._states)
            yield parent, Above(versions, exist, own, mapping_in(assets, parent), _NotJudged())


def _known(above: Mapping[str, Above], part: str | None) -> dict[str, str]:
    versions = {parent: edge.version(part) for parent, edge in above.items()}
    return {parent: version for parent, version in versions.items() if version is not None}
