"""When each operand of a condition is true: one function a kind. Rules and edge cases are Dagster's.

Where they hardly seem meant they are kept all the same: only the partition made last of all counts as made by the run
that is asked about, and a tick at the very instant of a look counts at the next one too.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Final

from jobkernel.errors import Unsupported
from jobkernel.model.conditions import Operand
from jobkernel.rules.conditions_facts import NONE, WHOLE, CheckStatus, RunFacts, Subset, Update
from jobkernel.rules.conditions_scope import Found, Scope, Times
from jobkernel.rules.conditions_subsets import shape_of
from jobkernel.rules.cron import read_crons

MOST_TIMED: Final = 100
"""Of more updated partitions than this, the look's own time stands for when they were made."""


def operand(scope: Scope) -> Found:
    """Return what an operand is true of."""
    assert isinstance(scope.condition, Operand)
    kind = scope.condition.kind
    if kind in TIMED:
        true, times = TIMED[kind](scope) if scope.candidates else (NONE, None)
        return scope.found(true, times=times)
    if kind in ALWAYS:
        return scope.found(ALWAYS[kind](scope))
    return scope.found(PLAIN[kind](scope) if scope.candidates else NONE)


def _argument(scope: Scope, name: str) -> object:
    assert isinstance(scope.condition, Operand)
    return scope.condition.argument(name)


def _missing(scope: Scope) -> Subset:
    if isinstance(scope.key, tuple):
        return _of_status(scope, None)
    made = {update.partition for update in scope.look.facts.asset(scope.key).updates}
    return scope.candidates - made


def _of_status(scope: Scope, status: CheckStatus | None) -> Subset:
    assert isinstance(scope.key, tuple)
    return scope.full if scope.look.facts.check(scope.key).status == status else NONE


def _run_in_progress(scope: Scope) -> Subset:
    if isinstance(scope.key, tuple):
        return _of_status(scope, CheckStatus.IN_PROGRESS)
    return scope.look.subsets.known(scope.key, scope.look.facts.asset(scope.key).in_progress)


def _backfill_in_progress(scope: Scope) -> Subset:
    if isinstance(scope.key, tuple):
        return NONE
    return scope.look.subsets.known(scope.key, scope.look.facts.asset(scope.key).in_backfill)


def _execution_failed(scope: Scope) -> Subset:
    if isinstance(scope.key, tuple):
        return _of_status(scope, CheckStatus.EXECUTION_FAILED)
    return scope.look.subsets.known(scope.key, scope.look.facts.asset(scope.key).failed)


def _check_passed(scope: Scope) -> Subset:
    return _of_check(scope, CheckStatus.SUCCEEDED)


def _check_failed(scope: Scope) -> Subset:
    return _of_check(scope, CheckStatus.FAILED)


def _of_check(scope: Scope, status: CheckStatus) -> Subset:
    if isinstance(scope.key, tuple):
        return _of_status(scope, status)
    raise Unsupported(
        f"'{scope.condition}' is a condition of checks; use any_checks_match({scope.condition}()) of assets."
    )


def _will_be_requested(scope: Scope) -> Subset:
    requested = scope.look.requested.get(scope.key, NONE)
    is_possible = scope.node.is_made and scope.look.subsets.can_share_run(scope.root.key, scope.key)
    return requested if is_possible else NONE


def _in_latest_time_window(scope: Scope) -> Subset:
    return scope.look.subsets.latest(scope.key, _argument(scope, "lookback_timedelta"))  # type: ignore[arg-type]


def _new_updates(scope: Scope) -> list[Update]:
    """Return the updates since the look before; none at the first."""
    before = scope.root.before
    if before is None or isinstance(scope.key, tuple):
        return []
    return [update for update in scope.look.facts.asset(scope.key).updates if update.seq > (before.seq or 0)]


def _newly_updated(scope: Scope) -> tuple[Subset, Times | None]:
    if isinstance(scope.key, tuple):
        before, at = scope.root.before, scope.look.facts.check(scope.key).evaluated_at
        return (WHOLE if before is not None and at is not None and at >= before.at else NONE), None
    last = {update.partition: update for update in _new_updates(scope)}
    true = scope.look.subsets.known(scope.key, last)
    if len(true) > MOST_TIMED:
        return true, {scope.look.now.timestamp(): true}
    times: dict[float, Subset] = {}
    for partition in true:
        times[last[partition].at] = times.get(last[partition].at, NONE) | {partition}
    return true, times or None


def _newly_requested(scope: Scope) -> tuple[Subset, Times | None]:
    memory = scope.look.cursor.of.get(scope.key)
    true = (memory.requested.subset(scope.node.partitions) if memory is not None else None) or NONE
    before = scope.root.before
    return true, {before.at: true} if true and before is not None else None


def _cron_tick_passed(scope: Scope) -> tuple[Subset, Times | None]:
    crons = read_crons(str(_argument(scope, "cron_schedule")), str(_argument(scope, "cron_timezone")))
    tick = crons.upto(scope.look.now).timestamp()
    before = scope.root.before
    if before is None or tick < before.at:
        return NONE, None
    return scope.candidates, {tick: scope.candidates}


def _data_version_changed(scope: Scope) -> Subset:
    if isinstance(scope.key, tuple):
        return NONE
    last: dict[str | None, str | None] = {}
    then: dict[str | None, str | None] = {}
    seq = (scope.root.before.seq if scope.root.before else None) or 0
    for update in scope.look.facts.asset(scope.key).updates:
        (last if update.seq > seq else then)[update.partition] = update.data_version
    changed = {partition for partition in last if last[partition] != then.get(partition)}
    return scope.look.subsets.known(scope.key, changed) if scope.root.before is not None else NONE


def _executed_with_root_target(scope: Scope) -> Subset:
    root = scope.root.key
    return NONE if scope.key == root else _of_latest_run(scope, lambda run: root in run.targets)


def _executed_with_tags(scope: Scope) -> Subset:
    return _of_latest_run(scope, lambda run: _has_tags(scope, run))


def _of_latest_run(scope: Scope, fits: Callable[[RunFacts], bool]) -> Subset:
    facts = scope.look.facts
    if isinstance(scope.key, tuple):
        run_id, partition = facts.check(scope.key).run_id, None
    else:
        updates = facts.asset(scope.key).updates
        if not updates:
            return NONE
        run_id, partition = updates[-1].run_id, updates[-1].partition
    run = facts.runs.get(run_id or "")
    return scope.candidates & {partition} if run is not None and fits(run) else NONE


def _all_new_updates_have_run_tags(scope: Scope) -> Subset:
    return _of_new_runs(scope, all)


def _any_new_update_has_run_tags(scope: Scope) -> Subset:
    return _of_new_runs(scope, any)


def _of_new_runs(scope: Scope, fits: Callable[[Iterable[bool]], bool]) -> Subset:
    if scope.root.before is None or not scope.root.before.seq:
        return NONE
    runs: dict[str | None, list[bool]] = {}
    for update in _new_updates(scope):
        run = scope.look.facts.runs.get(update.run_id)
        runs.setdefault(update.partition, []).append(run is not None and _has_tags(scope, run))
    return scope.look.subsets.known(scope.key, [partition for partition, had in runs.items() if fits(had)])


def _has_tags(scope: Scope, run: RunFacts) -> bool:
    keys: Collection[str] = _argument(scope, "tag_keys") or ()  # type: ignore[assignment]
    values: Iterable[tuple[str, str]] = _argument(scope, "tag_values") or ()  # type: ignore[assignment]
    return all(key in run.tags for key in keys) and all(run.tags.get(key) == value for key, value in values)


def _code_version_changed(scope: Scope) -> Subset:
    before = scope.root.before
    place = f"code_version {scope.key}"
    remembered = before.texts.get(place) if before is not None else None
    scope.root.texts[place] = scope.node.code_version
    is_changed = remembered is not None and remembered != scope.node.code_version
    return scope.candidates if is_changed else NONE


def _initial_evaluation(scope: Scope) -> Subset:
    before = scope.root.before
    definition = scope.look.graph.node(scope.root.key).partitions
    if before is None or before.requested.subset(definition) is None:
        return scope.candidates
    is_same_kind = before.requested.shape[:4] == shape_of(definition)[:4]
    return NONE if is_same_kind else scope.candidates


PLAIN: Final[Mapping[str, Callable[[Scope], Subset]]] = {
    "missing": _missing,
    "run_in_progress": _run_in_progress,
    "backfill_in_progress": _backfill_in_progress,
    "execution_failed": _execution_failed,
    "will_be_requested": _will_be_requested,
    "in_latest_time_window": _in_latest_time_window,
    "data_version_changed": _data_version_changed,
    "check_passed": _check_passed,
    "check_failed": _check_failed,
    "executed_with_root_target": _executed_with_root_target,
    "executed_with_tags": _executed_with_tags,
    "all_new_updates_have_run_tags": _all_new_updates_have_run_tags,
    "any_new_update_has_run_tags": _any_new_update_has_run_tags,
}
"""Those that are asked where there are candidates at all."""
TIMED: Final[Mapping[str, Callable[[Scope], tuple[Subset, Times | None]]]] = {
    "newly_updated": _newly_updated,
    "newly_requested": _newly_requested,
    "cron_tick_passed": _cron_tick_passed,
}
"""Those that know when what they speak of happened."""
ALWAYS: Final[Mapping[str, Callable[[Scope], Subset]]] = {
    "code_version_changed": _code_version_changed,
    "initial_evaluation": _initial_evaluation,
}
"""Those that are asked also where there are no candidates, since they remember something."""
