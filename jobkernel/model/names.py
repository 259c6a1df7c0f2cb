"""What names and tags look like, for records that check themselves; the rest of the rules is in rules.names."""

from __future__ import annotations

import json
import keyword
import re
import warnings
from collections.abc import Mapping
from typing import Any, Final

from jobkernel.errors import InvalidDefinition
from jobkernel.model.run_tags import PARTITION_TAG

RESERVED_NAMES: Final = frozenset(keyword.kwlist) | {
    "context",
    "conf",
    "config",
    "meta",
    "arg_dict",
    "dict",
    "input_arg_dict",
    "output_arg_dict",
    "int",
    "str",
    "float",
    "bool",
    "input",
    "output",
    "type",
}
TAG_SHAPE: Final = "at most 63 letters, digits, '_', '-' and '.'"

_is_name = re.compile(r"[A-Za-z0-9_]+").fullmatch
is_tag_key = re.compile(r"([A-Za-z0-9_.-]{1,63}/|dagster/kind/)?[A-Za-z0-9_.-]{1,63}").fullmatch
_is_tag_value = re.compile(r"[A-Za-z0-9_.-]{0,63}").fullmatch


def is_name(name: str) -> bool:
    """Whether a text is letters, digits and underscores, no Python keyword and none of Dagster's reserved words."""
    return name not in RESERVED_NAMES and _is_name(name) is not None


def check_name(name: Any, what: str) -> str:
    """Return ``name`` if an op, job, graph, input or output may bear it.

    Source: Dagster's name rule: letters, digits and underscores, no Python keyword and none of its reserved words.

    Raises:
        InvalidDefinition: naming ``what`` bears the name ("Op", "Job", …).
    """
    if isinstance(name, str) and is_name(name):
        return name
    if name in RESERVED_NAMES:
        raise InvalidDefinition(f"{what} name '{name}' is reserved; choose another, such as '{name}_'.")
    raise InvalidDefinition(f"{what} name {name!r} may hold only letters, digits and underscores{_instead(name)}.")


def _instead(name: Any) -> str:
    """Return what may be written in a name's place, as the end of a sentence."""
    found = re.sub("[^A-Za-z0-9_]+", "_", name).strip("_") if isinstance(name, str) else ""
    return f"; try '{found}'" if found and found not in RESERVED_NAMES else ""


def strict_tags(tags: Mapping[str, str] | None, what: str) -> dict[str, str]:
    """Return asset tags: short texts of letters, digits, ``_ - .``, keys with at most one namespace before ``/``.

    Raises:
        InvalidDefinition: a key or value breaks the rule.
    """
    for key, value in (tags or {}).items():
        check_tag_key(key, what)
        if not is_tag_key(key):
            raise InvalidDefinition(f"Tag key '{key}' of {what} must be {TAG_SHAPE}, one namespace and '/'.")
        if not isinstance(value, str):
            raise InvalidDefinition(f"Tag '{key}' of {what} must have a text as its value, not {value!r}.")
        if not _is_tag_value(value):
            raise InvalidDefinition(f"Tag value {value!r} of '{key}' of {what} must be {TAG_SHAPE}, or empty.")
    return dict(tags or {})


def check_tag_key(key: Any, what: str) -> str:
    """Return the key of a tag; raise InvalidDefinition where it is no text."""
    if not isinstance(key, str):
        raise InvalidDefinition(f"Tag key {key!r} of {what} must be a text.")
    return key


def lenient_tags(tags: Mapping[str, Any] | None, what: str) -> dict[str, str]:
    """Return job, run or op tags: any key (an odd one warns), any JSON-able value; what is no text becomes JSON text.

    Raises:
        InvalidDefinition: a key is no text, or a value does not survive JSON.
    """
    if not tags:
        return {}
    found = {check_tag_key(key, what): _tag_text(key, value, what) for key, value in tags.items()}
    odd = [key for key in found if not is_tag_key(key) and not key.startswith(f"{PARTITION_TAG}/")]
    if odd:
        warnings.warn(f"Tag key '{odd[0]}' of {what} should be {TAG_SHAPE}.", DeprecationWarning, stacklevel=4)
    return found


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
