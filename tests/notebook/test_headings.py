"""How a definition cell may begin, and what is said of cells that nearly begin so."""

from __future__ import annotations

import pytest
from shells import Notebook

from jobkernel.notebook.heading import WORDS, as_magic, near_miss
from jobkernel.notebook.usages import LINE_USAGES


@pytest.mark.parametrize("heading", ["# jk: asset x", "#jk: asset x", "#  jk:asset x", "#\tjk:  asset x"])
def test_blanks_in_the_comment_do_not_matter(nb: Notebook, heading: str) -> None:
    nb.ok(f"{heading} --group g\n1 + 1", "%materialize x")
    assert nb.names["x"] == 2
    spec = nb.session.registry.spec("x")
    assert spec is not None
    assert spec.group == "g"


@pytest.mark.parametrize("comment", ["# jk: todo, tidy up", "# jk: my notes", "# asset x", "# jkx: asset", "#jk", "#"])
def test_an_ordinary_comment_is_left_alone(nb: Notebook, comment: str) -> None:
    ran = nb.ok(f"{comment}\n6 * 7")
    assert ran.text.strip() == "42"
    assert as_magic([f"{comment}\n", "6 * 7\n"]) == [f"{comment}\n", "6 * 7\n"]


def test_a_near_miss_is_said_once_and_the_cell_runs_as_it_is(nb: Notebook) -> None:
    first = nb.ok("# jk asset x --group g\n41")
    second = nb.ok("# jk asset y\n42")
    assert first.printed == (
        "`# jk asset x --group g` is a comment and defines nothing; "
        "a definition begins with `# jk: asset x --group g`.\n"
    )
    assert (first.value, second.value, second.printed) == (41, 42, "")
    assert nb.session.registry.entries == {}


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("# jk asset x", "`# jk: asset x`"),
        ("# JK: op y", "`# jk: op y`"),
        ("## jk: check a b", "`# jk: check a b`"),
        ("# jk: aset x", "`# jk: asset x`"),
        ("#jk - resorce db", "`# jk: resource db`"),
    ],
)
def test_near_misses_name_what_was_meant(line: str, meant: str) -> None:
    assert (near_miss(f"{line}\n1") or "").endswith(f"begins with {meant}.")


@pytest.mark.parametrize("line", ["# jk: asset x", "#jk: op y", "%%asset x", "x = 1", "# jk: nothing like it"])
def test_what_is_right_or_far_is_no_near_miss(line: str) -> None:
    assert near_miss(f"{line}\n1") is None


@pytest.mark.parametrize("word", WORDS)
def test_help_of_a_cell_magic_needs_no_body(nb: Notebook, word: str) -> None:
    told = nb.ok(f"%%{word} --help").text
    assert told.strip().startswith(f"%%{word} ")
    assert nb.ok(f"%%{word} x -h\n").text == told
    assert nb.ok(f"# jk: {word} --help").text == told


@pytest.mark.parametrize("word", [word for word in WORDS if word not in LINE_USAGES])
def test_the_line_magic_of_the_same_name_gives_the_same_help(nb: Notebook, word: str) -> None:
    assert nb.ok(f"%{word} --help").text == nb.ok(f"%%{word} --help\npass").text


def test_unloading_takes_the_line_magics_away(nb: Notebook) -> None:
    nb.ok("%unload_ext jobkernel")
    assert "asset" not in nb.shell.magics_manager.magics["line"]
    nb.ok("%load_ext jobkernel")
