"""Whether a failed attempt is tried again, and when. Pure; randomness is drawn by the policy's jitter only."""

from __future__ import annotations

from jobkernel.errors import TypeCheckFailed
from jobkernel.model.policies import RetryPolicy
from jobkernel.model.results import Failure, RetryRequested


def retry_delay(policy: RetryPolicy | None, attempt: int, error: BaseException) -> float | None:
    """Return the seconds to wait before the next attempt, or None where there is none.

    ``attempt`` is the one that failed, from 1. A :class:`RetryRequested` overrides the policy for its attempt; a
    :class:`Failure` may forbid retries. A value that is not of its declared type is not made again.
    """
    if isinstance(error, RetryRequested):
        return (error.seconds_to_wait or 0.0) if attempt <= error.max_retries else None
    if isinstance(error, TypeCheckFailed) or (isinstance(error, Failure) and not error.allow_retries):
        return None
    if policy is None or not isinstance(error, Exception) or attempt > policy.max_retries:
        return None
    return policy.calculate_delay(attempt)
