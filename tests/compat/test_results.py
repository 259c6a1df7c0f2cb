"""What bodies return, yield and raise: fields, defaults, and what is refused, as in Dagster."""

from __future__ import annotations

from typing import Any

import pytest
from harness import assert_refused, assert_same
from symbols import REFUSALS, covers

pytestmark = pytest.mark.compat


def values(metadata: Any) -> dict[str, Any]:
    return {name: (type(value).__name__, value.value) for name, value in metadata.items()}


@covers("Output", "DataVersion")
def test_outputs_have_the_same_fields() -> None:
    def script(dg: Any) -> Any:
        plain = dg.Output(1)
        full = dg.Output(
            2, output_name="x", metadata={"n": 1, "t": "a"}, data_version=dg.DataVersion("v"), tags={"a": "b"}
        )
        again = full.with_metadata({"m": 2})
        return [
            plain.value,
            plain.output_name,
            values(plain.metadata),
            plain.data_version,
            plain.tags,
            full.value,
            full.output_name,
            values(full.metadata),
            full.data_version.value,
            dict(full.tags),
            values(again.metadata),
            again.output_name,
            dg.Output(1) == dg.Output(1),
            dg.Output(1) == dg.Output(2),
        ]

    assert_same(script)


@covers("DynamicOutput")
def test_dynamic_outputs_have_the_same_fields() -> None:
    def script(dg: Any) -> Any:
        made = dg.DynamicOutput(1, "a_1", metadata={"n": 1})
        other = dg.DynamicOutput(1, mapping_key="b", output_name="x")
        return [made.value, made.mapping_key, made.output_name, values(made.metadata), other.output_name, made == made]

    assert_same(script)


@covers("DynamicOutput", aspect=REFUSALS)
@pytest.mark.parametrize("key", ["a-b", "a.b", "a b", "", "a/b", 3, None, "context"])
def test_bad_mapping_keys_are_refused(key: Any) -> None:
    assert_refused(lambda dg: dg.DynamicOutput(1, mapping_key=key))


@covers("MaterializeResult", "ObserveResult", "AssetCheckResult")
def test_materialize_results_have_the_same_fields() -> None:
    def script(dg: Any) -> Any:
        plain = dg.MaterializeResult()
        full = dg.MaterializeResult(
            asset_key=["a", "b"],
            metadata={"n": 1},
            check_results=[dg.AssetCheckResult(passed=True, check_name="c")],
            data_version=dg.DataVersion("v"),
            tags={"t": "u"},
            value=None,
        )
        seen = dg.ObserveResult(asset_key="x", metadata={"n": 1})
        return [
            plain.asset_key,
            plain.metadata,
            plain.data_version,
            plain.tags,
            len(plain.check_results),
            full.asset_key.path,
            dict(full.metadata),
            full.check_results[0].check_name,
            full.data_version.value,
            dict(full.tags),
            full.value,
            full.check_result_named("c").passed,
            seen.asset_key.path,
            dict(seen.metadata),
        ]

    assert_same(script)


@covers("AssetMaterialization", "AssetObservation")
def test_events_about_assets_have_the_same_fields() -> None:
    def script(dg: Any) -> Any:
        made = dg.AssetMaterialization(["a", "b"], description="d", metadata={"n": 1}, partition="p", tags={"t": "u"})
        seen = dg.AssetObservation("x", metadata={"n": 1.5})
        spelled = [dg.AssetMaterialization(text).asset_key.path for text in ("a", "a/b", "a.b", "a-b c")]
        file = dg.AssetMaterialization.file("/tmp/x", asset_key="f")
        return [
            made.asset_key.path,
            made.description,
            values(made.metadata),
            made.partition,
            dict(made.tags),
            made.label,
            seen.asset_key.path,
            values(seen.metadata),
            seen.label,
            spelled,
            file.asset_key.path,
            values(file.metadata),
        ]

    assert_same(script)


@covers("Failure", "RetryRequested")
def test_exceptions_have_the_same_fields() -> None:
    def script(dg: Any) -> Any:
        failure = dg.Failure("bad", metadata={"n": 1}, allow_retries=False)
        retry = dg.RetryRequested(max_retries=3, seconds_to_wait=0.5)
        return [
            failure.description,
            values(failure.metadata),
            failure.allow_retries,
            dg.Failure().description,
            dg.Failure().allow_retries,
            str(failure),
            retry.max_retries,
            retry.seconds_to_wait,
            dg.RetryRequested().max_retries,
            dg.RetryRequested().seconds_to_wait,
            issubclass(dg.Failure, Exception),
            issubclass(dg.RetryRequested, Exception),
        ]

    assert_same(script)


@covers("ExpectationResult")
def test_expectations_have_the_same_fields() -> None:
    def script(dg: Any) -> Any:
        held = dg.ExpectationResult(True, "label", "d", {"n": 1})
        return [held.success, held.label, held.description, values(held.metadata), dg.ExpectationResult(False).label]

    assert_same(script)


REFUSED: dict[str, Any] = {
    "metadata of an odd kind": lambda dg: dg.Output(1, metadata={"x": object()}),
    "metadata that is no mapping": lambda dg: dg.Output(1, metadata=[1]),
    "metadata keys that are no texts": lambda dg: dg.Output(1, metadata={1: 1}),
    "an output name that is no text": lambda dg: dg.Output(1, output_name=3),
    "a data version that is none": lambda dg: dg.Output(1, data_version="v"),
    "materialization metadata of an odd kind": lambda dg: dg.AssetMaterialization("a", metadata={"x": object()}),
    "materialization of no key": lambda dg: dg.AssetMaterialization(3),
    "failure metadata of an odd kind": lambda dg: dg.Failure(metadata={"x": object()}),
    "an expectation that is no bool": lambda dg: dg.ExpectationResult("yes"),
    "a result's data version that is none": lambda dg: dg.MaterializeResult(data_version="v"),
    "a check result that is none": lambda dg: dg.MaterializeResult(check_results=[3]),
    "bad tags": lambda dg: dg.MaterializeResult(tags={"a b": "c"}),
    "bad output tags": lambda dg: dg.Output(1, tags={"a": "x y"}),
    "bad materialization tags": lambda dg: dg.AssetMaterialization("a", tags={"a": 1}),
}


@covers(
    "Output",
    "AssetMaterialization",
    "AssetObservation",
    "Failure",
    "MaterializeResult",
    "DataVersion",
    "ExpectationResult",
    aspect=REFUSALS,
)
@pytest.mark.parametrize("case", REFUSED)
def test_malformed_results_are_refused(case: str) -> None:
    assert_refused(REFUSED[case])


@covers("OpExecutionContext")
def test_what_a_body_says_of_its_outputs_is_in_their_events() -> None:
    def script(dg: Any) -> Any:
        class Kept(dg.IOManager):
            def handle_output(self, context, obj):
                context.add_output_metadata({"kept": obj})

            def load_input(self, context):
                return 1

        @dg.op(out={"a": dg.Out(), "b": dg.Out(metadata={"declared": 1}), "c": dg.Out(io_manager_key="kept")})
        def several(context):
            context.add_output_metadata({"x": 1, "text": dg.MetadataValue.md("**hi**")}, output_name="a")
            yield dg.Output(1, "a", metadata={"own": 2, "x": 3})
            yield dg.Output(2, "b", metadata={"own": 3})
            yield dg.Output(4, "c")

        @dg.op(out=dg.DynamicOut())
        def dynamic(context):
            context.add_output_metadata({"m": 5}, mapping_key="k")
            yield dg.DynamicOutput(1, mapping_key="k", metadata={"z": 1})
            yield dg.DynamicOutput(1, mapping_key="l")

        @dg.op(out=dg.Out(dg.Nothing))
        def nothing(context):
            context.add_output_metadata({"n": 1})

        @dg.job(resource_defs={"kept": Kept()})
        def made():
            several()
            dynamic()
            nothing()

        @dg.asset
        def asset_with_words(context):
            context.add_output_metadata({"q": 1})
            return 1

        @dg.asset
        def asset_without_value():
            return dg.MaterializeResult(metadata={"r": 1})

        @dg.asset(io_manager_key="kept")
        def kept_asset():
            return 7

        runs = [
            made.execute_in_process(),
            dg.materialize_to_memory([asset_with_words, asset_without_value]),
            dg.materialize([kept_asset], resources={"kept": Kept()}),
        ]
        said = [
            (event.step_key, event.event_type_value, sorted(values(event.event_specific_data.metadata).items()))
            for run in runs
            for event in run.all_events
            if event.event_type_value in ("STEP_OUTPUT", "HANDLED_OUTPUT")
        ]
        return sorted(said), values(runs[-1].asset_materializations_for_node("kept_asset")[0].metadata)

    assert_same(script)
