"""Why an asset was requested, or what it waits for: a tree as JSON, and one sentence. Pure; knows no screen.

Trees are bounded: of parts beyond the most that are kept, how many were left out is said.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from jobkernel.model.conditions import Around, Checks, Dependencies, Operand, Or
from jobkernel.rules.conditions_facts import Key, Subset, shown
from jobkernel.rules.conditions_scope import Found
from jobkernel.rules.cron import read_crons

MOST_PARTS: Final = 60
MOST_NAMED: Final = 3
HOPELESS: Final = "somebody to make it, since it was missing from the start"


def tree_of(found: Found, most: int = MOST_PARTS) -> dict[str, Any]:
    """Return an evaluation as JSON, with what its parts came to in ``children``.

    Each has a ``label``, a ``status`` (``true``, ``false``, ``partly``, or ``moot`` where it was not asked), of how
    many partitions it is ``true`` and ``of`` how many it was asked (1 where there are none), which ``partitions`` those
    are, in words, and an ``operator``, or its own ``name`` where its label is another; ``left_out`` counts parts beyond
    ``most``.
    """
    return _tree(found, [most])


def _tree(found: Found, left: list[int]) -> dict[str, Any]:
    left[0] -= 1
    kept = [_tree(child, left) for child in found.children if left[0] > 0]
    condition, true, of = found.condition, len(found.true), len(found.candidates)
    status = "moot" if not of else "false" if not true else "true" if true >= of else "partly"
    tree: dict[str, Any] = {"label": str(condition), "status": status, "true": true, "of": of}
    if found.true and None not in found.true:
        tree["partitions"] = _some(found.true)
    if condition.operator != "identity":
        tree["operator"] = condition.operator
    elif condition.label is not None:
        tree["name"] = condition.name
    if kept:
        tree["children"] = kept
    if len(kept) < len(found.children):
        tree["left_out"] = len(found.children) - len(kept)
    return tree


def _some(partitions: Subset) -> str:
    """Name partitions: the first by their keys, and how many more there are."""
    first = heapq.nsmallest(MOST_NAMED, map(str, partitions))
    return ", ".join(first) + (f" and {len(partitions) - len(first)} more" if len(partitions) > len(first) else "")


def sentence_of(found: Found, now: datetime) -> str:
    """Return in one sentence why an asset is requested, or what it waits for."""
    name = shown(found.key)
    if found.true:
        many = "" if None in found.true else f" ({len(found.true)} of its partitions)"
        return f"'{name}' is requested{many}: {found.condition} is true."
    if _is_first(found):
        return f"'{name}' waits for something new: this was the first look at its condition."
    return f"'{name}' waits for {_waits(found, now) or HOPELESS}."


def _is_first(found: Found) -> bool:
    """Whether the asset counts as handled only because its condition was never evaluated before."""
    if isinstance(found.condition, Operand):
        return found.condition.kind == "initial_evaluation" and bool(found.true)
    return any(_is_first(child) for child in found.children)


def _waits(found: Found, now: datetime) -> str:
    condition = found.condition
    if isinstance(condition, Operand):
        phrase = OPERANDS[condition.kind](condition, found.key, now)
    elif isinstance(condition, Around):
        phrase = _waits_around(condition, found, now)
    elif condition.operator == "and":
        blocked = next((child for child in found.children if not child.true), None)
        phrase = "the same partitions to fit all its parts" if blocked is None else _waits(blocked, now)
    elif condition.operator == "or":
        phrase = _either([_waits(child, now) for child in found.children])
    elif condition.operator == "not":
        phrase = _ends(found.children[0], now)
    else:
        phrase = _waits_first(found, now)
    return phrase


def _waits_first(found: Found, now: datetime) -> str:
    """Return what a part waits for that goes by its first own part: since, newly true, at another asset.

    Nothing where it waits for something to become missing that is missing already.
    """
    if not found.children:
        return f"'{found.condition}'"
    first = found.children[0]
    if not first.true:
        return _waits(first, now)
    is_missing = isinstance(first.condition, Operand) and first.condition.kind == "missing"
    return "" if is_missing else f"'{first.condition}' to become true again"


def _waits_around(condition: Around, found: Found, now: datetime) -> str:
    what = "check" if isinstance(condition, Checks) else "dependency"
    if not found.children:
        return "" if condition.label == "any_deps_updated" else f"a {what}, of which it has none that counts"
    if condition.is_all:
        blocked = [child for child in found.children if not child.true]
        return " and ".join(filter(None, (_waits(child, now) for child in blocked[:MOST_NAMED]))) + _more(blocked)
    if condition.label == "any_deps_updated":
        return f"an update of {_named(found.children)}"
    return _either([_waits(child, now) for child in found.children[:MOST_NAMED]]) + _more(found.children)


def _ends(found: Found, now: datetime) -> str:
    """Return what has to happen for something that is true not to be so any more."""
    condition = found.condition
    true = [child for child in found.children if child.true]
    if isinstance(condition, Dependencies) and not condition.is_all and true:
        match condition.label:
            case "any_deps_missing":
                return f"{_named(true)}, never made so far"
            case "any_deps_in_progress":
                return f"the run that makes {_named(true)} to end"
    if condition.label == "in_progress" or (isinstance(condition, Or) and len(true) == 1 and condition.label is None):
        return f"the run that makes '{shown(found.key)}' to end" if condition.label else _ends(true[0], now)
    if isinstance(condition, Operand) and condition.kind in ENDS:
        return ENDS[condition.kind].format(shown(found.key))
    return f"'{condition}' not to be true"


def _named(children: Sequence[Found]) -> str:
    names = [f"'{child.condition.name}'" for child in children[:MOST_NAMED]]
    return " or ".join(names) + _more(children)


def _more(children: Sequence[Any]) -> str:
    return f" ({len(children) - MOST_NAMED} more)" if len(children) > MOST_NAMED else ""


def _either(phrases: Sequence[str]) -> str:
    return ", or ".join(dict.fromkeys(filter(None, phrases)))


def _tick(condition: Operand, _key: Key, now: datetime) -> str:
    cron, zone = condition.argument("cron_schedule"), condition.argument("cron_timezone")
    crons = read_crons(cron, zone)
    moment = crons.after(now).astimezone(crons.zone.rules)
    return f"the next tick of cron '{cron}', {moment:%Y-%m-%d %H:%M} {zone}"


def _says(text: str) -> Callable[[Operand, Key, datetime], str]:
    return lambda _condition, key, _now: text.format(shown(key))


OPERANDS: Final[Mapping[str, Callable[[Operand, Key, datetime], str]]] = {
    "missing": _says("'{}' to be missing"),
    "run_in_progress": _says("a run that makes '{}'"),
    "backfill_in_progress": _says("a backfill of '{}'"),
    "execution_failed": _says("a run of '{}' that fails"),
    "initial_evaluation": _says("its first look"),
    "newly_updated": _says("an update of '{}'"),
    "newly_requested": _says("a request of '{}'"),
    "will_be_requested": _says("a request of '{}'"),
    "code_version_changed": _says("another code version of '{}'"),
    "data_version_changed": _says("another data version of '{}'"),
    "cron_tick_passed": _tick,
    "in_latest_time_window": _says("its first partition by time"),
    "check_passed": _says("check '{}' to pass"),
    "check_failed": _says("check '{}' to fail"),
    "executed_with_root_target": _says("a run that makes '{}' too"),
    "executed_with_tags": _says("a run of '{}' with the tags asked for"),
    "all_new_updates_have_run_tags": _says("updates of '{}' by runs with the tags asked for"),
    "any_new_update_has_run_tags": _says("an update of '{}' by a run with the tags asked for"),
}
"""What has to happen for an operand to be true, by kind."""
ENDS: Final[Mapping[str, str]] = {
    "missing": "'{}', never made so far",
    "run_in_progress": "the run that makes '{}' to end",
    "backfill_in_progress": "the backfill of '{}' to end",
    "execution_failed": "a run of '{}' that succeeds",
}


def whys(results: Mapping[Key, Found], now: datetime) -> dict[str, dict[str, Any]]:
    """Return of each asset and check that has a condition how much is ``requested``, the sentence and the tree."""
    return {
        shown(key): {"requested": len(found.true), "why": sentence_of(found, now), "tree": tree_of(found)}
        for key, found in results.items()
    }
