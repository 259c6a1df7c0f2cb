"""Where a module comes from: the standard library, an installed package and its version, or the project's own files.

Looks at metadata and paths only; imports nothing. Used by fingerprints.
"""

from __future__ import annotations

import sys
from functools import lru_cache
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Final

_INSTALLED: Final = frozenset({"site-packages", "dist-packages"})


def top_level(module: str) -> str:
    """Return the first part of a dotted module name."""
    return module.partition(".")[0]


def is_standard(module: str) -> bool:
    """Whether a module is part of Python, or of jobkernel."""
    top = top_level(module)
    return top in sys.stdlib_module_names or top in {"__main__", "builtins", "jobkernel"}


@lru_cache(maxsize=1024)
def version_of(module: str) -> str | None:
    """Return the version of the installed package that provides a top-level module; None where none does."""
    from importlib import metadata

    try:
        return metadata.version(module)
    except metadata.PackageNotFoundError:
        names = _distributions().get(module, [])
        return metadata.version(names[0]) if names else None


@lru_cache(maxsize=1)
def _distributions() -> dict[str, list[str]]:
    from importlib import metadata

    return {name: list(found) for name, found in metadata.packages_distributions().items()}


@lru_cache(maxsize=1024)
def file_of(module: str) -> str | None:
    """Return the file of a top-level module as Python would find it now, without importing it."""
    loaded = sys.modules.get(module)
    path = getattr(loaded, "__file__", None)
    if loaded is None:
        spec = PathFinder.find_spec(module)
        path = spec.origin if spec is not None else None
    return path


def is_local(path: str | None, project: str | None) -> bool:
    """Whether a file is Python source of the project, and not of a package installed inside its folder."""
    if path is None or not path.endswith(".py"):
        return False
    parts = Path(path).resolve()
    if not _INSTALLED.isdisjoint(parts.parts):
        return False
    return project is not None and parts.is_relative_to(Path(project).resolve())
