"""Every parameter that Dagster's tier-1 names have is taken here, or refused by name; none is passed over."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest
from harness import assert_refused, dagster
from symbols import REFUSALS, TIER_1, covers

import jobkernel
from jobkernel.errors import JobkernelError

pytestmark = pytest.mark.compat
PARTS = inspect.Parameter
MADE_BY_RUNS = {
    "AssetExecutionContext", "OpExecutionContext", "HookContext", "DagsterInstance", "ScheduleEvaluationContext",
    "SensorEvaluationContext", "RunStatusSensorContext", "RunFailureSensorContext", "AutomationCondition",
    "EvaluateAutomationConditionsResult",
}  # fmt: skip
"""Classes whose objects a run, a look or a builder makes: their constructors are nobody's interface."""
UNKNOWN = "no_such_parameter"


def pairs() -> Iterator[tuple[str, Any, Any]]:
    """Give each tier-1 name and public method that both have: its name, Dagster's and ours."""
    for name in (name for names in TIER_1.values() for name in names.split()):
        theirs, ours = getattr(dagster(), name, None), getattr(jobkernel, name, None)
        if theirs is None:
            continue
        if callable(theirs) and name not in MADE_BY_RUNS:
            yield name, theirs, ours
        if inspect.isclass(theirs):
            for method in public_methods(theirs):
                if callable(getattr(ours, method, None)):
                    yield f"{name}.{method}", getattr(theirs, method), getattr(ours, method)


def public_methods(theirs: type) -> list[str]:
    """Return the methods that Dagster declares public."""
    from dagster._annotations import is_public

    found = []
    for name in dir(theirs):
        stored = inspect.getattr_static(theirs, name, None)
        function = getattr(stored, "__func__", stored)
        if not name.startswith("_") and inspect.isroutine(function) and is_public(function):
            found.append(name)
    return found


@cache
def parameters_of(function: Any) -> dict[str, inspect.Parameter]:
    """Return the parameters by name; none where they cannot be read."""
    try:
        return dict(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return {}


def named(function: Any) -> list[str]:
    """Return the names of the parameters, without those that Dagster keeps to itself."""
    found = parameters_of(function).values()
    return [
        each.name
        for each in found
        if each.kind not in (PARTS.VAR_POSITIONAL, PARTS.VAR_KEYWORD) and each.name[0] != "_"
    ]


def takes_more(function: Any) -> bool:
    """Whether a function looks at keywords that it does not declare."""
    return any(each.kind is PARTS.VAR_KEYWORD for each in parameters_of(function).values())


SAID_OTHERWISE = {
    "AssetIn.from_coercible": {"coercible"},
    "AssetKey.from_coercible": {"arg"},
    "AssetKey.from_user_string": {"asset_key_string"},
    "AssetKey.from_escaped_user_string": {"asset_key_string"},
}
"""Parameters that are called otherwise here, and always given by position."""


def test_every_parameter_is_declared_or_looked_at() -> None:
    missing = {}
    for name, theirs, ours in pairs():
        if takes_more(ours) or (not parameters_of(ours) and not named(theirs)):
            continue
        absent = set(named(theirs)) - set(named(ours)) - SAID_OTHERWISE.get(name, set())
        if absent and parameters_of(theirs):
            missing[name] = sorted(absent)

    assert missing == {}


def test_what_is_given_by_position_means_the_same() -> None:
    other = {}
    for name, theirs, ours in pairs():
        if takes_more(ours) or name in SAID_OTHERWISE:
            continue
        by_place = [each.name for each in parameters_of(theirs).values() if each.kind is PARTS.POSITIONAL_OR_KEYWORD]
        by_place = [each for each in by_place if each[0] != "_"]
        here = [each.name for each in parameters_of(ours).values() if each.kind is not PARTS.KEYWORD_ONLY]
        if by_place != here[: len(by_place)]:
            other[name] = (by_place, here)

    assert other == {}


def a_function() -> int:
    return 1


def a_schedule(context: Any) -> Any:
    return jobkernel.SkipReason("no")


@jobkernel.op
def an_op() -> int:
    return 1


@jobkernel.graph
def a_graph() -> None:
    an_op()


@jobkernel.asset
def an_asset() -> int:
    return 1


A_JOB = a_graph.to_job(name="a_job")
WITH_MORE: dict[str, Callable[..., Any]] = {
    "asset": lambda **more: jobkernel.asset(**more)(a_function),
    "multi_asset": lambda **more: jobkernel.multi_asset(specs=[jobkernel.AssetSpec("a")], **more)(a_function),
    "graph_asset": lambda **more: jobkernel.graph_asset(**more)(lambda: an_op()),
    "job": lambda **more: jobkernel.job(name="j", **more)(lambda: None),
    "op": lambda **more: jobkernel.op(**more)(a_function),
    "graph": lambda **more: jobkernel.graph(**more)(a_function),
    "asset_check": lambda **more: jobkernel.asset_check(asset="a", **more)(a_function),
    "define_asset_job": lambda **more: jobkernel.define_asset_job("j", **more),
    "materialize": lambda **more: jobkernel.materialize([an_asset], **more),
    "materialize_to_memory": lambda **more: jobkernel.materialize_to_memory([an_asset], **more),
    "AssetSpec": lambda **more: jobkernel.AssetSpec("a", **more),
    "AssetSpec.replace_attributes": lambda **more: jobkernel.AssetSpec("a").replace_attributes(**more),
    "AssetSpec.merge_attributes": lambda **more: jobkernel.AssetSpec("a").merge_attributes(**more),
    "AssetOut": lambda **more: jobkernel.AssetOut(**more),
    "Definitions": lambda **more: jobkernel.Definitions(**more),
    "Definitions.load_asset_value": lambda **more: jobkernel.Definitions([an_asset]).load_asset_value(
        "an_asset", **more
    ),
    "to_job": lambda **more: a_graph.to_job(**more),
    "graph.execute_in_process": lambda **more: a_graph.execute_in_process(**more),
    "job.execute_in_process": lambda **more: A_JOB.execute_in_process(**more),
    "execute_job": lambda **more: jobkernel.execute_job(A_JOB, jobkernel.DagsterInstance.ephemeral(), **more),
    "build_op_context": lambda **more: jobkernel.build_op_context(**more),
    "build_asset_context": lambda **more: jobkernel.build_asset_context(**more),
    "build_hook_context": lambda **more: jobkernel.build_hook_context(**more),
    "success_hook": lambda **more: jobkernel.success_hook(**more)(lambda context: None),
    "failure_hook": lambda **more: jobkernel.failure_hook(**more)(lambda context: None),
    "RunConfig": lambda **more: jobkernel.RunConfig(**more),
    "ReexecutionOptions": lambda **more: jobkernel.ReexecutionOptions("r", **more),
    "RetryPolicy": lambda **more: jobkernel.RetryPolicy(**more),
    "In": lambda **more: jobkernel.In(**more),
    "Out": lambda **more: jobkernel.Out(**more),
    "schedule": lambda **more: jobkernel.schedule(job=A_JOB, cron_schedule="0 0 * * *", **more)(a_schedule),
    "ScheduleDefinition": lambda **more: jobkernel.ScheduleDefinition(job=A_JOB, cron_schedule="0 0 * * *", **more),
    "sensor": lambda **more: jobkernel.sensor(job=A_JOB, **more)(a_schedule),
    "run_failure_sensor": lambda **more: jobkernel.run_failure_sensor(name="s", **more)(a_schedule),
    "load_assets_from_modules": lambda **more: jobkernel.load_assets_from_modules([], **more),
    "load_assets_from_current_module": lambda **more: jobkernel.load_assets_from_current_module(**more),
}
"""How to call what takes keywords, with more of them."""


@pytest.mark.parametrize("name", WITH_MORE)
def test_a_keyword_that_nobody_knows_is_refused_by_name(name: str) -> None:
    with pytest.raises((JobkernelError, TypeError), match=UNKNOWN):
        WITH_MORE[name](**{UNKNOWN: 1})


def test_whatever_looks_at_undeclared_keywords_is_among_those_called() -> None:
    looking = {name for name, _, ours in pairs() if takes_more(ours)}

    assert looking - WITH_MORE.keys() == OTHERWISE_REFUSING


OTHERWISE_REFUSING = {"AssetExecutionContext.get_asset_provenance", "OpExecutionContext.get_asset_provenance"}
"""What takes anything, and refuses whatever it is given."""


def jobs_of(dg: Any) -> tuple[Any, Any, Any]:
    """Return a graph, its job and an asset."""

    @dg.op
    def one():
        return 1

    @dg.graph
    def g():
        one()

    @dg.asset
    def a():
        return 1

    return g, g.to_job(name="j"), a


CALLED: dict[str, tuple[Callable[[Any, dict[str, Any]], Any], str]] = {
    "execute_in_process": (
        lambda dg, given: jobs_of(dg)[1].execute_in_process(**given),
        "run_config partition_key op_selection run_id input_values tags resources",
    ),
    "to_job": (
        lambda dg, given: jobs_of(dg)[0].to_job(**given),
        "description config tags metadata hooks op_retry_policy input_values",
    ),
    "job": (
        lambda dg, given: dg.job(name="j", **given)(lambda: None),
        "config tags metadata hooks op_retry_policy input_values executor_def",
    ),
    "define_asset_job": (
        lambda dg, given: dg.define_asset_job("j", **given),
        "config tags metadata hooks op_retry_policy description executor_def",
    ),
    "materialize": (lambda dg, given: dg.materialize([jobs_of(dg)[2]], **given), "instance resources tags run_config"),
    "build_op_context": (
        lambda dg, given: dg.build_op_context(**given),
        "resources resources_config instance partition_key partition_key_range mapping_key run_tags",
    ),
    "build_asset_context": (
        lambda dg, given: dg.build_asset_context(**given),
        "resources resources_config instance partition_key run_tags",
    ),
    "RetryPolicy": (lambda dg, given: dg.RetryPolicy(**given), "delay"),
    "RunConfig": (lambda dg, given: dg.RunConfig(**given), "ops resources loggers execution"),
}
WRONG = [(name, option) for name, (_, options) in CALLED.items() for option in options.split()]


@covers("job", "define_asset_job", "execute_in_process", "materialize", "RunConfig", "RetryPolicy", aspect=REFUSALS)
@covers("build_op_context", "build_asset_context", aspect=REFUSALS)
@pytest.mark.parametrize(("name", "option"), WRONG)
def test_an_argument_of_a_wrong_kind_is_refused_in_a_sentence_that_names_it(name: str, option: str) -> None:
    wrong: Any = object()

    assert_refused(lambda dg: CALLED[name][0](dg, {option: wrong}))
    with pytest.raises((JobkernelError, TypeError)) as refused:
        CALLED[name][0](jobkernel, {option: wrong})
    said = str(refused.value).lower()
    assert option.replace("_def", "").replace("_", " ").split()[0] in said.replace("_", " "), said
    assert said.endswith("."), said
