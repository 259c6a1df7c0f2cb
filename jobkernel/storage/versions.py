"""What each side of the wire says about itself, and who gives way when they differ."""

from __future__ import annotations

import re
from typing import NamedTuple

from jobkernel.storage.wire import PROTOCOL
from jobkernel.version import __version__


class Versions(NamedTuple):
    """Protocol, jobkernel and DuckDB."""

    protocol: int
    jobkernel: str
    duckdb: str

    def is_newer_than(self, other: Versions) -> bool:
        """Return whether this side was made after the other."""
        return self._order() > other._order()

    def _order(self) -> tuple[int, tuple[int, ...], tuple[int, ...]]:
        return self.protocol, _numbers(self.jobkernel), _numbers(self.duckdb)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:4])


def our_versions() -> Versions:
    """Return this environment's versions."""
    from importlib import metadata  # slow to import, needed once a connection

    return Versions(PROTOCOL, __version__, metadata.version("duckdb"))


def mismatch(server: Versions, client: Versions) -> str:
    """Return the sentence for two sides that do not understand each other."""
    return (
        f"This project's server runs jobkernel {server.jobkernel} (protocol {server.protocol}) and this notebook"
        f" {client.jobkernel} (protocol {client.protocol}); close the notebooks of the older one (a pinned one ends"
        " with its Jupyter server), or install the same version in both environments."
    )


def turned_away(server: Versions, client: Versions) -> str:
    """Return the sentence for the notebooks of a server that could not let another one in."""
    return (
        f"A notebook with jobkernel {client.jobkernel} (protocol {client.protocol}) asked for this project and was"
        f" turned away: its server runs jobkernel {server.jobkernel} (protocol {server.protocol}). Install the same"
        " version in both environments to use them side by side."
    )
