"""``%jk pin`` and ``%jk pins``: hand a notebook's schedules and sensors to the Jupyter server, proven beforehand."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from jobkernel.clock import from_us
from jobkernel.engine.entries import AUTOMATIONS
from jobkernel.errors import InvalidDefinition, did_you_mean
from jobkernel.notebook.defining_source import defining_source
from jobkernel.notebook.kept_cells import Snapshot
from jobkernel.notebook.kernel import NotebookKernel
from jobkernel.notebook.options import UsageProblem
from jobkernel.notebook.restoring import remedy_of_unrun
from jobkernel.notebook.shown import Shown, count_of
from jobkernel.storage import pins
from jobkernel.storage.pins import Pin
from jobkernel.storage.table import Table

PROVING_S: Final = 600.0
OWN: Final = frozenset({"In", "Out", "exit", "quit", "get_ipython", "open"})
COLUMNS: Final = {"notebook": "VARCHAR", "keeps": "VARCHAR", "is": "VARCHAR", "pinned_at (UTC)": "TIMESTAMP"}
STATE_WORDS: Final = {
    "waiting": "the Jupyter server is about to start its kernel",
    "starting": "its kernel is starting",
    "keeping": "its kernel keeps them going",
    "ended": "its kernel has ended; the Jupyter server starts it again",
}
NO_KEEPER: Final = "no Jupyter server runs that would keep it going"
ON_A_HUB: Final = "On JupyterHub the server itself may be culled when nobody uses it; then nothing keeps them going."


def pin(kernel: NotebookKernel, given: argparse.Namespace) -> Shown:
    """Pin this notebook, or with ``--off`` pin it no longer.

    Raises:
        InvalidDefinition: it cannot be pinned; the sentence says why, and nothing has changed.
    """
    session = kernel.session
    if session.project is None:
        raise InvalidDefinition("Nothing can be written into this notebook's project, so a pin cannot be kept there.")
    if kernel.notebook is None:
        raise InvalidDefinition("Jupyter does not say which notebook this is, so it cannot be pinned; save it first.")
    if given.off:
        return _unpin(kernel, session.project, given.notebook)
    if given.notebook is not None:
        raise UsageProblem(
            "%jk pin: a notebook is pinned from its own cells; another one can only be given with --off."
        )
    made = _pin_of(kernel, session.project, kernel.notebook)
    _prove(made)
    pins.save(made)
    kept = _kept_words(made)
    lines = [f"✓ pinned {made.notebook}: {kept}, {count_of(len(made.cells), 'cell')}, proven in a kernel of its own."]
    if pins.has_keeper():
        lines.append("The Jupyter server keeps them going when this kernel is gone; while it lives they stay here.")
    else:
        lines.append(
            "No Jupyter server that keeps pins runs now: one started later takes it up, or `jobkernel scheduler"
            f" {made.notebook}` does."
        )
    if any(name.startswith("JUPYTERHUB_") for name in os.environ):
        lines.append(ON_A_HUB)
    return Shown("\n".join(lines))


def _unpin(kernel: NotebookKernel, project: Path, name: str | None) -> Shown:
    found = pins.of_project(project)
    known = next((each for each in found if _is_meant(kernel, each, name)), None)
    if known is None and name is not None:
        raise InvalidDefinition(
            f"No notebook '{name}' is pinned.{did_you_mean(name, [each.notebook for each in found])}"
        )
    if known is None:
        others = ", ".join(each.notebook for each in found)
        return Shown(
            "This notebook is not pinned." + (f" Pinned are {others}: %jk pin --off NOTEBOOK." if others else "")
        )
    pins.remove(known)
    whose = "this kernel" if known.path == str(kernel.notebook) else "its own kernel"
    return Shown(f"{known.notebook} is pinned no longer; its schedules and sensors end with {whose}.")


def _is_meant(kernel: NotebookKernel, each: Pin, name: str | None) -> bool:
    return each.path == str(kernel.notebook) if name is None else name in (each.notebook, each.path)


def _kept_words(made: Pin) -> str:
    kinds = [kind for kind, _ in made.definitions]
    counts = [count_of(kinds.count(kind), kind) for kind in AUTOMATIONS if kind in kinds]
    return " and ".join(counts) or count_of(len(made.automations), "sensor")


def pinned(kernel: NotebookKernel, _given: argparse.Namespace) -> Any:
    """Show the pinned notebooks of this project."""
    project = kernel.session.project
    found = pins.of_project(project) if project is not None else []
    if not found:
        return Shown("No notebook of this project is pinned.")
    rows = [(each.notebook, ", ".join(each.automations), _standing(kernel, each), _when(each)) for each in found]
    return Table(list(COLUMNS), list(COLUMNS.values()), rows, widest=160)


def _standing(kernel: NotebookKernel, each: Pin) -> str:
    is_own = str(kernel.notebook) == each.path
    moved_on = is_own and has_moved_on(kernel, each)
    words = pin_words(pins.state_of(each), moved_on=moved_on, live=is_own and is_live(kernel, each))
    is_gone = not is_own and not os.path.exists(each.path)
    return f"{words} There is no such notebook any more: %jk pin --off {each.notebook} ends it." if is_gone else words


def has_moved_on(kernel: NotebookKernel, known: Pin | None) -> bool:
    """Whether this notebook's definitions are other ones than those that are pinned."""
    snapshot = _snapshot(kernel)
    return known is not None and bool(snapshot.definitions) and snapshot.digest != known.digest


def is_live(kernel: NotebookKernel, known: Pin) -> bool:
    """Whether this kernel sees to what is pinned."""
    watched = kernel.session.automations.watched
    return any(name in watched and watched[name].is_ours for name in known.automations)


def pin_words(state: Mapping[str, Any], *, moved_on: bool, live: bool) -> str:
    """Say of a pinned notebook who sees to it now, and what to do where it has moved on."""
    is_kept = state["state"] in ("starting", "keeping")
    if state["state"] == "failed":
        words = f"Pinned; its kernel failed: {str(state.get('error')).rstrip('.')}."
    elif not is_kept and not pins.has_keeper():
        who = "Live: this kernel sees to it" if live else "Pinned"
        words = f"{who}; {NO_KEEPER}."
    elif live:
        words = "Live: this kernel sees to it, and gives it to the Jupyter server's when it ends."
    else:
        words = f"Pinned; {STATE_WORDS.get(state['state'], state['state'])}."
    return f"{words} The notebook has moved on since: %jk pin takes up what is new." if moved_on else words


def _when(each: Pin) -> Any:
    return from_us(each.pinned_us).replace(tzinfo=None, microsecond=0)


def _snapshot(kernel: NotebookKernel) -> Snapshot:
    return kernel.kept.snapshot(kernel.session.registry.entries, kernel.names)


def _pin_of(kernel: NotebookKernel, project: Path, path: Path) -> Pin:
    automations = sorted(kernel.session.automations.watched)
    if not automations:
        remedy = remedy_of_unrun(kernel, *AUTOMATIONS)
        raise InvalidDefinition(
            f"No schedule or sensor is defined in this notebook, so there is nothing to keep going.{remedy}"
        )
    snapshot = _snapshot(kernel)
    ours = OWN | _names_of_definitions(kernel)
    unmade = {name: users for name, users in snapshot.unmade.items() if name not in ours and not name.startswith("_")}
    if unmade:
        told = "; ".join(f"{name} (used by {', '.join(users) or 'a helper'})" for name, users in sorted(unmade.items()))
        raise InvalidDefinition(
            f"It cannot be pinned: no cell that ran in this kernel makes {told}. Run its cell, then pin."
        )
    defined = {name for _, name in snapshot.definitions}
    lost = [entry.name for entry in kernel.session.registry.entries.values() if entry.name not in defined]
    if lost:
        raise InvalidDefinition(
            f"It cannot be pinned: no cell that ran in this kernel defines {', '.join(lost)}. Run its cell, or"
            f" %jk forget {' '.join(lost)}, then pin."
        )
    return Pin(
        notebook=kernel.session.notebook or path.name,
        path=str(path),
        project=str(project),
        folder=os.getcwd(),
        python=sys.executable,
        cells=[source for cell in snapshot.cells if (source := defining_source(cell.text))],
        definitions=[list(place) for place in snapshot.definitions],
        names=sorted(
            {name for cell in snapshot.cells for name in cell.reads if name in kernel.names and name not in OWN}
        ),
        automations=automations,
        digest=snapshot.digest,
        pinned_us=kernel.session.clock.now_us(),
    )


def _names_of_definitions(kernel: NotebookKernel) -> set[str]:
    registry = kernel.session.registry
    return {*registry.known_names(), *registry.ops, *registry.jobs, *registry.resources}


def _prove(made: Pin) -> None:
    """Build it in a kernel of its own, through another process: a kernel must not wait for one of its own threads."""
    from dataclasses import asdict

    command = [sys.executable, "-m", "jobkernel.headless_scheduler", "prove"]
    environment = {name: value for name, value in os.environ.items() if name != "JPY_PARENT_PID"}
    try:
        done = subprocess.run(  # our own interpreter, our own module
            command, input=json.dumps(asdict(made)), capture_output=True, text=True, timeout=PROVING_S, env=environment,
            check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise InvalidDefinition(f"It cannot be pinned: its cells did not end within {PROVING_S:g} s.") from error
    if done.returncode:
        last = (done.stdout.strip().splitlines() or done.stderr.strip().splitlines() or ["no reason was given"])[-1]
        raise InvalidDefinition(f"It cannot be pinned. {last}")


def looked_in(names: list[str]) -> str:
    """Return, as JSON, what is defined in this kernel, and which of these names it lacks. Asked from outside."""
    from IPython import get_ipython

    from jobkernel.notebook import current

    kernel = current.find(get_ipython())
    assert kernel is not None
    watched = kernel.session.automations.watched
    found: Mapping[str, Any] = {
        "definitions": [list(place) for place in kernel.session.registry.entries],
        "automations": sorted(watched),
        "off": [name for name, each in watched.items() if not each.is_on],
        "missing": [name for name in names if name not in kernel.names],
    }
    return json.dumps(found)
