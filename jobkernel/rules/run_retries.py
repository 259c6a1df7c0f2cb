"""Whether a run that failed is run again as a whole, and how; how long a run may take. Pure, by Dagster's tags.

Called by the engine when a run fails, and when it starts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from jobkernel.model.run_tags import (
    MAX_RETRIES_TAG,
    MAX_RUNTIME_TAGS,
    ON_STEP_FAILURE_TAG,
    PRIORITY_TAG,
    STRATEGY_TAG,
)

FROM_FAILURE: Final = "FROM_FAILURE"
STRATEGIES: Final = (FROM_FAILURE, "ALL_STEPS", "FROM_ASSET_FAILURE")
STEP_FAILURE: Final = "STEP_FAILURE"


def most_retries(tags: Mapping[str, str], default: int) -> int:
    """Return how often a run may be retried; a tag that is no whole number means never."""
    if MAX_RETRIES_TAG not in tags:
        return default
    try:
        return int(tags[MAX_RETRIES_TAG])
    except ValueError:
        return 0


def is_retried(
    tags: Mapping[str, str], reason: str, *, retries_so_far: int, default: int, on_step_failure: bool
) -> bool:
    """Whether a run that failed for that reason is retried. Every other run of its group counts as a retry."""
    if reason == STEP_FAILURE:
        said = tags.get(ON_STEP_FAILURE_TAG, "").lower()
        if said == "false" or (said != "true" and not on_step_failure):
            return False
    return retries_so_far < most_retries(tags, default)


def complaints(tags: Mapping[str, str]) -> list[str]:
    """Return a sentence for each tag of a run that means nothing because its value has no sense."""
    found = []
    for tag, reads, wanted in (
        (PRIORITY_TAG, int, "a whole number; the priority is 0"),
        (MAX_RETRIES_TAG, int, "a whole number; the run is not retried"),
        *((tag, float, "a number of seconds; the run may take any time") for tag in MAX_RUNTIME_TAGS),
    ):
        try:
            reads(tags.get(tag, "0"))
        except ValueError:
            found.append(f"The tag {tag}={tags[tag]} is not {wanted}.")
    misread = strategy(tags)[1]
    return found if misread is None else [*found, misread]


def strategy(tags: Mapping[str, str]) -> tuple[str, str | None]:
    """Return how a run is retried, and a sentence where its tag names no such way."""
    said = tags.get(STRATEGY_TAG, FROM_FAILURE)
    if said in STRATEGIES:
        return said, None
    return (
        FROM_FAILURE,
        f"The tag {STRATEGY_TAG} is one of {', '.join(STRATEGIES)}; '{said}' is not, so {FROM_FAILURE} is used.",
    )


def longest_runtime(tags: Mapping[str, str], default: float | None) -> float | None:
    """Return how many seconds a run may take; None for any time, as for a tag that is 0, endless or no number."""
    for tag in MAX_RUNTIME_TAGS:
        if tag in tags:
            try:
                seconds = float(tags[tag])
            except ValueError:
                return None
            return seconds if 0 < seconds < math.inf else None
    return default or None
