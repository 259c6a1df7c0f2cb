"""Still pictures: what is in a notebook that nobody has before them, and in files; big, odd and hostile graphs too."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import nbformat
import pytest
from kernels import Kernel
from kernels import text_of as printed_by
from nbclient import NotebookClient
from shells import Notebook

import jobkernel
from jobkernel.notebook.picture import LINES_AT_MOST, MIME, bundle_of, svg_of, text_of

WIDGET = "application/vnd.jupyter.widget-view+json"


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A notebook that nbclient ran, with nobody watching."""
    folder = tmp_path_factory.mktemp("run")
    cells = [
        "%load_ext jobkernel",
        "%%asset numbers --run\n[1, 2]",
        "%%asset <b>\n1",
        "%%asset tens\nnumbers",
        "%jk",
        "%graph",
        "%graph numbers",
        "%graph status:failed",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in cells])
    client = NotebookClient(notebook, allow_errors=True, timeout=60, resources={"metadata": {"path": str(folder)}})
    environment = {**os.environ, "PYTHONPATH": str(Path(jobkernel.__file__).parents[1])}
    environment.pop("JOBKERNEL_PROJECT", None)
    client.execute(env=environment)
    from jobkernel.storage.control import stop_server

    stop_server(folder)
    return notebook


@pytest.mark.parametrize("cell", [4, 5])
def test_a_notebook_run_by_a_program_holds_picture_and_text_but_no_widget(executed: Any, cell: int) -> None:
    (output,) = executed.cells[cell].outputs
    assert set(output.data) == {MIME, "image/svg+xml", "text/plain"}
    assert output.data["text/plain"].splitlines() == ["✓ numbers", "○   tens  ← numbers"]
    assert "numbers: fresh" in output.data["image/svg+xml"]
    assert output.data[MIME]["live"] is True
    assert "widgets" not in executed.metadata


def test_a_saved_output_of_a_selection_holds_its_picture_and_what_it_was_asked_for(executed: Any) -> None:
    (output,) = executed.cells[6].outputs
    assert output.data["text/plain"] == "✓ numbers"
    assert output.data[MIME].items() >= {"live": True, "job": None, "selection": "numbers", "nodes": 1}.items()


def test_a_selection_of_nothing_says_so_as_text_and_in_its_picture(executed: Any) -> None:
    (output,) = executed.cells[7].outputs
    assert output.data["text/plain"] == "Nothing matches the selection 'status:failed'."
    (shown,) = ElementTree.fromstring(output.data["image/svg+xml"]).iter("{http://www.w3.org/2000/svg}text")
    assert shown.text == output.data["text/plain"]


def test_nbconvert_shows_the_picture(executed: Any) -> None:
    nbconvert = pytest.importorskip("nbconvert")
    page, _ = nbconvert.HTMLExporter().from_notebook_node(executed)
    pictures = re.findall(r"data:image/svg\+xml;base64,([\w+/=]+)", page)
    assert sum(b"numbers: fresh" in base64.b64decode(each) for each in pictures) == 3
    assert WIDGET not in page


def test_a_shell_without_a_front_end_shows_text(nb: Notebook) -> None:
    nb.ok("%%asset numbers\n[1]", "%%asset tens\nnumbers")
    assert nb.ok("%jk").text.strip() == "○ numbers\n○   tens  ← numbers"


def graph_of(count: int, **details: Any) -> dict[str, Any]:
    nodes = [
        {"key": f"a{place}", "label": f"a{place}", "x": 0.0, "y": 70.0 * place, "w": 152.0, "h": 56.0, "type": "asset",
         "kind": "python", "members": 0, "layer": 0, "index": place, **details}
        for place in range(count)
    ]  # fmt: skip
    edges = [
        {"from": 0, "to": place, "inferred": True, "points": [[0, 0], [9, 70 * place]]} for place in range(1, count)
    ]
    return {"nodes": nodes, "edges": edges, "groups": [], "direction": "LR", "width": 152, "height": 70 * count}


def test_a_picture_of_ten_thousand_nodes_is_small_enough_to_be_saved() -> None:
    graph = graph_of(10_000)
    status = {f"a{place}": {"status": "failed" if place == 7 else "fresh"} for place in range(10_000)}
    svg = svg_of(graph, status)
    assert len(svg) < 400_000
    assert "failed: 1<" in svg
    assert "fresh: 9999<" in svg
    assert len(text_of(graph, status).splitlines()) == LINES_AT_MOST + 1
    ElementTree.fromstring(svg)


def test_names_that_look_like_markup_are_text_in_a_picture() -> None:
    nasty = '<script>alert("x")</script>&\x1b[31m'
    svg = svg_of(graph_of(1, label=nasty, key=nasty, kind=nasty), {})
    assert "<script" not in svg
    ElementTree.fromstring(svg)


def test_a_pile_shows_the_worst_in_it_and_how_many_are_there() -> None:
    graph = graph_of(1, type="group", key="group:g", label="g", members=3, member_keys=["x", "y", "z"])
    status = {"x": {"status": "fresh"}, "y": {"status": "stale", "cause": "code"}, "z": {"status": "fresh"}}
    svg = svg_of(graph, status)
    assert "3 assets" in svg
    assert "group:g: stale" in svg
    assert text_of(graph, status) == "◐ g"


def test_a_card_says_how_many_rows_there_are_or_what_is_wrong() -> None:
    graph = graph_of(3)
    status = {
        "a0": {"status": "fresh", "rows": 336776},
        "a1": {"status": "stale", "cause": "helper"},
        "a2": {"status": "failed"},
    }
    texts = [
        each.text for each in ElementTree.fromstring(svg_of(graph, status)).iter("{http://www.w3.org/2000/svg}text")
    ]
    assert [texts[place] for place in (2, 5, 8)] == ["336,776 rows", "helper", "failed"]


def test_a_picture_of_nothing_says_how_to_begin() -> None:
    assert bundle_of(graph_of(0), {}, 0)[MIME]["nodes"] == 0
    assert "%%asset" in bundle_of(graph_of(0), {}, 0)["text/plain"]


@pytest.fixture
def watched(project: Path) -> Iterator[Kernel]:
    """A kernel of a notebook that somebody has open."""
    kernel = Kernel(project, "work.ipynb")
    kernel.run("%load_ext jobkernel\nimport jobkernel as jk")
    kernel.run("%%asset numbers\n[1]")
    yield kernel
    kernel.close()


def shown_to_a_person(kernel: Kernel, code: str) -> dict[str, Any]:
    shown = kernel.finish(kernel.client.execute(code, allow_stdin=True))
    (output,) = [each for each in shown if each["type"] == "execute_result"]
    return output["data"]


def test_a_front_end_without_the_extension_gets_the_widget_and_one_with_it_gets_none(watched: Kernel) -> None:
    assert set(shown_to_a_person(watched, "%jk")) == {MIME, "image/svg+xml", "text/plain", WIDGET}

    picture = watched.result("picture")
    assert set(shown_to_a_person(watched, "%jk")) == {MIME, "image/svg+xml", "text/plain"} == set(picture)
    assert "numbers: never" in picture["image/svg+xml"]


def test_a_selection_is_live_too_where_there_is_no_extension(watched: Kernel) -> None:
    watched.run("%%asset tens\nnumbers")
    shown = shown_to_a_person(watched, "%graph numbers")
    assert set(shown) == {MIME, "image/svg+xml", "text/plain", WIDGET}
    assert shown["text/plain"] == "○ numbers"
    printed = printed_by(watched.run("g = %graph numbers\nprint(g.to_graphviz().source)"))
    assert "numbers" in printed
    assert "tens" not in printed
