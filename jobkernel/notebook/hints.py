"""Hints for names that a body, or pickle, could not find: added to the error that is shown, which stays what it is.

Knows the notebook's names as they are now, when the error is shown. Called by the magics.
"""

from __future__ import annotations

import builtins
import re
from typing import Any, TypeVar

from jobkernel.api.assets_definition import AssetsDefinition
from jobkernel.errors import nearest
from jobkernel.model.definitions import Job
from jobkernel.notebook.kernel import NotebookKernel

Error = TypeVar("Error", bound=BaseException)
BY_VALUE = (
    "Plain pickle finds functions and classes by their names, and this one has none in a body: use cloudpickle, the"
    " loky backend of joblib, or a module."
)
"""The hint for what plain pickle does not take."""
_QUOTED = re.compile(r"'(\w+)'")
_UNDEFINED = re.compile(r"name '(\w+)' is not defined")


def with_hint(kernel: NotebookKernel, error: Error, *, is_look: bool = False) -> Error:
    """Return the error, with a note for people where it is of a name that nothing defines.

    ``is_look``: it is of a schedule's or sensor's body, which is given no assets.
    """
    if isinstance(error, NameError) and not isinstance(error, UnboundLocalError) and error.name:
        assets = kernel.session.registry.known_names() if is_look else {}
        hint = _to_load(error.name, assets[error.name]) if error.name in assets else hint_of(kernel, error.name)
        if hint and hint not in getattr(error, "__notes__", ()):
            error.add_note(hint)
    elif _is_unpicklable(type(error).__name__, str(error)) and BY_VALUE not in getattr(error, "__notes__", ()):
        error.add_note(BY_VALUE)
    return error


def hint_of_message(kernel: NotebookKernel, kind: str, message: str) -> str | None:
    """Return the hint for an error of the history, by its type's name and what it said."""
    if _is_unpicklable(kind.rpartition(".")[2], message):
        return BY_VALUE
    found = _UNDEFINED.search(message) if kind == "NameError" else None
    return hint_of(kernel, found[1]) if found else None


def _is_unpicklable(kind: str, message: str) -> bool:
    """Whether plain pickle did not find a function or class of a body by its name."""
    is_told = kind in ("PicklingError", "AttributeError") and message.startswith(("Can't pickle", "Can't get"))
    return is_told and ("__main__" in message or "<locals>" in message)


def hint_of(kernel: NotebookKernel, name: str) -> str | None:
    """Return what a name that a body did not find may be; None where nothing is like it."""
    if name in ("exit", "quit"):
        return f"A step ends with its body; '{name}' is for the notebook. To fail it, raise an error."
    assets = kernel.session.registry.known_names()
    if name in assets or name in kernel.names:
        what, or_itself = ("an asset", ", or makes it itself") if name in assets else ("defined in the notebook", "")
        return f"'{name}' is {what} now; it was not when the run was launched, or the code does not name it{or_itself}."
    match = nearest(name, [*assets, *_variables(kernel.names), *dir(builtins)])
    if match is None:
        return f"No asset and no variable of the notebook is called '{name}'."
    return f"Did you mean {'the asset ' if match in assets else ''}'{match}'?"


def _to_load(name: str, key: str) -> str:
    """Say how the body of a schedule or sensor gets the value of an asset."""
    return f"'{name}' is an asset, and the body of a schedule or sensor gets none: jk.load(\"{key}\") reads its value."


def held_in(kernel: NotebookKernel, message: str) -> str:
    """Return, as the end of a refusal, that a variable it names holds a definition made in Python; nothing else."""
    for name in _QUOTED.findall(message):
        value = kernel.names.get(name)
        what = "an asset" if isinstance(value, AssetsDefinition) else "a job" if isinstance(value, Job) else None
        if what is not None:
            return f" The variable {name} holds {what} made in Python: jk.session().add({name}) puts it here."
    return ""


def _variables(names: dict[str, Any]) -> list[str]:
    return [name for name in names if not name.startswith("_")]
