"""The options of cells and launches about partitions: mappings to what a cell loads, and how many a run makes."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from jobkernel.errors import did_you_mean
from jobkernel.model.backfill_policy import BackfillPolicy
from jobkernel.notebook.options import UsageProblem, whole_number
from jobkernel.rules.mapping_text import read_mapping
from jobkernel.rules.partition_mapping import PartitionMapping


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
