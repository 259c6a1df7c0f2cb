"""Composing by calling: what is recorded, and which calls are refused, as in Dagster."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from harness import assert_accepted, assert_refused, assert_same
from symbols import REFUSALS, covers

pytestmark = pytest.mark.compat


class Bench:
    """Ops to compose with, made under one of the two modules."""

    def __init__(self, dg: Any) -> None:
        self.dg = dg

        @dg.op
        def one():
            return 1

        @dg.op
        def add(a, b=1):
            return a

        @dg.op(out={"x": dg.Out(), "y": dg.Out()})
        def pair():
            return 1, 2

        @dg.op(ins={"items": dg.In()})
        def gather(items):
            return items

        @dg.op(out=dg.DynamicOut())
        def many():
            yield dg.DynamicOutput(1, "k")

        @dg.op(ins={"start": dg.In(dg.Nothing)})
        def after():
            return None

        @dg.op(out=dg.Out(dg.Nothing))
        def silent():
            return None

        class Custom:
            pass

        @dg.op(ins={"a": dg.In(Custom)})
        def typed(a):
            return a

        @dg.graph
        def inner(v):
            return add(v, one())

        self.one, self.add, self.pair, self.gather, self.many = one, add, pair, gather, many
        self.after, self.silent, self.typed, self.inner = after, silent, typed, inner


def job_of(compose: Callable[[Bench], Any]) -> Callable[[Any], Any]:
    def script(dg: Any) -> Any:
        bench = Bench(dg)

        @dg.job
        def made():
            compose(bench)

        return made

    return script


def names_of(job: Any) -> list[str]:
    invocations = getattr(job.graph, "invocations", None)
    return sorted(i.name for i in invocations) if invocations is not None else sorted(n.name for n in job.nodes)


def composed_alike(compose: Callable[[Bench], Any]) -> None:
    assert_same(lambda dg: names_of(job_of(compose)(dg)))


@covers("job", "op")
def test_repeated_calls_are_numbered() -> None:
    def compose(b: Bench) -> None:
        b.add(b.one())
        b.add(b.one(), b.one())
        b.add(b.one())

    composed_alike(compose)


@covers("job", "op")
def test_aliases_tags_hooks_and_policies_go_with_a_call() -> None:
    def compose(b: Bench) -> None:
        @b.dg.failure_hook
        def hook(context):
            pass

        first = b.one.alias("first").tag({"k": "v"}).with_hooks({hook})()
        b.add.with_retry_policy(b.dg.RetryPolicy()).alias("second")(first)
        b.add.tag({"n": 1})(first)

    composed_alike(compose)


@covers("job", "Out")
def test_several_outputs_are_unpacked_by_place_or_name() -> None:
    def compose(b: Bench) -> None:
        x, y = b.pair()
        b.add(x, y)
        both = b.pair()
        b.add(a=both.y, b=both.x)

    composed_alike(compose)


@covers("job", "In")
def test_lists_fan_in() -> None:
    composed_alike(lambda b: b.gather([b.one(), b.one(), b.pair().x]))


@covers("job", "Nothing")
def test_order_only_inputs_take_one_or_several() -> None:
    def compose(b: Bench) -> None:
        b.after(b.one())
        b.after(start=[b.one(), b.silent()])
        b.after(start=b.silent())

    composed_alike(compose)


@covers("DynamicOut", "job")
def test_dynamic_outputs_are_mapped_and_collected() -> None:
    def compose(b: Bench) -> None:
        b.gather(b.many().map(lambda v: b.add(b.add(v))).collect())
        b.many().map(b.inner)
        b.gather(b.many().collect())

    composed_alike(compose)


@covers("graph", "GraphDefinition")
def test_graphs_nest_and_are_called_like_ops() -> None:
    def compose(b: Bench) -> None:
        b.inner(b.inner.alias("other")(b.one()))
        b.inner(v=b.one())

    composed_alike(compose)


@covers("graph", "GraphOut", "GraphIn")
def test_a_graph_maps_its_inputs_and_outputs() -> None:
    def script(dg: Any) -> Any:
        b = Bench(dg)

        @dg.graph(
            name="outer",
            description="said",
            ins={"p": dg.GraphIn(description="in")},
            out={"left": dg.GraphOut("l"), "right": dg.GraphOut()},
            tags={"k": "v"},
        )
        def body(p, q):
            return {"right": b.add(p), "left": b.inner(q)}

        job = body.to_job(name="run", input_values={"p": 1, "q": 2}, tags={"t": "u"})
        return [body.name, body.description, body.tags, job.name, job.tags, names_of(job)]

    assert_same(script)


@covers("graph", "GraphOut")
def test_a_tuple_of_outputs_goes_by_place() -> None:
    def script(dg: Any) -> None:
        b = Bench(dg)

        @dg.graph(out={"x": dg.GraphOut(), "y": dg.GraphOut()})
        def body():
            x, y = b.pair()
            return x, y

        @dg.job
        def made():
            got = body()
            b.add(got.x, got.y)

    assert_accepted(script)


@covers("job", "AssetSpec")
def test_assets_can_feed_ops() -> None:
    def compose(b: Bench) -> None:
        @b.dg.asset
        def stored():
            return 1

        b.add(stored, b.dg.AssetSpec("other"))

    composed_alike(compose)


@covers("job", "asset")
def test_an_asset_that_is_called_is_its_op() -> None:
    def compose(b: Bench) -> None:
        @b.dg.asset
        def stored(up):
            return 1

        b.add(stored(b.one()))

    composed_alike(compose)


@covers("job", aspect=REFUSALS)
@pytest.mark.parametrize("annotation", [set, list[object], dict[str, object], tuple[int, object], complex], ids=str)
def test_unfed_inputs_of_other_types_are_refused(annotation: Any) -> None:
    def script(dg: Any) -> None:
        def body(a):
            return a

        body.__annotations__["a"] = annotation
        op = dg.op(body)

        @dg.job
        def made():
            op()

    assert_refused(script)


@covers("job")
def test_unfed_inputs_of_loadable_types_are_accepted() -> None:
    def script(dg: Any) -> None:
        def body(a, b, c, d, e):
            return a

        body.__annotations__.update(a=int, b=str, c=list[int], d=bool, e=float)
        op = dg.op(body)

        @dg.job
        def made():
            op()

    assert_accepted(script)


REFUSED: dict[str, Callable[[Bench], Any]] = {
    "a value": lambda b: b.add(3),
    "a value in a list": lambda b: b.gather([b.one(), 3]),
    "an uncalled op": lambda b: b.add(b.one),
    "an uncalled alias": lambda b: b.add(b.one.alias("x")),
    "several outputs at once": lambda b: b.add(b.pair()),
    "a dynamic output itself": lambda b: b.add(b.many()),
    "an unknown input": lambda b: b.add(b.one(), nope=b.one()),
    "an input twice": lambda b: b.add(b.one(), a=b.one()),
    "too many inputs": lambda b: b.add(b.one(), b.one(), b.one()),
    "one alias twice": lambda b: (b.one.alias("x")(), b.one.alias("x")()),
    "a bad alias": lambda b: b.one.alias("a-b")(),
    "unpacking one output": lambda b: list(b.one()),
    "indexing one output": lambda b: b.one()[0],
    "alias after the call": lambda b: b.one().alias("x"),
    "hooks after the call": lambda b: b.one().with_hooks(set()),
    "unpacking a dynamic output": lambda b: list(b.many()),
    "indexing a dynamic output": lambda b: b.many()[0],
    "mapping to nothing of ours": lambda b: b.many().map(lambda v: 3),
    "one output twice in a list": lambda b: (lambda o: b.gather([o, o]))(b.one()),
    "mapping in mapping": lambda b: b.many().map(lambda v: b.many.alias("again")().map(lambda w: b.add(v, w))),
    "two dynamic outputs above": lambda b: b.many().map(lambda v: b.many.alias("m")().map(lambda w: b.add(v, w))),
    "a mapped output in a list": lambda b: b.many().map(lambda v: b.gather([b.add(v)])),
    "mapped and collected": lambda b: (lambda m: m.map(lambda v: b.add(v, m.collect())))(b.many()),
    "an input of a custom type fed by nothing": lambda b: b.typed(),
    "text in place of a list": lambda b: b.gather("ab"),
    "a dict": lambda b: b.add({"a": b.one()}),
    "a hook that is none": lambda b: b.one.with_hooks({3})(),
}


@covers("job", "op", "DynamicOut", "Nothing", aspect=REFUSALS)
@pytest.mark.parametrize("case", REFUSED)
def test_calls_that_make_no_sense_are_refused(case: str) -> None:
    assert_refused(job_of(REFUSED[case]))


def _graph_refusals() -> dict[str, Callable[[Any, Bench], Any]]:
    return {
        "unused input": lambda dg, b: (
            dg.graph(lambda p: None, name="g") if False else dg.graph(name="g")(lambda p: None)
        ),
        "declared and not returned": lambda dg, b: dg.graph(name="g", out={"x": dg.GraphOut()})(lambda: {}),
        "returned and not declared": lambda dg, b: dg.graph(name="g", out={"x": dg.GraphOut()})(lambda: {"y": b.one()}),
        "one for two": lambda dg, b: dg.graph(name="g", out={"x": dg.GraphOut(), "y": dg.GraphOut()})(lambda: b.one()),
        "a plain value": lambda dg, b: dg.graph(name="g")(lambda: 3),
        "a list": lambda dg, b: dg.graph(name="g")(lambda: [b.one()]),
        "a value in the dict": lambda dg, b: dg.graph(name="g", out={"x": dg.GraphOut()})(lambda: {"x": 3}),
        "its own input": lambda dg, b: dg.graph(name="g")(lambda p: p),
        "declared input that is no parameter": lambda dg, b: dg.graph(name="g", ins={"z": dg.GraphIn()})(
            lambda: b.one()
        ),
        "bad name": lambda dg, b: dg.graph(name="a-b")(lambda: b.one()),
        "called outside": lambda dg, b: b.inner(3),
        "collected values": lambda dg, b: dg.graph(name="g")(lambda: b.many().collect()),
        "unknown input value": lambda dg, b: b.inner.to_job(input_values={"nope": 1}),
    }


@covers("graph", "GraphOut", "GraphIn", aspect=REFUSALS)
@pytest.mark.parametrize("case", _graph_refusals())
def test_graphs_that_make_no_sense_are_refused(case: str) -> None:
    assert_refused(lambda dg: _graph_refusals()[case](dg, Bench(dg)))


@covers("DependencyDefinition", "MultiDependencyDefinition", "NodeInvocation", "GraphDefinition")
def test_graphs_can_be_written_as_data() -> None:
    def script(dg: Any) -> Any:
        b = Bench(dg)
        graph = dg.GraphDefinition(
            name="written",
            node_defs=[b.one, b.add, b.gather],
            dependencies={
                "one": {},
                dg.NodeInvocation("add", alias="plus"): {"a": dg.DependencyDefinition("one")},
                "gather": {
                    "items": dg.MultiDependencyDefinition(
                        [dg.DependencyDefinition("one"), dg.DependencyDefinition("plus")]
                    )
                },
            },
        )
        return names_of(graph.to_job())

    assert_same(script)


def _wired(dg: Any, dependencies: Callable[[Any, Bench], Any]) -> None:
    b = Bench(dg)
    dg.GraphDefinition(name="written", node_defs=[b.one, b.add], dependencies=dependencies(dg, b))


@covers("DependencyDefinition", "NodeInvocation", "GraphDefinition", aspect=REFUSALS)
@pytest.mark.parametrize(
    "dependencies",
    [
        lambda dg, b: {"nope": {"a": dg.DependencyDefinition("one")}},
        lambda dg, b: {"add": {"nope": dg.DependencyDefinition("one")}},
        lambda dg, b: {"add": {"a": dg.DependencyDefinition("nope")}},
        lambda dg, b: {"add": {"a": dg.DependencyDefinition("one", "nope")}},
        lambda dg, b: {"add": {"a": dg.DependencyDefinition("add")}},
        lambda dg, b: {"add": {"a": 3}},
    ],
)
def test_dependencies_that_name_nothing_are_refused(dependencies: Any) -> None:
    assert_refused(lambda dg: _wired(dg, dependencies))


@covers("InputMapping", "OutputMapping")
def test_mappings_name_the_outside_of_a_written_graph() -> None:
    def script(dg: Any) -> Any:
        b = Bench(dg)
        graph = dg.GraphDefinition(
            name="written",
            node_defs=[b.add],
            input_mappings=[dg.InputMapping(graph_input_name="v", mapped_node_name="add", mapped_node_input_name="a")],
            output_mappings=[dg.OutputMapping("result", "add", "result")],
        )

        @dg.job
        def made():
            b.add.alias("last")(graph(b.one()))

        return names_of(made)

    assert_same(script)
