"""What a hook is told of the step that ended is what Dagster tells it."""

from __future__ import annotations

from typing import Any

import pytest
from harness import assert_same
from symbols import REFUSALS, covers

import jobkernel
from jobkernel.errors import InvariantViolation

pytestmark = pytest.mark.compat


def plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    return getattr(value, "value", value)


def ops(dg: Any) -> list[Any]:
    @dg.op
    def one():
        return 1

    @dg.op(out={"x": dg.Out(), "y": dg.Out(is_required=False)})
    def said():
        yield dg.Output(2, "x", metadata={"rows": 1})

    @dg.op(out=dg.DynamicOut())
    def many():
        yield dg.DynamicOutput(1, "p", metadata={"rows": 2})
        yield dg.DynamicOutput(2, "q")

    @dg.op
    def by_context(context):
        context.add_output_metadata({"rows": 5})
        return 4

    @dg.op(out={"x": dg.Out(), "y": dg.Out()})
    def late():
        yield dg.Output(1, "x")
        raise ValueError("late")

    @dg.op(config_schema={"k": int})
    def configured(context):
        return context.op_config["k"]

    @dg.op
    def nothing() -> None:
        pass

    return [one, said, many, by_context, late, configured, nothing]


@covers("HookContext", "success_hook", "failure_hook")
def test_a_hook_is_told_values_metadata_and_error() -> None:
    def script(dg: Any) -> Any:
        told: dict[str, Any] = {}

        def note(context: Any) -> None:
            told[context.step_key] = [
                plain(dict(context.op_output_values)),
                plain(dict(context.op_output_metadata)),
                context.hook_def.name,
                sorted(context.required_resource_keys),
                repr(context.op_exception),
                context.op_config,
                context.job_name,
            ]

        @dg.success_hook(required_resource_keys={"r"})
        def well(context):
            note(context)

        @dg.failure_hook
        def badly(context):
            note(context)

        @dg.job(hooks={well, badly}, resource_defs={"r": dg.ResourceDefinition.hardcoded_resource(1)})
        def work():
            for each in ops(dg):
                each()

        config = {"ops": {"configured": {"config": {"k": 3}}}}
        result = work.execute_in_process(raise_on_error=False, run_config=config)
        events = [(each.event_type_value, each.step_key) for each in result.all_events if each.is_hook_event]
        return told, sorted(events)

    assert_same(script)


@covers("HookContext", aspect=REFUSALS)
@pytest.mark.parametrize(
    "name", ["job_name", "run_id", "instance", "op", "hook_def", "step_key", "op_output_values", "op_config"]
)
def test_what_a_hook_called_directly_was_not_given_is_refused(name: str) -> None:
    def script(dg: Any) -> None:
        getattr(dg.build_hook_context(), name)

    assert_refused_by_name(script, name)


def assert_refused_by_name(script: Any, name: str) -> None:
    from harness import under_dagster

    with pytest.raises(Exception, match=r"not set|not provided|no instance"):
        under_dagster(script)
    with pytest.raises((InvariantViolation, AttributeError), match=f"context.{name}"):
        script(jobkernel)


@covers("HookContext", aspect=REFUSALS)
def test_a_hook_has_no_instance_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    @jobkernel.success_hook
    def look(context):
        context.instance

    @jobkernel.op
    def one():
        return 1

    @jobkernel.job(hooks={look})
    def work():
        one()

    assert work.execute_in_process().success
    assert "context.instance is not offered to hooks" in capsys.readouterr().err
