"""Where a value belongs: an asset (and partition), or an output of a step of a run; and its file name.

File names are readable where that is safe and otherwise end in a hash, so that no two addresses share one, also
where the file system ignores case. Knows no store.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final, NamedTuple

from jobkernel.model.keys import AssetKey

_PLAIN: Final = re.compile(r"[a-z0-9_][a-z0-9_.=-]{0,79}")
_ODD: Final = re.compile(r"[^A-Za-z0-9_.=-]+")
_LONGEST: Final = 600


class AssetAddress(NamedTuple):
    """The value of an asset, or of one of its partitions. ``key`` is the key's text."""

    key: str
    partition: str | None = None

    @property
    def label(self) -> str:
        """How a sentence names it."""
        shown = AssetKey.from_escaped_user_string(self.key).to_user_string()
        return f"asset '{shown}'" if self.partition is None else f"asset '{shown}', partition '{self.partition}'"


class OutputAddress(NamedTuple):
    """An output of a step in one run. ``output`` carries the mapping key of a dynamic one: ``rows[first]``."""

    run_id: str
    step_key: str
    output: str = "result"

    @property
    def label(self) -> str:
        """How a sentence names it."""
        return f"output '{self.output}' of step '{self.step_key}' in run {self.run_id}"


Address = AssetAddress | OutputAddress


def asset_path(address: AssetAddress) -> str:
    """Return the path of an asset's record, without its ending, relative to the values' root."""
    parts = [safe_name(part) for part in AssetKey.from_escaped_user_string(address.key).parts]
    name = "value" if address.partition is None else _partition_name(address.partition)
    return _bounded("/".join(["assets", *parts, name]))


def output_path(address: OutputAddress) -> str:
    """Return the path of an output's record, without its ending, relative to the values' root."""
    return f"{run_folder(address.run_id)}/{safe_name(address.step_key)}/{safe_name(address.output)}"


def run_folder(run_id: str) -> str:
    """Return the folder of a run's outputs, relative to the values' root."""
    return f"runs/{safe_name(run_id)}"


def safe_name(name: str) -> str:
    """Return a file name for any text: the text itself where it is plain, else a readable part and a hash."""
    if _PLAIN.fullmatch(name) and not name.endswith("."):
        return name
    readable = _ODD.sub("_", name).strip(".")[:60]
    return f"{readable}~{_digest(name)}"


def _partition_name(partition: str) -> str:
    return f"value~{_digest(partition)}" if partition == "value" else safe_name(partition)


def _bounded(path: str) -> str:
    return path if len(path) <= _LONGEST else f"assets/long~{_digest(path)}/{path[-40:].rpartition('/')[2]}"


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
