"""What screens are told of backfills: how far each is, what a press does, and the runs under it; live."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kernels import Kernel
from shells import Notebook, notebook_in

from jobkernel.notebook import current

sys.path.insert(0, str(Path(__file__).parents[1] / "contract"))
from protocol_shapes import problems, problems_of_result

DAYS = """%%asset days --partitions daily:2024-01-01..2024-01-06
import pathlib, time
key = context.partition_key
if key == '2024-01-02' and not pathlib.Path('mended').exists():
    raise ValueError('not today')
if key == '2024-01-03':
    while not pathlib.Path('go').exists():
        time.sleep(0.01)
key"""


def until(holds: Callable[[], Any], what: str) -> Any:
    ends = time.monotonic() + 30
    while not (found := holds()):
        assert time.monotonic() < ends, f"30 s passed without: {what}"
        time.sleep(0.01)
    return found


def ask(nb: Notebook, op: str, **fields: Any) -> Any:
    answer = current.find(nb.shell).publisher.requests.answer({"id": 1, "op": op, **fields})  # type: ignore[union-attr]
    assert answer["ok"], answer
    assert problems_of_result(op, answer["result"]) == []
    return answer["result"]


def rows(nb: Notebook) -> list[dict[str, Any]]:
    return list(ask(nb, "snapshot")["backfills"])


def counts(row: dict[str, Any]) -> dict[str, int]:
    names = ("done", "failed", "not_run", "canceled", "running", "waiting")
    return {name: row[name] for name in names if row[name]}


@pytest.fixture
def held(nb: Notebook) -> Notebook:
    """Give a notebook whose backfill of six days made one, failed at one, and runs one, one at a time."""
    nb.ok("%config JobKernel.max_concurrent_runs = 1", DAYS)
    ask(nb, "materialize_partitions", key="days", partition="2024-01-01..2024-01-06")
    until(lambda: counts(rows(nb)[0]) == {"done": 1, "failed": 1, "running": 1, "waiting": 3}, "the third day runs")
    return nb


def test_a_backfill_is_one_row_that_says_how_far_it_is_and_what_a_cancel_does(held: Notebook) -> None:
    (row,) = rows(held)

    assert (row["title"], row["status"], row["partitions"], row["left"]) == ("days", "REQUESTED", 6, False)
    assert row["cancel"] == "starts none of the 3 waiting partitions, asks the 1 running to stop"
    assert (row["again"], row["error"]) == (None, "failed: 2024-01-02")


def test_its_runs_are_listed_under_it_and_beside_it_those_of_none(held: Notebook) -> None:
    backfill_id = rows(held)[0]["backfill_id"]

    listed = ask(held, "runs", job=None, status=None, before=None, limit=50)
    under = ask(held, "runs", job=None, status=None, before=None, limit=2, backfill=backfill_id)

    assert (listed["rows"], [each["backfill_id"] for each in listed["backfills"]]) == ([], [backfill_id])
    assert [each["partition_key"] for each in under["rows"]] == ["2024-01-03", "2024-01-02"]
    assert under["more"]


def test_a_cancel_starts_nothing_more_and_a_retry_makes_the_rest(held: Notebook) -> None:
    backfill_id = rows(held)[0]["backfill_id"]

    told = ask(held, "cancel_backfill", backfill_id=backfill_id, force=False)
    assert told["text"] == "3 partitions are not launched; 1 running run is canceled"
    asked = rows(held)[0]
    assert (asked["status"], asked["cancel"]) == ("CANCELING", "interrupts what still runs")
    held.ok("pathlib = __import__('pathlib'); pathlib.Path('go').touch(); pathlib.Path('mended').touch()")
    over = until(lambda: next((row for row in rows(held) if row["status"] == "CANCELED"), None), "it is canceled")
    assert (over["cancel"], over["waiting"], over["running"]) == (None, 0, 0)
    assert over["again"] == f"runs again 1 failed, {over['canceled']} canceled"

    told = ask(held, "retry_backfill", backfill_id=backfill_id)
    assert told["text"] == f"{6 - over['done']} partitions of days"
    done = until(lambda: next((row for row in rows(held) if row["status"] == "COMPLETED_SUCCESS"), None), "all is made")
    assert (done["done"], done["again"], done["error"]) == (6, None, None)


def test_a_press_that_cannot_be_is_refused_in_a_sentence(held: Notebook) -> None:
    backfill_id = rows(held)[0]["backfill_id"]
    answer = current.find(held.shell).publisher.requests.answer(  # type: ignore[union-attr]
        {"id": 1, "op": "retry_backfill", "backfill_id": backfill_id}
    )
    assert answer["error"] == f"Backfill {backfill_id} is not over; --cancel it, or wait."


def test_pushes_tell_how_far_it_is_while_it_goes_on(held: Notebook) -> None:
    told: list[dict[str, Any]] = []
    kernel = current.find(held.shell)
    end = kernel.publisher.listen(told.append)  # type: ignore[union-attr]
    kernel.session.changed.set()  # type: ignore[union-attr]
    until(lambda: told, "the graph, once")
    held.ok("pathlib = __import__('pathlib'); pathlib.Path('go').touch()")

    pushed = until(
        lambda: next((row for push in told for row in push.get("backfills", ()) if row["ended_at"]), None), "its end"
    )
    end()

    assert [line for push in told for line in problems(push, "Push")] == []
    assert (pushed["status"], counts(pushed)) == ("COMPLETED_FAILED", {"done": 5, "failed": 1})
    assert pushed["again"] == "runs again 1 failed"


def test_backfills_of_another_kernel_are_seen_and_canceled(project: Path) -> None:
    theirs = Kernel(project, "theirs.ipynb")
    try:
        theirs.run("%load_ext jobkernel\n%config JobKernel.max_concurrent_runs = 1")
        theirs.run(DAYS)
        with notebook_in(project) as mine:
            theirs.result("materialize_partitions", key="days", partition="2024-01-01..2024-01-06")
            row = until(lambda: next((each for each in rows(mine) if each["failed"]), None), "it is seen here")
            assert (row["notebook"], row["status"], row["left"]) == ("theirs.ipynb", "REQUESTED", False)
            assert row["cancel"].startswith("asks theirs.ipynb: ")

            told = ask(mine, "cancel_backfill", backfill_id=row["backfill_id"], force=False)
            assert told["text"] == "asked theirs.ipynb"
            (project / "go").touch()
            over = until(lambda: next((each for each in rows(mine) if each["ended_at"]), None), "its end is seen here")
            assert over["status"] == "CANCELED"
    finally:
        theirs.close()
