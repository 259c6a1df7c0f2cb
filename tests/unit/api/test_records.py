"""The records that the Dagster door makes for the floors below."""

from __future__ import annotations

from typing import Any

import pytest

import jobkernel as jk
from jobkernel.errors import InvalidDefinition, Unsupported
from jobkernel.model.definitions import NO_VALUE, AssetLoad, Endpoint, GraphInput, Op


class Settings(jk.Config):
    n: int = 1


class Database(jk.ConfigurableResource):
    url: str = "x"


def test_an_asset_is_an_op_with_keys() -> None:
    @jk.asset(key_prefix="p", deps=["late"], kinds={"duckdb"}, tags={"t": "v"}, group_name="g")
    def made(context: jk.AssetExecutionContext, up: int, other: Any = 3) -> int:
        """Doc."""
        return up

    record = made.record
    assert isinstance(record.node, Op)
    assert record.node.name == "p__made"
    assert record.node.context_argument == "context"
    assert [(item.name, item.annotation, item.default) for item in record.node.inputs] == [
        ("up", int, NO_VALUE),
        ("other", Any, 3),
    ]
    assert record.keys_by_input == {"up": "up", "other": "other"}
    assert record.keys_by_output == {"result": "p/made"}
    spec = record.specs[0]
    assert (spec.key, spec.deps, spec.group, spec.tags, spec.kinds, spec.description) == (
        "p/made", ("up", "other", "late"), "g", {"t": "v"}, {"duckdb"}, "Doc.",
    )  # fmt: skip


def test_config_and_resources_are_no_inputs() -> None:
    @jk.op
    def body(context, config: Settings, db: Database, x: int) -> int:
        return x

    assert body.config_argument == "config"
    assert body.config_schema is Settings
    assert body.resource_arguments == {"db": "db"}
    assert [item.name for item in body.inputs] == ["x"]
    assert body.required_resource_keys == {"db"}


def test_annotations_written_as_text_are_read() -> None:
    scope: dict[str, Any] = {"jk": jk}
    exec("from __future__ import annotations\n@jk.op\ndef body(a: int, b: list[str]) -> dict[str, int]: ...", scope)

    assert [item.annotation for item in scope["body"].inputs] == [int, list[str]]
    assert scope["body"].outputs[0].annotation == dict[str, int]


def test_an_annotation_that_names_nothing_is_refused() -> None:
    scope: dict[str, Any] = {"jk": jk}
    with pytest.raises(InvalidDefinition, match="Op 'body' has an annotation that names nothing"):
        exec("from __future__ import annotations\n@jk.op\ndef body(a: Missing): ...", scope)


def test_a_none_annotation_is_an_output_without_data() -> None:
    @jk.asset
    def silent() -> None:
        return None

    assert silent.op.outputs[0].is_nothing


def test_feeds_are_endpoints_inputs_and_assets() -> None:
    @jk.op
    def add(a: Any, b: Any, c: Any) -> Any:
        return a

    @jk.asset(key_prefix="p")
    def stored() -> int:
        return 1

    @jk.graph
    def wired(v: int) -> Any:
        return add(v, add.alias("first")(v, v, v), stored)

    last = next(invocation for invocation in wired.invocations if invocation.name == "add")
    assert last.feeds == {
        "a": (GraphInput(name="v"),),
        "b": (Endpoint(node="first"),),
        "c": (AssetLoad(key="p/stored"),),
    }
    assert wired.outputs == {"result": Endpoint(node="add")}
    assert [item.name for item in wired.inputs] == ["v"]


def test_collected_and_fanned_in_feeds_are_marked() -> None:
    @jk.op(out=jk.DynamicOut())
    def many() -> Any:
        yield jk.DynamicOutput(1, "a")

    @jk.op
    def gather(items: Any) -> Any:
        return items

    @jk.job
    def made() -> None:
        gather(many().collect())
        gather([gather.alias("x")(many.alias("m")().collect())])

    by_name = {invocation.name: invocation for invocation in made.graph.invocations}
    assert by_name["gather"].feeds == {"items": (Endpoint(node="many", is_collected=True),)}
    assert by_name["gather_2"].fan_in == {"items"}


def test_what_is_aliased_and_never_called_warns() -> None:
    @jk.op
    def one() -> int:
        return 1

    with pytest.warns(UserWarning, match="@job 'made' names op 'other' and never calls it"):

        @jk.job
        def made() -> None:
            one.alias("other")


def test_a_composition_that_fails_leaves_nothing_behind() -> None:
    @jk.op
    def one() -> int:
        return 1

    with pytest.raises(ZeroDivisionError):

        @jk.job
        def broken() -> None:
            one()
            _ = 1 / 0

    assert one() == 1


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda: jk.asset(freshness_policy=object())(lambda: 1), "freshness_policy"),
        (lambda: jk.AssetSpec("a", is_virtual=True), "is_virtual"),
        (lambda: jk.Definitions(loggers={"a": 1}), "loggers"),
        (lambda: jk.job(name="j", logger_defs={"a": 1})(lambda: None), "logger_defs"),
        (lambda: jk.In(asset_key="a"), "asset_key"),
        (lambda: jk.SourceAsset("a", observe_fn=lambda: 1), "observe_fn"),
        (lambda: jk.load_assets_from_modules([], source_key_prefix="p"), "source_key_prefix"),
    ],
)
def test_what_is_not_supported_is_refused_by_name(make: Any, word: str) -> None:
    with pytest.raises(Unsupported, match=f"does not support '{word}'"):
        make()


def test_an_unknown_argument_is_told_the_nearest() -> None:
    with pytest.raises(TypeError, match=r"@asset takes no argument 'descriptoin'\. Did you mean 'description'\?"):
        jk.asset(descriptoin="x")


def test_definitions_are_told_apart_by_identity() -> None:
    first, second = (jk.op(name="same")(lambda: 1) for _ in range(2))

    assert first != second
    assert len({first, second, first}) == 2


def test_changing_a_job_keeps_what_its_selection_is_resolved_against() -> None:
    @jk.asset
    def one() -> int:
        return 1

    job = jk.Definitions(assets=[one], jobs=[jk.define_asset_job("j")]).resolve_job_def("j")

    assert job.with_executor_def("processes").definitions is job.definitions
    assert job.with_executor_def("processes").executor == "processes"


def test_partition_mappings_are_kept_with_their_assets() -> None:
    mapping, parts = jk.AllPartitionMapping(), jk.StaticPartitionsDefinition(["a"])

    @jk.asset(deps=[jk.AssetDep("up", partition_mapping=mapping)], partitions_def=parts)
    def made() -> int:
        return 1

    assert made.get_partition_mapping(jk.AssetKey("up")) is mapping
    assert made.get_asset_spec().partition_mappings == {jk.AssetKey("up"): mapping}
    assert made.partitions_def is parts
