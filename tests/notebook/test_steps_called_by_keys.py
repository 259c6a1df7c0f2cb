"""Steps that make assets are called by the assets' keys: by a handle, in sentences, by Tab and behind ``--only``."""

from __future__ import annotations

import re

import pytest
from shells import Notebook

from jobkernel.engine.handle import RunHandle
from jobkernel.errors import RunFailed, UnknownName
from jobkernel.notebook import current
from jobkernel.notebook.completion import complete_line


def a_failed_run(nb: Notebook) -> RunHandle:
    nb.ok("%%asset raw/orders\n1", "%%asset shop/total --ins n=raw/orders\nn / 0")
    handle: RunHandle = nb.ok("%materialize +shop/total --bg").value.wait(20)
    return handle


def test_a_handle_says_which_asset_failed(nb: Notebook) -> None:
    handle = a_failed_run(nb)
    assert "failed at shop/total: ZeroDivisionError" in repr(handle)
    with pytest.raises(RunFailed, match=r"failed at shop/total\."):
        handle.raise_for_status()


@pytest.mark.parametrize("clause", ["raw/orders*", "raw__orders*", "*shop/total"])
def test_only_takes_keys_of_assets_and_of_steps(nb: Notebook, clause: str) -> None:
    handle = a_failed_run(nb)
    nb.ok("%%asset shop/total --ins n=raw/orders\nn + 1")
    again = nb.ok(f"%jk reexecute {handle.run_id[:8]} --only {clause}").value.wait(20)
    assert again.live.plan.asset_keys == ["raw/orders", "shop/total"]
    assert again.success


def test_an_unknown_step_is_answered_with_the_nearest_asset(nb: Notebook) -> None:
    handle = a_failed_run(nb)
    with pytest.raises(UnknownName, match="Did you mean 'raw/orders'"):
        nb.session.reexecute(handle.run_id, steps=["raw/order"])


def test_tab_offers_the_keys_of_assets(nb: Notebook) -> None:
    handle = a_failed_run(nb)
    kernel = current.find(nb.shell)
    assert kernel is not None
    found, _ = complete_line(kernel, f"%jk reexecute {handle.run_id[:8]} --only ")
    assert [text for text, _ in found or ()] == ["raw/orders", "shop/total"]


def test_what_was_never_made_is_needed_by_the_asset(nb: Notebook) -> None:
    nb.ok("%%asset raw/orders\n1", "%%asset shop/total --ins n=raw/orders\nn")
    assert "'shop/total' needs 'raw/orders', which was never made" in nb("%materialize shop/total").complaint


def test_a_log_has_the_keys_of_assets(nb: Notebook) -> None:
    nb.ok("%%asset raw/orders\nprint('said')\n1 / 0")
    run_id = nb.ok("%materialize raw/orders --bg").value.wait(20).run_id
    told = nb.ok(f"%logs {run_id[:8]}").text
    assert re.search(r"raw/orders +stdout +said", told)
    assert "raw/orders failed: ZeroDivisionError" in told
    assert "raw__orders" not in told
    assert nb.ok(f"%logs {run_id[:8]} raw__orders").text == nb.ok(f"%logs {run_id[:8]} raw/orders").text
