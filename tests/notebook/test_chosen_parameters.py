"""Values made with parameters that a launch chose: told, and stale as long as the code's own defaults differ."""

from __future__ import annotations

import pytest
from shells import Notebook

from jobkernel.model.runs import Launch

ORDERS = "%%asset orders --param limit:int=10 --param who=Ada\nlist(range(limit))"
OTHER = "made with other parameters: limit=5 (default 10)"


def status(nb: Notebook, key: str) -> str:
    return nb.session.freshness.status_words()[key]


def test_a_value_made_with_other_parameters_is_stale_and_says_which(nb: Notebook) -> None:
    nb.ok(ORDERS)
    told = nb.ok("%materialize orders --set orders.limit=5").text
    assert f"orders counts as stale: {OTHER}" in told
    assert status(nb, "orders") == "stale"
    assert nb.session.freshness.verdicts()["orders"].cause == "config"
    assert OTHER in nb.ok("%why orders").text
    assert nb.ok(ORDERS).text.strip() == f"◐ asset orders · stale: {OTHER}"


def test_what_is_below_it_says_so(nb: Notebook) -> None:
    nb.ok(ORDERS, "%%asset total\nsum(orders)", "%materialize orders --set orders.limit=5", "%materialize total")
    assert f"orders above it is stale ({OTHER})" in nb.ok("%why total").text
    nb.ok("%materialize orders total --stale")
    assert (nb.names["total"], status(nb, "orders"), status(nb, "total")) == (45, "fresh", "fresh")


@pytest.mark.parametrize("options", ["", "--set orders.limit=10", "--set orders.who=Ada"])
def test_the_default_given_aloud_changes_nothing(nb: Notebook, options: str) -> None:
    nb.ok(ORDERS, f"%materialize orders {options}")
    assert status(nb, "orders") == "fresh"


def test_a_parameter_without_a_default_has_nothing_to_differ_from(nb: Notebook) -> None:
    nb.ok("%%asset orders --param limit:int\nlimit", "%materialize orders --set orders.limit=5")
    assert status(nb, "orders") == "fresh"


def test_what_a_job_says_is_its_normal(nb: Notebook) -> None:
    nb.ok(
        ORDERS,
        "few = {'ops': {'orders': {'config': {'limit': 3}}}}",
        "%job short orders --config few",
        "%launch short --wait",
    )
    assert nb.session.load("orders") == [0, 1, 2]
    assert status(nb, "orders") == "fresh"
    nb.ok("%launch short --wait --set orders.limit=5")
    assert status(nb, "orders") == "stale"


def test_running_again_what_a_run_ran_keeps_its_parameters(nb: Notebook) -> None:
    nb.ok(ORDERS)
    first = nb.session.launch(nb.session.plan(["orders"]), _launch(limit=5)).wait()
    nb.ok("%materialize orders")
    nb.session.reexecute(first.run_id).wait()
    assert nb.session.load("orders") == [0, 1, 2, 3, 4]
    assert OTHER in nb.ok("%why orders").text


def test_the_environment_is_named_and_not_read(nb: Notebook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHO", "a secret of somebody")
    nb.ok(
        "import jobkernel as jk\nclass Settings(jk.Config):\n    who: str = 'Ada'",
        "%%asset\ndef orders(config: Settings):\n    return config.who",
    )
    nb.session.launch(nb.session.plan(["orders"]), _launch(who={"env": "WHO"})).wait()
    assert nb.session.load("orders") == "a secret of somebody"
    told = nb.ok("%why orders").text
    assert 'who={"env": "WHO"} (default "Ada")' in told
    assert "a secret of somebody" not in told


def test_a_config_class_tells_its_fields(nb: Notebook) -> None:
    nb.ok(
        "import jobkernel as jk\nclass Settings(jk.Config):\n    limit: int = 10\n    deep: bool = False",
        "%%asset\ndef orders(config: Settings):\n    return config.limit",
        "%materialize orders --set orders.limit=5",
    )
    assert nb.names["orders"] == 5
    assert OTHER in nb.ok("%why orders").text


def test_other_defaults_in_the_code_are_said_to_be_its_parameters(nb: Notebook) -> None:
    nb.ok(ORDERS, "%materialize orders")
    assert "stale: its parameters changed" in nb.ok(ORDERS.replace("10", "11")).text


def _launch(**config: object) -> Launch:
    return Launch(config={"ops": {"orders": {"config": config}}})
