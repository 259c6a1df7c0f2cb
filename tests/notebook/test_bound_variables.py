"""Variables that runs bound to assets' values: renewed where they are named, told of where they became older."""

from __future__ import annotations

from shells import Notebook

OLDER = "the variable orders is older than its asset; %materialize orders --stale renews it"


def made_in_the_background(nb: Notebook, value: int) -> None:
    nb.ok(f"%%asset orders\n{value}")
    nb.session.launch(nb.session.plan(["orders"])).wait()


def test_stale_binds_what_is_named_also_where_nothing_has_to_run(nb: Notebook) -> None:
    nb.ok("%%asset orders\n1")
    nb.session.launch(nb.session.plan(["orders"])).wait()
    told = nb.ok("%materialize orders --stale").text
    assert told.strip() == "✓ Everything selected is fresh; nothing to run. · bound orders"
    assert nb.names["orders"] == 1


def test_stale_renews_a_variable_of_an_earlier_run(nb: Notebook) -> None:
    nb.ok("%%asset orders\n1", "%materialize orders")
    made_in_the_background(nb, 2)
    assert nb.names["orders"] == 1
    assert "replaced orders" in nb.ok("%materialize orders --stale").text
    assert nb.names["orders"] == 2


def test_stale_leaves_a_variable_that_is_the_stored_value_alone(nb: Notebook) -> None:
    nb.ok("%%asset orders\n[1]", "%materialize orders")
    before = nb.names["orders"]
    assert "orders" not in nb.ok("%materialize orders --stale").text
    assert nb.names["orders"] is before


def test_stale_binds_the_fresh_ones_beside_those_that_run(nb: Notebook) -> None:
    nb.ok("%%asset orders\n1", "%%asset total\norders + 1")
    nb.session.launch(nb.session.plan(["orders"])).wait()
    told = nb.ok("%materialize orders total --stale").text
    assert "bound total · bound orders" in told
    assert (nb.names["orders"], nb.names["total"]) == (1, 2)


def test_a_dry_run_and_the_background_bind_nothing(nb: Notebook) -> None:
    nb.ok("%%asset orders\n1")
    nb.session.launch(nb.session.plan(["orders"])).wait()
    nb.ok("%materialize orders --stale --dry-run", "%materialize orders --stale --bg")
    assert "orders" not in nb.names


def test_a_cell_that_reads_an_older_variable_is_told_so_once(nb: Notebook) -> None:
    nb.ok("%%asset orders\n1", "%materialize orders")
    made_in_the_background(nb, 2)
    assert nb.ok("orders_of_others = 3").printed == ""
    first, second = nb.ok("orders + 1"), nb.ok("orders + 1")
    assert (first.printed, first.value) == (f"{OLDER}\n", 2)
    assert second.printed == ""
    made_in_the_background(nb, 3)
    assert nb.ok("orders + 1").printed == f"{OLDER}\n"


def test_a_variable_that_somebody_assigned_is_not_spoken_of(nb: Notebook) -> None:
    nb.ok("%%asset orders\n1", "%materialize orders", "orders = 'mine'")
    made_in_the_background(nb, 2)
    assert nb.ok("orders").printed == ""


def test_the_result_of_a_run_names_the_variables_that_became_older(nb: Notebook) -> None:
    nb.ok("%%asset orders\n1", "%%asset total\norders + 1", "%materialize orders", "%%asset orders\n5")
    told = nb.ok("%materialize +total").text
    assert f"bound total · {OLDER}" in told
    assert (nb.names["orders"], nb.names["total"]) == (1, 6)


def test_an_echo_says_that_the_asset_is_newer_than_the_variable(nb: Notebook) -> None:
    nb.ok("%%asset orders\n1", "%materialize orders")
    assert "variable" not in nb.ok("%%asset total\norders + 1").text
    made_in_the_background(nb, 2)
    assert "orders is the asset, newer than the notebook's variable" in nb.ok("%%asset total\norders + 1").text
