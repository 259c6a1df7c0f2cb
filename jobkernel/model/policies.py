"""How a step is tried again: :class:`RetryPolicy`, with Dagster's delays. Randomness comes in as an argument."""

from __future__ import annotations

import random
from enum import Enum

from jobkernel.errors import InvalidDefinition
from jobkernel.model.kinds import NUMBER, expect
from jobkernel.records import dataclass


class Backoff(Enum):
    """How the delay grows with each attempt."""

    LINEAR = "LINEAR"
    EXPONENTIAL = "EXPONENTIAL"


class Jitter(Enum):
    """How the delay is blurred: anywhere up to it, or by one base delay either way."""

    FULL = "FULL"
    PLUS_MINUS = "PLUS_MINUS"


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often a failed step is tried again, and after how many seconds. Source: Dagster's ``RetryPolicy``.

    Raises:
        InvalidDefinition: backoff or jitter without a delay, or a negative number of retries.
    """

    max_retries: int = 1
    delay: float | None = None
    backoff: Backoff | None = None
    jitter: Jitter | None = None

    def __post_init__(self) -> None:
        expect("a retry policy", NUMBER, max_retries=self.max_retries, delay=self.delay)
        if self.max_retries < 0:
            raise InvalidDefinition(f"A retry policy cannot retry {self.max_retries} times; give 0 or more.")
        if self.delay is None and (self.backoff or self.jitter):
            word = "backoff" if self.backoff else "jitter"
            raise InvalidDefinition(f"A retry policy with {word} needs a delay in seconds.")

    def calculate_delay(self, attempt_num: int) -> float:
        """Return the seconds to wait before the retry numbered ``attempt_num`` (from 1), jitter included."""
        return self.delay_before(attempt_num, random.random())  # noqa: S311  - not for secrets

    def delay_before(self, attempt: int, chance: float) -> float:
        """Return the seconds before retry ``attempt`` (from 1); ``chance`` in [0, 1) is the jitter's draw."""
        base = self.delay or 0.0
        delay = base
        if self.backoff is Backoff.EXPONENTIAL:
            delay = (2**attempt - 1) * base
        elif self.backoff is Backoff.LINEAR:
            delay = attempt * base
        if self.jitter is Jitter.FULL:
            return chance * delay
        if self.jitter is Jitter.PLUS_MINUS:
            return max(0.0, delay + (2 * chance - 1) * base)
        return delay
