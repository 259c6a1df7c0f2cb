"""Config that is fixed in code: what :meth:`OpDefinition.configured` leaves behind in place of a schema."""

from __future__ import annotations

from typing import Any

from jobkernel.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Configured:
    """A schema whose config is given in code.

    ``schema`` is what the body reads. ``config`` is that config, or a function from the config given at launch
    (which fits ``outer``; None: none is asked for) to it.
    """

    schema: Any
    config: Any
    outer: Any = None
