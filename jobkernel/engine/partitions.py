"""Partitions of what a session has defined: of which assets, which keys there are, and which a launch chooses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from jobkernel.engine.dynamic_keys import dynamic_keys_now
from jobkernel.errors import InvariantViolation
from jobkernel.model.definitions import EMPTY
from jobkernel.model.partition_loading import partition_loading_context
from jobkernel.model.partitions import PartitionsDefinition
from jobkernel.model.runs import Launch
from jobkernel.rules.partition_run import ChosenPartitions, choose_partitions
from jobkernel.rules.partition_standing import RUNNING
from jobkernel.rules.plan import Plan
from jobkernel.rules.staleness import FRESH, STALE

if TYPE_CHECKING:
    from jobkernel.engine.registry import Registry
    from jobkernel.engine.session import Session


def partitions_of(registry: Registry, key: str) -> PartitionsDefinition | None:
    """Return the partitions of an asset that is defined here; None where it has none."""
    assets = registry.assets.get(key)
    found = (spec.partitions for spec in assets.specs if spec.key == key) if assets is not None else iter(())
    return next(found, None)


@contextmanager
def as_of_now(session: Session) -> Iterator[None]:
    """Ask for partitions as of the session's present, and with its dynamic keys."""
    with partition_loading_context(session.clock.now(), dynamic_keys_now(session)):
        yield


def chosen_partitions(session: Session, plan: Plan, choice: Launch) -> ChosenPartitions:
    """Return the partitions that a launch chooses.

    Raises:
        InvariantViolation: it chooses none and has to, or one of a plan without partitions.
        UnknownName: a key that does not exist.
    """
    tags = {**(plan.job.tags_of_runs if plan.job else {}), **choice.tags}
    with as_of_now(session):
        chosen = choose_partitions(
            plan,
            key=choice.partition_key,
            tags=tags,
            given_config=choice.config,
            partitions_of=lambda key: partitions_of(session.registry, key),
        )
        _refuse_none(plan, chosen)
    return chosen


def states_of_keys(session: Session, key: str) -> dict[str, Mapping[str, Any]]:
    """Return the history's row of each partition of an asset that a run made, tried or is to make, by its key."""
    rows = session.history.query("asset_state", asset_key=key)
    return {row["partition_key"]: row for row in rows if row["partition_key"] is not None}


def made_keys(session: Session, assets: Iterable[str]) -> set[str]:
    """Return the partitions that all of these assets have made, at whatever time."""
    made = [
        {key for key, row in states_of_keys(session, asset).items() if row["last_materialized_at"] is not None}
        for asset in assets
    ]
    return set.intersection(*made) if made else set()


def failed_keys(session: Session, assets: Iterable[str]) -> set[str]:
    """Return the partitions whose last attempt failed, of any of these assets."""
    rows = (states_of_keys(session, asset) for asset in assets)
    return {key for each in rows for key, row in each.items() if row["status"] == "FAILED"}


def stale_keys(session: Session, assets: Iterable[str]) -> set[str]:
    """Return the partitions that are made and stale, of any of these assets."""
    return {key for asset in assets for key, word in _words(session, asset).items() if word == STALE}


def keys_to_make(session: Session, assets: Iterable[str]) -> set[str]:
    """Return the partitions that are stale, failed or missing, of any of these assets, and not in progress."""
    standings = [standing for asset in assets if (standing := session.freshness.partitions(asset)) is not None]
    return {key for each in standings for key in each.keys if each.words.get(key) not in (FRESH, RUNNING)}


def _words(session: Session, asset: str) -> Mapping[str, str]:
    standing = session.freshness.partitions(asset)
    return standing.words if standing is not None else EMPTY


def _refuse_none(plan: Plan, chosen: ChosenPartitions) -> None:
    known = chosen.partitions
    made = [key for key in plan.asset_keys if known is not None and key in known.of_assets]
    if not made or known is None or known.keys or known.definition is None:
        return
    first, last = known.definition.get_first_partition_key(), known.definition.get_last_partition_key()
    if first is None:
        raise InvariantViolation(f"'{made[0]}' has partitions, and none exists yet.")
    raise InvariantViolation(
        f"'{made[0]}' has partitions; they go from '{first}' to '{last}'. Say which one:"
        " --partition KEY, latest, missing or all; in a schedule or sensor RunRequest(partition_key=…)."
    )
