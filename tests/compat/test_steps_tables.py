"""What happens inside one run, row by row of the inventory's tables: retries, hooks, branches, maps and checks."""

from __future__ import annotations

from typing import Any

import pytest
from harness import assert_refused, assert_same
from symbols import ORDER, REFUSALS, covers

import jobkernel as jk

SHOWN = ("STEP_", "HOOK_", "ASSET_CHECK_EVALUATION", "ASSET_MATERIALIZATION", "PIPELINE_")


def told(result: Any) -> list[tuple[str, str | None]]:
    """Return what happened, in order, but for what is only said of values and resources."""
    return [
        (event.event_type_value, event.step_key)
        for event in result.all_events
        if event.event_type_value.startswith(SHOWN)
    ]


def run_of(dg: Any, body: Any, *, policy: Any = None, **options: Any) -> Any:
    """Run a job of one op."""
    step = dg.op(name="step", retry_policy=policy)(body)

    @dg.job(**options)
    def j():
        step()

    return j.execute_in_process(raise_on_error=False)


def raising(error: Any) -> Any:
    def body():
        raise error

    return body


RETRIED: dict[str, Any] = {
    "247 asked for on every attempt": lambda dg: run_of(dg, raising(dg.RetryRequested())),
    "248 asked for three times": lambda dg: run_of(dg, raising(dg.RetryRequested(max_retries=3))),
    "249 policy of two": lambda dg: run_of(dg, raising(ValueError("x")), policy=dg.RetryPolicy(max_retries=2)),
    "250 failure that allows none": lambda dg: run_of(
        dg, raising(dg.Failure("no", allow_retries=False)), policy=dg.RetryPolicy(max_retries=5)
    ),
    "failure that allows them": lambda dg: run_of(dg, raising(dg.Failure("yes")), policy=dg.RetryPolicy(max_retries=1)),
    "asked for fewer times than the policy": lambda dg: run_of(
        dg, raising(dg.RetryRequested(max_retries=1)), policy=dg.RetryPolicy(max_retries=3)
    ),
    "asked for more often than the policy": lambda dg: run_of(
        dg, raising(dg.RetryRequested(max_retries=3)), policy=dg.RetryPolicy(max_retries=1)
    ),
    "a policy of none": lambda dg: run_of(dg, raising(ValueError("x")), policy=dg.RetryPolicy(max_retries=0)),
    "the policy of the job": lambda dg: run_of(dg, raising(ValueError("x")), op_retry_policy=dg.RetryPolicy(2)),
    "the op's before the job's": lambda dg: run_of(
        dg, raising(ValueError("x")), policy=dg.RetryPolicy(1), op_retry_policy=dg.RetryPolicy(3)
    ),
    "a value of the wrong type": lambda dg: run_of(dg, _wrong_type(dg), policy=dg.RetryPolicy(1)),
}


def _wrong_type(_dg: Any) -> Any:
    def body():
        return "x"

    body.__annotations__["return"] = int
    return body


@covers("RetryPolicy", "RetryRequested", "Failure", aspect=ORDER)
@pytest.mark.parametrize("case", RETRIED)
def test_attempts_have_the_same_events(case: str) -> None:
    assert_same(lambda dg: told(RETRIED[case](dg)))


@covers("RetryPolicy", "Backoff", "Jitter")
def test_delays_are_those_of_the_table() -> None:
    """Rows 236 to 242; what jitter draws lies where the table says."""

    def script(dg: Any) -> Any:
        plain, linear = dg.RetryPolicy(delay=1), dg.RetryPolicy(delay=1, backoff=dg.Backoff.LINEAR)
        exponential = dg.RetryPolicy(delay=1, backoff=dg.Backoff.EXPONENTIAL)
        full = dg.RetryPolicy(delay=1, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.FULL)
        either = dg.RetryPolicy(delay=1, backoff=dg.Backoff.LINEAR, jitter=dg.Jitter.PLUS_MINUS)
        return [
            [policy.calculate_delay(n) for n in (1, 2, 3, 4)]
            for policy in (plain, linear, exponential, dg.RetryPolicy())
        ] + [
            all(0 <= full.calculate_delay(3) <= 7 for _ in range(200)),
            all(2 <= either.calculate_delay(3) <= 4 for _ in range(200)),
            dg.RetryPolicy().max_retries,
        ]

    assert_same(script)


def hooked(dg: Any, seen: list[Any], *, where: str) -> Any:
    @dg.success_hook
    def good(context):
        seen.append(("good", context.step_key, context.job_name, context.op.name, dict(context.op_output_values)))

    @dg.failure_hook
    def bad(context):
        seen.append(("bad", context.step_key, str(context.op_exception), context.op_config, len(context.run_id)))
        raise RuntimeError("a hook's own")

    @dg.op(config_schema={"n": dg.Field(int, default_value=3)})
    def boom(context):
        raise ValueError("b")

    @dg.op(out={"x": dg.Out(), "y": dg.Out()})
    def ok():
        return 1, 2

    @dg.op(retry_policy=dg.RetryPolicy(max_retries=2))
    def third(context):
        if context.retry_number < 2:
            raise ValueError("not yet")
        return context.retry_number

    def compose():
        if where == "op":
            boom.with_hooks({bad})()
            ok.with_hooks({good})()
            third.with_hooks({good, bad})()
        else:
            boom()
            ok()
            third()

    compose.__name__ = "j"
    job = dg.job(hooks={good, bad})(compose) if where == "job" else dg.job(compose)
    return job.with_hooks({good, bad}) if where == "with_hooks" else job


@covers("success_hook", "failure_hook", "HookContext", aspect=ORDER)
@pytest.mark.parametrize("where", ["job", "op", "with_hooks"])
def test_hooks_hear_of_their_kind_of_ending_once_and_cannot_fail_a_run(where: str) -> None:
    """Rows 230 to 232."""

    def script(dg: Any) -> Any:
        seen: list[Any] = []
        result = hooked(dg, seen, where=where).execute_in_process(raise_on_error=False)
        hooks = [event for event in told(result) if event[0].startswith("HOOK_")]
        return [sorted(map(repr, seen)), sorted(hooks, key=repr), sorted(result.get_failed_step_keys())]

    assert_same(script)


@covers("success_hook", "HookContext")
def test_a_hook_has_resources_and_a_log() -> None:
    def script(dg: Any) -> Any:
        seen: list[Any] = []

        @dg.success_hook(required_resource_keys={"channel"})
        def tell(context):
            context.log.info("told")
            seen.append((context.resources.channel, context.hook_def.name))

        @dg.op
        def one():
            return 1

        @dg.job(hooks={tell}, resource_defs={"channel": dg.ResourceDefinition.hardcoded_resource("#data")})
        def j():
            one()

        return [j.execute_in_process().success, seen]

    assert_same(script)


@covers("success_hook", aspect=REFUSALS)
def test_a_hook_without_its_resource_is_refused() -> None:
    def script(dg: Any) -> Any:
        hook = dg.success_hook(required_resource_keys={"channel"})(_hook)
        one = dg.op(name="one")(lambda: 1)
        dg.job(name="j", hooks={hook})(lambda: one()).execute_in_process()

    assert_refused(script)


def _hook(context):  # type: ignore[no-untyped-def]
    pass


def mapped_twice(dg: Any) -> Any:
    @dg.op(out=dg.DynamicOut())
    def parts():
        for key in ("a", "b"):
            yield dg.DynamicOutput(key, mapping_key=key)

    @dg.op
    def shout(x):
        return x.upper()

    @dg.op
    def twice(x):
        return x * 2

    @dg.op
    def gather(xs, ys):
        return [sorted(xs), sorted(ys)]

    @dg.graph
    def both(x):
        return twice(shout(x))

    @dg.job
    def j():
        found = parts()
        gather(found.map(shout).map(twice).collect(), found.map(both).collect())

    return j.execute_in_process()


@covers("DynamicOut", "DynamicOutput", "graph", aspect=ORDER)
def test_one_dynamic_output_is_mapped_twice_over_ops_and_a_graph() -> None:
    def script(dg: Any) -> Any:
        result = mapped_twice(dg)
        keys = sorted({event.step_key for event in result.all_events if event.step_key})
        return [keys, result.output_for_node("gather"), result.output_for_node("both.twice")]

    assert_same(script)


@covers("DynamicOut")
def test_an_empty_dynamic_output_is_collected_as_nothing() -> None:
    def script(dg: Any) -> Any:
        @dg.op(out=dg.DynamicOut())
        def parts():
            yield from ()

        @dg.op
        def shout(x):
            return x

        @dg.op
        def gather(xs):
            return xs

        @dg.job
        def j():
            gather(parts().map(shout).collect())

        result = j.execute_in_process()
        return [told(result), result.output_for_node("gather")]

    assert_same(script)


@covers("op", "asset")
def test_a_pool_may_be_named_on_everything_that_runs() -> None:
    def script(dg: Any) -> Any:
        @dg.op(pool="db")
        def one():
            return 1

        @dg.op(tags={"dagster/concurrency_key": "old"})
        def two():
            return 2

        @dg.asset(pool="db")
        def made():
            return 3

        @dg.job
        def j():
            one()
            two()

        return [one.pool, two.pool, made.op.pool, j.execute_in_process().success, dg.materialize([made]).success]

    assert_same(script)


def checked(dg: Any, *, blocking: bool, severity: str, passed: bool = False) -> Any:
    @dg.asset
    def orders():
        return 1

    @dg.asset_check(asset=orders, blocking=blocking, description="d")
    def sound():
        return dg.AssetCheckResult(passed=passed, severity=getattr(dg.AssetCheckSeverity, severity), metadata={"n": 1})

    @dg.asset(check_specs=[dg.AssetCheckSpec("inner", asset="report", blocking=blocking)])
    def report(orders):
        yield dg.Output(orders)
        yield dg.AssetCheckResult(passed=passed, severity=getattr(dg.AssetCheckSeverity, severity))

    @dg.asset
    def mailed(report):
        return report

    return dg.materialize([orders, report, mailed, sound], raise_on_error=False)


@covers("asset_check", "AssetCheckSeverity", "AssetCheckSpec", aspect=ORDER)
@pytest.mark.parametrize("severity", ["WARN", "ERROR"])
@pytest.mark.parametrize("blocking", [True, False])
@pytest.mark.parametrize("passed", [True, False])
def test_checks_block_what_follows_or_do_not(blocking: bool, severity: str, passed: bool) -> None:
    """Rows 233 to 235, also for checks inside an asset."""

    def script(dg: Any) -> Any:
        result = checked(dg, blocking=blocking, severity=severity, passed=passed)
        evaluations = [
            (each.check_name, each.asset_key.path, each.passed, each.severity.value, each.description)
            for each in result.get_asset_check_evaluations()
        ]
        found = told(result)
        return [
            sorted(evaluations, key=repr),
            result.success,
            sorted({step for kind, step in found if kind == "STEP_START"}),
            sorted({step for kind, step in found if kind == "STEP_FAILURE"}),
        ]

    assert_same(script)


@covers("multi_asset_check", aspect=ORDER)
def test_several_checks_of_one_function_run_without_their_assets_too() -> None:
    def script(dg: Any) -> Any:
        @dg.asset
        def orders():
            return 1

        @dg.multi_asset_check(specs=[dg.AssetCheckSpec("a", asset=orders), dg.AssetCheckSpec("b", asset=orders)])
        def both():
            yield dg.AssetCheckResult(passed=True, check_name="a")
            yield dg.AssetCheckResult(passed=False, check_name="b", severity=dg.AssetCheckSeverity.WARN)

        job = dg.define_asset_job("checks", selection=dg.AssetSelection.checks(both))
        definitions = dg.Definitions(assets=[orders], asset_checks=[both], jobs=[job])
        result = definitions.resolve_job_def("checks").execute_in_process()
        return [
            result.success,
            [(each.check_name, each.passed) for each in result.get_asset_check_evaluations()],
            sorted({step for _, step in told(result) if step}),
        ]

    assert_same(script)


class Login(jk.Config):
    password: str
    tries: int = 3


class Service(jk.ConfigurableResource):
    token: str


@covers("EnvVar", aspect=REFUSALS)
def test_a_secret_is_in_nothing_that_is_kept_or_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "correct horse battery"
    monkeypatch.setenv("JOBKERNEL_TEST_SECRET", secret)
    seen: list[str] = []

    @jk.op
    def enter(config: Login, service: Service) -> None:
        seen.extend((config.password, service.token))
        raise ValueError("closed")

    @jk.job(resource_defs={"service": Service(token=jk.EnvVar("JOBKERNEL_TEST_SECRET"))})
    def j() -> None:
        enter()

    config = jk.RunConfig(ops={"enter": Login(password=jk.EnvVar("JOBKERNEL_TEST_SECRET"))})
    with jk.DagsterInstance.ephemeral() as instance:
        result = jk.execute_job(j, instance, run_config=config)
        session = instance.session
        kept = [
            *(session.history.query("run", run_id=result.run_id)),
            *(session.history.query("run_events", run_id=result.run_id)),
            *(session.history.query("run_steps", run_id=result.run_id)),
            *(session.records.log_lines(result.run_id)),
        ]
        shown = repr([kept, result, result.dagster_run, config, instance.get_run_records()])

    assert seen == [secret, secret]
    assert secret not in shown
    assert "JOBKERNEL_TEST_SECRET" in shown
    wrong = {"ops": {"enter": {"config": {"password": {"env": "JOBKERNEL_TEST_SECRET"}, "tries": "x"}}}}
    with pytest.raises(jk.DagsterInvalidConfigError) as refused:
        jk.validate_run_config(j, wrong)
    assert secret not in str(refused.value)
