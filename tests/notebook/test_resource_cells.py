"""Resources of cells: IO managers keep values and give them back; one that nobody defines is named before a run."""

from __future__ import annotations

import json
import sys
import types
from typing import Any

import pytest
from shells import Notebook

SHELF = (
    "%%resource shelf\n"
    "def shelf():\n"
    "    import shared_shelf as shared\n"
    "    shared.opened.append('open')\n"
    "    class Shelf(jk.IOManager):\n"
    "        def handle_output(self, context, obj):\n"
    "            shared.kept[context.asset_key.path[-1]] = obj\n"
    "        def load_input(self, context):\n"
    "            return shared.kept[context.asset_key.path[-1]]\n"
    "    yield Shelf()\n"
    "    shared.opened.append('closed')\n"
)


class Shared(types.ModuleType):
    """What the shelf keeps and notes: a module, which no launch copies."""

    def __init__(self) -> None:
        super().__init__("shared_shelf")
        self.kept: dict[str, Any] = {}
        self.opened: list[str] = []


@pytest.fixture
def shared(nb: Notebook, monkeypatch: pytest.MonkeyPatch) -> Shared:
    """A notebook in which the shelf is defined; what it keeps."""
    shared = Shared()
    monkeypatch.setitem(sys.modules, "shared_shelf", shared)
    nb.ok("import jobkernel as jk", SHELF)
    return shared


def test_a_value_kept_by_a_resource_is_bound_and_loaded_with_the_resource_open(nb: Notebook, shared: Shared) -> None:
    nb.ok("%%asset a --io shelf\n[1, 2]")
    assert "bound a" in nb.ok("%materialize a").text
    assert nb.names["a"] == [1, 2]
    assert shared.kept == {"a": [1, 2]}
    shared.opened.clear()
    assert nb.ok("jk.load('a')").value == [1, 2]
    assert shared.opened == ["open", "closed"]


def test_a_value_kept_by_a_resource_is_described_and_shown_as_any_other(nb: Notebook, shared: Shared) -> None:
    nb.ok("import pandas as pd", "%%asset a --io shelf\npd.DataFrame({'x': [7, 8]})")
    assert "2 rows × 1 column" in nb.ok("%materialize a").text
    metadata = json.loads(nb.ok("jk.sql('select metadata from materializations').fetchall()[0][0]").value)
    assert metadata["dagster/row_count"] == {"kind": "int", "value": 2}
    assert [each["name"] for each in metadata["dagster/column_schema"]["value"]["columns"]] == ["x"]


def test_what_can_be_read_only_once_is_left_for_the_resource_that_keeps_it(nb: Notebook, shared: Shared) -> None:
    nb.ok(
        "import pyarrow as pa",
        "%%asset a --io shelf\npa.RecordBatchReader.from_batches(pa.schema([('x', pa.int64())]),"
        " [pa.record_batch({'x': [7, 8]})])",
        "%materialize a",
    )
    assert shared.kept["a"].read_all().num_rows == 2


def test_a_value_that_its_resource_does_not_give_back_fails_the_cell_below_the_result_of_the_run(nb: Notebook) -> None:
    nb.ok(
        "import jobkernel as jk",
        "%%resource sieve\nclass Sieve(jk.IOManager):\n    def handle_output(self, context, obj): pass\n"
        "    def load_input(self, context): raise LookupError('gone')\nSieve()",
        "%%asset a --io sieve\n1",
    )
    ran = nb("%materialize a")
    assert type(ran.error) is LookupError
    assert "✓ 1 step" in ran.text
    assert "a is made, but cannot be loaded" in ran.text


def test_an_asset_whose_resource_is_gone_says_which(nb: Notebook, shared: Shared) -> None:
    nb.ok("%%asset a --io shelf\n1", "%materialize a", "%jk forget shelf", "%%resource shelve\n1")
    assert shared.kept == {"a": 1}
    ran = nb("jk.load('a')")
    assert str(ran.error) == "Resource 'shelf', needed by 'a', is not provided. Did you mean 'shelve'?"


def test_a_resource_that_is_no_io_manager_says_so(nb: Notebook, shared: Shared) -> None:
    nb.ok("%%asset a --io shelf\n1", "%materialize a", "%%resource shelf\n3")
    assert shared.kept == {"a": 1}
    assert "kept by 'shelf', which is no IO manager" in str(nb("jk.load('a')").error)


def test_a_resource_that_nobody_defines_is_named_before_anything_runs(nb: Notebook) -> None:
    nb.ok("%%resource shelf\n1", "%%asset first\n1", "%%asset a --io shelv\nfirst")
    sentence = nb.refused("%materialize +a")
    assert sentence == "Resource 'shelv', needed by 'a', is not provided. Did you mean 'shelf'?"
    assert nb.session.history.query("latest_runs", limit=5) == []
    assert nb.session.states.made("first") is None
