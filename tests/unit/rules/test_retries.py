"""Whether and when a failed attempt is tried again."""

from __future__ import annotations

import pytest

from jobkernel.errors import Interrupted
from jobkernel.model.policies import Backoff, RetryPolicy
from jobkernel.model.results import Failure, RetryRequested
from jobkernel.rules.retries import retry_delay

TWICE = RetryPolicy(max_retries=2, delay=3)


@pytest.mark.parametrize(
    ("policy", "attempt", "error", "delay"),
    [
        (None, 1, ValueError(), None),
        (TWICE, 1, ValueError(), 3),
        (TWICE, 2, ValueError(), 3),
        (TWICE, 3, ValueError(), None),
        (TWICE, 1, Failure("no", allow_retries=False), None),
        (TWICE, 1, Failure("no"), 3),
        (TWICE, 1, Interrupted(), None),
        (TWICE, 1, SystemExit(), None),
        (None, 1, RetryRequested(max_retries=1, seconds_to_wait=7), 7),
        (None, 1, RetryRequested(max_retries=1), 0),
        (None, 2, RetryRequested(max_retries=1), None),
        (TWICE, 3, RetryRequested(max_retries=5), 0),
        (RetryPolicy(max_retries=3, delay=2, backoff=Backoff.EXPONENTIAL), 3, ValueError(), 14),
        (RetryPolicy(max_retries=3, delay=2, backoff=Backoff.LINEAR), 3, ValueError(), 6),
    ],
)
def test_the_delay_follows_from_policy_attempt_and_error(
    policy: RetryPolicy | None, attempt: int, error: BaseException, delay: float | None
) -> None:
    assert retry_delay(policy, attempt, error) == delay
