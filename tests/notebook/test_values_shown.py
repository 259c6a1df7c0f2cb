"""What a foreground run shows of the value it made, and of what its steps displayed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kernels import Kernel
from shells import Notebook, Ran

from jobkernel.notebook.value_view import preview_view
from jobkernel.values.preview import preview

CARD = """class Card:
    def _repr_html_(self): return '<i>own</i>'
    def __repr__(self): return 'a card'"""


def markups(ran: Ran) -> list[str]:
    return [str(each["data"].get("text/html", "")) for each in ran.shown]


def test_a_value_that_draws_itself_is_shown_as_itself_below_the_result(nb: Notebook) -> None:
    nb.ok(CARD, "%%asset card\nprint('made')\nCard()")
    ran = nb.ok("%materialize card")
    assert markups(ran)[-1] == "<i>own</i>"
    assert ran.shown[-1]["data"]["text/plain"] == "a card"
    assert "own" not in markups(ran)[0]
    assert "bound card" in markups(ran)[0]


def test_a_mimebundle_reaches_the_cell_whole(nb: Notebook) -> None:
    nb.ok(
        "class Chart:\n    def _repr_mimebundle_(self, **_): return {'application/vnd.chart+json': {'x': [1]}}",
        "%%asset chart\nChart()",
    )
    assert nb.ok("%materialize chart").shown[-1]["data"]["application/vnd.chart+json"] == {"x": [1]}


def test_a_value_that_displays_itself_is_asked_to(nb: Notebook) -> None:
    nb.ok(
        "class Loud:\n    def _ipython_display_(self):\n        print('here I am')",
        "%%asset loud\nLoud()",
    )
    assert nb.ok("%materialize loud").printed == "here I am\n"


def test_a_run_in_the_background_and_a_selection_show_no_value(nb: Notebook) -> None:
    nb.ok(CARD, "%%asset card\nCard()", "%%asset other\n1")
    nb.ok("%materialize card --bg").value.wait(20)
    assert "own" not in nb.ok("%materialize card other").markup
    assert nb.session.records.last_preview("card") == {"form": "text", "text": "a card"}


def test_a_value_whose_picture_fails_does_not_fail_the_run(nb: Notebook) -> None:
    nb.ok("class Bad:\n    def _repr_html_(self): raise ValueError('no picture')\n    def __repr__(self): return 'bad'")
    nb.ok("%%asset bad\nBad()")
    assert "bound bad" in nb.ok("%materialize bad").text


def test_a_table_is_shown_small_with_its_shape_and_what_is_left_out() -> None:
    import pandas as pd

    wide = preview_view(preview(pd.DataFrame({f"c{each}": range(1000) for each in range(34)})))
    assert wide is not None
    assert wide.text.splitlines()[-1] == "… and 990 more rows and 14 more columns · 1,000 rows × 34 columns"
    assert wide.text.splitlines()[0].endswith("c19  …")
    assert "… and 990 more rows and 14 more columns" in str(wide.markup)
    grouped = preview_view(preview(pd.DataFrame({"who": ["a", "b"], "x": [1.5, 10.25]}).groupby("who").sum()))
    assert grouped is not None
    assert grouped.text == "who      x\na     1.50\nb    10.25\n2 rows × 1 column"
    assert '<th style="text-align:left">a</th>' in str(grouped.markup)


def test_everything_of_a_table_is_escaped() -> None:
    import pandas as pd

    shown = preview_view(preview(pd.DataFrame({"<b>": ["<script>"]}, index=pd.Index(["<i>"], name="<u>"))))
    assert shown is not None
    for word in ("<b>", "<script>", "<i>", "<u>"):
        assert word not in str(shown.markup)
        assert word.replace("<", "&lt;").replace(">", "&gt;") in str(shown.markup)


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kernel]:
    for name in ("rt", "project"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "rt"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("JOBKERNEL_PROJECT", str(tmp_path / "project"))
    kernel = Kernel(tmp_path / "project", "n.ipynb")
    try:
        kernel.run("%load_ext jobkernel")
        yield kernel
    finally:
        kernel.close()


def displayed(shown: list[dict[str, Any]], media: str) -> list[Any]:
    return [each["data"][media] for each in shown if media in each.get("data", {})]


def test_widgets_and_all_that_a_body_displays_reach_the_cell_of_a_foreground_run(kernel: Kernel) -> None:
    kernel.run(
        "%%asset slid\nimport ipywidgets\nfrom IPython.display import display, Latex\n"
        "slider = ipywidgets.IntSlider(value=7)\ndisplay(slider)\ndisplay(Latex('$a$'))\n"
        "shown = display({'text/plain': 'first'}, raw=True, display_id=True)\n"
        "shown.update({'text/plain': 'second'}, raw=True)\nslider.value"
    )
    shown = kernel.run("%materialize slid")
    models = [each["data"]["state"] for each in shown if each["type"] == "comm_open"]
    assert any(each.get("_model_name") == "IntSliderModel" for each in models)
    assert len(displayed(shown, "application/vnd.jupyter.widget-view+json")) == 1
    assert displayed(shown, "text/latex") == ["$a$"]
    assert [each["type"] for each in shown if each.get("data", {}).get("text/plain") in ("first", "second")] == [
        "display_data", "update_display_data",
    ]  # fmt: skip


def test_a_table_in_a_kernel_is_ours_and_a_value_that_draws_itself_is_not(kernel: Kernel) -> None:
    kernel.run("import pandas as pd\n%load_ext jobkernel")
    kernel.run("%%asset frame\npd.DataFrame({'x': [1 / 3]})")
    markup = "".join(displayed(kernel.run("%materialize frame"), "text/html"))
    assert f"{math.floor(1e6 / 3) / 1e6}" in markup
    assert 'class="dataframe"' not in markup
    kernel.run("%%asset styled --io memory\nframe.style")
    assert "<style" in "".join(displayed(kernel.run("%materialize styled"), "text/html"))


def test_a_wrong_query_shows_its_sentence_and_no_traceback(nb: Notebook) -> None:
    nb.ok("import jobkernel as jk")
    ran = nb("jk.sql('select * from run')")
    assert "The history has no view 'run'. Did you mean 'runs'?" in ran.printed + ran.complaint
    assert "Traceback" not in ran.printed + ran.complaint
    assert ".py" not in ran.printed + ran.complaint
