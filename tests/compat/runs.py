"""Jobs and assets to be run in this process, each returning the result of its run."""

from typing import Any


def one_op(dg: Any) -> Any:
    @dg.op
    def one():
        return 1

    return one


def add_op(dg: Any) -> Any:
    @dg.op
    def add(x):
        return x + 1

    return add


def two(dg: Any) -> Any:
    one, add = one_op(dg), add_op(dg)

    @dg.job(tags={"a": "b"})
    def j():
        add(one())

    return j.execute_in_process(tags={"c": "d"})


def fails(dg: Any) -> Any:
    one, add = one_op(dg), add_op(dg)

    @dg.op
    def boom(x=1):
        raise ValueError("b")

    @dg.job
    def j():
        add.alias("down2")(add(boom()))
        add.alias("okdown")(one())

    return j.execute_in_process(raise_on_error=False)


def branch(dg: Any) -> Any:
    add = add_op(dg)

    @dg.op(out={"x": dg.Out(is_required=False), "y": dg.Out(is_required=False)})
    def branches():
        yield dg.Output(1, "x")

    @dg.op
    def fan(xs):
        return xs

    @dg.job
    def j():
        x, y = branches()
        skipped = add.alias("ony")(y)
        add.alias("after_y")(skipped)
        fan([add.alias("onx")(x), skipped])

    return j.execute_in_process()


def dynamic(dg: Any) -> Any:
    @dg.op(out=dg.DynamicOut())
    def dyn():
        for i in range(3):
            yield dg.DynamicOutput(i, mapping_key=str(i))

    @dg.op
    def mul(x):
        return x * 2

    @dg.op
    def tot(xs):
        return sum(xs)

    @dg.job
    def j():
        tot(dyn().map(mul).collect())

    return j.execute_in_process()


def retried(dg: Any) -> Any:
    tries: list[int] = []

    @dg.success_hook
    def cheer(context):
        tries.append(100)

    @dg.failure_hook
    def mourn(context):
        tries.append(1000)

    @dg.op(retry_policy=dg.RetryPolicy(max_retries=2))
    def flaky():
        tries.append(1)
        if len(tries) < 3:
            raise ValueError("x")
        return tries

    @dg.job(hooks={cheer, mourn})
    def j():
        flaky()

    return j.execute_in_process()


def retried_in_vain(dg: Any) -> Any:
    @dg.op
    def flaky():
        raise dg.RetryRequested(max_retries=3)

    @dg.job
    def j():
        flaky()

    return j.execute_in_process(raise_on_error=False)


def failure(dg: Any) -> Any:
    @dg.op(retry_policy=dg.RetryPolicy(max_retries=5))
    def fail():
        raise dg.Failure("desc", metadata={"a": 1}, allow_retries=False)

    @dg.job
    def j():
        fail()

    return j.execute_in_process(raise_on_error=False)


def hooked(dg: Any) -> Any:
    one = one_op(dg)

    @dg.op
    def boom():
        raise ValueError("b")

    @dg.success_hook
    def good(context):
        return None

    @dg.failure_hook
    def bad(context):
        raise ValueError("hook")

    @dg.job(hooks={good, bad})
    def j():
        boom()
        one()

    return j.execute_in_process(raise_on_error=False)


def assets_of(dg: Any) -> Any:
    @dg.asset
    def up():
        return 1

    @dg.asset
    def down(up):
        return dg.Output(up + 1, metadata={"rows": up})

    return up, down


def assets(dg: Any) -> Any:
    up, down = assets_of(dg)

    @dg.asset(deps=[up])
    def dep():
        return dg.MaterializeResult(metadata={"a": 1})

    @dg.asset
    def ret_none() -> None:
        pass

    return dg.materialize([up, down, dep, ret_none], tags={"t": "1"})


def checked(dg: Any) -> Any:
    up, down = assets_of(dg)

    @dg.asset_check(asset=up)
    def chk():
        return dg.AssetCheckResult(passed=False, metadata={"why": "so"}, severity=dg.AssetCheckSeverity.WARN)

    definitions = dg.Definitions(assets=[up, down], asset_checks=[chk], jobs=[dg.define_asset_job("aj")])
    return definitions.resolve_job_def("aj").execute_in_process()


def blocked(dg: Any) -> Any:
    up, down = assets_of(dg)

    @dg.asset_check(asset=up, blocking=True)
    def blk(up):
        return dg.AssetCheckResult(passed=False)

    definitions = dg.Definitions(assets=[up, down], asset_checks=[blk], jobs=[dg.define_asset_job("aj")])
    return definitions.resolve_job_def("aj").execute_in_process(raise_on_error=False)


def checked_by_itself(dg: Any) -> Any:
    @dg.asset(check_specs=[dg.AssetCheckSpec("c1", asset="withc")])
    def withc():
        return dg.MaterializeResult(check_results=[dg.AssetCheckResult(check_name="c1", passed=True)])

    return dg.materialize([withc])


def asset_fails(dg: Any) -> Any:
    @dg.asset
    def bad():
        raise ValueError("x")

    @dg.asset
    def after(bad):
        return 1

    return dg.materialize([bad, after], raise_on_error=False)


def subset(dg: Any) -> Any:
    @dg.multi_asset(outs={"m1": dg.AssetOut(is_required=False), "m2": dg.AssetOut(is_required=False)}, can_subset=True)
    def many(context):
        for name in sorted(context.selected_output_names):
            yield dg.Output(name, name)

    return dg.materialize([many], selection=["m2"])


def wrong_output(dg: Any) -> Any:
    @dg.op
    def typed() -> int:
        return "a"

    @dg.job
    def j():
        typed()

    return j.execute_in_process(raise_on_error=False)


def wrong_input(dg: Any) -> Any:
    one = one_op(dg)

    @dg.op
    def typed(x: str):
        return x

    @dg.job
    def j():
        typed(one())

    return j.execute_in_process(raise_on_error=False)


def logged(dg: Any) -> Any:
    @dg.op
    def logs(context):
        context.log_event(dg.AssetMaterialization("k", metadata={"n": 1}))
        context.log_event(dg.AssetObservation("k", metadata={"o": 2}))
        context.log.info("hello")
        return 1

    @dg.op
    def yields():
        yield dg.AssetMaterialization("k2")
        yield dg.ExpectationResult(success=True, label="fits")
        yield dg.Output(1)

    @dg.job
    def j():
        logs()
        yields()

    return j.execute_in_process()


def nested(dg: Any) -> Any:
    one, add = one_op(dg), add_op(dg)

    @dg.graph
    def inner():
        return add(one())

    @dg.job
    def j():
        add.alias("last")(inner())

    return j.execute_in_process()


def ordered_only(dg: Any) -> Any:
    one = one_op(dg)

    @dg.op(ins={"start": dg.In(dg.Nothing)})
    def after():
        return None

    @dg.job
    def j():
        after(start=one())

    return j.execute_in_process()


RUNS: dict[str, Any] = {
    each.__name__: each
    for each in (
        two, fails, branch, dynamic, retried, retried_in_vain, failure, hooked, assets, checked, blocked,
        checked_by_itself, asset_fails, subset, wrong_output, wrong_input, logged, nested, ordered_only,
    )
}  # fmt: skip
