"""Which jobs and definitions are refused, as in Dagster."""

from __future__ import annotations

from typing import Any

import pytest
from harness import assert_refused
from symbols import REFUSALS, covers
from test_jobs_and_definitions import world

pytestmark = pytest.mark.compat


REFUSED: dict[str, Any] = {
    "a job that returns an output": lambda dg: dg.job(name="j")(lambda: dg.op(name="o")(lambda: 1)()),
    "calling a job": lambda dg: dg.job(name="j")(lambda: None)(),
    "a graph among the jobs": lambda dg: dg.Definitions(jobs=[dg.graph(name="g")(lambda: None)]),
    "a resource that a job's hook misses": lambda dg: _with_hook(dg, job=True),
    "a resource that a call's hook misses": lambda dg: _with_hook(dg, job=False),
    "bad job name": lambda dg: dg.job(name="a-b")(lambda: None),
    "reserved job name": lambda dg: dg.job(name="config")(lambda: None),
    "bad asset job name": lambda dg: dg.Definitions(**world(dg), jobs=[dg.define_asset_job("a-b")]).resolve_job_def(
        "a-b"
    ),
    "bad owner": lambda dg: dg.job(name="j", owners=["nobody"])(lambda: None),
    "bad owner of an asset job": lambda dg: dg.define_asset_job("j", owners=["team:"]),
    "a tag JSON cannot hold": lambda dg: dg.job(name="j", tags={"a": object()})(lambda: None),
    "a tag JSON would change": lambda dg: dg.define_asset_job("j", tags={"a": (1, 2)}),
    "a tag key that is no text": lambda dg: dg.define_asset_job("j", tags={1: "a"}),
    "unknown key": lambda dg: _resolved(dg, "nope"),
    "unknown key in a list": lambda dg: _resolved(dg, ["up", "nope"]),
    "an empty text": lambda dg: _resolved(dg, ""),
    "an empty list": lambda dg: _resolved(dg, []),
    "an unreadable selection": lambda dg: dg.define_asset_job("j", "up +++ ) (").name and _resolved(dg, "up and and"),
    "unknown job": lambda dg: dg.Definitions(**world(dg)).resolve_job_def("nope"),
    "one key twice": lambda dg: _loaded(dg, assets=[dg.asset(name="a")(lambda: 1), dg.asset(name="a")(lambda: 2)]),
    "one key declared and made": lambda dg: _loaded(dg, assets=[dg.asset(name="a")(lambda: 1), dg.AssetSpec("a")]),
    "one check twice": lambda dg: _loaded(
        dg,
        asset_checks=[
            dg.asset_check(asset="a", name="c")(lambda: True),
            dg.asset_check(asset="a", name="c")(lambda: True),
        ],
    ),
    "two jobs of one name": lambda dg: _loaded(dg, jobs=[_op_job(dg, "j"), _op_job(dg, "j")]),
    "a circle": lambda dg: _loaded(dg, assets=[dg.asset(name="a")(lambda b: 1), dg.asset(name="b")(lambda a: 1)]),
    "a circle by deps": lambda dg: _loaded(
        dg,
        assets=[
            dg.asset(name="a", deps=["b"])(lambda: 1),
            dg.asset(name="b", deps=["c"])(lambda: 1),
            dg.asset(name="c")(lambda a: 1),
        ],
    ),
    "a resource an asset misses": lambda dg: _loaded(
        dg, assets=[dg.asset(name="a", required_resource_keys={"db"})(lambda context: 1)]
    ),
    "an io manager an asset misses": lambda dg: _loaded(
        dg, assets=[dg.asset(name="a", io_manager_key="disk")(lambda: 1)]
    ),
    "a resource a check misses": lambda dg: _loaded(
        dg, asset_checks=[dg.asset_check(asset="a", name="c", required_resource_keys={"db"})(lambda context: True)]
    ),
    "a resource a job misses": lambda dg: _loaded(dg, jobs=[_op_job(dg, "j", required_resource_keys={"db"})]),
    "a resource given beside another": lambda dg: _with_other_resource(dg),
    "no asset": lambda dg: dg.Definitions(assets=[3]),
    "no job": lambda dg: dg.Definitions(jobs=[3]),
    "no check": lambda dg: dg.Definitions(asset_checks=[3]),
    "an unknown asset": lambda dg: dg.Definitions(**world(dg)).resolve_assets_def("nope"),
    "merging two values of one resource": lambda dg: dg.Definitions.merge(
        dg.Definitions(resources={"a": 1}), dg.Definitions(resources={"a": 2})
    ),
    "selecting what is only known of": lambda dg: _resolved(dg, "key:outside"),
}


def _with_hook(dg: Any, *, job: bool) -> None:
    @dg.success_hook(required_resource_keys={"db"})
    def hook(context):
        pass

    one = dg.op(name="one")(lambda: 1)

    @dg.job(hooks={hook} if job else None, resource_defs={"other": dg.ResourceDefinition.hardcoded_resource(1)})
    def made():
        one.with_hooks(set() if job else {hook})()


def _resolved(dg: Any, selection: Any) -> None:
    dg.Definitions(**world(dg), jobs=[dg.define_asset_job("j", selection)]).resolve_job_def("j")


def _loaded(dg: Any, **parts: Any) -> None:
    dg.Definitions.validate_loadable(dg.Definitions(**parts))


def _op_job(dg: Any, name: str, **options: Any) -> Any:
    @dg.op(**options)
    def some(context):
        return 1

    @dg.job(name=name)
    def made():
        some()

    return made


def _with_other_resource(dg: Any) -> None:
    @dg.op(required_resource_keys={"db"})
    def some(context):
        return 1

    dg.job(name="j", resource_defs={"other": dg.ResourceDefinition.hardcoded_resource(1)})(lambda: some())


@covers("job", "define_asset_job", "Definitions", "AssetSelection", aspect=REFUSALS)
@pytest.mark.parametrize("case", REFUSED)
def test_jobs_and_definitions_that_do_not_fit_are_refused(case: str) -> None:
    assert_refused(REFUSED[case])
