"""Definitions made in Python join the notebook's by ``jk.session().add``; a refusal says so where one is meant."""

from __future__ import annotations

import pytest
from shells import Notebook

PYTHON = """
import jobkernel as jk

@jk.asset
def orders():
    return [1, 2, 3]

@jk.asset(deps=[])
def total(orders):
    return sum(orders)

@jk.asset_check(asset="total")
def positive(total):
    return jk.AssetCheckResult(passed=total > 0)

@jk.op
def make():
    return 5

@jk.job
def making():
    make()

report = jk.define_asset_job("report", selection="*total")
"""


@pytest.fixture
def python(nb: Notebook) -> Notebook:
    nb.ok(PYTHON)
    return nb


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("%materialize orders", "an asset"),
        ("%materialize +total", "an asset"),
        ("%why total", "an asset"),
        ("%launch making", "a job"),
        ("%launch report", "a job"),
    ],
)
def test_a_refusal_says_that_the_variable_holds_it(python: Notebook, line: str, what: str) -> None:
    name = line.split()[-1].strip("+")
    assert python.refused(line).endswith(
        f" The variable {name} holds {what} made in Python: jk.session().add({name}) puts it here."
    )


def test_an_ordinary_variable_is_not_spoken_of(nb: Notebook) -> None:
    nb.ok("orders = 3")
    assert "variable" not in nb.refused("%materialize orders")


def test_what_was_added_is_materialized_checked_launched_and_explained(python: Notebook) -> None:
    assert python.ok("jk.session().add(orders, total, positive, making, report)").value == [
        "orders", "total", "total:positive", "making", "report",
    ]  # fmt: skip
    python.ok("%materialize +total", "%launch report --wait", "%launch making --wait")
    assert python.names["total"] == 6
    check = python.session.states.check("total", "positive")
    assert check is not None
    assert check.passed
    assert "total is fresh" in python.ok("%why total").text
    assert "orders" in python.ok("%graph +total").text


def test_cells_read_what_was_added_and_the_other_way_round(python: Notebook) -> None:
    python.ok("jk.session().add(total)", "%%asset orders\n[10]", "%%asset twice\n2 * total", "%materialize +twice")
    assert python.names["twice"] == 20


def test_editing_a_function_and_adding_it_again_makes_it_stale(python: Notebook) -> None:
    python.ok("jk.session().add(orders)", "%materialize orders")
    python.ok("@jk.asset\ndef orders():\n    return [1]\njk.session().add(orders)")
    assert "its code changed" in python.ok("%why orders").text


def test_definitions_bring_their_resources_and_jobs(nb: Notebook) -> None:
    nb.ok(
        "import jobkernel as jk",
        "@jk.asset(required_resource_keys={'rate'}, deps=['elsewhere'])\ndef price(context):\n"
        "    return 2 * context.resources.rate",
        "jk.session().add(jk.Definitions(assets=[price], resources={'rate': 4},"
        " jobs=[jk.define_asset_job('pricing', 'price')]))",
        "%launch pricing --wait",
    )
    assert nb.session.load("price") == 8
    assert nb.session.registry.assets["elsewhere"].is_external


def test_what_is_only_named_leaves_the_notebook_s_own_asset_alone(nb: Notebook) -> None:
    nb.ok(
        "import jobkernel as jk",
        "%%asset here\n1",
        "@jk.asset(deps=['here'])\ndef there():\n    return 2",
        "jk.session().add(jk.Definitions(assets=[there]))",
        "%materialize +there",
    )
    assert nb.session.load("here") == 1


def test_what_is_no_definition_is_refused_and_nothing_is_added(python: Notebook) -> None:
    ran = python("jk.session().add(orders, 3)")
    kinds = "assets, checks, ops, jobs, schedules, sensors or Definitions"
    assert str(ran.error) == f"What is of type int is no definition; add {kinds}."
    assert python.session.registry.entries == {}


def test_of_several_all_are_added_or_none(python: Notebook) -> None:
    python.ok(
        "%%asset total\n1", "@jk.asset\ndef begin(end):\n    return 1", "@jk.asset\ndef end(begin):\n    return 1"
    )
    before = dict(python.session.registry.entries)
    version = python.session.registry.version
    ran = python("jk.session().add(orders, total, making, begin, end)")
    assert "circle" in str(ran.error)
    assert python.session.registry.entries == before
    assert python.session.registry.version > version
    assert list(python.session.registry.graph.keys) == ["total"]
    python.ok("%materialize total")
    assert python.names["total"] == 1
    events = python.session.history.sql("select count(*) from events where event_type = 'DEFINITION_CHANGED'")
    assert events.fetchall() == [(1,)]


def test_forgetting_drops_what_was_added(python: Notebook) -> None:
    python.ok("jk.session().add(orders, making)", "%jk forget orders making")
    assert python.session.registry.entries == {}
