"""Resources by attribute, as ``context.resources`` gives them. Knows no definitions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from jobkernel.errors import UnknownResource, did_you_mean


class NoSuchResource(UnknownResource, AttributeError):
    """A resource is asked for that is not there. Also an AttributeError, so that ``hasattr`` works."""


class ResourceView:
    """Resources by attribute: ``resources.db``."""

    __slots__ = ("_resources",)

    def __init__(self, resources: Mapping[str, Any]) -> None:
        self._resources = resources

    def __getattr__(self, key: str) -> Any:
        if key.startswith("__"):
            raise AttributeError(key)
        return resource_of(self._resources, key)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._resources.values())

    def __dir__(self) -> list[str]:
        return sorted(self._resources)

    def _asdict(self) -> dict[str, Any]:
        return dict(self._resources)

    @property
    def original_resource_dict(self) -> Mapping[str, Any]:
        """The resources by key."""
        return self._resources


def resource_of(resources: Mapping[str, Any], key: str) -> Any:
    """Return the resource of that key.

    Raises:
        UnknownResource: there is none; the message names the nearest.
    """
    try:
        return resources[key]
    except KeyError:
        pass
    remedy = did_you_mean(key, resources) or " Name it in required_resource_keys, or as a parameter, and provide it."
    raise NoSuchResource(f"Resource '{key}' is not there.{remedy}")
