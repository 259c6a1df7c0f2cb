"""Keys are called by the shortest ending that tells them apart."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from jobkernel.rules.asset_plan import ASSET_JOB, run_title
from jobkernel.rules.short_names import shortest_endings

KEYS = st.sets(st.lists(st.sampled_from("abc"), min_size=1, max_size=4).map("/".join), max_size=20)


def test_only_keys_that_end_alike_are_called_by_more_than_their_last_part() -> None:
    assert shortest_endings(["raw/orders", "clean/orders", "raw/items", "total"]) == {
        "raw/orders": "raw/orders",
        "clean/orders": "clean/orders",
        "raw/items": "items",
        "total": "total",
    }


def test_a_key_that_ends_another_is_whole_and_the_other_longer() -> None:
    assert shortest_endings(["b", "a/b", "x/y/a/b"]) == {"b": "b", "a/b": "a/b", "x/y/a/b": "y/a/b"}


@given(KEYS)
def test_no_two_are_called_alike_and_each_is_an_ending(keys: set[str]) -> None:
    found = shortest_endings(keys)
    assert set(found) == keys
    assert len(set(found.values())) == len(keys)
    assert all(f"/{key}".endswith(f"/{name}") for key, name in found.items())


def test_a_run_without_a_job_is_called_by_the_whole_keys_of_its_assets() -> None:
    assert run_title(ASSET_JOB, ["raw/orders", "clean/orders"]) == "raw/orders, clean/orders"
    assert run_title(ASSET_JOB, ["a/b", "c/d", "e/f"]) == "e/f and 2 more"
    assert run_title("nightly", ["a/b"]) == "nightly"
