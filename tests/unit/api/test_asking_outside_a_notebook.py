"""What asks for the live session says in a sentence that there is none."""

from __future__ import annotations

import pytest

import jobkernel as jk
from jobkernel.errors import JobkernelError


def test_a_plain_process_is_told_that_it_has_no_notebook() -> None:
    with pytest.raises(JobkernelError, match="There is no notebook here"):
        jk.session()
    with pytest.raises(JobkernelError, match="There is no notebook here"):
        jk.load("orders")
