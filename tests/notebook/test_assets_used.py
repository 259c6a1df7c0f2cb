"""``%jk use``: what another notebook makes, what this one makes, and what nobody does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from shells import Notebook, notebook_in

from jobkernel.notebook import current
from jobkernel.notebook.completion import complete_line


@pytest.fixture
def other(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Notebook]:
    """A notebook of a project in which orders.ipynb made ``orders`` and defined ``total``."""
    monkeypatch.setenv("JPY_SESSION_NAME", str(project / "orders.ipynb"))
    with notebook_in(project) as nb:
        nb.ok("%%asset orders\n1", "%%asset total\norders", "%materialize orders")
    monkeypatch.setenv("JPY_SESSION_NAME", str(project / "other.ipynb"))
    with notebook_in(project) as nb:
        yield nb


def test_what_this_notebook_makes_is_not_used_and_stays(nb: Notebook) -> None:
    nb.ok("%%asset t\n1")
    number = nb.session.registry.entries["asset", "t"].options["cell_number"]
    for line in ("%jk use t", "%jk use far t"):
        assert f"'t' is made by this notebook's cell [{number}]" in nb.refused(line)
    nb.ok("%materialize t")


def test_a_key_that_nobody_makes_is_told_with_the_nearest(other: Notebook) -> None:
    text = other.ok("%jk use ordesr").text
    assert "no notebook of the project makes ordesr yet. Did you mean 'orders'?" in text
    assert other.ok("%jk use orders total").text.strip() == "✓ using orders, total · never made yet: total"


def test_tab_offers_what_others_make(other: Notebook) -> None:
    other.ok("%%asset own\n1")
    kernel = current.find(other.shell)
    assert kernel is not None
    found, _ = complete_line(kernel, "%jk use ")
    assert [text for text, _ in found or ()] == ["orders", "total"]


def test_what_is_only_used_is_materialized_where_it_is_made(other: Notebook) -> None:
    other.ok("%jk use orders", "%jk use nowhere")
    assert other.refused("%materialize orders").startswith("'orders' is made by orders.ipynb: ")
    assert "no notebook of the project is known to make it" in other.refused("%materialize nowhere")


def test_what_was_only_used_elsewhere_is_not_taken_over(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JPY_SESSION_NAME", str(project / "a.ipynb"))
    with notebook_in(project) as nb:
        nb.ok("%%asset orders\n1")
    monkeypatch.setenv("JPY_SESSION_NAME", str(project / "b.ipynb"))
    with notebook_in(project) as nb:
        nb.ok("%jk use orders")
    monkeypatch.setenv("JPY_SESSION_NAME", str(project / "a.ipynb"))
    with notebook_in(project) as nb:
        assert "b.ipynb" not in nb.ok("%%asset orders\n1").text
