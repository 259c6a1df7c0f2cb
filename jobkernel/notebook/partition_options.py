"""The options of cells and launches about partitions: mappings to what a cell loads, and how many a run makes."""

from __future__ import annotations

import argparse
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from jobkernel.errors import did_you_mean
from jobkernel.model.backfill_policy import BackfillPolicy
from jobkernel.model.partition_range import PartitionKeyRange
from jobkernel.model.partitions import PartitionsDefinition
from jobkernel.notebook.options import UsageProblem, whole_number
from jobkernel.rules.mapping_text import read_mapping
from jobkernel.rules.partition_mapping import PartitionMapping
from jobkernel.rules.partition_run import checked_key, keys_of_range
from jobkernel.rules.partition_text import WORDS

_VARIABLE: Final = re.compile(r"\{(?P<braced>[^\W\d]\w*)\}|(?P<name>[^\W\d]\w*)")


def policy_of(given: argparse.Namespace) -> BackfillPolicy | None:
    """Return how many partitions a run makes, as ``--single-run`` or ``--per-run N`` says; None where neither does.

    Raises:
        UsageProblem: both are given, or the number is none.
    """
    most = whole_number(given.per_run, "--per-run", least=1)
    if most is not None and given.single_run:
        raise UsageProblem("--single-run and --per-run are two things; give one.")
    if most is not None:
        return BackfillPolicy.multi_run(most)
    return BackfillPolicy.single_run() if given.single_run else None


def policy_of_cell(given: argparse.Namespace) -> BackfillPolicy | None:
    """Return the same for a definition.

    Raises:
        UsageProblem: it has no partitions, or the options contradict each other.
    """
    policy = policy_of(given)
    if policy is not None and not given.partitions:
        raise UsageProblem("--single-run and --per-run are for an asset with --partitions.")
    return policy


def mappings_of(words: Sequence[str] | None, names: Mapping[str, Any]) -> dict[str, PartitionMapping]:
    """Return the mappings of ``NAME=WHAT`` words; ``names`` are the notebook's variables.

    Raises:
        UsageProblem: a word is none.
        InvalidDefinition: WHAT says no mapping.
    """
    found: dict[str, PartitionMapping] = {}
    for word in words or ():
        name, equals, text = word.partition("=")
        if not (equals and name.strip() and text.strip()):
            raise UsageProblem(f"--mapping: '{word}' names no mapping; write --mapping orders=-6..0.")
        value = names.get(text.strip())
        found[name.strip()] = value if isinstance(value, PartitionMapping) else read_mapping(text)
    return found


def refuse_unused(mappings: Iterable[str], used: Iterable[str]) -> None:
    """Refuse a mapping to what a cell neither reads nor waits for. Raises UsageProblem."""
    known = sorted(set(used))
    for name in mappings:
        if name not in known:
            raise UsageProblem(f"--mapping {name}: the cell uses nothing of that name.{did_you_mean(name, known)}")


def keys_in_variable(text: str, definition: PartitionsDefinition, names: Mapping[str, Any]) -> list[str] | str | None:
    """Return what a variable says where ``--partition`` names one, bare or in braces: keys, or a text to read.

    None where no variable is meant: keys that exist and words such as ``latest`` come first.

    Raises:
        UnknownName: it holds a key that does not exist.
        UsageProblem: it holds no keys.
    """
    found = _VARIABLE.fullmatch(text.strip())
    if found is None or text in WORDS or definition.has_partition_key(text):
        return None
    name = found["braced"] or found["name"]
    if name not in names:
        return None
    value = names[name]
    if isinstance(value, str):
        return value
    if isinstance(value, PartitionKeyRange):
        return list(keys_of_range(value, definition))
    keys = list(value) if isinstance(value, Collection) and not isinstance(value, Mapping) else []
    if not keys or not all(isinstance(key, str) for key in keys):
        raise UsageProblem(
            f"--partition {text}: the variable holds no partition keys; give it a key or a list of keys."
        )
    return [checked_key(key, definition) for key in keys]
