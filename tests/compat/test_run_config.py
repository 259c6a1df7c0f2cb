"""Run config of whole runs: merging over the job's, inputs from config, nested graphs, mappings, unknown entries."""

from typing import Any

import pytest
from harness import assert_refused, assert_same, dagster, under_dagster
from symbols import REFUSALS, covers

import jobkernel
from jobkernel.errors import InvalidConfig

pytestmark = pytest.mark.compat


def two_ops(dg: Any, config: Any = None, *, as_classes: bool = False) -> Any:
    class A(dg.Config):
        n: int = 1
        m: int = 2

    class B(dg.Config):
        k: int = 3
        name: str = "x"

    @dg.op
    def alpha(config: A):
        return config.n, config.m

    @dg.op
    def beta(config: B, x):
        return config.k, config.name

    @dg.op
    def plain():
        return 1

    if as_classes:
        config = dg.RunConfig(ops={"alpha": A(n=10, m=20), "beta": B(k=30)})

    @dg.job(config=config)
    def j():
        beta(alpha())
        plain()

    return j, A, B


JOB_CONFIG = {"ops": {"alpha": {"config": {"n": 10, "m": 20}}, "beta": {"config": {"k": 30}}}}
LAUNCHES: list[Any] = [
    None, {}, {"ops": {}}, {"ops": {"alpha": {"config": {"n": 100}}}}, {"ops": {"alpha": {}}},
    {"ops": {"alpha": {"config": {}}}},
    {"ops": {"plain": {"config": 5}}}, {"ops": {"plain": {}}}, {"execution": {"config": {"in_process": {}}}},
    {"execution": {"config": {"multiprocess": {"max_concurrent": 2}}}},
    {"loggers": {"console": {"config": {"log_level": "INFO"}}}},
    {"resources": {"io_manager": {"config": {}}}}, {"ops": {"beta": {"config": {"name": "y"}}}, "resources": {}},
]  # fmt: skip


@covers("RunConfig", "job")
@pytest.mark.parametrize("launch", LAUNCHES, ids=str)
@pytest.mark.parametrize("kind", ["none", "dict", "classes"])
def test_launch_config_goes_over_the_jobs_op_by_op(launch: Any, kind: str) -> None:
    def script(dg: Any) -> Any:
        job, _, _ = two_ops(dg, JOB_CONFIG if kind == "dict" else None, as_classes=kind == "classes")
        result = job.execute_in_process(run_config=launch)
        return result.output_for_node("alpha"), result.output_for_node("beta"), result.dagster_run.run_config

    assert_same(script)


@covers("RunConfig")
def test_a_run_config_object_is_the_same_as_its_dict() -> None:
    def script(dg: Any) -> Any:
        job, a_class, _ = two_ops(dg, JOB_CONFIG)
        given = dg.RunConfig(ops={"alpha": a_class(n=100)}, execution={"config": {"in_process": {}}})
        result = job.execute_in_process(run_config=given)
        again = given == dg.RunConfig(ops={"alpha": a_class(n=100)}, execution={"config": {"in_process": {}}})
        return result.output_for_node("alpha"), result.output_for_node("beta"), given.to_config_dict(), again

    assert_same(script)


@covers("RunConfig", "job", aspect=REFUSALS)
@pytest.mark.parametrize(
    "launch",
    [
        {"ops": {"gamma": {}}},
        {"ops": {"alpha": {"bogus": 1}}},
        {"ops": {"alpha": None}},
        {"ops": None},
        {"ops": {"plain": {"bogus": 5}}},
        {"foo": 1},
        {"solids": {}},
        {"execution": {"bogus": {}}},
        {"loggers": {"bogus": {}}},
        {"resources": {"bogus": {}}},
        {"ops": {"alpha": {"inputs": {"x": 1}}}},
        "text",
    ],
    ids=str,
)
def test_unknown_entries_are_refused(launch: Any) -> None:
    assert_refused(lambda dg: two_ops(dg)[0].execute_in_process(run_config=launch))


@covers("RunConfig", aspect=REFUSALS)
def test_every_problem_is_listed_with_its_path() -> None:
    launch = {"ops": {"alpha": {"config": {"n": "x", "zz": 1}}, "beta": {"config": {"k": "k"}}, "gamma": {}}, "foo": 1}

    def script(dg: Any) -> Any:
        two_ops(dg)[0].execute_in_process(run_config=launch)

    with pytest.raises(dagster().DagsterInvalidConfigError) as theirs:
        under_dagster(script)
    with pytest.raises(InvalidConfig) as ours:
        script(jobkernel)
    lines = str(ours.value).splitlines()[1:]
    assert len(lines) == len(theirs.value.errors)
    assert [line.split(":")[0].strip() for line in lines] == [
        "foo",
        "ops.gamma",
        "ops.alpha.config.zz",
        "ops.alpha.config.n",
        "ops.beta.config.k",
    ]


@covers("graph", "RunConfig")
def test_nested_graphs_are_configured_by_path() -> None:
    def script(dg: Any) -> Any:
        @dg.op(config_schema={"n": dg.Field(int, default_value=1)})
        def leaf(context):
            return context.op_config["n"]

        @dg.graph
        def inner():
            return leaf()

        @dg.job(config={"ops": {"inner": {"ops": {"leaf": {"config": {"n": 5}}}}}})
        def j():
            inner()
            inner.alias("other")()
            leaf()

        def run(config: Any) -> Any:
            result = j.execute_in_process(run_config=config)
            return [result.output_for_node(node) for node in ("inner.leaf", "inner", "other.leaf", "leaf")]

        return run(None), run({"ops": {"inner": {}}}), run({"ops": {"other": {"ops": {"leaf": {"config": {"n": 9}}}}}})

    assert_same(script)


def with_input(dg: Any, annotation: Any, *, default: Any = ...) -> Any:
    def read(x):
        return x

    def read_default(x=default):
        return x

    function = read if default is ... else read_default
    function.__annotations__ = {"x": annotation}
    made = dg.op(name="a")(function)

    @dg.job(name="j")
    def j():
        made()

    return j


@covers("In", "job")
@covers("In", "job", aspect=REFUSALS)
@pytest.mark.parametrize("annotation", [int, str, float, bool, dict, list[int], int | None, Any], ids=str)
def test_inputs_that_nothing_feeds_come_from_config(annotation: Any) -> None:
    values: list[Any] = [5, "s", True, {"value": 5}, {"value": "s"}, [1], ["a"], None, {"a": 1}, {"json": 1}]

    def script(dg: Any) -> Any:
        job = with_input(dg, annotation)
        outcomes: list[Any] = []
        for value in values:
            try:
                result = job.execute_in_process(run_config={"ops": {"a": {"inputs": {"x": value}}}})
                outcomes.append((value, result.output_for_node("a")))
            except (dg.DagsterInvalidConfigError, dg.DagsterTypeCheckDidNotPass):
                outcomes.append((value, "refused"))
        return outcomes

    assert_same(script)


@covers("In", "job")
def test_config_goes_over_the_default_of_an_input() -> None:
    def script(dg: Any) -> Any:
        job = with_input(dg, int, default=3)
        given = job.execute_in_process(run_config={"ops": {"a": {"inputs": {"x": 4}}}})
        return job.execute_in_process().output_for_node("a"), given.output_for_node("a")

    assert_same(script)


@covers("In", "job", aspect=REFUSALS)
@pytest.mark.parametrize("launch", [None, {"ops": {"a": {"inputs": {}}}}, {"ops": {"a": {"inputs": {"x": 1, "y": 2}}}}])
def test_a_missing_or_unknown_input_is_refused(launch: Any) -> None:
    assert_refused(lambda dg: with_input(dg, int).execute_in_process(run_config=launch))


@covers("graph", "job", "execute_in_process")
def test_inputs_of_a_graph_come_from_config_or_from_code() -> None:
    def script(dg: Any) -> Any:
        @dg.op
        def b(x: int):
            return x

        @dg.graph
        def g(x):
            return b(x)

        runs = [
            g.to_job().execute_in_process(run_config={"inputs": {"x": 4}}),
            g.to_job().execute_in_process(input_values={"x": 5}),
            g.to_job(input_values={"x": 6}).execute_in_process(),
            g.execute_in_process(input_values={"x": 7}),
        ]
        return [(run.output_for_node("b"), run.output_value()) for run in runs]

    assert_same(script)


@covers("graph", "execute_in_process", aspect=REFUSALS)
@pytest.mark.parametrize("options", [{}, {"input_values": {"y": 4}}], ids=str)
def test_inputs_of_a_graph_are_not_those_of_its_ops(options: Any) -> None:
    def script(dg: Any) -> Any:
        @dg.op
        def b(x: int):
            return x

        @dg.graph
        def g(x):
            b(x)

        g.to_job().execute_in_process(**options)

    assert_refused(script)


@covers("config_mapping")
def test_a_mapping_turns_a_small_config_into_that_of_the_job() -> None:
    def script(dg: Any) -> Any:
        @dg.config_mapping(config_schema={"n": dg.Field(int, default_value=3)})
        def small(outer):
            return {"ops": {"alpha": {"config": {"n": outer["n"] + 1}}}}

        job, _, _ = two_ops(dg, small)
        return [job.execute_in_process(run_config=config).output_for_node("alpha") for config in (None, {}, {"n": 7})]

    assert_same(script)


@covers("config_mapping", aspect=REFUSALS)
@pytest.mark.parametrize("launch", [{"n": "x"}, {"n": 1, "m": 1}, {}])
def test_config_that_does_not_fit_a_mapping_is_refused(launch: Any) -> None:
    def script(dg: Any) -> Any:
        @dg.config_mapping(config_schema={"n": int})
        def small(outer):
            return {}

        two_ops(dg, small)[0].execute_in_process(run_config=launch)

    assert_refused(script)


@covers("config_mapping", aspect=REFUSALS)
def test_a_mapping_that_fails_is_the_cause_of_what_the_run_raises() -> None:
    def script(dg: Any) -> Any:
        @dg.config_mapping(config_schema={"n": int})
        def small(outer):
            raise ValueError("no")

        two_ops(dg, small)[0].execute_in_process(run_config={"n": 1})

    assert_refused(script)


@covers("configured", "op")
def test_an_op_configured_in_code() -> None:
    def script(dg: Any) -> Any:
        @dg.op(config_schema={"n": int, "m": dg.Field(int, default_value=2)})
        def alpha(context):
            return dict(context.op_config)

        fixed = alpha.configured({"n": 5}, name="fixed")
        computed = alpha.configured(lambda outer: {"n": outer["k"] + 1}, name="computed", config_schema={"k": int})

        @dg.job
        def j():
            fixed()
            computed()

        result = j.execute_in_process(run_config={"ops": {"computed": {"config": {"k": 4}}}})
        return result.output_for_node("fixed"), result.output_for_node("computed")

    assert_same(script)


@covers("validate_run_config")
def test_validating_says_what_a_run_would_have() -> None:
    def script(dg: Any) -> Any:
        job, _, _ = two_ops(dg, JOB_CONFIG)
        return [dg.validate_run_config(job, launch)["ops"] for launch in (None, {}, LAUNCHES[3])]

    assert_same(script)


@covers("validate_run_config", aspect=REFUSALS)
def test_validating_refuses_what_a_run_would() -> None:
    assert_refused(lambda dg: dg.validate_run_config(two_ops(dg)[0], {"ops": {"alpha": {"config": {"n": "x"}}}}))


@covers("asset", "Config", "define_asset_job")
def test_assets_are_configured_under_the_name_of_their_step() -> None:
    def script(dg: Any) -> Any:
        class C(dg.Config):
            n: int

        @dg.asset(key_prefix="p")
        def a(config: C):
            return config.n

        job = dg.define_asset_job("aj", config={"ops": {"p__a": {"config": {"n": 1}}}})
        resolved = dg.Definitions(assets=[a], jobs=[job]).resolve_job_def("aj")
        made = dg.materialize_to_memory([a], run_config={"ops": {"p__a": {"config": {"n": 4}}}})
        return made.asset_value(["p", "a"]), resolved.execute_in_process().asset_value(["p", "a"])

    assert_same(script)


def mapped(dg: Any, launch: Any, function: Any, **options: Any) -> Any:
    """Run a job whose graph's config goes through a ConfigMapping."""

    @dg.op(config_schema={"n": int})
    def a(context):
        return context.op_config["n"]

    @dg.graph(config=dg.ConfigMapping(config_fn=function, **options))
    def g():
        return a()

    @dg.job
    def j():
        g()

    return j.execute_in_process(run_config={"ops": {"g": {"config": launch}}}).output_for_node("g.a")


def doubled(outer: Any) -> Any:
    return {"a": {"config": {"n": outer["k"] * 2}}}


@covers("ConfigMapping")
@pytest.mark.parametrize(
    ("launch", "schema"),
    [
        ({"k": 2}, lambda _dg: {"k": int}),
        ({"k": 2}, lambda _dg: None),
        ({}, lambda dg: {"k": dg.Field(int, default_value=4)}),
    ],
    ids=["schema", "none", "default"],
)
def test_a_config_mapping_made_by_hand_fills_what_lies_inside(launch: Any, schema: Any) -> None:
    assert_same(lambda dg: mapped(dg, launch, doubled, config_schema=schema(dg)))


@covers("ConfigMapping", aspect=REFUSALS)
@pytest.mark.parametrize(
    ("launch", "function"),
    [
        ({"k": "x"}, doubled),
        ({"k": 1, "m": 2}, doubled),
        ({}, doubled),
        ({"k": 1}, lambda _outer: {"a": {"config": {"n": 1}}, "b": {}}),
        ({"k": 1}, lambda _outer: {"a": {"config": {"n": "x"}}}),
        ({"k": 1}, lambda outer: outer["zz"]),
    ],
    ids=["wrong type", "unknown", "missing", "unknown op", "wrong inner type", "fails"],
)
def test_what_does_not_fit_on_either_side_of_a_mapping_is_refused(launch: Any, function: Any) -> None:
    def script(dg: Any) -> None:
        mapped(dg, launch, function, config_schema={"k": int})

    assert_refused(script)


@covers("ConfigMapping", aspect=REFUSALS)
def test_a_mapping_needs_a_function() -> None:
    assert_refused(lambda dg: dg.ConfigMapping(config_fn=3))
    assert_refused(lambda dg: dg.ConfigMapping())
