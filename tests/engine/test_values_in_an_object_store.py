"""Values in a store that speaks S3, an address for fsspec: every executor keeps and finds them there.

Needs ``s3fs`` and ``moto[server]``, which are in no extra for their size.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from live_sessions import define
from test_dask import Elsewhere, ended, error_of

import jobkernel as jk
from jobkernel.engine.opening import open_session
from jobkernel.engine.session import Session
from jobkernel.model.runs import Launch
from jobkernel.storage.control import stop_server

moto = pytest.importorskip("moto.server", reason="moto[server] is not installed")
s3fs = pytest.importorskip("s3fs", reason="s3fs is not installed")
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """The address of a fresh bucket; the environment says where it is and who asks."""
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "somebody")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        s3fs.S3FileSystem().mkdir("values-of-all")
        yield "s3://values-of-all/project"
    server.stop()


@pytest.fixture
def session(bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    monkeypatch.setenv("JOBKERNEL_VALUES", bucket)
    opened = open_session(folder=tmp_path).session
    yield opened
    opened.close()
    stop_server(tmp_path)


@pytest.fixture(scope="module")
def elsewhere(bucket: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Elsewhere]:
    cluster = Elsewhere(tmp_path_factory.mktemp("dask"))
    cluster.start_scheduler()
    cluster.start_worker()
    yield cluster
    cluster.end()


@jk.asset
def table() -> Any:
    import pandas

    return pandas.DataFrame({"n": range(1000), "text": ["x"] * 1000})


@jk.asset
def total(table: Any) -> int:
    return int(table.n.sum())


@jk.asset
def odd(total: int) -> Any:
    return {total, (1, frozenset({2}))}


@jk.asset
def days() -> Any:
    return [1]


@jk.op(out=jk.DynamicOut())
def several() -> Iterator[Any]:
    for number in range(3):
        yield jk.DynamicOutput(number, str(number))


@jk.op
def doubled(number: int) -> int:
    return 2 * number


@jk.op
def summed(numbers: list[int]) -> int:
    return sum(numbers)


@jk.job
def mapped() -> None:
    summed(several().map(doubled).collect())


@pytest.mark.parametrize("executor", ["threads", "processes", "dask", "elsewhere"])
def test_assets_and_outputs_pass_through_the_store(
    executor: str, session: Session, bucket: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    if executor == "elsewhere":
        executor = f"dask:{request.getfixturevalue('elsewhere').address}"
    define(session, table, total, odd, mapped)

    assets = session.launch(session.plan(["table", "total", "odd"]), Launch(executor=executor))
    ops = session.launch(session.plan_job("mapped"), Launch(executor=executor))

    assert ended(assets) == "SUCCESS", error_of(assets)
    assert ended(ops) == "SUCCESS", error_of(ops)
    assert session.load("total") == 499500
    assert session.load("odd") == {499500, (1, frozenset({2}))}
    assert session.load("table").shape == (1000, 2)
    assert ops.output_for_node("summed") == 6
    kept = s3fs.S3FileSystem().find(bucket)
    assert any("table" in name for name in kept)
    assert not list(tmp_path.glob(".jobkernel/values/*")), "nothing is kept beside the notebook"


def test_a_run_goes_on_from_its_failure_with_the_values_in_the_store(session: Session, tmp_path: Path) -> None:
    mended = tmp_path / "mended"

    @jk.op
    def first() -> int:
        return 20

    @jk.op
    def second(number: int) -> int:
        if not os.path.exists(mended):
            raise ValueError("not yet")
        return number + 1

    @jk.job
    def going_on() -> None:
        second(first())

    define(session, going_on)
    failed = session.launch(session.plan_job("going_on"), Launch(executor="dask"))
    assert ended(failed) == "FAILURE"
    mended.touch()

    again = session.reexecute(failed.run_id, from_failure=True)

    assert ended(again) == "SUCCESS", error_of(again)
    assert again.output_for_node("second") == 21


def test_a_store_that_does_not_answer_fails_the_step_in_a_sentence_and_the_last_good_value_stays(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    define(session, days)
    made = session.launch(session.plan(["days"]), Launch(executor="threads"))
    assert ended(made) == "SUCCESS", error_of(made)

    s3fs.S3FileSystem().rm("values-of-all", recursive=True)
    failed = session.launch(session.plan(["days"]), Launch(executor="threads"))

    assert ended(failed) == "FAILURE"
    assert "Values cannot be written to s3://values-of-all/project" in error_of(failed)
