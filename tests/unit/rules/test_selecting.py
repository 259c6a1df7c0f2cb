"""The notebook's selection language: what a person types after %materialize, and what the search completes."""

from __future__ import annotations

import pytest

from jobkernel.errors import InvalidSelection, InvalidSubset
from jobkernel.rules.graph import Graph
from jobkernel.rules.selecting import completions, keys_named, read_selection, select
from jobkernel.rules.selection import AssetSelection
from jobkernel.rules.universe import Facts, Universe

EDGES = {
    "raw/flights": ["faa"],
    "faa": [],
    "planes": [],
    "clean": ["raw/flights", "planes"],
    "by-carrier": ["clean"],
    "report": ["by-carrier"],
    "2024": ["clean"],
}
FACTS = {
    "faa": Facts(is_external=True, group="ingest"),
    "raw/flights": Facts(group="ingest", tags={"tier": "1"}, kinds=["polars"], owners=["team:flights"]),
    "planes": Facts(group="ingest", tags={"tier": "2", "dagster/x": "a b"}, kinds=["duckdb"]),
    "clean": Facts(group="prepare", owners=["ann@air.com"]),
}
STATUSES = {"clean": "stale", "report": "never", "planes": "fresh", "by-carrier": "failed", "gone": "stale"}
UNIVERSE = Universe(Graph.of(EDGES), FACTS, STATUSES)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("clean", "clean"),
        ("+clean", "raw/flights planes clean"),
        ("1+report", "by-carrier report"),
        ("clean+1", "clean by-carrier 2024"),
        ("2+by-carrier+1", "raw/flights planes clean by-carrier report"),
        ("+clean+", "raw/flights planes clean by-carrier report 2024"),
        ("*", "raw/flights planes clean by-carrier report 2024"),
        ('key:"raw/*"', "raw/flights"),
        ("raw/*", "raw/flights"),
        ("key:raw/flights+1", "raw/flights clean"),
        ("group:ingest", "raw/flights planes"),
        ("group:*e*", "raw/flights planes clean by-carrier report 2024"),
        ("tag:tier=1", "raw/flights"),
        ("tag:tier", "raw/flights planes"),
        ('tag:dagster/x="a b"', "planes"),
        ("kind:duckdb", "planes"),
        ("owner:team:flights", "raw/flights"),
        ("owner:ann@air.com", "clean"),
        ("status:stale", "clean"),
        ("status:missing", "report"),
        ("status:never", "report"),
        ("status:running", ""),
        ("is:external", "faa"),
        ("sinks(group:ingest)", "raw/flights planes"),
        ("roots(clean+)", "clean"),
        ("1+sinks(*)", "by-carrier report 2024 clean"),
        ("planes or clean and group:ingest", "planes"),
        ("not group:ingest and not +report", "2024"),
        ("(planes OR clean)+1", "planes clean by-carrier 2024"),
        ("planes clean", "planes clean"),
        ("planes, clean ,report", "planes clean report"),
        ("planes 1+report +clean", "planes by-carrier report raw/flights clean"),
        ("clean+1 planes", "clean by-carrier 2024 planes"),
        ("planes (clean and not report)", "planes clean"),
        ("2024", "2024"),
        ("1+2024", "2024 clean"),
        ("2024+", "2024"),
        ('"raw/flights"', "raw/flights"),
        ("report\n  or planes", "report planes"),
    ],
)
def test_a_text_selects(text: str, expected: str) -> None:
    assert select(text, UNIVERSE) == set(expected.split())


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "The selection is empty"),
        ("grop:ingest", "character 1: there is no filter 'grop:'. Did you mean 'group:'?"),
        ("planes or zzz:1", "character 11: there is no filter 'zzz:'. There are key:, group:"),
        ("sensor:x", "'sensor:' selects in Dagster's own web interface only"),
        ("planes or", "character 10: a name or a filter is expected, not the end"),
        ("planes )", "character 8: ')' is not expected here"),
        ("(planes", "character 8: a ')' is expected before the end"),
        ("planes + clean", "character 8: a '+' must touch the name it belongs to"),
        ("planes+clean", "character 7: it is not clear where this belongs; put a blank before or after '+'"),
        ("planes+1clean", "put a blank before or after '+'"),
        ("planes++", "put a blank before or after '+'"),
        ("planes clean and report", "character 14: 'and' stands in a list"),
        ("planes, not clean", "character 9: 'not' stands in a list"),
        ("group:", "character 7: after 'group:' a value is expected"),
        ("is:blue", "is: takes external or materializable, not blue"),
        ("leaves(planes)", "'leaves(' is no function; there are sinks( ) and roots( )"),
        ("planes=3", "'=' belongs into tag:planes=…"),
        ('key:"planes', "character 5: '\"' has no meaning here"),
        ("and", "a name or a filter is expected, not 'and'"),
        ("(" * 101 + "planes" + ")" * 101, "brackets may be nested 100 deep"),
        ("planes or repotr", "character 11: nothing defines 'repotr'. Did you mean 'report'?"),
        ("group:ingets", "character 7: no asset has group:ingets. Did you mean 'ingest'?"),
        ("xx*", "character 1: no key matches 'xx*'."),
        ("tag:tier=9", "no asset has tag:tier=9"),
        ("tag:teir", "no asset has tag:teir. Did you mean 'tier'?"),
        ("status:stael", "There is no status 'stael'. Did you mean 'stale'?"),
    ],
)
def test_a_text_that_cannot_be_meant_is_refused_in_one_sentence(text: str, sentence: str) -> None:
    with pytest.raises(InvalidSelection) as caught:
        select(text, UNIVERSE)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value).replace(text, "")


def test_external_assets_are_selected_when_asked_for() -> None:
    assert select("group:ingest", UNIVERSE, include_external=True) == {"faa", "raw/flights", "planes"}


def test_only_keys_written_out_are_named() -> None:
    assert keys_named("+report or planes and not (key:clean or raw/*) or report") == ("report", "planes", "clean")


def test_a_selection_read_here_is_written_in_dagsters_language() -> None:
    text = str(read_selection("planes +report+1"))
    assert text == 'key:"planes" or +key:"report" or key:"report"+1'
    assert AssetSelection.from_string(text).resolve(UNIVERSE) == select("planes +report+1", UNIVERSE)


def test_statuses_can_change_without_making_the_other_indexes_again() -> None:
    group = UNIVERSE.by_group
    changed = UNIVERSE.with_statuses({"planes": "stale"})
    assert select("status:stale", changed) == {"planes"}
    assert select("status:stale", UNIVERSE) == {"clean"}
    assert changed.by_group is group


def test_an_unknown_key_in_a_resolved_selection_names_the_nearest() -> None:
    with pytest.raises(InvalidSubset, match=r"names 'plane', which nothing defines\. Did you mean 'planes'\?"):
        AssetSelection.assets("plane").resolve(UNIVERSE)


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("pl", ("planes", 0, "key")),
        ("report or pl", ("planes", 10, "key")),
        ("+cl", ("clean", 1, "key")),
        ("2+cl", ("clean", 2, "key")),
        ("fli", ("raw/flights", 0, "key")),
        ("gr", ("group:", 0, "filter")),
        ("group:", ("default", 6, "group")),
        ("group:pre", ("prepare", 6, "group")),
        ('group:"pre', ('"prepare"', 6, "group")),
        ("kind:d", ("duckdb", 5, "kind")),
        ("status:st", ("stale", 7, "status")),
        ("owner:team", ("team:flights", 6, "owner")),
        ("tag:ti", ("tier", 4, "tag")),
        ("tag:tier=", ("1", 9, "tag")),
        ("tag:dagster/x=", ('"a b"', 14, "tag")),
        ("key:pl", ("planes", 4, "key")),
        ("sin", ("sinks(", 0, "function")),
        ("planes an", ("and", 7, "operator")),
        ("is:ext", ("external", 3, "is")),
    ],
)
def test_the_best_completion_comes_first(typed: str, first: tuple[str, int, str]) -> None:
    assert completions(typed, len(typed), UNIVERSE)[0] == first


def test_an_operator_is_offered_after_a_term_only() -> None:
    def operators(text: str) -> list[str]:
        return [word for word, _, kind in completions(text, len(text), UNIVERSE) if kind == "operator"]

    assert operators("planes ") == ["and", "not", "or"]
    assert operators("") == operators("planes or ") == operators("(") == []


def test_an_unknown_word_completes_to_nothing() -> None:
    assert completions("zzzz", 4, UNIVERSE) == []
    assert completions("grop:x", 6, UNIVERSE) == []
