"""What the line under a definition cell tells newcomers: what changed, whose name it takes, whose place."""

from __future__ import annotations

import pytest
from shells import Notebook


def echo(nb: Notebook, text: str, cell_id: str | None = None) -> str:
    ran = nb(text, cell_id=cell_id)
    assert ran.error is None, ran.complaint
    return ran.text.strip()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("%%asset a\n1", "%%asset a\n2"),
        ("%%op a\n1", "%%op a\n2"),
        ("%%resource a\n1", "%%resource a\n2"),
        ("%%job a\nmake()", "%%job a --tag k=v\nmake()"),
        ("%job a made", "%job a +made"),
        ("%%check made a\nTrue", "%%check made a\nFalse"),
    ],
)
def test_another_cell_s_definition_is_replaced_aloud_and_one_s_own_in_silence(
    nb: Notebook, before: str, after: str
) -> None:
    nb.ok("%%op make\n1", "%%asset made\n1")
    nb(before, cell_id="one")
    number = nb.shell.execution_count - 1
    assert "replaces" not in echo(nb, after, "one")
    assert f"replaces the definition in cell [{number + 1}]" in echo(nb, before, "two")
    assert "replaces" not in echo(nb, after, "two")


def test_nothing_is_said_where_the_front_end_names_no_cells(nb: Notebook) -> None:
    nb.ok("%%asset a\n1")
    assert "replaces" not in echo(nb, "%%asset a\n2")


def test_the_echo_names_what_changed(nb: Notebook) -> None:
    nb.ok("def helper():\n    return 1", "%%asset a\n1", "%%asset b\na + helper()", "%materialize a b")
    assert echo(nb, "%%asset b\na + helper()  # a comment") == "✓ asset b · from a"
    assert echo(nb, "%%asset b\na + 2 * helper()") == "◐ asset b · from a · stale: code changed"
    nb.ok("%%asset a\n5")
    told = "◐ asset b · from a · stale: code changed, a above it is stale (its code)"
    assert echo(nb, "%%asset b\na + 2 * helper()") == told
    nb.ok("%materialize a")
    assert echo(nb, "%%asset b\na + helper()") == "◐ asset b · from a · stale: upstream a was made anew"
    nb.ok("def helper():\n    return 2")
    told = "◐ asset b · from a · stale: helper helper changed, upstream a was made anew"
    assert echo(nb, "%%asset b\na + helper()") == told
    assert told.partition("· stale: ")[2] in nb.ok("%materialize b --dry-run").text


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("%%asset list\n[1]", "list is also a builtin of Python, which it hides in the notebook; "
                              "bodies reach the asset by --ins x=list"),
        ("%%asset tools/max\n1", "max is also a builtin of Python, which it hides in the notebook; "
                                 "bodies reach the asset by --ins x=tools/max"),
        ("%%op sum\n1", "sum is also a builtin of Python, which it hides in the notebook"),
        ("%%resource open\n1", "open is also a builtin of Python, which it hides in the notebook"),
    ],
)  # fmt: skip
def test_a_name_of_python_s_own_is_warned_of_in_one_line(nb: Notebook, cell: str, words: str) -> None:
    told = echo(nb, cell)
    assert told.endswith(f"· {words}")
    assert "\n" not in told


@pytest.mark.parametrize(("key", "name"), [("2x", "2x"), ("sales/2x", "2x")])
def test_an_asset_whose_name_can_be_no_variable_is_not_bound_and_says_how_it_is_reached(
    nb: Notebook, key: str, name: str
) -> None:
    told = echo(nb, f"%%asset {key}\n7")
    assert told.endswith(f"· {name} can be no variable; bodies reach the asset by --ins x={key}")
    told = echo(nb, f"%materialize {key}")
    assert f"· {name} can be no variable; jk.load('{key}') gives its value" in told
    assert "bound" not in told
    assert name not in nb.shell.user_ns
    nb.ok(f"%%asset y --ins x={key}\nx + 1", "%materialize y")
    assert nb.shell.user_ns["y"] == 8


def test_a_body_that_means_the_builtin_where_an_asset_has_its_name_is_told(nb: Notebook) -> None:
    nb.ok("%%asset list\n[1, 2]")
    assert "list is Python's own here; --ins x=list takes the asset" in echo(nb, "%%asset b\nlist('ab')")
    nb.ok("%%asset c --ins x=list\nsum(x)", "%materialize +c")
    assert nb.names["c"] == 3
