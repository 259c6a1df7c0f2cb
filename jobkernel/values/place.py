"""Where a project keeps its values: in its own folder, or where the environment says."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

VALUES_VARIABLE: Final = "JOBKERNEL_VALUES"


def values_place(project: Path, own: Path, environment: Mapping[str, str] = os.environ) -> str:
    """Return where the values of a project are: ``own``, or a folder of its own where ``JOBKERNEL_VALUES`` says.

    The variable holds a folder, or an address that fsspec knows (``s3://bucket/values``), for any number of projects.
    """
    chosen = environment.get(VALUES_VARIABLE)
    if not chosen:
        return str(own)
    if "://" not in chosen:
        chosen = str(Path(chosen).expanduser().resolve())
    digest = hashlib.blake2b(str(project.resolve()).encode(), digest_size=4).hexdigest()
    return f"{chosen.rstrip('/')}/{project.name}-{digest}"
