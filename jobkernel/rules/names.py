"""What names, tags, owners and groups may look like: Dagster's rules, as functions of the text alone.

Knows no definitions. Called while a definition is made, by the decorators and by the notebook's magics.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from jobkernel.errors import InvalidDefinition
from jobkernel.model.names import RESERVED_NAMES, check_name, lenient_tags, strict_tags

__all__ = [
    "KIND_PREFIX",
    "RESERVED_NAMES",
    "SYSTEM_PREFIX",
    "check_group",
    "check_name",
    "check_owners",
    "check_pool",
    "kind_tags",
    "lenient_tags",
    "strict_tags",
    "user_tags",
]

SYSTEM_PREFIX: Final = "dagster/"
KIND_PREFIX: Final = "dagster/kind/"
EDITABLE_SYSTEM_TAGS: Final = frozenset(
    SYSTEM_PREFIX + name
    for name in (
        "priority",
        "max_retries",
        "retry_strategy",
        "max_runtime",
        "isolation",
        "retry_on_asset_or_op_failure",
    )
)
MAX_KINDS: Final = 10

_is_group = re.compile(r"[A-Za-z0-9_]+(/[A-Za-z0-9_]+)*").fullmatch
_is_mail = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,7}").fullmatch


def check_pool(pool: str | None) -> str | None:
    """Return the pool that a step is in; an empty name is none.

    Raises:
        InvalidDefinition: it holds blanks.
    """
    if pool and re.search(r"\s", pool):
        raise InvalidDefinition(f"Pool {pool!r} is no name of a pool: it may hold no blanks.")
    return pool or None


def check_group(group: str | None) -> str:
    """Return the group an asset is in: segments of letters, digits and underscores joined by ``/``; none: default.

    Raises:
        InvalidDefinition: the name is empty or holds anything else.
    """
    if group is None:
        return "default"
    if not isinstance(group, str) or not _is_group(group):
        raise InvalidDefinition(
            f"Group name {group!r} must be letters, digits and underscores, in segments separated by '/'."
        )
    return group


def check_owners(owners: Iterable[str] | None, what: str) -> tuple[str, ...]:
    """Return the owners, each an e-mail address or ``team:name``.

    Raises:
        InvalidDefinition: naming the owner that is neither, and ``what`` it owns.
    """
    if owners is None:
        return ()
    if isinstance(owners, str):
        raise InvalidDefinition(f"Owners of {what} must be a list of texts, not the text '{owners}'.")
    return tuple(_check_owner(owner, what) for owner in owners)


def _check_owner(owner: Any, what: str) -> str:
    if isinstance(owner, str) and (_is_mail(owner) or (owner.startswith("team:") and len(owner) > len("team:"))):
        return owner
    raise InvalidDefinition(f"Owner {owner!r} of {what} must be an e-mail address or 'team:' and a name.")


def user_tags(tags: Mapping[str, Any] | None, what: str) -> dict[str, str]:
    """Return lenient tags that a person gives, among which ``dagster/…`` is reserved but for a few.

    Raises:
        InvalidDefinition: as :func:`lenient_tags`, or a reserved key.
    """
    for key in tags or ():
        if isinstance(key, str) and key.startswith(SYSTEM_PREFIX) and key not in EDITABLE_SYSTEM_TAGS:
            raise InvalidDefinition(f"Tag key '{key}' of {what} is reserved; the prefix 'dagster/' is not for users.")
    return lenient_tags(tags, what)


def kind_tags(kinds: Iterable[str] | None, what: str) -> dict[str, str]:
    """Return the tags under which Dagster keeps kinds.

    Raises:
        InvalidDefinition: more than ten kinds, or a text in place of a set.
    """
    if isinstance(kinds, str):
        raise InvalidDefinition(f"Kinds of {what} are a set of texts, not the text '{kinds}'; write {{'{kinds}'}}.")
    found = {KIND_PREFIX + kind: "" for kind in kinds or ()}
    if len(found) > MAX_KINDS:
        raise InvalidDefinition(f"{what} has {len(found)} kinds; at most {MAX_KINDS} are allowed.")
    return found
