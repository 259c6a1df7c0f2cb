"""What names, tags, owners and groups may look like: Dagster's rules, as functions of the text alone.

Knows no definitions. Called while a definition is made, by the decorators and by the notebook's magics.
"""

from __future__ import annotations

import json
import keyword
import re
import warnings
from collections.abc import Iterable, Mapping
from typing import Any, Final

from jobkernel.errors import InvalidDefinition

RESERVED_NAMES: Final = frozenset(keyword.kwlist) | {
    "context", "conf", "config", "meta", "arg_dict", "dict", "input_arg_dict", "output_arg_dict",
    "int", "str", "float", "bool", "input", "output", "type",
}  # fmt: skip
SYSTEM_PREFIX: Final = "dagster/"
KIND_PREFIX: Final = "dagster/kind/"
EDITABLE_SYSTEM_TAGS: Final = frozenset(
    SYSTEM_PREFIX + name
    for name in (
        "priority", "max_retries", "retry_strategy", "max_runtime", "isolation", "retry_on_asset_or_op_failure",
    )
)  # fmt: skip
MAX_KINDS: Final = 10

_is_name = re.compile(r"[A-Za-z0-9_]+").fullmatch
_is_group = re.compile(r"[A-Za-z0-9_]+(/[A-Za-z0-9_]+)*").fullmatch
_is_tag_key = re.compile(r"([A-Za-z0-9_.-]{1,63}/|dagster/kind/)?[A-Za-z0-9_.-]{1,63}").fullmatch
_is_tag_value = re.compile(r"[A-Za-z0-9_.-]{0,63}").fullmatch
_is_mail = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,7}").fullmatch


def check_name(name: Any, what: str) -> str:
    """Return ``name`` if an op, job, graph, input or output may bear it.

    Source: Dagster's name rule: letters, digits and underscores, no Python keyword and none of its reserved words.

    Raises:
        InvalidDefinition: naming ``what`` bears the name ("Op", "Job", …).
    """
    if isinstance(name, str) and _is_name(name) and name not in RESERVED_NAMES:
        return name
    if name in RESERVED_NAMES:
        raise InvalidDefinition(f"{what} name '{name}' is reserved; choose another, such as '{name}_'.")
    raise InvalidDefinition(f"{what} name {name!r} may hold only letters, digits and underscores.")


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


def strict_tags(tags: Mapping[str, str] | None, what: str) -> dict[str, str]:
    """Return asset tags: short texts of letters, digits, ``_ - .``, keys with at most one namespace before ``/``.

    Raises:
        InvalidDefinition: a key or value breaks the rule.
    """
    for key, value in (tags or {}).items():
        _check_tag_key(key, what)
        if not _is_tag_key(key):
            raise InvalidDefinition(f"Tag key '{key}' of {what} must be {_TAG_SHAPE}, with at most one namespace and '/'.")
        if not isinstance(value, str):
            raise InvalidDefinition(f"Tag '{key}' of {what} must have a text as its value, not {value!r}.")
        if not _is_tag_value(value):
            raise InvalidDefinition(f"Tag value {value!r} of '{key}' of {what} must be {_TAG_SHAPE}, or empty.")
    return dict(tags or {})


_TAG_SHAPE: Final = "at most 63 letters, digits, '_', '-' and '.'"


def lenient_tags(tags: Mapping[str, Any] | None, what: str) -> dict[str, str]:
    """Return job, run or op tags: any key (an odd one warns), any JSON-able value; what is no text becomes JSON text.

    Raises:
        InvalidDefinition: a key is no text, or a value does not survive JSON.
    """
    if not tags:
        return {}
    found = {_check_tag_key(key, what): _tag_text(key, value, what) for key, value in tags.items()}
    odd = [key for key in found if not _is_tag_key(key)]
    if odd:
        warnings.warn(f"Tag key '{odd[0]}' of {what} should be {_TAG_SHAPE}.", DeprecationWarning, stacklevel=4)
    return found


def user_tags(tags: Mapping[str, Any] | None, what: str) -> dict[str, str]:
    """Return lenient tags that a person gives, among which ``dagster/…`` is reserved but for a few.

    Raises:
        InvalidDefinition: as :func:`lenient_tags`, or a reserved key.
    """
    for key in tags or ():
        if isinstance(key, str) and key.startswith(SYSTEM_PREFIX) and key not in EDITABLE_SYSTEM_TAGS:
            raise InvalidDefinition(f"Tag key '{key}' of {what} is reserved; the prefix 'dagster/' is not for users.")
    return lenient_tags(tags, what)


def _check_tag_key(key: Any, what: str) -> str:
    if not isinstance(key, str):
        raise InvalidDefinition(f"Tag key {key!r} of {what} must be a text.")
    return key


def _tag_text(key: str, value: Any, what: str) -> str:
    if isinstance(value, str):
        return value
    try:
        text = json.dumps(value)
    except (TypeError, ValueError) as error:
        raise InvalidDefinition(f"Tag '{key}' of {what} has a value that JSON cannot hold: {value!r}.") from error
    if json.loads(text) != value:
        raise InvalidDefinition(f"Tag '{key}' of {what} has a value that JSON would change: {value!r}.")
    return text


def kind_tags(kinds: Iterable[str] | None, what: str) -> dict[str, str]:
    """Return the tags under which Dagster keeps kinds.

    Raises:
        InvalidDefinition: more than ten kinds.
    """
    found = {KIND_PREFIX + kind: "" for kind in kinds or ()}
    if len(found) > MAX_KINDS:
        raise InvalidDefinition(f"{what} has {len(found)} kinds; at most {MAX_KINDS} are allowed.")
    return found
