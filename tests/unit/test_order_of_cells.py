"""Cells that run again come after those that they need, and else in the order in which they ran."""

from __future__ import annotations

from jobkernel.notebook.cell_order import OrderedCell, run_order


def cell(key: str, *needs: str, defines: tuple[tuple[str, str], ...] = ()) -> OrderedCell:
    return OrderedCell(key, defines, needs)


def test_what_a_cell_needs_comes_first_and_the_rest_stays_as_it_ran() -> None:
    assert run_order([cell("x"), cell("b", "a"), cell("c"), cell("a", "z"), cell("z")]) == ["x", "z", "a", "b", "c"]


def test_a_check_comes_after_the_asset_that_it_looks_at() -> None:
    check = cell("check", defines=(("check", "sales/orders:has_rows"),))
    asset = cell("asset", defines=(("asset", "sales/orders"),))
    assert run_order([check, cell("x"), asset]) == ["asset", "check", "x"]


def test_cells_that_need_each_other_and_what_is_not_there_are_all_kept_once() -> None:
    assert sorted(run_order([cell("a", "b", "gone"), cell("b", "c"), cell("c", "a"), cell("d", "d")])) == list("abcd")


def test_a_long_chain_needs_no_deep_stack() -> None:
    chain = [cell(str(place), str(place + 1)) for place in range(5000)]
    assert run_order(chain) == [str(place) for place in reversed(range(5000))]
