"""What newcomers do in their first hour, and what they should read then."""

from __future__ import annotations

from tests.notebook.shells import Notebook


def test_a_check_may_return_numpys_truth(nb: Notebook) -> None:
    nb.ok("import pandas as pd", "%%asset orders\npd.DataFrame({'amount': [1, 2]})")
    nb.ok("%%check orders positive --blocking\n(orders.amount > 0).all()", "%materialize orders")

    checks = nb.ok("%jk sql select check_name, passed from checks").value.fetchall()

    assert checks == [("positive", True)]


def test_a_body_without_a_value_says_so_when_it_is_defined(nb: Notebook) -> None:
    shown = nb.ok("%%asset result\nres = [1, 2, 3]").value

    assert "makes no value: nothing assigns result, and no expression ends it" in repr(shown)


def test_a_name_that_nothing_defines_is_named_with_its_nearest_match(nb: Notebook) -> None:
    nb.ok("%%asset orders\n[1, 2]")

    shown = nb.ok("%%asset typo\nlen(ordrs)").value

    assert "needs ordrs, which nothing defines yet. Did you mean 'orders'?" in repr(shown)


def test_setting_a_parameter_that_an_asset_does_not_have_is_refused(nb: Notebook) -> None:
    nb.ok("%%asset a\n1")

    refused = nb("%materialize a --set a.x=1")

    assert "'a' has no parameters; 'x' sets nothing. Declare it: --param x." in str(refused.error)
