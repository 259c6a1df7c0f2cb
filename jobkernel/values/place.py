"""Where a project keeps its values: in its own folder, or where the environment says."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

VALUES_VARIABLE: Final = "JOBKERNEL_VALUES"


def values_place(project_folder: Path) -> str:
    """Return ``JOBKERNEL_VALUES``, a folder or an fsspec address, else ``values`` in the project's ``.jobkernel``."""
    return os.environ.get(VALUES_VARIABLE) or str(project_folder / "values")
