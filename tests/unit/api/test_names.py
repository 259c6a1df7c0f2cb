"""Names, tags, owners and groups: the sentences people read, and the limits themselves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobkernel.errors import InvalidDefinition
from jobkernel.rules.names import (
    RESERVED_NAMES,
    check_group,
    check_name,
    check_owners,
    kind_tags,
    lenient_tags,
    strict_tags,
    user_tags,
)


@given(st.from_regex(r"\A[A-Za-z0-9_]{1,20}\Z").filter(lambda name: name not in RESERVED_NAMES))
def test_letters_digits_and_underscores_are_a_name(name: str) -> None:
    assert check_name(name, "Op") == name


@given(st.text(max_size=8).filter(lambda name: not name.isascii() or not name.replace("_", "a").isalnum()))
def test_anything_else_is_no_name(name: str) -> None:
    with pytest.raises(InvalidDefinition, match="Op name"):
        check_name(name, "Op")


def test_a_reserved_name_is_refused_with_another_to_take() -> None:
    with pytest.raises(InvalidDefinition, match=r"Job name 'config' is reserved; choose another, such as 'config_'\."):
        check_name("config", "Job")


def test_no_group_is_the_default_group() -> None:
    assert check_group(None) == "default"


def test_owners_must_be_a_list() -> None:
    with pytest.raises(InvalidDefinition, match="must be a list of texts, not the text 'team:x'"):
        check_owners("team:x", "job 'j'")


def test_strict_tags_name_the_key_and_the_asset() -> None:
    with pytest.raises(InvalidDefinition, match="Tag 'n' of asset 'a' must have a text as its value, not 3"):
        strict_tags({"n": 3}, "asset 'a'")  # type: ignore[dict-item]


def test_lenient_tags_become_json_text() -> None:
    assert lenient_tags({"a": "x y", "n": [1, {"b": None}], "t": True}, "job 'j'") == {
        "a": "x y",
        "n": '[1, {"b": null}]',
        "t": "true",
    }


def test_an_odd_lenient_key_warns() -> None:
    with pytest.warns(DeprecationWarning, match="Tag key 'a b' of job 'j'"):
        assert lenient_tags({"a b": "v"}, "job 'j'") == {"a b": "v"}


@pytest.mark.parametrize("key", ["dagster/foo", "dagster/run_id"])
def test_reserved_tags_are_not_for_users(key: str) -> None:
    with pytest.raises(InvalidDefinition, match="is reserved"):
        user_tags({key: "1"}, "job 'j'")


def test_editable_system_tags_are_for_users() -> None:
    assert user_tags({"dagster/priority": 3}, "job 'j'") == {"dagster/priority": "3"}


def test_ten_kinds_are_the_most() -> None:
    assert len(kind_tags({f"k{place}" for place in range(10)}, "asset 'a'")) == 10
    with pytest.raises(InvalidDefinition, match="has 11 kinds; at most 10"):
        kind_tags({f"k{place}" for place in range(11)}, "asset 'a'")
