"""Resources of cells: IO managers keep and give back values, and one that nobody defines is named before anything runs."""

from __future__ import annotations

from shells import Notebook

SHELF = (
    "%%resource shelf\n"
    "def shelf():\n"
    "    opened.append('open')\n"
    "    class Shelf(jk.IOManager):\n"
    "        def handle_output(self, context, obj):\n"
    "            kept[context.asset_key.path[-1]] = obj\n"
    "        def load_input(self, context):\n"
    "            return kept[context.asset_key.path[-1]]\n"
    "    yield Shelf()\n"
    "    opened.append('closed')\n"
)


def with_shelf(nb: Notebook) -> tuple[dict[str, object], list[str]]:
    """Define the shelf over a module that no launch copies; return what it keeps, and what was opened and closed."""
    import sys
    import types

    shared = types.ModuleType("shared_shelf")
    shared.kept, shared.opened = {}, []  # type: ignore[attr-defined]
    sys.modules["shared_shelf"] = shared
    nb.ok("import jobkernel as jk", SHELF.replace("opened.", "shared_shelf.opened.").replace(" kept[", " shared_shelf.kept[")
          .replace("    shared_shelf.opened.append('open')", "    import shared_shelf\n    shared_shelf.opened.append('open')"))  # fmt: skip
    return shared.kept, shared.opened  # type: ignore[attr-defined]


def test_a_value_kept_by_a_resource_is_bound_and_loaded_with_the_resource_open(nb: Notebook) -> None:
    kept, opened = with_shelf(nb)
    nb.ok("%%asset a --io shelf\n[1, 2]")
    assert "bound a" in nb.ok("%materialize a").text
    assert nb.names["a"] == [1, 2]
    assert kept == {"a": [1, 2]}
    opened.clear()
    assert nb.ok("jk.load('a')").value == [1, 2]
    assert opened == ["open", "closed"]


def test_an_asset_whose_resource_is_gone_says_which(nb: Notebook) -> None:
    with_shelf(nb)
    nb.ok("%%asset a --io shelf\n1", "%materialize a", "%jk forget shelf", "%%resource shelve\n1")
    ran = nb("jk.load('a')")
    assert str(ran.error) == "Resource 'shelf', needed by 'a', is not provided. Did you mean 'shelve'?"


def test_a_resource_that_is_no_io_manager_says_so(nb: Notebook) -> None:
    with_shelf(nb)
    nb.ok("%%asset a --io shelf\n1", "%materialize a", "%%resource shelf\n3")
    assert "kept by 'shelf', which is no IO manager" in str(nb("jk.load('a')").error)


def test_a_resource_that_nobody_defines_is_named_before_anything_runs(nb: Notebook) -> None:
    nb.ok("%%resource shelf\n1", "%%asset first\n1", "%%asset a --io shelv\nfirst")
    sentence = nb.refused("%materialize +a")
    assert sentence == "Resource 'shelv', needed by 'a', is not provided. Did you mean 'shelf'?"
    assert nb.session.history.query("latest_runs", limit=5) == []
    assert nb.session.states.made("first") is None
