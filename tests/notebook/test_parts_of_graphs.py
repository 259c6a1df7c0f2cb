"""A screen that shows a part of the graph is told of that part, and of what belongs to it at the moment."""

from __future__ import annotations

from typing import Any

import pytest
from shells import Notebook
from waiting import eventually

from jobkernel.notebook import current
from jobkernel.notebook.graph_view import GraphQuery
from jobkernel.notebook.publisher import Publisher
from jobkernel.notebook.showing import take_the_place


class Screen:
    """Hears what a publisher tells of a query."""

    def __init__(self, publisher: Publisher, **query: str) -> None:
        self.pushes: list[dict[str, Any]] = []
        first = publisher.part(GraphQuery(**query))  # type: ignore[arg-type]
        self.pushes.append({"push": "graph", "seq": 0, "snapshot": first})
        self.end = publisher.listen(self.pushes.append, GraphQuery(**query))  # type: ignore[arg-type]

    @property
    def graph(self) -> dict[str, Any]:
        graph: dict[str, Any] = [push for push in self.pushes if push["push"] == "graph"][-1]["snapshot"]["graph"]
        return graph

    @property
    def nodes(self) -> set[str]:
        return set(self.graph["nodes"]["key"])

    @property
    def words(self) -> dict[str, str]:
        """The status word of every key that it was told of."""
        found: dict[str, Any] = {}
        for push in self.pushes:
            found.update(push["snapshot"]["status"] if push["push"] == "graph" else push["status"])
        return {key: status.get("status", "never") for key, status in found.items()}


@pytest.fixture
def publisher(nb: Notebook) -> Publisher:
    nb.ok("%%asset orders\n1", "%%asset report\norders", "%%asset lonely\n1", "%%op fetch\n1")
    kernel = current.find(nb.shell)
    assert kernel is not None
    found: Publisher = kernel.publisher
    return found


def test_statuses_are_told_of_what_is_shown_alone(nb: Notebook, publisher: Publisher) -> None:
    part, whole = Screen(publisher, selection="+report"), Screen(publisher)
    nb.ok("%materialize *")
    eventually(lambda: whole.words == dict.fromkeys(("orders", "report", "lonely"), "fresh"))
    eventually(lambda: part.words == {"orders": "fresh", "report": "fresh"})
    assert part.nodes == {"orders", "report"}
    assert part.graph["view"]["selection"] == "+report"
    assert set(part.graph["view"]["keys"]) == {"orders", "report"}


def test_a_selection_means_what_it_selects_now(nb: Notebook, publisher: Publisher) -> None:
    part = Screen(publisher, selection="+report")
    nb.ok("%%asset customers\n1", "%%asset report\n(orders, customers)")
    eventually(lambda: part.nodes == {"orders", "report", "customers"})
    nb.ok("%%asset report\n0")
    eventually(lambda: part.nodes == {"report"})


def test_what_a_selection_names_may_go_and_come_back(nb: Notebook, publisher: Publisher) -> None:
    part = Screen(publisher, selection="lonely")
    nb.ok("%jk forget lonely")
    eventually(lambda: "lonely" in (part.graph["view"]["problem"] or ""))
    assert part.nodes == set()
    nb.ok("%%asset lonely\n2")
    eventually(lambda: part.nodes == {"lonely"})
    assert part.graph["view"]["problem"] is None


def test_a_selection_by_status_follows_what_runs(nb: Notebook, publisher: Publisher) -> None:
    part = Screen(publisher, selection="status:missing")
    assert part.nodes == {"orders", "report", "lonely"}
    nb.ok("%materialize lonely")
    eventually(lambda: part.nodes == {"orders", "report"})
    nb.ok("%materialize orders,report")
    eventually(lambda: part.graph["view"]["problem"] == "Nothing matches the selection 'status:missing'.")


@pytest.mark.parametrize(
    ("cell", "job", "keys"),
    [("%%job nightly\nfetch()", "nightly", {"op:nightly/fetch"}), ("%job daily orders", "daily", {"orders"})],
)
def test_a_job_is_a_part_too(nb: Notebook, publisher: Publisher, cell: str, job: str, keys: set[str]) -> None:
    nb.ok(cell)
    part = Screen(publisher, job=job)
    assert part.nodes == keys
    nb.ok("%materialize lonely", f"%launch {job} --wait")
    eventually(lambda: part.words == dict.fromkeys(keys, "fresh"))


def test_a_screen_that_stopped_listening_is_told_nothing_more(nb: Notebook, publisher: Publisher) -> None:
    gone, other = Screen(publisher, selection="orders"), Screen(publisher, selection="orders")
    gone.end()
    nb.ok("%materialize orders")
    eventually(lambda: other.words == {"orders": "fresh"})
    assert len(gone.pushes) == 1


def test_the_picture_of_a_selection_can_be_asked_for(nb: Notebook, publisher: Publisher) -> None:
    answer = publisher.requests.answer({"id": 1, "op": "picture", "selection": "+report"})
    assert answer["result"]["text/plain"] == "○ orders\n○   report  ← orders"
    assert publisher.requests.answer({"id": 1, "op": "picture", "selection": "nothing"})["ok"] is False


@pytest.mark.parametrize("selection", ["status:failed", "orders and lonely"])
def test_a_selection_of_nothing_is_not_a_notebook_of_nothing(
    nb: Notebook, publisher: Publisher, selection: str
) -> None:
    assert nb.ok(f"%graph {selection}").text.strip() == f"Nothing matches the selection '{selection}'."


def test_a_notebook_of_nothing_still_says_how_to_begin(nb: Notebook) -> None:
    assert "A first cell: %%asset numbers" in nb.ok("%graph").text


class Cell:
    """A notebook's kernel as far as outputs need it: which cell runs, for the how-manieth time."""

    cell_id = "c1"
    cell_number = 1


class Widget:
    """Remembers whether it was closed."""

    is_open = True

    def close(self) -> None:
        self.is_open = False


def test_a_cell_that_runs_again_closes_all_that_it_showed_and_nothing_of_its_own_run() -> None:
    kernel: Any = Cell()
    first, second, third = Widget(), Widget(), Widget()
    take_the_place(kernel, first)
    take_the_place(kernel, second)
    assert (first.is_open, second.is_open) == (True, True)
    kernel.cell_number = 2
    take_the_place(kernel, third)
    assert (first.is_open, second.is_open, third.is_open) == (False, False, True)
