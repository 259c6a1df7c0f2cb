"""What is stale and why, in a real shell and over restarts with a real project server."""

from __future__ import annotations

from pathlib import Path

import pytest
from shells import Notebook, notebook_in

CHAIN = ("def helper(x): return x + 1", "%%asset a\n1", "%%asset b --param n:int=1\nhelper(a) + n", "%%asset c\nb")


def status(nb: Notebook) -> dict[str, str]:
    return nb.session.freshness.status_words()


def why(nb: Notebook, key: str) -> str:
    return nb.ok(f"%why {key}").text


def fresh_chain(nb: Notebook) -> None:
    nb.ok(*CHAIN, "%materialize +c")
    assert status(nb) == {"a": "fresh", "b": "fresh", "c": "fresh"}


@pytest.mark.parametrize(
    "cell",
    [
        "%%asset b --param n:int=1\n\n# a comment\nhelper( a )+n",
        "%%asset b --param n:int=1 --description 'new words' --group other\nhelper(a) + n",
        "def helper(x):\n    '''Words about it.'''\n    return x + 1",
    ],
)
def test_cosmetic_edits_make_nothing_stale(nb: Notebook, cell: str) -> None:
    fresh_chain(nb)
    nb.ok(cell)
    assert status(nb) == {"a": "fresh", "b": "fresh", "c": "fresh"}


def test_an_edit_makes_its_asset_and_all_below_stale_and_why_shows_the_difference(nb: Notebook) -> None:
    fresh_chain(nb)
    echo = nb.ok("%%asset b --param n:int=1\nhelper(a) - n").text
    assert "stale: code changed" in echo
    assert "1 asset downstream stale too" in echo
    assert status(nb) == {"a": "fresh", "b": "stale", "c": "stale"}
    told = why(nb, "b")
    assert "- helper(a) + n" in told
    assert "+ helper(a) - n" in told
    assert "b above it is stale" in why(nb, "c")


def test_why_shows_a_query_as_it_was_written(nb: Notebook) -> None:
    nb.ok("%%asset q --sql\nSELECT Count(*) AS N\n  FROM range(3)", "%materialize q")
    nb.ok("%%asset q --sql\n-- a comment\nSELECT Count(*) AS N FROM range(3)")
    assert status(nb) == {"q": "fresh"}
    nb.ok("%%asset q --sql\nSELECT Count(*) AS N\n  FROM range(4)")
    told = why(nb, "q").strip().splitlines()[1:]
    assert told == [
        "  its code changed",
        "      SELECT Count(*) AS N",
        "    -   FROM range(3)",
        "    +   FROM range(4)",
    ]
    nb.ok("%%asset q --sql --as pandas\nSELECT Count(*) AS N\n  FROM range(3)")
    assert why(nb, "q").strip().splitlines()[2:] == [
        "    + --as pandas",
        "      SELECT Count(*) AS N",
        "        FROM range(3)",
    ]


def test_why_names_data_of_the_notebook_that_is_not_tracked(nb: Notebook) -> None:
    nb.ok("import pandas as pd", "frame = pd.DataFrame({'x': [1]})", "limit = 3")
    nb.ok("%%asset a\nlen(frame) + limit", "%materialize a")
    told = why(nb, "a")
    assert "Not tracked: what is in frame (pandas.DataFrame); changed data of the notebook makes nothing stale." in told
    nb.ok("%%asset b\nlimit", "%materialize b")
    assert "Not tracked" not in why(nb, "b")


def test_a_helper_in_another_cell_makes_stale_what_uses_it(nb: Notebook) -> None:
    fresh_chain(nb)
    nb.ok("def helper(x): return x + 100")
    assert status(nb)["b"] == "stale"
    told = why(nb, "b")
    assert "helper helper changed" in told
    assert "+     return x + 100" in told


def test_a_constant_of_the_notebook_is_part_of_what_uses_it(nb: Notebook) -> None:
    nb.ok("rate = 2", "%%asset a\nrate * 2", "%materialize a", "rate = 3")
    assert status(nb) == {"a": "stale"}
    assert "rate" in why(nb, "a")


def test_a_new_upstream_value_makes_stale_an_equal_one_does_not(nb: Notebook) -> None:
    nb.ok("value = [1]", "%%asset a\nimport json\njson.loads(source())", "source = lambda: '1'", "%%asset b\na")
    nb.ok("%materialize +b", "%materialize a")
    assert status(nb)["b"] == "fresh"
    nb.ok("source = lambda: '2'", "%materialize a")
    assert status(nb)["b"] == "stale"
    assert "a was made anew" in why(nb, "b")


def test_a_changed_default_is_a_changed_config(nb: Notebook) -> None:
    fresh_chain(nb)
    nb.ok("%%asset b --param n:int=5\nhelper(a) + n")
    assert status(nb)["b"] == "stale"
    assert "config" in why(nb, "b") or "n" in why(nb, "b")


def test_what_was_never_made_says_what_is_missing_above(nb: Notebook) -> None:
    nb.ok(*CHAIN)
    assert "never made" in why(nb, "b")
    assert "a above it was never made" in why(nb, "b")


def test_selections_know_stale_failed_and_missing(nb: Notebook) -> None:
    fresh_chain(nb)
    nb.ok("%%asset d\n1 / 0", "%%asset e\n1", "%%asset c\nb + 1")
    nb("%materialize d")
    assert nb.session.select("status:stale") == ["c"]
    assert nb.session.select("status:failed") == ["d"]
    assert nb.session.select("status:missing") == ["e"]
    assert set(nb.session.select("status:stale or status:missing")) == {"c", "e"}


def test_history_values_and_staleness_survive_a_restart(project: Path) -> None:
    with notebook_in(project) as first:
        fresh_chain(first)
    with notebook_in(project) as second:
        second.ok(*CHAIN)
        assert status(second) == {"a": "fresh", "b": "fresh", "c": "fresh"}
        assert second.session.load("c") == 3
        assert len(second.ok("%runs").value.fetchall()) == 1
        second.ok("def helper(x): return x + 7")
        assert status(second)["b"] == "stale"
        assert "- " in why(second, "b")


def test_io_memory_values_of_a_kernel_that_is_gone_are_missing_not_wrong(project: Path) -> None:
    cells = ("%%asset a --io memory\n1", "%%asset b\na")
    with notebook_in(project) as first:
        first.ok(*cells, "%materialize +b")
    with notebook_in(project) as second:
        second.ok(*cells)
        ran = second("%materialize b")
        assert ran.error is not None
        assert "a" in ran.complaint
        second.ok("%materialize +b")


def test_what_is_stale_for_something_above_it_says_what_changed_there(nb: Notebook) -> None:
    fresh_chain(nb)
    nb.ok("%%asset d\nc", "%materialize d", "def helper(x): return x + 100")
    assert "b above it is stale (helper helper)." in why(nb, "c")
    assert "c above it is stale (helper helper)." in why(nb, "d")
    assert "changed" not in why(nb, "d")


def test_a_part_that_is_no_longer_used_is_called_so(nb: Notebook) -> None:
    fresh_chain(nb)
    nb.ok("%%asset b --param n:int=1\na + n")
    assert "no longer uses helper" in why(nb, "b")


def test_a_part_that_is_not_there_yet_after_a_restart_is_called_so(project: Path) -> None:
    with notebook_in(project) as first:
        first.ok(*CHAIN, "%materialize +b")
    with notebook_in(project) as second:
        second.ok(*CHAIN[1:])
        assert "helper is not defined in this kernel yet" in why(second, "b")


def test_what_was_only_reported_says_so_and_makes_no_variable_older(nb: Notebook) -> None:
    nb.ok("import jobkernel as jk", "%%asset a\n1", "%%asset b\na + 1", "%materialize a b")
    shown = nb("jk.DagsterInstance.get().report_runless_asset_event(jk.AssetMaterialization('b'))\nb")
    assert "older than its asset" not in shown.text + shown.printed
    told = nb("%why b").text
    assert "b is fresh: reported as made " in told
    assert "and nothing above it was made since." in told
    nb.ok("%materialize a")
    assert "b is stale since it was made" in nb("%why b").text
