"""IO managers and their contexts say and do what real Dagster's do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from symbols import REFUSALS, covers

import jobkernel
from jobkernel.errors import InvalidMetadata, InvariantViolation, JobkernelError, Unsupported
from jobkernel.model.keys import AssetKey
from jobkernel.model.metadata import MetadataValue
from jobkernel.model.partition_range import PartitionKeyRange
from jobkernel.model.results import AssetMaterialization, AssetObservation
from jobkernel.values import io
from jobkernel.values.signing import KEY_VARIABLE
from tests.compat.harness import assert_refused, under_dagster

pytestmark = pytest.mark.compat
OURS = SimpleNamespace(
    **{name: getattr(io, name) for name in io.__all__},
    AssetKey=AssetKey,
    MetadataValue=MetadataValue,
    PartitionKeyRange=PartitionKeyRange,
    AssetMaterialization=AssetMaterialization,
    AssetObservation=AssetObservation,
)
OUTPUT_FIELDS = (
    "step_key name job_name run_id metadata definition_metadata output_metadata mapping_key config op_def "
    "dagster_type version resource_config has_asset_key asset_key asset_partitions_def asset_spec step_context "
    "has_partition_key partition_key has_asset_partitions asset_partition_key asset_partition_keys "
    "asset_partition_key_range asset_partitions_time_window"
)
INPUT_FIELDS = (
    "name has_input_name job_name op_def config metadata definition_metadata upstream_output dagster_type "
    "resource_config has_asset_key asset_key asset_partitions_def step_context has_partition_key partition_key "
    "has_asset_partitions asset_partition_key asset_partition_keys asset_partition_key_range "
    "asset_partitions_time_window instance"
)
METHODS = "get_identifier get_asset_identifier consume_logged_metadata"
OUTPUTS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "step": {"step_key": "s", "name": "o", "run_id": "r"},
    "dynamic": {"step_key": "s", "name": "o", "run_id": "r", "mapping_key": "m"},
    "versioned": {"step_key": "s", "name": "o", "run_id": "r", "version": "v"},
    "asset": {"asset_key": ["a", "b"], "definition_metadata": {"k": 1}, "output_metadata": {"l": 2}},
    "partition": {"asset_key": ["a"], "partition_key": "p", "config": {"c": 1}, "resource_config": {"d": 1}},
    "run partition": {"partition_key": "p"},
}
INPUTS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "named": {"name": "i", "definition_metadata": {"k": 1}, "config": 5},
    "asset": {"asset_key": ["a", "b"]},
    "partition": {"asset_key": ["a"], "partition_key": "p"},
}


@pytest.fixture(autouse=True)
def own_key(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep tests away from the user's key."""
    monkeypatch.setenv(KEY_VARIABLE, str(tmp_path_factory.getbasetemp() / "pickle.key"))


def answers(context: Any, fields: str, methods: str) -> dict[str, Any]:
    """Every field and method result as plain data, refusals as such."""
    found = {}
    for name in (*fields.split(), *methods.split()):
        try:
            value = getattr(context, name)
            found[name] = plain(value() if name in methods.split() else value)
        except Exception:
            found[name] = "refused"
    return found


def plain(value: Any) -> Any:
    if hasattr(value, "path") and hasattr(value, "to_user_string"):
        return list(value.path)
    if hasattr(value, "start") and hasattr(value, "end"):
        return [value.start, value.end]
    return list(value) if isinstance(value, tuple) else value


@covers("IOManager", "build_output_context")
@pytest.mark.parametrize("name", OUTPUTS)
def test_an_output_context_answers_as_dagster_s(name: str) -> None:
    def script(dg: Any) -> Any:
        return answers(dg.build_output_context(**OUTPUTS[name]), OUTPUT_FIELDS, METHODS)

    assert script(OURS) == under_dagster(script)


@covers("IOManager", "build_input_context")
@pytest.mark.parametrize("name", INPUTS)
@pytest.mark.parametrize("upstream", [None, "step", "dynamic"])
def test_an_input_context_answers_as_dagster_s(name: str, upstream: str | None) -> None:
    def script(dg: Any) -> Any:
        above = dg.build_output_context(**OUTPUTS[upstream]) if upstream else None
        context = dg.build_input_context(**INPUTS[name], upstream_output=above)
        fields = INPUT_FIELDS.replace("upstream_output ", "") if upstream else INPUT_FIELDS
        return answers(context, fields, METHODS)

    assert script(OURS) == under_dagster(script)


@covers("build_output_context")
def test_resources_are_attributes_and_a_context_can_be_entered() -> None:
    def script(dg: Any) -> Any:
        with dg.build_output_context(resources={"x": 1}) as context:
            return context.resources.x

    assert script(OURS) == under_dagster(script) == 1


@covers("IOManager")
def test_metadata_and_events_said_by_a_manager_are_kept() -> None:
    def script(dg: Any) -> Any:
        context = dg.build_output_context()
        context.add_output_metadata({"rows": 5, "where": dg.MetadataValue.path("p")})
        context.add_output_metadata({"more": "x"})
        context.log_event(dg.AssetMaterialization(dg.AssetKey(["a"])))
        context.log_event(dg.AssetObservation(dg.AssetKey(["b"])))
        logged = {name: value.value for name, value in context.get_logged_metadata().items()}
        events = [(type(event).__name__, event.asset_key.path) for event in context.get_logged_events()]
        consumed = list(context.consume_logged_metadata())
        return logged, events, consumed, dict(context.get_logged_metadata())

    assert script(OURS) == under_dagster(script)


@covers("IOManager")
def test_metadata_added_to_an_asset_input_observe_it() -> None:
    def script(dg: Any) -> Any:
        context = dg.build_input_context(asset_key=["a"], partition_key="p")
        context.add_input_metadata({"x": 1}, description="d")
        context.add_input_metadata({"x": 2})
        seen = [(each.asset_key.path, each.partition, each.description) for each in context.get_observations()]
        return seen, {name: value.value for name, value in context.consume_logged_metadata().items()}

    assert script(OURS) == under_dagster(script)


def metadata_twice(dg: Any) -> None:
    context = dg.build_output_context()
    context.add_output_metadata({"a": 1})
    context.add_output_metadata({"a": 2})


def half_a_manager(dg: Any) -> None:
    class Half(dg.IOManager):  # type: ignore[misc,name-defined]
        def handle_output(self, context: Any, obj: Any) -> None: ...

    Half()


REFUSED: dict[str, tuple[Callable[[Any], Any], type[BaseException]]] = {
    "metadata twice": (metadata_twice, InvalidMetadata),
    "metadata of no kind": (lambda dg: dg.build_output_context().add_output_metadata({"a": object()}), InvalidMetadata),
    "a number as event": (lambda dg: dg.build_output_context().log_event(1), InvariantViolation),
    "half a manager": (half_a_manager, TypeError),
    "version and mapping": (
        lambda dg: dg.build_output_context(step_key="s", name="o", version="v", mapping_key="m").get_identifier(),
        InvariantViolation,
    ),
    "an unknown resource": (lambda dg: dg.build_output_context(resources={"x": 1}).resources.y, AttributeError),
}


@covers("IOManager", aspect=REFUSALS)
@pytest.mark.parametrize("name", REFUSED)
def test_what_dagster_refuses_of_a_manager_is_refused(name: str) -> None:
    script, kind = REFUSED[name]
    with pytest.raises(Exception, match=r"."):
        under_dagster(script)
    with pytest.raises(kind) as caught:
        script(OURS)
    assert not isinstance(caught.value, JobkernelError) or str(caught.value).endswith(".")


@covers("InMemoryIOManager", "mem_io_manager")
def test_the_in_memory_manager_keeps_objects_by_run_step_and_output() -> None:
    def script(dg: Any) -> Any:
        manager = dg.InMemoryIOManager()
        output = dg.build_output_context(step_key="s", name="o", run_id="r")
        manager.handle_output(output, 5)
        return manager.values, manager.load_input(dg.build_input_context(upstream_output=output))

    assert script(OURS) == under_dagster(script)
    made = io.mem_io_manager.create(None)
    assert isinstance(made, io.InMemoryIOManager)


@covers("FilesystemIOManager", "fs_io_manager")
def test_the_filesystem_manager_writes_where_dagster_s_does(tmp_path: Path) -> None:
    def script(dg: Any) -> Any:
        folder = tmp_path / ("ours" if dg is OURS else "theirs")
        manager = dg.FilesystemIOManager(base_dir=str(folder)).create_io_manager(None)
        for given in (
            {"asset_key": ["a", "b"]},
            {"asset_key": ["c"], "partition_key": "2024-01-01"},
            {"asset_key": ["c"], "partition_key": "../up"},
            {"asset_key": ["c"], "partition_key": "/root"},
            {"step_key": "s", "name": "o", "run_id": "r"},
            {"step_key": "s", "name": "d", "run_id": "r", "mapping_key": "m"},
        ):
            context = dg.build_output_context(**given)
            manager.handle_output(context, {"n": 1})
        paths = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
        loaded = manager.load_input(dg.build_input_context(asset_key=["a", "b"]))
        said = Path(next(iter(context.get_logged_metadata().values())).value).relative_to(folder)
        return paths, loaded, str(said)

    assert script(OURS) == under_dagster(script)
    made = io.fs_io_manager.create(SimpleNamespace(resource_config={"base_dir": str(tmp_path)}))
    assert isinstance(made, io.FilesystemIOManager)


def test_a_upath_manager_is_refused_in_a_sentence_that_names_it() -> None:
    with pytest.raises(Unsupported, match="no UPathIOManager, so Mine cannot be one; subclass IOManager"):

        class Mine(io.UPathIOManager):
            pass


def test_events_said_by_a_manager_reach_the_step(tmp_path: Path) -> None:
    said: list[tuple[str, Any]] = []
    context = io.OutputContext(emit=lambda kind, body: said.append((kind, body)), asset_key=AssetKey("a"))
    context.log_event(AssetMaterialization(AssetKey("a"), metadata={"n": 1}, partition="p"))
    body = {"asset_key": "a", "partition_key": "p", "description": None, "tags": {}}
    assert said == [("ASSET_MATERIALIZATION", {**body, "metadata": {"n": {"kind": "int", "value": 1}}})]


COMMON_OPTIONS = ["name", "partition_key", "definition_metadata", "resource_config", "resources", "asset_key"]
OUTPUT_OPTIONS = ["step_key", "run_id", "mapping_key", "version", "instance", "asset_partition_key_range"]
WRONG_CONTEXTS = [
    *(("build_output_context", name) for name in (*COMMON_OPTIONS, *OUTPUT_OPTIONS)),
    *(("build_input_context", name) for name in (*COMMON_OPTIONS, "upstream_output")),
]


@covers("build_output_context", "build_input_context", aspect=REFUSALS)
@pytest.mark.parametrize(("builder", "name"), WRONG_CONTEXTS)
def test_a_context_made_of_the_wrong_things_is_refused(builder: str, name: str) -> None:
    assert_refused(lambda dg: getattr(dg, builder)(**{name: 3}))


@covers("InMemoryIOManager", "mem_io_manager", aspect=REFUSALS)
@pytest.mark.parametrize("case", ["never stored", "of nothing", "from nowhere"])
def test_an_in_memory_manager_refuses_what_it_cannot_find(case: str) -> None:
    def script(dg: Any) -> None:
        manager = dg.InMemoryIOManager()
        if case == "never stored":
            stored = dg.build_output_context(step_key="s", name="n", run_id="r")
            manager.load_input(dg.build_input_context(upstream_output=stored))
        elif case == "of nothing":
            manager.handle_output(dg.build_output_context(), 3)
        else:
            manager.load_input(dg.build_input_context())

    assert_refused(script)


def configured_manager(dg: Any) -> Any:
    class Manager(dg.ConfigurableIOManager):
        base: int

        def handle_output(self, _context: Any, _value: Any) -> None:
            return

        def load_input(self, _context: Any) -> Any:
            return 1

    return Manager


def made_with(dg: Any, manager: Any) -> None:
    @dg.asset
    def a():
        return 1

    dg.materialize([a], resources={"io_manager": manager})


@covers("ConfigurableIOManager", "io_manager", aspect=REFUSALS)
@pytest.mark.parametrize(
    "make",
    [
        lambda dg: type("Manager", (dg.ConfigurableIOManager,), {})(),
        lambda dg: made_with(dg, configured_manager(dg)(base="x")),
        lambda dg: made_with(dg, configured_manager(dg)()),
        lambda dg: made_with(dg, dg.io_manager(lambda _context: 1 / 0)),
    ],
    ids=["abstract", "wrong type", "missing", "fails"],
)
def test_a_manager_that_cannot_be_made_is_refused(make: Callable[[Any], Any]) -> None:
    with pytest.raises(Exception, match=r"abstract|valid|resource_fn"):
        under_dagster(make)
    with pytest.raises((TypeError, ValueError, JobkernelError)):
        make(jobkernel)


@pytest.mark.parametrize("field", ["instance", "asset_spec", "step_context"])
def test_what_managers_in_runs_have_not_is_refused_in_a_sentence(field: str) -> None:
    told: list[str] = []

    class Asking(jobkernel.IOManager):
        def handle_output(self, context: Any, _value: Any) -> None:
            self.ask(context)

        def load_input(self, context: Any) -> Any:
            self.ask(context)

        def ask(self, context: Any) -> None:
            if hasattr(type(context), field):
                with pytest.raises(Unsupported, match=rf"context\.{field} is not offered to IO managers in a run; "):
                    getattr(context, field)
                told.append(type(context).__name__)

    @jobkernel.asset
    def up() -> int:
        return 1

    @jobkernel.asset
    def down(up: Any) -> int:
        return 2

    jobkernel.materialize([up, down], resources={"io_manager": Asking()})

    offered = {"instance": ["InputContext"], "asset_spec": ["OutputContext"] * 2}
    assert told == offered.get(field, ["OutputContext", "InputContext", "OutputContext"])
