"""Definition cells as definitions: what their names mean, and the records that they give."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from cells_at_work import Notebook, a_body

from jobkernel.errors import InvalidDefinition, UnknownName
from jobkernel.model.definitions import Assets, Endpoint, Op
from jobkernel.model.policies import Backoff, RetryPolicy
from jobkernel.notebook.body_call import PARAMS
from jobkernel.notebook.cell_options import (
    AssetOptions,
    CheckOptions,
    JobOptions,
    OpOptions,
    Param,
    ResourceOptions,
)
from jobkernel.notebook.cell_step import CellPlace
from jobkernel.notebook.cells import (
    CellAsset,
    asset_from_cell,
    check_from_cell,
    job_from_cell,
    op_from_cell,
    resource_from_cell,
)

KNOWN = {"raw": "sales/raw", "customers": "customers", "print": "print", "orders": "orders"}


def cell_asset(text: str, notebook: Notebook | None = None, resources: Any = None, **options: Any) -> CellAsset:
    place = CellPlace(namespace=(notebook or Notebook()).names, resources=resources or {}, notebook="a.ipynb")
    return asset_from_cell(AssetOptions(**options), a_body(text), place)


def node_of(assets: Assets) -> Op:
    assert isinstance(assets.node, Op)
    return assets.node


MEANINGS = {
    "a free name that is an asset": ("raw + 1", {}, {"raw": "sales/raw"}),
    "a builtin": ("print(raw)", {}, {"raw": "sales/raw"}),
    "an import of the body": ("import customers\ncustomers.x", {}, {}),
    "an input of the magic line": ("x + raw", {"ins": {"x": "a/b"}}, {"x": "a/b", "raw": "sales/raw"}),
    "an input that hides an asset": ("raw", {"ins": {"raw": "other"}}, {"raw": "other"}),
    "an input that the body does not name": ("raw", {"ins": {"x": "a"}}, {"x": "a", "raw": "sales/raw"}),
    "a parameter that hides an asset": ("raw", {"params": (Param(name="raw"),)}, {}),
    "no inference": ("raw + x", {"infer": False, "ins": {"x": "a"}}, {"x": "a"}),
    "itself": ("orders = orders + 1", {}, {}),
    "what is not known": ("later", {}, {}),
    "function parameters": ("def orders(raw, later): return raw", {}, {"raw": "sales/raw", "later": "later"}),
    "parameters before free names": ("def orders(customers): return raw", {},
                                     {"customers": "customers", "raw": "sales/raw"}),
    "a parameter with a default": ("def orders(raw, n=3): return raw", {}, {"raw": "sales/raw"}),
    "a mapped parameter": ("def orders(x): return x", {"ins": {"x": "sales/raw"}}, {"x": "sales/raw"}),
    "a literal query": ("import duckdb\nduckdb.sql('from raw join customers using (k)').df()", {},
                        {"raw": "sales/raw", "customers": "customers"}),
    "a table that the body made": ("raw = 1\nduckdb.sql('from raw').df()", {}, {}),
    "a CTE in a literal query": ("duckdb.sql('with raw as (select 1) from raw').df()", {}, {}),
    "a timed statement": ("%time y = raw + 1\ny", {}, {"raw": "sales/raw"}),
}  # fmt: skip


@pytest.mark.parametrize(("text", "options", "inputs"), MEANINGS.values(), ids=MEANINGS.keys())
def test_names_of_a_body_are_inputs_in_order_of_the_rules(
    text: str, options: dict[str, Any], inputs: dict[str, str]
) -> None:
    assets = cell_asset(text, **options).resolved(KNOWN)

    assert dict(assets.keys_by_input) == inputs
    assert [item.name for item in node_of(assets).inputs] == list(inputs)
    assert assets.specs[0].deps == tuple(inputs.values())


def test_edges_read_from_the_code_are_told_from_stated_ones() -> None:
    spec = cell_asset("raw + x", ins={"x": "a"}, deps=("b", "customers")).resolved(KNOWN).specs[0]

    assert spec.deps == ("a", "sales/raw", "b", "customers")
    assert spec.inferred_deps == {"sales/raw"}


def test_an_asset_wins_over_a_variable_and_that_is_told() -> None:
    asset = cell_asset("raw + k", Notebook(raw=1, k=2))
    assets = asset.resolved(KNOWN)

    assert asset.resolution is not None
    assert (asset.resolution.shadowed, asset.resolution.variables) == (("raw",), ("k",))
    assert node_of(assets).capture({})(raw=40) == 42  # type: ignore[misc]


def test_before_the_asset_is_known_its_name_is_the_variable() -> None:
    asset = cell_asset("raw + 1", Notebook(raw=1))

    assert node_of(asset.resolved({})).capture({})() == 2  # type: ignore[misc]
    assert asset.resolved(KNOWN).keys_by_input == {"raw": "sales/raw"}


def test_an_asset_that_a_builtin_hides_is_told() -> None:
    asset = cell_asset("print(1)")
    asset.resolved(KNOWN)

    assert asset.resolution is not None
    assert asset.resolution.hidden == ("print",)


@pytest.mark.parametrize(("text", "name"), [("sum(raw)", "sum"), ("import x\nx.y", "x")])
def test_an_input_that_could_not_be_seen_is_refused(text: str, name: str) -> None:
    with pytest.raises(InvalidDefinition, match=f"--ins {name}=a: .*choose another name"):
        cell_asset(text, ins={name: "a"}).resolved(KNOWN)


def test_the_same_definition_comes_back_while_nothing_changed() -> None:
    asset = cell_asset("raw + 1")

    assert asset.resolved(KNOWN) is asset.resolved({**KNOWN, "new": "new"})
    assert asset.resolved(KNOWN) is not asset.resolved({})


def test_names_that_may_become_assets_are_known() -> None:
    asset = cell_asset("def orders(a, b=1):\n  return con.sql('from c').df() + d", ins={"a": "x"})

    assert asset.free_names >= {"b", "c", "d", "con"}
    assert "a" not in asset.free_names


def test_options_become_the_record() -> None:
    notebook = Notebook()
    asset = cell_asset(
        "def orders(raw) -> int:\n    'All orders.'\n    return 1", notebook, group="sales", tags={"a": "b"},
        owners=("team:x",), kinds=("python",), metadata={"m": 1}, io="memory", retries=2,
        retry_delay=timedelta(seconds=3),
        backoff=Backoff.LINEAR, timeout=timedelta(minutes=5), pool="db", executor="threads", name="orders",
    )  # fmt: skip
    assets = asset.resolved(KNOWN)
    spec, op = assets.specs[0], node_of(assets)

    assert (spec.key, spec.group, spec.tags, spec.owners, spec.kinds) == (
        "orders", "sales", {"a": "b"}, ("team:x",), {"python"},
    )  # fmt: skip
    assert (spec.description, spec.metadata) == ("All orders.", {"m": 1})
    assert (op.outputs[0].io, op.outputs[0].annotation) == ("memory", int)
    assert op.retry == RetryPolicy(max_retries=2, delay=3.0, backoff=Backoff.LINEAR)
    assert (op.timeout, op.pool, op.executor) == (timedelta(minutes=5), "db", "threads")
    assert op.source is not None
    assert (op.source.notebook, op.source.first_line) == ("a.ipynb", 2)


def test_delays_without_retries_are_refused() -> None:
    with pytest.raises(InvalidDefinition, match="need --retries N"):
        cell_asset("1", retry_delay=timedelta(seconds=1)).resolved({})


def test_parameters_of_the_magic_line_come_from_run_config() -> None:
    params = (Param(name="n", type=int, default=3), Param(name="word", type=str))
    op = node_of(cell_asset("(n, word)", params=params).resolved({}))

    assert op.config_argument == PARAMS
    assert op.config_schema.config_type.fields["n"].default_value == 3
    assert op.config_schema.config_type.fields["word"].is_required
    assert op.capture({})(**{PARAMS: {"n": 1, "word": "x"}}) == (1, "x")  # type: ignore[misc]


def test_a_parameter_of_the_magic_line_reaches_a_function_form() -> None:
    op = node_of(
        cell_asset("def orders(raw, n=1): return raw + n", params=(Param(name="n", type=int),)).resolved(KNOWN)
    )

    assert op.capture({})(raw=1, **{PARAMS: {"n": 5}}) == 6  # type: ignore[misc]


def test_a_config_parameter_takes_the_schema_of_its_annotation() -> None:
    notebook = Notebook()
    notebook.run("class Settings: pass")
    op = node_of(cell_asset("def orders(config: Settings): return config", notebook).resolved({}))

    assert (op.config_argument, op.config_schema) == ("config", notebook.names["Settings"])


def test_a_parameter_that_is_a_resource_gets_it() -> None:
    op = node_of(cell_asset("def orders(raw, db): return db", resources={"db": 1}).resolved(KNOWN))

    assert (dict(op.resource_arguments), [item.name for item in op.inputs]) == ({"db": "db"}, ["raw"])


def test_input_annotations_are_types() -> None:
    notebook = Notebook()
    notebook.run("import pandas as pd")
    op = node_of(cell_asset("def orders(raw: pd.DataFrame, x: 'int', y: Later): pass", notebook).resolved(KNOWN))

    assert [item.annotation for item in op.inputs] == [notebook.names["pd"].DataFrame, int, Any]


def test_bad_names_are_refused() -> None:
    with pytest.raises(InvalidDefinition, match="Asset name"):
        asset_from_cell(AssetOptions(), a_body("1", name="no-name"), CellPlace(namespace={}))


def op_cell(text: str, name: str | None = None, notebook: Notebook | None = None, **options: Any) -> Any:
    body = a_body(text, name=name, kind="op")
    return op_from_cell(OpOptions(**options), body, CellPlace(namespace=(notebook or Notebook()).names))


def test_the_inputs_of_an_op_are_stated_or_its_parameters() -> None:
    plain = op_cell("a + b + k", "add", Notebook(k=1), inputs=("a", "b"))
    function = op_cell("def add(context, a, b=2): return a + b")

    assert [item.name for item in plain.inputs] == ["a", "b"]
    assert plain.capture({})(a=1, b=2) == 4
    assert [(item.name, item.default) for item in function.inputs][1] == ("b", 2)
    assert function.capture({})(SimpleNamespace(), a=1, b=3) == 4


def test_an_op_gives_several_outputs_by_name() -> None:
    op = op_cell("low = 1\nhigh = 2", "both", outs=("low", "high"))

    assert [output.name for output in op.outputs] == ["low", "high"]
    assert op.capture({})() == (1, 2)


def test_a_check_reads_its_asset_by_name_or_by_its_only_parameter() -> None:
    place = CellPlace(namespace={})
    options = CheckOptions(asset="raw", blocking=True, severity="WARN")
    plain = check_from_cell(options, a_body("len(raw) > len(customers)", name="many", kind="check"), place).resolved(
        KNOWN
    )
    function = check_from_cell(
        options, a_body("def many(table): return True", name=None, kind="check"), place
    ).resolved(KNOWN)

    (spec,) = plain.checks_by_output.values()
    assert (spec.asset_key, spec.name, spec.is_blocking, spec.severity) == ("sales/raw", "many", True, "WARN")
    assert spec.additional_deps == ("customers",)
    assert dict(plain.keys_by_input) == {"raw": "sales/raw", "customers": "customers"}
    assert dict(function.keys_by_input) == {"table": "sales/raw"}


def test_a_check_with_two_unknown_parameters_is_refused() -> None:
    cell = check_from_cell(
        CheckOptions(asset="raw"), a_body("def c(a, b): pass", name=None, kind="check"), CellPlace(namespace={})
    )

    with pytest.raises(InvalidDefinition, match="takes a, b; only one parameter is its asset"):
        cell.resolved(KNOWN)


def resource(text: str, **names: Any) -> Any:
    return resource_from_cell(
        ResourceOptions(), a_body(text, name="db", kind="resource"), CellPlace(namespace=Notebook(**names).names)
    )


def test_the_value_of_the_body_is_the_resource() -> None:
    made = resource("{'url': url}", url="x")

    assert made.capture({})() == made.create() == {"url": "x"}


def test_a_resource_may_yield_and_take_its_context() -> None:
    made = resource("def db(context):\n    yield context.x")

    assert list(made.create(SimpleNamespace(x=3))) == [3]


def test_a_resource_that_takes_more_is_refused() -> None:
    with pytest.raises(InvalidDefinition, match="Resource 'db' takes url; a resource takes its context or nothing"):
        resource("def db(context, url): pass")


def job_cell(text: str, notebook: Notebook | None = None, **options: Any) -> Any:
    nodes = {
        "one": op_cell("1", "one"),
        "double": op_cell("x * 2", "double", inputs=("x",)),
        "total": op_cell("sum(xs)", "total", inputs=("xs",)),
        "both": op_cell("low = 1\nhigh = 2", "both", outs=("low", "high")),
    }
    body = a_body(text, name="nightly", kind="job")
    return job_from_cell(JobOptions(**options), body, CellPlace(namespace=(notebook or Notebook()).names), nodes)


def wiring(job: Any) -> dict[str, dict[str, list[tuple[str, str]]]]:
    return {
        each.name: {name: [(end.node, end.output) for end in feeds] for name, feeds in each.feeds.items()}
        for each in job.graph.invocations
    }


def test_a_job_is_composed_by_calling_ops() -> None:
    text = "low, high = both()\nparts = [double(x) for x in (low, high, one())]\ntotal(parts)\n"
    text += "total.alias('again')(xs=[low])"
    job = job_cell(text, tags={"a": "b"}, priority=3, max_concurrent=2)

    assert wiring(job) == {
        "both": {},
        "one": {},
        "double": {"x": [("both", "low")]},
        "double_2": {"x": [("both", "high")]},
        "double_3": {"x": [("one", "result")]},
        "total": {"xs": [("double", "result"), ("double_2", "result"), ("double_3", "result")]},
        "again": {"xs": [("both", "low")]},
    }
    assert (job.name, job.tags, job.priority, job.max_concurrent) == ("nightly", {"a": "b"}, 3, 2)


def test_a_job_may_be_one_function_with_helpers_of_the_notebook() -> None:
    notebook = Notebook()
    notebook.run("def twice(f, x): return f(f(x))")

    job = job_cell("def nightly():\n    return twice(double, one())", notebook)

    assert wiring(job) == {"one": {}, "double": {"x": [("one", "result")]}, "double_2": {"x": [("double", "result")]}}
    assert job.graph.outputs == {"result": Endpoint(node="double_2")}


def test_a_job_that_calls_what_nobody_defines_names_the_nearest() -> None:
    with pytest.raises(UnknownName, match=r"Job 'nightly' uses 'doubel', which no cell defines. Did you mean 'double'"):
        job_cell("doubel(one())")


def test_a_job_that_waits_is_refused() -> None:
    with pytest.raises(InvalidDefinition, match="Job 'nightly' is asynchronous"):
        job_cell("await one()")
