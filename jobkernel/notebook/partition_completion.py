"""Tab behind ``--partition``, ``--partitions`` and ``%jk backfill``: words, keys of what the line names, backfills."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from contextlib import suppress
from itertools import islice
from typing import Final

from jobkernel.engine.partitions import as_of_now, partitions_of
from jobkernel.engine.session import Session
from jobkernel.errors import HistoryError, JobkernelError
from jobkernel.model.partitions import PartitionsDefinition
from jobkernel.rules.backfills import chosen_definition
from jobkernel.rules.partition_text import KINDS, WORDS

MOST_KEYS: Final = 50
"""So many keys that begin as typed are offered, the latest first."""
MOST_BACKFILLS: Final = 20


def partition_texts(session: Session, magic: str, rest: str) -> Iterable[str]:
    """Return what may stand behind ``--partition`` at the end of a line: keys, also at the end of a range or list."""
    words = rest.split()
    named = words[: next((place for place, word in enumerate(words) if word.startswith("-")), None)]
    half = "" if rest.endswith(" ") else words[-1]
    head = half[: max(half.rfind(",") + 1, half.rfind("..") + 2 if ".." in half else 0)]
    try:
        with as_of_now(session):
            definition = _definition(session, magic, named)
            keys = reversed(definition.get_partition_keys()) if definition is not None else ()
    except JobkernelError:
        return ()
    begin = (f"{head}{shlex.quote(key) if ' ' in key else key}" for key in keys)
    found = list(islice((text for text in begin if text.startswith(half)), MOST_KEYS))
    return [*(() if head or magic == "%why" else WORDS), *found]


def definition_texts() -> list[str]:
    """Return what a text behind ``--partitions`` may begin with."""
    return [f"{kind}:" for kind in KINDS]


def backfill_names(session: Session, half: str) -> list[tuple[str, str]]:
    """Return the latest backfills that begin so, each with what it is of and how it stands."""
    with suppress(HistoryError):
        rows = session.history.query("backfills", limit=MOST_BACKFILLS)
        found = [(row["backfill_id"], f"{row['status']} of {row['selection']}") for row in rows]
        return [each for each in found if each[0].startswith(half)]
    return []


def _definition(session: Session, magic: str, named: list[str]) -> PartitionsDefinition | None:
    if magic == "%why":
        return partitions_of(session.registry, named[0]) if named else None
    if magic == "%launch":
        return chosen_definition(session.plan_job(named[0])) if named else None
    return chosen_definition(session.plan(session.select(" ".join(named) or None)))
