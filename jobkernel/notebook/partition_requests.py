"""What screens ask of an asset's partitions: their list, and making those that are missing, stale or failed.

Launches as ``%materialize --partition`` does: a run of one partition, a backfill over several.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from jobkernel.engine.backfill import Wish
from jobkernel.engine.partitions import as_of_now, failed_keys, keys_to_make, made_keys, stale_keys
from jobkernel.engine.session import Session
from jobkernel.errors import InvariantViolation
from jobkernel.model.runs import Launch
from jobkernel.notebook.partition_launching import is_one_plain_run
from jobkernel.notebook.partition_view import partition_list
from jobkernel.rules.backfills import assets_of_definition, chosen_definition
from jobkernel.rules.partition_text import read_keys
from jobkernel.rules.plan import Plan

Request = Mapping[str, Any]


def listed(session: Session, request: Request) -> dict[str, Any]:
    """Return the protocol's ``PartitionList`` of ``key``, of those that hold ``text`` and stand as ``status`` says."""
    word = request.get("status")
    return partition_list(session, str(request.get("key")), str(request.get("text") or ""), str(word) if word else None)


def materialize_partitions(session: Session, request: Request) -> dict[str, Any]:
    """Make what ``partition`` says of ``key``, as after ``--partition``; return ``text`` and the ``run_id`` of a run.

    Raises:
        UnknownName: a partition, or the asset, does not exist.
        InvariantViolation: the asset has no partitions, or none stands so.
    """
    key = str(request.get("key"))
    plan = session.plan(session.select(f'key:"{key}"'))
    return made_of(session, plan, str(request.get("partition") or "missing"), key)


def made_of(session: Session, plan: Plan, text: str, selection: str) -> dict[str, Any]:
    """Launch a plan for the partitions that a text says; ``to make`` says those stale, failed or missing."""
    with as_of_now(session):
        definition = chosen_definition(plan)
        if definition is None:
            raise InvariantViolation(f"'{selection}' has no partitions.")
        assets = assets_of_definition(plan, definition)
        if text == TO_MAKE:
            to_make = keys_to_make(session, assets)
            keys = [each for each in definition.get_partition_keys() if each in to_make]
        else:
            keys = read_keys(
                text,
                definition,
                made=lambda: made_keys(session, assets),
                failed=lambda: failed_keys(session, assets),
                stale=lambda: stale_keys(session, assets),
            )
        is_one = is_one_plain_run(plan, keys)
    return _launched(session, plan, keys, selection, is_one=is_one)


def _launched(session: Session, plan: Plan, keys: Sequence[str], selection: str, *, is_one: bool) -> dict[str, Any]:
    if not keys:
        raise InvariantViolation(f"Every partition of '{selection}' is fresh or being made.")
    if is_one:
        choice = Launch(trigger="widget", partition_key=keys[0])
        return {"run_id": session.launch(plan, choice).run_id, "text": f"partition {keys[0]}"}
    wish = Wish(plan=plan, keys=tuple(keys), selection=selection, choice=Launch(trigger="widget"))
    backfill = session.backfills.launch(wish)
    return {"run_id": None, "text": f"{len(keys):,} partitions, backfill {backfill.backfill_id}"}


TO_MAKE: Final = "to make"
PARTITION_OPERATIONS: Final[dict[str, Callable[[Session, Request], dict[str, Any]]]] = {
    "partitions": listed,
    "materialize_partitions": materialize_partitions,
}
