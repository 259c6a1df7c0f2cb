"""Ops, assets, checks and hooks to be called directly, and the calls: what to expect is what Dagster does."""

import asyncio
import inspect
from types import SimpleNamespace
from typing import Any


def world(dg: Any) -> Any:
    """Return the definitions that the calls are made on."""
    log: list[str] = []

    class C(dg.Config):
        n: int
        m: int = 2

    class Db(dg.ConfigurableResource):
        url: str = "u"

        def setup_for_execution(self, context):
            log.append("setup")

        def teardown_after_execution(self, context):
            log.append("down")

    @dg.op
    def plain(x):
        return x

    @dg.op
    def typed(x: int) -> int:
        return x

    @dg.op
    def badout(x) -> int:
        return x

    @dg.op
    def ctx(context, x=1):
        return context.run_id, x

    @dg.op
    def cfg(config: C):
        return config.n, config.m

    @dg.op
    def cfgctx(context, config: C):
        return config.n, context.op_config["m"]

    @dg.op(config_schema={"n": int})
    def legacy(context):
        return context.op_config["n"]

    @dg.op
    def res(db: Db):
        log.append("body")
        return db.url

    @dg.op(required_resource_keys={"db"})
    def resctx(context):
        return context.resources.db

    @dg.op(out={"a": dg.Out(), "b": dg.Out()})
    def two():
        return 1, 2

    @dg.op(out={"a": dg.Out(), "b": dg.Out()})
    def two_one():
        return 1

    @dg.op(out={"a": dg.Out(), "b": dg.Out()})
    def two_three():
        return 1, 2, 3

    @dg.op(out={"a": dg.Out(), "b": dg.Out(is_required=False)})
    def gen():
        yield dg.Output(1, "a")

    @dg.op(out={"a": dg.Out(), "b": dg.Out()})
    def gen_miss():
        yield dg.Output(1, "a")

    @dg.op
    def gen_unknown():
        yield dg.Output(1, "zz")

    @dg.op
    def ret():
        return dg.Output(5, metadata={"a": 1})

    @dg.op
    async def asy(x):
        return x + 1

    @dg.op
    def logs(context):
        context.log.info("hi")
        context.add_output_metadata({"a": 1})
        return 1

    @dg.op(ins={"y": dg.In(dg.Nothing)})
    def noth(x):
        return x

    @dg.op
    def raises():
        raise ValueError("boom")

    @dg.op
    def part(context):
        return context.partition_key

    @dg.op(out=dg.DynamicOut())
    def dyn():
        yield dg.DynamicOutput(1, "a")
        yield dg.DynamicOutput(2, "b")

    @dg.asset
    def up():
        return 1

    @dg.asset
    def down(up):
        return up + 1

    @dg.asset
    def actx(context):
        return context.asset_key.to_user_string(), context.has_assets_def, len(context.selected_asset_keys)

    @dg.asset
    def acfg(config: C):
        return config.n

    @dg.asset
    def mat():
        return dg.MaterializeResult(metadata={"a": 1})

    @dg.asset(deps=[up])
    def dep():
        return 5

    @dg.multi_asset(outs={"a": dg.AssetOut(), "b": dg.AssetOut()})
    def ma():
        return 1, 2

    @dg.multi_asset(outs={"a": dg.AssetOut(), "b": dg.AssetOut()})
    def ma_one():
        return 1

    @dg.multi_asset(specs=[dg.AssetSpec("s1"), dg.AssetSpec("s2")])
    def specs():
        yield dg.MaterializeResult(asset_key="s1")
        yield dg.MaterializeResult(asset_key="s2")

    @dg.asset_check(asset=up)
    def chk():
        return dg.AssetCheckResult(passed=True)

    @dg.asset_check(asset=up)
    def chk_value(up):
        return dg.AssetCheckResult(passed=up == 1)

    @dg.asset_check(asset=up)
    def chk_ctx(context):
        return dg.AssetCheckResult(passed=True)

    seen: list[str] = []

    @dg.success_hook
    def good_hook(context):
        return context.job_name

    @dg.failure_hook
    def bad_hook(context):
        seen.append(str(context.op_exception))

    @dg.success_hook(required_resource_keys={"db"})
    def res_hook(context):
        seen.append(context.resources.db)

    built = {"op": dg.build_op_context, "asset": dg.build_asset_context}
    return SimpleNamespace(**{key: value for key, value in locals().items() if key != "built"}, **built)


def with_resource(w: Any) -> Any:
    """Call an op whose resource cleans up, inside the context's ``with``."""
    w.log.clear()
    with w.op(resources={"db": w.Db(url="q")}) as context:
        url = w.res(context)
        w.log.append("after")
    return url, list(w.log)


def metadata_after(w: Any) -> Any:
    """What a body added to a context is readable after the call."""
    context = w.op()
    w.logs(context)
    return dict(context.get_output_metadata("result"))


CALLS: dict[str, Any] = {
    "positional": lambda w: w.plain(5),
    "by name": lambda w: w.plain(x=5),
    "typed": lambda w: w.typed(5),
    "None as context": lambda w: w.ctx(None),
    "context built": lambda w: w.ctx(w.op(), 4),
    "context by name": lambda w: w.ctx(context=w.op(), x=4),
    "context that is not asked for": lambda w: w.plain(w.op(), 7),
    "config positional": lambda w: w.cfg(w.C(n=1)),
    "config by name": lambda w: w.cfg(config=w.C(n=1)),
    "config in context": lambda w: w.cfg(w.op(op_config={"n": 3})),
    "config as dict": lambda w: w.cfg({"n": 3}),
    "config beside context": lambda w: w.cfgctx(w.op(), w.C(n=1)),
    "config in needed context": lambda w: w.cfgctx(w.op(op_config={"n": 3})),
    "legacy config": lambda w: w.legacy(w.op(op_config={"n": 3})),
    "legacy config by its other name": lambda w: w.legacy(w.op(config={"n": 3})),
    "resource by name": lambda w: w.res(db=w.Db(url="z")),
    "resource positional": lambda w: w.res(w.Db(url="z")),
    "resource value in context": lambda w: w.resctx(w.op(resources={"db": 5})),
    "resource that cleans up": with_resource,
    "tuple of outputs": lambda w: w.two(),
    "generator": lambda w: w.gen(),
    "output": lambda w: w.ret(),
    "coroutine": lambda w: w.asy(1),
    "log and metadata": lambda w: w.logs(w.op()),
    "metadata afterwards": metadata_after,
    "input that only orders": lambda w: w.noth(5),
    "partition": lambda w: w.part(w.op(partition_key="p")),
    "dynamic": lambda w: w.dyn(),
    "asset": lambda w: w.up(),
    "asset with upstream": lambda w: (w.down(4), w.down(up=4)),
    "asset's context": lambda w: w.actx(w.asset()),
    "asset with an op's context": lambda w: w.actx(w.op()),
    "asset config": lambda w: (w.acfg(w.C(n=3)), w.acfg(w.asset(asset_config={"n": 3}))),
    "materialize result": lambda w: w.mat(),
    "asset with deps": lambda w: w.dep(),
    "multi asset": lambda w: w.ma(),
    "multi asset of specs": lambda w: w.specs(),
    "checks": lambda w: (w.chk(), w.chk_value(1), w.chk_ctx(w.op())),
    "failure hook": lambda w: (w.bad_hook(w.dg.build_hook_context(op_exception=ValueError("v"))), list(w.seen)),
    "hook resources": lambda w: (w.res_hook(w.dg.build_hook_context(resources={"db": "r"})), list(w.seen)),
    "success hook": lambda w: w.good_hook(w.dg.build_hook_context(job_name="j")),
    "run tags": lambda w: w.op(run_tags={"a": "b"}).run_tags,
}

REFUSED: dict[str, Any] = {
    "missing input": lambda w: w.plain(),
    "too many": lambda w: w.plain(1, 2),
    "unknown name": lambda w: w.plain(1, z=2),
    "given twice": lambda w: w.plain(1, x=2),
    "wrong type": lambda w: w.typed("a"),
    "wrong output": lambda w: w.badout("a"),
    "no context": lambda w: w.ctx(),
    "no context but an input": lambda w: w.ctx(4),
    "no config": lambda w: w.cfg(),
    "config twice": lambda w: w.cfg(w.op(op_config={"n": 3}), config=w.C(n=1)),
    "wrong legacy config": lambda w: w.legacy(w.op(op_config={"n": "x"})),
    "no legacy config": lambda w: w.legacy(w.op()),
    "legacy config and no context": lambda w: w.legacy(),
    "resource outside of with": lambda w: w.res(w.op(resources={"db": w.Db(url="q")})),
    "resource twice": lambda w: w.res(w.op(resources={"db": w.Db(url="q")}), db=w.Db()),
    "no resource": lambda w: w.resctx(w.op()),
    "no resource argument": lambda w: w.res(),
    "one output of two": lambda w: w.two_one(),
    "three outputs of two": lambda w: w.two_three(),
    "an output is missing": lambda w: w.gen_miss(),
    "an unknown output": lambda w: w.gen_unknown(),
    "value for what carries no data": lambda w: w.noth(5, y=1),
    "error of the body": lambda w: w.raises(),
    "no partition": lambda w: w.part(w.op()),
    "no upstream": lambda w: w.down(),
    "no asset context": lambda w: w.actx(),
    "one asset of two": lambda w: w.ma_one(),
    "value for deps": lambda w: w.dep(3),
    "no check context": lambda w: w.chk_ctx(),
    "hook without context": lambda w: w.good_hook(),
    "hook without job": lambda w: w.good_hook(w.dg.build_hook_context()),
    "hook without its resource": lambda w: w.res_hook(w.dg.build_hook_context()),
}


def plainly(value: Any) -> Any:
    """Return a call's result as plain data, run to its end."""
    if inspect.isgenerator(value):
        return [plainly(each) for each in value]
    if inspect.iscoroutine(value):
        return plainly(asyncio.run(value))
    if type(value) in (tuple, list):
        return [plainly(each) for each in value]
    if hasattr(value, "value") and hasattr(value, "output_name"):
        return type(value).__name__, value.value, value.output_name
    return value if isinstance(value, int | str | float | dict | None) else type(value).__name__
