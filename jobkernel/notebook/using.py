"""``%jk use``: assets that another notebook of the project makes. Knows which those are; the history says so."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from contextlib import suppress

from jobkernel.engine.entries import Entry
from jobkernel.engine.session import Session
from jobkernel.errors import HistoryError, InvalidDefinition, InvalidSelection, did_you_mean
from jobkernel.model.definitions import Assets, AssetSpec
from jobkernel.model.keys import AssetKey
from jobkernel.notebook.kernel import NotebookKernel
from jobkernel.notebook.options import UsageProblem
from jobkernel.notebook.run_search import keys_known
from jobkernel.notebook.shown import Shown
from jobkernel.rules.names import check_name


def use(kernel: NotebookKernel, given: argparse.Namespace) -> Shown:
    """Declare assets that another notebook of the project makes.

    Raises:
        InvalidDefinition: this notebook makes one of them, or a name is no key.
    """
    if not given.keys:
        raise UsageProblem("%jk use: missing KEYS. Usage: %jk use KEY …")
    session = kernel.session
    for key in given.keys:
        for part in AssetKey.from_user_string(key).parts:
            check_name(part, "Asset")
        _refuse_own(session, key)
    known = keys_known(session.history)
    for key in given.keys:
        record = Assets(specs=(AssetSpec(key=key, kinds=frozenset()),))
        session.define(Entry(kind="declared", name=key, record=record))
    unmade = [key for key in given.keys if key in known and session.states.made(key) is None]
    words = [f"✓ using {', '.join(given.keys)}"]
    words += [f"never made yet: {', '.join(unmade)}"] if unmade else []
    words += [_made_by_nobody(key, known) for key in given.keys if key not in known]
    return Shown(" · ".join(words))


def usable_keys(session: Session) -> list[str]:
    """Return the assets of the project that this notebook does not make; none where the history does not answer."""
    with suppress(HistoryError):
        return [key for key in keys_known(session.history) if not _is_own(session, key)]
    return []


def refuse_used(session: Session, keys: Iterable[str]) -> None:
    """Raise :class:`InvalidSelection` where all of these assets are made elsewhere, naming by whom."""
    chosen = list(keys)
    if not chosen or any(_is_own(session, key) for key in chosen):
        return
    notebook = keys_known(session.history).get(chosen[0])
    if notebook is not None:
        raise InvalidSelection(f"'{chosen[0]}' is made by {notebook}: materialize it there; it is only used here.")
    raise InvalidSelection(f"'{chosen[0]}' is only used here, and no notebook of the project is known to make it.")


def _is_own(session: Session, key: str) -> bool:
    made_here = session.registry.assets.get(key)
    return made_here is not None and not made_here.is_external


def _refuse_own(session: Session, key: str) -> None:
    if not _is_own(session, key):
        return
    entry = session.registry.entries.get(("asset", key))
    number = entry.options.get("cell_number") if entry is not None else None
    where = f"this notebook's cell [{number}]" if number else "this notebook"
    raise InvalidDefinition(f"%jk use: '{key}' is made by {where}; %jk use is for assets of other notebooks.")


def _made_by_nobody(key: str, known: Iterable[str]) -> str:
    return f"no notebook of the project makes {key} yet.{did_you_mean(key, known)}".rstrip(".")
