"""Kernels of one notebook hold its keys together; another notebook is refused until all of them let go."""

from __future__ import annotations

import pytest

from jobkernel.errors import KeyOwnedElsewhere
from jobkernel.storage.key_claims import KeyClaims, Owner

LAB, HEADLESS, OTHER = Owner("1", "a.ipynb"), Owner("2", "a.ipynb"), Owner("3", "b.ipynb")


def test_a_second_kernel_of_the_same_notebook_is_not_refused() -> None:
    claims = KeyClaims()
    claims.claim(LAB, ["orders"])
    claims.claim(HEADLESS, ["orders"])
    assert claims.others(OTHER, ["orders"]) == {"orders": [LAB, HEADLESS]}


def test_a_key_stays_the_notebooks_while_one_of_its_kernels_lives() -> None:
    claims = KeyClaims()
    claims.claim(LAB, ["orders"])
    claims.claim(HEADLESS, ["orders"])
    claims.release(HEADLESS.client_id)
    with pytest.raises(KeyOwnedElsewhere, match=r"'orders' \(in a\.ipynb\)"):
        claims.claim(OTHER, ["orders"])
    claims.release(LAB.client_id)
    claims.claim(OTHER, ["orders"])


def test_kernels_that_tell_no_notebook_are_strangers() -> None:
    claims = KeyClaims()
    claims.claim(Owner("1", None), ["orders"])
    with pytest.raises(KeyOwnedElsewhere):
        claims.claim(Owner("2", None), ["orders"])


def test_taking_over_takes_a_key_from_every_kernel_of_the_other_notebook() -> None:
    claims = KeyClaims()
    claims.claim(LAB, ["orders", "kept"])
    claims.claim(HEADLESS, ["orders"])
    assert claims.take(OTHER, ["orders"]) == {"orders": [LAB, HEADLESS]}
    assert claims.holders == {"orders": [OTHER], "kept": [LAB]}


def test_a_refused_claim_gives_none_of_its_keys() -> None:
    claims = KeyClaims()
    claims.claim(LAB, ["orders"])
    with pytest.raises(KeyOwnedElsewhere):
        claims.claim(OTHER, ["free", "orders"])
    assert "free" not in claims.holders
