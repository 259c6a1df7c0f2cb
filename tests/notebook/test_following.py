"""Fingerprints of cells: what they reach through the notebook and the project counts, cosmetic edits never do."""

from __future__ import annotations

import importlib
import sys
import types
from pathlib import Path
from typing import Any

import pytest
from cells_at_work import Notebook, a_body

from jobkernel.notebook.cell_options import AssetOptions, Param
from jobkernel.notebook.cell_step import CellPlace
from jobkernel.notebook.cells import asset_from_cell
from jobkernel.notebook.following import fingerprint_function
from jobkernel.notebook.sql_body import parse_sql_body
from jobkernel.rules.fingerprint import Fingerprint, compare


def fingerprint(text: str, notebook: Notebook, project: Path | None = None, **options: Any) -> Fingerprint:
    place = CellPlace(namespace=notebook.names, project=str(project) if project else None)
    asset = asset_from_cell(AssetOptions(**options), a_body(text), place)
    return asset.resolved({"raw": "raw", "orders": "orders"}).node.fingerprint({})  # type: ignore[union-attr]


def changed(text: str, before: str, after: str) -> list[str]:
    """Return what is told to have changed when the notebook's helpers are defined anew."""
    notebook = Notebook()
    notebook.run(before)
    old = fingerprint(text, notebook)
    notebook.run(after)
    return [f"{change.what} {change.name}" for change in compare(old, fingerprint(text, notebook))]


CHANGES = {
    "a helper": ("f(raw)", "def f(x): return x", "def f(x): return x + 1", ["helper f"]),
    "a helper of a helper": ("f(raw)", "def g(x): return x\ndef f(x): return g(x)", "def g(x): return -x",
                             ["helper g"]),
    "a lambda": ("f(raw)", "f = lambda x: x", "f = lambda x: -x", ["helper f"]),
    "one of two lambdas in a line": ("f(raw)", "f, g = lambda x: x, lambda y: y", "f, g = lambda x: -x, lambda y: y",
                                     ["helper f"]),
    "a constant": ("raw + k", "k = 1", "k = 2", ["constant k"]),
    "the type of a constant": ("raw + k", "k = 1", "k = 1.0", ["constant k"]),
    "a constant of a helper": ("f(raw)", "k = 1\ndef f(x): return x + k", "k = 2", ["constant k"]),
    "a set": ("raw in k", "k = {'a', 'b'}", "k = {'a', 'c'}", ["constant k"]),
    "a default that is no literal": ("f(raw)", "k = 1\ndef f(x, y=k): return y", "k = 2\ndef f(x, y=k): return y",
                                     ["constant f.default0"]),
    "a closure": ("f(raw)", "def make(k):\n  return lambda x: k\nf = make(1)", "f = make(2)", ["constant f.k"]),
    "a decorated function": (
        "f(raw)", "import functools\ndef d(f):\n  @functools.wraps(f)\n  def inner(*a): return f(*a)\n  return inner\n"
        "@d\ndef f(x): return x", "@d\ndef f(x): return -x", ["helper f.f"],
    ),
    "a decorator's argument": ("f(raw)", "def d(n): return lambda f: f\n@d(1)\ndef f(x): return x",
                               "@d(2)\ndef f(x): return x", ["helper f"]),
    "functools.cache": ("f(raw)", "import functools\n@functools.cache\ndef f(x): return x",
                        "@functools.cache\ndef f(x): return -x", ["helper f"]),
    "functools.partial": ("f()", "import functools\nf = functools.partial(max, 1)", "f = functools.partial(max, 2)",
                          ["constant f.partial"]),
    "a method": ("A().f(raw)", "class A:\n  def f(self, x): return x", "class A:\n  def f(self, x): return -x",
                 ["helper A.f"]),
    "an inherited method": ("B().f(raw)", "class A:\n  def f(self, x): return x\nclass B(A): pass",
                            "class A:\n  def f(self, x): return -x\nclass B(A): pass", ["helper A.f"]),
    "a class attribute": ("A.k", "class A:\n  k = 1", "class A:\n  k = 2", ["helper A"]),
    "a field of a dataclass": ("A(1)", "import dataclasses\n@dataclasses.dataclass\nclass A:\n  x: int",
                               "@dataclasses.dataclass\nclass A:\n  x: int\n  y: int = 0", ["helper A"]),
    "the class of an instance": ("a.f(raw)", "class A:\n  def f(self, x): return x\na = A()",
                                 "class A:\n  def f(self, x): return -x\na = A()", ["helper A.f"]),
    "comments of a helper": ("f(raw)", "def f(x):\n  'old'\n  return x  # old", "def f(x):\n\n  'new'\n  return (x)",
                             []),
    "where a helper stands": ("f(raw)", "def f(x): return x", "k = 1\n\n\ndef f(x): return x", []),
    "a helper that is not used": ("f(raw)", "def f(x): return x\ndef g(x): return x", "def g(x): return -x", []),
    "an attribute of the same name": ("raw.k", "k = 1", "k = 2", []),
    "the order of a set": ("raw in k", "k = {'a', 'b'}", "k = {'b', 'a'}", []),
    "a helper used by no path": ("raw", "def f(x): return x", "def f(x): return -x", []),
    "a new object of the same type": ("raw, k", "k = object()", "k = object()", []),
    "a variable that an asset hides": ("raw + 1", "raw = 1", "raw = 2", []),
}  # fmt: skip


@pytest.mark.parametrize(("text", "before", "after", "expected"), CHANGES.values(), ids=CHANGES.keys())
def test_what_a_body_reaches_counts(text: str, before: str, after: str, expected: list[str]) -> None:
    assert sorted(changed(text, before, after)) == sorted(expected)


def test_cosmetic_edits_of_the_body_change_nothing() -> None:
    old = fingerprint("def orders(raw):\n    return raw + 1", Notebook())
    new = fingerprint("# new\n\ndef orders( raw ):\n    'All.'\n    return (raw+1)  # sum", Notebook())

    assert compare(old, new) == []


def test_a_change_of_the_body_shows_its_lines() -> None:
    notebook = Notebook()

    changes = compare(fingerprint("k = 1\nraw + k", notebook), fingerprint("k = 2\nraw + k", notebook))

    assert [(each.what, each.diff) for each in changes] == [
        ("code", (("-", "k = 1"), ("+", "k = 2"), (" ", "raw + k")))
    ]


def test_packages_count_by_version() -> None:
    notebook = Notebook()
    notebook.run("import numpy as np\nfrom pandas import DataFrame\nimport json")

    parts = fingerprint("import polars.selectors\nimport os\nDataFrame(np.ones(json.loads('1')))", notebook).parts

    assert {name for name in parts if name.startswith("package:")} == {
        "package:numpy", "package:pandas", "package:polars",
    }  # fmt: skip
    assert parts["package:numpy"].text == f"numpy=={importlib.import_module('numpy').__version__}"


def test_parameters_count() -> None:
    old = fingerprint("raw + n", Notebook(), params=(Param(name="n", type=int, default=1),))
    new = fingerprint("raw + n", Notebook(), params=(Param(name="n", type=int, default=2),))

    assert [(each.what, each.after) for each in compare(old, new)] == [("config", "n: int = 2")]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "tools_of_test.py").write_text(
        "import deeper_of_test\ndef clean(x):\n    return x\ndef other(): pass\n"
    )
    (tmp_path / "deeper_of_test.py").write_text("k = 1\n")
    return tmp_path


def _forget_modules() -> None:
    from jobkernel.notebook import packages

    packages.file_of.cache_clear()
    for name in ("tools_of_test", "deeper_of_test"):
        sys.modules.pop(name, None)


def test_modules_of_the_project_that_a_body_imports_count_as_source(project: Path) -> None:
    _forget_modules()
    text = "from tools_of_test import clean\nclean(raw)"
    old = fingerprint(text, Notebook(), project)
    importlib.import_module("tools_of_test")
    assert compare(old, fingerprint(text, Notebook(), project)) == []
    (project / "deeper_of_test.py").write_text("k = 2  # other\n")

    changes = compare(old, fingerprint(text, Notebook(), project))

    assert [(each.what, each.name) for each in changes] == [("helper", "deeper_of_test")]
    _forget_modules()


@pytest.mark.parametrize("text", ["tools_of_test.clean(raw)", "clean(raw)"])
def test_functions_of_the_project_count_one_by_one(text: str, project: Path) -> None:
    _forget_modules()
    notebook = Notebook()
    notebook.run("import tools_of_test\nfrom tools_of_test import clean")

    parts = fingerprint(text, notebook, project).parts

    assert {name: part.text for name, part in parts.items() if name != "own"} == {
        "helper:clean": "def clean(x):\n    return x"
    }
    _forget_modules()


def test_a_query_counts_without_its_formatting() -> None:
    def of(text: str) -> str:
        body = parse_sql_body(text, name="orders")
        asset = asset_from_cell(AssetOptions(sql=True), body, CellPlace(namespace={}))
        return asset.resolved({"raw": "raw"}).node.fingerprint({}).combined()  # type: ignore[union-attr]

    assert of("select * from raw -- all") == of("SELECT  *\nFROM raw;")
    assert of("select * from raw") != of("select 1 from raw")


def test_a_function_without_source_is_told_by_its_compiled_code() -> None:
    notebook = Notebook()
    exec("def f(x): return x", notebook.names)
    old = fingerprint("f(raw)", notebook)
    exec("def f(x): return -x", notebook.names)

    assert [each.name for each in compare(old, fingerprint("f(raw)", notebook))] == ["f"]


def test_functions_of_a_script_have_fingerprints_too() -> None:
    module = types.ModuleType("script_of_test")
    notebook = Notebook()
    notebook.names = vars(module)
    notebook.run("k = 1\ndef helper(x): return x + k\ndef orders(raw):\n    'doc'\n    return helper(raw)")
    old = fingerprint_function(module.orders, {})
    notebook.run("k = 2")

    assert old.parts["own"].text == "def orders(raw):\n    return helper(raw)"
    assert [each.name for each in compare(old, fingerprint_function(module.orders, {}))] == ["k"]
