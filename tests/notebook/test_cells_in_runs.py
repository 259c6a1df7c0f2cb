"""Cells as they run: assets, a query, a check and op jobs through plan, config and steps."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from cells_at_work import Notebook, a_body

from jobkernel.engine.in_process import InProcessRun, execute_plan_in_process
from jobkernel.model.definitions import Assets, Job
from jobkernel.notebook.cell_options import AssetOptions, CheckOptions, JobOptions, OpOptions, Param, ResourceOptions
from jobkernel.notebook.cell_step import CellPlace
from jobkernel.notebook.cells import asset_from_cell, check_from_cell, job_from_cell, op_from_cell, resource_from_cell
from jobkernel.notebook.sql_body import parse_sql_body
from jobkernel.rules.asset_plan import plan_assets
from jobkernel.rules.config_schemas import schemas_of_plan
from jobkernel.rules.graph_plan import plan_graph
from jobkernel.rules.plan import Plan
from jobkernel.rules.run_config import resolve_run_config

KNOWN = {"raw": "raw", "clean": "sales/clean", "summary": "summary"}


def run(plan: Plan, config: Any = None, resources: Any = None) -> InProcessRun:
    resolved = resolve_run_config(schemas_of_plan(plan), config)
    done = execute_plan_in_process(plan, config=resolved, resource_defs=resources)
    if done.error is not None:
        raise done.error
    return done


def asset(place: CellPlace, text: str, name: str, **options: Any) -> Assets:
    return asset_from_cell(AssetOptions(**options), a_body(text, name), place).resolved(KNOWN)


def test_assets_in_python_and_sql_with_a_parameter_a_resource_and_a_check() -> None:
    notebook = Notebook()
    notebook.run("import pandas as pd\ndef rows(n): return pd.DataFrame({'a': range(n)})")
    place = CellPlace(namespace=notebook.names)
    query = parse_sql_body('select sum(a)::int as s from "sales/clean" where a < $top', name="summary", params=["top"])
    sql = AssetOptions(sql=True, params=(Param(name="top", type=int, default=3),))
    definitions = [
        asset(place, "async def raw(n):\n    return rows(n)", "raw", params=(Param(name="n", type=int, default=5),)),
        asset(place, "clean = raw[raw.a > context.resources.floor]\nclean", "sales/clean"),
        asset_from_cell(sql, query, place).resolved(KNOWN),
        check_from_cell(CheckOptions(asset="clean"), a_body("len(clean) == 4", "whole", kind="check"), place).resolved(
            KNOWN
        ),
    ]
    floor = resource_from_cell(ResourceOptions(), a_body("def floor():\n    yield 0", "floor", kind="resource"), place)

    plan = plan_assets(definitions, ["raw", "sales/clean", "summary"])
    done = run(plan, {"ops": {"summary": {"config": {"top": 4}}}}, {"floor": floor})

    assert done.values["summary", "result"].to_pylist() == [{"s": 6}]
    assert isinstance(done.assets["sales/clean"], pd.DataFrame)
    checks = [event.body for event in done.events if event.event_type == "ASSET_CHECK_EVALUATION"]
    assert [body["passed"] for body in checks if body is not None] == [True]


def test_an_op_job_made_of_cells() -> None:
    notebook = Notebook(k=10)
    place = CellPlace(namespace=notebook.names)
    nodes = {
        "both": op_from_cell(OpOptions(outs=("low", "high")), a_body("low = 1\nhigh = k", "both", kind="op"), place),
        "add": op_from_cell(OpOptions(), a_body("def add(xs, n=1): return sum(xs) + n", None, kind="op"), place),
    }
    job = job_from_cell(
        JobOptions(), a_body("low, high = both()\nadd([low, high])", "nightly", kind="job"), place, nodes
    )

    assert isinstance(job, Job)
    assert job.graph is not None
    assert run(plan_graph(job.graph, job)).values["add", "result"] == 12


def test_an_error_of_a_cell_is_the_error_of_its_step() -> None:
    place = CellPlace(namespace=Notebook().names)

    with pytest.raises(ZeroDivisionError):
        run(plan_assets([asset(place, "1 / 0", "raw")], ["raw"]))


def test_a_table_from_arrow_reaches_python() -> None:
    place = CellPlace(namespace=Notebook().names)
    query = asset_from_cell(AssetOptions(sql=True), parse_sql_body("select 1 as a", name="raw"), place).resolved(KNOWN)

    done = run(plan_assets([query, asset(place, "raw.num_rows", "summary")], ["raw", "summary"]))

    assert (type(done.assets["raw"]), done.assets["summary"]) == (pa.Table, 1)
