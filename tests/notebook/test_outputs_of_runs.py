"""What a run's handle gives of what its ops made, in Dagster's words and our shorter ones."""

from __future__ import annotations

import re

import pytest
from shells import Notebook

from jobkernel.engine.entries import Entry
from jobkernel.engine.handle import RunHandle
from jobkernel.errors import InvariantViolation

OPS = (
    "%%op one\n1",
    "%%op split --outs small,large\nsmall, large = [1, 2], [30, 40]",
    "%%op add --ins x,y\nx + sum(y)",
    "%%op nope --ins x\nx / 0",
)


@pytest.fixture
def handle(nb: Notebook) -> RunHandle:
    nb.ok(*OPS, "%%job sums\nparts = split()\nadd(one(), parts.large)")
    value = nb.ok("%launch sums --wait").value
    assert isinstance(value, RunHandle)
    return value


def test_launch_and_wait_gives_the_handle_as_the_cells_value(handle: RunHandle) -> None:
    assert handle.success
    assert handle.value("add") == 71


def test_outputs_are_had_by_step_and_output(handle: RunHandle) -> None:
    assert dict(handle.outputs) == {"one": 1, "split.small": [1, 2], "split.large": [30, 40], "add": 71}
    assert handle.output_for_node("split", "large") == [30, 40]
    assert handle.output_for_node("add") == 71
    assert repr(handle.outputs) == f"<outputs {', '.join(handle.outputs)}>"


@pytest.mark.parametrize(
    ("ask", "sentence"),
    [
        (lambda handle: handle.value("ad"), "This run has no step 'ad'. Did you mean 'add'?"),
        (lambda handle: handle.output_for_node("split"), "Step 'split' has made no output 'result'."),
        (
            lambda handle: handle.output_for_node("split", "smal"),
            "Step 'split' has made no output 'smal'. Did you mean 'small'? It made large, small.",
        ),
        (lambda handle: handle.output_value("x"), "Job 'sums' has no output 'x'; it has"),
        (lambda handle: handle.asset_value("x"), "This run makes no asset 'x'."),
    ],
)
def test_what_a_run_has_not_made_is_refused_in_a_sentence(handle: RunHandle, ask: object, sentence: str) -> None:
    with pytest.raises(InvariantViolation, match=f"^{re.escape(sentence)}"):
        ask(handle)  # type: ignore[operator]
    with pytest.raises(KeyError, match="Did you mean 'add'"):
        handle.outputs["ad"]


def test_an_op_that_failed_has_made_nothing(nb: Notebook) -> None:
    nb.ok(*OPS, "%%job bad\nnope(one())")
    handle = nb.ok("%launch bad").value.wait(20)
    assert handle.value("one") == 1
    with pytest.raises(InvariantViolation, match="Step 'nope' has made no output in this run: its status is F"):
        handle.value("nope")


def test_graphs_mapped_and_dynamic_outputs_are_had_as_from_dagsters_result(nb: Notebook) -> None:
    nb.ok(
        "import jobkernel as jk",
        "@jk.op(out=jk.DynamicOut())\ndef many():\n    for n in range(2): yield jk.DynamicOutput(n, f'k{n}')",
        "@jk.op\ndef double(x): return x * 2",
        "@jk.op\ndef total(xs): return sum(xs)",
        "@jk.graph\ndef inner(xs): return total(xs)",
        "@jk.graph\ndef whole(): return inner(many().map(double).collect())",
        "doubled = whole.to_job(name='doubled')",
    )
    nb.session.define(Entry(kind="job", name="doubled", record=nb.names["doubled"]))
    handle = nb.ok("%launch doubled").value.wait(20)
    handle.raise_for_status()
    result = nb.names["doubled"].execute_in_process()
    for node in ("many", "double", "inner", "inner.total"):
        assert handle.output_for_node(node) == result.output_for_node(node)
    assert handle.output_value() == result.output_value() == 2
    assert handle.outputs["double[k1]"] == 2


def test_an_asset_of_a_run_is_had_by_its_key(nb: Notebook) -> None:
    nb.ok("%%asset orders\n[1, 2]", "%job all_of_it orders")
    handle = nb.ok("%launch all_of_it --wait").value
    assert handle.value("orders") == handle.asset_value("orders") == handle.outputs["orders"] == [1, 2]
    with pytest.raises(InvariantViolation, match=r"makes no asset 'order'\. Did you mean 'orders'"):
        handle.asset_value("order")
