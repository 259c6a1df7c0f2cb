"""What a body sees, and what is recorded of it, is the same on every executor."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import multiprocessing
import os
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from executor_stage import Stage, a_stage, op_of, timed

import jobkernel as jk

EXECUTORS = ["threads", "processes", "dask"]


@pytest.fixture(scope="module", params=EXECUTORS)
def executor(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def stage(executor: str) -> Iterator[Stage]:
    with a_stage(executor) as made:
        yield made


# The context


def test_the_context_says_what_it_is_part_of(stage: Stage) -> None:
    @jk.op(config_schema={"n": int}, out={"result": jk.Out()})
    def body(context: jk.OpExecutionContext) -> dict[str, Any]:
        context.add_output_metadata({"rows": 3})
        return {
            "run_id": context.run_id == context.run.run_id,
            "tags": dict(context.run.tags),
            "job": context.job_name,
            "op": context.op.name,
            "step": context.step_key,
            "config": context.op_config,
            "run_config": context.run_config["ops"]["body"]["config"]["n"],
            "retry": context.retry_number,
            "partition": context.partition_key,
            "got": jk.OpExecutionContext.get().run_id == context.run_id,
            "canceled": context.cancel_requested,
        }

    @jk.job
    def told() -> None:
        body()

    config = {"ops": {"body": {"config": {"n": 7}}}}
    ran = stage.run(told, config=config, tags={"team": "ops"}, partition_key="2024-01-01")
    assert ran.value() == {
        "run_id": True,
        "tags": {"team": "ops"},
        "job": "told",
        "op": "body",
        "step": "body",
        "config": {"n": 7},
        "run_config": 7,
        "retry": 0,
        "partition": "2024-01-01",
        "got": True,
        "canceled": False,
    }
    assert ran.bodies("STEP_OUTPUT") == [{"output": "result", "metadata": {"rows": {"kind": "int", "value": 3}}}]


def test_what_the_context_logs_is_a_line_of_its_level(stage: Stage) -> None:
    def body(context: jk.OpExecutionContext) -> None:
        context.log.info("read %s rows", 3)
        context.log.warning("few")

    ran = stage.run(op_of(body))
    assert [ran.texts("INFO"), ran.texts("WARNING")] == [["read 3 rows"], ["few"]]


def test_progress_reaches_the_kernel_while_the_step_runs(stage: Stage, tmp_path: Path) -> None:
    go_on = str(tmp_path / "go_on")

    def body(context: jk.OpExecutionContext) -> None:
        context.progress(1, 4, "first")
        while not os.path.exists(go_on):
            time.sleep(0.01)

    handle = stage.start(op_of(body))
    wait_for(lambda: any(live.progress for live in list(handle.live.active.in_flight.values())))
    assert handle.live.active.in_flight["body"].progress == {"done": 1, "total": 4, "text": "first"}
    Path(go_on).touch()
    assert handle.wait(30).status == "SUCCESS"


# Inputs


def test_inputs_of_all_kinds_arrive(stage: Stage) -> None:
    @jk.op
    def number() -> int:
        return 2

    @jk.op
    def word() -> str:
        return "two"

    @jk.op(out=jk.Out(jk.Nothing))
    def before() -> None:
        pass

    @jk.op(ins={"after": jk.In(jk.Nothing), "given": jk.In(int)})
    def body(n: int, both: list[Any], given: int, default: int = 5) -> list[Any]:
        return [n, both, given, default]

    @jk.job
    def fed() -> None:
        n, w = number(), word()
        body(n=n, both=[n, w], after=before())

    ran = stage.run(fed, config={"ops": {"body": {"inputs": {"given": {"value": 9}}}}})
    assert ran.value() == [2, [2, "two"], 9, 5]
    assert ran.events("body") == [
        "STEP_START", "LOADED_INPUT", "STEP_INPUT", "LOADED_INPUT", "LOADED_INPUT", "STEP_INPUT", "STEP_INPUT",
        "STEP_INPUT", "STEP_OUTPUT", "HANDLED_OUTPUT", "STEP_SUCCESS",
    ]  # fmt: skip


def test_mapped_steps_are_made_collected_and_can_be_empty(stage: Stage) -> None:
    @jk.op(out=jk.DynamicOut())
    def parts() -> Iterator[Any]:
        for each in ("a", "b", "c"):
            yield jk.DynamicOutput(each * 2, mapping_key=each)

    @jk.op
    def shout(context: jk.OpExecutionContext, text: str) -> str:
        return f"{context.get_mapping_key()}:{text.upper()}"

    @jk.op
    def body(texts: list[str]) -> list[str]:
        return texts

    @jk.job
    def mapped() -> None:
        body(parts().map(shout).collect())

    ran = stage.run(mapped)
    assert ran.value() == ["a:AA", "b:BB", "c:CC"]
    assert {row["step_key"] for row in ran.steps} == {"parts", "shout[a]", "shout[b]", "shout[c]", "body"}


def test_an_asset_reads_assets_of_this_run_and_of_earlier_ones(stage: Stage) -> None:
    @jk.asset
    def source() -> dict[str, int]:
        return {"a": 1}

    @jk.asset
    def twice(source: dict[str, int]) -> int:
        return source["a"] * 2

    @jk.asset
    def both(source: dict[str, int], twice: int) -> int:
        return source["a"] + twice

    assert stage.materialize(source, twice).status == "SUCCESS"
    ran = stage.materialize(both)
    assert stage.session.load("both") == 3
    assert ran.events("both") == [
        "STEP_START", "LOADED_INPUT", "STEP_INPUT", "LOADED_INPUT", "STEP_INPUT", "STEP_OUTPUT",
        "ASSET_MATERIALIZATION", "HANDLED_OUTPUT", "STEP_SUCCESS",
    ]  # fmt: skip


# Outputs


def test_several_outputs_and_one_that_is_not_made(stage: Stage) -> None:
    @jk.op(out={"small": jk.Out(), "large": jk.Out(is_required=False), "third": jk.Out(is_required=False)})
    def body() -> Iterator[Any]:
        yield jk.Output(1, "small", metadata={"n": 1})
        yield jk.Output(2, "large")

    @jk.op
    def kept(n: int) -> int:
        return n

    @jk.job
    def split() -> None:
        made = body()
        kept.alias("has")(made.large)
        kept.alias("has_not")(made.third)

    ran = stage.run(split)
    assert (ran.status, ran.value("body", "small"), ran.value("has")) == ("SUCCESS", 1, 2)
    assert ran.events("has_not") == ["STEP_SKIPPED"]


def test_an_asset_with_metadata_a_data_version_and_checks(stage: Stage) -> None:
    @jk.asset(check_specs=[jk.AssetCheckSpec("full", asset="orders"), jk.AssetCheckSpec("new", asset="orders")])
    def orders():  # type: ignore[no-untyped-def]
        return jk.MaterializeResult(
            value=5,
            metadata={"rows": 5},
            data_version=jk.DataVersion("v1"),
            check_results=[
                jk.AssetCheckResult(passed=True, check_name="full"),
                jk.AssetCheckResult(passed=False, check_name="new", severity=jk.AssetCheckSeverity.WARN),
            ],
        )

    ran = stage.materialize(orders)
    (made,) = ran.bodies("ASSET_MATERIALIZATION")
    assert (made["data_version"], made["metadata"]["rows"]["value"]) == ("v1", 5)
    assert [(each["check_name"], each["passed"]) for each in ran.bodies("ASSET_CHECK_EVALUATION")] == [
        ("full", True),
        ("new", False),
    ]
    assert stage.session.load("orders") == 5


def test_a_blocking_check_holds_back_what_follows(stage: Stage) -> None:
    @jk.asset
    def held() -> int:
        return 1

    @jk.asset_check(asset=held, blocking=True)
    def right(held: int) -> bool:
        return held == 2

    @jk.asset
    def below(held: int) -> int:
        return held

    ran = stage.materialize(held, right, below, keys=("held", "below"))
    assert ran.status == "FAILURE"
    assert ran.events("below") == ["STEP_NOT_RUN"]


def test_events_that_a_body_yields_or_logs_are_recorded(stage: Stage) -> None:
    def body(context: jk.OpExecutionContext) -> Iterator[Any]:
        context.log_event(jk.AssetMaterialization("elsewhere", metadata={"n": 1}))
        yield jk.AssetObservation("seen", metadata={"n": 2})
        yield jk.Output(None)

    ran = stage.run(op_of(body))
    assert ran.status == "SUCCESS"
    assert [each["asset_key"] for each in ran.bodies("ASSET_MATERIALIZATION")] == ["elsewhere"]
    assert [each["asset_key"] for each in ran.bodies("ASSET_OBSERVATION")] == ["seen"]


def test_a_value_of_the_wrong_type_fails(stage: Stage) -> None:
    @jk.op
    def body() -> int:
        return "one"  # type: ignore[return-value]

    ran = stage.run(body)
    assert ran.status == "FAILURE"
    assert "int" in ran.error["message"]


def test_coroutines_and_asynchronous_generators(stage: Stage) -> None:
    async def body() -> int:
        await asyncio.sleep(0)
        return 3

    @jk.op(name="body")
    async def generated() -> Any:
        await asyncio.sleep(0)
        yield jk.Output(4)

    assert stage.made(body) == 3
    assert stage.run(generated).value() == 4


def test_a_large_table_passes_through_the_store(stage: Stage) -> None:
    import numpy as np
    import pandas as pd

    @jk.op
    def table() -> Any:
        return pd.DataFrame({name: np.arange(2_500_000, dtype="int64") for name in "abcde"})

    @jk.op
    def body(table: Any) -> int:
        return int(table["e"].sum())

    @jk.job
    def large() -> None:
        body(table())

    ran = stage.run(large)
    assert ran.value() == 2_500_000 * 2_499_999 // 2
    sent = next(each["bytes"] for each in ran.bodies("HANDLED_OUTPUT") if each.get("bytes", 0) > 1_000_000)
    assert sent > 1_000_000


# Failures, retries, hooks


class Unpicklable(Exception):
    """Neither comes nor goes."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.lock = threading.Lock()


class HardToMake(Exception):
    """Pickles, and does not come back."""

    def __init__(self, one: int, two: int) -> None:
        super().__init__(f"{one} and {two}")


def test_exceptions_that_do_not_pickle_are_described_as_they_were(stage: Stage) -> None:
    def body() -> None:
        try:
            raise KeyError("deep")
        except KeyError as error:
            raise Unpicklable("because of a lock") from error

    def other() -> None:
        raise HardToMake(1, 2)

    ran = stage.run(op_of(body))
    assert ran.status == "FAILURE"
    assert (ran.error["type"], ran.error["message"]) == ("test_executors.Unpicklable", "because of a lock")
    assert ran.error["cause"]["type"] == "KeyError"
    assert 'raise Unpicklable("because of a lock") from error' in ran.error["text"]
    assert stage.run(op_of(other)).error["message"] == "1 and 2"


def test_a_failure_keeps_its_class_and_its_metadata(stage: Stage) -> None:
    def body() -> None:
        raise jk.Failure("no rows", metadata={"rows": 0}, allow_retries=False)

    ran = stage.run(op_of(body, retry_policy=jk.RetryPolicy(max_retries=3)))
    assert isinstance(ran.handle.live.active.error, jk.Failure)
    assert ran.bodies("STEP_FAILURE")[0]["metadata"]["rows"]["value"] == 0
    assert ran.events("body") == ["STEP_START", "STEP_FAILURE"]


@pytest.mark.parametrize(
    ("leave", "word"), [(lambda: sys.exit("enough"), "SystemExit"), (lambda: 1 / 0, "ZeroDivisionError")]
)
def test_what_is_raised_fails_the_step_and_not_its_executor(stage: Stage, leave: Any, word: str) -> None:
    ran = stage.run(op_of(lambda: leave()))
    assert (ran.status, ran.error["type"]) == ("FAILURE", word)
    assert stage.made(lambda: 1) == 1


def test_attempts_are_rows_of_their_own(stage: Stage) -> None:
    def body(context: jk.OpExecutionContext) -> int:
        print(f"attempt {context.retry_number}")
        if context.retry_number < 2:
            raise ValueError(f"not yet {context.retry_number}")
        return context.retry_number

    ran = stage.run(op_of(body, retry_policy=jk.RetryPolicy(max_retries=2)))
    assert ran.value() == 2
    assert [(row["attempt"], row["status"]) for row in ran.steps] == [
        (1, "UP_FOR_RETRY"),
        (2, "UP_FOR_RETRY"),
        (3, "SUCCESS"),
    ]
    assert [row["error"] and row["error"]["message"] for row in ran.steps] == ["not yet 0", "not yet 1", None]
    assert ran.texts("stdout") == ["attempt 0", "attempt 1", "attempt 2"]
    assert ran.events("body") == [
        "STEP_START", "STEP_UP_FOR_RETRY", "STEP_RESTARTED", "STEP_UP_FOR_RETRY", "STEP_RESTARTED", "STEP_OUTPUT",
        "HANDLED_OUTPUT", "STEP_SUCCESS",
    ]  # fmt: skip


def test_a_body_may_ask_for_its_retries(stage: Stage) -> None:
    def body(context: jk.OpExecutionContext) -> int:
        if context.retry_number == 0:
            raise jk.RetryRequested(max_retries=1, seconds_to_wait=0.01)
        return context.retry_number

    assert stage.made(body) == 1


def test_every_attempt_says_where_it_ran(stage: Stage, executor: str) -> None:
    def body(context: jk.OpExecutionContext) -> int:
        if context.retry_number == 0:
            raise ValueError
        return os.getpid()

    ran = stage.run(op_of(body, retry_policy=jk.RetryPolicy(max_retries=1)))
    assert [row["executor"] for row in ran.steps] == [executor, executor]
    if executor == "processes":
        assert ran.steps[-1]["worker"] == str(ran.value())


def test_a_step_that_takes_too_long_fails(stage: Stage) -> None:
    def body() -> None:
        while True:
            time.sleep(0.01)

    ran = stage.run(timed(body, 0.3))
    assert ran.status == "FAILURE"
    assert ran.error["message"] == "Step 'body' took longer than its timeout of 0.3 s."
    assert ran.events("body") == ["STEP_START", "STEP_FAILURE"]


@pytest.mark.parametrize("fails", [False, True])
def test_hooks_see_how_the_step_ended(stage: Stage, tmp_path: Path, fails: bool) -> None:
    told = str(tmp_path / "told")

    @jk.resource
    def channel(_context: Any) -> str:
        return "#ops"

    def note(context: jk.HookContext, word: str) -> None:
        error = type(context.op_exception).__name__ if context.op_exception else None
        said = [word, context.step_key, context.resources.channel, error, dict(context.op_output_values)]
        Path(told).write_text(repr(said))

    @jk.success_hook(required_resource_keys={"channel"})
    def went_well(context: jk.HookContext) -> None:
        note(context, "well")

    @jk.failure_hook(required_resource_keys={"channel"})
    def went_wrong(context: jk.HookContext) -> None:
        note(context, "wrong")
        raise RuntimeError("the hook fails too")

    @jk.op
    def body() -> int:
        if fails:
            raise ValueError
        return 4

    @jk.job(resource_defs={"channel": channel}, hooks={went_well, went_wrong})
    def hooked() -> None:
        body()

    ran = stage.run(hooked)
    words = ran.events("body")
    if fails:
        assert Path(told).read_text() == "['wrong', 'body', '#ops', 'ValueError', {}]"
        assert sorted(words[-2:]) == ["HOOK_ERRORED", "HOOK_SKIPPED"]
    else:
        assert Path(told).read_text() == "['well', 'body', '#ops', None, {'result': 4}]"
        assert sorted(words[-2:]) == ["HOOK_COMPLETED", "HOOK_SKIPPED"]
    assert ran.status == ("FAILURE" if fails else "SUCCESS")


# Resources and IO managers


class Database(jk.ConfigurableResource):
    """Writes down when it is opened and closed."""

    path: str
    word: str

    def setup_for_execution(self, context: Any) -> None:
        self._note("open")

    def teardown_after_execution(self, context: Any) -> None:
        self._note("close")

    def _note(self, what: str) -> None:
        with open(self.path, "a") as file:
            file.write(f"{what} ")

    def query(self) -> str:
        self._note("query")
        return self.word


def test_resources_are_opened_before_and_closed_after(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOBKERNEL_TEST_WORD", "secret word")
    path = tmp_path / "notes"
    database = Database(path=str(path), word=jk.EnvVar("JOBKERNEL_TEST_WORD"))

    @jk.op
    def body(db: Database) -> str:
        return db.query()

    @jk.job(resource_defs={"db": database})
    def queried() -> None:
        body()

    ran = stage.run(queried)
    assert ran.value() == "secret word"
    assert path.read_text() == "open query close "


def test_a_resource_that_does_not_open_fails_the_run(stage: Stage) -> None:
    @jk.resource
    def db(_context: Any) -> None:
        raise ValueError("no such host")

    @jk.op(required_resource_keys={"db"})
    def body() -> None:
        pass

    @jk.job(resource_defs={"db": db})
    def refused() -> None:
        body()

    ran = stage.run(refused)
    assert ran.status == "FAILURE"
    assert "Resource 'db' raised ValueError while it was made: no such host." in str(ran.handle.live.active.error)


def test_a_resource_that_fails_to_close_fails_nothing(stage: Stage) -> None:
    @jk.resource
    def db(_context: Any) -> Iterator[int]:
        yield 1
        raise ValueError("already closed")

    @jk.op(required_resource_keys={"db"})
    def body(context: jk.OpExecutionContext) -> int:
        return int(context.resources.db)

    @jk.job(resource_defs={"db": db})
    def closing() -> None:
        body()

    ran = stage.run(closing)
    assert (ran.status, ran.value()) == ("SUCCESS", 1)
    assert any("failed to close" in each["message"] for each in ran.bodies("ENGINE_EVENT"))


class TextFiles(jk.ConfigurableIOManager):
    """Keeps values as text."""

    folder: str

    def handle_output(self, context: Any, obj: Any) -> None:
        name = "_".join(context.asset_key.path) if context.has_asset_key else f"{context.step_key}_{context.name}"
        Path(self.folder, name).write_text(str(obj))
        context.add_output_metadata({"characters": len(str(obj))})

    def load_input(self, context: Any) -> str:
        upstream = context.upstream_output
        name = "_".join(context.asset_key.path) if context.has_asset_key else f"{upstream.step_key}_{upstream.name}"
        return Path(self.folder, name).read_text()


def test_a_custom_io_manager_keeps_and_loads(stage: Stage, tmp_path: Path) -> None:
    @jk.op(out=jk.Out(io_manager_key="texts"))
    def one() -> int:
        return 12

    @jk.op
    def body(n: str) -> str:
        return f"{n}!"

    @jk.job(resource_defs={"texts": TextFiles(folder=str(tmp_path))})
    def kept() -> None:
        body(one())

    ran = stage.run(kept)
    assert (ran.value(), (tmp_path / "one_result").read_text()) == ("12!", "12")
    assert {"characters": {"kind": "int", "value": 2}} in [
        each.get("metadata") for each in ran.bodies("HANDLED_OUTPUT")
    ]


def test_the_io_manager_of_files_serves_all_steps(stage: Stage, tmp_path: Path) -> None:
    @jk.op
    def one() -> set[int]:
        return {1, 2}

    @jk.op
    def body(n: set[int]) -> int:
        return sum(n)

    @jk.op
    def last(n: int) -> None:
        (tmp_path / "last").write_text(str(n))

    @jk.job(resource_defs={"io_manager": jk.FilesystemIOManager(base_dir=str(tmp_path / "values"))})
    def kept() -> None:
        last(body(one()))

    assert stage.run(kept).status == "SUCCESS"
    assert (tmp_path / "last").read_text() == "3"


def test_a_manager_of_inputs_gives_what_nothing_feeds_and_is_told_its_config(stage: Stage) -> None:
    @jk.input_manager(config_schema={"base": str}, input_config_schema={"name": str})
    def loader(context: jk.InputContext) -> str:
        return f"{context.resource_config['base']}/{context.config['name']}"

    @jk.op(ins={"x": jk.In(input_manager_key="loader")})
    def body(x: str) -> str:
        return x

    @jk.job(resource_defs={"loader": loader})
    def reading() -> None:
        body()

    config = {
        "resources": {"loader": {"config": {"base": "there"}}},
        "ops": {"body": {"inputs": {"x": {"name": "it"}}}},
    }
    ran = stage.run(reading, config=config)
    assert (ran.value(), ran.bodies("LOADED_INPUT")) == ("there/it", [{"input": "x"}])


class Tables(jk.ConfigurableIOManager):
    """Keeps the name of a table, and loads it as what the asset above says."""

    folder: str

    def handle_output(self, context: Any, obj: Any) -> None:
        given = {name: each.value for name, each in context.output_metadata.items()}
        Path(self.folder, "told").write_text(f"{context.definition_metadata['table']} {given}")

    def load_input(self, context: Any) -> str:
        return str(context.upstream_output.definition_metadata["table"])


@pytest.mark.parametrize("is_one_run", [True, False])
def test_an_io_manager_is_told_the_metadata_of_assets(stage: Stage, tmp_path: Path, is_one_run: bool) -> None:
    @jk.asset(io_manager_key="tables", metadata={"table": "orders"})
    def ordered() -> jk.Output:
        return jk.Output(1, metadata={"given": 2})

    @jk.asset
    def read(ordered: str) -> str:
        return ordered

    stage.session.add(jk.Definitions(assets=[ordered, read], resources={"tables": Tables(folder=str(tmp_path))}))
    for keys in [["ordered", "read"]] if is_one_run else [["ordered"], ["read"]]:
        assert stage.run(stage.session.plan(keys)).status == "SUCCESS"
    assert (tmp_path / "told").read_text() == "orders {'given': 2}"
    assert stage.session.load("read") == "orders"


def test_an_asset_of_an_earlier_run_is_loaded_by_its_own_io_manager(stage: Stage, tmp_path: Path) -> None:
    @jk.asset(io_manager_key="texts")
    def spoken() -> int:
        return 5

    @jk.asset
    def heard(spoken: str) -> str:
        return spoken + "?"

    resources = {"texts": TextFiles(folder=str(tmp_path))}
    stage.session.add(jk.Definitions(assets=[spoken, heard], resources=resources))
    assert stage.run(stage.session.plan(["spoken"])).status == "SUCCESS"
    assert stage.run(stage.session.plan(["heard"])).status == "SUCCESS"
    assert stage.session.load("heard") == "5?"


# Output


def test_everything_that_is_written_belongs_to_the_step(stage: Stage, capfd: pytest.CaptureFixture[str]) -> None:
    def body() -> None:
        print("printed")
        print("complained", file=sys.stderr)
        logging.getLogger("some.library").warning("logged")
        thread = threading.Thread(target=print, args=("from a thread",))
        thread.start()
        thread.join()
        process = multiprocessing.get_context("fork").Process(target=print, args=("from a child",))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            process.start()
        process.join()

    ran = stage.run(op_of(body))
    assert ran.status == "SUCCESS"
    texts = ran.texts()
    assert [text for text in texts if text in ("printed", "complained", "from a thread", "from a child")] == [
        "printed",
        "complained",
        "from a thread",
        "from a child",
    ]
    assert any("logged" in text for text in texts)
    assert capfd.readouterr() == ("", "")


def test_a_bar_of_tqdm_is_one_line(stage: Stage) -> None:
    def body() -> None:
        from tqdm import tqdm

        for _ in tqdm(range(50), mininterval=0, file=sys.stderr):
            pass

    texts = stage.run(op_of(body)).texts("stderr")
    assert len(texts) == 1
    assert "50/50" in texts[0]


def test_figures_and_displays_are_kept_with_the_step(stage: Stage) -> None:
    def body() -> None:
        import matplotlib.pyplot as plt
        from IPython.display import HTML, display

        plt.plot([1, 2])
        display(HTML("<b>shown</b>"))

    ran = stage.run(op_of(body))
    assert ran.status == "SUCCESS", ran.error["text"]
    assert any("axes" in text for text in ran.texts("display"))
    assert "<IPython.core.display.HTML object>" in ran.texts()


def test_what_is_too_large_to_be_sent_anew_with_each_step_is_refused(stage: Stage, executor: str) -> None:
    large = bytes(60_000_000)

    def body() -> int:
        return len(large)

    ran = stage.run(op_of(body))
    if executor == "threads":
        assert ran.value() == 60_000_000
    else:
        assert ran.error["message"].startswith(
            "Step 'body' cannot be sent to another process: what it uses of this kernel is 60 MB; create it in the body"
        )


def test_a_step_cannot_ask_for_input(stage: Stage) -> None:
    ran = stage.run(op_of(lambda: input("how many? ")))
    assert ran.status == "FAILURE"
    assert "cannot ask for input" in ran.error["message"]


# Surroundings


def test_a_body_stands_where_the_kernel_stands(stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def body() -> list[Any]:
        return [os.getcwd(), os.environ.get("JOBKERNEL_TEST_PLACE"), sys.path[0]]

    for place in ("one", "two"):
        folder = tmp_path / place
        folder.mkdir()
        with monkeypatch.context() as patch:
            patch.chdir(folder)
            patch.setenv("JOBKERNEL_TEST_PLACE", place)
            patch.syspath_prepend(str(folder))
            assert stage.made(body) == [str(folder), place, str(folder)]
    assert stage.made(body)[1] is None


def test_a_module_beside_the_notebook_is_found(stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "beside_it.py").write_text("class Row:\n    n = 6\ndef six():\n    return Row.n\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    import beside_it  # type: ignore[import-not-found]

    def body() -> int:
        import beside_it as again

        return int(beside_it.six() + again.Row().n)

    assert stage.made(body) == 12
    del sys.modules["beside_it"]


def test_classes_of_the_notebook_come_back_as_themselves(stage: Stage) -> None:
    names: dict[str, Any] = {"__name__": "__main__", "dataclasses": dataclasses}
    exec("@dataclasses.dataclass\nclass Row:\n    n: int\n    def twice(self):\n        return self.n * 2\n", names)
    row_class = names["Row"]

    @jk.op
    def one() -> Any:
        return row_class(4)

    @jk.op
    def body(row: Any) -> Any:
        assert isinstance(row, row_class)
        return [row, row.twice()]

    @jk.job
    def rows() -> None:
        body(one())

    row, twice = stage.run(rows).value()
    assert (row, twice) == (row_class(4), 8)
    assert type(row) is row_class


def test_randomness_differs_from_step_to_step(stage: Stage) -> None:
    def body() -> float:
        import random

        return random.random()

    assert len({stage.made(body) for _ in range(4)}) == 4


def wait_for(condition: Any) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)
