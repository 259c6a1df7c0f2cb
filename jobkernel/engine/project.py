"""Where a project is: the folder whose ``.jobkernel`` holds its history, values and logs.

The nearest folder upward from the notebook that holds ``.jobkernel`` (not above the home folder), else the notebook's
own; the environment variable ``JOBKERNEL_PROJECT`` overrides. Reads the file system, changes it in ``prepare`` only.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from jobkernel.errors import ProjectReadOnly
from jobkernel.storage.place import refuse_other_user

FOLDER = ".jobkernel"


def find_project(start: Path, environment: Mapping[str, str], home: Path) -> Path:
    """Return the project of a notebook in the folder ``start``."""
    chosen = environment.get("JOBKERNEL_PROJECT")
    if chosen:
        return Path(chosen).expanduser().resolve()
    start, home = start.resolve(), home.resolve()
    for folder in (start, *start.parents):
        if (folder / FOLDER).is_dir() and folder != home:
            return folder
        if folder == home:
            break
    return start


def prepare(project: Path) -> Path:
    """Make the project's ``.jobkernel`` folder where it is absent, with a ``.gitignore``; return it.

    Raises:
        ProjectReadOnly: nothing can be written there, or it belongs to another user.
    """
    folder = project / FOLDER
    try:
        folder.mkdir(parents=True, exist_ok=True)
        refuse_other_user(folder)
        ignore = folder / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n")
    except OSError as error:
        raise ProjectReadOnly(f"Nothing can be written in '{project}' ({error.strerror or error}).") from error
    if not os.access(folder, os.W_OK):
        raise ProjectReadOnly(f"Nothing can be written in '{folder}'.")
    return folder
