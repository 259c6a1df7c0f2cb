"""Jobs, and everything together in ``Definitions``, as in Dagster."""

from __future__ import annotations

from typing import Any

import pytest
from harness import assert_accepted, assert_refused, assert_same
from symbols import REFUSALS, covers

pytestmark = pytest.mark.compat


def world(dg: Any) -> dict[str, Any]:
    """Three assets in a row, with a check, made under one of the two modules."""

    @dg.asset(group_name="g")
    def up():
        return 1

    @dg.asset(tags={"t": "v"})
    def mid(up):
        return up

    @dg.asset(deps=["outside"])
    def down(mid):
        return mid

    @dg.asset_check(asset=mid)
    def good(mid):
        return dg.AssetCheckResult(passed=True)

    return {"assets": [up, mid, down], "asset_checks": [good]}


def selected(job: Any) -> list[str]:
    """The keys that a resolved job makes."""
    layer = getattr(job, "asset_layer", None)
    if layer is not None:
        return sorted(key.to_user_string() for key in layer.selected_asset_keys)
    keys = job.selection.resolve(job.definitions.universe)
    return sorted(keys & job.definitions.universe.materializable)


@covers("job", "JobDefinition")
def test_a_job_says_what_its_decorator_says() -> None:
    def script(dg: Any) -> Any:
        @dg.op
        def one():
            return 1

        @dg.job(
            name="other",
            tags={"a": "b", "n": 1},
            run_tags={"r": "s"},
            owners=["team:x"],
            metadata={},
            description="said",
            op_retry_policy=dg.RetryPolicy(),
            config={"ops": {}},
        )
        def made():
            """Not this."""
            one()

        @dg.job
        def plain():
            """Doc."""
            one()

        return [
            made.name,
            made.tags,
            made.run_tags,
            list(made.owners),
            made.description,
            made.op_retry_policy.max_retries,
            plain.name,
            plain.tags,
            plain.description,
            plain.graph.name,
        ]

    assert_same(script)


@covers("graph", "job")
def test_one_graph_makes_many_jobs() -> None:
    def script(dg: Any) -> Any:
        @dg.op
        def one():
            return 1

        @dg.graph(tags={"g": "h"}, description="d")
        def wired():
            one()

        jobs = [wired.to_job(), wired.to_job(name="b", tags={"x": "y"}, description="e")]
        return [(job.name, job.tags, job.description) for job in jobs]

    assert_same(script)


@covers("define_asset_job", "AssetSelection", "Definitions")
@pytest.mark.parametrize(
    "selection",
    [
        None,
        "mid",
        "*",
        "up+",
        "+key:down",
        ["up", "down"],
        "group:g",
        "tag:t=v",
        "key:mid+1",
        "not key:up",
        "key:*p",
        "group:nope",
    ],
    ids=str,
)
def test_a_selection_is_resolved_to_the_same_assets(selection: Any) -> None:
    def script(dg: Any) -> Any:
        defs = dg.Definitions(**world(dg), jobs=[dg.define_asset_job("chosen", selection)])
        return selected(defs.resolve_job_def("chosen"))

    assert_same(script)


@covers("define_asset_job", "AssetSelection")
def test_keys_definitions_and_selections_select_too() -> None:
    def script(dg: Any) -> Any:
        parts = world(dg)
        choices = [
            [dg.AssetKey("up")],
            [parts["assets"][1]],
            parts["assets"][:2],
            dg.AssetSelection.assets("mid").downstream(),
            dg.AssetSelection.all() - dg.AssetSelection.keys("up"),
            dg.AssetSelection.groups("g") | dg.AssetSelection.tag("t", "v"),
        ]
        jobs = [dg.define_asset_job(f"j{place}", choice) for place, choice in enumerate(choices)]
        defs = dg.Definitions(**parts, jobs=jobs)
        return [selected(defs.resolve_job_def(job.name)) for job in jobs]

    assert_same(script)


@covers("define_asset_job")
def test_an_asset_job_carries_what_it_was_given() -> None:
    def script(dg: Any) -> Any:
        job = dg.define_asset_job(
            "made",
            "up",
            tags={"a": "b", "n": 1},
            run_tags={"r": "s"},
            description="d",
            owners=["team:x"],
            op_retry_policy=dg.RetryPolicy(max_retries=3),
            metadata={},
            config={"ops": {}},
        )
        resolved = dg.Definitions(**world(dg), jobs=[job]).resolve_job_def("made")
        return [
            job.name,
            dict(job.tags),
            job.description,
            list(job.owners),
            resolved.name,
            dict(resolved.tags),
            dict(resolved.run_tags),
            resolved.description,
            resolved.op_retry_policy.max_retries,
            list(resolved.owners),
        ]

    assert_same(script)


@covers("Definitions", "JobDefinition")
def test_all_jobs_are_there_with_the_hidden_one() -> None:
    def script(dg: Any) -> Any:
        @dg.op
        def one():
            return 1

        @dg.job
        def ops():
            one()

        defs = dg.Definitions(**world(dg), jobs=[ops, dg.define_asset_job("chosen", "up")])
        names = sorted(job.name for job in defs.resolve_all_job_defs())
        bare = dg.Definitions(jobs=[ops])
        return [
            names,
            selected(defs.resolve_implicit_global_asset_job_def()),
            [job.name for job in bare.resolve_all_job_defs()],
            defs.resolve_job_def("ops").name,
            selected(defs.resolve_job_def("__ASSET_JOB")),
        ]

    assert_same(script)


@covers("Definitions", "AssetSpec")
def test_definitions_answer_questions_about_assets() -> None:
    def script(dg: Any) -> Any:
        defs = dg.Definitions(**world(dg))
        graph = defs.resolve_asset_graph()
        return [
            sorted(key.to_user_string() for key in graph.get_all_asset_keys()),
            sorted(key.to_user_string() for key in graph.external_asset_keys),
            sorted(key.to_user_string() for key in graph.asset_check_keys),
            sorted(key.to_user_string() for key in defs.resolve_all_asset_keys()),
            sorted(spec.key.to_user_string() for spec in defs.resolve_all_asset_specs()),
            defs.resolve_assets_def("mid").key.path,
            [key.to_user_string() for key in graph.toposorted_asset_keys if key.to_user_string() != "outside"],
        ]

    assert_same(script)


@covers("Definitions")
def test_definitions_merge() -> None:
    def script(dg: Any) -> Any:
        parts = world(dg)
        left = dg.Definitions(assets=parts["assets"][:2], resources={"a": 1})
        right = dg.Definitions(assets=parts["assets"][2:], asset_checks=parts["asset_checks"], resources={"b": 2})
        merged = dg.Definitions.merge(left, right)
        mapped = merged.map_asset_specs(func=lambda spec: spec.replace_attributes(owners=["team:x"]))
        return [
            sorted(merged.resources),
            len(merged.assets),
            len(merged.asset_checks),
            sorted({owner for spec in mapped.resolve_all_asset_specs() for owner in spec.owners}),
        ]

    assert_same(script)


@covers("Definitions", "job")
def test_resources_are_bound_where_the_job_binds_none() -> None:
    def script(dg: Any) -> Any:
        @dg.op(required_resource_keys={"db"})
        def uses(context):
            return 1

        @dg.job
        def loose():
            uses()

        defs = dg.Definitions(jobs=[loose], resources={"db": dg.ResourceDefinition.hardcoded_resource(7)})
        return sorted(key for key in defs.resolve_job_def("loose").resource_defs if key != "io_manager")

    assert_same(script)


@covers("define_asset_job")
def test_tags_of_any_kind_are_taken_by_jobs() -> None:
    assert_same(lambda dg: dict(dg.define_asset_job("j", tags={"a": "x y", "n": [1, {"b": None}], "empty": ""}).tags))


@covers("Definitions")
def test_a_multi_asset_may_be_selected_in_part_where_it_can_subset() -> None:
    def script(dg: Any) -> Any:
        @dg.multi_asset(
            outs={"m1": dg.AssetOut(is_required=False), "m2": dg.AssetOut(is_required=False)}, can_subset=True
        )
        def body():
            yield dg.Output(1, "m1")

        defs = dg.Definitions(assets=[body], jobs=[dg.define_asset_job("j", "m2")])
        return selected(defs.resolve_job_def("j"))

    assert_same(script)


@covers("Definitions", "multi_asset", aspect=REFUSALS)
def test_a_part_of_assets_made_together_cannot_be_selected() -> None:
    def script(dg: Any) -> None:
        @dg.multi_asset(outs={"m1": dg.AssetOut(), "m2": dg.AssetOut()})
        def body():
            return 1, 2

        dg.Definitions(assets=[body], jobs=[dg.define_asset_job("j", "m2")]).resolve_job_def("j")

    assert_refused(script)


@covers("job")
def test_a_job_may_be_empty() -> None:
    assert_accepted(lambda dg: dg.job(name="empty")(lambda: None))


@covers("errors")
def test_every_exported_error_can_be_caught_by_its_name() -> None:
    def script(dg: Any) -> Any:
        names = [name for name in ERRORS if issubclass(getattr(dg, name), BaseException)]
        return [names, issubclass(dg.DagsterExecutionStepExecutionError, dg.DagsterUserCodeExecutionError)]

    assert_same(script)


ERRORS = [
    "DagsterConfigMappingFunctionError",
    "DagsterError",
    "DagsterEventLogInvalidForRun",
    "DagsterExecutionInterruptedError",
    "DagsterExecutionStepExecutionError",
    "DagsterExecutionStepNotFoundError",
    "DagsterInvalidConfigDefinitionError",
    "DagsterInvalidConfigError",
    "DagsterInvalidDefinitionError",
    "DagsterInvalidInvocationError",
    "DagsterInvalidSubsetError",
    "DagsterInvariantViolationError",
    "DagsterResourceFunctionError",
    "DagsterRunNotFoundError",
    "DagsterStepOutputNotFoundError",
    "DagsterSubprocessError",
    "DagsterTypeCheckDidNotPass",
    "DagsterTypeCheckError",
    "DagsterUnknownPartitionError",
    "DagsterUnknownResourceError",
    "DagsterUnmetExecutorRequirementsError",
    "DagsterUserCodeExecutionError",
]
