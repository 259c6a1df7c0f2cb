"""Ops: what their functions say, what the decorator adds, and what is refused, as in Dagster."""

from __future__ import annotations

from typing import Any

import pytest
from harness import assert_accepted, assert_refused, assert_same
from symbols import REFUSALS, covers

pytestmark = pytest.mark.compat


def shape(op: Any) -> dict[str, Any]:
    return {
        "name": op.name,
        "description": op.description,
        "ins": sorted(op.ins),
        "outs": list(op.outs),
        "required": [out.is_required for out in op.outs.values()],
        "dynamic": [out.is_dynamic for out in op.outs.values()],
        "resources": sorted(op.required_resource_keys),
        "tags": dict(op.tags),
        "retries": op.retry_policy and op.retry_policy.max_retries,
        "version": op.version,
        "pool": op.pool,
    }


@covers("op", "OpDefinition")
def test_an_op_says_what_its_function_says() -> None:
    def script(dg: Any) -> Any:
        @dg.op
        def plain(context, a, b: int, c=3):
            """Does it.

            And more.
            """

        @dg.op
        def none_at_all():
            return 1

        return [shape(plain), shape(none_at_all), plain.ins["c"].default_value]

    assert_same(script)


@covers("op", "In", "Out", "DynamicOut", "Nothing", "RetryPolicy")
def test_an_op_says_what_its_decorator_adds() -> None:
    def script(dg: Any) -> Any:
        @dg.op(
            name="other",
            description="said",
            ins={"a": dg.In(int, default_value=4), "start": dg.In(dg.Nothing)},
            out={"x": dg.Out(int, is_required=False), "y": dg.DynamicOut(str), "z": dg.Out(io_manager_key="disk")},
            required_resource_keys={"db"},
            tags={"k": "v", "n": 3},
            retry_policy=dg.RetryPolicy(max_retries=4),
            code_version="7",
            pool="p",
        )
        def made(a, b):
            """not this"""

        return [shape(made), made.ins["a"].default_value, made.outs["z"].io_manager_key]

    assert_same(script)


@covers("Out", "DynamicOut", "Output", "DynamicOutput", "Nothing")
@pytest.mark.parametrize(
    "annotate",
    [
        lambda dg: int,
        lambda dg: dg.Output[int],
        lambda dg: list[dg.DynamicOutput[int]],
        lambda dg: Any,
        lambda dg: dict[str, int],
    ],
)
def test_a_return_annotation_makes_the_output(annotate: Any) -> None:
    def script(dg: Any) -> Any:
        def body():
            return 1

        body.__annotations__["return"] = annotate(dg)
        return shape(dg.op(body))

    assert_same(script)


@covers("DynamicOutput", aspect=REFUSALS)
def test_a_single_dynamic_output_as_annotation_is_refused() -> None:
    def script(dg: Any) -> None:
        def body():
            return 1

        body.__annotations__["return"] = dg.DynamicOutput
        dg.op(body)

    assert_refused(script)


@covers("op", "Out")
def test_a_tuple_annotation_goes_with_several_outputs() -> None:
    def script(dg: Any) -> Any:
        @dg.op(out={"a": dg.Out(), "b": dg.Out()})
        def two() -> tuple[int, str]:
            return 1, "x"

        return shape(two)

    assert_same(script)


@covers("op", "Out", aspect=REFUSALS)
@pytest.mark.parametrize("annotation", [int, tuple[int], tuple[int, int, int], list[int]])
def test_another_annotation_of_several_outputs_is_refused(annotation: Any) -> None:
    def script(dg: Any) -> None:
        def two():
            return 1, "x"

        two.__annotations__["return"] = annotation
        dg.op(out={"a": dg.Out(), "b": dg.Out()})(two)

    assert_refused(script)


@covers("op", aspect=REFUSALS)
@pytest.mark.parametrize("name", ["bad-name", "a.b", "with space", "context", "config", "type", "for", "ä", "a/b"])
def test_bad_op_names_are_refused(name: str) -> None:
    assert_refused(lambda dg: dg.op(name=name)(lambda: 1))


@covers("op")
@pytest.mark.parametrize("name", ["1abc", "ok_1", "_x", "A"])
def test_these_op_names_are_accepted(name: str) -> None:
    assert_same(lambda dg: dg.op(name=name)(lambda: 1).name)


@covers("op")
def test_an_empty_name_falls_back_to_the_functions() -> None:
    def script(dg: Any) -> Any:
        @dg.op(name="")
        def fallen():
            return 1

        return fallen.name

    assert_same(script)


def _bad_in(dg: Any) -> None:
    @dg.op(ins={"missing": dg.In(int)})
    def body(a):
        return a


def _nothing_parameter(dg: Any) -> None:
    @dg.op(ins={"a": dg.In(dg.Nothing)})
    def body(a):
        return a


def _annotated_nothing(dg: Any) -> None:
    def body(a):
        return a

    body.__annotations__["a"] = dg.Nothing
    dg.op(body)


def _varargs(dg: Any) -> None:
    @dg.op
    def body(*args):
        return args


def _wrong_context(dg: Any) -> None:
    def body(context):
        return context

    body.__annotations__["context"] = int
    dg.op(body)


def _config_twice(dg: Any) -> None:
    class Mine(dg.Config):
        n: int

    def body(config):
        return config

    body.__annotations__["config"] = Mine
    dg.op(config_schema={"n": int})(body)


def _bad_type(dg: Any) -> None:
    dg.In(3)
    dg.op(ins={"a": dg.In(3)})(lambda a: a)


def _bad_tag(dg: Any) -> None:
    dg.op(tags={"a": object()})(lambda: 1)


def _tags_no_text(dg: Any) -> None:
    dg.op(tags={1: "x"})(lambda: 1)


def _config_unannotated(dg: Any) -> None:
    @dg.op
    def body(config):
        return config


def _none_parameter(dg: Any) -> None:
    def body(a):
        return a

    body.__annotations__["a"] = None
    dg.op(body)


def _bad_input_name(dg: Any) -> None:
    @dg.op
    def body(type):
        return type


def _bad_output_name(dg: Any) -> None:
    dg.op(out={"a-b": dg.Out()})(lambda: 1)


def _bad_out(dg: Any) -> None:
    dg.op(out={"a": int})(lambda: 1)


@covers("op", "In", "Nothing", aspect=REFUSALS)
@pytest.mark.parametrize(
    "script",
    [
        _bad_in,
        _nothing_parameter,
        _annotated_nothing,
        _varargs,
        _wrong_context,
        _config_twice,
        _bad_type,
        _bad_tag,
        _tags_no_text,
        _bad_input_name,
        _bad_output_name,
        _bad_out,
        _config_unannotated,
        _none_parameter,
    ],
)
def test_contradictions_in_an_op_are_refused(script: Any) -> None:
    assert_refused(script)


@covers("op", "In")
def test_any_keyword_takes_declared_inputs() -> None:
    def script(dg: Any) -> Any:
        @dg.op(ins={"a": dg.In(int), "b": dg.In()})
        def body(**kwargs):
            return kwargs

        return shape(body)

    assert_same(script)


@covers("op")
@pytest.mark.parametrize("name", ["context", "_", "_context", "context_"])
def test_these_first_parameters_are_the_context(name: str) -> None:
    def script(dg: Any) -> Any:
        scope: dict[str, Any] = {}
        exec(f"def body({name}, a): return a", scope)
        return shape(dg.op(scope["body"]))

    assert_same(script)


@covers("RetryPolicy", "Backoff", "Jitter")
def test_retry_policies_have_the_same_defaults_and_delays() -> None:
    def script(dg: Any) -> Any:
        plain = dg.RetryPolicy()
        policies = [
            dg.RetryPolicy(max_retries=3, delay=1),
            dg.RetryPolicy(max_retries=3, delay=1, backoff=dg.Backoff.LINEAR),
            dg.RetryPolicy(max_retries=3, delay=0.5, backoff=dg.Backoff.EXPONENTIAL),
        ]
        names = [[member.name for member in dg.Backoff], [member.name for member in dg.Jitter]]
        delays = [[policy.calculate_delay(attempt) for attempt in (1, 2, 3, 4)] for policy in policies]
        return [plain.max_retries, plain.delay, plain.backoff, plain.jitter, delays, names]

    assert_same(script)


@covers("RetryPolicy", "Backoff", "Jitter", aspect=REFUSALS)
@pytest.mark.parametrize("option", ["backoff", "jitter"])
def test_backoff_or_jitter_without_a_delay_is_refused(option: str) -> None:
    def script(dg: Any) -> None:
        value = dg.Backoff.LINEAR if option == "backoff" else dg.Jitter.FULL
        dg.RetryPolicy(**{option: value})

    assert_refused(script)


@covers("op")
def test_an_op_can_be_made_of_any_callable_with_a_name() -> None:
    def script(dg: Any) -> Any:
        class Adder:
            def __call__(self, a, b=2):
                return a + b

        return shape(dg.op(name="adder")(Adder()))

    assert_accepted(script)
